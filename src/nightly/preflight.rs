//! All checks that are possible before a run incurs costs.
//!
//! The checks change nothing, except for a temporary file that is removed again.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check::{CheckList, CheckStage};
use super::compatibility::{demand_fit, open, warn_of_absent};
use super::context::RunContext;
use super::directories::{shared_reports, shared_state};
use super::local_checks::{LocalFacts, local};
use super::restore_role;
use super::restoring::extensions;
use super::source::shared;
use super::target_server::TargetServer;
use super::temporary_instance::Cloud;
use crate::aws::Snapshot;
use crate::base::error::{Context, Error, Result};
use crate::base::text::bytes;
use crate::config::{CopyFate, CopySource, RdsSource, Source};
use crate::model::name::quote_literal;
use crate::model::progress::Event;
use crate::model::run::Origin;
use crate::nightly::dumping;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, optional, text};
use crate::postgres::tools::PgTools;
use crate::storage::backups::{Backups, OwnSource, demand_free};
use crate::storage::journal::{LastSigned, LastVerified};
use crate::storage::reports;

/// What the checks found; `None` where a check failed or was not made.
#[derive(Default)]
pub struct PreflightResults {
    /// On this machine.
    pub local: LocalFacts,
    /// The snapshot that a run would take, and its engine version.
    pub snapshot: Option<Snapshot>,
    /// Where dumps are kept.
    pub backups: Option<Backups>,
    /// The backups of the source, once a run has identified it.
    pub ours: Option<OwnSource>,
    /// The restore server, and its major version.
    pub server: Option<(TargetServer, u32)>,
}

/// What a run continues with.
pub struct Ready {
    /// How to connect to a source that is not on RDS.
    pub source: Option<ConnInfo>,
    /// The PostgreSQL programs.
    pub tools: PgTools,
    /// Where dumps are kept.
    pub backups: Backups,
    /// The backups of the source.
    pub ours: OwnSource,
    /// The restore server.
    pub server: TargetServer,
}

impl PreflightResults {
    /// What a run continues with, after [`CheckList::until_failure`].
    ///
    /// # Errors
    /// A check was not made.
    pub fn ready(self) -> Result<Ready> {
        let LocalFacts { source, tools, .. } = self.local;
        match (tools, self.backups, self.ours, self.server) {
            (Some(tools), Some(backups), Some(ours), Some((server, _))) => {
                Ok(Ready { source, tools, backups, ours, server })
            }
            _ => Err(Error::new("a check before the run was not made")),
        }
    }
}

/// Makes every check that is possible before a run incurs costs. Offline, only those that need no connection.
///
/// # Errors
/// A check failed, and a run stops there.
pub async fn complete(list: &mut CheckList, context: &RunContext<'_>, is_offline: bool) -> Result<PreflightResults> {
    let mut found = PreflightResults { local: local(list, context).await?, ..Default::default() };
    if is_offline {
        return Ok(found);
    }
    if let Source::Rds(config) = &context.config.source {
        found.snapshot = aws(list, config, context).await?;
    }
    remote(list, context, &mut found, None).await?;
    let engine_version = found.snapshot.as_ref().map(|snapshot| snapshot.engine_version.clone());
    compatible(list, context, &found, engine_version.as_deref()).await?;
    Ok(found)
}

/// Identity, production, and the snapshot that would be restored. A run makes these checks as steps of its own.
async fn aws(list: &mut CheckList, config: &RdsSource, context: &RunContext<'_>) -> Result<Option<Snapshot>> {
    let opened = Cloud::open(config, context).await;
    let opened = opened.map(|cloud| {
        let seen = format!("{} in {}", cloud.identity.arn, config.region);
        (cloud, seen)
    });
    let Some(mut cloud) = list.add(CheckStage::Remote, "AWS", opened)? else { return Ok(None) };
    let source = cloud.find_source().await.cloned().map(|source| {
        let protection = if source.deletion_protection { "on" } else { "OFF" };
        let (name, id, status) = (&source.identifier, &source.resource_id, &source.status);
        let seen = format!("{name} ({id}), {status}, deletion protection {protection}");
        (source, seen)
    });
    let Some(source) = list.add(CheckStage::Remote, "source.instance", source)? else { return Ok(None) };
    let snapshot = cloud.rds.find_snapshot(&source, context.snapshot.as_deref(), (context.now)()).await;
    let snapshot = snapshot.map(|snapshot| {
        let seen =
            format!("{} of {}, PostgreSQL {}", snapshot.identifier, snapshot.created_at, snapshot.engine_version);
        (snapshot, seen)
    });
    list.add(CheckStage::Remote, "source.snapshots", snapshot)
}

