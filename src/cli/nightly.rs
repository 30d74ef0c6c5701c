//! `pgwitness nightly`.

use super::args::{Format, NightlyArguments};
use super::progress::Progress;
use super::terminal::{Terminal, print_error, print_json, print_note, print_result};
use super::{config, inputs, stopped};
use crate::base::error::{Error, Result};
use crate::base::files;
use crate::base::printable::printable;
use crate::nightly::{self, Plan, RunOutcome};
use crate::output::terminal::{self, Heading};

/// Runs once; returns the exit code of the run.
pub async fn run(arguments: &NightlyArguments) -> Result<u8> {
    let config = config::load(&arguments.file)?;
    let progress = Progress::new(arguments.quiet, Terminal::stderr());
    let redaction = inputs::redaction(config.verify.redact)?;
    let mut given = inputs::given(&config, redaction.listener(progress.listener.clone()));
    given.snapshot.clone_from(&arguments.snapshot);
    if arguments.dry_run {
        let plan = tokio::select! {
            plan = nightly::plan(&given) => plan,
            signal = stopped() => Err(Error::interrupted(signal)),
        }?;
        drop(progress);
        return show_plan(&plan);
    }
    let ended = nightly::run(&given, stopped).await?;
    drop(given);
    drop(progress);
    tell(&ended, arguments.format)?;
    Ok(ended.exit_code)
}

fn tell(ended: &RunOutcome, format: Format) -> Result<()> {
    if let Some(witnessed) = &ended.comparison {
        match (format, &ended.report) {
            (Format::Json, Some(path)) => print_json(&files::read_text(path, files::REPORT)?)?,
            _ => {
                let heading = Heading::new(&witnessed.expected.endpoint, &witnessed.actual.endpoint);
                let style = Terminal::stdout().style(false);
                let dump =
                    ended.dump_verdict.as_ref().map(|dump| terminal::dump_verdict(dump, style)).unwrap_or_default();
                print_result(&format!("{}{dump}", terminal::outcome(&heading, &witnessed.outcome, style)))?;
            }
        }
    }
    if let Some(error) = &ended.error {
        print_error(error);
    }
    for trouble in &ended.troubles {
        print_error(trouble);
    }
    if let Some(path) = &ended.report {
        print_note(&format!("report: {}", path.display()));
    }
    Ok(())
}

fn show_plan(plan: &Plan) -> Result<u8> {
    let mut text: String = plan.steps.iter().map(|step| format!("{}\n", printable(step))).collect();
    for trouble in &plan.troubles {
        text.push_str(&format!("✗ {}\n", printable(&trouble.to_string())));
    }
    print_result(&text)?;
    Ok(if plan.troubles.is_empty() { 0 } else { 2 })
}
