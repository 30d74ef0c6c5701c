//! Reviews of a report by administrators: a note over its hash, with their own signature.
//!
//! Stored in `reviews/`, as `<stamp>-<8 digits of the key's fingerprint>.json` and `.json.sig`. A review counts only when its
//! signature over this report is good and the signer may review.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::base::time::Timestamp;
use crate::storage::reports::{Authorship, Trust, authorship};
use crate::storage::signature::REVIEW_NAMESPACE;

/// The stored form's version.
pub const FORMAT: u32 = 1;
/// Below the directory of the report.
pub const DIRECTORY: &str = "reviews";

/// One review of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The reviewer; proven only when the review counts.
    pub identity: String,
    /// When, by their clock.
    pub reviewed_at: Option<Timestamp>,
    /// What they say.
    pub note: String,
    /// Whether it counts.
    pub state: ReviewState,
}

/// Whether a review counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Signed by this person, who may, over this report.
    Counts,
    /// No allowed signers were given.
    NotChecked,
    /// It does not: why.
    Void(String),
}

/// The time at which a signer must be allowed.
#[derive(Debug, Clone, Copy)]
pub enum SignerTime {
    /// When the signature is checked.
    Now,
    /// When it was made, as what was signed says.
    OfSignature,
}

impl SignerTime {
    /// For a signature that says it was made then; not later than the check.
    pub fn trust(self, trust: Trust<'_>, signed_at: Option<Timestamp>) -> Trust<'_> {
        match (self, signed_at) {
            (Self::OfSignature, Some(signed_at)) => Trust { now: signed_at.min(trust.now), ..trust },
            _ => trust,
        }
    }
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewStatement {
    /// [`FORMAT`].
    pub format: u32,
    /// SHA-256 of `report.json`.
    pub report_sha256: String,
    /// What they say.
    pub note: String,
    /// When, by their clock.
    pub reviewed_at: Timestamp,
    /// As the list of allowed signers has them.
    pub identity: String,
}

/// All reviews of the report in `dir`, oldest first. An unreadable review is void.
pub fn read(dir: &Path, report_sha256: &str, trust: Option<Trust<'_>>, signer_time: SignerTime) -> Vec<Review> {
    let Ok(entries) = fs::read_dir(dir.join(DIRECTORY)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let review = |path: &Path| one(path, report_sha256, trust, signer_time);
    paths.iter().map(|path| review(path).unwrap_or_else(|error| void(path, &error))).collect()
}

fn void(path: &Path, error: &Error) -> Review {
    let identity = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Review { identity, reviewed_at: None, note: String::new(), state: ReviewState::Void(error.to_string()) }
}

fn one(path: &Path, report_sha256: &str, trust: Option<Trust<'_>>, signer_time: SignerTime) -> Result<Review> {
    let bytes = files::read(path, files::CLOSING).doing(|| "read the review")?;
    let statement: ReviewStatement = json::from_slice("review", &bytes, FORMAT..=FORMAT)?;
    let state = match trust {
        _ if statement.report_sha256 != report_sha256 => ReviewState::Void("it is of another report".into()),
        None => ReviewState::NotChecked,
        Some(trust) => {
            // The review names its author; only that author's signature makes it theirs.
            let trust = signer_time.trust(trust, Some(statement.reviewed_at));
            let trust = Trust { identity: Some(&statement.identity), ..trust };
            match authorship(path, &bytes, REVIEW_NAMESPACE, trust)? {
                Authorship::Of(_) => ReviewState::Counts,
                Authorship::Unsigned => ReviewState::Void("not signed".into()),
                Authorship::BadSignature(reason) => ReviewState::Void(format!("bad signature: {reason}")),
                Authorship::UnknownSigner(reason) => ReviewState::Void(format!("signer not allowed: {reason}")),
            }
        }
    };
    Ok(Review { identity: statement.identity, reviewed_at: Some(statement.reviewed_at), note: statement.note, state })
}
