//! Hashes lines in the read buffer, in the thread that reads them, while the data is still in the cache.
//!
//! Measured: to copy lines into batches for other threads cost more than it gained, since a server takes several times as long
//! to print rows as we take to hash them. Keeps no line.

use super::{Accumulator, Batch, OnBatch, Purpose};
use crate::base::error::{Error, Result};
use crate::model::digest::{RowDigest, append_digests};

/// Digests that are added up together: the sketch is larger than the cache that the server leaves us, so each time it is
/// fetched it had better be for many rows.
const TOGETHER: usize = 16_384;

/// Some lines within one piece of memory.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// The memory.
    pub bytes: &'a [u8],
    /// Where each line begins and ends.
    pub spans: &'a [(usize, usize)],
}

impl<'a> Lines<'a> {
    /// The lines, without their newlines.
    pub fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        // A span beyond the memory must end us, not be taken for an empty line: on both sides alike it would pass for equal.
        self.spans.iter().map(move |&(start, end)| &self.bytes[start..end])
    }

    fn line_bytes(self) -> u64 {
        self.iter().map(|line| line.len() as u64).sum()
    }
}

/// One pass over some rows of one relation, by one reader.
pub struct Intake {
    accumulator: Accumulator,
    digests: Vec<RowDigest>,
    batch: Batch,
    on_batch: OnBatch,
}

impl Intake {
    /// Nothing read yet.
    pub fn new(purpose: &Purpose, on_batch: OnBatch) -> Self {
        Self { accumulator: Accumulator::new(purpose), digests: Vec::new(), batch: Batch::default(), on_batch }
    }

    /// Adds whole lines.
    pub fn take(&mut self, lines: Lines<'_>) {
        append_digests(lines.iter(), &mut self.digests);
        (self.on_batch)(lines.spans.len() as u64, lines.line_bytes());
        if self.accumulator.needs_lines() {
            self.accumulator.absorb(lines.iter(), &self.digests);
            self.digests.clear();
        } else if self.digests.len() >= TOGETHER {
            self.add_up();
        }
    }

    /// Adds bytes of COPY output, whole lines or not.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.batch.push_bytes(bytes);
        if self.batch.is_full() {
            self.take_batch();
        }
    }

    /// The result.
    ///
    /// # Errors
    /// When the input ended within a line.
    pub fn finish(mut self) -> Result<Accumulator> {
        if self.batch.has_partial_line() {
            return Err(Error::new("the rows ended within a line"));
        }
        self.take_batch();
        self.add_up();
        Ok(self.accumulator)
    }

    fn take_batch(&mut self) {
        let batch = self.batch.take_lines();
        self.take(batch.as_lines(&batch.spans()));
    }

    fn add_up(&mut self) {
        self.accumulator.absorb(std::iter::empty(), &self.digests);
        self.digests.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::digest::TableDigest;

    fn intake() -> Intake {
        Intake::new(&Purpose::Tally { log2: 4 }, Arc::new(|_, _| {}))
    }

    fn digest(intake: Intake) -> Result<TableDigest> {
        Ok(intake.finish()?.into_tally().unwrap().digest)
    }

    fn digest_of_chunks(chunks: &[&[u8]]) -> Result<TableDigest> {
        let mut intake = intake();
        chunks.iter().for_each(|chunk| intake.push_bytes(chunk));
        digest(intake)
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
    fn many_lines_add_up_however_they_come() {
        let line = vec![b'x'; 1000];
        let chunk = [line.as_slice(), b"\n"].concat();
        let mut intake = intake();
        for _ in 0..5_000 {
            intake.push_bytes(&chunk);
            intake.take(Lines { bytes: &chunk, spans: &[(0, 1000), (0, 1000), (0, 1000)] });
        }
        let digest = digest(intake).unwrap();
        assert_eq!(digest.rows, 20_000);
        assert_eq!(digest.lanes, RowDigest::of(&line).0.map(|lane| lane.wrapping_mul(20_000)));
    }
}
