//! `[[files]]`: directories that belong to the database, for instance uploads.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Span, defaults};

/// One directory: on this host, or on another one by rsync over ssh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesSettings {
    /// Unique: of its snapshots, and in reports.
    pub name: String,
    /// Absolute path of the directory on its host.
    pub path: PathBuf,
    /// The host; `None`: this one.
    pub host: Option<String>,
    /// The user there.
    pub user: Option<String>,
    /// The port of its SSH server; `None`: 22.
    pub port: Option<u16>,
    /// The private key, without a passphrase.
    pub key_file: Option<PathBuf>,
    /// The key of the host, as OpenSSH stores it.
    pub known_hosts: Option<PathBuf>,
    /// Snapshots are below this directory, in one of the name of the section.
    pub directory: PathBuf,
    /// What is left out: patterns of rsync without `**`, `[` and `\`.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// A run with more than this percentage of the files of the last verified snapshot missing has a finding: 0 to 99.
    pub max_shrink_percent: Option<u8>,
    /// The copy is stopped after this time.
    #[serde(default = "defaults::files_timeout")]
    pub timeout: Span,
    /// rsync, if it is not the one in `PATH`.
    pub rsync: Option<PathBuf>,
}

impl FilesSettings {
    /// `/srv/media` or `user@host:/srv/media`.
    pub fn source(&self) -> String {
        let path = self.path.display();
        match (&self.host, &self.user) {
            (Some(host), Some(user)) => format!("{user}@{host}:{path}"),
            (Some(host), None) => format!("{host}:{path}"),
            (None, _) => path.to_string(),
        }
    }

    /// The directory of its snapshots.
    pub fn snapshots(&self) -> PathBuf {
        self.directory.join(&self.name)
    }
}
