//! What a database is besides what is in it: what pg_dump leaves out unless it creates the database.
//!
//! Read from the source's catalog; never carries an owner or a privilege.

use serde::{Deserialize, Serialize};

use crate::conninfo::ConnInfo;
use crate::error::{Context, Result};
use crate::session::{Session, SessionOptions, optional, text};

/// How a database was created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseFacts {
    /// For instance `UTF8`.
    pub encoding: String,
    /// `datcollate`.
    pub lc_collate: String,
    /// `datctype`.
    pub lc_ctype: String,
    /// `datlocprovider`: `c` (libc, and before PostgreSQL 15 the only one), `i` (ICU) or `b` (builtin).
    pub provider: String,
    /// The locale of ICU or of the builtin provider.
    pub locale: Option<String>,
    /// Tailoring rules of ICU.
    pub icu_rules: Option<String>,
    /// `datconnlimit`, if it is limited.
    pub connection_limit: Option<i64>,
}

/// Reads them.
///
/// # Errors
/// No connection, or the server refuses.
pub async fn database_facts(conninfo: &ConnInfo) -> Result<DatabaseFacts> {
    let doing = || format!("read how {} was created", conninfo.describe());
    read(conninfo).await.doing(doing)
}

async fn read(conninfo: &ConnInfo) -> Result<DatabaseFacts> {
    let session = Session::open(conninfo, &SessionOptions { lock_timeout_s: 30 }).await?;
    let row = session.row(FACTS).await?;
    Ok(DatabaseFacts {
        encoding: text(&row, 0)?,
        lc_collate: text(&row, 1)?,
        lc_ctype: text(&row, 2)?,
        provider: text(&row, 3)?,
        locale: optional(&row, 4),
        icu_rules: optional(&row, 5),
        connection_limit: optional(&row, 6).and_then(|limit| limit.parse().ok()).filter(|limit| *limit >= 0),
    })
}

/// Columns that older servers lack are NULL.
const FACTS: &str = "SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, \
    coalesce(j ->> 'datlocprovider', 'c'), coalesce(j ->> 'datlocale', j ->> 'daticulocale'), j ->> 'daticurules', d.datconnlimit \
    FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.to_jsonb(d) j WHERE d.datname = pg_catalog.current_database()";
