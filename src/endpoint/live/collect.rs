//! Assembles the results of the sessions into a manifest.
//!
//! A relation with a missing slice is unseen as a whole: a partial digest cannot be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::foreign_keys::ForeignKey;
use super::jobs::Job;
use super::share::{Share, ShareReading};
use super::{CaptureRequest, Live};
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::base::shared_text::SharedText;
use crate::model::hashing::{Accumulator, DigestOn, OnBatch, Purpose};
use crate::model::listing::ReadPlan;
use crate::model::manifest::{
    Computed, Definition, FORMAT, Manifest, Observed, Schema, SequenceValue, Tally, Violations,
};
use crate::model::name::Name;
use crate::model::part::{PartList, PartNumber};
use crate::model::progress::{Event, Listener, Side};
use crate::model::selection::Selection;
use crate::model::sketch::{MAX_LOG2, MIN_LOG2, Sketch};
use crate::model::sketch_budget::{SketchBudget, fit};

/// The results so far.
pub struct Collected {
    plan: Arc<ReadPlan>,
    selection: Selection,
    log2: BTreeMap<Name, u8>,
    /// Relations whose other rows may be in other parts: their sketches must not be made smaller for the rows that are here.
    incomplete: BTreeSet<Name>,
    part: Option<PartNumber>,
    listener: Listener,
    side: Side,
    state: Mutex<CollectState>,
}

#[derive(Default)]
struct CollectState {
    relations: BTreeMap<Name, PartialTally>,
    computed: BTreeMap<Name, PartialTally>,
    /// Relations that the server could not digest.
    read_here: BTreeSet<Name>,
    sketches: SketchBudget,
    large_objects: Option<Observed<Tally>>,
    sequences: BTreeMap<Name, Observed<SequenceValue>>,
    schema: Schema,
    foreign_keys: BTreeMap<String, Observed<Violations>>,
    assertions: BTreeMap<String, Observed<Violations>>,
}

struct PartialTally {
    slices_left: usize,
    tally: Tally,
    failure: Option<MarkedText>,
}

impl PartialTally {
    fn new(slices_left: usize) -> Self {
        Self { slices_left, tally: Tally::new(MIN_LOG2), failure: None }
    }

    /// `true`: it was the last slice.
    fn add(&mut self, tally: Tally) -> bool {
        if self.tally.digest.rows == 0 {
            self.tally = tally;
        } else if tally.digest.rows > 0 {
            self.tally.merge(&tally);
        }
        self.slices_left = self.slices_left.saturating_sub(1);
        self.slices_left == 0
    }
}

impl Collected {
    /// No results yet. Every planned relation has an entry from the start, so that a missing result is noticed.
    pub fn new(live: &Live, request: &CaptureRequest, share: &Share, jobs: &[Job], listener: Listener) -> Self {
        let [slices, computed] = Job::count(jobs);
        let started = |name: &Name, slices: &BTreeMap<Name, usize>| {
            // Without a job it is never read.
            let without = usize::from(!live.unpopulated.contains(name));
            PartialTally::new(slices.get(name).copied().unwrap_or(without))
        };
        let relation = |name: &Name| {
            let mut reading = started(name, &slices);
            if let ShareReading::Unknown(reason) = share.reading(live, name, 0) {
                reading.failure = Some(reason);
            }
            (name.clone(), reading)
        };
        let has_computed = |(name, columns): &(&Name, &Arc<[String]>)| live.computed_columns(name, columns).is_some();
        let with_computed = request.plan.iter().filter(has_computed);
        let state = CollectState {
            relations: request.plan.keys().map(relation).collect(),
            computed: with_computed.map(|(name, _)| (name.clone(), started(name, &computed))).collect(),
            foreign_keys: unchecked_keys(live, request, share),
            ..Default::default()
        };
        Self {
            incomplete: request.plan.keys().filter(|name| share.is_incomplete(name)).cloned().collect(),
            part: share.part(),
            plan: Arc::clone(&request.plan),
            selection: request.selection.clone(),
            log2: request.plan.keys().map(|name| (name.clone(), first_log2(live, name))).collect(),
            listener,
            side: live.side,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, CollectState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The columns of a planned relation, and the purpose of a scan of one slice.
    pub fn reading(&self, name: &Name) -> (Arc<[String]>, Purpose) {
        let columns = self.plan.get(name).cloned().unwrap_or_default();
        let log2 = self.log2.get(name).copied().unwrap_or(crate::model::sketch::MAX_LOG2);
        (columns, Purpose::Tally { log2 })
    }

    /// Reports the progress of a part whose size on disk is `bytes`. Lines and pages differ in size, so the sum is capped at `bytes`.
    pub fn on_batch(&self, table: &str, bytes: u64) -> OnBatch {
        let (listener, side, table) = (Arc::clone(&self.listener), self.side, table.to_owned());
        let left = AtomicU64::new(bytes);
        Arc::new(move |rows, line_bytes| {
            let before =
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(line_bytes)));
            let bytes = line_bytes.min(before.unwrap_or(0));
            listener(Event::Read { side, table: &table, rows, bytes });
        })
    }

