//! Row lines of a dump, hashed in batches by rayon while the reader goes on.
//!
//! At most `IN_FLIGHT` batches wait to be hashed; then the reader waits, so memory does not grow with the table.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::base::error::{Error, Result};
use crate::model::hashing::{Accumulator, Batch, OnBatch, Purpose};

/// Batches of one scan that may wait to be hashed.
const IN_FLIGHT: usize = 2;

/// One pass over some rows of one relation.
pub struct Scan {
    accumulator: Arc<Mutex<Accumulator>>,
    batch: Batch,
    in_flight: VecDeque<oneshot::Receiver<()>>,
    on_batch: OnBatch,
}

impl Scan {
    /// An empty scan.
    pub fn new(purpose: &Purpose, on_batch: OnBatch) -> Self {
        let accumulator = Arc::new(Mutex::new(Accumulator::new(purpose)));
        Self { accumulator, batch: Batch::default(), in_flight: VecDeque::new(), on_batch }
    }

    /// Adds one row line; blocks while too many batches wait.
    ///
    /// # Errors
    /// When a hashing thread panicked.
    pub fn push_line_blocking(&mut self, line: &[u8]) -> Result<()> {
        self.batch.push_line(line);
        if self.batch.is_full() {
            self.send_lines();
        }
        match self.beyond_limit() {
            Some(oldest) => oldest.blocking_recv().map_err(|_| broken()),
            None => Ok(()),
        }
    }

    /// Waits for all hashing and returns the result; blocks.
    ///
    /// # Errors
    /// When a hashing thread panicked.
    pub fn finish_blocking(mut self) -> Result<Accumulator> {
        self.send_lines();
        while let Some(oldest) = self.in_flight.pop_front() {
            oldest.blocking_recv().map_err(|_| broken())?;
        }
        self.into_accumulator()
    }

    fn into_accumulator(self) -> Result<Accumulator> {
        let mutex = Arc::into_inner(self.accumulator).ok_or_else(broken)?;
        mutex.into_inner().map_err(|_| broken())
    }

    /// The oldest batch, when more than `IN_FLIGHT` are being hashed; the caller must wait for it.
    fn beyond_limit(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.in_flight.len() > IN_FLIGHT { self.in_flight.pop_front() } else { None }
    }

    fn send_lines(&mut self) {
        let batch = self.batch.take_lines();
        self.send(batch);
    }

    fn send(&mut self, batch: Batch) {
        (self.on_batch)(batch.lines().len() as u64, batch.bytes());
        let (done, wait) = oneshot::channel();
        let accumulator = Arc::clone(&self.accumulator);
        rayon::spawn(move || {
            let digests = batch.digests();
            if let Ok(mut accumulator) = accumulator.lock() {
                accumulator.absorb(batch.lines(), &digests);
                drop(accumulator);
            } else {
                return;
            }
            drop(accumulator);
            let _ = done.send(());
        });
        self.in_flight.push_back(wait);
    }
}

fn broken() -> Error {
    Error::new("hashing broke down").hint("this is a fault of pgwitness: please report it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::{RowDigest, TableDigest};

    fn digest_of_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> TableDigest {
        let mut scan = Scan::new(&Purpose::Tally { log2: 4 }, Arc::new(|_, _| {}));
        lines.for_each(|line| scan.push_line_blocking(line).unwrap());
        scan.finish_blocking().unwrap().into_tally().unwrap().digest
    }

    #[test]
    fn the_end_waits_for_the_slowest_batch_too() {
        let slow = vec![b'x'; 30_000_000];
        let quick = std::iter::repeat_n(&b""[..], 3 * 40_000);
        assert_eq!(digest_of_lines(std::iter::once(slow.as_slice()).chain(quick)).rows, 1 + 3 * 40_000);
    }

    #[test]
    fn many_batches_add_up() {
        let line = vec![b'x'; 1000];
        let digest = digest_of_lines(std::iter::repeat_n(line.as_slice(), 5_000));
        assert_eq!(digest.rows, 5_000);
        assert_eq!(digest.lanes, RowDigest::of(&line).0.map(|lane| lane.wrapping_mul(5_000)));
    }
}
