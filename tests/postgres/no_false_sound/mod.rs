//! "Could not check" is never reported as "sound". Each test makes a check impossible and demands that the result says so.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

mod assertions;
mod asymmetry;
mod canary;
mod changes;
mod derived;
mod dumps;
mod keys;
mod marker;
mod nothing;
mod patterns;
mod privileges;
mod raw_bytes;
mod reports;
mod secrets;
mod sessions;
mod scenario;
mod unasked;
mod unchanged;
mod waivers;
