//! `pgwitness init`: the directories of a night, and the mark that tells a backup disk from an empty mount point.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::args::ConfigArguments;
use super::terminal::print_result;
use super::{config, inputs};
use crate::backups::Backups;
use crate::error::{Context, Result};
use crate::store;

/// Makes what is not there, marks what is not marked; what is there already stays as it is.
pub fn run(arguments: &ConfigArguments) -> Result<u8> {
    let config = config::load(arguments)?;
    make(&config.state.directory, 0o700)?;
    make(&config.report.directory, 0o750)?;
    make(&config.dump.directory, 0o700)?;
    let backups = Backups::init(&config.dump.directory, &store::random_run_id()?, inputs::now())?;
    print_result(&format!(
        "backups  {} (marked)\nreports  {}\nstate    {}\n",
        backups.dir().display(),
        config.report.directory.display(),
        config.state.directory.display()
    ))?;
    Ok(0)
}

fn make(dir: &Path, mode: u32) -> Result<()> {
    DirBuilder::new().mode(mode).recursive(true).create(dir).doing(|| format!("make {}", dir.display()))
}
