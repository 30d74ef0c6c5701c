//! Reading rows with COPY.

use std::pin::pin;

use futures_util::TryStreamExt as _;

use super::jobs::Pages;
use crate::capture::{Accumulator, OnBatch, Purpose, Scan};
use crate::error::Result;
use crate::manifest::RelationKind;
use crate::name::{Name, quote_always};
use crate::pgerror::describe_error;
use crate::questions;
use crate::session::Session;

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
