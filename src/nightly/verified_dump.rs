//! What is done with a dump that counts as verified, also where the verdict on the copy is not sound: remember it, remove what it
//! supersedes, run the hook.

use std::path::Path;

use super::current_run::CurrentRun;
use super::hooks::Hook;
use super::pruning::{OldReports, superseded};
use super::report_writer::Signed;
use super::stages::VerifiedRun;
use crate::base::error::{Error, Result};
use crate::config::Span;
use crate::storage::backups::{BackupListing, Backups};
use crate::storage::journal::{LastVerified, Place};
use crate::storage::retention;

/// Hint for a verified backup with a missing file.
const LOOK: &str =
    "look at the disk, and at `pgwitness backups list`; move it out of the directory once it is not needed";

/// A failure of a step does not prevent the next one.
pub async fn follow_up(run: &mut CurrentRun<'_>, verified: &VerifiedRun, signed: &Signed) {
    run.problems.extend(remember(run, verified).err());
    run.late_step("prune", async |run| prune(run, verified)).await;
    if let Some(keep_days) = run.context.config.report.keep_days {
        run.late_step("prune_reports", async |run| prune_reports(run, keep_days, signed)).await;
    }
    if !run.context.config.hooks.after_verified.is_empty() {
        run.late_step("after_verified", async |run| after_verified(run, verified).await).await;
    }
}

/// For the preflight of the next run, and for metrics.
fn remember(run: &CurrentRun<'_>, verified: &VerifiedRun) -> Result<()> {
    let record = &verified.backup.record;
    let mut last = LastVerified::new(&record.id, record.data_as_of, (run.context.now)(), record.dump.bytes);
    last.source.clone_from(&record.source);
    last.step_ms = run.steps.ended.iter().map(|step| (step.name.clone(), step.duration_ms)).collect();
    last.write(run.context.state())
}

fn prune(run: &mut CurrentRun<'_>, verified: &VerifiedRun) -> Result<()> {
    let context = run.context;
    let mut backups = Backups::open(&context.config.dump.directory)?;
    let own = own_backups(run, verified, &backups)?;
    let plan = retention::plan(&own.held(), &context.config.retention, (context.now)());
    let pruned = backups.prune(&plan)?;
    backups.mark_for(&verified.ours)?;
    // The backup was verified once, and may be the only one of its day.
    let lost = own.unusable.iter().filter(|unusable| unusable.place == "verified");
    run.problems.extend(lost.map(|unusable| Error::new(unusable.text()).hint(LOOK)));
    pruned.removed.iter().for_each(|id| run.steps.note(format!("removed {id}")));
    let own = own_backups(run, verified, &backups)?;
    for id in superseded(context, &own, verified.backup.record.data_as_of)? {
        backups.place(&id, Place::Discarded, None)?;
        run.steps.note(format!("removed {id}, which was never verified"));
    }
    Ok(())
}

fn own_backups(run: &CurrentRun<'_>, verified: &VerifiedRun, backups: &Backups) -> Result<BackupListing> {
    Ok(verified.ours.split(backups.list()?, &run.context.config.report.directory).own)
}

fn prune_reports(run: &mut CurrentRun<'_>, keep_days: u32, signed: &Signed) -> Result<()> {
    let Some(source) = &run.facts.source else { return Ok(()) };
    let old = OldReports::find(run.context, keep_days, source, &signed.key)?;
    old.remove(run.context, &signed.key)?;
    old.reports.iter().for_each(|report| run.steps.note(format!("removed {}", report.name)));
    Ok(())
}

async fn after_verified(run: &CurrentRun<'_>, verified: &VerifiedRun) -> Result<()> {
    let context = run.context;
    let backups = Backups::open(&context.config.dump.directory)?;
    let placed = backups.get(&verified.backup.record.id)?;
    let hooks = &context.config.hooks;
    let hook = Hook::new("after_verified", &hooks.after_verified, hooks.timeout.map(Span::duration));
    let mut hook = hook.pass_on(context.environment, &hooks.environment);
    hook.set("PGWITNESS_DUMP", &placed.path.display().to_string());
    // A restore on another machine rejects a dump without its signed report.
    let report = placed.record.report.as_ref().and_then(|report| Path::new(&report.path).parent());
    hook.set("PGWITNESS_REPORT", &report.map(|dir| dir.display().to_string()).unwrap_or_default());
    run.unless_stopped(hook.run()).await
}
