//! Digests that the server adds up: for a line that is slower than the server's SHA-256.
//!
//! A query over ranges of pages gives the count and the four sums of each; nothing else passes the line. The result is that of
//! reading the rows (see [`line_sql`]); where it cannot be had, the rows are read.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::SimpleQueryRow;

use super::jobs::Pages;
use super::{FOREIGN_KEY_STALL_FACTOR, Live, catalog_guard, line_sql, read, refused_code};
use crate::base::error::{Context as _, Error, Result};
use crate::base::marked::MarkedText;
use crate::base::text;
use crate::model::digest::TableDigest;
use crate::model::hashing::{Accumulator, DigestOn, OnBatch, Purpose, Wanted};
use crate::model::listing::{ListedRelation, ReadPlan};
use crate::model::manifest::{Column, RelationKind};
use crate::model::name::{Name, quote_always};
use crate::model::progress::{Event, Listener};
use crate::model::sketch::MIN_LOG2;
use crate::postgres::session::{self, Session};

/// Pages of one query, 32 MiB: so the progress moves, and no query takes so long that it seems to have stalled.
const PAGES: u64 = 4096;
/// Pages that are measured: 2 MiB.
const MEASURED_PAGES: u64 = 256;
/// A database whose tables are smaller is read in less time than it takes to measure.
const WORTH_MEASURING: u64 = 16 << 20;
/// Rows that are asked for by their digests; for more, all rows are read.
const MOST_WANTED: usize = 2_000;
/// How much faster the server has to be: rows that are read give the sketch too, and spare the server.
const FASTER: f64 = 1.5;

/// Workers of a parallel query would take CPU from the other sessions; the sessions are the parallelism.
const ONE_PROCESS: &str = "SET LOCAL max_parallel_workers_per_gather = 0";

/// How one relation is digested on the server.
pub struct ServerDigest {
    name: Name,
    /// The SHA-256 of the line, as an expression of type bytea.
    hash: String,
    is_table: bool,
}

impl ServerDigest {
    /// Of a relation that the server can digest.
    ///
    /// # Errors
    /// Why it is read instead.
    pub fn of(live: &Live, name: &Name, columns: &[String]) -> Result<Self, String> {
        let not_listed = || "it was not listed".to_owned();
        let listed = live.listing.relations.get(name).ok_or_else(not_listed)?;
        if let Some(reason) = live.planning.get(name) {
            return Err(refused_code(reason));
        }
        if listed.config.is_some() {
            return Err("an extension says which of its rows count".into());
        }
        // On a heap, the condition on ctid keeps the planner from reading an index instead.
        if !live.heaps.contains(name) {
            return Err("it is not a heap".into());
        }
        let columns: Option<Vec<&Column>> = columns.iter().map(|column| column_of(listed, column)).collect();
        let line = line_sql::line(columns.ok_or_else(not_listed)?.into_iter());
        // The bytes that the client would get: converted to its encoding.
        let hash = format!("pg_catalog.sha256(pg_catalog.textsend({line}))");
        Ok(Self { name: name.clone(), hash, is_table: listed.kind == RelationKind::Table })
    }

    /// Count and sums of some pages of a relation of so many bytes, in the session's snapshot. `on_batch` is told after each query.
    ///
    /// # Errors
    /// The server's error; the relation is not that of the snapshot.
    pub async fn run(&self, session: &Session, pages: Pages, bytes: u64, on_batch: &OnBatch) -> Result<TableDigest> {
        lock(session, std::slice::from_ref(self)).await?;
        let mut sum = TableDigest::default();
        for part in pages.parts(PAGES, bytes.div_ceil(8192)) {
            let rows = session.rows_within(&self.statement(part), FOREIGN_KEY_STALL_FACTOR).await?;
            let [row] = rows.as_slice() else { return Err(Error::new("the server returned no digest")) };
            let digest = digest_of(row)?;
            on_batch(digest.rows, part.bytes(bytes));
            sum += digest;
        }
        catalog_guard::check_relations(session, &[&self.name]).await?;
        Ok(sum)
    }

    /// A hash becomes 256 bits, and each 64 of them a signed number: modulo 2^64 the same. `sum` of bigint is exact.
    fn statement(&self, pages: Pages) -> String {
        let lane = |from: u8| format!("pg_catalog.sum(pg_catalog.int8(pg_catalog.substring(hash.bits, {from}, 64)))");
        let hash = format!("pg_catalog.encode({}, 'hex')", self.hash);
        format!(
            "SELECT pg_catalog.count(*), {} FROM (\
                 SELECT pg_catalog.bit_in(pg_catalog.textout(pg_catalog.textcat('x', {hash})), 0, 256) AS bits \
                 FROM ONLY {} AS \"the table\" WHERE {} OFFSET 0) AS hash",
            [1, 65, 129, 193].map(lane).join(", "),
            self.name.sql(),
            pages.condition(),
        )
    }
}

