//! Files on the backup host (reports and signatures, journals, the backup directory, files written by the user) and the off-site
//! repository.

pub mod timestamp;
pub mod signature;
pub mod signers;
pub mod reports;
pub mod journal;
pub mod retention;
pub mod backups;
pub mod offsite;
pub mod files;
pub mod history;
pub mod user_files;
