//! Evidence over a period: what signed reports prove of the backups of each source, and what they do not.
//!
//! Pure: made from the proven runs of report directories by [`PeriodSummary::new`]. It holds no row values: of findings only kind
//! and object, of texts that may hold values the form without them.

mod schedule;
mod measures;
mod source;

use serde::Serialize;

use crate::base::time::Timestamp;
use crate::model::run::{Origin, SourceMatch};
use crate::model::verdict::Verdict;

pub use measures::{Measure, MeasureTrend};
pub use schedule::ExpectedRuns;
pub use source::{BackupGap, PeriodCounts, SourcePeriod, WaiverUse};

/// The stored form's version.
pub const FORMAT: u32 = 1;
/// JSON Schema of the stored form.
pub const SCHEMA: &str = include_str!("period.schema.json");

/// A period of time; the end is not a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SummaryPeriod {
    /// Where it begins.
    pub since: Timestamp,
    /// Where it ends.
    pub until: Timestamp,
}

impl SummaryPeriod {
    /// Whether this time is in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }

    /// Its length.
    pub fn seconds(&self) -> u64 {
        self.until.seconds_since(self.since)
    }
}

/// A run whose report is signed by an allowed signer and stands where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvenRun {
    /// Name of its directory.
    pub id: String,
    /// What was backed up; reports of version 0.1 do not say.
    #[serde(skip)]
    pub source: Option<Origin>,
    /// SHA-256 of `report.json`.
    pub report_sha256: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When its report was done.
    pub finished_at: Timestamp,
    /// The signed verdict.
    pub verdict: Verdict,
    /// Whether the report proves the dump.
    pub is_dump_proven: bool,
    /// Name of the backup.
    pub backup: Option<String>,
    /// Whether the verified backup was in `verified/` at the end of the run. `None`: the record of that time is not proven.
    pub is_on_site: Option<bool>,
    /// Whether it was in the off-site repository at the end of the run. `None`: the record of that time is not proven.
    pub is_off_site: Option<bool>,
    /// What was read back from the off-site repository, in words, where the report says so.
    pub read_back: Option<String>,
    /// Time of the data: of the RDS snapshot, or of the snapshot that was dumped.
    pub data_as_of: Option<Timestamp>,
    /// End of the verification of a proven dump.
    pub verified_at: Option<Timestamp>,
    /// Age of the data at that time, in seconds (RPO).
    pub data_age_s: Option<u64>,
    /// Duration of the restore of a proven dump, in milliseconds (RTO).
    pub restore_ms: Option<u64>,
    /// What was wrong.
    pub findings: Vec<FoundObject>,
    /// Number of things that could not be checked.
    pub unchecked: u64,
    /// Number of problems after the report was signed.
    pub later_problems: u64,
    /// The key of the report.
    pub signer: String,
    /// Who has looked at it.
    pub reviews: Vec<ReviewNote>,
    /// The waivers in force.
    #[serde(skip)]
    pub waivers: Vec<RunWaiver>,
}

impl ProvenRun {
    /// Whether its backup is proven, and was kept here or off site.
    pub fn is_backup_verified(&self) -> bool {
        self.is_dump_proven && (self.is_on_site == Some(true) || self.is_off_site == Some(true))
    }

    /// Whether a person who may has reviewed it.
    pub fn is_reviewed(&self) -> bool {
        self.reviews.iter().any(|review| review.not_counted.is_none())
    }

    /// Whether it needs a review: the verdict is not sound.
    pub fn needs_review(&self) -> bool {
        !self.verdict.is_sound()
    }
}

/// A finding without its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FoundObject {
    /// For instance `row_count`.
    pub kind: String,
    /// For instance `shop.orders`.
    pub object: String,
}

/// A waiver of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunWaiver {
    /// See [`crate::model::finding::Waiver`].
    pub waiver: crate::model::finding::Waiver,
    /// Number of differences that it covered.
    pub covered: u64,
}

/// The review of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewNote {
    /// Who; proven only if it counts.
    pub identity: String,
    /// When, by their clock.
    pub reviewed_at: Option<Timestamp>,
    /// What they say.
    pub note: String,
    /// Why it does not count; `None`: it counts.
    pub not_counted: Option<String>,
}

/// A run that is not proven, or not in every part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotProven {
    /// Name of its directory; for a missing report, `missing-` and the first 8 digits of its hash.
    pub id: String,
    /// As the report or the name of the directory claims.
    pub started_at: Option<Timestamp>,
    /// Why, a line each.
    pub reasons: Vec<String>,
    /// Who has looked at it.
    pub reviews: Vec<ReviewNote>,
}

/// A key that signed reports of the period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SignerKey {
    /// As `ssh-keygen -l` prints it: `SHA256:…`.
    pub fingerprint: String,
    /// As the list of allowed signers has them.
    pub principals: String,
    /// From when on it may sign; `None`: always.
    pub valid_after: Option<Timestamp>,
    /// Until when it may sign; `None`: always.
    pub valid_before: Option<Timestamp>,
    /// Reports of the period.
    pub reports: u64,
}

