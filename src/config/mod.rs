//! `pgwitness.toml`: everything that a night needs to know, as plain data.
//!
//! Never holds a secret: where one is needed, the file, the command or the variable that has it is named.

mod drift;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use drift::DriftRule;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is copied.
    pub source: Source,
    /// How it is dumped, and where to.
    pub dump: Dump,
    /// Where it is restored to be proven.
    pub restore: Restore,
    /// What is compared.
    #[serde(default)]
    pub verify: Verify,
    /// What may not happen to tables from one night to the next.
    #[serde(default)]
    pub drift: Vec<DriftRule>,
    /// Which verified dumps stay.
    pub retention: Retention,
    /// Where reports go and who signs them.
    pub report: Report,
    /// Commands of the user's own, run after the verdict.
    #[serde(default)]
    pub hooks: Hooks,
    /// What must never be deleted.
    #[serde(default)]
    pub protected: Protected,
    /// Where the journal and the lock are.
    #[serde(default)]
    pub state: State,
}

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Source {
    /// An AWS RDS instance, by its newest snapshot.
    Rds(Box<RdsSource>),
    /// Any PostgreSQL server, as it runs.
    Postgres(PostgresSource),
}

/// An RDS instance: never read itself, only an instance built from its snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RdsSource {
    /// `DBInstanceIdentifier` of production.
    pub instance: String,
    /// `DbiResourceId` of production; when given, another instance under the same name is refused.
    pub resource_id: Option<String>,
    /// The database in it.
    pub dbname: String,
    /// For instance `ap-southeast-2`.
    pub region: String,
    /// The only account to work in, 12 digits; when given, other credentials are refused.
    pub account: Option<String>,
    /// A profile of `~/.aws/config`; otherwise the default chain.
    pub profile: Option<String>,
    /// Another address for the API, for stand-ins and proxies.
    pub endpoint_url: Option<String>,
    /// Which snapshots count.
    #[serde(default)]
    pub snapshots: SnapshotKind,
    /// An older newest snapshot is stale.
    #[serde(default = "defaults::max_snapshot_age")]
    pub max_snapshot_age: Span,
    /// The instance that is built from the snapshot.
    pub temporary: Temporary,
}

/// Which RDS snapshots count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotKind {
    /// Those that RDS makes by itself.
    #[default]
    Automated,
    /// Those that somebody made.
    Manual,
    /// Both.
    Any,
}

/// The temporary instance. Every parameter is sent: what is left out, AWS copies from production or chooses by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporary {
    /// Start of its identifier: `PREFIX-YYYYMMDDthhmmssz-8hex`. At most 37 characters.
    #[serde(default = "defaults::prefix")]
    pub prefix: String,
    /// `DBInstanceClass`, in order of preference: the next is tried when capacity is short.
    pub instance_classes: Vec<String>,
    /// `DBSubnetGroupName`.
    pub subnet_group: String,
    /// `VpcSecurityGroupIds`.
    pub security_groups: Vec<String>,
    /// `DBParameterGroupName`.
    pub parameter_group: String,
    /// `PubliclyAccessible`.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// `StorageType`, for instance `gp3`; not sent when left out.
    pub storage_type: Option<String>,
    /// `CACertificateIdentifier`; not sent when left out.
    pub ca_certificate_identifier: Option<String>,
    /// The bundle of certificates that AWS publishes, for sslmode=verify-full.
    pub ca_bundle: PathBuf,
    /// `HOST:PORT` to connect to instead of the endpoint (a tunnel or bastion); the certificate must still be the endpoint's.
    pub connect_via: Option<String>,
    /// From the restore call to the first login.
    #[serde(default = "defaults::restore_timeout")]
    pub restore_timeout: Span,
    /// From the delete call to `DBInstanceNotFound`; later it is a debt.
    #[serde(default = "defaults::delete_timeout")]
    pub delete_timeout: Span,
    /// Between two looks.
    #[serde(default = "defaults::poll_interval")]
    pub poll_interval: Span,
}

/// Any PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSource {
    /// A libpq connection string or URI without a password.
    pub url: String,
    /// The password is the first line of this file (mode 0600), when `.pgpass` is not used.
    pub password_file: Option<PathBuf>,
    /// The password is the first line that this command prints: program and arguments.
    pub password_command: Option<Vec<String>>,
    /// The password is in this variable of the environment.
    pub password_env: Option<String>,
}

/// How a dump is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dump {
    /// Where dumps are kept, marked by `pgwitness init`.
    pub directory: PathBuf,
    /// pg_dump's `--format`.
    #[serde(default)]
    pub format: DumpFormat,
    /// pg_dump's `--jobs`, for the directory format.
    #[serde(default = "defaults::jobs")]
    pub jobs: u16,
    /// pg_dump's `--compress`, for instance `6`, `gzip:6`, `zstd:3` (from PostgreSQL 16) or `0`.
    pub compression: Option<String>,
    /// pg_dump's `--exclude-table-data` patterns: rows that are not kept. Each is shown in the report.
    #[serde(default)]
    pub exclude_table_data: Vec<String>,
    /// pg_dump and pg_restore are stopped when nothing has moved for so long.
    #[serde(default = "defaults::stalled_after")]
    pub stalled_after: Span,
    /// Where PostgreSQL's programs are, when not where they are usually found.
    pub pg_bindir: Option<PathBuf>,
}

