//! What can be said after `report`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigArguments, Format, help};

/// `report`
#[derive(Debug, Subcommand)]
#[command(after_help = help::REPORT)]
pub enum ReportCommand {
    /// List the nights, newest first, and what is wrong with any
    List(ListArguments),
    /// Print a report: what is wrong first
    Show(ShowArguments),
    /// Check signatures, side files, the chain of reports, and dumps on disk
    Verify(VerifyArguments),
    /// What has changed in the database from one night to another
    Diff(DiffArguments),
    /// Sign that you have looked at a report
    Acknowledge(AcknowledgeArguments),
    /// Write pages for a browser: one for each report and one over all nights, each a single file
    Html(HtmlArguments),
    /// Print the JSON schema of report.json
    #[command(after_help = help::REPORT_SCHEMA)]
    Schema,
}

/// `report html`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_HTML)]
pub struct HtmlArguments {
    /// A report [default: all of them, with index.html over them]
    pub report: Option<String>,
    /// Where the reports are.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Write the page to this file; without a report, the pages into this directory
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
    #[arg(value_name = "DIR", hide = true, conflicts_with = "directory")]
    pub reports: Option<PathBuf>,
    /// Where the reports are.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Only nights since then: 2026-01-31, or 7d, 36h, 4w before now
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only nights with this verdict; `sound` has those too that are sound, but
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub verdict: Option<VerdictChoice>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Who may sign, in the format of ssh-keygen(1) [default: report.allowed_signers where the reports are the
    /// configured ones; without any, signatures are not checked]
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// One of the three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerdictChoice {
    /// Nothing was found
    Sound,
    /// Something was found
    Damaged,
    /// No verdict
    Inconclusive,
    /// Nothing was found, and something after that failed, was left behind, or is not known
    SoundBut,
}

/// `report show`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_SHOW)]
pub struct ShowArguments {
    /// Which report
    #[arg(default_value = "latest")]
    pub report: String,
    /// Where the reports are.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Only one part of it
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<PartChoice>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// List every table
    #[arg(long)]
    pub all_tables: bool,
}

/// A part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartChoice {
    /// Findings, and what could not be checked
    Findings,
    /// Every table
    Tables,
    /// What the night was
    Steps,
    /// What was expected to differ
    Waivers,
}

/// Where reports are.
#[derive(Debug, Args)]
pub struct PlaceArguments {
    /// Where the reports are [default: report.directory of the configuration]
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
}

/// Whose signature counts.
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
    /// Also every report before this one, back to the first
    #[arg(long)]
    pub chain: bool,
    /// Exit with 2 when the newest nightly report is older, for instance 26h or 2d: reports that are missing at the end break no chain
    #[arg(long, value_name = "SPAN")]
    pub max_age: Option<crate::config::Span>,
    /// Also every file of the dumps, by its SHA-256 in the report
    #[arg(long)]
    pub files: bool,
    /// Where the dumps are, in verified/ and damaged/ [default: dump.directory of the configuration]
    #[arg(long, value_name = "DIR", requires = "files")]
    pub backups: Option<PathBuf>,
    /// Who signs.
    #[command(flatten)]
    pub trust: TrustArguments,
}

/// `report diff`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_DIFF)]
pub struct DiffArguments {
    /// The night before: a path, an id, the beginning of one, `previous` or `latest`
    pub before: String,
    /// The night after
    pub after: String,
    /// Where the reports are.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Which side of each night: what the source was, or what was restored from its dump
    #[arg(long, value_enum, default_value_t = SideChoice::Expected)]
    pub side: SideChoice,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Who may sign: both reports must be good then. Without it, only the hashes in the reports are checked
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SideChoice {
    /// What should be: the source
    Expected,
    /// What is: the copy
    Actual,
}

/// `report acknowledge`
#[derive(Debug, Args)]
#[command(after_help = help::REPORT_ACKNOWLEDGE)]
pub struct AcknowledgeArguments {
    /// Which report
    pub report: String,
    /// What you have to say of it
    #[arg(long, value_name = "TEXT")]
    pub note: String,
    /// Your own private key (Ed25519, mode 0600)
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The passphrase of the key is the first line of this file
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Who you are, as allowed_signers has you [default: the comment of the key]
    #[arg(long, value_name = "PRINCIPAL")]
    pub identity: Option<String>,
    /// Where the reports are.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Refuse to sign unless the report is good by this list of who may sign
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}
