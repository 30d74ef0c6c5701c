//! Reading rows with COPY.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::SimpleQueryMessage;

use super::jobs::Pages;
use crate::capture::{self, Accumulator, OnBatch, Purpose, Scan};
use crate::digest::RowDigest;
use crate::error::{Error, Result};
use crate::manifest::{RelationKind, Tally};
use crate::name::{Name, quote_always};
use crate::pgerror::describe_error;
use crate::questions;
use crate::session::Session;
use crate::sketch::{MAX_LOG2, Sketch};

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
    let mut batches = session.divert().next_copies();
    let sql = statements.join(";\n");
    let query = async {
        let answer = session.client().simple_query(&sql).await;
        session.divert().forget();
        answer.map_err(|error| describe_error(&error))
    };
    let gather = async {
        let (mut done, mut growing) = (Vec::with_capacity(statements.len()), Growing::default());
        while let Some(batch) = batches.recv().await {
            let (batch, digests) = capture::digests(batch).await?;
            let (mut rest, mut taken) = (digests.as_slice(), 0);
            for &end in batch.copy_ends() {
                let (rows, after) = rest.split_at_checked(end - taken).unwrap_or((rest, &[]));
                growing.add(rows);
                done.push(std::mem::take(&mut growing).finish());
                (rest, taken) = (after, end);
            }
            growing.add(rest);
        }
        Ok::<_, Error>(done)
    };
    let (answer, tallies) = tokio::join!(query, gather);
    let (answer, tallies) = (answer?, tallies?);
    let counts = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    if tallies.len() != statements.len() || !counts.eq(tallies.iter().map(|tally| tally.digest.rows)) {
        return Err(Error::new("the server counts other rows than came"));
    }
    Ok(tallies)
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

    fn add(&mut self, rows: &[RowDigest]) {
        self.first.extend_from_slice(rows);
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
    let mut scan = Scan::new(purpose, OnBatch::clone(on_batch));
    let mut batches = session.divert().next_copy();
    let stream = session.client().copy_out(sql).await.map_err(|error| {
        session.divert().forget();
        describe_error(&error)
    })?;
    while let Some(batch) = batches.recv().await {
        scan.push_batch(batch).await?;
    }
    // How it ended, and rows that were not diverted.
    let mut stream = pin!(stream);
    while let Some(bytes) = stream.try_next().await.map_err(|error| describe_error(&error))? {
        scan.push_bytes(&bytes).await?;
    }
    scan.finish().await
}
