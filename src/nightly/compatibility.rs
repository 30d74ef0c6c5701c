//! Whether the restore server can accept what the source contains: checked before a dump of hours.
//!
//! Reads catalogs of both servers and writes to neither.

use std::collections::BTreeSet;

use crate::base::error::{Context, Error, Result};
use crate::config::{AcceptedError, RestoreSettings};
use crate::model::name::quote_literal;
use crate::nightly::dumping;
use crate::nightly::restoring;
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
    target: &ConnInfo,
    tools: &PgTools,
    restore: &RestoreSettings,
) -> Result<String> {
    let source = open(source).await.doing(|| "check the source")?;
    let target_session = open(target).await.doing(|| "check the restore server")?;
    dumping::check_versions(tools, source.major(), target_session.major())?;
    dumping::check_minor(tools, source.server_version())?;
    let marked = source.rows(MARKED).await.doing(|| "look for pg_attver in the source")?;
    dumping::check_marker(tools, !marked.is_empty())?;
    let used = column(&source, "SELECT extname FROM pg_catalog.pg_extension ORDER BY 1").await;
    let used = used.doing(|| "list the extensions of the source")?;
    let there = column(&target_session, "SELECT name FROM pg_catalog.pg_available_extensions ORDER BY 1").await;
    let there = there.doing(|| "list the extensions of the restore server")?;
    let (accepted, missing): (Vec<String>, Vec<String>) =
        used.iter().filter(|name| !there.contains(name)).cloned().partition(|name| is_accepted(name, &restore.accept));
    let mut problems = Vec::new();
    if !missing.is_empty() {
        problems.push(lacking(&missing, target, target_session.major()));
    }
    let needs = restoring::Needs::of_source(&source).await?;
    problems.extend(restoring::lacking(&needs, &target_session, restore, None).await?);
    let facts = restoring::database_facts(source.conninfo()).await?;
    problems.extend(restoring::lacking_locale(target, &facts).await?);
    restoring::demand_none(problems)?;
    let without =
        if accepted.is_empty() { String::new() } else { format!(", but for {} (accepted)", accepted.join(", ")) };
    let doubtful = doubtful(&used, &target_session, restore).await?;
    let count = used.len();
    let noun = if count == 1 { "extension" } else { "extensions" };
    let (from, to) = (source.major(), target_session.major());
    Ok(format!("source PostgreSQL {from}, copy {to}, {count} {noun} there{without}{doubtful}"))
}

/// Extensions that the server has and may refuse all the same. No error: some servers let other roles than superusers create
/// them, and only CREATE EXTENSION tells.
async fn doubtful(used: &[String], target: &Session, restore: &RestoreSettings) -> Result<String> {
    let role = restore.role.as_deref().map_or_else(|| "current_user".to_owned(), quote_literal);
    let sql = format!(
        "SELECT a.name FROM pg_catalog.pg_available_extensions a
           JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
          WHERE v.superuser AND NOT v.trusted
            AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = {role}) ORDER BY 1"
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
