//! Uploads directories, and removes the snapshots of backups that no rule keeps.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::atomic::Ordering;

use serde::Deserialize;

use super::restic::ResticCommand;
use super::{HOST, OffsiteBackup, OffsiteRepository};
use crate::base::error::{Context, Error, Result};
use crate::postgres::process::PipedOutput;

/// A line of `restic backup --json`.
#[derive(Deserialize)]
struct BackupMessage {
    message_type: String,
    #[serde(default)]
    bytes_done: u64,
    snapshot_id: Option<String>,
}

impl OffsiteRepository {
    /// Uploads `directory/name` as `/name` in a new snapshot; returns the id of the snapshot, which may be a short one.
    ///
    /// # Errors
    /// restic fails, also where it could not read a file.
    pub async fn upload(&self, directory: &Path, name: &str, tags: &[String]) -> Result<String> {
        let mut arguments: Vec<OsString> = ["backup", "--json", "--host", HOST].map(OsString::from).to_vec();
        arguments.extend(tags.iter().flat_map(|tag| ["--tag", tag]).map(OsString::from));
        arguments.extend(["--", name].map(OsString::from));
        let command = ResticCommand { arguments, directory: Some(directory), is_locking: true };
        self.run(&command, snapshot_id).await.doing(|| format!("upload {name} to {}", self.describe()))
    }

    /// Removes the snapshots of these backups, and then the data that no snapshot uses.
    ///
    /// # Errors
    /// restic fails.
    pub async fn forget(&self, backups: &[&OffsiteBackup]) -> Result<()> {
        let snapshots = backups.iter().flat_map(|backup| backup.snapshots());
        let mut arguments: Vec<OsString> = ["forget", "--prune"].map(OsString::from).to_vec();
        arguments.extend(snapshots.map(|snapshot| OsString::from(&snapshot.id)));
        let command = ResticCommand { arguments, directory: None, is_locking: true };
        self.text(&command).await.map(drop).doing(|| format!("remove old backups from {}", self.describe()))
    }
}

/// A status comes every second, also while nothing is sent: only a change of its bytes is progress.
fn snapshot_id(output: &mut PipedOutput) -> Result<String> {
    let (progress, mut found) = (output.progress(), None);
    for line in BufReader::new(output).lines() {
        let Ok(message) = serde_json::from_str::<BackupMessage>(&line?) else { continue };
        if message.message_type == "summary" {
            found = message.snapshot_id;
        }
        progress.fetch_max(message.bytes_done, Ordering::Relaxed);
    }
    found.ok_or_else(|| Error::new("restic made no snapshot"))
}
