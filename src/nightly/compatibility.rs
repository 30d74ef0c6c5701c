//! Whether the restore server can accept what the source contains: checked before a dump of hours.
//!
//! Reads catalogs of both servers. Writes to neither, except that a server of the run's own gets the roles of the source.

use std::collections::BTreeSet;

use crate::base::error::{Context, Error, Result};
use crate::config::{AcceptedError, RestoreSettings};
use crate::model::name::quote_literal;
use crate::nightly::dumping;
use crate::nightly::restoring::{self, Needs};
use crate::nightly::target_server::TargetServer;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, SessionOptions, optional, text};
use crate::postgres::tools::PgTools;

/// Limit for waiting for a locked catalog, in seconds.
const LOCK_TIMEOUT_S: u32 = 30;

/// A column with the option that some servers keep for internal use.
const MARKED: &str = "SELECT 1 FROM pg_catalog.pg_attribute WHERE attoptions::text LIKE '%pg_attver=%' LIMIT 1";

/// Opens one session on one server.
pub async fn open(info: &ConnInfo) -> Result<Session> {
    Session::open(info, &SessionOptions { lock_timeout_s: LOCK_TIMEOUT_S }).await
}

/// Checks that a database of `source` can be dumped by these programs and restored on `target`; returns what was found.
///
/// # Errors
/// A server cannot be asked, the versions do not fit, or `target` lacks extensions, roles, rights, tablespaces or a locale whose
/// absence is not accepted: all of them in one error.
pub async fn demand_fit(
    source: &ConnInfo,
    server: &TargetServer,
    tools: &PgTools,
    restore: &RestoreSettings,
) -> Result<String> {
    let source = open(source).await.doing(|| "check the source")?;
    let needs = Needs::of_source(&source).await?;
    let prepared = server.prepare(&source, &needs).await.doing(|| "prepare the restore server")?;
    let target = &server.restorer;
    let target_session = open(target).await.doing(|| "check the restore server")?;
    dumping::check_versions(tools, source.major(), target_session.major())?;
    dumping::check_minor(tools, source.server_version())?;
    let marked = source.rows(MARKED).await.doing(|| "look for pg_attver in the source")?;
    dumping::check_marker(tools, !marked.is_empty())?;
    let used = column(&source, "SELECT extname FROM pg_catalog.pg_extension ORDER BY 1").await;
    let used = used.doing(|| "list the extensions of the source")?;
    let (accepted, missing) = absent(&used, &target_session, restore).await?;
    let mut problems = Vec::new();
    if !missing.is_empty() {
        problems.push(lacking(&missing, target, target_session.major()));
    }
    problems.extend(restoring::lacking(&needs, &target_session, restore, None).await?);
    let facts = restoring::database_facts(source.conninfo()).await?;
    problems.extend(restoring::lacking_locale(target, &facts).await?);
    restoring::demand_none(problems)?;
    let without =
        if accepted.is_empty() { String::new() } else { format!(", but for {} (accepted)", accepted.join(", ")) };
    let doubtful = doubtful(&used, &target_session, server, restore).await?;
    let refused = superusers_own(&source, &target_session, server, restore).await?;
    let count = used.len();
    let noun = if count == 1 { "extension" } else { "extensions" };
    let (from, to) = (source.major(), target_session.major());
    Ok(format!("source PostgreSQL {from}, copy {to}, {count} {noun} there{without}{prepared}{doubtful}{refused}"))
}

/// Of a source that can be asked only later: warns of extensions of its newest verified backup that the server lacks.
///
/// # Errors
/// The server cannot be asked.
pub async fn warn_of_absent(used: &[String], server: &TargetServer, restore: &RestoreSettings) -> Result<String> {
    let session = open(&server.restorer).await.doing(|| "check the restore server")?;
    let (_, missing) = absent(used, &session, restore).await?;
    if missing.is_empty() {
        return Ok(String::new());
    }
    let text = lacking(&missing, &server.restorer, session.major());
    let hint = text.hint_text().unwrap_or_default();
    Ok(format!("\nwarning: at its newest verified backup {text}; {hint}"))
}

/// Extensions that the server lacks: accepted ones, and others.
async fn absent(used: &[String], target: &Session, restore: &RestoreSettings) -> Result<(Vec<String>, Vec<String>)> {
    let there = column(target, "SELECT name FROM pg_catalog.pg_available_extensions ORDER BY 1").await;
    let there = there.doing(|| "list the extensions of the restore server")?;
    let absent = used.iter().filter(|name| !there.contains(name)).cloned();
    Ok(absent.partition(|name| is_accepted(name, &restore.accept)))
}

/// A role is no superuser, nor is `restore.role`.
const IS_ORDINARY: &str = "NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = $ROLE)";

fn is_ordinary(restore: &RestoreSettings) -> String {
    let role = restore.role.as_deref().map_or_else(|| "current_user".to_owned(), quote_literal);
    IS_ORDINARY.replace("$ROLE", &role)
}

