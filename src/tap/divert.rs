//! Where rows are asked for: whoever owns a connection says who takes the rows of its next COPY.
//!
//! Never touches the stream itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::capture::Lines;

/// Where the owner of a connection asks for the rows of the next COPY.
#[derive(Clone, Default)]
pub struct Divert {
    asked: Arc<Mutex<Option<Asked>>>,
    received: Arc<AtomicU64>,
}

/// What the tap takes out.
#[derive(Debug, Clone, Copy)]
pub enum Taken<'a> {
    /// Some rows.
    Rows(Lines<'a>),
    /// The rows of one COPY of several are over.
    CopyEnd,
}

/// Whoever wants the rows; `false` when it wants no more.
pub type Taker = Box<dyn FnMut(Taken<'_>) -> bool + Send>;

/// Where rows go, and of how much.
pub(super) type Asked = (Taker, Extent);

/// What is diverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The rows of one COPY.
    Copy,
    /// All COPYs of a query, with what begins and ends them.
    Query,
}

impl Divert {
    /// The rows of the next COPY go to `taker` instead of through the client. It is dropped when the COPY is over, for
    /// whatever reason: ask the client's stream for that.
    pub fn next_copy(&self, taker: Taker) {
        self.ask(taker, Extent::Copy);
    }

    /// The rows of all COPYs of the next query, which must be a simple one. Forget it when the query is over: without a COPY the
    /// taker would be kept.
    pub fn next_copies(&self, taker: Taker) {
        self.ask(taker, Extent::Query);
    }

    fn ask(&self, taker: Taker, extent: Extent) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((taker, extent));
    }

    /// The next COPY is nobody's business any more.
    pub fn forget(&self) {
        self.take();
    }

    /// Bytes that have come from the server so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> Option<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
