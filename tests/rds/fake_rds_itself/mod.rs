//! The fake for RDS, alone: what the SDK makes of it, and what moto thinks of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

mod aws;
mod faults;
mod life;
mod listing;
mod moto;
mod server;