    /// Shows a warning at once.
    pub fn warn(&self, text: &MarkedText) {
        (self.listener)(Event::Warning(text));
    }

    /// Reports the amount of work.
    pub fn planned(&self, tables: usize, bytes: u64) {
        (self.listener)(Event::Planned { side: self.side, tables: tables as u64, bytes });
    }

    /// Reports that a job is repeated.
    pub fn retry(&self, doing: &str, attempt: u32, reason: &MarkedText) {
        (self.listener)(Event::Retry { doing, attempt, reason });
    }

    /// One slice of a relation.
    pub fn rows(&self, name: &Name, part: Accumulator) {
        let mut state = self.state();
        let reading = state.relations.get_mut(name);
        if reading.zip(part.into_tally()).is_some_and(|(reading, tally)| reading.add(tally)) {
            self.complete(&mut state, name, |state| &mut state.relations);
            (self.listener)(Event::TableDone { side: self.side, table: &name.to_string() });
        }
    }

    /// Whether the server could not digest it.
    pub fn is_read_here(&self, name: &Name) -> bool {
        self.state().read_here.contains(name)
    }

    /// The server could not digest it.
    pub fn read_here(&self, name: &Name, error: &Error) {
        let is_first = self.state().read_here.insert(name.clone());
        if is_first {
            let doing = format!("{}: {name} is read: the server could not digest it", self.side);
            self.warn(&error.clone().context(doing).text());
        }
    }

    /// One slice of a relation with its stored generated columns.
    pub fn computed(&self, name: &Name, part: Accumulator) {
        let mut state = self.state();
        let reading = state.computed.get_mut(name);
        if reading.zip(part.into_tally()).is_some_and(|(reading, tally)| reading.add(tally)) {
            self.complete(&mut state, name, |state| &mut state.computed);
        }
    }

    /// Makes the sketch of a relation as small as it is to be, and those before it if there is less space for each now.
    fn complete(
        &self,
        state: &mut CollectState,
        name: &Name,
        of: fn(&mut CollectState) -> &mut BTreeMap<Name, PartialTally>,
    ) {
        let Some(rows) = of(state).get(name).map(|reading| reading.tally.digest.rows) else { return };
        let has_less = state.sketches.add(rows);
        let limit = state.sketches.limit();
        if let Some(reading) = of(state).get_mut(name) {
            if self.incomplete.contains(name) { reading.tally.fold(limit) } else { fit(&mut reading.tally, limit) }
        }
        if has_less {
            let readings = state.relations.values_mut().chain(state.computed.values_mut());
            readings.filter(|reading| reading.slices_left == 0).for_each(|reading| reading.tally.fold(limit));
        }
    }

    /// Relations of which nothing is read here, and which were not replaced.
    pub fn checked(&self, names: &[Name]) {
        let mut state = self.state();
        for name in names {
            let CollectState { relations, computed, .. } = &mut *state;
            for reading in [relations.get_mut(name), computed.get_mut(name)].into_iter().flatten() {
                reading.slices_left = reading.slices_left.saturating_sub(1);
            }
        }
    }

    /// The large objects.
    pub fn large_objects(&self, part: Accumulator) {
        let mut tally = part.into_tally();
        if let Some(tally) = tally.as_mut().filter(|_| self.part.is_none()) {
            fit(tally, MAX_LOG2);
        }
        self.state().large_objects = tally.map(Observed::Seen);
    }

    /// All objects of a kind.
    ///
    /// # Errors
    /// When two objects have the same identity: then one would hide the other.
    pub fn definitions(&self, kind: &str, objects: Vec<(SharedText, Definition)>) -> Result<()> {
        let count = objects.len();
        let objects: BTreeMap<SharedText, Definition> = objects.into_iter().collect();
        if objects.len() != count {
            return Err(Error::new("two objects have the same identity").hint("please report this"));
        }
        self.state().schema.objects.insert(kind.to_owned(), objects);
        Ok(())
    }

    /// One sequence.
    pub fn sequence(&self, name: &Name, value: Observed<SequenceValue>) {
        self.state().sequences.insert(name.clone(), value);
    }

    /// One foreign key.
    pub fn foreign_key(&self, key: &ForeignKey, result: Observed<Violations>) {
        self.state().foreign_keys.insert(key.printed(), result);
    }

    /// One assertion.
    pub fn assertion(&self, name: &str, result: Observed<Violations>) {
        self.state().assertions.insert(name.to_owned(), result);
    }

