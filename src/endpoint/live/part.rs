//! Reading one part of a manifest.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::jobs::SLICE_PAGES;
use super::share::Share;
use super::{CaptureRequest, Live};
use crate::base::error::{Error, Result};
use crate::model::part::{self, ManifestPart, PartNumber};
use crate::model::progress::{Event, Listener};
use crate::model::selection::{Pattern, Selection};

impl Live {
    /// Reads a part of what is asked for. `agreed`: what else all parts must have in common.
    ///
    /// # Errors
    /// As [`Live::capture`]; the snapshot is not one of another process.
    pub async fn capture_part(
        &self,
        request: &CaptureRequest,
        part: PartNumber,
        agreed: BTreeMap<String, String>,
        listener: &Listener,
    ) -> Result<ManifestPart> {
        let mut all = self.agreed(request)?;
        all.extend(agreed);
        if let Err(error) = &self.foreign_keys {
            // The part that this is dealt to says it in its file, but the parts do not fit together unless all of them fail alike.
            listener(Event::Warning(&error.text()));
        }
        let share = Share::of(self, request, part).await?;
        let manifest = self.capture_share(request, &share, listener).await?;
        Ok(ManifestPart::new(part, all, &share.lists(), share.divided(), manifest))
    }

    fn agreed(&self, request: &CaptureRequest) -> Result<BTreeMap<String, String>> {
        let Some(imported) = &self.imported else {
            return Err(Error::new("a part is read in a snapshot that all parts share"));
        };
        let texts = [
            (part::VERSION, env!("CARGO_PKG_VERSION").to_owned()),
            (part::DATABASE, self.identity.clone()),
            (part::SNAPSHOT, imported.id.clone()),
            ("transactions in the snapshot", hash(&imported.sees)),
            (part::SELECTION, selection_text(&request.selection)),
            ("queries of the assertions", hash(&format!("{:?}", request.assertions))),
            ("kinds that are left out", format!("{:?}", request.skipped_kinds)),
            ("pages of a stripe", SLICE_PAGES.to_string()),
        ];
        Ok(texts.into_iter().map(|(label, text)| (label.to_owned(), text)).collect())
    }
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// As options, in an order that does not depend on the order in which they were given.
fn selection_text(selection: &Selection) -> String {
    let options: [(&str, &[Pattern]); 5] = [
        ("schema", &selection.schemas),
        ("exclude-schema", &selection.exclude_schemas),
        ("table", &selection.tables),
        ("exclude-table", &selection.exclude_tables),
        ("exclude-table-data", &selection.exclude_table_data),
    ];
    let mut texts: Vec<String> = options
        .into_iter()
        .flat_map(|(option, patterns)| patterns.iter().map(move |pattern| format!("--{option} {}", pattern.text())))
        .collect();
    texts.sort();
    if texts.is_empty() { "everything".into() } else { texts.join(" ") }
}
