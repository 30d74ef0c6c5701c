//! The scope of a comparison, sequences, foreign keys and assertions, on manifests made by hand.

use super::*;
use crate::model::manifest::Tally;
use crate::model::selection::Pattern;
use crate::samples::{ManifestBuilder as _, live, relation, seen};

const KEY: &str = "s.t t_fkey";
const DENIED: &str = "permission denied (SQLSTATE 42501)";

fn compared(expected: &Manifest, actual: &Manifest) -> Outcome {
    compare(expected, actual, &Request::default())
}

fn without(mut manifest: Manifest, aspect: Aspect) -> Manifest {
    manifest.answers.remove(&aspect);
    manifest
}

fn state(last_value: i64, is_called: bool) -> Observed<SequenceValue> {
    Observed::Seen(SequenceValue { last_value, is_called })
}

fn violated(rows: u64, sample: &[&str]) -> Observed<Violations> {
    Observed::Seen(Violations { rows, sample: sample.iter().map(|&row| row.to_owned()).collect() })
}

/// A database whose schema was read; it declares the foreign key.
fn declares(key: &str) -> Manifest {
    let mut side = live().with_all_kinds();
    let text = "FOREIGN KEY (a) REFERENCES s.u(id)".into();
    let definition = Definition { text, schema: Some("s".into()), relation: Some("t".into()) };
    side.schema.objects.entry("constraint".to_owned()).or_default().insert(key.into(), definition);
    side
}

fn with_key(mut side: Manifest, key: &str, result: Observed<Violations>) -> Manifest {
    side.foreign_keys.insert(key.to_owned(), result);
    side
}

fn with_assertion(mut side: Manifest, name: &str, result: Observed<Violations>) -> Manifest {
    side.assertions.insert(name.to_owned(), result);
    side
}

fn read() -> Manifest {
    live().with_all_kinds()
}

fn findings(outcome: &Outcome) -> Vec<String> {
    outcome.findings.iter().map(ToString::to_string).collect()
}

/// `object (side)`
fn unchecked(outcome: &Outcome) -> Vec<String> {
    outcome.unchecked.iter().map(|one| format!("{} ({})", one.object, one.side)).collect()
}

fn remarks(outcome: &Outcome) -> Vec<&str> {
    outcome.remarks.iter().map(MarkedText::full).collect()
}

fn has(aspects: &[Aspect], aspect: Aspect) -> bool {
    aspects.contains(&aspect)
}

#[test]
fn the_hint_at_the_missing_grant_counts_what_it_would_open() {
    let denied = || Observed::Unseen(DENIED.into());
    let with_tables = |mut side: Manifest, rows: Observed<Tally>| {
        for name in ["t", "u", "v"] {
            side.relations.insert(Name::new("s", name), relation(rows.clone()));
        }
        side
    };
    let side = read().sequence("s.a", denied()).sequence("s.b", denied());
    let side = with_tables(side, Observed::Unseen(DENIED.into()));
    let other = read().sequence("s.a", state(1, true)).sequence("s.b", state(1, true));
    let other = with_tables(other, seen(["x"], 4));
    let outcome = compared(&side, &other);
    let hint = "the role may not read 3 tables and 2 sequences;";
    assert!(remarks(&outcome).iter().any(|remark| remark.starts_with(hint)), "{outcome:?}");
    assert_eq!(outcome.unchecked.len(), 5, "{outcome:?}");
}

