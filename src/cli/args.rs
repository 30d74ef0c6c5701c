//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod help;
mod report;

pub use report::{
    AcknowledgeArguments, DiffArguments, HtmlArguments, ListArguments, PartChoice, PlaceArguments, ReportCommand,
    ShowArguments, SideChoice, TrustArguments, VerdictChoice, VerifyArguments,
};

/// Proves that a copy of a PostgreSQL database equals its source, and signs the result.
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
    /// Back up a database off its system, restore the backup, compare, sign: what cron runs
    Nightly(NightlyArguments),
    /// Restore the newest verified backup into a new database, and prove that it is what was signed
    Restore(RestoreArguments),
    /// Clean up what an interrupted night has left behind
    Sweep(SweepArguments),
    /// Make the directories of the configuration, and mark the backup directory for its source
    Init(InitArguments),
    /// Look at the backups that are kept
    #[command(subcommand)]
    Backups(BackupsCommand),
    /// Save what one endpoint holds, to compare with later
    Manifest(Box<ManifestArguments>),
    /// See all of it work on a throw-away PostgreSQL
    Demo(DemoArguments),
    /// Look at reports: list, show, verify, compare, acknowledge
    #[command(subcommand)]
    Report(ReportCommand),
    /// Make a key that signs reports
    Keygen(KeygenArguments),
    /// Print a SQL statement that computes a table's digest on the server
    DigestSql(DigestSqlArguments),
    /// Look at the configuration of the night, check it, or print an example of one
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
}

/// `compare`
#[derive(Debug, Args)]
#[command(after_help = help::COMPARE)]
pub struct CompareArguments {
    /// What it should be
    pub expected: String,
    /// What it is
    pub actual: String,
    /// Make a missing aspect inconclusive: rows, sequences, large-objects, schema, foreign-keys, assertions
    #[arg(long, value_name = "ASPECT", value_delimiter = ',')]
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
    /// Differences that are expected: TOML, each [[waiver]] with kind, object and reason
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// Differing rows that are named for each table; the comparison itself has no limit
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub max_rows: usize,
    /// Show hashes instead of values
    #[arg(long)]
    pub redact: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// List every table, also when there are many equal ones
    #[arg(long)]
    pub all_tables: bool,
    /// Write the report and both manifests into a new directory below this one
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// What signs.
    #[command(flatten)]
    pub key: KeyArguments,
    /// What takes part.
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// How it is read.
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
    /// How long nothing may come from a server before the statement is cancelled; foreign keys may take 24 times as long
    #[arg(long, value_name = "SECONDS", default_value_t = crate::endpoint::live::STALLED_AFTER_S, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub stalled_after: u32,
    /// Check foreign keys even where that calls functions, casts or operators that users of the database have made: they run
    /// with the rights of the reading role
    #[arg(long)]
    pub allow_user_functions: bool,
    /// Where pg_restore is, when not where it is usually found
    #[arg(long, value_name = "DIR", env = "PGWITNESS_PG_BINDIR")]
    pub pg_bindir: Option<PathBuf>,
    /// No progress, only the result
    #[arg(short, long)]
    pub quiet: bool,
}

/// The user's own checks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Assertions")]
pub struct ChecksArguments {
    /// Run every *.sql in this directory on both sides: one query each, no row means that it holds
    #[arg(long, value_name = "DIR")]
    pub checks: Option<PathBuf>,
    /// How long one assertion may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub checks_timeout: u32,
}

