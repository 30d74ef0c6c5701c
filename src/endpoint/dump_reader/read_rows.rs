//! Reads the rows of a dump, with several pg_restore processes where the format allows.
//!
//! It never returns success unless every entry that was asked for has been seen to its end.

use std::fs::{self};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::handlers::Deliver;
use super::pg_restore::Restore;
use super::reader::{ReaderEnd, read_dump};
use super::{DumpFileFormat, DumpReader, HasData, RowSink, format, reading};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::model::name::Name;

/// Batches per process: more than one, so that all processes end at about the same time; few, since each start reads the table of
/// contents again.
const BATCHES_PER_JOB: u64 = 8;

/// The cost of a table beside its data, in bytes.
const TABLE_OVERHEAD_BYTES: u64 = 16 << 10;

/// Entries for one pg_restore.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct ScanBatch {
    ids: Vec<u32>,
    /// How many of them must give a COPY.
    tables: usize,
}

/// An entry with rows or large objects.
#[derive(Debug, Clone, Copy)]
struct ScanJob {
    id: u32,
    is_table: bool,
    weight: u64,
}

/// A sink for one process.
type MakeSink<'f, 's> = &'f (dyn Fn() -> Box<dyn RowSink + 's> + Sync);

/// State that all processes of a scan share.
struct ScanShared<'a> {
    is_wanted: &'a (dyn Fn(&Name) -> bool + Sync),
    with_large_objects: bool,
    next: AtomicUsize,
    /// Large objects seen so far.
    large_objects: AtomicUsize,
    is_stopped: AtomicBool,
    /// The first error; later ones are caused by the stop.
    error: Mutex<Option<Error>>,
}

impl DumpReader {
    /// Streams the rows of the wanted relations, and the large objects if wanted, each `make_sink()` serving one
    /// process. `-Fc` and `-Fd` are read by up to `jobs` processes, `-Ft` and plain SQL in one pass.
    ///
    /// `is_wanted` is asked with the name in the COPY statement and also, before anything is read, with the table's own
    /// name and those of the partitioned tables above it. Tables dumped as INSERT are never read.
    pub fn scan<'s>(
        &self,
        is_wanted: &(dyn Fn(&Name) -> bool + Sync),
        with_large_objects: bool,
        jobs: usize,
        make_sink: MakeSink<'_, 's>,
    ) -> Result<()> {
        let shared = ScanShared {
            is_wanted,
            with_large_objects,
            next: AtomicUsize::new(0),
            large_objects: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
            error: Mutex::new(None),
        };
        let scanned = if self.format == DumpFileFormat::Plain {
            self.scan_plain(&shared, make_sink)
        } else {
            self.scan_archive(&shared, jobs, make_sink)
        };
        scanned.and_then(|()| self.check_large_objects(&shared)).doing(|| reading(&self.path))
    }

    fn scan_plain(&self, shared: &ScanShared<'_>, make_sink: MakeSink<'_, '_>) -> Result<()> {
        let mut sink = make_sink();
        let mut deliver = Deliver::new(&mut *sink, shared.is_wanted, shared.with_large_objects);
        match read_dump(files::open(&self.path)?, &mut deliver)? {
            ReaderEnd::Complete => shared.add_large_objects(deliver.large_objects.len()),
            ReaderEnd::Stopped => {}
            ReaderEnd::Cut(how) => return Err(format::cut(&how)),
        }
        Ok(())
    }

    fn scan_archive(&self, shared: &ScanShared<'_>, jobs: usize, make_sink: MakeSink<'_, '_>) -> Result<()> {
        let is_serial =
            self.format == DumpFileFormat::Tar || (self.format == DumpFileFormat::Custom && !self.has_offsets);
        let jobs = if is_serial { 1 } else { jobs.max(1) };
        let batches = make_batches(&self.jobs(shared), jobs);
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(batches.len()) {
                scope.spawn(|| self.work(shared, &batches, make_sink));
            }
        });
        let error = shared.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(()), Err)
    }

    /// One process after another until the batches are used up.
    fn work(&self, shared: &ScanShared<'_>, batches: &[ScanBatch], make_sink: MakeSink<'_, '_>) {
        let mut sink = make_sink();
        while let Some(batch) = batches.get(shared.next.fetch_add(1, Ordering::Relaxed)) {
            if shared.is_stopped.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.run(shared, batch, &mut *sink) {
                shared.is_stopped.store(true, Ordering::Relaxed);
                shared.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }

    fn run(&self, shared: &ScanShared<'_>, batch: &ScanBatch, sink: &mut dyn RowSink) -> Result<()> {
        let mut deliver = Deliver::new(sink, shared.is_wanted, shared.with_large_objects);
        let mut restore = Restore::start(&self.pg_restore, &["-f", "-"], Some(&batch.ids), &self.path)?;
        let output = Stoppable { input: restore.output()?, is_stopped: &shared.is_stopped };
        let end = read_dump(output, &mut deliver)?;
        restore.finish(end)?;
        shared.add_large_objects(deliver.large_objects.len());
        if deliver.copies == batch.tables {
            return Ok(());
        }
        Err(format::cut(&format!("it gave the rows of {} of {} tables", deliver.copies, batch.tables)))
    }

    /// Each large object that is created must have its content: a truncated list in a directory dump is detected here.
    fn check_large_objects(&self, shared: &ScanShared<'_>) -> Result<()> {
        let (expected, seen) = (self.catalog.large_objects.len(), shared.large_objects.load(Ordering::Relaxed));
        if !shared.with_large_objects || !self.catalog.has_large_object_data || expected == seen {
            return Ok(());
        }
        Err(format::cut(&format!("it has the content of {seen} of {expected} large objects")))
    }

    /// The entries to read, in the order of the archive.
    fn jobs(&self, shared: &ScanShared<'_>) -> Vec<ScanJob> {
        let tables = self.toc.rows.iter().filter(|entry| self.may_be_wanted(entry.table_oid, shared));
        let tables = tables.map(|entry| ScanJob { id: entry.id, is_table: true, weight: self.weight(entry.id) });
        let objects = self.toc.large_objects.iter().filter(|_| shared.with_large_objects);
        let objects = objects.map(|&id| ScanJob { id, is_table: false, weight: self.weight(id) });
        tables.chain(objects).collect()
    }

    /// A table is also read if its name is not known before its rows.
    fn may_be_wanted(&self, table_oid: u32, shared: &ScanShared<'_>) -> bool {
        let mut name = self.names.get(&table_oid);
        let table = name.and_then(|name| self.catalog.tables.get(name));
        if name.is_none() || table.is_some_and(|table| table.has_data == HasData::Inserts) {
            return table.is_none();
        }
        while let Some(table_name) = name {
            if (shared.is_wanted)(table_name) {
                return true;
            }
            name = self.catalog.tables.get(table_name).and_then(|table| table.partition_of.as_ref());
        }
        false
    }

    /// The size of the entry's file in a directory; elsewhere all entries are alike.
    fn weight(&self, id: u32) -> u64 {
        let size = |suffix| fs::metadata(self.path.join(format!("{id}.dat{suffix}"))).map_or(0, |m| m.len());
        let is_directory = self.format == DumpFileFormat::Directory;
        let bytes = if is_directory { ["", ".gz", ".lz4", ".zst"].into_iter().map(size).sum() } else { 0 };
        TABLE_OVERHEAD_BYTES + bytes
    }
}

impl ScanShared<'_> {
    fn add_large_objects(&self, count: usize) {
        self.large_objects.fetch_add(count, Ordering::Relaxed);
    }
}

