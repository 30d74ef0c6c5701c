//! Reads the rows that differ again, in later snapshots of both sides ([`crate::compare::recheck`] says what follows from them).
//!
//! A round ends with one read in new snapshots, the expected side first. Until then, while few rows are left, they are read often: a row
//! that the source changes all the time agrees only when the target passes one of the versions that were seen.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::followed_table::{FollowedRow, FollowedTable, KeyedRows, Pair};
use super::{ComparisonJob, EndpointWithManifest};
use crate::base::error::{Error, Result};
use crate::base::text::grouped_noun;
use crate::compare::recheck::{RecheckRequest, settle};
use crate::endpoint::any::Endpoint;
use crate::endpoint::live::{Live, RowKey};
use crate::model::finding::{Finding, FindingKind};
use crate::model::listing::ReadPlan;
use crate::model::name::Name;
use crate::model::progress::{Event, Listener, Side};
use crate::model::verdict::Outcome;
use crate::postgres::session::Session;

/// Up to so many rows are read between the ends of rounds.
const POLLED_ROWS: usize = 1000;
/// Between two such reads: a hundredth of a round, within these bounds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// At such a time, the rows of each side are read over and over for so long, if any changes: these reads see most of the versions that
/// pass, and the actual side most of those that the expected side had a moment ago.
const BURST: Duration = Duration::from_millis(100);
/// Most reads in a burst.
const BURST_READS: usize = 100;

/// Whether the rows of a finding are read again.
pub fn is_followed(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::RowCount | FindingKind::RowContent | FindingKind::LargeObjects)
        && finding.rows.is_some()
}

/// The live databases of both sides.
///
/// # Errors
/// One side is none.
pub fn live_sides<'a>(expected: &'a Endpoint, actual: &'a Endpoint) -> Result<Pair<&'a Live>> {
    let live = |side: Side, endpoint: &'a Endpoint| endpoint.live().ok_or_else(|| not_live(side));
    Ok([live(Side::Expected, expected)?, live(Side::Actual, actual)?])
}

/// The error for `--recheck` where a side is a dump or a saved manifest.
pub fn not_live(side: Side) -> Error {
    Error::new(format!("--recheck needs two live databases, and the {side} side is a file"))
        .hint("leave --recheck out: a dump or a saved manifest does not change, so nothing is in flight")
}

/// Reads the rows of all findings about rows again and replaces these findings by what is left.
pub async fn run(
    outcome: &mut Outcome,
    sides: Pair<EndpointWithManifest<'_>>,
    plan: &ReadPlan,
    job: &ComparisonJob,
    request: RecheckRequest,
    listener: &Listener,
) -> Result<()> {
    let lives = live_sides(sides[0].0, sides[1].0)?;
    listener(Event::Phase("find the keys of the differing rows"));
    let mut tables = Vec::new();
    for finding in outcome.findings.iter().filter(|finding| is_followed(finding)) {
        tables.extend(FollowedTable::begin(finding, sides, lives, plan).await);
    }
    if tables.is_empty() {
        return Ok(());
    }
    let mut recheck = Recheck { request, first: lives, last: None, tables };
    recheck.end_snapshots().await;
    let rounds = recheck.rounds(listener).await;
    let mut results = Vec::new();
    listener(Event::Phase("name the rows that stayed different"));
    for table in &recheck.tables {
        results.push(table.result(rounds, recheck.last.as_ref(), job.show).await);
    }
    settle(outcome, results, rounds);
    Ok(())
}

struct Recheck<'a> {
    request: RecheckRequest,
    /// In the first snapshots.
    first: Pair<&'a Live>,
    /// In the snapshots of the last round that could be opened.
    last: Option<Pair<Endpoint>>,
    tables: Vec<FollowedTable>,
}

