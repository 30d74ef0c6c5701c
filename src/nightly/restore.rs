//! Restores the dump of a run into a new database with pg_restore, and reads the dump's manifest.

use std::path::Path;

use super::preflight::Ready;
use super::state::RunState;
use super::verification::{self, Heard};
use crate::base::error::{Context, Error, Result};
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::ComparisonJob;
use crate::model::manifest::Manifest;
use crate::model::progress::Side;
use crate::model::run::{Complaint, RestoreFacts};
use crate::nightly::restoring::{self, CopyIdentity, CopyOrder, DatabaseFacts, Members, PropertiesOrder, RestoreOrder};
use crate::postgres::conninfo::ConnInfo;
use crate::storage::backups::Backup;
use crate::storage::journal::{CopyClaim, Entry};

impl RunState<'_> {
    /// The restored copy and the dump's manifest; both read the dump at the same time.
    /// # Errors
    /// The dump changed meanwhile, or nothing can be restored from it.
    pub(super) async fn restore(
        &mut self,
        source: &ConnInfo,
        ready: &Ready,
        job: &ComparisonJob,
    ) -> Result<(Manifest, Heard)> {
        self.record.begin("restore")?;
        let members = Members::of_source(source).await.unwrap_or_else(|error| {
            self.record.note(error.text());
            Members::default()
        });
        let backup = self.backup.clone().ok_or_else(|| Error::new("there is no dump"))?;
        let facts = restoring::read_facts(&backup.path)?;
        let copy = self.create_copy(&facts, ready).await?;
        let server = ready.server.with_dbname(&copy.database);
        let path = backup.dump_path();
        let restore = &self.given.config.restore;
        let stalled_after = self.given.config.dump.stalled_after.duration();
        let order = RestoreOrder::new(&path, &server, restore, &members, stalled_after, &ready.tools);
        let read = tokio::try_join!(restoring::restore(&order), self.read_dump(&path, job));
        let (restored, manifest) = match read {
            Ok(both) => both,
            Err(error) => {
                self.demand_whole(&backup).await?;
                return Err(error);
            }
        };
        self.demand_whole(&backup).await?;
        let mut restored = restored;
        restored.complaints.extend(self.restore_properties(&copy, &facts, ready).await?);
        restored.complaints.iter_mut().for_each(|complaint| job.show.redaction.complaint(complaint));
        restored.notes.iter().for_each(|note| self.record.note(note));
        let heard = Heard { complaints: restored.complaints.clone(), refused: restored.refused };
        for complaint in &heard.complaints {
            self.record.note(format!("pg_restore: {}: {}", complaint.object, complaint.message));
        }
        self.facts.restore = Some(RestoreFacts {
            database: copy.database,
            pg_restore: restored.pg_restore,
            complaints: restored.complaints,
        });
        self.record.done()?;
        Ok((manifest, heard))
    }

    async fn create_copy(&mut self, facts: &DatabaseFacts, ready: &Ready) -> Result<CopyIdentity> {
        let short = self.run_id.get(..8).unwrap_or_default();
        let claim = CopyClaim {
            database: format!("{}_{short}", self.given.config.restore.database),
            server: ready.server.describe(),
            at: (self.given.now)(),
        };
        // Check before the intent is journaled: an existing database is not ours to clean up.
        if restoring::find_copy(&ready.server, &claim.database).await?.is_some() {
            return Err(Error::new(format!("there is a database {} already", claim.database)));
        }
        self.record.journal.append(&Entry::CopyIntended(claim.clone()))?;
        let order = CopyOrder {
            admin: &ready.server,
            database: &claim.database,
            owner: self.given.config.restore.role.as_deref(),
            facts,
            protected: &self.given.config.protected.databases,
        };
        let copy = restoring::create_copy(&order).await?;
        self.record.journal.append(&Entry::CopyCreated {
            database: copy.database.clone(),
            oid: copy.oid,
            system_identifier: copy.system_identifier.clone(),
        })?;
        self.copy = Some(copy.clone());
        Ok(copy)
    }

    async fn restore_properties(
        &self,
        copy: &CopyIdentity,
        facts: &DatabaseFacts,
        ready: &Ready,
    ) -> Result<Vec<Complaint>> {
        let restore = &self.given.config.restore;
        let order = PropertiesOrder {
            admin: &ready.server,
            copy,
            facts,
            no_owner: restore.no_owner,
            no_privileges: restore.no_privileges,
            accept: &restore.accept,
            protected: &self.given.config.protected.databases,
        };
        restoring::restore_properties(&order).await
    }

    async fn read_dump(&self, path: &Path, job: &ComparisonJob) -> Result<Manifest> {
        let options = self.given.open_options();
        let text = path.to_str().ok_or_else(|| Error::new("the path of the dump is not UTF-8"))?;
        let endpoint = Endpoint::open(text, Side::Actual, &options).await?;
        verification::capture(&endpoint, job, &self.given.listener).await.doing(|| "read the dump")
    }

    /// Requires that the dump on disk is what pg_dump wrote.
    async fn demand_whole(&mut self, backup: &Backup) -> Result<()> {
        let backup = backup.clone();
        let differences = blocking(move || backup.verify_files()).await?;
        self.changed_files = differences.iter().map(ToString::to_string).collect();
        match self.changed_files.first() {
            None => Ok(()),
            Some(first) => Err(Error::new(format!("the dump has changed since it was written: {first}"))),
        }
    }
}

/// Reads files on a blocking thread, while signals are handled.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::from_source(&error))?
}
