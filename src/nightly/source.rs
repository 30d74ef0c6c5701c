//! Which source a run has before it, and which backups are of it.

use super::compatibility::open;
use super::context::RunContext;
use super::state::RunState;
use crate::base::error::{Context, Error, Result};
use crate::config::Source;
use crate::model::progress::Event;
use crate::model::run::Origin;
use crate::postgres::session::text;
use crate::storage::backups::{BackupListing, Backups, Ours, SharedDirectory};

/// The source as it answers now: a server is asked which one it is, and production on RDS was described before.
///
/// # Errors
/// The server cannot be asked.
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
            let session = open(&given.postgres_source(source).await?).await.doing(|| "look at the source")?;
            let row = session.row("SELECT system_identifier FROM pg_catalog.pg_control_system()").await;
            let row = row.doing(|| "ask the source for its system identifier")?;
            Origin::Postgres { database, servers, system_identifier: Some(text(&row, 0)?) }
        }
        (_, origin) => origin,
    })
}

impl RunState<'_> {
    /// Which source it is, and that the backup directory is not another's.
    ///
    /// # Errors
    /// The source cannot be asked; the directory is marked for another source.
    pub async fn claim_backups(&mut self, backups: &Backups) -> Result<()> {
        let cloud = self.cloud.as_ref();
        let described = cloud.and_then(|cloud| Some((cloud.identity.account.as_str(), cloud.source.as_ref()?)));
        let described = described.map(|(account, source)| (account, source.resource_id.as_str()));
        let origin = identify(self.given, described).await?;
        self.facts.source = Some(origin.clone());
        let ours = backups.ours(&origin)?;
        let shared = ours.split(backups.list()?, &self.given.config.report.directory);
        for note in ours.note.iter().cloned().chain(shared.notes(&origin)) {
            (self.given.listener)(Event::Warning(&note));
            self.record.note(note);
        }
        self.ours = Some(ours);
        Ok(())
    }

    /// Only what is of tonight's source.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn own_backups(&self, backups: &Backups) -> Result<BackupListing> {
        let ours = self.ours.as_ref().ok_or_else(|| Error::new("it is not known which source this is"))?;
        Ok(ours.split(backups.list()?, &self.given.config.report.directory).own)
    }
}

/// The backups of the configured source, where nothing is made or removed.
///
/// # Errors
/// A wrong connection string; the directory is marked for another source, or cannot be listed.
pub fn shared(given: &RunContext<'_>, backups: &Backups) -> Result<(Ours, SharedDirectory)> {
    let ours = backups.ours(&given.origin()?)?;
    let shared = ours.split(backups.list()?, &given.config.report.directory);
    Ok((ours, shared))
}
