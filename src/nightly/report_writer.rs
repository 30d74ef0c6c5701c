//! Writes the report of a run: with a comparison, or with the reason why there is none.

use std::path::PathBuf;

use super::context::RunContext;
use super::files::FilesResult;
use super::three_way::Verification;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::endpoint::compare_endpoints::Comparison;
use crate::model::finding::{Finding, FindingKind, Unchecked};
use crate::model::manifest::Manifest;
use crate::model::report::{Report, Run, Times, Tools};
use crate::model::run::RunFacts;
use crate::model::subject::Subject;
use crate::model::verdict::{Outcome, Scope, Verdict};
use crate::storage::journal::{LastSigned, ReportFile, lost_report};
use crate::storage::reports::{self, KeyFile, NewReport};

/// The directory of the report, created at the start, so that a missing permission or key is an early error.
pub struct ReportWriter {
    folder: NewReport,
    key: KeyFile,
    run_id: String,
    started_at: Timestamp,
    clock: std::time::Instant,
    /// The report that was signed last is missing, with the reason.
    pub lost: Option<Error>,
}

/// A report that is ready to be written.
pub struct PreparedReport {
    folder: NewReport,
    key: KeyFile,
    /// The report.
    pub report: Report,
    /// Its path and hash.
    pub file: ReportFile,
}

/// A signed report on disk.
#[derive(Debug, Clone)]
pub struct Signed {
    /// `report.json`.
    pub path: PathBuf,
    /// Its path and hash, for journal and backup.
    pub file: ReportFile,
    /// The verdict of the report.
    pub verdict: Verdict,
    /// Whether its dump counts as verified.
    pub is_dump_proven: bool,
    /// The key that signed it.
    pub key: KeyFile,
}

impl ReportWriter {
    /// Creates the directory and reads the key.
    ///
    /// # Errors
    /// One of them fails.
    pub async fn prepare(context: &RunContext<'_>, run_id: &str, started_at: Timestamp) -> Result<Self> {
        let key = context.key().await?;
        let hint = format!("pgwitness keygen {}", key.path.display());
        if !key.path.exists() {
            return Err(reports::read_key(&key)
                .err()
                .unwrap_or_else(|| Error::new("the key was missing for a moment"))
                .hint(hint));
        }
        let directory = &context.config.report.directory;
        let folder = NewReport::prepare(directory, Some(&key), started_at, run_id)?;
        let lost = lost_report(context.state(), directory);
        Ok(Self { folder, key, run_id: run_id.to_owned(), started_at, clock: std::time::Instant::now(), lost })
    }

    /// Prepares the report of a verification.
    ///
    /// # Errors
    /// The manifests cannot be written.
    pub fn report(
        self,
        verification: &Verification,
        facts: RunFacts,
        context: &RunContext<'_>,
    ) -> Result<PreparedReport> {
        let mut outcome = verification.comparison.outcome.clone();
        let (expected, actual) = (&verification.comparison.expected, &verification.comparison.actual);
        let mut run = self.run(facts, context, &mut outcome)?;
        run.side_files = self.folder.write_manifests(expected, actual)?;
        run.side_files.push(reports::write_manifest(self.folder.path(), reports::DUMP, &verification.dump)?);
        self.finish(Report::new(outcome, expected, actual, run))
    }

    /// Prepares a report on why there is no comparison, or on a dump that changed on disk, which is damage.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn report_failure(
        self,
        error: &Error,
        changed_files: &[String],
        files: &FilesResult,
        facts: RunFacts,
        context: &RunContext<'_>,
    ) -> Result<PreparedReport> {
        let mut outcome = Outcome { scope: Scope::default(), ..Default::default() };
        outcome.unchecked.push(Unchecked::new("the run", "both", error.text()));
        outcome.findings.extend(changed_files.iter().map(|change| {
            let mut finding = Finding::new(FindingKind::Changed, Subject::new("dump", change));
            finding.detail.push("the file is not what pg_dump wrote".into());
            finding
        }));
        let waivers = context.job().map(|job| job.request.waivers).unwrap_or_default();
        files.add_to(&mut outcome, &waivers);
        let source = Manifest::not_read(format!("{} source", facts.source_kind));
        let copy = Manifest::not_read("the copy".into());
        let run = self.run(facts, context, &mut outcome)?;
        self.finish(Report::new(outcome, &source, &copy, run))
    }

    fn run(&self, facts: RunFacts, context: &RunContext<'_>, outcome: &mut Outcome) -> Result<Run> {
        let previous = self.folder.previous()?;
        outcome.remarks.extend(previous.unreadable);
        outcome.remarks.extend(self.lost.as_ref().map(Error::text));
        context.redaction()?.outcome(outcome);
        let excluded = context.config.dump.exclude_table_data.clone();
        let selection = [("exclude-table-data".to_owned(), excluded)];
        let duration_ms = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        let pg_restore = facts.restore.as_ref().map(|restore| restore.pg_restore.clone());
        Ok(Run {
            run_id: self.run_id.clone(),
            command: "nightly".into(),
            selection: selection.into_iter().filter(|(_, patterns)| !patterns.is_empty()).collect(),
            tools: Tools { pgwitness: env!("CARGO_PKG_VERSION").into(), pg_restore },
            times: Times { started_at: self.started_at, finished_at: (context.now)(), duration_ms },
            previous_report_sha256: previous.sha256,
            night: Some(facts),
            ..Default::default()
        })
    }

    fn finish(self, report: Report) -> Result<PreparedReport> {
        let path = self.folder.path().join(reports::REPORT);
        let file = ReportFile { path: path.display().to_string(), sha256: reports::sha256(&report.to_bytes()?) };
        Ok(PreparedReport { folder: self.folder, key: self.key, report, file })
    }
}

/// The report of a verification that could not be written: for messages only.
pub fn unsigned(verification: &Verification, facts: RunFacts) -> Report {
    let Comparison { outcome, expected, actual, .. } = &verification.comparison;
    let run = Run { command: "nightly".into(), night: Some(facts), ..Default::default() };
    Report::new(outcome.clone(), expected, actual, run)
}

impl PreparedReport {
    /// Signs and writes. The journal must have the hash before: a report on disk that is not in the journal would leave the dump
    /// without a verdict.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(self) -> Result<Signed> {
        let path = self.folder.finish(&self.report)?;
        let is_dump_proven = self.report.proves_dump();
        Ok(Signed { path, file: self.file, verdict: self.report.verdict, is_dump_proven, key: self.key })
    }
}

impl Signed {
    /// Records the report for the next run, which reports it as missing if it is gone by then.
    ///
    /// # Errors
    /// The record cannot be written.
    pub fn remember(&self, context: &RunContext<'_>, run_id: &str) -> Result<()> {
        let last = LastSigned::of(&self.path, run_id, &self.file.sha256)?;
        last.write(context.state(), &context.config.report.directory)
    }
}
