//! What a database is besides what is in it: what pg_dump leaves out unless it creates the database.
//!
//! Read from the source's catalog; never carries an owner or a privilege.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conninfo::ConnInfo;
use crate::error::{Context, Result};
use crate::name::quote_literal;
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

impl DatabaseFacts {
    /// For CREATE DATABASE on a server of this major version: everything named, so that nothing comes from its own defaults.
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
            // A server before 15 knows only this one, and not the word.
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
