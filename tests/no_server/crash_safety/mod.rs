//! What has to survive a crash: the lock, the journal, the backup directory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod backups;
mod full_disk;
mod journal;
mod lock;
mod owners;
mod sources;
mod records;
