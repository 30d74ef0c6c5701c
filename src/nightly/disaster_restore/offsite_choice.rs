//! Chooses a backup in an off-site repository and fetches it: first its signed report, then the files that the report lists.
//!
//! The tags of the repository are only hints. What is restored is proven by the signature of the report and by the hashes in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Chosen, WantedBackup};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::text::bytes;
use crate::model::progress::Event;
use crate::model::report::Report;
use crate::model::run::{CLOSING, DumpFacts};
use crate::nightly::dumping;
use crate::nightly::offsite;
use crate::storage::backups::{DumpMetadata, FetchedBackup, demand_free};
use crate::storage::offsite::{FetchTarget, OffsiteBackup, OffsiteRepository};
use crate::storage::reports::{self, SignatureCheck};
use crate::storage::timestamp::TIMESTAMP;

/// Where a backup is fetched from and to.
pub struct FetchPlan<'a> {
    /// The repository.
    pub repository: &'a OffsiteRepository,
    /// An empty directory for the report and the dump.
    pub directory: &'a Path,
    /// The tag of the configured source; `None`: any source.
    pub source: Option<&'a str>,
}

/// A backup whose files match the signed report. If they were fetched, they are removed when it is dropped.
pub struct FetchedChoice {
    /// The backup.
    pub chosen: Chosen,
    _files: Option<FetchedBackup>,
}

impl FetchedChoice {
    /// Of this machine.
    pub fn local(chosen: Chosen) -> Self {
        Self { chosen, _files: None }
    }
}

/// Chooses the backup, and fetches it.
///
/// # Errors
/// There is none; its report is not signed by an allowed signer or proves nothing; the disk has no space for it; a file differs.
pub async fn fetch(wanted: &WantedBackup<'_>, plan: &FetchPlan<'_>) -> Result<FetchedChoice> {
    (wanted.context.listener)(Event::Phase("list the backups in the off-site repository"));
    let all = plan.repository.backups().await?;
    let (backup, notes) =
        choose(&all, wanted.backup, plan).doing(|| format!("look into {}", plan.repository.describe()))?;
    (wanted.context.listener)(Event::Phase("fetch the signed report"));
    let doing = || format!("fetch the backup {}", backup.id);
    let signed = signed_report(wanted, plan, backup).await.doing(doing)?;
    demand_room(plan, signed.dump.bytes).doing(doing)?;
    (wanted.context.listener)(Event::Phase(&format!("fetch the dump ({})", bytes(signed.dump.bytes))));
    let files = fetch_dump(plan, backup, &signed).await.doing(doing)?;
    let globals = plan.directory.join(dumping::GLOBALS);
    // It stays when the roles must be created first.
    std::fs::copy(files.backup.path.join(dumping::GLOBALS), &globals).ok();
    let SignedReport { report, path, signer, .. } = signed;
    let report_directory = path.parent().map(Path::to_owned).unwrap_or_default();
    let chosen = Chosen { backup: files.backup.clone(), report, report_directory, signer, globals, notes };
    Ok(FetchedChoice { chosen, _files: Some(files) })
}

/// The named backup, or the newest one that is verified by its tags; and notes for the user.
fn choose<'a>(
    all: &'a [OffsiteBackup],
    named: Option<&str>,
    plan: &FetchPlan<'_>,
) -> Result<(&'a OffsiteBackup, Vec<String>)> {
    let own: Vec<&OffsiteBackup> = all.iter().filter(|one| plan.source.is_none_or(|tag| one.source == tag)).collect();
    if let Some(id) = named {
        let backup = by_name(all, id)?;
        let other = plan.source.filter(|source| *source != backup.source);
        let note = other.map(|source| format!("backup {} is of {}, and not of {source}", backup.id, backup.source));
        return Ok((backup, note.into_iter().collect()));
    }
    let verified: Vec<&OffsiteBackup> = own.iter().copied().filter(|one| one.is_verified()).collect();
    let Some(newest) = verified.first().copied() else {
        let of = plan.source.map(|tag| format!(" with the tag {tag}")).unwrap_or_default();
        return Err(Error::new(format!("there is no verified backup{of}")).hint(listed(all)));
    };
    if verified.iter().any(|other| other.source != newest.source) {
        let error = Error::new("there are backups of several sources");
        return Err(error.hint(format!("name one with --backup; {}", listed(all))));
    }
    let newer = own.iter().take_while(|other| other.id != newest.id);
    let notes = newer.map(|other| format!("backup {} is newer, and not verified or not complete: not taken", other.id));
    Ok((newest, notes.collect()))
}

fn by_name<'a>(all: &'a [OffsiteBackup], id: &str) -> Result<&'a OffsiteBackup> {
    let mut found = all.iter().filter(|backup| !id.is_empty() && backup.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(backup), None) if backup.is_verified() => Ok(backup),
        (Some(backup), None) => {
            Err(Error::new(format!("the backup {} is not verified, or not complete", backup.id)).hint(listed(all)))
        }
        (Some(_), Some(_)) => Err(Error::new(format!("several backups have an id that begins with {id:?}"))
            .hint("give more characters of the id")),
        (None, _) => Err(Error::new(format!("there is no backup {id:?}")).hint(listed(all))),
    }
}

