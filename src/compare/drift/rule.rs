//! `[[drift]]`: changes of tables that are forbidden between two runs.
//!
//! Plain data; [`super::judge`] applies it.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::model::selection::Pattern;

/// One rule. A run that breaks it has a finding of kind `drift`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftRule {
    /// A pattern as in pg_dump's `--table`: `shop.orders`, `shop.*`.
    pub tables: String,
    /// Maximum percentage of the rows of the previous run that may be missing: 0 to 99.
    #[serde(default)]
    pub max_shrink_percent: Option<u8>,
    /// A table must have a row.
    #[serde(default)]
    pub must_not_be_empty: bool,
    /// A table of the previous run must exist.
    #[serde(default)]
    pub must_not_vanish: bool,
}

impl DriftRule {
    /// The pattern of its tables.
    ///
    /// # Errors
    /// An invalid pattern, a rule that forbids nothing, a percentage above 99.
    pub fn pattern(&self) -> Result<Pattern> {
        if self.max_shrink_percent.is_none() && !self.must_not_be_empty && !self.must_not_vanish {
            let hint = "max_shrink_percent, must_not_be_empty or must_not_vanish";
            return Err(Error::new("it forbids nothing").hint(hint));
        }
        if self.max_shrink_percent.is_some_and(|percent| percent > 99) {
            let hint = "0 to 99; must_not_be_empty says that a table must have a row";
            return Err(Error::new("max_shrink_percent: every table may shrink by 100 percent").hint(hint));
        }
        Pattern::table(&self.tables)
    }
}
