//! What a report directory proves of the runs of a period, and what it does not.
//!
//! A run counts only with a report that an allowed signer signed and that is not a copy of another or at the wrong place in the chain.
//! What came after the report counts only with a signed `closing.json`.

use std::path::Path;

use super::review::{Review, ReviewState};
use super::{ChainState, Content, ReportEntry, SignatureState, Summary, read::read_as_of_runs};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::model::period::{
    DirectoryEvidence, FoundObject, NotProven, ProvenRun, ReviewNote, RunWaiver, SignerKey, SummaryPeriod,
};
use crate::model::report::Report;
use crate::model::run::{Closing, Step, StepResult};
use crate::storage::reports::{self, REPORT, SIGNATURE};
use crate::storage::signature::{self, NAMESPACE};
use crate::storage::signers::AllowedSigners;

/// The command whose runs are counted.
const NIGHTLY: &str = "nightly";

/// Reads the runs that began before the end of the period. Signers must have been allowed when their run ended.
///
/// # Errors
/// The directory cannot be listed.
pub fn evidence(
    dir: &Path,
    allowed: &AllowedSigners,
    period: SummaryPeriod,
    now: Timestamp,
) -> Result<DirectoryEvidence> {
    let entries = in_order(read_as_of_runs(dir, allowed, now)?, period.until);
    let mut evidence = DirectoryEvidence { path: dir.display().to_string(), ..Default::default() };
    for (at, entry) in entries {
        let mut reasons = reasons(&entry);
        if let Some(summary) = proven(&entry) {
            match run(&entry, summary, allowed, now) {
                Ok((run, signer)) => {
                    if !evidence.signers.iter().any(|known| known.fingerprint == signer.fingerprint) {
                        evidence.signers.push(signer);
                    }
                    evidence.runs.push(run);
                }
                Err(error) => reasons.push(error.text().safe().to_owned()),
            }
        }
        let reviews = entry.reviews.iter().map(review).collect();
        if !reasons.is_empty() && at.is_none_or(|at| period.has(at)) {
            evidence.not_proven.push(NotProven { id: entry.id, started_at: entry.started_at, reasons, reviews });
        }
    }
    Ok(evidence)
}

/// Oldest first, with a time for each: a missing report has that of the newer one that names it. Reports of other commands are left out.
fn in_order(newest_first: Vec<ReportEntry>, until: Timestamp) -> Vec<(Option<Timestamp>, ReportEntry)> {
    let mut of_newer = None;
    let mut timed: Vec<(Option<Timestamp>, ReportEntry)> = Vec::new();
    for entry in newest_first {
        let at = entry.started_at.or(if matches!(entry.content, Content::Missing { .. }) { of_newer } else { None });
        of_newer = at;
        let is_of_nightly = entry.summary().is_none_or(|summary| summary.command == NIGHTLY);
        if is_of_nightly && at.is_none_or(|at| at < until) {
            timed.push((at, entry));
        }
    }
    timed.reverse();
    timed
}

/// Why the entry is not proven, or not in every part.
fn reasons(entry: &ReportEntry) -> Vec<String> {
    let mut reasons = entry.report_problems();
    if let (Content::Unreadable(why), Some(first)) = (&entry.content, reasons.first_mut()) {
        *first = format!("cannot be read: {}", why.safe());
    }
    reasons.extend(entry.closing_state.pending().map(str::to_owned));
    if matches!(entry.content, Content::NoReport { may_be_running: true }) {
        reasons.push("no report yet: the run is still at it, or was killed".to_owned());
    }
    reasons
}

fn proven(entry: &ReportEntry) -> Option<&Summary> {
    let is_signed = matches!(entry.signature, SignatureState::Good(_));
    entry.summary().filter(|_| is_signed && !matches!(entry.chain, ChainState::Misplaced(_)))
}

