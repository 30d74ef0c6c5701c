//! The sketch: a small table from which the rows that differ between two tables can be decoded.
//!
//! An invertible Bloom lookup table (Eppstein, Goodrich, Uyeda, Varghese: *What's the Difference?*, SIGCOMM 2011). Every row
//! digest is added into three cells; expected minus actual leaves the differing rows alone, and cells that hold one row
//! give it away, which frees other cells, and so on ("peeling").
//!
//! Two choices of our own. The cells are three rows of 2^k, one cell a row, so that the three never coincide and a
//! sketch folds into a smaller one row by row. And a cell carries a sixth word, the sum of a scrambled lane: with it a cell
//! that holds several rows cannot pass for one, even in a sketch of a few cells; so what is decoded is exact. It also lets a row
//! whose number of copies differs by more than one be decoded (k·d modulo 2^64 is divided by k).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::digest::{RowDigest, TableDigest};

/// Smallest sketch: 3 × 2^4 cells.
pub const MIN_LOG2: u8 = 4;
/// Largest sketch: 3 × 2^12 cells of 48 bytes, 576 KiB; decodes about 9,800 differing row digests.
pub const MAX_LOG2: u8 = 12;

/// Words of a cell: count, check, four lanes; all modulo 2^64.
type Cell = [u64; 6];

/// Rows that are kept as they are: most tables of a database with very many tables are very small, and cells would take all its memory.
const FEW_ROWS: usize = 16;

/// Cells for the rows of one table.
#[derive(Debug, Clone)]
pub struct Sketch {
    log2: u8,
    /// The rows, in any order, as long as there are at most [`FEW_ROWS`].
    rows: Vec<RowDigest>,
    /// Empty as long as the rows are few.
    cells: Vec<Cell>,
}

/// By what they hold: that one has cells and the other has rows makes no difference.
impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        self.log2 == other.log2 && self.in_cells().cells == other.in_cells().cells
    }
}

impl Eq for Sketch {}

/// Rows that are on one side only, with the number of surplus copies, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows that expected has and actual has not.
    pub expected_only: Vec<(RowDigest, u64)>,
    /// Rows that actual has and expected has not.
    pub actual_only: Vec<(RowDigest, u64)>,
    /// False when the sketch was too small: then the lists are incomplete.
    pub is_complete: bool,
}

impl Sketch {
    /// An empty sketch of 3 × 2^`log2` cells; `log2` is brought into `MIN_LOG2..=MAX_LOG2`.
    pub fn new(log2: u8) -> Self {
        Self { log2: log2.clamp(MIN_LOG2, MAX_LOG2), rows: Vec::new(), cells: Vec::new() }
    }

    /// Puts the rows into cells.
    fn spread(&mut self) {
        if self.cells.is_empty() {
            self.cells = vec![[0; 6]; 3 << self.log2];
            for row in std::mem::take(&mut self.rows) {
                self.apply(row, 1);
            }
        }
    }

