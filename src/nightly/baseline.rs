//! Tonight held against the last night that was sound, by the rules of `[[drift]]`.
//!
//! Never takes "could not be read" for "there was none": a report that was refused, and may be of a later night than the one that is
//! used, makes tonight inconclusive. Never blocks the night: it is judged while a paid instance runs and a signal may come.

mod same;
mod search;

use std::time::Duration;

use super::context::RunContext;
use super::verification::Verification;
use crate::base::error::{Error, Result};
use crate::compare::Request;
use crate::compare::drift::{self, Judged};
use crate::model::finding::Unchecked;
use same::Tonight;
pub use search::trusted;
use search::{FoundBaseline, Search};

/// For reading the earlier reports: minutes for a thousand of them; more, and the disk hangs.
const PATIENCE: Duration = Duration::from_secs(600);
/// Reports that are named in full; the first is what to look at.
const NAMED: usize = 3;
/// What people can do, or else it would be like this every night.
const WAYS_OUT: &str = "to go on: list an earlier key in report.allowed_signers, or move these directories out of the reports \
                        (those of compare belong elsewhere), or waive kind = \"unchecked\", object = \"drift\"";

/// Adds to the outcome what the rules say. Where they cannot be applied, that is unchecked; what was compared stands.
pub async fn judge(witnessed: &mut Verification, given: &RunContext<'_>, request: &Request) {
    if given.config.drift.is_empty() {
        return;
    }
    let judged = apply(witnessed, given).await.unwrap_or_else(|error| Judged {
        unchecked: vec![unchecked(format!("the rules could not be applied: {error}; {WAYS_OUT}"))],
        ..Judged::default()
    });
    judged.add_to(&mut witnessed.comparison.outcome, &request.waivers);
}

async fn apply(witnessed: &Verification, given: &RunContext<'_>) -> Result<Judged> {
    let rules = drift::rules(&given.config.drift)?;
    let tonight = &witnessed.comparison.expected;
    let search = Search {
        directory: given.config.report.directory.clone(),
        key: given.key().await?,
        listed: given.config.report.allowed_signers.clone(),
        now: (given.now)(),
        tonight: Tonight::new(&given.config.source, &tonight.endpoint),
    };
    let found = patiently(PATIENCE, move || search.run()).await?;
    let mut judged = drift::judge(found.manifest.as_ref(), tonight, &rules);
    judged.unchecked.extend(refusal(&found).map(unchecked));
    judged.remarks.extend(of_another_source(&found));
    judged.remarks.extend(found.id.map(|id| format!("drift: held against the night {id}")));
    Ok(judged)
}

/// On a thread of its own, so that the night hears a signal meanwhile. What takes too long is left behind there.
async fn patiently<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::time::timeout(limit, tokio::task::spawn_blocking(work)).await {
        Ok(done) => done.map_err(|error| Error::from_source(&error))?,
        Err(_) => Err(Error::new(format!("reading the earlier reports took longer than {} seconds", limit.as_secs()))),
    }
}

fn unchecked(reason: String) -> Unchecked {
    Unchecked { object: "drift".into(), side: "expected".into(), reason, limit: None }
}

/// Any of them may be the night to hold against.
fn refusal(found: &FoundBaseline) -> Option<String> {
    let named: Vec<&str> = found.refused.iter().take(NAMED).map(String::as_str).collect();
    let more = match found.refused.len() - named.len() {
        _ if named.is_empty() => return None,
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let what = match &found.id {
        Some(id) => format!("reports not older than that of the night {id} were refused"),
        None => "no sound night can be used, reports were refused".to_owned(),
    };
    Some(format!("{what}: {}{more}; {WAYS_OUT}", named.join("; ")))
}

fn of_another_source(found: &FoundBaseline) -> Option<String> {
    let (newest, others) = (found.others.first()?, found.others.len() - 1);
    let more = if others == 0 { String::new() } else { format!(", and {others} more") };
    Some(format!("drift: passed over the night {newest}{more}"))
}

#[cfg(test)]
mod tests;
