//! A database full of traps, what `COPY … TO STDOUT` says of it, and its dumps. The server is gone once they are made.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

use pgwitness::model::name::{Name, quote_ident};
use tempfile::TempDir;

/// So that text is the same on both ways.
const PINNED: &str = "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 \
                      -c bytea_output=hex -c client_encoding=UTF8";

pub struct Traps {
    dir: TempDir,
    /// What COPY prints, by table.
    pub rows: BTreeMap<Name, Vec<u8>>,
    pub large_objects: BTreeMap<u32, Vec<u8>>,
}

/// The database that running tests share; it is removed when the last of them is done.
pub fn traps() -> Arc<Traps> {
    static SHARED: Mutex<Weak<Traps>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
    shared.upgrade().unwrap_or_else(|| {
        let traps = Arc::new(Traps::make());
        *shared = Arc::downgrade(&traps);
        traps
    })
}

impl Traps {
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn make() -> Self {
        let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let server = Server::start(&dir.path().join("server"));
        server.psql(&["-c", "CREATE DATABASE traps TEMPLATE template0"], "postgres");
        let sql = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/archive/traps.sql");
        server.psql(&["-f", sql], "traps");
        for (name, options) in [
            ("custom", &["-Fc"][..]),
            ("custom-plain", &["-Fc", "-Z0"]),
            ("directory", &["-Fd"]),
            ("directory-plain", &["-Fd", "-Z0", "-j2"]),
            ("tar", &["-Ft"]),
            ("sql", &["-Fp"]),
            ("create.sql", &["-Fp", "-C", "--verbose"]),
            ("root", &["-Fc", "--load-via-partition-root"]),
            ("inserts", &["-Fc", "--inserts"]),
            ("inserts.sql", &["-Fp", "--inserts"]),
            ("schema", &["-Fc", "--schema-only"]),
            ("data", &["-Fc", "--data-only"]),
            ("data.sql", &["-Fp", "--data-only"]),
        ] {
            server.dump(options, &dir.path().join(name));
        }
        fs::write(dir.path().join("piped"), server.dump_to_pipe()).unwrap();
        let (rows, large_objects) = (server.rows(), server.large_objects());
        Self { dir, rows, large_objects }
    }
}

/// The program of that name that belongs to the PostgreSQL under test.
pub fn program(name: &str) -> PathBuf {
    let output = Command::new("pg_config").arg("--bindir").output();
    let said = output.ok().map(|o| PathBuf::from(String::from_utf8(o.stdout).unwrap().trim()));
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    let found = said.into_iter().chain(packaged).map(|dir| dir.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed"))
}

struct Server {
    dir: PathBuf,
}

impl Server {
    fn start(dir: &Path) -> Self {
        fs::create_dir(dir).unwrap();
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(dir));
        }
        let data = dir.join("data");
        let server = Self { dir: dir.to_owned() };
        let locale = ["-U", "postgres", "--auth=trust", "--locale=C.UTF-8", "-E", "UTF8", "-N", "-D"];
        run(unprivileged("initdb").args(locale).arg(&data));
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off", dir.display());
        let start = ["-w", "start", "-o", &options, "-l"];
        run(unprivileged("pg_ctl").args(start).arg(dir.join("log")).arg("-D").arg(&data));
        server
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command.env("PGHOST", &self.dir).env("PGUSER", "postgres").env("PGOPTIONS", PINNED);
        command
    }

    fn psql(&self, arguments: &[&str], database: &str) -> Vec<u8> {
        let strict = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];
        run(self.client("psql").args(strict).args(arguments).args(["-d", database]))
    }

    fn query(&self, sql: &str) -> String {
        String::from_utf8(self.psql(&["-c", sql], "traps")).unwrap()
    }

    fn dump(&self, options: &[&str], path: &Path) {
        run(self.client("pg_dump").args(options).arg("-f").arg(path).arg("traps"));
    }

    /// Made through a pipe, an archive does not know where its entries are.
    fn dump_to_pipe(&self) -> Vec<u8> {
        run(self.client("pg_dump").args(["-Fc", "traps"]))
    }

    fn rows(&self) -> BTreeMap<Name, Vec<u8>> {
        let tables = self.query(
            "SELECT encode(convert_to(nspname, 'UTF8'), 'hex'), encode(convert_to(relname, 'UTF8'), 'hex'),
                    (SELECT string_agg(encode(convert_to(attname, 'UTF8'), 'hex'), ',' ORDER BY attnum)
                     FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '')
             FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
             WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema)'",
        );
        let unhex = |text: &str| String::from_utf8(hex::decode(text).unwrap()).unwrap();
        let read = |line: &str| {
            let parts: Vec<_> = line.split('|').collect();
            let name = Name::new(unhex(parts[0]), unhex(parts[1]));
            let columns: Vec<_> =
                parts[2].split(',').filter(|c| !c.is_empty()).map(|c| quote_ident(&unhex(c))).collect();
            let list = if columns.is_empty() { String::new() } else { format!("({})", columns.join(", ")) };
            let rows = self.psql(&["-c", &format!("COPY {} {list} TO STDOUT", name.sql())], "traps");
            (name, rows)
        };
        tables.lines().map(read).collect()
    }

    fn large_objects(&self) -> BTreeMap<u32, Vec<u8>> {
        let lines = self.query("SELECT oid, encode(lo_get(oid), 'hex') FROM pg_largeobject_metadata");
        // encode wraps nothing in hex, so a line is an object.
        let objects = lines.lines().map(|line| line.split_once('|').unwrap());
        objects.map(|(oid, bytes)| (oid.parse().unwrap(), hex::decode(bytes).unwrap())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = unprivileged("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-D"]).arg(self.dir.join("data")).stdout(Stdio::null());
        let _ = stop.status();
    }
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")) == b"0\n"
}

/// PostgreSQL refuses to run as root.
fn unprivileged(name: &str) -> Command {
    if !is_root() {
        return Command::new(program(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program(name));
    command
}

fn run(command: &mut Command) -> Vec<u8> {
    // The server inherits these: a pipe would stay open for as long as it runs.
    let is_server = format!("{command:?}").contains("\"start\"");
    let output = if is_server {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        return if status.success() { Vec::new() } else { panic!("{command:?}: {status}") };
    } else {
        command.current_dir("/").output().unwrap()
    };
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