    fn in_cells(&self) -> Cow<'_, Self> {
        if !self.cells.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut sketch = self.clone();
        sketch.spread();
        Cow::Owned(sketch)
    }

    /// The size that decodes any difference of a table with so many rows, up to the largest.
    pub fn log2_for_rows(rows: u64) -> u8 {
        let wanted = u64::BITS - rows.leading_zeros();
        u8::try_from(wanted).unwrap_or(MAX_LOG2).clamp(MIN_LOG2, MAX_LOG2)
    }

    /// Bytes in memory.
    pub fn bytes(log2: u8) -> usize {
        (3usize << log2) * size_of::<Cell>()
    }

    /// The size it has.
    pub fn log2(&self) -> u8 {
        self.log2
    }

    /// Adds one row.
    #[inline]
    pub fn add(&mut self, row: RowDigest) {
        if self.cells.is_empty() {
            if self.rows.len() < FEW_ROWS {
                return self.rows.push(row);
            }
            self.spread();
        }
        let [a, b, c, d] = row.0;
        let words = [1, check_word(row), a, b, c, d];
        for index in indices(row, self.log2) {
            if let Some(cell) = self.cells.get_mut(index) {
                add_words(cell, &words);
            }
        }
    }

    /// Adds the rows of a disjoint part; the larger of the two is folded first.
    pub fn merge(&mut self, other: &Sketch) {
        if other.cells.is_empty() {
            self.fold(other.log2);
            other.rows.iter().for_each(|row| self.add(*row));
        } else {
            self.combine(other, u64::wrapping_add);
        }
    }

    /// Folds into 3 × 2^`log2` cells; a smaller sketch stays as it is.
    pub fn fold(&mut self, log2: u8) {
        let log2 = log2.max(MIN_LOG2);
        if log2 >= self.log2 {
            return;
        }
        if self.cells.is_empty() {
            self.log2 = log2;
            return;
        }
        let mut folded = Self::new(log2);
        folded.spread();
        for (index, cell) in self.cells.iter().enumerate() {
            let (third, slot) = (index >> self.log2, index & ((1 << log2) - 1));
            if let Some(target) = folded.cells.get_mut((third << log2) + slot) {
                add_words(target, cell);
            }
        }
        *self = folded;
    }

    /// What each third adds up to: rows and lanes, modulo 2^64. Every row is in every third once, so the three are equal to
    /// each other, and to the digest of the same rows; a stored sketch of which this is not true was damaged.
    pub fn sums(&self) -> [TableDigest; 3] {
        let mut sums = [TableDigest::default(); 3];
        for (sum, third) in sums.iter_mut().zip(self.in_cells().cells.chunks_exact(1 << self.log2)) {
            let mut words = [0; 6];
            third.iter().for_each(|cell| add_words(&mut words, cell));
            let [rows, _, lanes @ ..] = words;
            *sum = TableDigest { rows, lanes };
        }
        sums
    }

    /// Expected minus actual, decoded.
    pub fn difference(expected: &Sketch, actual: &Sketch) -> Difference {
        let mut left = expected.clone();
        left.combine(actual, u64::wrapping_sub);
        left.peel()
    }

    fn combine(&mut self, other: &Sketch, operation: fn(u64, u64) -> u64) {
        self.fold(other.log2);
        self.spread();
        let mut other = other.in_cells();
        if other.log2 > self.log2 {
            other.to_mut().fold(self.log2);
        }
        for (cell, theirs) in self.cells.iter_mut().zip(&other.cells) {
            for (word, their) in cell.iter_mut().zip(theirs) {
                *word = operation(*word, *their);
            }
        }
    }

    fn apply(&mut self, row: RowDigest, copies: u64) {
        self.spread();
        let words = times(row, copies);
        for index in indices(row, self.log2) {
            if let Some(cell) = self.cells.get_mut(index) {
                add_words(cell, &words);
            }
        }
    }

    fn peel(mut self) -> Difference {
        self.spread();
        let mut found = std::collections::BTreeMap::<RowDigest, i64>::new();
        let mut queue: Vec<usize> = (0..self.cells.len()).collect();
        // A sketch that cannot be decoded must not keep us busy: each row comes off once, give or take.
        let mut budget = self.cells.len() * 4;
        while let Some(index) = queue.pop() {
            let Some((row, copies)) = self.cells.get(index).and_then(|cell| sole_row(cell, index, self.log2)) else {
                continue;
            };
            if budget == 0 {
                break;
            }
            budget -= 1;
            *found.entry(row).or_default() += copies;
            self.apply(row, copies.wrapping_neg().cast_unsigned());
            queue.extend(indices(row, self.log2));
        }
        let mut difference =
            Difference { is_complete: self.cells.iter().all(|cell| *cell == [0; 6]), ..Default::default() };
        for (row, copies) in found {
            match copies {
                1.. => difference.expected_only.push((row, copies.unsigned_abs())),
                0 => {}
                ..0 => difference.actual_only.push((row, copies.unsigned_abs())),
            }
        }
        difference
    }
}

