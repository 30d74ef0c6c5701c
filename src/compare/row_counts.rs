//! The number of rows in which two tables differ, from their digests and sketches.

use crate::model::digest::RowDigest;
use crate::model::finding::RowDifference;
use crate::model::manifest::Tally;
use crate::model::verdict::counted;

/// `3 rows`
pub fn rows_of(tally: &Tally) -> String {
    counted(usize::try_from(tally.digest.rows).unwrap_or(usize::MAX), "row")
}

/// Exact numbers if the sketches can be decoded, else lower bounds.
pub fn row_difference(expected: &Tally, actual: &Tally) -> RowDifference {
    let decoded = Tally::difference(expected, actual);
    let sum = |rows: &[(RowDigest, u64)]| rows.iter().map(|(_, copies)| copies).sum::<u64>();
    let (mut expected_only, mut actual_only) = (sum(&decoded.expected_only), sum(&decoded.actual_only));
    if !decoded.is_complete {
        // The difference of the counts is a lower bound, and at least one row differs.
        let (e, a) = (expected.digest.rows, actual.digest.rows);
        expected_only = expected_only.max(e.saturating_sub(a)).max(u64::from(a <= e));
        actual_only = actual_only.max(a.saturating_sub(e)).max(u64::from(e <= a));
    }
    RowDifference {
        expected_only,
        actual_only,
        is_exact: decoded.is_complete,
        is_truncated: true,
        unnamed: Some("no endpoint was read a second time".into()),
        ..Default::default()
    }
}
