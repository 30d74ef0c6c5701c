//! Everything pgwitness does, on a server that lives only as long as this: copy, compare, wound, compare, sign.
//!
//! Never touches a server, a database or a file that it did not make. Dropping a [`Demo`], also half way, stops the
//! server and removes the one directory that everything is in. Never prints.

mod paper;
mod wounds;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub use paper::{IDENTITY, Paper};
pub use wounds::{ASSERTIONS, WOUNDS, Wound};

use crate::cluster::{Cluster, ClusterOptions};
use crate::compare::Request;
use crate::comparison::{self, Comparison, Job};
use crate::conninfo::{ConnInfo, Connection};
use crate::endpoint::{Endpoint, OpenOptions};
use crate::error::{Context, Error, Result};
use crate::live::LiveOptions;
use crate::name::quote_always;
use crate::pairing::Show;
use crate::pgerror::describe_error;
use crate::pgtools::PgTools;
use crate::progress::{Side, nobody};
use crate::time::Timestamp;
use crate::verdict::{Outcome, Verdict};

/// The database that is copied.
pub const SOURCE: &str = "club";
/// Its copy.
pub const COPY: &str = "club_copy";

const WORLD: &str = include_str!("../../fixtures/databases/club.sql");

/// The environment of the user has no say here: `PGHOST` and its like are for real databases.
const NO_ENVIRONMENT: &dyn Fn(&str) -> Option<String> = &|_| None;

/// A throw-away server and what it is used for.
pub struct Demo {
    cluster: Cluster,
    jobs: usize,
    now: fn() -> Timestamp,
}

/// Whether exactly what was done was named.
pub fn is_exact(wound: &Wound, outcome: &Outcome) -> bool {
    let mut found: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
    found.sort();
    found == wound.expected() && outcome.unchecked.is_empty()
}

impl Demo {
    /// Starts the server. `jobs`: sessions for each side; `now` is the clock.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(tools: &PgTools, jobs: usize, now: fn() -> Timestamp) -> Result<Self> {
        // It would only take time from what is shown.
        let settings = vec![("autovacuum".to_owned(), "off".to_owned())];
        let options = ClusterOptions { settings, ..ClusterOptions::default() };
        Ok(Self { cluster: Cluster::start(tools, &options)?, jobs, now })
    }

    /// The directory of the server and of everything else, gone in the end.
    pub fn dir(&self) -> &Path {
        self.cluster.socket_dir()
    }

    /// Makes the database that is copied.
    ///
    /// # Errors
    /// What the server says.
    pub async fn load(&self) -> Result<()> {
        let admin = self.connect("postgres").await?;
        execute(&admin, &format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quote_always(SOURCE)))
            .await?;
        execute(&self.connect(SOURCE).await?, WORLD).await.doing(|| format!("load {SOURCE}"))
    }

    /// Dumps it with pg_dump; gives the size of the dump.
    ///
    /// # Errors
    /// What pg_dump says.
    pub async fn dump(&self) -> Result<u64> {
        let file = self.dump_file();
        self.run("pg_dump", &["-Fc", "-d", &self.cluster.conninfo(SOURCE), "-f", &file.display().to_string()]).await?;
        Ok(fs::metadata(&file).doing(|| format!("look at {}", file.display()))?.len())
    }

    /// Restores the dump into the copy with pg_restore.
    ///
    /// # Errors
    /// What pg_restore says.
    pub async fn restore(&self) -> Result<()> {
        let admin = self.connect("postgres").await?;
        execute(&admin, &format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quote_always(COPY))).await?;
        self.run("pg_restore", &["-d", &self.cluster.conninfo(COPY), &self.dump_file().display().to_string()]).await
    }

    /// Compares the source with another database, as `pgwitness compare` does.
    ///
    /// # Errors
    /// As [`comparison::run`].
    pub async fn compare(&self, actual: &str) -> Result<Comparison> {
        let options = OpenOptions {
            live: LiveOptions { jobs: self.jobs, lock_timeout_s: 30, assertion_timeout_s: 60 },
            pg_bindir: None,
            environment: NO_ENVIRONMENT,
            taken_at: (self.now)().to_string(),
        };
        let expected = Endpoint::open(&self.cluster.conninfo(SOURCE), Side::Expected, &options).await?;
        let actual = Endpoint::open(&self.cluster.conninfo(actual), Side::Actual, &options).await?;
        comparison::run(&expected, &actual, &job(), &nobody()).await
    }

    /// Compares with the copy; anything but sound is a fault, of the machine or of ours.
    ///
    /// # Errors
    /// When the copy is not sound.
    pub async fn prove_copy(&self) -> Result<Comparison> {
        let comparison = self.compare(COPY).await?;
        match comparison.outcome.verdict() {
            Verdict::Sound => Ok(comparison),
            _ => {
                Err(Error::new(comparison.outcome.verdict_line()).context("compare the copy, which is not wounded yet"))
            }
        }
    }

    /// Wounds a copy of the copy, and compares with that.
    ///
    /// # Errors
    /// What the server says.
    pub async fn wound(&self, wound: &Wound) -> Result<Comparison> {
        let admin = self.connect("postgres").await?;
        let (name, copy) = (quote_always(wound.database), quote_always(COPY));
        execute(&admin, &format!("CREATE DATABASE {name} TEMPLATE {copy}")).await?;
        execute(&self.connect(wound.database).await?, &wound.sql()).await.doing(|| format!("wound {name}"))?;
        self.compare(wound.database).await
    }

    fn dump_file(&self) -> PathBuf {
        self.dir().join("club.dump")
    }

    async fn connect(&self, dbname: &str) -> Result<Connection> {
        ConnInfo::resolve(&self.cluster.conninfo(dbname), NO_ENVIRONMENT)?.connect("").await
    }

    /// Ctrl-C reaches only us, in an own process group; a child whose end nobody waits for any more is killed.
    async fn run(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut command = tokio::process::Command::new(self.cluster.tools().program(name));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").process_group(0);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.doing(|| format!("run {name}"))?;
        if output.status.success() {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        Err(Error::new(complaint).context(format!("run {name}")))
    }
}

fn job() -> Job {
    let assertions = ASSERTIONS.map(|(name, sql)| (name.to_owned(), sql.trim().trim_end_matches(';').to_owned()));
    let request = Request::default();
    Job { request, assertions: assertions.into(), show: Show { is_redacted: false, max_rows: 5 } }
}

async fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.client.batch_execute(sql).await.map_err(|error| describe_error(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, FindingKind, Unchecked};

    #[test]
    fn one_finding_too_few_or_too_many_or_something_unchecked_is_not_exact() {
        let wound = &WOUNDS[1];
        assert_eq!(wound.expected(), ["row_count club.entries"]);
        let named = Finding::new(FindingKind::RowCount, "club.entries");
        let mut outcome = Outcome { findings: vec![named.clone()], ..Outcome::default() };
        assert!(is_exact(wound, &outcome));
        assert!(!is_exact(wound, &Outcome::default()));
        assert!(!is_exact(wound, &Outcome { findings: vec![named.clone(), named], ..Outcome::default() }));
        let unchecked = Unchecked { object: "rows club.events".into(), side: "actual".into(), reason: "locked".into() };
        outcome.unchecked.push(unchecked);
        assert!(!is_exact(wound, &outcome));
    }
}
