//! Dumps are made and restored by PostgreSQL's own programs, against real servers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

mod complaints;
mod copies;
mod ends;
mod round_trip;
mod scenario;
