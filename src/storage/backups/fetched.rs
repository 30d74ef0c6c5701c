//! A backup that is read back from the off-site repository, in a directory of its own, which is removed when it is dropped.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::partial::sums;
use super::record::{BackupRecord, DumpMetadata};
use super::{Backup, Backups, FETCHED, SUMS, demand_id};
use crate::base::error::{Context, Result};
use crate::model::run::DumpFacts;
use crate::storage::reports::write::{disk_error, replace_own};

/// `.offsite-ID/`
#[derive(Debug)]
pub struct FetchDirectory {
    path: PathBuf,
}

impl FetchDirectory {
    /// Creates it in `parent`; what an interrupted run has left of the same backup is removed.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(parent: &Path, id: &str) -> Result<Self> {
        demand_id(id)?;
        let path = parent.join(format!("{FETCHED}{id}"));
        remove(&path)?;
        let make = DirBuilder::new().mode(0o700).create(&path).map_err(disk_error);
        make.doing(|| format!("make directory {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where the files go.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Describes the files as the dump of a backup, so that it can be restored as one.
    ///
    /// # Errors
    /// The record cannot be written.
    pub fn finish(self, made: &DumpMetadata, dump: &DumpFacts) -> Result<FetchedBackup> {
        let record = BackupRecord::new(&dump.backup, made, dump.clone());
        replace_own(&self.path, SUMS, sums(&dump.files).as_bytes())?;
        record.write(&self.path)?;
        Ok(FetchedBackup { backup: Backup { record, path: self.path.clone() }, _directory: self })
    }
}

impl Drop for FetchDirectory {
    fn drop(&mut self) {
        // What stays is removed with the cleanup task of the next run.
        fs::remove_dir_all(&self.path).ok();
    }
}

/// A backup that was read back; its files are removed when it is dropped.
#[derive(Debug)]
pub struct FetchedBackup {
    /// The backup.
    pub backup: Backup,
    _directory: FetchDirectory,
}

impl Backups {
    /// Removes what an interrupted run has read back of this backup.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_fetched(&self, id: &str) -> Result<()> {
        demand_id(id)?;
        remove(&self.dir.join(format!("{FETCHED}{id}")))
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).doing(|| format!("remove {}", path.display())),
        _ => Ok(()),
    }
}
