//! The nights as a table for people, and what is wrong with them below it.
//!
//! Never shows a verdict that is not proven where signatures were checked.

use super::{ChainState, Content, NightEntry, ReviewState, SignatureState, Summary};
use crate::aftermath::Aftermath;
use crate::render::{Column, Style, bytes, duration, grid, grouped, grouped_noun, printable, wrap};
use crate::time::Timestamp;

/// Narrower than this, some columns are left to `--format json`.
const WIDE: usize = 100;
/// From here on there is room for whole ids.
const VERY_WIDE: usize = 120;
/// And from here on for everything.
const WIDEST: usize = 140;

/// Of a night that is sound, and something after its report is not as it should be.
const SOUND_BUT: &str = "sound, but";
/// Of a night that is sound and may still be at work.
const SO_FAR: &str = "sound so far";

/// The whole view of these nights, newest first.
pub fn table(nights: &[NightEntry], now: Timestamp, style: Style) -> String {
    if nights.is_empty() {
        return "no reports\n".to_owned();
    }
    let rows: Vec<Vec<String>> = nights.iter().map(|night| row(night, style.width)).collect();
    let mut lines = grid(&columns(style.width), &rows, style, |line| painted(line, style));
    let notes: Vec<String> = nights.iter().flat_map(|night| notes(night, style)).collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines.push(String::new());
    lines.push(closing(nights, now, style));
    lines.join("\n") + "\n"
}

fn columns(width: usize) -> Vec<Column> {
    let mut columns = vec![
        Column::Text("night"),
        Column::Text("verdict"),
        Column::Number("tables"),
        Column::Number("rows"),
        Column::Number("finds"),
    ];
    if width >= WIDE {
        columns.push(Column::Number("waived"));
    }
    columns.push(Column::Number("dump"));
    if width >= WIDE {
        columns.push(Column::Number("took"));
    }
    if width >= WIDEST {
        columns.push(Column::Text("command"));
    }
    columns.extend([Column::Text("signed"), Column::Text("chain")]);
    columns
}

fn row(night: &NightEntry, width: usize) -> Vec<String> {
    let none = || "–".to_owned();
    let summary = night.summary();
    let number = |of: fn(&Summary) -> u64| summary.map_or_else(none, |summary| grouped(of(summary)));
    let mut row =
        vec![name(night, width), verdict(night), number(|s| s.tables), number(|s| s.rows), number(|s| s.findings)];
    if width >= WIDE {
        row.push(number(|s| s.waivers));
    }
    row.push(summary.and_then(|summary| summary.dump_bytes).map_or_else(none, bytes));
    if width >= WIDE {
        row.push(summary.map_or_else(none, |summary| duration(summary.duration_ms)));
    }
    if width >= WIDEST {
        row.push(summary.map_or_else(none, |summary| printable(&summary.command)));
    }
    row.extend([signature(night).to_owned(), chain(&night.chain).to_owned()]);
    row
}

/// Of an id, as much as tells nights apart: it is understood wherever an id is.
fn name(night: &NightEntry, width: usize) -> String {
    match night.id.split_once('-') {
        Some((stamp, _)) if width < VERY_WIDE && Timestamp::from_stamp(stamp).is_some() => {
            stamp.chars().take(13).collect()
        }
        _ => printable(&night.id),
    }
}

fn verdict(night: &NightEntry) -> String {
    match &night.content {
        Content::Report(_) if night.is_sound_but() => SOUND_BUT.to_owned(),
        Content::Report(_) if night.is_sound_so_far() => SO_FAR.to_owned(),
        Content::Report(_) => night.verdict().map_or("unproven".to_owned(), |verdict| verdict.to_string()),
        Content::Unreadable(_) => "unreadable".to_owned(),
        Content::NoReport { may_be_running: true } => "no report yet".to_owned(),
        Content::NoReport { may_be_running: false } => "no report".to_owned(),
        Content::Missing { .. } => "missing".to_owned(),
    }
}

fn signature(night: &NightEntry) -> &'static str {
    match (&night.content, &night.signature) {
        (Content::NoReport { .. } | Content::Missing { .. }, _) => "–",
        // The report may be good; the closing is not.
        _ if matches!(night.aftermath, Aftermath::Void(_)) => "BAD",
        _ if night.aftermath == (Aftermath::Absent { may_be_running: false }) => "part",
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

/// The verdict in its colour, and a night that is not in order all red.
fn painted(line: &str, style: Style) -> String {
    let words = ["unproven", "unreadable", "missing", "no report", "BAD", "part", "unknown", "broken", "moved"];
    if words.iter().any(|word| format!("{line} ").contains(&format!(" {word} "))) || line.starts_with("missing-") {
        return style.red(line);
    }
    for word in [SOUND_BUT, SO_FAR, "sound", "damaged", "inconclusive"] {
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

/// A report that was cut off at the new end of the chain shows by nothing but the date of the newest.
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
        nights => format!("; {} with trouble after the report", grouped(nights)),
    };
    let after = match nights.iter().filter(|night| night.is_pending()).count() as u64 {
        0 => after,
        pending => format!("; {} not finished, or killed{after}", grouped(pending)),
    };
    let line = match wrong {
        0 if !after.is_empty() => style.yellow(&format!("{count}, in order{after}{age}{checked}")),
        0 => style.green(&format!("{count}, in order{age}{checked}")),
        wrong => style.red(&format!("{count}, {} not in order{after}{age}{checked}", grouped(wrong as u64))),
    };
    style.bold(&line)
}

fn age(seconds: u64) -> String {
    match seconds / 3600 {
        0 => grouped_noun(seconds / 60, "minute"),
        hours @ 1..48 => grouped_noun(hours, "hour"),
        hours => grouped_noun(hours / 24, "day"),
    }
}
