//! Restores the dump of a run into a new database with pg_restore, and reads the dump's manifest.

use std::path::Path;

use super::Failure;
use super::dump::SourceDump;
use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::ComparisonJob;
use crate::model::manifest::Manifest;
use crate::model::progress::Side;
use crate::model::run::{Complaint, RestoreFacts};
use crate::nightly::context::RunContext;
use crate::nightly::current_run::CurrentRun;
use crate::nightly::preflight::Ready;
use crate::nightly::restore_into::{RestorableDump, RestoreTarget, restore_into};
use crate::nightly::restoring::{self, CopyIdentity, Members, Restored};
use crate::nightly::three_way;
use crate::storage::backups::Backup;
use crate::storage::journal::{CopyClaim, Entry};

/// The database that was restored from a dump.
pub struct RestoredCopy {
    /// What was restored.
    pub dump: SourceDump,
    /// The manifest of the dump itself.
    pub manifest: Manifest,
    /// The database.
    pub identity: CopyIdentity,
    /// What the restore server refused.
    pub restored: Restored,
}

/// Restores the dump and reads its manifest at the same time.
///
/// # Errors
/// The dump changed meanwhile, or nothing can be restored from it.
pub async fn restore(
    run: &mut CurrentRun<'_>,
    dump: SourceDump,
    ready: &Ready,
    job: &ComparisonJob,
) -> Result<RestoredCopy, Failure> {
    run.steps.begin("restore")?;
    let members = Members::of_source(&dump.source.conninfo).await.unwrap_or_else(|error| {
        run.steps.note(error.text());
        Members::default()
    });
    let restorable = RestorableDump::new(dump.restorable(), members)?;
    let database = run.context.copy_name(&run.run_id);
    let target = RestoreTarget { server: &ready.server, database: &database };
    let identity = create(run, &restorable, target).await?;
    let path = dump.restorable().dump_path();
    let read = tokio::try_join!(
        restore_into(run.context, &restorable, target, &identity, &ready.tools),
        read_dump(run.context, &path, job)
    );
    demand_unchanged(&dump.backup).await?;
    if let Some(fetched) = &dump.fetched {
        demand_unchanged(&fetched.backup).await?;
    }
    let (restored, manifest) = read?;
    let redaction = job.show.redaction;
    let shown: Vec<Complaint> = restored.complaints.iter().map(|complaint| redaction.complaint(complaint)).collect();
    restored.notes.iter().for_each(|note| run.steps.note(note));
    for Complaint { object, message, .. } in &shown {
        let safe = format!("pg_restore complained of {object}");
        run.steps.note(MarkedText::with_values(format!("pg_restore: {object}: {message}"), safe));
    }
    run.facts.restore = Some(RestoreFacts { database, pg_restore: restored.pg_restore.clone(), complaints: shown });
    run.steps.done()?;
    Ok(RestoredCopy { dump, manifest, identity, restored })
}

/// Creates the database; the journal has its name before, and its identity after. A server of the run's own is in the journal
/// already.
async fn create(
    run: &mut CurrentRun<'_>,
    dump: &RestorableDump<'_>,
    target: RestoreTarget<'_>,
) -> Result<CopyIdentity> {
    if target.server.is_own() {
        return target.create(run.context, dump).await;
    }
    let (admin, database) = (&target.server.admin, target.database.to_owned());
    // Check before the intent is journaled: an existing database is not ours to clean up.
    if restoring::find_copy(admin, &database).await?.is_some() {
        return Err(Error::new(format!("there is a database {database} already")));
    }
    let claim = CopyClaim { database, server: admin.describe(), at: (run.context.now)() };
    run.steps.journal.append(&Entry::CopyIntended(claim))?;
    let copy = target.create(run.context, dump).await?;
    run.steps.journal.append(&Entry::CopyCreated(copy.clone()))?;
    Ok(copy)
}

async fn read_dump(context: &RunContext<'_>, path: &Path, job: &ComparisonJob) -> Result<Manifest> {
    let options = context.open_options();
    let text = path.to_str().ok_or_else(|| Error::new("the path of the dump is not UTF-8"))?;
    let endpoint = Endpoint::open(text, Side::Actual, &options).await?;
    three_way::capture(&endpoint, job, &context.listener).await.doing(|| "read the dump")
}

/// Requires that the dump on disk is what pg_dump wrote. Reads it on a blocking thread, while signals are handled.
async fn demand_unchanged(backup: &Backup) -> Result<(), Failure> {
    let backup = backup.clone();
    let read = tokio::task::spawn_blocking(move || backup.verify_files()).await;
    let differences = read.map_err(Error::of_thread)??;
    let changed_files: Vec<String> = differences.iter().map(ToString::to_string).collect();
    match changed_files.first() {
        None => Ok(()),
        Some(first) => {
            let error = Error::new(format!("the dump has changed since it was written: {first}"));
            Err(Failure { error, changed_files })
        }
    }
}
