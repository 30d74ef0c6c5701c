//! What code of the source could do on the restore server.
//!
//! pg_restore runs functions of the source (in CHECK constraints, index expressions, generated columns, materialized views) with
//! the rights of the restore role, as any restore does. A role with few rights limits the effect.

use super::compatibility::open;
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::model::name::quote_literal;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::text;

/// A warning about the role that restores: the user of the connection, or `restore.role`. `None` for an ordinary role.
pub async fn warning(info: &ConnInfo, role: Option<&str>) -> Option<MarkedText> {
    let could_not = |error: Error| {
        let asked = "whether the role that restores is a superuser, or may run programs there, could not be asked";
        error.context(asked).text()
    };
    powerful(info, role).await.unwrap_or_else(|error| Some(could_not(error)))
}

async fn powerful(info: &ConnInfo, role: Option<&str>) -> Result<Option<MarkedText>> {
    let session = open(info).await?;
    let wanted = role.map_or_else(|| "session_user".to_owned(), quote_literal);
    // RESET ROLE returns to the user of the connection, so check that user too.
    let sql = format!(
        "SELECT r.rolname, r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname IN (session_user, {wanted}) \
         AND (r.rolsuper OR pg_catalog.pg_has_role(r.oid, 'pg_execute_server_program', 'MEMBER')) ORDER BY 1 LIMIT 1"
    );
    let Some(row) = session.rows(&sql).await?.pop() else { return Ok(None) };
    let is_superuser = text(&row, 1)? == "t";
    let what = if is_superuser { "is a superuser there" } else { "may run programs there (pg_execute_server_program)" };
    let name = text(&row, 0)?;
    let warning = format!(
        "a restore runs functions of the source with the rights of {name}, which {what}; restore as an ordinary role that may \
         create databases"
    );
    Ok(Some(warning.into()))
}
