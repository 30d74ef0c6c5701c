//! Identifies the source of a run, and the backups of that source.

use super::compatibility::open;
use super::context::RunContext;
use super::state::RunState;
use crate::base::error::{Context, Error, Result};
use crate::config::Source;
use crate::model::progress::Event;
use crate::model::run::Origin;
use crate::postgres::session::text;
use crate::storage::backups::{BackupListing, Backups, Ours, SharedDirectory};

/// The identity of the source now: a server is queried; production on RDS was described before.
///
/// # Errors
/// The server cannot be queried.
pub async fn identify(given: &RunContext<'_>, described: Option<(&str, &str)>) -> Result<Origin> {
    Ok(match (&given.config.source, given.origin()?) {
        (Source::Rds(_), Origin::Rds { database, instance, region, account, resource_id }) => Origin::Rds {
            account: described.map(|(account, _)| account.to_owned()).or(account),
            resource_id: described.map(|(_, id)| id.to_owned()).or(resource_id),
            database,
            instance,
            region,
        },
        (Source::Postgres(source), Origin::Postgres { database, servers, .. }) => {
            let session = open(&given.postgres_source(source).await?).await.doing(|| "check the source")?;
            let row = session.row("SELECT system_identifier FROM pg_catalog.pg_control_system()").await;
            let row = row.doing(|| "read the system identifier of the source")?;
            Origin::Postgres { database, servers, system_identifier: Some(text(&row, 0)?) }
        }
        (_, origin) => origin,
    })
}

impl RunState<'_> {
    /// Identifies the source and checks that the backup directory belongs to it.
    ///
    /// # Errors
    /// The source cannot be queried; the directory is marked for another source.
    pub async fn claim_backups(&mut self, backups: &Backups) -> Result<()> {
        let cloud = self.cloud.as_ref();
        let described = cloud.and_then(|cloud| Some((cloud.identity.account.as_str(), cloud.source.as_ref()?)));
        let described = described.map(|(account, source)| (account, source.resource_id.as_str()));
        let origin = identify(self.given, described).await?;
        self.facts.source = Some(origin.clone());
        let ours = backups.ours(&origin)?;
        let shared = ours.split(backups.list()?, &self.given.config.report.directory);
        for note in ours.note.iter().cloned().chain(shared.notes(&origin)) {
            (self.given.listener)(Event::Warning(&(&note).into()));
            self.record.note(note);
        }
        self.ours = Some(ours);
        Ok(())
    }

    /// Only the backups of this run's source.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn own_backups(&self, backups: &Backups) -> Result<BackupListing> {
        let ours = self.ours.as_ref().ok_or_else(|| Error::new("it is not known which source this is"))?;
        Ok(ours.split(backups.list()?, &self.given.config.report.directory).own)
    }
}

/// The backups of the configured source, for commands that change nothing.
///
/// # Errors
/// An invalid connection string; the directory is marked for another source, or cannot be listed.
pub fn shared(given: &RunContext<'_>, backups: &Backups) -> Result<(Ours, SharedDirectory)> {
    let ours = backups.ours(&given.origin()?)?;
    let shared = ours.split(backups.list()?, &given.config.report.directory);
    Ok((ours, shared))
}
