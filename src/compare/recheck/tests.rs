use proptest::prelude::*;

use super::*;
use crate::model::subject::Subject;
use crate::model::verdict::TableResult;
use crate::samples;

/// What both sides show at each read, the first snapshots first; 0 is no row.
fn fate(reads: &[(u32, u32)]) -> Fate {
    let mut track = Track::new(reads[0].0, reads[0].1, 0);
    reads[1..].iter().for_each(|(expected, actual)| track.observe(*expected, *actual));
    track.fate(3)
}

#[test]
fn a_row_that_arrives_was_in_flight() {
    assert_eq!(fate(&[(2, 1), (2, 1), (2, 2)]), Fate::Converged);
    assert_eq!(fate(&[(1, 0), (1, 1)]), Fate::Converged, "inserted");
    assert_eq!(fate(&[(0, 1), (0, 0)]), Fate::Converged, "deleted");
    assert_eq!(fate(&[(2, 1), (3, 2)]), Fate::Converged, "the version of the first snapshot, one read later");
    assert_eq!(fate(&[(2, 1), (3, 1), (4, 3), (9, 9)]), Fate::Converged, "changes faster than it is read");
}

#[test]
fn the_actual_side_may_be_ahead_of_the_first_snapshot_of_the_expected_side() {
    assert_eq!(fate(&[(1, 2), (2, 2)]), Fate::Converged);
}

#[test]
fn a_wound_stays_different() {
    for wound in [(1, 7), (1, 0), (0, 7)] {
        assert_eq!(fate(&[wound, wound]), Fate::Persistent, "{wound:?}");
        assert_eq!(fate(&[wound; 4]), Fate::Persistent, "{wound:?}");
    }
}

#[test]
fn a_row_that_is_stuck_on_an_old_version_is_persistent_though_the_source_changes_it() {
    assert_eq!(fate(&[(2, 1), (3, 1), (4, 1), (5, 1)]), Fate::Persistent);
    assert_eq!(
        fate(&[(2, 0), (3, 0), (4, 0), (5, 0)]),
        Fate::Persistent,
        "updates of a row that is not there do nothing"
    );
}

#[test]
fn what_has_moved_lately_is_in_flight() {
    assert_eq!(fate(&[(5, 1), (5, 2)]), Fate::InFlight, "it catches up");
    assert_eq!(fate(&[(5, 1), (5, 1), (6, 1)]), Fate::InFlight, "too few reads of a row that the source changes");
    assert_eq!(
        fate(&[(2, 101), (3, 102), (4, 103), (5, 104), (6, 105)]),
        Fate::InFlight,
        "a wound in a value that updates keep"
    );
    assert_eq!(fate(&[(2, 1)]), Fate::InFlight, "never read again");
}

#[test]
fn what_was_seen_late_needs_half_of_the_rounds() {
    let track = |begun_in| {
        let mut track = Track::new(1, 2, begun_in);
        track.observe(1, 2);
        track
    };
    assert_eq!(track(2).fate(4), Fate::Persistent);
    assert_eq!(track(3).fate(4), Fate::InFlight);
}

/// A source that makes a new version now and then, and a target that shows what the source had a while ago.
fn history(changes: &[bool]) -> Vec<u32> {
    changes
        .iter()
        .scan(100, |version, is_change| {
            *version += u32::from(*is_change);
            Some(*version)
        })
        .collect()
}

proptest! {
    /// With less lag than all rounds together, a faithful follower is never persistent, whatever it is read between.
    #[test]
    fn a_faithful_follower_is_never_damaged(changes in prop::collection::vec(any::<bool>(), 12..40), lag in 0usize..5, times in prop::collection::btree_set(6usize..40, 2..12)) {
        let source = history(&changes);
        let times: Vec<usize> = times.into_iter().filter(|at| *at < source.len()).collect();
        prop_assume!(times.len() > 1 && times[times.len() - 1] - times[0] > lag);
        let reads: Vec<(u32, u32)> = times.iter().map(|&at| (source[at], source[at - lag])).collect();
        prop_assert_ne!(fate(&reads), Fate::Persistent, "{:?}", reads);
    }

    /// What is no version of the source never converges.
    #[test]
    fn a_wound_never_converges(reads in prop::collection::vec((100u32..200, 0u32..100), 1..30)) {
        prop_assert_ne!(fate(&reads), Fate::Converged);
    }

    /// A target that has stopped before the first snapshot converges only if the source itself comes back to what the target has.
    #[test]
    fn a_target_that_stands_still_never_converges(changes in prop::collection::vec(any::<bool>(), 2..30)) {
        let source = history(&changes);
        let reads: Vec<(u32, u32)> = source.iter().map(|version| (*version, 99)).collect();
        prop_assert_ne!(fate(&reads), Fate::Converged);
    }
}

