//! The off-site repository, reached through the program restic (0.14 or later).
//!
//! Each verified backup is two snapshots with the same tags: the dump, uploaded before it is restored, and its signed report with the
//! manifests, uploaded when the run has ended; and one for each directory of files that the report proves. The report has the hash of every file of the dump, so that the repository proves its
//! backups by itself.
//!
//! ```text
//! tags: pgwitness, kind=dump    /ID/dump/…, /ID/globals.sql, /ID/database.json, /ID/backup.json, /ID/SHA256SUMS
//! tags: pgwitness, kind=report  /NAME/report.json, /NAME/report.json.sig, /NAME/closing.json, /NAME/expected.manifest.json, …
//! tags: pgwitness, kind=files   /NAME/files/…, /NAME/manifest; files=SECTION
//! all: backup=ID, run=…, data=…, source=…; a report that proves the dump: verified
//! ```
//!
//! Locks are only waited for, never removed. Reading takes no lock, so a key that cannot write is enough for it.

mod failure;
mod open;
mod restic;
mod snapshots;
mod receive;
mod read_back;
mod upload;

use std::path::PathBuf;
use std::time::Duration;

pub use failure::is_locked;
pub use open::{Access, PASSED_ON, RepositoryLogin};
pub use read_back::ReadBackResult;
pub use receive::{FetchTarget, ReceivedFiles};
pub use snapshots::{OffsiteBackup, SnapshotTags, StoredSnapshot, source_tag};

/// The host of every snapshot: that of this machine may change.
const HOST: &str = "pgwitness";

/// A repository of restic.
#[derive(Debug)]
pub struct OffsiteRepository {
    program: PathBuf,
    /// As restic takes it; it may have a password in it.
    location: String,
    /// The environment of restic, the password included.
    variables: Vec<(String, String)>,
    /// `None`: `--no-cache`.
    cache: Option<PathBuf>,
    stalled_after: Duration,
    lock_wait: Duration,
}
