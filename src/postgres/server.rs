//! A throw-away PostgreSQL server: made, used and removed by us.
//!
//! For the tests, for `demo`, and for a run without `restore.url` ([`crate::postgres::restore_server`]).
//! It never holds data worth keeping (fsync is off), never listens on a network unless asked, never touches a server
//! that another process started, and ends soon after its owner:
//!
//! - dropping a [`Cluster`], also by a panic, stops the server and removes its directory;
//! - Ctrl-C does not reach the server, which runs in a session of its own, and a process that dies of it drops
//!   nothing. The owner of a cluster must therefore catch the signal and drop it, as `demo` does;
//! - what a killed process left behind is found by the next [`Cluster::start`], which stops and removes it.

mod data;
mod home;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::base::error::{Context, Error, Result};
use crate::postgres::tools::PgTools;
pub(super) use data::random_password;
use home::Home;
pub(crate) use home::Owner;
pub(super) use home::remove_left_over;

/// The port that names the socket file of a server without TCP. Each has a directory of its own, so all can share it.
const SOCKET_PORT: u16 = 5432;

/// How often a start is tried when another process takes the free port that we had found.
const PORT_ATTEMPTS: u32 = 5;

/// Options of a throw-away server. Default: socket only, trust, UTF-8.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Server settings by name, unquoted; they win over ours.
    pub settings: Vec<(String, String)>,
    /// Listen on 127.0.0.1 too, on a free port. There, unlike on the socket, a password is asked for.
    pub tcp: bool,
    /// More arguments for initdb, for instance `--data-checksums`.
    pub initdb_args: Vec<String>,
    /// Lines for the top of `pg_hba.conf`.
    pub hba: Vec<String>,
    /// Files in the data directory that only the server can read, for instance a TLS key: name and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// Where our directory goes. Short, since a socket's path is limited to about 100 bytes, and every user must be
    /// able to enter it.
    pub parent: PathBuf,
    /// A directory in which freshly initialised data directories are kept to be copied, which is ten times as fast as
    /// initdb. It is made if missing and never removed. Clusters made from one have the same system identifier.
    pub templates: Option<PathBuf>,
    /// A data directory saved by [`Cluster::save`], to begin with a copy of it instead of an empty server.
    pub saved: Option<PathBuf>,
    /// Name of the bootstrap superuser.
    pub superuser: String,
    /// Asks for a password on the socket too. Otherwise every session on the socket is trusted, also one that a function of
    /// the restored database opens.
    pub demands_password: bool,
    /// Name of our directory; by default one that names its owner process, see `home`.
    pub name: Option<String>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            tcp: false,
            initdb_args: Vec::new(),
            hba: Vec::new(),
            files: Vec::new(),
            parent: PathBuf::from("/tmp"),
            templates: None,
            saved: None,
            superuser: "postgres".into(),
            demands_password: false,
            name: None,
        }
    }
}

/// A running throw-away server. Dropping it removes it.
#[derive(Debug)]
pub struct Cluster {
    tools: PgTools,
    port: u16,
    superuser: String,
    password: Option<String>,
    home: Home,
}

impl Cluster {
    /// Initialises and starts a server, after removing those whose owners have died. Run by root, the server runs as
    /// `nobody`, since it refuses to run as root.
    pub fn start(tools: &PgTools, options: &ClusterOptions) -> Result<Self> {
        Self::build(tools, options).doing(|| "start a throw-away PostgreSQL")
    }

    fn build(tools: &PgTools, options: &ClusterOptions) -> Result<Self> {
        home::sweep(&options.parent, tools);
        let home = Home::create(options)?;
        data::initialise(tools, &home, options)?;
        let has_password = options.tcp || options.demands_password;
        let password = has_password.then(|| data::set_password(tools, &home, &options.superuser)).transpose()?;
        let superuser = options.superuser.clone();
        let mut cluster = Self { tools: tools.clone(), port: SOCKET_PORT, superuser, password, home };
        cluster.add_files(options)?;
        cluster.launch(options)?;
        Ok(cluster)
    }

