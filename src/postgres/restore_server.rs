//! The restore server of a run without `restore.url`: settings for bulk load, and who may log in.
//!
//! Its superuser could run programs as our operating-system user, and read our key and passwords. So pg_restore and the
//! functions of the restored database never run as the superuser: they run as [`RESTORER`], an ordinary role. The superuser has a
//! random password, because a function of the database may connect to the socket too.

use std::path::{Path, PathBuf};

use crate::base::error::{Context, Error, Result};
use crate::base::text::bytes;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::server::{Cluster, ClusterOptions, random_password, remove_left_over};
use crate::postgres::tools::PgTools;

/// Name of the bootstrap superuser. A role of the source must not have it.
pub const SUPERUSER: &str = "pgwitness_superuser";
/// The role that restores and reads. A role of the source must not have it.
pub const RESTORER: &str = "pgwitness_restorer";
/// What the name of the directory begins with; the id of the run follows.
const PREFIX: &str = "pgwitness-restore-";
/// Users that the server may run as when we are root.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Where the server goes, and what it may use.
#[derive(Debug, Clone)]
pub struct ServerOrder {
    /// Programs of client and server of one version.
    pub tools: PgTools,
    /// The directory that gets the server's own directory: a disk with room for the restored database.
    pub parent: PathBuf,
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// Memory of the machine in bytes, if it is known.
    pub memory: Option<u64>,
    /// Sessions that are open at once.
    pub sessions: usize,
}

/// A running restore server. Dropping it removes it.
#[derive(Debug)]
pub struct RestoreServer {
    cluster: Cluster,
    password: String,
}

impl ServerOrder {
    /// The server's own directory, known before it is made.
    pub fn directory(&self) -> PathBuf {
        self.parent.join(format!("{PREFIX}{}", self.run_id.get(..8).unwrap_or(&self.run_id)))
    }

    fn options(&self) -> ClusterOptions {
        let name = self.directory().file_name().map(|name| name.to_string_lossy().into_owned());
        ClusterOptions {
            settings: settings(self.memory, self.sessions),
            initdb_args: vec!["--data-checksums".into()],
            parent: self.parent.clone(),
            superuser: SUPERUSER.into(),
            demands_password: true,
            name,
            users: USERS.map(str::to_owned).into(),
            ..Default::default()
        }
    }
}

impl RestoreServer {
    /// Makes and starts it; [`RESTORER`] may log in and owns nothing.
    ///
    /// # Errors
    /// The directory exists or cannot be made, initdb fails, the server does not start.
    pub fn start(order: &ServerOrder) -> Result<Self> {
        let cluster = Cluster::start(&order.tools, &order.options())
            .doing(|| format!("start the restore server in {}", order.directory().display()))
            .map_err(|error| {
                error.hint("name another directory in restore.server_directory, or a server in restore.url")
            })?;
        Ok(Self { cluster, password: random_password()? })
    }

    /// A session of the superuser.
    ///
    /// # Errors
    /// The connection string is not understood.
    pub fn admin(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<ConnInfo> {
        let password = self.cluster.password().unwrap_or_default();
        Ok(ConnInfo::resolve(&self.cluster.conninfo("postgres"), environment)?.with_password(password))
    }

    /// A session of [`RESTORER`].
    ///
    /// # Errors
    /// As [`RestoreServer::admin`].
    pub fn login(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<ConnInfo> {
        let conninfo = self.cluster.conninfo("postgres").replace(SUPERUSER, RESTORER);
        Ok(ConnInfo::resolve(&conninfo, environment)?.with_password(&self.password))
    }

    /// The password of [`RESTORER`], for the statement that makes it.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The last lines that the server logged.
    pub fn log_tail(&self) -> String {
        self.cluster.server_log_tail()
    }

    /// Stops it and removes its directory.
    ///
    /// # Errors
    /// One of them fails.
    pub fn stop(self) -> Result<()> {
        self.cluster.stop()
    }
}

/// Removes the directory of a server of an earlier run, and stops the server if it still runs. Nothing is done where there is
/// none.
///
/// # Errors
/// Its name is not one of ours, it belongs to another user, or it cannot be removed.
pub fn remove(directory: &Path, tools: &PgTools) -> Result<()> {
    let doing = || format!("remove the restore server in {}", directory.display());
    let name = directory.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
    if !name.is_some_and(|id| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(Error::new("it is not a directory of pgwitness")).doing(doing);
    }
    match std::fs::symlink_metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).doing(doing),
        Ok(_) => remove_left_over(directory, tools, &USERS.map(str::to_owned)).doing(doing),
    }
}

