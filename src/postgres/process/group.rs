//! The process group of a child: a guard, the program, and the workers that it forks.
//!
//! The guard leads the group and is not waited for before the end: as long as it exists, no other process has its number, so a
//! signal to the group does not reach another process.

use std::io::PipeReader;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};

use super::Order;
use crate::base::error::{Context, Error, Result};

/// Waits until no process holds the other end of its input, then ends the group: the signal `$2`, later SIGKILL.
const GUARD: &str = "trap '' TERM INT HUP; while read -r _; do :; done; kill -\"$2\" 0; sleep \"$1\"; kill -KILL 0";

/// A running program and everything it has started. Dropping it stops them all.
pub(super) struct Group {
    guard: Child,
    /// The guard ends the group when this closes, also when this process is killed.
    lifeline: Option<ChildStdin>,
    child: Child,
    id: Pid,
    stop_signal: Signal,
}

impl Group {
    /// Starts the guard, then the program in the guard's group. Gives its standard error too.
    pub(super) fn start(order: &Order<'_>) -> Result<(Self, ChildStderr)> {
        let mut command = Command::new(order.program);
        command.env_clear().args(&order.arguments);
        order.environment.apply(command.as_std_mut());
        command.env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("PG_COLOR", "never");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut group = Self::spawn(command, GuardOrder { grace: order.grace, stop_signal: Signal::TERM, kept: None })?;
        let stderr = group.child.stderr.take().ok_or_else(|| Error::new("a child without standard error"))?;
        Ok((group, stderr))
    }

    /// As [`Group::start`], for a command whose streams are set.
    pub(super) fn spawn(mut command: Command, order: GuardOrder) -> Result<Self> {
        let stop_signal = order.stop_signal;
        let mut guard = start_guard(order)?;
        let id = guard.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| Error::new("the guard of a child ended at once"))?;
        let lifeline = guard.stdin.take();
        command.process_group(id.as_raw_nonzero().get());
        let program = command.as_std().get_program().to_owned();
        let child = command.spawn().doing(|| format!("start {}", program.display()))?;
        Ok(Self { guard, lifeline, child, id, stop_signal })
    }

    /// Until the program itself has ended; its workers may not have.
    pub(super) async fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Stops all processes, and waits until they have ended.
    pub(super) async fn stop(mut self, grace: Duration) {
        self.signal(self.stop_signal);
        let _ = tokio::time::timeout(grace, self.child.wait()).await;
        self.signal(Signal::KILL);
        let _ = self.child.wait().await;
        self.lifeline = None;
        let _ = self.guard.wait().await;
    }

    /// Ends the processes that are left once the program has ended.
    pub(super) fn end(self) {
        self.signal(Signal::KILL);
    }

    /// Fails only when no process is left.
    fn signal(&self, signal: Signal) {
        let is_ours = self.guard.id().is_some();
        if is_ours {
            let _ = kill_process_group(self.id, signal);
        }
    }
}

impl Drop for Group {
    /// Does not wait: the guard ends the group as soon as `lifeline` is closed.
    fn drop(&mut self) {
        if self.lifeline.take().is_some() {
            self.signal(self.stop_signal);
        }
    }
}

/// How a group is ended.
pub(super) struct GuardOrder {
    /// From the first signal to SIGKILL.
    pub(super) grace: Duration,
    /// The first signal.
    pub(super) stop_signal: Signal,
    /// Pipes that the program writes to. The guard holds them open, for a program that writes to a closed one is killed before it has
    /// cleaned up.
    pub(super) kept: Option<[PipeReader; 2]>,
}

fn start_guard(order: GuardOrder) -> Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARD, "pgwitness-guard"]).arg(order.grace.as_secs().to_string());
    command.arg(order.stop_signal.as_raw().to_string());
    command.env_clear().env("PATH", "/usr/bin:/bin").process_group(0);
    command.stdin(Stdio::piped());
    match order.kept {
        Some([one, other]) => command.stdout(one).stderr(other),
        None => command.stdout(Stdio::null()).stderr(Stdio::null()),
    };
    command.spawn().doing(|| "start /bin/sh to guard a child")
}
