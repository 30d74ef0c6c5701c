//! The report: what is signed.
//!
//! Built by one pure function from what was compared and how. It never holds a password, and it never says more than its own
//! content bears out: a report that contradicts itself cannot be read.

mod consistency;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::error::{Context, Error, Result};
use crate::base::json;
use crate::base::marked::{MarkedText, SafeTexts};
use crate::base::time::Timestamp;
use crate::model::files::{FilesSnapshot, files_subject};
use crate::model::finding::{AppliedWaiver, Finding, FindingKind, Unchecked};
use crate::model::manifest::{EndpointFacts, Manifest, Observed, Violations};
use crate::model::run::{RunFacts, Step};
use crate::model::verdict::{Coverage, DumpVerdict, Outcome, Scope, TableResult, Verdict};

/// The stored form's version. A change of meaning or of a field is a new version; old ones stay readable.
/// Format 2 added `night`, format 3 added `limit` to findings and unchecked entries, and the
/// verdict on the dump to `night`, format 4 added `safe_texts`, format 5 `files` to `night` and
/// `rechecked` to `scope`; older reports read as ones without.
pub const FORMAT: u32 = 5;
/// The first format in which a text without a mark holds no values.
const MARKED: u32 = 4;
/// JSON Schema of the stored form, for readers other than us.
pub const SCHEMA: &str = include_str!("report.schema.json");

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`FORMAT`], or an older one when it was read.
    pub format: u32,
    /// Random, 32 hexadecimal digits: tells two runs of the same second apart.
    pub run_id: String,
    /// The command that wrote it, for instance `compare`.
    pub command: String,
    /// The answer.
    pub verdict: Verdict,
    /// The answer in one line, with its scope.
    pub verdict_line: String,
    /// What the verdict speaks of.
    pub scope: Scope,
    /// How much was compared.
    pub coverage: Coverage,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be read.
    pub unchecked: Vec<Unchecked>,
    /// What was expected to differ.
    pub waivers: Vec<AppliedWaiver>,
    /// Remarks for the user.
    pub remarks: Vec<MarkedText>,
    /// By printed name.
    pub tables: BTreeMap<String, TableResult>,
    /// By table and constraint as printed.
    pub foreign_keys: BTreeMap<String, Sides>,
    /// The user's own checks, by name.
    pub assertions: BTreeMap<String, Sides>,
    /// Where the two sides were read.
    pub endpoints: Endpoints,
    /// What took part, by the name of the option that said so: `{"schema": ["shop"]}`.
    pub selection: BTreeMap<String, Vec<String>>,
    /// Programs that did the work.
    pub tools: Tools,
    /// When.
    pub times: Times,
    /// Files beside the report, with their hashes.
    pub side_files: Vec<SideFile>,
    /// SHA-256 of the report before this one in the same place, if there is one: shows a missing or edited report.
    pub previous_report_sha256: Option<String>,
    /// The facts of the run; `None` for a comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub night: Option<RunFacts>,
    /// Only in the stored form. In a report of an older format, every text may hold values.
    #[serde(default, skip_serializing_if = "SafeTexts::is_empty")]
    pub safe_texts: SafeTexts,
}

/// Violations on both sides; `None` where a side has no such key or check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sides {
    /// Violations, or why they are not known.
    pub expected: Option<Observed<Violations>>,
    /// Violations, or why they are not known.
    pub actual: Option<Observed<Violations>>,
}

/// Where the two sides were read. No passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// What should be.
    pub expected: EndpointFacts,
    /// What is.
    pub actual: EndpointFacts,
}

/// Programs that did the work, with their versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// Our own version.
    pub pgwitness: String,
    /// Version of `pg_restore`, if a dump was read with it.
    pub pg_restore: Option<String>,
}

/// When, by the clock of the machine that compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// Before anything was read.
    pub started_at: Timestamp,
    /// When the comparison was done.
    pub finished_at: Timestamp,
    /// By a clock that is never set: not always the difference of the two.
    #[serde(with = "crate::base::count")]
    pub duration_ms: u64,
}

/// A file beside the report, with its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideFile {
    /// A name without directories.
    pub name: String,
    /// Its length.
    #[serde(with = "crate::base::count")]
    pub bytes: u64,
    /// SHA-256 of its content, 64 hexadecimal digits in lower case.
    pub sha256: String,
}

/// How a comparison was made: everything that the outcome and the manifests do not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// See [`Report::run_id`].
    pub run_id: String,
    /// See [`Report::command`].
    pub command: String,
    /// See [`Report::selection`].
    pub selection: BTreeMap<String, Vec<String>>,
    /// See [`Report::tools`].
    pub tools: Tools,
    /// See [`Report::times`].
    pub times: Times,
    /// See [`Report::side_files`].
    pub side_files: Vec<SideFile>,
    /// See [`Report::previous_report_sha256`].
    pub previous_report_sha256: Option<String>,
    /// See [`Report::night`].
    pub night: Option<RunFacts>,
}

