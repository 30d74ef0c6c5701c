//! Runs cleanup tasks: of this run at its end, of an earlier run at the start of the next, or in `sweep`.
//!
//! An instance is deleted only when it is proven to be of this program, a restored copy only when it is the one that was created,
//! and a dump moves only as its signed report states. What cannot be proven stays, and so does its cleanup task.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::access;
use super::context::RunContext;
use super::copy_disposition;
use super::offsite;
use super::restoring;
use super::temporary_instance::Cloud;
use crate::aws::{Claim, Deadline, DeletionPolicy, is_refusal, not_ours_message, still_billed_message};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::model::progress::Event;
use crate::model::report::Report;
use crate::postgres::restore_server;
use crate::storage::backups::{BackupState, Backups};
use crate::storage::files::FilesSnapshots;
use crate::storage::journal::{
    CleanupTask, CopyClaim, CopyIdentity, EarlierRun, Entry, FilesClaim, InstanceClaim, OpenJournals, Place,
    ReportFile, open_runs,
};
use crate::storage::reports;

/// Runs cleanup tasks.
pub struct Cleaner<'a> {
    /// Configuration and context.
    pub context: &'a RunContext<'a>,
    /// The API, when the source is on RDS and the API answered.
    pub cloud: Option<&'a Cloud>,
    /// Time limit for the deletion of one instance, instead of the configured one.
    pub patience: Option<Duration>,
}

/// What became of the cleanup tasks of earlier runs.
#[derive(Debug, Default)]
pub struct CleanupResult {
    /// What was done.
    pub notes: Vec<String>,
    /// What failed.
    pub problems: Vec<Error>,
}

