//! Rows that differ while the actual side follows the expected one (logical replication, blue/green, a standby): what later snapshots
//! say of them (`compare --recheck`).
//!
//! Every row that differed is read again, each time in new snapshots, the expected side first. A faithful follower shows, at each time,
//! a version that the expected side has had, and after a while each newer one. From that:
//!
//! * *converged*: the actual side has a version that the expected side has had since the first snapshot. A row on the actual side that
//!   is stuck on an older version never matches, since no older version is among those that were seen.
//! * *persistent*: never converged, and a faithful follower would have: the expected side has had one version all the time, and the
//!   actual side shows another and rests; or the actual side has not moved all the time while the expected side has.
//! * *in flight*: neither. Nothing is proven.
//!
//! So a follower that lags by more than all rounds together cannot be told from a damaged one; its differences are findings.

use std::collections::VecDeque;
use std::time::Duration;

use super::row_counts::rows_of;
use crate::base::marked::MarkedText;
use crate::model::aspect::Aspect;
use crate::model::finding::{Finding, FindingKind, RowDifference, Unchecked, Waiver};
use crate::model::manifest::{Manifest, Tally};
use crate::model::verdict::{Outcome, Rechecked, TableStatus, counted};

/// How often, and how long each round lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecheckRequest {
    /// At most so many rounds; at least one.
    pub rounds: u32,
    /// From the beginning of a round to its last read.
    pub interval: Duration,
}

/// Versions of the expected side that are kept for one row. A row that changes more often between two reads of the actual side is
/// less likely to be seen converging, and nothing else.
const VERSIONS: usize = 1024;
/// Reads after the first snapshots before a row that only the expected side changes counts as persistent: by chance, a row that is
/// made and removed all the time may be absent at each read of one side.
const READS_OF_MOVING: u32 = 3;

/// One row, or one table as a whole, at each time at which both sides were read. `V` is what tells two versions apart, for a row its
/// digest, or `None` where there is no such row.
#[derive(Debug, Clone)]
pub struct Track<V> {
    /// Versions of the expected side, the newest last.
    expected: VecDeque<V>,
    actual: V,
    has_expected_moved: bool,
    has_actual_moved: bool,
    is_actual_at_rest: bool,
    reads: u32,
    begun_in: u32,
    has_agreed: bool,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was in flight, and arrived.
    Converged,
    /// It differs, and not because it is in flight.
    Persistent,
    /// It still differs and changes.
    InFlight,
}

impl<V: Clone + PartialEq> Track<V> {
    /// A row that differs. `begun_in`: the round in which that was seen, 0 for the first snapshots.
    pub fn new(expected: V, actual: V, begun_in: u32) -> Self {
        Self {
            has_agreed: expected == actual,
            expected: VecDeque::from([expected]),
            actual,
            has_expected_moved: false,
            has_actual_moved: false,
            is_actual_at_rest: false,
            reads: 0,
            begun_in,
        }
    }

    /// The next time that both sides were read. The snapshot of the expected side must be older than that of the actual side.
    pub fn observe(&mut self, expected: V, actual: V) {
        if self.has_agreed {
            return;
        }
        self.reads += 1;
        self.see_expected(expected);
        // Compared with what it was before the expected side was read.
        self.is_actual_at_rest = true;
        self.see_actual(actual);
    }

    /// One more read of the expected side alone, before [`Track::observe`].
    pub fn see_expected(&mut self, expected: V) {
        if self.has_agreed || self.expected.back() == Some(&expected) {
            return;
        }
        self.has_expected_moved = true;
        if self.expected.len() == VERSIONS {
            self.expected.pop_front();
        }
        self.expected.push_back(expected);
    }

    /// One more read of the actual side alone, after [`Track::observe`].
    pub fn see_actual(&mut self, actual: V) {
        if self.has_agreed {
            return;
        }
        self.is_actual_at_rest &= self.actual == actual;
        self.has_actual_moved |= self.actual != actual;
        self.has_agreed = self.expected.contains(&actual);
        self.actual = actual;
    }

    /// Whether there is nothing left to be seen.
    pub fn has_agreed(&self) -> bool {
        self.has_agreed
    }

    /// Whether either side has changed it.
    pub fn has_moved(&self) -> bool {
        self.has_expected_moved || self.has_actual_moved
    }

    /// Whether the actual side has changed it.
    pub fn has_actual_moved(&self) -> bool {
        self.has_actual_moved
    }