/// What this machine keeps of earlier runs, and the restore server. What depends on a failed check of this machine is not
/// checked: it would fail of the same cause. A server of the run's own is started; `run_id` is the run whose journal names it.
///
/// # Errors
/// A check failed, and a run stops there.
pub async fn remote(
    list: &mut CheckList,
    context: &RunContext<'_>,
    found: &mut PreflightResults,
    run_id: Option<&str>,
) -> Result<()> {
    use CheckStage::Remote;
    if !list.has_failed("source.url") {
        let origin = context.origin()?;
        if !list.has_failed("dump.directory") {
            found.backups = list.add(Remote, "backups", backups(context, &origin))?;
        }
        let own = |shared: Result<Option<String>>| {
            shared.map(|warning| warning.map_or("of no other source".to_owned(), |text| format!("shared\n{text}")))
        };
        if !list.has_failed("report.directory") {
            list.note(Remote, "reports", own(shared_reports(&context.config.report.directory, &origin)))?;
        }
        if !list.has_failed("state.directory") {
            list.note(Remote, "state", own(shared_state(context.state(), &origin)))?;
        }
    }
    let checked = match (&found.local.server, &found.local.tools) {
        (Some(info), _) => restore_server(context, info).await,
        (None, Some(tools)) if context.has_own_server() && !list.has_failed("restore.server_directory") => {
            own_server(context, tools, run_id).await
        }
        _ => return Ok(()),
    };
    found.server = list.add(Remote, "restore server", checked)?;
    Ok(())
}

/// Whether the restore server can take what the source holds. Of a snapshot only the engine version is known before an instance
/// is built from it: a run checks that instance too. Where the restore server failed, only the source is checked.
///
/// # Errors
/// The check failed, and a run stops there.
pub async fn compatible(
    list: &mut CheckList,
    context: &RunContext<'_>,
    found: &PreflightResults,
    engine_version: Option<&str>,
) -> Result<()> {
    let PreflightResults { local: LocalFacts { source, tools, .. }, server, .. } = found;
    if let Some(source) = source
        && list.is_only_a_check()
        && !context.config.access.open.is_empty()
        && let Err(error) = reached(source).await
    {
        let warning =
            format!("not checked\nwarning: {error}; a run opens access first (access.open), a check does not");
        return list.note(CheckStage::Remote, "source and copy", Ok(warning));
    }
    let seen = match (source, engine_version, tools, server) {
        (Some(source), _, Some(tools), Some((target, _))) => {
            demand_fit(source, target, tools, &context.config.restore).await
        }
        (None, Some(version), Some(tools), Some((target, major))) => {
            fits_snapshot(context, found.backups.as_ref(), version, tools, (target, *major)).await
        }
        (Some(source), ..) => return list.note(CheckStage::Remote, "source", reached(source).await),
        _ => return Ok(()),
    };
    list.note(CheckStage::Remote, "source and copy", seen)
}

async fn fits_snapshot(
    context: &RunContext<'_>,
    backups: Option<&Backups>,
    version: &str,
    tools: &PgTools,
    (server, major): (&TargetServer, u32),
) -> Result<String> {
    check_engine(version, major, tools)?;
    // What is not known of the last backup is checked on the instance.
    let last = LastVerified::read_of(context.state(), &context.origin()?).ok().flatten();
    let report = last.and_then(|last| backups?.get(&last.backup).ok()?.record.report);
    let directory = report.and_then(|file| Some(Path::new(&file.path).parent()?.to_owned()));
    let manifest = directory.and_then(|directory| reports::load_manifest(&directory.join(reports::EXPECTED)).ok());
    let used = manifest.map(|manifest| extensions(&manifest)).unwrap_or_default();
    let warning = warn_of_absent(&used, server, &context.config.restore).await?;
    Ok(format!("source PostgreSQL {version}, copy {major}{warning}"))
}

