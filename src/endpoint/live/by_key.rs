//! Reading some rows again by their primary key, in this snapshot or in a later one.
//!
//! A query has to be planned and compares values, unlike a plain COPY. So only keys of PostgreSQL's own types and of enums are read:
//! literals are cast to the type below a domain (whose constraints are the user's code), and operators are found in pg_catalog alone,
//! since the search path is empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Live, catalog_guard, open_session, read, refused_code};
use crate::base::error::{Error, Result};
use crate::model::catalog;
use crate::model::digest::RowDigest;
use crate::model::hashing::{Accumulator, CollectedRow, OnBatch, Purpose, Wanted};
use crate::model::listing::ListedRelation;
use crate::model::manifest::RelationKind;
use crate::model::name::{Name, quote_always, quote_literal};
use crate::postgres::session::{Session, optional, text};

/// Keys for each query: enough to make the round trip negligible, few enough for an index scan.
const KEYS_AT_ONCE: usize = 500;

/// A column of a primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedKeyColumn {
    name: String,
    /// The type of literals, as SQL.
    literal_type: String,
}

/// The digests of the values of a row's key, in the order of the key's columns.
pub type RowKey = Vec<RowDigest>;

/// A row, and the digest of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRow {
    /// Of the line.
    pub digest: RowDigest,
    /// Its values.
    pub row: CollectedRow,
}

impl Live {
    /// The same database in a new snapshot, at the very server that answered before.
    ///
    /// # Errors
    /// As [`Live::open`].
    pub async fn reopen(&self, taken_at: String) -> Result<Self> {
        Self::open(self.server().clone(), self.options.clone(), self.side, taken_at).await
    }

    /// A session of this database that reads no snapshot yet.
    ///
    /// # Errors
    /// No connection.
    pub async fn further_session(&self) -> Result<Session> {
        open_session(self.server(), &self.options).await
    }

    /// Ends the snapshot, so that the server can remove old versions of rows: nothing more is read in it.
    ///
    /// # Errors
    /// The session is lost.
    pub async fn end_snapshot(&self) -> Result<()> {
        self.snapshot_session.execute("ROLLBACK").await
    }

    /// How its rows can be read by their primary key; `None` where that would run code that is not PostgreSQL's own, or where only
    /// some of the rows take part.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn key_columns(&self, name: &Name, key: &[String]) -> Result<Option<Vec<TypedKeyColumn>>> {
        let is_plain = |listed: &ListedRelation| listed.kind == RelationKind::Table && listed.config.is_none();
        if self.planning.contains_key(name) || !self.listing.relations.get(name).is_some_and(is_plain) {
            return Ok(None);
        }
        let sql = catalog::KEY_TYPES.replace("{schema}", &quote_literal(&name.schema));
        let sql = sql.replace("{name}", &quote_literal(&name.name));
        let mut types = BTreeMap::new();
        for row in self.snapshot_session.rows(&sql).await? {
            types.insert(text(&row, 0)?, optional(&row, 1));
        }
        let column = |name: &String| {
            Some(TypedKeyColumn { name: name.clone(), literal_type: types.get(name).cloned().flatten()? })
        };
        Ok(key.iter().map(column).collect())
    }

    /// Whether a relation is still defined as another snapshot of this database has it.
    ///
    /// # Errors
    /// It is not.
    pub fn check_definition(&self, first: &Self, name: &Name) -> Result<()> {
        let parts = |live: &Self| {
            let listed = live.listing.relations.get(name)?;
            Some((listed.kind, listed.columns.clone(), listed.key.clone(), listed.config.clone()))
        };
        match parts(self) == parts(first) {
            true => Ok(()),
            false => Err(Error::new("it was dropped or defined otherwise after the first snapshot")
                .hint("rerun; do not run DDL on this database during the run")),
        }
    }

    /// The rows with these keys (the values as text, in the order of `key`), in the snapshot of a session of this database.
    ///
    /// # Errors
    /// The server's refusal; a relation that was changed since the snapshot; two rows with one key. The transaction may have been
    /// aborted then.
    pub async fn rows_by_key(
        &self,
        session: &Session,
        name: &Name,
        columns: &[String],
        key: &[TypedKeyColumn],
        keys: &[&[String]],
    ) -> Result<BTreeMap<RowKey, KeyedRow>> {
        self.lock(session, &[name], "").await?;
        let found = read_keys(session, name, columns, key, keys).await?;
        catalog_guard::check_relations(session, &[name]).await?;
        Ok(found)
    }

    /// Begins a transaction in which [`read_keys`] reads the current rows of these relations, and waits for no lock. While it lasts, they
    /// are neither truncated nor replaced.
    ///
    /// # Errors
    /// The server's refusal; a relation that is locked.
    pub async fn begin_reads(&self, session: &Session, names: &[&Name]) -> Result<()> {
        session.begin_statements().await?;
        self.lock(session, names, " NOWAIT").await
    }

    /// So that a query over them runs no other role's code: a view in the place of a table would.
    async fn lock(&self, session: &Session, names: &[&Name], wait: &str) -> Result<()> {
        if let Some(reason) = names.iter().find_map(|name| self.planning.get(*name)) {
            return Err(Error::new(refused_code(reason)));
        }
        let list: Vec<String> = names.iter().map(|name| name.sql()).collect();
        session.execute(&format!("LOCK {} IN ACCESS SHARE MODE{wait}", list.join(", "))).await?;
        catalog_guard::check_kinds(session, names, &['r']).await
    }
}

