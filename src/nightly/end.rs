//! How a run ended, before its closing.json is written.

use std::time::Duration;

use super::report_writer::Signed;
use super::verification::Verification;
use crate::base::error::Error;

/// When somebody wants us to stop, an instance may take so long to go; later it is a debt.
pub const PATIENCE_WHEN_STOPPED: Duration = Duration::from_secs(60);

/// How a night ended, as far as its verdict goes.
pub struct End {
    /// The report.
    pub signed: Option<Signed>,
    /// What it tells of.
    pub witnessed: Option<Verification>,
    /// Or why there is nothing to tell.
    pub error: Option<Error>,
    /// So many of the steps are in the report; the others belong into the closing.
    pub steps_in_report: usize,
}
