//! `pgwitness backups`: lists the backup directory. Reads names, records and lengths; changes nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{BackupsCommand, BackupsListArguments, Format};
use super::terminal::{print_json, print_result};
use super::{config, inputs};
use crate::base::error::{Error, Result};
use crate::base::printable::printable;
use crate::base::text::{bytes as size, cells};
use crate::base::time::Timestamp;
use crate::model::run::{Origin, SourceMatch};
use crate::storage::backups::{self, Backup, BackupListing, Backups, OwnSource};

/// Exit code: a backup that was verified before no longer counts.
const NOT_WHOLE: u8 = 2;
const FORMAT: u32 = 1;

/// One line of the listing.
#[derive(Debug, Serialize)]
struct BackupLine {
    id: String,
    place: &'static str,
    data_as_of: Option<Timestamp>,
    made_at: Option<Timestamp>,
    bytes: Option<u64>,
    source: Option<Origin>,
    /// Whether the backup is of the configured source; absent without a configuration.
    is_own: Option<bool>,
    report: Option<String>,
    note: Option<String>,
}

#[derive(Serialize)]
struct Printed<'a> {
    format: u32,
    directory: &'a Path,
    /// The sources that the directory is marked for.
    marked_for: &'a [Origin],
    backups: &'a [BackupLine],
    notes: &'a [String],
}

/// Runs one of the `backups` commands.
pub fn run(command: &BackupsCommand) -> Result<u8> {
    match command {
        BackupsCommand::List(arguments) => list(arguments),
    }
}

fn list(arguments: &BackupsListArguments) -> Result<u8> {
    let place = BackupFolder::new(arguments)?;
    let backups = Backups::open(&place.directory)?;
    let listing = backups.list()?;
    let ours = place.origin.as_ref().map(|origin| backups.own_source_unchecked(origin));
    let mut notes: Vec<String> = backups.remarks().to_vec();
    if let Some(origin) = &place.origin {
        let refused = backups.ours(origin).err();
        notes.extend(
            refused.map(|error| error.hint_text().map_or(error.to_string(), |hint| format!("{error}; {hint}"))),
        );
    }
    notes.extend(listing.notes.iter().map(|note| note.full().to_owned()));
    notes.extend(damaged_total(&listing.damaged));
    let lines = lines(&listing, ours.as_ref(), &place.reports);
    match arguments.format {
        Format::Table => print_result(&table(&lines, &notes))?,
        Format::Json => {
            let (directory, marked_for) = (place.directory.as_path(), backups.sources());
            let printed = Printed { format: FORMAT, directory, marked_for, backups: &lines, notes: &notes };
            let text = serde_json::to_string_pretty(&printed).map_err(|error| Error::from_source(&error))?;
            print_json(&format!("{text}\n"))?;
        }
    }
    let is_whole = listing.unusable.iter().all(|unusable| unusable.place != "verified");
    Ok(if is_whole { 0 } else { NOT_WHOLE })
}

/// The directory of backups, the directory of reports, and the configured source.
struct BackupFolder {
    directory: PathBuf,
    reports: PathBuf,
    origin: Option<Origin>,
}

impl BackupFolder {
    fn new(arguments: &BackupsListArguments) -> Result<Self> {
        if let Some(directory) = &arguments.directory {
            return Ok(Self { directory: directory.clone(), reports: PathBuf::new(), origin: None });
        }
        let config = config::load_or(
            &arguments.file,
            "--directory DIR says where the backups are; --config FILE names a configuration",
        )?;
        let origin = backups::configured(&config.source, &inputs::environment)?;
        Ok(Self { directory: config.dump.directory, reports: config.report.directory, origin: Some(origin) })
    }
}

