//! The result of a run that has ended: plain data, from which the outputs make messages and metrics.
//!
//! Holds no password. It may hold values of the database (in findings and server errors): the output that sends it decides
//! whether to include them.

use crate::base::time::Timestamp;
use crate::model::finding::{Finding, Unchecked};
use crate::model::run::{DumpFacts, Step};
use crate::model::verdict::{Coverage, DumpVerdict, Verdict};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Sound, placed and cleaned up: the only good one.
    Clean,
    /// Sound, but something after it failed or was left behind.
    SoundBut,
    /// The copy is not the database.
    Damaged,
    /// Not known: some questions were not answered, or no comparison was made.
    Inconclusive,
    /// Stopped by the user or the system.
    Interrupted,
}

impl Ending {
    /// By the exit code of the process.
    pub fn of(exit_code: u8) -> Self {
        match exit_code {
            0 => Self::Clean,
            1 => Self::Damaged,
            3 => Self::SoundBut,
            129.. => Self::Interrupted,
            _ => Self::Inconclusive,
        }
    }
}

/// A dump that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Of the backup.
    pub backup: String,
    /// The data is of this time.
    pub data_as_of: Timestamp,
    /// When it was proven.
    pub verified_at: Timestamp,
    /// Of all its files.
    pub dump_bytes: u64,
}

/// A report on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRef {
    /// `report.json`.
    pub path: String,
    /// Of that file.
    pub sha256: String,
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// The machine that we run on.
    pub host: String,
    /// What is copied, for instance `RDS instance club-production, database club`. No password.
    pub source: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// Now.
    pub finished_at: Timestamp,
    /// Of the process, as far as it is known when this is sent.
    pub exit_code: u8,
    /// `None`: it never came to a signed report.
    pub verdict: Option<Verdict>,
    /// See [`crate::model::verdict::Outcome::verdict_line`].
    pub verdict_line: Option<String>,
    /// Whether the dump of this run is verified, if the run got so far.
    pub dump_verdict: Option<DumpVerdict>,
    /// Of the snapshot, or of the moment that was dumped.
    pub data_as_of: Option<Timestamp>,
    /// What was compared.
    pub coverage: Option<Coverage>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
    /// Waivers that covered something.
    pub waivers: usize,
    /// Why there is no verdict, in one line.
    pub error: Option<String>,
    /// What went wrong besides, in one line each.
    pub troubles: Vec<String>,
    /// What is left to be cleaned up by the next run.
    pub debts: Vec<String>,
    /// Of those, temporary instances: they cost money for as long as they are there.
    pub instances_left: usize,
    /// What was done, up to here.
    pub steps: Vec<Step>,
    /// The dump of this run.
    pub dump: Option<DumpFacts>,
    /// The report of this run.
    pub report: Option<ReportRef>,
    /// The newest verified dump, of this run or an older one. `None`: there is none, or its record cannot be read.
    pub last_verified: Option<Proven>,
}

impl RunSummary {
    /// The dump is proven although the verdict is not sound, and there is a signed report that says so.
    pub fn is_dump_proven(&self) -> bool {
        let is_signed = self.report.is_some() && self.verdict.is_some_and(|verdict| !verdict.is_sound());
        is_signed && self.dump_verdict.as_ref().is_some_and(DumpVerdict::is_proven)
    }

    /// How it ended.
    pub fn ending(&self) -> Ending {
        Ending::of(self.exit_code)
    }
}
