//! One run of a program of PostgreSQL: its environment, its messages, its exit.
//!
//! It ends with this process: it runs in a process group with a guard (a shell that waits on a pipe from us); so the workers of
//! `pg_dump --jobs` end too, also after SIGKILL, when no clean-up code runs. It gets no more of our environment
//! than it needs, and a password only in its password file.

mod group;
mod piped;
mod stderr_tail;

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use piped::{PipedOrder, PipedOutput, run_piped};
pub use stderr_tail::Said;

use crate::base::error::{Error, Result};
use crate::postgres::conninfo::ChildEnvironment;
use group::Group;

/// From SIGTERM, after which a program cancels its work on the server, to SIGKILL.
pub const GRACE: Duration = Duration::from_secs(10);
/// Hint for a program that was stopped.
const STALLED: &str = "another session may hold a lock, or the network may be down; the time is dump.stalled_after";
/// Limit for reading the remaining output after all processes have ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The program to run.
pub struct Order<'a> {
    /// Its path.
    pub program: &'a Path,
    /// Every user of this machine can read them: no secrets.
    pub arguments: Vec<OsString>,
    /// How it reaches the server.
    pub environment: &'a ChildEnvironment,
    /// It is stopped when it has written nothing and `progress` has not changed for this time.
    pub stalled_after: Duration,
    /// From SIGTERM to SIGKILL when it is stopped; usually [`GRACE`].
    pub grace: Duration,
}

/// How it ended, by itself.
#[derive(Debug)]
pub struct ProcessEnd {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to standard error.
    pub said: Said,
}

/// A number that changes as long as there is progress, for instance bytes written. It is asked about once a second.
pub type ProgressBytes<'a> = &'a (dyn Fn() -> u64 + Send + Sync);

/// Runs a program to its end. `hear` gets every line of its standard error. Dropping the future stops it and its workers.
///
/// # Errors
/// It cannot be started, a signal ended it, or it stalled and was stopped. Any exit status is not an error here.
pub async fn run(
    order: &Order<'_>,
    progress: ProgressBytes<'_>,
    hear: &mut (dyn FnMut(&str) + Send),
) -> Result<ProcessEnd> {
    let (mut group, stderr) = Group::start(order)?;
    let heard = AtomicU64::new(0);
    let mut listening = pin!(stderr_tail::listen(stderr, hear, &heard));
    let moved = || progress().wrapping_add(heard.load(Ordering::Relaxed));
    let mut stalled = pin!(stall(&moved, order.stalled_after));
    let mut said = None;
    let status = loop {
        tokio::select! {
            all = &mut listening, if said.is_none() => said = Some(all),
            status = group.wait() => break status?,
            () = &mut stalled => {
                group.stop(order.grace).await;
                return Err(stalled_error(order.program, order.stalled_after).hint(STALLED));
            }
        }
    };
    group.end();
    let said = match said {
        Some(said) => said,
        None => tokio::time::timeout(LAST_WORDS, listening).await.unwrap_or_default(),
    };
    match status.signal() {
        Some(signal) => Err(killed(order.program, signal)),
        None => Ok(ProcessEnd { status, said }),
    }
}

/// Ends when there was no progress for so long.
async fn stall(progress: ProgressBytes<'_>, stalled_after: Duration) {
    let every = (stalled_after / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
    let (mut last, mut since) = (progress(), tokio::time::Instant::now());
    while since.elapsed() < stalled_after {
        tokio::time::sleep(every).await;
        let now = progress();
        if now != last {
            (last, since) = (now, tokio::time::Instant::now());
        }
    }
}

/// Its file name, for messages.
fn name(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stalled_error(program: &Path, stalled_after: Duration) -> Error {
    let seconds = stalled_after.as_secs();
    let time = if seconds >= 120 { format!("{} min", seconds / 60) } else { format!("{seconds} s") };
    Error::new(format!("{} made no progress for {time} and was stopped", name(program)))
}

fn killed(program: &Path, signal: i32) -> Error {
    let known = [(1, "SIGHUP"), (2, "SIGINT"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM")];
    let text = known.iter().find(|(number, _)| *number == signal).map_or("", |(_, text)| text);
    let error = Error::new(format!("{} was ended by signal {signal} {text}", name(program)).trim_end().to_owned());
    if signal == 9 { error.hint("was memory short? the system's log tells") } else { error }
}
