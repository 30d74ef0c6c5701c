//! What may be deleted: an instance of which every rule says that this program made it.
//!
//! Never takes anything on trust: what is not known is refused. The only call that deletes is in `raw`, and it takes only what
//! was proven here, moments before. There is no code that turns deletion protection off.

mod raw;
mod rules;

use super::client::Rds;
use super::errors::Trouble;
use super::facts::Described;
use super::tags;
use super::wait::Deadline;
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::storage::journal::InstanceClaim;
use rules::{CREATED_AFTER, Case, DeletionRule, RULES};

/// An order without an answer may still be carried out: so many looks may say that there is no such instance.
const MISSES: usize = 5;

/// What the journal says that we made, or were about to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `DBInstanceIdentifier`.
    pub identifier: String,
    /// The run that ordered it, 32 hexadecimal digits.
    pub run_id: String,
    /// When it was about to be ordered.
    pub intended_at: Timestamp,
    /// `DbiResourceId` as RDS answered; `None` when no answer was written down.
    pub resource_id: Option<String>,
    /// `DbiResourceId` of production then, and of the snapshot.
    pub source_resource_id: String,
    /// 12 digits.
    pub account: String,
    /// For instance `ap-southeast-2`.
    pub region: String,
}

/// What must never be deleted, and where we work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Start of our identifiers: for a claim of the journal as it was then, otherwise as configured.
    pub prefix: String,
    /// `DBInstanceIdentifier`s of the configuration.
    pub protected: Vec<String>,
    /// `DBInstanceIdentifier` of production.
    pub source_instance: String,
    /// `DbiResourceId` of production as of now; `None` when it could not be described.
    pub source_resource_id: Option<String>,
    /// The account that the credentials are of.
    pub account: String,
    /// The region that we speak to.
    pub region: String,
}

/// An instance that no journal knows: what the user said to delete, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Orphan {
    confirmed: String,
    now: Timestamp,
}

/// An instance that this program made. Only this module can make one, and only when every rule holds.
#[derive(Debug)]
pub struct ProvenTemporary {
    claim: Claim,
    guard: Guard,
    orphan: Option<Orphan>,
    described: Described,
}

/// Why an instance is not proven ours: each rule that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked about.
    pub identifier: String,
    /// DeletionRule and reason.
    pub broken: Vec<(&'static str, String)>,
}

/// Proves that the one described instance is the claimed one, and that nothing forbids to delete it.
///
/// # Errors
/// Every rule that does not hold.
pub fn prove(claim: &Claim, guard: &Guard, described: &[Described]) -> Result<ProvenTemporary, Refusal> {
    prove_by(RULES, claim, guard, None, described)
}

/// For an instance that no journal knows: what its own tags claim, besides which it must have expired at `now`, production must
/// have been described, and `confirmed` (what the user typed) must be its identifier.
///
/// # Errors
/// Every rule that does not hold.
pub fn prove_orphan(
    orphan: &Described,
    confirmed: &str,
    now: Timestamp,
    guard: &Guard,
    described: &[Described],
) -> Result<ProvenTemporary, Refusal> {
    let claim = claim_of_tags(orphan, guard)?;
    prove_by(RULES, &claim, guard, Some(Orphan { confirmed: confirmed.to_owned(), now }), described)
}

