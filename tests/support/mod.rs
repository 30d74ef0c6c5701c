//! What every integration test stands on: real servers, real databases, the real program.
//!
//! Blocking on the outside, so that a test reads like a session at a terminal. No server is a failure, not a skip.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

pub mod authority;
pub mod disk;
pub mod files;
pub mod majors;
pub mod night;
pub mod notify_scenario;
pub mod offsite;
pub mod packages;
pub mod programs;
pub mod samples;
pub mod smtp;
pub mod ssh_agent;
pub mod sshd;
pub mod timestamping;
pub mod web_server;
pub mod fixture_database;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pgwitness::postgres::install;
use pgwitness::postgres::server::{Cluster, ClusterOptions};
use pgwitness::postgres::tools::{CLIENT, PgTools, SERVER};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A row as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// Where a data directory is kept to be copied, so that only the first test of all pays for initdb.
pub fn templates() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates")
}

/// Where servers live: in memory, where there is enough of it for the largest tests side by side. They make and remove files by the
/// ten thousand, and ext4 makes a file the slower, the more were removed in the seconds before.
pub fn servers() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
    let is_ours = || tempfile::tempdir_in(memory).is_ok();
    if free.min(available_memory()) >= MEMORY_FOR_SERVERS && is_ours() { memory.into() } else { "/tmp".into() }
}

/// Bytes: more than twice what was ever seen in use.
const MEMORY_FOR_SERVERS: u64 = 4 << 30;

/// Bytes that programs could still have; 0 where it is unknown.
fn available_memory() -> u64 {
    let all = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = all.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// A server for this test alone; it goes away with the value.
pub fn cluster() -> Cluster {
    cluster_with(ClusterOptions::default())
}

/// The same, with settings, TCP and so on.
pub fn cluster_with(options: ClusterOptions) -> Cluster {
    let options = ClusterOptions { parent: servers(), templates: Some(templates()), ..options };
    Cluster::start(tools(), &options).unwrap_or_else(|error| panic!("{error}"))
}

/// Everything that the server has logged.
pub fn server_log(server: &Cluster) -> String {
    fs::read_to_string(server.data_dir().parent().unwrap().join("log")).unwrap()
}

/// The server under test: the newest on this machine, that in the directory which `PGWITNESS_PG_BINDIR` names, or that of the major
/// version in `PGWITNESS_TEST_MAJOR`.
pub fn tools() -> &'static PgTools {
    static TOOLS: OnceLock<PgTools> = OnceLock::new();
    TOOLS.get_or_init(|| match wanted_major() {
        None => installed().clone(),
        Some(major) => {
            let majors = majors::Majors::find();
            let missing = || panic!("no server of PostgreSQL {major}: {}", majors.not_checked().unwrap_or_default());
            majors.server(major).unwrap_or_else(missing).clone()
        }
    })
}

/// The server that this machine has, whatever version is asked for.
pub fn installed() -> &'static PgTools {
    static TOOLS: OnceLock<PgTools> = OnceLock::new();
    TOOLS.get_or_init(|| find("PGWITNESS_PG_BINDIR", SERVER).unwrap_or_else(|first| install_and_find(&first)))
}

fn wanted_major() -> Option<u32> {
    let major = std::env::var("PGWITNESS_TEST_MAJOR").ok()?;
    Some(major.parse().unwrap_or_else(|_| panic!("PGWITNESS_TEST_MAJOR={major}: not a number")))
}

