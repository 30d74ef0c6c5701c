//! `pgwitness init`: creates the directories of a run, and the mark that distinguishes a backup disk from an empty mount point.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::args::InitArguments;
use super::terminal::{print_note, print_result};
use super::{config, inputs};
use crate::base::error::{Context, Result};
use crate::nightly::{shared_reports, shared_state};
use crate::storage::backups::{self, Backups};
use crate::storage::reports;

/// Creates missing directories and marks unmarked ones; leaves existing ones unchanged.
pub fn run(arguments: &InitArguments) -> Result<u8> {
    let config = config::load(&arguments.file)?;
    make(&config.state.directory, 0o700)?;
    make(&config.report.directory, 0o750)?;
    make(&config.dump.directory, 0o700)?;
    config.files.iter().try_for_each(|section| make(&section.directory, 0o700))?;
    let origin = backups::configured(&config.source, &inputs::environment)?;
    let reports = shared_reports(&config.report.directory, &origin)?;
    let state = shared_state(&config.state.directory, &origin)?;
    reports.into_iter().chain(state).for_each(|warning| print_note(&warning));
    let mut backups = Backups::init(&config.dump.directory, &reports::random_run_id()?, inputs::now())?;
    if arguments.adopt {
        backups.adopt(&origin)?;
    } else {
        let ours = backups.ours(&origin)?;
        let shared = ours.split(backups.list()?, &config.report.directory);
        ours.note.iter().cloned().chain(shared.notes(&origin)).for_each(|note| print_note(&note));
        // Backups of an older version may be of several sources: the first successful run then marks the directory.
        if backups.sources().is_empty() && shared.is_ours_alone() {
            backups.mark_for(&ours)?;
        }
    }
    let files: String =
        config.files.iter().map(|section| format!("files    {}\n", section.directory.display())).collect();
    print_result(&format!(
        "backups  {} (marked for {origin})\n{files}reports  {}\nstate    {}\n",
        backups.dir().display(),
        config.report.directory.display(),
        config.state.directory.display()
    ))?;
    Ok(0)
}

fn make(dir: &Path, mode: u32) -> Result<()> {
    DirBuilder::new().mode(mode).recursive(true).create(dir).doing(|| format!("make {}", dir.display()))
}