/// Whole relations by one query, all or nothing: for small ones, round trips cost more than their rows.
///
/// # Errors
/// As [`ServerDigest::run`], of the first that failed.
pub async fn run_many(session: &Session, relations: &[ServerDigest]) -> Result<Vec<TableDigest>> {
    if relations.is_empty() {
        return Ok(Vec::new());
    }
    lock(session, relations).await?;
    let statements: Vec<String> = relations.iter().map(|one| one.statement(Pages { from: 0, to: None })).collect();
    let rows = session.rows_within(&statements.join(";\n"), FOREIGN_KEY_STALL_FACTOR).await?;
    if rows.len() != relations.len() {
        return Err(Error::new("the server did not return a digest for each table"));
    }
    let names: Vec<&Name> = relations.iter().map(|one| &one.name).collect();
    catalog_guard::check_relations(session, &names).await?;
    rows.iter().map(digest_of).collect()
}

/// Locks them as the query will, and checks their kinds before it is planned: a view in the place of a table would run another
/// role's query. (`restrict_nonsystem_relation_kind` does the same on servers that have it; only tables can be locked.)
async fn lock(session: &Session, relations: &[ServerDigest]) -> Result<()> {
    let tables: Vec<&Name> = relations.iter().filter(|one| one.is_table).map(|one| &one.name).collect();
    if tables.is_empty() {
        return session.execute(ONE_PROCESS).await;
    }
    let listed = tables.iter().map(|name| format!("ONLY {}", name.sql())).collect::<Vec<_>>().join(", ");
    session.execute(&format!("{ONE_PROCESS}; LOCK {listed} IN ACCESS SHARE MODE")).await?;
    catalog_guard::check_kinds(session, &tables, &['r']).await
}

/// A session's further pass over a relation for some rows, of which the server sends no others. `None`: not like this.
///
/// # Errors
/// As [`ServerDigest::run`].
pub async fn collect(
    live: &Live,
    session: &Session,
    name: &Name,
    columns: &[String],
    purpose: &Purpose,
) -> Result<Option<Accumulator>> {
    let Purpose::Collect(wanted) = purpose else { return Ok(None) };
    let Wanted::Digests(wanted) = wanted.as_ref() else { return Ok(None) };
    let Some(by_server) = live.server_digest(name, columns).filter(|_| wanted.len() <= MOST_WANTED) else {
        return Ok(None);
    };
    let digests = wanted.iter().map(|digest| format!("'\\x{digest}'")).collect::<Vec<_>>().join(", ");
    let is_wanted = format!("{} OPERATOR(pg_catalog.=) ANY (ARRAY[{digests}]::pg_catalog.bytea[])", by_server.hash);
    let listed = columns.iter().map(|column| quote_always(column)).collect::<Vec<_>>().join(", ");
    let silent: OnBatch = Arc::new(|_, _| {});
    lock(session, std::slice::from_ref(&by_server)).await?;
    let bytes = live.listing.relations.get(name).map_or(0, |listed| listed.bytes);
    let mut whole = Accumulator::new(purpose);
    for pages in (Pages { from: 0, to: None }).parts(PAGES, bytes.div_ceil(8192)) {
        let from = format!("ONLY {} AS \"the table\" WHERE {}", name.sql(), pages.condition());
        let sql = format!("COPY (SELECT {listed} FROM {from} AND {is_wanted}) TO STDOUT");
        whole.merge(read::copy(session, &sql, purpose, &silent).await?);
    }
    catalog_guard::check_relations(session, &[name]).await?;
    Ok(Some(whole))
}

fn column_of<'a>(listed: &'a ListedRelation, name: &String) -> Option<&'a Column> {
    listed.columns.iter().find(|column| *name == column.name)
}

fn digest_of(row: &SimpleQueryRow) -> Result<TableDigest> {
    let not_a_number = |_| Error::new("the server returned a digest that is not a number");
    let rows = session::text(row, 0)?.parse().map_err(not_a_number)?;
    let mut lanes = [0; 4];
    if rows > 0 {
        for (lane, index) in lanes.iter_mut().zip(1..) {
            let sum: i128 = session::text(row, index)?.parse().map_err(not_a_number)?;
            *lane = modulo_2_to_64(sum);
        }
    }
    Ok(TableDigest { rows, lanes })
}

fn modulo_2_to_64(sum: i128) -> u64 {
    u64::try_from(sum.rem_euclid(1 << 64)).unwrap_or_default()
}

