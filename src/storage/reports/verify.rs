//! Verifying a report on disk: signature first, parse second, side files third.
//!
//! What came after the signature is in a separate file, which does not change the report.
//! A report is parsed only after its signature is known to be good and of an allowed signer.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Hashing, REPORT, SIGNATURE};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::model::closing_state::ClosingState;
use crate::model::report::{Report, SideFile};
use crate::model::run::{CLOSING, Closing};
use crate::storage::signature;
use crate::storage::signers::AllowedSigners;

/// The result of a verification. Only [`SignatureCheck::Good`] is a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureCheck {
    /// Signed by an allowed signer, and unchanged since; also when the verdict is "damaged".
    Good(Box<Verified>),
    /// There is no signature.
    Unsigned,
    /// The signature does not match the report, for this reason.
    BadSignature(String),
    /// The signature matches, but the signer is not allowed, for this reason.
    UnknownSigner(String),
    /// The report is good, but these side files do not match it.
    SideFiles(Vec<String>),
}

/// A report with a good signature of an allowed signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was signed.
    pub report: Report,
    /// As the list of allowed signers has it.
    pub signer: String,
    /// SHA-256 of `report.json`, as the next report names it.
    pub sha256: String,
    /// The closing, which has its own signature.
    pub closing_state: ClosingState,
}

impl SignatureCheck {
    /// 0 when good, else 2.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Good(_) => 0,
            Self::Unsigned | Self::BadSignature(_) | Self::UnknownSigner(_) | Self::SideFiles(_) => 2,
        }
    }
}

impl fmt::Display for SignatureCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(verified) => write!(f, "good signature of {}", verified.signer),
            Self::Unsigned => f.write_str("not signed"),
            Self::BadSignature(reason) => write!(f, "bad signature: {reason}"),
            Self::UnknownSigner(reason) => write!(f, "signer not allowed: {reason}"),
            Self::SideFiles(reasons) => write!(f, "side files changed: {}", reasons.join(", ")),
        }
    }
}

/// The result of a signature check of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorship {
    /// Signed by an allowed signer: the principals, as in the list of allowed signers.
    Of(String),
    /// There is no signature.
    Unsigned,
    /// The signature does not match, for this reason.
    BadSignature(String),
    /// The signature matches, but the signer is not allowed, for this reason.
    UnknownSigner(String),
}

impl Authorship {
    /// The principals, or what is wrong with the signature.
    pub fn signer(self) -> Result<String, SignatureCheck> {
        match self {
            Self::Of(signer) => Ok(signer),
            Self::Unsigned => Err(SignatureCheck::Unsigned),
            Self::BadSignature(reason) => Err(SignatureCheck::BadSignature(reason)),
            Self::UnknownSigner(reason) => Err(SignatureCheck::UnknownSigner(reason)),
        }
    }
}

/// Whose signature counts, for what, and when.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The list.
    pub allowed: &'a AllowedSigners,
    /// If given, only this signer.
    pub identity: Option<&'a str>,
    /// Compared with the times in the list.
    pub now: Timestamp,
}

/// Checks the signature of these bytes, which were read from `path`; it is in `path`.sig.
pub fn authorship(path: &Path, bytes: &[u8], namespace: &str, trust: Trust<'_>) -> Result<Authorship> {
    let Some(armored) = read_signature(path)? else { return Ok(Authorship::Unsigned) };
    let key = match String::from_utf8(armored) {
        Ok(armored) => signature::signer_for(namespace, bytes, &armored),
        Err(_) => return Ok(Authorship::BadSignature("not an SSH signature".into())),
    };
    let key = match key {
        Ok(key) => key,
        Err(error) => return Ok(Authorship::BadSignature(error.to_string())),
    };
    Ok(match trust.allowed.principal_for(namespace, &key, trust.identity, trust.now) {
        Ok(principal) => Authorship::Of(principal.to_owned()),
        Err(error) => Authorship::UnknownSigner(error.to_string()),
    })
}

