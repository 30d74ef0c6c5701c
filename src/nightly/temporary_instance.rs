//! The part of a run on AWS: from the caller identity to a temporary instance that accepts a login.
//!
//! Every side effect is journaled before the call; production is described, never changed, and never connected to.

use super::access;
use super::context::RunContext;
use super::steps::Steps;
use crate::aws::identifier::identifier;
use crate::aws::{Claim, Deadline, DeletionPolicy, Identity, InstanceOrder, Rds, Secret, Snapshot, SourceInstance};
use crate::base::error::{Error, Result};
use crate::config::{RdsSource, Source};
use crate::model::progress::Event;
use crate::model::run::RdsFacts;
use crate::postgres::conninfo::ConnInfo;
use crate::storage::journal::{Entry, InstanceClaim};

/// The API, and the caller identity.
pub struct Cloud {
    /// The client.
    pub rds: Rds,
    /// Checked against the configured account.
    pub identity: Identity,
    /// Production, once it was described.
    pub source: Option<SourceInstance>,
}

/// A temporary instance that accepted a login.
pub struct Opened {
    /// How to connect to it.
    pub conninfo: ConnInfo,
    /// Facts for the report.
    pub facts: RdsFacts,
}

impl Cloud {
    /// Gets the caller identity, when the source is on RDS.
    ///
    /// # Errors
    /// No credentials, expired ones, the wrong account, a wrong clock.
    pub async fn connect(context: &RunContext<'_>, steps: &mut Steps) -> Result<Option<Self>> {
        let Source::Rds(config) = &context.config.source else { return Ok(None) };
        steps.begin("identity")?;
        let cloud = Self::open(config, context).await?;
        steps.note(format!("{} in account {}", cloud.identity.arn, cloud.identity.account));
        steps.done()?;
        Ok(Some(cloud))
    }

    /// As [`Cloud::connect`] without steps, for commands other than `nightly`.
    ///
    /// # Errors
    /// As [`Cloud::connect`].
    pub async fn open(config: &RdsSource, context: &RunContext<'_>) -> Result<Self> {
        let rds = Rds::connect(config, &context.listener).await?;
        let identity = rds.identity((context.now)()).await?;
        Ok(Self { rds, identity, source: None })
    }

    /// What must never be deleted.
    pub fn guard(&self, context: &RunContext<'_>) -> DeletionPolicy {
        let config = self.rds.source();
        DeletionPolicy {
            prefix: config.temporary.prefix.clone(),
            protected: context.config.protected.instances.clone(),
            source_instance: config.instance.clone(),
            source_resource_id: self.source.as_ref().map(|source| source.resource_id.clone()),
            account: self.identity.account.clone(),
            region: config.region.clone(),
        }
    }

    /// Describes production, once: an instance to delete must not be production.
    ///
    /// # Errors
    /// Not found, another one than configured, or RDS cannot be queried.
    pub async fn find_source(&mut self) -> Result<&SourceInstance> {
        if self.source.is_none() {
            self.source = Some(self.rds.source_instance().await?);
        }
        self.source.as_ref().ok_or_else(|| Error::new("production was not described"))
    }

    /// Production and the snapshot that has the data of this run.
    ///
    /// # Errors
    /// See [`Rds::find_snapshot`].
    pub async fn find_snapshot(&mut self, context: &RunContext<'_>, steps: &mut Steps) -> Result<Snapshot> {
        steps.begin("find_source")?;
        let source = self.find_source().await?.clone();
        steps.note(format!("{} ({}), {}", source.identifier, source.resource_id, source.status));
        if !source.deletion_protection {
            let warning =
                format!("{} is not protected against deletion (DeletionProtection is off)", source.identifier);
            (context.listener)(Event::Warning(&(&warning).into()));
            steps.note(warning);
        }
        steps.done()?;
        steps.begin("find_snapshot")?;
        if context.snapshot.is_none() {
            let mut notes = Vec::new();
            let waited = self.rds.await_snapshot(&source, &mut notes).await;
            notes.into_iter().for_each(|note| steps.note(note));
            waited?;
        }
        let snapshot = self.rds.find_snapshot(&source, context.snapshot.as_deref(), (context.now)()).await?;
        steps.note(format!(
            "{} of {}, PostgreSQL {}",
            snapshot.identifier, snapshot.created_at, snapshot.engine_version
        ));
        snapshot.notes.iter().for_each(|note| steps.note(note));
        steps.done()?;
        Ok(snapshot)
    }

