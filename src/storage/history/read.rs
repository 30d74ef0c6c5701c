//! Reads the runs of a directory.
//!
//! Does not hash side files or dumps: over a thousand runs that takes hours, and `report verify` does it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::chain::{self, Link, Removed};
use super::review::SignerTime;
use super::{ChainState, Content, PrunedReport, ReportEntry, SignatureState, Summary, pruned, review};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::closing_state::ClosingState;
use crate::model::report::Report;
use crate::model::run::CLOSING;
use crate::model::verdict::DumpVerdict;
use crate::storage::reports::{self, Authorship, REPORT, SIGNATURE, Trust, authorship};
use crate::storage::signature::NAMESPACE;
use crate::storage::signers::AllowedSigners;

/// A run that takes longer was killed.
const LONGEST_RUN_S: u64 = 86_400;

/// Every run in this directory, newest first. With `allowed`, signatures are checked against it, and `now` against its times.
///
/// # Errors
/// When the directory cannot be listed; the problems of one run are in its entry.
pub fn read(dir: &Path, allowed: Option<&AllowedSigners>, now: Timestamp) -> Result<Vec<ReportEntry>> {
    entries(dir, allowed, now, SignerTime::Now)
}

/// The same, where a signer must have been allowed when the run ended, or the review was written. The chain of reports shows one
/// that was signed later with an earlier time.
///
/// # Errors
/// As for [`read`].
pub fn read_as_of_runs(dir: &Path, allowed: &AllowedSigners, now: Timestamp) -> Result<Vec<ReportEntry>> {
    entries(dir, Some(allowed), now, SignerTime::OfSignature)
}

