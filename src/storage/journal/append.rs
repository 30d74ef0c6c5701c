//! Writing a journal: a line is on disk when [`Journal::append`] returns. No partial line is left between complete ones.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::earlier_runs::{CleanupTask, cleanup_tasks, move_to_closed};
use super::entry::Entry;
use super::lock::RunInfo;
use crate::base::error::{Context, Result};
use crate::storage::reports::stamped_name;
use crate::storage::reports::write::{disk_error, sync_directory};

/// Of the journals that this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// Below the state directory.
pub(super) const RUNS: &str = "runs";

/// The journal of the current run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    tail: JournalFile,
    entries: Vec<Entry>,
}

impl Journal {
    /// Creates the journal of this run, with the entry `run_started`. Needs the lock.
    pub fn create(state: &Path, run: &RunInfo) -> Result<Self> {
        let runs = state.join(RUNS);
        make_directory(&runs)?;
        let path = runs.join(format!("{}.journal", stamped_name(run.at, &run.run_id)?));
        let doing = || format!("make journal {}", path.display());
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(disk_error).doing(doing)?;
        sync_directory(&runs)?;
        let mut journal = Self { path, tail: JournalFile { file, good: 0 }, entries: Vec::new() };
        let started = Entry::RunStarted {
            format: FORMAT,
            run_id: run.run_id.clone(),
            command: run.command.clone(),
            at: run.at,
            pid: run.pid,
        };
        journal.append(&started).inspect_err(|_| {
            // Made in this call and empty; otherwise the next run would read it.
            std::fs::remove_file(&journal.path).ok();
        })?;
        Ok(journal)
    }

    /// Durable when this returns `Ok`. On error the entry is not durable; the caller must not perform the action.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        self.tail.append(entry).map_err(disk_error).doing(|| format!("write journal {}", self.path.display()))?;
        self.entries.push(entry.clone());
        Ok(())
    }

    /// What must be removed if the run ends now.
    pub fn cleanup_tasks(&self) -> Vec<CleanupTask> {
        cleanup_tasks(&self.entries)
    }

    /// Ends the run. A journal without open cleanup tasks moves to `closed`; returns the tasks that are still open.
    pub fn end(&mut self, exit_code: u8) -> Result<Vec<CleanupTask>> {
        self.append(&Entry::RunEnded { exit_code })?;
        let debts = self.cleanup_tasks();
        if debts.is_empty() {
            move_to_closed(&self.path)?;
        }
        Ok(debts)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The end of a journal.
#[derive(Debug)]
pub(super) struct JournalFile {
    file: File,
    /// Length of the complete lines, in bytes.
    good: u64,
}

impl JournalFile {
    /// Opens an old journal to append after its complete lines.
    pub(super) fn open(path: &Path, good: u64) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().write(true).open(path)?, good })
    }

    pub(super) fn good(&self) -> u64 {
        self.good
    }

    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        // Remove a partial line that a full disk or a crash has left.
        self.file.set_len(self.good)?;
        self.file.seek(SeekFrom::Start(self.good))?;
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).inspect_err(|_| {
            // The entry was not written. If this fails too, the next attempt repeats it.
            self.file.set_len(self.good).ok();
        })?;
        self.good += line.len() as u64;
        Ok(())
    }
}

/// Creates a directory with mode 0700, unless it exists.
pub(super) fn make_directory(dir: &Path) -> Result<()> {
    let doing = || format!("make directory {}", dir.display());
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => sync_directory(dir.parent().unwrap_or(dir)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(disk_error(error)).doing(doing),
    }
}
