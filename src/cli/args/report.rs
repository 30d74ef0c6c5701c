//! Arguments of `report`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigArguments, Format, help};

/// `report`
#[derive(Debug, Subcommand)]
#[command(after_help = help::REPORT)]
pub enum ReportCommand {
    /// List the reports, newest first, with their problems
    List(ListArguments),
    /// Print a report, findings first
    Show(ShowArguments),
    /// Check signatures, side files, the chain of reports, and dumps on disk
    Verify(VerifyArguments),
    /// Show what changed in the database between two runs
    Diff(DiffArguments),
    /// Sign that you have reviewed a report
    Acknowledge(AcknowledgeArguments),
    /// Write HTML pages: one for each report and an index, each a single file
    Html(HtmlArguments),
    /// Sum up a period for an auditor: runs, verified backups, age of the data, time to restore, findings and reviews
    Summary(SummaryArguments),
    /// Print the JSON schema of report.json, or of a summary
    Schema(SchemaArguments),
}

/// `report schema`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_SCHEMA)]
pub struct SchemaArguments {
    /// Of which file
    #[arg(value_enum, default_value_t = SchemaChoice::Report)]
    pub of: SchemaChoice,
}

/// A schema to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaChoice {
    /// report.json
    Report,
    /// The file that `report summary --output` writes
    Summary,
}

