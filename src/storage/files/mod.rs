//! Snapshots of directories that belong to the database: copied with rsync, unchanged files as hard links to the snapshot before.
//!
//! Below the directory of a section, a snapshot `ID` holds the copy (`files/`) and its `manifest`. It is `ID.partial` while it is made,
//! `ID.unverified` when it is complete, and `ID` when a signed report proves it. What is read of both sides goes through files
//! (`work/`) in the order of the paths, so that memory does not grow with the number of files.

mod records;
mod sorting;
mod reading;
mod ssh;
mod source;
mod rsync;
mod manifest;
mod merge;
mod snapshots;
pub mod offsite;

pub use manifest::{MANIFEST, ManifestSummary, ManifestWriter};
pub use merge::{Merge, MergedPath};
pub use reading::{CancelOnDrop, copy_records, hash_of, record_of};
pub use records::{RecordFile, RecordWriter, write_list};
pub use rsync::{Rsync, RsyncRound};
pub use snapshots::{FilesSnapshots, PartialSnapshot};
pub use source::{ContentFile, FilesSource};
pub use ssh::Ssh;
