//! The runs as a table, with their problems.
//!
//! Where signatures were checked, a verdict is shown only if it is proven.

use super::verification::{self, review};
use crate::base::text::{bytes, duration, grouped, grouped_noun};
use crate::base::time::Timestamp;
use crate::model::run::{Closing, SourceMatch};
use crate::model::status::Status;
use crate::output::document::{
    DocumentTable, Look, Row, TableCell, TableColumn, Text, Tone, name, or_dash, outside, status_tone, word,
};
use crate::storage::history::{ReportEntry, ReviewState, Summary};

/// Name of the page of one report, in the report's directory.
pub const PAGE: &str = "report.html";

/// The order in which columns are left out where there is no room: the id and the verdict stay.
const SPARE: [u8; 14] = [0, 0, 3, 5, 4, 8, 9, 6, 7, 1, 2, 10, 12, 11];

/// The runs, newest first.
pub fn table(runs: &[&ReportEntry], caption: String) -> DocumentTable {
    let columns = [
        TableColumn::Words("run"),
        TableColumn::Words("verdict"),
        TableColumn::Numbers("tables"),
        TableColumn::Numbers("rows"),
        TableColumn::Numbers("findings"),
        TableColumn::Numbers("unchecked"),
        TableColumn::Numbers("waivers"),
        TableColumn::Numbers("dump"),
        TableColumn::Numbers("took"),
        TableColumn::Words("signature"),
        TableColumn::Words("chain"),
        TableColumn::Words("problems"),
        TableColumn::Typed("command"),
        TableColumn::Words("reviewed"),
    ];
    let rows = runs.iter().map(|run| row(run)).collect();
    DocumentTable { class: "nights", spare: &SPARE, ..DocumentTable::new(caption, columns, rows) }
}

fn row(run: &ReportEntry) -> Row {
    let summary = run.summary();
    let number = |of: &dyn Fn(&Summary) -> Option<String>| or_dash(summary.and_then(of));
    let status = run.status();
    let cells = [
        link(run).into(),
        badge(status).into(),
        number(&|s| Some(grouped(s.tables))),
        number(&|s| Some(grouped(s.rows))),
        number(&|s| Some(grouped(s.findings))),
        number(&|s| Some(grouped(s.unchecked))),
        number(&|s| Some(grouped(s.waivers))),
        number(&|s| s.dump_bytes.map(bytes)),
        number(&|s| Some(duration(s.duration_ms))),
        verification::signature(run).into(),
        verification::chain(&run.chain).into(),
        counted(run).into(),
        number(&|s| Some(s.command.clone())),
        reviewed(run),
    ];
    let is_wrong = !run.report_problems().is_empty();
    Row { tone: Some(if is_wrong { Tone::Bad } else { status_tone(status) }), ..Row::new(cells) }
}

pub fn badge(status: Status) -> Text {
    Text::shown(status.word().to_owned(), Look::Badge(status))
}

/// A link to the page of the run, if it has one.
pub fn link(run: &ReportEntry) -> Text {
    link_from(run, "")
}

/// The same on a page elsewhere: `directory` is empty, or the URL of the directory with the pages and a slash.
pub fn link_from(run: &ReportEntry, directory: &str) -> Text {
    let href = run.summary().map(|_| format!("{directory}{}/{PAGE}", href(&run.id)));
    Text::shown(crate::base::printable::printable(&run.id), Look::Run { href, at: run.started_at })
}

/// Escapes a directory name for a URL.
pub fn href(id: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    id.bytes().map(escape).collect()
}

fn reviewed(run: &ReportEntry) -> TableCell {
    let counts = run.reviews.iter().filter(|review| !matches!(review.state, ReviewState::Void(_)));
    let names: Vec<&str> = counts.map(|review| review.identity.as_str()).collect();
    outside(&names.join(", ")).into()
}

/// `2 problems, 1 cleanup task`; empty without a problem.
fn counted(run: &ReportEntry) -> String {
    let Some(closing) = run.closing_state.closing().filter(|_| !run.later_failures().is_empty()) else {
        return String::new();
    };
    let counts = [(closing.troubles.len(), "problem"), (closing.debts.len(), "cleanup task")];
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| grouped_noun(count as u64, noun))
        .collect();
    if parts.is_empty() { format!("exit code {}", closing.exit_code) } else { parts.join(", ") }
}

