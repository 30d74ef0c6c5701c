//! What may be deleted: an instance of which every rule says that this program made it.
//!
//! Never takes anything on trust: what is not known is refused. The only call that deletes is in `raw`, and it takes only what
//! was proven here.

use super::client::Rds;
use super::facts::Described;
use crate::error::{Error, Result};
use crate::time::Timestamp;

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
    /// Start of our identifiers.
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

/// An instance that this program made. Only this module can make one, and only when every rule holds.
#[derive(Debug)]
pub struct ProvenTemporary {
    claim: Claim,
    guard: Guard,
    described: Described,
}

/// Why an instance is not proven ours: each rule that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked about.
    pub identifier: String,
    /// Rule and reason.
    pub broken: Vec<(&'static str, String)>,
}

/// Proves that the one described instance is the claimed one, and that nothing forbids to delete it.
///
/// # Errors
/// Every rule that does not hold.
pub fn prove(claim: &Claim, guard: &Guard, described: &[Described]) -> Result<ProvenTemporary, Refusal> {
    let _ = (guard, described);
    Err(Refusal { identifier: claim.identifier.clone(), broken: Vec::new() })
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
    let _ = (confirmed, now, guard, described);
    Err(Refusal { identifier: orphan.identifier.clone(), broken: Vec::new() })
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

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.identifier)
    }
}

impl Rds {
    /// Describes the claimed instance afresh and proves it ours; `None` when RDS says that there is none.
    ///
    /// # Errors
    /// A refusal, or RDS could not be asked.
    pub async fn prove(&self, claim: &Claim, guard: &Guard) -> Result<Option<ProvenTemporary>> {
        let _ = (claim, guard);
        Err(Error::new("not built yet"))
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
        let _ = (orphan, confirmed, now, guard);
        Err(Error::new("not built yet"))
    }

    /// Describes it once more, proves it once more, and sends the delete call: no final snapshot, no automated backups kept. An
    /// instance that is being deleted or is gone is no error. Wait with [`Rds::wait_gone`].
    ///
    /// # Errors
    /// A refusal, or RDS did not take the call: it is a debt then.
    pub async fn delete(&self, instance: ProvenTemporary) -> Result<()> {
        let _ = (&instance.guard, &self.source());
        Err(Error::new("not built yet"))
    }
}
