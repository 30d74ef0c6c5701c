//! AWS RDS: finds production's snapshot, builds a temporary instance from it, opens it, and deletes that instance alone.
//!
//! Never reads production's data, never changes production, never deletes a snapshot, never turns deletion protection off.
//! There is no code for any of them. What may be deleted is decided in [`proof`], and only there.

pub mod identifier;
mod debt;
pub mod tags;
pub mod facts;
mod trouble;
pub mod proof;
mod whole;
mod client;
mod describe;
mod wait;
mod login;
mod password;
mod restore;
mod snapshot;

pub use client::{Identity, Rds};
pub use debt::{debt, left_alone};
pub use facts::{Described, Endpoint, Snapshot, SourceInstance};
pub use proof::{Claim, Guard, ProvenTemporary, Refusal, is_refusal};
pub use restore::{RestoreOrder, Restored};
pub use wait::Deadline;

pub use crate::base::secret::Secret;
