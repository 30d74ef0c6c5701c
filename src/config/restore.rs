//! `[restore]`: the server on which a dump is restored and verified.
//!
//! Holds no password.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::defaults;

/// The restore server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreSettings {
    /// A connection string for the restore server; its dbname is only used to create and drop databases. `None`: a run makes a
    /// server of its own and removes it at its end.
    pub url: Option<String>,
    /// Where a run makes the directory of its own server: a disk with room for the restored database.
    pub server_directory: PathBuf,
    /// On a server of its own: pg_restore runs as a superuser. Functions of the source could then run programs as the user of
    /// pgwitness.
    pub superuser: bool,
    /// The password is the first line of this file (mode 0600), when `.pgpass` is not used.
    pub password_file: Option<PathBuf>,
    /// The password is the first line that this command prints: program and arguments.
    pub password_command: Option<Vec<String>>,
    /// The password is in this variable of the environment.
    pub password_env: Option<String>,
    /// Name of the restored copy.
    pub database: String,
    /// Which copy of the dump is restored.
    pub from: CopySource,
    /// What happens to the restored copy after the verdict.
    pub copy: CopyFate,
    /// pg_restore's `--jobs`.
    pub jobs: u16,
    /// pg_restore's `--no-owner`; owners are then not compared, and the report says so.
    pub no_owner: bool,
    /// pg_restore's `--no-privileges`; privileges are then not compared, and the report says so.
    pub no_privileges: bool,
    /// pg_restore's `--no-tablespaces`; tablespaces are then not compared, and the report says so.
    pub no_tablespaces: bool,
    /// Whether pg_restore fills materialized views. Their queries may log in to other servers (dblink, postgres_fdw).
    pub materialized_views: MaterializedViews,
    /// pg_restore's `--role`.
    pub role: Option<String>,
    /// Complaints of pg_restore that are known and harmless, each by two of object, code and message.
    pub accept: Vec<AcceptedError>,
}

impl Default for RestoreSettings {
    fn default() -> Self {
        Self {
            url: None,
            server_directory: PathBuf::from("/var/tmp"),
            superuser: false,
            password_file: None,
            password_command: None,
            password_env: None,
            database: "pgwitness_copy".into(),
            from: CopySource::default(),
            copy: CopyFate::default(),
            jobs: defaults::jobs(),
            no_owner: false,
            no_privileges: false,
            no_tablespaces: false,
            materialized_views: MaterializedViews::default(),
            role: None,
            accept: Vec::new(),
        }
    }
}

/// Which copy of the dump is restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopySource {
    /// The one that pg_dump wrote.
    #[default]
    Local,
    /// What was read back from the off-site repository.
    Offsite,
}

/// Whether pg_restore fills materialized views.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaterializedViews {
    /// It runs their queries.
    #[default]
    Refresh,
    /// They stay as they are defined, without rows.
    Leave,
}

/// What is done with the restored copy after the verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyFate {
    /// Dropped at once.
    #[default]
    Drop,
    /// Kept under `database` until the next run replaces it.
    Replace,
    /// Kept as `DATABASE_<stamp>`, until the user drops it.
    Keep,
}

/// A complaint of pg_restore that is known and harmless.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedError {
    /// As pg_restore names the entry: type, then name, for instance `EXTENSION plpgsql`, `COMMENT EXTENSION plpgsql`.
    #[serde(default)]
    pub object: String,
    /// For instance `42501`.
    #[serde(default)]
    pub sqlstate: String,
    /// The text of the server, for a message whose code or object is not known.
    pub message: Option<String>,
    /// Why it is harmless.
    pub reason: String,
}