async fn reached(source: &ConnInfo) -> Result<String> {
    let session = open(source).await.doing(|| "check the source")?;
    Ok(format!("{}, PostgreSQL {}", source.describe(), session.major()))
}

fn check_engine(version: &str, restore_major: u32, tools: &PgTools) -> Result<()> {
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    let major = major.ok_or_else(|| Error::new(format!("the snapshot has the engine version {version:?}")))?;
    dumping::check_versions(tools, major, restore_major)?;
    dumping::check_minor(tools, version)?;
    dumping::check_marker(tools, dumping::keeps_marker(version))
}

/// Minimum for any dump, in bytes.
const LEAST_FREE: u64 = 16 << 20;

/// Requires free space for one and a half times the last dump, and the last report.
fn backups(context: &RunContext<'_>, origin: &Origin) -> Result<(Backups, String)> {
    let backups = Backups::open(&context.config.dump.directory)?;
    // Check the mark of the directory before any server is contacted; the server's identity is checked later.
    shared(context, &backups)?;
    // The check of the state reports a record that cannot be read.
    let last = LastVerified::read_of(context.state(), origin).ok().flatten();
    let needed = last.map_or(0, |last| with_half(last.dump_bytes)).max(LEAST_FREE);
    // What is read back from the off-site repository is a second dump on the same disk.
    let copies = if context.config.restore.from == CopySource::Offsite { 2 } else { 1 };
    let needed = needed.saturating_mul(copies);
    let reports = &context.config.report.directory;
    // A problem with the record is reported when the missing report is reported.
    let report = LastSigned::read(context.state(), reports).ok().flatten().map_or(0, |last| with_half(last.bytes));
    if is_one_disk(backups.dir(), reports) {
        backups.demand_free(needed.saturating_add(report))?;
    } else {
        backups.demand_free(needed)?;
        demand_free(reports, report)?;
    }
    let mut note = format!("{} free in {}", bytes(backups.free_bytes()?), backups.dir().display());
    for remark in backups.remarks() {
        (context.listener)(Event::Warning(&remark.into()));
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

/// The server is reachable, the user may create databases and use the configured role, and the name of the copy is free or kept
/// by an earlier run. Its major version.
async fn restore_server(context: &RunContext<'_>, info: &ConnInfo) -> Result<((TargetServer, u32), String)> {
    let major = restore_major(context, info).await.doing(|| "check the restore server")?;
    let redaction = context.redaction()?;
    let warning = restore_role::warning(info, context.config.restore.role.as_deref()).await;
    let warning = warning.map(|warning| format!("\nwarning: {}", redaction.text(&warning).full())).unwrap_or_default();
    let seen = format!("{}, PostgreSQL {major}{warning}", info.describe());
    Ok(((TargetServer::given(info.clone()), major), seen))
}

/// Starts a server for the run.
async fn own_server(
    context: &RunContext<'_>,
    tools: &PgTools,
    run_id: Option<&str>,
) -> Result<((TargetServer, u32), String)> {
    let server = TargetServer::start(context, tools, run_id).await?;
    let (version, parent) = (&tools.version, context.config.restore.server_directory.display());
    let warning = match context.config.restore.superuser {
        true => {
            "\nwarning: restore.superuser is set: functions of the source could run programs as the user of pgwitness"
        }
        false => "",
    };
    let seen = format!("of the run's own, PostgreSQL {} in {parent}{warning}", version.text);
    Ok(((server, version.major), seen))
}

async fn restore_major(context: &RunContext<'_>, info: &ConnInfo) -> Result<u32> {
    let session = open(info).await?;
    let row =
        session.row("SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").await?;
    if text(&row, 0)? != "t" {
        return Err(Error::new(format!("{} may not create databases on {}", info.user(), info.describe()))
            .hint(format!("give the role {} CREATEDB", info.user())));
    }
    let restore = &context.config.restore;
    if let Some(role) = &restore.role {
        demand_role(&session, role, info).await?;
    }
    if restore.copy == CopyFate::Replace {
        super::copy_disposition::replaceable(context, info).await?;
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
