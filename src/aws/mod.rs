//! AWS RDS: finds production's snapshot, creates a temporary instance from it, connects to it, and deletes only that instance.
//!
//! No code here reads production's data, changes production, deletes a snapshot or turns deletion protection off. Only [`delete`]
//! decides what may be deleted.

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
pub use delete::{Claim, DeletionPolicy, ProvenTemporary, Refusal, is_refusal};
pub use facts::{InstanceAddress, InstanceDescription, Snapshot, SourceInstance};
pub use restore::{InstanceOrder, RestoredInstance};
pub use wait::Deadline;

pub use crate::base::secret::Secret;