fn prove_by(
    rules: &[(&'static str, DeletionRule)],
    claim: &Claim,
    guard: &Guard,
    orphan: Option<Orphan>,
    described: &[Described],
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

/// What an instance says of itself; it is then held to it as to a line of the journal.
fn claim_of_tags(orphan: &Described, guard: &Guard) -> Result<Claim, Refusal> {
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
    /// What the journal holds, with the `DbiResourceId` if RDS's answer was written down.
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
    /// As it was described when it was proven.
    pub fn described(&self) -> &Described {
        &self.described
    }

    /// What it was proven by.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }
}

impl Refusal {
    /// Nothing is wrong but that it is too young to have a time of creation.
    fn may_be_over_soon(&self, described: &[Described]) -> bool {
        let is_young = described.iter().all(|it| it.created_at.is_none() && it.status == "creating");
        is_young && self.broken.iter().all(|(rule, _)| *rule == CREATED_AFTER)
    }
}

const NOT_PROVEN: &str = "is not proven to be ours";

/// Whether it was looked at and is not proven ours: then nothing is said that a user could delete it with.
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
    /// Describes the claimed instance afresh and proves it ours; `None` when RDS says that there is none.
    ///
    /// # Errors
    /// A refusal, or RDS could not be asked.
    pub async fn prove(&self, claim: &Claim, guard: &Guard) -> Result<Option<ProvenTemporary>> {
        self.prove_afresh(claim, guard, None).await
    }

    /// As [`Rds::prove`], for an instance from [`Rds::leftovers`] that no journal knows.
    ///
    /// # Errors
    /// A refusal, or RDS could not be asked.
    pub async fn prove_orphan(
        &self,
        orphan: &Described,
        confirmed: &str,
        now: Timestamp,
        guard: &Guard,
    ) -> Result<Option<ProvenTemporary>> {
        let claim = claim_of_tags(orphan, guard)?;
        self.prove_afresh(&claim, guard, Some(Orphan { confirmed: confirmed.to_owned(), now })).await
    }

    async fn prove_afresh(
        &self,
        claim: &Claim,
        guard: &Guard,
        orphan: Option<Orphan>,
    ) -> Result<Option<ProvenTemporary>> {
        self.prove_once(claim, guard, orphan).await.doing(|| format!("prove that {} is ours", claim.identifier))?
    }

    /// The outer error: not known, look again.
    async fn prove_once(
        &self,
        claim: &Claim,
        guard: &Guard,
        orphan: Option<Orphan>,
    ) -> Result<Result<Option<ProvenTemporary>>, Trouble> {
        let described = self.look(&claim.identifier).await?;
        if described.is_empty() {
            return Ok(self.check_not_renamed(claim).await?.map(|()| None));
        }
        match prove_by(RULES, claim, guard, orphan, &described) {
            Err(refusal) if refusal.may_be_over_soon(&described) => {
                Err(Trouble::odd("RDS does not say yet when it was created"))
            }
            proven => Ok(proven.map(Some).map_err(Error::from)),
        }
    }

    /// A renamed instance would be billed for ever, by a name that nobody looks for. The outer error: not known.
    pub(in crate::aws) async fn check_not_renamed(&self, claim: &Claim) -> Result<Result<()>, Trouble> {
        let Some(resource_id) = claim.resource_id.as_deref() else { return Ok(Ok(())) };
        Ok(match self.find_by_resource_id(resource_id).await? {
            Some(now) => {
                let error =
                    Error::new(format!("{} was renamed to {} ({resource_id})", claim.identifier, now.identifier));
                Err(error.hint("name it back, or delete it by hand"))
            }
            None => Ok(()),
        })
    }

    /// Describes it once more, proves it once more, and sends the delete call: no final snapshot, no automated backups kept. An
    /// instance that is being deleted or is gone is no error; one that is too busy to be deleted is asked again until the
    /// deadline. Wait with [`Rds::wait_gone`].
    ///
    /// # Errors
    /// A refusal, or RDS did not take the call: it is a debt then.
    pub async fn delete(&self, instance: ProvenTemporary, deadline: Deadline, notes: &mut Vec<String>) -> Result<()> {
        let ProvenTemporary { claim, guard, orphan, .. } = instance;
        self.delete_claimed(&claim, &guard, orphan, deadline, notes).await.map(|_| ())
    }

    /// `false` when there was nothing to delete.
    async fn delete_claimed(
        &self,
        claim: &Claim,
        guard: &Guard,
        orphan: Option<Orphan>,
        deadline: Deadline,
        notes: &mut Vec<String>,
    ) -> Result<bool> {
        let doing = || format!("delete instance {}", claim.identifier);
        let mut misses = 0;
        loop {
            let trouble = match self.prove_once(claim, guard, orphan.clone()).await {
                Ok(proven) => match proven.doing(doing)? {
                    // Whoever was stopped while ordering does not know what is still on its way; nor does one without time to wait.
                    None if claim.resource_id.is_none() && misses + 1 < MISSES => {
                        misses += 1;
                        Trouble::odd("no such instance yet, but its order may be on its way")
                    }
                    None => return Ok(false),
                    Some(proven) if proven.described.status == "deleting" => return Ok(true),
                    Some(proven) => match raw::delete(&self.api, &proven).await {
                        Ok(()) => return Ok(true),
                        Err(trouble) => trouble,
                    },
                },
                Err(trouble) => trouble,
            };
            if !raw::is_worth_another_try(&trouble) || deadline.is_over() {
                return Err(trouble).doing(doing);
            }
            self.note(notes, format!("{} not deleted yet: {}", claim.identifier, trouble.text));
            self.pause(deadline).await;
        }
    }

    /// Proves, deletes and waits; `false` when there was nothing to delete.
    ///
    /// # Errors
    /// Of any of the three: it is a debt then (see [`super::cleanup_task`]).
    pub async fn remove(
        &self,
        claim: &Claim,
        guard: &Guard,
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
