//! Facts of the newest verified dump, and of the newest one in the off-site repository, for metrics and for the preflight of the next
//! run.
//!
//! The backup directory decides what is verified, and the repository what is off site.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::base::time::Timestamp;
use crate::model::run::{Origin, SourceMatch};
use crate::storage::reports::write::replace_own;

const NAME: &str = "last_verified.json";
const OFFSITE_NAME: &str = "last_offsite.json";
/// Format 2 added the source.
const FORMAT: u32 = 2;

/// The newest verified dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastVerified {
    format: u32,
    /// Of the backup.
    pub backup: String,
    /// The source of the backup; not in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// The data is of this time.
    pub data_as_of: Timestamp,
    /// When it was proven.
    pub verified_at: Timestamp,
    /// Of all its files.
    #[serde(with = "crate::base::count")]
    pub dump_bytes: u64,
    /// By name of the step.
    pub step_ms: BTreeMap<String, u64>,
}

impl LastVerified {
    /// Of a backup that took no time yet.
    pub fn new(backup: &str, data_as_of: Timestamp, verified_at: Timestamp, dump_bytes: u64) -> Self {
        let step_ms = BTreeMap::new();
        Self { format: FORMAT, backup: backup.to_owned(), source: None, data_as_of, verified_at, dump_bytes, step_ms }
    }

    /// `None` before the first sound run. An error if the record cannot be read.
    pub fn read(state: &Path) -> Result<Option<Self>> {
        Self::read_file(&state.join(NAME))
    }

    fn read_file(path: &Path) -> Result<Option<Self>> {
        let doing = || format!("read {}", path.display());
        match files::read(path, files::STATE) {
            Ok(bytes) => {
                json::from_slice("record of the last verified dump", &bytes, 1..=FORMAT).map(Some).doing(doing)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing(doing),
        }
    }

    /// As [`LastVerified::read`], unless it is known to be of another source: two configurations may share a state directory.
    pub fn read_of(state: &Path, origin: &Origin) -> Result<Option<Self>> {
        Ok(Self::read(state)?.filter(|last| !last.is_other(origin)))
    }

    /// The newest one in the off-site repository, as [`LastVerified::read_of`].
    pub fn read_offsite_of(state: &Path, origin: &Origin) -> Result<Option<Self>> {
        Ok(Self::read_file(&state.join(OFFSITE_NAME))?.filter(|last| !last.is_other(origin)))
    }

    fn is_other(&self, origin: &Origin) -> bool {
        self.source.as_ref().is_some_and(|of| of.kinship(origin) == SourceMatch::Other)
    }

    /// Replaces the old record atomically. Needs the lock.
    pub fn write(&self, state: &Path) -> Result<()> {
        self.write_file(state, NAME)
    }

    /// Replaces the record of the off-site repository, unless that has a backup of newer data. Needs the lock.
    pub fn write_offsite(&self, state: &Path) -> Result<()> {
        // A record that cannot be read is replaced.
        let old = Self::read_file(&state.join(OFFSITE_NAME)).ok().flatten();
        match old.filter(|old| old.source == self.source && old.data_as_of > self.data_as_of) {
            Some(_) => Ok(()),
            None => self.write_file(state, OFFSITE_NAME),
        }
    }

    fn write_file(&self, state: &Path, name: &str) -> Result<()> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| Error::from_source(&error))?;
        bytes.push(b'\n');
        replace_own(state, name, &bytes).map(drop)
    }
}