impl Recheck<'_> {
    /// Returns the number of rounds that took place.
    async fn rounds(&mut self, listener: &Listener) -> u32 {
        for round in 1..=self.request.rounds {
            let phase = format!("recheck, round {round} of {}: {} left", self.request.rounds, self.left());
            listener(Event::Phase(&phase));
            self.wait(round, Instant::now() + self.request.interval).await;
            if !self.is_done()
                && let Err(error) = self.read_again(round).await
            {
                listener(Event::Warning(&error.text()));
                let open = self.tables.iter_mut().filter(|table| !table.has_agreed());
                open.for_each(|table| table.failure = Some(error.clone()));
            }
            if self.is_done() {
                return round;
            }
        }
        self.request.rounds
    }

    fn is_done(&self) -> bool {
        self.tables.iter().all(FollowedTable::has_agreed)
    }

    /// `12 rows, 1 table`
    fn left(&self) -> String {
        let rows: usize = self.tables.iter().map(|table| table.open_rows().count()).sum();
        let whole = self.tables.iter().filter(|table| table.is_open_whole()).count();
        let parts = [(rows, "row"), (whole, "whole table")].into_iter().filter(|(count, _)| *count > 0);
        parts.map(|(count, noun)| grouped_noun(count as u64, noun)).collect::<Vec<_>>().join(", ")
    }

    /// In which the planning of queries has been checked last.
    fn lives(&self) -> Pair<&Live> {
        let [e, a] = self.first;
        match &self.last {
            Some([last_e, last_a]) => [last_e.live().unwrap_or(e), last_a.live().unwrap_or(a)],
            None => [e, a],
        }
    }

    /// A held snapshot keeps the server from removing old versions of rows. What is lost here is noticed by the next read.
    async fn end_snapshots(&self) {
        for live in self.lives() {
            let _ = live.end_snapshot().await;
        }
    }

    /// Waits for the end of the round, or until everything agrees.
    async fn wait(&mut self, round: u32, until: Instant) {
        // What fails here fails again at the end of the round, and is reported then.
        let _ = self.poll(round, until).await;
        if !self.is_done() {
            sleep_until(until).await;
        }
    }

    /// Reads few rows often. After the first round, only those that change: the others are read at the end of each round.
    async fn poll(&mut self, round: u32, until: Instant) -> Result<()> {
        let is_polled = |row: &FollowedRow| round == 1 || row.track.has_moved();
        let pause = (self.request.interval / 100).clamp(PAUSES.0, PAUSES.1);
        let mut sessions: Option<Pair<Session>> = None;
        loop {
            let count: usize = self.tables.iter().map(|table| table.keys(&is_polled).len()).sum();
            if count == 0 || count > POLLED_ROWS || Instant::now() + pause >= until {
                return Ok(());
            }
            sleep(pause).await;
            let sessions = match &mut sessions {
                Some(sessions) => sessions,
                none => {
                    let [e, a] = self.lives();
                    none.insert([e.further_session().await?, a.further_session().await?])
                }
            };
            let e = self.burst(0, &sessions[0], &is_polled).await?;
            let a = self.burst(1, &sessions[1], &is_polled).await?;
            for (at, (e, a)) in e.into_iter().zip(a).enumerate() {
                if let Some(table) = self.tables.get_mut(at) {
                    let wanted = table.keys(&is_polled);
                    table.observe(&e, &a, &wanted);
                }
            }
        }
    }

    /// The wanted rows of one side, by table, as often as they could be read.
    async fn burst(
        &self,
        side: usize,
        session: &Session,
        is_wanted: &(dyn Fn(&FollowedRow) -> bool + Sync),
    ) -> Result<Vec<Vec<KeyedRows>>> {
        let wanted: Vec<BTreeSet<RowKey>> = self.tables.iter().map(|table| table.keys(is_wanted)).collect();
        let tables: Vec<_> = self.tables.iter().zip(&wanted).filter(|(_, keys)| !keys.is_empty()).collect();
        let names: Vec<&Name> = tables.iter().filter_map(|(table, _)| table.name.as_ref()).collect();
        self.lives()[side].begin_reads(session, &names).await?;
        let has_moved = tables.iter().any(|(table, _)| table.open_rows().any(|row| row.track.has_moved()));
        let end = Instant::now() + if has_moved { BURST } else { Duration::ZERO };
        let mut reads: Vec<Vec<KeyedRows>> = self.tables.iter().map(|_| Vec::new()).collect();
        for _ in 0..BURST_READS {
            for (table, reads) in self.tables.iter().zip(&mut reads) {
                reads.extend(table.read_now(side, session, is_wanted).await?);
            }
            if Instant::now() >= end {
                break;
            }
        }
        session.execute("ROLLBACK").await?;
        Ok(reads)
    }

    /// Reads everything that is left in new snapshots.
    async fn read_again(&mut self, round: u32) -> Result<()> {
        self.end_snapshots().await;
        let [e, a] = self.first;
        // In this order: the actual side must show what the expected side had before.
        let e = e.reopen(String::new()).await.map_err(|error| error.context("expected"))?;
        let a = a.reopen(String::new()).await.map_err(|error| error.context("actual"))?;
        self.last = Some([Endpoint::Live(Box::new(e)), Endpoint::Live(Box::new(a))]);
        let lives = self.lives();
        let sessions = tokio::try_join!(lives[0].session(), lives[1].session())?;
        let e = self.read_side(0, &sessions.0).await?;
        let a = self.read_side(1, &sessions.1).await?;
        let mut tables = std::mem::take(&mut self.tables);
        for (table, (e, a)) in tables.iter_mut().zip(e.into_iter().zip(a)).filter(|(table, _)| !table.has_agreed()) {
            table.failure = None;
            let read = match (e, a) {
                (Err(error), _) => Err(error.context("expected")),
                (_, Err(error)) => Err(error.context("actual")),
                (Ok(e), Ok(a)) => {
                    let wanted = table.keys(&|_| true);
                    table.observe(&[e], &[a], &wanted);
                    table.read_whole(self.first, self.lives(), round).await
                }
            };
            table.failure = read.err();
        }
        self.tables = tables;
        Ok(())
    }

    /// The rows that are left, of each table, on one side, in the snapshot of the last round.
    async fn read_side(&self, side: usize, session: &Session) -> Result<Vec<Result<KeyedRows>>> {
        let (live, first) = (self.lives()[side], self.first[side]);
        let mut all = Vec::new();
        for table in &self.tables {
            let rows = table.rows_of_side(side, live, first, session).await;
            if rows.is_err() {
                // The transaction is aborted.
                session.join(live.snapshot()).await?;
            }
            all.push(rows);
        }
        Ok(all)
    }
}