/// Verifies a report directory or a `report.json`. With an `identity`, only that signer is allowed; `now` is compared with the times in
/// the list of allowed signers. An error: it could not be read at all.
pub fn verify(path: &Path, allowed: &AllowedSigners, identity: Option<&str>, now: Timestamp) -> Result<SignatureCheck> {
    let path = if path.is_dir() { path.join(REPORT) } else { path.to_owned() };
    let doing = || format!("read report {}", path.display());
    let bytes = files::read(&path, files::REPORT).doing(doing)?;
    let trust = Trust { allowed, identity, now };
    let signer = match authorship(&path, &bytes, signature::NAMESPACE, trust)?.signer() {
        Ok(signer) => signer,
        Err(check) => return Ok(check),
    };
    let report = Report::from_bytes(&bytes).doing(doing)?;
    let changed: Vec<String> = report.side_files.iter().filter_map(|file| change(&path, file)).collect();
    if !changed.is_empty() {
        return Ok(SignatureCheck::SideFiles(changed));
    }
    let sha256 = super::sha256(&bytes);
    let closing_state = closing_state(&path, &report, &sha256, Some(trust));
    Ok(SignatureCheck::Good(Box::new(Verified { report, signer, sha256, closing_state })))
}

/// The only command that writes a `closing.json`.
const NIGHTLY: &str = "nightly";

/// The closing of this `report.json`, whose hash is given. Without `trust` the signer is not checked, but the closing must be signed if
/// the report is, and must belong to this report.
pub fn closing_state(path: &Path, report: &Report, sha256: &str, trust: Option<Trust<'_>>) -> ClosingState {
    let file = path.with_file_name(CLOSING);
    let bytes = match files::read(&file, files::CLOSING) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return without_closing(&file, report),
        Err(error) => return ClosingState::Void(Error::from(error).to_string()),
    };
    match demand_signed(&file, &bytes, trust).and_then(|()| closing_of(&bytes, report, sha256)) {
        Ok(closing) => ClosingState::Told(Box::new(closing)),
        Err(error) => ClosingState::Void(error.to_string()),
    }
}

fn without_closing(file: &Path, report: &Report) -> ClosingState {
    let is_unfinished = file.with_file_name(format!("{CLOSING}.new")).exists();
    if signature_of(file).exists() && !is_unfinished {
        return ClosingState::Void("it is not here, and its signature is".into());
    }
    if report.command == NIGHTLY { ClosingState::Absent { may_be_running: false } } else { ClosingState::Nothing }
}

fn demand_signed(file: &Path, bytes: &[u8], trust: Option<Trust<'_>>) -> Result<()> {
    let Some(trust) = trust else {
        let is_signed = signature_of(file).exists() || !file.with_file_name(SIGNATURE).exists();
        return if is_signed { Ok(()) } else { Err(Error::new("not signed, and the report is")) };
    };
    match authorship(file, bytes, signature::NAMESPACE, trust)? {
        Authorship::Of(_) => Ok(()),
        Authorship::Unsigned => Err(Error::new("not signed")),
        Authorship::BadSignature(reason) => Err(Error::new(format!("bad signature: {reason}"))),
        Authorship::UnknownSigner(reason) => Err(Error::new(format!("signer not allowed: {reason}"))),
    }
}

fn closing_of(bytes: &[u8], report: &Report, sha256: &str) -> Result<Closing> {
    let closing = Closing::from_bytes(bytes)?;
    if closing.report_sha256 != sha256 || closing.run_id != report.run_id {
        return Err(Error::new("it is of another report"));
    }
    Ok(closing)
}

fn signature_of(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".sig");
    PathBuf::from(path)
}

fn read_signature(report: &Path) -> Result<Option<Vec<u8>>> {
    let path = signature_of(report);
    match files::read(&path, files::SIGNATURE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing(|| format!("read signature {}", path.display())),
    }
}

/// The problem of a side file, if there is one.
pub fn change(report: &Path, file: &SideFile) -> Option<String> {
    let path = report.with_file_name(&file.name);
    // Compare the size first: it avoids reading a file of any size.
    if files::open(&path).and_then(|open| open.metadata()).is_ok_and(|meta| meta.len() != file.bytes) {
        return Some(format!("{} is not the file that was signed for", file.name));
    }
    match hash_of(&path) {
        Ok((bytes, sha256)) if bytes == file.bytes && sha256 == file.sha256 => None,
        Ok(_) => Some(format!("{} is not the file that was signed for", file.name)),
        Err(error) => Some(format!("{}: {error}", file.name)),
    }
}

/// Length and SHA-256 of a file.
pub fn hash_of(path: &Path) -> io::Result<(u64, String)> {
    let mut sink = Hashing::new(io::sink());
    io::copy(&mut files::open(path)?, &mut sink)?;
    let (bytes, sha256, _) = sink.finish();
    Ok((bytes, sha256))
}
