//! Several report directories side by side: a row for each, with its newest run.

use super::history::{age, badge, link_from};
use crate::base::printable::printable;
use crate::base::text::grouped;
use crate::base::time::Timestamp;
use crate::model::status::Status;
use crate::output::document::{
    DocumentTable, Look, Row, TableCell, TableColumn, Text, Tone, name, or_dash, outside, status_tone, word,
};
use crate::storage::history::{ReportDirectory, ReportEntry};

/// Name of the index page of a directory.
pub const INDEX: &str = "index.html";

/// The order in which columns are left out where there is no room.
const SPARE: [u8; 8] = [0, 3, 0, 1, 2, 4, 5, 0];

/// A row for each directory, in the order that was given.
pub fn table(directories: &[ReportDirectory], now: Timestamp) -> DocumentTable {
    let columns = [
        TableColumn::Names("source"),
        TableColumn::Words("newest run"),
        TableColumn::Words("verdict"),
        TableColumn::Words("age"),
        TableColumn::Words("proven data"),
        TableColumn::Words("off-site data"),
        TableColumn::Numbers("runs"),
        TableColumn::Names("reports in"),
    ];
    let rows = directories.iter().map(|directory| row(directory, now)).collect();
    let caption =
        "The newest run of each directory, and how old it, the newest proven dump and the newest off-site backup are";
    DocumentTable { class: "nights", spare: &SPARE, ..DocumentTable::new(caption, columns, rows) }
}

fn row(directory: &ReportDirectory, now: Timestamp) -> Row {
    let runs = directory.entries();
    let newest = runs.first();
    let urls = format!("{}/", directory.pages());
    let since = |at: Option<Timestamp>| or_dash(at.map(|at| age(now.seconds_since(at))));
    let offsite = runs.iter().find_map(|run| run.closing_state.closing()?.offsite.as_ref());
    let cells: [TableCell; 8] = [
        source(directory).into(),
        newest.map_or_else(|| "–".into(), |run| link_from(run, &urls)).into(),
        answer(directory).into(),
        since(newest.and_then(|run| run.started_at)),
        since(runs.iter().find(|run| run.is_dump_proven()).and_then(data_time)),
        since(offsite.map(|stored| stored.data_as_of)),
        or_dash(directory.reports.as_ref().ok().map(|runs| grouped(runs.len() as u64))),
        place(directory, &urls).into(),
    ];
    Row { tone: Some(tone(directory)), ..Row::new(cells) }
}

/// When the data of a run was as its dump has it.
fn data_time(run: &ReportEntry) -> Option<Timestamp> {
    run.summary().and_then(|summary| summary.data_as_of).or(run.started_at)
}

/// The sources of a directory, as its reports name them.
pub fn source(directory: &ReportDirectory) -> Text {
    let names = directory.sources();
    if names.is_empty() { "–".into() } else { outside(&names.join("; ")) }
}

fn answer(directory: &ReportDirectory) -> Text {
    match status(directory) {
        Some(status) => badge(status),
        None => word(Tone::Bad, "cannot be read"),
    }
}

/// A link to the index page of a directory, if it has one.
fn place(directory: &ReportDirectory, urls: &str) -> Text {
    let path = directory.path.display().to_string();
    match directory.reports {
        Ok(_) => Text::shown(printable(&path), Look::Page { href: format!("{urls}{INDEX}") }),
        Err(_) => name(&path),
    }
}

/// The status of the newest run; `None` where the directory cannot be read.
pub fn status(directory: &ReportDirectory) -> Option<Status> {
    let runs = directory.reports.as_ref().ok()?;
    Some(runs.first().map_or(Status::NoReport, ReportEntry::status))
}

fn tone(directory: &ReportDirectory) -> Tone {
    let is_wrong = directory.entries().iter().any(|run| !run.report_problems().is_empty());
    status(directory).filter(|_| !is_wrong).map_or(Tone::Bad, status_tone)
}

/// Why a directory cannot be read, in front of its path.
pub fn failure(directory: &ReportDirectory) -> Option<String> {
    let error = directory.reports.as_ref().err()?;
    Some(format!("{}: {}", directory.path.display(), error.text_with_hint().full()))
}

/// `3 report directories, newest runs: 1 sound, 1 damaged, 1 cannot be read`
pub fn closing(directories: &[ReportDirectory]) -> Text {
    let statuses: Vec<Status> = directories.iter().filter_map(status).collect();
    let count = |wanted: Status| statuses.iter().filter(|status| **status == wanted).count();
    let counted = Status::ALL.into_iter().map(|one| (count(one), one.word())).filter(|(count, _)| *count > 0);
    let mut parts: Vec<String> = counted.map(|(count, word)| format!("{count} {word}")).collect();
    let unread = directories.len() - statuses.len();
    if unread > 0 {
        parts.push(format!("{unread} cannot be read"));
    }
    let tones: Vec<Tone> = directories.iter().map(tone).collect();
    let worst = [Tone::Bad, Tone::Unsure].into_iter().find(|tone| tones.contains(tone)).unwrap_or(Tone::Good);
    word(worst, &format!("{} report directories, newest runs: {}", directories.len(), parts.join(", ")))
}