fn table(converged: u64, persistent: u64, in_flight: u64) -> RecheckedTable {
    let difference =
        RowDifference { expected_only: persistent, actual_only: persistent, is_exact: true, ..Default::default() };
    RecheckedTable {
        finding: Finding::new(FindingKind::RowCount, "a.t1").sides("2 rows", "1 row"),
        whole: None,
        converged,
        persistent,
        in_flight,
        keys_in_flight: vec!["id=42".into()],
        difference: (persistent > 0).then_some(difference),
        last: None,
        failure: None,
        has_actual_moved: true,
    }
}

fn settled(table: RecheckedTable) -> Outcome {
    let mut outcome = samples::equal(1, &[Aspect::Rows]);
    let result = TableResult { expected: None, actual: None, status: TableStatus::Different };
    outcome.tables = [("a.t1".to_owned(), result)].into();
    outcome.findings = vec![table.finding.clone()];
    settle(&mut outcome, vec![table], 3);
    outcome
}

#[test]
fn the_verdict_follows_what_is_left() {
    let status = |outcome: &Outcome| outcome.tables["a.t1"].status;
    let sound = settled(table(5, 0, 0));
    assert_eq!((sound.verdict_line().as_str(), status(&sound)), ("sound (rows (rechecked))", TableStatus::Converged));
    let damaged = settled(table(5, 1, 0));
    assert!(damaged.verdict_line().starts_with("damaged: 1 finding (rows (rechecked)"), "{}", damaged.verdict_line());
    assert_eq!((damaged.findings[0].kind, &damaged.findings[0].expected), (FindingKind::RowContent, &None));
    let open = settled(table(5, 0, 7));
    assert_eq!((open.verdict().exit_code(), status(&open)), (2, TableStatus::Unchecked));
    assert_eq!(open.unchecked[0].object, "rows a.t1");
    let reason = &open.unchecked[0].reason;
    assert!(reason.full().contains("7 rows still differed") && reason.full().ends_with(": id=42; …"), "{reason:?}");
    assert!(!reason.safe().contains("42"), "a key is a value");
    assert_eq!(settled(table(0, 1, 1)).verdict().exit_code(), 1);
}

#[test]
fn a_table_that_could_not_be_read_again_is_unchecked() {
    let failed = settled(RecheckedTable { failure: Some("lock timeout".into()), ..table(5, 0, 2) });
    assert_eq!(failed.verdict().exit_code(), 2);
    assert_eq!(failed.unchecked[0].reason.full(), "differs, and could not be read again: lock timeout");
}

#[test]
fn sequences_are_outside_unless_they_agree_or_are_required() {
    let aspects = [Aspect::Rows, Aspect::Sequences];
    let outcome = |finding: Option<Finding>, required: &[Aspect]| {
        let mut outcome = samples::equal(1, &aspects);
        outcome.findings.extend(finding);
        set_sequences_aside(&mut outcome, required);
        outcome.verdict_line()
    };
    let value =
        || Some(Finding::new(FindingKind::SequenceValue, Subject::new("", "a.s")).sides("5, called", "1, called"));
    assert_eq!(outcome(None, &[]), "sound (rows, sequences)");
    assert_eq!(outcome(value(), &[]), "sound (rows; not compared: sequences)");
    assert_eq!(outcome(value(), &[Aspect::Sequences]), "damaged: 1 finding (rows, sequences)");
}

#[test]
fn the_publications_of_a_subscription_are_found_by_name() {
    let names = |text: &str| subscribed(text).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names("publications p, \"a, b\", \"c\"\",d\"\nslot s"), ["p", "\"a, b\"", "\"c\"\",d\""]);
    assert_eq!(names("slot s"), Vec::<String>::new());
}
