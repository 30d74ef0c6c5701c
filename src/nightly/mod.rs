//! The nightly run: snapshot, temporary instance, dump, restore, verify, sign, clean up.
//!
//! A run is unattended: a sound verdict needs proof, every paid instance that remains is reported, and an old backup is removed
//! only after a new one is verified. Every run ends in `finish`, also after an error or a signal.

pub mod dumping;
pub mod restoring;
mod check;
mod directories;
mod events;
mod context;
mod target_server;
mod compatibility;
mod restore_into;
mod hooks;
mod copy_disposition;
mod sequences;
mod left_out;
mod restore_role;
mod steps;
mod access;
mod temporary_instance;
mod files;
mod offsite;
mod cleanup;
mod refused_objects;
mod missing_rights;
mod sweep;
mod three_way;
pub mod disaster_restore;
mod baseline;
mod report_writer;
mod timestamp;
mod notification;
mod current_run;
mod orphans;
mod source;
mod offsite_checks;
mod files_checks;
mod local_checks;
mod preflight;
mod pruning;
mod plan;
mod stages;
mod verified_dump;
mod verified_files;
mod finish;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

pub use check::{Check, CheckList, CheckStage};
pub use context::RunContext;
pub use directories::{shared_reports, shared_state};
pub use local_checks::after_verdict;
pub use plan::{Plan, plan};
pub use preflight::complete;
pub use sweep::{SweepOptions, Swept, sweep};

use crate::base::error::{Error, Result};
use crate::endpoint::compare_endpoints::Comparison;
use crate::model::progress::Event;
use crate::model::verdict::DumpVerdict;
use crate::storage::journal::{Journal, Lock, OpenJournals, RunInfo};
use crate::storage::reports;
use cleanup::earlier;
use current_run::CurrentRun;
use finish::finish;
use notification::{EarlyEnd, PATIENCE_WHEN_STOPPED, end_early};
use report_writer::ReportWriter;
use stages::work;
use steps::Steps;

/// The result of a run.
pub struct RunOutcome {
    /// Exit code of the process.
    pub exit_code: u8,
    /// `report.json`, when one was written.
    pub report: Option<PathBuf>,
    /// The comparison, if one was made.
    pub comparison: Option<Comparison>,
    /// Whether the dump is proven, if it was verified.
    pub dump_verdict: Option<DumpVerdict>,
    /// Why there is no verdict.
    pub error: Option<Error>,
    /// Other problems: each is reported, none changes the verdict.
    pub problems: Vec<Error>,
}

/// One run. `stop` resolves to a signal when the process is asked to end, and can be called more than once: the first signal
/// stops the run and starts the cleanup, the second one leaves the cleanup to the next run.
///
/// # Errors
/// Only before the run begins: another run holds the lock, or the journal cannot be written. Later errors are in the result.
pub async fn run<S: Future<Output = i32>>(context: &RunContext<'_>, stop: impl Fn() -> S) -> Result<RunOutcome> {
    let run_id = reports::random_run_id()?;
    let started_at = reports::start_time(&context.config.report.directory, context.now);
    let holder = RunInfo { run_id, command: "nightly".into(), pid: context.pid, at: started_at };
    let lock = match Lock::acquire(context.state(), &holder) {
        Ok(lock) => lock,
        Err(error) => return Err(not_begun(context, &holder, error, true, stop()).await),
    };
    let (earlier, journal) = match prepare(context, &holder) {
        Ok(prepared) => prepared,
        Err(error) => return Err(not_begun(context, &holder, error, false, stop()).await),
    };
    let writer = ReportWriter::prepare(context, &holder.run_id, started_at).await;
    let redaction = context.redaction()?;
    let steps = Steps::new(journal, context.now, redaction.listener(context.listener.clone()), redaction);
    let (stopping, stopped) = watch::channel(None);
    let mut current = CurrentRun::new(context, &holder, steps, stopped);
    // The signal is polled first, so that it is handled from the start.
    let result = tokio::select! {
        biased;
        signal = stop() => Err(Error::interrupted(signal).into()),
        result = work(&mut current, earlier, &writer) => result,
        () = tokio::time::sleep(LONGEST_RUN) => Err(too_long().into()),
    };
    let result = result.map_err(|failure| failure.redacted(redaction));
    let was_stopped = result.as_ref().is_err_and(|failure| failure.error.signal().is_some());
    let outcome = tokio::select! {
        biased;
        signal = second_signal(&stop, was_stopped, &stopping) => abandoned(context, &holder, signal).await,
        outcome = finish(current, writer, result) => outcome,
    };
    drop(lock);
    Ok(with_open_tasks(context, outcome))
}