#[test]
fn an_aspect_that_one_side_cannot_answer_is_not_compared() {
    for aspect in [Aspect::Rows, Aspect::Sequences, Aspect::LargeObjects, Aspect::Schema, Aspect::ForeignKeys] {
        let mut other = read().sequence("s.q", state(1, true)).object("index", "s.i", "x");
        other.large_objects = seen(["x"], 4);
        let other = without(other, aspect);
        for (e, a) in [(&read(), &other), (&other, &read())] {
            let outcome = compared(e, a);
            assert!(has(&outcome.scope.not_compared, aspect) && !has(&outcome.scope.compared, aspect), "{aspect}");
            let objects = findings(&outcome).join(", ");
            assert_eq!(objects.contains("sequence s.q"), aspect != Aspect::Sequences, "{aspect}: {objects}");
            assert_eq!(objects.contains("large objects"), aspect != Aspect::LargeObjects, "{aspect}: {objects}");
            assert_eq!(objects.contains("index s.i"), aspect != Aspect::Schema, "{aspect}: {objects}");
        }
    }
}

#[test]
fn assertions_are_in_the_scope_as_soon_as_one_is_known_anywhere() {
    let is_named =
        |scope: &Scope| has(&scope.compared, Aspect::Assertions) || has(&scope.not_compared, Aspect::Assertions);
    assert!(!is_named(&compared(&read(), &read()).scope));
    let one = with_assertion(read(), "x", violated(0, &[]));
    assert!(has(&compared(&one, &read()).scope.compared, Aspect::Assertions));
    assert!(has(&compared(&read(), &one).scope.compared, Aspect::Assertions));
    assert!(has(&compared(&without(read(), Aspect::Assertions), &one).scope.not_compared, Aspect::Assertions));
    let asked = Request { assertions: ["x".to_owned()].into(), ..Request::default() };
    let outcome = compare(&read(), &read(), &asked);
    assert!(has(&outcome.scope.compared, Aspect::Assertions));
    assert_eq!(unchecked(&outcome), ["assertion x (expected)", "assertion x (actual)"]);
}

#[test]
fn an_assertion_that_one_side_did_not_run_is_unchecked_there() {
    let one = with_assertion(read(), "x", violated(0, &[]));
    assert_eq!(unchecked(&compared(&one, &read())), ["assertion x (actual)"]);
    assert_eq!(unchecked(&compared(&read(), &one)), ["assertion x (expected)"]);
    let failed = with_assertion(read(), "x", Observed::Unseen("timeout".into()));
    assert_eq!(unchecked(&compared(&one, &failed)), ["assertion x (actual)"]);
    assert_eq!(unchecked(&compared(&failed, &one)), ["assertion x (expected)"]);
    assert!(unchecked(&compared(&one, &one)).is_empty());
}

#[test]
fn large_objects_are_left_out_with_tables_alone_and_nothing_else_is() {
    let tables = vec![Pattern::table("s.*").unwrap()];
    let selection = Selection { tables, ..Selection::default() };
    let outcome = compare(&read(), &read(), &Request { selection: selection.clone(), ..Request::default() });
    assert_eq!(outcome.scope.not_compared, [Aspect::LargeObjects]);
    assert!(outcome.unchecked.is_empty(), "{outcome:?}");
    let required = vec![Aspect::LargeObjects, Aspect::Rows];
    let outcome = compare(&read(), &read(), &Request { selection, required, ..Request::default() });
    assert_eq!(unchecked(&outcome), ["large objects (both)"]);
    let everything = compared(&read(), &read());
    assert!(everything.scope.not_compared.is_empty());
    assert!(has(&everything.scope.compared, Aspect::LargeObjects));
}

#[test]
fn a_required_aspect_that_was_not_compared_is_unchecked_and_one_that_was_compared_is_not() {
    let require = |aspect| Request { required: vec![aspect], ..Request::default() };
    for aspect in [Aspect::Rows, Aspect::Sequences, Aspect::LargeObjects, Aspect::Schema, Aspect::ForeignKeys] {
        assert!(compare(&read(), &read(), &require(aspect)).unchecked.is_empty(), "{aspect}");
        let blind = without(read(), aspect);
        let outcome = compare(&read(), &blind, &require(aspect));
        assert_eq!(unchecked(&outcome), [format!("{aspect} (actual)")]);
        assert_eq!(outcome.unchecked[0].reason.full(), "required, but a live cannot answer it");
        assert_eq!(unchecked(&compare(&blind, &read(), &require(aspect))), [format!("{aspect} (expected)")]);
    }
    let outcome = compare(&read(), &read(), &require(Aspect::Assertions));
    assert_eq!(outcome.unchecked.len(), 1);
    assert_eq!(outcome.unchecked[0].reason.full(), "required, but no assertion was given");
}

