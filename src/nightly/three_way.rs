//! Compares three manifests: of the source, the dump and the restored copy.
//!
//! The verdict compares source and copy. The stage comparisons (source to dump, dump to copy) show where a difference arose; a
//! difference that only one of them shows is a finding too. A side that could not be read is never equal.

use super::restoring::{Refused, Restored, accept_entry};
use super::{events, missing_rights, refused_objects};
use crate::base::error::Result;
use crate::base::marked::MarkedText;
use crate::compare::{self, Request};
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::{self, Comparison, ComparisonJob};
use crate::endpoint::live::CaptureRequest;
use crate::model::finding::{Finding, FindingKind, Unchecked};
use crate::model::listing::{self, ReadPlan};
use crate::model::manifest::Manifest;
use crate::model::progress::{Listener, Side};
use crate::model::redaction::Redaction;
use crate::model::run::{Complaint, Leg};
use crate::model::verdict::{DumpVerdict, Outcome};

/// The first stage.
const SOURCE_TO_DUMP: &str = "source to dump";
/// The second stage.
const DUMP_TO_COPY: &str = "dump to copy";

/// The result of a verification.
pub struct Verification {
    /// Source and copy, with the additional findings of the stage comparisons.
    pub comparison: Comparison,
    /// The manifest of the dump.
    pub dump: Manifest,
    /// Where the differences arose.
    pub stages: Vec<Leg>,
    /// Source to dump, dump to copy.
    pub outcomes: [Outcome; 2],
}

impl Verification {
    /// Whether the dump is proven: see [`Outcome::dump_verdict`].
    pub fn dump_verdict(&self) -> DumpVerdict {
        self.comparison.outcome.dump_verdict(&self.outcomes)
    }
}

/// Reads the whole manifest of one endpoint.
///
/// # Errors
/// The endpoint cannot be read at all.
pub async fn capture(endpoint: &Endpoint, job: &ComparisonJob, listener: &Listener) -> Result<Manifest> {
    let mut manifest = endpoint.capture(&request(endpoint, job), listener).await?.into_owned();
    job.show.redaction.manifest(&mut manifest);
    Ok(manifest)
}

/// Uses the endpoint's own columns: the comparison finds missing ones.
fn request(endpoint: &Endpoint, job: &ComparisonJob) -> CaptureRequest {
    let listing = endpoint.listing();
    let selection = job.request.selection.bound(&listing.catalog());
    let plan: ReadPlan = listing::agree(&listing, &listing, &selection);
    let all_of_a_kind = job.request.waivers.iter().filter(|waiver| compare::is_whole_kind(waiver));
    CaptureRequest {
        plan: plan.into(),
        selection,
        skipped_kinds: all_of_a_kind.map(|waiver| waiver.kind.clone()).collect(),
        assertions: job.assertions.clone(),
    }
}

/// Compares the three. `source` is captured already, the copy is read now; differing rows are named while the source can still be
/// queried.
///
/// # Errors
/// The copy cannot be read at all.
pub async fn verify(
    source: &Endpoint,
    dump: Manifest,
    copy: &Endpoint,
    job: &ComparisonJob,
    restored: &Restored,
    listener: &Listener,
) -> Result<Verification> {
    let mut comparison = compare_endpoints::run(source, copy, job, listener).await?;
    let selection = comparison.selection.clone();
    let request = Request { required: Vec::new(), selection, ..job.request.clone() };
    let first = compare::compare(&comparison.expected, &dump, &request);
    let mut second = compare::compare(&dump, &comparison.actual, &request);
    let stages = vec![stage(SOURCE_TO_DUMP, &first), stage(DUMP_TO_COPY, &second)];
    let outcome = &mut comparison.outcome;
    outcome.remarks.extend(source.remarks(Side::Expected));
    outcome.remarks.extend(copy.remarks(Side::Actual));
    locate(&mut outcome.findings, &first, &second);
    add_of_stages(outcome, &first, &second);
    explain(outcome, &restored.complaints, &restored.refused, Some(&first), job.show.redaction);
    refused_objects::mark_stage(&mut second, outcome);
    events::limit(outcome, &first, &mut second, &comparison.expected, &comparison.actual);
    job.show.redaction.outcome(outcome);
    Ok(Verification { comparison, dump, stages, outcomes: [first, second] })
}

/// What the complaints of pg_restore explain of an outcome, and what is unchecked because of them. `first` is source against
/// dump, where both were compared.
pub fn explain(
    outcome: &mut Outcome,
    complaints: &[Complaint],
    refused: &Refused,
    first: Option<&Outcome>,
    redaction: Redaction,
) {
    missing_rights::fold(outcome, complaints);
    // The entries that accept a complaint repeat its message in the details of findings.
    let shown: Vec<Complaint> = complaints.iter().map(|complaint| redaction.complaint(complaint)).collect();
    refused_objects::mark(outcome, refused, &shown, first);
    outcome.unchecked.extend(complaints.iter().filter_map(unchecked));
}

/// With the entry that accepts it, where it only says what this restore server cannot take.
fn unchecked(complaint: &Complaint) -> Option<Unchecked> {
    let mut unchecked = complaint.unchecked()?;
    if complaint.limit.is_some() {
        let entry = accept_entry(complaint).split_off(1).join(", ");
        // The entry repeats the message.
        let accept =
            MarkedText::with_values(format!("restore.accept takes it by {{ {entry} }}"), "restore.accept can take it");
        unchecked.reason = MarkedText::join([&unchecked.reason, &accept], "; ");
    }
    Some(unchecked)
}

fn stage(name: &str, outcome: &Outcome) -> Leg {
    let findings = outcome.findings.iter().map(ToString::to_string).collect();
    Leg { name: name.into(), verdict_line: outcome.verdict_line(), findings }
}

fn has(outcome: &Outcome, finding: &Finding) -> bool {
    outcome.findings.iter().any(|other| other.is_same(finding))
}

/// Names the stage in which each finding arose, where the dump shows it.
fn locate(findings: &mut [Finding], first: &Outcome, second: &Outcome) {
    let is_of_data = |finding: &&mut Finding| {
        use FindingKind::{LargeObjects, RowContent, RowCount, SequenceValue};
        matches!(finding.kind, RowCount | RowContent | LargeObjects | SequenceValue)
    };
    for finding in findings.iter_mut().filter(is_of_data) {
        let word = match (has(first, finding), has(second, finding)) {
            (true, false) => "came in between source and dump: the copy is what the dump holds",
            (false, true) => "came in between dump and copy: the dump is what the source held",
            (true, true) => "source, dump and copy are three different things",
            (false, false) => continue,
        };
        finding.detail.push(word.to_owned());
    }
}

/// Adds findings that source and copy do not show: if the dump differs from the copy, it does not prove the next restore.
fn add_of_stages(outcome: &mut Outcome, first: &Outcome, second: &Outcome) {
    for (name, stage) in [(SOURCE_TO_DUMP, first), (DUMP_TO_COPY, second)] {
        for finding in &stage.findings {
            if !has(outcome, finding) {
                let mut finding = finding.clone();
                finding.detail.push(format!("seen from {name} only"));
                outcome.findings.push(finding);
            }
        }
        for unchecked in &stage.unchecked {
            let mut unchecked = unchecked.clone();
            unchecked.side = format!("{} ({name})", unchecked.side);
            outcome.unchecked.push(unchecked);
        }
    }
}
