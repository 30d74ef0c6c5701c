//! Looks again and again until an instance is ready or gone.

use std::time::{Duration, Instant};

use super::client::Rds;
use super::facts::Described;
use super::proof::Claim;
use crate::error::{Error, Result};

/// Until when to wait, by a clock that is never set.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// So long from now.
    pub fn after(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// What is left of it.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }
}

impl Rds {
    /// Waits until the claimed instance is available, has an endpoint and no pending changes. Each status change is added to
    /// `notes`, whatever the outcome. The claim must have its resource id.
    ///
    /// # Errors
    /// A status from which no instance recovers, the deadline, lost permission, another instance under the name.
    pub async fn wait_ready(&self, claim: &Claim, deadline: Deadline, notes: &mut Vec<String>) -> Result<Described> {
        let _ = (claim, deadline, notes);
        Err(Error::new("not built yet"))
    }

    /// Waits until RDS says `DBInstanceNotFound`.
    ///
    /// # Errors
    /// The deadline: the instance is a debt then (see [`super::debt`]).
    pub async fn wait_gone(&self, claim: &Claim, deadline: Deadline, notes: &mut Vec<String>) -> Result<()> {
        let _ = (claim, deadline, notes);
        Err(Error::new("not built yet"))
    }
}
