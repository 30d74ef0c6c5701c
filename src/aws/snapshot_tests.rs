//! Which snapshot is chosen, and the texts of the refusals.

use std::path::PathBuf;

use super::*;
use crate::config::{Span, Temporary};

fn source(kind: SnapshotKind) -> RdsSource {
    RdsSource {
        instance: "production".into(),
        resource_id: None,
        dbname: "shop".into(),
        region: "ap-southeast-2".into(),
        account: None,
        profile: None,
        endpoint_url: None,
        snapshots: kind,
        wait_for_snapshot: Span::seconds(1),
        max_snapshot_age: Span::seconds(26 * 3600),
        temporary: Temporary {
            prefix: "pgwitness".into(),
            instance_classes: vec!["db.t4g.medium".into()],
            subnet_group: "isolated".into(),
            security_groups: vec!["sg-1".into()],
            parameter_group: "pg17".into(),
            publicly_accessible: false,
            storage_type: None,
            ca_certificate_identifier: None,
            ca_bundle: PathBuf::from("/bundle.pem"),
            connect_via: None,
            restore_timeout: Span::seconds(60),
            delete_timeout: Span::seconds(60),
            poll_interval: Span::seconds(1),
        },
    }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn snapshot(identifier: &str, created_at: &str) -> ListedSnapshot {
    ListedSnapshot {
        identifier: identifier.into(),
        status: "available".into(),
        created_at: Some(time(created_at)),
        kind: "automated".into(),
        engine: "postgres".into(),
        engine_version: "17.4".into(),
        resource_id: "db-PRODUCTION".into(),
        ..ListedSnapshot::default()
    }
}

fn creating(identifier: &str) -> ListedSnapshot {
    ListedSnapshot {
        status: "creating".into(),
        percent: Some(45),
        created_at: None,
        ..snapshot(identifier, "2026-01-31T02:00:00Z")
    }
}

const NOW: &str = "2026-01-31T08:00:00Z";

fn newest(all: &[ListedSnapshot]) -> Result<Snapshot, String> {
    choose_newest(all, &source(SnapshotKind::Automated), time(NOW)).map_err(|error| error.to_string())
}

#[test]
fn the_newest_finished_snapshot_is_taken_and_unfinished_ones_are_not() {
    let all = [
        snapshot("rds:a", "2026-01-30T12:00:00Z"),
        snapshot("rds:c", "2026-01-31T02:00:00Z"),
        snapshot("rds:b", "2026-01-30T20:00:00Z"),
        creating("rds:d"),
        ListedSnapshot { created_at: None, ..snapshot("rds:e", NOW) },
    ];
    let chosen = newest(&all).unwrap();
    assert_eq!(chosen.identifier, "rds:c");
    let unfinished = "a newer snapshot is not finished and was not taken: rds:d is creating (45 %)";
    assert_eq!(chosen.notes, ["newest of 5 snapshots, 6 h old", unfinished]);
}

#[test]
fn a_stale_newest_snapshot_is_refused_with_both_ages() {
    let all = [snapshot("rds:a", "2026-01-30T01:00:00Z"), creating("rds:b")];
    let expected = "newest snapshot rds:a is 31 h old; max_snapshot_age is 26 h (rds:b is creating (45 %))";
    assert_eq!(newest(&all).unwrap_err(), expected);
    let edge = [snapshot("rds:a", "2026-01-30T06:00:00Z")];
    assert!(newest(&edge).is_ok());
    let over = [snapshot("rds:a", "2026-01-30T05:59:00Z")];
    let expected = "newest snapshot rds:a is 26 h 1 min old; max_snapshot_age is 26 h";
    assert_eq!(newest(&over).unwrap_err(), expected);
}

#[test]
fn each_kind_of_nothing_has_its_own_words() {
    assert_eq!(newest(&[]).unwrap_err(), "it has no snapshot");
    let manual = ListedSnapshot { kind: "manual".into(), ..snapshot("mine", "2026-01-31T02:00:00Z") };
    let expected = "it has no snapshot of the configured kind, but 1 of another kind";
    assert_eq!(newest(std::slice::from_ref(&manual)).unwrap_err(), expected);
    assert!(choose_newest(&[manual], &source(SnapshotKind::Any), time(NOW)).is_ok());
    assert_eq!(
        newest(&[creating("rds:a")]).unwrap_err(),
        "none of its snapshots is finished: rds:a is creating (45 %)"
    );
}

#[test]
fn a_snapshot_of_the_future_or_of_another_engine_is_refused() {
    let future = [snapshot("rds:a", "2026-01-31T08:05:01Z")];
    assert_eq!(
        newest(&future).unwrap_err(),
        "snapshot rds:a is of 2026-01-31T08:05:01Z, but now is 2026-01-31T08:00:00Z"
    );
    assert!(newest(&[snapshot("rds:a", "2026-01-31T08:05:00Z")]).is_ok());
    let mysql = ListedSnapshot { engine: "mysql".into(), ..snapshot("rds:a", "2026-01-31T02:00:00Z") };
    assert!(newest(&[mysql]).unwrap_err().contains("not postgres"));
}

#[test]
fn a_wanted_snapshot_may_be_old_but_must_be_there_and_finished() {
    let all = [snapshot("rds:old", "2025-12-01T00:00:00Z"), creating("rds:new")];
    let wanted = |name| choose_wanted(&all, name, time(NOW)).map_err(|error| error.to_string());
    let chosen = wanted("rds:old").unwrap();
    assert_eq!(chosen.notes, ["asked for by name, 61 d old; max_snapshot_age does not count"]);
    assert_eq!(wanted("rds:new").unwrap_err(), "snapshot rds:new is creating (45 %)");
    assert_eq!(wanted("rds:other").unwrap_err(), "it has no snapshot rds:other; its newest is rds:old");
}

#[test]
fn a_copied_snapshot_is_as_old_as_its_original() {
    let at = |text| aws_smithy_types::DateTime::from_secs(time(text).seconds().try_into().unwrap());
    let copy = DbSnapshot::builder()
        .snapshot_create_time(at("2026-01-31T02:00:00Z"))
        .original_snapshot_create_time(at("2025-01-31T02:00:00Z"));
    assert_eq!(listed(&copy.build()).created_at, Some(time("2025-01-31T02:00:00Z")));
    let unfinished = DbSnapshot::builder().original_snapshot_create_time(at("2025-01-31T02:00:00Z"));
    assert_eq!(listed(&unfinished.build()).created_at, None);
}
