//! What a scan is for: the tally of a table, the lines of wanted rows, or a sample of a difference beyond the sketch.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::model::digest::RowDigest;
use crate::model::manifest::Tally;
use crate::model::row;
use crate::model::sketch::Sketch;

/// How many sample levels a difference beyond the sketch is divided into: level i holds one row in 2^(i+1).
pub const SAMPLE_LEVELS: usize = 20;
const LEVEL_LOG2: u8 = 8;
/// Bytes of values that a collection keeps; beyond that it says that it is truncated.
const COLLECTED_BYTES: usize = 8 << 20;
/// Bytes of one value that are kept for showing.
const SHOWN_BYTES: usize = 1024;

/// What a scan is for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// Digest and sketch of 3 × 2^`log2` cells.
    Tally {
        /// See [`Sketch::new`].
        log2: u8,
    },
    /// The wanted rows.
    Collect(Arc<Wanted>),
    /// Sketches of ever smaller samples, chosen by these columns (by the whole row when there are none), so that a
    /// changed row is in the same sample on both sides.
    SampleLevels(Arc<Vec<usize>>),
}

/// Rows to be collected.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Those with these digests.
    Digests(HashSet<RowDigest>),
    /// All that are read.
    All,
}

impl Wanted {
    fn has(&self, digest: &RowDigest) -> bool {
        match self {
            Self::Digests(digests) => digests.contains(digest),
            Self::All => true,
        }
    }
}

/// A row as far as it is kept for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedRow {
    /// How many times it was seen.
    pub copies: u64,
    /// Its values; `None` is NULL.
    pub values: Vec<Option<Value>>,
}

/// A value as far as it is kept for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its first bytes.
    pub head: Vec<u8>,
    /// How long it is.
    pub bytes: usize,
    /// SHA-256 of all of it.
    pub digest: RowDigest,
}

/// The result of a scan, or of a part of it.
#[derive(Debug)]
pub enum Accumulator {
    /// Of [`Purpose::Tally`].
    Tally(Tally),
    /// Of [`Purpose::Collect`].
    Collected {
        /// What was wanted.
        wanted: Arc<Wanted>,
        /// What was found.
        rows: BTreeMap<RowDigest, CollectedRow>,
        /// Bytes kept so far.
        bytes: usize,
        /// Whether rows were left out for their size.
        is_truncated: bool,
    },
    /// Of [`Purpose::SampleLevels`].
    SampleLevels {
        /// Columns of the key, by position in the line.
        key: Arc<Vec<usize>>,
        /// One sketch for each level.
        sketches: Vec<Sketch>,
    },
}

impl Accumulator {
    /// Nothing yet.
    pub fn new(purpose: &Purpose) -> Self {
        match purpose {
            Purpose::Tally { log2 } => Self::Tally(Tally::new(*log2)),
            Purpose::Collect(wanted) => {
                Self::Collected { wanted: Arc::clone(wanted), rows: BTreeMap::new(), bytes: 0, is_truncated: false }
            }
            Purpose::SampleLevels(key) => {
                Self::SampleLevels { key: Arc::clone(key), sketches: vec![Sketch::new(LEVEL_LOG2); SAMPLE_LEVELS] }
            }
        }
    }

    /// Whether the lines matter, or their digests say all.
    pub fn needs_lines(&self) -> bool {
        !matches!(self, Self::Tally(_))
    }

    /// Adds lines, whose digests are `digests`.
    pub fn absorb<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]>, digests: &[RowDigest]) {
        match self {
            Self::Tally(tally) => digests.iter().for_each(|digest| tally.add(*digest)),
            Self::Collected { wanted, rows, bytes, is_truncated } => {
                for (line, digest) in lines.zip(digests).filter(|(_, digest)| wanted.has(digest)) {
                    collect(line, *digest, rows, bytes, is_truncated);
                }
            }
            Self::SampleLevels { key, sketches } => {
                for (line, digest) in lines.zip(digests) {
                    let level = sample_level(line, *digest, key);
                    if let Some(sketch) = sketches.get_mut(level) {
                        sketch.add(*digest);
                    }
                }
            }
        }
    }

    /// Adds another part of the same scan.
    pub fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Tally(mine), Self::Tally(theirs)) => mine.merge(&theirs),
            (
                Self::Collected { rows, bytes, is_truncated, .. },
                Self::Collected { rows: others, is_truncated: other_is_truncated, .. },
            ) => {
                *is_truncated |= other_is_truncated;
                for (digest, row) in others {
                    keep_row(digest, row.copies, || row.values, rows, bytes, is_truncated);
                }
            }
            (Self::SampleLevels { sketches, .. }, Self::SampleLevels { sketches: others, .. }) => {
                sketches.iter_mut().zip(&others).for_each(|(mine, theirs)| mine.merge(theirs));
            }
            // Parts of one scan have one purpose.
            (Self::Tally(_) | Self::Collected { .. } | Self::SampleLevels { .. }, _) => {}
        }
    }

    /// The tally, if that was the purpose.
    pub fn into_tally(self) -> Option<Tally> {
        if let Self::Tally(tally) = self { Some(tally) } else { None }
    }
}

fn collect(
    line: &[u8],
    digest: RowDigest,
    rows: &mut BTreeMap<RowDigest, CollectedRow>,
    bytes: &mut usize,
    is_truncated: &mut bool,
) {
    let values = || row::values(line).into_iter().map(|value| value.map(keep)).collect();
    keep_row(digest, 1, values, rows, bytes, is_truncated);
}

fn keep_row(
    digest: RowDigest,
    copies: u64,
    values: impl FnOnce() -> Vec<Option<Value>>,
    rows: &mut BTreeMap<RowDigest, CollectedRow>,
    bytes: &mut usize,
    is_truncated: &mut bool,
) {
    if let Some(row) = rows.get_mut(&digest) {
        row.copies += copies;
    } else if *bytes > COLLECTED_BYTES {
        *is_truncated = true;
    } else {
        let values = values();
        *bytes += values.iter().flatten().map(|value| value.head.len() + size_of::<Value>()).sum::<usize>();
        rows.insert(digest, CollectedRow { copies, values });
    }
}

fn keep(mut value: Vec<u8>) -> Value {
    let (bytes, digest) = (value.len(), RowDigest::of(&value));
    value.truncate(SHOWN_BYTES);
    value.shrink_to_fit();
    Value { head: value, bytes, digest }
}

fn sample_level(line: &[u8], digest: RowDigest, key: &[usize]) -> usize {
    let of_key = if key.is_empty() { None } else { row::reorder(line, key).map(|fields| RowDigest::of(&fields)) };
    let [.., last] = of_key.unwrap_or(digest).0;
    usize::try_from(last.trailing_zeros()).unwrap_or(0).min(SAMPLE_LEVELS - 1)
}
