//! Compares the dump of a run on disk with the file list in its report.
//!
//! Uses the signed list in the report, not the list beside the dump. Does not follow a path out of the backup.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::chain::time_of;
use crate::base::error::Error;
use crate::model::run::{DumpFacts, DumpFile};
use crate::storage::reports::hash_of;

/// The directories of backups, that of sound runs first.
const PLACES: [&str; 2] = ["verified", "damaged"];

/// The state of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpState {
    /// All files are as signed; their number.
    Intact(usize),
    /// Files that differ from the signed list, are missing or are not in it: a line each.
    Damaged(Vec<String>),
    /// There is no such backup in these directories.
    Gone(String),
}

/// Reads every file of it.
pub fn check_dump(dump: &DumpFacts, backups: &Path) -> DumpState {
    if time_of(&dump.backup).is_none() {
        return DumpState::Damaged(vec![format!("{:?} is not the name of a backup", dump.backup)]);
    }
    let places = PLACES.map(|place| backups.join(place).join(&dump.backup));
    let Some(dir) = places.iter().find(|dir| dir.is_dir()) else {
        return DumpState::Gone(format!("{} is neither in verified/ nor in damaged/", dump.backup));
    };
    if dump.files.is_empty() {
        return DumpState::Damaged(vec!["the report lists no file of it".into()]);
    }
    let mut wrong: Vec<String> = dump.files.iter().filter_map(|file| change(dir, file)).collect();
    wrong.extend(foreign(dir, dump).into_iter().map(|path| format!("{path} is not in the report")));
    if wrong.is_empty() { DumpState::Intact(dump.files.len()) } else { DumpState::Damaged(wrong) }
}

fn change(dir: &Path, file: &DumpFile) -> Option<String> {
    let path = Path::new(&file.path);
    if file.path.is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Some(format!("{:?} is not a path inside a backup", file.path));
    }
    let path = dir.join(path);
    let look = || {
        let found = fs::symlink_metadata(&path)?;
        if !found.is_file() || found.len() != file.bytes {
            return Ok(false);
        }
        Ok::<_, std::io::Error>(hash_of(&path)? == (file.bytes, file.sha256.clone()))
    };
    match look() {
        Ok(true) => None,
        Ok(false) => Some(format!("{} is not the file that was signed for", file.path)),
        Err(error) => Some(format!("{}: {}", file.path, Error::from(error))),
    }
}

/// Files in a dump of format `directory` that are not in the signed list: pg_restore could read them as parts of the dump.
fn foreign(dir: &Path, dump: &DumpFacts) -> Vec<String> {
    let listed: BTreeSet<PathBuf> = dump.files.iter().map(|file| PathBuf::from(&file.path)).collect();
    let parents: BTreeSet<&Path> = listed.iter().filter_map(|path| path.parent()).collect();
    let mut found = Vec::new();
    for parent in parents.into_iter().filter(|parent| parent.components().next().is_some()) {
        let names = fs::read_dir(dir.join(parent)).into_iter().flatten().filter_map(Result::ok);
        let paths = names.map(|entry| parent.join(entry.file_name())).filter(|path| !listed.contains(path));
        found.extend(paths.map(|path| path.display().to_string()));
    }
    found.sort();
    found
}
