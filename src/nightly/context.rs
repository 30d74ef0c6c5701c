//! The input of a run: the configuration, and the access to the environment, the clock and the process that the command line
//! provides.

use std::path::Path;

use crate::base::error::{Context, Error, Result};
use crate::base::secret;
use crate::base::shared_text::TextPool;
use crate::base::time::Timestamp;
use crate::compare::Request;
use crate::compare::rows::Show;
use crate::config::{Config, PostgresSource, Source};
use crate::endpoint::any::OpenOptions;
use crate::endpoint::compare_endpoints::ComparisonJob;
use crate::endpoint::live::{LiveOptions, STALLED_AFTER_S};
use crate::model::progress::Listener;
use crate::model::redaction::Redaction;
use crate::model::report::Report;
use crate::model::run::Origin;
use crate::model::selection::{Pattern, Selection};
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::tools::{CLIENT, PgTools, SERVER};
use crate::storage::backups;
use crate::storage::offsite::OffsiteRepository;
use crate::storage::reports::KeyFile;
use crate::storage::user_files;

/// Differing rows to name for each table, unless configured.
const MAX_ROWS: usize = 20;
/// How long to wait for a table that another session has locked, in seconds.
const LOCK_TIMEOUT_S: u32 = 300;
/// Time limit for one assertion, in seconds.
const ASSERTION_TIMEOUT_S: u32 = 3600;

/// The external input.
#[derive(Clone)]
pub struct RunContext<'a> {
    /// The checked configuration.
    pub config: &'a Config,
    /// Reads an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Returns the current time.
    pub now: fn() -> Timestamp,
    /// Receives progress events.
    pub listener: Listener,
    /// `--snapshot`: use this one instead of the newest.
    pub snapshot: Option<String>,
    /// Number of processors, the default for jobs.
    pub processors: usize,
    /// Name of the machine, for notifications.
    pub host: String,
    /// Id of this process.
    pub pid: u32,
}

