//! The runs as a table, with their problems below it.
//!
//! Where signatures were checked, a verdict is shown only if it is proven.

use super::{GridColumn, Style, grid};
use crate::base::printable::printable;
use crate::base::text::{bytes, duration, grouped, grouped_noun, wrap};
use crate::base::time::Timestamp;
use crate::model::post_report::PostReport;
use crate::model::status::Status;
use crate::storage::history::{ChainState, Content, NightEntry, ReviewState, SignatureState, Summary};

/// From these widths on, further columns are shown; the id is never cut, because it is typed again.
const HAS_SIGNED: usize = 60;
const HAS_COUNTS: usize = 80;
const HAS_ROWS: usize = 100;
const HAS_DURATION: usize = 120;
const HAS_COMMAND: usize = 140;

/// The whole view of these runs, newest first.
pub fn table(nights: &[NightEntry], now: Timestamp, style: Style) -> String {
    if nights.is_empty() {
        return "no reports\n".to_owned();
    }
    let (columns, cells): (Vec<GridColumn>, Vec<Cell>) = shown(style.width).unzip();
    let rows: Vec<Vec<String>> = nights.iter().map(|night| cells.iter().map(|cell| cell(night)).collect()).collect();
    let mut lines = grid(&columns, &rows, style, |line| painted(line, style));
    let notes: Vec<String> = nights.iter().flat_map(|night| notes(night, style)).collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines.push(String::new());
    lines.push(closing(nights, now, style));
    lines.join("\n") + "\n"
}

type Cell = fn(&NightEntry) -> String;

/// The columns that fit, each with what stands in it.
fn shown(width: usize) -> impl Iterator<Item = (GridColumn, Cell)> {
    let columns: [(usize, GridColumn, Cell); 11] = [
        (0, GridColumn::Text("night"), |night| printable(&night.id)),
        (0, GridColumn::Text("verdict"), verdict),
        (HAS_COUNTS, GridColumn::Number("tables"), |night| number(night, |summary| summary.tables)),
        (HAS_ROWS, GridColumn::Number("rows"), |night| number(night, |summary| summary.rows)),
        (HAS_COUNTS, GridColumn::Number("finds"), |night| number(night, |summary| summary.findings)),
        (HAS_DURATION, GridColumn::Number("waived"), |night| number(night, |summary| summary.waivers)),
        (HAS_ROWS, GridColumn::Number("dump"), |night| or_dash(night.summary().and_then(|s| s.dump_bytes).map(bytes))),
        (HAS_DURATION, GridColumn::Number("took"), |night| or_dash(night.summary().map(|s| duration(s.duration_ms)))),
        (HAS_COMMAND, GridColumn::Text("command"), |night| or_dash(night.summary().map(|s| printable(&s.command)))),
        (HAS_SIGNED, GridColumn::Text("signed"), |night| signature(night).to_owned()),
        (HAS_SIGNED, GridColumn::Text("chain"), |night| chain(&night.chain).to_owned()),
    ];
    columns.into_iter().filter(move |(from, ..)| width >= *from).map(|(_, column, cell)| (column, cell))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

fn number(night: &NightEntry, of: fn(&Summary) -> u64) -> String {
    or_dash(night.summary().map(|summary| grouped(of(summary))))
}

fn verdict(night: &NightEntry) -> String {
    night.status().word().to_owned()
}

fn signature(night: &NightEntry) -> &'static str {
    match (&night.content, &night.signature) {
        (Content::NoReport { .. } | Content::Missing { .. }, _) => "–",
        // The report may be good, but closing.json is not.
        _ if matches!(night.aftermath, PostReport::Void(_)) => "BAD",
        _ if night.aftermath == (PostReport::Absent { may_be_running: false }) => "part",
        (_, SignatureState::Good(_)) => "good",
        (_, SignatureState::Unsigned) => "no",
        (_, SignatureState::Bad(_)) => "BAD",
        (_, SignatureState::UnknownSigner(_)) => "unknown",
        (_, SignatureState::NotChecked) => "?",
    }
}

fn chain(chain: &ChainState) -> &'static str {
    match chain {
        ChainState::First => "first",
        ChainState::Linked(_) => "linked",
        ChainState::PreviousPruned => "pruned",
        ChainState::PreviousMissing | ChainState::PreviousEdited(_) => "broken",
        ChainState::Misplaced(_) => "moved",
        ChainState::Unknown => "–",
    }
}