/// `pg_dump` and its like: those beside the server, else the newest on this machine, which must not be older than the
/// server, those in the directory which `PGWITNESS_PG_CLIENT_BINDIR` names, or those for `PGWITNESS_TEST_MAJOR`.
pub fn client_tools() -> &'static PgTools {
    static TOOLS: OnceLock<PgTools> = OnceLock::new();
    if let Some(major) = wanted_major() {
        let found = || majors::Majors::find().clients(major, major).cloned();
        return TOOLS.get_or_init(|| found().unwrap_or_else(|| panic!("no pg_dump for PostgreSQL {major}")));
    }
    let required = [CLIENT, &["psql"]].concat();
    let beside = || match std::env::var_os("PGWITNESS_PG_CLIENT_BINDIR") {
        None => PgTools::find(Some(&tools().bindir), None, &required),
        Some(_) => Err(pgwitness::base::error::Error::new("others are asked for")),
    };
    let found = || beside().or_else(|_| find("PGWITNESS_PG_CLIENT_BINDIR", &required));
    TOOLS.get_or_init(|| found().unwrap_or_else(|error| panic!("{error}")))
}

fn find(bindir_variable: &str, required: &[&str]) -> pgwitness::base::error::Result<PgTools> {
    let bindir = std::env::var_os(bindir_variable).map(PathBuf::from);
    PgTools::find(bindir.as_deref(), std::env::var("PATH").ok().as_deref(), required)
}

