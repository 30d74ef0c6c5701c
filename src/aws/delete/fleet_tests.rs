//! Random fleets: of all instances that an account may have, only the instance that a journaled claim made is ever proven.

use proptest::prelude::*;
use proptest::sample::select;

use super::rule_tests::good;
use super::*;

/// Names that collide.
const NAMES: &[&str] = &[
    "production",
    "PRODUCTION",
    "staging",
    "pgwitness",
    "pgwitness-copy",
    "pgwitness-20260131t020000z-0123abcd",
    "pgwitness-20260131t020000z-0123abce",
    "pgwitness-20260131t020000z-0123abcd-old1",
    "pgwitness2-20260131t020000z-0123abcd",
];
const RESOURCE_IDS: &[&str] = &["db-PRODUCTION", "db-TEMPORARY", "db-OTHER", ""];
const RUN_IDS: &[&str] = &["0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f", "00", ""];
const TIMES: &[&str] =
    &["2025-12-31T00:00:00Z", "2026-01-31T01:56:00Z", "2026-01-31T02:04:00Z", "2026-03-01T00:00:00Z"];
const ARNS: &[&str] = &[
    "arn:aws:rds:ap-southeast-2:123456789012:db:x",
    "arn:aws:rds:ap-southeast-2:210987654321:db:x",
    "arn:aws:rds:eu-west-1:123456789012:db:x",
    "arn:aws:rds:ap-southeast-2:123456789012:cluster:x",
    "",
];

fn maybe(values: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop_oneof![1 => Just(None), 4 => select(values).prop_map(|value| Some(value.to_owned()))]
}

/// Mostly `None`, so that the matching instance occurs often enough.
fn seldom(value: &'static str) -> impl Strategy<Value = Option<String>> {
    prop_oneof![6 => Just(None), 1 => Just(Some(value.to_owned()))]
}

fn tags() -> impl Strategy<Value = Vec<(String, String)>> {
    let managed =
        prop_oneof![4 => Just("true"), 1 => Just("false")].prop_map(|v| (tags::MANAGED.to_owned(), v.to_owned()));
    let run =
        prop_oneof![3 => Just(RUN_IDS[0]), 1 => select(RUN_IDS)].prop_map(|v| (tags::RUN_ID.to_owned(), v.to_owned()));
    let noise = Just(("environment".to_owned(), "production".to_owned()));
    let tag = prop_oneof![3 => managed, 3 => run, 1 => noise];
    proptest::collection::vec(tag, 0..4)
}

/// An arbitrary instance, which almost never matches the claim.
fn stranger() -> impl Strategy<Value = InstanceDescription> {
    let identity = (select(NAMES), maybe(RESOURCE_IDS), maybe(ARNS), maybe(TIMES), tags());
    let ties = (seldom("aurora"), seldom("production"), seldom("replica"));
    let protection = prop_oneof![4 => Just(Some(false)), 1 => Just(Some(true)), 1 => Just(None)];
    let status = select(&["available", "creating", "deleting", "failed"][..]);
    (identity, ties, protection, status).prop_map(|(identity, ties, deletion_protection, status)| {
        let (name, resource_id, arn, created_at, tags) = identity;
        let (cluster, replica_of, replica) = ties;
        InstanceDescription {
            identifier: name.into(),
            resource_id,
            arn,
            status: status.into(),
            created_at: created_at.and_then(|time| Timestamp::parse(&time)),
            tags,
            cluster,
            replica_of,
            replicas: replica.into_iter().collect(),
            deletion_protection,
            ..InstanceDescription::default()
        }
    })
}

const FIELDS: usize = 10;

/// Replaces one field by that of another instance.
fn take(field: usize, ours: &mut InstanceDescription, other: InstanceDescription) {
    match field {
        0 => ours.identifier = other.identifier,
        1 => ours.resource_id = other.resource_id,
        2 => ours.arn = other.arn,
        3 => ours.created_at = other.created_at,
        4 => ours.tags = other.tags,
        5 => ours.cluster = other.cluster,
        6 => ours.replica_of = other.replica_of,
        7 => ours.replicas = other.replicas,
        8 => ours.status = other.status,
        _ => ours.deletion_protection = other.deletion_protection,
    }
}

