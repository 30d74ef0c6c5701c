//! Restores a dump into a new database, to verify it.
//!
//! The target database must be new, and only a database with the server, the name and the OID that were recorded at its creation
//! is dropped. Outside the command line, only this module writes to a server that is not temporary; the source is never one of
//! them.

mod complaints;
mod created;
mod database;
mod facts;
mod known;
mod members;
mod moved;
mod needs;
mod passes;
mod properties;
mod refused;
mod roles;

use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::config::{self, AcceptedError, MaterializedViews};
use crate::endpoint::dump_reader::DumpReader;
use crate::model::name::quote_always;
use crate::model::run::Complaint;
use crate::nightly::dumping::with_disk_hint;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::errors::describe_error;
use crate::postgres::process::{self, GRACE, Order};
use crate::postgres::restore_server::{OWNER, RESTORER};
use crate::postgres::session::pgoptions;
use crate::postgres::tools::PgTools;

use complaints::{ComplaintParser, ParsedComplaint};
pub use database::{
    CopyOrder, connect, create_copy, demand_free, drop_copy, drop_statement, find_copy, interim_name, left_over,
    rename_copy, wait_for_creation,
};
pub use facts::{DatabaseFacts, DatabaseSetting, FACTS_FILE, Grant, database_facts, read_facts, write_facts};
pub use known::{accept_entry, sqlstate_of};
pub use members::Members;
pub use needs::{Needs, demand_none, extensions, lacking, lacking_locale};
use passes::{Pass, PassKind, Staging};
pub use properties::{PropertiesOrder, restore_properties};
pub use refused::Refused;
pub use roles::{Roles, statements_for_restorer, statements_for_tablespace};

pub use crate::storage::journal::CopyIdentity;

/// What to restore, and where to.
pub struct RestoreOrder<'a> {
    /// The directory or file that pg_dump wrote.
    pub dump: &'a Path,
    /// The empty restored copy (see [`create_copy`]).
    pub conninfo: &'a ConnInfo,
    /// pg_restore's `--jobs`.
    pub jobs: u16,
    /// pg_restore's `--no-owner`.
    pub no_owner: bool,
    /// pg_restore's `--no-privileges`.
    pub no_privileges: bool,
    /// pg_restore's `--no-tablespaces`.
    pub no_tablespaces: bool,
    /// Leaves materialized views without rows.
    pub without_refresh: bool,
    /// pg_restore's `--role`.
    pub role: Option<&'a str>,
    /// Known harmless complaints.
    pub accept: &'a [AcceptedError],
    /// What the source has from extensions.
    pub members: &'a Members,
    /// pg_restore is stopped when neither it nor the server has moved for so long.
    pub stalled_after: Duration,
    /// The programs to run.
    pub tools: &'a PgTools,
    /// On a server of the run's own, where [`RESTORER`] restores: who makes it a superuser while it creates extensions.
    pub elevator: Option<&'a ConnInfo>,
}

impl<'a> RestoreOrder<'a> {
    /// Of this dump into this copy, as `[restore]` says.
    pub fn new(
        dump: &'a Path,
        conninfo: &'a ConnInfo,
        restore: &'a config::RestoreSettings,
        members: &'a Members,
        stalled_after: Duration,
        tools: &'a PgTools,
    ) -> Self {
        Self {
            dump,
            conninfo,
            jobs: restore.jobs,
            no_owner: restore.no_owner,
            no_privileges: restore.no_privileges,
            no_tablespaces: restore.no_tablespaces,
            without_refresh: restore.materialized_views == MaterializedViews::Leave,
            role: restore.role.as_deref(),
            accept: &restore.accept,
            members,
            stalled_after,
            tools,
            elevator: None,
        }
    }
}

/// A restore that went to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Version of pg_restore.
    pub pg_restore: String,
    /// All complaints, accepted or not.
    pub complaints: Vec<Complaint>,
    /// Warnings, which pg_restore does not count as errors.
    pub notes: Vec<MarkedText>,
    /// What the server cannot create, accepted or not.
    pub refused: Refused,
}

impl Restored {
    /// The complaints that are not accepted. While there is one, the copy differs from the dump.
    pub fn unaccepted(&self) -> impl Iterator<Item = &Complaint> {
        self.complaints.iter().filter(|complaint| complaint.accepted.is_none())
    }
}

