//! What is to be read of a live database, as jobs.

use super::jobs::{self, Job, WHOLE};
use super::share::{Share, ShareReading};
use super::{CaptureRequest, Live};
use crate::model::catalog::{self, CatalogQuery};
use crate::model::name::Name;
use crate::model::part::PartList;

impl Live {
    /// Everything that is to be done, in no order.
    pub(super) fn jobs(&self, request: &CaptureRequest, share: &Share) -> Vec<Job> {
        let selection = &request.selection;
        let mut jobs = self.jobs_of_relations(request, share);
        if selection.has_large_objects() {
            jobs.push(Job::LargeObjects(share.part()));
        }
        let keys = self.foreign_keys.iter().flatten().filter(|key| selection.has_table(&key.child));
        let keys = keys.filter(|key| self.unsafe_because(key).is_none());
        let keys = keys.filter(|key| share.has(PartList::ForeignKeys, &key.printed()));
        jobs.extend(Job::foreign_keys(keys.cloned()));
        let questions = self.questions(request).filter(|question| share.has(PartList::Kinds, question.kind));
        jobs.extend(questions.copied().map(Job::Definitions));
        let sequences = self.sequences.iter().filter(|name| selection.has_table(name));
        let sequences = sequences.filter(|name| share.has(PartList::Sequences, &name.to_string()));
        let sequences: Vec<Name> = sequences.cloned().collect();
        jobs.extend(sequences.chunks(200).map(|chunk| Job::Sequences(chunk.to_vec())));
        let assertions = request.assertions.iter().filter(|(name, _)| share.has(PartList::Assertions, name));
        jobs.extend(assertions.map(|(name, sql)| Job::Assertion { name: name.clone(), sql: sql.clone() }));
        jobs
    }

    fn jobs_of_relations(&self, request: &CaptureRequest, share: &Share) -> Vec<Job> {
        let (mut jobs, mut small, mut checked) = (Vec::new(), Vec::new(), Vec::new());
        for (name, columns) in request.plan.iter().filter(|(name, _)| !self.unpopulated.contains(*name)) {
            let bytes = self.listing.relations.get(name).map_or(0, |listed| listed.bytes);
            let slices = match share.reading(self, name, bytes) {
                ShareReading::Whole => vec![WHOLE],
                ShareReading::Slices(slices) => slices,
                ShareReading::Checked => {
                    checked.push(name.clone());
                    continue;
                }
                ShareReading::Elsewhere | ShareReading::Unknown(_) => continue,
            };
            if self.computed_columns(name, columns).is_some() {
                jobs.extend(slices.iter().map(|pages| Job::Computed { name: name.clone(), pages: *pages, bytes }));
            }
            if bytes <= jobs::SMALL_BYTES && slices == [WHOLE] {
                small.push((name.clone(), bytes));
            } else {
                jobs.extend(slices.into_iter().map(|pages| Job::Rows { name: name.clone(), pages, bytes }));
            }
        }
        jobs.extend(Job::small(&small));
        jobs.extend(Job::checked(&checked));
        jobs
    }

    /// The catalog queries that are for this server and were asked for.
    pub(super) fn questions(&self, request: &CaptureRequest) -> impl Iterator<Item = &'static CatalogQuery> {
        let asked = catalog::CATALOG.iter().filter(|question| !request.skipped_kinds.contains(question.kind));
        asked.filter(|question| question.is_for(self.snapshot_session.major()))
    }

    /// Slices are for more than two sessions: a plain COPY costs the server less. A digest on the server has no such COPY.
    pub(super) fn can_slice(&self, name: &Name) -> bool {
        let is_worth_it = self.options.jobs > if self.is_digested_there() { 1 } else { 2 };
        is_worth_it && self.is_divisible(name)
    }

    /// Whether it can be read in slices of pages: by the catalog in the snapshot alone.
    pub(super) fn is_divisible(&self, name: &Name) -> bool {
        let is_conditional = self.listing.relations.get(name).is_some_and(|listed| listed.config.is_some());
        // A slice is a query, and has to be planned; a plain COPY has not.
        self.heaps.contains(name) && !is_conditional && !self.planning.contains_key(name)
    }
}
