//! Finding the last sound night of the same source among the reports.
//!
//! Never takes a report's own word for anything before its signature counts, except for where to look first; and there the later of
//! its own word and the name of its directory counts, so that neither can hide it behind an older night.

use std::path::{Path, PathBuf};

use super::same::Tonight;
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::model::manifest::Manifest;
use crate::model::report::Report;
use crate::storage::reports::{self, Authorship, KeyFile, Trust};
use crate::storage::signature;
use crate::storage::signers::AllowedSigners;
use crate::storage::user_files;

/// Where to look, and whom to believe.
pub struct Search {
    /// Of the reports.
    pub directory: PathBuf,
    /// Our own: it counts always, so that a night needs no list to believe the nights before it.
    pub key: KeyFile,
    /// An `allowed_signers` file.
    pub listed: Option<PathBuf>,
    /// By the clock.
    pub now: Timestamp,
    /// What the night has to be of.
    pub tonight: Tonight,
}

/// What was found.
#[derive(Debug, Default)]
pub struct FoundBaseline {
    /// What the source held.
    pub manifest: Option<Manifest>,
    /// Name of its directory.
    pub id: Option<String>,
    /// Later ones that cannot be believed or read, with the reason, the newest first.
    pub refused: Vec<String>,
    /// Later sound nights of another source, the newest first.
    pub others: Vec<String>,
}

/// What a report is that can be believed.
enum SearchStep {
    /// What the source of a sound night held.
    Sound(Box<Manifest>),
    /// A sound night, and what it was of.
    OtherSource(String),
    /// No sound night.
    Nothing,
}

struct Candidate {
    /// Not before this.
    at: Timestamp,
    id: String,
    path: PathBuf,
}

impl Search {
    /// From the newest on, up to the first one that can be used: most nights are sound, so one signature is mostly all.
    ///
    /// # Errors
    /// When the directory, the key or the list cannot be read.
    pub fn run(&self) -> Result<FoundBaseline> {
        let trusted = trusted(&self.key, self.listed.as_deref())?;
        let trust = Trust { allowed: &trusted, identity: None, now: self.now };
        let mut found = FoundBaseline::default();
        let mut found_at = None;
        for candidate in candidates(&self.directory)? {
            // Those of one second have no order of their own.
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
                Err(error) => found.refused.push(format!("{id}: {error}")),
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
        match self.tonight.other_source(&report) {
            Some(what) => Ok(SearchStep::OtherSource(what)),
            None => expected(&report, &candidate.path).map(|manifest| SearchStep::Sound(Box::new(manifest))),
        }
    }
}

/// Our own key, and whom the configuration lists.
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

/// What says nothing of its time may be the newest.
fn candidate(path: PathBuf) -> Candidate {
    let name = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let id = name.unwrap_or_default();
    let named = id.split_once('-').and_then(|(stamp, _)| Timestamp::from_stamp(stamp));
    let claimed = files::read(&path, files::REPORT).ok().and_then(|bytes| reports::claimed_start(&bytes).ok());
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

/// An old report in the place of a new one, or one of a time to come, would be the measure for ever.
fn demand_place(report: &Report, id: &str, now: Timestamp) -> Result<()> {
    let started_at = report.times.started_at;
    let name = reports::stamped_name(started_at, &report.run_id)?;
    if name != id {
        return Err(Error::new(format!("it is the report of {name}")));
    }
    if started_at > now {
        return Err(Error::new(format!("it was begun at {started_at}, and now it is {now}")));
    }
    Ok(())
}

/// The manifest that was signed for.
fn expected(report: &Report, path: &Path) -> Result<Manifest> {
    let file = report.side_files.iter().find(|file| file.name == reports::EXPECTED);
    let file = file.ok_or_else(|| Error::new(format!("it has no {}", reports::EXPECTED)))?;
    if let Some(change) = reports::change(path, file) {
        return Err(Error::new(change));
    }
    reports::load_manifest(&path.with_file_name(reports::EXPECTED)).doing(|| "read what it saw")
}
