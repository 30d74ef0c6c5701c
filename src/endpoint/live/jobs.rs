//! The jobs of one live endpoint, largest first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::foreign_keys::ForeignKey;
use crate::model::catalog::CatalogQuery;
use crate::model::name::Name;
use crate::model::part::PartNumber;

/// A slice of a table: pages `from..to`, or to the end of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// First page.
    pub from: u64,
    /// The page after the last; `None` is the current end of the table.
    pub to: Option<u64>,
}

/// All pages of a relation.
pub const WHOLE: Pages = Pages { from: 0, to: None };

/// Pages of a slice: 64 MiB with 8 kB pages. Small enough to spread over the sessions and to repeat after a lost connection, large
/// enough to make the cost of a query negligible. Another page size only makes the slices uneven: the last one is open-ended.
pub const SLICE_PAGES: u64 = 8192;

impl Pages {
    /// Slices that cover a table of this size; the last one also covers what was added since.
    pub fn slices(pages: u64) -> Vec<Self> {
        Self { from: 0, to: None }.parts(SLICE_PAGES, pages)
    }

    /// Parts of at most so many pages, of a table that has `table_pages`; the last one ends where this ends.
    pub fn parts(self, most: u64, table_pages: u64) -> Vec<Self> {
        let end = self.to.unwrap_or(table_pages).max(self.from + 1);
        let cuts: Vec<u64> = (self.from..end).step_by(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        let ends = cuts.iter().skip(1).map(|&cut| Some(cut)).chain([self.to]);
        cuts.iter().zip(ends).map(|(&from, to)| Self { from, to }).collect()
    }

    /// The slices that a part reads of a table with so many pages, which is at this position among the tables: of the slices
    /// of all tables, every `part.of`th. Another part may see more pages; the slices of the two do not overlap.
    pub fn stripes(pages: u64, part: PartNumber, position: u64, stripe_pages: u64) -> Vec<Self> {
        let stripe = |k: u64| {
            let to = (k + 1) * stripe_pages;
            // No page has a higher number, and the server does not read one.
            Self { from: k * stripe_pages, to: (to <= u64::from(u32::MAX)).then_some(to) }
        };
        let of = u64::from(part.of);
        let first = (u64::from(part.number) - 1 + of - position % of) % of;
        (first..pages.div_ceil(stripe_pages)).step_by(part.of as usize).map(stripe).collect()
    }

    /// Whether this is the whole table.
    pub fn is_whole(self) -> bool {
        self.from == 0 && self.to.is_none()
    }

    /// Bytes of these pages in a table of so many bytes.
    pub fn bytes(self, table_bytes: u64) -> u64 {
        let to = self.to.map_or(table_bytes, |to| to * 8192);
        to.saturating_sub(self.from * 8192)
    }

    /// The slice as a condition on ctid (a TID range scan from PostgreSQL 14 on).
    pub fn condition(self) -> String {
        let upper = self.to.map(|to| format!(" AND ctid < '({to},0)'")).unwrap_or_default();
        format!("ctid >= '({},0)'{upper}", self.from)
    }
}

/// One piece of work.
#[derive(Debug, Clone)]
pub enum Job {
    /// Read rows of a relation.
    Rows {
        /// Which.
        name: Name,
        /// Which of its pages.
        pages: Pages,
        /// Size, for the order of work.
        bytes: u64,
    },
    /// Read rows of a relation with its stored generated columns.
    Computed {
        /// Which.
        name: Name,
        /// Which of its pages.
        pages: Pages,
        /// Size, for the order of work.
        bytes: u64,
    },
    /// Read small relations, together.
    Small(Vec<(Name, u64)>),
    /// Check that relations were not replaced; other parts read all of their rows.
    Checked(Vec<Name>),
    /// Read the large objects, or those of a part.
    LargeObjects(Option<PartNumber>),
    /// Read the definitions of one kind.
    Definitions(CatalogQuery),
    /// Read some sequences.
    Sequences(Vec<Name>),
    /// Count the rows that violate foreign keys.
    ForeignKeys(Vec<ForeignKey>),
    /// Run a check that the user wrote.
    Assertion {
        /// Name of the check.
        name: String,
        /// The query.
        sql: String,
    },
}

/// Relations up to this size are read together: one round trip costs more than their rows.
pub const SMALL_BYTES: u64 = 64 * 1024;
/// Small relations or keys per query: enough to make the round trip negligible, few enough to spread the work over all sessions.
const TOGETHER: usize = 50;

impl Job {
    /// Relations to be read whole, several at a time.
    pub fn small(relations: &[(Name, u64)]) -> Vec<Self> {
        relations.chunks(TOGETHER).map(|some| Self::Small(some.to_vec())).collect()
    }

