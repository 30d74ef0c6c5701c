//! A machine for nights: a server for the copy, directories, a key, a configuration; and the real program.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pgwitness::postgres::server::Cluster;
use serde_json::Value;
use tempfile::TempDir;

use super::programs::put_program;
use super::{client_tools, pgwitness};

/// Everything below one directory, gone with the value.
pub struct NightlyScenario {
    dir: TempDir,
    /// Where runs make servers, once one may.
    server_directory: Option<TempDir>,
    /// Sections and lines of the configuration; a test may change them before a run.
    pub sections: Vec<(String, Vec<String>)>,
    /// Further variables for the program.
    pub environment: Vec<(String, String)>,
}

/// A line of TOML with a text.
pub fn text(key: &str, value: impl AsRef<Path>) -> String {
    format!("{key} = {:?}", value.as_ref().to_str().unwrap())
}

impl NightlyScenario {
    /// With this `[source]`; the copy goes to `cluster`.
    pub fn new(cluster: &Cluster, source: Vec<(String, Vec<String>)>) -> Self {
        // A repository of restic alone makes and removes hundreds of directories.
        Self::new_in(&super::servers(), cluster, source)
    }

    /// The same, below another directory.
    pub fn new_in(parent: &Path, cluster: &Cluster, source: Vec<(String, Vec<String>)>) -> Self {
        let dir = tempfile::Builder::new().prefix("night-").tempdir_in(parent).unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut sections = source;
        let mut add = |name: &str, lines: Vec<String>| sections.push((name.to_owned(), lines));
        add(
            "dump",
            vec![
                text("directory", at("backups")),
                text("pg_bindir", &client_tools().bindir),
                "jobs = 2".into(),
                "compression = \"1\"".into(),
            ],
        );
        add(
            "restore",
            vec![text("url", cluster.conninfo("postgres")), text("database", "night_copy"), "jobs = 2".into()],
        );
        add("verify", vec![]);
        add("retention", vec!["keep_last = 2".into()]);
        add("report", vec![text("directory", at("reports")), text("key", at("key"))]);
        add("hooks", vec![]);
        add("state", vec![text("directory", at("state"))]);
        let scenario = Self { dir, server_directory: None, sections, environment: Vec::new() };
        let key = scenario.path("key");
        assert!(pgwitness().arg("keygen").arg(&key).output().unwrap().status.success());
        scenario.demand(&["init"], 0);
        scenario
    }

    /// A night whose source is a database of any server.
    pub fn of_database(cluster: &Cluster, dbname: &str) -> Self {
        let source = vec!["kind = \"postgres\"".into(), text("url", cluster.conninfo(dbname))];
        Self::new(cluster, vec![("source".into(), source)])
    }

    /// Without `restore.url`: a run makes its own server.
    pub fn use_own_server(&mut self) {
        let servers = tempfile::Builder::new().prefix("night-servers-").tempdir_in(super::servers()).unwrap();
        // Run by root, the server has a user of its own, who must be able to enter.
        for dir in [&self.path(""), servers.path()] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let (_, lines) = self.sections.iter_mut().find(|(section, _)| section == "restore").unwrap();
        *lines = vec![text("server_directory", servers.path()), "jobs = 2".into()];
        self.server_directory = Some(servers);
    }

    /// Where runs make their servers.
    pub fn server_directory(&self) -> &Path {
        self.server_directory.as_ref().unwrap().path()
    }

    /// What is left of servers that runs made.
    pub fn servers(&self) -> Vec<String> {
        self.server_directory.as_ref().map_or_else(Vec::new, |dir| names(dir.path()))
    }

    /// Something below its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces or adds one line of a section, by its key.
    pub fn set(&mut self, section: &str, line: &str) {
        let key = line.split('=').next().unwrap().trim().to_owned();
        let (_, lines) = self.sections.iter_mut().find(|(name, _)| name == section).unwrap();
        lines.retain(|old| old.split('=').next().unwrap().trim() != key);
        lines.push(line.to_owned());
    }

    /// Writes the configuration as it is now.
    pub fn config(&self) -> PathBuf {
        let mut toml = String::new();
        for (name, lines) in &self.sections {
            writeln!(toml, "[{name}]\n{}\n", lines.join("\n")).unwrap();
        }
        let path = self.path("pgwitness.toml");
        fs::write(&path, toml).unwrap();
        path
    }

    /// The program with this command, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pgwitness();
        command.args(arguments).arg("--config").arg(self.config());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command and demands an exit code; gives all that was said.
    pub fn demand(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    /// Names in one of the places of the backup directory.
    pub fn backups(&self, place: &str) -> Vec<String> {
        names(&self.path("backups").join(place))
    }

    /// Directories of reports, finished or not, oldest first.
    pub fn nights(&self) -> Vec<PathBuf> {
        let dir = self.path("reports");
        names(&dir).into_iter().map(|name| dir.join(name)).filter(|path| path.is_dir()).collect()
    }

    /// The reports, oldest first.
    pub fn reports(&self) -> Vec<Value> {
        let dir = self.path("reports");
        let read = |name: &String| fs::read(dir.join(name).join("report.json")).ok();
        let reports = names(&dir);
        let mut read: Vec<Value> =
            reports.iter().filter_map(read).map(|bytes| serde_json::from_slice(&bytes).unwrap()).collect();
        read.sort_by_key(|report| report["times"]["started_at"].to_string());
        read
    }

    /// The only report.
    pub fn report(&self) -> Value {
        let reports = self.reports();
        assert_eq!(reports.len(), 1);
        reports[0].clone()
    }

    /// Journals that still owe something.
    pub fn open_journals(&self) -> Vec<String> {
        let names = names(&self.path("state").join("runs"));
        names.into_iter().filter(|name| name.ends_with(".journal")).collect()
    }

    /// A directory with PostgreSQL's programs where `program` is this shell script; `$REAL` in it is the directory of the real ones.
    pub fn wrap(&mut self, program: &str, script: &str) {
        let real = client_tools().bindir.clone();
        let bin = self.path(&format!("bin-{program}"));
        fs::create_dir_all(&bin).unwrap();
        for entry in fs::read_dir(&real).unwrap() {
            let from = entry.unwrap().path();
            let to = bin.join(from.file_name().unwrap());
            if !to.exists() {
                std::os::unix::fs::symlink(&from, &to).unwrap();
            }
        }
        let file = bin.join(program);
        fs::remove_file(&file).ok();
        // A program is asked for its version first.
        let script = format!(
            "#!/bin/sh\nREAL={}\nif [ \"$1\" = --version ]; then exec \"$REAL/{program}\" --version; fi\n{script}\n",
            real.display()
        );
        put_program(&file, &script);
        self.set("dump", &text("pg_bindir", &bin));
    }
}

/// All that a program said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Names in a directory, in order.
pub fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
