//! The options of `manifest` and `manifest merge`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ChecksArguments, ReadingArguments, SelectionArguments, help};
use crate::config::Span;
use crate::model::part::PartNumber;

/// `manifest`
#[derive(Debug, Args)]
#[command(after_help = help::MANIFEST, subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct ManifestArguments {
    /// Instead of reading an endpoint.
    #[command(subcommand)]
    pub command: Option<ManifestCommand>,
    /// The endpoint to read
    #[arg(required = true)]
    pub endpoint: Option<String>,
    /// File to write; must not exist
    #[arg(required_unless_present = "export_snapshot")]
    pub file: Option<PathBuf>,
    /// Snapshots and parts.
    #[command(flatten)]
    pub parts: PartArguments,
    /// The selection.
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// How to read the endpoint.
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// The user's own checks.
    #[command(flatten)]
    pub checks: ChecksArguments,
    /// Save hashes instead of values of rows
    #[arg(long)]
    pub redact: bool,
}

/// Snapshots and parts of `manifest`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading one database with several processes")]
pub struct PartArguments {
    /// Export a snapshot, print its identifier, and hold it until SIGINT or SIGTERM, or until standard input ends if it is a pipe
    #[arg(long, conflicts_with_all = ["file", "snapshot", "part"])]
    pub export_snapshot: bool,
    /// Hold the exported snapshot no longer than this: 90m, 6h. While it is held, VACUUM removes no later rows
    #[arg(long, value_name = "SPAN", requires = "export_snapshot", default_value = "24h")]
    pub hold_for: Span,
    /// Read in this snapshot, which --export-snapshot, pg_dump or another session has exported and still holds
    #[arg(long, value_name = "ID")]
    pub snapshot: Option<String>,
    /// Read only part I of N, for manifest merge. All parts need the same snapshot, selection and options
    #[arg(long, value_name = "I/N", requires = "snapshot")]
    pub part: Option<PartNumber>,
}

/// The commands of `manifest`.
#[derive(Debug, Subcommand)]
pub enum ManifestCommand {
    /// Put all parts together: the file is byte for byte the one that a single process would have written
    Merge(MergeArguments),
}

/// `manifest merge`
#[derive(Debug, Args)]
#[command(after_help = help::MERGE)]
pub struct MergeArguments {
    /// All parts, in any order
    #[arg(required = true, value_name = "PART")]
    pub parts: Vec<PathBuf>,
    /// File to write; must not exist
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}
