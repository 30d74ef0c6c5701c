//! `pgwitness compare`.

use std::collections::BTreeMap;
use std::time::Instant;

use super::args::{CompareArguments, Format, RecheckArgument};
use super::inputs;
use super::progress::Progress;
use super::terminal::{Terminal, print_json, print_result};
use crate::base::error::Result;
use crate::compare::Request;
use crate::compare::rows::Show;
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::{self, Comparison, ComparisonJob};
use crate::model::progress::{Event, Side};
use crate::model::redaction::Redaction;
use crate::model::report::{Report, Run, Times, Tools};
use crate::model::selection::Selection;
use crate::output::terminal::{self, Heading};
use crate::postgres::conninfo::ConnInfo;
use crate::storage::reports::{self, KeyFile, NewReport};

/// Compares, prints, writes the report; returns the exit code of the verdict.
pub async fn run(arguments: &CompareArguments, key: Option<KeyFile>) -> Result<u8> {
    let redaction = inputs::redaction(arguments.redact)?;
    run_redacted(arguments, key, redaction).await.map_err(|error| redaction.error(error))
}

async fn run_redacted(arguments: &CompareArguments, key: Option<KeyFile>, redaction: Redaction) -> Result<u8> {
    let started_at = arguments.report.as_ref().map_or_else(inputs::now, |dir| reports::start_time(dir, inputs::now));
    let clock = Instant::now();
    let run_id = reports::random_run_id()?;
    let job = job(arguments)?;
    check_recheck(arguments)?;
    // Report what cannot be written or signed before the slow work.
    let folder =
        arguments.report.as_ref().map(|dir| NewReport::prepare(dir, key.as_ref(), started_at, &run_id)).transpose()?;
    let options = inputs::open_options(&arguments.reading, &arguments.checks, started_at, 2);
    let mut progress = Progress::new(arguments.reading.quiet, Terminal::stderr());
    progress.listener = redaction.listener(progress.listener.clone());
    (progress.listener)(Event::Phase("connect"));
    let (expected, actual) = tokio::try_join!(
        Endpoint::open(&arguments.expected, Side::Expected, &options),
        Endpoint::open(&arguments.actual, Side::Actual, &options)
    )?;
    inputs::note_digest_on(&arguments.reading, &[&expected, &actual], &progress.listener);
    let mut comparison = compare_endpoints::run(&expected, &actual, &job, &progress.listener).await?;
    comparison.outcome.remarks.extend(expected.remarks(Side::Expected));
    comparison.outcome.remarks.extend(actual.remarks(Side::Actual));
    redaction.outcome(&mut comparison.outcome);
    let mut facts = Run {
        run_id,
        command: "compare".into(),
        selection: selection_for_report(arguments, &job.request.selection),
        tools: Tools {
            pgwitness: env!("CARGO_PKG_VERSION").into(),
            pg_restore: expected.pg_restore().or(actual.pg_restore()).map(str::to_owned),
        },
        ..Default::default()
    };
    if let Some(folder) = &folder {
        (progress.listener)(Event::Phase("write the report"));
        let previous = folder.previous()?;
        comparison.outcome.remarks.extend(previous.unreadable.iter().map(|text| job.show.redaction.text(text)));
        facts.previous_report_sha256 = previous.sha256;
        facts.side_files = folder.write_manifests(&comparison.expected, &comparison.actual)?;
    }
    let duration_ms = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    facts.times = Times { started_at, finished_at: inputs::now(), duration_ms };
    drop(progress);
    // The listings of a database with very many tables are large.
    drop((expected, actual));
    finish(arguments, comparison, facts, folder)
}

fn job(arguments: &CompareArguments) -> Result<ComparisonJob> {
    let request = Request {
        selection: inputs::selection(&arguments.selection)?,
        required: inputs::required(&arguments.require)?,
        waivers: inputs::waivers(arguments)?,
        ..Default::default()
    };
    let show = Show { redaction: inputs::redaction(arguments.redact)?, max_rows: arguments.max_rows };
    let recheck = arguments.recheck.map(RecheckArgument::request);
    Ok(ComparisonJob { request, assertions: inputs::assertions(&arguments.checks)?, show, recheck })
}

/// Before a dump is opened, which may take long.
fn check_recheck(arguments: &CompareArguments) -> Result<()> {
    let sides = [(Side::Expected, &arguments.expected), (Side::Actual, &arguments.actual)];
    let file = sides.into_iter().find(|(_, text)| !ConnInfo::is_connection_string(text));
    match file.filter(|_| arguments.recheck.is_some()) {
        Some((side, _)) => Err(compare_endpoints::not_live(side)),
        None => Ok(()),
    }
}

/// Print first: the result must appear even if the report cannot be written.
fn finish(arguments: &CompareArguments, comparison: Comparison, facts: Run, folder: Option<NewReport>) -> Result<u8> {
    let Comparison { outcome, expected, actual, .. } = comparison;
    let report = Report::new(outcome, &expected, &actual, facts);
    drop((expected, actual));
    match arguments.format {
        Format::Json => print_json(&String::from_utf8_lossy(&report.to_bytes()?))?,
        Format::Table => {
            let heading = Heading::new(&report.endpoints.expected, &report.endpoints.actual);
            let style = Terminal::stdout().style(arguments.all_tables);
            print_result(&terminal::outcome(&heading, &report.outcome(), style))?;
        }
    }
    if let Some(folder) = folder {
        let path = folder.finish(&report)?;
        super::terminal::print_note(&format!("report: {}", path.display()));
    }
    Ok(report.verdict.exit_code())
}

/// The selection in effect, by option name.
fn selection_for_report(arguments: &CompareArguments, selection: &Selection) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for (option, pattern) in selection.all() {
        all.entry(option.trim_start_matches('-').to_owned()).or_default().push(pattern.to_owned());
    }
    for aspect in &arguments.require {
        all.entry("require".into()).or_default().push(aspect.clone());
    }
    if let Some(recheck) = arguments.recheck {
        all.insert("recheck".into(), vec![recheck.to_string()]);
    }
    if arguments.redact {
        all.insert("redact".into(), vec!["yes".into()]);
    }
    all
}
