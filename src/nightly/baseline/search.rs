//! Finds the last sound run of the same source among the reports.
//!
//! The contents of a report count only after its signature is checked. The search order uses the later of the unchecked start
//! time and the time in the directory name, so that neither can hide a report behind an older one.

use std::path::{Path, PathBuf};

use super::same::CurrentSource;
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::manifest::Manifest;
use crate::model::report::Report;
use crate::storage::reports::{self, Authorship, KeyFile, Trust};
use crate::storage::signature;
use crate::storage::signers::AllowedSigners;
use crate::storage::user_files;

/// Where to search, and which signers to accept.
pub struct Search {
    /// The directory of reports.
    pub directory: PathBuf,
    /// The configured key is always accepted, so that a run needs no list to accept earlier runs.
    pub key: KeyFile,
    /// Path of an `allowed_signers` file.
    pub listed: Option<PathBuf>,
    /// Current time.
    pub now: Timestamp,
    /// The source that a report must be of.
    pub current: CurrentSource,
}

/// The result of the search.
#[derive(Debug, Default)]
pub struct FoundBaseline {
    /// The source manifest of the baseline.
    pub manifest: Option<Manifest>,
    /// Name of the baseline's directory.
    pub id: Option<String>,
    /// Later reports that cannot be trusted or read, with the reason, newest first.
    pub refused: Vec<MarkedText>,
    /// Later sound runs of another source, newest first.
    pub others: Vec<String>,
}

/// The kind of a trusted report.
enum SearchStep {
    /// The source manifest of a sound run.
    Sound(Box<Manifest>),
    /// A sound run of another source, with a description of that source.
    OtherSource(String),
    /// Not a sound run.
    Nothing,
}

struct Candidate {
    /// The run is not older than this.
    at: Timestamp,
    id: String,
    path: PathBuf,
}

impl Search {
    /// Searches from the newest report to the first usable one: most runs are sound, so one signature check is usually enough.
    ///
    /// # Errors
    /// The directory, the key or the list cannot be read.
    pub fn run(&self) -> Result<FoundBaseline> {
        let trusted = trusted(&self.key, self.listed.as_deref())?;
        let trust = Trust { allowed: &trusted, identity: None, now: self.now };
        let mut found = FoundBaseline::default();
        let mut found_at = None;
        for candidate in candidates(&self.directory)? {
            // Reports of the same second have no order.
            if found_at.is_some_and(|at| candidate.at < at) {
                break;
            }
            let id = &candidate.id;
            match self.word(&candidate, trust) {
                Ok(SearchStep::Sound(manifest)) if found_at.is_none() => {
                    found_at = Some(candidate.at);
                    (found.manifest, found.id) = (Some(*manifest), Some(candidate.id));
                }
                Ok(SearchStep::Sound(_) | SearchStep::Nothing) => {}
                Ok(SearchStep::OtherSource(what)) => found.others.push(format!("{id}: {what}")),
                Err(error) => found.refused.push(error.context(id).text()),
            }
        }
        Ok(found)
    }

    fn word(&self, candidate: &Candidate, trust: Trust<'_>) -> Result<SearchStep> {
        let bytes = files::read(&candidate.path, files::REPORT)?;
        demand_signed(&candidate.path, &bytes, trust)?;
        let report = Report::from_bytes(&bytes)?;
        demand_place(&report, &candidate.id, self.now)?;
        if report.command != "nightly" || !report.proves_dump() {
            return Ok(SearchStep::Nothing);
        }
        match self.current.other_source(&report) {
            Some(what) => Ok(SearchStep::OtherSource(what)),
            None => expected(&report, &candidate.path).map(|manifest| SearchStep::Sound(Box::new(manifest))),
        }
    }
}

/// Our own key and the signers that the configuration lists.
///
/// # Errors
/// When the key or the list cannot be read.
pub fn trusted(key: &KeyFile, listed: Option<&Path>) -> Result<AllowedSigners> {
    let key = reports::read_key(key)?;
    let own = signature::allowed_signers_line("pgwitness", key.public_key())?;
    let listed = listed.map(user_files::allowed_signers_text).transpose()?;
    AllowedSigners::parse(&format!("{own}\n{}", listed.unwrap_or_default()))
}

fn candidates(directory: &Path) -> Result<Vec<Candidate>> {
    let mut all: Vec<Candidate> = reports::reports_in(directory)?.into_iter().map(candidate).collect();
    all.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    Ok(all)
}

/// A report without a time may be the newest.
fn candidate(path: PathBuf) -> Candidate {
    let name = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let id = name.unwrap_or_default();
    let named = id.split_once('-').and_then(|(stamp, _)| Timestamp::from_stamp(stamp));
    let claimed = files::read(&path, files::REPORT).ok().and_then(|bytes| reports::started_at_unverified(&bytes).ok());
    Candidate { at: named.max(claimed).unwrap_or(Timestamp::MAX), id, path }
}

fn demand_signed(path: &Path, bytes: &[u8], trust: Trust<'_>) -> Result<()> {
    match reports::authorship(path, bytes, signature::NAMESPACE, trust)? {
        Authorship::Of(_) => Ok(()),
        Authorship::Unsigned => Err(Error::new("not signed")),
        Authorship::BadSignature(reason) => Err(Error::new(format!("bad signature: {reason}"))),
        Authorship::UnknownSigner(reason) => Err(Error::new(format!("signer not allowed: {reason}"))),
    }
}

/// Rejects an old report in place of a new one, or one from the future: it would stay the baseline for ever.
fn demand_place(report: &Report, id: &str, now: Timestamp) -> Result<()> {
    let started_at = report.times.started_at;
    let name = reports::stamped_name(started_at, &report.run_id)?;
    if name != id {
        return Err(Error::new(format!("it is the report of {name}")));
    }
    if started_at > now {
        return Err(Error::new(format!("it began at {started_at}, but now is {now}")));
    }
    Ok(())
}

/// The manifest that the signature covers.
fn expected(report: &Report, path: &Path) -> Result<Manifest> {
    let file = report.side_files.iter().find(|file| file.name == reports::EXPECTED);
    let file = file.ok_or_else(|| Error::new(format!("it has no {}", reports::EXPECTED)))?;
    if let Some(change) = reports::change(path, file) {
        return Err(Error::new(change));
    }
    reports::load_manifest(&path.with_file_name(reports::EXPECTED)).doing(|| "read its manifest")
}
