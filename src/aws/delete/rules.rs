//! The rules of the proof, one function each.
//!
//! Pure: a value that is not in the case is unknown, and the rule refuses.

use super::{Claim, DeletionPolicy, Orphan};
use crate::aws::facts::{InstanceDescription, MAX_SKEW_S};
use crate::aws::identifier::is_temporary_identifier;
use crate::aws::tags;
use crate::base::time::Timestamp;

/// Statuses of an instance that never accepted a login: it is being created, or its creation has failed.
const UNBORN: &[&str] = &["creating", "failed", "incompatible-restore", "insufficient-capacity", "restore-error"];

/// The input of the rules.
pub struct Case<'a> {
    pub claim: &'a Claim,
    pub guard: &'a DeletionPolicy,
    /// `Some` when the instance is in no journal.
    pub orphan: Option<&'a Orphan>,
    /// All instances that RDS returned for the claimed identifier.
    pub described: &'a [InstanceDescription],
}

/// Returns why the rule does not hold; the instance is the first of the described ones.
pub type DeletionRule = fn(&Case<'_>, &InstanceDescription) -> Result<(), String>;

/// The one rule that may hold later, when RDS returns more.
pub const CREATED_AFTER: &str = "created after the intent";

/// Every one must hold.
pub const RULES: &[(&str, DeletionRule)] = &[
    ("exactly one", exactly_one),
    ("the claimed identifier", the_claimed_identifier),
    ("an identifier of our making", an_identifier_of_our_making),
    ("not the source's identifier", not_the_sources_identifier),
    ("not protected by the configuration", not_protected_by_the_configuration),
    ("in the claimed account and region", in_the_claimed_account_and_region),
    ("in the account and region of today", in_the_account_and_region_of_today),
    ("tagged as ours", tagged_as_ours),
    ("tagged with the claimed run", tagged_with_the_claimed_run),
    ("resource id known", resource_id_known),
    ("the claimed resource id", the_claimed_resource_id),
    ("not the claimed source's resource id", not_the_claimed_sources_resource_id),
    ("not the resource id of the source of today", not_the_resource_id_of_the_source_of_today),
    (CREATED_AFTER, created_after_the_intent),
    ("no member of a cluster", no_member_of_a_cluster),
    ("no read replica", no_read_replica),
    ("without read replicas", without_read_replicas),
    ("without deletion protection", without_deletion_protection),
    ("an orphan has expired", an_orphan_has_expired),
    ("an orphan is confirmed by name", an_orphan_is_confirmed_by_name),
    ("an orphan needs the source described", an_orphan_needs_the_source_described),
];

fn require(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn exactly_one(case: &Case<'_>, _: &InstanceDescription) -> Result<(), String> {
    require(case.described.len() == 1, || format!("RDS describes {}", case.described.len()))
}

fn the_claimed_identifier(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    require(instance.identifier == case.claim.identifier, || format!("it is {:?}", instance.identifier))
}

fn an_identifier_of_our_making(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let prefix = &case.guard.prefix;
    require(is_temporary_identifier(prefix, &instance.identifier), || format!("it is not {prefix}-<time>-<8 hex>"))
}

/// RDS accepts identifiers in any case and shows them in lower case.
fn not_the_sources_identifier(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let is_source = instance.identifier.eq_ignore_ascii_case(&case.guard.source_instance);
    require(!is_source, || "it is source.instance".to_owned())
}

fn not_protected_by_the_configuration(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let is_protected = |name: &String| name.eq_ignore_ascii_case(&instance.identifier);
    require(!case.guard.protected.iter().any(is_protected), || "it is in protected.instances".to_owned())
}

fn in_the_claimed_account_and_region(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    is_in(instance, &case.claim.account, &case.claim.region)
}

fn in_the_account_and_region_of_today(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    is_in(instance, &case.guard.account, &case.guard.region)
}

/// `arn:PARTITION:rds:REGION:ACCOUNT:db:NAME`
fn is_in(instance: &InstanceDescription, account: &str, region: &str) -> Result<(), String> {
    let arn = instance.arn.as_deref().ok_or("RDS did not say its ARN")?;
    let parts: Vec<&str> = arn.split(':').collect();
    let holds = match parts.as_slice() {
        ["arn", _, "rds", its_region, its_account, "db", _] => {
            !account.is_empty() && !region.is_empty() && *its_account == account && *its_region == region
        }
        _ => false,
    };
    require(holds, || format!("{arn} is not of account {account} in {region}"))
}

fn tagged_as_ours(_: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let value = instance.tag(tags::MANAGED);
    require(value == Some("true"), || format!("its tag {} is {value:?}", tags::MANAGED))
}

fn tagged_with_the_claimed_run(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let (value, run_id) = (instance.tag(tags::RUN_ID), case.claim.run_id.as_str());
    require(value == Some(run_id) && !run_id.is_empty(), || {
        format!("its tag {} is {value:?}, the run is {run_id:?}", tags::RUN_ID)
    })
}

fn resource_id_known(_: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let is_known = instance.resource_id.as_deref().is_some_and(|id| !id.is_empty());
    require(is_known, || "RDS did not say its DbiResourceId".to_owned())
}

/// When the answer to the order was not recorded, the other rules decide: the run id is as random as this id.
fn the_claimed_resource_id(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let (Some(claimed), Some(seen)) = (&case.claim.resource_id, &instance.resource_id) else { return Ok(()) };
    require(claimed == seen, || format!("it is {seen}, we made {claimed}"))
}

fn not_the_claimed_sources_resource_id(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let source = &case.claim.source_resource_id;
    require(!source.is_empty() && instance.resource_id.as_ref() != Some(source), || {
        format!("the source is {source:?}, it is {:?}", instance.resource_id.as_deref().unwrap_or_default())
    })
}

fn not_the_resource_id_of_the_source_of_today(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let Some(source) = &case.guard.source_resource_id else { return Ok(()) };
    require(instance.resource_id.as_ref() != Some(source), || format!("{source} is the source"))
}

/// RDS shows no creation time until an instance is created. Then the status must be in [`UNBORN`], and the claim must be from a
/// journal and have the resource id.
fn created_after_the_intent(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let Some(created_at) = instance.created_at else {
        let is_unborn = UNBORN.contains(&instance.status.as_str());
        let is_new = is_unborn && case.claim.resource_id.is_some() && case.orphan.is_none();
        return require(is_new, || "RDS does not say when it was created".to_owned());
    };
    let intended_at = case.claim.intended_at;
    require(created_at.seconds() + MAX_SKEW_S >= intended_at.seconds(), || {
        format!("created at {created_at}, before {intended_at}")
    })
}

fn no_member_of_a_cluster(_: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    require(instance.cluster.is_none(), || format!("of {}", instance.cluster.as_deref().unwrap_or_default()))
}

fn no_read_replica(_: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    require(instance.replica_of.is_none(), || format!("of {}", instance.replica_of.as_deref().unwrap_or_default()))
}

fn without_read_replicas(_: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    require(instance.replicas.is_empty(), || format!("it has {}", instance.replicas.join(", ")))
}

fn without_deletion_protection(_: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    require(instance.deletion_protection == Some(false), || match instance.deletion_protection {
        Some(_) => "it is on".to_owned(),
        None => "RDS did not say".to_owned(),
    })
}

fn an_orphan_has_expired(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let Some(orphan) = case.orphan else { return Ok(()) };
    let expires_at = instance.tag(tags::EXPIRES_AT);
    require(expires_at.and_then(Timestamp::parse).is_some_and(|expires_at| expires_at < orphan.now), || {
        format!("its tag {} is {expires_at:?}, now is {}", tags::EXPIRES_AT, orphan.now)
    })
}

fn an_orphan_is_confirmed_by_name(case: &Case<'_>, instance: &InstanceDescription) -> Result<(), String> {
    let Some(orphan) = case.orphan else { return Ok(()) };
    require(orphan.confirmed == instance.identifier, || format!("{:?} was confirmed", orphan.confirmed))
}

fn an_orphan_needs_the_source_described(case: &Case<'_>, _: &InstanceDescription) -> Result<(), String> {
    let is_known = case.orphan.is_none() || case.guard.source_resource_id.is_some();
    require(is_known, || "the source could not be described".to_owned())
}
