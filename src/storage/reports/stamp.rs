//! The time stamp beside a report: the token of an authority over the bytes of `report.json`, and what it proves.

use std::io::ErrorKind;
use std::path::Path;

use super::{Verified, sha256, write_file};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::model::closing_state::ClosingState;
use crate::model::run::{CLOSING, TimestampFacts};
use crate::storage::timestamp::{self, StampedTime, TIMESTAMP, TimestampAuthorities};

/// The time of a token may be so many seconds before the end of the run, by the clock of the host.
const EARLY_S: u64 = 300;
/// And so many after it: a run asks for its token when it has signed the report.
const LATE_S: u64 = 3600;

/// How time stamps are checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimestampRule<'a> {
    /// The certificates of authorities; without any, a token proves nothing.
    pub trusted: Option<&'a TimestampAuthorities>,
    /// A report without a proven one is not proven.
    pub is_required: bool,
}

/// What is known of the time stamp of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampState {
    /// There is none.
    Absent,
    /// There is one, and no certificates to check it with; its time is not proven.
    NotChecked(StampedTime),
    /// The report existed at this time.
    Proven(StampedTime),
    /// It does not count: why.
    Void(String),
}

/// Stores the token of a report, which was verified, beside it.
///
/// # Errors
/// It cannot be written.
pub fn write_timestamp(
    report: &Path,
    answer: &[u8],
    stamped: &StampedTime,
    is_checked: bool,
) -> Result<TimestampFacts> {
    let dir = report.parent().ok_or_else(|| Error::new("the report has no directory"))?;
    write_file(dir, TIMESTAMP, |file| file.write_all(answer))?;
    let authority = stamped.authority.clone();
    Ok(TimestampFacts { sha256: sha256(answer), at: stamped.at, authority, is_checked })
}

/// Checks the token beside this `report.json`, whose signature is good.
pub fn check_timestamp(report: &Path, verified: &Verified, trusted: Option<&TimestampAuthorities>) -> TimestampState {
    if let Some(problem) = timestamp_problem(report, &verified.closing_state) {
        return TimestampState::Void(problem);
    }
    let check = || -> Result<TimestampState> {
        let Some(answer) = read(report)? else { return Ok(TimestampState::Absent) };
        let bytes = files::read(report, files::REPORT)?;
        if sha256(&bytes) != verified.sha256 {
            return Err(Error::new("the report was changed while it was checked"));
        }
        let stamped = timestamp::verify(&answer, &bytes, None, trusted)?;
        demand_plausible(&stamped, verified.report.times.finished_at)?;
        Ok(if trusted.is_some() { TimestampState::Proven(stamped) } else { TimestampState::NotChecked(stamped) })
    };
    check().unwrap_or_else(|error| TimestampState::Void(format!("{TIMESTAMP}: {error}")))
}

/// What is wrong with the token that the closing names, if it names one.
pub fn timestamp_problem(report: &Path, closing_state: &ClosingState) -> Option<String> {
    let named = closing_state.closing()?.timestamp.as_ref()?;
    match read(report) {
        Ok(Some(answer)) if sha256(&answer) == named.sha256 => None,
        Ok(Some(_)) => Some(format!("{TIMESTAMP} is not the file that {CLOSING} names")),
        Ok(None) => Some(format!("{TIMESTAMP} is missing, and {CLOSING} names it")),
        Err(error) => Some(format!("{TIMESTAMP}: {error}")),
    }
}

/// Whether the time of a token agrees with the clock of the host of the run, which says when the run ended.
///
/// # Errors
/// With both times.
pub fn demand_plausible(stamped: &StampedTime, finished_at: Timestamp) -> Result<()> {
    let StampedTime { at, accuracy_s, .. } = *stamped;
    let is_early = finished_at.seconds_since(at) > accuracy_s.saturating_add(EARLY_S);
    let is_late = at.seconds_since(finished_at) > accuracy_s.saturating_add(LATE_S);
    if is_early || is_late {
        let error = Error::new(format!(
            "the time stamp is of {at}, and by the clock of its host the run ended at {finished_at}"
        ));
        return Err(error.hint("was the clock of the host wrong? synchronize it (chrony, systemd-timesyncd)"));
    }
    Ok(())
}

fn read(report: &Path) -> Result<Option<Vec<u8>>> {
    let path = report.with_file_name(TIMESTAMP);
    match files::read(&path, files::TIMESTAMP) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing(|| format!("read {}", path.display())),
    }
}
