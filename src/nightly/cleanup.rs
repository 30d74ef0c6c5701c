//! Performs cleanup tasks: of this run at its end, of an earlier run at the start of the next, or in `sweep`.
//!
//! An instance is deleted only when it is proven to be of this program, a restored copy only when it is the one that was created,
//! and a dump moves only as its signed report states. What cannot be proven stays, and so does its cleanup task.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::context::RunContext;
use super::copy;
use super::temporary_instance::Cloud;
use crate::aws::{Claim, Deadline, Guard, debt, is_refusal, left_alone};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::model::progress::Event;
use crate::model::report::Report;
use crate::nightly::restoring::{self, CopyIdentity};
use crate::storage::backups::{Backups, Whereabouts};
use crate::storage::journal::{CopyClaim, Debt, Entry, InstanceClaim, Past, Place, ReportFile, open_runs};

/// Performs cleanup tasks.
pub struct Cleaner<'a> {
    /// Configuration and context.
    pub given: &'a RunContext<'a>,
    /// The API, when the source is on RDS and the API answered.
    pub cloud: Option<&'a Cloud>,
    /// Time limit for the deletion of one instance, instead of the configured one.
    pub patience: Option<Duration>,
}

/// The result of the cleanup tasks of earlier runs.
#[derive(Debug, Default)]
pub struct Recovered {
    /// What was done, for people.
    pub notes: Vec<String>,
    /// What failed.
    pub troubles: Vec<Error>,
}

