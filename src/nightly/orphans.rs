//! Temporary instances that are in no journal on this machine: the state directory was lost, or another machine created them.
//!
//! They are reported, never deleted; `sweep` deletes one only when the user gives its name.

use super::cleanup::earlier;
use super::current_run::CurrentRun;
use crate::aws::InstanceDescription;
use crate::base::error::{Error, Result};
use crate::storage::journal::{CleanupTask, EarlierRun};

/// Reports them. An expired one is a problem; a younger one may be in use by another machine.
pub async fn report(run: &mut CurrentRun<'_>) {
    match orphans(run).await {
        Ok(found) => found.iter().for_each(|instance| report_one(run, instance)),
        Err(error) => {
            let doing = "whether an older instance was left behind is not known";
            run.steps.note(error.context(doing).text());
        }
    }
}

fn report_one(run: &mut CurrentRun<'_>, instance: &InstanceDescription) {
    let name = &instance.identifier;
    if !instance.has_expired((run.context.now)()) {
        run.steps.note(format!("the temporary instance {name} is not of this machine, and has not expired"));
        return;
    }
    let since = instance.created_at.map_or_else(|| "an unknown time".to_owned(), |at| at.to_string());
    let text = format!(
        "the temporary instance {name} (since {since}) has expired, is billed, and is in no journal on this machine"
    );
    run.steps.note(&text);
    run.problems.push(Error::new(text).hint(format!("check it, then: pgwitness sweep --confirm {name}")));
}

async fn orphans(run: &CurrentRun<'_>) -> Result<Vec<InstanceDescription>> {
    let Some(cloud) = &run.cloud else { return Ok(Vec::new()) };
    let tasks: Vec<CleanupTask> = earlier(run.context)?.open.iter().flat_map(EarlierRun::cleanup_tasks).collect();
    let is_known = |name: &str| {
        tasks.iter().any(|task| matches!(task, CleanupTask::Instance { claim, .. } if claim.identifier == name))
    };
    let found = cloud.rds.leftovers().await?;
    Ok(found.into_iter().filter(|instance| !is_known(&instance.identifier)).collect())
}
