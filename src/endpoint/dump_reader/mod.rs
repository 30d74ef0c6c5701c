//! Reads a dump made by pg_dump: tables with their columns, rows as COPY lines, sequence values, large objects, and the check
//! that the dump is complete.
//!
//! pg_restore converts the archive formats to SQL text; plain SQL is read directly. Both go through the same reader. This module
//! does not parse an archive, does not connect to a server, and rejects a dump without its closing comment.
//!
//! Damage that cannot be detected here, only by the comparison:
//!
//! * a changed byte in uncompressed, lz4 or zstd data: pg_dump writes no checksums for these, so it gives another row;
//! * a truncated large object file (-Fd, unless gzip): gives a shorter object;
//! * a changed byte in the table of contents: can hide a table, a sequence value or the rows of a table. So a table without data in
//!   the dump (`HasData::None`) is never taken for an empty one.

mod catalog;
mod format;
mod handlers;
mod nesting;
mod reader;
mod pg_restore;
mod read_rows;
mod splitter;
mod statement;
mod toc;
mod token;
mod pg_dump_output;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use catalog::{DumpColumn, DumpContents, DumpSequence, DumpTable, HasData, TableKind};
pub use format::DumpFileFormat;

use crate::base::error::{Context, Result};
use crate::base::files;
use crate::model::name::Name;
use handlers::{Gather, Peek, WhoseRows};
use pg_restore::Restore;
use reader::{Handler, ReaderEnd, read_dump};
use toc::Toc;

/// Receives the rows of a dump. All calls for one part of a table, or one large object, go to one sink without others in between;
/// different tables may go to different sinks at the same time. The results count only if the whole scan succeeds.
pub trait RowSink: Send {
    /// Rows of this table follow; `columns` is their order. A table may come more than once: with
    /// `--load-via-partition-root` the rows of each partition come as rows of the root.
    fn begin(&mut self, table: &Name, columns: &[String]) -> Result<()>;
    /// One row: the line of `COPY … TO STDOUT` without its newline.
    fn row(&mut self, line: &[u8]) -> Result<()>;
    /// The last row was passed.
    fn end(&mut self) -> Result<()>;
    /// The next bytes of a large object, in order; an empty one comes once, with no bytes.
    fn large_object(&mut self, oid: u32, offset: u64, bytes: &[u8]) -> Result<()>;
}

/// A dump, its table of contents read.
#[derive(Debug)]
pub struct DumpReader {
    path: PathBuf,
    format: DumpFileFormat,
    pg_restore: PathBuf,
    catalog: DumpContents,
    toc: Toc,
    /// Raw names by OID, of relations that are defined in an archive.
    names: BTreeMap<u32, Name>,
    has_offsets: bool,
}

impl DumpReader {
    /// Reads the first bytes: `None` if it is not a dump. A dump that cannot be read as it is, for instance because it is compressed
    /// as a whole, is an error with a hint.
    pub fn detect(path: &Path) -> Result<Option<DumpFileFormat>> {
        format::detect(path).doing(|| reading(path))
    }

    /// Reads the table of contents; of plain SQL, the whole file once. `pg_restore` is the program to run.
    pub fn open(path: &Path, pg_restore: &Path) -> Result<Self> {
        let format = Self::detect(path)?.ok_or_else(|| not_a_dump(path))?;
        let mut archive = Self {
            path: path.to_owned(),
            format,
            pg_restore: pg_restore.to_owned(),
            catalog: DumpContents::default(),
            toc: Toc::default(),
            names: BTreeMap::new(),
            has_offsets: false,
        };
        let opened = if format == DumpFileFormat::Plain { archive.open_plain() } else { archive.open_archive() };
        opened.doing(|| reading(path))?;
        Ok(archive)
    }

    /// The contents as the dump's statements say.
    pub fn catalog(&self) -> &DumpContents {
        &self.catalog
    }

    /// Which kind of dump it is.
    pub fn format(&self) -> DumpFileFormat {
        self.format
    }

    fn open_plain(&mut self) -> Result<()> {
        let mut gather = Gather::default();
        match read_dump(files::open(&self.path)?, &mut gather)? {
            ReaderEnd::Cut(how) => return Err(format::cut(&how)),
            ReaderEnd::Complete | ReaderEnd::Stopped => {}
        }
        gather.builder.catalog.strange = gather.written.finish();
        self.catalog = gather.builder.finish();
        Ok(())
    }

    fn open_archive(&mut self) -> Result<()> {
        match self.format {
            DumpFileFormat::Tar => format::check_tar_end(&self.path)?,
            DumpFileFormat::Directory => format::check_directory(&self.path)?,
            DumpFileFormat::Custom | DumpFileFormat::Plain => {}
        }
        let list = Restore::start(&self.pg_restore, &["-l"], None, &self.path)?.read_all()?;
        self.toc = toc::parse(&String::from_utf8_lossy(&list))?;
        let mut gather = Gather::default();
        self.restore(&["--verbose"], &self.toc.definitions, &mut gather)?;
        let data = if self.peek()? { HasData::Rows } else { HasData::Inserts };
        gather.builder.catalog.has_definitions |= self.toc.has_objects;
        for entry in &self.toc.rows {
            match gather.names.get(&entry.table_oid) {
                Some(name) => gather.builder.data(name, data, &[]),
                // A dump without definitions is refused later, so their names do not matter.
                None if !self.toc.has_objects => gather.builder.catalog.undefined_tables += 1,
                None => {
                    let Some((name, columns)) = self.whose_rows(entry.id)? else { continue };
                    gather.builder.data(&name, data, &columns);
                    gather.names.insert(entry.table_oid, name);
                }
            }
        }
        gather.builder.catalog.has_large_object_data = !self.toc.large_objects.is_empty();
        self.catalog = gather.builder.finish();
        self.names = gather.names;
        Ok(())
    }

    /// Whether the rows are COPY lines: pg_dump writes all tables of a dump the same way, so the first one is enough.
    fn peek(&mut self) -> Result<bool> {
        let Some(first) = self.toc.rows.first() else { return Ok(true) };
        let mut peek = Peek::default();
        self.restore(&["--verbose"], &[first.id], &mut peek)?;
        self.has_offsets = peek.has_offsets;
        Ok(peek.has_copy)
    }

    /// `None` where there are no rows, as INSERT statements have it.
    fn whose_rows(&self, id: u32) -> Result<Option<(Name, Vec<String>)>> {
        let mut whose = WhoseRows::default();
        self.restore(&[], &[id], &mut whose)?;
        Ok(whose.table)
    }

    /// Reads these entries of an archive.
    fn restore(&self, arguments: &[&str], ids: &[u32], handler: &mut impl Handler) -> Result<()> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["-f", "-"]).collect();
        let mut restore = Restore::start(&self.pg_restore, &arguments, Some(ids), &self.path)?;
        let end = read_dump(restore.output()?, handler)?;
        restore.finish(end)
    }
}

fn reading(path: &Path) -> String {
    format!("read {}", path.display())
}

fn not_a_dump(path: &Path) -> crate::base::error::Error {
    crate::base::error::Error::new("this is not a PostgreSQL dump")
        .hint("expected the output of pg_dump: -Fc, -Fd, -Ft or plain SQL")
        .context(reading(path))
}
