//! Progress events of the library.
//!
//! Events are not printed here and are not part of a verdict: everything that matters to the result is in the outcome too.

use std::fmt;
use std::sync::Arc;

use crate::base::marked::MarkedText;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The reference.
    Expected,
    /// The side that is checked.
    Actual,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expected => "expected",
            Self::Actual => "actual",
        })
    }
}

/// Something happened. Cheap: it borrows, and callers gather thousands of rows into one `Read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Something else begins, for instance `read rows`. What was planned and read before is forgotten.
    Phase(&'a str),
    /// One side knows what it will read; both sides add up.
    Planned {
        /// Which side.
        side: Side,
        /// Tables to read.
        tables: u64,
        /// Estimated bytes, in the measure of `Read::bytes`: heap pages times their size, or bytes of an archive.
        bytes: u64,
    },
    /// So much more was read since the last event.
    Read {
        /// On which side.
        side: Side,
        /// From which table, as printed.
        table: &'a str,
        /// Rows.
        rows: u64,
        /// Bytes, in the measure of `Planned::bytes`.
        bytes: u64,
    },
    /// So much more of a dump was written since the last event.
    Written {
        /// Bytes of files.
        bytes: u64,
    },
    /// A table was read to its end.
    TableDone {
        /// On which side.
        side: Side,
        /// Which, as printed.
        table: &'a str,
    },
    /// Something failed and is tried again.
    Retry {
        /// What we were doing: `connect to db.example`.
        doing: &'a str,
        /// Which attempt comes now; the first retry is attempt 2.
        attempt: u32,
        /// Why the last one failed.
        reason: &'a MarkedText,
    },
    /// Something that was decided, to show at once.
    Note(&'a MarkedText),
    /// A warning to show at once.
    Warning(&'a MarkedText),
}

/// Receives the events; called from any thread, so it must be quick.
pub type Listener = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// Ignores all events.
pub fn no_listener() -> Listener {
    Arc::new(|_| {})
}