#[inline]
fn add_words(cell: &mut Cell, other: &Cell) {
    // Without an adaptor: it runs three times for each row, and where a call is not inlined it takes a third of a comparison's time.
    let [count, check, a, b, c, d] = cell;
    *count = count.wrapping_add(other[0]);
    *check = check.wrapping_add(other[1]);
    *a = a.wrapping_add(other[2]);
    *b = b.wrapping_add(other[3]);
    *c = c.wrapping_add(other[4]);
    *d = d.wrapping_add(other[5]);
}

/// The cell of each third that a row goes to, from the low bits of its first three lanes.
#[inline]
fn indices(row: RowDigest, log2: u8) -> [usize; 3] {
    let size = 1usize << log2;
    let [a, b, c, _] = row.0;
    [low_bits(a, size), size + low_bits(b, size), 2 * size + low_bits(c, size)]
}

#[inline]
fn low_bits(lane: u64, size: usize) -> usize {
    usize::try_from(lane & (size as u64 - 1)).unwrap_or(0)
}

/// A word that is no linear function of the lanes (the finaliser of MurmurHash3), so that sums of rows do not forge it.
#[inline]
fn check_word(row: RowDigest) -> u64 {
    let [a, b, c, d] = row.0;
    let mut h = a ^ b.rotate_left(16) ^ c.rotate_left(32) ^ d.rotate_left(48);
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

fn times(row: RowDigest, copies: u64) -> Cell {
    let [a, b, c, d] = row.0;
    [1, check_word(row), a, b, c, d].map(|word| word.wrapping_mul(copies))
}

/// The one row that this cell holds, with its signed number of copies, if it holds one row only.
fn sole_row(cell: &Cell, index: usize, log2: u8) -> Option<(RowDigest, i64)> {
    let [count, check, lanes @ ..] = *cell;
    let copies = count.cast_signed();
    let twos = count.trailing_zeros();
    // Division by 2^t leaves t unknown bits in each lane; beyond t = 2 there are too many candidates to try.
    if copies == 0 || twos > 2 || lanes.iter().any(|lane| lane & ((1 << twos) - 1) != 0) {
        return None;
    }
    let inverse = odd_inverse((copies >> twos).cast_unsigned());
    let base = lanes.map(|lane| (lane >> twos).wrapping_mul(inverse));
    (0..1u64 << (4 * twos))
        .map(|candidate| with_top_bits(base, candidate, twos))
        .find(|row| indices(*row, log2).contains(&index) && check_word(*row).wrapping_mul(count) == check)
        .map(|row| (row, copies))
}

/// `base` modulo 2^(64 - `twos`) in every lane, completed by `twos` bits a lane out of `candidate`.
fn with_top_bits(base: [u64; 4], candidate: u64, twos: u32) -> RowDigest {
    let mut lanes = base;
    for (i, lane) in (0u32..).zip(lanes.iter_mut()) {
        if twos > 0 {
            let bits = (candidate >> (i * twos)) & ((1 << twos) - 1);
            *lane = (*lane & (u64::MAX >> twos)) | (bits << (64 - twos));
        }
    }
    RowDigest(lanes)
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
fn odd_inverse(odd: u64) -> u64 {
    let mut x = odd;
    for _ in 0..6 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
    }
    x
}

/// Stored as base64. Either the rows themselves, when all can be decoded: the size byte with its highest bit set, then for each row a
/// varint of its copies and its 32 bytes; that is a quarter of the cells. Or the size byte and the cells. Words are little-endian.
impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.as_rows().unwrap_or_else(|| {
            let mut bytes = vec![self.log2];
            bytes.extend(self.in_cells().cells.iter().flatten().flat_map(|word| word.to_le_bytes()));
            bytes
        });
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

const ROWS: u8 = 0x80;
const ROW_BYTES: usize = 32;

impl Sketch {
    /// `None`: not every row can be decoded.
    fn as_rows(&self) -> Option<Vec<u8>> {
        let decoded = self.clone().peel();
        let mut bytes = vec![self.log2 | ROWS];
        let mut rebuilt = Self::new(self.log2);
        for (row, copies) in &decoded.expected_only {
            rebuilt.apply(*row, *copies);
            write_varint(&mut bytes, *copies);
            bytes.extend(row.0.iter().flat_map(|lane| lane.to_le_bytes()));
        }
        (rebuilt == *self && bytes.len() < Self::bytes(self.log2)).then_some(bytes)
    }
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        let shift = 7 * u32::try_from(index).ok()?;
        let bits = u64::from(byte & 0x7f);
        value |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn decode_rows(log2: u8, mut rest: &[u8]) -> Option<Sketch> {
    let mut sketch = Sketch::new(log2);
    while !rest.is_empty() {
        let (copies, after) = read_varint(rest)?;
        let (row, after) = after.split_at_checked(ROW_BYTES)?;
        let mut lanes = [0; 4];
        for (lane, chunk) in lanes.iter_mut().zip(row.chunks_exact(8)) {
            *lane = u64::from_le_bytes(chunk.try_into().ok()?);
        }
        match copies {
            1 => sketch.add(RowDigest(lanes)),
            _ => sketch.apply(RowDigest(lanes), copies),
        }
        rest = after;
    }
    Some(sketch)
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)?;
        decode(&bytes).ok_or_else(|| {
            de::Error::custom(
                "a sketch has a size byte and 3 * 2^size cells of 48 bytes, or rows of 32 bytes with their copies",
            )
        })
    }
}

