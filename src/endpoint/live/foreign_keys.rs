//! Foreign keys as anti-joins over the data.
//!
//! The rows are checked even if the catalog says that the key is valid: `convalidated` stays true when orphans are inserted with
//! `session_replication_role = replica`, and pg_restore does not validate a NOT VALID key.

use std::collections::BTreeMap;

use serde::Deserialize;
use tokio_postgres::SimpleQueryRow;

use crate::base::error::{Error, Result};
use crate::model::name::{Name, quote_always, quote_ident};
use crate::postgres::session::{optional, text};

/// Violating rows that are shown.
const SAMPLE_ROWS: u32 = 5;

/// One foreign key as declared.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    /// The referencing table.
    pub child: Name,
    /// The name of the constraint.
    pub name: String,
    /// Estimated size of the referencing table, for the order of work.
    pub bytes: u64,
    parent: Name,
    is_partitioned: bool,
    child_from: String,
    parent_from: String,
    is_match_full: bool,
    has_period: bool,
    columns: Vec<KeyColumn>,
    suspects: Vec<String>,
    undetermined: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct KeyColumn {
    child: String,
    parent: String,
    operator: String,
    parent_cast: Option<String>,
    child_cast: Option<String>,
    collation: Option<String>,
}

impl ForeignKey {
    /// From a row of `checks/integrity/foreign_keys.sql`.
    ///
    /// # Errors
    /// When a column is missing or cannot be parsed.
    pub fn from_row(row: &SimpleQueryRow) -> Result<Self> {
        let child = Name::new(text(row, 0)?, text(row, 1)?);
        let parent = Name::new(text(row, 4)?, text(row, 5)?);
        let columns = optional(row, 10).ok_or_else(|| Error::new(format!("foreign key on {child} has no columns")))?;
        let (child_kind, parent_kind) = (text(row, 2)?, text(row, 6)?);
        Ok(Self {
            child_from: from_clause(&child, &child_kind),
            parent_from: from_clause(&parent, &parent_kind),
            is_partitioned: [child_kind, parent_kind].iter().any(|kind| kind == "p"),
            child,
            parent,
            name: text(row, 3)?,
            is_match_full: text(row, 7)? == "f",
            has_period: text(row, 8)? == "t",
            bytes: text(row, 9)?.parse().unwrap_or(0),
            columns: parsed(&columns)?,
            suspects: optional(row, 11).map_or_else(|| Ok(Vec::new()), |list| parsed(&list))?,
            undetermined: optional(row, 12).map_or_else(|| Ok(Vec::new()), |list| parsed(&list))?,
        })
    }

    /// Why this check might run a function that a database user created; `None` if it cannot. `planning`: relations for which
    /// planning any query may do so.
    pub fn unsafe_because(&self, planning: &BTreeMap<Name, String>) -> Option<String> {
        let calls = |what: &str, list: &[String]| (!list.is_empty()).then(|| format!("{what} {}", list.join(", ")));
        let planned = || [&self.child, &self.parent].into_iter().find_map(|name| planning.get(name).cloned());
        calls("the comparison may call", &self.suspects)
            .or_else(|| {
                calls("with polymorphic operand types, PostgreSQL may choose another operator than", &self.undetermined)
            })
            .or_else(planned)
    }

    /// `shop.orders orders_member_fkey`
    pub fn printed(&self) -> String {
        format!("{} {}", self.child, quote_ident(&self.name))
    }

    /// The tables that are read to check it; `None` when one is partitioned, so that its partitions are read.
    pub fn relations(&self) -> Option<[&Name; 2]> {
        if self.is_partitioned { None } else { Some([&self.child, &self.parent]) }
    }

    /// Both tables.
    pub fn sides(&self) -> [&Name; 2] {
        [&self.child, &self.parent]
    }

    /// Both tables as LOCK takes them.
    pub fn locked(&self) -> [String; 2] {
        [self.child_from.clone(), self.parent_from.clone()]
    }

    /// Counts the violating rows.
    pub fn count_sql(&self) -> String {
        format!("SELECT count(*) FROM {} AS c WHERE {}", self.child_from, self.violation())
    }

    /// A few violating rows: the referencing columns as text, NULL as SQL has it.
    pub fn sample_sql(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|key| format!("c.{}", quote_always(&key.child))).collect();
        let order = (1..=columns.len()).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let (columns, from, violation) = (columns.join(", "), &self.child_from, self.violation());
        format!("SELECT DISTINCT {columns} FROM {from} AS c WHERE {violation} ORDER BY {order} LIMIT {SAMPLE_ROWS}")
    }

    /// `member_id=4711`
    pub fn sample_text(&self, row: &SimpleQueryRow) -> String {
        let values = self.columns.iter().enumerate().map(|(index, key)| {
            let value = optional(row, index).unwrap_or_else(|| "NULL".to_owned());
            format!("{}={value}", quote_ident(&key.child))
        });
        values.collect::<Vec<_>>().join(", ")
    }

    fn violation(&self) -> String {
        let null = |test: &str, glue: &str| {
            let tests = self.columns.iter().map(|key| format!("c.{} {test}", quote_always(&key.child)));
            tests.collect::<Vec<_>>().join(glue)
        };
        let orphan = format!("({} AND {})", null("IS NOT NULL", " AND "), self.no_parent());
        if self.is_match_full {
            format!("({orphan} OR (({}) AND NOT ({})))", null("IS NULL", " OR "), null("IS NULL", " AND "))
        } else {
            orphan
        }
    }

    fn no_parent(&self) -> String {
        let equal = |key: &KeyColumn| {
            let with = |what: &str, name: &Option<String>| {
                name.as_ref().map(|name| format!("{what}{name}")).unwrap_or_default()
            };
            let (parent, child) = (with("::", &key.parent_cast), with("::", &key.child_cast));
            let collate = with(" COLLATE ", &key.collation);
            format!(
                "p.{}{parent} {} c.{}{child}{collate}",
                quote_always(&key.parent),
                key.operator,
                quote_always(&key.child)
            )
        };
        let parent = &self.parent_from;
        match self.columns.split_last() {
            // PERIOD (18): the parents' periods together must cover the child's. The key's operator for it is &&, so an empty
            // period, which overlaps nothing, has no parent; the server's own triggers decide the same.
            Some((period, _)) if self.has_period => {
                let matching = self.columns.iter().map(equal).collect::<Vec<_>>().join(" AND ");
                let (p, c) = (quote_always(&period.parent), quote_always(&period.child));
                format!(
                    "NOT COALESCE((SELECT c.{c} OPERATOR(pg_catalog.<@) pg_catalog.range_agg(p.{p}) \
                     FROM {parent} AS p WHERE {matching}), false)"
                )
            }
            _ => {
                let all: Vec<String> = self.columns.iter().map(equal).collect();
                format!("NOT EXISTS (SELECT FROM {parent} AS p WHERE {})", all.join(" AND "))
            }
        }
    }
}

fn parsed<T: serde::de::DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::from_source(&error))
}

/// A partitioned table is read with its partitions; any other table is read with ONLY, without its inheritance children.
fn from_clause(name: &Name, kind: &str) -> String {
    if kind == "p" { name.sql() } else { format!("ONLY {}", name.sql()) }
}
