//! What there is to read of a report, a run, a history, a drift: each view builds sections from the model, once for all back-ends.

mod diff;
mod rows;
pub mod headline;
pub mod findings;
pub mod remarks;
pub mod tables;
pub mod run;
pub mod coverage;
pub mod sides;
pub mod verification;
pub mod checks;
pub mod drift;
pub mod history;
pub mod sources;
pub mod message;
pub mod period;
