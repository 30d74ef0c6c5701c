//! A table whose rows are read again: by key if they can be told apart, else as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ComparedTable, EndpointWithManifest, name_rows_of};
use crate::base::error::{Error, Result};
use crate::compare::recheck::{Fate, RecheckedTable, Track};
use crate::compare::row_difference;
use crate::compare::rows::{FetchedSides, Show, key_text, name_rows};
use crate::endpoint::any::{Endpoint, Target};
use crate::endpoint::live::{KeyedRow, Live, RowKey, TypedKeyColumn, read_keys, row_key};
use crate::model::digest::{RowDigest, TableDigest};
use crate::model::finding::{Finding, RowDifference};
use crate::model::hashing::{Accumulator, CollectedRow, Purpose, Wanted};
use crate::model::listing::ReadPlan;
use crate::model::manifest::{Manifest, Observed, Relation, Tally};
use crate::model::name::Name;
use crate::model::sketch::MAX_LOG2;
use crate::postgres::session::Session;

/// Keys that are named where rows are in flight.
const NAMED_KEYS: usize = 5;

const NO_KEY: &str = "no primary key that both sides have";
const OTHER_KEY: &str = "its rows cannot be read by key";
const TOO_MANY: &str = "more rows differ than can be told apart";
const LARGE_OBJECTS: &str = "large objects";

/// Two of the same, expected first.
pub type Pair<T> = [T; 2];

/// Rows by key.
pub type KeyedRows = BTreeMap<RowKey, KeyedRow>;

/// The table (or the large objects) of a finding.
pub struct FollowedTable {
    finding: Finding,
    /// `None`: the large objects.
    pub name: Option<Name>,
    columns: Arc<[String]>,
    key: Vec<String>,
    reading: FollowedReading,
    /// Why its last read failed.
    pub failure: Option<Error>,
}

/// How a table is read again.
enum FollowedReading {
    /// By key.
    Rows { key: Pair<Vec<TypedKeyColumn>>, rows: BTreeMap<RowKey, FollowedRow> },
    /// As a whole.
    Whole { why: &'static str, track: Track<TableDigest>, tallies: Box<Pair<Tally>> },
}

/// A row that differed.
pub struct FollowedRow {
    /// The values of its key.
    values: Vec<String>,
    pub track: Track<Option<RowDigest>>,
    /// As it was read last.
    now: Pair<Option<KeyedRow>>,
}

impl FollowedTable {
    pub async fn begin(
        finding: &Finding,
        [e, a]: Pair<EndpointWithManifest<'_>>,
        lives: Pair<&Live>,
        plan: &ReadPlan,
    ) -> Option<Self> {
        let compared = ComparedTable::find(finding, e.1, a.1, plan).ok()?;
        let name = match compared.target {
            Target::Relation(name) => Some(name.clone()),
            Target::LargeObjects => None,
        };
        let (mut columns, mut tallies) =
            (compared.columns.clone(), [compared.expected.clone(), compared.actual.clone()]);
        // Stored generated columns of rows in flight have not been compared yet.
        if let Some((with_generated, generated)) = name.as_ref().and_then(|name| generated(name, e.1, a.1)) {
            (columns, tallies) = (with_generated, generated);
        }
        let key = name.as_ref().map(|name| common_key(name, e.1, a.1, &columns)).unwrap_or_default();
        let track = Track::new(tallies[0].digest, tallies[1].digest, 0);
        let why = match (&name, key.is_empty()) {
            (None, _) => LARGE_OBJECTS,
            (Some(_), true) => NO_KEY,
            // Until the rows are told apart.
            (Some(_), false) => OTHER_KEY,
        };
        let reading = FollowedReading::Whole { why, track, tallies: Box::new(tallies) };
        let mut table = Self { finding: finding.clone(), name, columns, key, reading, failure: None };
        table.tell_rows_apart(lives, 0).await;
        Some(table)
    }

    fn target(&self) -> Target<'_> {
        self.name.as_ref().map_or(Target::LargeObjects, Target::Relation)
    }

