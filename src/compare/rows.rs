//! Lists the rows that differ: changed (and in which column), missing, unexpected.
//!
//! Rows are paired by primary key, or by similarity if there is none. This only explains a difference that is already counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::digest::RowDigest;
use crate::model::finding::{ChangedColumn, ChangedRow, RowDifference, RowText};
use crate::model::hashing::{CollectedRow, Value};
use crate::model::name::quote_ident;
use crate::model::redaction::Redaction;

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 200;
/// Rows per side up to which similarity is tried: it compares each with each.
const ALIKE_ROWS: usize = 400;

/// How rows are shown.
#[derive(Debug, Clone, Copy)]
pub struct Show {
    /// Whether values are replaced by hashes.
    pub redaction: Redaction,
    /// Rows shown per table; the comparison itself has no limit.
    pub max_rows: usize,
}

/// Rows of the two sides, as a second pass found them, and the names of their columns.
#[derive(Debug, Default)]
pub struct FetchedSides {
    /// Names of the columns, in the order of the values.
    pub columns: Arc<[String]>,
    /// Names of the columns of the primary key.
    pub key: Vec<String>,
    /// By digest.
    pub expected: BTreeMap<RowDigest, CollectedRow>,
    /// By digest.
    pub actual: BTreeMap<RowDigest, CollectedRow>,
}

/// A row that one side has more often than the other.
#[derive(Debug, Clone)]
struct Surplus {
    copies: u64,
    values: Vec<Option<Value>>,
}

/// Lists the rows. If `is_everything` (every differing row was found), the numbers of `difference` are replaced by exact ones.
pub fn name_rows(difference: &mut RowDifference, found: FetchedSides, is_everything: bool, show: Show) {
    let (expected, actual) = surplus(&found);
    if is_everything {
        difference.expected_only = expected.iter().map(|row| row.copies).sum();
        difference.actual_only = actual.iter().map(|row| row.copies).sum();
        difference.is_exact = true;
    }
    let (pairs, missing, unexpected) = pair(&found, expected, actual);
    let shown = |count: usize, space: &mut usize| -> usize {
        let shown = count.min(*space);
        *space -= shown;
        shown
    };
    let mut space = show.max_rows;
    let (p, m, u) =
        (shown(pairs.len(), &mut space), shown(missing.len(), &mut space), shown(unexpected.len(), &mut space));
    difference.is_truncated =
        !difference.is_exact || !is_everything || p + m + u < pairs.len() + missing.len() + unexpected.len();
    difference.unnamed = None;
    difference.changed = pairs.iter().take(p).map(|(e, a)| changed_row(&found, e, a, show)).collect();
    difference.missing = missing.iter().take(m).map(|row| row_text(&found, row, show)).collect();
    difference.unexpected = unexpected.iter().take(u).map(|row| row_text(&found, row, show)).collect();
}

/// Copies on one side beyond those on the other.
fn surplus(found: &FetchedSides) -> (Vec<Surplus>, Vec<Surplus>) {
    let beyond = |mine: &BTreeMap<RowDigest, CollectedRow>, theirs: &BTreeMap<RowDigest, CollectedRow>| {
        let rows = mine.iter().filter_map(|(digest, row)| {
            let copies = row.copies.saturating_sub(theirs.get(digest).map_or(0, |row| row.copies));
            (copies > 0).then(|| Surplus { copies, values: row.values.clone() })
        });
        rows.collect::<Vec<_>>()
    };
    (beyond(&found.expected, &found.actual), beyond(&found.actual, &found.expected))
}

type Paired = (Vec<(Surplus, Surplus)>, Vec<Surplus>, Vec<Surplus>);

fn pair(found: &FetchedSides, expected: Vec<Surplus>, actual: Vec<Surplus>) -> Paired {
    let key = key_positions(found);
    let (mut pairs, mut missing, mut unexpected) =
        if key.is_empty() { pair_by_likeness(expected, actual) } else { pair_by_key(&key, expected, actual) };
    let order = |row: &Surplus| sort_key(&key, row);
    pairs.sort_by_cached_key(|(row, _)| order(row));
    missing.sort_by_cached_key(order);
    unexpected.sort_by_cached_key(order);
    (pairs, missing, unexpected)
}