/// Settings for bulk load on a server that is thrown away: nothing in it must survive a crash.
fn settings(memory: Option<u64>, sessions: usize) -> Vec<(String, String)> {
    const MIB: u64 = 1 << 20;
    // A small machine runs other programs too.
    let memory = memory.unwrap_or(2 << 30);
    let share = |part: u64, most: u64| format!("{}MB", (memory / part / MIB).clamp(16, most));
    let connections = (sessions + 20).to_string();
    let list: [(&str, &str); 17] = [
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("autovacuum", "off"),
        ("max_wal_size", "4GB"),
        ("checkpoint_timeout", "1h"),
        ("shared_buffers", &share(8, 1024)),
        ("maintenance_work_mem", &share(16, 512)),
        ("max_connections", &connections),
        // A manifest locks every table in one transaction.
        ("max_locks_per_transaction", "256"),
        ("unix_socket_permissions", "0700"),
        ("lc_messages", "C"),
        ("log_min_messages", "fatal"),
        ("log_min_error_statement", "panic"),
        ("jit", "off"),
        ("max_worker_processes", "8"),
        ("shared_preload_libraries", ""),
        ("restart_after_crash", "off"),
    ];
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Memory of this machine in bytes: the smaller one of the machine's and the control group's limit. `meminfo` and `limit` are the
/// contents of `/proc/meminfo` and of `memory.max`.
pub fn memory(meminfo: &str, limit: Option<&str>) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    let limit = limit.and_then(|limit| limit.trim().parse::<u64>().ok()).unwrap_or(u64::MAX);
    Some(kib.saturating_mul(1024).min(limit))
}

/// For people: what the server was given.
pub fn describe(order: &ServerOrder) -> String {
    let memory = order.memory.map_or("unknown memory".to_owned(), bytes);
    format!("PostgreSQL {} of our own in {} ({memory})", order.tools.version.text, order.directory().display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_smaller_one_of_machine_and_container() {
        let meminfo = "MemTotal:        2048 kB\nMemFree: 1 kB\n";
        assert_eq!(memory(meminfo, None), Some(2 << 20));
        assert_eq!(memory(meminfo, Some("1048576\n")), Some(1 << 20));
        assert_eq!(memory(meminfo, Some("max\n")), Some(2 << 20));
        assert_eq!(memory("", None), None);
    }

    #[test]
    fn a_directory_of_another_name_is_never_removed() {
        let tools = PgTools {
            bindir: "/nowhere".into(),
            version: crate::postgres::tools::Version { major: 15, minor: 1, text: "15.1".into() },
        };
        let dir = tempfile::tempdir().unwrap();
        for name in ["data", "pgwitness-restore-", "pgwitness-restore-1234567", "pgwitness-restore-1234567g"] {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            assert!(remove(&path, &tools).is_err() && path.exists(), "{name}");
        }
        let ours = dir.path().join("pgwitness-restore-0123abcd");
        assert!(remove(&ours, &tools).is_ok(), "nothing is there");
        std::fs::create_dir(&ours).unwrap();
        remove(&ours, &tools).unwrap();
        assert!(!ours.exists());
    }

    #[test]
    fn a_small_machine_gets_small_buffers() {
        let of = |memory: u64, name: &str| {
            settings(Some(memory), 4).into_iter().find(|(setting, _)| setting == name).map(|(_, value)| value).unwrap()
        };
        assert_eq!(
            (of(2 << 30, "shared_buffers"), of(2 << 30, "maintenance_work_mem")),
            ("256MB".into(), "128MB".into())
        );
        assert_eq!((of(64 << 30, "shared_buffers"), of(1 << 20, "shared_buffers")), ("1024MB".into(), "16MB".into()));
    }
}