impl RunContext<'_> {
    /// The directory of the journal and the lock.
    pub fn state(&self) -> &Path {
        &self.config.state.directory
    }

    /// The PostgreSQL programs; those of a server too where a run makes one.
    ///
    /// # Errors
    /// Not found.
    pub fn tools(&self) -> Result<PgTools> {
        let needed = if self.has_own_server() { [CLIENT, SERVER].concat() } else { CLIENT.to_vec() };
        self.find_tools(&needed)
    }

    /// The programs to remove a server of an earlier run, if there are any.
    pub fn server_tools(&self) -> Result<PgTools> {
        self.find_tools(SERVER).or_else(|_| self.find_tools(CLIENT))
    }

    fn find_tools(&self, needed: &[&str]) -> Result<PgTools> {
        let path = (self.environment)("PATH");
        PgTools::find(self.config.dump.pg_bindir.as_deref(), path.as_deref(), needed)
    }

    /// Whether a run makes a restore server of its own: without `restore.url`.
    pub fn has_own_server(&self) -> bool {
        self.config.restore.url.is_none()
    }

    /// The name of the restored copy of a run.
    pub fn copy_name(&self, run_id: &str) -> String {
        format!("{}_{}", self.config.restore.database, run_id.get(..8).unwrap_or(run_id))
    }

    /// The key that signs.
    ///
    /// # Errors
    /// The passphrase cannot be read.
    pub async fn key(&self) -> Result<KeyFile> {
        let report = &self.config.report;
        let passphrase = secret::resolve(report.passphrase_file.as_deref(), None, None, self.environment).await;
        let passphrase = passphrase.doing(|| "read the passphrase of the key")?;
        Ok(KeyFile { path: report.key.clone(), passphrase: passphrase.map(|secret| secret.reveal().to_owned()) })
    }

    /// How to connect to the server of `restore.url`; the database is the one for administration.
    ///
    /// # Errors
    /// There is none; an invalid connection string, a password that cannot be read.
    pub async fn restore_server(&self) -> Result<ConnInfo> {
        let restore = &self.config.restore;
        let url = restore.url.as_deref().ok_or_else(|| Error::new("restore.url is not set"))?;
        let (file, command) = (restore.password_file.as_deref(), restore.password_command.as_deref());
        let password = secret::resolve(file, command, restore.password_env.as_deref(), self.environment).await;
        let password = password.doing(|| "read the password of [restore]")?;
        self.connect_with(url, password).doing(|| "read restore.url")
    }

    /// How to connect to a source that is not on RDS.
    ///
    /// # Errors
    /// As [`RunContext::restore_server`].
    pub async fn postgres_source(&self, source: &PostgresSource) -> Result<ConnInfo> {
        let (file, command) = (source.password_file.as_deref(), source.password_command.as_deref());
        let password = secret::resolve(file, command, source.password_env.as_deref(), self.environment).await;
        let password = password.doing(|| "read the password of [source]")?;
        self.connect_with(&source.url, password).doing(|| "read source.url")
    }

    /// The off-site repository, if there is one; it is not contacted.
    ///
    /// # Errors
    /// restic is not found, or a secret cannot be read.
    pub async fn offsite(&self) -> Result<Option<OffsiteRepository>> {
        match &self.config.offsite {
            Some(settings) => OffsiteRepository::configured(settings, self.state(), self.environment).await.map(Some),
            None => Ok(None),
        }
    }

    /// The source as configured, without a connection.
    ///
    /// # Errors
    /// An invalid connection string.
    pub fn origin(&self) -> Result<Origin> {
        backups::configured(&self.config.source, self.environment)
    }

    fn connect_with(&self, url: &str, password: Option<secret::Secret>) -> Result<ConnInfo> {
        let info = ConnInfo::resolve(url, self.environment)?;
        Ok(match password {
            Some(password) => info.with_password(password.reveal()),
            None => info,
        })
    }

    /// Options for opening endpoints.
    pub fn open_options(&self) -> OpenOptions<'_> {
        let jobs = self.config.verify.jobs.map_or(self.processors, usize::from);
        OpenOptions {
            live: LiveOptions {
                jobs,
                lock_timeout_s: LOCK_TIMEOUT_S,
                assertion_timeout_s: ASSERTION_TIMEOUT_S,
                stalled_after_s: STALLED_AFTER_S,
                allow_user_functions: self.config.verify.allow_user_functions,
                digest_on: self.config.verify.digest_on,
                texts: TextPool::default(),
            },
            pg_bindir: self.config.dump.pg_bindir.clone(),
            environment: self.environment,
            taken_at: (self.now)().to_string(),
        }
    }

    /// The comparison job for a restored backup: the exclusions and waivers of the signed report, and what pg_restore is
    /// configured to leave out now. Not the current exclusions and waivers: they would hide objects that the run has verified.
    ///
    /// # Errors
    /// Assertions or patterns that cannot be read.
    pub fn job_of(&self, signed: &Report) -> Result<ComparisonJob> {
        let mut job = self.job()?;
        let excluded = signed.selection.get("exclude-table-data").into_iter().flatten();
        job.request.selection = Selection {
            exclude_table_data: excluded.map(|text| Pattern::table(text)).collect::<Result<_>>()?,
            ..Default::default()
        };
        job.request.waivers.retain(|waiver| waiver.reason.starts_with("restore."));
        let given_by_people = signed.waivers.iter().map(|applied| &applied.waiver);
        let given_by_people = given_by_people.filter(|waiver| waiver.by.starts_with("file") || waiver.object == "*");
        for waiver in given_by_people {
            if !job.request.waivers.contains(waiver) {
                job.request.waivers.push(waiver.clone());
            }
        }
        job.assertions.retain(|name, _| signed.assertions.contains_key(name));
        Ok(job)
    }

    /// The comparison job, with its display options.
    ///
    /// # Errors
    /// Assertions, waivers or patterns that cannot be read.
    pub fn job(&self) -> Result<ComparisonJob> {
        let verify = &self.config.verify;
        let patterns = self.config.dump.exclude_table_data.iter();
        let selection = Selection {
            exclude_table_data: patterns.map(|text| Pattern::table(text)).collect::<Result<_>>()?,
            ..Default::default()
        };
        let mut waivers = verify.waivers.as_deref().map(user_files::waivers).transpose()?.unwrap_or_default();
        if self.config.restore.no_owner {
            waivers.push(user_files::whole_kind("restore.no_owner", "owner"));
        }
        if self.config.restore.no_privileges {
            waivers.extend(
                ["privilege", "default_privilege"].map(|kind| user_files::whole_kind("restore.no_privileges", kind)),
            );
        }
        let assertions = verify.checks.as_deref().map(user_files::assertions).transpose()?.unwrap_or_default();
        let max_rows = verify.max_rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(MAX_ROWS);
        let request = Request { selection, waivers, ..Default::default() };
        Ok(ComparisonJob { request, assertions, show: Show { redaction: self.redaction()?, max_rows }, recheck: None })
    }

    /// Whether values may appear in the output of this run.
    pub fn redaction(&self) -> Result<Redaction> {
        if self.config.verify.redact {
            crate::storage::reports::process_salt().map(Redaction::on)
        } else {
            Ok(Redaction::OFF)
        }
    }

    /// `rds` or `postgres`.
    pub fn source_kind(&self) -> &'static str {
        match self.config.source {
            Source::Rds(_) => "rds",
            Source::Postgres(_) => "postgres",
        }
    }
}
