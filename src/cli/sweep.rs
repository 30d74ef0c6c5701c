//! `pgwitness sweep`.

use super::args::SweepArguments;
use super::progress::Progress;
use super::terminal::{Terminal, print_error, print_result};
use super::{config, inputs};
use crate::base::error::Result;
use crate::base::printable::printable;
use crate::nightly::{SweepOptions, sweep};

/// Exit code: something is left over.
const LEFT_BEHIND: u8 = 3;

/// Sweeps; 0 when nothing is left over. With `--dry-run`, what would be cleaned up counts as left over.
pub async fn run(arguments: &SweepArguments) -> Result<u8> {
    let config = config::load(&arguments.file)?;
    let progress = Progress::new(false, Terminal::stderr());
    let redaction = inputs::redaction(config.verify.redact)?;
    let context = inputs::context(&config, redaction.listener(progress.listener.clone()));
    let options = SweepOptions { is_dry: arguments.dry_run, confirmed: &arguments.confirm };
    let swept = sweep(&context, &options).await?;
    drop(context);
    drop(progress);
    let mut lines = swept.notes.clone();
    for instance in &swept.unclaimed {
        let created = instance.created_at.map_or_else(|| "an unknown time".to_owned(), |at| at.to_string());
        lines.push(format!(
            "instance {} ({}, since {created}) has the tags of pgwitness and is in no journal on this machine: \
             to delete it, --confirm {}",
            instance.identifier, instance.status, instance.identifier
        ));
    }
    if lines.is_empty() && swept.problems.is_empty() {
        lines.push("nothing is left over".into());
    }
    print_result(&lines.iter().map(|line| format!("{}\n", printable(line))).collect::<String>())?;
    swept.problems.iter().for_each(|error| print_error(&redaction.error(error.clone())));
    let is_left = arguments.dry_run && !swept.notes.is_empty();
    let is_clean = swept.problems.is_empty() && swept.unclaimed.is_empty() && !is_left;
    Ok(if is_clean { 0 } else { LEFT_BEHIND })
}
