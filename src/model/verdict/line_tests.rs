//! The verdict in one line, its exit code, and what coverage counts.

use super::*;
use crate::model::finding::FindingKind;
use crate::samples::equal;

const ALL_DATA: [Aspect; 3] = [Aspect::Rows, Aspect::Sequences, Aspect::LargeObjects];

fn with_findings(count: usize, mut outcome: Outcome) -> Outcome {
    outcome.findings.extend((0..count).map(|number| Finding::new(FindingKind::RowCount, format!("s.t{number}"))));
    outcome
}

fn with_unchecked(count: usize, mut outcome: Outcome) -> Outcome {
    outcome.unchecked.extend((0..count).map(|number| Unchecked::new(format!("rows s.t{number}"), "actual", "r")));
    outcome
}

#[test]
fn each_verdict_has_a_name_and_an_exit_code() {
    for (verdict, name, code) in
        [(Verdict::Sound, "sound", 0), (Verdict::Damaged, "damaged", 1), (Verdict::Inconclusive, "inconclusive", 2)]
    {
        assert_eq!((verdict.to_string().as_str(), verdict.exit_code()), (name, code));
        assert_eq!((verdict.is_sound(), verdict.is_damaged()), (code == 0, code == 1));
    }
}

#[test]
fn the_line_says_why_there_is_no_sound_verdict() {
    let rows = || equal(1, &[Aspect::Rows]);
    let schema = || equal(1, &[Aspect::Schema]);
    let mut partial = rows();
    partial.coverage.tables_actual = 2;
    for (outcome, line) in [
        (rows(), "sound (rows)"),
        (with_findings(1, rows()), "damaged: 1 finding (rows)"),
        (with_findings(2, rows()), "damaged: 2 findings (rows)"),
        (with_unchecked(3, with_findings(1, rows())), "damaged: 1 finding, 3 unchecked (rows)"),
        (with_unchecked(1, rows()), "inconclusive: 1 thing could not be checked (rows)"),
        (with_unchecked(2, equal(0, &[])), "inconclusive: 2 things could not be checked"),
        (equal(0, &[Aspect::Rows]), "inconclusive: no table was compared (rows)"),
        (schema(), "inconclusive: no rows were compared (schema)"),
        (partial, "inconclusive: not every table was compared (rows)"),
    ] {
        assert_eq!(outcome.verdict_line(), line);
    }
}

#[test]
fn the_line_names_what_was_not_compared_and_what_was_read_again() {
    let mut outcome = equal(1, &ALL_DATA);
    outcome.scope.not_compared = vec![Aspect::Schema, Aspect::ForeignKeys];
    assert_eq!(outcome.verdict_line(), "sound (rows, sequences, large objects; not compared: schema, foreign keys)");
    outcome.scope.rechecked = Some(Rechecked::default());
    assert_eq!(outcome.scope.compared_texts(), ["rows (rechecked)", "sequences", "large objects"]);
}

#[test]
fn a_table_that_is_waived_or_derived_on_one_side_is_missing_on_the_other() {
    let is_sound = |change: fn(&mut Coverage)| {
        let mut outcome = equal(1, &ALL_DATA);
        change(&mut outcome.coverage);
        outcome.verdict().is_sound()
    };
    assert!(is_sound(|coverage| (coverage.tables_expected, coverage.waived_expected) = (2, 1)));
    assert!(is_sound(|coverage| (coverage.tables_actual, coverage.waived_actual) = (2, 1)));
    assert!(is_sound(|coverage| (coverage.tables_expected, coverage.tables_actual, coverage.derived) = (2, 2, 1)));
    assert!(!is_sound(|coverage| (coverage.tables_expected, coverage.waived_actual) = (2, 1)));
    assert!(!is_sound(|coverage| (coverage.tables_actual, coverage.waived_expected) = (2, 1)));
    assert!(!is_sound(|coverage| (coverage.tables_expected, coverage.derived) = (2, 1)));
    assert!(!is_sound(|coverage| coverage.waived_expected = u64::MAX), "a sum that wraps round");
}

#[test]
fn derived_tables_are_stored_only_where_there_are_some() {
    let stored = |derived| serde_json::to_value(Coverage { derived, ..Coverage::default() }).unwrap();
    assert!(stored(0).get("derived").is_none() && stored(2).get("derived").is_some());
}
