//! The last signed report of each report directory, so that the next run detects its removal.
//!
//! The chain of reports shows a gap in the middle, but not that its newest reports are missing; this file does.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::storage::reports::write::replace_own;
use crate::storage::reports::{EXPECTED, REPORT, sha256};

const NAME: &str = "last_signed.json";
const FORMAT: u32 = 1;

/// The last signed report of one directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastSigned {
    /// The name of its directory.
    pub name: String,
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// Of the bytes of `report.json`.
    pub sha256: String,
    /// Size of all its files, or of the last report that has manifests.
    #[serde(with = "crate::base::count")]
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLastSigned {
    format: u32,
    reports: BTreeMap<String, LastSigned>,
}

impl LastSigned {
    /// For the report that has just been written to this directory.
    ///
    /// # Errors
    /// Its files cannot be listed.
    pub fn of(report: &Path, run_id: &str, sha256: &str) -> Result<Self> {
        let folder = report.parent().unwrap_or(report);
        let has_manifests = folder.join(EXPECTED).exists();
        let bytes = if has_manifests { bytes_in(folder).doing(|| format!("list {}", folder.display()))? } else { 0 };
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, run_id: run_id.to_owned(), sha256: sha256.to_owned(), bytes })
    }

    /// `None` before the first report below `directory`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(state: &Path, directory: &Path) -> Result<Option<Self>> {
        Ok(read(state)?.remove(&key(directory)))
    }

    /// Replaces the entry of `directory`. Needs the lock.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn write(mut self, state: &Path, directory: &Path) -> Result<()> {
        let mut reports = read(state)?;
        if self.bytes == 0 {
            self.bytes = reports.get(&key(directory)).map_or(0, |before| before.bytes);
        }
        reports.insert(key(directory), self);
        let stored = StoredLastSigned { format: FORMAT, reports };
        let mut bytes = serde_json::to_vec(&stored).map_err(|error| Error::from_source(&error))?;
        bytes.push(b'\n');
        replace_own(state, NAME, &bytes).map(drop)
    }

    /// Why this report is not as it was signed; `None` if it is.
    pub fn lost(&self, directory: &Path) -> Option<Error> {
        let path = directory.join(&self.name).join(REPORT);
        let why = match files::read(&path, files::REPORT) {
            Ok(bytes) if sha256(&bytes) == self.sha256 => return None,
            Ok(_) => "is not what was signed".to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => "is gone".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let text = format!(
            "the last signed report, {} (run {}, SHA-256 {}), {why}. Reports were removed or changed",
            path.display(),
            self.run_id,
            self.sha256
        );
        Some(Error::new(text).hint("restore the report directory from a copy, and find out what removed it"))
    }
}

/// The problem of the last signed report below `directory`; `None` if there is no problem or no such report.
pub fn lost_report(state: &Path, directory: &Path) -> Option<Error> {
    match LastSigned::read(state, directory) {
        Ok(last) => last?.lost(directory),
        Err(error) => Some(error),
    }
}

fn key(directory: &Path) -> String {
    directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).display().to_string()
}

fn read(state: &Path) -> Result<BTreeMap<String, LastSigned>> {
    let path = state.join(NAME);
    let doing = || format!("read {}", path.display());
    match files::read(&path, files::STATE) {
        Ok(bytes) => {
            let stored: StoredLastSigned =
                json::from_slice("record of the last signed reports", &bytes, 1..=FORMAT).doing(doing)?;
            Ok(stored.reports)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).doing(doing),
    }
}

fn bytes_in(folder: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
