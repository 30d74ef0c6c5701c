//! All checks that are possible before a run incurs costs.
//!
//! The checks change nothing, except for a temporary file that is removed again.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::compatibility::{demand_fit, open};
use super::context::RunContext;
use super::directories::{shared_reports, shared_state};
use super::restore_role;
use super::source::shared;
use super::temporary_instance::Cloud;
use crate::base::error::{Context, Error, Result};
use crate::base::text::bytes;
use crate::config::{CopyFate, RdsSource, Source};
use crate::model::name::quote_literal;
use crate::model::progress::Event;
use crate::nightly::dumping;
use crate::nightly::local_checks::{self, Check, World};
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, optional, text};
use crate::postgres::tools::PgTools;
use crate::storage::backups::{Backups, demand_free};
use crate::storage::journal::{LastSigned, LastVerified};

/// The results that the run continues with.
pub struct Ready {
    /// The PostgreSQL programs.
    pub tools: PgTools,
    /// Where dumps are kept.
    pub backups: Backups,
    /// The restore server; the database is the one for administration.
    pub server: ConnInfo,
    /// Notes for the report.
    pub notes: Vec<String>,
}

/// Checks of AWS and the servers, at no cost. For `config check`.
pub async fn far(given: &RunContext<'_>) -> Vec<Check> {
    let (mut checks, mut engine_version) = (Vec::new(), None);
    if let Source::Rds(config) = &given.config.source {
        (checks, engine_version) = aws(config, given).await;
    }
    let mut add = |name: &str, result: Result<String>| checks.push(Check { name: name.to_owned(), result });
    // Where the directory is missing, the check of dump.directory says so.
    if given.config.dump.directory.exists() {
        add("backups", backups(given).map(|(_, note)| note));
    }
    if let Ok(origin) = given.origin() {
        let own = |seen: Result<Option<String>>| {
            seen.map(|warning| warning.map_or("of no other source".to_owned(), |text| format!("shared\n{text}")))
        };
        add("reports", own(shared_reports(&given.config.report.directory, &origin)));
        add("state", own(shared_state(given.state(), &origin)));
    }
    let server = server(given).await;
    let power = match &server {
        Ok((info, _)) => restore_role::warning(info, given.config.restore.role.as_deref()).await,
        Err(_) => None,
    };
    let power = power.map(|warning| format!("\nwarning: {}", warning.full())).unwrap_or_default();
    let seen = server.as_ref().map(|(info, major)| format!("{}, PostgreSQL {major}{power}", info.describe()));
    add("restore server", seen.map_err(Error::clone));
    let Ok(tools) = given.tools() else { return checks };
    match (&given.config.source, server) {
        (Source::Postgres(source), Ok((target, _))) => {
            let fit = async {
                let source = given.postgres_source(source).await?;
                demand_fit(&source, &target, &tools, &given.config.restore).await
            };
            add("source and copy", fit.await);
        }
        (Source::Postgres(source), Err(_)) => {
            let reached = async {
                let info = given.postgres_source(source).await?;
                let session = open(&info).await.doing(|| "check the source")?;
                Ok(format!("{}, PostgreSQL {}", info.describe(), session.major()))
            };
            add("source", reached.await);
        }
        (Source::Rds(_), Ok((_, restore_major))) => {
            if let Some(version) = engine_version {
                let fit = check_engine(&version, restore_major, &tools);
                add("source and copy", fit.map(|()| format!("source PostgreSQL {version}, copy {restore_major}")));
            }
        }
        (Source::Rds(_), Err(_)) => {}
    }
    checks
}

/// Identity, production, and the snapshot that would be restored; with the snapshot's engine version.
async fn aws(config: &RdsSource, given: &RunContext<'_>) -> (Vec<Check>, Option<String>) {
    let check = |name: &str, result: Result<String>| Check { name: name.to_owned(), result };
    let mut cloud = match Cloud::open(config, given).await {
        Ok(cloud) => cloud,
        Err(error) => return (vec![check("AWS", Err(error))], None),
    };
    let mut checks = vec![check("AWS", Ok(format!("{} in {}", cloud.identity.arn, config.region)))];
    let source = match cloud.find_source().await {
        Ok(source) => source.clone(),
        Err(error) => {
            checks.push(check("source.instance", Err(error)));
            return (checks, None);
        }
    };
    let protection = if source.deletion_protection { "on" } else { "OFF" };
    let (name, id, status) = (&source.identifier, &source.resource_id, &source.status);
    checks.push(check("source.instance", Ok(format!("{name} ({id}), {status}, deletion protection {protection}"))));
    let found = cloud.rds.find_snapshot(&source, None, (given.now)()).await;
    let version = found.as_ref().ok().map(|snapshot| snapshot.engine_version.clone());
    let seen = found.map(|snapshot| {
        format!("{} of {}, PostgreSQL {}", snapshot.identifier, snapshot.created_at, snapshot.engine_version)
    });
    checks.push(check("source.snapshots", seen));
    (checks, version)
}

