//! Where rows are asked for: the owner of a connection says who takes the rows of its next query.
//!
//! Does not access the stream itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::hashing::Lines;

/// Where the owner of a connection asks for the rows of the COPYs of the next query.
#[derive(Clone, Default)]
pub struct CopyRouter {
    asked: Arc<Mutex<Option<CopySink>>>,
    received: Arc<AtomicU64>,
}

/// What the interceptor takes out.
#[derive(Debug, Clone, Copy)]
pub enum CopyEvent<'a> {
    /// Some rows.
    Rows(Lines<'a>),
    /// The rows of one COPY of several are over.
    CopyEnd,
}

/// The receiver of the rows; returns `false` when it wants no more.
pub type CopySink = Box<dyn FnMut(CopyEvent<'_>) -> bool + Send>;

impl CopyRouter {
    /// The rows of all COPYs of the next query, which must be a simple one. Forget it when the query is over: without a COPY the
    /// sink would be kept.
    pub fn next_copies(&self, sink: CopySink) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
    }

    /// The next query is not intercepted any more.
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

    pub(super) fn take(&self) -> Option<CopySink> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
