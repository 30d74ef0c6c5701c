//! Polls until an instance is ready or gone.
//!
//! A failed lookup (throttled, lost, busy) is retried. The waiter of the SDK is not used: it backs off to 30 minutes and knows
//! five of the terminal states.

use std::time::{Duration, Instant};

use ssh_key::rand_core::{OsRng, RngCore};

use super::client::Rds;
use super::delete::Claim;
use super::errors::{ApiError, Kind};
use super::facts::InstanceDescription;
use super::tags;
use crate::base::error::{Context, Error, Result};
use crate::model::progress::Event;

/// An instance does not leave these states by itself. Source: "Viewing Amazon RDS DB instance status".
const TERMINAL: &[&str] = &[
    "delete-precheck",
    "deleting",
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "insufficient-capacity",
    "restore-error",
    "stopped",
    "stopping",
    "storage-full",
];
/// Not a status of RDS.
const GONE: &str = "gone";
/// A new instance may not be visible at once: this many lookups may find none.
const MISSES: usize = 5;
/// A zero interval would call AWS without a pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// A deadline on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// The deadline `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// Remaining time.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// No time remains.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    fn passed(&self, waiting_for: &str, last: &str) -> Error {
        Error::new(format!("not {waiting_for} after {} s; last seen: {last}", self.limit.as_secs()))
    }
}

/// Whether to stop waiting.
fn is_terminal(status: &str) -> bool {
    TERMINAL.contains(&status) || status.starts_with("incompatible-")
}

impl Rds {
    /// Waits until the claimed instance is available, has an endpoint and no pending changes. Each status change is added to
    /// `notes`, whatever the outcome. The claim must have its resource id.
    ///
    /// # Errors
    /// A terminal status, the deadline, lost permission, another instance under the name.
    pub async fn wait_ready(
        &self,
        claim: &Claim,
        deadline: Deadline,
        notes: &mut Vec<String>,
    ) -> Result<InstanceDescription> {
        let doing = || format!("wait for instance {}", claim.identifier);
        let (mut last, mut misses) = (String::new(), 0);
        loop {
            let seen = self.look(&claim.identifier).await;
            misses += usize::from(seen.as_ref().is_ok_and(Vec::is_empty));
            if misses >= MISSES {
                return Err(Error::new("there is no such instance")).doing(doing);
            }
            if let Some(ready) = self.judge(claim, seen, &mut last, notes).doing(doing)? {
                return Ok(ready);
            }
            if deadline.is_over() {
                return Err(deadline.passed("ready", &last)).doing(doing);
            }
            self.pause(deadline).await;
        }
    }

    /// `None`: describe again.
    fn judge(
        &self,
        claim: &Claim,
        seen: Result<Vec<InstanceDescription>, ApiError>,
        last: &mut String,
        notes: &mut Vec<String>,
    ) -> Result<Option<InstanceDescription>> {
        let described = match seen {
            Ok(seen) => match seen.into_iter().next() {
                Some(described) => described,
                None => {
                    self.tell(&claim.identifier, "not there", last, notes);
                    return Ok(None);
                }
            },
            Err(error) if error.kind == Kind::Unknown => {
                self.tell(&claim.identifier, &format!("not known ({})", error.text), last, notes);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        check_is_claimed(claim, &described)?;
        self.tell(&claim.identifier, &state(&described), last, notes);
        if is_terminal(&described.status) {
            return Err(Error::new(format!("its status is {}, from which it does not recover", described.status)));
        }
        Ok(Some(described).filter(is_ready))
    }

    /// Waits until RDS returns `DBInstanceNotFound`.
    ///
    /// # Errors
    /// The deadline, lost permission: the instance must still be removed (see `messages.rs`).
    pub async fn wait_gone(&self, claim: &Claim, deadline: Deadline, notes: &mut Vec<String>) -> Result<()> {
        let doing = || format!("wait until instance {} is gone", claim.identifier);
        let mut last = String::new();
        loop {
            match self.state_until_gone(claim).await {
                Ok(state) => {
                    self.tell(&claim.identifier, state.doing(doing)?.as_deref().unwrap_or(GONE), &mut last, notes);
                }
                Err(error) if error.kind == Kind::Unknown => {
                    self.tell(&claim.identifier, &format!("not known ({})", error.text), &mut last, notes);
                }
                Err(error) => return Err(error).doing(doing),
            }
            if last == GONE {
                return Ok(());
            }
            if deadline.is_over() {
                return Err(deadline.passed("gone", &last)).doing(doing);
            }
            self.pause(deadline).await;
        }
    }

    /// `None` when it is gone. The outer error: not known.
    async fn state_until_gone(&self, claim: &Claim) -> Result<Result<Option<String>>, ApiError> {
        match self.look(&claim.identifier).await?.into_iter().next() {
            Some(described) => Ok(Ok(Some(described.status))),
            None => Ok(self.check_not_renamed(claim).await?.map(|()| None)),
        }
    }

    /// Reports each change once.
    fn tell(&self, identifier: &str, state: &str, last: &mut String, notes: &mut Vec<String>) {
        if last != state {
            state.clone_into(last);
            self.note(notes, format!("{identifier}: {state}"));
        }
    }

    pub(in crate::aws) fn note(&self, notes: &mut Vec<String>, note: String) {
        // The same answer to every poll is one note.
        if notes.last() == Some(&note) {
            return;
        }
        (self.listener)(Event::Phase(&note));
        notes.push(note);
    }

    /// The configured interval, up to a fifth longer or shorter so that clients do not poll in step, and not beyond the deadline.
    pub(in crate::aws) async fn pause(&self, deadline: Deadline) {
        let interval = self.source().temporary.poll_interval.duration().mul_f64(0.8 + 0.4 * chance());
        tokio::time::sleep(interval.min(deadline.left()).max(SHORTEST_PAUSE)).await;
    }
}

/// From 0 to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter; only the load on AWS depends on it.
    let _ = OsRng.try_fill_bytes(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// The status, and why an available one is not ready.
fn state(described: &InstanceDescription) -> String {
    let mut state = described.status.clone();
    if described.status == "available" && described.has_pending_changes {
        state.push_str(", changes pending");
    }
    if described.status == "available" && described.endpoint.is_none() {
        state.push_str(", no endpoint yet");
    }
    state
}

fn is_ready(described: &InstanceDescription) -> bool {
    described.status == "available" && !described.has_pending_changes && described.endpoint.is_some()
}

/// Data of another instance under the same name would be reported as this run's.
fn check_is_claimed(claim: &Claim, described: &InstanceDescription) -> Result<()> {
    let run_id = described.tag(tags::RUN_ID);
    if claim.resource_id.is_some() && claim.resource_id == described.resource_id && run_id == Some(&claim.run_id) {
        return Ok(());
    }
    let (made, seen) = (claim.resource_id.as_deref().unwrap_or("unknown"), described.resource_id.as_deref());
    Err(Error::new(format!(
        "it is another instance: {} of run {}, we made {made} in run {}",
        seen.unwrap_or("unknown"),
        run_id.unwrap_or("unknown"),
        claim.run_id
    )))
}
