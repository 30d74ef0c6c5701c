//! Assembles the results of the sessions into a manifest.
//!
//! A relation with a missing slice is unseen as a whole: a partial digest cannot be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::foreign_keys::ForeignKey;
use super::jobs::{Job, Pages};
use super::{CaptureRequest, Live};
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::model::hashing::{Accumulator, DigestOn, OnBatch, Purpose};
use crate::model::listing::ReadPlan;
use crate::model::manifest::{
    Computed, Definition, FORMAT, Manifest, Observed, Schema, SequenceValue, Tally, Violations,
};
use crate::model::name::Name;
use crate::model::progress::{Event, Listener, Side};
use crate::model::selection::Selection;
use crate::model::sketch::Sketch;

/// Bytes that all sketches of one side may take together.
const SKETCH_BYTES: usize = 16 << 20;

/// The results so far.
pub struct Collected {
    plan: ReadPlan,
    selection: Selection,
    log2: BTreeMap<Name, u8>,
    listener: Listener,
    side: Side,
    state: Mutex<CollectState>,
}

#[derive(Default)]
struct CollectState {
    relations: BTreeMap<Name, PartialTally>,
    computed: BTreeMap<Name, Observed<Tally>>,
    /// Relations that the server could not digest.
    read_here: BTreeSet<Name>,
    sketch_bytes_left: usize,
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

impl Collected {
    /// No results yet. Every planned relation has an entry from the start, so that a missing result is noticed.
    pub fn new(live: &Live, request: &CaptureRequest, listener: Listener) -> Self {
        let mut state = CollectState { sketch_bytes_left: SKETCH_BYTES, ..Default::default() };
        let mut log2 = BTreeMap::new();
        for name in request.plan.keys() {
            let bytes = live.listing.relations.get(name).map_or(0, |listed| listed.bytes);
            // No row takes less than 28 bytes of a page.
            log2.insert(name.clone(), Sketch::log2_for_rows(bytes / 28));
            let slices_left = match (live.unpopulated.contains(name), live.can_slice(name)) {
                (true, _) => 0,
                (false, true) => Pages::slices(bytes / 8192).len(),
                (false, false) => 1,
            };
            let reading =
                PartialTally { slices_left, tally: Tally::new(crate::model::sketch::MIN_LOG2), failure: None };
            state.relations.insert(name.clone(), reading);
        }
        if let Err(error) = &live.foreign_keys {
            state.foreign_keys.insert(crate::compare::KEY_LIST.into(), Observed::Unseen(error.text()));
        }
        for key in live.foreign_keys.iter().flatten().filter(|key| request.selection.has_table(&key.child)) {
            if let Some(reason) = live.unsafe_because(key) {
                state.foreign_keys.insert(key.printed(), Observed::Unseen(reason.into()));
            }
        }
        let (plan, selection) = (request.plan.clone(), request.selection.clone());
        Self { plan, selection, log2, listener, side: live.side, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, CollectState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The columns of a planned relation, and the purpose of a scan of one slice.
    pub fn reading(&self, name: &Name) -> (Vec<String>, Purpose) {
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
        let CollectState { relations, sketch_bytes_left, .. } = &mut *state;
        let (Some(reading), Some(tally)) = (relations.get_mut(name), part.into_tally()) else { return };
        reading.tally.merge(&tally);
        reading.slices_left = reading.slices_left.saturating_sub(1);
        if reading.slices_left == 0 {
            *sketch_bytes_left -= shrink(&mut reading.tally, *sketch_bytes_left);
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

    /// The rows of a relation with its stored generated columns.
    pub fn computed(&self, name: &Name, part: Accumulator) {
        let mut state = self.state();
        let CollectState { computed, sketch_bytes_left, .. } = &mut *state;
        let Some(mut tally) = part.into_tally() else { return };
        *sketch_bytes_left -= shrink(&mut tally, *sketch_bytes_left);
        computed.insert(name.clone(), Observed::Seen(tally));
    }

    /// The large objects.
    pub fn large_objects(&self, part: Accumulator) {
        let mut tally = part.into_tally();
        if let Some(tally) = &mut tally {
            shrink(tally, SKETCH_BYTES);
        }
        self.state().large_objects = tally.map(Observed::Seen);
    }

    /// All objects of a kind.
    ///
    /// # Errors
    /// When two objects have the same identity: then one would hide the other.
    pub fn definitions(&self, kind: &str, objects: Vec<(String, Definition)>) -> Result<()> {
        let count = objects.len();
        let objects: BTreeMap<String, Definition> = objects.into_iter().collect();
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
            Job::Rows { name, .. } => {
                if let Some(reading) = state.relations.get_mut(name) {
                    reading.failure.get_or_insert(reason);
                }
            }
            Job::Computed { name, .. } => drop(state.computed.insert(name.clone(), Observed::Unseen(reason))),
            Job::Small(relations) => {
                for (name, _) in relations {
                    if let Some(reading) = state.relations.get_mut(name) {
                        reading.failure.get_or_insert_with(|| reason.clone());
                    }
                }
            }
            Job::LargeObjects => state.large_objects = Some(Observed::Unseen(reason)),
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
        relation.computed = computed_columns.map(|columns| {
            let rows = computed.remove(name).unwrap_or_else(|| Observed::Unseen("was not read".into()));
            Computed { columns, rows }
        });
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

/// Folds a sketch to the size for its number of rows, and further when little of the budget is left: 2,000 large tables
/// must not take 2,000 large sketches. Returns its size in bytes.
fn shrink(tally: &mut Tally, bytes_left: usize) -> usize {
    let mut log2 = Sketch::log2_for_rows(tally.digest.rows);
    while log2 > crate::model::sketch::MIN_LOG2 && Sketch::bytes(log2) > bytes_left / 4 {
        log2 -= 1;
    }
    tally.fold(log2);
    tally.sketch.as_ref().map_or(0, |sketch| Sketch::bytes(sketch.log2()).min(bytes_left))
}
