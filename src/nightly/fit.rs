//! Whether the server of the copy can take what the source has: known before a dump of hours, not after it.
//!
//! Reads catalogs of both servers and writes to neither.

use crate::config::{AcceptedError, Restore};
use crate::conninfo::ConnInfo;
use crate::dumping;
use crate::error::{Context, Error, Result};
use crate::pgtools::PgTools;
use crate::restoring;
use crate::session::{Session, SessionOptions, text};

/// How long a catalog may be locked, in seconds.
const LOCK_TIMEOUT_S: u32 = 30;

/// A column with the option that some servers keep for themselves.
const MARKED: &str = "SELECT 1 FROM pg_catalog.pg_attribute WHERE attoptions::text LIKE '%pg_attver=%' LIMIT 1";

/// One server, looked at through one session.
pub async fn open(info: &ConnInfo) -> Result<Session> {
    Session::open(info, &SessionOptions { lock_timeout_s: LOCK_TIMEOUT_S }).await
}

/// Whether a database of `source` can be dumped by these programs and restored on `target`; in words, when it can.
///
/// # Errors
/// A server cannot be asked, the versions do not fit, or `target` lacks an extension or a role whose absence nobody has accepted.
pub async fn demand_fit(source: &ConnInfo, target: &ConnInfo, tools: &PgTools, restore: &Restore) -> Result<String> {
    let source = open(source).await.doing(|| "look at the source")?;
    let target_session = open(target).await.doing(|| "look at the server of the copy")?;
    dumping::check_versions(tools, source.major(), target_session.major())?;
    dumping::check_minor(tools, source.server_version())?;
    let marked = source.rows(MARKED).await.doing(|| "look for pg_attver in the source")?;
    dumping::check_marker(tools, !marked.is_empty())?;
    let used = column(&source, "SELECT extname FROM pg_catalog.pg_extension ORDER BY 1").await;
    let used = used.doing(|| "list the extensions of the source")?;
    let there = column(&target_session, "SELECT name FROM pg_catalog.pg_available_extensions ORDER BY 1").await;
    let there = there.doing(|| "list the extensions of the server of the copy")?;
    let (accepted, missing): (Vec<String>, Vec<String>) =
        used.iter().filter(|name| !there.contains(name)).cloned().partition(|name| is_accepted(name, &restore.accept));
    if !missing.is_empty() {
        return Err(lacking(&missing, target, target_session.major()));
    }
    let needs = restoring::Needs::of_source(&source).await?;
    restoring::demand_needs(&needs, &target_session, restore, None).await?;
    restoring::demand_locale(target, &restoring::database_facts(source.conninfo()).await?).await?;
    let without =
        if accepted.is_empty() { String::new() } else { format!(", but for {} (accepted)", accepted.join(", ")) };
    let count = used.len();
    let noun = if count == 1 { "extension" } else { "extensions" };
    Ok(format!("source PostgreSQL {}, copy {}, {count} {noun} there{without}", source.major(), target_session.major()))
}

async fn column(session: &Session, sql: &str) -> Result<Vec<String>> {
    session.rows(sql).await?.iter().map(|row| text(row, 0)).collect()
}

/// Whoever accepts that `EXTENSION x` fails knows what goes with it.
fn is_accepted(name: &str, accept: &[AcceptedError]) -> bool {
    accept.iter().any(|accepted| accepted.object == format!("EXTENSION {name}"))
}

fn lacking(missing: &[String], target: &ConnInfo, major: u32) -> Error {
    let (noun, them) = if missing.len() == 1 { ("extension", "it") } else { ("extensions", "them") };
    let cause = format!(
        "the source uses the {noun} {}, and the server of the copy ({}) does not have {them}",
        missing.join(", "),
        target.describe()
    );
    let first = missing.first().map(String::as_str).unwrap_or_default();
    Error::new(cause).hint(format!(
        "install {them} there, for PostgreSQL {major}; what the copy can do without is named in [[restore.accept]], object = \"EXTENSION {first}\""
    ))
}
