//! Copies with rsync. Names never pass through a shell: rsync sends them by its protocol.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::source::{FilesSource, find};
use super::ssh::Ssh;
use crate::base::error::{Context, Error, Result};
use crate::base::secret::Environment;
use crate::config::FilesSettings;
use crate::postgres::process::PipedOutput;

const INSTALL: &str = "install rsync (Debian: apt-get install rsync), on both hosts where the source is on another one";
/// Files could not be read, or vanished: the manifests show which.
const SOME_NOT_COPIED: [i32; 2] = [23, 24];
/// Without a byte for this time, rsync ends.
const IO_TIMEOUT: &str = "--timeout=900";

/// The oldest version that is known to work.
const OLDEST: (u32, u32) = (3, 1);
const MAX_VERSION: u64 = 64 << 10;

/// The program.
#[derive(Debug, Clone)]
pub struct Rsync {
    program: PathBuf,
    exclude: Vec<String>,
}

/// What is copied.
#[derive(Debug, Clone, Copy)]
pub enum RsyncRound<'a> {
    /// Everything; what is unchanged by size and time is linked to this snapshot.
    All {
        /// Its `files/`.
        previous: Option<&'a Path>,
    },
    /// The entries in this list, anew.
    Again {
        /// NUL-terminated paths.
        list: &'a Path,
    },
}

impl Rsync {
    /// As configured.
    ///
    /// # Errors
    /// It is not found.
    pub fn configured(settings: &FilesSettings, environment: Environment<'_>) -> Result<Self> {
        let search_path = environment("PATH").unwrap_or_default();
        let program = find("rsync", settings.rsync.as_deref(), &search_path, INSTALL)?;
        Ok(Self { program, exclude: settings.exclude.clone() })
    }

    /// Its version, for instance `3.2.7`.
    ///
    /// # Errors
    /// It cannot be run, or is too old.
    pub async fn version(&self, source: &FilesSource) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.arg("--version");
        let read = |output: &mut PipedOutput| {
            let mut text = String::new();
            output.take(MAX_VERSION).read_to_string(&mut text)?;
            Ok(text)
        };
        let (_, _, printed) = source.run(command, None, read).await?;
        let printed = printed?;
        let version = printed.split_whitespace().skip_while(|word| *word != "version").nth(1).unwrap_or_default();
        let version = version.trim_start_matches('v');
        let numbers: Vec<u32> = version.split('.').map_while(|number| number.parse().ok()).collect();
        match numbers.as_slice() {
            [major, minor, ..] if (*major, *minor) >= OLDEST => Ok(version.to_owned()),
            _ => Err(Error::new(format!("{} is not rsync 3.1 or later", self.program.display())).hint(INSTALL)),
        }
    }

    /// Copies into `target`. Returns the first lines that it said where it could not copy everything: the manifests decide about that.
    ///
    /// # Errors
    /// It cannot reach the source, or not write.
    pub async fn copy(&self, source: &FilesSource, target: &Path, round: RsyncRound<'_>) -> Result<Vec<String>> {
        let mut command = Command::new(&self.program);
        // As -a without devices, and with the numbers of owners; -s: names are sent by the protocol, not by a shell.
        command.args(["-rlptgo", "--numeric-ids", "-s", "--no-motd", IO_TIMEOUT]);
        command.args(self.exclude.iter().map(|pattern| format!("--exclude={pattern}")));
        if let Some(shell) = source.ssh.as_ref().map(Ssh::for_rsync) {
            command.args(["-e", &shell]);
        }
        match round {
            RsyncRound::All { previous } => {
                command.args(previous.map(|previous| format!("--link-dest={}", previous.display())));
            }
            RsyncRound::Again { list } => {
                // After -r: with a list, only what is in it is copied.
                command.args(["--no-r", "--ignore-times", "--whole-file", "--from0"]);
                command.arg(format!("--files-from={}", list.display()));
            }
        }
        command.arg("--").arg(source.for_rsync()).arg(target);
        let run = source.run(command, None, |output| Ok(std::io::copy(output, &mut std::io::sink()).map(drop)?));
        let (code, said, read) = run.await.doing(|| "copy with rsync")?;
        match code {
            Some(0) => read.map(|()| Vec::new()),
            Some(code) if SOME_NOT_COPIED.contains(&code) => Ok(said),
            code => Err(source.failure("rsync", &said, code)).doing(|| "copy with rsync"),
        }
    }
}
