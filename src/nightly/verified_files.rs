//! What is done with the snapshots of files that the signed report proves: those that no rule keeps are removed.

use super::current_run::CurrentRun;
use crate::base::error::{Context, Error, Result};
use crate::storage::files::FilesSnapshots;
use crate::storage::reports::stamped_name;

/// Removes older snapshots of these sections, by the rules of `[retention]`. A failure of one does not prevent the next.
///
/// # Errors
/// With the last failure; earlier ones are problems of the run.
pub fn prune(run: &mut CurrentRun<'_>, proven: &[String]) -> Result<()> {
    let (context, id) = (run.context, stamped_name(run.started_at, &run.run_id)?);
    let mut failed: Vec<Error> = Vec::new();
    for settings in context.config.files.iter().filter(|settings| proven.contains(&settings.name)) {
        let snapshots = FilesSnapshots::new(settings.snapshots());
        let prune = || snapshots.prune(&id, &context.config.retention, (context.now)());
        match tokio::task::block_in_place(prune).doing(|| format!("prune the snapshots of the files {}", settings.name))
        {
            Ok(removed) => removed.iter().for_each(|name| run.steps.note(format!("removed {}/{name}", settings.name))),
            Err(error) => failed.push(error),
        }
    }
    let last = failed.pop();
    run.problems.extend(failed);
    last.map_or(Ok(()), Err)
}
