//! Dumps the source: its manifest and pg_dump at the same time, from the same snapshot.

use std::path::Path;

use super::DumpSource;
use crate::base::error::Result;
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::{ComparisonJob, check_patterns};
use crate::endpoint::dump_reader::DumpReader;
use crate::endpoint::live::Live;
use crate::model::manifest::Manifest;
use crate::model::name::Name;
use crate::model::progress::{Event, Side};
use crate::nightly::compatibility::demand_fit;
use crate::nightly::current_run::CurrentRun;
use crate::nightly::dumping::{self, DumpOrder, Dumped};
use crate::nightly::preflight::Ready;
use crate::nightly::restoring;
use crate::nightly::sequences::SequenceRange;
use crate::nightly::three_way;
use crate::postgres::conninfo::ConnInfo;
use crate::storage::backups::{Backup, Backups, DumpMetadata, FetchedBackup, Partial};
use crate::storage::journal::{Entry, Place};

/// A dump is retried once while the source answers.
const DUMP_ATTEMPTS: u32 = 2;
/// With less free space a second attempt would only fill the disk again, in bytes.
const ROOM_FOR_ANOTHER_ATTEMPT: u64 = 256 << 20;

/// A complete dump, and the source that it is of.
pub struct SourceDump {
    /// Where the data came from.
    pub source: DumpSource,
    /// The source in the snapshot of the dump: differing rows can still be read from it.
    pub endpoint: Endpoint,
    /// The source in the snapshot of the dump.
    pub manifest: Manifest,
    /// The values of its sequences during the dump.
    pub sequences: SequenceRange,
    /// Where the dump is.
    pub backup: Backup,
    /// What is restored instead of `backup`, if the off-site copy was read back for that.
    pub fetched: Option<FetchedBackup>,
}

impl SourceDump {
    /// The copy of the dump that is restored.
    pub fn restorable(&self) -> &Backup {
        self.fetched.as_ref().map_or(&self.backup, |fetched| &fetched.backup)
    }
}

/// Makes the dump.
///
/// # Errors
/// The restore server cannot take what the source holds, or no attempt went to its end.
pub async fn dump(
    run: &mut CurrentRun<'_>,
    source: DumpSource,
    ready: &Ready,
    job: &ComparisonJob,
) -> Result<SourceDump> {
    run.steps.begin("dump")?;
    let context = run.context;
    if ready.source.is_none() {
        // A temporary instance can be checked only now.
        let fit = demand_fit(&source.conninfo, &ready.server, &ready.tools, &context.config.restore).await?;
        run.steps.note(fit);
    }
    let id = Backups::id(source.data_as_of, &run.run_id)?;
    run.steps.journal.append(&Entry::BackupBegun { id: id.clone() })?;
    let mut attempt = 1;
    loop {
        match attempt_dump(run, &source, &id, ready, job).await {
            Ok((endpoint, manifest, sequences, backup)) => {
                run.facts.dump = Some(backup.record.dump.clone());
                run.steps.done()?;
                return Ok(SourceDump { source, endpoint, manifest, sequences, backup, fetched: None });
            }
            Err(error) if attempt < DUMP_ATTEMPTS && ready.backups.free_bytes()? > ROOM_FOR_ANOTHER_ATTEMPT => {
                let reason = error.text();
                run.steps.note(reason.map(|reason| format!("attempt {attempt} failed: {reason}")));
                attempt += 1;
                (context.listener)(Event::Retry { doing: "dump", attempt, reason: &reason });
                // Remove what is on disk: only this run uses it, and it is not a backup yet.
                ready.backups.place(&id, Place::Discarded, None)?;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn attempt_dump(
    run: &mut CurrentRun<'_>,
    source: &DumpSource,
    id: &str,
    ready: &Ready,
    job: &ComparisonJob,
) -> Result<(Endpoint, Manifest, SequenceRange, Backup)> {
    let (context, options) = (run.context, run.context.open_options());
    let live = Live::open(source.conninfo.clone(), options.live, Side::Expected, options.taken_at).await?;
    let snapshot = live.snapshot().to_owned();
    // The server that holds the snapshot.
    let server = live.server().clone();
    let encoding = live.encoding().to_owned();
    let without_rows = without_rows(run, &live, job)?;
    let before = live.sequence_values().await.unwrap_or_default();
    let endpoint = Endpoint::Live(Box::new(live));
    let partial = ready.backups.begin(id)?;
    let order = DumpOrder {
        conninfo: &server,
        snapshot: Some(&snapshot),
        target: partial.path(),
        config: &context.config.dump,
        without_rows: &without_rows,
        encoding: &encoding,
        tools: &ready.tools,
        role: None,
    };
    let dumped = tokio::try_join!(
        three_way::capture(&endpoint, job, &context.listener),
        dumping::dump(&order, &context.listener)
    );
    let (manifest, dumped) = match (dumped, endpoint.check_snapshot().await) {
        (Ok(both), Ok(())) => both,
        (Err(error), _) | (_, Err(error)) => {
            // Only this run uses it; the first error is the one to report.
            partial.discard().ok();
            return Err(error);
        }
    };
    let sequences = SequenceRange { before, after: endpoint.sequence_values().await.unwrap_or_default() };
    dumped.notes.iter().for_each(|note| run.steps.note(note));
    if let Err(error) = dumping::globals(&order).await {
        run.steps.note(error.clone().context("roles were not dumped").text());
        run.problems.push(error);
    }
    if let Err(error) = demand_unmarked(&dumped.path, ready) {
        partial.discard().ok();
        return Err(error);
    }
    let backup = complete(run, source, &server, partial, dumped).await?;
    Ok((endpoint, manifest, sequences, backup))
}

/// Tables whose rows are left out of the dump, as the configured patterns say.
fn without_rows(run: &mut CurrentRun<'_>, live: &Live, job: &ComparisonJob) -> Result<Vec<Name>> {
    let (selection, listing) = (&job.request.selection, live.listing());
    check_patterns(selection, &listing.catalog(), "of the source")?;
    let without_rows: Vec<Name> = listing.relations.keys().filter(|name| !selection.has_rows(name)).cloned().collect();
    if !without_rows.is_empty() {
        let names: Vec<String> = without_rows.iter().map(ToString::to_string).collect();
        run.steps.note(format!("rows left out of the dump: {}", names.join(", ")));
    }
    Ok(without_rows)
}

/// A dump that no server accepts completely is detected before the restore.
fn demand_unmarked(dump: &Path, ready: &Ready) -> Result<()> {
    let pg_restore = ready.tools.program("pg_restore");
    let archive = tokio::task::block_in_place(|| DumpReader::open(dump, &pg_restore))?;
    dumping::check_unmarked(&ready.tools, archive.catalog().marked.as_ref())
}

async fn complete(
    run: &CurrentRun<'_>,
    source: &DumpSource,
    server: &ConnInfo,
    partial: Partial,
    dumped: Dumped,
) -> Result<Backup> {
    restoring::write_facts(&restoring::database_facts(server).await?, partial.path())?;
    let made = DumpMetadata {
        run_id: run.run_id.clone(),
        source: run.facts.source.clone(),
        data_as_of: source.data_as_of,
        made_at: (run.context.now)(),
        format: run.context.config.dump.format.name().into(),
        pg_dump: dumped.pg_dump,
    };
    // Block here: a thread that continued while the end of the run removes the same directory would cause damage.
    tokio::task::block_in_place(|| partial.finish(&made))
}