/// Newest first, in any place.
fn lines(listing: &BackupListing, ours: Option<&OwnSource>, reports: &Path) -> Vec<BackupLine> {
    let mut lines = Vec::new();
    let places = [("verified", &listing.verified), ("damaged", &listing.damaged), ("unverified", &listing.unverified)];
    for (place, backups) in places {
        lines.extend(backups.iter().map(|backup| line(place, backup, ours, reports)));
    }
    for unusable in &listing.unusable {
        let mut line = match &unusable.backup {
            Some(backup) => line(unusable.place, backup, ours, reports),
            None => bare(unusable.place, &unusable.id),
        };
        line.note = Some(format!("not usable: {}", unusable.why.full()));
        lines.push(line);
    }
    lines.extend(listing.partial.iter().map(|id| bare("partial", id)));
    lines.extend(listing.removing.iter().map(|id| bare("removing", id)));
    lines.sort_by(|a, b| b.id.cmp(&a.id));
    lines
}

fn line(place: &'static str, backup: &Backup, ours: Option<&OwnSource>, reports: &Path) -> BackupLine {
    let record = &backup.record;
    let kinship = ours.map(|ours| ours.kinship(backup, reports));
    let note = match kinship {
        None | Some(SourceMatch::Same) => None,
        Some(SourceMatch::Moved) => Some("of the same system at another address: not used"),
        Some(SourceMatch::Other) => Some("of another source: not used"),
        Some(SourceMatch::Unknown) => Some("its source is not known: not used"),
    };
    BackupLine {
        id: record.id.clone(),
        place,
        data_as_of: Some(record.data_as_of),
        made_at: Some(record.made_at),
        bytes: Some(record.dump.bytes),
        source: record.source.clone(),
        is_own: kinship.map(|kinship| kinship == SourceMatch::Same),
        report: record.report.as_ref().map(|report| report.path.clone()),
        note: note.map(str::to_owned),
    }
}

fn bare(place: &'static str, id: &str) -> BackupLine {
    let (id, data_as_of) = (id.to_owned(), None);
    let (made_at, bytes, source, is_own, report, note) = (None, None, None, None, None, None);
    BackupLine { id, place, data_as_of, made_at, bytes, source, is_own, report, note }
}

/// Nothing removes damaged backups: show their size so that the user can decide.
fn damaged_total(damaged: &[Backup]) -> Option<String> {
    let bytes: u64 = damaged.iter().map(|backup| backup.record.dump.bytes).sum();
    (!damaged.is_empty()).then(|| {
        format!(
            "damaged/ holds {} with {} in all; nothing removes them: delete their directories once they are not needed",
            crate::model::verdict::counted(damaged.len(), "backup"),
            size(bytes)
        )
    })
}

fn table(lines: &[BackupLine], notes: &[String]) -> String {
    let mut text = String::new();
    if lines.is_empty() {
        text.push_str("there is no backup\n");
    } else {
        let head = ["BACKUP", "PLACE", "DATA AS OF", "SIZE", "SOURCE", "NOTE"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(lines.iter().map(row)).collect();
        text.push_str(&align(&rows));
    }
    for note in notes {
        text.push_str(&format!("note: {}\n", printable(note)));
    }
    text
}

fn row(line: &BackupLine) -> Vec<String> {
    let source = match &line.source {
        Some(Origin::Postgres { database, servers, .. }) => format!("{database} on {}", servers.join(",")),
        Some(Origin::Rds { database, instance, .. }) => format!("{database} of {instance}"),
        None => "-".into(),
    };
    let time = line.data_as_of.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let bytes = line.bytes.map_or_else(|| "-".to_owned(), size);
    let note = line.note.clone().unwrap_or_default();
    [line.id.clone(), line.place.to_owned(), time, bytes, source, note].map(|cell| printable(&cell)).to_vec()
}

/// Pads the columns. A line is never cut, because users copy ids.
fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cells(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let pad = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width.saturating_sub(cells(cell))));
    let line = |row: &Vec<String>| row.iter().zip(&widths).map(pad).collect::<Vec<_>>().join("  ");
    rows.iter().map(|row| format!("{}\n", line(row).trim_end())).collect()
}