/// Large entries alone, small ones together, the heaviest first; within a batch in the order of the archive, which is
/// the order in which it can be read without going back.
fn make_batches(jobs: &[ScanJob], processes: usize) -> Vec<ScanBatch> {
    let total: u64 = jobs.iter().map(|job| job.weight).sum();
    let target = if processes == 1 { total } else { total / (processes as u64 * BATCHES_PER_JOB) };
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(jobs[index].weight));
    let mut batches = Vec::new();
    let (mut open, mut weight) = (Vec::new(), 0);
    for index in order {
        open.push(index);
        weight += jobs[index].weight;
        if weight >= target {
            batches.push(make_batch(jobs, std::mem::take(&mut open)));
            weight = 0;
        }
    }
    if !open.is_empty() {
        batches.push(make_batch(jobs, open));
    }
    batches
}

fn make_batch(jobs: &[ScanJob], mut indexes: Vec<usize>) -> ScanBatch {
    indexes.sort_unstable();
    let tables = indexes.iter().filter(|&&index| jobs[index].is_table).count();
    ScanBatch { ids: indexes.iter().map(|&index| jobs[index].id).collect(), tables }
}

/// Ends a long read soon after another process has failed.
struct Stoppable<'a, R> {
    input: R,
    is_stopped: &'a AtomicBool,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_stopped.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped after an error elsewhere"));
        }
        self.input.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(weights: &[u64]) -> Vec<ScanJob> {
        (1..).zip(weights).map(|(id, &weight)| ScanJob { id, is_table: true, weight }).collect()
    }

    #[test]
    fn one_process_reads_everything_in_the_order_of_the_archive() {
        let batches = make_batches(&jobs(&[1, 9, 5]), 1);
        assert_eq!(batches, [ScanBatch { ids: vec![1, 2, 3], tables: 3 }]);
    }

    #[test]
    fn large_tables_come_first_and_small_ones_together() {
        let mut weights = vec![1; 100];
        weights[50] = 1000;
        let batches = make_batches(&jobs(&weights), 2);
        assert_eq!(batches[0].ids, [51]);
        assert!(batches.len() < 10, "{}", batches.len());
        assert_eq!(batches.iter().map(|batch| batch.ids.len()).sum::<usize>(), 100);
    }

    #[test]
    fn nothing_to_read_is_no_batch() {
        assert_eq!(make_batches(&[], 1), []);
    }
}
