//! The rule for a proven dump, case by case.

use super::*;
use crate::model::finding::{FindingKind, Limit};
use crate::samples::equal;

fn night() -> Outcome {
    equal(1, &Aspect::ALL)
}

fn found(kind: FindingKind, object: &str, limit: Option<Limit>) -> Outcome {
    let mut outcome = night();
    outcome.findings.push(Finding { limit, ..Finding::new(kind, object) });
    outcome
}

fn unread(object: &str, limit: Option<Limit>) -> Outcome {
    let mut outcome = night();
    outcome.unchecked.push(Unchecked { limit, ..Unchecked::new(object, "actual", "r") });
    outcome
}

fn line(outcome: &Outcome) -> String {
    outcome.dump_verdict(&[]).line().unwrap_or_default()
}

fn is_proven(outcome: &Outcome) -> bool {
    outcome.dump_verdict(&[]).is_proven()
}

#[test]
fn a_sound_run_proves_its_dump_and_lacks_nothing() {
    for outcome in [night(), equal(1, &[Aspect::Rows])] {
        let verdict = outcome.dump_verdict(&[]);
        assert!(verdict.is_proven() && verdict.lacks().is_empty() && verdict.line().is_none(), "{verdict:?}");
    }
}

#[test]
fn what_has_no_limit_speaks_against_the_dump() {
    assert_eq!(line(&found(FindingKind::Changed, "index s.i", None)), "the dump is not proven: changed index s.i");
    assert_eq!(line(&unread("schema view", None)), "the dump is not proven: schema view could not be checked");
    let verdict = found(FindingKind::Changed, "index s.i", None).dump_verdict(&[]);
    assert!(!verdict.is_proven() && verdict.lacks().is_empty());
}

#[test]
fn what_has_a_limit_is_listed_once() {
    let mut outcome = found(FindingKind::Changed, "owner s.a", Some(Limit::Owner));
    outcome.findings.extend(found(FindingKind::Changed, "owner s.b", Some(Limit::Owner)).findings);
    outcome.unchecked.extend(unread("schema view", Some(Limit::Extension)).unchecked);
    assert_eq!(outcome.dump_verdict(&[]).lacks(), [Limit::Owner, Limit::Extension]);
}

#[test]
fn a_leg_that_speaks_against_the_dump_is_named() {
    let limited = found(FindingKind::Changed, "owner s.a", Some(Limit::Owner));
    let leg = found(FindingKind::RowCount, "s.t", None);
    assert!(limited.dump_verdict(&[night(), night()]).is_proven());
    let verdict = limited.dump_verdict(&[night(), leg]);
    assert_eq!(verdict.line().as_deref(), Some("the dump is not proven: row_count s.t"));
}

#[test]
fn files_beside_the_database_do_not_speak_against_the_dump() {
    let files = "the dump is proven; the files that belong to the database are not";
    for kind in [FindingKind::FileContent, FindingKind::FileMode, FindingKind::Drift] {
        assert_eq!(line(&found(kind, "files uploads", None)), files);
    }
    assert_eq!(line(&unread("files uploads", None)), files);
    let mut both = found(FindingKind::FileContent, "files uploads", None);
    both.findings.extend(found(FindingKind::Changed, "owner s.a", Some(Limit::Owner)).findings);
    assert_eq!(line(&both), format!("{files}; this restore server differs in: owner"));
    let only_limited = found(FindingKind::Changed, "owner s.a", Some(Limit::Owner));
    assert_eq!(line(&only_limited), "the dump is proven; this restore server differs in: owner");
}

#[test]
fn a_check_that_is_named_like_files_speaks_against_the_dump() {
    assert!(!is_proven(&found(FindingKind::Assertion, "files uploads", None)));
    assert!(!is_proven(&found(FindingKind::Drift, "s.t", None)));
}

#[test]
fn a_dump_that_is_not_proven_says_nothing_about_files() {
    let mut outcome = found(FindingKind::RowCount, "s.t", None);
    outcome.findings.extend(found(FindingKind::FileContent, "files uploads", None).findings);
    let stored = serde_json::to_value(outcome.dump_verdict(&[])).unwrap();
    assert!(stored.get("lacks_files").is_none(), "{stored}");
}

#[test]
fn data_that_could_not_be_read_is_excused_only_as_derived_rows() {
    for limit in Limit::ALL {
        assert!(is_proven(&unread("schema view", Some(limit))), "{limit}");
        if limit != Limit::DerivedRows {
            for data in ["rows s.t", "sequence s.q", "large objects"] {
                assert!(!is_proven(&unread(data, Some(limit))), "{data}: {limit}");
            }
        }
    }
}

#[test]
fn generated_values_and_sequences_have_one_excuse_each() {
    for limit in Limit::ALL {
        let generated = found(FindingKind::Generated, "s.t", Some(limit));
        assert_eq!(is_proven(&generated), limit == Limit::DerivedRows, "{limit}");
        let sequence = found(FindingKind::SequenceValue, "s.q", Some(limit));
        assert_eq!(is_proven(&sequence), limit == Limit::EventTrigger, "{limit}");
    }
}

#[test]
fn a_view_that_was_not_read_counts_once_on_each_side() {
    let views = |tables: u64, objects: &[&str]| {
        let mut outcome = night();
        (outcome.coverage.tables_expected, outcome.coverage.tables_actual) = (tables, tables);
        for object in objects {
            outcome.unchecked.extend(unread(object, Some(Limit::DerivedRows)).unchecked);
        }
        outcome
    };
    assert!(is_proven(&views(2, &["rows s.v"])));
    assert!(is_proven(&views(2, &["rows s.v", "rows s.v"])), "it was not read on both sides");
    assert!(is_proven(&views(3, &["rows s.v", "rows s.w"])));
    let line = line(&views(3, &["rows s.v"]));
    assert_eq!(line, "the dump is not proven: not every table was compared");
    assert!(!is_proven(&views(1, &["rows s.v"])), "more views than tables");
}

#[test]
fn relations_that_the_copy_lacks_count_beside_views_that_were_not_read() {
    let mut outcome = unread("rows s.v", Some(Limit::DerivedRows));
    outcome.findings.extend(found(FindingKind::Missing, "foreign_table s.f", Some(Limit::Superuser)).findings);
    (outcome.coverage.tables_expected, outcome.coverage.tables_actual) = (3, 2);
    assert!(is_proven(&outcome));
    outcome.findings.extend(found(FindingKind::Missing, "table s.x", Some(Limit::Extension)).findings);
    assert!(!is_proven(&outcome));
    outcome.coverage.tables_expected = 4;
    assert!(is_proven(&outcome));
    let mut unexpected = found(FindingKind::Unexpected, "table s.x", Some(Limit::Extension));
    unexpected.coverage.tables_expected = 2;
    assert!(!is_proven(&unexpected), "only what is missing is not carried");
}

#[test]
fn rows_sequences_and_large_objects_must_have_been_compared() {
    for aspect in [Aspect::Rows, Aspect::Sequences, Aspect::LargeObjects] {
        let mut outcome = found(FindingKind::Changed, "owner s.a", Some(Limit::Owner));
        outcome.scope.compared.retain(|compared| *compared != aspect);
        assert_eq!(line(&outcome), format!("the dump is not proven: {aspect} were not compared"));
    }
    let mut schema = found(FindingKind::Changed, "owner s.a", Some(Limit::Owner));
    schema.scope.compared.retain(|compared| *compared != Aspect::Schema);
    assert!(is_proven(&schema));
}
