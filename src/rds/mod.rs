//! AWS RDS: finds production's snapshot, builds a temporary instance from it, opens it, and deletes that instance alone.
//!
//! Never reads production's data, never changes production, never deletes a snapshot, never turns deletion protection off.
//! There is no code for any of them. What may be deleted is decided in [`proof`], and only there.

pub mod facts;
pub mod identifier;
pub mod proof;
mod client;
mod debt;
mod describe;
mod login;
mod password;
mod restore;
mod snapshot;
pub mod tags;
mod trouble;
mod wait;
mod whole;

pub use client::{Identity, Rds};
pub use debt::{debt, left_alone};
pub use facts::{Described, Endpoint, Snapshot, SourceInstance};
pub use proof::{Claim, Guard, ProvenTemporary, Refusal, is_refusal};
pub use restore::{RestoreOrder, Restored};
pub use wait::Deadline;

pub use crate::secret::Secret;