    /// Creates the temporary instance and waits until it accepts a login.
    ///
    /// # Errors
    /// Any failure: what was created by then is a cleanup task in the journal.
    pub async fn build(
        &self,
        snapshot: &Snapshot,
        context: &RunContext<'_>,
        run_id: &str,
        steps: &mut Steps,
    ) -> Result<Opened> {
        let Some(source) = &self.source else { return Err(Error::new("production was not described")) };
        let deadline = Deadline::after(self.rds.source().temporary.restore_timeout.duration());
        let (claim, mut facts) = self.order(snapshot, source, context, run_id, steps).await?;
        steps.begin("wait_instance")?;
        let mut notes = Vec::new();
        let ready = self.rds.wait_ready(&claim, deadline, &mut notes).await;
        notes.drain(..).for_each(|note| steps.note(note));
        ready?;
        steps.done()?;
        steps.begin("reset_password")?;
        let secret = Secret::random()?;
        let gone = || Error::new(format!("{} is gone again", claim.identifier));
        let proven = self.rds.prove(&claim, &self.guard(context)).await?.ok_or_else(gone)?;
        let described = self.rds.reset_password(&proven, &secret, deadline, &mut notes).await;
        notes.drain(..).for_each(|note| steps.note(note));
        let described = described?;
        steps.done()?;
        if let Some(endpoint) = &described.endpoint {
            access::open_endpoint(context, steps, run_id, (endpoint.host.clone(), endpoint.port)).await?;
        }
        steps.begin("login")?;
        let conninfo = self.rds.login(&described, source, &secret, deadline).await?;
        steps.note(conninfo.describe());
        steps.done()?;
        facts.instance_class = Some(described.instance_class);
        Ok(Opened { conninfo, facts })
    }

    async fn order(
        &self,
        snapshot: &Snapshot,
        source: &SourceInstance,
        context: &RunContext<'_>,
        run_id: &str,
        steps: &mut Steps,
    ) -> Result<(Claim, RdsFacts)> {
        steps.begin("create_instance")?;
        let (config, now) = (self.rds.source(), (context.now)());
        let name = identifier(&config.temporary.prefix, now, run_id.get(..8).unwrap_or_default());
        let journaled = InstanceClaim {
            identifier: name.clone(),
            run_id: run_id.to_owned(),
            source_resource_id: source.resource_id.clone(),
            source_instance: source.identifier.clone(),
            snapshot: snapshot.identifier.clone(),
            account: self.identity.account.clone(),
            region: config.region.clone(),
            prefix: config.temporary.prefix.clone(),
            at: now,
        };
        steps.journal.append(&Entry::InstanceIntended(journaled.clone()))?;
        let order = InstanceOrder {
            identifier: &name,
            run_id,
            snapshot,
            source,
            ordered_at: now,
            expires_at: now.plus_seconds(NEEDED_FOR_S),
        };
        let restored = self.rds.restore(&order).await?;
        let resource_id = restored.resource_id.clone();
        steps.journal.append(&Entry::InstanceCreated { identifier: name.clone(), resource_id: resource_id.clone() })?;
        steps.note(format!("{name} ({resource_id}), {}", restored.instance_class));
        restored.notes.iter().for_each(|note| steps.note(note));
        if config.temporary.publicly_accessible {
            steps.note("reachable from the internet (publicly_accessible)");
        }
        steps.done()?;
        let facts = RdsFacts {
            account: self.identity.account.clone(),
            region: config.region.clone(),
            source_instance: source.identifier.clone(),
            source_resource_id: source.resource_id.clone(),
            snapshot: snapshot.identifier.clone(),
            snapshot_created_at: Some(snapshot.created_at),
            engine_version: snapshot.engine_version.clone(),
            temporary_instance: Some(name),
            temporary_resource_id: Some(resource_id.clone()),
            instance_class: Some(restored.instance_class),
        };
        Ok((Claim::journaled(&journaled, Some(&resource_id)), facts))
    }
}

/// When an instance expires, longer than the longest run: then it may be swept without a journal.
const NEEDED_FOR_S: u64 = 24 * 3600;
