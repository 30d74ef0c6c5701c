//! HTML pages for administrators: one for each report and an index, each a single file.
//!
//! A page is derived from `report.json`, is not signed, and states how to check the report. It has no script, sends no network
//! request, and every text from a database is made printable and escaped.

mod text;
mod chart;
mod sign;
mod filter;
mod blocks;
mod frame;
mod pictures;
mod report;
mod index;
mod overview;
mod mail;
mod period;

pub use crate::output::views::history::PAGE;
pub use crate::output::views::sources::INDEX;
pub use frame::is_ours;
pub use index::index;
pub use mail::mail;
pub use overview::overview;
pub use period::{SummaryFile, period};
pub use report::report;

use crate::model::report::Report;
use crate::storage::history::ReportEntry;

/// A report with its verification state and neighbours.
#[derive(Debug, Clone, Copy)]
pub struct ReportPage<'a> {
    /// The parsed report.
    pub report: &'a Report,
    /// The result of the signature check, and the reviews.
    pub entry: &'a ReportEntry,
    /// Id of the previous report that has a page.
    pub older: Option<&'a str>,
    /// Id of the next report that has a page.
    pub newer: Option<&'a str>,
    /// Whether an index page exists one directory above.
    pub has_index: bool,
}