fn key_positions(found: &FetchedSides) -> Vec<usize> {
    let position = |name: &String| found.columns.iter().position(|column| column == name);
    found.key.iter().map(position).collect::<Option<Vec<usize>>>().unwrap_or_default()
}

/// Sorts numbers by value, other texts by bytes.
fn sort_key(key: &[usize], row: &Surplus) -> Vec<(i128, Vec<u8>)> {
    let part = |value: &Option<Value>| {
        let text = value.as_ref().map(|value| value.head.clone()).unwrap_or_default();
        let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<i128>().ok());
        (number.unwrap_or(i128::MAX), text)
    };
    if key.is_empty() {
        row.values.iter().map(part).collect()
    } else {
        key.iter().filter_map(|&at| row.values.get(at)).map(part).collect()
    }
}

fn pair_by_key(key: &[usize], expected: Vec<Surplus>, actual: Vec<Surplus>) -> Paired {
    let identity = |row: &Surplus| -> Vec<Option<RowDigest>> {
        key.iter().map(|&at| row.values.get(at).and_then(Option::as_ref).map(|value| value.digest)).collect()
    };
    let mut theirs: BTreeMap<Vec<Option<RowDigest>>, Vec<Surplus>> = BTreeMap::new();
    actual.into_iter().for_each(|row| theirs.entry(identity(&row)).or_default().push(row));
    let (mut pairs, mut missing) = (Vec::new(), Vec::new());
    for row in expected {
        match theirs.get_mut(&identity(&row)).and_then(Vec::pop) {
            Some(partner) => pairs.push((row, partner)),
            None => missing.push(row),
        }
    }
    (pairs, missing, theirs.into_values().flatten().collect())
}

/// Greedy: the most similar first. Rows are similar when at least half of their columns are equal.
fn pair_by_likeness(expected: Vec<Surplus>, actual: Vec<Surplus>) -> Paired {
    let mut likes = Vec::new();
    for (e, mine) in expected.iter().enumerate().take(ALIKE_ROWS) {
        for (a, theirs) in actual.iter().enumerate().take(ALIKE_ROWS) {
            let equal = mine.values.iter().zip(&theirs.values).filter(|(mine, theirs)| mine == theirs).count();
            if equal > 0 && equal * 2 >= mine.values.len() {
                likes.push((std::cmp::Reverse(equal), e, a));
            }
        }
    }
    likes.sort_unstable();
    let mut expected: Vec<Option<Surplus>> = expected.into_iter().map(Some).collect();
    let mut actual: Vec<Option<Surplus>> = actual.into_iter().map(Some).collect();
    let mut pairs = Vec::new();
    for (_, e, a) in likes {
        let (Some(mine), Some(theirs)) = (expected.get_mut(e), actual.get_mut(a)) else { continue };
        let (Some(e), Some(a)) = (mine.as_mut(), theirs.as_mut()) else { continue };
        // Rows with several copies: as many are paired as exist on both sides.
        let copies = e.copies.min(a.copies);
        pairs.push((Surplus { copies, ..e.clone() }, Surplus { copies, ..a.clone() }));
        for side in [mine, theirs] {
            *side =
                side.take().filter(|row| row.copies > copies).map(|row| Surplus { copies: row.copies - copies, ..row });
        }
    }
    (pairs, expected.into_iter().flatten().collect(), actual.into_iter().flatten().collect())
}

fn changed_row(found: &FetchedSides, expected: &Surplus, actual: &Surplus, show: Show) -> ChangedRow {
    let values = found.columns.iter().zip(expected.values.iter().zip(&actual.values));
    let columns = values.filter(|(_, (e, a))| e != a).map(|(column, (e, a))| ChangedColumn {
        column: column.clone(),
        expected: shown(e.as_ref(), show),
        actual: shown(a.as_ref(), show),
    });
    ChangedRow { key: key_of(found, &expected.values, show), columns: columns.collect() }
}

