//! How a run ended, before its closing.json is written.

use std::time::Duration;

use super::report_writer::Signed;
use super::verification::Verification;
use crate::base::error::Error;
use crate::model::report::Report;

/// Limit for the deletion of an instance after a stop signal; after it, the instance must still be removed.
pub const PATIENCE_WHEN_STOPPED: Duration = Duration::from_secs(60);

/// The state of a run when its verdict is known.
pub struct End {
    /// The report; of a verification also when it could not be signed.
    pub report: Option<Report>,
    /// The report on disk, when it was signed.
    pub signed: Option<Signed>,
    /// The verification that it covers.
    pub witnessed: Option<Verification>,
    /// Why there is no verification.
    pub error: Option<Error>,
    /// Number of steps in the report; the later ones belong in closing.json.
    pub steps_in_report: usize,
}
