//! The restore server of a run without `restore.url`: settings for bulk load, and who may log in.
//!
//! Its superuser could run programs as our operating-system user, and read our key and passwords. So pg_restore and the
//! functions of the restored database run as [`RESTORER`], an ordinary role, unless `restore.superuser` is set. The superuser has
//! a random password, because a function of the database may connect to the socket too.

use std::path::{Path, PathBuf};

use crate::base::error::{Context, Error, Result};
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::server::{Cluster, ClusterOptions, random_password, remove_left_over};
use crate::postgres::tools::PgTools;

/// Name of the bootstrap superuser. A role of the source must not have it.
pub const SUPERUSER: &str = "pgwitness_tmp_superuser";
/// The role that restores and reads. A role of the source must not have it.
pub const RESTORER: &str = "pgwitness_tmp_restorer";
/// Owns the database and its schemas while they are filled: every role of the source is a member, and so may own objects there.
pub const OWNER: &str = "pgwitness_tmp_owner";
/// Digits of the id of the run in the name of the directory.
const RUN_DIGITS: usize = 8;
/// What the name of the directory begins with; the id of the run follows.
const PREFIX: &str = "pgwitness-restore-";

/// Where the server goes, and what it may use.
#[derive(Debug, Clone)]
pub struct ServerOrder {
    /// Programs of client and server of one version.
    pub tools: PgTools,
    /// The directory that gets the server's own directory: a disk with room for the restored database.
    pub parent: PathBuf,
    /// 32 hexadecimal digits, for a server that the journal names; `None` for one that only this process uses.
    pub run_id: Option<String>,
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
    /// The directory of the server of this run, known before it is made.
    pub fn directory(parent: &Path, run_id: &str) -> PathBuf {
        parent.join(format!("{PREFIX}{}", run_id.get(..RUN_DIGITS).unwrap_or(run_id)))
    }

    fn options(&self) -> ClusterOptions {
        let directory = self.run_id.as_ref().map(|run_id| Self::directory(&self.parent, run_id));
        let name = directory.and_then(|directory| Some(directory.file_name()?.to_string_lossy().into_owned()));
        ClusterOptions {
            settings: settings(self.memory, self.sessions),
            initdb_args: vec!["--data-checksums".into()],
            parent: self.parent.clone(),
            superuser: SUPERUSER.into(),
            demands_password: true,
            name,
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
            .doing(|| format!("start the restore server in {}", order.parent.display()))
            .map_err(|error| {
                error.hint("name another directory in restore.server_directory, or a server in restore.url")
            })?;
        Ok(Self { cluster, password: random_password()? })
    }

    /// A session of the superuser.
    ///
    /// # Errors
    /// The connection string is not understood.
    pub fn admin(&self) -> Result<ConnInfo> {
        // Not with the settings of the user's environment, which are for other servers.
        let info = ConnInfo::resolve(&self.cluster.conninfo("postgres"), &|_| None)?;
        Ok(info.with_password(self.cluster.password().unwrap_or_default()))
    }

    /// A session of [`RESTORER`].
    ///
    /// # Errors
    /// As [`RestoreServer::admin`].
    pub fn restorer(&self) -> Result<ConnInfo> {
        let info = ConnInfo::resolve(&self.cluster.conninfo("postgres").replace(SUPERUSER, RESTORER), &|_| None)?;
        Ok(info.with_password(&self.password))
    }

    /// The server, for its settings and directories.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The password of [`RESTORER`], for the statement that makes it.
    pub fn password(&self) -> &str {
        &self.password
    }
}

/// Removes the directory of the server of a run, and stops the server if it still runs. Nothing is done where there is none.
///
/// # Errors
/// Its name is not the one that a run would have chosen, it belongs to another user, or it cannot be removed.
pub fn remove(directory: &Path, tools: &PgTools) -> Result<()> {
    let doing = || format!("remove the restore server in {}", directory.display());
    let name = directory.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
    if !name.is_some_and(|id| id.len() == RUN_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(Error::new("its name is not the one that a run would have chosen")).doing(doing);
    }
    match std::fs::symlink_metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).doing(doing),
        Ok(_) => remove_left_over(directory, tools).doing(doing),
    }
}

/// Settings for bulk load on a server that is thrown away: nothing in it must survive a crash.
fn settings(memory: Option<u64>, sessions: usize) -> Vec<(String, String)> {
    const MIB: u64 = 1 << 20;
    // A small machine runs other programs too.
    let memory = memory.unwrap_or(2 << 30);
    let share = |part: u64, most: u64| format!("{}MB", (memory / part / MIB).clamp(16, most));
    let connections = (sessions + 20).to_string();
    let list: [(&str, &str); 15] = [
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("autovacuum", "off"),
        ("max_wal_size", "1GB"),
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
