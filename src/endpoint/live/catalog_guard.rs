//! Checks that the relations that were read are those of the snapshot.
//!
//! A snapshot does not protect from everything: TRUNCATE, a rewriting ALTER TABLE and a table put in another's place leave an old
//! snapshot with an empty table and no error. So after reading, while our lock keeps the relation as it is, the catalog of the
//! moment is compared with that of now. Locks only what is being read: the source must not wait for this program.

use crate::base::error::{Error, Result};
use crate::model::name::{Name, quote_literal};
use crate::postgres::session::{Session, optional};

/// Checks relations that this transaction has read.
///
/// # Errors
/// When the name or the file of one is another than at the moment.
pub async fn check_relations(session: &Session, names: &[&Name]) -> Result<()> {
    let value = |name: &&Name| {
        let [schema, relation, printed] = [&name.schema, &name.name, &name.sql()].map(|text| quote_literal(text));
        format!("({schema}::pg_catalog.name, {relation}::pg_catalog.name, {printed})")
    };
    // pg_class is read in the moment; to_regclass and pg_relation_filenode know only now. A count, unlike NOT EXISTS, is never
    // planned as a join with all of pg_class.
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

/// Checks what kinds of relations these names lead to now: a statement after this one finds the same if they are locked.
///
/// # Errors
/// When one is of another kind, or not there.
pub async fn check_kinds(session: &Session, names: &[&Name], kinds: &[char]) -> Result<()> {
    let values: Vec<String> = names.iter().map(|name| format!("({})", quote_literal(&name.sql()))).collect();
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
    // OID and kind as they are now, not at the moment: a replaced relation is not in its catalog.
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

/// Checks every relation that this transaction has touched: its own locks say which.
///
/// # Errors
/// When one of them is not what it was at the moment.
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
    Error::new(format!("{relation} was truncated, rewritten or replaced after the moment was taken"))
        .hint("rerun; do not run TRUNCATE, or any DDL, on this database during the run")
}
