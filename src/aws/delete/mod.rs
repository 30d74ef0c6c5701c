//! Decides what may be deleted: an instance for which every rule confirms that this program made it.
//!
//! An unknown value is a refusal. The only call that deletes is in `raw`; it takes only an instance that was proven here
//! immediately before. This program has no code that turns deletion protection off.

mod raw;
mod rules;

use super::client::Rds;
use super::errors::ApiError;
use super::facts::InstanceDescription;
use super::tags;
use super::wait::Deadline;
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::storage::journal::InstanceClaim;
use rules::{CREATED_AFTER, Case, DeletionRule, RULES};

/// An order without an answer may still be carried out, so `DBInstanceNotFound` is final only after this many lookups.
const MISSES: usize = 5;

/// The journal's record of an instance that this program made, or was about to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `DBInstanceIdentifier`.
    pub identifier: String,
    /// The run that ordered the instance, 32 hexadecimal digits.
    pub run_id: String,
    /// Time immediately before the order.
    pub intended_at: Timestamp,
    /// `DbiResourceId` as RDS returned it; `None` when the journal has no answer.
    pub resource_id: Option<String>,
    /// `DbiResourceId` of production at that time, and of the snapshot.
    pub source_resource_id: String,
    /// 12 digits.
    pub account: String,
    /// For instance `ap-southeast-2`.
    pub region: String,
}

/// What must never be deleted, and the account and region in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionPolicy {
    /// Prefix of the identifiers: for a claim of the journal as it was then, otherwise as configured.
    pub prefix: String,
    /// `DBInstanceIdentifier`s of the configuration.
    pub protected: Vec<String>,
    /// `DBInstanceIdentifier` of production.
    pub source_instance: String,
    /// `DbiResourceId` of production now; `None` when production could not be described.
    pub source_resource_id: Option<String>,
    /// The account of the credentials.
    pub account: String,
    /// The region of the client.
    pub region: String,
}

/// An instance that is in no journal: the identifier that the user confirmed, and the current time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Orphan {
    confirmed: String,
    now: Timestamp,
}

/// An instance that this program made. Only this module constructs it, and only when every rule holds.
#[derive(Debug)]
pub struct ProvenTemporary {
    claim: Claim,
    guard: DeletionPolicy,
    orphan: Option<Orphan>,
    described: InstanceDescription,
}

/// Why an instance is not proven: each rule that does not hold, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `DBInstanceIdentifier`.
    pub identifier: String,
    /// Rule and reason.
    pub broken: Vec<(&'static str, String)>,
}

/// Proves that the one described instance is the claimed one, and that no rule forbids its deletion.
///
/// # Errors
/// Every rule that does not hold.
pub fn prove(
    claim: &Claim,
    guard: &DeletionPolicy,
    described: &[InstanceDescription],
) -> Result<ProvenTemporary, Refusal> {
    prove_by(RULES, claim, guard, None, described)
}

/// For an instance that is in no journal: the claim comes from its own tags. It must also have expired at `now`, production must
/// have been described, and `confirmed` (what the user typed) must be its identifier.
///
/// # Errors
/// Every rule that does not hold.
pub fn prove_orphan(
    orphan: &InstanceDescription,
    confirmed: &str,
    now: Timestamp,
    guard: &DeletionPolicy,
    described: &[InstanceDescription],
) -> Result<ProvenTemporary, Refusal> {
    let claim = claim_of_tags(orphan, guard)?;
    prove_by(RULES, &claim, guard, Some(Orphan { confirmed: confirmed.to_owned(), now }), described)
}