/// Problems after the report was signed, without the cleanup tasks that a later run of the same source no longer lists.
pub fn open_problems(runs: &[ReportEntry], position: usize) -> Vec<String> {
    let Some(run) = runs.get(position) else { return Vec::new() };
    let is_of_source = |other: &&ReportEntry| match (source(run), source(other)) {
        (Some(ours), Some(theirs)) => ours.kinship(theirs) == SourceMatch::Same,
        _ => false,
    };
    let newest: Option<&Closing> =
        runs.iter().take(position).filter(is_of_source).find_map(|run| run.closing_state.closing());
    let is_done = |line: &str| {
        let task = line.strip_prefix(crate::model::closing_state::CLEANUP_TASK);
        task.zip(newest).is_some_and(|(task, newest)| !newest.debts.iter().any(|open| open == task))
    };
    run.later_failures().into_iter().filter(|line| !is_done(line)).collect()
}

fn source(run: &ReportEntry) -> Option<&crate::model::run::Origin> {
    run.summary()?.source.as_ref()
}

/// How many runs have each status; none is left out.
pub fn counts(runs: &[&ReportEntry]) -> Vec<(Status, usize)> {
    let count = |status| runs.iter().filter(|run| run.status() == status).count();
    Status::ALL.into_iter().map(|status| (status, count(status))).filter(|(_, count)| *count > 0).collect()
}

/// What is to be said of a run below the table.
pub fn notes(run: &ReportEntry) -> Vec<(Option<Tone>, Text)> {
    let say = |text: Text| name(&run.id).and(": ").and(text);
    let mut notes: Vec<(Option<Tone>, Text)> =
        run.report_problems().iter().map(|reason| (Some(Tone::Bad), say(outside(reason)))).collect();
    notes.extend(run.dump_line().filter(|_| run.is_dump_proven()).map(|line| (None, say(outside(line)))));
    let later_failures = run.later_failures();
    if !later_failures.is_empty() {
        let text = Text::from("after the report: ").and(outside(&later_failures.join("; ")));
        notes.push((Some(Tone::Unsure), say(text)));
    }
    notes.extend(run.closing_state.pending().map(|text| (None, say(text.into()))));
    notes.extend(run.reviews.iter().map(|one| (None, say(review(one)))));
    notes
}

/// Removed reports at the end of the chain are visible only by the date of the newest one.
pub fn closing(runs: &[ReportEntry], now: Timestamp) -> Text {
    let count = |is: &dyn Fn(&ReportEntry) -> bool| runs.iter().filter(|run| is(run)).count() as u64;
    let wrong = count(&|run| !run.report_problems().is_empty());
    let newest = runs.iter().find_map(|run| run.summary().and(run.started_at));
    let age = newest.map_or(String::new(), |at| format!("; the newest report is {} old", age(now.seconds_since(at))));
    let checked = match runs.iter().any(|run| run.is_checked) {
        true => "",
        false => "; signatures not checked (--allowed-signers)",
    };
    let mut after = String::new();
    let (pending, ended_badly) = (count(&ReportEntry::is_pending), count(&|run| !run.later_failures().is_empty()));
    if pending > 0 {
        after.push_str(&format!("; {} not finished, or killed", grouped(pending)));
    }
    if ended_badly > 0 {
        after.push_str(&format!("; {} with a problem after the report", grouped(ended_badly)));
    }
    let (tone, order) = match wrong {
        0 if after.is_empty() => (Tone::Good, "in order".to_owned()),
        0 => (Tone::Unsure, "in order".to_owned()),
        wrong => (Tone::Bad, format!("{} not in order", grouped(wrong))),
    };
    word(tone, &format!("{}, {order}{after}{age}{checked}", grouped_noun(runs.len() as u64, "run")))
}

/// The newest verified backup in the off-site repository, as the newest run that had one knew it.
pub fn offsite(runs: &[ReportEntry]) -> Option<String> {
    let stored = runs.iter().find_map(|run| run.closing_state.closing()?.offsite.as_ref())?;
    Some(format!("newest off-site backup: {}, data of {}", stored.backup, stored.data_as_of))
}

pub fn age(seconds: u64) -> String {
    match seconds / 3600 {
        0 => grouped_noun(seconds / 60, "minute"),
        hours @ 1..48 => grouped_noun(hours, "hour"),
        hours => grouped_noun(hours / 24, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_character_that_means_something_else() {
        assert_eq!(href("20260131T020000Z-1f2e3d4c"), "20260131T020000Z-1f2e3d4c");
        assert_eq!(href("a/b\"<é"), "a%2Fb%22%3C%C3%A9");
    }
}