    /// From now on reads the rows by key, if they can be told apart.
    async fn tell_rows_apart(&mut self, lives: Pair<&Live>, round: u32) {
        let FollowedReading::Whole { tallies, .. } = &self.reading else { return };
        let Some(name) = self.name.as_ref().filter(|_| !self.key.is_empty()) else { return };
        let mut difference = Tally::difference(&tallies[0], &tallies[1]);
        // Of a small table, and where there are many, only a small sketch was kept; of one that a server has hashed, none.
        let is_small = |tally: &Tally| tally.sketch.as_ref().is_none_or(|sketch| sketch.log2() < MAX_LOG2);
        if !difference.is_complete && tallies.iter().any(is_small) {
            let (Ok(e), Ok(a)) = tokio::join!(self.tally(lives[0]), self.tally(lives[1])) else { return };
            difference = Tally::difference(&e, &a);
        }
        let differing = difference.expected_only.iter().chain(&difference.actual_only);
        let digests = difference.is_complete.then(|| differing.map(|(digest, _)| *digest).collect());
        let found = match digests {
            None => Err(TOO_MANY),
            Some(digests) => self.find_rows(name, lives, Wanted::Digests(digests), round).await.ok_or(OTHER_KEY),
        };
        match (found, &mut self.reading) {
            (Ok((key, rows)), reading) => *reading = FollowedReading::Rows { key, rows },
            (Err(reason), FollowedReading::Whole { why, .. }) => *why = reason,
            (Err(_), FollowedReading::Rows { .. }) => {}
        }
    }

    /// The differing rows with their keys, in the snapshots in which they differ. `None` where they cannot be read by key: also if
    /// that does not find the very rows that a scan of the table finds, since the index is damaged then.
    async fn find_rows(
        &self,
        name: &Name,
        lives: Pair<&Live>,
        wanted: Wanted,
        round: u32,
    ) -> Option<(Pair<Vec<TypedKeyColumn>>, BTreeMap<RowKey, FollowedRow>)> {
        let key = [lives[0].key_columns(name, &self.key).await, lives[1].key_columns(name, &self.key).await];
        let [Ok(Some(e_key)), Ok(Some(a_key))] = key else { return None };
        let place = |column: &String| self.columns.iter().position(|have| have == column);
        let places: Vec<usize> = self.key.iter().map(place).collect::<Option<_>>()?;
        let purpose = Purpose::Collect(Arc::new(wanted));
        let scans =
            tokio::join!(lives[0].scan(name, &self.columns, &purpose), lives[1].scan(name, &self.columns, &purpose));
        let (mut values, mut seen) = (BTreeMap::new(), [BTreeMap::new(), BTreeMap::new()]);
        for (scan, seen) in [scans.0, scans.1].into_iter().zip(&mut seen) {
            let Ok(Accumulator::Collected { rows, is_truncated: false, .. }) = scan else { return None };
            for (digest, row) in rows {
                let key = row_key(&row, &places)?;
                values.insert(key.clone(), key_values(&row, &places)?);
                if row.copies != 1 || seen.insert(key, digest).is_some() {
                    return None;
                }
            }
        }
        let texts: Vec<&[String]> = values.values().map(Vec::as_slice).collect();
        let (e_session, a_session) = tokio::try_join!(lives[0].session(), lives[1].session()).ok()?;
        let (mut e, mut a) = tokio::try_join!(
            lives[0].rows_by_key(&e_session, name, &self.columns, &e_key, &texts),
            lives[1].rows_by_key(&a_session, name, &self.columns, &a_key, &texts)
        )
        .ok()?;
        let is_as_seen = [(&e, &seen[0]), (&a, &seen[1])].into_iter().all(|(rows, seen)| {
            let digest = |key: &RowKey| rows.get(key).map(|row| row.digest);
            values.keys().all(|key| digest(key) == seen.get(key).copied())
        });
        let follow = |(key, values): (RowKey, Vec<String>)| {
            let now = [e.remove(&key), a.remove(&key)];
            let [e, a] = [0, 1].map(|side: usize| now[side].as_ref().map(|row| row.digest));
            (key, FollowedRow { values, track: Track::new(e, a, round), now })
        };
        let rows: BTreeMap<RowKey, FollowedRow> =
            if is_as_seen { values.into_iter().map(follow).collect() } else { return None };
        Some(([e_key, a_key], rows))
    }

    pub fn open_rows(&self) -> impl Iterator<Item = &FollowedRow> {
        let rows = match &self.reading {
            FollowedReading::Rows { rows, .. } => Some(rows),
            FollowedReading::Whole { .. } => None,
        };
        rows.into_iter().flat_map(BTreeMap::values).filter(|row| !row.track.has_agreed())
    }

    pub fn is_open_whole(&self) -> bool {
        matches!(&self.reading, FollowedReading::Whole { track, .. } if !track.has_agreed())
    }

    pub fn has_agreed(&self) -> bool {
        !self.is_open_whole() && self.open_rows().next().is_none()
    }

