//! Command line arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Span;
use crate::model::hashing::DigestOn;

mod help;
mod manifest;
mod recheck;
mod report;

pub use manifest::{ManifestArguments, ManifestCommand, MergeArguments, PartArguments};
pub use recheck::RecheckArgument;
pub use report::{
    AcknowledgeArguments, DiffArguments, HtmlArguments, ListArguments, PartChoice, PlaceArguments, PlacesArguments,
    ReportCommand, SchemaArguments, SchemaChoice, ShowArguments, SideChoice, SummaryArguments, TrustArguments,
    VerdictChoice, VerifyArguments,
};

/// Nightly PostgreSQL backups that are restored, compared with their source row by row, and signed.
#[derive(Debug, Parser)]
#[command(name = "pgwitness", version, max_term_width = 100, after_help = help::ROOT)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare two endpoints: live databases, dumps or saved manifests
    Compare(Box<CompareArguments>),
    /// Back up a database to this host, restore the backup, compare, sign: the command for cron or systemd
    Nightly(NightlyArguments),
    /// Restore the newest verified backup into a new database, and check that it equals the signed manifest
    Restore(RestoreArguments),
    /// Clean up what an interrupted run has left behind
    Sweep(SweepArguments),
    /// Create the directories of the configuration, and mark the backup directory for its source
    Init(InitArguments),
    /// List the backups
    #[command(subcommand)]
    Backups(BackupsCommand),
    /// Save the manifest of one endpoint, for a later comparison
    Manifest(Box<ManifestArguments>),
    /// Demonstrate all features on a throw-away PostgreSQL server
    Demo(DemoArguments),
    /// List, show, verify, compare and acknowledge reports
    #[command(subcommand)]
    Report(ReportCommand),
    /// Print one line for a monitoring system: is the newest verified backup young enough?
    Status(StatusArguments),
    /// Create a key that signs reports
    Keygen(KeygenArguments),
    /// Print a SQL statement that computes a table's digest on the server
    DigestSql(DigestSqlArguments),
    /// Check or show the configuration, or print an example
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Test the notification channels
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Print a completion script for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them
    Man(ManArguments),
}

/// `compare`
#[derive(Debug, Args)]
#[command(after_help = help::COMPARE)]
pub struct CompareArguments {
    /// The expected side
    pub expected: String,
    /// The actual side
    pub actual: String,
    /// Inconclusive unless this was compared: rows, sequences, large-objects, schema, foreign-keys, assertions
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub require: Vec<String>,
    /// Do not compare owners
    #[arg(short = 'O', long)]
    pub no_owner: bool,
    /// Do not compare privileges
    #[arg(short = 'x', long, visible_alias = "no-acl")]
    pub no_privileges: bool,
    /// Do not compare comments
    #[arg(long)]
    pub no_comments: bool,
    /// Expected differences: TOML, each `[[waiver]]` with kind, object and reason
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// Differing rows to list for each table; the comparison itself has no limit
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub max_rows: usize,
    /// Show hashes instead of values
    #[arg(long)]
    pub redact: bool,
    /// For an actual side that follows a changing expected side: read rows that differ again in at most N rounds, each of this
    /// length [default length: 10s]
    #[arg(long, value_name = "N[,INTERVAL]")]
    pub recheck: Option<RecheckArgument>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// List every table, even when many are equal
    #[arg(long)]
    pub all_tables: bool,
    /// Write the report and both manifests into a new directory below this one
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// The signing key.
    #[command(flatten)]
    pub key: KeyArguments,
    /// The selection.
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// How to read the endpoints.
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// The user's own checks.
    #[command(flatten)]
    pub checks: ChecksArguments,
}

/// Selection as in pg_dump.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection (patterns as in pg_dump)")]
pub struct SelectionArguments {
    /// Only these schemas
    #[arg(short = 'n', long, value_name = "PATTERN")]
    pub schema: Vec<String>,
    /// Not these schemas
    #[arg(short = 'N', long, value_name = "PATTERN")]
    pub exclude_schema: Vec<String>,
    /// Only these tables
    #[arg(short = 't', long, value_name = "PATTERN")]
    pub table: Vec<String>,
    /// Not these tables
    #[arg(short = 'T', long, value_name = "PATTERN")]
    pub exclude_table: Vec<String>,
    /// Not the rows of these tables
    #[arg(long, value_name = "PATTERN")]
    pub exclude_table_data: Vec<String>,
}

