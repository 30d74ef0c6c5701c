//! The record of a run that has ended: its report, what came after, and what its machine knows. Messages and metrics are made
//! from it.
//!
//! Holds no password. It may hold values of the database (in findings and server errors): the output that sends it decides
//! whether to include them.

use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::finding::{Finding, Unchecked};
use crate::model::report::Report;
use crate::model::run::{Closing, DumpFacts, ReportFile, RunFacts, Step};
use crate::model::status::Status;
use crate::model::verdict::{Coverage, DumpVerdict, Verdict};

/// A dump that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Name of the backup.
    pub backup: String,
    /// The data is of this time.
    pub data_as_of: Timestamp,
    /// When it was proven.
    pub verified_at: Timestamp,
    /// Size of all its files.
    pub dump_bytes: u64,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The machine that we run on.
    pub host: String,
    /// What is copied, for instance `RDS instance club-production, database club`. No password.
    pub source: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The report. `None`: the run came to no report. Nothing in it counts as proven unless it is signed.
    pub report: Option<Report>,
    /// The signed report on disk.
    pub signed: Option<ReportFile>,
    /// What came after the report, with the exit code as far as it is known.
    pub closing: Closing,
    /// Why there is no verdict, in one line.
    pub error: Option<MarkedText>,
    /// Cleanup tasks that are temporary instances: they cost money as long as they exist.
    pub instances_left: usize,
    /// The newest proven dump, of this run or an older one. `None`: there is none, or its record cannot be read.
    pub last_verified: Option<Proven>,
    /// The newest proven dump in the off-site repository, and when it was complete there. `None`: there is none, or it is not known.
    pub last_offsite: Option<Proven>,
}

impl RunRecord {
    /// 32 hexadecimal digits.
    pub fn run_id(&self) -> &str {
        &self.closing.run_id
    }

    /// Of the process.
    pub fn exit_code(&self) -> u8 {
        self.closing.exit_code
    }

    /// `None`: there is no signed report.
    pub fn verdict(&self) -> Option<Verdict> {
        self.signed.as_ref()?;
        self.report.as_ref().map(|report| report.verdict)
    }

    /// The report, where it is about a comparison.
    fn comparison(&self) -> Option<&Report> {
        self.report.as_ref().filter(|report| !report.scope.compared.is_empty())
    }

    /// See [`crate::model::verdict::Outcome::verdict_line`]; `None` without a comparison.
    pub fn verdict_line(&self) -> Option<&str> {
        self.comparison().map(|report| report.verdict_line.as_str())
    }

    /// The facts of the run.
    fn facts(&self) -> Option<&RunFacts> {
        self.report.as_ref()?.night.as_ref()
    }

    /// Whether the dump of this run is verified; `None` where nothing was compared.
    pub fn dump_verdict(&self) -> Option<&DumpVerdict> {
        self.facts()?.dump_verdict.as_ref()
    }

    /// Time of the RDS snapshot, or of the snapshot that was dumped.
    pub fn data_as_of(&self) -> Option<Timestamp> {
        self.facts()?.data_as_of
    }

    /// The dump of this run.
    pub fn dump(&self) -> Option<&DumpFacts> {
        self.facts()?.dump.as_ref()
    }

    /// What was compared; `None` without a comparison.
    pub fn coverage(&self) -> Option<&Coverage> {
        self.comparison().map(|report| &report.coverage)
    }

    /// What is wrong.
    pub fn findings(&self) -> &[Finding] {
        self.report.as_ref().map_or(&[], |report| &report.findings)
    }

    /// What could not be checked. Without a comparison, the error of the run says why.
    pub fn unchecked(&self) -> &[Unchecked] {
        self.comparison().map_or(&[], |report| &report.unchecked)
    }

    /// Number of waivers that were applied.
    pub fn waivers(&self) -> usize {
        self.report.as_ref().map_or(0, |report| report.waivers.len())
    }

    /// All steps, those after the report included.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.facts().map_or(&[][..], |facts| &facts.steps).iter().chain(&self.closing.steps)
    }

    /// Whether the dump is proven by a signed report, although the verdict is not sound.
    pub fn is_dump_proven(&self) -> bool {
        let is_unsound = self.verdict().is_some_and(|verdict| !verdict.is_sound());
        is_unsound && self.dump_verdict().is_some_and(DumpVerdict::is_proven)
    }

    /// Where exit code, verdict and the rest disagree, the worse one counts.
    pub fn status(&self) -> Status {
        let verdict = self.verdict();
        let is_sound = verdict.is_some_and(|verdict| verdict.is_sound())
            && self.findings().is_empty()
            && self.report.as_ref().is_some_and(|report| report.unchecked.is_empty());
        if verdict.is_some_and(|verdict| verdict.is_damaged()) || !self.findings().is_empty() {
            return Status::Damaged;
        }
        match Status::of_exit_code(self.exit_code()) {
            Status::Sound if is_sound && self.is_clean() => Status::Sound,
            Status::Sound | Status::SoundWithWarnings if is_sound => Status::SoundWithWarnings,
            status @ (Status::Damaged | Status::Interrupted) => status,
            _ => Status::Inconclusive,
        }
    }

    fn is_clean(&self) -> bool {
        let Closing { troubles, debts, .. } = &self.closing;
        self.error.is_none() && troubles.is_empty() && debts.is_empty() && self.instances_left == 0
    }
}
