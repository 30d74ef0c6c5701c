//! AWS RDS: finds production's snapshot, creates a temporary instance from it, connects to it, and deletes only that instance.
//!
//! No code here reads production's data, changes production, deletes a snapshot or turns deletion protection off. Only [`delete`]
//! decides what may be deleted.

pub mod identifier;
mod messages;
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
mod create_instance;
mod snapshot;

pub use client::{Identity, Rds};
pub use create_instance::{InstanceOrder, RestoredInstance};
pub use delete::{Claim, DeletionPolicy, ProvenTemporary, Refusal, is_refusal};
pub use facts::{InstanceAddress, InstanceDescription, Snapshot, SourceInstance};
pub use messages::{not_ours_message, still_billed_message};
pub use wait::Deadline;

pub use crate::base::secret::Secret;
