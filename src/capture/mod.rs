//! From row lines to digests: whoever reads lines hands them over in batches, rayon does the hashing.
//!
//! At most `IN_FLIGHT` batches of a scan wait to be hashed, so memory does not grow with the table; the reader waits
//! instead. Sockets and files are somebody else's business.

mod accumulate;
mod batch;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

pub use accumulate::{Accumulator, CollectedRow, Purpose, STRATA, Value, Wanted};
pub use batch::Batch;

use crate::digest::RowDigest;
use crate::error::{Error, Result};

/// Batches of one scan that may wait to be hashed.
const IN_FLIGHT: usize = 2;

/// Lines of fewer bytes are hashed where they are: to hand them over would take longer.
const SMALL_BYTES: u64 = 64 * 1024;

/// Rows and bytes of line, for progress.
pub type OnBatch = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// One pass over some rows of one relation.
pub struct Scan {
    accumulator: Arc<Mutex<Accumulator>>,
    batch: Batch,
    in_flight: VecDeque<oneshot::Receiver<()>>,
    on_batch: OnBatch,
}

impl Scan {
    /// Nothing read yet.
    pub fn new(purpose: &Purpose, on_batch: OnBatch) -> Self {
        let accumulator = Arc::new(Mutex::new(Accumulator::new(purpose)));
        Self { accumulator, batch: Batch::default(), in_flight: VecDeque::new(), on_batch }
    }

    /// Adds bytes of COPY output, whole lines or not; waits when the hashing is behind.
    ///
    /// # Errors
    /// When the hashing broke down.
    pub async fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.batch.push_bytes(bytes);
        if self.batch.is_full() {
            self.send_lines();
        }
        match self.beyond_limit() {
            Some(oldest) => oldest.await.map_err(|_| broken()),
            None => Ok(()),
        }
    }

    /// Adds whole lines; waits when the hashing is behind.
    ///
    /// # Errors
    /// When the hashing broke down.
    pub async fn push_batch(&mut self, batch: Batch) -> Result<()> {
        self.send(batch);
        match self.beyond_limit() {
            Some(oldest) => oldest.await.map_err(|_| broken()),
            None => Ok(()),
        }
    }

    /// Adds one row line, from a thread that may wait.
    ///
    /// # Errors
    /// When the hashing broke down.
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

    /// Waits for all hashing and gives the result.
    ///
    /// # Errors
    /// When the input ended within a line, or the hashing broke down.
    pub async fn finish(mut self) -> Result<Accumulator> {
        if self.batch.has_partial_line() {
            return Err(Error::new("the rows ended within a line"));
        }
        self.send_lines();
        while let Some(oldest) = self.in_flight.pop_front() {
            oldest.await.map_err(|_| broken())?;
        }
        self.into_accumulator()
    }

    /// As [`Scan::finish`], from a thread that may wait.
    ///
    /// # Errors
    /// As [`Scan::finish`].
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

    /// What to wait for when too much is under way. Whoever takes it must wait: the sum is not whole before.
    fn beyond_limit(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.in_flight.len() > IN_FLIGHT { self.in_flight.pop_front() } else { None }
    }

    fn send_lines(&mut self) {
        let batch = self.batch.take_lines();
        self.send(batch);
    }

    fn send(&mut self, batch: Batch) {
        (self.on_batch)(batch.lines().count() as u64, batch.bytes());
        let (done, wait) = oneshot::channel();
        let accumulator = Arc::clone(&self.accumulator);
        rayon::spawn(move || {
            let digests = batch.digests();
            if let Ok(mut accumulator) = accumulator.lock() {
                accumulator.absorb(&batch, &digests);
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

/// The digests of a batch. A few lines are hashed at once: to wake another thread would take longer.
///
/// # Errors
/// When the hashing broke down.
pub async fn digests(batch: Batch) -> Result<(Batch, Vec<RowDigest>)> {
    if batch.bytes() < SMALL_BYTES {
        let digests = batch.digests();
        return Ok((batch, digests));
    }
    let (done, wait) = oneshot::channel();
    rayon::spawn(move || {
        let digests = batch.digests();
        let _ = done.send((batch, digests));
    });
    wait.await.map_err(|_| broken())
}

fn broken() -> Error {
    Error::new("hashing broke down").hint("this is a fault of pgwitness: please report it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::TableDigest;

    fn digest_of_chunks(chunks: &[&[u8]]) -> Result<TableDigest> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut scan = Scan::new(&Purpose::Tally { log2: 4 }, Arc::new(|_, _| {}));
            for chunk in chunks {
                scan.push_bytes(chunk).await?;
            }
            Ok(scan.finish().await?.into_tally().unwrap().digest)
        })
    }

    #[test]
    fn lines_are_found_wherever_the_bytes_are_cut() {
        let mut expected = TableDigest::default();
        [&b"1\ta"[..], b"", b"2\tb"].into_iter().for_each(|line| expected.add(RowDigest::of(line)));
        for chunks in
            [&[&b"1\ta\n\n2\tb\n"[..]][..], &[b"1\t", b"a\n", b"\n2\tb", b"\n"], &[b"1\ta\n", b"\n", b"2\tb\n"]]
        {
            assert_eq!(digest_of_chunks(chunks).unwrap(), expected);
        }
    }

    #[test]
    fn rows_that_end_within_a_line_are_an_error() {
        assert!(digest_of_chunks(&[b"1\ta\n2\t"]).is_err());
    }

    #[test]
    fn the_end_waits_for_the_slowest_batch_too() {
        let slow = [vec![b'x'; 30_000_000].as_slice(), b"\n"].concat();
        let quick = vec![b'\n'; 4096];
        let digest = digest_of_chunks(&[&slow, &quick, &quick, &quick, b"last\n"]).unwrap();
        assert_eq!(digest.rows, 1 + 3 * 4096 + 1);
    }

    #[test]
    fn many_batches_add_up() {
        let line = vec![b'x'; 1000];
        let chunk = [line.as_slice(), b"\n"].concat();
        let digest = digest_of_chunks(&vec![chunk.as_slice(); 5_000]).unwrap();
        assert_eq!(digest.rows, 5_000);
        assert_eq!(digest.lanes, RowDigest::of(&line).0.map(|lane| lane.wrapping_mul(5_000)));
    }
}
