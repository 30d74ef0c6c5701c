//! Directories that another configuration uses for another source: each should have its own.
//!
//! Backups know their source and are kept apart (see [`crate::storage::backups::OwnSource`]). Reports and state can be shared, but then there is one
//! chain of reports and one memory of the last verified dump for both.

use std::path::Path;

use serde::Deserialize;

use crate::base::error::Result;
use crate::base::files;
use crate::model::run::{Origin, SourceMatch};
use crate::storage::journal::LastVerified;
use crate::storage::reports;

const HINT: &str =
    "each configuration should have its own; where this source was moved or renamed, its next run settles it";

/// What should be known of a directory whose newest report of a nightly run is of another source. `None`: it is not.
///
/// # Errors
/// The directory cannot be listed.
pub fn shared_reports(dir: &Path, origin: &Origin) -> Result<Option<String>> {
    // By name, which begins with the time.
    let newest = reports::reports_in(dir)?.into_iter().rev().find_map(|path| Some((source_of(&path)?, path)));
    let other = newest.filter(|(source, _)| source.kinship(origin) == SourceMatch::Other);
    Ok(other.map(|(source, path)| {
        let (dir, path) = (dir.display(), path.display());
        format!("warning: {dir} is used for another source: its newest report, {path}, is of {source}; {HINT}")
    }))
}

/// What should be known of a directory that remembers the last verified dump of another source. `None`: it does not.
///
/// # Errors
/// What it remembers cannot be read.
pub fn shared_state(dir: &Path, origin: &Origin) -> Result<Option<String>> {
    let source = LastVerified::read(dir)?.and_then(|last| last.source);
    let other = source.filter(|source| source.kinship(origin) == SourceMatch::Other);
    Ok(other.map(|source| {
        let dir = dir.display();
        format!(
            "warning: {dir} is used for another source: the last verified dump that it knows is of {source}; {HINT}"
        )
    }))
}

#[derive(Deserialize)]
struct ReportSource {
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
    let outline: ReportSource = serde_json::from_slice(&bytes).ok()?;
    outline.night.filter(|_| outline.command == "nightly")?.source
}
