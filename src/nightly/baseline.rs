//! Compares the source of this run with that of the last sound run, by the rules of `[[drift]]`.
//!
//! A report that could not be read is not the same as an absent one: if it may be newer than the baseline, this run is
//! inconclusive. The search has a time limit, because a paid instance runs meanwhile and signals must be handled.

mod same;
mod search;

use std::time::Duration;

use super::context::RunContext;
use super::three_way::Verification;
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::compare::Request;
use crate::compare::drift;
use crate::compare::further::FurtherFindings;
use crate::model::finding::Unchecked;
use same::CurrentSource;
pub use search::trusted;
use search::{FoundBaseline, Search};

/// Limit for reading the earlier reports: a thousand of them take minutes; beyond this the disk hangs.
const PATIENCE: Duration = Duration::from_secs(600);
/// Number of reports that are named in full; the user checks the first one.
const NAMED: usize = 3;
/// Remedies for the user; without one, the problem recurs in every run.
const WAYS_OUT: &str = "to go on: list an earlier key in report.allowed_signers, or move these directories out of the reports \
                        (those of compare belong elsewhere), or waive kind = \"unchecked\", object = \"drift\"";

/// Adds the findings of the drift rules to the outcome. If they cannot be applied, that is unchecked; the comparison stands.
pub async fn add_drift(verification: &mut Verification, context: &RunContext<'_>, request: &Request) {
    if context.config.drift.is_empty() {
        return;
    }
    let judged = apply(verification, context).await.unwrap_or_else(|error| FurtherFindings {
        unchecked: vec![unchecked(
            error.context("the rules could not be applied").text().map(|text| format!("{text}; {WAYS_OUT}")),
        )],
        ..FurtherFindings::default()
    });
    judged.add_to(&mut verification.comparison.outcome, &request.waivers);
}

async fn apply(verification: &Verification, context: &RunContext<'_>) -> Result<FurtherFindings> {
    let rules = drift::rules(&context.config.drift)?;
    let current = &verification.comparison.expected;
    let search = Search {
        directory: context.config.report.directory.clone(),
        key: context.key().await?,
        listed: context.config.report.allowed_signers.clone(),
        now: (context.now)(),
        current: CurrentSource::new(&context.config.source, &current.endpoint),
    };
    let found = patiently(PATIENCE, move || search.run()).await?;
    let mut judged = drift::judge(found.manifest.as_ref(), current, &rules);
    judged.unchecked.extend(refusal(&found).map(unchecked));
    judged.remarks.extend(of_another_source(&found).map(MarkedText::from));
    judged.remarks.extend(found.id.map(|id| format!("drift: compared with the run {id}").into()));
    Ok(judged)
}

/// Runs `work` on a thread of its own, so that signals are handled meanwhile. After `limit` the thread is abandoned.
async fn patiently<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::time::timeout(limit, tokio::task::spawn_blocking(work)).await {
        Ok(done) => done.map_err(Error::of_thread)?,
        Err(_) => Err(Error::new(format!("reading the earlier reports took longer than {} seconds", limit.as_secs()))),
    }
}

fn unchecked(reason: MarkedText) -> Unchecked {
    Unchecked::new("drift", "expected", reason)
}

/// Any of the refused reports may be the baseline.
fn refusal(found: &FoundBaseline) -> Option<MarkedText> {
    let named = &found.refused[..found.refused.len().min(NAMED)];
    let more = match found.refused.len() - named.len() {
        _ if named.is_empty() => return None,
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let what = match &found.id {
        Some(id) => format!("reports not older than that of the run {id} were refused"),
        None => "no sound run can be used, reports were refused".to_owned(),
    };
    Some(MarkedText::join(named, "; ").map(|named| format!("{what}: {named}{more}; {WAYS_OUT}")))
}

fn of_another_source(found: &FoundBaseline) -> Option<String> {
    let (newest, others) = (found.others.first()?, found.others.len() - 1);
    let more = if others == 0 { String::new() } else { format!(", and {others} more") };
    Some(format!("drift: skipped the run {newest}{more}"))
}

#[cfg(test)]
mod tests;
