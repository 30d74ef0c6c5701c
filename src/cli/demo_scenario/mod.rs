//! The demo scenario on a temporary server: runs, a signed report, damage.
//!
//! It only touches the server, databases and files that it created. Dropping a [`Demo`], also early, stops the server and removes
//! its directory. This module does not print.

mod signed_reports;
mod damage;

use std::fs;
use std::path::{Path, PathBuf};

pub use damage::{ASSERTIONS, DamageCase, WOUNDS};
pub use signed_reports::{DemoReport, IDENTITY};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::shared_text::TextPool;
use crate::base::time::Timestamp;
use crate::compare::Request;
use crate::compare::rows::Show;
use crate::config::Config;
use crate::endpoint::any::{Endpoint, OpenOptions};
use crate::endpoint::compare_endpoints::{self, Comparison, ComparisonJob};
use crate::endpoint::live::{LiveOptions, STALLED_AFTER_S};
use crate::model::hashing::DigestOn;
use crate::model::name::quote_always;
use crate::model::progress::{Side, no_listener};
use crate::model::redaction::Redaction;
use crate::model::report::Report;
use crate::model::verdict::Outcome;
use crate::nightly::{self, RunContext};
use crate::postgres::conninfo::{ConnInfo, Connection};
use crate::postgres::errors::describe_error;
use crate::postgres::server::{Cluster, ClusterOptions};
use crate::postgres::tools::PgTools;
use crate::storage::backups::Backups;
use crate::storage::reports;

/// The source database.
pub const SOURCE: &str = "club";
/// The restored copy.
pub const COPY: &str = "club_copy";

const KEY: &str = "key";
const BACKUPS: &str = "backups";
const REPORTS: &str = "reports";
const CHECKS: &str = "checks";

const WORLD: &str = include_str!("../../../fixtures/databases/club.sql");

/// Ignore the user's environment: `PGHOST` and similar variables refer to real databases.
const NO_ENVIRONMENT: &dyn Fn(&str) -> Option<String> = &|_| None;

/// One run of the demo.
pub struct DemoRun {
    /// `report.json`.
    pub path: PathBuf,
    /// The parsed report.
    pub report: Report,
    /// Ids of the verified backups after the run, newest first.
    pub backups: Vec<String>,
    /// What failed after the verdict.
    pub problem: Option<Error>,
}

/// A temporary server and its files.
pub struct Demo {
    cluster: Cluster,
    jobs: usize,
    now: fn() -> Timestamp,
}

/// Whether the findings are exactly the expected ones.
pub fn is_exact(damage_case: &DamageCase, outcome: &Outcome) -> bool {
    let mut found: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
    found.sort();
    found == damage_case.expected() && outcome.unchecked.is_empty()
}

impl Demo {
    /// Starts the server. `jobs`: sessions for each side; `now` is the clock.
    ///
    /// # Errors
    /// The server does not start.
    pub fn start(tools: &PgTools, jobs: usize, now: fn() -> Timestamp) -> Result<Self> {
        // Autovacuum would only slow the demo down.
        let settings = vec![("autovacuum".to_owned(), "off".to_owned())];
        let options = ClusterOptions { settings, ..ClusterOptions::default() };
        Ok(Self { cluster: Cluster::start(tools, &options)?, jobs, now })
    }

    /// The directory of the server and of all files; removed at the end.
    pub fn dir(&self) -> &Path {
        self.cluster.socket_dir()
    }