#[test]
fn every_state_of_a_sequence_is_compared_and_counted() {
    let side = || read().sequence("s.a", state(1, true)).sequence("s.b", state(7, false));
    let outcome = compared(&side(), &side());
    assert_eq!((findings(&outcome).len(), outcome.coverage.sequences), (0, 2));
    for (other, texts) in [(state(2, true), "2, called"), (state(1, false), "1, not yet called")] {
        let outcome = compared(&side(), &side().sequence("s.a", other));
        assert_eq!((findings(&outcome), outcome.coverage.sequences), (vec!["sequence_value s.a".to_owned()], 2));
        assert_eq!(outcome.findings[0].expected.as_deref(), Some("1, called"));
        assert_eq!(outcome.findings[0].actual.as_deref(), Some(texts));
    }
    assert_eq!(findings(&compared(&side(), &side().sequence("s.c", state(1, true)))), ["unexpected sequence s.c"]);
    assert_eq!(findings(&compared(&side().sequence("s.c", state(1, true)), &side())), ["missing sequence s.c"]);
    let unseen = || side().sequence("s.a", Observed::Unseen("gone".into()));
    assert_eq!(unchecked(&compared(&unseen(), &side())), ["sequence s.a (expected)"]);
    assert_eq!(unchecked(&compared(&side(), &unseen())), ["sequence s.a (actual)"]);
}

#[test]
fn a_sequence_that_is_not_selected_is_no_finding() {
    let exclude_tables = vec![Pattern::table("s.q").unwrap()];
    let request = Request { selection: Selection { exclude_tables, ..Selection::default() }, ..Request::default() };
    let (with, bare) = (read().sequence("s.q", state(1, true)), read());
    assert!(compare(&with, &bare, &request).findings.is_empty());
}

/// Puts results of a check into a manifest.
type WithViolations = dyn Fn(Manifest, Observed<Violations>) -> Manifest;

#[test]
fn rows_that_violate_a_key_or_a_check_are_a_finding_on_whichever_side() {
    let of_keys = |side: Manifest, result| with_key(side, KEY, result);
    let of_checks = |side: Manifest, result| with_assertion(side, KEY, result);
    let kinds: [(&str, &WithViolations); 2] = [("foreign_key", &of_keys), ("assertion", &of_checks)];
    for (kind, with) in kinds {
        let side = |rows| with(declares(KEY), violated(rows, &["a=1"]));
        let side = |rows| if kind == "assertion" { with_key(side(rows), KEY, violated(0, &[])) } else { side(rows) };
        assert!(compared(&side(0), &side(0)).findings.is_empty());
        for (e, a, line) in [
            (1, 1, "violated on both sides: the source itself is broken"),
            (2, 0, "violated on the expected side only"),
            (0, 1, "violated on the actual side only"),
        ] {
            let outcome = compared(&side(e), &side(a));
            assert_eq!(findings(&outcome), [format!("{kind} {KEY}")], "{e}, {a}");
            let finding = &outcome.findings[0];
            assert_eq!(finding.detail, [line, "expected: a=1", "actual: a=1"]);
            assert_eq!(finding.expected, Some(counted(e as usize, "violating row")));
            assert_eq!(finding.actual, Some(counted(a as usize, "violating row")));
        }
    }
}