fn row_text(found: &FetchedSides, row: &Surplus, show: Show) -> RowText {
    let value =
        |(column, value): (&String, &Option<Value>)| format!("{}={}", quote_ident(column), shown(value.as_ref(), show));
    let values = found.columns.iter().zip(&row.values).map(value).collect();
    RowText { key: key_of(found, &row.values, show), values, copies: row.copies }
}

/// `id=42` of a row with the columns of `found`; empty where there is no key.
pub fn key_text(found: &FetchedSides, row: &CollectedRow, show: Show) -> String {
    key_of(found, &row.values, show)
}

fn key_of(found: &FetchedSides, values: &[Option<Value>], show: Show) -> String {
    let part = |&at: &usize| {
        let column = found.columns.get(at).map(|column| quote_ident(column)).unwrap_or_default();
        format!("{column}={}", shown(values.get(at).and_then(Option::as_ref), show))
    };
    key_positions(found).iter().map(part).collect::<Vec<_>>().join(", ")
}

/// A value for display: NULL and the text `NULL`, an empty text and a blank must not look alike.
fn shown(value: Option<&Value>, show: Show) -> String {
    let Some(value) = value else { return "NULL".to_owned() };
    if let Some(hash) = show.redaction.hash(value.digest.to_string().as_bytes()) {
        return hash;
    }
    let hash: String = value.digest.to_string().chars().take(16).collect();
    let (text, is_utf8) = readable(&value.head, value.bytes);
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    if cut.len() < text.len() || value.head.len() < value.bytes {
        format!("{cut}… ({} bytes, sha256:{hash})", value.bytes)
    } else if !is_utf8 {
        // A text of the same characters is another value.
        format!("{text} (not UTF-8, sha256:{hash})")
    } else if text.is_empty() || text.eq_ignore_ascii_case("null") || text.trim() != text {
        format!("'{text}'")
    } else {
        text
    }
}

