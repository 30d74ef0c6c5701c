//! Pages for administrators: one for each report, and one over all the nights, each a single file.
//!
//! Never signed and never proof: a page is derived from `report.json`, says so, and says how to check that. Holds no script, asks nothing
//! of the network, and lets no text from a database through unseen or unescaped.

mod post_report;
mod answer;
mod chart;
mod coverage;
mod findings;
mod frame;
mod history;
mod index;
mod run;
mod open;
mod report;
mod sides;
mod tables;
mod text;
mod verify;

pub use frame::is_ours;
pub use index::index;
pub use report::report;

use crate::model::report::Report;
use crate::storage::history::NightEntry;

/// Name of the page over all nights.
pub const INDEX: &str = "index.html";
/// Name of the page of one report, beside it.
pub const PAGE: &str = "report.html";

/// A report and what is known of it beside its own words.
#[derive(Debug, Clone, Copy)]
pub struct ReportPage<'a> {
    /// What it says.
    pub report: &'a Report,
    /// Whether it may be believed, and who looked at it.
    pub entry: &'a NightEntry,
    /// Id of the report before it that has a page.
    pub older: Option<&'a str>,
    /// Id of the report after it that has a page.
    pub newer: Option<&'a str>,
    /// Whether there is a page over all nights one directory above.
    pub has_index: bool,
}
