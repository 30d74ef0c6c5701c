//! Two equal databases, the program, and ways to catch it in the middle of its work.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use pgwitness::postgres::server::Cluster;

use crate::support::{self, Database};

/// Whatever takes longer hangs.
const LIMIT: Duration = Duration::from_secs(90);

/// One server for all tests that run at the same time; it goes away with the last of them.
pub fn server() -> Arc<Cluster> {
    static SERVER: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut server = SERVER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    server.upgrade().unwrap_or_else(|| {
        let started = Arc::new(support::cluster());
        *server = Arc::downgrade(&started);
        started
    })
}

/// A name that no other test has.
pub fn fresh(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{what}_{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Two databases made by the same SQL.
pub struct Pair {
    pub expected: Database,
    pub actual: Database,
    pub server: Arc<Cluster>,
}

impl Pair {
    pub fn new(sql: &str) -> Self {
        Self::on(server(), sql)
    }

    pub fn on(server: Arc<Cluster>, sql: &str) -> Self {
        let name = fresh("pair");
        let side = |which: &str| {
            let database = Database::create(&server, &format!("{name}_{which}"));
            database.run(sql);
            database
        };
        Self { expected: side("expected"), actual: side("actual"), server }
    }

    /// A role that may log in, and on both sides read nothing but what `grants` says.
    pub fn role(&self, grants: &str) -> String {
        let role = fresh("reader");
        self.expected.run(&format!("CREATE ROLE {role} LOGIN"));
        for side in [&self.expected, &self.actual] {
            if !grants.is_empty() {
                side.run(&grants.replace("ROLE", &role));
            }
        }
        role
    }

    /// `compare`, both sides as this role.
    pub fn compare_as(&self, role: &str, arguments: &[&str]) -> Said {
        let side = |database: &Database| database.conninfo.replace("user='postgres'", &format!("user='{role}'"));
        start(&[&["compare", &side(&self.expected), &side(&self.actual)], arguments].concat()).end()
    }

    pub fn compare(&self, arguments: &[&str]) -> Said {
        self.start(arguments).end()
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        start(&[&["compare", &self.expected.conninfo, &self.actual.conninfo], arguments].concat())
    }

    /// Starts a comparison and holds it (SIGSTOP) when one side is in the middle of sending a table, which must be large.
    pub fn caught_sending(&self, side: &Database, table: &str, arguments: &[&str]) -> Running {
        let lock = lock(side, table);
        let running = self.start(arguments);
        let waits = format!("{} AND query LIKE 'COPY%' AND wait_event_type = 'Lock'", ours(side));
        until("the table is being waited for", || self.count(&waits) > 0);
        running.signal("STOP");
        drop(lock);
        let sends = format!("{} AND query LIKE 'COPY%' AND wait_event = 'ClientWrite'", ours(side));
        until("the table is being sent", || self.count(&sends) > 0);
        running
    }

    /// Ends those of our sessions on a side of which this is true.
    pub fn terminate(&self, side: &Database, condition: &str) {
        let sessions = ours(side);
        let first = format!("(SELECT min(backend_start) FROM pg_stat_activity WHERE {sessions})");
        let condition = condition.replace("HOLDER", &format!("backend_start = {first}"));
        let sql =
            format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {sessions} AND ({condition})");
        assert_ne!(side.value(&sql), "0", "nothing to terminate");
    }

    /// Sessions of which this is true.
    pub fn count(&self, condition: &str) -> u32 {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE {condition}");
        self.expected.value(&sql).parse().unwrap()
    }
}

/// The sessions of the program on a side.
pub fn ours(side: &Database) -> String {
    format!("application_name = 'pgwitness' AND datname = '{}'", side.value("SELECT current_database()"))
}

/// A session that holds a table exclusively until dropped.
pub fn lock(side: &Database, table: &str) -> Database {
    let session = Database::connect(&side.conninfo);
    session.run("BEGIN");
    session.run(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
    session
}

pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn start(arguments: &[&str]) -> Running {
    start_with(arguments, |command| command)
}

pub fn start_with(arguments: &[&str], prepare: impl FnOnce(&mut Command) -> &mut Command) -> Running {
    let mut command = support::pgwitness();
    let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    // A pg_restore that is not older than the pg_dump of these tests.
    command.env("PGWITNESS_PG_BINDIR", &support::client_tools().bindir);
    command.args(arguments).stdin(Stdio::null());
    command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let child = prepare(&mut command).spawn().unwrap();
    Running { child, out, err }
}

/// The program at work; killed when the test fails.
pub struct Running {
    child: Child,
    out: File,
    err: File,
}

impl Running {
    pub fn signal(&self, name: &str) {
        // The shell's own: a bare machine has no program of that name.
        let command = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn end(mut self) -> Said {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                start.elapsed() < LIMIT,
                "it hangs; so far it said:\n{}{}",
                read(&mut self.out),
                read(&mut self.err)
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        Said { code, out: read(&mut self.out), err: read(&mut self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &mut File) -> String {
    use std::io::Seek as _;
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What the program said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The exit code, and everything that must be said somewhere.
    #[track_caller]
    pub fn is(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "nothing says {word:?}:\n{self}");
        }
        assert!(!self.err.contains("panicked"), "{self}");
        self
    }

    /// No verdict, but one line of error with what to do, and nothing that looks like a result.
    #[track_caller]
    pub fn is_error(&self, words: &[&str]) -> &Self {
        self.is(2, words);
        assert_eq!(self.out, "", "{self}");
        assert_eq!(self.err.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{self}");
        self
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

/// A file in a directory of its own.
pub fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}
