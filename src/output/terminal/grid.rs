//! A table on a terminal: columns of texts under a ruled heading, in the width that there is.
//!
//! Columns that do not fit are left out, and names are broken into lines; other texts stay whole, because they are typed again.

use super::style::Style;
use crate::base::text::cells;
use crate::output::document::{DocumentTable, Row, TableCell, TableColumn, Text, Tone};

/// Digits of a digest that are shown.
const DIGITS: usize = 16;
/// Cells between two columns.
const GAP: usize = 2;
/// No name is broken into shorter lines.
const MIN_NAME: usize = 12;

/// A column that is shown: where its cells are, and their width.
struct Shown {
    at: usize,
    column: TableColumn,
    width: usize,
}

/// The lines of these rows, heading and rule first.
pub fn grid(table: &DocumentTable, rows: &[&Row], style: Style) -> Vec<String> {
    let columns = fitting(table, rows, style.width);
    let heads = columns.iter().map(|shown| vec![Text::from(shown.column.head())]).collect::<Vec<_>>();
    let rule: usize = columns.iter().map(|shown| shown.width + GAP).sum::<usize>().saturating_sub(GAP);
    let mut lines: Vec<String> =
        laid_out(&columns, &heads, |text| text.plain()).into_iter().map(|line| style.bold(&line)).collect();
    lines.push(style.dim(&"─".repeat(rule)));
    for row in rows {
        let texts: Vec<Vec<Text>> = columns.iter().map(|shown| broken(row.cells.get(shown.at), shown)).collect();
        match row.tone {
            Some(Tone::Bad) => {
                lines.extend(laid_out(&columns, &texts, Text::plain).into_iter().map(|line| style.red(&line)));
            }
            _ => lines.extend(laid_out(&columns, &texts, |text| style.painted(text))),
        }
    }
    lines
}

/// The columns that fit; the last of those that may be spared goes first.
fn fitting(table: &DocumentTable, rows: &[&Row], width: usize) -> Vec<Shown> {
    let measured = |(at, column): (usize, &TableColumn)| {
        let of_row = |row: &&Row| row.cells.get(at).map_or(0, widest);
        let width = rows.iter().map(of_row).max().unwrap_or_default().max(cells(column.head()));
        Shown { at, column: *column, width }
    };
    let is_text = |(_, column): &(usize, &TableColumn)| !matches!(column, TableColumn::Bars(_));
    let mut columns: Vec<Shown> = table.columns.iter().enumerate().filter(is_text).map(measured).collect();
    let total = |columns: &[Shown]| columns.iter().map(|shown| shown.width + GAP).sum::<usize>().saturating_sub(GAP);
    while total(&columns) > width {
        let spare = |shown: &Shown| table.spare.get(shown.at).copied().unwrap_or_default();
        match (0..columns.len()).max_by_key(|at| spare(&columns[*at])) {
            Some(last) if spare(&columns[last]) > 0 => drop(columns.remove(last)),
            _ => break,
        }
    }
    let excess = total(&columns).saturating_sub(width);
    if let Some(name) = columns.iter_mut().find(|shown| matches!(shown.column, TableColumn::Names(_))) {
        name.width = name.width.saturating_sub(excess).max(name.width.min(MIN_NAME));
    }
    columns
}

fn widest(cell: &TableCell) -> usize {
    match cell {
        TableCell::Text(text) => cells(&text.plain()),
        TableCell::Digests(digests) => digests.iter().map(|digest| cells(digest).min(DIGITS)).max().unwrap_or_default(),
        TableCell::Bar(_) => 0,
    }
}

/// The lines of a cell.
fn broken(cell: Option<&TableCell>, shown: &Shown) -> Vec<Text> {
    match cell {
        Some(TableCell::Text(text)) if cells(&text.plain()) > shown.width => chunks(&text.plain(), shown.width),
        Some(TableCell::Text(text)) => vec![text.clone()],
        Some(TableCell::Digests(digests)) => digests.iter().map(|digest| short(digest).into()).collect(),
        Some(TableCell::Bar(_)) | None => Vec::new(),
    }
}

fn short(digest: &str) -> String {
    digest.chars().take(DIGITS).collect()
}

fn chunks(text: &str, width: usize) -> Vec<Text> {
    let mut lines = vec![String::new()];
    for c in text.chars() {
        if lines.last().is_some_and(|line| cells(line) + cells(c.encode_utf8(&mut [0; 4])) > width) {
            lines.push(String::new());
        }
        lines.last_mut().into_iter().for_each(|line| line.push(c));
    }
    lines.into_iter().map(|line| Text::shown(line, crate::output::document::Look::Name)).collect()
}

/// The lines of a row whose cells have these lines.
fn laid_out(columns: &[Shown], texts: &[Vec<Text>], paint: impl Fn(&Text) -> String) -> Vec<String> {
    let height = texts.iter().map(Vec::len).max().unwrap_or_default();
    let nothing = Text::default();
    let line = |at: usize| {
        let mut line = String::new();
        for (shown, lines) in columns.iter().zip(texts) {
            let text = lines.get(at).unwrap_or(&nothing);
            let padding = " ".repeat(shown.width.saturating_sub(cells(&text.plain())));
            let is_right = shown.column.is_number();
            let (before, behind) = if is_right { (padding, String::new()) } else { (String::new(), padding) };
            line.push_str(&format!("{before}{}{behind}{:GAP$}", paint(text), ""));
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}