#[test]
fn a_violated_key_is_a_finding_although_a_dump_has_no_result_for_it() {
    let dump = without(read(), Aspect::ForeignKeys);
    let live = |rows| with_key(declares(KEY), KEY, violated(rows, &[]));
    let dump = Manifest { schema: live(0).schema, ..dump };
    for (e, a) in [(live(1), dump.clone()), (dump.clone(), live(1))] {
        let outcome = compared(&e, &a);
        assert_eq!(findings(&outcome), [format!("foreign_key {KEY}")]);
        assert!(outcome.unchecked.is_empty(), "{outcome:?}");
        let texts = [&outcome.findings[0].expected, &outcome.findings[0].actual].map(|text| text.as_deref());
        assert!(texts.contains(&Some("not known")) && texts.contains(&Some("1 violating row")), "{texts:?}");
    }
    assert!(compared(&live(0), &dump).findings.is_empty());
    assert_eq!(compared(&live(0), &dump).coverage.foreign_keys, 0);
}

#[test]
fn a_key_that_is_declared_but_has_no_result_is_unchecked_on_its_side() {
    let (whole, lost) = (with_key(declares(KEY), KEY, violated(0, &[])), declares(KEY));
    assert!(compared(&whole, &whole).unchecked.is_empty());
    assert_eq!(unchecked(&compared(&whole, &lost)), [format!("foreign_key {KEY} (actual)")]);
    assert_eq!(unchecked(&compared(&lost, &whole)), [format!("foreign_key {KEY} (expected)")]);
    assert_eq!(compared(&lost, &lost).unchecked.len(), 2);
    let failed = with_key(declares(KEY), KEY, Observed::Unseen("timeout".into()));
    assert_eq!(unchecked(&compared(&whole, &failed)), [format!("foreign_key {KEY} (actual)")]);
}

#[test]
fn a_constraint_of_another_kind_needs_no_result_for_its_rows() {
    let side = read().object("constraint", "s.t t_check", "CHECK ((a > 0))");
    assert!(compared(&side, &side).unchecked.is_empty());
}

#[test]
fn a_key_of_a_table_that_is_not_selected_needs_no_result() {
    let exclude_tables = vec![Pattern::table("s.t").unwrap()];
    let request = Request { selection: Selection { exclude_tables, ..Selection::default() }, ..Request::default() };
    let lost = declares(KEY);
    assert!(compare(&lost, &lost, &request).unchecked.is_empty());
    assert_eq!(compared(&lost, &lost).unchecked.len(), 2);
}

#[test]
fn keys_that_could_not_be_listed_are_one_entry() {
    let unlisted = with_key(declares(KEY), KEY_LIST, Observed::Unseen("timeout".into()));
    let outcome = compared(&unlisted, &unlisted);
    assert_eq!(unchecked(&outcome), ["foreign_key (list) (expected)", "foreign_key (list) (actual)"]);
}

#[test]
fn a_key_of_the_other_side_is_unchecked_where_no_schema_was_read_and_a_missing_key_is_not() {
    let whole = with_key(declares(KEY), KEY, violated(0, &[]));
    let silent = without(live(), Aspect::Schema);
    assert_eq!(unchecked(&compared(&whole, &silent)), [format!("foreign_key {KEY} (actual)")]);
    let outcome = compared(&whole, &read());
    assert!(outcome.unchecked.is_empty(), "{outcome:?}");
    assert_eq!(findings(&outcome), [format!("missing constraint {KEY}")]);
}

#[test]
fn keys_and_checks_with_a_result_on_both_sides_are_counted() {
    let zero = || violated(0, &[]);
    let two = with_key(with_key(read(), "s.t a", zero()), "s.t b", zero());
    let side = ["x", "y", "z"].into_iter().fold(two, |side, name| with_assertion(side, name, zero()));
    let coverage = compared(&side, &side).coverage;
    assert_eq!((coverage.foreign_keys, coverage.assertions), (2, 3));
    assert_eq!(compared(&side, &read()).coverage.foreign_keys, 0);
}
