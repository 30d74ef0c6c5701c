//! Which of the work one process does: everything, or its part.
//!
//! All that a part divides by is the same in each process: names, the catalog in the snapshot, and the size of a stripe. Sizes are not,
//! because tables grow while parts are read. So stripe `k` of the table at position `p` belongs to part `(p + k) mod N`, however long the
//! table is. Each process reads its stripes up to the end that it sees. That end was looked up after the snapshot was exported, so all
//! rows of the snapshot lie before it: VACUUM cuts off only pages without such rows, and whatever gives a table other pages
//! (TRUNCATE, a rewrite) is noticed by `catalog_guard`, also by parts that read none of its pages.

use std::collections::{BTreeMap, BTreeSet};

use super::jobs::{Pages, SLICE_PAGES};
use super::{CaptureRequest, Live};
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::model::name::{Name, quote_literal};
use crate::model::part::{self, PartList, PartNumber};
use crate::postgres::session::text;

/// The work of one process.
#[derive(Debug, Default)]
pub struct Share {
    part: Option<PartShare>,
}

/// The work of one part.
#[derive(Debug)]
struct PartShare {
    part: PartNumber,
    positions: BTreeMap<String, u64>,
    divided: BTreeSet<Name>,
    /// Pages of the divided tables as this process sees them, or why they are not known.
    pages: BTreeMap<Name, Result<u64>>,
    lists: BTreeMap<PartList, BTreeMap<String, u64>>,
}

/// What is read of one relation.
pub enum ShareReading {
    /// All of it.
    Whole,
    /// These pages.
    Slices(Vec<Pages>),
    /// None of its pages, but it must not have been replaced.
    Checked,
    /// Nothing.
    Elsewhere,
    /// It cannot be divided.
    Unknown(MarkedText),
}

impl Share {
    /// Everything.
    pub const EVERYTHING: Self = Self { part: None };

    /// A part.
    ///
    /// # Errors
    /// The session is lost.
    pub async fn of(live: &Live, request: &CaptureRequest, part: PartNumber) -> Result<Self> {
        let is_divided = |name: &&Name| live.is_divisible(name) && !live.unpopulated.contains(*name);
        let divided: BTreeSet<Name> = request.plan.keys().filter(is_divided).cloned().collect();
        let page_bytes = text(&live.snapshot_session.row("SELECT pg_catalog.current_setting('block_size')").await?, 0)?;
        let page_bytes: u64 = page_bytes.parse().map_err(|_| Error::new("the server has no block_size"))?;
        let mut pages = BTreeMap::new();
        for name in &divided {
            let bytes = match live.listing.relations.get(name).filter(|_| live.sized.contains(name)) {
                Some(listed) => Ok(listed.bytes),
                None => live.wait_for_size(name).await?,
            };
            pages.insert(name.clone(), bytes.map(|bytes| bytes.div_ceil(page_bytes.max(1))));
        }
        let lists = live.lists(request).into_iter().map(|(list, keys)| (list, part::dealt(keys.into_iter()))).collect();
        Ok(Self {
            part: Some(PartShare {
                part,
                positions: part::positions(live.listing.relations.keys()),
                divided,
                pages,
                lists,
            }),
        })
    }

    /// Which part, if it is one.
    pub fn part(&self) -> Option<PartNumber> {
        self.part.as_ref().map(|share| share.part)
    }

    /// Tables that are divided.
    pub fn divided(&self) -> BTreeSet<Name> {
        self.part.as_ref().map(|share| share.divided.clone()).unwrap_or_default()
    }

    /// All keys of the lists, also those of other parts.
    pub fn lists(&self) -> BTreeMap<PartList, BTreeSet<String>> {
        let lists = self.part.iter().flat_map(|share| &share.lists);
        lists.map(|(list, keys)| (*list, keys.keys().cloned().collect())).collect()
    }

    /// Whether the rest of this table's rows may be in other parts.
    pub fn is_incomplete(&self, name: &Name) -> bool {
        let pages = self.part.as_ref().and_then(|share| share.pages.get(name));
        pages.is_some_and(|pages| !matches!(pages, Ok(pages) if *pages <= SLICE_PAGES))
    }

    /// Whether what has this key in a list is read here.
    pub fn has(&self, list: PartList, key: &str) -> bool {
        let Some(share) = &self.part else { return true };
        share.lists.get(&list).and_then(|keys| keys.get(key)).is_some_and(|position| share.part.has(*position))
    }

    /// What is read of a relation of so many bytes.
    pub fn reading(&self, live: &Live, name: &Name, bytes: u64) -> ShareReading {
        let Some(share) = &self.part else {
            return if live.can_slice(name) {
                ShareReading::Slices(Pages::slices(bytes / 8192))
            } else {
                ShareReading::Whole
            };
        };
        let Some(position) = share.positions.get(&name.to_string()).copied() else {
            return ShareReading::Unknown("it was not dealt to a part".into());
        };
        match share.pages.get(name) {
            None if share.part.has(position) => ShareReading::Whole,
            None => ShareReading::Elsewhere,
            Some(Err(error)) => ShareReading::Unknown(error.text()),
            Some(Ok(pages)) => {
                let stripes = Pages::stripes(*pages, share.part, position, SLICE_PAGES);
                match stripes.as_slice() {
                    [] => ShareReading::Checked,
                    // A plain COPY, which costs the server less.
                    [_] if *pages <= SLICE_PAGES => ShareReading::Whole,
                    _ => ShareReading::Slices(stripes),
                }
            }
        }
    }
}

impl Live {
    /// The size of a table that another session held exclusively when sizes were listed: waits for it as a reader would.
    ///
    /// # Errors
    /// Outer: the session is lost. Inner: the server refused.
    async fn wait_for_size(&self, name: &Name) -> Result<Result<u64>> {
        let printed = quote_literal(&name.sql());
        let sql = format!("SELECT COALESCE(pg_catalog.pg_relation_size(pg_catalog.to_regclass({printed})), 0)");
        let size = |rows: Vec<tokio_postgres::SimpleQueryRow>| {
            let row = rows.first().ok_or_else(|| Error::new("the server returned no row"))?;
            text(row, 0)?.parse().map_err(|_| Error::new("the server returned no size"))
        };
        Ok(self.guarded(&sql).await?.and_then(size))
    }

    /// The keys of all that is dealt besides relations.
    fn lists(&self, request: &CaptureRequest) -> BTreeMap<PartList, BTreeSet<String>> {
        let keys = match &self.foreign_keys {
            Ok(keys) => {
                let selected = keys.iter().filter(|key| request.selection.has_table(&key.child));
                selected.map(super::ForeignKey::printed).collect()
            }
            Err(_) => BTreeSet::from([crate::compare::KEY_LIST.to_owned()]),
        };
        let sequences = self.sequences.iter().filter(|name| request.selection.has_table(name));
        BTreeMap::from([
            (PartList::Kinds, self.questions(request).map(|question| question.kind.to_owned()).collect()),
            (PartList::Sequences, sequences.map(ToString::to_string).collect()),
            (PartList::ForeignKeys, keys),
            (PartList::Assertions, request.assertions.keys().cloned().collect()),
        ])
    }
}
