//! Verifies many runs: every signature, every side file, the chain between them, and the dumps.
//!
//! Continues after the first error.

use std::path::Path;

use super::{ChainState, Content, DumpState, PRUNED, ReportEntry, check_dump, is_pending, read};
use crate::base::error::Result;
use crate::model::closing_state::ClosingState;
use crate::model::report::Report;
use crate::model::run::{CLOSING, DumpFacts};
use crate::storage::reports::{self, REPORT, SignatureCheck, TimestampRule, TimestampState, Trust, Verified};
use crate::storage::timestamp::{StampedTime, TIMESTAMP};

const NOT_PROVEN: u8 = 2;

/// The result for one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportCheck {
    /// See [`ReportEntry::id`].
    pub id: String,
    /// What was found, a line each.
    pub lines: Vec<String>,
    /// The report's own verdict line, when its signature is trusted.
    pub verdict_line: Option<String>,
    /// Failures after the report was signed, from the signed `closing.json`; they do not change the code.
    pub later_failures: Vec<String>,
    /// 0: proven. 1: a dump on disk differs from the signed report. 2: not proven.
    pub code: u8,
    /// Not proven yet, only because the run may still be running.
    pub is_pending: bool,
}

/// Which runs, and what else is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct VerifiedExtent<'a> {
    /// Only this run and those before it, along the chain.
    pub back_from: Option<&'a str>,
    /// Dumps below this backup directory.
    pub backups: Option<&'a Path>,
    /// How time stamps are checked.
    pub timestamps: TimestampRule<'a>,
}

/// Verifies the runs of a directory, oldest first.
///
/// # Errors
/// When the directory cannot be listed.
pub fn verify_all(dir: &Path, trust: Trust<'_>, extent: VerifiedExtent<'_>) -> Result<Vec<ReportCheck>> {
    let mut entries = read(dir, Some(trust.allowed), trust.now)?;
    if let Some(id) = extent.back_from {
        entries = ancestors(entries, id);
    }
    // Retention keeps the newest proven dump, also if its run was not sound.
    let is_kept = |entry: &ReportEntry| {
        let is_proven = entry.summary().is_some_and(|summary| summary.backup.is_some() && summary.is_dump_proven);
        is_proven && entry.verdict().is_some()
    };
    let newest = entries.iter().position(is_kept);
    let prove = |(index, entry): (usize, &ReportEntry)| one(entry, trust, extent, Some(index) == newest);
    let mut proofs: Vec<ReportCheck> = entries.iter().enumerate().map(prove).collect();
    proofs.reverse();
    Ok(proofs)
}

/// Verifies one `report.json` and its dump, without its place in the chain.
///
/// # Errors
/// When the report cannot be read.
pub fn verify_one(report: &Path, trust: Trust<'_>, extent: VerifiedExtent<'_>) -> Result<ReportCheck> {
    let check = reports::verify(report, trust.allowed, trust.identity, trust.now)?;
    let mut proof = ReportCheck { id: report.display().to_string(), ..ReportCheck::default() };
    match check {
        SignatureCheck::Good(verified) => {
            let is_pending = is_pending(report, trust.now);
            proof.code = if is_pending { NOT_PROVEN } else { 0 };
            note_timestamp(report, &verified, extent.timestamps, &mut proof);
            signed(*verified, is_pending, extent.backups, true, &mut proof);
        }
        check => note(&mut proof, check.exit_code(), check.to_string()),
    }
    Ok(proof)
}

/// From this run back to the first, as far as the chain holds. Newest first, as given.
fn ancestors(entries: Vec<ReportEntry>, id: &str) -> Vec<ReportEntry> {
    let (mut wanted, mut kept) = (Some(id.to_owned()), Vec::new());
    for entry in entries {
        let is_absent = matches!(entry.content, Content::Missing { .. })
            && kept.last().is_some_and(|last: &ReportEntry| last.chain == ChainState::PreviousMissing);
        if wanted.as_ref() == Some(&entry.id) {
            wanted = match &entry.chain {
                ChainState::Linked(previous) | ChainState::PreviousEdited(previous) => Some(previous.clone()),
                _ => None,
            };
            kept.push(entry);
        } else if is_absent {
            kept.push(entry);
        }
    }
    kept
}

fn one(entry: &ReportEntry, trust: Trust<'_>, extent: VerifiedExtent<'_>, is_newest: bool) -> ReportCheck {
    let mut proof = ReportCheck { id: entry.id.clone(), ..ReportCheck::default() };
    if entry.chain == ChainState::PreviousPruned {
        proof.lines.push(format!("the report before it was removed by report.keep_days: {PRUNED} says so, signed"));
    }
    let report_problems = entry.report_problems();
    if !report_problems.is_empty() {
        proof.code = 2;
    }
    if entry.path.join(REPORT).exists() {
        prove_report(entry, trust, extent, is_newest, &mut proof);
    }
    // Omit what `prove_report` has reported already.
    let own = report_problems.into_iter().filter(|line| !proof.lines.iter().any(|said| said.contains(line.as_str())));
    let own: Vec<String> = own.collect();
    proof.lines.extend(own);
    if matches!(entry.content, Content::NoReport { may_be_running: true }) {
        proof.lines.push("no report yet: the run is still at it, or was killed".into());
    }
    // A killed run looks like a running one for a day.
    if entry.is_pending() && proof.code == 0 {
        (proof.code, proof.is_pending) = (NOT_PROVEN, true);
    }
    proof
}