/// The beginning of a value of `bytes` bytes as text, and whether it is UTF-8: a byte that is not is written as `\xNN`.
fn readable(head: &[u8], bytes: usize) -> (String, bool) {
    let (mut text, mut is_utf8) = (String::new(), true);
    for chunk in head.utf8_chunks() {
        text.push_str(chunk.valid());
        // The head may end inside a character.
        let is_incomplete = str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
        if head.len() < bytes && is_incomplete {
            continue;
        }
        is_utf8 &= chunk.invalid().is_empty();
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    (text, is_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hashing::{Accumulator, Batch, Purpose, Wanted};

    fn found(key: &[&str], expected: &[&str], actual: &[&str]) -> FetchedSides {
        let collect = |lines: &[&str]| {
            let mut batch = Batch::default();
            lines.iter().for_each(|line| batch.push_line(line.as_bytes()));
            let digests = batch.digests();
            let wanted = Wanted::Digests(digests.iter().copied().collect());
            let mut accumulator = Accumulator::new(&Purpose::Collect(wanted.into()));
            accumulator.absorb(batch.lines(), &digests);
            let Accumulator::Collected { rows, .. } = accumulator else { panic!("collects") };
            rows
        };
        FetchedSides {
            columns: ["id", "total", "note"].map(str::to_owned).into(),
            key: key.iter().map(|&column| column.to_owned()).collect(),
            expected: collect(expected),
            actual: collect(actual),
        }
    }

    fn named(found: FetchedSides, is_redacted: bool) -> RowDifference {
        let mut difference = RowDifference::default();
        let redaction = if is_redacted { Redaction::on([7; 16]) } else { Redaction::OFF };
        name_rows(&mut difference, found, true, Show { redaction, max_rows: 10 });
        difference
    }

    #[test]
    fn rows_are_paired_by_key() {
        let found = found(&["id"], &["1\t10.00\ta", "2\t5.00\tb"], &["3\t5.00\tb", "1\t10.01\ta"]);
        let difference = named(found, false);
        assert_eq!((difference.expected_only, difference.actual_only), (2, 2));
        assert_eq!(difference.changed.len(), 1);
        assert_eq!(difference.changed[0].key, "id=1");
        let column = &difference.changed[0].columns[0];
        assert_eq!(
            (column.column.as_str(), column.expected.as_str(), column.actual.as_str()),
            ("total", "10.00", "10.01")
        );
        assert_eq!(difference.missing[0].values, ["id=2", "total=5.00", "note=b"]);
        assert_eq!(difference.unexpected[0].key, "id=3");
        assert!(!difference.is_truncated);
    }

    #[test]
    fn rows_without_a_key_are_paired_by_likeness() {
        let difference = named(found(&[], &["1\t10.00\ta", "7\tx\ty"], &["1\t10.00\tb"]), false);
        assert_eq!(difference.changed[0].columns[0].column, "note");
        assert_eq!(difference.missing.len(), 1);
    }

    #[test]
    fn lost_copies_of_a_duplicate_are_counted() {
        let difference = named(found(&[], &["1\t2\t3"; 9], &["1\t2\t3"]), false);
        assert_eq!((difference.expected_only, difference.missing[0].copies), (8, 8));
    }

    #[test]
    fn null_empty_and_the_word_null_look_different() {
        let difference = named(found(&["id"], &["1\t\\N\t"], &["1\tNULL\t "]), false);
        let texts = |c: &ChangedColumn| (c.expected.clone(), c.actual.clone());
        let columns: Vec<_> = difference.changed[0].columns.iter().map(texts).collect();
        assert_eq!(columns, [("NULL".to_owned(), "'NULL'".to_owned()), ("''".to_owned(), "' '".to_owned())]);
    }

    #[test]
    fn values_that_are_not_utf8_are_told_apart_from_each_other_and_from_their_escapes() {
        let value = |bytes: &[u8]| Value { head: bytes.to_vec(), bytes: bytes.len(), digest: RowDigest::of(bytes) };
        let show = Show { redaction: Redaction::OFF, max_rows: 1 };
        let texts = [&b"caf\xe9"[..], b"caf\xe8", b"caf\\xe9", "café".as_bytes(), b"caf\xc3", b"caf"];
        let texts = texts.map(|bytes| shown(Some(&value(bytes)), show));
        let different: std::collections::BTreeSet<&String> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "{texts:?}");
        assert!(texts[0].starts_with("caf\\xe9 (not UTF-8, sha256:"), "{}", texts[0]);
        assert_eq!((texts[2].as_str(), texts[3].as_str()), ("caf\\xe9", "café"));
        // A character that only the head cuts is no such byte.
        let cut = Value { head: b"caf\xc3".to_vec(), bytes: 5000, digest: RowDigest::of(b"") };
        assert!(shown(Some(&cut), show).starts_with("caf… (5000 bytes"), "{}", shown(Some(&cut), show));
    }

    #[test]
    fn long_values_are_cut_and_told_apart_by_their_hash() {
        let (e, a) = (format!("1\t0\t{}x", "a".repeat(3000)), format!("1\t0\t{}y", "a".repeat(3000)));
        let difference = named(found(&["id"], &[&e], &[&a]), false);
        let column = &difference.changed[0].columns[0];
        assert_ne!(column.expected, column.actual);
        assert!(column.expected.contains("3001 bytes"), "{}", column.expected);
    }

    #[test]
    fn redaction_hides_every_value() {
        let difference = named(found(&["id"], &["4711\tsecret\ta"], &["4711\tsecret2\ta"]), true);
        let text = format!("{difference:?}");
        assert!(!text.contains("secret") && !text.contains("4711"), "{text}");
    }

    #[test]
    fn the_detail_is_bounded_and_says_so() {
        let lines: Vec<String> = (0..30).map(|n| format!("{n}\t0\tx")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let difference = named(found(&["id"], &lines, &[]), false);
        assert_eq!((difference.expected_only, difference.missing.len(), difference.is_truncated), (30, 10, true));
    }
}
