//! The night: snapshot, temporary instance, dump, restore, verify, sign; and nothing left behind.
//!
//! Nobody watches it: it never says "sound" of what it does not know, never leaves a paid instance without a word, and removes
//! nothing old before something new is proven. Every way out, an error or a signal too, leads through `closing`.

mod closing;
mod cloud;
mod debts;
mod fate;
mod fit;
mod given;
mod hooks;
mod hurry;
mod moving;
mod paper;
mod plan;
mod ready;
mod record;
mod stages;
mod sweep;
mod witness;

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

pub use closing::{CLOSING, Closing};
pub use cloud::Cloud;
pub use debts::{Payer, Recovered, earlier};
pub use given::Given;
pub use plan::{Plan, plan};
pub use ready::far;
pub use sweep::{Broom, Swept, sweep};
pub use witness::{Witnessed, capture, judge};

use crate::comparison::Comparison;
use crate::error::{Error, Result};
use crate::journal::{Holder, Journal, Lock, Past};
use crate::store;
use hurry::Hurry;
use paper::Paper;
use record::Record;
use stages::Night;

/// How a night ended.
pub struct Ended {
    /// Of the process.
    pub exit_code: u8,
    /// `report.json`, when one was written.
    pub report: Option<PathBuf>,
    /// What was compared, when it came to that.
    pub comparison: Option<Comparison>,
    /// Why there is no verdict.
    pub error: Option<Error>,
    /// What went wrong besides: each is told, none takes the verdict back.
    pub troubles: Vec<Error>,
}

/// One night. `stop` resolves to a signal when we are told to end, and can be asked more than once: at the first one the night is
/// broken off (or, if it is cleaning up already, told to hurry) and cleaned up after, at the second one the cleaning is left to the next run.
///
/// # Errors
/// Only before anything was begun: another run holds the lock, or the journal cannot be written. Everything later is in the answer.
pub async fn run<S: Future<Output = i32>>(given: &Given<'_>, stop: impl Fn() -> S) -> Result<Ended> {
    let (run_id, started_at) = (store::random_run_id()?, (given.now)());
    let holder = Holder { run_id: run_id.clone(), command: "nightly".into(), pid: given.pid, at: started_at };
    let lock = Lock::acquire(given.state(), &holder)?;
    let earlier = earlier(given)?;
    let journal = Journal::create(given.state(), &holder)?;
    let paper = Paper::prepare(given, &run_id, started_at).await;
    let record = Record::new(journal, given.now, given.listener.clone());
    let mut night = Night::new(given, run_id, record, paper);
    let result = tokio::select! {
        result = night.work(earlier) => result,
        signal = stop() => Err(Error::interrupted(signal)),
        () = tokio::time::sleep(LONGEST_NIGHT) => Err(too_long()),
    };
    let told = result.as_ref().err().and_then(Error::signal);
    let (tell, hurry) = Hurry::new(told.unwrap_or_default());
    let mut closing = pin!(night.close(result, &hurry));
    let ended = loop {
        tokio::select! {
            ended = &mut closing => break ended,
            signal = stop() => match hurry.signal() {
                None => tell.send(signal).unwrap_or_default(),
                Some(_) => break Err(abandoned(given, signal)),
            },
        }
    };
    drop(lock);
    ended
}

/// Less than what the tag `pgwitness-expires-at` of an instance says: after that, anybody may sweep it.
const LONGEST_NIGHT: Duration = Duration::from_secs(20 * 3600);

fn too_long() -> Error {
    Error::new(format!("it has taken {} hours: something hangs", LONGEST_NIGHT.as_secs() / 3600))
}

/// Told to stop twice: what is left is named, for whoever reads it.
fn abandoned(given: &Given<'_>, signal: i32) -> Error {
    let runs = earlier(given).unwrap_or_default();
    let debts: Vec<String> = runs.open.iter().flat_map(Past::debts).map(|debt| debt.to_string()).collect();
    let left = if debts.is_empty() { "nothing".to_owned() } else { debts.join(", ") };
    Error::interrupted(signal)
        .context("clean up")
        .hint(format!("left behind: {left}; the next run, or pgwitness sweep, cleans up"))
}
