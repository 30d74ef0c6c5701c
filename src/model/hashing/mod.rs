//! From row lines to digests: lines in batches ([`Batch`]), what is made of them ([`Accumulator`]), and both at once for the lines
//! of a socket ([`Intake`]).

mod accumulate;
mod batch;
mod intake;

use std::sync::Arc;

pub use accumulate::{Accumulator, CollectedRow, Purpose, SAMPLE_LEVELS, Value, Wanted};
pub use batch::Batch;
pub use intake::{Intake, Lines};

/// Rows and bytes of line, for progress.
pub type OnBatch = Arc<dyn Fn(u64, u64) + Send + Sync>;