/// How endpoints are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
pub struct ReadingArguments {
    /// Sessions (or pg_restore processes) for each side [default: one for each processor, at most 8, shared by the two sides]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// How long to wait for a table that another session has locked
    // To PostgreSQL, 0 is for ever.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub lock_timeout: u32,
    /// Cancel a statement when the server sends nothing for this long; foreign key checks and digests on the server may take 24
    /// times as long
    #[arg(long, value_name = "SECONDS", default_value_t = crate::endpoint::live::STALLED_AFTER_S, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub stalled_after: u32,
    /// Check foreign keys even where the check calls functions, casts or operators that database users created: they run with the
    /// rights of the reading role
    #[arg(long)]
    pub allow_user_functions: bool,
    /// Where the rows of live databases are hashed; the digests are the same
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = DigestChoice::Client)]
    pub digest_on: DigestChoice,
    /// Directory of pg_restore, if not in the usual place
    #[arg(long, value_name = "DIR", env = "PGWITNESS_PG_BINDIR")]
    pub pg_bindir: Option<PathBuf>,
    /// No progress, only the result
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where rows are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DigestChoice {
    /// Here: every row passes the line
    Client,
    /// By SQL on the server: only counts and sums pass the line, unless tables differ
    Server,
    /// Measure both on the largest table, for each side
    Auto,
}

impl From<DigestChoice> for DigestOn {
    fn from(choice: DigestChoice) -> Self {
        match choice {
            DigestChoice::Client => Self::Client,
            DigestChoice::Server => Self::Server,
            DigestChoice::Auto => Self::Auto,
        }
    }
}

/// The user's own checks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Assertions")]
pub struct ChecksArguments {
    /// Run every *.sql in this directory on both sides: one query each, which must return no row
    #[arg(long, value_name = "DIR")]
    pub checks: Option<PathBuf>,
    /// Time limit for one assertion
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub checks_timeout: u32,
}

/// The signing key.
#[derive(Debug, Args)]
pub struct KeyArguments {
    /// Sign the report with this private key (mode 0600; see keygen), or with the key in an ssh-agent of this public one
    #[arg(long, value_name = "FILE", requires = "report")]
    pub key: Option<PathBuf>,
    /// File with the passphrase of the key in its first line
    #[arg(long, value_name = "FILE", requires = "key")]
    pub passphrase_file: Option<PathBuf>,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// JSON, for programs
    Json,
}

/// `demo`
#[derive(Debug, Args)]
#[command(after_help = help::DEMO)]
pub struct DemoArguments {
    /// Directory of PostgreSQL's programs, if not in the usual place
    #[arg(long, value_name = "DIR", env = "PGWITNESS_PG_BINDIR")]
    pub pg_bindir: Option<PathBuf>,
    /// Install PostgreSQL without asking, if it is missing
    #[arg(short, long)]
    pub yes: bool,
}

/// `keygen`
#[derive(Debug, Args)]
#[command(after_help = help::KEYGEN)]
pub struct KeygenArguments {
    /// File for the private key; the public key is written to FILE.pub
    pub file: PathBuf,
    /// The signer's name in allowed_signers, for instance backup@db.example.org
    /// [default: pgwitness; with --show the comment of the key]
    #[arg(long, value_name = "PRINCIPAL")]
    pub identity: Option<String>,
    /// Type of the key. The last three are made by ssh-keygen; those with -sk are on a FIDO device, which must be touched
    /// for each signature, so they are for people, not for nightly runs
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t = KeyTypeChoice::Ed25519)]
    pub kind: KeyTypeChoice,
    /// Make nothing: print the line for the key in FILE, which is a private key, or the public half of a key in an ssh-agent
    #[arg(long, conflicts_with = "kind")]
    pub show: bool,
}

