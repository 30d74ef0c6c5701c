//! Copies the directories that belong to the database, and compares the copies with them.

use crate::base::error::{Error, Result};
use crate::compare::rows::Show;
use crate::config::FilesSettings;
use crate::model::progress::Event;
use crate::nightly::current_run::CurrentRun;
use crate::nightly::files::{self, CopiedFiles, FilesOrder};
use crate::storage::files::FilesSnapshots;
use crate::storage::journal::{Entry, FilesClaim};
use crate::storage::reports::stamped_name;

/// A failure makes the run inconclusive, not its end: the database is still restored and compared.
///
/// # Errors
/// The journal cannot be written.
pub async fn copy(run: &mut CurrentRun<'_>, show: Show) -> Result<()> {
    for settings in &run.context.config.files {
        run.steps.begin("copy_files")?;
        match copy_one(run, settings, show).await {
            Ok(copied) => {
                copied.notes.iter().for_each(|note| run.steps.note(note));
                run.facts.files.push(copied.facts);
                let further = &mut run.files.further;
                further.findings.extend(copied.further.findings);
                further.unchecked.extend(copied.further.unchecked);
                further.remarks.extend(copied.further.remarks);
                run.files.uncopied.extend(copied.nothing);
                run.files.is_compared = true;
                run.steps.done()?;
            }
            Err(error) => failed(run, settings, &error)?,
        }
    }
    Ok(())
}

async fn copy_one(run: &mut CurrentRun<'_>, settings: &FilesSettings, show: Show) -> Result<CopiedFiles> {
    let snapshots = FilesSnapshots::new(settings.snapshots());
    let id = stamped_name(run.started_at, &run.run_id)?;
    let directory = snapshots.directory().display().to_string();
    run.steps.journal.append(&Entry::FilesIntended(FilesClaim { directory, id: id.clone() }))?;
    let order = FilesOrder { settings, snapshots: &snapshots, id: &id, show };
    files::copy(run.context, &order).await
}

fn failed(run: &mut CurrentRun<'_>, settings: &FilesSettings, error: &Error) -> Result<()> {
    (run.context.listener)(Event::Warning(&error.clone().context(format!("copy the files {}", settings.name)).text()));
    if let Some(hint) = error.marked_hint() {
        run.steps.note(hint.map(|hint| format!("try: {hint}")));
    }
    run.steps.note(error.text());
    let facts = run.files.add_failure(settings, error);
    run.facts.files.push(facts);
    // A report that proves the dump has no failed step.
    run.steps.skipped(&format!("the files {} could not be copied", settings.name))
}
