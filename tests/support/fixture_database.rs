//! The small fixtures of `fixtures/databases`: what each needs, how it is loaded, and what the program says of two of them.
//!
//! Never guesses what a server can do: it asks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pgwitness::postgres::server::Cluster;

use super::{Database, client_tools, pgwitness};

/// The folder of everything that tests are made of.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The lines `-- key: value` at the top of a file of SQL.
pub struct Header(Vec<(String, String)>);

impl Header {
    /// Reads up to the first line that is no comment.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let comments = text.lines().map_while(|line| line.strip_prefix("-- "));
        let pairs = comments.filter_map(|line| line.split_once(": "));
        Self(pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect())
    }

    /// Every value of a key, in order.
    pub fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(have, _)| have == key).map(|(_, value)| value.as_str()).collect()
    }

    /// Why a server cannot have what the file is about: too old, or built without something. Asks the server, so that nothing is
    /// left out for another reason.
    pub fn unmet(&self, server: &Database) -> Option<String> {
        let major: u32 = server.value("SHOW server_version_num").parse::<u32>().unwrap() / 10_000;
        if let Some(from) = self.all("from").iter().find(|from| major < from.parse().unwrap()) {
            return Some(format!("is for PostgreSQL {from} and later; this is {major}"));
        }
        let needs = self.all("needs").into_iter().flat_map(str::split_whitespace);
        let lacks = needs.filter(|need| !has(server, need)).collect::<Vec<_>>().join(" ");
        (!lacks.is_empty()).then(|| format!("needs {lacks}, which this server lacks"))
    }
}

fn has(server: &Database, need: &str) -> bool {
    match need {
        "libxml" => server.try_run("SELECT xml '<a/>'").is_ok(),
        extension => {
            let name = pgwitness::model::name::quote_literal(extension);
            server.value(&format!("SELECT count(*) FROM pg_available_extensions WHERE name = {name}")) == "1"
        }
    }
}

/// Whether the server has all of contrib that any fixture needs, and libxml: then nothing may be left out but for its version.
pub fn is_complete(server: &Database) -> bool {
    let fixtures = FixtureDatabase::all();
    let needs = fixtures.iter().flat_map(|fixture| fixture.header.all("needs")).flat_map(str::split_whitespace);
    needs.collect::<BTreeSet<_>>().into_iter().all(|need| has(server, need))
}

/// One file of `fixtures/databases`, and the settings file beside it if there is one.
pub struct FixtureDatabase {
    /// Stem of the file.
    pub name: String,
    /// What it needs.
    pub header: Header,
    file: PathBuf,
}

impl FixtureDatabase {
    /// Every fixture there is, in alphabetical order.
    pub fn all() -> Vec<Self> {
        let files = sql_files(&fixtures().join("databases"));
        files
            .into_iter()
            .filter(|(name, _)| !name.ends_with(".after"))
            .map(|(name, file)| Self::new(name, file))
            .collect()
    }

    fn new(name: String, file: PathBuf) -> Self {
        Self { header: Header::read(&file), name, file }
    }

    /// Those that this server can have; the others are named on standard error.
    pub fn all_on(server: &Database) -> Vec<Self> {
        let (fit, unfit): (Vec<_>, Vec<_>) =
            Self::all().into_iter().partition(|fixture| fixture.header.unmet(server).is_none());
        unfit
            .iter()
            .for_each(|fixture| eprintln!("skipped: {}: {}", fixture.name, fixture.header.unmet(server).unwrap()));
        fit
    }

    /// A new database with this fixture in it; without its settings, so that it can be dumped and cloned as it is.
    pub fn load(&self, cluster: &Cluster, database: &str) -> Database {
        let database = Database::create(cluster, database);
        database.load_file(&self.file);
        database
    }

    /// Settings of the database itself, which neither a dump nor a clone carries. They hold from the next connection on.
    pub fn add_settings(&self, database: &Database) {
        let file = self.file.with_extension("after.sql");
        if file.exists() {
            database.load_file(&file);
        }
    }

    /// The options that run this fixture's assertions, if it has some.
    pub fn checks(&self) -> Vec<String> {
        let folder = fixtures().join("assertions").join(&self.name);
        if folder.is_dir() { vec!["--checks".into(), folder.display().to_string()] } else { vec![] }
    }
}

/// Stem and path of every file of SQL in a folder, in alphabetical order.
pub fn sql_files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "sql"));
    let mut files: Vec<_> = paths.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)).collect();
    files.sort();
    files
}

/// What `pgwitness compare` said of two endpoints.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub exit: Option<i32>,
    /// `KIND OBJECT` of every finding.
    pub findings: BTreeSet<String>,
    /// `OBJECT (SIDE): REASON` of everything that was not looked at.
    pub unchecked: BTreeSet<String>,
    /// The line for people; what went to standard error when there is no result.
    pub line: String,
    /// The report as printed, for what the above leaves out.
    pub report: serde_json::Value,
}

impl Said {
    /// Whether both sides were seen as the same, with nothing left open.
    pub fn is_sound(&self) -> bool {
        self.exit == Some(0) && self.findings.is_empty() && self.unchecked.is_empty()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit {:?}: {}", self.exit, self.line)?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "    {finding}"))?;
        self.unchecked.iter().try_for_each(|unchecked| writeln!(f, "    unchecked: {unchecked}"))
    }
}

/// Compares two endpoints with the program itself.
pub fn compare(expected: &str, actual: &str, options: &[String]) -> Said {
    let mut command = pgwitness();
    command.args(["compare", expected, actual, "--format", "json", "-q", "-j", "2"]).args(options);
    // A dump is read by the pg_restore of the version that wrote it.
    command.arg("--pg-bindir").arg(&client_tools().bindir);
    said(&mut command)
}

/// Saves what an endpoint holds; everything must be readable.
pub fn save_manifest(endpoint: &str, file: &Path, options: &[String]) {
    let mut command = pgwitness();
    command.args(["manifest", endpoint, "-q", "--pg-bindir"]).arg(&client_tools().bindir);
    let output = command.arg(file).args(options).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{endpoint}: {}", String::from_utf8_lossy(&output.stderr));
}

fn said(command: &mut Command) -> Said {
    said_in(&command.output().unwrap())
}

/// What it said on standard output, with `--format json`.
pub fn said_in(output: &Output) -> Said {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str, print: &dyn Fn(&serde_json::Value) -> String| -> BTreeSet<String> {
        report[name].as_array().into_iter().flatten().map(print).collect()
    };
    let finding = |f: &serde_json::Value| format!("{} {}", text(&f["kind"]), text(&f["object"]));
    let unchecked =
        |u: &serde_json::Value| format!("{} ({}): {}", text(&u["object"]), text(&u["side"]), text(&u["reason"]));
    let line = match report["verdict_line"].as_str() {
        Some(line) => line.to_owned(),
        None => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    };
    Said {
        exit: output.status.code(),
        findings: list("findings", &finding),
        unchecked: list("unchecked", &unchecked),
        line,
        report,
    }
}
