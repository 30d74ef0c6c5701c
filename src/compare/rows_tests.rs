//! Rows of relations, on manifests made by hand.

use super::*;
use crate::model::finding::Limit;
use crate::model::manifest::{Column, Computed, Relation, RelationKind, Tally};
use crate::model::selection::Pattern;
use crate::model::verdict::TableStatus;
use crate::samples::{ManifestBuilder as _, live, relation, seen};

fn rows(lines: &[&str]) -> Observed<Tally> {
    seen(lines, 4)
}

fn of_kind(kind: RelationKind, lines: &[&str]) -> Relation {
    Relation { kind, ..relation(rows(lines)) }
}

fn member(is_config: bool, lines: &[&str]) -> Relation {
    Relation { extension: Some("postgis".into()), is_config, ..relation(rows(lines)) }
}

/// A live database in which only this relation, `s.t`, is.
fn holds(one: Relation) -> Manifest {
    let mut side = live().with_all_kinds();
    side.relations.insert(Name::new("s", "t"), one);
    side
}

/// The same as a dump without definitions.
fn dump_of(one: Relation) -> Manifest {
    let mut side = holds(one);
    side.answers.remove(&Aspect::Schema);
    side
}

fn empty(is_dump: bool) -> Manifest {
    let mut side = live().with_all_kinds();
    if is_dump {
        side.answers.remove(&Aspect::Schema);
    }
    side
}

fn compared(expected: &Manifest, actual: &Manifest) -> Outcome {
    compare(expected, actual, &Request::default())
}

fn status(outcome: &Outcome) -> TableStatus {
    outcome.tables["s.t"].status
}

fn findings(outcome: &Outcome) -> Vec<String> {
    outcome.findings.iter().map(ToString::to_string).collect()
}

fn unchecked(outcome: &Outcome) -> Vec<String> {
    outcome.unchecked.iter().map(|one| format!("{} ({})", one.object, one.side)).collect()
}

fn has_remark(outcome: &Outcome, start: &str) -> bool {
    outcome.remarks.iter().any(|remark| remark.full().starts_with(start))
}

/// Waived on the expected and on the actual side, and compared.
fn covered(outcome: &Outcome) -> (u64, u64, u64) {
    let coverage = &outcome.coverage;
    (coverage.waived_expected, coverage.waived_actual, coverage.tables_compared)
}

#[test]
fn tables_and_rows_of_each_side_are_counted_apart() {
    let expected = live().with_all_kinds().table("s.a", rows(&["1", "2"])).table("s.b", rows(&["1"]));
    let actual = live().with_all_kinds().table("s.a", rows(&["1", "2"])).table("s.b", rows(&["1"]));
    let actual = actual.table("s.c", rows(&["1", "2", "3", "4"]));
    let outcome = compared(&expected, &actual);
    let coverage = &outcome.coverage;
    assert_eq!((coverage.tables_expected, coverage.tables_actual, coverage.tables_compared), (2, 3, 2));
    assert_eq!((coverage.rows_expected, coverage.rows_actual), (3, 7));
    assert_eq!(outcome.tables["s.a"].status, TableStatus::Equal);
    assert_eq!(outcome.tables["s.c"].status, TableStatus::Unexpected);
    assert_eq!(findings(&outcome), ["unexpected table s.c"]);
    assert_eq!(findings(&compared(&actual, &expected)), ["missing table s.c"]);
    assert_eq!(compared(&actual, &expected).tables["s.c"].status, TableStatus::Missing);
    assert!(compared(&expected, &expected).remarks.is_empty());
}

#[test]
fn rows_that_differ_are_a_finding_of_number_or_of_content() {
    for (e, a, kind, difference) in [
        (&["1", "2"][..], &["1"][..], "row_count", (1, 0)),
        (&["1", "2"], &["1", "3"], "row_content", (1, 1)),
        (&[], &["1"], "row_count", (0, 1)),
    ] {
        let outcome = compared(&holds(relation(rows(e))), &holds(relation(rows(a))));
        assert_eq!((findings(&outcome), status(&outcome)), (vec![format!("{kind} s.t")], TableStatus::Different));
        let finding = &outcome.findings[0];
        assert_eq!(finding.expected, Some(counted(e.len(), "row")));
        assert_eq!(finding.actual, Some(counted(a.len(), "row")));
        let rows = finding.rows.as_ref().unwrap();
        assert_eq!((rows.expected_only, rows.actual_only, rows.is_exact), (difference.0, difference.1, true));
        assert_eq!(outcome.coverage.tables_compared, 1);
    }
}

