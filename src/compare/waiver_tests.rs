//! Waivers, as they change findings, unchecked entries and coverage.

use super::*;
use crate::model::verdict::{Coverage, TableResult, TableStatus};

fn waiver(kind: &str, object: &str, by: &str) -> Waiver {
    let [kind, object, reason, by] = [kind, object, "r", by].map(str::to_owned);
    Waiver { kind, object, reason, by }
}

/// Two tables of this status, `s.a` and `s.b`.
fn of_status(status: TableStatus) -> Outcome {
    let result = || TableResult { expected: None, actual: None, status };
    Outcome { tables: [("s.a".to_owned(), result()), ("s.b".to_owned(), result())].into(), ..Outcome::default() }
}

fn with_findings(mut outcome: Outcome, kind: FindingKind, objects: &[&str]) -> Outcome {
    outcome.findings = objects.iter().map(|&object| Finding::new(kind, object)).collect();
    outcome
}

fn with_unchecked(mut outcome: Outcome, objects: &[&str]) -> Outcome {
    outcome.unchecked = objects.iter().map(|&object| Unchecked::new(object, "actual", "r")).collect();
    outcome
}

fn applied(mut outcome: Outcome, waivers: &[Waiver]) -> Outcome {
    waive(&mut outcome, waivers);
    outcome
}

fn left(outcome: &Outcome) -> Vec<String> {
    let unchecked = outcome.unchecked.iter().map(|one| one.object.to_string());
    outcome.findings.iter().map(ToString::to_string).chain(unchecked).collect()
}

fn statuses(outcome: &Outcome) -> [TableStatus; 2] {
    ["s.a", "s.b"].map(|name| outcome.tables[name].status)
}

#[test]
fn a_waiver_takes_out_what_it_names_and_nothing_else() {
    let outcome = with_findings(of_status(TableStatus::Different), FindingKind::RowCount, &["s.a", "s.b"]);
    let outcome = with_unchecked(outcome, &["rows s.a", "rows s.b"]);
    let one = applied(outcome.clone(), &[waiver("row_count", "s.a", "file x")]);
    assert_eq!(left(&one), ["row_count s.b", "rows s.a", "rows s.b"]);
    assert_eq!(one.waivers[0].covered, ["row_count s.a"]);
    let one = applied(outcome.clone(), &[waiver("unchecked", "rows s.b", "file x")]);
    assert_eq!(left(&one), ["row_count s.a", "row_count s.b", "rows s.a"]);
    assert_eq!(one.waivers[0].covered, ["unchecked rows s.b (actual)"]);
    for (kind, object) in [("row_content", "s.a"), ("missing", "s.a"), ("row_count", "s.c"), ("unchecked", "s.a")] {
        let none = applied(outcome.clone(), &[waiver(kind, object, "file x")]);
        assert_eq!(left(&none), left(&outcome), "{kind} {object}");
        assert_eq!(none.waivers[0].covered, Vec::<String>::new(), "it is listed, needed or not");
    }
}

#[test]
fn an_unchecked_entry_is_waived_only_by_a_waiver_for_unchecked_entries() {
    let outcome = with_unchecked(of_status(TableStatus::Unchecked), &["index s.a"]);
    for kind in ["index", "missing", "changed"] {
        assert_eq!(left(&applied(outcome.clone(), &[waiver(kind, "index s.a", "file x")])), ["index s.a"], "{kind}");
    }
    assert!(left(&applied(outcome, &[waiver("unchecked", "index s.a", "file x")])).is_empty());
}

#[test]
fn a_waiver_for_a_kind_of_object_covers_missing_unexpected_and_changed_ones() {
    for kind in [FindingKind::Missing, FindingKind::Unexpected, FindingKind::Changed] {
        let outcome = with_findings(Outcome::default(), kind, &["index s.i", "trigger s.i"]);
        let outcome = applied(outcome, &[waiver("index", "s.*", "file x")]);
        assert_eq!(left(&outcome), [format!("{kind} trigger s.i")]);
    }
}

#[test]
fn only_a_star_for_a_kind_of_object_is_one_for_the_whole_kind() {
    for (kind, object, is_whole) in [
        ("index", "*", true),
        ("owner", "*", true),
        ("index", "s.*", false),
        ("unchecked", "*", false),
        ("missing", "*", false),
        ("row_count", "*", false),
    ] {
        assert_eq!(is_whole_kind(&waiver(kind, object, "option")), is_whole, "{kind} {object}");
    }
    let outcome = applied(Outcome::default(), &[waiver("index", "*", "option"), waiver("index", "s.i", "option")]);
    assert_eq!(outcome.waivers[0].covered, ["every index"]);
    assert_eq!(outcome.waivers[1].covered, Vec::<String>::new());
}