    /// What became of it after so many rounds. What was first seen in a later round must have been seen in half of them.
    pub fn fate(&self, rounds: u32) -> Fate {
        let is_seen_long_enough = rounds.saturating_sub(self.begun_in) * 2 >= rounds;
        // What the actual side has was there before the expected side was read the last time, so it is no version that came later.
        let is_expected_elsewhere = !self.has_expected_moved && self.is_actual_at_rest;
        let is_actual_stuck = !self.has_actual_moved && self.reads >= READS_OF_MOVING;
        match self.has_agreed {
            true => Fate::Converged,
            false if is_seen_long_enough && (is_expected_elsewhere || is_actual_stuck) => Fate::Persistent,
            false => Fate::InFlight,
        }
    }
}

/// What became of the rows of one finding.
#[derive(Debug, Clone)]
pub struct RecheckedTable {
    /// As the comparison of the first snapshots made it.
    pub finding: Finding,
    /// Why it was read again as a whole and not by key, if so.
    pub whole: Option<&'static str>,
    /// Rows (or the table) that converged.
    pub converged: u64,
    /// Rows (or the table) that persist.
    pub persistent: u64,
    /// Rows (or the table) in flight.
    pub in_flight: u64,
    /// Keys of some rows in flight: `id=42`.
    pub keys_in_flight: Vec<String>,
    /// The persistent rows.
    pub difference: Option<RowDifference>,
    /// Rows of both sides at the last read as a whole.
    pub last: Option<[Tally; 2]>,
    /// Why the last read failed: all that had not converged is unchecked.
    pub failure: Option<MarkedText>,
    /// Whether the actual side has changed any of it.
    pub has_actual_moved: bool,
}

/// Puts the results in the place of the findings of the first snapshots. `rounds` is the number of rounds that took place.
pub fn settle(outcome: &mut Outcome, tables: Vec<RecheckedTable>, rounds: u32) {
    let mut sum = Rechecked { rounds: rounds.into(), ..Default::default() };
    let mut converged = Vec::new();
    let has_any_moved = tables.iter().any(|table| table.has_actual_moved);
    for table in &tables {
        outcome.findings.retain(|finding| !finding.is_same(&table.finding));
        add_up(&mut sum, table);
        converged.extend(converged_text(table));
    }
    for table in tables {
        settle_one(outcome, table, rounds, has_any_moved);
    }
    outcome.findings.sort_by(|a, b| (a.kind, &a.object).cmp(&(b.kind, &b.object)));
    outcome.scope.rechecked = Some(sum);
    if !converged.is_empty() {
        outcome.remarks.push(
            format!("differed in the first snapshots (in flight) and agreed when read again: {}", converged.join(", "))
                .into(),
        );
    }
}

fn add_up(sum: &mut Rechecked, table: &RecheckedTable) {
    if table.whole.is_some() {
        sum.whole_tables_converged += table.converged;
        sum.whole_tables_open += table.persistent + table.in_flight;
    } else {
        sum.converged += table.converged;
        sum.persistent += table.persistent;
        sum.in_flight += table.in_flight;
    }
}

/// `shop.orders (3 rows)`
fn converged_text(table: &RecheckedTable) -> Option<String> {
    let rows = usize::try_from(table.converged).unwrap_or(usize::MAX);
    let amount = table.whole.map_or_else(|| counted(rows, "row"), |why| format!("as a whole: {why}"));
    (rows > 0).then(|| format!("{} ({amount})", table.finding.object))
}

fn settle_one(outcome: &mut Outcome, table: RecheckedTable, rounds: u32, has_any_moved: bool) {
    let name = table.finding.object.relation().map(|name| name.to_string());
    let has_finding = table.persistent > 0;
    let is_open = table.in_flight > 0;
    if is_open {
        outcome.unchecked.push(unchecked(&table, rounds));
    }
    if has_finding {
        outcome.findings.push(persistent(table, rounds, has_any_moved));
    } else if let Some(result) = name.and_then(|name| outcome.tables.get_mut(&name)) {
        result.status = if is_open { TableStatus::Unchecked } else { TableStatus::Converged };
        outcome.coverage.tables_compared -= u64::from(is_open);
    }
}

fn unchecked(table: &RecheckedTable, rounds: u32) -> Unchecked {
    let rounds = counted(usize::try_from(rounds).unwrap_or(usize::MAX), "round");
    let count = counted(usize::try_from(table.in_flight).unwrap_or(usize::MAX), "row");
    let object = match table.finding.object.relation() {
        Some(name) => crate::model::subject::Subject::new("rows", name),
        None => table.finding.object.clone(),
    };
    let reason = match (&table.failure, table.whole) {
        (Some(failure), _) => failure.map(|failure| format!("differs, and could not be read again: {failure}")),
        (None, Some(why)) => format!(
            "differs, and could only be read again as a whole ({why}): it did not agree in {rounds}, and changed meanwhile"
        )
        .into(),
        (None, None) => {
            let safe = format!("{count} still differed after {rounds}, and changed meanwhile");
            let keys = table.keys_in_flight.join("; ");
            let more = if table.keys_in_flight.len() as u64 == table.in_flight { "" } else { "; …" };
            MarkedText::with_values(format!("{safe}: {keys}{more}"), safe)
        }
    };
    Unchecked::new(object, "both", reason)
}

