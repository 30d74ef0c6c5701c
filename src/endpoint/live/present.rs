//! What a database has none of. To plan a question takes longer than to answer it, and an ordinary database has no answer for most.

use std::collections::BTreeSet;

use super::Live;
use crate::base::error::Result;
use crate::model::catalog::{CATALOG, CatalogQuery, presence};
use crate::postgres::session::optional;

/// Functions that are not the server's own, whose numbers are below 16384.
const FUNCTIONS: &str = "pg_proc WHERE oid >= 16384";
const FOREIGN_KEYS: &str = "pg_constraint WHERE contype = 'f'";

/// What there is in the snapshot, as far as the server says.
#[derive(Debug, Default)]
pub(super) struct Present {
    absent: BTreeSet<&'static str>,
}

impl Present {
    /// Functions that are not the server's own.
    pub(super) fn has_functions(&self) -> bool {
        !self.is_absent(FUNCTIONS)
    }

    pub(super) fn has_foreign_keys(&self) -> bool {
        !self.is_absent(FOREIGN_KEYS)
    }

    /// Whether these rows of the server's catalog are known not to be there.
    pub(super) fn is_absent(&self, rows: &str) -> bool {
        self.absent.contains(rows)
    }
}

impl Live {
    /// Where the server refuses an answer there may be everything.
    pub(super) async fn present(&self) -> Result<Present> {
        let questions = CATALOG.iter().filter(|question| question.is_for(self.snapshot_session.major()));
        let rows: BTreeSet<&str> =
            questions.flat_map(CatalogQuery::conditions).chain([FUNCTIONS, FOREIGN_KEYS]).collect();
        let Ok(answer) = self.guarded(&presence(rows.iter().copied())).await? else { return Ok(Present::default()) };
        let is_absent = |index: usize| answer.first().is_some_and(|row| optional(row, index).as_deref() == Some("f"));
        let absent = rows.into_iter().enumerate().filter(|(index, _)| is_absent(*index));
        Ok(Present { absent: absent.map(|(_, rows)| rows).collect() })
    }
}
