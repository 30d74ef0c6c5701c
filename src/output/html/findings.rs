//! The findings of a report, by kind, in reading order.
//!
//! Every finding is on the page; long lists are folded, with a count.

use maud::{Markup, html};

use super::text::{block, code, shown, wide};
use crate::base::printable::printable;
use crate::base::text::{grouped_noun, value_pair};
use crate::model::finding::{ChangedRow, Finding, FindingKind, RowDifference, RowText};
use crate::output::terminal::{Line, diff, meaning, rows_summary, side_text};

/// Number of findings of one kind that are open; the others are folded.
const OPEN: usize = 40;
/// Number of lines of a definition that are open.
const OPEN_LINES: usize = 60;

/// The section.
pub fn section(findings: &[Finding]) -> Markup {
    html! {
        section aria-labelledby="findings" {
            h2 #findings { "Findings" }
            @if findings.is_empty() {
                p { "None." }
            } @else {
                p.quiet { "What was checked and is wrong. "
                    span.minus { "− expected" } ", " span.plus { "+ actual" } "." }
                @for kind in FindingKind::ALL { (of_kind(kind, findings)) }
            }
        }
    }
}

fn of_kind(kind: FindingKind, findings: &[Finding]) -> Markup {
    let mut all: Vec<&Finding> = findings.iter().filter(|finding| finding.kind == kind).collect();
    all.sort_by(|a, b| a.object.cmp(&b.object));
    let (open, folded) = all.split_at(all.len().min(OPEN));
    html! {
        @if !all.is_empty() {
            h3 { (kind.id()) " " span.count { (all.len()) } " " span.quiet { (meaning(kind)) } }
            @for finding in open { (one(finding)) }
            @if !folded.is_empty() {
                details {
                    summary { (grouped_noun(folded.len() as u64, "more finding")) }
                    @for finding in folded { (one(finding)) }
                }
            }
        }
    }
}

fn one(finding: &Finding) -> Markup {
    html! {
        article.finding {
            h4 { (code(&finding.object)) }
            (sides(finding))
            (details(&finding.detail))
            @if let Some(rows) = &finding.rows { (row_difference(rows)) }
        }
    }
}

/// The lines of a waiver to paste: its heading and one line a key.
const WAIVER_LINES: usize = 4;

/// Details as a list; where they explain a limit of the restore and print its waiver, as a paragraph and the waiver as it is pasted.
fn details(lines: &[String]) -> Markup {
    let Some(start) = lines.iter().position(|line| line == "[[waiver]]") else { return list(lines) };
    let (reasons, rest) = lines.split_at(start);
    let (waiver, rest) = rest.split_at(rest.len().min(WAIVER_LINES));
    html! {
        p { (shown(&reasons.join(" "))) }
        (block(&waiver.join("\n")))
        (list(rest))
    }
}

fn list(lines: &[String]) -> Markup {
    html! { @if !lines.is_empty() { ul { @for line in lines { li { (shown(line)) } } } } }
}

fn sides(finding: &Finding) -> Markup {
    match (&finding.expected, &finding.actual) {
        (Some(expected), Some(actual)) if expected.contains('\n') || actual.contains('\n') => changed(expected, actual),
        (None, None) => html! {},
        (expected, actual) => html! {
            dl.sides {
                @if let Some(text) = expected { div { dt { "expected" } dd { (side(finding.kind, text)) } } }
                @if let Some(text) = actual { div { dt { "actual" } dd { (side(finding.kind, text)) } } }
            }
        },
    }
}

fn side(kind: FindingKind, text: &str) -> Markup {
    // Already printable.
    if text.contains('\n') {
        block(text)
    } else {
        html! { code { bdi { (side_text(kind, text)) } } }
    }
}

/// A definition on both sides, line by line.
fn changed(expected: &str, actual: &str) -> Markup {
    let lines = diff(expected, actual);
    let (open, folded) = lines.split_at(lines.len().min(OPEN_LINES));
    html! {
        (difference(open))
        @if !folded.is_empty() {
            details { summary { (grouped_noun(folded.len() as u64, "more line")) } (difference(folded)) }
        }
    }
}

fn difference(lines: &[Line<'_>]) -> Markup {
    html! {
        pre {
            @for line in lines {
                @match line {
                    Line::Same(text) => { "  " (printable(text)) "\n" }
                    Line::Expected(text) => { del { "− " (printable(text)) "\n" } }
                    Line::Actual(text) => { ins { "+ " (printable(text)) "\n" } }
                    Line::Gap => { "  …\n" }
                }
            }
        }
    }
}

fn row_difference(rows: &RowDifference) -> Markup {
    html! {
        p { (rows_summary(rows)) }
        @if !rows.changed.is_empty() { (changed_rows(&rows.changed)) }
        @if !rows.missing.is_empty() { (lone_rows("Missing rows: actual has lost them", "minus", &rows.missing)) }
        @if !rows.unexpected.is_empty() { (lone_rows("Unexpected rows: expected never had them", "plus", &rows.unexpected)) }
        @if let Some(reason) = &rows.unnamed {
            p.quiet { "The rows could not be named: " (shown(reason.full())) "." }
        } @else if rows.is_truncated {
            p.quiet { "There are more rows that are not shown." }
        }
    }
}

fn changed_rows(rows: &[ChangedRow]) -> Markup {
    let values = rows.iter().flat_map(|row| {
        row.columns.iter().map(move |column| {
            let (expected, actual) = value_pair(&column.expected, &column.actual);
            (row, &column.column, expected, actual)
        })
    });
    wide(
        "Changed rows",
        &html! {
            table {
                caption { "Changed rows; of long values, the part around the first difference" }
                thead { tr { th scope="col" { "Row" } th scope="col" { "Column" } th scope="col" { "Expected" } th scope="col" { "Actual" } } }
                tbody {
                    @for (row, column, expected, actual) in values {
                        tr {
                            th scope="row" { (key(&row.key)) }
                            td { (code(column)) }
                            // Already printable.
                            td { code { bdi { (expected) } } }
                            td { code { bdi { (actual) } } }
                        }
                    }
                }
            }
        },
    )
}

fn lone_rows(caption: &str, class: &str, rows: &[RowText]) -> Markup {
    wide(
        caption,
        &html! {
            table {
                caption { (caption) }
                thead { tr { th scope="col" { "Row" } th scope="col" { "Values" } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (key(&row.key)) @if row.copies > 1 { " × " (row.copies) } }
                            td class=(class) { @for (i, value) in row.values.iter().enumerate() { @if i > 0 { ", " } (code(value)) } }
                        }
                    }
                }
            }
        },
    )
}

fn key(key: &str) -> Markup {
    if key.is_empty() {
        html! { span.quiet { "no key" } }
    } else {
        code(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiver_is_printed_as_it_is_pasted_and_its_cause_as_a_paragraph() {
        let lines = [
            "The restore installs",
            "its own version.",
            "[[waiver]]",
            "kind = \"changed\"",
            "object = \"extension <x>\"",
        ];
        let lines: Vec<String> =
            lines.iter().chain(&["reason = \"r\"", "one more"]).map(|line| (*line).to_owned()).collect();
        assert_eq!(
            details(&lines).into_string(),
            "<p><bdi>The restore installs its own version.</bdi></p><pre>[[waiver]]\nkind = &quot;changed&quot;\n\
             object = &quot;extension &lt;x&gt;&quot;\nreason = &quot;r&quot;\n</pre><ul><li><bdi>one more</bdi></li></ul>"
        );
        assert_eq!(details(&lines[..1]).into_string(), "<ul><li><bdi>The restore installs</bdi></li></ul>");
    }
}
