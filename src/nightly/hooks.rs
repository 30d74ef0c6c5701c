//! User commands that run after the verdict.
//!
//! No shell; the process group is killed when pgwitness ends. A failure or a timeout of a hook is reported and does not change
//! the verdict.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::postgres::conninfo::ChildEnvironment;

/// Default time limit of a hook.
const TIMEOUT: Duration = Duration::from_secs(3600);
/// Bytes of the end of its output that are read.
const LAST_WORDS: u64 = 4096;

/// Variables that every hook gets.
const PASSED_ON: [&str; 16] = [
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LC_TIME",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
];

/// A command to run.
pub struct Hook {
    name: &'static str,
    program: String,
    command: Command,
    timeout: Duration,
}

impl Hook {
    /// Program and arguments. The environment has only [`PASSED_ON`], until [`Hook::pass_on`] adds more.
    pub fn new(name: &'static str, command: &[String], timeout: Option<Duration>) -> Self {
        let program = command.first().cloned().unwrap_or_default();
        let mut started = Command::new(&program);
        started.env_clear();
        started.args(command.get(1..).unwrap_or_default()).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        Self { name, program, command: started, timeout: timeout.unwrap_or(TIMEOUT) }
    }

    /// Passes on part of the environment: paths and locale, but no AWS credentials and no password; more variables by name, as
    /// configured.
    #[must_use]
    pub fn pass_on(mut self, environment: &dyn Fn(&str) -> Option<String>, more: &[String]) -> Self {
        for name in PASSED_ON.iter().copied().chain(more.iter().map(String::as_str)) {
            if let Some(value) = environment(name) {
                self.command.env(name, value);
            }
        }
        self
    }

    /// It reaches this database, and no other by mistake.
    pub fn reach(&mut self, environment: &ChildEnvironment) {
        environment.apply(&mut self.command);
    }

    /// Sets one variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.command.env(name, value);
    }

    /// Runs the hook to its end.
    ///
    /// # Errors
    /// The hook cannot be started, fails, or exceeds its time limit; with the last line of its standard error.
    pub async fn run(self) -> Result<()> {
        let doing = format!("run the hook {}", self.name);
        self.run_to_its_end().await.doing(|| doing)
    }

    async fn run_to_its_end(mut self) -> Result<()> {
        // Use a file, not a pipe: background processes of the hook may keep it open.
        let mut words = tempfile::tempfile()?;
        self.command.stderr(words.try_clone()?);
        let mut command = tokio::process::Command::from(self.command);
        let mut child = command.kill_on_drop(true).spawn().doing(|| format!("start {}", self.program))?;
        let mut group = HookGroup(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let status = tokio::time::timeout(self.timeout, child.wait()).await;
        let Ok(status) = status else {
            drop(group);
            return Err(Error::new(format!("{} was stopped after {} s", self.program, self.timeout.as_secs())));
        };
        // Background processes that the hook left running stay.
        group.0 = None;
        let status = status?;
        if status.success() {
            return Ok(());
        }
        let words = last_line(&mut words)?;
        let safe = format!("{} ended with {status}", self.program);
        // They may quote rows.
        Err(Error::new(MarkedText::with_values(format!("{safe}: {words}"), safe)))
    }
}

fn last_line(words: &mut File) -> Result<String> {
    let length = words.seek(SeekFrom::End(0))?;
    words.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS)))?;
    let mut bytes = Vec::new();
    words.take(LAST_WORDS).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no output").to_owned())
}

/// On drop, kills all processes that are still in the group of the hook.
struct HookGroup(Option<Pid>);

impl Drop for HookGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Kill all remaining processes of the group.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_hook_has_started_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 300 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        let command = ["/bin/sh".to_owned(), "-c".to_owned(), script];
        let error = Hook::new("h", &command, Some(Duration::from_secs(1))).run().await.unwrap_err();
        assert_eq!(error.to_string(), "run the hook h: /bin/sh was stopped after 1 s");
        let status = format!("/proc/{}/status", std::fs::read_to_string(&file).unwrap().trim());
        let is_alive = || std::fs::read_to_string(&status).is_ok_and(|text| !text.contains("State:\tZ"));
        for _ in 0..100 {
            if !is_alive() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it lives on");
    }
}
