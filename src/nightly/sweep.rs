//! `sweep`: cleans up without a run: cleanup tasks of earlier runs, and instances that are in no journal.
//!
//! An instance without a journal is deleted only when its own tags show that pgwitness created it and that it has expired, and
//! the user has typed its identifier.

use super::cleanup::{Cleaner, CleanupResult, earlier};
use super::context::RunContext;
use super::temporary_instance::Cloud;
use crate::aws::{Deadline, InstanceDescription};
use crate::base::error::{Error, Result};
use crate::config::Source;
use crate::storage::journal::{Lock, RunInfo};
use crate::storage::reports;

/// Options of a sweep.
pub struct SweepOptions<'a> {
    /// Change nothing.
    pub is_dry: bool,
    /// Identifiers, given by the user, of instances without a journal.
    pub confirmed: &'a [String],
}

/// The result of a sweep.
#[derive(Debug, Default)]
pub struct Swept {
    /// What was done, or would be done.
    pub notes: Vec<String>,
    /// What failed.
    pub problems: Vec<Error>,
    /// Instances with our tag that are in no journal and that the user did not name.
    pub unclaimed: Vec<InstanceDescription>,
}

/// Finds what is left over and cleans it up. Takes the lock: the resources of a current run are not left over.
///
/// # Errors
/// The lock is held, or AWS cannot be queried.
pub async fn sweep(context: &RunContext<'_>, options: &SweepOptions<'_>) -> Result<Swept> {
    let run_id = reports::random_run_id()?;
    let holder = RunInfo { run_id: run_id.clone(), command: "sweep".into(), pid: context.pid, at: (context.now)() };
    let _lock = Lock::acquire(context.state(), &holder)?;
    let mut swept = Swept::default();
    let opened = match &context.config.source {
        Source::Rds(config) => Some(Cloud::open(config, context).await),
        Source::Postgres(_) => None,
    };
    // Without AWS, what is on this machine is cleaned up anyway, and an instance that must still be removed is reported.
    let mut cloud = opened.and_then(|opened| opened.map_err(|error| swept.problems.push(error)).ok());
    if let Some(Err(error)) = match &mut cloud {
        Some(cloud) => Some(cloud.find_source().await.map(drop)),
        None => None,
    } {
        swept.problems.push(error);
    }
    let runs = earlier(context)?;
    let known: Vec<String> =
        runs.open.iter().flat_map(|past| past.cleanup_tasks()).map(|task| task.to_string()).collect();
    if options.is_dry {
        swept.notes.extend(known.iter().map(|task| format!("would clean up: {task}")));
        swept.problems.extend(runs.unreadable);
    } else {
        let cleaner = Cleaner { context, cloud: cloud.as_ref(), patience: None };
        let CleanupResult { notes, problems } = cleaner.clean_up_earlier_runs(runs, &run_id).await;
        swept.notes.extend(notes);
        swept.problems.extend(problems);
    }
    let leftovers = match &cloud {
        Some(cloud) => cloud.rds.leftovers().await?,
        None => Vec::new(),
    };
    for name in options.confirmed {
        let is_it = |instance: &InstanceDescription| instance.identifier == *name;
        if !leftovers.iter().any(is_it) && !is_known(&known, name) {
            let error = Error::new("no instance of this name has our tags: nothing was deleted");
            swept.problems.push(error.context(format!("--confirm {name}")));
        }
    }
    if let Some(cloud) = &cloud {
        let unknown = leftovers.into_iter().filter(|instance| !is_known(&known, &instance.identifier));
        unclaimed(context, cloud, options, unknown, &mut swept).await;
    }
    Ok(swept)
}

/// Whether an open cleanup task names the instance.
fn is_known(known: &[String], identifier: &str) -> bool {
    known.iter().any(|task| task.contains(identifier))
}

async fn unclaimed(
    context: &RunContext<'_>,
    cloud: &Cloud,
    options: &SweepOptions<'_>,
    unknown: impl Iterator<Item = InstanceDescription>,
    swept: &mut Swept,
) {
    for instance in unknown {
        if options.is_dry || !options.confirmed.contains(&instance.identifier) {
            swept.unclaimed.push(instance);
            continue;
        }
        match remove(context, cloud, &instance).await {
            Ok(()) => swept.notes.push(format!("the instance {} is gone", instance.identifier)),
            Err(error) => swept.problems.push(error.context(format!("delete {}", instance.identifier))),
        }
    }
}

async fn remove(context: &RunContext<'_>, cloud: &Cloud, instance: &InstanceDescription) -> Result<()> {
    let guard = cloud.guard(context);
    let proven = cloud.rds.prove_orphan(instance, &instance.identifier, (context.now)(), &guard).await?;
    let Some(proven) = proven else { return Ok(()) };
    let claim = proven.claim().clone();
    let deadline = Deadline::after(cloud.rds.source().temporary.delete_timeout.duration());
    let mut notes = Vec::new();
    cloud.rds.delete(proven, deadline, &mut notes).await?;
    cloud.rds.wait_gone(&claim, deadline, &mut notes).await
}