/// The newest verified backup of each source.
fn listed(all: &[OffsiteBackup]) -> String {
    let mut sources = std::collections::BTreeMap::<&str, &str>::new();
    for backup in all.iter().filter(|backup| backup.is_verified()) {
        sources.entry(&backup.source).or_insert(&backup.id);
    }
    match sources.is_empty() {
        true => "no backup in it is verified; list its snapshots with `restic snapshots`".to_owned(),
        false => {
            let newest: Vec<String> = sources.iter().map(|(source, id)| format!("{id} ({source})")).collect();
            format!("the newest verified ones: {}", newest.join(", "))
        }
    }
}

fn demand_room(plan: &FetchPlan<'_>, bytes: u64) -> Result<()> {
    let hint = "name a directory with more space: --download-to DIR";
    demand_free(plan.directory, bytes).map_err(|error| error.without_hint().hint(hint))
}

/// A report with a good signature that proves its dump.
struct SignedReport {
    report: Report,
    dump: DumpFacts,
    path: PathBuf,
    signer: String,
}

async fn signed_report(
    wanted: &WantedBackup<'_>,
    plan: &FetchPlan<'_>,
    backup: &OffsiteBackup,
) -> Result<SignedReport> {
    let snapshot = backup.reports.first().ok_or_else(|| Error::new("its report is not there"))?;
    let listed = plan.repository.list(&snapshot.id).await?;
    demand_room(plan, listed.iter().map(|(_, bytes)| bytes).sum())?;
    let directory = plan.directory.join("reports");
    let target = FetchTarget { directory: directory.clone(), is_wanted: Arc::new(is_of_report) };
    let received = plan.repository.receive(&snapshot.id, "", Some(target)).await?;
    let name = received.keys().find(|path| file_name(path) == reports::REPORT);
    let path = directory.join(name.ok_or_else(|| Error::new("there is no report.json in its snapshot"))?);
    let check = reports::verify(&path, wanted.signers, None, (wanted.context.now)())?;
    let SignatureCheck::Good(verified) = check else { return Err(Error::new(check.to_string())) };
    let dump = verified.report.night.as_ref().and_then(|night| night.dump.clone());
    let dump = dump.filter(|dump| dump.backup == backup.id);
    let dump = dump.ok_or_else(|| Error::new("its report is of another dump"))?;
    if !verified.report.proves_dump() {
        return Err(Error::new(format!("its report says {}, and does not prove the dump", verified.report.verdict)));
    }
    Ok(SignedReport { report: verified.report.clone(), dump, path, signer: verified.signer.to_string() })
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// `NAME/report.json` and what is signed with it, within the limits of such files.
fn is_of_report(path: &str, bytes: u64) -> bool {
    let limits = [
        (reports::REPORT, files::REPORT),
        (reports::SIGNATURE, files::SIGNATURE),
        (TIMESTAMP, files::TIMESTAMP),
        (CLOSING, files::CLOSING),
        ("closing.json.sig", files::SIGNATURE),
        (reports::EXPECTED, files::MANIFEST),
        (reports::ACTUAL, files::MANIFEST),
        (reports::DUMP, files::MANIFEST),
    ];
    let is_below = path.matches('/').count() == 1;
    is_below && limits.iter().any(|(name, limit)| file_name(path) == *name && bytes <= limit.bytes())
}

/// A repeated upload may have left several snapshots of one dump: any that matches the report is as good.
async fn fetch_dump(plan: &FetchPlan<'_>, backup: &OffsiteBackup, signed: &SignedReport) -> Result<FetchedBackup> {
    let (report, dump) = (&signed.report, &signed.dump);
    let night = report.night.as_ref();
    let made = DumpMetadata {
        run_id: report.run_id.clone(),
        source: night.and_then(|night| night.source.clone()),
        data_as_of: night.and_then(|night| night.data_as_of).unwrap_or(report.times.started_at),
        made_at: report.times.finished_at,
        format: dump.format.clone(),
        pg_dump: dump.pg_dump.clone(),
    };
    let mut failed = Error::new("its dump is not there");
    for snapshot in &backup.dumps {
        match offsite::fetch(plan.repository, &snapshot.id, plan.directory, dump, &made).await {
            Ok((_, fetched)) => return Ok(fetched),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_report_are_written() {
        assert!(is_of_report("20260131T020000Z-1f2e3d4c/report.json", 1000));
        for path in ["report.json", "a/b/report.json", "a/passwd", "a/report.html"] {
            assert!(!is_of_report(path, 1000), "{path}");
        }
        assert!(!is_of_report("a/report.json.sig", 1 << 30));
    }
}
