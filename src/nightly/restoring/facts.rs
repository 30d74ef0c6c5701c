//! The properties of a database besides its contents: pg_dump leaves them out unless it creates the database.
//!
//! Read from the catalog of the source; they cannot be read from a dump without restoring it.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio_postgres::SimpleQueryRow;

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::model::name::quote_literal;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, SessionOptions, optional, text};
use crate::storage::reports;

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
    /// `datistemplate`.
    pub is_template: bool,
    /// The comment.
    pub comment: Option<String>,
    /// The owner.
    pub owner: String,
    /// Privileges, if they differ from those of a new database.
    pub grants: Option<Vec<Grant>>,
    /// What ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET have set.
    pub settings: Vec<DatabaseSetting>,
}

/// A privilege on the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The role; `None` is PUBLIC.
    pub role: Option<String>,
    /// For instance `CONNECT`.
    pub privilege: String,
    /// WITH GRANT OPTION.
    pub is_grantable: bool,
}

/// A setting of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSetting {
    /// The role of the setting; `None` for all roles.
    pub role: Option<String>,
    /// For instance `search_path`.
    pub name: String,
    /// The value as it was set.
    pub value: String,
}

impl DatabaseFacts {
    /// Clauses of CREATE DATABASE for a server of this major version: every property is named, so that no server default applies.
    pub(super) fn clauses(&self, major: u32) -> String {
        let mut sql = format!(
            " ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            quote_literal(&self.encoding),
            quote_literal(&self.lc_collate),
            quote_literal(&self.lc_ctype)
        );
        let (provider, option) = match self.provider.as_str() {
            "i" => (" LOCALE_PROVIDER icu", "ICU_LOCALE"),
            "b" => (" LOCALE_PROVIDER builtin", "BUILTIN_LOCALE"),
            _ if major >= 15 => (" LOCALE_PROVIDER libc", ""),
            // A server before 15 has only libc, and not the keyword.
            _ => return sql,
        };
        sql.push_str(provider);
        if let Some(locale) = self.locale.as_ref().filter(|_| !option.is_empty()) {
            sql.push_str(&format!(" {option} {}", quote_literal(locale)));
        }
        if let Some(rules) = &self.icu_rules {
            sql.push_str(&format!(" ICU_RULES {}", quote_literal(rules)));
        }
        sql
    }
}

/// `encoding UTF8, collation en_AU.UTF-8, ctype en_AU.UTF-8`, for messages.
impl fmt::Display for DatabaseFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "encoding {}, collation {}, ctype {}", self.encoding, self.lc_collate, self.lc_ctype)?;
        match (self.provider.as_str(), &self.locale) {
            ("i", Some(locale)) => write!(f, ", ICU locale {locale}"),
            ("b", Some(locale)) => write!(f, ", builtin locale {locale}"),
            _ => Ok(()),
        }
    }
}

/// File beside a dump with what the dump does not contain.
pub const FACTS_FILE: &str = "database.json";

/// Writes the properties to a file beside a dump.
///
/// # Errors
/// The file cannot be written.
pub fn write_facts(facts: &DatabaseFacts, dir: &Path) -> Result<()> {
    reports::write_json(dir, FACTS_FILE, facts).map(drop)
}

/// Reads the file beside a dump.
///
/// # Errors
/// The file is missing or invalid.
pub fn read_facts(dir: &Path) -> Result<DatabaseFacts> {
    let path = dir.join(FACTS_FILE);
    let bytes = files::read(&path, files::RECORD).doing(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::from_source(&error))
        .doing(|| format!("read {}", path.display()))
}

/// Reads the properties from the catalog.
///
/// # Errors
/// No connection, or an error of the server.
pub async fn database_facts(conninfo: &ConnInfo) -> Result<DatabaseFacts> {
    let doing = || format!("read how {} was created", conninfo.describe());
    read(conninfo).await.doing(doing)
}

async fn read(conninfo: &ConnInfo) -> Result<DatabaseFacts> {
    let session = Session::open(conninfo, &SessionOptions { lock_timeout_s: 30 }).await?;
    let row = session.row(FACTS).await?;
    let is = |index| optional(&row, index).as_deref() == Some("t");
    let grants = if is(10) { Some(grants(&session).await?) } else { None };
    Ok(DatabaseFacts {
        encoding: text(&row, 0)?,
        lc_collate: text(&row, 1)?,
        lc_ctype: text(&row, 2)?,
        provider: text(&row, 3)?,
        locale: optional(&row, 4),
        icu_rules: optional(&row, 5),
        connection_limit: optional(&row, 6).and_then(|limit| limit.parse().ok()).filter(|limit| *limit >= 0),
        is_template: is(7),
        comment: optional(&row, 8),
        owner: text(&row, 9)?,
        grants,
        settings: settings(&session).await?,
    })
}

async fn grants(session: &Session) -> Result<Vec<Grant>> {
    let grant = |row: &SimpleQueryRow| {
        let (privilege, is_grantable) = (text(row, 1)?, text(row, 2)? == "t");
        Ok(Grant { role: optional(row, 0), privilege, is_grantable })
    };
    session.rows(GRANTS).await?.iter().map(grant).collect()
}

async fn settings(session: &Session) -> Result<Vec<DatabaseSetting>> {
    let setting = |row: &SimpleQueryRow| {
        Ok(DatabaseSetting { role: optional(row, 0), name: text(row, 1)?, value: text(row, 2)? })
    };
    session.rows(SETTINGS).await?.iter().map(setting).collect()
}

/// Columns that older servers lack are NULL.
const FACTS: &str = "SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, \
    coalesce(j ->> 'datlocprovider', 'c'), coalesce(j ->> 'datlocale', j ->> 'daticulocale'), j ->> 'daticurules', d.datconnlimit, \
    d.datistemplate, pg_catalog.shobj_description(d.oid, 'pg_database'), pg_catalog.pg_get_userbyid(d.datdba), \
    d.datacl IS NOT NULL \
    FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.to_jsonb(d) j WHERE d.datname = pg_catalog.current_database()";

const GRANTS: &str = "SELECT CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable \
    FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a \
    WHERE d.datname = pg_catalog.current_database() ORDER BY 1, 2";

const SETTINGS: &str = "SELECT CASE WHEN s.setrole <> 0 THEN pg_catalog.pg_get_userbyid(s.setrole) END, \
    split_part(c, '=', 1), substr(c, strpos(c, '=') + 1) \
    FROM pg_catalog.pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c \
    WHERE s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) ORDER BY 1, 2";
