//! Checks that the files of a backup are unchanged. Read only; a file that cannot be read is an error, not a difference.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::partial::{hash, paths, sums};
use super::{Backup, RECORD, SUMS};
use crate::base::error::{Context, Result};
use crate::base::files;
use crate::model::run::DumpFile;

/// How a file differs from the record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileDifference {
    /// In the record, but not in the directory.
    Missing(String),
    /// Other bytes.
    Changed(String),
    /// In the directory, but not in the record.
    Extra(String),
}

impl fmt::Display for FileDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{path} is missing"),
            Self::Changed(path) => write!(f, "{path} has changed"),
            Self::Extra(path) => write!(f, "{path} is not in the record"),
        }
    }
}

impl Backup {
    /// Hashes every file again and compares it with the record. An empty list means: unchanged.
    pub fn verify_files(&self) -> Result<Vec<FileDifference>> {
        let files = &self.record.dump.files;
        let mut found = differences(&self.path, files)?;
        let path = self.path.join(SUMS);
        match files::read(&path, files::RECORD) {
            Ok(bytes) if bytes == sums(files).as_bytes() => {}
            Ok(_) => found.push(FileDifference::Changed(SUMS.to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                found.push(FileDifference::Missing(SUMS.to_owned()));
            }
            Err(error) => return Err(error).doing(|| format!("read {}", path.display())),
        }
        Ok(found)
    }
}

/// Compares the files of a backup's directory with the list in a record or in a signed report.
pub fn differences(dir: &Path, expected: &[DumpFile]) -> Result<Vec<FileDifference>> {
    let mut expected: BTreeMap<&str, &DumpFile> = expected.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut found = Vec::new();
    for path in paths(dir, dir)?.into_iter().filter(|path| path != SUMS && path != RECORD) {
        let Some(file) = expected.remove(path.as_str()) else {
            found.push(FileDifference::Extra(path));
            continue;
        };
        let full = dir.join(&path);
        let (bytes, sha256) = hash(&full).doing(|| format!("read {}", full.display()))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            found.push(FileDifference::Changed(path));
        }
    }
    found.extend(expected.into_keys().map(|path| FileDifference::Missing(path.to_owned())));
    Ok(found)
}
