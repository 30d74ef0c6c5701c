//! Nightly runs on the fake of RDS: its instances are real servers, everything else is the real program.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

mod bad_day;
mod before;
mod before_aws;
mod before_here;
mod end_to_end;
mod fleets;
mod looks;
mod machine;
mod matrix;
mod sweep;
mod whole;
