//! `[offsite]`: an encrypted repository of restic, to which verified backups are copied.
//!
//! Holds no password.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Retention, Span, defaults};

/// The off-site repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffsiteSettings {
    /// As restic's `--repo`, for instance `s3:https://s3.example.org/bucket/path`, without a password.
    pub repository: Option<String>,
    /// The repository is the first line of this file (mode 0600), for instance because a password is in it.
    pub repository_file: Option<PathBuf>,
    /// The repository is the first line that this command prints: program and arguments.
    pub repository_command: Option<Vec<String>>,
    /// The password of the repository is the first line of this file (mode 0600).
    pub password_file: Option<PathBuf>,
    /// The password is the first line that this command prints: program and arguments.
    pub password_command: Option<Vec<String>>,
    /// The password is in this variable of the environment.
    pub password_env: Option<String>,
    /// Lines `NAME=VALUE` for the environment of restic, for instance the keys of S3 (mode 0600).
    pub environment_file: Option<PathBuf>,
    /// restic, if it is not the one in `PATH`.
    pub program: Option<PathBuf>,
    /// restic's `--cache-dir`; `None`: `restic-cache` in the state directory.
    pub cache_directory: Option<PathBuf>,
    /// What is read back after an upload and compared with the dump.
    #[serde(default)]
    pub read_back: ReadBack,
    /// restic is stopped after this time without progress.
    #[serde(default = "defaults::stalled_after")]
    pub stalled_after: Span,
    /// How long to wait for a repository that another process has locked.
    #[serde(default = "defaults::lock_wait")]
    pub lock_wait: Span,
    /// Which verified backups are kept there; `None`: all.
    pub forget: Option<Retention>,
}

/// What is read back after an upload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadBack {
    /// Every file.
    #[default]
    All,
    /// Names and lengths of all files, and about a tenth of the bytes.
    Sample,
    /// Nothing.
    None,
}
