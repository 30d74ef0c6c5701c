//! Servers and client programs of every supported major version that this machine has.
//!
//! They are the installed ones and those in the directory that `PGWITNESS_TEST_SERVERS` names (made by
//! `tests/get_postgresql.sh`). A version that is not there is named on standard error, once, in one line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pgwitness::postgres::server::{Cluster, ClusterOptions};
use pgwitness::postgres::tools::{CLIENT, PgTools, SERVER};

use super::{Database, installed, servers, templates};

/// The major versions that the README promises.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 14..=18;

/// What this machine has, by major version.
pub struct Majors {
    servers: BTreeMap<u32, PgTools>,
    clients: BTreeMap<u32, PgTools>,
}

impl Majors {
    /// Looks at all places. The installed server is always among them; without one the tests fail.
    pub fn find() -> Self {
        Self::among(installed(), &directories())
    }

    /// Among directories of one version, the first with the program wins.
    pub fn among(installed: &PgTools, directories: &[PathBuf]) -> Self {
        let by_major = |required: &[&str]| {
            let found = directories.iter().filter_map(|dir| PgTools::find(Some(dir), None, required).ok());
            let mut tools = BTreeMap::new();
            for one in found.filter(|one| SUPPORTED.contains(&one.version.major)) {
                tools.entry(one.version.major).or_insert(one);
            }
            tools
        };
        let mut servers = by_major(SERVER);
        servers.insert(installed.version.major, installed.clone());
        Self { servers, clients: by_major(&[CLIENT, &["psql"]].concat()) }
    }

    /// The server of one version.
    pub fn server(&self, major: u32) -> Option<&PgTools> {
        self.servers.get(&major)
    }

    /// Versions with a server, in ascending order.
    pub fn present(&self) -> Vec<u32> {
        self.servers.keys().copied().collect()
    }

    /// pg_dump and pg_restore for a copy from one version to another: not older than the source, and not newer than the target,
    /// which may refuse what a newer pg_restore sets. The source's own come first: pg_dump of a newer major but an older minor
    /// release does not know what the server's last minor release keeps for itself. Where there is none, the next newer one below
    /// 17 will do: 17 is the first that sets something older servers refuse.
    pub fn clients(&self, source: u32, target: u32) -> Option<&PgTools> {
        let fit = self.clients.range(source..=target).next();
        let next = || self.clients.range(source..).next().filter(|(major, _)| **major < 17);
        fit.or_else(next).map(|(_, tools)| tools)
    }

    /// `not checked on PostgreSQL 14, 16: …`; none when every version was there.
    pub fn not_checked(&self) -> Option<String> {
        let missing: Vec<String> = SUPPORTED.filter(|m| !self.servers.contains_key(m)).map(|m| m.to_string()).collect();
        (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            format!(
                "not checked on PostgreSQL {missing}: no server found (tests/get_postgresql.sh DIR; PGWITNESS_TEST_SERVERS=DIR)"
            )
        })
    }

    /// Starts a server of this version, which must be present.
    pub fn start(&self, major: u32) -> Cluster {
        let tools = self.server(major).unwrap_or_else(|| panic!("no server of PostgreSQL {major}"));
        // Publications and subscriptions are among the definitions.
        let settings = vec![("wal_level".into(), "logical".into())];
        let options =
            ClusterOptions { parent: servers(), templates: Some(templates()), settings, ..Default::default() };
        Cluster::start(tools, &options).unwrap_or_else(|error| panic!("PostgreSQL {major}: {error}"))
    }
}

/// Installed servers first; then, in the directory of other versions, `s17` before `17`: it has contrib and ICU.
fn directories() -> Vec<PathBuf> {
    let mut found = children(Path::new("/usr/lib/postgresql"));
    if let Some(dir) = std::env::var_os("PGWITNESS_TEST_SERVERS") {
        let inside = children(Path::new(&dir));
        assert!(!inside.is_empty(), "PGWITNESS_TEST_SERVERS={}: no servers there", dir.display());
        found.extend(inside);
    }
    found
}

/// `DIR/*/bin`, in descending order of names.
fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.path().join("bin")).filter(|dir| dir.is_dir()).collect();
    dirs.sort();
    dirs.reverse();
    dirs
}

/// Makes the roles of one server on another: a dump of one database does not carry them.
pub fn copy_roles(from: &Database, to: &Database) {
    let missing = |server: &Database| -> Vec<String> {
        let rows = server.query("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper ORDER BY 1");
        rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
    };
    let have = missing(to);
    for role in missing(from).iter().filter(|role| !have.contains(role)) {
        to.run(&format!("CREATE ROLE {} NOLOGIN", pgwitness::model::name::quote_always(role)));
    }
}
