//! `[[drift]]`: what may not happen to tables from one night to the next.
//!
//! Plain data; [`crate::drift`] judges by it.

use serde::{Deserialize, Serialize};

/// One rule. A night in which it does not hold has a finding of kind `drift`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftRule {
    /// A pattern as in pg_dump's `--table`: `shop.orders`, `shop.*`.
    pub tables: String,
    /// Of the rows that a table had in the night before, at most so many in a hundred may be gone: 0 to 99.
    #[serde(default)]
    pub max_shrink_percent: Option<u8>,
    /// A table must have a row.
    #[serde(default)]
    pub must_not_be_empty: bool,
    /// A table that was there in the night before must be there.
    #[serde(default)]
    pub must_not_vanish: bool,
}
