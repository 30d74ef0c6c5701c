//! One server of every major version, and a copy from one to another that must be judged sound.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use pgwitness::postgres::server::Cluster;

use crate::support::fixture_database;
use crate::support::majors::{self, Majors};
use crate::support::{Database, Format};

/// Ascending pairs that every run tests; the others are tested on demand.
const ALWAYS: [(u32, u32); 6] = [(14, 15), (15, 16), (15, 18), (16, 17), (14, 18), (17, 18)];

/// The servers, and the pairs of versions to test.
pub struct Scenario {
    majors: Majors,
    clusters: BTreeMap<u32, Cluster>,
    /// Source and target.
    pub pairs: Vec<(u32, u32)>,
    /// Saved manifests of sources.
    manifests: tempfile::TempDir,
    saved: Mutex<BTreeSet<PathBuf>>,
}

impl Scenario {
    /// Starts a server of every version present, and names what is not.
    pub fn start() -> Self {
        let majors = Majors::find();
        majors.not_checked().iter().for_each(|line| eprintln!("{line}"));
        let present = majors.present();
        let is_chosen = |pair: &(u32, u32)| {
            pair.0 == pair.1 || ALWAYS.contains(pair) || std::env::var_os("PGWITNESS_ALL_PAIRS").is_some()
        };
        let ascending = present.iter().flat_map(|from| present.iter().map(move |to| (*from, *to)));
        let chosen = ascending.filter(|(from, to)| from <= to).filter(is_chosen);
        let (pairs, without): (Vec<_>, Vec<_>) = chosen.partition(|(from, to)| majors.clients(*from, *to).is_some());
        without
            .iter()
            .for_each(|(from, to)| eprintln!("not checked from {from} to {to}: no pg_dump of a version between"));
        assert!(!pairs.is_empty(), "nothing can be checked: no pg_dump for any of PostgreSQL {present:?}");
        let clusters = present.iter().map(|major| (*major, majors.start(*major))).collect();
        Self { majors, clusters, pairs, manifests: tempfile::tempdir().unwrap(), saved: Mutex::default() }
    }

    /// Versions that are a source of some pair.
    pub fn sources(&self) -> BTreeSet<u32> {
        self.pairs.iter().map(|(from, _)| *from).collect()
    }

    /// A connection to the maintenance database of a server.
    pub fn server(&self, major: u32) -> Database {
        Database::connect(&self.clusters[&major].conninfo("postgres"))
    }

    /// The directory of a server's socket.
    pub fn socket(&self, major: u32) -> &Path {
        self.clusters[&major].socket_dir()
    }

    /// A new database.
    pub fn create(&self, major: u32, name: &str) -> Database {
        Database::create(&self.clusters[&major], name)
    }

    /// Removes a database, for the space.
    pub fn drop(&self, major: u32, name: &str) {
        let name = pgwitness::model::name::quote_always(name);
        let _ = self.server(major).try_run(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    /// Makes the roles of every source on every other server.
    pub fn copy_roles(&self) {
        for from in self.clusters.keys() {
            for to in self.clusters.keys().filter(|to| *to != from) {
                majors::copy_roles(&self.server(*from), &self.server(*to));
            }
        }
    }

    /// Copies a database by dump and restore, compares the copy with `expected`, and gives what is wrong; nothing for a sound copy.
    /// The copy is removed.
    pub fn complaint(&self, source: &Database, expected: &str, name: &str, (from, to): (u32, u32)) -> Option<String> {
        let copy = format!("copy_of_{name}_from_{from}");
        let target = self.create(to, &copy);
        let files = tempfile::tempdir().unwrap();
        let dump = files.path().join("dump");
        let wrong = self.restore(source, &target, &dump, (from, to)).err();
        let wrong = wrong.or_else(|| complaint(source, expected, &target));
        drop(target);
        self.drop(to, &copy);
        wrong.map(|wrong| format!("{name}, PostgreSQL {from} to {to}: {wrong}"))
    }

    /// The saved manifest of a source that is copied more than once. Others wait while it is read: they may need the same one.
    pub fn manifest(&self, source: &Database, name: &str, major: u32) -> String {
        let file = self.manifests.path().join(format!("{name}_{major}.json"));
        let mut saved = self.saved.lock().unwrap();
        if saved.insert(file.clone()) {
            fixture_database::save_manifest(&source.conninfo, &file, &[]);
        }
        file.to_str().unwrap().to_owned()
    }

    /// Copies a database by dump and restore.
    ///
    /// # Errors
    /// What the programs complained of.
    pub fn restore(&self, source: &Database, target: &Database, dump: &Path, pair: (u32, u32)) -> Result<(), String> {
        let clients = self.majors.clients(pair.0, pair.1).unwrap();
        source.try_dump_by(clients, Format::Custom, dump, &pgwitness::postgres::session::pgoptions())?;
        target.try_restore_by(clients, Format::Custom, dump)
    }
}

/// A copy is sound but for the versions of extensions, which no dump carries: those must be found, and nothing else.
fn complaint(source: &Database, expected: &str, target: &Database) -> Option<String> {
    let versions = |database: &Database| -> BTreeSet<Vec<Option<String>>> {
        database.query("SELECT extname, extversion FROM pg_extension").into_iter().collect()
    };
    let (here, there) = (versions(source), versions(target));
    let changed = here.difference(&there).map(|row| format!("changed extension {}", row[0].as_deref().unwrap()));
    let changed: BTreeSet<String> = changed.collect();
    let said = fixture_database::compare(expected, &target.conninfo, &[]);
    let exit = if changed.is_empty() { 0 } else { 1 };
    let is_right = said.exit == Some(exit) && said.findings == changed && said.unchecked.is_empty();
    (!is_right).then(|| said.to_string())
}
