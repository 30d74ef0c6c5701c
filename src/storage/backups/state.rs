//! Moves a backup to `verified/` or `damaged/` after its verdict. Moves nothing out of these.

use std::fs;
use std::path::PathBuf;

use super::list::{Backup, BackupState, exists, read_in};
use super::{Backups, DAMAGED, PARTIAL, UNVERIFIED, VERIFIED, demand_id};
use crate::base::error::{Context, Error, Result};
use crate::storage::journal::{Place, ReportFile};
use crate::storage::reports::write::{disk_error, sync_directory};

impl Backups {
    /// Moves a complete backup from `unverified/` to `place` after adding the report to its record, or discards it, complete or not. Does
    /// nothing if it is there already, so it can be repeated after a crash. Returns the backup.
    pub fn place(&self, id: &str, place: Place, report: Option<&ReportFile>) -> Result<Option<Backup>> {
        let doing = || format!("place backup {id} in {}", self.dir.display());
        demand_id(id).doing(doing)?;
        match place {
            Place::Verified if report.is_none() => Err(Error::new("without a report nothing is verified")).doing(doing),
            Place::Verified => self.move_to(VERIFIED, id, report).map(Some).doing(doing),
            Place::Damaged => self.move_to(DAMAGED, id, report).map(Some).doing(doing),
            Place::Discarded => self.discard(id).map(|()| None).doing(doing),
            Place::Unverified => read_in(UNVERIFIED, &self.under(UNVERIFIED, id), id).map(Some).doing(doing),
        }
    }

    fn move_to(&self, place: &str, id: &str, report: Option<&ReportFile>) -> Result<Backup> {
        let (from, to) = (self.under(UNVERIFIED, id), self.under(place, id));
        if exists(&to)? {
            if exists(&from)? {
                return Err(Error::new(format!("{} and {} are both there", from.display(), to.display())));
            }
            return read_in(place, &to, id);
        }
        let mut backup = read_in(place, &from, id)?;
        if let Some(report) = report {
            backup.record.report = Some(report.clone());
            backup.record.write(&from)?;
        }
        fs::rename(&from, &to).map_err(disk_error)?;
        // Sync the new directory first: if only the removal of the old name were on disk, the backup would be lost.
        sync_directory(&self.dir.join(place))?;
        sync_directory(&self.dir.join(UNVERIFIED))?;
        Ok(Backup { path: to, ..backup })
    }

    /// The place of a backup without a verdict. An incomplete one is discarded now; a complete one stays, because it may be the only one
    /// of its day. If its report is signed, use [`Backups::place`] with that report instead.
    pub fn recover(&self, id: &str) -> Result<Place> {
        match self.whereabouts(id)? {
            Some(BackupState::Verified) => Ok(Place::Verified),
            Some(BackupState::Damaged) => Ok(Place::Damaged),
            Some(BackupState::Unverified) => Ok(Place::Unverified),
            Some(BackupState::Partial | BackupState::Removing) | None => {
                self.place(id, Place::Discarded, None).map(|_| Place::Discarded)
            }
        }
    }

    /// Only from `unverified/`; a complete one is first renamed to a name that is not a backup's.
    fn discard(&self, id: &str) -> Result<()> {
        let partial: PathBuf = self.under(UNVERIFIED, &format!("{id}{PARTIAL}"));
        if exists(&partial)? {
            fs::remove_dir_all(&partial)?;
            sync_directory(&self.dir.join(UNVERIFIED))?;
        }
        if exists(&self.under(UNVERIFIED, id))? {
            self.mark_for_removal(UNVERIFIED, id)?;
        }
        self.finish_removal(id)
    }
}