    /// Relations to be checked, several at a time.
    pub fn checked(relations: &[Name]) -> Vec<Self> {
        relations.chunks(TOGETHER).map(|some| Self::Checked(some.to_vec())).collect()
    }

    /// How many of these jobs each relation needs: for its rows, and for its generated columns.
    pub fn count(jobs: &[Self]) -> [BTreeMap<Name, usize>; 2] {
        let [mut rows, mut computed] = [BTreeMap::new(), BTreeMap::new()];
        let add = |counts: &mut BTreeMap<Name, usize>, name: &Name| *counts.entry(name.clone()).or_insert(0) += 1;
        for job in jobs {
            match job {
                Self::Rows { name, .. } => add(&mut rows, name),
                Self::Small(relations) => relations.iter().for_each(|(name, _)| add(&mut rows, name)),
                Self::Computed { name, .. } => add(&mut computed, name),
                Self::Checked(names) => names.iter().for_each(|name| {
                    add(&mut rows, name);
                    add(&mut computed, name);
                }),
                _ => {}
            }
        }
        [rows, computed]
    }

    /// Foreign keys of large tables get a job each; the others share jobs.
    pub fn foreign_keys(keys: impl Iterator<Item = ForeignKey>) -> Vec<Self> {
        let (small, large): (Vec<_>, Vec<_>) = keys.partition(|key| key.bytes <= SMALL_BYTES);
        let large = large.into_iter().map(|key| Self::ForeignKeys(vec![key]));
        large.chain(small.chunks(TOGETHER).map(|some| Self::ForeignKeys(some.to_vec()))).collect()
    }

    /// How many relations and indexes it locks until the transaction ends, about.
    pub fn locks(&self) -> usize {
        match self {
            Self::Rows { .. } | Self::Computed { .. } => 1,
            Self::Small(relations) => relations.len(),
            // Two tables, and an index of each.
            Self::ForeignKeys(keys) => 4 * keys.len(),
            _ => 0,
        }
    }

