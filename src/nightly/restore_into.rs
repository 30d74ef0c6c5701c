//! Restores a dump into a new database: of a run, or after a disaster.

use super::context::RunContext;
use super::restoring::{
    self, CopyIdentity, CopyOrder, DatabaseFacts, Members, PropertiesOrder, RestoreOrder, Restored, create_copy,
};
use super::target_server::TargetServer;
use crate::base::error::Result;
use crate::postgres::tools::PgTools;
use crate::storage::backups::Backup;

/// A dump, and what it does not carry itself.
pub struct RestorableDump<'a> {
    /// Where it is.
    pub backup: &'a Backup,
    /// The properties of the source database.
    pub facts: DatabaseFacts,
    /// What the source has from extensions.
    pub members: Members,
}

impl<'a> RestorableDump<'a> {
    /// Reads the properties from the file beside the dump.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(backup: &'a Backup, members: Members) -> Result<Self> {
        Ok(Self { backup, facts: restoring::read_facts(&backup.path)?, members })
    }
}

/// The new database.
#[derive(Clone, Copy)]
pub struct RestoreTarget<'a> {
    /// The server.
    pub server: &'a TargetServer,
    /// Its name.
    pub database: &'a str,
}

impl RestoreTarget<'_> {
    /// Creates the empty database.
    ///
    /// # Errors
    /// As [`create_copy`].
    pub async fn create(&self, context: &RunContext<'_>, dump: &RestorableDump<'_>) -> Result<CopyIdentity> {
        let order = CopyOrder {
            admin: &self.server.admin,
            database: self.database,
            owner: self.server.owner(context.config.restore.role.as_deref()),
            facts: &dump.facts,
            protected: &context.config.protected.databases,
        };
        create_copy(&order).await
    }
}

/// Restores the dump into the database that [`RestoreTarget::create`] has made, with the properties of the source database. Of
/// complaints, all are returned.
///
/// # Errors
/// Nothing can be restored, or pg_restore did not get to its end.
pub async fn restore_into(
    context: &RunContext<'_>,
    dump: &RestorableDump<'_>,
    target: RestoreTarget<'_>,
    copy: &CopyIdentity,
    tools: &PgTools,
) -> Result<Restored> {
    let (config, path) = (context.config, dump.backup.dump_path());
    let (restore, conninfo) = (&config.restore, target.server.restorer.with_dbname(&copy.database));
    let stalled_after = config.dump.stalled_after.duration();
    let mut order = RestoreOrder::new(&path, &conninfo, restore, &dump.members, stalled_after, tools);
    order.elevator = target.server.elevator();
    let mut restored = restoring::restore(&order).await?;
    let order = PropertiesOrder {
        admin: &target.server.admin,
        copy,
        facts: &dump.facts,
        no_owner: restore.no_owner,
        no_privileges: restore.no_privileges,
        accept: &restore.accept,
        protected: &config.protected.databases,
    };
    restored.complaints.extend(restoring::restore_properties(&order).await?);
    Ok(restored)
}