/// What signs.
#[derive(Debug, Args)]
pub struct KeyArguments {
    /// Sign the report with this private key (Ed25519, mode 0600; see keygen)
    #[arg(long, value_name = "FILE", requires = "report")]
    pub key: Option<PathBuf>,
    /// The passphrase of the key is the first line of this file
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

/// `manifest`
#[derive(Debug, Args)]
#[command(after_help = help::MANIFEST)]
pub struct ManifestArguments {
    /// What to read
    pub endpoint: String,
    /// Where to write it; must not exist
    pub file: PathBuf,
    /// What takes part.
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// How it is read.
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// The user's own checks.
    #[command(flatten)]
    pub checks: ChecksArguments,
    /// Save hashes instead of values of rows
    #[arg(long)]
    pub redact: bool,
}

/// `demo`
#[derive(Debug, Args)]
#[command(after_help = help::DEMO)]
pub struct DemoArguments {
    /// Where PostgreSQL's programs are, when not where they are usually found
    #[arg(long, value_name = "DIR", env = "PGWITNESS_PG_BINDIR")]
    pub pg_bindir: Option<PathBuf>,
    /// Install PostgreSQL without asking, if there is none
    #[arg(short, long)]
    pub yes: bool,
}

/// `keygen`
#[derive(Debug, Args)]
#[command(after_help = help::KEYGEN)]
pub struct KeygenArguments {
    /// Where to write the private key; the public key goes beside it as FILE.pub
    pub file: PathBuf,
    /// Who signs, as allowed_signers will name it, for instance backup@db.example.org
    #[arg(long, value_name = "PRINCIPAL", default_value = "pgwitness")]
    pub identity: String,
}

/// `digest-sql`
#[derive(Debug, Args)]
#[command(after_help = help::DIGEST_SQL)]
pub struct DigestSqlArguments {
    /// The table, as schema.name with quotes where needed
    pub table: String,
    /// The database that has it, as a name or a connection string [default: as libpq would, from PG* variables]
    #[arg(short = 'd', long, value_name = "CONNINFO", default_value = "", hide_default_value = true)]
    pub dbname: String,
}

/// Where the configuration is: for every command that needs one.
#[derive(Debug, Clone, Args)]
pub struct ConfigArguments {
    /// The configuration (see config example toml)
    #[arg(short, long, value_name = "FILE", env = "PGWITNESS_CONFIG", default_value = "/etc/pgwitness/pgwitness.toml")]
    pub config: PathBuf,
}

/// `config`
#[derive(Debug, Subcommand)]
#[command(after_help = help::CONFIG)]
pub enum ConfigCommand {
    /// Check everything that a night needs, at no cost; run it as the user of the night
    #[command(after_help = help::CONFIG_CHECK)]
    Check {
        /// Where the configuration is.
        #[command(flatten)]
        file: ConfigArguments,
        /// Only files and programs: ask neither AWS nor a server
        #[arg(long)]
        offline: bool,
    },
    /// Print the configuration in force, defaults included
    #[command(after_help = help::CONFIG_SHOW)]
    Show {
        /// Where the configuration is.
        #[command(flatten)]
        file: ConfigArguments,
        /// How to print it
        #[arg(long, value_enum, default_value_t = ConfigFormat::Toml)]
        format: ConfigFormat,
    },
    /// Print an example to start from
    #[command(after_help = help::CONFIG_EXAMPLE)]
    Example {
        /// What for
        #[arg(value_enum)]
        example: ConfigExample,
        /// Fill the policy in from this configuration
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// `init`
#[derive(Debug, Args)]
#[command(after_help = help::INIT)]
pub struct InitArguments {
    /// Where the configuration is.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// Count the backups that are there as backups of this source: after a failover to another address, pg_upgrade or a rename
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
    /// Where the configuration is.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// This backup directory instead of the configured one; no configuration is needed then
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// How to print it
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
    /// As it would stand in the file
    Toml,
    /// For programs
    Json,
}

/// What an example is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigExample {
    /// pgwitness.toml: every key, with what it means
    Toml,
    /// pgwitness.toml of a club: RDS, a test system filled from the copy, dumps off site
    Club,
    /// pgwitness.service for systemd
    Service,
    /// pgwitness.timer for systemd
    Timer,
    /// A line for cron
    Cron,
    /// Alerting rules for Prometheus, on the figures of [metrics]
    Alerts,
    /// The smallest IAM policy (with --config: filled in)
    Iam,
}

/// `nightly`
#[derive(Debug, Args)]
#[command(after_help = help::NIGHTLY)]
pub struct NightlyArguments {
    /// Where the configuration is.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// This RDS snapshot instead of the newest, however old it is
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
    /// Where the configuration is.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// Which backup, by its id or the start of it [default: the newest verified one]
    #[arg(long, value_name = "ID")]
    pub backup: Option<String>,
    /// The new database, as a connection string; it must not exist yet
    #[arg(long, value_name = "CONNINFO")]
    pub into: String,
    /// The database to connect to while the new one does not exist
    #[arg(long, value_name = "DBNAME", default_value = "postgres")]
    pub maintenance_db: String,
    /// Who may have signed, in the format of ssh-keygen(1) [default: only the configured key]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// No progress, only the result
    #[arg(short, long)]
    pub quiet: bool,
}

/// `sweep`
#[derive(Debug, Args)]
#[command(after_help = help::SWEEP)]
pub struct SweepArguments {
    /// Where the configuration is.
    #[command(flatten)]
    pub file: ConfigArguments,
    /// Change nothing: print what would be cleaned up
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Delete also this instance, which no journal knows: its own tags must say that it is ours and has expired
    #[arg(long, value_name = "DBINSTANCEIDENTIFIER")]
    pub confirm: Vec<String>,
}
