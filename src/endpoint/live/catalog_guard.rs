//! Checks that the relations that were read are those of the snapshot.
//!
//! After TRUNCATE, a rewriting ALTER TABLE or the replacement of a table, an older snapshot sees an empty table without an error. So
//! after reading, while the session still holds its lock on the relation, the snapshot's catalog is compared with the current one.
//! Locks only what is being read: the source must not wait for this program.

use crate::base::error::{Error, Result};
use crate::model::name::{Name, quote_literal};
use crate::postgres::session::{Session, optional};

/// Checks relations that this transaction has read.
///
/// # Errors
/// When the name or the file of one differs from the snapshot.
pub async fn check_relations(session: &Session, names: &[&Name]) -> Result<()> {
    let value = |name: &&Name| {
        let [schema, relation, printed] = [&*name.schema, &*name.name, name.sql().as_str()].map(quote_literal);
        format!("({schema}::pg_catalog.name, {relation}::pg_catalog.name, {printed})")
    };
    // pg_class is read in the snapshot; to_regclass and pg_relation_filenode return the current state. A count, unlike NOT EXISTS,
    // is never planned as a join with all of pg_class.
    let sql = format!(
        "SELECT t.printed FROM (VALUES {}) AS t (schema, relation, printed) WHERE (\
             SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = t.schema AND c.relname = t.relation AND c.oid = pg_catalog.to_regclass(t.printed) \
             AND c.relfilenode = COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0)) <> 1",
        names.iter().map(value).collect::<Vec<_>>().join(", "),
    );
    match session.rows(&sql).await?.first() {
        None => Ok(()),
        Some(row) => {
            let printed = optional(row, 0);
            let name = names.iter().find(|name| Some(name.sql()) == printed);
            Err(changed(&name.map_or_else(|| "a table".to_owned(), ToString::to_string)))
        }
    }
}

/// Checks the current kinds of these relations. If they are locked, a later statement finds the same ones.
///
/// # Errors
/// When one is of another kind or does not exist.
pub async fn check_kinds(session: &Session, names: &[&Name], kinds: &[char]) -> Result<()> {
    let values: Vec<String> = names.iter().map(|name| format!("({})", quote_literal(&name.sql()))).collect();
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
    // The current OID and kind: a relation that replaced another one is not in the snapshot's catalog.
    let sql = format!(
        "SELECT t.printed FROM (VALUES {}) AS t (printed) WHERE NOT COALESCE((\
             SELECT c.relkind IN ({}) FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(t.printed)), false)",
        values.join(", "),
        kinds.join(", ")
    );
    match session.rows(&sql).await?.first() {
        None => Ok(()),
        Some(row) => Err(changed(&optional(row, 0).unwrap_or_else(|| "a relation".to_owned()))),
    }
}

/// Checks every relation that this transaction has locked.
///
/// # Errors
/// When one of them differs from the snapshot.
pub async fn check_touched(session: &Session) -> Result<()> {
    match session.rows(TOUCHED).await?.first() {
        None => Ok(()),
        Some(row) => Err(changed(&optional(row, 0).unwrap_or_else(|| "a table".to_owned()))),
    }
}

const TOUCHED: &str = "SELECT COALESCE(format('%I.%I', n.nspname, c.relname), l.relation::regclass::text) \
    FROM pg_catalog.pg_locks l \
    LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation \
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' \
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) \
    AND (c.oid IS NULL OR (c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_' \
        AND (c.relfilenode <> COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0) \
            OR c.oid::regclass::text <> format('%I.%I', n.nspname, c.relname)))) \
    LIMIT 1";

fn changed(relation: &str) -> Error {
    Error::new(format!("{relation} was truncated, rewritten or replaced after the snapshot was taken"))
        .hint("rerun; do not run TRUNCATE, or any DDL, on this database during the run")
}
