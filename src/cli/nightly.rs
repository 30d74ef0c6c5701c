//! `pgwitness nightly`.

use super::args::{Format, NightlyArguments};
use super::progress::Progress;
use super::terminal::{Terminal, print_error, print_json, print_note, print_result};
use super::{config, inputs, stopped};
use crate::base::error::{Error, Result};
use crate::base::files;
use crate::base::printable::printable;
use crate::model::redaction::Redaction;
use crate::nightly::{self, Plan, RunOutcome};
use crate::output::terminal::{self, Heading};

/// Runs once; returns the exit code of the run.
pub async fn run(arguments: &NightlyArguments) -> Result<u8> {
    let config = config::load(&arguments.file)?;
    let progress = Progress::new(arguments.quiet, Terminal::stderr());
    let redaction = inputs::redaction(config.verify.redact)?;
    let mut context = inputs::context(&config, redaction.listener(progress.listener.clone()));
    context.snapshot.clone_from(&arguments.snapshot);
    if arguments.dry_run {
        let plan = tokio::select! {
            plan = nightly::plan(&context) => plan,
            signal = stopped() => Err(Error::interrupted(signal)),
        }?;
        drop(progress);
        return show_plan(&plan, redaction);
    }
    let ended = nightly::run(&context, stopped).await?;
    drop(context);
    drop(progress);
    print_outcome(&ended, arguments.format)?;
    Ok(ended.exit_code)
}

fn print_outcome(ended: &RunOutcome, format: Format) -> Result<()> {
    if let Some(comparison) = &ended.comparison {
        match (format, &ended.report) {
            (Format::Json, Some(path)) => print_json(&files::read_text(path, files::REPORT)?)?,
            _ => {
                let heading = Heading::new(&comparison.expected.endpoint, &comparison.actual.endpoint);
                let style = Terminal::stdout().style(false);
                let dump =
                    ended.dump_verdict.as_ref().map(|dump| terminal::dump_verdict(dump, style)).unwrap_or_default();
                print_result(&format!("{}{dump}", terminal::outcome(&heading, &comparison.outcome, style)))?;
            }
        }
    }
    if let Some(error) = &ended.error {
        print_error(error);
    }
    ended.problems.iter().for_each(print_error);
    if let Some(path) = &ended.report {
        print_note(&format!("report: {}", path.display()));
    }
    Ok(())
}

/// The checks as `config check` prints them, then the plan.
fn show_plan(plan: &Plan, redaction: Redaction) -> Result<u8> {
    let steps: String = plan.steps.iter().map(|step| format!("{}\n", printable(step))).collect();
    print_result(&format!("{}{steps}", config::check_lines(&plan.checks)))?;
    plan.problem.iter().for_each(|error| print_error(&redaction.error(error.clone())));
    let is_good = plan.checks.iter().all(|check| check.result.is_ok()) && plan.problem.is_none();
    Ok(if is_good { 0 } else { 2 })
}
