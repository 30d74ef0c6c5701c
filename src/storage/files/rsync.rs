//! Copies with rsync. Names never pass through a shell: rsync sends them by its protocol.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::source::{FilesSource, find};
use super::ssh::Ssh;
use crate::base::error::{Context, Result};
use crate::base::secret::Environment;
use crate::config::FilesSettings;

const INSTALL: &str = "install rsync (Debian: apt-get install rsync), on both hosts where the source is on another one";
/// Files could not be read, or vanished: the manifests show which.
const SOME_NOT_COPIED: [i32; 2] = [23, 24];
/// Without a byte for this time, rsync ends.
const IO_TIMEOUT: &str = "--timeout=900";

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

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
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
