//! `nightly --dry-run`: what a run would do now, without doing it.

use super::cleanup::earlier;
use super::compatibility::demand_fit;
use super::context::RunContext;
use super::preflight::{self, Ready};
use super::source::shared;
use super::temporary_instance::Cloud;
use crate::base::error::{Error, Result};
use crate::config::{CopyFate, PostgresSource, Source};
use crate::storage::backups::Backups;
use crate::storage::retention::{self, Held};

/// The planned steps, in order.
#[derive(Debug, Default)]
pub struct Plan {
    /// One line each.
    pub steps: Vec<String>,
    /// Why the run would fail.
    pub troubles: Vec<Error>,
}

/// Checks everything that a run checks before it incurs costs, and lists what it would remove at the end.
///
/// # Errors
/// The journals of earlier runs cannot be listed.
pub async fn plan(given: &RunContext<'_>) -> Result<Plan> {
    let mut plan = Plan::default();
    for past in earlier(given)?.open {
        plan.steps.extend(past.debts().iter().map(|debt| format!("clean up after an earlier run: {debt}")));
    }
    let mut version = None;
    if let Source::Rds(config) = &given.config.source {
        match snapshot(config, given).await {
            Ok((line, engine)) => {
                plan.steps.push(line);
                version = Some(engine);
            }
            Err(error) => plan.troubles.push(error),
        }
    }
    match preflight::demand(given, version.as_deref()).await {
        Ok(ready) => {
            if let Source::Postgres(source) = &given.config.source {
                match fit(source, given, &ready).await {
                    Ok(note) => plan.steps.push(note),
                    Err(error) => plan.troubles.push(error),
                }
            }
            plan.steps.extend(ready.notes);
        }
        Err(error) => plan.troubles.push(error),
    }
    plan.steps.extend(made(given));
    match removals(given) {
        Ok(lines) => plan.steps.extend(lines),
        Err(error) => plan.troubles.push(error),
    }
    Ok(plan)
}

async fn fit(source: &PostgresSource, given: &RunContext<'_>, ready: &Ready) -> Result<String> {
    let source = given.postgres_source(source).await?;
    demand_fit(&source, &ready.server, &ready.tools, &given.config.restore).await
}

async fn snapshot(config: &crate::config::RdsSource, given: &RunContext<'_>) -> Result<(String, String)> {
    let mut cloud = Cloud::open(config, given).await?;
    let source = cloud.find_source().await?.clone();
    let snapshot = cloud.rds.find_snapshot(&source, given.snapshot.as_deref(), (given.now)()).await?;
    let classes = config.temporary.instance_classes.join(", then ");
    let line = format!("build {classes} from {} of {}", snapshot.identifier, snapshot.created_at);
    Ok((line, snapshot.engine_version))
}

/// What a run leaves or makes for a time, besides a temporary instance.
fn made(given: &RunContext<'_>) -> [String; 3] {
    let config = given.config;
    let fate = match config.restore.copy {
        CopyFate::Drop => "dropped after the verdict",
        CopyFate::Replace => "kept until the next run",
        CopyFate::Keep => "kept, with the time in its name",
    };
    [
        format!("make a dump in {}", config.dump.directory.display()),
        format!("make the database {} on the restore server: {fate}", config.restore.database),
        format!("make a signed report in {}", config.report.directory.display()),
    ]
}

/// As if tonight's dump were verified already.
fn removals(given: &RunContext<'_>) -> Result<Vec<String>> {
    let (backups, now) = (Backups::open(&given.config.dump.directory)?, (given.now)());
    let mut held = shared(given, &backups)?.1.own.held();
    held.push(Held { id: "tonight".into(), data_as_of: now, made_at: now, is_verified: true });
    let plan = retention::plan(&held, &given.config.retention, now);
    let keep = plan.keep.iter().filter(|kept| kept.id != "tonight").map(|kept| {
        let reasons: Vec<String> = kept.reasons.iter().map(ToString::to_string).collect();
        format!("keep {} ({})", kept.id, reasons.join(", "))
    });
    let remove = plan.remove.iter().map(|id| format!("remove {id}, if the dump of this run is verified"));
    Ok(keep.chain(remove).collect())
}
