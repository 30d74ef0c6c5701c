//! Each rule on its own, and what happens without it.

use super::rules::RULES;
use super::*;
use crate::aws::facts::InstanceAddress;

const NAME: &str = "pgwitness-20260131t020000z-0123abcd";
const PRODUCTION: &str = "db-PRODUCTION";

/// The input of a proof.
#[derive(Clone)]
pub(super) struct Example {
    pub claim: Claim,
    pub guard: DeletionPolicy,
    pub orphan: Option<Orphan>,
    pub described: Vec<InstanceDescription>,
}

impl Example {
    fn prove_by(&self, rules: &[(&'static str, DeletionRule)]) -> Result<ProvenTemporary, Refusal> {
        prove_by(rules, &self.claim, &self.guard, self.orphan.clone(), &self.described)
    }

    fn tag(&mut self, key: &str, value: &str) {
        let tags = &mut self.described[0].tags;
        tags.retain(|(name, _)| name != key);
        tags.push((key.into(), value.into()));
    }

    fn rename(&mut self, name: &str) {
        self.claim.identifier = name.into();
        self.described[0].identifier = name.into();
    }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// An instance that satisfies every rule, with a journaled claim.
pub(super) fn good() -> Example {
    let claim = Claim {
        identifier: NAME.into(),
        run_id: "0f".repeat(16),
        intended_at: time("2026-01-31T02:00:00Z"),
        resource_id: Some("db-TEMPORARY".into()),
        source_resource_id: PRODUCTION.into(),
        account: "123456789012".into(),
        region: "ap-southeast-2".into(),
    };
    let guard = DeletionPolicy {
        prefix: "pgwitness".into(),
        protected: vec!["staging".into()],
        source_instance: "production".into(),
        source_resource_id: Some(PRODUCTION.into()),
        account: "123456789012".into(),
        region: "ap-southeast-2".into(),
    };
    let tags = [
        (tags::MANAGED, "true"),
        (tags::RUN_ID, &claim.run_id),
        (tags::CREATED_AT, "2026-01-31T02:00:00Z"),
        (tags::EXPIRES_AT, "2026-02-01T02:00:00Z"),
        (tags::SOURCE_RESOURCE_ID, PRODUCTION),
    ];
    let described = InstanceDescription {
        identifier: NAME.into(),
        resource_id: Some("db-TEMPORARY".into()),
        arn: Some(format!("arn:aws:rds:ap-southeast-2:123456789012:db:{NAME}")),
        status: "available".into(),
        created_at: Some(time("2026-01-31T02:04:00Z")),
        tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        deletion_protection: Some(false),
        endpoint: Some(InstanceAddress { host: "temporary.example".into(), port: 5432 }),
        engine: "postgres".into(),
        ..InstanceDescription::default()
    };
    Example { claim, guard, orphan: None, described: vec![described] }
}

/// The same instance, but in no journal.
fn orphan() -> Example {
    let mut example = good();
    example.orphan = Some(Orphan { confirmed: NAME.into(), now: time("2026-02-02T00:00:00Z") });
    example
}

/// For each rule, the cases that only this rule refuses.
fn refused_by_one_rule() -> Vec<(&'static str, Example)> {
    let from = |mut example: Example, harm: fn(&mut Example)| {
        harm(&mut example);
        example
    };
    let known = |harm| from(good(), harm);
    vec![
        ("exactly one", known(|e| e.described.push(InstanceDescription::default()))),
        ("the claimed identifier", known(|e| e.claim.identifier = "pgwitness-20260131t020000z-ffffffff".into())),
        ("the claimed identifier", known(|e| e.claim.identifier = NAME.to_uppercase())),
        ("an identifier of our making", known(|e| e.rename("pgwitness-copy"))),
        ("not the source's identifier", known(|e| e.guard.source_instance = NAME.to_uppercase())),
        ("not protected by the configuration", known(|e| e.guard.protected.push(NAME.into()))),
        ("not protected by the configuration", known(|e| e.guard.protected.push(NAME.to_uppercase()))),
        ("in the claimed account and region", known(|e| e.claim.account = "210987654321".into())),
        ("in the claimed account and region", known(|e| e.claim.region = "eu-west-1".into())),
        ("in the account and region of today", known(|e| e.guard.account = "210987654321".into())),
        ("in the account and region of today", known(|e| e.guard.region = "eu-west-1".into())),
        ("tagged as ours", known(|e| e.tag(tags::MANAGED, "yes"))),
        ("tagged as ours", known(|e| e.described[0].tags.push((tags::MANAGED.into(), "true".into())))),
        ("tagged with the claimed run", known(|e| e.tag(tags::RUN_ID, "00"))),
        ("tagged with the claimed run", known(|e| e.described[0].tags.retain(|(key, _)| key != tags::RUN_ID))),
        (
            "tagged with the claimed run",
            known(|e| {
                e.claim.run_id.clear();
                e.tag(tags::RUN_ID, "");
            }),
        ),
        ("resource id known", known(|e| e.described[0].resource_id = None)),
        (
            "resource id known",
            known(|e| {
                e.claim.resource_id = Some(String::new());
                e.described[0].resource_id = Some(String::new());
            }),
        ),
        ("the claimed resource id", known(|e| e.claim.resource_id = Some("db-OTHER".into()))),
        ("not the claimed source's resource id", known(|e| e.claim.source_resource_id = "db-TEMPORARY".into())),
        ("not the claimed source's resource id", known(|e| e.claim.source_resource_id.clear())),
        (
            "not the resource id of the source of today",
            known(|e| e.guard.source_resource_id = Some("db-TEMPORARY".into())),
        ),
        ("created after the intent", known(|e| e.described[0].created_at = Some(time("2026-01-31T01:54:59Z")))),
        ("created after the intent", known(|e| e.described[0].created_at = None)),
        (
            "created after the intent",
            from(orphan(), |e| {
                e.described[0].created_at = None;
                e.described[0].status = "creating".into();
            }),
        ),
        ("no member of a cluster", known(|e| e.described[0].cluster = Some("aurora".into()))),
        ("no read replica", known(|e| e.described[0].replica_of = Some("production".into()))),
        ("without read replicas", known(|e| e.described[0].replicas.push("replica".into()))),
        ("without deletion protection", known(|e| e.described[0].deletion_protection = Some(true))),
        ("without deletion protection", known(|e| e.described[0].deletion_protection = None)),
        ("an orphan has expired", from(orphan(), |e| e.tag(tags::EXPIRES_AT, "2026-02-02T00:00:00Z"))),
        ("an orphan has expired", from(orphan(), |e| e.tag(tags::EXPIRES_AT, "soon"))),
        (
            "an orphan is confirmed by name",
            from(orphan(), |e| e.orphan.as_mut().unwrap().confirmed = "pgwitness".into()),
        ),
        (
            "an orphan is confirmed by name",
            from(orphan(), |e| e.orphan.as_mut().unwrap().confirmed = NAME.to_uppercase()),
        ),
        ("an orphan needs the source described", from(orphan(), |e| e.guard.source_resource_id = None)),
    ]
}

#[test]
fn what_is_ours_in_every_respect_is_proven() {
    for example in [good(), orphan()] {
        let proven = example.prove_by(RULES).unwrap();
        assert_eq!(proven.described(), &example.described[0]);
    }
}

#[test]
fn each_rule_alone_refuses_and_without_it_nothing_would() {
    for (index, (name, _)) in RULES.iter().enumerate() {
        let mut others = RULES.to_vec();
        others.remove(index);
        let examples = refused_by_one_rule();
        let mine: Vec<&Example> = examples.iter().filter(|(rule, _)| rule == name).map(|(_, e)| e).collect();
        assert!(!mine.is_empty(), "no example for {name}");
        for example in mine {
            let refusal = example.prove_by(RULES).unwrap_err();
            let broken: Vec<&str> = refusal.broken.iter().map(|(rule, _)| *rule).collect();
            assert_eq!(broken, [*name]);
            assert!(example.prove_by(&others).is_ok(), "{name} is not alone");
        }
    }
}

#[test]
fn what_one_rule_refuses_is_not_proven() {
    for (name, Example { claim, guard, orphan, described }) in refused_by_one_rule() {
        let refusal = match orphan {
            None => prove(&claim, &guard, &described).unwrap_err(),
            Some(Orphan { confirmed, now }) => {
                prove_orphan(&described[0], &confirmed, now, &guard, &described).unwrap_err()
            }
        };
        assert_eq!(refusal.broken.len(), 1);
        assert_eq!(refusal.broken[0].0, name);
    }
}

#[test]
fn the_rules_are_these_and_no_fewer() {
    assert_eq!(RULES.len(), 21);
    let names: std::collections::BTreeSet<&str> = RULES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), RULES.len());
    let told = refused_by_one_rule();
    assert!(told.iter().all(|(name, _)| names.contains(name)));
}

#[test]
fn nothing_described_is_refused_even_without_rules() {
    let mut example = good();
    example.described.clear();
    assert!(example.prove_by(&[]).is_err());
}

#[test]
fn without_a_written_answer_the_runs_id_and_the_times_decide() {
    let mut example = good();
    example.claim.resource_id = None;
    assert!(example.prove_by(RULES).is_ok());
    example.described[0].resource_id = Some(PRODUCTION.into());
    assert!(example.prove_by(RULES).is_err());
}

#[test]
fn an_instance_in_its_first_minutes_has_no_time_and_is_ours_by_its_resource_id() {
    let mut example = good();
    example.described[0].created_at = None;
    example.described[0].status = "creating".into();
    assert!(example.prove_by(RULES).is_ok());
    example.claim.resource_id = None;
    assert!(example.prove_by(RULES).is_err());
}

#[test]
fn only_an_instance_that_never_accepted_a_login_needs_no_creation_time() {
    let with_status = |status: &str| {
        let mut example = good();
        example.described[0].created_at = None;
        example.described[0].status = status.into();
        example.prove_by(RULES)
    };
    for status in ["creating", "failed", "incompatible-restore", "insufficient-capacity", "restore-error"] {
        assert!(with_status(status).is_ok(), "{status}");
    }
    for status in ["", "available", "backing-up", "deleting", "modifying", "stopped", "storage-full"] {
        assert!(with_status(status).is_err(), "{status}");
    }
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let mut example = good();
    example.described[0].created_at = Some(time("2026-01-31T01:55:00Z"));
    assert!(example.prove_by(RULES).is_ok());
}

#[test]
fn only_the_arn_of_an_instance_says_the_account_and_the_region() {
    let mut example = good();
    let mut broken = |arn: &str| {
        example.described[0].arn = Some(arn.into());
        example.prove_by(RULES).map_or_else(|refusal| refusal.broken.len(), |_| 0)
    };
    assert_eq!(broken("arn:aws-cn:rds:ap-southeast-2:123456789012:db:x"), 0);
    for arn in [
        "",
        "urn:aws:rds:ap-southeast-2:123456789012:db:x",
        "arn:aws:neptune:ap-southeast-2:123456789012:db:x",
        "arn:aws:rds:ap-southeast-2:123456789012:snapshot:x",
        "arn:aws:rds:ap-southeast-2:123456789012:db:x:y",
        "arn:aws:rds:ap-southeast-2:123456789012:db",
    ] {
        assert_eq!(broken(arn), 2, "{arn}");
    }
}

#[test]
fn an_unknown_account_or_region_is_not_equal_to_an_unknown_one() {
    for (arn, account, region) in [
        ("arn:aws:rds:ap-southeast-2::db:x", "", "ap-southeast-2"),
        ("arn:aws:rds::123456789012:db:x", "123456789012", ""),
    ] {
        let mut example = good();
        example.described[0].arn = Some(arn.into());
        (example.claim.account, example.claim.region) = (account.into(), region.into());
        (example.guard.account, example.guard.region) = (account.into(), region.into());
        assert_eq!(example.prove_by(RULES).unwrap_err().broken.len(), 2, "{arn}");
    }
}

#[test]
fn a_journaled_claim_has_the_values_of_the_journal() {
    let Example { claim, guard, .. } = good();
    let journaled = InstanceClaim {
        identifier: claim.identifier.clone(),
        run_id: claim.run_id.clone(),
        source_resource_id: claim.source_resource_id.clone(),
        source_instance: guard.source_instance,
        snapshot: "rds:production-2026-01-31".into(),
        account: claim.account.clone(),
        region: claim.region.clone(),
        prefix: guard.prefix,
        at: claim.intended_at,
    };
    assert_eq!(Claim::journaled(&journaled, Some("db-TEMPORARY")), claim);
    assert_eq!(Claim::journaled(&journaled, None), Claim { resource_id: None, ..claim });
}

#[test]
fn an_orphan_is_held_to_what_its_tags_say() {
    let Example { guard, orphan, described, .. } = orphan();
    let Orphan { confirmed, now } = orphan.unwrap();
    assert!(prove_orphan(&described[0], &confirmed, now, &guard, &described).is_ok());
    for key in [tags::RUN_ID, tags::CREATED_AT, tags::SOURCE_RESOURCE_ID] {
        let mut untagged = described.clone();
        untagged[0].tags.retain(|(name, _)| name != key);
        let refusal = prove_orphan(&untagged[0], &confirmed, now, &guard, &untagged).unwrap_err();
        assert!(refusal.broken[0].1.contains(key), "{refusal:?}");
    }
    let mut undated = described.clone();
    undated[0]
        .tags
        .iter_mut()
        .filter(|(name, _)| name == tags::CREATED_AT)
        .for_each(|(_, time)| *time = "yesterday".into());
    let refusal = prove_orphan(&undated[0], &confirmed, now, &guard, &undated).unwrap_err();
    assert!(refusal.broken[0].1.contains("yesterday"), "{refusal:?}");
    // Between the listing and the proof, another instance took the name.
    let mut other = described.clone();
    other[0].resource_id = Some("db-ANOTHER".into());
    assert!(prove_orphan(&described[0], &confirmed, now, &guard, &other).is_err());
    // The listing did not show which instance it is.
    let unknown = InstanceDescription { resource_id: None, ..described[0].clone() };
    assert!(prove_orphan(&unknown, &confirmed, now, &guard, &described).is_err());
}

#[test]
fn a_refusal_reads_as_one_line_that_names_the_rule() {
    let mut example = good();
    example.described[0].deletion_protection = Some(true);
    let error = Error::from(example.prove_by(RULES).unwrap_err());
    assert_eq!(error.to_string(), format!("{NAME} is not proven to be ours: without deletion protection: it is on"));
}

#[test]
fn of_a_refused_instance_only_a_creation_time_that_is_not_there_yet_is_waited_for() {
    // The answer to the order was not recorded, and RDS shows no creation time yet.
    let mut unborn = good();
    unborn.claim.resource_id = None;
    unborn.described[0].created_at = None;
    unborn.described[0].status = "creating".into();
    let may_be_over_soon = |example: &Example| {
        let refusal = example.prove_by(RULES).unwrap_err();
        refusal.may_be_over_soon(&example.described)
    };
    assert!(may_be_over_soon(&unborn));
    // These refusals are final: waiting would only end at the deadline.
    let harms: [fn(&mut Example); 4] = [
        |e| e.described[0].status = "available".into(),
        |e| e.described[0].created_at = Some(time("2026-01-31T01:54:59Z")),
        |e| e.described[0].deletion_protection = Some(true),
        |e| e.described[0].resource_id = Some(PRODUCTION.into()),
    ];
    for harm in harms {
        let mut example = unborn.clone();
        harm(&mut example);
        assert!(!may_be_over_soon(&example), "{:?}", example.described);
    }
}

#[test]
fn a_refusal_is_recognised_in_any_context_and_names_no_command_that_deletes() {
    let mut example = good();
    example.described[0].deletion_protection = Some(true);
    let error = Error::from(example.prove_by(RULES).unwrap_err()).context("delete instance").context("sweep");
    assert!(is_refusal(&error));
    assert!(!error.text_with_hint().full().contains("delete-db-instance"), "{error}");
    // For these, the warning must contain the command: the instance may be ours and still be billed.
    for cause in ["connection refused", "RDS does not say yet when it was created"] {
        assert!(!is_refusal(&Error::new(cause).context(format!("prove that {NAME} is ours"))), "{cause}");
    }
}
