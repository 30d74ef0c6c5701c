//! Reading rows with COPY.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::SimpleQueryMessage;

use super::jobs::Pages;
use crate::base::error::{Error, Result};
use crate::model::catalog;
use crate::model::digest::{RowDigest, append_digests};
use crate::model::hashing::{Accumulator, Intake, Lines, OnBatch, Purpose};
use crate::model::manifest::Tally;
use crate::model::name::{Name, quote_always};
use crate::model::part::PartNumber;
use crate::model::sketch::{MAX_LOG2, Sketch};
use crate::postgres::copy_stream::{CopyEvent, CopySink};
use crate::postgres::errors::describe_error;
use crate::postgres::session::Session;

/// The statement that prints the row lines of some pages of a relation: its own rows only, never those of its children.
/// `is_plain`: COPY can name the table itself, which costs the server less.
pub fn rows_sql(name: &Name, is_plain: bool, columns: &[String], pages: Pages) -> String {
    let list = columns.iter().map(|column| quote_always(column)).collect::<Vec<_>>().join(", ");
    let table = name.sql();
    match (is_plain, pages.is_whole()) {
        (true, true) if !columns.is_empty() => format!("COPY {table} ({list}) TO STDOUT"),
        (_, true) => format!("COPY (SELECT {list} FROM ONLY {table}) TO STDOUT"),
        (_, false) => format!("COPY (SELECT {list} FROM ONLY {table} WHERE {}) TO STDOUT", pages.condition()),
    }
}

/// The statement that prints the rows of an extension's table that pg_dump dumps, with the condition that pg_dump uses.
pub fn config_sql(name: &Name, columns: &[String], condition: &str) -> String {
    let list = columns.iter().map(|column| quote_always(column)).collect::<Vec<_>>().join(", ");
    format!("COPY (SELECT {list} FROM {} {condition}) TO STDOUT", name.sql())
}

/// The statement that prints the large objects as rows, or those of a part: they are dealt by OID.
pub fn large_objects_sql(part: Option<PartNumber>) -> String {
    const ALL: &str = "FROM pg_catalog.pg_largeobject_metadata OFFSET 0";
    let some = |part: PartNumber| {
        let PartNumber { number, of } = part;
        format!("FROM pg_catalog.pg_largeobject_metadata WHERE oid::bigint % {of} = {} OFFSET 0", number - 1)
    };
    let sql =
        part.map_or_else(|| catalog::LARGE_OBJECTS.to_owned(), |part| catalog::LARGE_OBJECTS.replace(ALL, &some(part)));
    format!("COPY ({sql}) TO STDOUT")
}

/// Runs many COPYs as one query and digests the rows of each: for small tables, one round trip costs more than their rows. All or
/// nothing; the server's count of rows must be the count of rows that arrived.
///
/// # Errors
/// As [`copy`], of the first that failed.
pub async fn copy_many(session: &Session, statements: &[String]) -> Result<Vec<Tally>> {
    let gathered = Arc::new(Mutex::new(Gathered::default()));
    session.router().next_copies(sink(&gathered, Gathered::take));
    let sql = statements.join(";\n");
    let answer = session.watched(1, session.client().simple_query(&sql)).await;
    session.router().forget();
    let answer = answer?.map_err(|error| describe_error(&error))?;
    let tallies = take_back(gathered)?.done;
    let counts = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    let arrived: Vec<u64> = tallies.iter().map(|tally| tally.digest.rows).collect();
    check_counts(&counts.collect::<Vec<u64>>(), &arrived, statements.len())?;
    Ok(tallies)
}

fn check_counts(reported: &[u64], arrived: &[u64], statements: usize) -> Result<()> {
    if [reported.len(), arrived.len()] != [statements; 2] {
        return Err(Error::new(format!("the server completed {} of {statements} COPY statements", reported.len())));
    }
    match reported.iter().zip(arrived).find(|(reported, arrived)| reported != arrived) {
        Some((reported, arrived)) => {
            Err(Error::new(format!("the server reported {reported} rows, but {arrived} arrived")))
        }
        None => Ok(()),
    }
}

/// The tallies of many COPYs.
#[derive(Default)]
struct Gathered {
    done: Vec<Tally>,
    growing: Growing,
}

impl Gathered {
    fn take(&mut self, event: CopyEvent<'_>) {
        match event {
            CopyEvent::Rows(lines) => self.growing.add(lines),
            CopyEvent::CopyEnd => self.done.push(std::mem::take(&mut self.growing).finish()),
        }
    }
}

/// Passes rows to a receiver while the receiver exists.
fn sink<T: Send + 'static>(receiver: &Arc<Mutex<T>>, take: fn(&mut T, CopyEvent<'_>)) -> CopySink {
    let receiver = Arc::downgrade(receiver);
    Box::new(move |event| {
        let Some(receiver) = receiver.upgrade() else { return false };
        take(&mut receiver.lock().unwrap_or_else(PoisonError::into_inner), event);
        true
    })
}

/// After the end of the COPY there is no other reference to the receiver.
fn take_back<T>(receiver: Arc<Mutex<T>>) -> Result<T> {
    let receiver = Arc::into_inner(receiver).ok_or_else(|| Error::new("rows come after their end"))?;
    receiver.into_inner().map_err(|_| Error::new("hashing broke down"))
}

/// A tally whose sketch is made when the number of rows is known: most small tables are very small.
#[derive(Default)]
struct Growing {
    first: Vec<RowDigest>,
    large: Option<Tally>,
}

impl Growing {
    /// With more rows the sketch has its full size, and no digests are kept.
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

/// Runs a COPY and digests its rows. The server's count of rows must be the count of rows that arrived.
///
/// # Errors
/// The server's error, or a lost connection; nothing of a failed COPY is kept.
pub async fn copy(session: &Session, sql: &str, purpose: &Purpose, on_batch: &OnBatch) -> Result<Accumulator> {
    let seen = Arc::new(AtomicU64::new(0));
    let (counter, tell) = (Arc::clone(&seen), OnBatch::clone(on_batch));
    let on_batch: OnBatch = Arc::new(move |rows, bytes| {
        counter.fetch_add(rows, Ordering::Relaxed);
        tell(rows, bytes);
    });
    let intake = Arc::new(Mutex::new(Intake::new(purpose, on_batch)));
    let take = |intake: &mut Intake, event: CopyEvent<'_>| match event {
        CopyEvent::Rows(lines) => intake.take(lines),
        CopyEvent::CopyEnd => {}
    };
    session.router().next_copies(sink(&intake, take));
    // A simple query: unlike copy_out it gives the server's count.
    let answer = session.watched(1, session.client().simple_query(sql)).await;
    session.router().forget();
    let answer = answer?.map_err(|error| describe_error(&error))?;
    let count = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    let whole = take_back(intake)?.finish()?;
    check_counts(count.as_slice(), &[seen.load(Ordering::Relaxed)], 1)?;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_objects_of_a_part_are_every_so_manieth() {
        let sql = large_objects_sql(Some(PartNumber { number: 3, of: 8 }));
        assert!(sql.contains("pg_largeobject_metadata WHERE oid::bigint % 8 = 2 OFFSET 0"), "{sql}");
        assert!(!large_objects_sql(None).contains("% 8"));
    }
}
