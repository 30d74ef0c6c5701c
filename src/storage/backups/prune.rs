//! Removes the backups that retention does not keep: first renames, then deletes, so that a partly deleted backup is not listed.
//!
//! Removes only backups that are under `verified/` then, and neither the last nor the newest one there.

use std::collections::BTreeSet;
use std::fs;

use super::list::{exists, read_whole};
use super::{Backups, REMOVING, VERIFIED};
use crate::base::error::{Context, Error, Result};
use crate::storage::reports::write::{disk_error, sync_directory};
use crate::storage::retention::RetentionPlan;

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Ids, in the order of the plan.
    pub removed: Vec<String>,
    /// Ids whose removal an interrupted prune had started.
    pub finished: Vec<String>,
    /// Size of the dumps in `removed`.
    pub bytes: u64,
}

impl Backups {
    /// Completes an interrupted prune, then removes the backups that the plan does not keep.
    pub fn prune(&self, plan: &RetentionPlan) -> Result<Pruned> {
        let doing = || format!("prune backups in {}", self.dir.display());
        self.check_plan(plan).doing(doing)?;
        let finished = self.finish_removals().doing(doing)?;
        let mut pruned = Pruned { finished, ..Pruned::default() };
        for id in &plan.remove {
            let backup = read_whole(&self.under(VERIFIED, id), id).doing(|| format!("look at {id}")).doing(doing)?;
            self.mark_for_removal(VERIFIED, id).doing(doing)?;
            self.finish_removal(id).doing(doing)?;
            pruned.removed.push(id.clone());
            pruned.bytes += backup.record.dump.bytes;
        }
        Ok(pruned)
    }

    /// Deletes the backups that an earlier prune has renamed; returns their ids.
    pub fn finish_removals(&self) -> Result<Vec<String>> {
        let removing = self.list()?.removing;
        for id in &removing {
            self.finish_removal(id)?;
        }
        Ok(removing)
    }

    /// Checks the plan against the current directory, which may have changed since the list was made.
    fn check_plan(&self, plan: &RetentionPlan) -> Result<()> {
        let remove: BTreeSet<&str> = plan.remove.iter().map(String::as_str).collect();
        if remove.is_empty() {
            return Ok(());
        }
        let verified = self.list()?.verified;
        if let Some(id) = remove.iter().find(|id| verified.iter().all(|backup| backup.record.id != **id)) {
            return Err(Error::new(format!("{id} is no longer a verified backup: nothing was removed")));
        }
        match verified.first() {
            Some(newest) if !remove.contains(newest.record.id.as_str()) => Ok(()),
            _ => Err(Error::new("the newest verified backup would go: nothing was removed")),
        }
    }

    /// Renames a backup so that it is not one any more, then deletes it.
    pub(super) fn mark_for_removal(&self, place: &str, id: &str) -> Result<()> {
        let (from, removal_path) = (self.under(place, id), self.dir.join(format!("{REMOVING}{id}")));
        fs::rename(&from, &removal_path).map_err(disk_error).doing(|| format!("strike off {}", from.display()))?;
        sync_directory(&self.dir)?;
        sync_directory(&self.dir.join(place))
    }

    pub(super) fn finish_removal(&self, id: &str) -> Result<()> {
        let removal_path = self.dir.join(format!("{REMOVING}{id}"));
        if exists(&removal_path)? {
            fs::remove_dir_all(&removal_path).doing(|| format!("remove {}", removal_path.display()))?;
            sync_directory(&self.dir)?;
        }
        Ok(())
    }
}