/// The finding about what stayed different.
fn persistent(table: RecheckedTable, rounds: u32, has_any_moved: bool) -> Finding {
    let RecheckedTable { mut finding, difference, last, whole, .. } = table;
    let rounds = counted(usize::try_from(rounds).unwrap_or(usize::MAX), "round");
    finding.detail.push(match whole {
        None => format!("these rows stayed different when they were read again by key in {rounds}"),
        Some(why) => format!("stayed different when it was read again as a whole in {rounds} ({why})"),
    });
    if !has_any_moved {
        finding.detail.push(
            "nothing that was read again has changed on the actual side: if it follows the expected side, check that \
             replication is running and not further behind than all rounds together"
                .to_owned(),
        );
    }
    if let Some([expected, actual]) = last {
        finding = finding.sides(rows_of(&expected), rows_of(&actual));
    }
    if let Some(difference) = &difference
        && finding.kind != FindingKind::LargeObjects
    {
        let is_content = difference.expected_only == difference.actual_only;
        let kind = if is_content { FindingKind::RowContent } else { FindingKind::RowCount };
        if kind != finding.kind {
            // The numbers of the first snapshots include rows in flight.
            (finding.expected, finding.actual) = (None, None);
        }
        finding.kind = kind;
    }
    finding.rows = difference;
    finding
}

/// Logical replication does not carry sequences. Where some differ, they are outside of the scope, unless they are required.
pub fn set_sequences_aside(outcome: &mut Outcome, required: &[Aspect]) {
    if required.contains(&Aspect::Sequences) {
        return;
    }
    let is_value = |finding: &Finding| finding.kind == FindingKind::SequenceValue;
    let (values, rest) = std::mem::take(&mut outcome.findings).into_iter().partition(is_value);
    outcome.findings = rest;
    let values: Vec<Finding> = values;
    if values.is_empty() {
        return;
    }
    let text = |finding: &Finding| {
        let side = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{} (expected {}; actual {})", finding.object, side(&finding.expected), side(&finding.actual))
    };
    let list: Vec<String> = values.iter().map(text).collect();
    outcome.scope.compared.retain(|aspect| *aspect != Aspect::Sequences);
    outcome.scope.not_compared.push(Aspect::Sequences);
    outcome.scope.not_compared.sort();
    outcome.coverage.sequences = 0;
    outcome.remarks.push(
        format!(
            "sequences differ and are outside of --recheck, since logical replication does not carry them: set them before the actual side \
             takes over; --require sequences compares them: {}",
            list.join(", ")
        )
        .into(),
    );
}

/// The origin of waivers that a recheck adds.
pub const BY: &str = "option --recheck";

/// Waivers for what logical replication itself needs: a subscription on the actual side alone, and on the expected side the publications
/// that it names.
pub fn of_replication(expected: &Manifest, actual: &Manifest) -> Vec<Waiver> {
    let objects = |side: &Manifest, kind: &str| side.schema.objects.get(kind).cloned().unwrap_or_default();
    let (known, publications) = (objects(expected, "subscription"), objects(expected, "publication"));
    let mut waivers = Vec::new();
    for (name, subscription) in
        objects(actual, "subscription").into_iter().filter(|(name, _)| !known.contains_key(name))
    {
        waivers.extend([waiver("subscription", name.to_string()), waiver("owner", format!("subscription {name}"))]);
        for publication in subscribed(&subscription.text).filter(|name| publications.contains_key(*name)) {
            waivers.extend([
                waiver("publication", publication.to_owned()),
                waiver("owner", format!("publication {publication}")),
                waiver("publication_table", format!("{publication} *")),
                waiver("publication_schema", format!("{publication} *")),
            ]);
        }
    }
    waivers
}

fn waiver(kind: &str, object: String) -> Waiver {
    let reason = "of the replication from the expected to the actual side, not of the data";
    Waiver { kind: kind.into(), object, reason: reason.into(), by: BY.into() }
}

/// The publications of a subscription, as printed.
fn subscribed(definition: &str) -> impl Iterator<Item = &str> {
    let mut rest = definition.lines().next().and_then(|line| line.strip_prefix("publications ")).unwrap_or_default();
    std::iter::from_fn(move || {
        let mut is_quoted = false;
        let is_end = |c: char| {
            is_quoted ^= c == '"';
            c == ',' && !is_quoted
        };
        let (name, after) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
        rest = after.trim_start_matches([',', ' ']);
        Some(name).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests;