fn prove_report(
    entry: &ReportEntry,
    trust: Trust<'_>,
    extent: VerifiedExtent<'_>,
    is_newest: bool,
    proof: &mut ReportCheck,
) {
    match reports::verify(&entry.path, trust.allowed, trust.identity, trust.now) {
        Err(error) => note(proof, 2, error.to_string()),
        Ok(SignatureCheck::Good(verified)) => {
            note_timestamp(&entry.path.join(REPORT), &verified, extent.timestamps, proof);
            signed(*verified, entry.closing_state.pending().is_some(), extent.backups, is_newest, proof);
        }
        Ok(check) => note(proof, 2, check.to_string()),
    }
}

/// The time stamp of a report with a good signature.
fn note_timestamp(report: &Path, verified: &Verified, rule: TimestampRule<'_>, proof: &mut ReportCheck) {
    let needed = if rule.is_required { NOT_PROVEN } else { 0 };
    let (code, line) = match reports::check_timestamp(report, verified, rule.trusted) {
        TimestampState::Absent if needed == 0 => return,
        TimestampState::Absent => (needed, format!("no time stamp: there is no {TIMESTAMP}")),
        TimestampState::NotChecked(_) => {
            (needed, "time stamp not checked: --timestamp-ca FILE names the certificates of its authority".into())
        }
        TimestampState::Proven(StampedTime { at, accuracy_s, authority }) => {
            let about = if accuracy_s == 0 { String::new() } else { format!(" (± {accuracy_s} s)") };
            (0, format!("time stamp of {at}{about} by {authority}"))
        }
        TimestampState::Void(reason) => (NOT_PROVEN, reason),
    };
    note(proof, code, line);
}

/// A report with a good signature; `is_pending`: its run may still be running.
fn signed(verified: Verified, is_pending: bool, backups: Option<&Path>, is_newest: bool, proof: &mut ReportCheck) {
    let Verified { report, signer, closing_state, .. } = verified;
    proof.lines.push(format!("good signature of {signer}"));
    proof.later_failures = closing_state.later_failures(report.verdict.exit_code());
    let closing_state = closing_state.if_running(is_pending);
    match (closing_state.pending(), verify_closing(&closing_state)) {
        // The code follows at the end, if there is no other problem.
        (Some(pending), _) => proof.lines.push(pending.into()),
        (None, (code, line)) => line.into_iter().for_each(|line| note(proof, code, line)),
    }
    if let Some(backups) = backups {
        let (code, line) = prove_dump(&report, backups, is_newest);
        note(proof, code, line);
    }
    proof.verdict_line = Some(report.verdict_line);
}

fn note(proof: &mut ReportCheck, code: u8, line: String) {
    // Damage takes precedence over "not proven".
    proof.code = match (proof.code, code) {
        (1, _) | (_, 1) => 1,
        (old, new) => old.max(new),
    };
    proof.lines.push(line);
}

/// Code and line for the dump of one report. `is_needed`: it must be there, since it is the newest that was proven.
fn prove_dump(report: &Report, backups: &Path, is_needed: bool) -> (u8, String) {
    let dump: Option<&DumpFacts> = report.night.as_ref().and_then(|facts| facts.dump.as_ref());
    let Some(dump) = dump else { return (0, "no dump: nothing on disk to check".into()) };
    match check_dump(dump, backups) {
        DumpState::Intact(files) => (0, format!("dump intact: {}", crate::model::verdict::counted(files, "file"))),
        DumpState::Damaged(wrong) => (1, format!("dump damaged: {}", wrong.join(", "))),
        DumpState::Gone(why) if is_needed => (2, format!("dump not found: {why}")),
        DumpState::Gone(why) => (0, format!("dump not found, perhaps pruned: {why}")),
    }
}

/// Code and line for the closing of a report; no line if none is expected.
fn verify_closing(closing_state: &ClosingState) -> (u8, Option<String>) {
    match closing_state {
        ClosingState::Nothing => (0, None),
        ClosingState::Told(_) => (0, Some(format!("{CLOSING} as well"))),
        ClosingState::Absent { may_be_running: true } => (NOT_PROVEN, closing_state.pending().map(str::to_owned)),
        ClosingState::Absent { may_be_running: false } | ClosingState::Void(_) => {
            (NOT_PROVEN, closing_state.report_problems())
        }
    }
}

/// One exit code for all: damage first, then "not proven".
pub fn exit_code(proofs: &[ReportCheck]) -> u8 {
    let has = |code| proofs.iter().any(|proof| proof.code == code);
    match (has(1), has(2) || proofs.is_empty()) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    }
}