    /// Records why a job failed.
    pub fn unseen(&self, job: &Job, error: &Error) {
        let reason = error.text();
        let mut state = self.state();
        match job {
            Job::Rows { name, .. } => fail(&mut state.relations, name, &reason),
            Job::Computed { name, .. } => fail(&mut state.computed, name, &reason),
            Job::Small(relations) => relations.iter().for_each(|(name, _)| fail(&mut state.relations, name, &reason)),
            Job::Checked(names) => {
                for name in names {
                    fail(&mut state.relations, name, &reason);
                    fail(&mut state.computed, name, &reason);
                }
            }
            Job::LargeObjects(_) => state.large_objects = Some(Observed::Unseen(reason)),
            Job::Definitions(question) => {
                state.schema.unseen.insert(question.kind.to_owned(), reason);
            }
            Job::Sequences(names) => {
                for name in names {
                    state.sequences.entry(name.clone()).or_insert_with(|| Observed::Unseen(reason.clone()));
                }
            }
            Job::ForeignKeys(keys) => {
                for key in keys {
                    state.foreign_keys.insert(key.printed(), Observed::Unseen(reason.clone()));
                }
            }
            Job::Assertion { name, .. } => {
                state.assertions.insert(name.clone(), Observed::Unseen(reason));
            }
        }
    }

    /// The manifest, once all sessions are done.
    ///
    /// # Errors
    /// When a session has not ended.
    pub fn into_manifest(collected: Arc<Self>, live: &Live) -> Result<Manifest> {
        let collected = Arc::into_inner(collected).ok_or_else(|| Error::new("a session has not ended"))?;
        let (plan, state) = (&collected.plan, collected.state);
        let mut state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let unread = || {
            let left_out = !collected.selection.has_large_objects();
            let reason =
                if left_out { "left out: --table and --schema leave large objects out" } else { "was not read" };
            Observed::Unseen(reason.into())
        };
        let mut manifest = Manifest {
            format: FORMAT,
            endpoint: live.facts(),
            answers: Live::answers(&collected.selection),
            relations: relations(live, plan, &mut state),
            large_objects: state.large_objects.take().unwrap_or_else(unread),
            sequences: state.sequences,
            schema: state.schema,
            foreign_keys: state.foreign_keys,
            assertions: state.assertions,
            names: live.listing.names.clone(),
        };
        if live.options.digest_on != DigestOn::Client {
            manifest.note_digest_places();
        }
        Ok(manifest)
    }
}

fn relations(
    live: &Live,
    plan: &ReadPlan,
    state: &mut CollectState,
) -> BTreeMap<Name, crate::model::manifest::Relation> {
    let CollectState { relations: readings, computed, .. } = state;
    let relation = |(name, listed): (&Name, &crate::model::listing::ListedRelation)| {
        let columns = plan.get(name).cloned().unwrap_or_default();
        let computed_columns = plan.get(name).and_then(|columns| live.computed_columns(name, columns));
        let mut relation = listed.relation(columns, observed(readings.remove(name)));
        relation.computed = computed_columns
            .map(|columns| Box::new(Computed { columns: columns.into(), rows: observed(computed.remove(name)) }));
        (name.clone(), relation)
    };
    live.listing.relations.iter().map(relation).collect()
}

fn observed(reading: Option<PartialTally>) -> Observed<Tally> {
    match reading {
        None => Observed::Unseen("was not asked for".into()),
        Some(PartialTally { failure: Some(reason), .. }) => Observed::Unseen(reason),
        Some(PartialTally { slices_left: 0, tally, failure: None }) => Observed::Seen(tally),
        Some(PartialTally { slices_left, .. }) => Observed::Unseen(format!("{slices_left} parts were not read").into()),
    }
}

fn fail(readings: &mut BTreeMap<Name, PartialTally>, name: &Name, reason: &MarkedText) {
    if let Some(reading) = readings.get_mut(name) {
        reading.failure.get_or_insert_with(|| reason.clone());
    }
}

/// The size of a sketch whose rows are not counted yet: never smaller than what it is folded to in the end.
fn first_log2(live: &Live, name: &Name) -> u8 {
    let listed = live.listing.relations.get(name).filter(|_| live.sized.contains(name) && live.heaps.contains(name));
    // No row takes less than 28 bytes of a page of a heap.
    listed.map_or(MAX_LOG2, |listed| Sketch::log2_for_rows(listed.bytes / 28))
}

/// Keys that are not checked, with the reason.
fn unchecked_keys(live: &Live, request: &CaptureRequest, share: &Share) -> BTreeMap<String, Observed<Violations>> {
    let has = |key: &String| share.has(PartList::ForeignKeys, key);
    let list = live.foreign_keys.as_ref().err().map(|error| (crate::compare::KEY_LIST.to_owned(), error.text()));
    let keys = live.foreign_keys.iter().flatten().filter(|key| request.selection.has_table(&key.child));
    let keys = keys.filter_map(|key| Some((key.printed(), live.unsafe_because(key)?.into())));
    keys.chain(list).filter(|(key, _)| has(key)).map(|(key, reason)| (key, Observed::Unseen(reason))).collect()
}
