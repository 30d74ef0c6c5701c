//! The signed list of the reports that `report.keep_days` removed, to tell them from reports that were removed by other means.
//!
//! Only reports without problems are removed; missing, edited or moved ones stay as they are. The newest report, the newest sound one
//! and those of existing backups always stay.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ReportEntry, SignatureState, chain};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::base::time::{DAY_S, Timestamp};
use crate::model::run::{Origin, SourceMatch};
use crate::storage::reports::{self, Authorship, KeyFile, Trust, authorship};
use crate::storage::signature::NAMESPACE;

/// The list, in the directory of the reports.
pub const PRUNED: &str = "pruned.json";
const FORMAT: u32 = 1;
/// Before the name of a report that is being removed.
const REMOVING: &str = ".removing-";

/// A report that was removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrunedReport {
    /// When its run began.
    pub started_at: Timestamp,
    /// The name of its directory.
    pub name: String,
    /// Of its `report.json`.
    pub sha256: String,
    /// SHA-256 of the previous report that it named, so that the chain continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPruned {
    format: u32,
    pruned: BTreeSet<PrunedReport>,
}

/// Which reports may be removed.
#[derive(Debug, Clone, Copy)]
pub struct PruneRule<'a> {
    /// Those of runs that began longer ago.
    pub keep_days: u32,
    /// The current time.
    pub now: Timestamp,
    /// The source; reports of other sources stay.
    pub source: &'a Origin,
    /// Ids of the existing backups.
    pub backups: &'a BTreeSet<String>,
}

/// The reports in the list. Without `trust`, its signature is not checked; it must have one if any report has one.
///
/// # Errors
/// It cannot be read, or is not signed by an allowed signer.
pub fn pruned(dir: &Path, trust: Option<Trust<'_>>) -> Result<BTreeSet<PrunedReport>> {
    let path = dir.join(PRUNED);
    read(&path, trust).doing(|| format!("read the list of removed reports {}", path.display()))
}

fn read(path: &Path, trust: Option<Trust<'_>>) -> Result<BTreeSet<PrunedReport>> {
    let bytes = match files::read(path, files::RECORD) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        bytes => bytes?,
    };
    if let Some(trust) = trust {
        match authorship(path, &bytes, NAMESPACE, trust)? {
            Authorship::Of(_) => {}
            Authorship::Unsigned => return Err(Error::new("not signed")),
            Authorship::BadSignature(why) => return Err(Error::new(format!("bad signature: {why}"))),
            Authorship::UnknownSigner(why) => return Err(Error::new(format!("signer not allowed: {why}"))),
        }
    } else if !path.with_file_name(format!("{PRUNED}.sig")).exists() && has_signed_report(path) {
        return Err(Error::new("not signed, and reports beside it are"));
    }
    let stored: StoredPruned = json::from_slice("list of removed reports", &bytes, 1..=FORMAT)?;
    match stored.pruned.iter().find(|report| chain::time_of(&report.name).is_none()) {
        Some(report) => Err(Error::new(format!("{:?} is no name of a report", report.name))),
        None => Ok(stored.pruned),
    }
}

fn has_signed_report(list: &Path) -> bool {
    let Some(entries) = list.parent().and_then(|dir| fs::read_dir(dir).ok()) else { return true };
    entries.flatten().any(|entry| entry.path().join(reports::SIGNATURE).exists())
}

/// Which of these reports go. `entries` are checked, newest first.
pub fn plan_pruning(entries: &[ReportEntry], rule: PruneRule<'_>) -> BTreeSet<PrunedReport> {
    let is_own = |entry: &&ReportEntry| {
        let source = entry.summary().and_then(|summary| summary.source.as_ref());
        source.is_some_and(|source| source.kinship(rule.source) == SourceMatch::Same)
    };
    let newest = entries.iter().find(|entry| entry.summary().is_some()).map(|entry| &entry.id);
    let newest_sound = entries.iter().find(|entry| is_own(entry) && entry.is_sound()).map(|entry| &entry.id);
    let oldest_kept = rule.now.minus_seconds(u64::from(rule.keep_days) * DAY_S);
    let is_old = |entry: &&ReportEntry| entry.started_at.is_some_and(|at| at < oldest_kept);
    let is_in_order = |entry: &&ReportEntry| {
        matches!(entry.signature, SignatureState::Good(_)) && entry.report_problems().is_empty() && !entry.is_pending()
    };
    let is_needed = |entry: &&ReportEntry| {
        let backup = entry.summary().and_then(|summary| summary.backup.as_ref());
        [newest, newest_sound].contains(&Some(&entry.id)) || backup.is_some_and(|id| rule.backups.contains(id))
    };
    let removed = entries.iter().filter(|entry| is_own(entry) && is_old(entry) && is_in_order(entry));
    removed.filter(|entry| !is_needed(entry)).filter_map(pruned_report).collect()
}

fn pruned_report(entry: &ReportEntry) -> Option<PrunedReport> {
    chain::time_of(&entry.id)?;
    let summary = entry.summary()?;
    Some(PrunedReport {
        started_at: entry.started_at?,
        name: entry.id.clone(),
        sha256: summary.sha256.clone(),
        previous: summary.previous_report_sha256.clone(),
    })
}

/// Writes the list, then removes these reports. Needs the lock of the state directory.
///
/// # Errors
/// The existing list is not valid, or cannot be written: then nothing is removed. A report cannot be removed.
pub fn prune_reports(dir: &Path, removed: &BTreeSet<PrunedReport>, key: &KeyFile, trust: Trust<'_>) -> Result<()> {
    reports::finish_signed(dir, PRUNED)?;
    let mut all = pruned(dir, Some(trust))?;
    if !removed.is_subset(&all) {
        all.extend(removed.iter().cloned());
        reports::sign_json(dir, PRUNED, &StoredPruned { format: FORMAT, pruned: all.clone() }, key)?;
    }
    for report in removed {
        let (path, going) = (dir.join(&report.name), dir.join(format!("{REMOVING}{}", report.name)));
        fs::rename(&path, &going).doing(|| format!("remove report {}", path.display()))?;
    }
    // Also those that an interrupted run has left under that name.
    for report in &all {
        let going = dir.join(format!("{REMOVING}{}", report.name));
        match fs::remove_dir_all(&going) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).doing(|| format!("remove {}", going.display()));
            }
            _ => {}
        }
    }
    Ok(())
}
