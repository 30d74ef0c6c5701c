//! Findings, grouped by kind in reading order.

use super::diff::diff;
use super::rows;
use crate::base::marked::Disclosure;
use crate::base::printable::printable;
use crate::base::text::grouped;
use crate::model::finding::{Finding, FindingKind};
use crate::output::document::{Block, Item, Section, Text, name, outside};

/// The lines of a waiver to paste: its heading and one line a key.
const WAIVER_LINES: usize = 4;

pub fn section(findings: &[Finding], disclosure: Disclosure) -> Section {
    let section = Section::new("findings", "Findings").counted(findings.len(), "finding");
    let section = section.note("What was checked and is wrong.");
    match disclosure {
        Disclosure::Full => {
            let groups = FindingKind::ALL.into_iter().filter_map(|kind| group(kind, findings));
            Section { legend: Some("- expected, + actual"), ..section.with(groups) }
        }
        Disclosure::Safe => {
            section.with((!findings.is_empty()).then(|| Block::List(findings.iter().map(line).collect())))
        }
    }
}

/// What differs and in how many rows, without their contents.
fn line(finding: &Finding) -> Text {
    let title = name(&format!("{} {}", finding.kind, finding.object));
    match amount(finding) {
        Some(amount) => title.and(format!(": {amount}")),
        None => title,
    }
}

fn group(kind: FindingKind, findings: &[Finding]) -> Option<Block> {
    let mut all: Vec<&Finding> = findings.iter().filter(|finding| finding.kind == kind).collect();
    all.sort_by(|a, b| a.object.cmp(&b.object));
    let items: Vec<Item> = all.into_iter().map(item).collect();
    (!items.is_empty()).then(|| Block::Group { title: kind.id(), meaning: meaning(kind), items })
}

fn meaning(kind: FindingKind) -> &'static str {
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
        FindingKind::FileContent => "files that belong to the database differ from their copy",
        FindingKind::FileMode => "files have other permissions than their copy",
        FindingKind::Drift => "changed since the previous run against a rule",
    }
}

fn item(finding: &Finding) -> Item {
    let mut blocks: Vec<Block> = sides(finding).into_iter().collect();
    blocks.extend(details(&finding.detail));
    blocks.extend(finding.rows.iter().flat_map(|rows| rows::blocks(rows, noun(finding.kind))));
    Item { title: name(finding.object.as_str()), blocks }
}

/// What a differing row is.
fn noun(kind: FindingKind) -> &'static str {
    if matches!(kind, FindingKind::FileContent | FindingKind::FileMode) { "file" } else { "row" }
}

/// The number of rows, without their contents.
pub fn amount(finding: &Finding) -> Option<String> {
    if let Some(rows) = &finding.rows {
        return Some(rows::summary(rows, noun(finding.kind)));
    }
    let counts = [&finding.expected, &finding.actual].map(|side| side.as_deref().filter(|text| is_count(text)));
    match counts {
        [Some(expected), Some(actual)] if counts_rows(finding.kind) => {
            Some(format!("expected {expected}, actual {actual}"))
        }
        _ => None,
    }
}

/// `3 rows`, `1 violating row`, `not known`: a number of rows in a comparison.
fn is_count(text: &str) -> bool {
    let noun = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let has_number = noun.len() < text.len();
    text == "not known" || (has_number && [" row", " rows", " violating row", " violating rows"].contains(&noun))
}

fn counts_rows(kind: FindingKind) -> bool {
    !matches!(kind, FindingKind::Changed | FindingKind::SequenceValue)
}

fn sides(finding: &Finding) -> Option<Block> {
    match (&finding.expected, &finding.actual) {
        (Some(expected), Some(actual)) if expected.contains('\n') || actual.contains('\n') => {
            Some(Block::Difference(diff(expected, actual)))
        }
        (None, None) => None,
        (expected, actual) => {
            let lines = |text: &String| side(finding.kind, text);
            Some(Block::Sides { expected: expected.as_ref().map(lines), actual: actual.as_ref().map(lines) })
        }
    }
}

fn side(kind: FindingKind, text: &str) -> Vec<String> {
    match text.contains('\n') {
        true => text.lines().map(printable).collect(),
        false => vec![number(kind, text)],
    }
}

/// `35611 rows` with grouped digits; any other text as it is.
fn number(kind: FindingKind, text: &str) -> String {
    let (count, noun) = text.split_once(' ').unwrap_or((text, ""));
    match count.parse() {
        Ok(count) if counts_rows(kind) => format!("{} {}", grouped(count), printable(noun)).trim_end().to_owned(),
        _ => printable(text),
    }
}

/// Details as a list; where they explain a limit of the restore and print its waiver, as a paragraph and the waiver as it is pasted.
fn details(lines: &[String]) -> Vec<Block> {
    let list = |lines: &[String]| {
        let texts: Vec<Text> = lines.iter().map(|line| outside(line)).collect();
        Some(texts).filter(|texts| !texts.is_empty()).map(Block::List)
    };
    let Some(start) = lines.iter().position(|line| line == "[[waiver]]") else {
        return list(lines).into_iter().collect();
    };
    let (reasons, rest) = lines.split_at(start);
    let (waiver, rest) = rest.split_at(rest.len().min(WAIVER_LINES));
    let waiver = Block::Command(waiver.iter().map(|line| printable(line)).collect());
    [Block::Paragraph(outside(&reasons.join(" "))), waiver].into_iter().chain(list(rest)).collect()
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
            "reason = \"r\"",
            "one more",
        ];
        let lines = lines.map(str::to_owned);
        let wanted = [
            Block::Paragraph(outside("The restore installs its own version.")),
            Block::Command(lines[2..6].to_vec()),
            Block::List(vec![outside("one more")]),
        ];
        assert_eq!(details(&lines), wanted);
        assert_eq!(details(&lines[..1]), [Block::List(vec![outside("The restore installs")])]);
    }
}
