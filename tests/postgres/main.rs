//! Tests on servers of PostgreSQL that the suite starts itself.

mod archive;
mod baseline;
mod cluster;
mod compare;
mod connection;
mod damage;
mod definitions;
mod demo;
mod digest_sql;
mod dumping;
mod files;
mod hostile;
mod nightly;
mod nightly_after;
mod no_false_alarm;
mod no_false_sound;
mod offsite;
mod recheck;
mod server_digest;
mod parts;
#[path = "../support/mod.rs"]
mod support;
mod support_itself;
