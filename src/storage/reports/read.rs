//! Reading manifests back, and finding the reports in a directory.

use std::fs::{self};
use std::io::{BufReader, Seek as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::part::refuse_part;
use super::{ACTUAL, EXPECTED, REPORT};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::base::marked::MarkedText;
use crate::base::shared_text::TextPool;
use crate::base::time::Timestamp;
use crate::model::manifest::{FORMAT, Manifest, Tally};

/// Whether this is a directory that holds a report (and not, say, a dump of format `directory`).
pub fn is_report_directory(path: &Path) -> bool {
    path.join(REPORT).is_file()
}

/// Reads a manifest. A changed byte in a digest or a sketch is detected, because their sums must agree.
pub fn load_manifest(path: &Path) -> Result<Manifest> {
    load_manifest_sharing(path, &TextPool::default())
}

/// As [`load_manifest`], sharing the texts of this pool, as of another manifest of the same comparison.
pub fn load_manifest_sharing(path: &Path, texts: &TextPool) -> Result<Manifest> {
    load(path, texts).doing(|| format!("read manifest {}", path.display()))
}

fn load(path: &Path, texts: &TextPool) -> Result<Manifest> {
    if path.is_dir() {
        let hint = format!("name {EXPECTED} or {ACTUAL} in it");
        return Err(Error::new("a report directory holds two manifests").hint(hint));
    }
    refuse_part(path)?;
    let mut file = files::open_within(path, files::MANIFEST)?;
    json::demand_format("manifest", json::format_of(BufReader::with_capacity(1 << 16, &file))?, 1..=FORMAT)?;
    file.rewind()?;
    let reader = BufReader::with_capacity(1 << 16, file);
    let manifest: Manifest = texts
        .collect_from(|| serde_json::from_reader(reader))
        .map_err(|error| Error::from_source(&error))
        .doing(|| "understand the manifest")?;
    check_sums(&manifest)?;
    Ok(manifest)
}

/// Checks that the digests and the sketches of a manifest agree.
///
/// # Errors
/// With the first table of which they do not.
pub fn check_sums(manifest: &Manifest) -> Result<()> {
    let tables = manifest.relations.iter().map(|(name, relation)| (name.to_string(), &relation.rows));
    for (name, rows) in tables.chain([("large objects".to_owned(), &manifest.large_objects)]) {
        let contradicts =
            |tally: &Tally| tally.sketch.as_ref().is_some_and(|sketch| sketch.sums() != [tally.digest; 3]);
        if rows.seen().is_some_and(contradicts) {
            return Err(Error::new(format!(
                "the manifest contradicts itself: digest and sketch of {name} do not agree"
            )));
        }
    }
    Ok(())
}

/// The newest report in a directory, by the times in the reports, not verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previous {
    /// SHA-256 of its `report.json`.
    pub sha256: Option<String>,
    /// Reports that could not be read, with the reason: the new report has a remark on them, because one of them may be newer.
    pub unreadable: Vec<MarkedText>,
}

/// Paths of all `report.json` one level below `dir`, sorted by name, which starts with the time.
pub fn reports_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path().join(REPORT);
            // Also anything but a file: it is in the place of a report, and is listed as one that cannot be read.
            if path.symlink_metadata().is_ok() {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    };
    list().doing(|| format!("list reports in {}", dir.display()))
}

/// By `started_at` in the reports: file times change when files are copied.
pub fn previous_report(dir: &Path) -> Result<Previous> {
    let mut previous = Previous::default();
    let mut newest = None;
    for path in reports_in(dir)? {
        match started_at(&path) {
            Ok((time, sha256)) => newest = newest.max(Some((time, path, sha256))),
            Err(error) => previous.unreadable.push(error.context(path.display().to_string()).text()),
        }
    }
    previous.sha256 = newest.map(|(_, _, sha256)| sha256);
    Ok(previous)
}

/// The fields that the chain needs, so that it also works with reports of other versions.
#[derive(Deserialize)]
struct Started {
    times: StartedAt,
}

#[derive(Deserialize)]
struct StartedAt {
    started_at: Timestamp,
}

fn started_at(path: &Path) -> Result<(Timestamp, String)> {
    let bytes = files::read(path, files::REPORT)?;
    Ok((started_at_unverified(&bytes)?, super::sha256(&bytes)))
}

/// The start time in these bytes of a `report.json`, not verified.
pub fn started_at_unverified(bytes: &[u8]) -> Result<Timestamp> {
    let started: Started = serde_json::from_slice(bytes).map_err(|error| Error::from_source(&error))?;
    Ok(started.times.started_at)
}
