//! The facts of a run: the part of a report that `nightly` and `restore` add.
//!
//! Plain data, whole numbers and strings; never a password.

mod origin;

use serde::{Deserialize, Serialize};

use crate::base::error::Result;
use crate::base::json;
use crate::base::marked::{MarkedText, SafeTexts};
use crate::base::time::Timestamp;
use crate::model::files::FilesFacts;
use crate::model::finding::{Limit, Unchecked};
use crate::model::sqlstate::condition;
use crate::model::verdict::DumpVerdict;

pub use origin::{Origin, SourceMatch};

/// One run, from the lock to the signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// `rds` or `postgres`.
    pub source_kind: String,
    /// The source itself; reports of version 0.1 do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// Time of the data: that of the RDS snapshot, or of the snapshot that was dumped.
    pub data_as_of: Option<Timestamp>,
    /// What was done, in order, up to the signing of this report.
    pub steps: Vec<Step>,
    /// Where the data came from on AWS.
    pub rds: Option<RdsFacts>,
    /// The dump.
    pub dump: Option<DumpFacts>,
    /// The restored copy: its database, and what pg_restore complained of.
    pub restore: Option<RestoreFacts>,
    /// The directories that belong to the database. Since format 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FilesFacts>,
    /// Source to dump, dump to copy: where a difference came in.
    pub legs: Vec<Leg>,
    /// Whether the dump is proven, which may be so although the verdict is not sound. Absent where nothing was compared, and
    /// before format 3: then only a sound verdict proves the dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump_verdict: Option<DumpVerdict>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// For instance `dump`.
    pub name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// By a clock that is never set.
    #[serde(with = "crate::base::count")]
    pub duration_ms: u64,
    /// How it ended.
    pub result: StepResult,
    /// Things worth keeping: each change of the instance's status, what was chosen.
    pub notes: Vec<MarkedText>,
}

impl Step {
    /// Its notes, and why it did not do what it was to do.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut MarkedText> {
        let why = match &mut self.result {
            StepResult::Done => None,
            StepResult::Failed(why) | StepResult::Skipped(why) => Some(why),
        };
        why.into_iter().chain(&mut self.notes)
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It did what it was to do.
    Done,
    /// It did not: why, in one line.
    Failed(MarkedText),
    /// There was no need.
    Skipped(MarkedText),
}

/// Where the data came from on AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RdsFacts {
    /// 12 digits.
    pub account: String,
    /// For instance `ap-southeast-2`.
    pub region: String,
    /// `DBInstanceIdentifier` of production.
    pub source_instance: String,
    /// `DbiResourceId` of production.
    pub source_resource_id: String,
    /// `DBSnapshotIdentifier`.
    pub snapshot: String,
    /// `SnapshotCreateTime`.
    pub snapshot_created_at: Option<Timestamp>,
    /// Of the snapshot, for instance `17.4`.
    pub engine_version: String,
    /// `DBInstanceIdentifier` of the temporary instance.
    pub temporary_instance: Option<String>,
    /// `DbiResourceId` of the temporary instance.
    pub temporary_resource_id: Option<String>,
    /// `DBInstanceClass` that could be had.
    pub instance_class: Option<String>,
}

/// The dump.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpFacts {
    /// Its directory below the backup directory's `verified/` or `damaged/`, for instance `20260131T020000Z-1f2e3d4c`.
    pub backup: String,
    /// pg_dump's `--format`.
    pub format: String,
    /// Version of pg_dump.
    pub pg_dump: String,
    /// All its bytes.
    #[serde(with = "crate::base::count")]
    pub bytes: u64,
    /// Every file of it.
    pub files: Vec<DumpFile>,
}

/// One file of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpFile {
    /// Relative to the backup's own directory, `/` between parts.
    pub path: String,
    /// Its length.
    #[serde(with = "crate::base::count")]
    pub bytes: u64,
    /// 64 hexadecimal digits in lower case.
    pub sha256: String,
}

/// The restored copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreFacts {
    /// Name of the database.
    pub database: String,
    /// Version of pg_restore.
    pub pg_restore: String,
    /// What it complained of.
    pub complaints: Vec<Complaint>,
}