/// Runs pg_restore to its end, regardless of its complaints.
///
/// # Errors
/// The dump cannot be read to its end, the server is gone, pg_restore was stopped because it made no progress, or its messages do
/// not match the number of errors that it counted.
pub async fn restore(order: &RestoreOrder<'_>) -> Result<Restored> {
    let doing = || format!("restore {} into {}", order.dump.display(), order.conninfo.describe());
    run_restore(order).await.doing(doing)
}

async fn run_restore(order: &RestoreOrder<'_>) -> Result<Restored> {
    if DumpReader::detect(order.dump)?.is_none() {
        return Err(Error::new("this is not a PostgreSQL dump"));
    }
    // The text in a dump depends on these settings (above all for money); this restore also needs write access.
    let mut options = format!("{} -c default_transaction_read_only=off", pgoptions());
    if moved::speaks_english(order.conninfo).await {
        options.push_str(" -c lc_messages=C");
    }
    let environment = order.conninfo.child_environment()?.with_options(&options);
    let program = order.tools.program("pg_restore");
    let (mut parsed, mut notes) = (Vec::new(), Vec::new());
    let run = |arguments| Order {
        program: &program,
        arguments,
        environment: &environment,
        stalled_after: order.stalled_after,
        grace: GRACE,
    };
    let staging = order.elevator.is_some().then_some(Staging { with_owners: !order.no_owner });
    for pass in &passes::plan(order.dump, &run(Vec::new()), order.without_refresh, staging).await? {
        let run = run(arguments(order, pass, environment.connection_argument()));
        elevate(order, pass, true).await?;
        let complaints = run_pass(order, &run, &mut notes).await?;
        elevate(order, pass, false).await?;
        parsed.extend(complaints.into_iter().filter(|complaint| !pass.expects(&complaint.complaint)));
    }
    let refused = refused::mark(&mut parsed, order.members);
    let complaints = parsed.into_iter().map(|one| known::classified(one.complaint, order.accept)).collect();
    Ok(Restored { pg_restore: order.tools.version.text.clone(), complaints, notes, refused })
}

/// Before and after the pass that creates extensions: [`RESTORER`] is a superuser meanwhile, while the database is empty. So it
/// owns them, which comments on them need, and no function of the source runs as a superuser.
async fn elevate(order: &RestoreOrder<'_>, pass: &Pass, on: bool) -> Result<()> {
    let Some(admin) = order.elevator.filter(|_| pass.kind == PassKind::Extensions) else { return Ok(()) };
    let sql = format!("ALTER ROLE {} {}", quote_always(RESTORER), if on { "SUPERUSER" } else { "NOSUPERUSER" });
    let changed = connect(admin).await?.client.batch_execute(&sql).await;
    changed.map_err(|error| describe_error(&error)).doing(|| "create extensions")
}

/// One run of pg_restore to its end.
async fn run_pass(
    order: &RestoreOrder<'_>,
    run: &Order<'_>,
    notes: &mut Vec<MarkedText>,
) -> Result<Vec<ParsedComplaint>> {
    let mut complaints = ComplaintParser::default();
    let moved = AtomicU64::new(0);
    let progress = || moved.load(Ordering::Relaxed);
    let mut parse = |line: &str| complaints.parse(line);
    let running = process::run(run, &progress, &mut parse);
    let ended = tokio::select! {
        ended = running => ended?,
        never = moved::watch(order.conninfo, order.stalled_after, &moved) => match never {},
    };
    let parsed = complaints.finish(&ended).map_err(with_disk_hint)?;
    let warnings = ended.said.warnings("pg_restore").into_iter();
    notes.extend(warnings.filter(|line| !line.full().starts_with(complaints::COUNT)));
    Ok(parsed)
}

fn arguments(order: &RestoreOrder<'_>, pass: &Pass, connection: &str) -> Vec<OsString> {
    let mut list: Vec<OsString> = vec![format!("--jobs={}", order.jobs.max(1)).into()];
    let is_new_schema = pass.kind == PassKind::NewSchemas;
    list.extend((order.no_owner || is_new_schema).then(|| "--no-owner".into()));
    list.extend(order.no_privileges.then(|| "--no-privileges".into()));
    list.extend(order.no_tablespaces.then(|| "--no-tablespaces".into()));
    list.extend(pass.list().map(|path| {
        let mut option = OsString::from("--use-list=");
        option.push(path);
        option
    }));
    let role = if is_new_schema { Some(OWNER) } else { order.role };
    list.extend(role.map(|role| format!("--role={role}").into()));
    list.extend(["--no-password", "--verbose"].map(OsString::from));
    list.push(format!("--dbname={connection}").into());
    list.push("--".into());
    list.push(order.dump.into());
    list
}
