//! Records that an administrator has reviewed a report.
//!
//! Does not change the report and does not overwrite a review.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use ssh_key::HashAlg;

use super::review::{DIRECTORY, FORMAT, ReviewStatement};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::model::report::Report;
use crate::storage::reports;
use crate::storage::signature::{self, REVIEW_NAMESPACE, SigningKey};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The review.
    pub path: PathBuf,
    /// The contents of the report.
    pub verdict_line: String,
    /// The line for an `allowed_signers` file with which the review counts.
    pub allowed_signers_line: String,
}

/// Signs a note on the `report.json` at this path. The identity defaults to the comment of the key.
///
/// # Errors
/// A report that cannot be read, an empty note, a key without an identity, or a failed write.
pub fn acknowledge(
    report: &Path,
    note: &str,
    identity: Option<&str>,
    key: &SigningKey,
    now: Timestamp,
) -> Result<Acknowledged> {
    if note.trim().is_empty() {
        return Err(Error::new("the note is empty").hint("say what you have looked at, and what you think of it"));
    }
    let doing = || format!("read report {}", report.display());
    let bytes = files::read(report, files::REPORT).doing(doing)?;
    let read = Report::from_bytes(&bytes).doing(doing)?;
    let identity = identity.unwrap_or(key.comment()).to_owned();
    let line = signature::allowed_signers_line_for(REVIEW_NAMESPACE, &identity, key.public_key());
    let allowed_signers_line = line.map_err(|error| error.hint("--identity NAME, as allowed_signers has you"))?;
    let statement = ReviewStatement {
        format: FORMAT,
        report_sha256: hex::encode(Sha256::digest(&bytes)),
        note: note.to_owned(),
        reviewed_at: now,
        identity,
    };
    let path = write(report, &statement, key).doing(|| "write the review")?;
    Ok(Acknowledged { path, verdict_line: read.verdict_line, allowed_signers_line })
}

fn write(report: &Path, statement: &ReviewStatement, key: &SigningKey) -> Result<PathBuf> {
    let mut bytes = serde_json::to_vec_pretty(statement).map_err(|error| Error::from_source(&error))?;
    bytes.push(b'\n');
    let armored = signature::sign_for(REVIEW_NAMESPACE, key, &bytes)?;
    let dir = report.with_file_name(DIRECTORY);
    DirBuilder::new().mode(0o750).recursive(true).create(&dir)?;
    let fingerprint = hex::encode(key.fingerprint(HashAlg::Sha256).as_bytes());
    let short = fingerprint.get(..8).unwrap_or_default();
    let name = format!("{}-{short}.json", statement.reviewed_at.stamp());
    let path = dir.join(&name);
    if path.exists() {
        return Err(Error::new(format!("{} is there already", path.display())));
    }
    // The signature first: a review without one does not count.
    reports::write_file(&dir, &format!("{name}.sig"), |file| file.write_all(armored.as_bytes()))?;
    reports::write_file(&dir, &name, |file| file.write_all(&bytes))?;
    Ok(path)
}