impl Cleaner<'_> {
    /// Runs the cleanup tasks of earlier runs. `by_run` is the id of this run.
    pub async fn clean_up_earlier_runs(&self, runs: OpenJournals, by_run: &str) -> CleanupResult {
        let mut result = CleanupResult { notes: Vec::new(), problems: runs.unreadable };
        for past in runs.open {
            self.clean_up_run(past, by_run, &mut result).await;
        }
        result
    }

    async fn clean_up_run(&self, mut past: EarlierRun, by_run: &str, result: &mut CleanupResult) {
        let name = past.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !past.is_ended() {
            result.notes.push(format!("run {name} was interrupted"));
            result.problems.extend(self.clear_report(&past));
        }
        for task in past.cleanup_tasks() {
            if is_after_another(&task, &past) {
                continue;
            }
            let done = self.run_proven(&task, past.run_id()).await;
            let done = done.and_then(|done| {
                result.notes.push(format!("run {name}: {}", describe(&done)));
                past.mark_done(done)
            });
            result.problems.extend(done.err().map(|error| error.context(format!("clean up after run {name}"))));
        }
        if past.cleanup_tasks().is_empty() {
            result.problems.extend(past.close(by_run, (self.context.now)()).err());
        }
    }

    async fn run_proven(&self, task: &CleanupTask, run_id: Option<&str>) -> Result<Entry> {
        if let CleanupTask::Copy { claim, .. } = task {
            let checked = check_claim(claim, run_id, &self.context.config.restore.database);
            checked.map_err(|error| error.context(format!("drop {task}")))?;
        }
        self.run(task).await
    }

    /// Removes a report that was never finished. A finished one that is not in the journal stays: it is signed.
    fn clear_report(&self, past: &EarlierRun) -> Vec<Error> {
        let Some(Entry::RunStarted { run_id, at, .. }) = past.entries.first() else { return Vec::new() };
        let directory = &self.context.config.report.directory;
        let removed = reports::remove_unfinished_of(directory, *at, run_id).map(drop);
        let finished = reports::finish_closing_of(directory, *at, run_id).map(drop);
        [removed, finished].into_iter().filter_map(Result::err).collect()
    }

    /// Runs one cleanup task; returns the entry for the journal that contains the task.
    ///
    /// # Errors
    /// The cleanup task must still be run.
    pub async fn run(&self, task: &CleanupTask) -> Result<Entry> {
        match task {
            CleanupTask::Instance { claim: journaled, resource_id } => {
                self.delete_instance(journaled, resource_id.clone()).await?;
                Ok(task.gone())
            }
            CleanupTask::Backup { id, report } => self.place_backup(id, report.as_ref()),
            CleanupTask::Offsite { backup, dump } => {
                let stored = offsite::store_backup(self.context, backup, dump.as_deref()).await;
                stored.doing(|| format!("store the dump {backup} off site"))
            }
            CleanupTask::Copy { claim, created } => {
                let doing = || format!("drop the copy {}", claim.database);
                self.drop_copy(claim, created.as_ref()).await.doing(doing)
            }
            CleanupTask::Access(claim) => {
                let closed = access::close(self.context, claim, self.patience).await.map(|()| task.gone());
                closed.doing(|| format!("close the access to the source that the run {} opened", claim.run_id))
            }
            CleanupTask::Files { claim, report } => {
                let place = || place_files(claim, report.as_ref());
                let placed = tokio::task::block_in_place(place).doing(|| format!("place the {task}"))?;
                Ok(Entry::FilesPlaced { claim: claim.clone(), place: placed })
            }
            CleanupTask::Server { directory } => {
                let tools = self.context.server_tools()?;
                // Block here: it must be gone before the journal says so.
                tokio::task::block_in_place(|| restore_server::remove(Path::new(directory), &tools))?;
                Ok(task.gone())
            }
        }
    }

    async fn delete_instance(&self, journaled: &InstanceClaim, resource_id: Option<String>) -> Result<()> {
        let warned = |error: Error| {
            let message = if is_refusal(&error) { not_ours_message } else { still_billed_message };
            let warning = error.text().map(|why| message(&journaled.identifier, &journaled.region, why));
            (self.context.listener)(Event::Warning(&warning));
            error.context(format!("delete the temporary instance {}", journaled.identifier))
        };
        let Some(cloud) = self.cloud else {
            return Err(warned(Error::new("RDS cannot be queried")));
        };
        self.delete_by(cloud, journaled, resource_id).await.map_err(warned)
    }

    async fn delete_by(&self, cloud: &Cloud, journaled: &InstanceClaim, resource_id: Option<String>) -> Result<()> {
        let claim = Claim::journaled(journaled, resource_id.as_deref());
        let configured = cloud.rds.source().temporary.delete_timeout.duration();
        let deadline = Deadline::after(self.patience.unwrap_or(configured));
        // The prefix that was configured when the instance was ordered.
        let guard = DeletionPolicy { prefix: journaled.prefix.clone(), ..cloud.guard(self.context) };
        cloud.rds.remove(&claim, &guard, deadline, &mut Vec::new()).await.map(drop)
    }

    /// The random part of the name excludes databases of others; an OID in the journal must match too.
    async fn drop_copy(&self, claim: &CopyClaim, created: Option<&CopyIdentity>) -> Result<Entry> {
        let database = claim.database.clone();
        let server = self.context.restore_server().await.map_err(|error| {
            error.hint(format!("it is on {}: drop it there yourself, or set restore.url again", claim.server))
        })?;
        if server.describe() != claim.server {
            let error = Error::new(format!("it is on {}, and restore.url is now {}", claim.server, server.describe()));
            return Err(error.hint("drop it there yourself"));
        }
        if created.is_none() {
            restoring::wait_for_creation(&server, &database).await?;
        }
        let found = restoring::find_copy(&server, &database).await?;
        let copy = match (created, &found) {
            // The copy has its public name already: the run ended right after the rename.
            (Some(created), None) if copy_disposition::is_kept(self.context, created)? => {
                return Ok(Entry::CopyKept { database });
            }
            (Some(created), _) => created,
            (None, Some(found)) => found,
            (None, None) => return Ok(Entry::CopyGone { database }),
        };
        restoring::drop_copy(&server, copy, &self.context.config.protected.databases).await?;
        Ok(Entry::CopyGone { database })
    }

    /// The report decides, if it is the one that was signed.
    fn place_backup(&self, id: &str, report: Option<&ReportFile>) -> Result<Entry> {
        let backups = Backups::open(&self.context.config.dump.directory)?;
        let signed = report.map(read_report).transpose()?.flatten();
        // A report that was never written to disk does not count.
        let report = report.filter(|_| signed.is_some());
        let place = match signed {
            Some(signed) if signed.proves_dump() => Place::Verified,
            Some(signed) if signed.verdict.is_damaged() => Place::Damaged,
            Some(_) | None => backups.recover(id)?,
        };
        // A run may be found damaged before its dump was complete.
        let place = match (place, backups.whereabouts(id)?) {
            (Place::Verified, Some(BackupState::Partial) | None) => {
                return Err(Error::new(format!("the dump {id} was verified, and is missing")));
            }
            (Place::Damaged, Some(BackupState::Partial) | None) => Place::Discarded,
            (place, _) => place,
        };
        backups.place(id, place, report)?;
        Ok(Entry::BackupPlaced { id: id.to_owned(), place })
    }
}