impl Cleaner<'_> {
    /// Performs the cleanup tasks of earlier runs. `by_run` is the id of this run.
    ///
    /// # Errors
    /// The journals cannot be listed.
    pub async fn recover(&self, runs: crate::storage::journal::Runs, by_run: &str) -> Recovered {
        let mut recovered = Recovered { notes: Vec::new(), troubles: runs.unreadable };
        for past in runs.open {
            self.recover_run(past, by_run, &mut recovered).await;
        }
        recovered
    }

    async fn recover_run(&self, mut past: Past, by_run: &str, recovered: &mut Recovered) {
        let name = past.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !past.is_ended() {
            recovered.notes.push(format!("run {name} was interrupted"));
            self.clear_report(&past, recovered);
        }
        for debt in past.debts() {
            let proven = match &debt {
                Debt::Copy { claim, .. } => check_claim(claim, past.run_id(), &self.given.config.restore.database),
                Debt::Instance { .. } | Debt::Backup { .. } => Ok(()),
            };
            let paid = match proven {
                Ok(()) => self.pay(&debt).await,
                Err(error) => Err(error.context(format!("drop {debt}"))),
            };
            let paid = paid.and_then(|paid| {
                recovered.notes.push(format!("run {name}: {}", words(&paid)));
                past.settle(paid)
            });
            if let Err(error) = paid {
                recovered.troubles.push(error.context(format!("clean up after run {name}")));
            }
        }
        if past.debts().is_empty()
            && let Err(error) = past.close(by_run, (self.given.now)())
        {
            recovered.troubles.push(error);
        }
    }

    /// Removes a report that was never finished. A finished one that is not in the journal stays: it is signed.
    fn clear_report(&self, past: &Past, recovered: &mut Recovered) {
        let Some(Entry::RunStarted { run_id, at, .. }) = past.entries.first() else { return };
        let reports = &self.given.config.report.directory;
        let removed = crate::storage::reports::remove_unfinished_of(reports, *at, run_id).map(drop);
        let finished = crate::storage::reports::finish_closing_of(reports, *at, run_id).map(drop);
        recovered.troubles.extend([removed, finished].into_iter().filter_map(Result::err));
    }

    /// Performs one cleanup task; returns the entry for the journal that contains the task.
    ///
    /// # Errors
    /// The cleanup task must still be performed.
    pub async fn pay(&self, debt: &Debt) -> Result<Entry> {
        match debt {
            Debt::Instance { claim: journaled, resource_id } => {
                self.delete_instance(journaled, resource_id.clone()).await?;
                Ok(debt.gone())
            }
            Debt::Backup { id, report } => self.place_backup(id, report.as_ref()),
            Debt::Copy { claim, created } => {
                let doing = || format!("drop the copy {}", claim.database);
                self.drop_copy(claim, created.as_ref()).await.doing(doing)
            }
        }
    }

    async fn delete_instance(&self, journaled: &InstanceClaim, resource_id: Option<String>) -> Result<()> {
        let loud = |error: Error| {
            let words = if is_refusal(&error) { left_alone } else { debt };
            let warning = error.text().map(|why| words(&journaled.identifier, &journaled.region, why));
            (self.given.listener)(Event::Warning(&warning));
            error.context(format!("delete the temporary instance {}", journaled.identifier))
        };
        let Some(cloud) = self.cloud else {
            return Err(loud(Error::new("RDS cannot be queried")));
        };
        self.delete_by(cloud, journaled, resource_id).await.map_err(loud)
    }

    async fn delete_by(&self, cloud: &Cloud, journaled: &InstanceClaim, resource_id: Option<String>) -> Result<()> {
        let claim = Claim::journaled(journaled, resource_id.as_deref());
        let configured = cloud.rds.source().temporary.delete_timeout.duration();
        let deadline = Deadline::after(self.patience.unwrap_or(configured));
        // The prefix that was configured when the instance was ordered.
        let guard = Guard { prefix: journaled.prefix.clone(), ..cloud.guard(self.given) };
        cloud.rds.remove(&claim, &guard, deadline, &mut Vec::new()).await.map(drop)
    }

    /// The random part of the name excludes databases of others; an OID in the journal must match too.
    async fn drop_copy(&self, claim: &CopyClaim, created: Option<&(u32, String)>) -> Result<Entry> {
        let (gone, kept) = (
            Entry::CopyGone { database: claim.database.clone() },
            Entry::CopyKept { database: claim.database.clone() },
        );
        let server = self.given.restore_server().await?;
        if server.describe() != claim.server {
            let error = Error::new(format!("it is on {}, and restore.url is now {}", claim.server, server.describe()));
            return Err(error.hint("drop it there yourself"));
        }
        let protected = &self.given.config.protected.databases;
        if created.is_none() {
            restoring::wait_for_creation(&server, &claim.database).await?;
        }
        let copy = match created {
            // The copy has its public name already: the run ended right after the rename.
            Some((oid, system)) if copy::is_kept(self.given, *oid, system)? => {
                if restoring::find_copy(&server, &claim.database).await?.is_none() {
                    return Ok(kept);
                }
                CopyIdentity { database: claim.database.clone(), oid: *oid, system_identifier: system.clone() }
            }
            Some((oid, system)) => {
                CopyIdentity { database: claim.database.clone(), oid: *oid, system_identifier: system.clone() }
            }
            None => match restoring::find_copy(&server, &claim.database).await? {
                Some(found) => found,
                None => return Ok(gone),
            },
        };
        restoring::drop_copy(&server, &copy, protected).await.map(|_| gone)
    }

    /// The report decides, if it is the one that was signed.
    fn place_backup(&self, id: &str, report: Option<&ReportFile>) -> Result<Entry> {
        let backups = Backups::open(&self.given.config.dump.directory)?;
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
            (Place::Verified, Some(Whereabouts::Partial) | None) => {
                return Err(Error::new(format!("the dump {id} was verified, and is missing")));
            }
            (Place::Damaged, Some(Whereabouts::Partial) | None) => Place::Discarded,
            (place, _) => place,
        };
        backups.place(id, place, report)?;
        Ok(Entry::BackupPlaced { id: id.to_owned(), place })
    }
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
    if crate::storage::reports::sha256(&bytes) != file.sha256 {
        return Err(Error::new("it is not the report that was signed").context(format!("read {}", path.display())));
    }
    Ok(Some(Report::from_bytes(&bytes)?))
}

fn words(paid: &Entry) -> String {
    match paid {
        Entry::InstanceGone { identifier } => format!("the temporary instance {identifier} is gone"),
        Entry::BackupPlaced { id, place: Place::Unverified } => format!("the dump {id} was left unverified"),
        Entry::BackupPlaced { id, place } => format!("the dump {id} was {place}"),
        Entry::CopyGone { database } => format!("the copy {database} was dropped"),
        other => format!("{other:?}"),
    }
}

/// The journals of earlier runs.
///
/// # Errors
/// The journals cannot be listed.
pub fn earlier(given: &RunContext<'_>) -> Result<crate::storage::journal::Runs> {
    open_runs(given.state())
}
