//! Identifies the source of a run, and the backups of that source.

use super::compatibility::open;
use super::context::RunContext;
use super::current_run::CurrentRun;
use crate::base::error::{Context, Result};
use crate::config::Source;
use crate::model::progress::Event;
use crate::model::run::Origin;
use crate::postgres::session::text;
use crate::storage::backups::{Backups, OwnSource, SharedDirectory};

/// The identity of the source now: a server is queried; production on RDS was described before.
///
/// # Errors
/// The server cannot be queried.
async fn identify(context: &RunContext<'_>, described: Option<(&str, &str)>) -> Result<Origin> {
    Ok(match (&context.config.source, context.origin()?) {
        (Source::Rds(_), Origin::Rds { database, instance, region, account, resource_id }) => Origin::Rds {
            account: described.map(|(account, _)| account.to_owned()).or(account),
            resource_id: described.map(|(_, id)| id.to_owned()).or(resource_id),
            database,
            instance,
            region,
        },
        (Source::Postgres(source), Origin::Postgres { database, servers, .. }) => {
            let session = open(&context.postgres_source(source).await?).await.doing(|| "check the source")?;
            let row = session.row("SELECT system_identifier FROM pg_catalog.pg_control_system()").await;
            let row = row.doing(|| "read the system identifier of the source")?;
            Origin::Postgres { database, servers, system_identifier: Some(text(&row, 0)?) }
        }
        (_, origin) => origin,
    })
}

/// Identifies the source and checks that the backup directory belongs to it.
///
/// # Errors
/// The source cannot be queried; the directory is marked for another source.
pub async fn claim_backups(run: &mut CurrentRun<'_>, backups: &Backups) -> Result<OwnSource> {
    let cloud = run.cloud.as_ref();
    let described = cloud.and_then(|cloud| Some((cloud.identity.account.as_str(), cloud.source.as_ref()?)));
    let described = described.map(|(account, source)| (account, source.resource_id.as_str()));
    let origin = identify(run.context, described).await?;
    run.facts.source = Some(origin.clone());
    let ours = backups.ours(&origin)?;
    let shared = ours.split(backups.list()?, &run.context.config.report.directory);
    for note in ours.note.iter().cloned().chain(shared.notes(&origin)) {
        (run.context.listener)(Event::Warning(&(&note).into()));
        run.steps.note(note);
    }
    Ok(ours)
}

/// The backups of the configured source, for commands that change nothing.
///
/// # Errors
/// An invalid connection string; the directory is marked for another source, or cannot be listed.
pub fn shared(context: &RunContext<'_>, backups: &Backups) -> Result<(OwnSource, SharedDirectory)> {
    let ours = backups.ours(&context.origin()?)?;
    let shared = ours.split(backups.list()?, &context.config.report.directory);
    Ok((ours, shared))
}