/// The rows with these keys, in a transaction that has locked the relation.
///
/// # Errors
/// The server's refusal; two rows with one key.
pub async fn read_keys(
    session: &Session,
    name: &Name,
    columns: &[String],
    key: &[TypedKeyColumn],
    keys: &[&[String]],
) -> Result<BTreeMap<RowKey, KeyedRow>> {
    let places = key.iter().map(|column| columns.iter().position(|have| *have == column.name));
    let places: Vec<usize> = places.collect::<Option<_>>().ok_or_else(|| Error::new("its key was not read"))?;
    let mut found = BTreeMap::new();
    let mut chunks: Vec<&[&[String]]> = keys.chunks(KEYS_AT_ONCE).rev().collect();
    while let Some(chunk) = chunks.pop() {
        match collect(session, &statement(name, columns, key, chunk)).await? {
            Some(rows) => add_keyed(&mut found, rows, &places)?,
            // Too many bytes at once. One row is never too many.
            None => {
                let (first, rest) = chunk.split_at(chunk.len() / 2);
                chunks.extend([rest, first]);
            }
        }
    }
    Ok(found)
}

/// `None`: the rows are too large to be kept together.
async fn collect(session: &Session, sql: &str) -> Result<Option<BTreeMap<RowDigest, CollectedRow>>> {
    let silent: OnBatch = Arc::new(|_, _| {});
    match read::copy(session, sql, &Purpose::Collect(Arc::new(Wanted::All)), &silent).await? {
        Accumulator::Collected { rows, is_truncated: false, .. } => Ok(Some(rows)),
        Accumulator::Collected { .. } => Ok(None),
        Accumulator::Tally(_) | Accumulator::SampleLevels { .. } => Err(Error::new("nothing was collected")),
    }
}

fn add_keyed(
    found: &mut BTreeMap<RowKey, KeyedRow>,
    rows: BTreeMap<RowDigest, CollectedRow>,
    places: &[usize],
) -> Result<()> {
    for (digest, row) in rows {
        let is_single = row.copies == 1;
        let key = row_key(&row, places).ok_or_else(|| Error::new("a row has no value for its primary key"))?;
        if found.insert(key, KeyedRow { digest, row }).is_some() || !is_single {
            return Err(Error::new("two rows have the same primary key: its index is damaged"));
        }
    }
    Ok(())
}

/// The key of a row, whose columns are at these places; `None` where it is NULL or not there.
pub fn row_key(row: &CollectedRow, places: &[usize]) -> Option<RowKey> {
    places.iter().map(|&at| row.values.get(at)?.as_ref().map(|value| value.digest)).collect()
}

fn statement(name: &Name, columns: &[String], key: &[TypedKeyColumn], keys: &[&[String]]) -> String {
    let list = columns.iter().map(|column| quote_always(column)).collect::<Vec<_>>().join(", ");
    let names = key.iter().map(|column| quote_always(&column.name)).collect::<Vec<_>>().join(", ");
    let values = |values: &&[String]| {
        let cast =
            |(value, column): (&String, &TypedKeyColumn)| format!("{}::{}", quote_literal(value), column.literal_type);
        values.iter().zip(key).map(cast).collect::<Vec<_>>().join(", ")
    };
    let condition = match key {
        [_] => format!("{names} IN ({})", keys.iter().map(values).collect::<Vec<_>>().join(", ")),
        _ => {
            let rows: Vec<String> = keys.iter().map(|key| format!("({})", values(key))).collect();
            format!("({names}) IN (VALUES {})", rows.join(", "))
        }
    };
    format!("COPY (SELECT {list} FROM ONLY {} WHERE {condition}) TO STDOUT", name.sql())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, literal_type: &str) -> TypedKeyColumn {
        TypedKeyColumn { name: name.into(), literal_type: literal_type.into() }
    }

    #[test]
    fn keys_are_quoted_and_cast() {
        let name = Name::new("a b", "t");
        let (key, columns) = ([column("id", "pg_catalog.int4")], ["id".to_owned(), "x\"y".to_owned()]);
        let keys = [["1".to_owned()], ["2".to_owned()]];
        let keys: Vec<&[String]> = keys.iter().map(<[String; 1]>::as_slice).collect();
        assert_eq!(
            statement(&name, &columns, &key, &keys),
            "COPY (SELECT \"id\", \"x\"\"y\" FROM ONLY \"a b\".\"t\" WHERE \"id\" IN ('1'::pg_catalog.int4, '2'::pg_catalog.int4)) TO STDOUT"
        );
        let key = [column("a", "pg_catalog.text"), column("b", "public.mood")];
        let keys = ["it's \\".to_owned(), "sad".to_owned()];
        let sql = statement(&name, &columns, &key, &[&keys]);
        assert!(
            sql.contains("(\"a\", \"b\") IN (VALUES ( E'it''s \\\\'::pg_catalog.text, 'sad'::public.mood))"),
            "{sql}"
        );
    }
}
