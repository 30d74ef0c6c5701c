//! Reading rows with COPY.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt as _;
use tokio_postgres::SimpleQueryMessage;

use super::jobs::Pages;
use crate::capture::{Accumulator, Intake, Lines, OnBatch, Purpose};
use crate::digest::{RowDigest, append_digests};
use crate::error::{Error, Result};
use crate::manifest::{RelationKind, Tally};
use crate::name::{Name, quote_always};
use crate::pgerror::describe_error;
use crate::questions;
use crate::session::Session;
use crate::sketch::{MAX_LOG2, Sketch};
use crate::tap::{Taken, Taker};

/// The statement that prints the row lines of some pages of a relation: its own rows only, never those of its children.
pub fn rows_sql(name: &Name, kind: RelationKind, columns: &[String], pages: Pages) -> String {
    let list = columns.iter().map(|column| quote_always(column)).collect::<Vec<_>>().join(", ");
    let table = name.sql();
    match kind {
        RelationKind::Table if pages.is_whole() && !columns.is_empty() => format!("COPY {table} ({list}) TO STDOUT"),
        _ if pages.is_whole() => format!("COPY (SELECT {list} FROM ONLY {table}) TO STDOUT"),
        _ => format!("COPY (SELECT {list} FROM ONLY {table} WHERE {}) TO STDOUT", pages.condition()),
    }
}

/// The statement that prints the large objects as rows.
pub fn large_objects_sql() -> String {
    format!("COPY ({}) TO STDOUT", questions::LARGE_OBJECTS)
}

/// Runs many COPYs as one query and digests what each brings: for small tables the way to the server and back costs more than
/// their rows. All or nothing; the server's count of rows has to agree with ours.
///
/// # Errors
/// As [`copy`], of the first that failed.
pub async fn copy_many(session: &Session, statements: &[String]) -> Result<Vec<Tally>> {
    let gathered = Arc::new(Mutex::new(Gathered::default()));
    session.divert().next_copies(taker(&gathered, Gathered::take));
    let sql = statements.join(";\n");
    let answer = session.watched(1, session.client().simple_query(&sql)).await;
    session.divert().forget();
    let answer = answer?.map_err(|error| describe_error(&error))?;
    let tallies = take_back(gathered)?.done;
    let counts = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    if tallies.len() != statements.len() || !counts.eq(tallies.iter().map(|tally| tally.digest.rows)) {
        return Err(Error::new("the server counts other rows than came"));
    }
    Ok(tallies)
}

/// The tallies of many COPYs.
#[derive(Default)]
struct Gathered {
    done: Vec<Tally>,
    growing: Growing,
}

impl Gathered {
    fn take(&mut self, taken: Taken<'_>) {
        match taken {
            Taken::Rows(lines) => self.growing.add(lines),
            Taken::CopyEnd => self.done.push(std::mem::take(&mut self.growing).finish()),
        }
    }
}

/// Hands rows to a receiver for as long as somebody waits for it.
fn taker<T: Send + 'static>(receiver: &Arc<Mutex<T>>, take: fn(&mut T, Taken<'_>)) -> Taker {
    let receiver = Arc::downgrade(receiver);
    Box::new(move |taken| {
        let Some(receiver) = receiver.upgrade() else { return false };
        take(&mut receiver.lock().unwrap_or_else(PoisonError::into_inner), taken);
        true
    })
}

/// Once the server has said that it is over, nobody else has it.
fn take_back<T>(receiver: Arc<Mutex<T>>) -> Result<T> {
    let receiver = Arc::into_inner(receiver).ok_or_else(|| Error::new("rows come after their end"))?;
    receiver.into_inner().map_err(|_| Error::new("hashing broke down"))
}

/// A tally whose sketch is made when it is known how large it has to be: most small tables are very small.
#[derive(Default)]
struct Growing {
    first: Vec<RowDigest>,
    large: Option<Tally>,
}

impl Growing {
    /// With more rows the sketch has its full size, so nothing need be kept.
    const FEW: usize = 1 << 11;

    fn add(&mut self, lines: Lines<'_>) {
        append_digests(lines.iter(), &mut self.first);
        if self.first.len() > Self::FEW {
            let large = self.large.get_or_insert_with(|| Tally::new(MAX_LOG2));
            self.first.drain(..).for_each(|digest| large.add(digest));
        }
    }

    fn finish(self) -> Tally {
        let log2 = Sketch::log2_for_rows(self.first.len() as u64);
        let mut tally = self.large.unwrap_or_else(|| Tally::new(log2));
        self.first.into_iter().for_each(|digest| tally.add(digest));
        tally
    }
}

/// Runs a COPY and digests what comes.
///
/// # Errors
/// What the server says, or a lost connection; nothing of a failed copy is kept.
pub async fn copy(session: &Session, sql: &str, purpose: &Purpose, on_batch: &OnBatch) -> Result<Accumulator> {
    let intake = Arc::new(Mutex::new(Intake::new(purpose, OnBatch::clone(on_batch))));
    let take = |intake: &mut Intake, taken: Taken<'_>| match taken {
        Taken::Rows(lines) => intake.take(lines),
        Taken::CopyEnd => {}
    };
    session.divert().next_copy(taker(&intake, take));
    let copied = session.watched(1, pour(session, sql, &intake)).await;
    session.divert().forget();
    copied??;
    take_back(intake)?.finish()
}

/// How it ended, and rows that were not diverted.
async fn pour(session: &Session, sql: &str, intake: &Mutex<Intake>) -> Result<()> {
    let stream = session.client().copy_out(sql).await.map_err(|error| describe_error(&error))?;
    let mut stream = pin!(stream);
    while let Some(bytes) = stream.try_next().await.map_err(|error| describe_error(&error))? {
        intake.lock().unwrap_or_else(PoisonError::into_inner).push_bytes(&bytes);
    }
    Ok(())
}