/// What is in a report directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryEvidence {
    /// The directory.
    pub path: String,
    /// Why it cannot be read or checked.
    pub error: Option<String>,
    /// The proven nightly runs that began before the end of the period, oldest first.
    pub runs: Vec<ProvenRun>,
    /// What is not proven in the period, oldest first.
    pub not_proven: Vec<NotProven>,
    /// The keys of `runs`, of the whole list of allowed signers.
    pub signers: Vec<SignerKey>,
}

/// The answer of a summary: the exit code of `report summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodAnswer {
    /// Every expected run is present, proven and sound, and its backup is verified.
    Complete,
    /// The same, but something failed after a report was signed.
    CompleteWithWarnings,
    /// Something is not proven: a run is missing, has no verdict or no proof, or what is expected is not known.
    NotProven,
    /// A proven report found damage.
    Damaged,
}

impl PeriodAnswer {
    /// As of verdicts: 0, 3, 2, 1.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Damaged => 1,
            Self::NotProven => 2,
            Self::CompleteWithWarnings => 3,
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::CompleteWithWarnings => 1,
            Self::NotProven => 2,
            Self::Damaged => 3,
        }
    }

    fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

/// Evidence over a period; what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeriodSummary {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of pgwitness.
    pub pgwitness: String,
    /// When it was made, by the clock of the machine that made it.
    pub made_at: Timestamp,
    /// The period.
    pub period: SummaryPeriod,
    /// Expected time between two runs, in seconds. `None`: not known.
    pub every_s: Option<u64>,
    /// Over all directories.
    pub answer: PeriodAnswer,
    /// In the order in which they were given.
    pub directories: Vec<DirectoryPeriod>,
}

/// A report directory over a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectoryPeriod {
    /// The directory.
    pub path: String,
    /// Why it cannot be read or checked.
    pub error: Option<String>,
    /// Every source of its proven runs.
    pub sources: Vec<SourcePeriod>,
    /// What is not proven; it counts for no source.
    pub not_proven: Vec<NotProven>,
    /// The keys that signed the proven runs of the period.
    pub signers: Vec<SignerKey>,
}

impl PeriodSummary {
    /// The summary of these directories.
    pub fn new(
        period: SummaryPeriod,
        every_s: Option<u64>,
        evidence: Vec<DirectoryEvidence>,
        made_at: Timestamp,
    ) -> Self {
        let directories: Vec<DirectoryPeriod> =
            evidence.into_iter().map(|directory| DirectoryPeriod::new(directory, period, every_s)).collect();
        let nothing = if directories.is_empty() { PeriodAnswer::NotProven } else { PeriodAnswer::Complete };
        let answer = directories.iter().fold(nothing, |worst, directory| worst.worse(directory.answer()));
        let pgwitness = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, pgwitness, made_at, period, every_s, answer, directories }
    }
}

impl DirectoryPeriod {
    fn new(evidence: DirectoryEvidence, period: SummaryPeriod, every_s: Option<u64>) -> Self {
        let signers = counted(evidence.signers, &evidence.runs, period);
        let sources = by_source(evidence.runs).into_iter().map(|runs| SourcePeriod::new(runs, period, every_s));
        Self {
            path: evidence.path,
            error: evidence.error,
            sources: sources.collect(),
            not_proven: evidence.not_proven,
            signers,
        }
    }

    /// A directory without a proven run proves nothing.
    fn answer(&self) -> PeriodAnswer {
        let is_proven = self.error.is_none() && self.not_proven.is_empty() && !self.sources.is_empty();
        let own = if is_proven { PeriodAnswer::Complete } else { PeriodAnswer::NotProven };
        self.sources.iter().fold(own, |worst, source| worst.worse(source.answer))
    }
}

fn counted(signers: Vec<SignerKey>, runs: &[ProvenRun], period: SummaryPeriod) -> Vec<SignerKey> {
    let of = |key: &SignerKey| {
        let own = runs.iter().filter(|run| run.signer == key.fingerprint && period.has(run.started_at));
        own.count() as u64
    };
    let counted = signers.into_iter().map(|key| SignerKey { reports: of(&key), ..key });
    counted.filter(|key| key.reports > 0).collect()
}

/// The runs of each source, in the order of their first runs. A source that has moved stays one source.
fn by_source(runs: Vec<ProvenRun>) -> Vec<Vec<ProvenRun>> {
    let mut groups: Vec<Vec<ProvenRun>> = Vec::new();
    for run in runs {
        let is_same = |group: &&mut Vec<ProvenRun>| match (group.last().map(|last| &last.source), &run.source) {
            (Some(Some(theirs)), Some(ours)) => theirs.kinship(ours) != SourceMatch::Other,
            (Some(None), None) => true,
            _ => false,
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups
}

#[cfg(test)]
mod tests;