/// Colours the verdict; a run with a problem is all red.
fn painted(line: &str, style: Style) -> String {
    let words = ["unproven", "unreadable", "missing", "no report", "BAD", "part", "unknown", "broken", "moved"];
    if words.iter().any(|word| format!("{line} ").contains(&format!(" {word} "))) || line.starts_with("missing-") {
        return style.red(line);
    }
    let statuses =
        [Status::SoundWithWarnings, Status::SoundSoFar, Status::Sound, Status::Damaged, Status::Inconclusive];
    for word in statuses.map(Status::word) {
        if let Some((front, back)) = line.split_once(&format!(" {word} ")) {
            let painted = match word {
                "sound" => style.green(word),
                "damaged" => style.red(word),
                _ => style.yellow(word),
            };
            return format!("{front} {painted} {back}");
        }
    }
    line.to_owned()
}

fn notes(night: &NightEntry, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for reason in night.disorder() {
        lines.extend(
            note(&format!("{}: {}", printable(&night.id), printable(&reason)), style).map(|line| style.red(&line)),
        );
    }
    if let Some(line) = night.dump_line().filter(|_| night.is_dump_proven()) {
        lines.extend(note(&format!("{}: {}", printable(&night.id), printable(line)), style));
    }
    let wrongs = night.wrongs();
    if !wrongs.is_empty() {
        let text = format!("{}: after the report: {}", printable(&night.id), printable(&wrongs.join("; ")));
        lines.extend(note(&text, style).map(|line| style.yellow(&line)));
    }
    lines.extend(
        night.aftermath.pending().iter().flat_map(|text| note(&format!("{}: {text}", printable(&night.id)), style)),
    );
    for review in &night.reviews {
        let when = review.reviewed_at.map(|at| format!(" at {at}")).unwrap_or_default();
        let (who, what) = (printable(&review.identity), printable(&review.note));
        let id = printable(&night.id);
        let text = match &review.state {
            ReviewState::Counts => format!("{id}: reviewed by {who}{when}: {what}"),
            ReviewState::NotChecked => format!("{id}: reviewed by {who}{when} (signature not checked): {what}"),
            ReviewState::Void(why) => {
                format!("{id}: a review that does not count ({}), by {who}{when}", printable(why))
            }
        };
        lines.extend(note(&text, style));
    }
    lines
}

fn note(text: &str, style: Style) -> impl Iterator<Item = String> + use<> {
    let wrapped = wrap(text, style.width.saturating_sub(2).max(20));
    wrapped.into_iter().enumerate().map(|(i, line)| if i == 0 { line } else { format!("  {line}") })
}

/// Removed reports at the end of the chain are visible only by the date of the newest one.
fn closing(nights: &[NightEntry], now: Timestamp, style: Style) -> String {
    let wrong = nights.iter().filter(|night| !night.disorder().is_empty()).count();
    let newest = nights.iter().find_map(|night| night.summary().and(night.started_at));
    let age = newest.map_or(String::new(), |at| format!("; the newest report is {} old", age(now.seconds_since(at))));
    let checked =
        if nights.iter().any(|night| night.is_checked) { "" } else { "; signatures not checked (--allowed-signers)" };
    let count = grouped_noun(nights.len() as u64, "night");
    let ended_badly = nights.iter().filter(|night| !night.wrongs().is_empty()).count() as u64;
    let after = match ended_badly {
        0 => String::new(),
        nights => format!("; {} with a problem after the report", grouped(nights)),
    };
    let after = match nights.iter().filter(|night| night.is_pending()).count() as u64 {
        0 => after,
        pending => format!("; {} not finished, or killed{after}", grouped(pending)),
    };
    let (text, paint): (String, fn(Style, &str) -> String) = match wrong {
        0 if !after.is_empty() => (format!("{count}, in order{after}{age}{checked}"), Style::yellow),
        0 => (format!("{count}, in order{age}{checked}"), Style::green),
        wrong => (format!("{count}, {} not in order{after}{age}{checked}", grouped(wrong as u64)), Style::red),
    };
    let lines = note(&text, style).map(|line| style.bold(&paint(style, &line)));
    lines.collect::<Vec<_>>().join("\n")
}

fn age(seconds: u64) -> String {
    match seconds / 3600 {
        0 => grouped_noun(seconds / 60, "minute"),
        hours @ 1..48 => grouped_noun(hours, "hour"),
        hours => grouped_noun(hours / 24, "day"),
    }
}
