//! Directories that another configuration uses for another source: each needs its own.
//!
//! Backups know their source and are kept apart (see [`crate::backups::Ours`]). Reports and state are not: two sources in one chain of
//! reports, or in one memory of the last verified dump, speak for each other.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::files;
use crate::journal::LastVerified;
use crate::night::{Kinship, Origin};
use crate::store;

const HINT: &str = "each configuration needs its own; where this source was moved or renamed, its next run settles it";

/// Refuses a directory whose newest report of a nightly run is of another source.
///
/// # Errors
/// It is; or the directory cannot be listed.
pub fn demand_own_reports(dir: &Path, origin: &Origin) -> Result<()> {
    // By name, which begins with the time.
    let newest = store::reports_in(dir)?.into_iter().rev().find_map(|path| Some((source_of(&path)?, path)));
    match newest {
        Some((source, path)) if source.kinship(origin) == Kinship::Other => {
            let error = Error::new(format!("the newest report in it, {}, is of {source}", path.display()));
            Err(error.hint(HINT))
        }
        _ => Ok(()),
    }
}

/// Refuses a directory that remembers the last verified dump of another source.
///
/// # Errors
/// It does; or what it remembers cannot be read.
pub fn demand_own_state(dir: &Path, origin: &Origin) -> Result<()> {
    let source = LastVerified::read(dir)?.and_then(|last| last.source);
    match source.filter(|source| source.kinship(origin) == Kinship::Other) {
        Some(source) => Err(Error::new(format!("the last verified dump that it knows of is of {source}")).hint(HINT)),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
struct Outline {
    command: String,
    night: Option<OutlineNight>,
}

#[derive(Deserialize)]
struct OutlineNight {
    source: Option<Origin>,
}

/// `None`: not of a nightly run, or one that did not get as far as its source, or cannot be read.
fn source_of(report: &Path) -> Option<Origin> {
    let bytes = files::read(report, files::REPORT).ok()?;
    let outline: Outline = serde_json::from_slice(&bytes).ok()?;
    outline.night.filter(|_| outline.command == "nightly")?.source
}
