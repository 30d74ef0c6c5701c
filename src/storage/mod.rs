//! Our own disk: reports and their signatures, the journal of each run, the backup directory, the user's files.

pub mod signature;
pub mod signers;
pub mod reports;
pub mod journal;
pub mod retention;
pub mod backups;
pub mod history;
pub mod user_files;
