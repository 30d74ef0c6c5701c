//! `pgwitness.toml`: the configuration of a run, as plain data.
//!
//! Holds no secret: it names the file, the command or the variable that has it.

mod access;
mod defaults;
mod dump;
pub mod examples;
mod login;
mod notify;
mod offsite;
pub mod exclude;
mod files;
mod parse;
mod problems;
mod check_metrics;
mod check_notify;
mod check_files;
mod check_offsite;
mod check;
mod restore;
mod show;
mod source;
mod span;

use std::path::PathBuf;

use crate::model::hashing::DigestOn;

pub use crate::compare::drift::DriftRule;
pub use access::AccessSettings;
pub use dump::{DumpFormat, DumpSettings};
pub use examples::ACTIONS;
pub use files::FilesSettings;
pub use notify::{Email, Metrics, Notify, Ping, SmtpTls, Webhook, When};
pub use offsite::{OffsiteSettings, ReadBack};
pub use restore::{AcceptedError, CopyFate, CopySource, MaterializedViews, RestoreSettings};
use serde::{Deserialize, Serialize};
pub use source::{PostgresSource, RdsSource, SnapshotKind, Source, Temporary};
pub use span::Span;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database that is dumped.
    pub source: Source,
    /// How the way to the source is opened for a run.
    #[serde(default)]
    pub access: AccessSettings,
    /// How it is dumped, and to which directory.
    pub dump: DumpSettings,
    /// The restore server.
    #[serde(default)]
    pub restore: RestoreSettings,
    /// What is compared.
    #[serde(default)]
    pub verify: Verify,
    /// Changes of tables that are forbidden between two runs.
    #[serde(default)]
    pub drift: Vec<DriftRule>,
    /// Which verified backups are kept.
    pub retention: Retention,
    /// Directories that belong to the database.
    #[serde(default)]
    pub files: Vec<FilesSettings>,
    /// The off-site repository.
    #[serde(default)]
    pub offsite: Option<OffsiteSettings>,
    /// The report directory and the signing key.
    pub report: ReportSettings,
    /// Commands of the user's own, run after the verdict.
    #[serde(default)]
    pub hooks: Hooks,
    /// The notification channels.
    #[serde(default)]
    pub notify: Notify,
    /// Metrics for Prometheus.
    #[serde(default)]
    pub metrics: Option<Metrics>,
    /// What must never be deleted.
    #[serde(default)]
    pub protected: Protected,
    /// Where the journal and the lock are.
    #[serde(default)]
    pub state: StateSettings,
}

/// What is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// The user's own checks: every `*.sql` in this directory.
    pub checks: Option<PathBuf>,
    /// Differences that are expected.
    pub waivers: Option<PathBuf>,
    /// Sessions for each side.
    pub jobs: Option<u16>,
    /// Check foreign keys even if that calls functions, casts or operators that users of the database have created.
    pub allow_user_functions: bool,
    /// Where rows of live databases are hashed.
    pub digest_on: DigestOn,
    /// Show hashes instead of values.
    pub redact: bool,
    /// Differing rows that are listed for each table.
    pub max_rows: Option<u32>,
}

/// Which verified backups are kept, by the time of their data. After a run whose dump is proven, backups that no rule keeps are
/// removed; the newest one is always kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// This many of the newest.
    pub keep_last: u32,
    /// The newest of each of the last N days that have one.
    pub keep_daily: u32,
    /// As `keep_daily`, by ISO week.
    pub keep_weekly: u32,
    /// As `keep_daily`, by month.
    pub keep_monthly: u32,
    /// As `keep_daily`, by year.
    pub keep_yearly: u32,
    /// All that are at most this much older than the newest one.
    pub keep_within: Option<Span>,
}

/// The report directory and the signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSettings {
    /// One directory per run below this one.
    pub directory: PathBuf,
    /// The private key that signs (see `pgwitness keygen`).
    pub key: PathBuf,
    /// The first line of this file is the passphrase of the key.
    pub passphrase_file: Option<PathBuf>,
    /// The allowed signers for the pages that a run writes; without it, signatures are not checked there.
    #[serde(default)]
    pub allowed_signers: Option<PathBuf>,
    /// Whether a run writes pages (`report.html`, `index.html`) beside the reports.
    #[serde(default = "defaults::yes")]
    pub html: bool,
    /// After a run whose dump is proven, reports of runs that began longer ago are removed; the newest one, the newest sound one and
    /// those of existing backups are always kept. `None`: all are kept.
    pub keep_days: Option<u32>,
    /// Where a run gets a time stamp (RFC 3161) over its report.
    pub timestamp_url: Option<String>,
    /// The certificates (PEM) of that authority.
    pub timestamp_ca_file: Option<PathBuf>,
}

/// Commands of the user's own: program and arguments, no shell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// On the restored copy, only after a sound verdict, for instance to remove personal data. `PGWITNESS_COPY` is the name
    /// of the database, `PGHOST` and its like how to reach it.
    pub after_restore: Vec<String>,
    /// After the backup was moved to `verified/`, for instance to copy it elsewhere. `PGWITNESS_DUMP` is its path,
    /// `PGWITNESS_REPORT` the directory of its signed report, without which a restore elsewhere refuses it.
    pub after_verified: Vec<String>,
    /// Each is stopped after this time.
    pub timeout: Option<Span>,
    /// Names of further environment variables that hooks get, for instance `AWS_PROFILE`. Credentials are not passed by default.
    pub environment: Vec<String>,
}

/// What must never be deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Protected {
    /// `DBInstanceIdentifier`s.
    pub instances: Vec<String>,
    /// Names of databases on the server of `[restore]`.
    pub databases: Vec<String>,
}

/// Where the journal and the lock are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateSettings {
    /// For pgwitness alone.
    pub directory: PathBuf,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self { directory: PathBuf::from("/var/lib/pgwitness") }
    }
}