/// The report decides, if it is the one that was signed.
fn place_files(claim: &FilesClaim, report: Option<&ReportFile>) -> Result<Place> {
    let snapshots = FilesSnapshots::new(claim.directory.clone().into());
    let path = snapshots.path(&claim.id).display().to_string();
    let signed = report.map(read_report).transpose()?.flatten();
    let is_proven = signed.is_some_and(|signed| signed.proven_files().any(|(_, snapshot)| snapshot.path == path));
    snapshots.place(&claim.id, is_proven)
}

/// A backup goes off site only after it is placed, and so are its files.
fn is_after_another(task: &CleanupTask, past: &EarlierRun) -> bool {
    let CleanupTask::Offsite { backup, .. } = task else { return false };
    past.cleanup_tasks().iter().any(|other| match other {
        CleanupTask::Backup { id, .. } => id == backup,
        CleanupTask::Files { .. } => true,
        _ => false,
    })
}

/// The journal could be forged, and the database that it names is dropped: the name must be one that this run would have chosen.
fn check_claim(claim: &CopyClaim, run_id: Option<&str>, configured: &str) -> Result<()> {
    let short = run_id.and_then(|id| id.get(..8)).filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let Some(short) = short else {
        return Err(Error::new("its journal names no run").hint("drop it yourself, if it is a copy of pgwitness"));
    };
    if claim.database.strip_suffix(short).and_then(|name| name.strip_suffix('_')) == Some(configured) {
        return Ok(());
    }
    let error = Error::new(format!("its name is not {configured}_{short}, as the run would have called it"));
    Err(error.hint("restore.database may have been changed since; drop it yourself, if it is a copy of pgwitness"))
}

/// `None`: the run ended between announcing the report in the journal and writing it.
fn read_report(file: &ReportFile) -> Result<Option<Report>> {
    let path = Path::new(&file.path);
    let bytes = match files::read(path, files::REPORT) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes.doing(|| format!("read {}", path.display()))?,
    };
    if reports::sha256(&bytes) != file.sha256 {
        return Err(Error::new("it is not the report that was signed").context(format!("read {}", path.display())));
    }
    Ok(Some(Report::from_bytes(&bytes)?))
}

pub fn describe(done: &Entry) -> String {
    match done {
        Entry::InstanceGone { identifier } => format!("the temporary instance {identifier} is gone"),
        Entry::BackupPlaced { id, place: Place::Unverified } => format!("the dump {id} was left unverified"),
        Entry::BackupPlaced { id, place } => format!("the dump {id} was {place}"),
        Entry::OffsiteStored { backup } => format!("the dump {backup} was stored off site"),
        Entry::OffsiteDropped { backup, why } => format!("the dump {backup} was not stored off site: {why}"),
        Entry::CopyGone { database } => format!("the copy {database} was dropped"),
        Entry::FilesPlaced { claim, place } => format!(
            "the snapshot {}/{} was {}",
            claim.directory,
            claim.id,
            match place {
                Place::Verified => "placed",
                Place::Damaged | Place::Unverified => "left unverified",
                Place::Discarded => "removed",
            }
        ),
        Entry::AccessClosed { .. } => "access to the source was closed".to_owned(),
        Entry::ServerGone { directory } => format!("the restore server in {directory} was removed"),
        other => format!("{other:?}"),
    }
}

/// The journals of earlier runs.
///
/// # Errors
/// The journals cannot be listed.
pub fn earlier(context: &RunContext<'_>) -> Result<OpenJournals> {
    open_runs(context.state())
}