/// Half of the instances are arbitrary; the others differ from the claimed one in a few fields.
fn instance() -> impl Strategy<Value = InstanceDescription> {
    let near = (stranger(), proptest::collection::vec(0..FIELDS, 0..4)).prop_map(|(other, fields)| {
        let mut ours = good().described.swap_remove(0);
        fields.into_iter().for_each(|field| take(field, &mut ours, other.clone()));
        ours
    });
    prop_oneof![stranger(), near]
}

fn claim() -> impl Strategy<Value = Claim> {
    let ids =
        (select(NAMES), maybe(&["db-TEMPORARY", "db-OTHER"]), prop_oneof![9 => Just(RUN_IDS[0]), 1 => select(RUN_IDS)]);
    ids.prop_map(|(name, resource_id, run_id)| Claim {
        identifier: name.into(),
        run_id: run_id.into(),
        resource_id,
        ..good().claim
    })
}

/// An independent definition of the rules, from the journal and the described instance.
fn is_truly_ours(claim: &Claim, it: &InstanceDescription) -> bool {
    let temporary = ["pgwitness-20260131t020000z-0123abcd", "pgwitness-20260131t020000z-0123abce"];
    let tag = |key| {
        let values: Vec<&str> = it.tags.iter().filter(|(k, _)| k == key).map(|(_, v)| v.as_str()).collect();
        if values.len() == 1 { values[0].to_owned() } else { String::new() }
    };
    let id = it.resource_id.clone().unwrap_or_default();
    let is_recent = match it.created_at {
        Some(time) => time.to_string().as_str() >= "2026-01-31T01:55:00Z",
        None => ["creating", "failed"].contains(&it.status.as_str()) && claim.resource_id.is_some(),
    };
    temporary.contains(&it.identifier.as_str())
        && it.identifier == claim.identifier
        && ["db-TEMPORARY", "db-OTHER"].contains(&id.as_str())
        && claim.resource_id.as_ref().is_none_or(|made| *made == id)
        && it.arn.as_deref().is_some_and(|arn| arn.starts_with("arn:aws:rds:ap-southeast-2:123456789012:db:"))
        && tag(tags::MANAGED) == "true"
        && tag(tags::RUN_ID) == claim.run_id
        && !claim.run_id.is_empty()
        && is_recent
        && [&it.cluster, &it.replica_of].iter().all(|tie| tie.is_none())
        && it.replicas.is_empty()
        && it.deletion_protection == Some(false)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_a_random_fleet_only_what_the_journal_made_is_proven(
        fleet in proptest::collection::vec(instance(), 1..12),
        claim in claim(),
    ) {
        for it in &fleet {
            // AWS returns only instances of that name; a caller may pass any instance.
            let proven = prove(&claim, &good().guard, std::slice::from_ref(it));
            prop_assert_eq!(proven.is_ok(), is_truly_ours(&claim, it), "{:?} {:?}", proven, it);
        }
        if fleet.len() > 1 {
            prop_assert!(prove(&claim, &good().guard, &fleet).is_err());
        }
    }

    #[test]
    fn one_change_to_our_own_instance_and_the_console_decides(other in stranger(), field in 0..FIELDS) {
        let mut example = good();
        take(field, &mut example.described[0], other);
        let proven = prove(&example.claim, &example.guard, &example.described);
        prop_assert_eq!(proven.is_ok(), is_truly_ours(&example.claim, &example.described[0]));
    }

    #[test]
    fn production_is_never_proven_whatever_it_looks_like(it in instance(), claim in claim()) {
        let production = InstanceDescription { resource_id: Some("db-PRODUCTION".into()), ..it };
        prop_assert!(prove(&claim, &good().guard, &[production]).is_err());
    }
}

#[test]
fn the_fleets_have_instances_that_are_ours() {
    // Otherwise a proof that refuses everything would satisfy the first property.
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut ours = 0;
    for _ in 0..2_000 {
        let it = instance().new_tree(&mut runner).unwrap().current();
        let claim = Claim { identifier: it.identifier.clone(), resource_id: it.resource_id.clone(), ..good().claim };
        ours += usize::from(is_truly_ours(&claim, &it));
    }
    assert!(ours > 100, "{ours}");
}