fn decode(bytes: &[u8]) -> Option<Sketch> {
    let (&first, rest) = bytes.split_first()?;
    let log2 = first & !ROWS;
    if first != log2 {
        return (MIN_LOG2..=MAX_LOG2).contains(&log2).then(|| decode_rows(log2, rest))?;
    }
    if !(MIN_LOG2..=MAX_LOG2).contains(&log2) || rest.len() != Sketch::bytes(log2) {
        return None;
    }
    let mut sketch = Sketch::new(log2);
    sketch.spread();
    for (word, chunk) in sketch.cells.iter_mut().flatten().zip(rest.chunks_exact(8)) {
        *word = u64::from_le_bytes(chunk.try_into().ok()?);
    }
    Some(sketch)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn sketch(log2: u8, rows: &[u32]) -> Sketch {
        let mut sketch = Sketch::new(log2);
        rows.iter().for_each(|row| sketch.add(RowDigest::of(&row.to_le_bytes())));
        sketch
    }

    fn truth(expected: &[u32], actual: &[u32]) -> Difference {
        let mut counts = BTreeMap::<RowDigest, i64>::new();
        expected.iter().for_each(|row| *counts.entry(RowDigest::of(&row.to_le_bytes())).or_default() += 1);
        actual.iter().for_each(|row| *counts.entry(RowDigest::of(&row.to_le_bytes())).or_default() -= 1);
        let side =
            |sign: i64| counts.iter().filter(|(_, n)| *n * sign > 0).map(|(r, n)| (*r, n.unsigned_abs())).collect();
        Difference { expected_only: side(1), actual_only: side(-1), is_complete: true }
    }

    proptest! {
        #[test]
        fn decoding_returns_exactly_the_difference(common in prop::collection::vec(any::<u32>(), 0..300), expected in prop::collection::vec(0u32..60, 0..40), actual in prop::collection::vec(0u32..60, 0..40)) {
            let (mut e, mut a) = (common.clone(), common);
            e.extend(&expected);
            a.extend(&actual);
            let decoded = Sketch::difference(&sketch(8, &e), &sketch(8, &a));
            // Copies that differ by a multiple of eight are beyond decoding; everything else is exact.
            if decoded.is_complete { prop_assert_eq!(decoded, truth(&e, &a)); }
            else { prop_assert!(truth(&e, &a).expected_only.iter().chain(&truth(&e, &a).actual_only).any(|(_, n)| n % 8 == 0)); }
        }

        #[test]
        fn what_a_too_small_sketch_decodes_is_still_true(expected in prop::collection::vec(any::<u32>(), 0..120), actual in prop::collection::vec(any::<u32>(), 0..120)) {
            let decoded = Sketch::difference(&sketch(4, &expected), &sketch(4, &actual));
            let truth = truth(&expected, &actual);
            prop_assert!(decoded.expected_only.iter().all(|row| truth.expected_only.contains(row)));
            prop_assert!(decoded.actual_only.iter().all(|row| truth.actual_only.contains(row)));
            prop_assert!(!decoded.is_complete || decoded == truth);
        }

        #[test]
        fn a_large_sketch_folds_into_a_small_one(expected in prop::collection::vec(any::<u32>(), 0..500), actual in prop::collection::vec(any::<u32>(), 0..20)) {
            let mut folded = sketch(10, &expected);
            folded.fold(6);
            prop_assert_eq!(&folded, &sketch(6, &expected));
            prop_assert_eq!(Sketch::difference(&sketch(10, &expected), &sketch(6, &actual)), Sketch::difference(&sketch(6, &expected), &sketch(6, &actual)));
        }

        #[test]
        fn every_third_sums_up_to_the_digest(rows in prop::collection::vec(any::<u32>(), 0..50), log2 in MIN_LOG2..8) {
            let mut digest = TableDigest::default();
            rows.iter().for_each(|row| digest.add(RowDigest::of(&row.to_le_bytes())));
            prop_assert_eq!(sketch(log2, &rows).sums(), [digest; 3]);
        }

        #[test]
        fn storing_and_loading_changes_nothing(rows in prop::collection::vec(any::<u32>(), 0..50)) {
            let sketch = sketch(5, &rows);
            let stored = serde_json::to_string(&sketch).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sketch>(&stored).unwrap(), sketch);
        }
        #[test]
        fn what_can_be_decoded_is_stored_in_a_quarter_and_what_cannot_is_stored_whole(rows in prop::collection::vec(any::<u32>(), 0..3000), log2 in MIN_LOG2..10) {
            let sketch = sketch(log2, &rows);
            let stored = serde_json::to_string(&sketch).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sketch>(&stored).unwrap(), sketch.clone());
            let whole = Sketch::bytes(log2);
            prop_assert!(stored.len() <= (whole + 1).div_ceil(3) * 4 + 2);
            if rows.len() < 1 << log2 && sketch.peel().is_complete {
                prop_assert!(stored.len() <= (rows.len() * 33 + 1).div_ceil(3) * 4 + 2);
            }
        }
        #[test]
        fn no_stored_text_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = serde_json::to_string(&STANDARD.encode(&bytes)).unwrap();
            serde_json::from_str::<Sketch>(&text).ok();
        }
        #[test]
        fn a_varint_comes_back(value in any::<u64>()) {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            prop_assert_eq!(read_varint(&bytes), Some((value, &[][..])));
        }
    }

    #[test]
    fn a_sketch_of_cells_as_format_1_has_it_is_still_read() {
        let sketch = sketch(5, &[1, 2, 3]);
        let mut bytes = vec![5];
        bytes.extend(sketch.in_cells().cells.iter().flatten().flat_map(|word| word.to_le_bytes()));
        let stored = serde_json::to_string(&STANDARD.encode(bytes)).unwrap();
        assert_eq!(serde_json::from_str::<Sketch>(&stored).unwrap(), sketch);
    }

    #[test]
    fn four_thousand_differing_rows_are_within_capacity() {
        let expected: Vec<u32> = (0..2_000).collect();
        let actual: Vec<u32> = (10_000..12_000).collect();
        let decoded = Sketch::difference(&sketch(MAX_LOG2, &expected), &sketch(MAX_LOG2, &actual));
        assert_eq!(decoded, truth(&expected, &actual));
    }

    #[test]
    fn a_row_with_several_surplus_copies_is_decoded() {
        for copies in [2, 3, 4, 5, 6, 7, 12] {
            let decoded = Sketch::difference(&sketch(4, &vec![7; copies]), &sketch(4, &[]));
            assert_eq!(decoded, truth(&vec![7; copies], &[]), "{copies} copies");
        }
    }
}