    /// The rows of one side that have not agreed yet.
    pub async fn rows_of_side(&self, side: usize, live: &Live, first: &Live, session: &Session) -> Result<KeyedRows> {
        let (FollowedReading::Rows { key, .. }, Some(name)) = (&self.reading, &self.name) else {
            return Ok(KeyedRows::new());
        };
        let keys: Vec<&[String]> = self.open_rows().map(|row| row.values.as_slice()).collect();
        if keys.is_empty() {
            return Ok(KeyedRows::new());
        }
        live.check_definition(first, name)?;
        live.rows_by_key(session, name, &self.columns, &key[side], &keys).await
    }

    /// The wanted rows of one side as they are now; `None` if there are none.
    pub async fn read_now(
        &self,
        side: usize,
        session: &Session,
        is_wanted: &(dyn Fn(&FollowedRow) -> bool + Sync),
    ) -> Result<Option<KeyedRows>> {
        let (FollowedReading::Rows { key, .. }, Some(name)) = (&self.reading, &self.name) else { return Ok(None) };
        let keys = self.open_rows().filter(|row| is_wanted(row)).map(|row| row.values.as_slice());
        let keys: Vec<&[String]> = keys.collect();
        match keys.is_empty() {
            true => Ok(None),
            false => read_keys(session, name, &self.columns, &key[side], &keys).await.map(Some),
        }
    }

    /// The keys of rows that have not agreed yet.
    pub fn keys(&self, is_wanted: &(dyn Fn(&FollowedRow) -> bool + Sync)) -> BTreeSet<RowKey> {
        let FollowedReading::Rows { rows, .. } = &self.reading else { return BTreeSet::new() };
        let open = rows.iter().filter(|(_, row)| !row.track.has_agreed() && is_wanted(row));
        open.map(|(key, _)| key.clone()).collect()
    }

    /// What was read of the wanted rows: all reads of the expected side, then all reads of the actual side.
    pub fn observe(&mut self, e: &[KeyedRows], a: &[KeyedRows], wanted: &BTreeSet<RowKey>) {
        let FollowedReading::Rows { rows, .. } = &mut self.reading else { return };
        let (Some((e_last, e_before)), Some((a_first, a_after))) = (e.split_last(), a.split_first()) else { return };
        for (key, row) in rows.iter_mut().filter(|(key, _)| wanted.contains(*key)) {
            let digest = |rows: &KeyedRows| rows.get(key).map(|row| row.digest);
            e_before.iter().for_each(|rows| row.track.see_expected(digest(rows)));
            row.track.observe(digest(e_last), digest(a_first));
            a_after.iter().for_each(|rows| row.track.see_actual(digest(rows)));
            row.now = [e_last, a.last().unwrap_or(a_first)].map(|rows| rows.get(key).cloned());
        }
    }

    /// Reads it again as a whole, if it has to be.
    pub async fn read_whole(&mut self, first: Pair<&Live>, lives: Pair<&Live>, round: u32) -> Result<()> {
        if !self.is_open_whole() {
            return Ok(());
        }
        if let Some(name) = &self.name {
            lives[0].check_definition(first[0], name)?;
            lives[1].check_definition(first[1], name)?;
        }
        let (e, a) = tokio::join!(self.tally(lives[0]), self.tally(lives[1]));
        let (e, a) = (e.map_err(|error| error.context("expected"))?, a.map_err(|error| error.context("actual"))?);
        let FollowedReading::Whole { track, tallies, .. } = &mut self.reading else { return Ok(()) };
        track.observe(e.digest, a.digest);
        **tallies = [e, a];
        if !track.has_agreed() {
            self.tell_rows_apart(lives, round).await;
        }
        Ok(())
    }

    async fn tally(&self, live: &Live) -> Result<Tally> {
        let purpose = Purpose::Tally { log2: MAX_LOG2 };
        let read = match &self.name {
            Some(name) => live.scan(name, &self.columns, &purpose).await?,
            None => live.scan_large_objects(&purpose).await?,
        };
        read.into_tally().ok_or_else(|| Error::new("nothing was added up"))
    }

