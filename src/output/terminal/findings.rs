//! Findings, grouped by kind in reading order.
//!
//! Every finding is printed; only definitions and details are shortened, with a note.

use super::diff::{Line, diff};
use super::rows;
use super::style::Style;
use crate::base::printable::printable;
use crate::base::text::{cells, cut, grouped, grouped_noun, wrap};
use crate::model::finding::{Finding, FindingKind};

/// Lines of a definition or of details that are shown.
const MAX_LINES: usize = 40;
/// Lines of the definition of an object that is on one side only.
const MAX_DEFINITION_LINES: usize = 3;

/// The lines of all findings; empty when there are none.
pub fn lines(findings: &[Finding], style: Style) -> Vec<String> {
    if findings.is_empty() {
        return Vec::new();
    }
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|a, b| (a.kind, &a.object).cmp(&(b.kind, &b.object)));
    let count = grouped_noun(findings.len() as u64, "finding");
    let mut lines = vec![format!("{}  {}", style.bold(&count), style.dim("(- expected, + actual)"))];
    let mut kind = None;
    for finding in sorted {
        if kind.replace(finding.kind) != Some(finding.kind) {
            lines.push(String::new());
            lines.push(format!("{}  {}", style.bold(&style.red(finding.kind.id())), style.dim(meaning(finding.kind))));
        }
        lines.extend(one(finding, style).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// The meaning of a kind in a few words.
pub fn meaning(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Missing => "expected has it, actual has not",
        FindingKind::Unexpected => "actual has it, expected has not",
        FindingKind::RowCount => "another number of rows",
        FindingKind::RowContent => "as many rows, other content",
        FindingKind::LargeObjects => "large objects differ",
        FindingKind::SequenceValue => "sequences stand elsewhere",
        FindingKind::Changed => "both have it, differently defined",
        FindingKind::ColumnOrder => "the same columns in another order",
        FindingKind::ForeignKey => "rows violate a foreign key",
        FindingKind::Assertion => "an assertion does not hold",
        FindingKind::Generated => "generated otherwise",
        FindingKind::Drift => "changed since the previous run against a rule",
    }
}

/// The lines of one finding, the first with its object.
fn one(finding: &Finding, style: Style) -> Vec<String> {
    let width = style.width.saturating_sub(4).max(20);
    let mut lines = vec![printable(&finding.object)];
    let mut below = sides(finding, width, &mut lines, style);
    below.extend(details(&finding.detail, width, style));
    if let Some(difference) = &finding.rows {
        below.extend(rows::lines(difference, width.saturating_sub(2), style));
    }
    lines.extend(below.into_iter().map(|line| format!("  {line}")));
    lines
}

/// The values of both sides: after the object if they are short, else below.
fn sides(finding: &Finding, width: usize, lines: &mut [String], style: Style) -> Vec<String> {
    match (&finding.expected, &finding.actual) {
        (Some(expected), Some(actual)) if expected.contains('\n') || actual.contains('\n') => {
            definition_diff(expected, actual, width, style)
        }
        (Some(expected), Some(actual)) => {
            let (expected, actual) = (number(finding.kind, expected), number(finding.kind, actual));
            let short = format!("expected {expected}, actual {actual}");
            match lines.last_mut() {
                Some(line) if cells(line) + cells(&short) + 2 <= width.min(76) => {
                    line.push_str(&format!("  {short}"));
                    Vec::new()
                }
                _ => [labelled("expected", &expected, width), labelled("actual  ", &actual, width)].concat(),
            }
        }
        (Some(only), None) | (None, Some(only)) => definition(only, width, style),
        (None, None) => Vec::new(),
    }
}

/// `35611 rows` with grouped digits; any other text as it is.
pub fn number(kind: FindingKind, text: &str) -> String {
    let counts_rows = !matches!(kind, FindingKind::Changed | FindingKind::SequenceValue);
    let (count, noun) = text.split_once(' ').unwrap_or((text, ""));
    match count.parse() {
        Ok(count) if counts_rows => format!("{} {}", grouped(count), printable(noun)).trim_end().to_owned(),
        _ => printable(text),
    }
}

fn labelled(label: &str, text: &str, width: usize) -> Vec<String> {
    let wrapped = wrap(text, width.saturating_sub(label.len() + 2).max(20));
    let indent = " ".repeat(label.len());
    wrapped.iter().enumerate().map(|(i, line)| format!("{}  {line}", if i == 0 { label } else { &indent })).collect()
}

fn definition(text: &str, width: usize, style: Style) -> Vec<String> {
    let all: Vec<&str> = text.lines().collect();
    let shown = all.iter().take(MAX_DEFINITION_LINES);
    let mut lines: Vec<String> = shown.map(|line| style.dim(&cut(&printable(line), width))).collect();
    if all.len() > MAX_DEFINITION_LINES {
        lines.push(style.dim(&more(all.len() - MAX_DEFINITION_LINES, "line")));
    }
    lines
}

fn definition_diff(expected: &str, actual: &str, width: usize, style: Style) -> Vec<String> {
    let all = diff(expected, actual);
    let mut lines: Vec<String> = all
        .iter()
        .take(MAX_LINES)
        .map(|line| match line {
            // A common line may be cut; a differing line is shown completely.
            Line::Same(text) => cut(&format!("  {}", printable(text)), width).trim_end().to_owned(),
            Line::Expected(text) => style.red(format!("- {}", printable(text)).trim_end()),
            Line::Actual(text) => style.green(format!("+ {}", printable(text)).trim_end()),
            Line::Gap => style.dim("  …"),
        })
        .collect();
    if all.len() > MAX_LINES {
        lines.push(style.dim(&more(all.len() - MAX_LINES, "line")));
    }
    lines
}

fn details(detail: &[String], width: usize, style: Style) -> Vec<String> {
    let shown = detail.iter().take(MAX_LINES);
    let mut lines: Vec<String> = shown.map(|line| cut(&printable(line), width)).collect();
    if detail.len() > MAX_LINES {
        lines.push(style.dim(&more(detail.len() - MAX_LINES, "line")));
    }
    lines
}

fn more(count: usize, noun: &str) -> String {
    format!("… and {} (--format json shows them)", grouped_noun(count as u64, &format!("more {noun}")))
}
