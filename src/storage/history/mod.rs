//! The list of reports in a directory: the contents of each, whether its signature is valid, and whether one is missing.
//!
//! Reading changes nothing. Unreadable reports, runs without a report and missing reports that others name are entries too.

mod acknowledge;
mod chain;
mod directories;
mod dumps;
mod find;
mod pruned;
mod read;
mod review;
mod verify;
mod evidence;

use std::path::PathBuf;

use serde::Serialize;

use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::closing_state::ClosingState;
use crate::model::run::{Origin, Step};
use crate::model::status::Status;
use crate::model::verdict::Verdict;

pub use acknowledge::{Acknowledged, acknowledge};
pub use directories::{ReportDirectory, sources};
pub use dumps::{DumpState, check_dump};
pub use evidence::evidence;
pub use find::find;
pub use pruned::{PRUNED, PruneRule, PrunedReport, plan_pruning, prune_reports, pruned};
pub use read::{is_pending, read};
pub use review::{Review, ReviewState};
pub use verify::{ReportCheck, VerifiedExtent, exit_code, verify_all, verify_one};

/// One entry of the report directory: the report of a nightly run or of `compare`, a run without a report, or a report that others
/// name and that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportEntry {
    /// Name of the directory; for a missing run, `missing-` and the first 8 digits of its hash.
    pub id: String,
    /// The directory; empty when the run is missing.
    #[serde(skip)]
    pub path: PathBuf,
    /// As the report says, otherwise from the name of the directory.
    pub started_at: Option<Timestamp>,
    /// What is there.
    pub content: Content,
    /// Whether the signature is valid, and whose it is.
    pub signature: SignatureState,
    /// Whether allowed signers were given.
    pub is_checked: bool,
    /// Its place in the chain of reports.
    pub chain: ChainState,
    /// What came after the report was signed; signed separately, and trusted only where [`ReportEntry::report_problems`] is empty.
    #[serde(rename = "aftermath")]
    pub closing_state: ClosingState,
    /// Problems of its side files, a line each: missing, or another length.
    pub troubles: Vec<String>,
    /// The reviews of administrators, oldest first.
    pub reviews: Vec<Review>,
}

/// The content of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A report that could be read.
    Report(Box<Summary>),
    /// A report that could not be read: why.
    Unreadable(MarkedText),
    /// A directory without a report: the run is still running, or was killed.
    NoReport {
        /// True of the newest, when it is less than a day old.
        may_be_running: bool,
    },
    /// Another report names this one, but it is missing.
    Missing {
        /// SHA-256 of its `report.json`.
        sha256: String,
    },
}

/// Summary of a report. [`ReportEntry::signature`] shows whether it is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// SHA-256 of `report.json`.
    pub sha256: String,
    /// See [`crate::model::report::Report::run_id`].
    pub run_id: String,
    /// See [`crate::model::report::Report::command`].
    pub command: String,
    /// See [`crate::model::report::Report::verdict`].
    pub verdict: Verdict,
    /// See [`crate::model::report::Report::verdict_line`].
    pub verdict_line: String,
    /// See [`crate::model::report::Report::proves_dump`].
    pub is_dump_proven: bool,
    /// See [`crate::model::verdict::DumpVerdict::line`].
    pub dump_line: Option<String>,
    /// Tables compared.
    pub tables: u64,
    /// Tables in the catalog of the expected side.
    pub tables_expected: u64,
    /// Rows read on the expected side.
    #[serde(serialize_with = "crate::base::count::serialize")]
    pub rows: u64,
    /// How many.
    pub findings: u64,
    /// How many.
    pub unchecked: u64,
    /// Waivers that covered something.
    pub waivers: u64,
    /// All bytes of the dump, if there was one.
    pub dump_bytes: Option<u64>,
    /// Its directory below the backup directory's `verified/` or `damaged/`.
    pub backup: Option<String>,
    /// Of the whole run.
    pub duration_ms: u64,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What was dumped, as far as the report says.
    #[serde(skip)]
    pub source: Option<Origin>,
    /// Time of the RDS snapshot, or of the snapshot that was dumped.
    pub data_as_of: Option<Timestamp>,
    /// The steps; empty for a comparison.
    pub steps: Vec<Step>,
    /// See [`crate::model::report::Report::previous_report_sha256`].
    pub previous_report_sha256: Option<String>,
}

/// Result of the signature check of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    /// Valid, by this allowed signer. (Of the report alone: `report verify` hashes the side files.)
    Good(String),
    /// There is none.
    Unsigned,
    /// It does not match the report: why.
    Bad(String),
    /// It matches, but the signer is not allowed: why.
    UnknownSigner(String),
    /// There is one, but no allowed signers were given.
    NotChecked,
}