/// `report summary`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_SUMMARY)]
pub struct SummaryArguments {
    /// The same as --directory.
    #[arg(value_name = "DIR", hide = true)]
    pub reports: Vec<PathBuf>,
    /// Where the reports are.
    #[command(flatten)]
    pub places: PlacesArguments,
    /// Beginning of the period: 2026-01-31, or 7d, 36h, 4w before now
    #[arg(long, value_name = "DATE", default_value = "30d")]
    pub since: String,
    /// End of the period, which is not a part of it [default: now]
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// How often a run of each source is expected, for instance 1d. Without it, it is not known whether runs are missing
    #[arg(long, value_name = "SPAN")]
    pub every: Option<crate::config::Span>,
    /// How to print the summary
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write the summary as JSON to this file too
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the summary as an HTML page with pictures to this file too
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Sign the file of --output with this private key (mode 0600), or with the key in an ssh-agent of this public one; the
    /// signature is beside it, as FILE.sig
    #[arg(long, value_name = "FILE", requires = "output")]
    pub key: Option<PathBuf>,
    /// File with the passphrase of the key in its first line
    #[arg(long, value_name = "FILE", requires = "key")]
    pub passphrase_file: Option<PathBuf>,
    /// Who may sign, in the format of ssh-keygen(1) [default: report.allowed_signers where the reports are the
    /// configured ones]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// `report html`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_HTML)]
pub struct HtmlArguments {
    /// A report [default: all of them, with index.html over them], or directories of reports
    pub report: Vec<String>,
    /// Where the reports are.
    #[command(flatten)]
    pub places: PlacesArguments,
    /// Write the page to this file; without a report, the pages into this directory. Several directories of reports need it
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Who may sign, in the format of ssh-keygen(1) [default: report.allowed_signers where the reports are the
    /// configured ones; without any, signatures are not checked and the pages say so]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// `report list`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_LIST)]
pub struct ListArguments {
    /// The same as --directory.
    #[arg(value_name = "DIR", hide = true)]
    pub reports: Vec<PathBuf>,
    /// Where the reports are.
    #[command(flatten)]
    pub places: PlacesArguments,
    /// Only runs since then: 2026-01-31, or 7d, 36h, 4w before now
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only runs with this verdict; `sound` includes the runs that are sound with warnings
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub verdict: Option<VerdictChoice>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Who may sign, in the format of ssh-keygen(1) [default: report.allowed_signers where the reports are the
    /// configured ones; without any, signatures are not checked]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// A verdict to select.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerdictChoice {
    /// No finding
    Sound,
    /// At least one finding
    Damaged,
    /// No verdict
    Inconclusive,
    /// No finding, but a later step failed, something was left behind, or the result of a later step is not known
    #[value(alias = "sound-but")]
    SoundWithWarnings,
}

/// `report show`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_SHOW)]
pub struct ShowArguments {
    /// Which report
    #[arg(default_value = "latest")]
    pub report: String,
    /// The directory of reports.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Print only one part
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<PartChoice>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// List every table
    #[arg(long)]
    pub all_tables: bool,
    /// Who may sign, in the format of ssh-keygen(1) [default: report.allowed_signers where the reports are the
    /// configured ones; without any, signatures are not checked]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// A part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartChoice {
    /// Findings, and what could not be checked
    Findings,
    /// Every table
    Tables,
    /// The steps of the run
    Steps,
    /// Waivers
    Waivers,
}

/// The directory of reports.
#[derive(Debug, Args)]
pub struct PlaceArguments {
    /// Where the reports are [default: report.directory of the configuration]
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigArguments,
}

/// One or more directories of reports.
#[derive(Debug, Args)]
pub struct PlacesArguments {
    /// Where the reports are; repeat it to see several sources in one view [default: report.directory of the configuration]
    #[arg(short, long, value_name = "DIR")]
    pub directory: Vec<PathBuf>,
    /// A configuration file; repeat it to see several sources in one view [default, without --directory: $PGWITNESS_CONFIG
    /// or /etc/pgwitness/pgwitness.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
}

/// The allowed signers.
#[derive(Debug, Args)]
pub struct TrustArguments {
    /// Who may sign, in the format of ssh-keygen(1) [default: report.allowed_signers of the configuration]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
    /// Only this signer
    #[arg(long, value_name = "PRINCIPAL")]
    pub identity: Option<String>,
}

/// `report verify`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_VERIFY)]
pub struct VerifyArguments {
    /// A report [default: all of them and the chain between them]
    pub report: Option<String>,
    /// Where the reports are.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Check every earlier report too, back to the first
    #[arg(long)]
    pub chain: bool,
    /// Exit with 2 when the newest nightly report is older, for instance 26h or 2d: a missing report at the end does not break
    /// the chain
    #[arg(long, value_name = "SPAN")]
    pub max_age: Option<crate::config::Span>,
    /// Check every file of the dumps too, by its SHA-256 in the report
    #[arg(long)]
    pub files: bool,
    /// The directory of the dumps, with verified/ and damaged/ [default: dump.directory of the configuration]
    #[arg(long, value_name = "DIR", requires = "files")]
    pub backups: Option<PathBuf>,
    /// Certificates (PEM) of the time stamping authority; may be repeated [default: report.timestamp_ca_file of the
    /// configuration]
    #[arg(long, value_name = "FILE")]
    pub timestamp_ca: Vec<PathBuf>,
    /// Exit with 2 for a report without a time stamp that is proven
    #[arg(long)]
    pub require_timestamp: bool,
    /// The allowed signers.
    #[command(flatten)]
    pub trust: TrustArguments,
}

/// `report diff`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_DIFF)]
pub struct DiffArguments {
    /// The earlier report: a path, an id, a prefix of an id, `previous` or `latest`
    pub before: String,
    /// The later report
    pub after: String,
    /// The directory of reports.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Which side of each run: the source, or what was restored from its dump
    #[arg(long, value_enum, default_value_t = SideChoice::Expected)]
    pub side: SideChoice,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Allowed signers: both signatures must be good. Without it, only the hashes in the reports are checked
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SideChoice {
    /// The expected side: the source
    Expected,
    /// The actual side: the restored copy
    Actual,
}

/// `report acknowledge`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_ACKNOWLEDGE)]
pub struct AcknowledgeArguments {
    /// Which report
    pub report: String,
    /// The text of the note
    #[arg(long, value_name = "TEXT")]
    pub note: String,
    /// Your own private key (mode 0600), or the public half (.pub) of one in an ssh-agent
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// File with the passphrase of the key in its first line
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Your name in allowed_signers [default: the comment of the key]
    #[arg(long, value_name = "PRINCIPAL")]
    pub identity: Option<String>,
    /// The directory of reports.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Refuse to sign unless the report is good by this list of allowed signers
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}
