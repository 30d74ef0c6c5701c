//! Orders the temporary instance.

use super::client::Rds;
use super::facts::{Snapshot, SourceInstance};
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// What to build. Journal the claim before this is sent.
#[derive(Debug, Clone, Copy)]
pub struct RestoreOrder<'a> {
    /// From [`super::identifier::identifier`].
    pub identifier: &'a str,
    /// The run's id, 32 hexadecimal digits.
    pub run_id: &'a str,
    /// From what.
    pub snapshot: &'a Snapshot,
    /// Whose copy it is.
    pub source: &'a SourceInstance,
    /// Now: becomes the tag `pgwitness-created-at`.
    pub ordered_at: Timestamp,
    /// After this time nobody can need it: becomes the tag `pgwitness-expires-at`.
    pub expires_at: Timestamp,
}

/// What is being built. Journal the resource id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// `DbiResourceId`.
    pub resource_id: String,
    /// `DBInstanceClass` that could be had.
    pub instance_class: String,
    /// Things worth keeping: which classes could not be had, that an answer was lost.
    pub notes: Vec<String>,
}

impl Rds {
    /// Sends the order, once for each instance class until one can be had. When the answer is lost, looks whether the instance is
    /// there, and takes it only when it carries this run's id.
    ///
    /// # Errors
    /// Nothing could be had, or it is not known whether something was built: the error says so, and the claim stays a debt.
    pub async fn restore(&self, order: &RestoreOrder<'_>) -> Result<Restored> {
        let _ = order;
        Err(Error::new("not built yet"))
    }
}
