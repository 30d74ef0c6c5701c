//! What goes over the wire to RDS and STS, and what is made of the answers: a scripted server says what AWS would.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

pub mod calls;
pub mod deleting;
pub mod finding;
pub mod moto;
pub mod opening;
pub mod script;
pub mod waiting;
