//! A batch: some row lines in one piece of memory.

use super::Lines;
use crate::model::digest::{RowDigest, append_digests};

/// A batch is sent when it holds so many bytes (measured on two cores: smaller ones cost more in wake-ups than they save) …
const FULL_BYTES: usize = 2 * 1024 * 1024;
/// … or so many lines.
const FULL_LINES: usize = 32_768;

/// Lines without their newlines, and perhaps the beginning of a further one.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each line ends; the next begins there.
    ends: Vec<usize>,
    /// Up to where `bytes` has been searched for newlines.
    partial_from: usize,
}

impl Batch {
    /// Adds one whole line.
    pub fn push_line(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.end_line();
    }

    /// Adds bytes with newlines at any place. PostgreSQL sends a line a message, but does not promise it.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(at);
            self.push_line(line);
            rest = after.get(1..).unwrap_or_default();
        }
        self.bytes.extend_from_slice(rest);
    }

    fn end_line(&mut self) {
        self.partial_from = self.bytes.len();
        self.ends.push(self.partial_from);
    }

    /// Whether it is time to hash.
    pub fn is_full(&self) -> bool {
        self.ends.len() >= FULL_LINES || (self.bytes.len() >= FULL_BYTES && !self.ends.is_empty())
    }

    /// Whether the last line has not ended.
    pub fn has_partial_line(&self) -> bool {
        self.bytes.len() > self.partial_from
    }

    /// Bytes of a line that has not ended.
    pub fn partial_bytes(&self) -> usize {
        self.bytes.len() - self.partial_from
    }

    /// Takes the whole lines out; the beginning of a further line stays.
    pub fn take_lines(&mut self) -> Self {
        let partial = self.bytes.split_off(self.partial_from);
        // Only where one batch was full is another like it to be expected: most tables are small.
        let (bytes, lines) = if self.is_full() { (FULL_BYTES + FULL_BYTES / 4, self.ends.len()) } else { (0, 0) };
        let mut rest = Self { bytes: partial, ends: Vec::with_capacity(lines), ..Self::default() };
        rest.bytes.reserve(bytes);
        std::mem::replace(self, rest)
    }

    /// The lines.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            // As in [`Lines::iter`]: never an empty line for one that is not there.
            let line = &self.bytes[start..end];
            start = end;
            line
        })
    }

    /// Where each line begins and ends.
    pub fn spans(&self) -> Vec<(usize, usize)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends.iter().copied()).collect()
    }

    /// The lines at these places.
    pub fn as_lines<'a>(&'a self, spans: &'a [(usize, usize)]) -> Lines<'a> {
        Lines { bytes: &self.bytes, spans }
    }

    /// Bytes of all lines.
    pub fn bytes(&self) -> u64 {
        self.partial_from as u64
    }

    /// The digest of each line.
    pub fn digests(&self) -> Vec<RowDigest> {
        let mut digests = Vec::new();
        append_digests(self.lines(), &mut digests);
        digests
    }
}
