//! The stages of a run in order, up to the verdict: source, dump, off-site copy, restored copy, verification.
//!
//! Each stage takes the value of the stage before, so that no stage can be left out.

mod dump;
mod offsite;
mod files;
mod restore;
mod verify;

use crate::aws::Snapshot;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::model::progress::Event;
use crate::model::redaction::Redaction;
use crate::nightly::access;
use crate::nightly::check::{Check, CheckList};
use crate::nightly::cleanup::Cleaner;
use crate::nightly::current_run::CurrentRun;
use crate::nightly::local_checks::local;
use crate::nightly::notification;
use crate::nightly::orphans;
use crate::nightly::preflight::{self, PreflightResults, Ready};
use crate::nightly::report_writer::ReportWriter;
use crate::nightly::source::claim_backups;
use crate::nightly::temporary_instance::Cloud;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::restore_server::ServerOrder;
use crate::storage::journal::{Entry, OpenJournals};

pub use verify::VerifiedRun;

/// Why there is no verification.
#[derive(Debug)]
pub struct Failure {
    /// The cause.
    pub error: Error,
    /// Files of the dump that differ from what pg_dump wrote: damage.
    pub changed_files: Vec<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, changed_files: Vec::new() }
    }
}

impl Failure {
    /// Without values of the database.
    #[must_use]
    pub fn redacted(self, redaction: Redaction) -> Self {
        Self { error: redaction.error(self.error), ..self }
    }
}

/// The database that is dumped.
pub struct DumpSource {
    /// How to connect to it.
    pub conninfo: ConnInfo,
    /// The data is of this time.
    pub data_as_of: Timestamp,
}

/// Runs all stages up to the verdict. `writer` is the directory of the report, or the reason why there is none.
///
/// # Errors
/// Anything that prevents a verdict.
pub async fn work(
    run: &mut CurrentRun<'_>,
    earlier: OpenJournals,
    writer: &Result<ReportWriter>,
) -> Result<VerifiedRun, Failure> {
    run.problems.extend(notification::begin(run.context, &run.run_id).await);
    connect_and_clean_up(run, earlier).await?;
    access::open(run.context, &mut run.steps, &run.run_id).await?;
    let snapshot = match &mut run.cloud {
        Some(cloud) => Some(cloud.find_snapshot(run.context, &mut run.steps).await?),
        None => None,
    };
    let ready = check(run, snapshot.as_ref(), writer).await?;
    let source = open_source(run, snapshot.as_ref(), &ready).await?;
    let job = run.context.job()?;
    let mut dump = dump::dump(run, source, &ready, &job).await?;
    offsite::store(run, &mut dump).await?;
    files::copy(run, job.show).await?;
    let copy = restore::restore(run, dump, &ready, &job).await?;
    Ok(verify::verify(run, copy, ready, &job).await?)
}

/// Without access to AWS, the instances there are still reported, and this machine is cleaned up.
async fn connect_and_clean_up(run: &mut CurrentRun<'_>, earlier: OpenJournals) -> Result<()> {
    let connected = Cloud::connect(run.context, &mut run.steps).await;
    let refused = match connected {
        Ok(cloud) => {
            run.cloud = cloud;
            None
        }
        Err(error) => {
            run.steps.broken_off(&error);
            Some(error)
        }
    };
    clean_up_earlier_runs(run, earlier).await?;
    refused.map_or(Ok(()), Err)
}

/// Performs the cleanup tasks of earlier runs. A failure does not prevent this run, but is reported at its end.
async fn clean_up_earlier_runs(run: &mut CurrentRun<'_>, earlier: OpenJournals) -> Result<()> {
    run.steps.begin("recover")?;
    if earlier.open.is_empty() && earlier.unreadable.is_empty() {
        return run.steps.skipped("no earlier run has left anything");
    }
    if let Some(cloud) = &mut run.cloud {
        // Without the source no proof can hold; the rules report that.
        run.problems.extend(cloud.find_source().await.err());
    }
    let cleaner = Cleaner { context: run.context, cloud: run.cloud.as_ref(), patience: None };
    let cleaned = cleaner.clean_up_earlier_runs(earlier, &run.run_id).await;
    for note in cleaned.notes {
        (run.context.listener)(Event::Warning(&(&note).into()));
        run.steps.note(note);
    }
    cleaned.problems.iter().for_each(|problem| run.steps.note(problem.text()));
    run.problems.extend(cleaned.problems);
    run.steps.done()
}

/// The checks of [`preflight::complete`]; those of AWS were made as steps before.
async fn check(run: &mut CurrentRun<'_>, snapshot: Option<&Snapshot>, writer: &Result<ReportWriter>) -> Result<Ready> {
    run.steps.begin("preflight")?;
    if let Err(error) = writer {
        return Err(error.clone());
    }
    let (context, mut list) = (run.context, CheckList::until_failure(run.context.redaction()?));
    let mut found = PreflightResults { local: local(&mut list, context).await?, ..Default::default() };
    if context.has_own_server() {
        let directory = ServerOrder::directory(&context.config.restore.server_directory, &run.run_id);
        run.steps.journal.append(&Entry::ServerIntended { directory: directory.display().to_string() })?;
    }
    preflight::remote(&mut list, context, &mut found, Some(&run.run_id)).await?;
    if let Some(backups) = &found.backups {
        found.ours = Some(claim_backups(run, backups).await?);
    }
    let engine_version = snapshot.map(|snapshot| snapshot.engine_version.as_str());
    preflight::compatible(&mut list, context, &found, engine_version).await?;
    for Check { name, result, .. } in list.checks {
        run.steps.note(format!("{name}: {}", result?));
    }
    orphans::report(run).await;
    run.steps.done()?;
    found.ready()
}

/// A temporary instance that is built from the snapshot, or the server as it runs.
async fn open_source(run: &mut CurrentRun<'_>, snapshot: Option<&Snapshot>, ready: &Ready) -> Result<DumpSource> {
    let source = match (&run.cloud, snapshot, &ready.source) {
        (Some(cloud), Some(snapshot), _) => {
            let opened = cloud.build(snapshot, run.context, &run.run_id, &mut run.steps).await?;
            run.facts.rds = Some(opened.facts);
            DumpSource { conninfo: opened.conninfo, data_as_of: snapshot.created_at }
        }
        (_, _, Some(conninfo)) => DumpSource { conninfo: conninfo.clone(), data_as_of: (run.context.now)() },
        _ => return Err(Error::new("there is no temporary instance")),
    };
    run.facts.data_as_of = Some(source.data_as_of);
    Ok(source)
}
