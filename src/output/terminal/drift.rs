//! What changed from one run to another, on a terminal.
//!
//! Every change is printed; only definitions are shortened, with a note.

use super::diff::{Line, diff};
use super::grid::{GridColumn, grid, last_word};
use super::joined;
use super::style::Style;
use crate::base::printable::printable;
use crate::base::text::{cut, grouped, grouped_noun, wrap};
use crate::compare::drift::{Change, Direction, Drift, ObjectDrift, TableDrift};
use crate::model::finding::Unchecked;

/// Lines of a definition that are shown.
const MAX_LINES: usize = 12;

/// The whole view, ending in a line with the meaning.
pub fn drift(drift: &Drift, style: Style) -> String {
    let sections = [
        tables(drift, style),
        objects(&drift.objects, style),
        changes("sequence", &drift.sequences, style),
        changes("change in violated rules", &drift.violations, style),
        changes("change of versions and settings", &drift.settings, style),
        unknown(&drift.unknown, style),
        vec![closing(drift, style)],
    ];
    joined(&sections)
}

fn tables(drift: &Drift, style: Style) -> Vec<String> {
    let large = drift.large_objects.iter().map(|large| row("(large objects)", large));
    let mut rows: Vec<Vec<String>> = drift.tables.iter().map(|(name, table)| row(&printable(name), table)).collect();
    rows.extend(large);
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = [
        GridColumn::Text("table"),
        GridColumn::Number("rows before"),
        GridColumn::Number("rows after"),
        GridColumn::Number("removed"),
        GridColumn::Number("added"),
        GridColumn::Text("change"),
    ];
    let paint = |word: &str| match word {
        "grew" | "appeared" => Some(style.green(word)),
        "shrank" | "vanished" => Some(style.red(word)),
        "changed" => Some(style.yellow(word)),
        _ => None,
    };
    let mut lines = grid(&columns, &rows, style, |line| last_word(line, paint));
    lines.push(style.dim("a row that was changed counts as removed and as added; ≥ means at least"));
    lines
}

fn row(name: &str, table: &TableDrift) -> Vec<String> {
    let count = |rows: Option<u64>| rows.map_or("–".to_owned(), grouped);
    let counted = |rows: Option<u64>| match rows {
        None => "not known".to_owned(),
        Some(rows) => format!("{}{}", if table.is_exact { "" } else { "≥ " }, grouped(rows)),
    };
    let one_sided = |rows: Option<u64>| rows.map_or("–".to_owned(), |_| counted(rows));
    let (removed, added) = match table.direction {
        Direction::Appeared | Direction::Vanished => (one_sided(table.removed), one_sided(table.added)),
        _ => (counted(table.removed), counted(table.added)),
    };
    vec![name.to_owned(), count(table.before), count(table.after), removed, added, word(table.direction).to_owned()]
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Appeared => "appeared",
        Direction::Vanished => "vanished",
        Direction::Grew => "grew",
        Direction::Shrank => "shrank",
        Direction::Changed => "changed",
    }
}

fn objects(objects: &[ObjectDrift], style: Style) -> Vec<String> {
    if objects.is_empty() {
        return Vec::new();
    }
    let title = grouped_noun(objects.len() as u64, "object of the schema");
    let title = title.replace("object of the schemas", "objects of the schema");
    let mut lines = vec![format!("{}  {}", style.bold(&title), style.dim("(- before, + after)"))];
    for object in objects {
        let change = match object.change {
            "added" => style.green("added"),
            "removed" => style.red("removed"),
            other => style.yellow(other),
        };
        lines.push(format!("  {change} {}", printable(&object.object)));
        lines.extend(definition(object, style).into_iter().map(|line| format!("    {line}")));
        lines.extend(object.with_it.iter().map(|line| format!("    with it {}", printable(line))));
    }
    lines
}

fn definition(object: &ObjectDrift, style: Style) -> Vec<String> {
    let width = style.width.saturating_sub(6).max(20);
    let (before, after) = (object.before.as_deref().unwrap_or_default(), object.after.as_deref().unwrap_or_default());
    let (is_new, is_gone) = (object.before.is_none(), object.after.is_none());
    let all = diff(before, after);
    let mut lines: Vec<String> = all
        .iter()
        // An object on one side only has an empty other text, which is not a line.
        .filter(|line| !(is_new && *line == &Line::Expected("") || is_gone && *line == &Line::Actual("")))
        .take(MAX_LINES)
        .map(|line| match line {
            Line::Same(text) => cut(&format!("  {}", printable(text)), width).trim_end().to_owned(),
            Line::Expected(text) => style.red(&format!("- {}", printable(text))),
            Line::Actual(text) => style.green(&format!("+ {}", printable(text))),
            Line::Gap => style.dim("  …"),
        })
        .collect();
    if all.len() > MAX_LINES {
        lines.push(style.dim("… and more lines (--format json shows them)"));
    }
    lines
}

fn changes(noun: &str, changes: &[Change], style: Style) -> Vec<String> {
    if changes.is_empty() {
        return Vec::new();
    }
    let text = |side: &Option<String>| side.as_deref().map_or("(none)".to_owned(), printable);
    let plural = if noun == "sequence" && changes.len() > 1 { "s" } else { "" };
    let mut lines = vec![style.bold(&format!("{} {noun}{plural}", grouped(changes.len() as u64)))];
    for change in changes {
        let line = format!("{}: {} → {}", printable(&change.name), text(&change.before), text(&change.after));
        let wrapped = wrap(&line, style.width.saturating_sub(4).max(20));
        lines.extend(
            wrapped.iter().enumerate().map(|(i, line)| format!("{}{line}", if i == 0 { "  " } else { "    " })),
        );
    }
    lines
}

fn unknown(unknown: &[Unchecked], style: Style) -> Vec<String> {
    if unknown.is_empty() {
        return Vec::new();
    }
    let title = grouped_noun(unknown.len() as u64, "thing");
    let mut lines = vec![style.bold(&format!("{title} that one of the runs did not see, and that may have changed"))];
    for thing in unknown {
        let side = match thing.side.as_str() {
            "expected" => "before",
            "actual" => "after",
            other => other,
        };
        let line = format!("{} ({side}): {}", printable(&thing.object), printable(thing.reason.full()));
        let wrapped = wrap(&line, style.width.saturating_sub(4).max(20));
        lines.extend(
            wrapped.iter().enumerate().map(|(i, line)| format!("{}{line}", if i == 0 { "  " } else { "    " })),
        );
    }
    lines
}

fn closing(drift: &Drift, style: Style) -> String {
    let same = grouped_noun(drift.tables_unchanged, "table");
    let line = match drift.exit_code() {
        0 => style.green(&format!("nothing has changed ({same} with the same rows)")),
        1 => style.yellow(&format!("changed ({same} with the same rows)")),
        _ => style.yellow(&format!("no change was seen, but not everything was ({same} with the same rows)")),
    };
    style.bold(&line)
}