    /// Creates the source database.
    ///
    /// # Errors
    /// An error of the server.
    pub async fn load(&self) -> Result<()> {
        let admin = self.connect("postgres").await?;
        execute(&admin, &format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quote_always(SOURCE)))
            .await?;
        execute(&self.connect(SOURCE).await?, WORLD).await.doing(|| format!("load {SOURCE}"))
    }

    /// Creates the key and the directories of a run, and marks the backup directory, as `keygen` and `init` do.
    ///
    /// # Errors
    /// A file or directory cannot be written.
    pub fn init(&self) -> Result<()> {
        reports::keygen(&self.dir().join(KEY), IDENTITY)?;
        for name in [BACKUPS, REPORTS, CHECKS] {
            let dir = self.dir().join(name);
            fs::create_dir(&dir).doing(|| format!("make {}", dir.display()))?;
        }
        for (name, sql) in ASSERTIONS {
            let path = self.dir().join(CHECKS).join(format!("{name}.sql"));
            fs::write(&path, sql).doing(|| format!("write {}", path.display()))?;
        }
        Backups::init(&self.dir().join(BACKUPS), &reports::random_run_id()?, (self.now)()).map(drop)
    }

    /// The text of `pgwitness.toml`.
    pub fn toml(&self) -> String {
        let at = |name: &str| format!("{:?}", self.dir().join(name));
        let url = |database: &str| format!("{:?}", self.cluster.conninfo(database));
        format!(
            "[source]\nkind = \"postgres\"\nurl = {}\n\n[dump]\ndirectory = {}\npg_bindir = {:?}\n\n\
             [restore]\nurl = {}\ndatabase = {COPY:?}\ncopy = \"replace\"\n\n[verify]\nchecks = {}\n\n\
             [retention]\nkeep_last = 1\n\n[report]\ndirectory = {}\nkey = {}\n\n[state]\ndirectory = {}\n",
            url(SOURCE),
            at(BACKUPS),
            self.cluster.tools().bindir,
            url("postgres"),
            at(CHECKS),
            at(REPORTS),
            at(KEY),
            at("state")
        )
    }

    /// A whole run, as from cron: dump, restore, verify, sign, prune. The restored copy is kept, as configured.
    ///
    /// # Errors
    /// The run has no report: a fault of the machine or of pgwitness.
    pub async fn night(&self) -> Result<DemoRun> {
        let config = Config::parse(&self.toml())?;
        let context = RunContext {
            config: &config,
            environment: NO_ENVIRONMENT,
            now: self.now,
            listener: no_listener(),
            snapshot: None,
            processors: self.jobs,
            host: "demo".into(),
            pid: std::process::id(),
        };
        // No stop signal is needed: on interruption everything is removed with the server.
        let ended = nightly::run(&context, std::future::pending).await?;
        let problem = ended.error.into_iter().chain(ended.problems).next();
        let problem = problem.map(|error| error.context("run nightly"));
        let Some(report) = ended.report else {
            return Err(problem.unwrap_or_else(|| Error::new("the run has no report")));
        };
        let bytes = files::read(&report, files::REPORT).doing(|| format!("read {}", report.display()))?;
        Ok(DemoRun { path: report, report: Report::from_bytes(&bytes)?, backups: self.backups()?, problem })
    }

    fn backups(&self) -> Result<Vec<String>> {
        let verified = Backups::open(&self.dir().join(BACKUPS))?.list()?.verified;
        Ok(verified.into_iter().map(|backup| backup.record.id).collect())
    }

    /// Changes the source between two runs.
    ///
    /// # Errors
    /// An error of the server.
    pub async fn change(&self) -> Result<()> {
        execute(&self.connect(SOURCE).await?, "UPDATE club.members SET family_name = 'Newlywed' WHERE id = 7").await
    }

    /// Compares the source with another database, as `pgwitness compare` does.
    ///
    /// # Errors
    /// As [`compare_endpoints::run`].
    pub async fn compare(&self, actual: &str) -> Result<Comparison> {
        let options = OpenOptions {
            live: LiveOptions {
                jobs: self.jobs,
                lock_timeout_s: 30,
                assertion_timeout_s: 60,
                stalled_after_s: STALLED_AFTER_S,
                allow_user_functions: false,
                digest_on: DigestOn::Client,
                texts: TextPool::default(),
            },
            pg_bindir: None,
            environment: NO_ENVIRONMENT,
            taken_at: (self.now)().to_string(),
        };
        let expected = Endpoint::open(&self.cluster.conninfo(SOURCE), Side::Expected, &options).await?;
        let actual = Endpoint::open(&self.cluster.conninfo(actual), Side::Actual, &options).await?;
        compare_endpoints::run(&expected, &actual, &job(), &no_listener()).await
    }

    /// Damages a copy of the restored copy, and compares the source with it.
    ///
    /// # Errors
    /// An error of the server.
    pub async fn damage_case(&self, damage_case: &DamageCase) -> Result<Comparison> {
        let admin = self.connect("postgres").await?;
        let (name, copy) = (quote_always(damage_case.database), quote_always(COPY));
        execute(&admin, &format!("CREATE DATABASE {name} TEMPLATE {copy}")).await?;
        execute(&self.connect(damage_case.database).await?, &damage_case.sql())
            .await
            .doing(|| format!("damage {name}"))?;
        self.compare(damage_case.database).await
    }

    async fn connect(&self, dbname: &str) -> Result<Connection> {
        ConnInfo::resolve(&self.cluster.conninfo(dbname), NO_ENVIRONMENT)?.connect("").await
    }
}

fn job() -> ComparisonJob {
    let assertions = ASSERTIONS.map(|(name, sql)| (name.to_owned(), sql.trim().trim_end_matches(';').to_owned()));
    let request = Request::default();
    ComparisonJob {
        request,
        assertions: assertions.into(),
        show: Show { redaction: Redaction::OFF, max_rows: 5 },
        recheck: None,
    }
}

async fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.client.batch_execute(sql).await.map_err(|error| describe_error(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Finding, FindingKind, Unchecked};

    #[test]
    fn one_finding_too_few_or_too_many_or_something_unchecked_is_not_exact() {
        let damage_case = &WOUNDS[1];
        assert_eq!(damage_case.expected(), ["row_count club.entries"]);
        let named = Finding::new(FindingKind::RowCount, "club.entries");
        let mut outcome = Outcome { findings: vec![named.clone()], ..Outcome::default() };
        assert!(is_exact(damage_case, &outcome));
        assert!(!is_exact(damage_case, &Outcome::default()));
        assert!(!is_exact(damage_case, &Outcome { findings: vec![named.clone(), named], ..Outcome::default() }));
        let unchecked = Unchecked::new("rows club.events", "actual", "locked");
        outcome.unchecked.push(unchecked);
        assert!(!is_exact(damage_case, &outcome));
    }
}
