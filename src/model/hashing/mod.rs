//! From row lines to digests: lines in batches ([`Batch`]), what is made of them ([`Accumulator`]), and both at once for the lines
//! of a socket ([`Intake`]).

mod accumulate;
mod batch;
mod intake;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use accumulate::{Accumulator, CollectedRow, Purpose, SAMPLE_LEVELS, Value, Wanted};
pub use batch::Batch;
pub use intake::{Intake, Lines};

/// Where the rows of a live database are hashed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestOn {
    /// Here: the rows pass the line.
    #[default]
    Client,
    /// By SQL: only counts and sums pass the line.
    Server,
    /// Where it is faster, as measured.
    Auto,
}

/// Rows and bytes of line, for progress.
pub type OnBatch = Arc<dyn Fn(u64, u64) + Send + Sync>;
