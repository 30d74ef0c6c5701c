//! The nightly run: snapshot, temporary instance, dump, restore, verify, sign, clean up.
//!
//! A run is unattended: a sound verdict needs proof, every paid instance that remains is reported, and an old backup is removed
//! only after a new one is verified. Every run ends in `finish`, also after an error or a signal.

pub mod dumping;
pub mod local_checks;
pub mod restoring;
pub mod recover;
mod directories;
mod events;
mod compatibility;
mod context;
mod hooks;
mod copy;
mod moving_sequences;
mod left_out;
mod restore_role;
mod steps;
mod temporary_instance;
mod cleanup;
mod refused;
mod missing_rights;
mod sweep;
mod verification;
mod baseline;
mod report_writer;
mod end;
mod state;
mod orphans;
mod source;
mod preflight;
mod plan;
mod restore;
mod notification;
mod finish;
mod stages;
mod verify;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

pub use cleanup::{Cleaner, Recovered, earlier};
pub use context::RunContext;
pub use directories::{shared_reports, shared_state};
pub use left_out::apply as leave_out;
pub use plan::{Plan, plan};
pub use preflight::far;
pub use source::shared;
pub use sweep::{SweepOptions, Swept, sweep};
pub use temporary_instance::Cloud;
pub use verification::{Heard, Verification, capture, explain, judge};

use crate::base::error::{Error, Result};
use crate::endpoint::compare_endpoints::Comparison;
use crate::model::progress::Event;
use crate::model::verdict::DumpVerdict;
use crate::storage::journal::{Holder, Journal, Lock, Runs};
use crate::storage::reports;
use report_writer::ReportWriter;
use state::RunState;
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
    pub troubles: Vec<Error>,
}

/// One run. `stop` resolves to a signal when the process is asked to end, and can be called more than once: the first signal
/// stops the run and starts the cleanup, the second one leaves the cleanup to the next run.
///
/// # Errors
/// Only before the run begins: another run holds the lock, or the journal cannot be written. Later errors are in the result.
pub async fn run<S: Future<Output = i32>>(given: &RunContext<'_>, stop: impl Fn() -> S) -> Result<RunOutcome> {
    let (run_id, started_at) = (reports::random_run_id()?, (given.now)());
    let holder = Holder { run_id: run_id.clone(), command: "nightly".into(), pid: given.pid, at: started_at };
    let lock = match Lock::acquire(given.state(), &holder) {
        Ok(lock) => lock,
        Err(error) => return Err(not_begun(given, &holder, error, true, stop()).await),
    };
    let (earlier, journal) = match prepare(given, &holder) {
        Ok(prepared) => prepared,
        Err(error) => return Err(not_begun(given, &holder, error, false, stop()).await),
    };
    let paper = ReportWriter::prepare(given, &run_id, started_at).await;
    let redaction = given.redaction()?;
    let record = Steps::new(journal, given.now, redaction.listener(given.listener.clone()), redaction);
    let (stopping, stopped) = watch::channel(None);
    let mut night = RunState::new(given, &holder, record, paper, stopped);
    // The signal is polled first, so that it is handled from the start.
    let result = tokio::select! {
        biased;
        signal = stop() => Err(Error::interrupted(signal)),
        result = night.work(earlier) => result,
        () = tokio::time::sleep(LONGEST_NIGHT) => Err(too_long()),
    };
    let result = result.map_err(|error| redaction.error(error));
    let was_stopped = result.as_ref().is_err_and(|error| error.signal().is_some());
    let ended = tokio::select! {
        biased;
        signal = give_up(&stop, was_stopped, &stopping) => abandoned(given, &holder, signal),
        ended = night.close(result) => ended,
    };
    drop(lock);
    Ok(name_debts(given, ended))
}

fn prepare(given: &RunContext<'_>, holder: &Holder) -> Result<(Runs, Journal)> {
    let earlier = earlier(given)?;
    Ok((earlier, Journal::create(given.state(), holder)?))
}

/// The run did not start; send the notifications. Errors of the channels are added to the error.
async fn not_begun(
    given: &RunContext<'_>,
    holder: &Holder,
    error: Error,
    is_at_it: bool,
    stop: impl Future<Output = i32>,
) -> Error {
    let failed = tokio::select! {
        failed = notification::not_begun(given, holder, &error, is_at_it) => failed,
        _ = stop => Vec::new(),
    };
    for failure in failed {
        (given.listener)(Event::Warning(&failure.text()));
    }
    error
}

/// Less than the tag `pgwitness-expires-at` of an instance: after that time, any machine may sweep it.
const LONGEST_NIGHT: Duration = Duration::from_secs(20 * 3600);

fn too_long() -> Error {
    Error::new(format!("it exceeded the limit of {} hours", LONGEST_NIGHT.as_secs() / 3600))
}

/// Resolves when the cleanup is to be left to the next run: at the second signal, or some time after a signal that arrived during
/// the cleanup.
async fn give_up<S: Future<Output = i32>>(
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
        () = tokio::time::sleep(end::PATIENCE_WHEN_STOPPED) => first,
    }
}

fn abandoned(given: &RunContext<'_>, holder: &Holder, signal: i32) -> RunOutcome {
    let exit_code = u8::try_from(128 + signal).unwrap_or(u8::MAX);
    let error = Error::interrupted(signal).hint("the next run, or sweep, cleans up");
    let troubles = notification::abandoned(given, holder, exit_code).into_iter().collect();
    RunOutcome { exit_code, report: None, comparison: None, dump_verdict: None, error: Some(error), troubles }
}

/// An interrupted run prints all cleanup tasks, of earlier runs too: there may be no next run.
fn name_debts(given: &RunContext<'_>, mut ended: RunOutcome) -> RunOutcome {
    if ended.exit_code <= 128 {
        return ended;
    }
    let left = match earlier(given) {
        Ok(runs) => runs,
        Err(error) => {
            ended.troubles.push(error);
            return ended;
        }
    };
    let debts = left.open.iter().flat_map(|past| past.debts());
    ended.troubles.extend(debts.map(|debt| Error::new(format!("left for the next run: {debt}"))));
    ended.troubles.extend(left.unreadable);
    ended
}
