//! HTML pages on disk: `report.html` beside each report, `index.html` over all of them.
//!
//! A file that pgwitness did not write is not overwritten, a report is never changed, and a run without a page is reported.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::model::period::PeriodSummary;
use crate::model::report::Report;
use crate::output::html::{self, INDEX, PAGE, ReportPage, SummaryFile};
use crate::storage::history::{self, ReportDirectory, ReportEntry};
use crate::storage::reports::{self, REPORT};
use crate::storage::signers::AllowedSigners;

/// No page is larger; a larger file has changed, so it need not be read.
const MAX_PAGE_BYTES: u64 = 1 << 30;

/// The result of writing the pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Path of the index page.
    pub index: PathBuf,
    /// Number of report pages, including those that were up to date.
    pub pages: u64,
    /// Runs without a page, with the reason: each begins with its id.
    pub troubles: Vec<String>,
}

/// The allowed signers, and the current time.
#[derive(Debug, Clone, Copy)]
pub struct Readers<'a> {
    /// Without a list, signatures are not checked, and the pages say so.
    pub allowed: Option<&'a AllowedSigners>,
    /// Compared with the times in the list; the index page shows it as its creation time.
    pub now: Timestamp,
}

/// Writes a page for every report in `dir`, and the index page: beside the reports, or below `output`.
///
/// # Errors
/// The directory cannot be listed, or the index page cannot be written.
pub fn all(dir: &Path, output: Option<&Path>, readers: Readers<'_>) -> Result<Published> {
    let entries = history::read(dir, readers.allowed, readers.now)?;
    all_of(&entries, output.unwrap_or(dir), readers.now)
}

/// Writes the pages of several report directories, each below `output`, and the page over all of them.
///
/// # Errors
/// The page over all of them cannot be written.
pub fn several(directories: &[ReportDirectory], output: &Path, now: Timestamp) -> Result<Published> {
    make_directory(output)?;
    let mut published = Published { index: output.join(INDEX), ..Default::default() };
    for directory in directories {
        let path = directory.path.display();
        let written = match &directory.reports {
            Ok(entries) => all_of(entries, &output.join(directory.pages()), now),
            Err(error) => Err(error.clone()),
        };
        match written {
            Ok(of_one) => {
                published.pages += of_one.pages;
                published.troubles.extend(of_one.troubles.iter().map(|line| format!("{path}: {line}")));
            }
            Err(error) => published.troubles.push(format!("{path}: {}", error.text_with_hint().full())),
        }
    }
    write(&published.index, &html::overview(directories, now))?;
    Ok(published)
}

fn all_of(entries: &[ReportEntry], output: &Path, now: Timestamp) -> Result<Published> {
    let mut published = Published { index: output.join(INDEX), ..Default::default() };
    make_directory(output)?;
    for (position, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.summary().is_some()) {
        let neighbours = Neighbours::of(entries, position);
        match write_one(entry, &neighbours, &output.join(&entry.id).join(PAGE)) {
            Ok(()) => published.pages += 1,
            Err(error) => published.troubles.push(format!("{}: {error}", entry.id)),
        }
    }
    let without = entries.iter().filter(|entry| matches!(entry.content, history::Content::Unreadable(_)));
    let why = |entry: &ReportEntry| format!("{}: no page: {}", entry.id, entry.report_problems().join("; "));
    published.troubles.extend(without.map(why));
    write(&published.index, &html::index(entries, now))?;
    Ok(published)
}

/// Writes the page of one report, given by the path of its `report.json`: beside it, or to `output`.
///
/// # Errors
/// The report cannot be read, or the page cannot be written.
pub fn one(report: &Path, output: Option<&Path>, readers: Readers<'_>) -> Result<PathBuf> {
    let report = report.canonicalize().doing(|| format!("find report {}", report.display()))?;
    let directory = report.parent().filter(|_| report.ends_with(REPORT));
    let (Some(directory), Some(dir)) = (directory, directory.and_then(Path::parent)) else {
        return Err(Error::new(format!("{} is not {REPORT} in a directory of its own", report.display())));
    };
    let entries = history::read(dir, readers.allowed, readers.now)?;
    let position = entries.iter().position(|entry| entry.path == directory);
    let (Some(position), Some(entry)) = (position, position.and_then(|position| entries.get(position))) else {
        return Err(Error::new(format!("{} is not a report", report.display())));
    };
    if entry.summary().is_none() {
        return Err(Error::new(entry.report_problems().join("; ")).context(format!("read report {}", report.display())));
    }
    let neighbours = match output {
        None => Neighbours::of(&entries, position).that_exist(dir),
        Some(_) => Neighbours::default(),
    };
    let path = output.map_or_else(|| directory.join(PAGE), Path::to_owned);
    write_one(entry, &neighbours, &path)?;
    Ok(path)
}