fn run(
    entry: &ReportEntry,
    summary: &Summary,
    allowed: &AllowedSigners,
    now: Timestamp,
) -> Result<(ProvenRun, SignerKey)> {
    let file = entry.path.join(REPORT);
    let bytes = files::read(&file, files::REPORT).doing(|| format!("read report {}", file.display()))?;
    if reports::sha256(&bytes) != summary.sha256 {
        return Err(Error::new("the report has changed while it was read"));
    }
    let signer = signer(&entry.path.join(SIGNATURE), &bytes, allowed, summary.finished_at.min(now))?;
    let report = Report::from_bytes(&bytes)?;
    let closing = entry.closing_state.closing();
    let verified_at = summary.is_dump_proven.then(|| verified_at(summary));
    let run = ProvenRun {
        id: entry.id.clone(),
        source: summary.source.clone(),
        report_sha256: summary.sha256.clone(),
        started_at: report.times.started_at,
        finished_at: summary.finished_at,
        verdict: summary.verdict,
        is_dump_proven: summary.is_dump_proven,
        backup: summary.backup.clone(),
        is_on_site: closing.map(|closing| summary.is_dump_proven && is_placed(closing)),
        is_off_site: closing.map(|closing| is_off_site(closing, summary)),
        read_back: read_back(&summary.steps),
        data_as_of: summary.data_as_of,
        verified_at,
        data_age_s: verified_at.and(summary.data_age_s()),
        restore_ms: verified_at.and(summary.restore_ms()),
        findings: report.findings.iter().map(found).collect(),
        unchecked: summary.unchecked,
        later_problems: entry.later_failures().len() as u64,
        signer: signer.fingerprint.clone(),
        reviews: entry.reviews.iter().map(review).collect(),
        waivers: report.waivers.into_iter().map(waiver).collect(),
    };
    Ok((run, signer))
}

fn signer(path: &Path, bytes: &[u8], allowed: &AllowedSigners, at: Timestamp) -> Result<SignerKey> {
    let armored = files::read_text(path, files::SIGNATURE).doing(|| format!("read signature {}", path.display()))?;
    let key = signature::signer_for(NAMESPACE, bytes, &armored)?;
    let validity = allowed.validity(&key, at).ok_or_else(|| Error::new("the signer is not allowed"))?;
    Ok(SignerKey {
        fingerprint: signature::fingerprint(&key),
        principals: validity.principals.to_owned(),
        valid_after: validity.valid_after,
        valid_before: validity.valid_before,
        reports: 0,
    })
}

impl Summary {
    /// Age of the data when its verification ended, in seconds; `None`: not known, or a clock is wrong.
    pub fn data_age_s(&self) -> Option<u64> {
        let ended = verified_at(self);
        self.data_as_of.filter(|of| *of <= ended).map(|of| ended.seconds_since(of))
    }

    /// Duration of the restore, in milliseconds; `None`: there was none.
    pub fn restore_ms(&self) -> Option<u64> {
        let durations: Vec<u64> = done(&self.steps, "restore").map(|step| step.duration_ms).collect();
        (!durations.is_empty()).then(|| durations.iter().sum())
    }
}

/// The end of the last verification, or of the run where it has no such step.
fn verified_at(summary: &Summary) -> Timestamp {
    let ends = done(&summary.steps, "verify").map(|step| step.started_at.plus_seconds(step.duration_ms / 1000));
    ends.max().unwrap_or(summary.finished_at)
}

fn done<'a>(steps: &'a [Step], name: &'static str) -> impl Iterator<Item = &'a Step> {
    steps.iter().filter(move |step| step.name == name && step.result == StepResult::Done)
}

/// Whether the backup was moved to its place, which is `verified/` for a proven one.
fn is_placed(closing: &Closing) -> bool {
    let mut steps = closing.steps.iter().filter(|step| step.name == "place_backup").peekable();
    steps.peek().is_some() && steps.all(|step| step.result == StepResult::Done)
}

/// The record names the newest complete backup there; it is complete when its signed report is there too.
fn is_off_site(closing: &Closing, summary: &Summary) -> bool {
    let stored = closing.offsite.as_ref().map(|stored| stored.backup.as_str());
    summary.is_dump_proven && stored.is_some() && stored == summary.backup.as_deref()
}

fn read_back(steps: &[Step]) -> Option<String> {
    let last = done(steps, "offsite").last()?;
    last.notes.last().map(|note| note.safe().to_owned())
}

fn found(finding: &crate::model::finding::Finding) -> FoundObject {
    FoundObject { kind: finding.kind.id().to_owned(), object: finding.object.to_string() }
}

fn waiver(applied: crate::model::finding::AppliedWaiver) -> RunWaiver {
    RunWaiver { covered: applied.covered.len() as u64, waiver: applied.waiver }
}

fn review(review: &Review) -> ReviewNote {
    ReviewNote {
        identity: review.identity.clone(),
        reviewed_at: review.reviewed_at,
        note: review.note.clone(),
        not_counted: match &review.state {
            ReviewState::Counts => None,
            ReviewState::NotChecked => Some("its signature was not checked".to_owned()),
            ReviewState::Void(why) => Some(why.clone()),
        },
    }
}
