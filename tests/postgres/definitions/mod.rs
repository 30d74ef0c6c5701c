//! A faithful copy has no findings, whatever the definitions are and across every pair of major versions: those of
//! `fixtures/definitions`, and generated ones.
//!
//! `PGWITNESS_TEST_SERVERS` names the directory of further servers; `PGWITNESS_ALL_PAIRS=1` tests every ascending pair, without it
//! some; `PGWITNESS_GENERATE_MINUTES=60` generates for an hour, `PGWITNESS_GENERATE_SEED=N` repeats one round.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

mod corpus;
mod generated;
mod generator;
mod public;
mod scenario;