/// pg_dump's `--format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DumpFormat {
    /// `-Fd`
    #[default]
    Directory,
    /// `-Fc`
    Custom,
}

/// Where a dump is restored to be proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// A connection string for the server that gets the copy; its dbname is only used to create and drop databases.
    pub url: String,
    /// The password is the first line of this file (mode 0600), when `.pgpass` is not used.
    pub password_file: Option<PathBuf>,
    /// The password is the first line that this command prints: program and arguments.
    pub password_command: Option<Vec<String>>,
    /// The password is in this variable of the environment.
    pub password_env: Option<String>,
    /// Name of the copy.
    #[serde(default = "defaults::copy")]
    pub database: String,
    /// What becomes of the copy.
    #[serde(default)]
    pub copy: CopyFate,
    /// pg_restore's `--jobs`.
    #[serde(default = "defaults::jobs")]
    pub jobs: u16,
    /// pg_restore's `--no-owner`; owners are then not compared, and the report says so.
    #[serde(default)]
    pub no_owner: bool,
    /// pg_restore's `--no-privileges`; privileges are then not compared, and the report says so.
    #[serde(default)]
    pub no_privileges: bool,
    /// pg_restore's `--role`.
    pub role: Option<String>,
    /// Complaints of pg_restore that are known and harmless, each by its object and code.
    #[serde(default)]
    pub accept: Vec<AcceptedError>,
}

/// What becomes of the copy once there is a verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyFate {
    /// Dropped at once.
    #[default]
    Drop,
    /// Kept under `database` until the next night replaces it.
    Replace,
    /// Kept as `DATABASE_<stamp>`, until somebody drops it.
    Keep,
}

/// A complaint of pg_restore that is known and harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedError {
    /// As pg_restore names the entry: type, then name, for instance `EXTENSION plpgsql`, `COMMENT EXTENSION plpgsql`.
    pub object: String,
    /// For instance `42501`.
    pub sqlstate: String,
    /// Why it is harmless.
    pub reason: String,
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
    /// Show hashes instead of values.
    pub redact: bool,
    /// Differing rows that are named for each table.
    pub max_rows: Option<u32>,
}

/// Which verified dumps stay, by the time of the data in them. What none of the rules keeps is removed, after a good night only;
/// the newest verified dump always stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// The newest so many.
    pub keep_last: u32,
    /// The newest of each of the last so many days that have one.
    pub keep_daily: u32,
    /// As `keep_daily`, by ISO week.
    pub keep_weekly: u32,
    /// As `keep_daily`, by month.
    pub keep_monthly: u32,
    /// As `keep_daily`, by year.
    pub keep_yearly: u32,
    /// All that are at most so much older than the newest one.
    pub keep_within: Option<Span>,
}

/// Where reports go and who signs them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// One directory a night below this one.
    pub directory: PathBuf,
    /// The private key that signs (see `pgwitness keygen`).
    pub key: PathBuf,
    /// The first line of this file opens the key.
    pub passphrase_file: Option<PathBuf>,
}

/// Commands of the user's own: program and arguments, no shell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// With the copy, only after a sound verdict; for instance to remove personal data from it. `PGWITNESS_COPY` is the name
    /// of the database, `PGHOST` and its like how to reach it.
    pub after_restore: Vec<String>,
    /// With the verified dump in place, for instance to copy it elsewhere. `PGWITNESS_DUMP` is its path.
    pub after_verified: Vec<String>,
    /// Each is stopped after so long.
    pub timeout: Option<Span>,
}

/// What must never be deleted, whatever else is true.
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
#[serde(deny_unknown_fields)]
pub struct State {
    /// For pgwitness alone.
    pub directory: PathBuf,
}

impl Default for State {
    fn default() -> Self {
        Self { directory: PathBuf::from("/var/lib/pgwitness") }
    }
}

/// A length of time as people write it: `90s`, `26h`, `7d`; whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// As the standard library has it.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }
}

mod defaults {
    use super::Span;

    pub fn max_snapshot_age() -> Span {
        Span::seconds(26 * 3600)
    }
    pub fn restore_timeout() -> Span {
        Span::seconds(90 * 60)
    }
    pub fn delete_timeout() -> Span {
        Span::seconds(30 * 60)
    }
    pub fn poll_interval() -> Span {
        Span::seconds(30)
    }
    pub fn stalled_after() -> Span {
        Span::seconds(30 * 60)
    }
    pub fn prefix() -> String {
        "pgwitness".into()
    }
    pub fn copy() -> String {
        "pgwitness_copy".into()
    }
    pub fn jobs() -> u16 {
        2
    }
}
