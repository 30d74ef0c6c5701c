//! `nightly --dry-run`: what a run would do now, without doing it.

use super::check::{Check, CheckList};
use super::cleanup::earlier;
use super::context::RunContext;
use super::local_checks::after_verdict;
use super::preflight::{PreflightResults, complete};
use super::pruning::{OldReports, superseded};
use super::source::shared;
use crate::aws::identifier::identifier;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::config::{CopyFate, Source};
use crate::postgres::restore_server::ServerOrder;
use crate::storage::backups::Backups;
use crate::storage::retention::{self, BackupAge};

/// What a run would check, make and remove.
#[derive(Debug)]
pub struct Plan {
    /// The checks that `config check` makes.
    pub checks: Vec<Check>,
    /// What would be made and removed, one line each.
    pub steps: Vec<String>,
    /// Why what would be removed is not known.
    pub problem: Option<Error>,
}

/// Makes every check, and lists what a run would make and remove.
///
/// # Errors
/// The journals of earlier runs cannot be listed.
pub async fn plan(context: &RunContext<'_>) -> Result<Plan> {
    let mut list = CheckList::complete(context.redaction()?);
    let mut steps = Vec::new();
    for past in earlier(context)?.open {
        steps.extend(past.cleanup_tasks().iter().map(|task| format!("clean up after an earlier run: {task}")));
    }
    let found = complete(&mut list, context, false).await?;
    after_verdict(&mut list, context, false).await?;
    steps.extend(made(context, &found));
    let removals = match &found.backups {
        Some(backups) => removals(context, backups).await,
        None => Ok(Vec::new()),
    };
    let problem = removals.map(|lines| steps.extend(lines)).err();
    Ok(Plan { checks: list.checks, steps, problem })
}

/// In place of the eight random digits of a run, in the names of what it makes.
const RUN: &str = "<random>";

/// What a run leaves or makes for a time. The times in the names are those of a run that begins now.
fn made(context: &RunContext<'_>, found: &PreflightResults) -> Vec<String> {
    let (config, now) = (context.config, (context.now)());
    let mut lines = Vec::new();
    let mut data_as_of = now;
    if config.access.is_used() {
        lines.push("open access to the source (access.open), and close it at the end (access.close)".to_owned());
    }
    if let (Source::Rds(source), Some(snapshot)) = (&config.source, &found.snapshot) {
        let (temporary, id) = (&source.temporary, &snapshot.identifier);
        let classes = temporary.instance_classes.join(", then ");
        lines.push(format!("build {classes} from {id} of {}", snapshot.created_at));
        let name = identifier(&temporary.prefix, now, RUN);
        lines.push(format!("the temporary instance has the name {name}, and is deleted after the report is signed"));
        data_as_of = snapshot.created_at;
    }
    let (dumps, id) = (config.dump.directory.display(), format!("{}-{RUN}", data_as_of.stamp()));
    lines.extend([
        format!("make a dump in {dumps}"),
        format!("the dump is {dumps}/unverified/{id}.partial, and then verified/{id}, if it is verified"),
        restored_copy(context, data_as_of),
        format!("make a signed report in {}", config.report.directory.display()),
    ]);
    for files in &config.files {
        let (snapshots, name) = (files.snapshots(), format!("{}-{RUN}", now.stamp()));
        let line =
            format!("copy the files {} from {} to {}", files.name, files.source(), snapshots.join(name).display());
        lines.push(line);
    }
    if config.offsite.is_some() {
        lines.push("upload the dump to the off-site repository, and its report, if the dump is verified".to_owned());
    }
    lines
}

fn restored_copy(context: &RunContext<'_>, data_as_of: Timestamp) -> String {
    let restore = &context.config.restore;
    if context.has_own_server() {
        let directory = ServerOrder::directory(&restore.server_directory, RUN);
        return format!("make a restore server in {}, removed after the verdict", directory.display());
    }
    let name = &restore.database;
    let fate = match restore.copy {
        CopyFate::Drop => "dropped after the verdict".to_owned(),
        CopyFate::Replace => format!("kept as {name} until the next run, if it is sound"),
        CopyFate::Keep => format!("kept as {name}_{}, if it is sound", data_as_of.stamp().to_lowercase()),
    };
    format!("make the database {name}_{RUN} on the restore server: {fate}")
}

/// As if the dump of this run were verified already.
async fn removals(context: &RunContext<'_>, backups: &Backups) -> Result<Vec<String>> {
    let now = (context.now)();
    let own = shared(context, backups)?.1.own;
    let mut held = own.held();
    held.push(BackupAge { id: RUN.into(), data_as_of: now, made_at: now, is_verified: true });
    let plan = retention::plan(&held, &context.config.retention, now);
    let keep = plan.keep.iter().filter(|kept| kept.id != RUN).map(|kept| {
        let reasons: Vec<String> = kept.reasons.iter().map(ToString::to_string).collect();
        format!("keep {} ({})", kept.id, reasons.join(", "))
    });
    let remove = plan.remove.iter().map(|id| format!("remove {id}, if the dump of this run is verified"));
    let superseded = superseded(context, &own, now)?.into_iter();
    let superseded =
        superseded.map(|id| format!("remove {id}, which was never verified, if the dump of this run is verified"));
    let mut lines: Vec<String> = keep.chain(remove).chain(superseded).collect();
    if let Some(keep_days) = context.config.report.keep_days {
        let old = OldReports::find(context, keep_days, &context.origin()?, &context.key().await?)?;
        let old = old.reports.iter().map(|report| &report.name);
        lines.extend(old.map(|name| format!("remove the report {name}, if the dump of this run is verified")));
    }
    Ok(lines)
}