/// One complaint of pg_restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complaint {
    /// The entry of the table of contents: its type, then its name.
    pub object: String,
    /// SQLSTATE, derived from the message; empty where the message is not known.
    pub sqlstate: String,
    /// The message of the server, which may hold values.
    pub message: String,
    /// Why it is taken for harmless; `None` when it is not.
    pub accepted: Option<String>,
    /// Why this restore server cannot take it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

impl Complaint {
    /// What is unchecked because of it; `None` when it is accepted.
    pub fn unchecked(&self) -> Option<Unchecked> {
        let code = match self.sqlstate.as_str() {
            // Not twice.
            code if self.message.contains(code) => String::new(),
            code => format!(" ({code})"),
        };
        let safe = match self.sqlstate.as_str() {
            "" => "of the server's error see the report".to_owned(),
            code => condition(code),
        };
        self.accepted.is_none().then(|| Unchecked {
            object: if self.object.is_empty() { "pg_restore".into() } else { self.object.clone().into() },
            side: "actual".into(),
            reason: MarkedText::with_values(
                format!("pg_restore complained: {}{code}", self.message),
                format!("pg_restore complained: {safe}"),
            ),
            limit: self.limit,
        })
    }
}

/// A report on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFile {
    /// Path of `report.json`.
    pub path: String,
    /// Of its bytes, 64 hexadecimal digits.
    pub sha256: String,
}

/// Beside the report: what came after it was signed.
pub const CLOSING: &str = "closing.json";

/// The form of [`Closing`] that is written.
pub const CLOSING_FORMAT: u32 = 4;

/// What came after the report was signed; signed as well. A later one takes the place of an earlier one of the same run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// See [`Closing::needed_format`]; format 1 has no `safe_texts`.
    pub format: u32,
    /// Of the run.
    pub run_id: String,
    /// Of `report.json`.
    pub report_sha256: String,
    /// Of the process.
    pub exit_code: u8,
    /// What was done after the report.
    pub steps: Vec<Step>,
    /// What went wrong, in one line each.
    pub troubles: Vec<MarkedText>,
    /// What is left to be cleaned up by the next run.
    pub debts: Vec<String>,
    /// The newest verified backup in the off-site repository, as this run knew it. Since format 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsite: Option<OffsiteFacts>,
    /// The time stamp over the report. Since format 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampFacts>,
    /// Only in the stored form. In one of format 1, every text may hold values.
    #[serde(default, skip_serializing_if = "SafeTexts::is_empty")]
    pub safe_texts: SafeTexts,
}

impl Closing {
    /// The oldest format that can hold this, so that earlier versions read what they know.
    pub fn needed_format(&self) -> u32 {
        match (&self.timestamp, &self.offsite) {
            (Some(_), _) => CLOSING_FORMAT,
            (None, Some(_)) => 3,
            (None, None) => 2,
        }
    }

    /// The stored form.
    #[must_use]
    pub fn stored(mut self) -> Self {
        self.safe_texts = SafeTexts::of(self.texts_mut());
        self
    }

    /// From the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut closing: Self = json::from_slice("closing", bytes, 1..=CLOSING_FORMAT)?;
        let safe_texts = std::mem::take(&mut closing.safe_texts);
        if closing.format >= 2 {
            safe_texts.mark(closing.texts_mut());
        }
        Ok(closing)
    }

    fn texts_mut(&mut self) -> impl Iterator<Item = &mut MarkedText> {
        self.steps.iter_mut().flat_map(Step::texts_mut).chain(&mut self.troubles)
    }
}

/// A time stamp by RFC 3161 over the report, as the run got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampFacts {
    /// Of `report.json.tsr`.
    pub sha256: String,
    /// The time in it.
    pub at: Timestamp,
    /// Subject of the authority's certificate.
    pub authority: String,
    /// Whether the run has checked its chain of certificates.
    pub is_checked: bool,
}

/// A verified backup in the off-site repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffsiteFacts {
    /// Of the backup.
    pub backup: String,
    /// The data is of this time.
    pub data_as_of: Timestamp,
    /// When it was complete there.
    pub stored_at: Timestamp,
}

/// One stage on the path from the source to the restored copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// `source to dump` or `dump to copy`.
    pub name: String,
    /// Its own verdict in one line.
    pub verdict_line: String,
    /// Every finding of this leg: kind and object.
    pub findings: Vec<String>,
}