#[test]
fn without_rows_on_one_side_no_table_counts_as_compared() {
    let mut blind = holds(relation(rows(&["1"])));
    blind.answers.remove(&Aspect::Rows);
    let outcome = compared(&holds(relation(rows(&["2"]))), &blind);
    assert_eq!((status(&outcome), outcome.coverage.tables_compared), (TableStatus::Unchecked, 0));
    assert!(outcome.findings.is_empty() && has_remark(&outcome, "rows were not compared"), "{outcome:?}");
    assert!(!outcome.verdict().is_sound());
}

#[test]
fn rows_that_one_side_could_not_read_are_unchecked_there() {
    let unseen = holds(relation(Observed::Unseen("gone".into())));
    let whole = holds(relation(rows(&["1"])));
    for (e, a, sides) in [(&unseen, &whole, vec!["expected"]), (&whole, &unseen, vec!["actual"])] {
        let outcome = compared(e, a);
        assert_eq!((status(&outcome), outcome.coverage.tables_compared), (TableStatus::Unchecked, 0));
        let sides: Vec<String> = sides.iter().map(|side| format!("rows s.t ({side})")).collect();
        assert_eq!((unchecked(&outcome), outcome.unchecked[0].limit), (sides, None));
    }
    assert_eq!(compared(&unseen, &unseen).unchecked.len(), 2);
}

#[test]
fn a_view_that_could_not_be_read_has_the_limit_of_derived_rows_and_a_table_has_none() {
    let unseen = |kind| holds(Relation { kind, ..relation(Observed::Unseen("not populated".into())) });
    let limits = |outcome: Outcome| outcome.unchecked.iter().map(|one| one.limit).collect::<Vec<_>>();
    let (view, table) = (unseen(RelationKind::MaterializedView), unseen(RelationKind::Table));
    assert_eq!(limits(compared(&view, &view)), [Some(Limit::DerivedRows); 2]);
    assert_eq!(limits(compared(&table, &table)), [None; 2]);
    assert_eq!(limits(compared(&view, &table)), [None; 2]);
    assert_eq!(limits(compared(&table, &view)), [None; 2]);
}

/// A table with a stored generated column: its rows without and with the generated values.
fn generated(lines: &[&str], with: Observed<Tally>) -> Manifest {
    let computed = Computed { columns: ["a".to_owned(), "g".to_owned()].into(), rows: with };
    holds(Relation { computed: Some(Box::new(computed)), ..relation(rows(lines)) })
}

#[test]
fn generated_values_that_could_not_be_read_are_unchecked_with_their_own_limit() {
    let (unseen, read) = (generated(&["1"], Observed::Unseen("timeout".into())), generated(&["1"], rows(&["1 1"])));
    for (e, a, side) in [(&unseen, &read, "expected"), (&read, &unseen, "actual")] {
        let outcome = compared(e, a);
        assert_eq!(unchecked(&outcome), [format!("generated columns s.t ({side})")]);
        assert_eq!((status(&outcome), outcome.unchecked[0].limit), (TableStatus::Equal, Some(Limit::DerivedRows)));
    }
    let outcome = compared(&read, &read);
    assert!(outcome.unchecked.is_empty() && outcome.findings.is_empty(), "{outcome:?}");
}

#[test]
fn generated_values_differ_only_in_rows_that_are_otherwise_the_same() {
    let side = |lines: &[&str], with: &[&str]| generated(lines, rows(with));
    let outcome = compared(&side(&["1", "2"], &["1 1", "2 2"]), &side(&["1", "2"], &["1 1", "2 3"]));
    assert_eq!(findings(&outcome), ["generated s.t"]);
    let outcome = compared(&side(&["1", "2"], &["1 1", "2 2"]), &side(&["1", "3"], &["1 1", "3 3"]));
    assert_eq!(findings(&outcome), ["row_content s.t"]);
}