impl Report {
    /// The report on a comparison of these two manifests.
    pub fn new(outcome: Outcome, expected: &Manifest, actual: &Manifest, run: Run) -> Self {
        Self {
            format: FORMAT,
            run_id: run.run_id,
            command: run.command,
            verdict: outcome.verdict(),
            verdict_line: outcome.verdict_line(),
            scope: outcome.scope,
            coverage: outcome.coverage,
            findings: outcome.findings,
            unchecked: outcome.unchecked,
            waivers: outcome.waivers,
            remarks: outcome.remarks,
            tables: outcome.tables,
            foreign_keys: both_sides(&expected.foreign_keys, &actual.foreign_keys),
            assertions: both_sides(&expected.assertions, &actual.assertions),
            endpoints: Endpoints { expected: expected.endpoint.clone(), actual: actual.endpoint.clone() },
            selection: run.selection,
            tools: run.tools,
            times: run.times,
            side_files: run.side_files,
            previous_report_sha256: run.previous_report_sha256,
            night: run.night,
            safe_texts: SafeTexts::default(),
        }
    }

    /// The bytes that are signed: equal reports are equal bytes. A report that [`Report::from_bytes`] would refuse is an
    /// error here already, before it is signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check().doing(|| "write the report")?;
        let mut stored = self.clone();
        if self.format >= MARKED {
            stored.safe_texts = SafeTexts::of(stored.texts_mut());
        }
        let mut bytes = serde_json::to_vec_pretty(&stored).map_err(|error| Error::from_source(&error))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads what [`Report::to_bytes`] wrote. Verify the signature first: the signer decides the contents.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut report: Self = json::from_slice("report", bytes, 1..=FORMAT)?;
        report.check()?;
        let safe_texts = std::mem::take(&mut report.safe_texts);
        if report.format >= MARKED {
            safe_texts.mark(report.texts_mut());
        }
        Ok(report)
    }

    /// Every text that may hold values besides those that always do.
    fn texts_mut(&mut self) -> impl Iterator<Item = &mut MarkedText> {
        let unnamed = self.findings.iter_mut().filter_map(|finding| finding.rows.as_mut()?.unnamed.as_mut());
        let unchecked = self.unchecked.iter_mut().map(|unchecked| &mut unchecked.reason);
        let sides = self.foreign_keys.values_mut().chain(self.assertions.values_mut());
        let sides = sides.flat_map(|sides| sides.expected.iter_mut().chain(&mut sides.actual));
        let steps = self.night.iter_mut().flat_map(|night| &mut night.steps).flat_map(Step::texts_mut);
        let unseen = sides.filter_map(Observed::reason_mut);
        unnamed.chain(unchecked).chain(&mut self.remarks).chain(unseen).chain(steps)
    }

    /// Whether the dump of this run counts as verified: by its verdict, or by the rule for the dump.
    pub fn proves_dump(&self) -> bool {
        let dump = self.night.as_ref().and_then(|night| night.dump_verdict.as_ref());
        self.verdict.is_sound() || dump.is_some_and(DumpVerdict::is_proven)
    }

    /// The snapshots of directories that this report proves: nothing was found in them but other permissions that are waived, and
    /// nothing is unchecked, also where that is waived.
    pub fn proven_files(&self) -> impl Iterator<Item = (&str, &FilesSnapshot)> {
        let sections = self.night.iter().flat_map(|night| &night.files);
        sections.filter_map(|section| {
            let subject = files_subject(&section.name);
            let is_open =
                self.findings.iter().map(|one| &one.object).chain(self.unchecked.iter().map(|one| &one.object));
            let waived = self.waivers.iter().filter(|applied| applied.waiver.kind != FindingKind::FileMode.id());
            let is_waived = waived
                .flat_map(|applied| &applied.covered)
                .any(|text| text.split(" (").next().unwrap_or(text).trim_end().ends_with(&format!(" {subject}")));
            let is_proven = !is_waived && !is_open.into_iter().any(|object| *object == subject);
            Some((section.name.as_str(), section.snapshot.as_ref().filter(|_| is_proven)?))
        })
    }

    /// The outcome that it was built from.
    pub fn outcome(&self) -> Outcome {
        Outcome {
            tables: self.tables.clone(),
            findings: self.findings.clone(),
            unchecked: self.unchecked.clone(),
            waivers: self.waivers.clone(),
            scope: self.scope.clone(),
            selection: self.selection_options(),
            coverage: self.coverage.clone(),
            remarks: self.remarks.clone(),
        }
    }

    /// What was left out, as [`Outcome::selection`] has it. `selection` also holds options that leave nothing out.
    fn selection_options(&self) -> Vec<String> {
        let options = ["schema", "exclude-schema", "table", "exclude-table", "exclude-table-data"];
        let mut all = Vec::new();
        for option in options {
            all.extend(self.selection.get(option).into_iter().flatten().map(|text| format!("--{option} {text}")));
        }
        all.sort();
        all
    }
}

type CheckResults = BTreeMap<String, Observed<Violations>>;

fn both_sides(expected: &CheckResults, actual: &CheckResults) -> BTreeMap<String, Sides> {
    let sides = |name: &String| Sides { expected: expected.get(name).cloned(), actual: actual.get(name).cloned() };
    expected.keys().chain(actual.keys()).map(|name| (name.clone(), sides(name))).collect()
}

#[cfg(test)]
mod tests;