    /// What became of it. What was persistent before a read failed is unchecked.
    pub async fn result(&self, rounds: u32, last: Option<&Pair<Endpoint>>, show: Show) -> RecheckedTable {
        let mut result = RecheckedTable {
            finding: self.finding.clone(),
            whole: None,
            converged: 0,
            persistent: 0,
            in_flight: 0,
            keys_in_flight: Vec::new(),
            difference: None,
            last: None,
            failure: self.failure.as_ref().map(Error::text_with_hint),
            has_actual_moved: false,
        };
        match &self.reading {
            FollowedReading::Rows { rows, .. } => self.result_of_rows(rows, rounds, show, &mut result),
            FollowedReading::Whole { why, track, tallies } => {
                result.whole = Some(why);
                result.has_actual_moved = track.has_actual_moved();
                add_fate(&mut result, track.fate(rounds));
                if result.persistent > 0 {
                    result.difference = Some(self.name_rows(tallies, last, show).await);
                    result.last = Some(Pair::clone(tallies));
                }
            }
        }
        result
    }

    fn result_of_rows(
        &self,
        rows: &BTreeMap<RowKey, FollowedRow>,
        rounds: u32,
        show: Show,
        result: &mut RecheckedTable,
    ) {
        let columns = FetchedSides { columns: self.columns.clone(), key: self.key.clone(), ..Default::default() };
        let mut persistent =
            FetchedSides { columns: self.columns.clone(), key: self.key.clone(), ..Default::default() };
        for row in rows.values() {
            result.has_actual_moved |= row.track.has_actual_moved();
            let fate = add_fate(result, row.track.fate(rounds));
            let one = row.now.iter().flatten().next();
            match fate {
                Fate::Converged => {}
                Fate::InFlight if result.keys_in_flight.len() >= NAMED_KEYS => {}
                Fate::InFlight => result.keys_in_flight.extend(one.map(|one| key_text(&columns, &one.row, show))),
                Fate::Persistent => {
                    let sides = [&mut persistent.expected, &mut persistent.actual];
                    for (side, now) in sides.into_iter().zip(&row.now) {
                        side.extend(now.iter().map(|now| (now.digest, now.row.clone())));
                    }
                }
            }
        }
        if result.persistent > 0 {
            let mut difference = RowDifference::default();
            name_rows(&mut difference, persistent, true, show);
            result.difference = Some(difference);
        }
    }

    /// The rows in which it differs as a whole, in the snapshots of the last round.
    async fn name_rows(&self, tallies: &Pair<Tally>, last: Option<&Pair<Endpoint>>, show: Show) -> RowDifference {
        let [expected, actual] = tallies;
        let mut difference = row_difference(expected, actual);
        let (target, columns, key) = (self.target(), self.columns.clone(), self.key.clone());
        let compared = ComparedTable { target, columns, key, expected, actual };
        if let Some([e, a]) = last
            && let Err(error) = name_rows_of(&compared, &mut difference, e, a, show).await
        {
            difference.unnamed = Some(error.text());
        }
        difference
    }
}

/// Counts it, and returns it: in flight if the last read failed.
fn add_fate(result: &mut RecheckedTable, fate: Fate) -> Fate {
    let fate = match (&result.failure, fate) {
        (Some(_), Fate::Persistent) => Fate::InFlight,
        (_, fate) => fate,
    };
    match fate {
        Fate::Converged => result.converged += 1,
        Fate::Persistent => result.persistent += 1,
        Fate::InFlight => result.in_flight += 1,
    }
    fate
}

/// The columns with generated ones, and what was read of them, where both sides have the same.
fn generated(name: &Name, expected: &Manifest, actual: &Manifest) -> Option<(Arc<[String]>, Pair<Tally>)> {
    let computed = |side: &Manifest| side.relations.get(name)?.computed.clone();
    let (e, a) = (computed(expected)?, computed(actual)?);
    match (e.rows, a.rows) {
        (Observed::Seen(e_rows), Observed::Seen(a_rows)) if e.columns == a.columns => {
            Some((e.columns, [e_rows, a_rows]))
        }
        _ => None,
    }
}

/// The primary key, if both sides have the same one and its columns were read.
fn common_key(name: &Name, expected: &Manifest, actual: &Manifest, columns: &[String]) -> Vec<String> {
    let key = |side: &Relation| side.key.iter().cloned().collect::<BTreeSet<String>>();
    match (expected.relations.get(name), actual.relations.get(name)) {
        (Some(e), Some(a)) if key(e) == key(a) && e.key.iter().all(|column| columns.contains(column)) => e.key.clone(),
        _ => Vec::new(),
    }
}

/// The values of a key as text; `None` where one is not kept whole, or not in UTF-8.
fn key_values(row: &CollectedRow, places: &[usize]) -> Option<Vec<String>> {
    let value = |&at: &usize| {
        let value = row.values.get(at)?.as_ref().filter(|value| value.head.len() == value.bytes)?;
        String::from_utf8(value.head.clone()).ok()
    };
    places.iter().map(value).collect()
}
