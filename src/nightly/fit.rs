//! Whether the server of the copy can take what the source has: known before a dump of hours, not after it.
//!
//! Reads catalogs of both servers and writes to neither.

use crate::config::{AcceptedError, Restore};
use crate::conninfo::ConnInfo;
use crate::dumping;
use crate::error::{Context, Error, Result};
use crate::pgtools::PgTools;
use crate::session::{Session, SessionOptions, text};

/// How long a catalog may be locked, in seconds.
const LOCK_TIMEOUT_S: u32 = 30;

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
    let used = column(&source, "SELECT extname FROM pg_catalog.pg_extension ORDER BY 1").await;
    let used = used.doing(|| "list the extensions of the source")?;
    let there = column(&target_session, "SELECT name FROM pg_catalog.pg_available_extensions ORDER BY 1").await;
    let there = there.doing(|| "list the extensions of the server of the copy")?;
    let (accepted, missing): (Vec<String>, Vec<String>) =
        used.iter().filter(|name| !there.contains(name)).cloned().partition(|name| is_accepted(name, &restore.accept));
    if !missing.is_empty() {
        return Err(lacking(&missing, target, target_session.major()));
    }
    demand_roles(&source, &target_session, restore).await?;
    let without =
        if accepted.is_empty() { String::new() } else { format!(", but for {} (accepted)", accepted.join(", ")) };
    let count = used.len();
    let noun = if count == 1 { "extension" } else { "extensions" };
    Ok(format!("source PostgreSQL {}, copy {}, {count} {noun} there{without}", source.major(), target_session.major()))
}

/// Without an owner the copy differs from the source, and a good dump would be called damaged.
async fn demand_roles(source: &Session, target: &Session, restore: &Restore) -> Result<()> {
    // Whoever accepts this code anywhere knows of roles that are not there.
    if restore.accept.iter().any(|accepted| accepted.sqlstate == UNDEFINED_OBJECT) {
        return Ok(());
    }
    let used = column(source, &roles_used(restore)).await.doing(|| "list the roles that the source uses")?;
    let there = column(target, "SELECT rolname FROM pg_catalog.pg_roles ORDER BY 1").await;
    let there = there.doing(|| "list the roles of the server of the copy")?;
    let missing: Vec<String> = used.into_iter().filter(|name| !there.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let noun = if missing.len() == 1 { "role" } else { "roles" };
    let cause = format!(
        "the source has objects or rights of the {noun} {}, and the server of the copy ({}) does not have the {noun}",
        missing.join(", "),
        target.conninfo().describe()
    );
    Err(Error::new(cause)
        .hint("create the role there (CREATE ROLE ...), or set restore.no_owner and restore.no_privileges"))
}

/// SQLSTATE of a role, or anything else, that is not there.
const UNDEFINED_OBJECT: &str = "42704";

/// Of what pg_dump writes: neither temporary tables nor what comes with an extension. What belongs to the server's first superuser is
/// not in the list of PostgreSQL, and he is there on any server, if by another name.
fn roles_used(restore: &Restore) -> String {
    const RIGHTS: &str = "'pg_catalog.pg_default_acl'::pg_catalog.regclass";
    let mut kinds = vec!["d.deptype = 'r'".to_owned()];
    if !restore.no_owner {
        kinds.push(format!("d.deptype = 'o' AND d.classid <> {RIGHTS}"));
    }
    if !restore.no_privileges {
        kinds.push(format!("d.deptype = 'a' OR d.classid = {RIGHTS}"));
    }
    format!(
        "SELECT DISTINCT r.rolname FROM pg_catalog.pg_shdepend d
           JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
           JOIN pg_catalog.pg_database this ON this.datname = pg_catalog.current_database()
          WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
            AND (d.dbid = this.oid
                 OR (d.dbid = 0 AND d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objid = this.oid))
            AND (({}))
            AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                             WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                             WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
                               AND c.relpersistence = 't')
          ORDER BY 1",
        kinds.join(") OR (")
    )
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