    /// The same work as single jobs, so that a failing one does not stop the others. Empty when this is a single job.
    pub fn one_by_one(&self) -> Vec<Self> {
        match self {
            Self::Small(relations) => {
                let one = |(name, bytes): &(Name, u64)| Self::Rows { name: name.clone(), pages: WHOLE, bytes: *bytes };
                relations.iter().map(one).collect()
            }
            Self::Checked(names) if names.len() > 1 => {
                names.iter().map(|name| Self::Checked(vec![name.clone()])).collect()
            }
            Self::ForeignKeys(keys) if keys.len() > 1 => {
                keys.iter().map(|key| Self::ForeignKeys(vec![key.clone()])).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Larger is earlier. Catalog queries are quick and many: they run after the large tables have been started.
    fn weight(&self) -> u64 {
        match self {
            Self::Assertion { .. } => u64::MAX,
            Self::LargeObjects(_) => SLICE_PAGES * 8192,
            Self::Rows { bytes, .. } | Self::Computed { bytes, .. } => *bytes,
            Self::Small(relations) => relations.iter().map(|(_, bytes)| bytes).sum(),
            Self::ForeignKeys(keys) => keys.iter().map(|key| key.bytes).sum(),
            Self::Definitions(_) => 1 << 20,
            Self::Sequences(_) | Self::Checked(_) => 0,
        }
    }
}

/// Work that several sessions take from.
#[derive(Debug)]
pub struct Queue(Mutex<VecDeque<Job>>);

impl Queue {
    /// Sorted, largest first; equal weights keep their order, so that a table's slices are read in sequence.
    pub fn new(mut jobs: Vec<Job>) -> Self {
        jobs.sort_by_key(|job| std::cmp::Reverse(job.weight()));
        Self(Mutex::new(jobs.into()))
    }

    /// Adds jobs that come before all others.
    pub fn put_back(&self, jobs: Vec<Job>) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.into_iter().rev().for_each(|job| queue.push_front(job));
    }

    /// The next piece of work.
    pub fn next(&self) -> Option<Job> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slices_cover_every_page_once_and_the_growing_end() {
        assert_eq!(Pages::slices(0), [Pages { from: 0, to: None }]);
        let slices = Pages::slices(SLICE_PAGES * 2 + 1);
        assert_eq!(slices.first().map(|pages| pages.from), Some(0));
        assert_eq!(slices.last().map(|pages| pages.to), Some(None));
        assert!(slices.windows(2).all(|pair| pair[0].to == Some(pair[1].from)));
        assert_eq!(slices.len(), 3);
    }

    proptest! {
        /// Each part sees a length of its own, but none a shorter one than that with the rows of the snapshot.
        #[test]
        fn every_page_of_the_snapshot_is_in_one_stripe_of_one_part_whatever_length_each_part_sees(
            of in 1u32..9,
            position in 0u64..40,
            stripe in 1u64..7,
            pages in 0u64..90,
            grown in proptest::collection::vec(0u64..40, 9),
        ) {
            let mut read = vec![0; 140];
            for (number, grown) in (1..=of).zip(grown) {
                for stripe in Pages::stripes(pages + grown, PartNumber { number, of }, position, stripe) {
                    (stripe.from..stripe.to.unwrap()).for_each(|page| read[usize::try_from(page).unwrap()] += 1);
                }
            }
            let pages = usize::try_from(pages).unwrap();
            prop_assert!(read[..pages].iter().all(|times| *times == 1), "{:?}", read);
            prop_assert!(read[pages..].iter().all(|times| *times <= 1), "{:?}", read);
        }
    }

    #[test]
    fn the_stripes_of_a_table_and_the_first_stripes_of_tables_are_dealt_in_turn() {
        let part = PartNumber { number: 2, of: 3 };
        let first = |position: u64| Pages::stripes(50, part, position, 10).first().map(|pages| pages.from);
        assert_eq!([0, 1, 2, 3].map(first), [Some(10), Some(0), Some(20), Some(10)]);
        let all: Vec<u64> = Pages::stripes(50, part, 1, 10).iter().map(|pages| pages.from).collect();
        assert_eq!(all, [0, 30]);
    }

    #[test]
    fn the_last_stripe_of_the_longest_table_has_no_end_that_the_server_would_refuse() {
        let part = PartNumber { number: 1, of: 1 };
        let last = Pages::stripes(u64::from(u32::MAX), part, 0, SLICE_PAGES).pop().unwrap();
        assert_eq!(last, Pages { from: (1 << 32) - SLICE_PAGES, to: None });
    }

    #[test]
    fn parts_cover_a_slice_and_no_more() {
        let part = |from, to| Pages { from, to };
        assert_eq!(part(10, Some(25)).parts(10, 99), [part(10, Some(20)), part(20, Some(25))]);
        assert_eq!(part(90, None).parts(5, 99), [part(90, Some(95)), part(95, None)]);
        assert_eq!(part(100, None).parts(5, 99), [part(100, None)]);
        assert_eq!(part(0, None).parts(5, 0), [part(0, None)]);
    }

    #[test]
    fn a_slice_is_a_range_of_tuple_identifiers() {
        assert_eq!(Pages { from: 8, to: Some(16) }.condition(), "ctid >= '(8,0)' AND ctid < '(16,0)'");
        assert_eq!(Pages { from: 8, to: None }.condition(), "ctid >= '(8,0)'");
    }
}
