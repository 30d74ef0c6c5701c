//! Tables with their counts and digests: those that differ first, equal ones folded when there are many.
//!
//! Digests are not shortened, so that they can be compared with others.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::text::{code, wide};
use crate::base::text::{grouped, grouped_noun};
use crate::model::digest::TableDigest;
use crate::model::verdict::{TableResult, TableStatus};

/// Up to this number, all equal tables are open.
const OPEN: usize = 40;
/// From this number on, they are folded by schema.
const BY_SCHEMA: usize = 200;

type Tables<'a> = Vec<(&'a str, &'a TableResult)>;

/// The section.
pub fn section(tables: &BTreeMap<String, TableResult>) -> Markup {
    let (equal, mut others): (Tables<'_>, Tables<'_>) = tables
        .iter()
        .map(|(name, table)| (name.as_str(), table))
        .partition(|(_, table)| table.status == TableStatus::Equal);
    others.sort_by_key(|(_, table)| rank(table.status));
    html! {
        section aria-labelledby="tables" {
            h2 #tables { "Tables" }
            p.quiet { "The digest is the sum of the SHA-256 of all rows; equal rows in any order have equal digests." }
            @if tables.is_empty() { p { "No table was read on either side." } }
            @if !others.is_empty() { (others_table(&others)) }
            @if equal.len() >= BY_SCHEMA { (by_schema(&equal)) } @else if !equal.is_empty() { (folded(&equal)) }
        }
    }
}

fn rank(status: TableStatus) -> u8 {
    match status {
        TableStatus::Different => 0,
        TableStatus::Missing => 1,
        TableStatus::Unexpected => 2,
        TableStatus::Unchecked => 3,
        TableStatus::Derived => 4,
        TableStatus::Waived => 5,
        TableStatus::Equal => 6,
    }
}

fn word(status: TableStatus) -> (&'static str, &'static str) {
    match status {
        TableStatus::Equal => ("equal", "sound"),
        TableStatus::Different => ("different", "damaged"),
        TableStatus::Missing => ("missing", "damaged"),
        TableStatus::Unexpected => ("unexpected", "damaged"),
        TableStatus::Unchecked => ("unchecked", "inconclusive"),
        TableStatus::Waived => ("waived", "quiet"),
        TableStatus::Derived => ("derived", "quiet"),
    }
}

fn others_table(others: &Tables<'_>) -> Markup {
    wide(
        "Tables that are not equal",
        &html! {
            table.digests {
                caption { (grouped_noun(others.len() as u64, "table")) " not equal, or not compared" }
                thead { tr { th scope="col" { "Table" } th scope="col" { "Result" } th scope="col" { "Side" }
                    th.n scope="col" { "Rows" } th scope="col" { "Digest" } } }
                @for (name, table) in others {
                    @let (word, class) = word(table.status);
                    tbody {
                        tr {
                            th scope="rowgroup" rowspan="2" { (code(name)) }
                            td rowspan="2" { span class={ "word " (class) } { (word) } }
                            (digest("expected", table.expected.as_ref()))
                        }
                        tr { (digest("actual", table.actual.as_ref())) }
                    }
                }
            }
        },
    )
}

fn digest(side: &str, digest: Option<&TableDigest>) -> Markup {
    html! {
        td { (side) }
        td.n { (digest.map_or_else(|| "–".to_owned(), |digest| grouped(digest.rows))) }
        td { @if let Some(digest) = digest { code.digest { (digest.hex()) } } @else { "–" } }
    }
}

fn folded(equal: &Tables<'_>) -> Markup {
    html! {
        details open[equal.len() <= OPEN] {
            summary { (summary(equal)) }
            (equal_table("Equal tables", equal))
        }
    }
}

fn summary(equal: &Tables<'_>) -> String {
    let rows: u64 =
        equal.iter().filter_map(|(_, table)| table.expected).fold(0, |sum, digest| sum.saturating_add(digest.rows));
    format!("{}, {}", grouped_noun(equal.len() as u64, "equal table"), grouped_noun(rows, "row"))
}

fn by_schema(equal: &Tables<'_>) -> Markup {
    let mut schemas: BTreeMap<&str, Tables<'_>> = BTreeMap::new();
    for (name, table) in equal {
        schemas.entry(schema(name)).or_default().push((name, table));
    }
    html! {
        p { (summary(equal)) ", by schema:" }
        @for (schema, tables) in &schemas {
            details {
                summary { (code(schema)) ": " (summary(tables)) }
                (equal_table(&format!("Equal tables of {schema}"), tables))
            }
        }
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

fn equal_table(label: &str, equal: &Tables<'_>) -> Markup {
    let label = crate::base::printable::printable(label);
    wide(
        &label,
        &html! {
            table.digests {
                caption { (label) ": the same on both sides" }
                thead { tr { th scope="col" { "Table" } th.n scope="col" { "Rows" } th scope="col" { "Digest" } } }
                tbody {
                    @for (name, table) in equal {
                        @if let Some(digest) = &table.expected {
                            tr { th scope="row" { (code(name)) } td.n { (grouped(digest.rows)) } td { code.digest { (digest.hex()) } } }
                        }
                    }
                }
            }
        },
    )
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
