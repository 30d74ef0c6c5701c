//! Sessions that take jobs from the queue until it is empty.
//!
//! A refused job (no privilege, locked, dropped) is recorded with the server's reason. A lost connection is replaced and the
//! job repeated, but only in the same snapshot: when the snapshot is lost, the remaining jobs stay unread. A session that has
//! already imported the snapshot continues, even when no other can import it any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::collect::Collected;
use super::foreign_keys::ForeignKey;
use super::jobs::{Job, Pages, Queue, WHOLE};
use super::server_digest::{self, ServerDigest};
use super::{FOREIGN_KEY_STALL_FACTOR, Live, catalog_guard, read};
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::base::shared_text::{SharedText, TextPool};
use crate::model::catalog::CatalogQuery;
use crate::model::hashing::{Accumulator, OnBatch, Purpose};
use crate::model::hidden;
use crate::model::manifest::{Definition, Observed, SequenceValue, Tally, Violations};
use crate::model::name::Name;
use crate::postgres::session::{Session, optional, text};

/// How often a job is started when connections are lost.
const ATTEMPTS: u32 = 3;
/// Violating rows of an assertion that are kept as a sample.
const SAMPLE_ROWS: usize = 5;

/// Locks that a session holds before it begins another transaction in the same snapshot. The server has 64 for each connection that it
/// allows (`max_locks_per_transaction`), all sessions share them, and without a free one the server's other users fail too.
const HELD_LOCKS: usize = 100;

/// Runs all jobs with as many of the configured sessions as can be opened.
///
/// # Errors
/// When no session can be opened.
pub async fn run_all(live: &Live, queue: Queue, collected: &Arc<Collected>) -> Result<()> {
    let mut sessions = Vec::new();
    // One after the other: where few are left, the other side gets its share of them.
    for _ in 0..live.options.jobs.max(1) {
        match live.session().await {
            Ok(session) => sessions.push(session),
            Err(error) if sessions.is_empty() => return Err(error),
            Err(error) => {
                let doing = format!("{}: going on with {} sessions", live.side, sessions.len());
                collected.warn(&error.context(doing).text());
                break;
            }
        }
    }
    let workers =
        sessions.into_iter().map(|session| Worker { live, session, collected, snapshot_lost: None }.work(&queue));
    let reasons: Vec<Error> = futures_util::future::join_all(workers).await.into_iter().flatten().collect();
    let reason = reasons.first().cloned().unwrap_or_else(|| Error::new("no session was left to read it"));
    while let Some(job) = queue.next() {
        collected.unseen(&job, &reason);
    }
    Ok(())
}

struct Worker<'a> {
    live: &'a Live,
    session: Session,
    collected: &'a Arc<Collected>,
    /// Why this session has lost the snapshot and cannot import it again.
    snapshot_lost: Option<Error>,
}

