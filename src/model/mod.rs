//! Plain data: the contents of an endpoint, the result of a comparison, the facts of a run. Pure.

pub mod name;
pub mod subject;
pub mod sqlstate;
pub mod row;
pub mod digest;
pub mod sketch;
pub mod aspect;
pub mod manifest;
pub mod sketch_budget;
pub mod part;
pub mod hashing;
pub mod finding;
pub mod files;
pub mod verdict;
pub mod status;
pub mod progress;
pub mod catalog;
pub mod hidden;
pub mod run;
pub mod closing_state;
pub mod redaction;
pub mod selection;
pub mod listing;
pub mod report;
pub mod run_record;
pub mod period;
