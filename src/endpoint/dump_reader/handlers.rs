//! The handlers of a dump that is being read: gather the catalog, look at the first rows, or pass rows on.

use std::collections::{BTreeMap, BTreeSet};

use super::RowSink;
use super::catalog::Builder;
use super::pg_dump_output::PgDumpOutputCheck;
use super::reader::{Handler, Next};
use super::statement::Statement;
use super::toc::relation_oid;
use crate::base::error::{Context, Result};
use crate::model::name::Name;

/// Gathers the catalog and, from the comments of `pg_restore --verbose`, which table has which OID.
#[derive(Default)]
pub(super) struct Gather {
    pub(super) builder: Builder,
    pub(super) names: BTreeMap<u32, Name>,
    pub(super) written: PgDumpOutputCheck,
    oid: Option<u32>,
}

impl Handler for Gather {
    fn comment(&mut self, text: &[u8]) {
        self.builder.comment(text);
        if text.starts_with(b"-- TOC entry ") {
            self.oid = relation_oid(text);
        }
    }

    fn written(&mut self) -> Option<&mut PgDumpOutputCheck> {
        Some(&mut self.written)
    }

    fn statement(&mut self, statement: Statement) -> Result<Next> {
        if let Statement::Table(table) = &statement {
            self.names.extend(self.oid.take().map(|oid| (oid, table.name.clone())));
        }
        self.builder.statement(statement);
        Ok(Next::SkipRows)
    }

    fn row(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn rows_end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Looks at the first entry with rows.
#[derive(Default)]
pub(super) struct Peek {
    /// If false, the rows are INSERT statements.
    pub(super) has_copy: bool,
    /// The archive has the offset of each entry; one that was written through a pipe does not.
    pub(super) has_offsets: bool,
}

impl Handler for Peek {
    fn comment(&mut self, text: &[u8]) {
        let position = text.strip_prefix(b"-- Data Pos: ");
        self.has_offsets |= position.is_some_and(|position| position != b"0");
    }

    fn statement(&mut self, statement: Statement) -> Result<Next> {
        self.has_copy |= matches!(statement, Statement::Copy { .. });
        let is_row = matches!(statement, Statement::Copy { .. } | Statement::Insert(_));
        Ok(if is_row { Next::Stop } else { Next::Continue })
    }

    fn row(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn rows_end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Finds the table of the rows of an entry, where no definition names it.
#[derive(Default)]
pub(super) struct WhoseRows {
    /// Its name and the columns of the rows; `None` for INSERT statements.
    pub(super) table: Option<(Name, Vec<String>)>,
}

impl Handler for WhoseRows {
    fn comment(&mut self, _: &[u8]) {}

    fn statement(&mut self, statement: Statement) -> Result<Next> {
        self.table = match statement {
            Statement::Copy { table, columns } => Some((table, columns)),
            Statement::Insert(table) => Some((table, Vec::new())),
            _ => return Ok(Next::Continue),
        };
        Ok(Next::Stop)
    }

    fn row(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn rows_end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Passes rows and large objects to a sink.
pub(super) struct Deliver<'a> {
    pub(super) sink: &'a mut dyn RowSink,
    pub(super) is_wanted: &'a (dyn Fn(&Name) -> bool + Sync),
    pub(super) with_large_objects: bool,
    /// How many COPY were seen, wanted or not: each entry asked for must give one.
    pub(super) copies: usize,
    /// The large objects whose content was seen.
    pub(super) large_objects: BTreeSet<u32>,
    /// The open one and how many bytes of it were passed on.
    open: Option<(u32, u64)>,
}

impl<'a> Deliver<'a> {
    pub(super) fn new(
        sink: &'a mut dyn RowSink,
        is_wanted: &'a (dyn Fn(&Name) -> bool + Sync),
        with_large_objects: bool,
    ) -> Self {
        Self { sink, is_wanted, with_large_objects, copies: 0, large_objects: BTreeSet::new(), open: None }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some((oid, offset)) = &mut self.open else { return Ok(()) };
        self.sink.large_object(*oid, *offset, bytes).doing(|| format!("large object {oid}"))?;
        *offset += bytes.len() as u64;
        Ok(())
    }
}

impl Handler for Deliver<'_> {
    fn comment(&mut self, _: &[u8]) {}

    fn statement(&mut self, statement: Statement) -> Result<Next> {
        match statement {
            Statement::Copy { table, columns } => {
                self.copies += 1;
                if !(self.is_wanted)(&table) {
                    return Ok(Next::SkipRows);
                }
                self.sink.begin(&table, &columns).doing(|| format!("rows of {table}"))?;
            }
            Statement::LargeObjectOpen(oid) if self.with_large_objects => {
                self.large_objects.insert(oid);
                self.open = Some((oid, 0));
            }
            Statement::LargeObjectWrite(bytes) => self.write(&bytes)?,
            Statement::LargeObjectClose => {
                if matches!(self.open, Some((_, 0))) {
                    self.write(&[])?;
                }
                self.open = None;
            }
            _ => {}
        }
        Ok(Next::Continue)
    }

    fn row(&mut self, line: &[u8]) -> Result<()> {
        self.sink.row(line)
    }

    fn rows_end(&mut self) -> Result<()> {
        self.sink.end()
    }
}