impl Live {
    /// Decides where this side's rows are hashed, once, and tells what cannot be hashed there.
    ///
    /// # Errors
    /// No session to measure with.
    pub(super) async fn choose_where_to_digest(&self, plan: &ReadPlan, listener: &Listener) -> Result<()> {
        let choice = choose(self, plan).await.doing(|| "measure server and line")?;
        if let Some(choice) = &choice {
            let place = if choice.is_server { "on the server" } else { "by the client" };
            let decided = format!("{}: rows are hashed {place}", self.side);
            listener(Event::Note(&MarkedText::join([&decided.into(), &choice.because], ": ")));
        }
        let is_server = choice.is_some_and(|choice| choice.is_server);
        for (name, columns) in plan.iter().filter(|(name, _)| is_server && !self.unpopulated.contains(*name)) {
            if let Err(reason) = ServerDigest::of(self, name, columns) {
                listener(Event::Note(&format!("{}: the rows of {name} are read: {reason}", self.side).into()));
            }
        }
        let _ = self.is_digested_there.set(is_server);
        Ok(())
    }

    /// Whether the server makes the digests, where it can.
    pub(super) fn is_digested_there(&self) -> bool {
        self.is_digested_there.get().copied().unwrap_or(false)
    }

    /// How the server digests it, where it does.
    pub(super) fn server_digest(&self, name: &Name, columns: &[String]) -> Option<ServerDigest> {
        if self.is_digested_there() { ServerDigest::of(self, name, columns).ok() } else { None }
    }
}

/// Whether this side's digests are made on the server, and why.
struct Choice {
    /// Or else the rows are read.
    is_server: bool,
    /// For progress.
    because: MarkedText,
}

/// What was asked for, measured if that was asked for. `None`: nothing was.
async fn choose(live: &Live, plan: &ReadPlan) -> Result<Option<Choice>> {
    match live.options.digest_on {
        DigestOn::Client => Ok(None),
        DigestOn::Server => Ok(Some(Choice { is_server: true, because: "as asked for".into() })),
        DigestOn::Auto => measured(live, plan).await.map(Some),
    }
}

async fn measured(live: &Live, plan: &ReadPlan) -> Result<Choice> {
    let bytes_of = |name: &Name| live.listing.relations.get(name).map_or(0, |listed| listed.bytes);
    let possible =
        plan.iter().filter_map(|(name, columns)| Some((name, columns, ServerDigest::of(live, name, columns).ok()?)));
    let possible: Vec<_> = possible.collect();
    let all: u64 = possible.iter().map(|(name, ..)| bytes_of(name)).sum();
    let largest = possible.iter().max_by_key(|(name, ..)| bytes_of(name));
    let Some((name, columns, digest)) = largest.filter(|_| all >= WORTH_MEASURING) else {
        return Ok(Choice { is_server: false, because: format!("the tables have {} only", text::bytes(all)).into() });
    };
    let session = live.session().await?;
    match measure(live, &session, name, columns, digest).await {
        Ok((0, ..)) => {
            let because = format!("the first pages of {name} hold no rows to measure with").into();
            Ok(Choice { is_server: false, because })
        }
        Ok((_, there, here)) => {
            let is_server = here.as_secs_f64() > there.as_secs_f64() * FASTER;
            let because = format!(
                "of {name}, the first {} take the server {} to hash, and this line {} to carry",
                text::bytes(MEASURED_PAGES * 8192),
                milliseconds(there),
                milliseconds(here)
            );
            Ok(Choice { is_server, because: because.into() })
        }
        Err(error) => Ok(Choice { is_server: false, because: error.context(format!("measure with {name}")).text() }),
    }
}

/// Rows, the time of the server and of the line. The server goes twice, so that neither of the two reads from the disk.
async fn measure(
    live: &Live,
    session: &Session,
    name: &Name,
    columns: &[String],
    digest: &ServerDigest,
) -> Result<(u64, Duration, Duration)> {
    let pages = Pages { from: 0, to: Some(MEASURED_PAGES) };
    let silent: OnBatch = Arc::new(|_, _| {});
    let sql = live.rows_sql(name, columns, pages)?;
    digest.run(session, pages, 0, &silent).await?;
    let started = Instant::now();
    let there = digest.run(session, pages, 0, &silent).await?;
    let (on_server, started) = (started.elapsed(), Instant::now());
    read::copy(session, &sql, &Purpose::Tally { log2: MIN_LOG2 }, &silent).await?;
    Ok((there.rows, on_server, started.elapsed()))
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", text::grouped(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_signed_numbers_is_the_sum_of_unsigned_ones_modulo_2_to_64() {
        let numbers = [u64::MAX, 1 << 63, 12, 0x8000_0000_0000_0001, u64::MAX];
        let signed: i128 = numbers.iter().map(|number| i128::from(number.cast_signed())).sum();
        assert_eq!(modulo_2_to_64(signed), numbers.iter().fold(0, |sum: u64, number| sum.wrapping_add(*number)));
        assert_eq!(modulo_2_to_64(-1), u64::MAX);
        assert_eq!(modulo_2_to_64(1 << 64), 0);
    }
}
