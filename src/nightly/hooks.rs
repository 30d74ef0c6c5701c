//! Commands of the user's own, after the verdict.
//!
//! Without a shell, in a process group of its own that ends with us. What a hook does is its author's affair; that it failed, or
//! took too long, is told, and never changes the verdict.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

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
    let run = async {
        let output = child.output().await.doing(|| format!("run {program}"))?;
        if output.status.success() {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        Err(Error::new(format!("{program} ended with {}: {last}", output.status)))
    };
    let result = tokio::time::timeout(timeout, run).await;
    let result =
        result.unwrap_or_else(|_| Err(Error::new(format!("{program} was stopped after {} s", timeout.as_secs()))));
    result.doing(|| format!("run the hook {name}"))
}
