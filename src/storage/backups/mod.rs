//! The backup directory: verified, damaged and unverified backups are in separate directories.
//!
//! Changes only backups of this program: a name of its form and a record inside with the same id. Removes
//! a verified backup only by a [`RetentionPlan`](crate::storage::retention::RetentionPlan) that leaves another one.
//!
//! ```text
//! .pgwitness-backups          the marker file: an unmounted mount point does not have it
//! unverified/ID.partial/      is being dumped
//! unverified/ID/              complete, not verified
//! verified/ID/                restored, compared and proven
//! damaged/ID/                 with findings; kept for inspection
//! .removing-ID/               being removed
//! .offsite-ID/                read back from the off-site repository, while it is restored
//! ```
//!
//! In `ID/`: `dump` (a directory; one file with `format = "custom"`), `globals.sql`, `database.json`, `SHA256SUMS` (for `sha256sum -c`) and `backup.json`. ID is the time of the data and
//! the first eight digits of the run. A backup only ever moves by rename, and only after everything in it is on disk.
//!
//! Needs the lock of the state directory. Blocks: hashing reads whole backups.

mod check;
mod fetched;
mod list;
mod marker;
mod same_source;
mod partial;
mod state;
mod prune;
mod record;
mod space;

use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::model::run::Origin;
use crate::storage::reports::stamped_name;

pub use check::{FileDifference, differences};
pub use fetched::{FetchDirectory, FetchedBackup};
pub use list::{Backup, BackupListing, BackupState, UnusableBackup};
pub use partial::Partial;
pub use prune::Pruned;
pub use record::{BackupRecord, DumpMetadata};
pub use same_source::{OwnSource, SharedDirectory, configured};
pub use space::demand_free;

const UNVERIFIED: &str = "unverified";
const VERIFIED: &str = "verified";
const DAMAGED: &str = "damaged";
const PARTIAL: &str = ".partial";
const REMOVING: &str = ".removing-";
const FETCHED: &str = ".offsite-";

/// The dump, format `directory`.
pub const DUMP_DIRECTORY: &str = "dump";
/// The dump, format `custom`.
pub const DUMP_CUSTOM: &str = "dump.custom";
/// Roles and tablespaces, without passwords.
pub const GLOBALS: &str = "globals.sql";
/// For `sha256sum -c`.
pub const SUMS: &str = "SHA256SUMS";
/// See [`BackupRecord`].
pub const RECORD: &str = "backup.json";
/// The command that marks a directory for the source of the configuration, also if it was marked for another one.
const MARKER_ADOPT: &str = "pgwitness init --adopt";

/// A backup directory with the marker file.
#[derive(Debug)]
pub struct Backups {
    dir: PathBuf,
    remarks: Vec<String>,
    /// The identities of its source; empty until the first successful run if an older version has marked it.
    sources: Vec<Origin>,
}

impl Backups {
    /// The id of the backup that this run makes of data of this time.
    pub fn id(data_as_of: Timestamp, run_id: &str) -> Result<String> {
        stamped_name(data_as_of, run_id)
    }

    /// Its path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Remarks for the user, for instance that the directory is on another disk than before.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn under(&self, place: &str, id: &str) -> PathBuf {
        self.dir.join(place).join(id)
    }
}

/// `20260131T020000Z-1f2e3d4c`, without path separators.
fn is_id(text: &str) -> bool {
    let form = b"dddddddd-dddddd--xxxxxxxx";
    text.len() == form.len()
        && text.bytes().zip(form.iter().enumerate()).all(|(byte, (at, form))| match (at, form) {
            (8, _) => byte == b'T',
            (15, _) => byte == b'Z',
            (_, b'd') => byte.is_ascii_digit(),
            (_, b'x') => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            (_, form) => byte == *form,
        })
}

fn demand_id(text: &str) -> Result<()> {
    if is_id(text) { Ok(()) } else { Err(Error::new(format!("{text:?} is not the id of a backup"))) }
}
