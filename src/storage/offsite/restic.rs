//! Runs restic: its environment, its cache, its locks.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::OffsiteRepository;
use super::failure::{ResticMessages, is_locked};
use super::open::without_password;
use crate::base::error::{Error, Result};
use crate::postgres::process::{GRACE, PipedOrder, PipedOutput, run_piped};

/// Between two attempts to get a lock.
const LOCK_INTERVAL: Duration = Duration::from_secs(10);
/// Limit for output that is held in memory: lists of snapshots and of files.
const MAX_OUTPUT: u64 = 256 << 20;
/// The oldest version that works.
const OLDEST: (u32, u32) = (0, 14);

/// One command of restic.
#[derive(Default)]
pub struct ResticCommand<'a> {
    /// The command and its options, without secrets.
    pub arguments: Vec<OsString>,
    /// The directory to run it in.
    pub directory: Option<&'a Path>,
    /// It changes the repository, and waits for a lock.
    pub is_locking: bool,
}

impl ResticCommand<'_> {
    /// A command that only reads.
    pub fn reading(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(OsString::from).collect(), ..Default::default() }
    }
}

impl OffsiteRepository {
    /// Its version, for instance `0.14.0`.
    ///
    /// # Errors
    /// It cannot be run, or is too old.
    pub async fn version(&self) -> Result<String> {
        let printed = self.text(&ResticCommand::reading(&["version"])).await?;
        let text = printed.split_whitespace().nth(1).unwrap_or_default();
        let numbers: Vec<u32> = text.split('.').map_while(|number| number.parse().ok()).collect();
        match numbers.as_slice() {
            [major, minor, ..] if (*major, *minor) >= OLDEST => Ok(text.to_owned()),
            [_, _, ..] => Err(Error::new(format!("restic {text} is too old")).hint("install restic 0.14 or later")),
            _ => Err(Error::new(format!("{} printed no version", self.program.display()))),
        }
    }

    /// Runs a command, and returns what it printed.
    ///
    /// # Errors
    /// As [`OffsiteRepository::run`].
    pub async fn text(&self, command: &ResticCommand<'_>) -> Result<String> {
        let read = |output: &mut PipedOutput| {
            let mut text = String::new();
            output.take(MAX_OUTPUT).read_to_string(&mut text)?;
            if text.len() as u64 == MAX_OUTPUT { Err(Error::new("restic printed too much")) } else { Ok(text) }
        };
        self.run(command, read).await
    }

    /// Runs a command; `read` gets its output. Waits for a lock, within the configured time.
    ///
    /// # Errors
    /// restic fails, stalls, or finds the repository locked; or `read` fails.
    pub async fn run<T: Send + 'static>(
        &self,
        command: &ResticCommand<'_>,
        read: impl FnOnce(&mut PipedOutput) -> Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        let since = Instant::now();
        loop {
            let result = self.run_once(command, read.clone()).await;
            match result {
                Err(error) if command.is_locking && is_locked(&error) && since.elapsed() < self.lock_wait => {
                    tokio::time::sleep(LOCK_INTERVAL.min(self.lock_wait)).await;
                }
                result => return result,
            }
        }
    }

    async fn run_once<T: Send + 'static>(
        &self,
        command: &ResticCommand<'_>,
        read: impl FnOnce(&mut PipedOutput) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut messages = ResticMessages::default();
        let (command, stalled_after) = (self.command(command), self.stalled_after);
        let order = PipedOrder { command, input: None, stalled_after, grace: GRACE };
        let (end, output) = run_piped(order, read, &mut |line| messages.add(&self.masked(line))).await?;
        if end.status.success() { output } else { Err(messages.error(end.status.code())) }
    }

    fn command(&self, asked: &ResticCommand<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        // In front: behind `--` they would be names of files.
        match &self.cache {
            Some(cache) => command.arg("--cache-dir").arg(cache),
            None => command.arg("--no-cache"),
        };
        if !asked.is_locking {
            command.arg("--no-lock");
        }
        command.args(&asked.arguments);
        if let Some(directory) = asked.directory {
            command.current_dir(directory);
        }
        command
    }

    /// Old versions print the address with its password.
    fn masked(&self, line: &str) -> String {
        let shown = self.describe();
        if shown == self.location {
            return line.to_owned();
        }
        let address = self.location.split_once(':').map_or(self.location.as_str(), |(_, address)| address);
        line.replace(&self.location, &shown).replace(address, &without_password(address))
    }
}
