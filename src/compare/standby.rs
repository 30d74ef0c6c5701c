//! Sequences of a standby: the primary writes their state to the WAL ahead of its use.
//!
//! `nextval` logs a state up to 32 fetches ahead (`SEQ_LOG_VALS` in the server's source), and a standby shows the logged state.

use crate::model::manifest::{Manifest, SequenceValue};
use crate::model::name::Name;

/// Values that the primary logs in advance.
const LOGGED_AHEAD: i64 = 32;

/// A remark if the difference is only that the standby is ahead; `None` for any other difference.
pub fn remark(
    name: &Name,
    expected: (&Manifest, &SequenceValue),
    actual: (&Manifest, &SequenceValue),
) -> Option<String> {
    let (standby, other) = match (expected.0.endpoint.is_standby, actual.0.endpoint.is_standby) {
        (true, false) => (expected, actual),
        (false, true) => (actual, expected),
        _ => return None,
    };
    let steps = steps(standby.0, name)?;
    let ahead = standby.1.last_value.checked_sub(other.1.last_value)?;
    // A sequence that was never used is not logged ahead.
    let is_ahead = standby.1.is_called && other.1.is_called && (ahead == 0 || ahead.signum() == steps.signum());
    (is_ahead && ahead.checked_abs()? <= steps.checked_abs()?.checked_mul(LOGGED_AHEAD)?).then(|| {
        format!(
            "sequence {name} stands at {} on the standby and at {} on the other side: a standby shows up to 32 values that the primary has \
             logged but not used",
            standby.1.last_value, other.1.last_value
        )
    })
}

/// The increment, from the standby's definition.
fn steps(manifest: &Manifest, name: &Name) -> Option<i64> {
    let definition = &manifest.schema.objects.get("sequence")?.get(name.to_string().as_str())?.text;
    let (_, rest) = definition.to_lowercase().split_once("increment ").map(|(a, b)| (a.to_owned(), b.to_owned()))?;
    let rest = rest.strip_prefix("by ").unwrap_or(&rest);
    rest.split(|letter: char| letter != '-' && !letter.is_ascii_digit()).next()?.parse().ok()
}
