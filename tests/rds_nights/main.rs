//! Whole nights on the stand-in for RDS: its instances are real servers, everything else is the real program.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

#[path = "../support/standin/mod.rs"]
mod standin;
#[path = "../support/mod.rs"]
mod support;

mod machine;
mod matrix;
mod whole;
