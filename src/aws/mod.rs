//! AWS RDS: finds production's snapshot, builds a temporary instance from it, opens it, and deletes that instance alone.
//!
//! Never reads production's data, never changes production, never deletes a snapshot, never turns deletion protection off.
//! There is no code for any of them. What may be deleted is decided in [`proof`], and only there.

pub mod identifier;
mod cleanup_task;
pub mod tags;
pub mod facts;
mod errors;
pub mod delete;
mod complete_answer;
mod client;
mod describe;
mod wait;
mod login;
mod password;
mod restore;
mod snapshot;

pub use cleanup_task::{debt, left_alone};
pub use client::{Identity, Rds};
pub use delete::{Claim, Guard, ProvenTemporary, Refusal, is_refusal};
pub use facts::{Described, InstanceAddress, Snapshot, SourceInstance};
pub use restore::{InstanceOrder, RestoredInstance};
pub use wait::Deadline;

pub use crate::base::secret::Secret;