    /// The directory of the socket, which only the server's user and root can enter.
    pub fn socket_dir(&self) -> &Path {
        self.home.dir()
    }

    /// The port on 127.0.0.1, or without TCP the number in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.home.data()
    }

    /// The superuser's password, which TCP connections need, and those to the socket if so ordered.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The programs it was started with.
    pub fn tools(&self) -> &PgTools {
        &self.tools
    }

    /// How to reach a database through the socket, for libpq and for us.
    pub fn conninfo(&self, dbname: &str) -> String {
        let host = self.socket_dir().display().to_string();
        let port = self.port.to_string();
        conninfo(&[("host", &host), ("port", &port), ("user", &self.superuser), ("dbname", dbname)])
    }

    /// How to reach a database through TCP; none if it was started without.
    pub fn tcp_conninfo(&self, dbname: &str) -> Option<String> {
        let password = self.password()?;
        let port = self.port.to_string();
        let host = ("host", "127.0.0.1");
        Some(conninfo(&[host, ("port", &port), ("user", &self.superuser), ("password", password), ("dbname", dbname)]))
    }

    /// Stops and starts the server, as `pg_ctl restart` does: clients are cut off, data stays.
    pub fn restart(&self) -> Result<()> {
        self.pg_ctl(&["restart", "-m", "fast"]).doing(|| "restart the throw-away PostgreSQL")
    }

    /// Restarts the server with further settings, which win over earlier ones.
    pub fn restart_with(&self, more: &[(&str, &str)]) -> Result<()> {
        let path = self.data_dir().join("postgresql.conf");
        let conf = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
        self.home.write(&path, format!("{conf}{}", lines(more.iter().copied())).as_bytes())?;
        self.restart()
    }

    /// Makes a directory beside the data that only the server's user can enter, for a tablespace.
    pub fn make_directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.home.dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path).doing(|| format!("make {}", path.display()))?;
        self.home.give(&path)?;
        Ok(path)
    }

    /// Stops the server cleanly and leaves a copy of its data directory at `target`, which must not exist yet, for
    /// [`ClusterOptions::saved`]. Roles and databases are in it, our settings and files too.
    pub fn save(self, target: &Path) -> Result<()> {
        self.pg_ctl(&["stop", "-m", "fast"]).doing(|| "stop the throw-away PostgreSQL")?;
        data::copy_stopped(&self.data_dir(), target, &|_| Ok(())).doing(|| format!("save {}", target.display()))
    }

    /// Stops the server and removes its directory, and returns the error, which dropping cannot.
    pub fn stop(self) -> Result<()> {
        self.pg_ctl(&["stop", "-m", "fast"]).doing(|| "stop the throw-away PostgreSQL")?;
        fs::remove_dir_all(self.home.dir()).doing(|| format!("remove {}", self.home.dir().display()))
    }

    /// The last lines that the server logged; empty if it has not logged yet.
    pub fn server_log_tail(&self) -> String {
        let log = fs::read(self.home.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Files must be in place before the server starts, and belong to its user.
    fn add_files(&self, options: &ClusterOptions) -> Result<()> {
        for (name, content) in &options.files {
            self.home.write(&self.data_dir().join(name), content)?;
        }
        let hba = self.data_dir().join("pg_hba.conf");
        let local = if options.demands_password { "scram-sha-256" } else { "trust" };
        let lines = format!("{}\nlocal all all {local}\nhost all all all scram-sha-256\n", options.hba.join("\n"));
        self.home.write(&hba, lines.as_bytes())
    }

    fn launch(&mut self, options: &ClusterOptions) -> Result<()> {
        let initial = self.data_dir().join("postgresql.conf");
        let initial = fs::read_to_string(&initial).doing(|| format!("read {}", initial.display()))?;
        for attempt in 1.. {
            if options.tcp {
                self.port = free_port()?;
            }
            let conf = format!("{initial}\n{}", settings(self.socket_dir(), self.port, options));
            self.home.write(&self.data_dir().join("postgresql.conf"), conf.as_bytes())?;
            let Err(error) = self.pg_ctl(&["start"]) else { break };
            if attempt == PORT_ATTEMPTS || !self.server_log_tail().contains("Address already in use") {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Runs pg_ctl; an error has the last lines of the server's log.
    fn pg_ctl(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.home.command(&self.tools.program("pg_ctl"));
        command.args(arguments).args(["-s", "-w", "-t", "60", "-D"]).arg(self.data_dir());
        if arguments.first() != Some(&"stop") {
            command.arg("-l").arg(self.home.log());
        }
        run(&mut command).map(drop).map_err(|error| {
            let tail = self.server_log_tail();
            let last: Vec<&str> = tail.lines().rev().take(3).collect();
            let last: Vec<&str> = last.into_iter().rev().map(str::trim).collect();
            if last.is_empty() { error } else { Error::new(last.join("; ")) }
        })
    }
}

impl Drop for Cluster {
    /// At once, since nothing in it is worth a checkpoint. `home` then removes the directory; a server that could not
    /// be stopped notices that and ends by itself.
    fn drop(&mut self) {
        if self.data_dir().join("postmaster.pid").exists() {
            let _ = self.pg_ctl(&["stop", "-m", "immediate"]);
        }
    }
}

/// Runs a program to its end and gives its output; an error has the last lines of what it complained about.
fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().doing(|| format!("run {program}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = complaint.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    let cause = if last.is_empty() { output.status.to_string() } else { last };
    Err(Error::new(cause).context(format!("run {program}")))
}

/// Our lines of postgresql.conf, then the caller's, which therefore win.
fn settings(socket_dir: &Path, port: u16, options: &ClusterOptions) -> String {
    let socket_dir = socket_dir.display().to_string();
    let port = port.to_string();
    let ours = [
        ("listen_addresses", if options.tcp { "127.0.0.1" } else { "" }),
        ("port", &port),
        ("unix_socket_directories", &socket_dir),
        // The data need not survive a crash of the machine.
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        // Shared memory in the data directory goes away with it, however the server ends.
        ("dynamic_shared_memory_type", "mmap"),
        // Servers of a suite run side by side, often on a disk in memory.
        ("shared_buffers", "32MB"),
        // Their queries take less time than to compile them.
        ("jit", "off"),
        ("max_wal_size", "128MB"),
        ("min_wal_size", "32MB"),
    ];
    let theirs = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    lines(ours.into_iter().chain(theirs))
}

fn lines<'a>(settings: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    settings.map(|(name, value)| format!("{name} = {}\n", quote_setting(value))).collect()
}

/// A value in postgresql.conf, where a backslash starts an escape.
fn quote_setting(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// A connection string of keywords and values, every value quoted.
fn conninfo(parts: &[(&str, &str)]) -> String {
    let quote = |value: &str| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
    parts.iter().map(|(key, value)| format!("{key}={}", quote(value))).collect::<Vec<_>>().join(" ")
}

/// A port that no process listens on now. Another process may take it before use: see `PORT_ATTEMPTS`.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).doing(|| "find a free port")?;
    Ok(listener.local_addr().doing(|| "find a free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_quotes_and_backslashes_keep_their_meaning() {
        assert_eq!(conninfo(&[("host", "/tmp/x"), ("dbname", r"it's a \")]), r"host='/tmp/x' dbname='it\'s a \\'");
        assert_eq!(quote_setting(r"C:\it's"), r"'C:\\it''s'");
    }

    #[test]
    fn the_callers_settings_come_last_and_win() {
        let options = ClusterOptions { settings: vec![("fsync".into(), "on".into())], ..ClusterOptions::default() };
        let text = settings(Path::new("/tmp/x"), 5432, &options);
        assert!(text.ends_with("fsync = 'on'\n"), "{text}");
        assert!(text.contains("listen_addresses = ''\n"), "{text}");
    }
}