#[test]
fn tables_that_are_on_one_side_count_as_waived_on_that_side() {
    for (kind, status, counts) in [
        (FindingKind::Missing, TableStatus::Missing, (2, 0)),
        (FindingKind::Unexpected, TableStatus::Unexpected, (0, 2)),
    ] {
        let outcome = with_findings(of_status(status), kind, &["table s.a", "table s.b"]);
        let waivers = ["table s.a", "table s.b"].map(|object| waiver(kind.id(), object, "file x"));
        let outcome = applied(outcome, &waivers);
        assert_eq!((outcome.coverage.waived_expected, outcome.coverage.waived_actual), counts);
        assert_eq!(statuses(&outcome), [TableStatus::Waived; 2]);
    }
}

#[test]
fn a_finding_that_does_not_fit_the_status_of_its_table_waives_no_table() {
    for (kind, status) in [
        (FindingKind::Missing, TableStatus::Unexpected),
        (FindingKind::Unexpected, TableStatus::Missing),
        (FindingKind::Changed, TableStatus::Missing),
        (FindingKind::Missing, TableStatus::Different),
    ] {
        let outcome = with_findings(of_status(status), kind, &["table s.a"]);
        let outcome = applied(outcome, &[waiver(kind.id(), "table s.a", "file x")]);
        assert_eq!((statuses(&outcome), &outcome.coverage), ([status; 2], &Coverage::default()));
    }
}

#[test]
fn a_waiver_for_a_schema_covers_the_tables_in_it() {
    let mut outcome = with_findings(of_status(TableStatus::Missing), FindingKind::Missing, &["schema s"]);
    outcome.findings[0].detail = ["table s.a", "foreign_table s.b", "index s.i"].map(str::to_owned).into();
    let outcome = applied(outcome, &[waiver("missing", "schema s", "file x")]);
    assert_eq!((statuses(&outcome), outcome.coverage.waived_expected), ([TableStatus::Waived; 2], 2));
}

#[test]
fn rows_that_need_not_be_read_count_as_waived_on_both_sides() {
    let waivers = ["rows s.a", "rows s.b"].map(|object| waiver("unchecked", object, "file x"));
    let outcome = with_unchecked(of_status(TableStatus::Unchecked), &["rows s.a", "rows s.b"]);
    let outcome = applied(outcome, &waivers);
    assert_eq!((outcome.coverage.waived_expected, outcome.coverage.waived_actual), (2, 2));
    assert_eq!(statuses(&outcome), [TableStatus::Waived; 2]);
    let outcome = applied(with_unchecked(of_status(TableStatus::Different), &["rows s.a"]), &waivers);
    assert_eq!((statuses(&outcome), outcome.coverage), ([TableStatus::Different; 2], Coverage::default()));
    let twice = applied(with_unchecked(of_status(TableStatus::Unchecked), &["rows s.a", "rows s.a"]), &waivers);
    assert_eq!(twice.coverage.waived_actual, 1, "both sides of one table");
}

#[test]
fn only_a_pattern_in_a_file_that_matches_every_one_of_several_tables_is_refused() {
    let outcome = || with_findings(of_status(TableStatus::Different), FindingKind::RowCount, &["s.a", "s.b"]);
    let refused = applied(outcome(), &[waiver("row_count", "s.*", "file x")]);
    assert_eq!(left(&refused), ["row_count s.a", "row_count s.b", "waiver row_count s.*"]);
    assert!(refused.waivers.is_empty() && refused.unchecked[0].side == "both");
    for waiver in [waiver("row_count", "s.*", "option"), waiver("row_count", "s.a*", "file x")] {
        let taken = applied(outcome(), std::slice::from_ref(&waiver));
        assert_eq!((taken.unchecked.len(), taken.waivers.len()), (0, 1), "{waiver:?}");
    }
    let mut single = outcome();
    single.tables.remove("s.b");
    assert_eq!(applied(single, &[waiver("row_count", "s.*", "file x")]).waivers.len(), 1, "a database of one table");
    let none = with_unchecked(Outcome::default(), &["x"]);
    assert!(left(&applied(none, &[waiver("unchecked", "*", "file x")])).is_empty(), "a database of no table");
    let mut named = of_status(TableStatus::Different);
    named.tables.retain(|name, _| name == "s.a");
    assert_eq!(applied(named, &[waiver("row_count", "s.a", "file x")]).waivers.len(), 1, "no pattern");
}