/// Writes the page of a summary over a period.
///
/// # Errors
/// There is a file of this name that pgwitness did not write, or it cannot be written.
pub fn period(summary: &PeriodSummary, file: Option<SummaryFile<'_>>, output: &Path) -> Result<()> {
    write(output, &html::period(summary, file))
}

/// The pages to link from the page of a run.
#[derive(Default)]
struct Neighbours<'a> {
    older: Option<&'a str>,
    newer: Option<&'a str>,
    has_index: bool,
}

impl<'a> Neighbours<'a> {
    fn of(entries: &'a [ReportEntry], position: usize) -> Self {
        let id = |entry: &'a ReportEntry| entry.summary().map(|_| entry.id.as_str());
        let (newer, older) = entries.split_at(position.min(entries.len()));
        Self { older: older.iter().skip(1).find_map(id), newer: newer.iter().rev().find_map(id), has_index: true }
    }

    fn that_exist(self, dir: &Path) -> Self {
        let has_page = |id: &&str| is_ours(&dir.join(id).join(PAGE));
        Self {
            older: self.older.filter(has_page),
            newer: self.newer.filter(has_page),
            has_index: is_ours(&dir.join(INDEX)),
        }
    }
}

fn write_one(entry: &ReportEntry, neighbours: &Neighbours<'_>, path: &Path) -> Result<()> {
    let file = entry.path.join(REPORT);
    let bytes = files::read(&file, files::REPORT).doing(|| format!("read report {}", file.display()))?;
    if entry.summary().is_none_or(|summary| summary.sha256 != hex::encode(Sha256::digest(&bytes))) {
        return Err(Error::new(format!("{} has changed while pages were made", file.display())));
    }
    let report = Report::from_bytes(&bytes).doing(|| format!("read report {}", file.display()))?;
    let Neighbours { older, newer, has_index } = *neighbours;
    write(path, &html::report(&ReportPage { report: &report, entry, older, newer, has_index }))
}

/// Replaces a page; an identical page is left as it is.
fn write(path: &Path, page: &str) -> Result<()> {
    let place = || Some((path.parent()?, path.file_name()?.to_str()?));
    let (dir, name) = place().ok_or_else(|| Error::new(format!("{} is not a file name for a page", path.display())))?;
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    if path.symlink_metadata().is_ok() {
        if !is_ours(path) {
            let error = Error::new("there is a file of this name that pgwitness did not write");
            return Err(error.hint("move it away").context(format!("write {}", path.display())));
        }
        if is_same(path, page) {
            return Ok(());
        }
    }
    make_directory(dir)?;
    clear_partial(&dir.join(format!("{name}.partial")));
    reports::write_file(dir, name, |file| file.write_all(page.as_bytes())).map(drop)
}

/// A regular file with the beginning of a page. A file that cannot be read does not count.
fn is_ours(path: &Path) -> bool {
    let is_file = path.symlink_metadata().is_ok_and(|meta| meta.is_file());
    is_file && html::is_ours(&beginning(path))
}

fn beginning(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = files::open(path).and_then(|file| file.take(4096).read_to_end(&mut bytes));
    if read.is_ok() { bytes } else { Vec::new() }
}

fn is_same(path: &Path, page: &str) -> bool {
    let mut bytes = Vec::new();
    let read = files::open(path).and_then(|file| file.take(MAX_PAGE_BYTES).read_to_end(&mut bytes));
    read.is_ok() && bytes == page.as_bytes()
}

/// Removes the partial page of a killed run, which would stop every later one. Files of other programs stay.
fn clear_partial(partial: &Path) {
    if is_ours(partial) {
        fs::remove_file(partial).ok();
    }
}

fn make_directory(dir: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o750).recursive(true).create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).doing(|| format!("make directory {}", dir.display()))
        }
        _ => Ok(()),
    }
}