fn check_engine(version: &str, restore_major: u32, tools: &PgTools) -> Result<()> {
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    let major = major.ok_or_else(|| Error::new(format!("the snapshot has the engine version {version:?}")))?;
    dumping::check_versions(tools, major, restore_major)?;
    dumping::check_minor(tools, version)?;
    dumping::check_marker(tools, dumping::keeps_marker(version))
}

/// All checks before costs are incurred. `engine_version` is the snapshot's.
///
/// # Errors
/// Anything that would make the run fail later.
pub async fn demand(given: &RunContext<'_>, engine_version: Option<&str>) -> Result<Ready> {
    let world = World { environment: given.environment, now: (given.now)() };
    let mut notes = Vec::new();
    for check in local_checks::local(given.config, &world).await {
        let seen = check.result.doing(|| check.name.clone())?;
        notes.push(format!("{}: {seen}", check.name));
    }
    let tools = given.tools()?;
    let (backups, note) = backups(given)?;
    notes.push(note);
    backups.remarks().iter().for_each(|remark| (given.listener)(Event::Warning(&remark.into())));
    let (server, restore_major) = server(given).await?;
    if let Some(version) = engine_version {
        check_engine(version, restore_major, &tools)?;
    }
    notes.push(format!("{}, PostgreSQL {restore_major}", server.describe()));
    Ok(Ready { tools, backups, server, notes })
}

/// Requires free space for one and a half times the last dump, and the last report.
fn backups(given: &RunContext<'_>) -> Result<(Backups, String)> {
    let backups = Backups::open(&given.config.dump.directory)?;
    // Check the mark of the directory before any server is contacted; the server's identity is checked later.
    shared(given, &backups)?;
    let last = LastVerified::read_of(given.state(), &given.origin()?)?;
    let needed = last.map_or(0, |last| with_half(last.dump_bytes)).max(LEAST_FREE);
    let reports = &given.config.report.directory;
    // A problem with the record is reported when the missing report is reported.
    let report = LastSigned::read(given.state(), reports).ok().flatten().map_or(0, |last| with_half(last.bytes));
    if is_one_disk(backups.dir(), reports) {
        backups.demand_free(needed.saturating_add(report))?;
    } else {
        backups.demand_free(needed)?;
        demand_free(reports, report)?;
    }
    let mut note = format!("{} free in {}", bytes(backups.free_bytes()?), backups.dir().display());
    for remark in backups.remarks() {
        note = format!("{note}; {remark}");
    }
    Ok((backups, note))
}

fn with_half(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 2)
}

fn is_one_disk(one: &Path, other: &Path) -> bool {
    let device = |dir: &Path| std::fs::metadata(dir).map(|seen| seen.dev());
    matches!((device(one), device(other)), (Ok(one), Ok(other)) if one == other)
}

/// Minimum for any dump, in bytes.
const LEAST_FREE: u64 = 16 << 20;

/// The server is reachable, the user may create databases and use the configured role, and the name of the copy is free or kept
/// by an earlier run.
async fn server(given: &RunContext<'_>) -> Result<(ConnInfo, u32)> {
    let info = given.restore_server().await?;
    let major = look(given, &info).await.doing(|| "check the restore server")?;
    Ok((info, major))
}

async fn look(given: &RunContext<'_>, info: &ConnInfo) -> Result<u32> {
    let session = open(info).await?;
    let row =
        session.row("SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").await?;
    if text(&row, 0)? != "t" {
        return Err(Error::new(format!("{} may not create databases on {}", info.user(), info.describe()))
            .hint(format!("give the role {} CREATEDB", info.user())));
    }
    let restore = &given.config.restore;
    if let Some(role) = &restore.role {
        demand_role(&session, role, info).await?;
    }
    if restore.copy == CopyFate::Replace {
        super::copy::replaceable(given, info).await?;
    }
    Ok(session.major())
}

/// pg_restore begins with SET ROLE: without that right nothing is restored.
async fn demand_role(session: &Session, role: &str, info: &ConnInfo) -> Result<()> {
    let name = quote_literal(role);
    let sql = format!(
        "SELECT (SELECT pg_catalog.pg_has_role(current_user, oid, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = {name})"
    );
    match optional(&session.row(&sql).await?, 0).as_deref() {
        Some("t") => Ok(()),
        Some(_) => {
            Err(Error::new(format!("{} may not become restore.role {role} on {}", info.user(), info.describe()))
                .hint(format!("grant the role {role} to {}", info.user())))
        }
        None => Err(Error::new(format!("restore.role {role} is not on {}", info.describe()))
            .hint("create it there, or leave restore.role out")),
    }
}
