//! The digest: a fingerprint of the rows of a table, independent of their order.
//!
//! A *row line* is what `COPY table (columns) TO STDOUT` prints for a row, without the newline; a *row digest* is its
//! SHA-256; a *table digest* is the number of rows and the sum of the row digests, taken as four big-endian `u64` lanes,
//! each modulo 2^64. A sum needs no sort and no key, counts duplicates, and lets many connections add up their parts.
//!
//! It detects accidental changes, but is **not** collision resistant: an attacker who can add chosen rows can steer sums modulo 2^64.

#[cfg(target_arch = "x86_64")]
mod pair;

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// The state with which SHA-256 begins (FIPS 180-4, 5.3.3).
pub const SHA_256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 of a row line, as four big-endian lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowDigest(pub [u64; 4]);

impl RowDigest {
    /// Of one row line, without its newline.
    pub fn of(line: &[u8]) -> Self {
        let bytes: [u8; 32] = Sha256::digest(line).into();
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut lanes = [0; 4];
        for (lane, chunk) in lanes.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            *lane = u64::from_be_bytes(word);
        }
        Self(lanes)
    }
}

/// Appends the digests of lines, two at a time where the processor can.
pub fn append_digests<'a>(mut lines: impl Iterator<Item = &'a [u8]>, digests: &mut Vec<RowDigest>) {
    digests.reserve(lines.size_hint().0);
    while let Some(first) = lines.next() {
        let Some(second) = lines.next() else {
            digests.push(RowDigest::of(first));
            return;
        };
        digests.extend_from_slice(&of_pair([first, second]));
    }
}

#[inline]
fn of_pair(lines: [&[u8]; 2]) -> [RowDigest; 2] {
    #[cfg(target_arch = "x86_64")]
    if let Some([first, second]) = pair::of(lines) {
        return [RowDigest(first), RowDigest(second)];
    }
    lines.map(RowDigest::of)
}

/// Row count and sum of row digests: equal for equal multisets of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableDigest {
    /// Exact count, from the same scan as the sum: an estimate would make "sound" a guess.
    #[serde(with = "crate::base::count")]
    pub rows: u64,
    /// Sum of the row digests, lane by lane, modulo 2^64; 64 hexadecimal digits when stored.
    #[serde(rename = "digest", with = "lanes_as_hex")]
    pub lanes: [u64; 4],
}

impl TableDigest {
    /// Adds one row.
    #[inline]
    pub fn add(&mut self, row: RowDigest) {
        *self += Self { rows: 1, lanes: row.0 };
    }

    /// The sum as 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        lanes_to_hex(&self.lanes)
    }
}

/// Disjoint parts of a table, or the leaves of a partitioned table, add up.
impl AddAssign for TableDigest {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        let [a, b, c, d] = &mut self.lanes;
        self.rows += other.rows;
        *a = a.wrapping_add(other.lanes[0]);
        *b = b.wrapping_add(other.lanes[1]);
        *c = c.wrapping_add(other.lanes[2]);
        *d = d.wrapping_add(other.lanes[3]);
    }
}

impl fmt::Display for RowDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lanes_to_hex(&self.0))
    }
}

fn lanes_to_hex(lanes: &[u64; 4]) -> String {
    lanes.iter().map(|lane| format!("{lane:016x}")).collect()
}

fn lanes_from_hex(text: &str) -> Option<[u64; 4]> {
    let mut lanes = [0; 4];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (i, lane) in lanes.iter_mut().enumerate() {
        *lane = u64::from_str_radix(text.get(i * 16..i * 16 + 16)?, 16).ok()?;
    }
    Some(lanes)
}

impl Serialize for RowDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        lanes_as_hex::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for RowDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lanes_as_hex::deserialize(deserializer).map(Self)
    }
}

mod lanes_as_hex {
    use super::*;

    pub fn serialize<S: Serializer>(lanes: &[u64; 4], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&lanes_to_hex(lanes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u64; 4], D::Error> {
        let text = String::deserialize(deserializer)?;
        lanes_from_hex(&text).ok_or_else(|| de::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(rows: &[Vec<u8>]) -> TableDigest {
        let mut digest = TableDigest::default();
        for row in rows {
            digest.add(RowDigest::of(row));
        }
        digest
    }

    #[test]
    fn the_row_digest_is_sha_256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(RowDigest::of(b"abc").to_string(), expected, "FIPS 180-2, appendix B.1");
    }

    #[test]
    fn lines_of_every_length_have_the_digests_of_sha2_beside_every_other() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(400).collect();
        for length in 0..300 {
            for other in [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, length, 299 - length, 300] {
                let lines = [&bytes[..length], &bytes[7..7 + other], &bytes[..1]];
                let mut digests = Vec::new();
                append_digests(lines.into_iter(), &mut digests);
                assert_eq!(digests, lines.map(RowDigest::of), "{length} beside {other}");
            }
        }
    }

    proptest! {
        #[test]
        fn many_digests_are_those_of_sha2_one_by_one(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..9)) {
            let mut digests = Vec::new();
            append_digests(lines.iter().map(Vec::as_slice), &mut digests);
            prop_assert_eq!(digests, lines.iter().map(|line| RowDigest::of(line)).collect::<Vec<_>>());
        }

        #[test]
        fn order_does_not_matter(rows in prop::collection::vec(any::<Vec<u8>>(), 0..20), turn in 0usize..20) {
            let mut turned = rows.clone();
            if !turned.is_empty() { let n = turn % turned.len(); turned.rotate_left(n); }
            prop_assert_eq!(table(&rows), table(&turned));
        }

        #[test]
        fn any_changed_byte_is_seen(mut rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..9), 1..9), row: prop::sample::Index, byte: prop::sample::Index, flip in 1u8..) {
            let before = table(&rows);
            let row = row.get_mut(&mut rows);
            *byte.get_mut(row) ^= flip;
            prop_assert_ne!(before, table(&rows));
        }

        #[test]
        fn duplicates_count(rows in prop::collection::vec(any::<Vec<u8>>(), 1..9), index: prop::sample::Index) {
            let mut more = rows.clone();
            more.push(index.get(&rows).clone());
            prop_assert_ne!(table(&rows), table(&more));
        }

        #[test]
        fn parts_add_up(rows in prop::collection::vec(any::<Vec<u8>>(), 0..20), cut in 0usize..20) {
            let cut = cut.min(rows.len());
            let mut sum = table(&rows[..cut]);
            sum += table(&rows[cut..]);
            prop_assert_eq!(sum, table(&rows));
        }
    }
}
