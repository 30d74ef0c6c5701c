//! The list of tables: rows, digest and status of each.
//!
//! Every table that is not equal is listed.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::style::Style;
use crate::base::printable::printable;
use crate::base::text::{cells, grouped, grouped_noun};
use crate::model::digest::TableDigest;
use crate::model::verdict::{TableResult, TableStatus};

/// Up to this number, all equal tables are shown.
const EQUAL_SHOWN: usize = 40;
/// Of more, only the largest are shown.
const LARGEST_SHOWN: usize = 20;

const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The lines of the table.
pub fn lines(tables: &BTreeMap<String, TableResult>, style: Style) -> Vec<String> {
    if tables.is_empty() {
        return vec!["no tables".to_owned()];
    }
    let hidden = hidden(tables, style);
    let shown = tables.iter().filter(|(name, _)| !hidden.contains(name.as_str()));
    let mut lines = table(shown, style);
    if !hidden.is_empty() {
        let count = grouped_noun(hidden.len() as u64, "more equal table");
        lines.push(style.dim(&format!("… and {count} (--all-tables shows them)")));
    }
    lines
}

/// Names of the equal tables that are only counted.
fn hidden(tables: &BTreeMap<String, TableResult>, style: Style) -> BTreeSet<&str> {
    let is_equal = |(_, result): &(&String, &TableResult)| result.status == TableStatus::Equal;
    let mut equal: Vec<_> = tables.iter().filter(is_equal).collect();
    if style.all_tables || equal.len() <= EQUAL_SHOWN {
        return BTreeSet::new();
    }
    equal.sort_by_key(|(_, result)| std::cmp::Reverse(result.expected.map_or(0, |digest| digest.rows)));
    equal.into_iter().skip(LARGEST_SHOWN).map(|(name, _)| name.as_str()).collect()
}

fn table<'a>(tables: impl Iterator<Item = (&'a String, &'a TableResult)>, style: Style) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(RULED).force_no_tty().set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(style.width).unwrap_or(u16::MAX));
    let header = ["table", "expected rows", "actual rows", "digest", "verdict"];
    table.set_header(header.iter().enumerate().map(|(i, text)| aligned(i, (*text).to_owned())));
    for (name, result) in tables {
        table.add_row(row(name, result).into_iter().enumerate().map(|(i, text)| aligned(i, text)));
    }
    for column in table.column_iter_mut() {
        let right = if column.index + 1 == header.len() { 0 } else { 1 };
        column.set_padding((0, right));
    }
    let verdict_cells = table.column_max_content_widths().last().map_or(0, |width| usize::from(*width));
    table.lines().enumerate().map(|(i, line)| painted(i, &line, verdict_cells, style)).collect()
}

fn aligned(column: usize, text: String) -> Cell {
    let is_number = matches!(column, 1 | 2);
    Cell::new(text).set_alignment(if is_number { CellAlignment::Right } else { CellAlignment::Left })
}

fn row(name: &str, result: &TableResult) -> [String; 5] {
    let rows = |digest: Option<TableDigest>| digest.map_or("–".to_owned(), |digest| grouped(digest.rows));
    let verdict = word(result.status).to_owned();
    [printable(name), rows(result.expected), rows(result.actual), digests(result), verdict]
}

/// The first 16 digits; both digests when they differ.
fn digests(result: &TableResult) -> String {
    let short = |digest: TableDigest| digest.hex().chars().take(16).collect::<String>();
    match (result.expected, result.actual) {
        (Some(expected), Some(actual)) if expected.lanes != actual.lanes => {
            format!("{}\n{}", short(expected), short(actual))
        }
        (Some(digest), _) | (None, Some(digest)) => short(digest),
        (None, None) => "–".to_owned(),
    }
}

fn word(status: TableStatus) -> &'static str {
    match status {
        TableStatus::Equal => "equal",
        TableStatus::Different => "differs",
        TableStatus::Missing => "missing",
        TableStatus::Unexpected => "unexpected",
        TableStatus::Unchecked => "unchecked",
        TableStatus::Waived => "waived",
        TableStatus::Derived => "derived",
    }
}

/// Colours the last column. The table library would read the environment for that.
fn painted(index: usize, line: &str, verdict_cells: usize, style: Style) -> String {
    let at = cells(line).saturating_sub(verdict_cells);
    let split = line.char_indices().rev().nth(verdict_cells.saturating_sub(1)).map_or(0, |(split, _)| split);
    let (front, verdict) = line.split_at(split);
    match verdict.trim_end() {
        _ if at == 0 => line.trim_end().to_owned(),
        _ if index == 0 => style.bold(line.trim_end()),
        _ if index == 1 => style.dim(line),
        word @ "equal" => format!("{front}{}", style.green(word)),
        word @ ("unchecked" | "waived" | "derived") => format!("{front}{}", style.yellow(word)),
        word @ ("differs" | "missing" | "unexpected") => format!("{front}{}", style.red(word)),
        _ => line.trim_end().to_owned(),
    }
}
