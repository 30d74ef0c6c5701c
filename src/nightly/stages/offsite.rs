//! Uploads the dump to the off-site repository, and reads it back.

use super::dump::SourceDump;
use crate::base::error::Result;
use crate::config::{CopySource, OffsiteSettings};
use crate::model::progress::Event;
use crate::nightly::current_run::CurrentRun;
use crate::nightly::offsite::{self, StoredDump};
use crate::storage::journal::Entry;
use crate::storage::offsite::OffsiteRepository;

/// A failure is not the end of the run: its end repeats the upload, and then the next runs. What was to be restored from there is
/// restored from this machine then, which is a problem.
///
/// # Errors
/// The journal cannot be written.
pub async fn store(run: &mut CurrentRun<'_>, dump: &mut SourceDump) -> Result<()> {
    let Some(settings) = &run.context.config.offsite else { return Ok(()) };
    run.steps.begin("offsite")?;
    let backup = dump.backup.record.id.clone();
    run.steps.journal.append(&Entry::OffsiteBegun { backup: backup.clone() })?;
    match upload(run, dump, settings).await {
        Ok(StoredDump { snapshot, note, fetched }) => {
            run.steps.journal.append(&Entry::OffsiteDumpStored { backup, snapshot: snapshot.clone() })?;
            run.steps.note(format!("snapshot {snapshot}: {note}"));
            dump.fetched = fetched;
            run.steps.done()
        }
        Err(error) => {
            (run.context.listener)(Event::Warning(&error.text()));
            if let Some(hint) = error.marked_hint() {
                run.steps.note(hint.map(|hint| format!("try: {hint}")));
            }
            run.steps.note(error.text());
            // A sound report has no failed step: the copy here can be sound without the one off site.
            run.steps.skipped("it failed, and is repeated at the end of the run")?;
            if run.context.config.restore.from == CopySource::Offsite {
                run.problems.push(error.context("the dump was restored from this machine, not from the off-site copy"));
            }
            Ok(())
        }
    }
}

async fn upload(run: &CurrentRun<'_>, dump: &SourceDump, settings: &OffsiteSettings) -> Result<StoredDump> {
    let context = run.context;
    let repository = OffsiteRepository::configured(settings, context.state(), context.environment).await?;
    let is_fetched = context.config.restore.from == CopySource::Offsite;
    offsite::store_dump(&repository, settings, &dump.backup, is_fetched).await
}