impl Worker<'_> {
    /// Works until the queue is empty or the session has lost the snapshot: later reads would see other data.
    async fn work(mut self, queue: &Queue) -> Option<Error> {
        let mut held = 0;
        while self.snapshot_lost.is_none()
            && let Some(job) = queue.next()
        {
            if held > 0 && held + job.locks() > HELD_LOCKS {
                held = 0;
                self.begin_again().await;
                if self.snapshot_lost.is_some() {
                    queue.put_back(vec![job]);
                    break;
                }
            }
            held += job.locks();
            let one_by_one = job.one_by_one();
            if one_by_one.is_empty() {
                if let Err(error) = self.attempt(&job).await {
                    self.collected.unseen(&job, &error);
                }
            } else if self.run(&job).await.is_err() {
                // Run each one separately to find the one that fails.
                self.begin_again().await;
                queue.put_back(one_by_one);
            }
        }
        self.snapshot_lost
    }

    /// Begins another transaction in the same snapshot. A session that is lost is replaced by the next job.
    async fn begin_again(&mut self) {
        if let Err(error) = self.session.join(&self.live.snapshot).await
            && self.session.ping().await.is_ok()
        {
            self.snapshot_lost = Some(self.live.snapshot_alive().await.err().unwrap_or(error));
        }
    }

    async fn attempt(&mut self, job: &Job) -> Result<()> {
        let mut attempt = 1;
        loop {
            let Err(error) = self.run(job).await else { return Ok(()) };
            // A refused statement has aborted the transaction.
            let Err(gone) = self.session.join(&self.live.snapshot).await else { return Err(error) };
            // The last error of the server is more exact than "connection closed".
            let Err(lost) = self.session.ping().await else {
                self.snapshot_lost = Some(self.live.snapshot_alive().await.err().unwrap_or(gone));
                return Err(error);
            };
            if attempt == ATTEMPTS {
                return Err(lost);
            }
            attempt += 1;
            let doing = format!("read {} again, the connection was lost", self.live.side);
            self.collected.retry(&doing, attempt, &lost.text());
            let has_stalled = self.session.has_stalled();
            self.replace(lost).await?;
            if has_stalled {
                // Another attempt would stall as long.
                return Err(error);
            }
        }
    }

    async fn replace(&mut self, lost: Error) -> Result<()> {
        match self.live.session().await {
            Ok(session) => {
                self.session = session;
                Ok(())
            }
            Err(again) => {
                let error =
                    Error::new(MarkedText::join([&lost.text(), &again.context("could not go on").text()], "; "));
                self.snapshot_lost = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn run(&self, job: &Job) -> Result<()> {
        match job {
            Job::Rows { name, pages, bytes } => {
                let (columns, purpose) = self.collected.reading(name);
                let on_batch = self.collected.on_batch(&name.to_string(), pages.bytes(*bytes));
                let part = self.rows(name, &columns, &purpose, *pages, *bytes, &on_batch).await?;
                self.collected.rows(name, part);
            }
            Job::Computed { name, pages, bytes } => self.computed(name, *pages, *bytes).await?,
            Job::Small(relations) => self.small(relations).await?,
            Job::Checked(names) => {
                catalog_guard::check_relations(&self.session, &names.iter().collect::<Vec<_>>()).await?;
                self.collected.checked(names);
            }
            Job::LargeObjects(part) => {
                let purpose = Purpose::Tally { log2: crate::model::sketch::MAX_LOG2 };
                let sql = read::large_objects_sql(*part);
                let on_batch = self.collected.on_batch("large objects", 0);
                let part = read::copy(&self.session, &sql, &purpose, &on_batch).await?;
                self.collected.large_objects(part);
            }
            Job::Definitions(question) => self.ask(question).await?,
            Job::Sequences(names) => self.sequences(names).await?,
            Job::ForeignKeys(keys) => self.foreign_keys(keys).await?,
            Job::Assertion { name, sql } => self.assertion(name, sql).await?,
        }
        Ok(())
    }

    async fn ask(&self, question: &CatalogQuery) -> Result<()> {
        let objects = match question.asked(|rows| self.live.present.is_absent(rows)) {
            Some(sql) => definitions(&self.session, question.kind, &sql, &self.live.options.texts).await?,
            None => Vec::new(),
        };
        self.collected.definitions(question.kind, objects)
    }

    /// A separate pass, so that tables without such columns need only one.
    async fn computed(&self, name: &Name, pages: Pages, bytes: u64) -> Result<()> {
        let (columns, purpose) = self.collected.reading(name);
        let Some(columns) = self.live.computed_columns(name, &columns) else { return Ok(()) };
        let silent: OnBatch = Arc::new(|_, _| {});
        let part = self.rows(name, &columns, &purpose, pages, bytes, &silent).await?;
        self.collected.computed(name, part);
        Ok(())
    }

    /// Some rows of a relation, digested by the server or read. What the server cannot digest is read: if it cannot be read either,
    /// that error is the reason.
    async fn rows(
        &self,
        name: &Name,
        columns: &[String],
        purpose: &Purpose,
        pages: Pages,
        bytes: u64,
        on_batch: &OnBatch,
    ) -> Result<Accumulator> {
        let by_server = self.live.server_digest(name, columns).filter(|_| !self.collected.is_read_here(name));
        let Some(by_server) = by_server else { return self.read(name, columns, purpose, pages, on_batch).await };
        match by_server.run(&self.session, pages, bytes, on_batch).await {
            Ok(digest) => Ok(Accumulator::Tally(Tally::of_digest(digest))),
            Err(refused) => {
                self.session.join(&self.live.snapshot).await.map_err(|_| refused.clone())?;
                let part = self.read(name, columns, purpose, pages, on_batch).await?;
                self.collected.read_here(name, &refused);
                Ok(part)
            }
        }
    }

    async fn read(
        &self,
        name: &Name,
        columns: &[String],
        purpose: &Purpose,
        pages: Pages,
        on_batch: &OnBatch,
    ) -> Result<Accumulator> {
        let sql = self.live.rows_sql(name, columns, pages)?;
        let part = read::copy(&self.session, &sql, purpose, on_batch).await?;
        catalog_guard::check_relations(&self.session, &[name]).await?;
        Ok(part)
    }

    async fn sequences(&self, names: &[Name]) -> Result<()> {
        match sequence_values(&self.session, names).await {
            Ok(values) => {
                for (name, value) in values {
                    self.collected.sequence(&name, Observed::Seen(value));
                }
                Ok(())
            }
            // One that cannot be read must not hide the others.
            Err(error) if names.len() > 1 && !self.session.client().is_closed() => {
                self.session.join(&self.live.snapshot).await.map_err(|_| error)?;
                for name in names {
                    if let Err(error) = Box::pin(self.sequences(std::slice::from_ref(name))).await {
                        self.collected.sequence(name, Observed::Unseen(error.text()));
                        self.session.join(&self.live.snapshot).await?;
                    }
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn small(&self, relations: &[(Name, u64)]) -> Result<()> {
        let by_server = |name: &Name| self.live.server_digest(name, &self.collected.reading(name).0);
        let (there, here): (Vec<_>, Vec<_>) = relations.iter().partition(|(name, _)| by_server(name).is_some());
        let mut tallies = self.read_small(&here).await?;
        let digests: Vec<ServerDigest> = there.iter().filter_map(|(name, _)| by_server(name)).collect();
        tallies.extend(server_digest::run_many(&self.session, &digests).await?.into_iter().map(Tally::of_digest));
        for ((name, bytes), tally) in here.into_iter().chain(there).zip(tallies) {
            self.collected.on_batch(&name.to_string(), *bytes)(tally.digest.rows, *bytes);
            self.collected.rows(name, Accumulator::Tally(tally));
        }
        Ok(())
    }

    async fn read_small(&self, relations: &[&(Name, u64)]) -> Result<Vec<Tally>> {
        if relations.is_empty() {
            return Ok(Vec::new());
        }
        let statement = |(name, _): &&(Name, u64)| self.live.rows_sql(name, &self.collected.reading(name).0, WHOLE);
        let statements = relations.iter().map(statement).collect::<Result<Vec<String>>>()?;
        let tallies = read::copy_many(&self.session, &statements).await?;
        let names: Vec<&Name> = relations.iter().map(|(name, _)| name).collect();
        catalog_guard::check_relations(&self.session, &names).await?;
        Ok(tallies)
    }

    async fn foreign_keys(&self, keys: &[ForeignKey]) -> Result<()> {
        self.lock_and_check_kinds(keys).await?;
        let counts: Vec<String> = keys.iter().map(ForeignKey::count_sql).collect();
        // Workers of a parallel query would only take CPU from the other sessions (measured: twice the CPU for a tenth of the time).
        let sql = format!("SET LOCAL max_parallel_workers_per_gather = 0;\n{}", counts.join(";\n"));
        let counts = self.session.rows_within(&sql, FOREIGN_KEY_STALL_FACTOR).await?;
        if counts.len() != keys.len() {
            return Err(Error::new("the server did not count for each foreign key"));
        }
        let mut found = Vec::with_capacity(keys.len());
        for (key, row) in keys.iter().zip(&counts) {
            let mut violations = Violations { rows: count(row)?, sample: Vec::new() };
            if violations.rows > 0 {
                // The finding also counts without a sample: key values of a SQL_ASCII database need not be UTF-8. A lost session
                // fails below.
                let sample =
                    self.session.rows_within(&key.sample_sql(), FOREIGN_KEY_STALL_FACTOR).await.unwrap_or_default();
                violations.sample = sample.iter().map(|row| key.sample_text(row)).collect();
            }
            found.push(violations);
        }
        // `check_touched` takes longer the more this session has read before.
        match keys.iter().map(ForeignKey::relations).collect::<Option<Vec<_>>>() {
            Some(relations) => catalog_guard::check_relations(&self.session, relations.as_flattened()).await?,
            None => catalog_guard::check_touched(&self.session).await?,
        }
        for (key, violations) in keys.iter().zip(found) {
            self.collected.foreign_key(key, Observed::Seen(violations));
        }
        Ok(())
    }

    /// Locks the tables as the query will, and checks their kinds before it is planned: a view in the place of a table would run
    /// another role's query. (`restrict_nonsystem_relation_kind` does the same on servers that have it.)
    async fn lock_and_check_kinds(&self, keys: &[ForeignKey]) -> Result<()> {
        let locked: Vec<String> = keys.iter().flat_map(ForeignKey::locked).collect();
        self.session.execute(&format!("LOCK {} IN ACCESS SHARE MODE", locked.join(", "))).await?;
        let names: Vec<&Name> = keys.iter().flat_map(ForeignKey::sides).collect();
        catalog_guard::check_kinds(&self.session, &names, &['r', 'p']).await
    }

    /// Uses a cursor: only a query can be declared as one, and its rows need not fit into memory. The declaration is a statement of
    /// its own, so that no second one can follow a semicolon; it is rolled back, so that no setting of the query remains.
    async fn assertion(&self, name: &str, sql: &str) -> Result<()> {
        let limit = Duration::from_secs(self.live.options.assertion_timeout_s.into());
        let started = Instant::now();
        self.session.execute(&format!("SET LOCAL statement_timeout = '{}s'", limit.as_secs())).await?;
        // The user's own query may read views.
        self.session.execute(ALLOW_VIEWS).await?;
        self.session.execute_one(&format!("DECLARE pgwitness_assertion NO SCROLL CURSOR FOR {sql}")).await?;
        let mut violations = Violations::default();
        loop {
            let rows = self.session.rows("FETCH 1000 FROM pgwitness_assertion").await?;
            violations.rows += rows.len() as u64;
            let space = SAMPLE_ROWS.saturating_sub(violations.sample.len());
            violations.sample.extend(rows.iter().take(space).map(row_text));
            if rows.is_empty() {
                break;
            }
            // statement_timeout applies to each FETCH alone.
            if started.elapsed() > limit {
                return Err(Error::new(format!("it took longer than {} s", limit.as_secs())));
            }
        }
        catalog_guard::check_touched(&self.session).await?;
        self.session.join(&self.live.snapshot).await?;
        self.collected.assertion(name, Observed::Seen(violations));
        Ok(())
    }
}

/// Until the transaction ends, and only on servers that have the setting.
const ALLOW_VIEWS: &str = "SELECT pg_catalog.set_config(name, '', true) FROM pg_catalog.pg_settings \
    WHERE name = 'restrict_nonsystem_relation_kind'";

/// The definitions of one kind, as the session sees them. `sql` is the query of the kind, or the parts of it that have a result.
///
/// # Errors
/// The server's refusal.
pub async fn definitions(
    session: &Session,
    kind: &str,
    sql: &str,
    texts: &TextPool,
) -> Result<Vec<(SharedText, Definition)>> {
    let mut objects = Vec::new();
    session
        .each_row(sql, |row| {
            let identity = text(&row, 0)?;
            let definition = Definition {
                text: texts.share(&hidden::conceal(kind, &identity, text(&row, 1)?)),
                schema: row.get(2).map(|name| texts.share(name)),
                relation: row.get(3).map(|name| texts.share(name)),
            };
            objects.push((texts.share(&identity), definition));
            Ok(())
        })
        .await?;
    Ok(objects)
}

/// The current values of these sequences, in one query.
///
/// # Errors
/// When one of them cannot be read, or is not a sequence any more.
pub async fn sequence_values(session: &Session, names: &[Name]) -> Result<Vec<(Name, SequenceValue)>> {
    let listed: Vec<&Name> = names.iter().collect();
    catalog_guard::check_kinds(session, &listed, &['S']).await?;
    let one = |(index, name): (usize, &Name)| format!("SELECT {index}, last_value, is_called FROM {}", name.sql());
    let all: Vec<String> = names.iter().enumerate().map(one).collect();
    let rows = session.rows(&all.join(" UNION ALL ")).await?;
    let value = |row: &tokio_postgres::SimpleQueryRow| {
        let name = text(row, 0)?.parse::<usize>().ok().and_then(|index| names.get(index));
        let name = name.ok_or_else(|| Error::new("the server answered for another sequence"))?;
        let not_a_number = |_| Error::new(format!("the last_value of sequence {name} is not a number"));
        let last_value = text(row, 1)?.parse().map_err(not_a_number)?;
        Ok((name.clone(), SequenceValue { last_value, is_called: text(row, 2)? == "t" }))
    };
    let values: Vec<(Name, SequenceValue)> = rows.iter().map(value).collect::<Result<_>>()?;
    // A sequence that returns no row on either side would not be compared.
    match names.iter().find(|name| values.iter().all(|(seen, _)| seen != *name)) {
        Some(name) => Err(Error::new(format!("sequence {name} returned no row: its file is damaged"))),
        None if values.len() != names.len() => Err(Error::new("the server answered twice for a sequence")),
        None => Ok(values),
    }
}

fn count(row: &tokio_postgres::SimpleQueryRow) -> Result<u64> {
    text(row, 0)?.parse().map_err(|_| Error::new("the server returned no count"))
}

/// `member=42, balance=10.00`
fn row_text(row: &tokio_postgres::SimpleQueryRow) -> String {
    let value = |(index, column): (usize, &tokio_postgres::SimpleColumn)| {
        format!("{}={}", column.name(), optional(row, index).unwrap_or_else(|| "NULL".to_owned()))
    };
    row.columns().iter().enumerate().map(value).collect::<Vec<_>>().join(", ")
}
