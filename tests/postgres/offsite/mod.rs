//! Nights with an off-site repository: real restic, real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

mod failures;
mod from_offsite;
mod restored;
mod s3;
mod stored;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::nightly::server;
use crate::support::Database;
use crate::support::night::{NightlyScenario, names, said};
use crate::support::offsite::{PASSWORD, private, restic_for};

/// A database of its own, a night for it, and an empty repository.
struct OffsiteScenario {
    night: NightlyScenario,
    database: Database,
    /// As restic takes it.
    repository: String,
    /// For restic, besides its repository and password.
    environment: Vec<(String, String)>,
}

impl OffsiteScenario {
    /// With a repository on this disk.
    fn new(name: &str) -> Self {
        let mut scenario = Self::without_repository(name, None);
        scenario.repository = scenario.night.path("repository").display().to_string();
        scenario.configure();
        scenario.init();
        scenario
    }

    fn without_repository(name: &str, repository: Option<String>) -> Self {
        let database = Database::create(server(), name);
        database.run(
            "CREATE TABLE members (id int PRIMARY KEY, name text NOT NULL);
             INSERT INTO members SELECT i, md5(i::text) || md5((i * 7)::text) FROM generate_series(1, 5000) i;",
        );
        let mut night = NightlyScenario::of_database(server(), name);
        night.set("restore", &format!("database = \"copy_of_{name}\""));
        Self { night, database, repository: repository.unwrap_or_default(), environment: Vec::new() }
    }

    fn configure(&mut self) {
        self.night.configure_offsite(&self.repository);
    }

    fn init(&self) {
        let output = self.restic(&["init"]);
        assert!(output.status.success(), "{}", said(&output));
    }

    /// restic itself, as an administrator runs it.
    fn restic(&self, arguments: &[&str]) -> Output {
        let mut command = restic_for(&self.repository);
        command.args(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// What restic prints, which must succeed.
    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.restic(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The snapshots with this tag, oldest first.
    fn snapshots(&self, tag: &str) -> Vec<Value> {
        let printed = self.printed(&["snapshots", "--json", "--tag", tag]);
        serde_json::from_str::<Option<Vec<Value>>>(&printed).unwrap().unwrap_or_default()
    }

    /// A program before the real restic; `$REAL` in the script is that one.
    fn wrap(&mut self, script: &str) {
        self.night.wrap_restic(script);
    }

    /// The last closing.json.
    fn closing(&self) -> Value {
        let dir = self.night.nights().pop().unwrap();
        serde_json::from_slice(&fs::read(dir.join("closing.json")).unwrap()).unwrap()
    }

    /// Demands that everything is there: the dumps that are verified here, with their reports, and no open task.
    fn demand_all_stored(&self) {
        let mut stored: Vec<String> =
            self.snapshots("verified").iter().map(|snapshot| tag(snapshot, "backup")).collect();
        stored.sort();
        assert_eq!(stored, self.night.backups("verified"));
        assert_eq!(self.night.open_journals(), Vec::<String>::new());
        for id in self.night.backups("verified") {
            let dump = self.snapshots(&format!("backup={id}")).into_iter().rfind(|one| has(one, "kind=dump")).unwrap();
            self.demand_equal(&dump, &self.night.path("backups/verified").join(&id), &["backup.json"]);
        }
    }

    /// Demands that a snapshot has the files of a directory, byte for byte.
    fn demand_equal(&self, snapshot: &Value, dir: &Path, except: &[&str]) {
        let name = dir.file_name().unwrap().to_str().unwrap();
        for file in files(dir) {
            let inner = file.strip_prefix(dir).unwrap().to_str().unwrap();
            if except.contains(&inner) {
                continue;
            }
            let output = self.restic(&["dump", snapshot["id"].as_str().unwrap(), &format!("/{name}/{inner}")]);
            assert!(output.status.success(), "{inner}: {}", said(&output));
            assert!(output.stdout == fs::read(&file).unwrap(), "{inner} differs");
        }
    }

    /// Without files that are being written.
    fn locks(&self) -> Vec<String> {
        names(&Path::new(&self.repository).join("locks")).into_iter().filter(|name| name.len() == 64).collect()
    }
}

/// pg_restore reads the dump, and restores nothing.
const NO_RESTORE: &str = "case \"$*\" in *--dbname*) echo 'pg_restore: error: no such thing' >&2; exit 1;; esac
    exec \"$REAL/pg_restore\" \"$@\"";

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names(dir) {
        let path = dir.join(name);
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn has(snapshot: &Value, tag: &str) -> bool {
    snapshot["tags"].as_array().unwrap().iter().any(|other| other == tag)
}

/// The value of a tag `name=value`.
fn tag(snapshot: &Value, name: &str) -> String {
    let tags = snapshot["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap());
    tags.filter_map(|tag| tag.strip_prefix(name)?.strip_prefix('=')).next().unwrap().to_owned()
}
