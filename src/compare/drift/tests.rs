use proptest::prelude::*;

use super::*;
use crate::model::manifest::SequenceValue;
use crate::samples::{self, ManifestBuilder as _, live};

pub fn manifest(tables: &[(&str, Observed<Tally>)]) -> Manifest {
    let with =
        |made: Manifest, (name, rows): &(&str, Observed<Tally>)| made.table(&format!("shop.{name}"), rows.clone());
    tables.iter().fold(live().with_all_kinds(), with)
}

fn seen(rows: std::ops::Range<u64>) -> Observed<Tally> {
    samples::seen(rows.map(u64::to_le_bytes), 8)
}

#[test]
fn tables_grow_shrink_change_appear_and_vanish() {
    let before =
        manifest(&[("a", seen(0..5)), ("b", seen(0..5)), ("c", seen(0..5)), ("d", seen(0..5)), ("e", seen(0..5))]);
    let after =
        manifest(&[("a", seen(0..8)), ("b", seen(1..3)), ("c", seen(1..6)), ("e", seen(0..5)), ("f", seen(0..2))]);
    let drift = between(&before, &after);
    let table = |name: &str| {
        let table = &drift.tables[name];
        (table.direction, table.before, table.after, table.removed, table.added, table.is_exact)
    };
    assert_eq!(table("shop.a"), (Direction::Grew, Some(5), Some(8), Some(0), Some(3), true));
    assert_eq!(table("shop.b"), (Direction::Shrank, Some(5), Some(2), Some(3), Some(0), true));
    assert_eq!(table("shop.c"), (Direction::Changed, Some(5), Some(5), Some(1), Some(1), true));
    assert_eq!(table("shop.d"), (Direction::Vanished, Some(5), None, Some(5), None, true));
    assert_eq!(table("shop.f"), (Direction::Appeared, None, Some(2), None, Some(2), true));
    assert_eq!((drift.tables.len(), drift.tables_unchanged, drift.exit_code()), (5, 1, 1));
}

#[test]
fn beyond_the_sketch_it_is_at_least() {
    let small = |rows: std::ops::Range<u64>| samples::seen(rows.map(u64::to_le_bytes), 4);
    let drift = between(&manifest(&[("a", small(0..5000))]), &manifest(&[("a", small(5000..9000))]));
    let table = &drift.tables["shop.a"];
    assert!(!table.is_exact && table.removed >= Some(1000) && table.added <= Some(4000), "{table:?}");
}

#[test]
fn rows_that_were_read_with_other_columns_are_not_held_against_each_other() {
    let before = manifest(&[("a", seen(0..5)), ("b", seen(0..5))]);
    let mut after = manifest(&[("a", seen(0..7)), ("b", seen(0..5))]);
    after.relations.values_mut().for_each(|relation| relation.read_columns = ["id".into(), "note".into()].into());
    let drift = between(&before, &after);
    assert_eq!((drift.tables["shop.a"].direction, drift.tables["shop.a"].added), (Direction::Grew, None));
    let unknown: Vec<&str> = drift.unknown.iter().map(|thing| thing.object.as_str()).collect();
    assert_eq!(unknown, ["rows shop.b"]);
}

#[test]
fn what_was_not_seen_is_neither_changed_nor_the_same() {
    let before = manifest(&[("a", Observed::Unseen("permission denied".into()))]);
    let drift = between(&before, &manifest(&[("a", seen(0..5))]));
    assert_eq!((drift.tables.len(), drift.unknown.len(), drift.exit_code()), (0, 1, 2));
}

#[test]
fn schema_sequences_violations_and_versions_drift_too() {
    let value = |last_value| Observed::Seen(SequenceValue { last_value, is_called: true });
    let before = manifest(&[]).sequence("shop.s", value(1));
    let mut after =
        manifest(&[]).sequence("shop.s", value(2)).object("index", "shop.idx", "CREATE INDEX …").of_major(16);
    let violations = Observed::Seen(Violations { rows: 2, sample: Vec::new() });
    after.foreign_keys.insert("shop.a k".into(), violations);
    let drift = between(&before, &after);
    assert_eq!((drift.objects[0].change, drift.objects[0].object.as_str()), ("added", "index shop.idx"));
    assert_eq!(drift.sequences[0].after.as_deref(), Some("2, called"));
    assert_eq!(drift.violations[0].after.as_deref(), Some("2 violating rows"));
    assert_eq!(drift.settings[0].name, "server version");
}

proptest! {
    #[test]
    fn nothing_drifts_from_itself_and_the_other_way_round_is_the_opposite(a in 0u64..40, b in 0u64..40, c in 0u64..40, d in 0u64..40) {
        let (one, other) = (manifest(&[("t", seen(a.min(b)..a.max(b)))]), manifest(&[("t", seen(c.min(d)..c.max(d)))]));
        prop_assert_eq!(between(&one, &one).exit_code(), 0);
        let (there, back) = (between(&one, &other), between(&other, &one));
        prop_assert_eq!(there.exit_code(), back.exit_code());
        for (name, table) in &there.tables {
            prop_assert_eq!((table.removed, table.added), (back.tables[name].added, back.tables[name].removed));
        }
    }
}
