//! Only backups of its own source count for a source, whatever else is in the directory.

use std::fs;
use std::path::Path;

use pgwitness::config::Retention;
use pgwitness::model::run::Origin;
use pgwitness::storage::backups::{Backups, DumpMetadata, OwnSource};
use pgwitness::storage::journal::Place;
use pgwitness::storage::retention::plan;
use proptest::prelude::*;

use crate::crash_safety::records::{RUN, at, day, id, made, new_backups, report, verified};

fn origin(database: &str, server: &str, system: Option<&str>) -> Origin {
    Origin::Postgres {
        database: database.into(),
        servers: vec![server.into()],
        system_identifier: system.map(str::to_owned),
    }
}

fn backup_of(backups: &Backups, number: u32, source: Option<Origin>) {
    let partial = backups.begin(&id(number)).unwrap();
    fs::write(partial.dump_custom(), format!("PGDMP {number}")).unwrap();
    partial.finish(&DumpMetadata { source, ..made(number) }).unwrap();
    backups.place(&id(number), Place::Verified, Some(&report())).unwrap();
}

fn own(backups: &Backups, ours: &OwnSource) -> Vec<String> {
    let shared = ours.split(backups.list().unwrap(), Path::new("/nowhere"));
    shared.own.verified.iter().map(|backup| backup.record.id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_source_never_removes_or_counts_a_backup_of_another(kinds in prop::collection::vec(0usize..5, 1..20), keep_last in 1u32..4) {
        let dir = tempfile::tempdir().unwrap();
        let backups = new_backups(dir.path());
        let sources = [
            Some(origin("a", "db:5432", Some("1"))),
            Some(origin("b", "db:5432", Some("1"))),
            Some(origin("a", "db:5432", Some("2"))),
            Some(origin("a", "clone:5432", Some("1"))),
            None,
        ];
        for (number, kind) in (1u32..).zip(&kinds) {
            backup_of(&backups, number, sources[*kind].clone());
        }
        let ours = backups.ours(sources[0].as_ref().unwrap()).unwrap();
        let mine: Vec<String> = (1u32..).zip(&kinds).filter(|(_, kind)| **kind == 0).map(|(number, _)| id(number)).collect();
        let newest_first: Vec<String> = mine.iter().rev().cloned().collect();
        prop_assert_eq!(own(&backups, &ours), newest_first);
        let shared = ours.split(backups.list().unwrap(), Path::new("/nowhere"));
        let rules = Retention { keep_last, ..Retention::default() };
        let pruned = backups.prune(&plan(&shared.own.held(), &rules, at("2027-01-01T00:00:00Z"))).unwrap();
        prop_assert!(pruned.removed.iter().all(|id| mine.contains(id)));
        let left = backups.list().unwrap().verified.len();
        prop_assert_eq!(left, kinds.len() - mine.len().saturating_sub(keep_last as usize));
    }
}

#[test]
fn a_marked_directory_is_refused_to_another_source_and_kept_by_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut backups = new_backups(dir.path());
    let named = origin("a", "db:5432", None);
    let ours = backups.ours(&named).unwrap();
    backups.mark_for(&ours).unwrap();
    let known = origin("a", "db:5432", Some("1"));
    let ours = backups.ours(&known).unwrap();
    backups.mark_for(&ours).unwrap();
    let backups = Backups::open(backups.dir()).unwrap();
    assert_eq!(backups.sources(), [known]);
    backups.ours(&named).unwrap();
    for other in [origin("b", "db:5432", None), origin("a", "db:5432", Some("2")), origin("a", "other:5432", None)] {
        let error = backups.ours(&other).unwrap_err();
        assert!(error.to_string().contains("it is marked for database a on db:5432"), "{error}");
        assert!(error.hint_text().unwrap().contains("pgwitness init --adopt"), "{error}");
    }
}

#[test]
fn a_replica_that_took_over_goes_on_without_its_old_backups_until_the_user_adopts_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut backups = new_backups(dir.path());
    let (old, new) = (origin("a", "old:5432", Some("1")), origin("a", "new:5432", Some("1")));
    let ours = backups.ours(&old).unwrap();
    backups.mark_for(&ours).unwrap();
    backup_of(&backups, 1, Some(old.clone()));
    let ours = backups.ours(&new).unwrap();
    assert!(ours.note.as_ref().unwrap().contains("pgwitness init --adopt"));
    backups.mark_for(&ours).unwrap();
    assert_eq!(Backups::open(backups.dir()).unwrap().sources(), std::slice::from_ref(&old), "a note marks nothing");
    assert_eq!(own(&backups, &ours), Vec::<String>::new());
    backups.adopt(&new).unwrap();
    let ours = backups.ours(&new).unwrap();
    assert_eq!((own(&backups, &ours), ours.note.clone()), (vec![id(1)], None));
}

#[test]
fn a_directory_and_backups_of_an_older_version_are_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    let mark: serde_json::Value =
        serde_json::from_slice(&fs::read(backups.dir().join(".pgwitness-backups")).unwrap()).unwrap();
    assert!(mark.get("sources").is_none(), "as an older version writes it: {mark}");
    verified(&backups, 1);
    let path = backups.dir().join("verified").join(id(1)).join("backup.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["format"] = 1.into();
    assert!(record.get("source").is_none());
    fs::write(&path, record.to_string()).unwrap();
    let backups = Backups::init(backups.dir(), RUN, day(1)).unwrap();
    assert_eq!(backups.list().unwrap().verified.len(), 1);
    let ours = backups.ours(&origin("a", "db:5432", None)).unwrap();
    let shared = ours.split(backups.list().unwrap(), Path::new("/nowhere"));
    assert_eq!((shared.own.verified.len(), shared.unknown.len()), (0, 1));
    assert!(shared.notes(&ours.origin)[0].contains("not counted and never removed"));
}
