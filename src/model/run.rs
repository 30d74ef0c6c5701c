//! The facts of a run: the part of a report that `nightly` and `restore` add.
//!
//! Plain data, whole numbers and strings; never a password.

mod origin;

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::model::finding::{Limit, Unchecked};
use crate::model::verdict::DumpVerdict;

pub use origin::{Kinship, Origin};

/// One run, from the lock to the signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// `rds` or `postgres`.
    pub source_kind: String,
    /// The source itself; reports of version 0.1 do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// The data is of this time: the snapshot's, or of the moment that was dumped.
    pub data_as_of: Option<Timestamp>,
    /// What was done, in order, up to the signing of this report.
    pub steps: Vec<Step>,
    /// Where the data came from on AWS.
    pub rds: Option<RdsFacts>,
    /// The dump.
    pub dump: Option<DumpFacts>,
    /// The restored copy: its database, and what pg_restore complained of.
    pub restore: Option<RestoreFacts>,
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
    pub notes: Vec<String>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It did what it was to do.
    Done,
    /// It did not: why, in one line.
    Failed(String),
    /// There was no need.
    Skipped(String),
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
    /// The message of the server.
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
            "" => String::new(),
            // Not twice.
            code if self.message.contains(code) => String::new(),
            code => format!(" ({code})"),
        };
        self.accepted.is_none().then(|| Unchecked {
            object: if self.object.is_empty() { "pg_restore".into() } else { self.object.clone() },
            side: "actual".into(),
            reason: format!("pg_restore complained: {}{code}", self.message),
            limit: self.limit,
        })
    }
}

/// Beside the report: what came after it was signed.
pub const CLOSING: &str = "closing.json";

/// What came after the report was signed; signed as well. A later one takes the place of an earlier one of the same run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// 1.
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
    pub troubles: Vec<String>,
    /// What is left to be cleaned up by the next run.
    pub debts: Vec<String>,
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