fn entries(
    dir: &Path,
    allowed: Option<&AllowedSigners>,
    now: Timestamp,
    signer_time: SignerTime,
) -> Result<Vec<ReportEntry>> {
    let trust = allowed.map(|allowed| Trust { allowed, identity: None, now });
    let mut found = Vec::new();
    for path in directories(dir).doing(|| format!("list reports in {}", dir.display()))? {
        found.extend(one(&path, trust, signer_time));
    }
    found.sort_by(|(a, _), (b, _)| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    note_running(&mut found, now);
    note_unsigned(&mut found);
    let removed = pruned::pruned(dir, trust);
    let pruned: Vec<Removed<'_>> = removed.iter().flatten().map(|report| removed_link(report)).collect();
    let mut entries = chain::judge(found, trust.is_some(), &pruned);
    if let Err(error) = &removed {
        // Without a valid pruned.json, reports that it lists count as missing; and an invalid one may be forged. So the newest entry
        // shows the error.
        entries.last_mut().into_iter().for_each(|newest| newest.troubles.push(error.to_string()));
    }
    entries.reverse();
    Ok(entries)
}

fn directories(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// `None`: a directory that is not pgwitness's.
fn one(path: &Path, trust: Option<Trust<'_>>, signer_time: SignerTime) -> Option<(ReportEntry, Option<Link>)> {
    let id = path.file_name()?.to_string_lossy().into_owned();
    let stamp = chain::time_of(&id);
    let file = path.join(REPORT);
    let entry = |content| ReportEntry {
        id: id.clone(),
        path: path.to_owned(),
        started_at: stamp,
        content,
        signature: SignatureState::Unsigned,
        is_checked: trust.is_some(),
        chain: ChainState::Unknown,
        closing_state: ClosingState::Nothing,
        troubles: Vec::new(),
        reviews: Vec::new(),
    };
    if !file.exists() {
        return stamp.map(|_| (without_report(entry(Content::NoReport { may_be_running: false })), None));
    }
    match files::read(&file, files::REPORT) {
        Err(error) => Some((entry(Content::Unreadable(Error::from(error).text())), None)),
        Ok(bytes) => {
            let mut entry = entry(Content::Unreadable(MarkedText::default()));
            let link = fill(&mut entry, &file, &bytes, trust, signer_time);
            Some((entry, link))
        }
    }
}

/// `closing.json` is written after the report: if it exists, there was a report.
fn without_report(mut entry: ReportEntry) -> ReportEntry {
    if entry.path.join(CLOSING).exists() {
        entry.troubles.push(format!("{REPORT} was removed: {CLOSING}, which comes after it, is here"));
    }
    entry
}

/// The fields that the chain needs, so that it also works with reports of other versions.
#[derive(Deserialize)]
struct ReportStart {
    #[serde(default)]
    run_id: String,
    times: OutlineTimes,
    previous_report_sha256: Option<String>,
}

#[derive(Deserialize)]
struct OutlineTimes {
    started_at: Timestamp,
    finished_at: Timestamp,
}

/// The start time in a report, not verified.
pub fn times_of(bytes: &[u8]) -> Result<Timestamp> {
    let outline: ReportStart = serde_json::from_slice(bytes).map_err(|error| Error::from_source(&error))?;
    Ok(outline.times.started_at)
}

fn fill(
    entry: &mut ReportEntry,
    file: &Path,
    bytes: &[u8],
    trust: Option<Trust<'_>>,
    signer_time: SignerTime,
) -> Option<Link> {
    let sha256 = hex::encode(Sha256::digest(bytes));
    let outline = serde_json::from_slice::<ReportStart>(bytes).ok();
    entry.reviews = review::read(&entry.path, &sha256, trust, signer_time);
    let finished_at = outline.as_ref().map(|outline| outline.times.finished_at);
    let trust = trust.map(|trust| signer_time.trust(trust, finished_at));
    entry.signature = signature(file, bytes, trust);
    match Report::from_bytes(bytes) {
        Ok(report) => {
            entry.troubles = side_files(file, &report);
            entry.closing_state = reports::closing_state(file, &report, &sha256, trust);
            entry.troubles.extend(reports::timestamp_problem(file, &entry.closing_state));
            entry.content = Content::Report(Box::new(summary(report, sha256.clone())));
        }
        Err(error) => entry.content = Content::Unreadable(error.text()),
    }
    let outline = outline?;
    entry.started_at = Some(outline.times.started_at);
    Some(Link {
        sha256,
        previous: outline.previous_report_sha256,
        finished_at: outline.times.finished_at,
        name: chain::name_of(outline.times.started_at, &outline.run_id),
    })
}

fn signature(file: &Path, bytes: &[u8], trust: Option<Trust<'_>>) -> SignatureState {
    let Some(trust) = trust else {
        let has_one = file.with_file_name(SIGNATURE).exists();
        return if has_one { SignatureState::NotChecked } else { SignatureState::Unsigned };
    };
    match authorship(file, bytes, NAMESPACE, trust) {
        Ok(Authorship::Of(signer)) => SignatureState::Good(signer),
        Ok(Authorship::Unsigned) => SignatureState::Unsigned,
        Ok(Authorship::BadSignature(reason)) => SignatureState::Bad(reason),
        Ok(Authorship::UnknownSigner(reason)) => SignatureState::UnknownSigner(reason),
        Err(error) => SignatureState::Bad(error.to_string()),
    }
}

fn side_files(file: &Path, report: &Report) -> Vec<String> {
    let trouble = |side: &crate::model::report::SideFile| match fs::metadata(file.with_file_name(&side.name)) {
        Ok(found) if found.len() == side.bytes => None,
        Ok(found) => Some(format!("{} has {} bytes, not {}", side.name, found.len(), side.bytes)),
        Err(error) => Some(format!("{}: {}", side.name, Error::from(error))),
    };
    report.side_files.iter().filter_map(trouble).collect()
}

fn removed_link(report: &PrunedReport) -> Removed<'_> {
    Removed { started_at: report.started_at, sha256: &report.sha256, previous: report.previous.as_deref() }
}

fn summary(report: Report, sha256: String) -> Summary {
    let is_dump_proven = report.proves_dump();
    let facts = report.night.unwrap_or_default();
    let dump_line = facts.dump_verdict.as_ref().and_then(DumpVerdict::line);
    let (dump_bytes, backup) = facts.dump.map(|dump| (dump.bytes, dump.backup)).unzip();
    Summary {
        sha256,
        run_id: report.run_id,
        command: report.command,
        verdict: report.verdict,
        verdict_line: report.verdict_line,
        is_dump_proven,
        dump_line,
        tables: report.coverage.tables_compared,
        tables_expected: report.coverage.tables_expected,
        rows: report.coverage.rows_expected,
        findings: report.findings.len() as u64,
        unchecked: report.unchecked.len() as u64,
        waivers: report.waivers.iter().filter(|waiver| !waiver.covered.is_empty()).count() as u64,
        dump_bytes,
        backup,
        duration_ms: report.times.duration_ms,
        finished_at: report.times.finished_at,
        source: facts.source,
        data_as_of: facts.data_as_of,
        steps: facts.steps,
        previous_report_sha256: report.previous_report_sha256,
    }
}

/// Whether the run that wrote this `report.json` may still be running, according to the other reports in its directory; false if these
/// cannot be listed.
pub fn is_pending(report: &Path, now: Timestamp) -> bool {
    let place = || {
        let own = report.canonicalize().ok().filter(|file| file.ends_with(REPORT))?.parent()?.to_owned();
        Some((own.parent()?.to_owned(), own))
    };
    let Some((dir, own)) = place() else { return false };
    let entries = read(&dir, None, now).unwrap_or_default();
    entries.iter().any(|entry| entry.path == own && entry.is_pending())
}

/// Whether a run that started then may still be running; false for a time in the future.
fn may_be_running(started_at: Timestamp, now: Timestamp) -> bool {
    started_at <= now && now.seconds_since(started_at) < LONGEST_RUN_S
}

/// Only the newest run can still be running. Reports of `compare` and times in the future are ignored.
fn note_running(found: &mut [(ReportEntry, Option<Link>)], now: Timestamp) {
    let is_night = |entry: &ReportEntry| match &entry.content {
        Content::NoReport { .. } => true,
        Content::Report(_) => entry.closing_state != ClosingState::Nothing,
        Content::Unreadable(_) | Content::Missing { .. } => false,
    };
    let has_begun = |entry: &ReportEntry| entry.started_at.is_none_or(|at| at <= now);
    let newest = found.iter_mut().rev().map(|(entry, _)| entry).find(|entry| is_night(entry) && has_begun(entry));
    let newest = newest.filter(|entry| entry.started_at.is_some_and(|at| may_be_running(at, now)));
    let Some(entry) = newest else { return };
    match (&mut entry.content, &mut entry.closing_state) {
        (Content::NoReport { may_be_running }, _) => *may_be_running = entry.troubles.is_empty(),
        (_, ClosingState::Absent { may_be_running }) => *may_be_running = true,
        _ => {}
    }
}

/// Notes unsigned reports among signed ones, also without allowed signers: the signature was removed, or another program wrote them.
fn note_unsigned(found: &mut [(ReportEntry, Option<Link>)]) {
    if found.iter().all(|(entry, _)| entry.is_checked || entry.signature != SignatureState::NotChecked) {
        return;
    }
    for (entry, _) in found {
        let is_report = matches!(entry.content, Content::Report(_) | Content::Unreadable(_));
        if is_report && entry.signature == SignatureState::Unsigned {
            entry.troubles.push("not signed, and others are".into());
        }
    }
}
