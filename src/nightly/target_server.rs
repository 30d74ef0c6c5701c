//! The server into which a run restores: the one of `restore.url`, or a server of its own.
//!
//! On a server of its own pg_restore runs as an ordinary role, unless `restore.superuser` is set: a superuser there could run
//! programs as the operating-system user of pgwitness.

use std::path::Path;

use super::context::RunContext;
use super::restoring::{Needs, Roles, statements_for_restorer, statements_for_tablespace};
use crate::base::error::{Context, Error, Result};
use crate::base::text::bytes;
use crate::model::verdict::counted;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::errors::describe_error;
use crate::postgres::restore_server::{self, OWNER, RESTORER, RestoreServer, ServerOrder};
use crate::postgres::session::{Session, SessionOptions, text};
use crate::postgres::tools::PgTools;
use crate::storage::backups::demand_free;

/// The server into which a run restores. Dropping it removes a server of the run's own.
pub struct TargetServer {
    /// Creates and drops databases; the database is the one for administration.
    pub admin: ConnInfo,
    /// The user of pg_restore, with the same database.
    pub restorer: ConnInfo,
    /// Reads the restored copy.
    pub reader: ConnInfo,
    own: Option<RestoreServer>,
    /// Name of the copy, where the server is the run's own.
    database: String,
}

impl TargetServer {
    /// The server of `restore.url`: one user does everything.
    pub fn given(info: ConnInfo) -> Self {
        Self { admin: info.clone(), restorer: info.clone(), reader: info, own: None, database: String::new() }
    }

    /// Makes and starts a server. `run_id` is the run whose journal names it.
    ///
    /// # Errors
    /// It cannot be made or does not start.
    pub async fn start(context: &RunContext<'_>, tools: &PgTools, run_id: Option<&str>) -> Result<Self> {
        let database = context.copy_name(run_id.unwrap_or_default());
        let restore = &context.config.restore;
        let order = ServerOrder {
            tools: tools.clone(),
            parent: restore.server_directory.clone(),
            run_id: run_id.map(str::to_owned),
            memory: memory(),
            sessions: usize::from(restore.jobs) + context.open_options().live.jobs,
        };
        // Block here: a thread that continued while the end of the run removes the directory would leave a server.
        let own = tokio::task::block_in_place(|| RestoreServer::start(&order))?;
        let (admin, restorer) = (own.admin()?, own.restorer()?);
        let statements = statements_for_restorer(own.password());
        execute(&admin, &statements).await.doing(|| "create the role that restores")?;
        let restorer_of_choice = if restore.superuser { admin.clone() } else { restorer.clone() };
        Ok(Self { admin, restorer: restorer_of_choice, reader: restorer, own: Some(own), database })
    }

    /// Whether a run has made it.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// The owner of an empty copy, if it is not the user of `admin`.
    pub fn owner<'a>(&self, configured: Option<&'a str>) -> Option<&'a str> {
        if self.own.is_some() { Some(OWNER) } else { configured }
    }

    /// Who may make [`RESTORER`] a superuser for a moment, where it restores and only a superuser can create extensions.
    pub fn elevator(&self) -> Option<&ConnInfo> {
        let is_ordinary = self.own.is_some() && self.restorer.user() == RESTORER;
        is_ordinary.then_some(&self.admin)
    }

    /// Gives a server of the run's own what a copy of the source needs: roles, tablespaces, libraries that are loaded at the start.
    /// Returns what was found, for people.
    ///
    /// # Errors
    /// The source cannot be asked, there is too little space, or the server refuses.
    pub async fn prepare(&self, source: &Session, needs: &Needs) -> Result<String> {
        let Some(own) = &self.own else { return Ok(String::new()) };
        let parent = own.cluster().data_dir();
        let size = demand_space(source, &parent).await?;
        let roles = Roles::of_source(source).await?;
        let statements = roles.statements(self.elevator().is_none())?;
        execute(&self.admin, &statements).await.doing(|| "create the roles of the source")?;
        for (number, name) in needs.tablespaces.iter().enumerate() {
            let directory = own.cluster().make_directory(&format!("tablespace-{number}"))?;
            let statements = statements_for_tablespace(name, &directory);
            execute(&self.admin, &statements).await.doing(|| format!("create the tablespace {name}"))?;
        }
        self.preload(own, source).await.doing(|| "load the libraries of extensions")?;
        Ok(format!("; {} to restore, {}", bytes(size), counted(roles.count(), "role")))
    }

    /// The libraries of extensions that cannot be created otherwise. Background workers that would run jobs of the source are off.
    async fn preload(&self, own: &RestoreServer, source: &Session) -> Result<()> {
        let used = source.rows("SELECT extname FROM pg_catalog.pg_extension").await?;
        let used = used.iter().map(|row| text(row, 0)).collect::<Result<Vec<_>>>()?;
        let target = Session::open(&self.admin, &SessionOptions { lock_timeout_s: LOCK_TIMEOUT_S }).await?;
        let available = target.rows("SELECT name FROM pg_catalog.pg_available_extensions").await?;
        let available = available.iter().map(|row| text(row, 0)).collect::<Result<Vec<_>>>()?;
        drop(target);
        let is_needed = |name: &&str| [&used, &available].iter().all(|list| list.iter().any(|one| one == *name));
        let needed: Vec<&str> = LOADED_AT_START.into_iter().filter(is_needed).collect();
        if needed.is_empty() {
            return Ok(());
        }
        let libraries = needed.join(", ");
        let mut settings = vec![("shared_preload_libraries", libraries.as_str())];
        if needed.contains(&"pg_cron") {
            settings.extend([
                ("cron.database_name", self.database.as_str()),
                ("cron.launch_active_jobs", "off"),
                ("cron.use_background_workers", "off"),
                ("cron.log_run", "off"),
            ]);
        }
        tokio::task::block_in_place(|| own.cluster().restart_with(&settings))
    }
}

/// Limit for waiting for a locked catalog, in seconds.
const LOCK_TIMEOUT_S: u32 = 30;
/// Extensions that a server creates only if it has loaded their library when it started.
const LOADED_AT_START: [&str; 2] = ["pg_cron", "pgaudit"];

/// Beside the database: the server's own files and its write-ahead log, in bytes.
const SERVER_BYTES: u64 = 1200 << 20;

/// Requires space for the database of the source. Returns its size in bytes.
async fn demand_space(source: &Session, directory: &Path) -> Result<u64> {
    let row = source.row("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())").await;
    let size = text(&row.doing(|| "ask for the size of the source")?, 0)?;
    let size: u64 = size.parse().map_err(|_| Error::new(format!("the source says that its size is {size}")))?;
    let hint = "name a directory on a larger disk in restore.server_directory";
    demand_free(directory, size.saturating_add(size / 10).saturating_add(SERVER_BYTES))
        .map_err(|error| error.hint(hint))?;
    Ok(size)
}

fn memory() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    restore_server::memory(&read("/proc/meminfo")?, read("/sys/fs/cgroup/memory.max").as_deref())
}

async fn execute(admin: &ConnInfo, statements: &[String]) -> Result<()> {
    let connection = super::restoring::connect(admin).await?;
    for sql in statements {
        connection.client.batch_execute(sql).await.map_err(|error| describe_error(&error))?;
    }
    Ok(())
}
