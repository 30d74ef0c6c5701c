//! The entries of a journal, one per line. Plain data.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::model::run::StepResult;

/// One line. Anything that could remain after a crash has an entry before it is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// Always the first one.
    RunStarted {
        /// Of the journal: `FORMAT` in `append.rs`.
        format: u32,
        /// 32 hexadecimal digits.
        run_id: String,
        /// For instance `nightly`.
        command: String,
        /// When.
        at: Timestamp,
        /// Its process.
        pid: u32,
    },
    /// A step begins.
    StepStarted {
        /// For instance `dump`.
        step: String,
    },
    /// A step is over.
    StepEnded {
        /// For instance `dump`.
        step: String,
        /// How.
        result: StepResult,
    },
    /// An RDS instance is about to be requested.
    InstanceIntended(InstanceClaim),
    /// AWS confirmed the request: the instance is being created.
    InstanceCreated {
        /// `DBInstanceIdentifier`.
        identifier: String,
        /// `DbiResourceId`.
        resource_id: String,
    },
    /// AWS returned `DBInstanceNotFound`; no other answer counts.
    InstanceGone {
        /// `DBInstanceIdentifier`.
        identifier: String,
    },
    /// A backup's directory is about to be created.
    BackupBegun {
        /// Of the backup.
        id: String,
    },
    /// A backup was placed.
    BackupPlaced {
        /// Of the backup.
        id: String,
        /// Where.
        place: Place,
    },
    /// A database is about to be created for the restored copy.
    CopyIntended(CopyClaim),
    /// The database was created: it is this one, and no other of its name.
    CopyCreated(CopyIdentity),
    /// The database of the restored copy was dropped.
    CopyGone {
        /// Its name.
        database: String,
    },
    /// The database of the restored copy is kept, as configured.
    CopyKept {
        /// Its name.
        database: String,
    },
    /// The directory of a restore server of the run's own is about to be made.
    ServerIntended {
        /// Absolute path.
        directory: String,
    },
    /// The restore server of the run's own was removed.
    ServerGone {
        /// Absolute path.
        directory: String,
    },
    /// The way to the source is about to be opened.
    AccessIntended(AccessClaim),
    /// The way to the source was closed.
    AccessClosed {
        /// The run that opened it.
        run_id: String,
    },
    /// The directory of a snapshot of files is about to be made.
    FilesIntended(FilesClaim),
    /// A snapshot of files was placed.
    FilesPlaced {
        /// The snapshot.
        claim: FilesClaim,
        /// Where.
        place: Place,
    },
    /// A report with this hash is about to be signed and written.
    Reported {
        /// Of `report.json`.
        path: String,
        /// Of its bytes.
        sha256: String,
    },
    /// The dump is about to be uploaded to the off-site repository.
    OffsiteBegun {
        /// Of the backup.
        backup: String,
    },
    /// The dump is in the off-site repository and was read back; its report is not there yet.
    OffsiteDumpStored {
        /// Of the backup.
        backup: String,
        /// The snapshot of restic.
        snapshot: String,
    },
    /// The dump and its report are in the off-site repository.
    OffsiteStored {
        /// Of the backup.
        backup: String,
    },
    /// There is no reason any more to have this backup in the off-site repository.
    OffsiteDropped {
        /// Of the backup.
        backup: String,
        /// The reason.
        why: String,
    },
    /// The run ended without being killed.
    RunEnded {
        /// Of the process.
        exit_code: u8,
    },
    /// A later run has done the cleanup tasks of this run.
    Settled {
        /// The later run's id.
        by_run: String,
        /// When.
        at: Timestamp,
    },
}

/// Facts of a temporary instance: the input of the proof that it is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceClaim {
    /// `DBInstanceIdentifier`, random.
    pub identifier: String,
    /// The run that requested it, as in its tags.
    pub run_id: String,
    /// `DbiResourceId` of production.
    pub source_resource_id: String,
    /// `DBInstanceIdentifier` of production.
    pub source_instance: String,
    /// `DBSnapshotIdentifier`.
    pub snapshot: String,
    /// 12 digits.
    pub account: String,
    /// For instance `ap-southeast-2`.
    pub region: String,
    /// Start of the identifier, as configured then.
    pub prefix: String,
    /// Time before the request.
    pub at: Timestamp,
}

/// What `[access]` has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessClaim {
    /// The run that opened it.
    pub run_id: String,
    /// Host and port of the temporary instance, once it was available.
    pub endpoint: Option<(String, u16)>,
}

/// A snapshot of a directory that belongs to the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesClaim {
    /// Absolute path of the directory of its section.
    pub directory: String,
    /// Its name in it.
    pub id: String,
}

/// A database that a run was about to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyClaim {
    /// Its name.
    pub database: String,
    /// The server, without a password.
    pub server: String,
    /// Before it was created.
    pub at: Timestamp,
}

/// Identifies the database of a restored copy from its creation on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyIdentity {
    /// Its name.
    pub database: String,
    /// Its `pg_database.oid`, which is reused only after four thousand million objects.
    pub oid: u32,
    /// `system_identifier` of the server.
    pub system_identifier: String,
}

/// The place of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Under `verified/`: restored, compared and proven, and the report is signed.
    Verified,
    /// Under `damaged/`: kept for inspection only.
    Damaged,
    /// Removed: it was not complete.
    Discarded,
    /// Under `unverified/`: complete, but there is no verdict on it.
    Unverified,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::Damaged => "damaged",
            Self::Discarded => "discarded",
            Self::Unverified => "unverified",
        })
    }
}