/// What an ordinary role cannot restore, a server with more rights than those of PostgreSQL excepted: only the restore tells.
async fn superusers_own(
    source: &Session,
    target: &Session,
    server: &TargetServer,
    restore: &RestoreSettings,
) -> Result<String> {
    let is_ordinary = text(&target.row(&format!("SELECT {}", is_ordinary(restore))).await?, 0)? == "t";
    if !is_ordinary {
        return Ok(String::new());
    }
    let found = column(source, SUPERUSERS_OWN).await.doing(|| "list what only a superuser can restore")?;
    if found.is_empty() {
        return Ok(String::new());
    }
    let help = if server.is_own() {
        "restore.superuser = true restores them, and lets functions of the source run programs as the user of pgwitness"
    } else {
        "restore as a superuser, or expect findings with the cause \"restore server\""
    };
    Ok(format!("\nwarning: only a superuser can restore {}; {help}", listed(&found)))
}

/// The first ones by name.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let first = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Objects that PostgreSQL lets only a superuser create, and that belong to no extension.
const SUPERUSERS_OWN: &str = "WITH found(classid, objid, name) AS (
         SELECT 'pg_event_trigger'::regclass, oid, 'event trigger ' || evtname FROM pg_catalog.pg_event_trigger
         UNION ALL SELECT 'pg_proc'::regclass, p.oid, 'function ' || p.oid::regprocedure FROM pg_catalog.pg_proc p
           JOIN pg_catalog.pg_language l ON l.oid = p.prolang
          WHERE p.oid >= 16384 AND (p.proleakproof OR (NOT l.lanpltrusted AND l.lanname <> 'sql'))
         UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 'foreign-data wrapper ' || fdwname
           FROM pg_catalog.pg_foreign_data_wrapper
         UNION ALL SELECT 'pg_publication'::regclass, oid, 'publication ' || pubname
           FROM pg_catalog.pg_publication WHERE puballtables
         UNION ALL SELECT 'pg_opclass'::regclass, oid, 'operator class ' || opcname
           FROM pg_catalog.pg_opclass WHERE oid >= 16384
         UNION ALL SELECT 'pg_ts_parser'::regclass, oid, 'text search parser ' || prsname
           FROM pg_catalog.pg_ts_parser WHERE oid >= 16384
         UNION ALL SELECT 'pg_subscription'::regclass, s.oid, 'subscription ' || subname FROM pg_catalog.pg_subscription s
           JOIN pg_catalog.pg_database d ON d.oid = s.subdbid AND d.datname = pg_catalog.current_database())
    SELECT name FROM found f
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                        WHERE e.classid = f.classid AND e.objid = f.objid AND e.deptype = 'e') ORDER BY 1";

/// Extensions that the server has and may refuse all the same. No error: some servers let other roles than superusers create
/// them, and only CREATE EXTENSION tells.
async fn doubtful(
    used: &[String],
    target: &Session,
    server: &TargetServer,
    restore: &RestoreSettings,
) -> Result<String> {
    // A server of the run's own creates extensions as a superuser.
    let is_refused = if server.is_own() { "false".to_owned() } else { is_ordinary(restore) };
    let sql = format!(
        "SELECT a.name FROM pg_catalog.pg_available_extensions a
           JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
          WHERE v.superuser AND NOT v.trusted AND {is_refused} ORDER BY 1"
    );
    let untrusted = column(target, &sql).await.doing(|| "list the extensions that only a superuser may create")?;
    let untrusted = used.iter().filter(|name| untrusted.contains(name) && *name != "plpgsql");
    let loaded = target.row("SELECT pg_catalog.current_setting('shared_preload_libraries')").await.ok();
    let loaded = loaded.and_then(|row| optional(&row, 0)).unwrap_or_default();
    let is_loaded = |name: &str| loaded.split(',').any(|library| library.trim().trim_matches('"') == name);
    let preloaded = used.iter().filter(|name| PRELOADED.contains(&name.as_str()) && !is_loaded(name));
    let names: BTreeSet<&str> = untrusted.chain(preloaded).map(String::as_str).collect();
    let open: Vec<&str> = names.into_iter().filter(|name| !is_accepted(name, &restore.accept)).collect();
    let Some(first) = open.first() else { return Ok(String::new()) };
    Ok(format!(
        "\nwarning: the restore server may refuse {} (only a superuser may create it, or the server has to load it when it \
         starts); restore as a superuser, set shared_preload_libraries, or accept it: [[restore.accept]], object = \
         \"EXTENSION {first}\"",
        open.join(", ")
    ))
}

/// Extensions whose CREATE fails unless the server has loaded their library when it started.
const PRELOADED: [&str; 4] = ["citus", "pg_cron", "pgaudit", "timescaledb"];

async fn column(session: &Session, sql: &str) -> Result<Vec<String>> {
    session.rows(sql).await?.iter().map(|row| text(row, 0)).collect()
}

/// An accepted `EXTENSION x` covers the objects of the extension too.
fn is_accepted(name: &str, accept: &[AcceptedError]) -> bool {
    accept.iter().any(|accepted| accepted.object == format!("EXTENSION {name}"))
}

fn lacking(missing: &[String], target: &ConnInfo, major: u32) -> Error {
    let (noun, them) = if missing.len() == 1 { ("extension", "it") } else { ("extensions", "them") };
    let cause = format!(
        "the source uses the {noun} {}, and the restore server ({}) does not have {them}",
        missing.join(", "),
        target.describe()
    );
    let first = missing.first().map(String::as_str).unwrap_or_default();
    Error::new(cause).hint(format!(
        "install {them} there, for PostgreSQL {major}; what the copy can do without is named in [[restore.accept]], object = \"EXTENSION {first}\""
    ))
}
