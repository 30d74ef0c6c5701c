//! Which rows of a table differ, and how.
//!
//! Unknown numbers are not shown: where some rows could not be named, the summary counts sides instead of kinds.

use crate::base::printable::printable;
use crate::base::text::{grouped, grouped_noun, value_pair};
use crate::model::finding::{ChangedRow, RowDifference, RowText};
use crate::output::document::{Block, ChangedValues, RowLine, Text, outside};

/// `noun`: what a row is, `row` or `file`.
pub fn blocks(difference: &RowDifference, noun: &str) -> Vec<Block> {
    let missing = difference.missing.iter().map(|row| RowLine::Expected(row_text(row)));
    let lone: Vec<RowLine> =
        missing.chain(difference.unexpected.iter().map(|row| RowLine::Actual(row_text(row)))).collect();
    let changed: Vec<ChangedValues> = difference.changed.iter().map(changed).collect();
    let mut blocks = vec![Block::Paragraph(summary(difference, noun).into())];
    let are_cut = difference.is_truncated && difference.unnamed.is_none();
    if !lone.is_empty() || !changed.is_empty() || are_cut {
        blocks.push(Block::Rows { lone, changed, are_cut });
    }
    if let Some(reason) = &difference.unnamed {
        blocks.push(Block::Paragraph(Text::from("the rows could not be named: ").and(outside(reason.full()))));
    }
    blocks
}

/// The number of differing rows, in one line.
pub fn summary(difference: &RowDifference, noun: &str) -> String {
    let at_least = if difference.is_exact { "" } else { "at least " };
    if difference.is_truncated || difference.unnamed.is_some() {
        let expected = grouped_noun(difference.expected_only, noun);
        return format!("{at_least}{expected} only in expected, {} only in actual", grouped(difference.actual_only));
    }
    let copies = |rows: &[RowText]| rows.iter().map(|row| row.copies).sum::<u64>();
    let (missing, unexpected) = (copies(&difference.missing), copies(&difference.unexpected));
    let changed = difference.changed.len() as u64;
    let total = missing + unexpected + changed;
    let verb = if total == 1 { "differs" } else { "differ" };
    let kinds: Vec<String> = [(missing, "missing"), (unexpected, "unexpected"), (changed, "changed")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{} {kind}", grouped(count)))
        .collect();
    format!("{at_least}{} {verb}: {}", grouped_noun(total, noun), kinds.join(", "))
}

fn row_text(row: &RowText) -> String {
    let values: Vec<String> = row.values.iter().map(|value| value_pair(value, value).0).collect();
    let key = printable(&row.key);
    let has_key_in_front = key.is_empty() || values.first() == Some(&key);
    let copies = if row.copies > 1 { format!("({} copies)  ", grouped(row.copies)) } else { String::new() };
    let key = if has_key_in_front { String::new() } else { format!("{key}  ") };
    format!("{copies}{key}{}", values.join("  ")).trim_end().to_owned()
}

fn changed(row: &ChangedRow) -> ChangedValues {
    let key = if row.key.is_empty() { "(no key)".to_owned() } else { printable(&row.key) };
    let column = |column: &crate::model::finding::ChangedColumn| {
        let (expected, actual) = value_pair(&column.expected, &column.actual);
        (printable(&column.column), expected, actual)
    };
    ChangedValues { key, columns: row.columns.iter().map(column).collect() }
}