fn prove_by(
    rules: &[(&'static str, DeletionRule)],
    claim: &Claim,
    guard: &DeletionPolicy,
    orphan: Option<Orphan>,
    described: &[InstanceDescription],
) -> Result<ProvenTemporary, Refusal> {
    let refused = |broken| Refusal { identifier: claim.identifier.clone(), broken };
    let Some(first) = described.first() else {
        return Err(refused(vec![("exactly one", "RDS describes none".to_owned())]));
    };
    let case = Case { claim, guard, orphan: orphan.as_ref(), described };
    let broken: Vec<_> = rules.iter().filter_map(|(name, rule)| Some((*name, rule(&case, first).err()?))).collect();
    if !broken.is_empty() {
        return Err(refused(broken));
    }
    Ok(ProvenTemporary { claim: claim.clone(), guard: guard.clone(), orphan, described: first.clone() })
}

/// The claim that the tags of the instance make; the rules then apply as for a claim of the journal.
fn claim_of_tags(orphan: &InstanceDescription, guard: &DeletionPolicy) -> Result<Claim, Refusal> {
    let tag = |key: &'static str| {
        orphan.tag(key).map(str::to_owned).ok_or_else(|| Refusal {
            identifier: orphan.identifier.clone(),
            broken: vec![("its tags make a claim", format!("the tag {key} is not there exactly once"))],
        })
    };
    let ordered_at = tag(tags::CREATED_AT)?;
    let intended_at = Timestamp::parse(&ordered_at).ok_or_else(|| Refusal {
        identifier: orphan.identifier.clone(),
        broken: vec![("its tags make a claim", format!("the tag {} is {ordered_at:?}", tags::CREATED_AT))],
    })?;
    Ok(Claim {
        identifier: orphan.identifier.clone(),
        run_id: tag(tags::RUN_ID)?,
        intended_at,
        resource_id: Some(orphan.resource_id.clone().unwrap_or_default()),
        source_resource_id: tag(tags::SOURCE_RESOURCE_ID)?,
        account: guard.account.clone(),
        region: guard.region.clone(),
    })
}

impl Claim {
    /// The claim of the journal, with the `DbiResourceId` if RDS's answer was recorded.
    pub fn journaled(claim: &InstanceClaim, resource_id: Option<&str>) -> Self {
        Self {
            identifier: claim.identifier.clone(),
            run_id: claim.run_id.clone(),
            intended_at: claim.at,
            resource_id: resource_id.map(str::to_owned),
            source_resource_id: claim.source_resource_id.clone(),
            account: claim.account.clone(),
            region: claim.region.clone(),
        }
    }
}

impl ProvenTemporary {
    /// The instance as described when it was proven.
    pub fn described(&self) -> &InstanceDescription {
        &self.described
    }

    /// The claim that the proof used.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }
}

impl Refusal {
    /// The only rule that does not hold is the creation time, and the instance is too young to have one.
    fn may_be_over_soon(&self, described: &[InstanceDescription]) -> bool {
        let is_young = described.iter().all(|it| it.created_at.is_none() && it.status == "creating");
        is_young && self.broken.iter().all(|(rule, _)| *rule == CREATED_AFTER)
    }
}

const NOT_PROVEN: &str = "is not proven to be ours";

/// Whether the instance was described and is not proven. The message then contains no command that deletes it.
pub fn is_refusal(error: &Error) -> bool {
    error.to_string().contains(NOT_PROVEN)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let why: Vec<String> = refusal.broken.iter().map(|(rule, why)| format!("{rule}: {why}")).collect();
        let error = Self::new(format!("{} {NOT_PROVEN}: {}", refusal.identifier, why.join("; ")));
        error.hint("it is left alone; look at it in the RDS console and delete it by hand if it is a temporary one")
    }
}

impl Rds {
    /// Describes the claimed instance again and proves it; `None` when RDS reports that there is none.
    ///
    /// # Errors
    /// A refusal, or RDS could not be asked.
    pub async fn prove(&self, claim: &Claim, guard: &DeletionPolicy) -> Result<Option<ProvenTemporary>> {
        self.prove_afresh(claim, guard, None).await
    }

    /// As [`Rds::prove`], for an instance from [`Rds::leftovers`] that is in no journal.
    ///
    /// # Errors
    /// A refusal, or RDS could not be asked.
    pub async fn prove_orphan(
        &self,
        orphan: &InstanceDescription,
        confirmed: &str,
        now: Timestamp,
        guard: &DeletionPolicy,
    ) -> Result<Option<ProvenTemporary>> {
        let claim = claim_of_tags(orphan, guard)?;
        self.prove_afresh(&claim, guard, Some(Orphan { confirmed: confirmed.to_owned(), now })).await
    }

