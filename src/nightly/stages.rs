//! The stages of a run in order, up to the verdict.

use std::path::Path;

use super::cleanup::Cleaner;
use super::compatibility::demand_fit;
use super::notification;
use super::preflight::{self, Ready};
use super::state::RunState;
use super::temporary_instance::Cloud;
use super::verification::{self, Verification};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::config::Source;
use crate::endpoint::any::Endpoint;
use crate::endpoint::archive::Archive;
use crate::endpoint::compare_endpoints::{ComparisonJob, check_patterns};
use crate::endpoint::live::Live;
use crate::model::manifest::Manifest;
use crate::model::name::Name;
use crate::model::progress::{Event, Side};
use crate::nightly::dumping::{self, DumpOrder};
use crate::nightly::restoring::{self};
use crate::postgres::conninfo::ConnInfo;
use crate::storage::backups::{Backups, Made};
use crate::storage::journal::{Entry, Place, Runs};

/// A dump is retried once while the source answers.
const DUMP_ATTEMPTS: u32 = 2;

impl RunState<'_> {
    /// Runs all stages up to the verdict.
    ///
    /// # Errors
    /// Anything that prevents a verdict.
    pub async fn work(&mut self, earlier: Runs) -> Result<Verification> {
        self.troubles.extend(notification::begin(self.given, &self.run_id).await);
        let connected = Cloud::connect(self.given, &mut self.record).await;
        if let Err(error) = &connected {
            self.record.broken_off(error);
        }
        // Without access to AWS, still report the instances there, and clean up on this machine.
        let refused = match connected {
            Ok(cloud) => {
                self.cloud = cloud;
                None
            }
            Err(error) => Some(error),
        };
        self.recover(earlier).await?;
        if let Some(error) = refused {
            return Err(error);
        }
        let snapshot = match &mut self.cloud {
            Some(cloud) => Some(cloud.find_snapshot(self.given, &mut self.record).await?),
            None => None,
        };
        let ready = self.preflight(snapshot.as_ref().map(|snapshot| snapshot.engine_version.as_str())).await?;
        let (source, data_as_of) = match (&self.cloud, snapshot) {
            (Some(cloud), Some(snapshot)) => {
                let opened = cloud.build(snapshot, self.given, &self.run_id, &mut self.record).await?;
                self.facts.rds = Some(opened.facts);
                (opened.conninfo, opened.snapshot.created_at)
            }
            _ => (self.postgres_source().await?, (self.given.now)()),
        };
        self.facts.data_as_of = Some(data_as_of);
        let job = self.given.job()?;
        let (endpoint, mut manifest) = self.dump(&source, data_as_of, &ready, &job).await?;
        let (dump, heard) = self.restore(&source, &ready, &job).await?;
        self.remarks = self.moving.settle(&mut manifest, &dump);
        self.verify(Endpoint::Captured(Box::new(endpoint), Box::new(manifest)), dump, &heard, &ready, &job).await
    }

    /// Performs the cleanup tasks of earlier runs. A failure does not prevent this run, but is reported at its end.
    async fn recover(&mut self, earlier: Runs) -> Result<()> {
        self.record.begin("recover")?;
        if earlier.open.is_empty() && earlier.unreadable.is_empty() {
            return self.record.skipped("no earlier run has left anything");
        }
        if let Some(cloud) = &mut self.cloud {
            // Without the source no proof can hold; the rules report that.
            if let Err(error) = cloud.find_source().await {
                self.troubles.push(error);
            }
        }
        let payer = Cleaner { given: self.given, cloud: self.cloud.as_ref(), patience: None };
        let recovered = payer.recover(earlier, &self.run_id).await;
        for note in recovered.notes {
            (self.given.listener)(Event::Warning(&(&note).into()));
            self.record.note(note);
        }
        for trouble in &recovered.troubles {
            self.record.note(trouble.text());
        }
        self.troubles.extend(recovered.troubles);
        self.record.done()
    }

    async fn preflight(&mut self, engine_version: Option<&str>) -> Result<Ready> {
        self.record.begin("preflight")?;
        let paper = self.paper.as_ref().map(|_| ()).map_err(Error::clone);
        paper?;
        let ready = preflight::demand(self.given, engine_version).await?;
        ready.notes.iter().for_each(|note| self.record.note(note));
        self.claim_backups(&ready.backups).await?;
        self.name_orphans().await;
        self.record.done()?;
        Ok(ready)
    }

    async fn postgres_source(&self) -> Result<ConnInfo> {
        match &self.given.config.source {
            Source::Postgres(source) => self.given.postgres_source(source).await,
            Source::Rds(_) => Err(Error::new("there is no temporary instance")),
        }
    }

    /// Source manifest and pg_dump at the same time, from the same snapshot.
    async fn dump(
        &mut self,
        source: &ConnInfo,
        data_as_of: Timestamp,
        ready: &Ready,
        job: &ComparisonJob,
    ) -> Result<(Endpoint, Manifest)> {
        self.record.begin("dump")?;
        let fit = demand_fit(source, &ready.server, &ready.tools, &self.given.config.restore).await?;
        self.record.note(fit);
        let id = Backups::id(data_as_of, &self.run_id)?;
        self.record.journal.append(&Entry::BackupBegun { id: id.clone() })?;
        for attempt in 1.. {
            match self.try_dump(source, &id, data_as_of, ready, job).await {
                Ok(dumped) => {
                    self.record.done()?;
                    return Ok(dumped);
                }
                Err(error) if attempt < DUMP_ATTEMPTS && ready.backups.free_bytes()? > ROOM_FOR_ANOTHER_ATTEMPT => {
                    let reason = error.text();
                    (self.given.listener)(Event::Retry { doing: "dump", attempt: attempt + 1, reason: &reason });
                    self.record.note(reason.map(|reason| format!("attempt {attempt} failed: {reason}")));
                    // Remove what is on disk: only this run uses it, and it is not a backup yet.
                    ready.backups.place(&id, Place::Discarded, None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::new("no attempt was made"))
    }

    async fn try_dump(
        &mut self,
        source: &ConnInfo,
        id: &str,
        data_as_of: Timestamp,
        ready: &Ready,
        job: &ComparisonJob,
    ) -> Result<(Endpoint, Manifest)> {
        let options = self.given.open_options();
        let live = Live::open(source.clone(), options.live.clone(), Side::Expected, options.taken_at.clone()).await?;
        let snapshot = live.snapshot().to_owned();
        // The server that holds the snapshot.
        let server = live.server().clone();
        let encoding = live.encoding().to_owned();
        check_patterns(&job.request.selection, &live.listing().catalog(), "of the source")?;
        let without_rows: Vec<Name> =
            live.listing().relations.keys().filter(|name| !job.request.selection.has_rows(name)).cloned().collect();
        if !without_rows.is_empty() {
            let names: Vec<String> = without_rows.iter().map(ToString::to_string).collect();
            self.record.note(format!("rows left out of the dump: {}", names.join(", ")));
        }
        self.moving.before = live.sequence_values().await.unwrap_or_default();
        let endpoint = Endpoint::Live(Box::new(live));
        let partial = ready.backups.begin(id)?;
        let order = DumpOrder {
            conninfo: &server,
            snapshot: Some(&snapshot),
            target: partial.path(),
            config: &self.given.config.dump,
            without_rows: &without_rows,
            encoding: &encoding,
            tools: &ready.tools,
            role: None,
        };
        let dumped = tokio::try_join!(
            verification::capture(&endpoint, job, &self.given.listener),
            dumping::dump(&order, &self.given.listener)
        );
        let (manifest, dumped) = match (dumped, endpoint.check_moment().await) {
            (Ok(both), Ok(())) => both,
            (Err(error), _) | (_, Err(error)) => {
                // Only this run uses it; the first error is the one to report.
                partial.discard().ok();
                return Err(error);
            }
        };
        self.moving.after = endpoint.sequence_values().await.unwrap_or_default();
        dumped.notes.iter().for_each(|note| self.record.note(note));
        if let Err(error) = dumping::globals(&order).await {
            self.record.note(error.clone().context("roles were not dumped").text());
            self.troubles.push(error);
        }
        if let Err(error) = self.demand_unmarked(&dumped.path, ready) {
            partial.discard().ok();
            return Err(error);
        }
        restoring::write_facts(&restoring::database_facts(&server).await?, partial.path())?;
        let made = Made {
            run_id: self.run_id.clone(),
            source: self.facts.source.clone(),
            data_as_of,
            made_at: (self.given.now)(),
            format: self.given.config.dump.format.name().into(),
            pg_dump: dumped.pg_dump,
        };
        // Block here: a thread that continued while `finish` removes the same directory would cause damage.
        let backup = tokio::task::block_in_place(|| partial.finish(&made))?;
        self.facts.dump = Some(backup.record.dump.clone());
        self.backup = Some(backup);
        Ok((endpoint, manifest))
    }

    /// A dump that no server accepts completely is detected before the restore.
    fn demand_unmarked(&self, dump: &Path, ready: &Ready) -> Result<()> {
        let pg_restore = ready.tools.program("pg_restore");
        let archive = tokio::task::block_in_place(|| Archive::open(dump, &pg_restore))?;
        dumping::check_unmarked(&ready.tools, archive.catalog().marked.as_ref())
    }
}

/// With less free space a second attempt would only fill the disk again, in bytes.
const ROOM_FOR_ANOTHER_ATTEMPT: u64 = 256 << 20;
