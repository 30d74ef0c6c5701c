//! Laws of comparison and report together.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;

use crate::small_report::{RUN_ID, manifest};
use crate::support::samples::{ManifestBuilder as _, live, relation, seen};
use pgwitness::compare::{Request, compare};
use pgwitness::model::aspect::Aspect;
use pgwitness::model::finding::{FindingKind, Limit, Waiver};
use pgwitness::model::manifest::{Manifest, Observed, RelationKind, SequenceValue, Violations};
use pgwitness::model::name::Name;
use pgwitness::model::report::{Report, Run};
use proptest::prelude::*;

fn observed<T>(seen: Option<T>) -> Observed<T> {
    seen.map_or_else(|| Observed::Unseen("permission denied".into()), Observed::Seen)
}

type Table = (Option<u8>, u8, bool, bool);
type Results = BTreeMap<String, Option<u64>>;

fn build(
    (aspects, tables, keys, checks, sequences): (Vec<Aspect>, BTreeMap<String, Table>, Results, Results, Results),
) -> Manifest {
    let mut made = live();
    made.answers = aspects.into_iter().chain([Aspect::Rows]).collect();
    for (name, (rows, kind, is_unlogged, is_extension)) in tables {
        let rows = rows.map_or(Observed::Unseen("permission denied".into()), |rows| seen(vec!["1"; rows.into()], 4));
        let mut relation = relation(rows);
        relation.kind =
            [RelationKind::Table, RelationKind::MaterializedView, RelationKind::ForeignTable][usize::from(kind % 3)];
        relation.is_unlogged = is_unlogged;
        relation.extension = is_extension.then(|| "hstore".to_owned());
        made.relations.insert(Name::new("shop", name), relation);
    }
    let violations = |results: Results| {
        let side = |rows: Option<u64>| observed(rows.map(|rows| Violations { rows, sample: Vec::new() }));
        results.into_iter().map(|(name, rows)| (name, side(rows))).collect()
    };
    made.foreign_keys = violations(keys);
    made.assertions = violations(checks);
    let value = |rows: u64| SequenceValue { last_value: rows.cast_signed(), is_called: true };
    made.sequences =
        sequences.into_iter().map(|(name, rows)| (Name::new("shop", name), observed(rows.map(value)))).collect();
    made
}

fn manifests() -> impl Strategy<Value = Manifest> {
    let results = || prop::collection::btree_map("[ab]", prop::option::of(0..2u64), 0..2);
    let table = (prop::option::weighted(0.9, 0..2u8), 0..4u8, any::<bool>(), any::<bool>());
    let aspects = prop::sample::subsequence(Aspect::ALL.to_vec(), 0..=7);
    (aspects, prop::collection::btree_map("[abC]", table, 0..4), results(), results(), results()).prop_map(build)
}

fn waivers() -> impl Strategy<Value = Vec<Waiver>> {
    let kind =
        prop::sample::select(vec!["row_count", "missing", "unexpected", "unchecked", "foreign_key", "assertion"]);
    let waiver = (kind, prop::sample::select(vec!["*", "*a", "table shop.a"])).prop_map(|(kind, object)| Waiver {
        kind: kind.into(),
        object: object.into(),
        reason: "known".into(),
        by: "option".into(),
    });
    prop::collection::vec(waiver, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Or else a night would end without a report because of the report.
    #[test]
    fn whatever_is_compared_makes_a_report_that_does_not_contradict_itself(
        expected in manifests(), actual in manifests(), waivers in waivers(), is_copy in prop::bool::weighted(0.3),
    ) {
        let actual = if is_copy { expected.clone() } else { actual };
        let outcome = compare(&expected, &actual, &Request { waivers, ..Default::default() });
        let report = Report::new(outcome.clone(), &expected, &actual, Run { run_id: RUN_ID.into(), ..Default::default() });
        let read = Report::from_bytes(&report.to_bytes().unwrap()).unwrap();
        prop_assert_eq!(read.outcome().verdict(), outcome.verdict());
    }
}

#[test]
fn rows_of_an_extensions_table_that_no_dump_carries_are_a_finding_between_two_databases() {
    let of_extension = |rows: &[&str]| {
        let mut made = manifest(rows, 4);
        made.relations.values_mut().for_each(|relation| relation.extension = Some("hstore".into()));
        made
    };
    let outcome = compare(&of_extension(&["1", "2"]), &of_extension(&[]), &Request::default());
    let [finding] = outcome.findings.as_slice() else { panic!("{:?}", outcome.findings) };
    assert_eq!((finding.kind, finding.limit), (FindingKind::RowCount, Some(Limit::NotDumped)));
    assert!(!outcome.verdict().is_sound());
}

#[test]
fn a_sequence_that_was_never_used_is_no_lag_of_a_standby() {
    let of = |is_standby: bool, last_value: i64, is_called: bool| {
        let mut made = manifest(&[], 4).object("sequence", "shop.ids", "increment 1");
        made.endpoint.is_standby = is_standby;
        made.sequence("shop.ids", Observed::Seen(SequenceValue { last_value, is_called }))
    };
    let findings = |actual: Manifest| compare(&of(true, 20, true), &actual, &Request::default()).findings.len();
    assert_eq!(findings(of(false, 5, true)), 0, "at most 32 values ahead");
    assert_eq!(findings(of(false, 1, false)), 1, "the copy would hand out values again");
}
