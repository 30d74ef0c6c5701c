//! One run of a program whose standard output is read, in a thread: at full speed, and without holding it in memory.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

use super::group::{Group, GuardOrder};
use super::{LAST_WORDS, ProcessEnd, killed, stall, stalled_error, stderr_tail};
use crate::base::error::{Error, Result};

/// The program to run.
pub struct PipedOrder {
    /// Program, arguments, environment and directory. Every user of this machine can read the arguments: no secrets.
    pub command: std::process::Command,
    /// Its standard input; `None`: empty.
    pub input: Option<File>,
    /// It is stopped when it has written nothing for this time; see also [`PipedOutput::progress`].
    pub stalled_after: Duration,
    /// From SIGINT, at which it ends by itself, to SIGKILL when it is stopped.
    pub grace: Duration,
}

/// What it writes to standard output. Each byte that is read counts as progress.
pub struct PipedOutput {
    pipe: PipeReader,
    progress: Arc<AtomicU64>,
    is_counted: bool,
}

impl PipedOutput {
    /// For output that comes also without progress: only a change of this number counts then.
    pub fn progress(&mut self) -> Arc<AtomicU64> {
        self.is_counted = false;
        self.progress.clone()
    }
}

impl Read for PipedOutput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        if self.is_counted {
            self.progress.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(count)
    }
}

/// Runs a program to its end; `read` gets its standard output, `hear` every line of its standard error. Dropping the future stops it.
/// The result of `read` is beside how the program ended: where both failed, the program knows the cause.
///
/// # Errors
/// It cannot be started, a signal ended it, or it stalled and was stopped. Any exit status is not an error here.
pub async fn run_piped<T: Send + 'static>(
    order: PipedOrder,
    read: impl FnOnce(&mut PipedOutput) -> Result<T> + Send + 'static,
    hear: &mut (dyn FnMut(&str) + Send),
) -> Result<(ProcessEnd, Result<T>)> {
    let PipedOrder { mut command, input, stalled_after, grace } = order;
    let program = PathBuf::from(command.get_program());
    let ((pipe, stdout), (errors, stderr)) = (io::pipe()?, io::pipe()?);
    command.stdin(input.map_or_else(Stdio::null, Stdio::from)).stdout(stdout).stderr(stderr);
    let kept = Some([pipe.try_clone()?, errors.try_clone()?]);
    // The command holds the writing ends until it is dropped in there.
    let mut group = Group::spawn(command.into(), GuardOrder { grace, stop_signal: Signal::INT, kept })?;
    let stderr = pipe::Receiver::from_owned_fd(errors.into())?;
    let (progress, heard) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
    let mut output = PipedOutput { pipe, progress: progress.clone(), is_counted: true };
    let reading = tokio::task::spawn_blocking(move || read(&mut output));
    let moved = || progress.load(Ordering::Relaxed).wrapping_add(heard.load(Ordering::Relaxed));
    let mut listening = pin!(stderr_tail::listen(stderr, hear, &heard));
    let mut said = None;
    let ended = {
        let mut ending = pin!(ending(&mut group, reading));
        let mut stalled = pin!(stall(&moved, stalled_after));
        loop {
            tokio::select! {
                all = &mut listening, if said.is_none() => said = Some(all),
                ended = &mut ending => break Some(ended?),
                () = &mut stalled => break None,
            }
        }
    };
    let (output, status) = match ended {
        Some((output, Some(status))) => (output, status),
        unfinished => {
            group.stop(grace).await;
            let error = unfinished.and_then(|(output, _)| output.err());
            return Err(error.unwrap_or_else(|| stalled_error(&program, stalled_after)));
        }
    };
    group.end();
    let said = match said {
        Some(said) => said,
        None => tokio::time::timeout(LAST_WORDS, listening).await.unwrap_or_default(),
    };
    match status.signal() {
        Some(signal) => Err(killed(&program, signal)),
        None => Ok((ProcessEnd { status, said }, output)),
    }
}

/// A program that ends by itself knows why its output is not complete.
const ENDS_BY_ITSELF: Duration = Duration::from_secs(2);

/// What was read, and how the program ended; `None`: it goes on although its output is not read any more.
async fn ending<T>(group: &mut Group, reading: JoinHandle<Result<T>>) -> Result<(Result<T>, Option<ExitStatus>)> {
    let output = reading.await.map_err(Error::of_thread)?;
    if output.is_ok() {
        return Ok((output, Some(group.wait().await?)));
    }
    let status = tokio::time::timeout(ENDS_BY_ITSELF, group.wait()).await;
    Ok((output, status.ok().transpose()?))
}