/// The place of a run in the chain: every report names the previous one by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainState {
    /// The first report: it names no previous one.
    First,
    /// It names this one.
    Linked(String),
    /// The report that it names was removed by `report.keep_days` and is in the list of removed reports.
    PreviousPruned,
    /// The report that it names is missing.
    PreviousMissing,
    /// The report that it names was this one, which has been edited since.
    PreviousEdited(String),
    /// At the wrong place: why. Renamed, copied, exchanged with another, or a second first report.
    Misplaced(String),
    /// There is no readable report.
    Unknown,
}

impl ChainState {
    /// Whether the chain has no gap here.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::First | Self::Linked(_) | Self::PreviousPruned)
    }
}

impl ReportEntry {
    /// The summary of the report, if there is one that could be read.
    pub fn summary(&self) -> Option<&Summary> {
        match &self.content {
            Content::Report(summary) => Some(summary),
            _ => None,
        }
    }

    /// The problems of the report itself, a line each; findings about the database are not included.
    pub fn report_problems(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.content {
            Content::Report(_) | Content::NoReport { may_be_running: true } => {}
            Content::Unreadable(why) => lines.push(format!("cannot be read: {}", why.full())),
            Content::NoReport { may_be_running: false } => lines.push("started, and left no report".into()),
            Content::Missing { sha256 } => {
                lines.push(format!("missing: the next report names it by SHA-256 {sha256}, and it is not here"));
            }
        }
        if matches!(self.content, Content::Report(_) | Content::Unreadable(_)) {
            lines.extend(self.unproven());
        }
        match &self.chain {
            ChainState::First | ChainState::Linked(_) | ChainState::PreviousPruned | ChainState::Unknown => {}
            ChainState::PreviousMissing => lines.push("the report before it is missing, or was edited since".into()),
            ChainState::PreviousEdited(id) => lines.push(format!("the report before it, {id}, was edited since")),
            ChainState::Misplaced(why) => lines.push(format!("not where it belongs: {why}")),
        }
        lines.extend(self.closing_state.report_problems());
        lines.extend(self.troubles.iter().cloned());
        lines
    }

    /// What went wrong after the report was signed, a line each.
    pub fn later_failures(&self) -> Vec<String> {
        self.summary().map_or_else(Vec::new, |summary| self.closing_state.later_failures(summary.verdict.exit_code()))
    }

    /// Whether nothing is known to be wrong with what came after: nothing failed, and the record of it is valid.
    pub fn ended_well(&self) -> bool {
        self.closing_state.report_problems().is_none() && self.later_failures().is_empty()
    }

    /// By the trusted verdict; what came after is not included.
    pub fn is_sound(&self) -> bool {
        self.verdict().is_some_and(|verdict| verdict.is_sound())
    }

    /// Whether its dump counts as verified, by a trusted report.
    pub fn is_dump_proven(&self) -> bool {
        self.verdict().is_some() && self.summary().is_some_and(|summary| summary.is_dump_proven)
    }

    /// A sentence on the dump, where the verdict alone is not enough.
    pub fn dump_line(&self) -> Option<&str> {
        self.verdict()?;
        self.summary()?.dump_line.as_deref()
    }

    /// The status, as far as it is proven: a forged report is not shown as sound.
    pub fn status(&self) -> Status {
        match &self.content {
            Content::Report(_) if self.is_sound() && !self.ended_well() => Status::SoundWithWarnings,
            Content::Report(_) if self.is_sound() && self.is_pending() => Status::SoundSoFar,
            Content::Report(_) => self.verdict().map_or(Status::Unproven, Status::from),
            Content::Unreadable(_) => Status::Unreadable,
            Content::NoReport { may_be_running: true } => Status::Running,
            Content::NoReport { may_be_running: false } => Status::NoReport,
            Content::Missing { .. } => Status::Missing,
        }
    }

    /// The run may still be running, or was killed: its result is not known.
    pub fn is_pending(&self) -> bool {
        self.closing_state.pending().is_some() || matches!(self.content, Content::NoReport { may_be_running: true })
    }

    fn unproven(&self) -> Option<String> {
        match &self.signature {
            SignatureState::Good(_) | SignatureState::NotChecked => None,
            SignatureState::Unsigned => self.is_checked.then(|| "not signed".into()),
            SignatureState::Bad(why) => Some(format!("bad signature: {why}")),
            SignatureState::UnknownSigner(why) => Some(format!("signer not allowed: {why}")),
        }
    }

    /// The verdict; `None` when signatures were checked and this one is no proof: a forged report is not shown as "sound".
    pub fn verdict(&self) -> Option<Verdict> {
        let is_believed = match self.signature {
            SignatureState::Good(_) | SignatureState::NotChecked => true,
            SignatureState::Unsigned => !self.is_checked,
            SignatureState::Bad(_) | SignatureState::UnknownSigner(_) => false,
        };
        self.summary().filter(|_| is_believed).map(|summary| summary.verdict)
    }
}
