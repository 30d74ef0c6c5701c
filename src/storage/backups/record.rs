//! `backup.json`: the description of a backup in its directory, not signed. Plain data.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RECORD;
use crate::base::error::{Context, Error, Result};
use crate::base::json;
use crate::base::time::Timestamp;
use crate::model::run::{DumpFacts, Origin};
use crate::storage::journal::ReportFile;
use crate::storage::reports::write::replace_own;
use crate::storage::retention::BackupAge;

/// Format 2 added the source; records without it stay readable.
const FORMAT: u32 = 2;

/// Facts about a dump that its files do not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpMetadata {
    /// Of the run, 32 hexadecimal digits.
    pub run_id: String,
    /// The database that was dumped.
    pub source: Option<Origin>,
    /// The data is of this time.
    pub data_as_of: Timestamp,
    /// When the dump was complete.
    pub made_at: Timestamp,
    /// pg_dump's `--format`.
    pub format: String,
    /// Version of pg_dump.
    pub pg_dump: String,
}

/// The whole of `backup.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRecord {
    format: u32,
    /// Also the name of its directory.
    pub id: String,
    /// Of the run, 32 hexadecimal digits.
    pub run_id: String,
    /// The data is of this time.
    pub data_as_of: Timestamp,
    /// When the dump was complete.
    pub made_at: Timestamp,
    /// The database that was dumped; records of format 1 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// The dump, with the hash of every file but `SHA256SUMS` and this one.
    pub dump: DumpFacts,
    /// The report on this backup; `None` until there is one.
    pub report: Option<ReportFile>,
}

impl BackupRecord {
    pub(super) fn new(id: &str, made: &DumpMetadata, dump: DumpFacts) -> Self {
        let DumpMetadata { run_id, source, data_as_of, made_at, .. } = made.clone();
        Self { format: FORMAT, id: id.to_owned(), run_id, data_as_of, made_at, source, dump, report: None }
    }

    /// As retention sees it.
    pub fn held(&self, is_verified: bool) -> BackupAge {
        BackupAge { id: self.id.clone(), data_as_of: self.data_as_of, made_at: self.made_at, is_verified }
    }

    pub(super) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(RECORD);
        let read = || -> Result<Self> {
            json::from_slice(
                "record of a backup",
                &crate::base::files::read(&path, crate::base::files::RECORD)?,
                1..=FORMAT,
            )
        };
        read().doing(|| format!("read {}", path.display()))
    }

    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| Error::from_source(&error))?;
        bytes.push(b'\n');
        replace_own(dir, RECORD, &bytes).map(drop)
    }
}
