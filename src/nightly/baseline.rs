//! Tonight held against the last night that was sound, by the rules of `[[drift]]`.
//!
//! Never takes the word of a report that is not signed by us or by an allowed signer, nor a manifest that is not the one that was
//! signed; and never takes "could not be read" for "there was none".

use std::fs;
use std::path::Path;

use super::given::Given;
use super::witness::Witnessed;
use crate::compare::Request;
use crate::drift::{self, Rule};
use crate::error::{Context, Error, Result};
use crate::finding::Unchecked;
use crate::manifest::Manifest;
use crate::report::Report;
use crate::signature;
use crate::signers::AllowedSigners;
use crate::store::{self, Check};
use crate::time::Timestamp;
use crate::userfiles;

/// Adds to the outcome what the rules say. Where they cannot be applied, that is unchecked; what was compared stands.
pub async fn judge(witnessed: &mut Witnessed, given: &Given<'_>, request: &Request) {
    if given.config.drift.is_empty() {
        return;
    }
    if let Err(error) = apply(witnessed, given, request).await {
        witnessed.comparison.outcome.unchecked.push(unchecked(format!("the rules could not be applied: {error}")));
    }
}

async fn apply(witnessed: &mut Witnessed, given: &Given<'_>, request: &Request) -> Result<()> {
    let rules = drift::rules(&given.config.drift)?;
    let trusted = trusted(given).await?;
    let found = tokio::task::block_in_place(|| last_sound(&given.config.report.directory, &trusted, (given.now)()))?;
    let comparison = &mut witnessed.comparison;
    let mut judged = drift::judge(found.manifest.as_ref(), &comparison.expected, &rules);
    if found.manifest.is_none() && rules.iter().any(Rule::needs_previous) {
        let why = |reason: &String| unchecked(format!("no sound night can be used: {reason}"));
        judged.unchecked.extend(found.refused.first().map(why));
    }
    judged.remarks.extend(found.refused.into_iter().map(|reason| format!("drift: passed over {reason}")));
    judged.remarks.extend(found.id.map(|id| format!("drift: held against the night {id}")));
    judged.add_to(&mut comparison.outcome, &request.waivers);
    Ok(())
}

fn unchecked(reason: String) -> Unchecked {
    Unchecked { object: "drift".into(), side: "expected".into(), reason }
}

/// Our own key counts always, so that a night needs no list to believe the nights before it.
async fn trusted(given: &Given<'_>) -> Result<AllowedSigners> {
    let key = store::read_key(&given.key().await?)?;
    let own = signature::allowed_signers_line("pgwitness", key.public_key())?;
    let listed = given.config.report.allowed_signers.as_deref().map(userfiles::allowed_signers_text).transpose()?;
    AllowedSigners::parse(&format!("{own}\n{}", listed.unwrap_or_default()))
}

#[derive(Debug, Default)]
struct Found {
    /// What the source held.
    manifest: Option<Manifest>,
    /// Name of its directory.
    id: Option<String>,
    /// Newer ones that cannot be believed or read, with the reason.
    refused: Vec<String>,
}

/// Names of directories begin with the time, so the newest comes first.
fn last_sound(dir: &Path, trusted: &AllowedSigners, now: Timestamp) -> Result<Found> {
    let mut found = Found::default();
    for path in store::reports_in(dir)?.into_iter().rev() {
        let id = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let id = id.unwrap_or_default();
        match expected(&path, trusted, now) {
            Ok(None) => {}
            Ok(Some(manifest)) => {
                (found.manifest, found.id) = (Some(manifest), Some(id));
                break;
            }
            Err(error) => found.refused.push(format!("{id}: {error}")),
        }
    }
    Ok(found)
}

/// What the source of a sound night held; `None` when the report says that it was none.
fn expected(path: &Path, trusted: &AllowedSigners, now: Timestamp) -> Result<Option<Manifest>> {
    let is_sound_night = |report: &Report| report.command == "nightly" && report.verdict.is_sound();
    // Its own word first: most need not be verified.
    if !is_sound_night(&Report::from_bytes(&fs::read(path)?)?) {
        return Ok(None);
    }
    let report = match store::verify(path, trusted, None, now)? {
        Check::Good(verified) => verified.report,
        check => return Err(Error::new(check.to_string())),
    };
    let is_listed = report.side_files.iter().any(|file| file.name == store::EXPECTED);
    if !is_sound_night(&report) || !is_listed {
        return Err(Error::new(format!("it has no {}", store::EXPECTED)));
    }
    store::load_manifest(&path.with_file_name(store::EXPECTED)).map(Some).doing(|| "read what it saw")
}
