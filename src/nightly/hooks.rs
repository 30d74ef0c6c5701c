//! Commands of the user's own, after the verdict.
//!
//! Without a shell, in a process group of its own that ends with us. What a hook does is its author's affair; that it failed, or
//! took too long, is told, and never changes the verdict.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use crate::error::{Context, Error, Result};

/// A hook is stopped after so long unless configured otherwise.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// Runs `command` (program and arguments) with these variables besides our own environment.
///
/// # Errors
/// It cannot be started, fails, or is stopped because of its time; with the last line that it complained with.
pub async fn run(
    name: &str,
    command: &[String],
    variables: &BTreeMap<String, String>,
    timeout: Option<Duration>,
) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let timeout = timeout.unwrap_or(TIMEOUT);
    let mut child = Command::new(program);
    child.args(arguments).envs(variables).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    child.process_group(0).kill_on_drop(true);
    let child = child.spawn().doing(|| format!("run {program}")).doing(|| format!("run the hook {name}"))?;
    let id = child.id();
    let mut run = pin!(async move {
        let output = child.wait_with_output().await.doing(|| format!("run {program}"))?;
        if output.status.success() {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        Err(Error::new(format!("{program} ended with {}: {last}", output.status)))
    });
    // Dropped before the child is: as long as that was not waited for, its number is nobody else's.
    let mut group = Group(id.and_then(|id| Pid::from_raw(id.cast_signed())));
    let result = match tokio::time::timeout(timeout, &mut run).await {
        Ok(result) => {
            group.0 = None;
            result
        }
        Err(_) => Err(Error::new(format!("{program} was stopped after {} s", timeout.as_secs()))),
    };
    drop(group);
    result.doing(|| format!("run the hook {name}"))
}

/// Whatever a hook has started ends when the hook is given up.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            // Fails only when nobody is left.
            kill_process_group(id, Signal::KILL).ok();
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
        let error = run("h", &command, &BTreeMap::new(), Some(Duration::from_secs(1))).await.unwrap_err();
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
