//! A pg_restore process that prints an archive as SQL.
//!
//! It never connects to a server, and ends at the latest when [`Restore`] is dropped.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use tempfile::NamedTempFile;

use super::format::cut;
use super::reader::ReaderEnd;
use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;

/// Limit for its messages: enough for an error message.
const STDERR_LINES: usize = 8;
const STDERR_LINE_BYTES: u64 = 4096;

/// A running pg_restore; killed and waited for when dropped.
pub(super) struct Restore {
    child: Child,
    stderr: Option<JoinHandle<VecDeque<String>>>,
    /// The `-L` list; it has to stay until the process has read it.
    _list: Option<NamedTempFile>,
}

impl Restore {
    /// Runs `program arguments path`, restricted to the entries `ids` if there are any.
    pub(super) fn start(program: &Path, arguments: &[&str], ids: Option<&[u32]>, path: &Path) -> Result<Self> {
        let list = ids.map(write_list).transpose()?;
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(list) = &list {
            command.arg("-L").arg(list.path());
        }
        // It reads a file and needs no password. Its messages become part of ours, so they are in English; pg_restore would take a
        // path that begins with a dash for an option.
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("PG_COLOR", "never");
        command.arg("--").arg(path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|e| Error::from(e).hint("install the PostgreSQL client tools, or say where pg_restore is"))
            .doing(|| format!("start {}", program.display()))?;
        let stderr = child.stderr.take().map(|pipe| std::thread::spawn(move || last_lines(pipe)));
        Ok(Self { child, stderr, _list: list })
    }

    /// Its output; can be taken once.
    pub(super) fn output(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().ok_or_else(|| Error::new("the output of pg_restore was taken twice"))
    }

    /// Checks the run. If pg_restore failed, its error is returned instead of the truncated output that it caused.
    pub(super) fn finish(mut self, end: ReaderEnd) -> Result<()> {
        if end == ReaderEnd::Stopped {
            return Ok(());
        }
        let status = self.child.wait()?;
        let lines = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match end {
            _ if !status.success() => Err(failure(&lines, &status.to_string())),
            ReaderEnd::Cut(how) => Err(cut(&how)),
            ReaderEnd::Complete | ReaderEnd::Stopped => Ok(()),
        }
    }

    /// All of a short output, for a run that writes no SQL.
    pub(super) fn read_all(mut self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        self.output()?.read_to_end(&mut text)?;
        self.finish(ReaderEnd::Complete)?;
        Ok(text)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        // Both fail only when the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_list(ids: &[u32]) -> Result<NamedTempFile> {
    let lines: String = ids.iter().map(|id| format!("{id};\n")).collect();
    let mut file = NamedTempFile::new().doing(|| "make a list of entries")?;
    file.write_all(lines.as_bytes()).doing(|| "write a list of entries")?;
    Ok(file)
}

/// Reads to the end, so that pg_restore never blocks on a full pipe, and keeps the last lines.
fn last_lines(pipe: ChildStderr) -> VecDeque<String> {
    let mut reader = BufReader::new(pipe);
    let mut lines = VecDeque::new();
    let mut line = Vec::new();
    while matches!(reader.by_ref().take(STDERR_LINE_BYTES).read_until(b'\n', &mut line), Ok(count) if count > 0) {
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        line.clear();
        if !text.is_empty() {
            lines.push_back(text);
        }
        if lines.len() > STDERR_LINES {
            lines.pop_front();
        }
    }
    lines
}

/// The line with the error; details and progress may come after it.
fn failure(lines: &VecDeque<String>, status: &str) -> Error {
    let is_error = |line: &&String| line.contains("error:") || line.contains("fatal:");
    let line = lines.iter().rfind(is_error).or(lines.back()).map_or("it said nothing", String::as_str);
    let safe = format!("pg_restore reported an error ({status})");
    let error = Error::new(MarkedText::with_values(format!("{line} ({status})"), safe));
    if line.contains("unsupported version") {
        return error.hint("use a pg_restore that is not older than the pg_dump that made the dump");
    }
    if line.contains("not available") || line.contains("does not support") {
        return error.hint("this pg_restore lacks what the dump needs, for instance a compression method; use another");
    }
    error.hint("the dump may be cut short or damaged: compare it with the original, or make it anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Restore {
        Restore::start(Path::new("/bin/sh"), &["-c", script], None, Path::new("x")).unwrap()
    }

    #[test]
    fn a_failure_names_the_error_and_the_exit_status() {
        let script = "echo 'pg_restore: error: bad' >&2; echo 'pg_restore: hint: x' >&2; exit 3";
        let error = shell(script).finish(ReaderEnd::Complete).unwrap_err();
        assert_eq!(error.to_string(), "pg_restore: error: bad (exit status: 3)");
    }

    #[test]
    fn a_flood_of_messages_neither_blocks_nor_fills_memory() {
        let script = "yes 'a long line of noise' | head -n 100000 >&2; exit 1";
        let error = shell(script).finish(ReaderEnd::Complete).unwrap_err();
        assert!(error.to_string().contains("noise"), "{error}");
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let restore = shell("exec sleep 600");
        let pid = restore.child.id();
        drop(restore);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_missing_program_is_an_error_with_a_hint() {
        let error = Restore::start(Path::new("/no/such/pg_restore"), &[], None, Path::new("x")).err().unwrap();
        assert!(error.to_string().starts_with("start /no/such/pg_restore: "), "{error}");
        assert!(error.hint_text().is_some());
    }
}
