//! Receives the rows of a dump: one scan per table, and large objects as rows of chunks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use super::hash_pipeline::Scan;
use super::output_settings::OutputSettingsCheck;
use crate::base::error::{Error, Result};
use crate::endpoint::dump_reader::RowSink;
use crate::model::hashing::{Accumulator, OnBatch, Purpose};
use crate::model::listing::{Listing, ReadPlan};
use crate::model::name::Name;
use crate::model::progress::{Event, Listener, Side};
use crate::model::row;

/// Bytes of a large object in one row, as in `checks/data/large_objects.sql`.
const CHUNK_BYTES: usize = 262_144;

/// State that all sinks of a pass share.
pub struct SinkShared<'d> {
    /// Relations to be read, with the columns in the order of the row line.
    pub plan: ReadPlan,
    listing: &'d Listing,
    purpose: Purpose,
    side: Side,
    listener: Listener,
    rows: Mutex<BTreeMap<Name, Accumulator>>,
    large_objects: Mutex<Accumulator>,
    otherwise: Mutex<BTreeMap<Name, &'static str>>,
    failure: Mutex<Option<Error>>,
}

/// What a pass has read.
pub struct SinkResult {
    /// Rows by relation.
    pub rows: BTreeMap<Name, Accumulator>,
    /// Chunks of large objects.
    pub large_objects: Accumulator,
    /// Relations with values that cannot be compared, and why (see [`OutputSettingsCheck`]).
    pub otherwise: BTreeMap<Name, &'static str>,
}

impl<'d> SinkShared<'d> {
    /// Nothing read yet.
    pub fn new(plan: ReadPlan, listing: &'d Listing, purpose: Purpose, side: Side, listener: Listener) -> Self {
        let large_objects = Mutex::new(Accumulator::new(&purpose));
        let (rows, otherwise) = (Mutex::default(), Mutex::default());
        Self { plan, listing, purpose, side, listener, rows, large_objects, otherwise, failure: Mutex::default() }
    }

    /// The result, after all sinks were dropped.
    ///
    /// # Errors
    /// When a sink failed at its end.
    pub fn finish(self) -> Result<SinkResult> {
        if let Some(error) = unlocked(self.failure) {
            return Err(error);
        }
        Ok(SinkResult {
            rows: unlocked(self.rows),
            large_objects: unlocked(self.large_objects),
            otherwise: unlocked(self.otherwise),
        })
    }

    fn scan(&self, table: &str) -> Scan {
        let (listener, side, table) = (Arc::clone(&self.listener), self.side, table.to_owned());
        let on_batch: OnBatch = Arc::new(move |rows, bytes| listener(Event::Read { side, table: &table, rows, bytes }));
        Scan::new(&self.purpose, on_batch)
    }

    /// A table may arrive in several parts.
    fn keep(&self, table: &Name, part: Accumulator) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        match rows.entry(table.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(part);
            }
            Entry::Occupied(mut entry) => entry.get_mut().merge(part),
        }
    }
}

fn unlocked<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The sink of one process.
pub struct Sink<'s> {
    shared: &'s SinkShared<'s>,
    table: Option<OpenTable>,
    large_object: Option<LargeObject>,
}

struct OpenTable {
    name: Name,
    /// The position of each column of the row line in the dump's line; `None` when the order is the same.
    order: Option<Vec<usize>>,
    dialect: OutputSettingsCheck,
    otherwise: Option<&'static str>,
    scan: Scan,
}

struct LargeObject {
    oid: u32,
    chunk: u64,
    bytes: Vec<u8>,
    scan: Scan,
}

impl<'s> Sink<'s> {
    /// An empty sink.
    pub fn new(shared: &'s SinkShared<'s>) -> Self {
        Self { shared, table: None, large_object: None }
    }

    fn finish_large_object(&mut self) -> Result<()> {
        let Some(mut object) = self.large_object.take() else { return Ok(()) };
        // The last chunk; an empty object has one empty chunk.
        if !object.bytes.is_empty() || object.chunk == 0 {
            object.push_chunk()?;
        }
        let part = object.scan.finish_blocking()?;
        self.shared.large_objects.lock().unwrap_or_else(PoisonError::into_inner).merge(part);
        Ok(())
    }
}

impl RowSink for Sink<'_> {
    fn begin(&mut self, table: &Name, columns: &[String]) -> Result<()> {
        let wanted = self.shared.plan.get(table).ok_or_else(|| Error::new(format!("{table} was not asked for")))?;
        let position = |column: &String| columns.iter().position(|have| have == column);
        let order: Option<Vec<usize>> = wanted.iter().map(position).collect();
        let order = order.ok_or_else(|| Error::new(format!("{table}: the dump lacks a column of it")))?;
        let is_same = **wanted == *columns;
        let scan = self.shared.scan(&table.to_string());
        let listed = self.shared.listing.relations.get(table);
        let dialect = listed.map(|listed| OutputSettingsCheck::of(columns, &listed.columns)).unwrap_or_default();
        let order = (!is_same).then_some(order);
        self.table = Some(OpenTable { name: table.clone(), order, dialect, otherwise: None, scan });
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> Result<()> {
        let Some(reading) = &mut self.table else { return Err(Error::new("a row outside a table")) };
        reading.otherwise = reading.otherwise.or_else(|| reading.dialect.complaint(line));
        match &reading.order {
            None => reading.scan.push_line_blocking(line),
            Some(order) => {
                let line = row::reorder(line, order)
                    .ok_or_else(|| Error::new(format!("{}: a row has too few columns", reading.name)))?;
                reading.scan.push_line_blocking(&line)
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        let Some(reading) = self.table.take() else { return Ok(()) };
        let part = reading.scan.finish_blocking()?;
        self.shared.keep(&reading.name, part);
        if let Some(reason) = reading.otherwise {
            let mut otherwise = self.shared.otherwise.lock().unwrap_or_else(PoisonError::into_inner);
            otherwise.insert(reading.name.clone(), reason);
        }
        (self.shared.listener)(Event::TableDone { side: self.shared.side, table: &reading.name.to_string() });
        Ok(())
    }

    fn large_object(&mut self, oid: u32, offset: u64, bytes: &[u8]) -> Result<()> {
        if self.large_object.as_ref().is_some_and(|object| object.oid != oid) {
            self.finish_large_object()?;
        }
        let scan = || self.shared.scan("large objects");
        let object =
            self.large_object.get_or_insert_with(|| LargeObject { oid, chunk: 0, bytes: Vec::new(), scan: scan() });
        if offset != object.chunk * CHUNK_BYTES as u64 + object.bytes.len() as u64 {
            return Err(Error::new(format!("large object {oid} has a gap at byte {offset}")));
        }
        object.bytes.extend_from_slice(bytes);
        while object.bytes.len() >= CHUNK_BYTES {
            object.push_chunk()?;
        }
        Ok(())
    }
}

impl LargeObject {
    /// The row line that the live side prints: `oid, chunk, \\x…` with the backslash doubled by COPY.
    fn push_chunk(&mut self) -> Result<()> {
        let rest = self.bytes.split_off(self.bytes.len().min(CHUNK_BYTES));
        let chunk = std::mem::replace(&mut self.bytes, rest);
        let line = format!("{}\t{}\t\\\\x{}", self.oid, self.chunk, hex::encode(chunk));
        self.chunk += 1;
        self.scan.push_line_blocking(line.as_bytes())
    }
}

/// No other event ends the last large object.
impl Drop for Sink<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.finish_large_object() {
            self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}