    async fn prove_afresh(
        &self,
        claim: &Claim,
        guard: &DeletionPolicy,
        orphan: Option<Orphan>,
    ) -> Result<Option<ProvenTemporary>> {
        self.prove_once(claim, guard, orphan).await.doing(|| format!("prove that {} is ours", claim.identifier))?
    }

    /// The outer error: not known, describe again.
    async fn prove_once(
        &self,
        claim: &Claim,
        guard: &DeletionPolicy,
        orphan: Option<Orphan>,
    ) -> Result<Result<Option<ProvenTemporary>>, ApiError> {
        let described = self.look(&claim.identifier).await?;
        if described.is_empty() {
            return Ok(self.check_not_renamed(claim).await?.map(|()| None));
        }
        match prove_by(RULES, claim, guard, orphan, &described) {
            Err(refusal) if refusal.may_be_over_soon(&described) => {
                Err(ApiError::odd("RDS does not say yet when it was created"))
            }
            proven => Ok(proven.map(Some).map_err(Error::from)),
        }
    }

    /// Checks that the instance was not renamed: a renamed instance would be billed without end. The outer error: not known.
    pub(in crate::aws) async fn check_not_renamed(&self, claim: &Claim) -> Result<Result<()>, ApiError> {
        let Some(resource_id) = claim.resource_id.as_deref() else { return Ok(Ok(())) };
        Ok(match self.find_by_resource_id(resource_id).await? {
            Some(now) => {
                let error =
                    Error::new(format!("{} was renamed to {} ({resource_id})", claim.identifier, now.identifier));
                Err(error.hint("rename it back, or delete it by hand"))
            }
            None => Ok(()),
        })
    }

    /// Describes and proves the instance once more and sends the delete call: no final snapshot, no automated backups kept. An
    /// instance that is being deleted or is gone is not an error; while an instance is too busy to be deleted, the call is
    /// repeated until the deadline. Wait with [`Rds::wait_gone`].
    ///
    /// # Errors
    /// A refusal, or RDS did not accept the call: the instance must still be removed.
    pub async fn delete(&self, instance: ProvenTemporary, deadline: Deadline, notes: &mut Vec<String>) -> Result<()> {
        let ProvenTemporary { claim, guard, orphan, .. } = instance;
        self.delete_claimed(&claim, &guard, orphan, deadline, notes).await.map(|_| ())
    }

    /// `false` when there was nothing to delete.
    async fn delete_claimed(
        &self,
        claim: &Claim,
        guard: &DeletionPolicy,
        orphan: Option<Orphan>,
        deadline: Deadline,
        notes: &mut Vec<String>,
    ) -> Result<bool> {
        let doing = || format!("delete instance {}", claim.identifier);
        let mut misses = 0;
        loop {
            let error = match self.prove_once(claim, guard, orphan.clone()).await {
                Ok(proven) => match proven.doing(doing)? {
                    // Without a resource id the order may still be in progress: look again. Without time left, it is unknown.
                    None if claim.resource_id.is_none() && misses + 1 < MISSES => {
                        misses += 1;
                        ApiError::odd("no such instance yet, but its order may be on its way")
                    }
                    None => return Ok(false),
                    Some(proven) if proven.described.status == "deleting" => return Ok(true),
                    Some(proven) => match raw::delete(&self.api, &proven).await {
                        Ok(()) => return Ok(true),
                        Err(error) => error,
                    },
                },
                Err(error) => error,
            };
            if !raw::is_worth_another_try(&error) || deadline.is_over() {
                return Err(error).doing(doing);
            }
            self.note(notes, format!("{} not deleted yet: {}", claim.identifier, error.text));
            self.pause(deadline).await;
        }
    }

    /// Proves, deletes and waits; `false` when there is no instance to delete.
    ///
    /// # Errors
    /// The error of any of the three: the instance must still be removed (see `messages.rs`).
    pub async fn remove(
        &self,
        claim: &Claim,
        guard: &DeletionPolicy,
        deadline: Deadline,
        notes: &mut Vec<String>,
    ) -> Result<bool> {
        let was_there = self.delete_claimed(claim, guard, None, deadline, notes).await?;
        if was_there {
            self.wait_gone(claim, deadline, notes).await?;
        }
        Ok(was_there)
    }
}

#[cfg(test)]
mod fleet_tests;
#[cfg(test)]
mod rule_tests;