/// On a bare machine: installs it as root or in CI, else says how.
fn install_and_find(first: &pgwitness::base::error::Error) -> PgTools {
    let is_root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    let path = std::env::var("PATH").unwrap_or_default();
    let which = |program: &str| std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    let Some(plan) = install::plan(&which, is_root) else { panic!("{first}") };
    if std::env::var_os("PGWITNESS_PG_BINDIR").is_some() || !(is_root || std::env::var_os("CI").is_some()) {
        panic!("{first}\nThese tests need a PostgreSQL server, which they start themselves. Install it with:\n{plan}");
    }
    let _turn = packages::turn();
    // Another test may have installed it while this one waited.
    find("PGWITNESS_PG_BINDIR", SERVER).unwrap_or_else(|_| {
        eprintln!("no PostgreSQL here, installing it: {plan}");
        install::run(&plan).and_then(|()| find("PGWITNESS_PG_BINDIR", SERVER)).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// The program, in an environment that the machine cannot influence: no PG* variables, an empty home.
pub fn pgwitness() -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgwitness"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home);
    command
}

/// The scripts in a manifest for Kubernetes: the blocks below `- |`.
pub fn scripts_in(yaml: &str) -> Vec<String> {
    let blocks = yaml.split("            - |\n").skip(1);
    let lines =
        |block: &str| block.lines().map_while(|line| line.strip_prefix("              ").map(str::to_owned)).collect();
    blocks.map(|block| -> Vec<String> { lines(block) }).map(|lines| lines.join("\n") + "\n").collect()
}

/// This test binary, started to run one ignored test of the module `module` (what `module_path!` says there) in a process of its own.
pub fn ignored_test(module: &str, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", &test_name(module, test)]);
    command
}

/// The name by which the test binary knows a test.
pub fn test_name(module: &str, test: &str) -> String {
    let (_, module) = module.split_once("::").unwrap();
    format!("{module}::{test}")
}

/// The forms of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `-Fc`
    Custom,
    /// `-Fd`
    Directory,
    /// `-Ft`
    Tar,
    /// `-Fp`
    Plain,
}

/// One database and one superuser connection to it.
pub struct Database {
    /// How to reach it, for the program under test.
    pub conninfo: String,
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Database {
    /// A new, empty database, as the fixtures in `fixtures/databases` expect it.
    pub fn create(cluster: &Cluster, name: &str) -> Self {
        Self::create_like(cluster, name, "template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    }

    /// A copy of a database without a connection to it. By files where there is a choice: it takes half of the CPU time.
    pub fn clone_of(cluster: &Cluster, original: &str, name: &str) -> Self {
        Self::create_like(cluster, name, &pgwitness::model::name::quote_always(original))
    }

    fn create_like(cluster: &Cluster, name: &str, template: &str) -> Self {
        let quoted = pgwitness::model::name::quote_always(name);
        let strategy = if cluster.tools().version.major >= 15 { "STRATEGY file_copy" } else { "" };
        Self::connect(&cluster.conninfo("postgres"))
            .run(&format!("CREATE DATABASE {quoted} TEMPLATE {template} {strategy}"));
        Self::connect(&cluster.conninfo(name))
    }

    /// A connection to a database that exists.
    pub fn connect(conninfo: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(conninfo, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { conninfo: conninfo.to_owned(), runtime, client }
    }

    /// Runs SQL, any number of statements; with more than one, they are one transaction unless they say otherwise.
    pub fn run(&self, sql: &str) {
        self.try_run(sql).unwrap_or_else(|error| panic!("{error}\nin: {}", &sql.chars().take(500).collect::<String>()));
    }

    /// The same, where the server's refusal is what the test is about.
    pub fn try_run(&self, sql: &str) -> Result<(), String> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|error| described(&error))
    }

    /// Runs a file of plain SQL.
    pub fn load_file(&self, file: &Path) {
        let sql = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.try_run(&sql).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// The rows of all the statements in `sql`.
    pub fn query(&self, sql: &str) -> Vec<Row> {
        let messages = self.runtime.block_on(self.client.simple_query(sql));
        let messages = messages.unwrap_or_else(|error| panic!("{}\nin: {sql}", described(&error)));
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()).collect()
    }

    /// The only value of the only row.
    pub fn value(&self, sql: &str) -> String {
        let rows = self.query(sql);
        assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql} gave {rows:?}");
        rows[0][0].clone().unwrap_or_else(|| panic!("{sql} gave NULL"))
    }

    /// Dumps this database into a file (or directory) that does not exist yet, as `nightly` does: with the settings that we
    /// read with.
    pub fn dump(&self, format: Format, target: &Path) {
        self.dump_with(format, target, &pgwitness::postgres::session::pgoptions());
    }

    /// The same, with other settings.
    pub fn dump_with(&self, format: Format, target: &Path, pgoptions: &str) {
        let dumped = self.try_dump_by(client_tools(), format, target, pgoptions);
        dumped.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The same, with client programs of another version.
    pub fn try_dump_by(&self, clients: &PgTools, format: Format, target: &Path, pgoptions: &str) -> Result<(), String> {
        let option = match format {
            Format::Custom => "c",
            Format::Directory => "d",
            Format::Tar => "t",
            Format::Plain => "p",
        };
        let arguments = ["-F", option, "-d", &self.conninfo, "-f"];
        tool(&clients.program("pg_dump"), |c| c.env("PGOPTIONS", pgoptions).args(arguments).arg(target))
    }

    /// Restores a dump into this database, which should be empty. Any complaint of the tool is a failure.
    pub fn restore(&self, format: Format, source: &Path) {
        self.try_restore_by(client_tools(), format, source).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The same, with client programs of another version.
    pub fn try_restore_by(&self, clients: &PgTools, format: Format, source: &Path) -> Result<(), String> {
        match format {
            Format::Plain => tool(&clients.program("psql"), |c| {
                c.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.conninfo, "-f"]).arg(source)
            }),
            _ => tool(&clients.program("pg_restore"), |c| c.args(["-d", &self.conninfo]).arg(source)),
        }
    }

    /// What a night does: dump this one, restore into the other.
    pub fn dump_restore_into(&self, other: &Database, format: Format) {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("dump");
        self.dump(format, &file);
        other.restore(format, &file);
    }
}

/// The server's message, with detail if it has some.
fn described(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            format!("{} {}{}", db.code().code(), db.message(), db.detail().map_or(String::new(), |d| format!(": {d}")))
        }
        None => error.to_string(),
    }
}

/// Runs a program of PostgreSQL in an empty environment. An error is everything that it complained of.
fn tool(program: &Path, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<(), String> {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("PGCLIENTENCODING", "UTF8");
    let output = arguments(&mut command).output().unwrap();
    let complaint = || format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(complaint()) }
}