/// A type of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyTypeChoice {
    /// Ed25519
    Ed25519,
    /// ECDSA over P-256
    Ecdsa,
    /// RSA with 3072 bits
    Rsa,
    /// Ed25519 on a FIDO device
    Ed25519Sk,
    /// ECDSA on a FIDO device
    EcdsaSk,
}

/// `digest-sql`
#[derive(Debug, Args)]
#[command(after_help = help::DIGEST_SQL)]
pub struct DigestSqlArguments {
    /// The table as schema.name, quoted where needed
    pub table: String,
    /// The database that has it, as a name or a connection string [default: as libpq would, from PG* variables]
    #[arg(short = 'd', long, value_name = "CONNINFO", default_value = "", hide_default_value = true)]
    pub dbname: String,
}

/// `man`
#[derive(Debug, Args)]
#[command(after_help = help::MAN)]
pub struct ManArguments {
    /// The command, in one or two words, or pgwitness.toml [default: the program]
    pub command: Vec<String>,
    /// Write all pages into the directories man1 and man5 below this one
    #[arg(short, long, value_name = "DIR", conflicts_with = "command")]
    pub directory: Option<PathBuf>,
}

/// The path of the configuration file.
#[derive(Debug, Clone, Args)]
pub struct ConfigArguments {
    /// The configuration file (see config example toml)
    #[arg(short, long, value_name = "FILE", env = ConfigArguments::VARIABLE, default_value = ConfigArguments::DEFAULT)]
    pub config: PathBuf,
}

/// `status`
#[derive(Debug, Args)]
#[command(after_help = help::STATUS)]
pub struct StatusArguments {
    /// Where the reports are.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// CRITICAL if the data in the newest verified backup is older: 30h, 2d
    #[arg(long, value_name = "SPAN", default_value = "56h")]
    pub max_age: Span,
    /// The same for the off-site repository [default with `[offsite]` in the configuration: --max-age]
    #[arg(long, value_name = "SPAN")]
    pub offsite_max_age: Option<Span>,
    /// Who may sign.
    #[command(flatten)]
    pub trust: TrustArguments,
}

impl ConfigArguments {
    /// Environment variable with the path of the configuration file.
    pub const VARIABLE: &'static str = "PGWITNESS_CONFIG";
    /// Where it is without option and variable.
    pub const DEFAULT: &'static str = "/etc/pgwitness/pgwitness.toml";
}

/// `config`
#[derive(Debug, Subcommand)]
#[command(after_help = help::CONFIG)]
pub enum ConfigCommand {
    /// Check everything that a nightly run needs, at no cost; run it as the user of the nightly run
    #[command(after_help = help::CONFIG_CHECK)]
    Check {
        /// The configuration file.
        #[command(flatten)]
        file: ConfigArguments,
        /// Check only files and programs: do not contact AWS or a server
        #[arg(long)]
        offline: bool,
    },
    /// Print the configuration in force, defaults included
    #[command(after_help = help::CONFIG_SHOW)]
    Show {
        /// The configuration file.
        #[command(flatten)]
        file: ConfigArguments,
        /// How to print the result
        #[arg(long, value_enum, default_value_t = ConfigFormat::Toml)]
        format: ConfigFormat,
    },
    /// Print an example to start from
    #[command(after_help = help::CONFIG_EXAMPLE)]
    Example {
        /// Which example
        #[arg(value_enum)]
        example: ConfigExample,
        /// Fill in the policy from this configuration
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// `init`
#[derive(Debug, Args)]
#[command(after_help = help::INIT)]
pub struct InitArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// Accept existing backups as backups of this source: after a failover to another address, pg_upgrade or a rename
    #[arg(long)]
    pub adopt: bool,
}

/// `backups`
#[derive(Debug, Subcommand)]
#[command(after_help = help::BACKUPS)]
pub enum BackupsCommand {
    /// List every backup in the directory, newest first, and what else is there
    List(BackupsListArguments),
}

/// `backups list`
#[derive(Debug, Args)]
#[command(after_help = help::BACKUPS)]
pub struct BackupsListArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// Use this backup directory instead of the configured one; needs no configuration
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `notify`
#[derive(Debug, Subcommand)]
#[command(after_help = help::NOTIFY)]
pub enum NotifyCommand {
    /// Send a message that is marked as a test through every configured channel
    #[command(after_help = help::NOTIFY)]
    Test(ConfigArguments),
}

/// How a configuration is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// As in the configuration file
    Toml,
    /// As JSON
    Json,
}

