//! The night: snapshot, temporary instance, dump, restore, verify, sign; and nothing left behind.
//!
//! Nobody watches it: it never says "sound" of what it does not know, never leaves a paid instance without a word, and removes
//! nothing old before something new is proven. Every way out, an error or a signal too, leads through `closing`.

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

/// Exit code: seen to be wrong.
const DAMAGED: u8 = 1;
/// No verdict.
const INCONCLUSIVE: u8 = 2;
/// Verified, yet something after it failed or was left behind.
const SOUND_BUT: u8 = 3;

/// How a night ended.
pub struct RunOutcome {
    /// Of the process.
    pub exit_code: u8,
    /// `report.json`, when one was written.
    pub report: Option<PathBuf>,
    /// What was compared, when it came to that.
    pub comparison: Option<Comparison>,
    /// Whether the dump is proven, when it came to that.
    pub dump_verdict: Option<DumpVerdict>,
    /// Why there is no verdict.
    pub error: Option<Error>,
    /// What went wrong besides: each is told, none takes the verdict back.
    pub troubles: Vec<Error>,
}

/// One night. `stop` resolves to a signal when we are told to end, and can be asked more than once: at the first one the night is
/// broken off and cleaned up after, at the second one the cleaning is left to the next run.
///
/// # Errors
/// Only before anything was begun: another run holds the lock, or the journal cannot be written. Everything later is in the answer.
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
    // The signal is asked for first, so that somebody listens from the very beginning.
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

/// Nothing was done, but somebody waits to hear of tonight. Whom we could not tell is told with the error.
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
        (given.listener)(Event::Warning(&failure.to_string()));
    }
    error
}

/// Less than what the tag `pgwitness-expires-at` of an instance says: after that, anybody may sweep it.
const LONGEST_NIGHT: Duration = Duration::from_secs(20 * 3600);

fn too_long() -> Error {
    Error::new(format!("it has taken {} hours: something hangs", LONGEST_NIGHT.as_secs() / 3600))
}

/// Resolves when the cleaning is to be left to the next run: at the second signal, or some time after one that came while we
/// were cleaning already.
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

/// Whoever is interrupted says what is left, of earlier runs too: there may be no next run.
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
