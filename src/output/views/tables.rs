//! Tables with their counts and digests.

use std::collections::BTreeMap;

use crate::base::text::{grouped, grouped_noun};
use crate::model::digest::TableDigest;
use crate::model::verdict::{TableResult, TableStatus};
use crate::output::document::{Block, DocumentTable, Row, Section, TableCell, TableColumn, Tone, name, or_dash, word};

/// Up to this number, all equal tables are open.
const OPEN: usize = 40;

pub fn section(tables: &BTreeMap<String, TableResult>) -> Section {
    let section = Section::new("tables", "Tables")
        .note("The digest is the sum of the SHA-256 of all rows; equal rows in any order have equal digests.");
    if tables.is_empty() {
        return section.with([Block::Paragraph("no table was read on either side".into())]);
    }
    let rows = tables.iter().map(|(name, result)| row(name, result)).collect();
    let columns = [
        TableColumn::Names("table"),
        TableColumn::Numbers("expected rows"),
        TableColumn::Numbers("actual rows"),
        TableColumn::Digests("digest"),
        TableColumn::Words("verdict"),
    ];
    let table = DocumentTable::new("Tables that are not equal, or not compared", columns, rows);
    section.with([Block::DocumentTable(DocumentTable { class: "digests", folded: Some((OPEN, folded)), ..table })])
}

/// `3 equal tables, 120,000 rows`
fn folded(rows: &[&Row]) -> String {
    let weight = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.weight));
    format!("{}, {}", grouped_noun(rows.len() as u64, "equal table"), grouped_noun(weight, "row"))
}

fn row(table: &str, result: &TableResult) -> Row {
    let rows = |digest: Option<TableDigest>| or_dash(digest.map(|digest| grouped(digest.rows)));
    let (text, tone, rank) = status(result.status);
    let cells = [
        name(table).into(),
        rows(result.expected),
        rows(result.actual),
        TableCell::Digests(digests(result)),
        word(tone, text).into(),
    ];
    let is_equal = result.status == TableStatus::Equal;
    let weight = result.expected.map_or(0, |digest| digest.rows);
    Row { rank, weight, folded: is_equal.then(|| schema(table).to_owned()), ..Row::new(cells) }
}

/// Both where they differ.
fn digests(result: &TableResult) -> Vec<String> {
    match (result.expected, result.actual) {
        (Some(expected), Some(actual)) if expected.lanes != actual.lanes => vec![expected.hex(), actual.hex()],
        (Some(digest), _) | (None, Some(digest)) => vec![digest.hex()],
        (None, None) => vec!["–".to_owned()],
    }
}

fn status(status: TableStatus) -> (&'static str, Tone, u8) {
    match status {
        TableStatus::Different => ("differs", Tone::Bad, 0),
        TableStatus::Missing => ("missing", Tone::Bad, 1),
        TableStatus::Unexpected => ("unexpected", Tone::Bad, 2),
        TableStatus::Unchecked => ("unchecked", Tone::Unsure, 3),
        TableStatus::Derived => ("derived", Tone::Unsure, 4),
        TableStatus::Waived => ("waived", Tone::Unsure, 5),
        TableStatus::Converged => ("rechecked", Tone::Good, 6),
        TableStatus::Equal => ("equal", Tone::Good, 7),
    }
}

/// The text before the first dot outside of quotes.
fn schema(name: &str) -> &str {
    let mut is_quoted = false;
    let end = name.find(|c| {
        is_quoted ^= c == '"';
        c == '.' && !is_quoted
    });
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_within_quotes_does_not_end_the_schema() {
        for (name, wanted) in
            [("shop.orders", "shop"), ("\"a.b\".\"c.d\"", "\"a.b\""), ("\"a\"\".\".x", "\"a\"\".\""), ("x", "x")]
        {
            assert_eq!(schema(name), wanted);
        }
    }
}
