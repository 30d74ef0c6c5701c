//! Further queries on a live database: names for patterns, current definitions, and current values of sequences.

use std::collections::{BTreeMap, BTreeSet};

use super::{Live, json, open_session, worker};
use crate::base::error::Result;
use crate::base::shared_text::SharedText;
use crate::model::catalog;
use crate::model::manifest::{Definition, Names, SequenceValue};
use crate::model::name::Name;
use crate::model::selection::search_path;
use crate::postgres::session::{optional, text};

impl Live {
    /// Partitioned tables, views, sequences, and the search path.
    ///
    /// # Errors
    /// The server's refusal.
    pub(super) async fn names(&self) -> Result<Names> {
        let row = self.snapshot_session.row(catalog::SEARCH_PATH).await?;
        let path = search_path(&text(&row, 0)?, &text(&row, 1)?, &json::<Vec<String>>(&row, 2)?);
        let mut names = Names { search_path: Some(path), ..Default::default() };
        for row in self.snapshot_session.rows(catalog::NAMES).await? {
            let name = Name::new(text(&row, 0)?, text(&row, 1)?);
            if let (Some(schema), Some(parent)) = (optional(&row, 3), optional(&row, 4)) {
                names.partitions.insert(name.clone(), Name::new(schema, parent));
            }
            if text(&row, 2)? == "t" {
                names.others.insert(name);
            }
        }
        Ok(names)
    }

    /// The current values of the sequences: they are not transactional, so these may be later than the snapshot.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn sequence_values(&self) -> Result<BTreeMap<Name, SequenceValue>> {
        let session = self.session().await?;
        let mut values = BTreeMap::new();
        for names in self.sequences.chunks(200) {
            values.extend(worker::sequence_values(&session, names).await?);
        }
        Ok(values)
    }

    /// The current definitions of these kinds: an object that differs from the snapshot was changed or dropped during the run.
    ///
    /// # Errors
    /// No session, or the server's refusal.
    pub async fn definitions_now(
        &self,
        kinds: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, BTreeMap<SharedText, Definition>>> {
        let session = open_session(self.snapshot_session.conninfo(), &self.options).await?;
        let mut now = BTreeMap::new();
        for question in catalog::CATALOG.iter().filter(|question| kinds.contains(question.kind)) {
            let objects = worker::definitions(&session, question.kind, question.sql, &self.options.texts).await?;
            now.insert(question.kind.to_owned(), objects.into_iter().collect());
        }
        Ok(now)
    }
}
