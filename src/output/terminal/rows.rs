//! Which rows of a table differ, and how.
//!
//! Unknown numbers are not printed: where some rows could not be named, the summary counts sides instead of kinds.

use super::style::Style;
use crate::base::printable::printable;
use crate::base::text::{cells, cut, grouped, grouped_noun, value_pair, wrap};
use crate::model::finding::{ChangedRow, RowDifference, RowText};

/// The lines below a finding, without indentation; each has at most `width` cells.
pub fn lines(difference: &RowDifference, width: usize, style: Style) -> Vec<String> {
    let mut lines = wrap(&summary(difference), width);
    let mut named = Vec::new();
    named.extend(difference.missing.iter().map(|row| style.red(&cut(&format!("- {}", row_text(row)), width))));
    named.extend(difference.unexpected.iter().map(|row| style.green(&cut(&format!("+ {}", row_text(row)), width))));
    named.extend(difference.changed.iter().flat_map(|row| changed(row, width)));
    lines.extend(named.into_iter().map(|line| format!("  {line}")));
    if let Some(reason) = &difference.unnamed {
        lines.extend(wrap(&format!("the rows could not be named: {}", printable(reason.full())), width));
    } else if difference.is_truncated {
        lines.push(style.dim("  … and more rows that are not shown"));
    }
    lines
}

/// The number of differing rows, in one line.
pub fn summary(difference: &RowDifference) -> String {
    let at_least = if difference.is_exact { "" } else { "at least " };
    if difference.is_truncated || difference.unnamed.is_some() {
        let expected = grouped_noun(difference.expected_only, "row");
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
    format!("{at_least}{} {verb}: {}", grouped_noun(total, "row"), kinds.join(", "))
}

fn row_text(row: &RowText) -> String {
    let values: Vec<String> = row.values.iter().map(|value| value_pair(value, value).0).collect();
    let key = printable(&row.key);
    let has_key_in_front = key.is_empty() || values.first() == Some(&key);
    let copies = if row.copies > 1 { format!("({} copies)  ", grouped(row.copies)) } else { String::new() };
    let key = if has_key_in_front { String::new() } else { format!("{key}  ") };
    format!("{copies}{key}{}", values.join("  ")).trim_end().to_owned()
}

/// On one line if it fits, else a line for each column.
fn changed(row: &ChangedRow, width: usize) -> Vec<String> {
    let key = if row.key.is_empty() { "(no key)".to_owned() } else { printable(&row.key) };
    let columns: Vec<String> = row
        .columns
        .iter()
        .map(|column| {
            let (expected, actual) = value_pair(&column.expected, &column.actual);
            format!("{}: {expected} → {actual}", printable(&column.column))
        })
        .collect();
    let line = format!("~ {key}  {}", columns.join("  "));
    if cells(&line) <= width {
        return vec![line];
    }
    let below = columns.iter().map(|column| format!("    {column}"));
    std::iter::once(format!("~ {key}")).chain(below).collect()
}