#[test]
fn generated_values_of_more_rows_than_are_told_apart_are_unchecked() {
    let many = |end: &str| (0..2000).map(|n| format!("{n}{end}")).collect::<Vec<_>>();
    let side = |end: &str| {
        let (lines, with) = (many(end), many(&format!("{end} 1")));
        let of = |lines: &[String]| rows(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let computed = Computed { columns: ["a".to_owned(), "g".to_owned()].into(), rows: of(&with) };
        holds(Relation { computed: Some(Box::new(computed)), ..relation(of(&lines)) })
    };
    let outcome = compared(&side("a"), &side("b"));
    assert_eq!(unchecked(&outcome), ["generated columns s.t (both)"]);
    assert_eq!(findings(&outcome), ["row_content s.t"]);
}

#[test]
fn sides_that_were_read_with_different_columns_are_unchecked() {
    let read = |column: &str, line: &str| {
        holds(Relation { read_columns: [column.to_owned()].into(), ..relation(rows(&[line])) })
    };
    for line in ["1", "2"] {
        let outcome = compared(&read("a", "1"), &read("b", line));
        assert_eq!(
            (status(&outcome), unchecked(&outcome)),
            (TableStatus::Unchecked, vec!["rows s.t (both)".to_owned()])
        );
    }
    assert_eq!(status(&compared(&read("a", "1"), &read("a", "1"))), TableStatus::Equal);
}

#[test]
fn a_materialized_view_that_differs_is_derived_and_an_equal_one_is_compared() {
    let view = |lines: &[&str]| holds(of_kind(RelationKind::MaterializedView, lines));
    let outcome = compared(&view(&["1"]), &view(&["2"]));
    assert_eq!((status(&outcome), covered(&outcome)), (TableStatus::Derived, (0, 0, 0)));
    assert!(outcome.findings.is_empty() && outcome.coverage.derived == 1, "{outcome:?}");
    let outcome = compared(&view(&["1"]), &view(&["1"]));
    assert_eq!((status(&outcome), covered(&outcome)), (TableStatus::Equal, (0, 0, 1)));
}

#[test]
fn a_materialized_view_that_the_restore_did_not_fill_is_a_finding() {
    let view = |lines: &[&str], text: &str| {
        holds(of_kind(RelationKind::MaterializedView, lines)).object("materialized_view", "s.t", text)
    };
    let outcome = compared(&view(&["1"], "POPULATED\n SELECT 1"), &view(&[], "NOT POPULATED\n SELECT 1"));
    assert!(findings(&outcome).contains(&"row_count s.t".to_owned()), "{outcome:?}");
    assert_eq!(status(&outcome), TableStatus::Different);
}

#[test]
fn a_relation_that_was_replaced_by_another_kind_is_compared_with_its_rows() {
    let words = ["table", "materialized_view", "foreign_table"];
    let kinds = [RelationKind::Table, RelationKind::MaterializedView, RelationKind::ForeignTable];
    for (e, expected) in kinds.into_iter().zip(words) {
        for (a, actual) in kinds.into_iter().zip(words).filter(|(a, _)| *a != e) {
            for side in [holds, dump_of] {
                let outcome = compared(&holds(of_kind(e, &["1"])), &side(of_kind(a, &["2", "3"])));
                let names = [format!("missing {expected} s.t"), format!("unexpected {actual} s.t")];
                assert_eq!(findings(&outcome), [&names[..], &["row_count s.t".to_owned()]].concat());
            }
        }
    }
    assert!(compared(&holds(of_kind(kinds[0], &["1"])), &holds(of_kind(kinds[0], &["1"]))).findings.is_empty());
}

#[test]
fn rows_of_foreign_tables_are_waived_by_nature() {
    let side = Relation { is_dumped: true, ..of_kind(RelationKind::ForeignTable, &["1"]) };
    let outcome = compared(&holds(side.clone()), &holds(side));
    assert_eq!((status(&outcome), covered(&outcome)), (TableStatus::Waived, (1, 1, 0)));
    assert!(outcome.findings.is_empty());
    assert_eq!(outcome.waivers[0].waiver.by, "nature");
    assert_eq!(outcome.waivers[0].covered, ["rows s.t"]);
}

#[test]
fn rows_of_a_materialized_view_are_waived_only_against_a_dump() {
    let view = || of_kind(RelationKind::MaterializedView, &["1"]);
    for (e, a) in [(holds(view()), dump_of(view())), (dump_of(view()), holds(view()))] {
        assert_eq!(status(&compared(&e, &a)), TableStatus::Waived);
    }
    assert_eq!(status(&compared(&holds(view()), &holds(view()))), TableStatus::Equal);
    let table = || relation(rows(&["1"]));
    assert_eq!(status(&compared(&holds(table()), &dump_of(table()))), TableStatus::Equal);
}

#[test]
fn rows_of_an_extensions_table_are_waived_only_against_a_dump_and_not_those_that_it_dumps() {
    let differs = |side: &dyn Fn(Relation) -> Manifest, is_config| {
        compared(&holds(member(is_config, &["1"])), &side(member(is_config, &["2"])))
    };
    assert_eq!(status(&differs(&dump_of, false)), TableStatus::Waived);
    assert_eq!(covered(&differs(&dump_of, false)), (1, 1, 0));
    for (outcome, what) in [
        (differs(&dump_of, true), "a configuration table"),
        (differs(&holds, false), "two live sides"),
        (compared(&holds(relation(rows(&["1"]))), &dump_of(relation(rows(&["2"])))), "a table of no extension"),
    ] {
        assert_eq!(findings(&outcome), ["row_content s.t"], "{what}");
    }
    let outcome = compared(&holds(member(false, &["1"])), &dump_of(relation(rows(&["2"]))));
    assert_eq!(status(&outcome), TableStatus::Waived, "one side knows the extension");
}

#[test]
fn an_extensions_table_that_the_dump_lacks_is_waived_on_the_side_that_has_it() {
    let has = |is_config| holds(member(is_config, &["1"]));
    let outcome = compared(&has(false), &empty(true));
    assert_eq!((status(&outcome), covered(&outcome)), (TableStatus::Waived, (1, 0, 0)));
    assert!(outcome.findings.is_empty());
    let outcome = compared(&empty(true), &has(false));
    assert_eq!((status(&outcome), covered(&outcome)), (TableStatus::Waived, (0, 1, 0)));
    assert_eq!(outcome.waivers[0].covered, ["rows s.t"]);
    assert_eq!(status(&compared(&has(true), &empty(true))), TableStatus::Missing, "its rows are in a dump");
    assert_eq!(status(&compared(&has(false), &empty(false))), TableStatus::Missing, "not a dump");
    assert_eq!(status(&compared(&holds(relation(rows(&["1"]))), &empty(true))), TableStatus::Missing);
}

#[test]
fn rows_left_out_by_an_option_must_not_be_in_the_dump() {
    let exclude_table_data = vec![Pattern::table("s.t").unwrap()];
    let selection = Selection { exclude_table_data, ..Selection::default() };
    let request = Request { selection, ..Request::default() };
    let side = |is_dumped| holds(Relation { is_dumped, ..relation(rows(&["1"])) });
    let outcome = compare(&side(false), &side(false), &request);
    assert_eq!((status(&outcome), covered(&outcome)), (TableStatus::Waived, (1, 1, 0)));
    assert!(outcome.findings.is_empty());
    assert_eq!(outcome.waivers[0].waiver.by, "option");
    for (e, a) in [(true, false), (false, true)] {
        let outcome = compare(&side(e), &side(a), &request);
        assert_eq!(findings(&outcome), ["unexpected rows s.t"]);
        assert_eq!(outcome.findings[0].detail.len(), 1);
    }
    assert!(compared(&side(true), &side(true)).findings.is_empty());
}

#[test]
fn rows_in_a_dump_without_a_definition_are_unchecked_unless_an_extension_brings_the_table() {
    let side = |is_undefined, extension: Option<&str>| {
        let extension = extension.map(str::to_owned);
        Relation { is_undefined, extension, is_config: true, ..relation(rows(&["1"])) }
    };
    for (e, a, is_orphaned) in [
        ((true, None), (false, None), true),
        ((false, None), (true, None), true),
        ((true, None), (true, None), false),
        ((false, None), (false, None), false),
        ((true, None), (false, Some("postgis")), false),
        ((false, Some("postgis")), (true, None), false),
    ] {
        let outcome = compared(&holds(side(e.0, e.1)), &dump_of(side(a.0, a.1)));
        let expected = if is_orphaned { TableStatus::Unchecked } else { TableStatus::Equal };
        assert_eq!(status(&outcome), expected, "{e:?}, {a:?}");
        assert_eq!(outcome.unchecked.len(), usize::from(is_orphaned));
    }
}

#[test]
fn an_unlogged_table_and_virtual_columns_get_a_remark() {
    let side = |is_unlogged| holds(Relation { is_unlogged, ..relation(rows(&["1"])) });
    for (e, a) in [(true, false), (false, true)] {
        assert!(has_remark(&compared(&side(e), &side(a)), "s.t is unlogged"));
    }
    assert!(compared(&side(false), &side(false)).remarks.is_empty());
    let column = |is_virtual| Column { name: "v".into(), type_name: "integer".into(), is_generated: true, is_virtual };
    let side = |is_virtual| holds(Relation { columns: [column(is_virtual)].into(), ..relation(rows(&["1"])) });
    let outcome = compared(&side(true), &side(true));
    assert!(outcome.remarks[0].full().ends_with(": s.t.v"), "{outcome:?}");
    assert!(compared(&side(false), &side(false)).remarks.is_empty());
}

#[test]
fn large_objects_that_differ_are_a_finding_and_unread_ones_are_unchecked() {
    let side = |large_objects| Manifest { large_objects, ..live().with_all_kinds() };
    assert!(compared(&side(rows(&["1"])), &side(rows(&["1"]))).findings.is_empty());
    let outcome = compared(&side(rows(&["1"])), &side(rows(&["2"])));
    assert_eq!(findings(&outcome), ["large_objects large objects"]);
    assert_eq!(outcome.findings[0].rows.as_ref().map(|rows| rows.expected_only), Some(1));
    let unseen = || side(Observed::Unseen("gone".into()));
    assert_eq!(unchecked(&compared(&unseen(), &side(rows(&[])))), ["large objects (expected)"]);
    assert_eq!(unchecked(&compared(&side(rows(&[])), &unseen())), ["large objects (actual)"]);
}
