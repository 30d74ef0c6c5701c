//! The space that the sketches of one side share.
//!
//! All have one upper limit, the largest with which they fit together. It follows from the numbers of rows alone, whatever the order in
//! which tables are read, so that two readings of one snapshot give the same bytes.

use crate::model::manifest::{Manifest, Tally};
use crate::model::sketch::{MAX_LOG2, MIN_LOG2, Sketch};

/// Bytes of all sketches of one side together, except that of the large objects and the smallest ones.
const SKETCH_BYTES: usize = 16 << 20;

/// The numbers of rows that were announced so far, and the limit that follows.
#[derive(Debug, Clone)]
pub struct SketchBudget {
    limit: u8,
    /// How many sketches would have this size without a limit.
    wanted: [usize; MAX_LOG2 as usize + 1],
}

impl Default for SketchBudget {
    fn default() -> Self {
        Self { limit: MAX_LOG2, wanted: [0; MAX_LOG2 as usize + 1] }
    }
}

impl SketchBudget {
    /// One more table with so many rows. `true`: the limit has fallen, and earlier sketches must be folded to it.
    pub fn add(&mut self, rows: u64) -> bool {
        if let Some(count) = self.wanted.get_mut(usize::from(Sketch::log2_for_rows(rows))) {
            *count += 1;
        }
        let before = self.limit;
        while self.limit > MIN_LOG2 && self.bytes() > SKETCH_BYTES {
            self.limit -= 1;
        }
        self.limit != before
    }

    /// The limit so far; more tables can only lower it.
    pub fn limit(&self) -> u8 {
        self.limit
    }

    fn bytes(&self) -> usize {
        // The smallest hold no more rows than are kept as they are.
        let sizes = (0u8..).zip(self.wanted).filter(|(log2, _)| *log2 > MIN_LOG2);
        sizes.map(|(log2, count)| count * Sketch::bytes(log2.min(self.limit))).sum()
    }
}

/// Folds a sketch to the size that decodes any difference of its rows, or to the limit.
pub fn fit(tally: &mut Tally, limit: u8) {
    tally.fold(Sketch::log2_for_rows(tally.digest.rows).min(limit));
}

/// Folds all sketches of a manifest as those of one that was read at once.
pub fn fit_all(manifest: &mut Manifest) {
    let mut budget = SketchBudget::default();
    let tallies = |manifest: &mut Manifest, act: &mut dyn FnMut(&mut Tally)| {
        for relation in manifest.relations.values_mut() {
            let computed = relation.computed.as_mut().map(|computed| &mut computed.rows);
            [Some(&mut relation.rows), computed]
                .into_iter()
                .flatten()
                .filter_map(|rows| rows.seen_mut())
                .for_each(&mut *act);
        }
    };
    tallies(manifest, &mut |tally| {
        budget.add(tally.digest.rows);
    });
    tallies(manifest, &mut |tally| fit(tally, budget.limit()));
    manifest.large_objects.seen_mut().into_iter().for_each(|tally| fit(tally, MAX_LOG2));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_does_not_depend_on_the_order_and_all_sketches_fit() {
        let tables: Vec<u64> = (0..900).map(|table| (table * table * 7_919) % 9_000).collect();
        let limit = |tables: &mut dyn Iterator<Item = &u64>| {
            let mut budget = SketchBudget::default();
            tables.for_each(|rows| _ = budget.add(*rows));
            assert!(budget.bytes() <= SKETCH_BYTES);
            budget.limit()
        };
        let limits = [limit(&mut tables.iter()), limit(&mut tables.iter().rev())];
        assert_eq!(limits[0], limits[1]);
        assert!(limits[0] < MAX_LOG2 && limits[0] > MIN_LOG2, "{limits:?}");
    }

    #[test]
    fn a_few_tables_have_the_largest_sketches_and_very_many_the_smallest() {
        let mut budget = SketchBudget::default();
        assert!((0..28).all(|_| !budget.add(u64::MAX)) && budget.limit() == MAX_LOG2);
        assert!(budget.add(u64::MAX), "one more does not fit");
        (0..100_000).for_each(|_| _ = budget.add(1 << 20));
        assert_eq!(budget.limit(), MIN_LOG2);
    }
}