fn prepare(context: &RunContext<'_>, holder: &RunInfo) -> Result<(OpenJournals, Journal)> {
    let earlier = earlier(context)?;
    Ok((earlier, Journal::create(context.state(), holder)?))
}

/// The run did not start; send the notifications. Errors of the channels are warnings.
async fn not_begun(
    context: &RunContext<'_>,
    holder: &RunInfo,
    error: Error,
    is_busy: bool,
    stop: impl Future<Output = i32>,
) -> Error {
    let error = redacted(context, error);
    let end = if is_busy { EarlyEnd::Busy(&error) } else { EarlyEnd::NotBegun(&error) };
    let failed = tokio::select! {
        failed = end_early(context, holder, end) => failed,
        _ = stop => Vec::new(),
    };
    for failure in failed {
        (context.listener)(Event::Warning(&failure.text()));
    }
    error
}

/// Without values, if so configured, or if that is not known.
fn redacted(context: &RunContext<'_>, error: Error) -> Error {
    match context.redaction() {
        Ok(redaction) => redaction.error(error),
        Err(failed) => failed,
    }
}

/// Less than the tag `pgwitness-expires-at` of an instance: after that time, any machine may sweep it.
const LONGEST_RUN: Duration = Duration::from_secs(20 * 3600);

fn too_long() -> Error {
    Error::new(format!("it exceeded the limit of {} hours", LONGEST_RUN.as_secs() / 3600))
}

/// Resolves when the cleanup is to be left to the next run: at the second signal, or some time after a signal that arrived during
/// the cleanup.
async fn second_signal<S: Future<Output = i32>>(
    stop: &impl Fn() -> S,
    was_stopped: bool,
    stopping: &watch::Sender<Option<i32>>,
) -> i32 {
    let first = stop().await;
    if was_stopped {
        return first;
    }
    stopping.send_replace(Some(first));
    tokio::select! {
        second = stop() => second,
        () = tokio::time::sleep(PATIENCE_WHEN_STOPPED) => first,
    }
}

async fn abandoned(context: &RunContext<'_>, holder: &RunInfo, signal: i32) -> RunOutcome {
    let exit_code = u8::try_from(128 + signal).unwrap_or(u8::MAX);
    let error = Error::interrupted(signal).hint("the next run, or sweep, cleans up");
    let failed = end_early(context, holder, EarlyEnd::Abandoned { exit_code }).await;
    let problems = failed.into_iter().map(|error| redacted(context, error)).collect();
    RunOutcome { exit_code, report: None, comparison: None, dump_verdict: None, error: Some(error), problems }
}

/// An interrupted run reports all cleanup tasks, of earlier runs too: there may be no next run.
fn with_open_tasks(context: &RunContext<'_>, mut outcome: RunOutcome) -> RunOutcome {
    if outcome.exit_code <= 128 {
        return outcome;
    }
    match earlier(context) {
        Ok(runs) => {
            let tasks = runs.open.iter().flat_map(|past| past.cleanup_tasks());
            outcome.problems.extend(tasks.map(|task| Error::new(format!("left for the next run: {task}"))));
            outcome.problems.extend(runs.unreadable.into_iter().map(|error| redacted(context, error)));
        }
        Err(error) => outcome.problems.push(redacted(context, error)),
    }
    outcome
}
