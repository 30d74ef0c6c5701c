//! What can be said after `report`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigArguments, Format};

const REPORT_HELP: &str = "A report is a path (its directory or its report.json) or, in the directory of reports, its id, the beginning of its id, \
                           `latest` or `previous`.";
const LIST_HELP: &str = "Exit codes:
  0  every night that is shown is in order, whatever its verdict; the newest may not be finished, and the last line says so
  2  one is not: missing, edited, exchanged, unreadable, without a report or a closing, or not signed by somebody who may";
const HTML_HELP: &str = "Pages go beside the reports, as report.html and index.html. A file of that name that pgwitness did not write is never overwritten.
A page is not signed: it says how to check the report that it was made from.

Exit codes:
  0  written
  2  a report has no page: it cannot be read, or the page cannot be written";
const VERIFY_HELP: &str = "Exit codes:
  0  proven
  1  a dump on disk is not the one that was signed for
  2  not proven: no signature or a bad one (of report.json or closing.json), a signer who may not, a side file or a dump that is
     not there, a broken chain; or not proven yet: the newest night is less than a day old and has no closing.json, so it is
     still at it, or was killed

What went wrong after a report was signed is in closing.json; it is told, and changes nothing of the code.";
const DIFF_HELP: &str = "Read from what was saved beside the two reports; no database is needed.

Exit codes:
  0  nothing has changed
  1  something has changed
  2  trouble, or something that one of the nights did not see may have changed";

/// `report`
#[derive(Debug, Subcommand)]
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
    Schema,
}

/// `report html`
#[derive(Debug, Args)]
#[command(after_help = HTML_HELP)]
pub struct HtmlArguments {
    /// A report, or a directory of reports: then all of them, with index.html over them
    pub report: Option<String>,
    /// Where the reports are; all of them, when no report is given.
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Write the page to this file; of a directory of reports, the pages into this directory
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Who may sign, in the format of ssh-keygen(1); without it, signatures are not checked and the pages say so
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
}

/// `report list`
#[derive(Debug, Args)]
#[command(after_help = LIST_HELP)]
pub struct ListArguments {
    /// Where the reports are [default: report.directory of the configuration]
    pub directory: Option<PathBuf>,
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Only nights since then: 2026-01-31, or 7d, 36h, 4w before now
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only nights with this verdict; `sound` has those too that are sound, but
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub verdict: Option<VerdictChoice>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Who may sign, in the format of ssh-keygen(1); without it, signatures are not checked
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
#[command(after_help = REPORT_HELP)]
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
    /// What is wrong, and what could not be looked at
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
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
}

/// Whose signature counts.
#[derive(Debug, Args)]
pub struct TrustArguments {
    /// Who may sign, in the format of ssh-keygen(1)
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: PathBuf,
    /// Only this signer
    #[arg(long, value_name = "PRINCIPAL")]
    pub identity: Option<String>,
}

/// `report verify`
#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub struct VerifyArguments {
    /// A report, or a directory of reports: then all of them and the chain between them
    pub report: String,
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
#[command(after_help = DIFF_HELP)]
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
#[command(after_help = REPORT_HELP)]
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
