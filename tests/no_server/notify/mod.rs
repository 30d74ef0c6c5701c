//! Notifications: sent to a real SMTP server and a real HTTP server on loopback, read back by a MIME parser.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod checks;
mod mail;
mod mail_refused;
mod web;
