//! The contents of a dump: tables with their columns, sequence values, large objects.
//!
//! Holds no rows.

use std::collections::BTreeMap;

use super::statement::{NewTable, Statement};
use crate::base::marked::MarkedText;
use crate::model::name::Name;

/// The contents of a dump as its statements say, not verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DumpContents {
    /// The encoding of names and rows, for instance `UTF8`; empty when the dump does not say.
    pub encoding: String,
    /// For instance `15.18 (Debian 15.18-0+deb12u1)`.
    pub server_version: Option<String>,
    /// The version of pg_dump, likewise.
    pub dump_version: Option<String>,
    /// Every table, partitioned table, foreign table and materialized view.
    pub tables: BTreeMap<Name, DumpTable>,
    /// Every sequence whose value is in the dump; none in one made with `--schema-only`.
    pub sequences: BTreeMap<Name, DumpSequence>,
    /// The identifiers of all large objects, in ascending order.
    pub large_objects: Vec<u32>,
    /// Whether the content of large objects is in the dump too.
    pub has_large_object_data: bool,
    /// How many tables have rows but no definition: those of extensions, or all when the dump was made with `--data-only`
    /// or `--section`.
    pub undefined_tables: usize,
    /// Whether the dump defines anything at all.
    pub has_definitions: bool,
    /// The first statement of a plain dump that pg_dump does not write: then no row of the dump can be trusted.
    pub strange: Option<MarkedText>,
    /// The first table with the internal option `pg_attver`, which a server refuses in a restore.
    pub marked: Option<Name>,
}

/// `last_value` and `is_called` of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DumpSequence {
    /// The last value that nextval returned, or the next one when `is_called` is false.
    pub last_value: i64,
    /// Whether nextval has returned `last_value`.
    pub is_called: bool,
}

/// A relation that has, or could have, rows of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpTable {
    /// What it is.
    pub kind: TableKind,
    /// An RDS snapshot never holds its rows.
    pub is_unlogged: bool,
    /// In the order of the table, inherited ones first. Empty for a materialized view: its definition names none.
    pub columns: Vec<DumpColumn>,
    /// The columns of the primary key, empty if there is none.
    pub primary_key: Vec<String>,
    /// The partitioned table this is a partition of.
    pub partition_of: Option<Name>,
    /// Whether its rows can be read.
    pub has_data: HasData,
    /// False: only its rows are in the dump, and `columns` are those of the rows, without types.
    pub is_defined: bool,
}

/// A column as `CREATE TABLE` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpColumn {
    /// Raw (unquoted).
    pub name: String,
    /// As `format_type` prints it, for instance `numeric(10,2)`.
    pub type_name: String,
    /// Computed from other columns; never in the rows of a dump.
    pub is_generated: bool,
}

/// What kind of relation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Holds rows.
    Ordinary,
    /// Its partitions hold its rows.
    Partitioned,
    /// Its rows are elsewhere.
    Foreign,
    /// Its rows come from a query.
    MaterializedView,
}

/// Whether the dump has rows for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HasData {
    /// Yes, perhaps none. With `--load-via-partition-root` a partition's rows come under the name of its root.
    Rows,
    /// No: not of a kind that is dumped, or left out with `--schema-only` or `--exclude-table-data`.
    None,
    /// As INSERT statements (`--inserts`), which cannot be compared.
    Inserts,
}

/// Gathers the catalog from statements in the order of the dump.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) catalog: DumpContents,
    types: BTreeMap<Name, Vec<DumpColumn>>,
    unresolved: Vec<NewTable>,
}

impl Builder {
    /// Reads the two comments at the top that tell versions.
    pub(super) fn comment(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let catalog = &mut self.catalog;
        if let Some(version) = text.strip_prefix("-- Dumped from database version ") {
            catalog.server_version.get_or_insert(version.to_owned());
        } else if let Some(version) = text.strip_prefix("-- Dumped by pg_dump version ") {
            catalog.dump_version.get_or_insert(version.to_owned());
        }
    }