/// Which example to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigExample {
    /// pgwitness.toml with every key and its meaning
    Toml,
    /// pgwitness.toml for RDS: a test system from the restored copy, off-site dumps
    Club,
    /// pgwitness.service for systemd
    Service,
    /// pgwitness.timer for systemd
    Timer,
    /// A crontab line
    Cron,
    /// Alerting rules for Prometheus, for the metrics of `[metrics]`
    Alerts,
    /// The smallest IAM policy (with --config: filled in)
    Iam,
    /// A script that sets up a host with Debian 12 or 13: packages, user, key, configuration, timer, checks
    Setup,
    /// The same for Amazon Linux 2023
    SetupAmazonLinux,
    /// A script for the AWS side of a source on RDS: subnet, security and parameter group, IAM user, access key
    Aws,
    /// A CronJob for Kubernetes, with its ConfigMap, secrets and volumes
    Kubernetes,
    /// An Indexed Job for Kubernetes that reads the manifest of a very large database in parts
    KubernetesParts,
    /// A script that does the same with an array job of AWS Batch
    Batch,
}

/// `nightly`
#[derive(Debug, Args)]
#[command(after_help = help::NIGHTLY)]
pub struct NightlyArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// Use this RDS snapshot instead of the newest, regardless of its age
    #[arg(long, value_name = "DBSNAPSHOTIDENTIFIER")]
    pub snapshot: Option<String>,
    /// Change nothing: print what would be checked, made and removed
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// No progress, only the result
    #[arg(short, long)]
    pub quiet: bool,
}

/// `restore`
#[derive(Debug, Args)]
#[command(after_help = help::RESTORE)]
pub struct RestoreArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// The backup, by its id or a prefix of it [default: the newest verified one]
    #[arg(long, value_name = "ID")]
    pub backup: Option<String>,
    /// The new database, as a connection string; it must not exist yet
    #[arg(long, value_name = "CONNINFO")]
    pub into: String,
    /// The database to connect to before the new one exists
    #[arg(long, value_name = "DBNAME", default_value = "postgres")]
    pub maintenance_db: String,
    /// Allowed signers, in the format of ssh-keygen(1) [default: only the configured key]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
    /// The off-site repository.
    #[command(flatten)]
    pub offsite: OffsiteArguments,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// No progress, only the result
    #[arg(short, long)]
    pub quiet: bool,
}

/// The off-site repository of `restore`.
#[derive(Debug, Args)]
pub struct OffsiteArguments {
    /// Restore from this restic repository, or from the configured one; a new machine needs no configuration file for it
    #[arg(long, value_name = "REPOSITORY", num_args = 0..=1, default_missing_value = "")]
    pub offsite: Option<String>,
    /// File with the password of the repository in its first line (mode 0600) [default: $RESTIC_PASSWORD_FILE]
    #[arg(long, value_name = "FILE", requires = "offsite")]
    pub offsite_password_file: Option<PathBuf>,
    /// Directory with space for the dump, which is removed at the end
    #[arg(long, value_name = "DIR", requires = "offsite", default_value = "/var/tmp")]
    pub download_to: PathBuf,
}

/// `sweep`
#[derive(Debug, Args)]
#[command(after_help = help::SWEEP)]
pub struct SweepArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// Change nothing: print what would be cleaned up
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Also delete this instance, which is in no journal: its tags must show that pgwitness created it and that it has expired
    #[arg(long, value_name = "DBINSTANCEIDENTIFIER")]
    pub confirm: Vec<String>,
}
