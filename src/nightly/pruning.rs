//! What a run with a verified dump removes: superseded dumps and old reports; verified dumps by the rules of `[retention]`.
//!
//! The run and `nightly --dry-run` use the same selection.

use std::collections::BTreeSet;

use super::baseline;
use super::cleanup::earlier;
use super::context::RunContext;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::model::run::Origin;
use crate::storage::backups::{BackupListing, Backups};
use crate::storage::history::{self, PruneRule, PrunedReport};
use crate::storage::journal::{CleanupTask, EarlierRun};
use crate::storage::reports::{KeyFile, Trust};
use crate::storage::signers::AllowedSigners;

/// Unverified dumps that a verified dump with data of this time supersedes: they were kept for the case that there is none.
///
/// # Errors
/// The journals cannot be listed.
pub fn superseded(context: &RunContext<'_>, own: &BackupListing, data_as_of: Timestamp) -> Result<Vec<String>> {
    // A dump with an open cleanup task of an earlier run may be a verified one.
    let tasks: Vec<CleanupTask> = earlier(context)?.open.iter().flat_map(EarlierRun::cleanup_tasks).collect();
    let is_open =
        |id: &str| tasks.iter().any(|task| matches!(task, CleanupTask::Backup { id: open, .. } if open == id));
    let old =
        own.unverified.iter().map(|old| &old.record).filter(|old| old.data_as_of <= data_as_of && !is_open(&old.id));
    Ok(old.map(|old| old.id.clone()).collect())
}

/// Reports of the source that are older than `keep_days`, and that our key or a listed one signed.
pub struct OldReports {
    /// What may be removed.
    pub reports: BTreeSet<PrunedReport>,
    allowed: AllowedSigners,
    now: Timestamp,
}

impl OldReports {
    /// Reads the reports.
    ///
    /// # Errors
    /// The key, the list of signers, the reports or the backups cannot be read.
    pub fn find(context: &RunContext<'_>, keep_days: u32, source: &Origin, key: &KeyFile) -> Result<Self> {
        let (report, now) = (&context.config.report, (context.now)());
        let allowed = baseline::trusted(key, report.allowed_signers.as_deref())?;
        let backups = Backups::open(&context.config.dump.directory)?.list()?.ids();
        let entries = history::read(&report.directory, Some(&allowed), now)?;
        let rule = PruneRule { keep_days, now, source, backups: &backups };
        Ok(Self { reports: history::plan_pruning(&entries, rule), allowed, now })
    }

    /// Removes them, and signs the list of what was removed.
    ///
    /// # Errors
    /// The list cannot be written, or a report cannot be removed.
    pub fn remove(&self, context: &RunContext<'_>, key: &KeyFile) -> Result<()> {
        let trust = Trust { allowed: &self.allowed, identity: None, now: self.now };
        history::prune_reports(&context.config.report.directory, &self.reports, key, trust)
    }
}