    pub(super) fn statement(&mut self, statement: Statement) {
        let catalog = &mut self.catalog;
        match statement {
            Statement::Encoding(encoding) => catalog.encoding = encoding,
            Statement::Marked(table) => drop(catalog.marked.get_or_insert(table)),
            Statement::Table(table) => self.table(table),
            Statement::Type(name, columns) => drop(self.types.insert(name, columns)),
            Statement::Attach { parent, child } => {
                if let Some(table) = catalog.tables.get_mut(&child) {
                    table.partition_of = Some(parent);
                }
            }
            Statement::PrimaryKey { table, columns } => {
                if let Some(table) = catalog.tables.get_mut(&table) {
                    table.primary_key = columns;
                }
            }
            Statement::Copy { table, columns } => self.data(&table, HasData::Rows, &columns),
            Statement::Insert(table) => self.data(&table, HasData::Inserts, &[]),
            Statement::Create => catalog.has_definitions = true,
            Statement::Sequence { name, last_value, is_called } => {
                catalog.sequences.insert(name, DumpSequence { last_value, is_called });
            }
            Statement::LargeObjectCreate(oid) => catalog.large_objects.push(oid),
            Statement::LargeObjectOpen(_) => catalog.has_large_object_data = true,
            Statement::StandardStrings(_)
            | Statement::LargeObjectWrite(_)
            | Statement::LargeObjectClose
            | Statement::Other => {}
        }
    }

    /// There are rows for this table; `columns` are theirs.
    pub(super) fn data(&mut self, name: &Name, data: HasData, columns: &[String]) {
        if let Some(table) = self.catalog.tables.get_mut(name) {
            // A table with any INSERT cannot be compared, even if COPY has other rows of it.
            if table.has_data != HasData::Inserts {
                table.has_data = data;
            }
            return;
        }
        let column = |name: &String| DumpColumn { name: name.clone(), type_name: String::new(), is_generated: false };
        let entry = DumpTable {
            kind: TableKind::Ordinary,
            is_unlogged: false,
            columns: columns.iter().map(column).collect(),
            primary_key: Vec::new(),
            partition_of: None,
            has_data: data,
            is_defined: false,
        };
        self.catalog.undefined_tables += 1;
        self.catalog.tables.insert(name.clone(), entry);
    }

    fn table(&mut self, table: NewTable) {
        self.catalog.has_definitions = true;
        let entry = DumpTable {
            kind: table.kind,
            is_unlogged: table.is_unlogged,
            columns: table.columns.clone(),
            primary_key: Vec::new(),
            partition_of: None,
            has_data: HasData::None,
            is_defined: true,
        };
        self.catalog.tables.insert(table.name.clone(), entry);
        if table.of_type.is_some() || !table.inherits.is_empty() {
            self.unresolved.push(table);
        }
    }

    /// Adds the columns a table has from its type or its parents; a parent always comes before its children.
    pub(super) fn finish(mut self) -> DumpContents {
        for table in std::mem::take(&mut self.unresolved) {
            let mut columns: Vec<DumpColumn> =
                table.of_type.iter().filter_map(|name| self.types.get(name)).flatten().cloned().collect();
            let parents = table.inherits.iter().filter_map(|name| self.catalog.tables.get(name));
            for column in parents.flat_map(|parent| &parent.columns).chain(&table.columns) {
                match columns.iter_mut().find(|known| known.name == column.name) {
                    Some(known) => known.is_generated = column.is_generated,
                    None => columns.push(column.clone()),
                }
            }
            if let Some(entry) = self.catalog.tables.get_mut(&table.name) {
                entry.columns = columns;
            }
        }
        self.catalog.large_objects.sort_unstable();
        self.catalog.large_objects.dedup();
        self.catalog
    }
}
