//! `pgwitness report list`.

use crate::output::terminal;
use serde::Serialize;

use super::super::args::{Format, ListArguments, VerdictChoice};
use super::super::inputs;
use super::super::terminal::{Terminal, print_json, print_result};
use super::{Result, directory, signers};
use crate::base::error::Error;
use crate::base::time::Timestamp;
use crate::model::status::Status;
use crate::storage::history::{self, Content, ReportEntry};

/// Exit code: a report has a problem.
const DISORDER: u8 = 2;

pub fn run(arguments: &ListArguments) -> Result<u8> {
    let now = inputs::now();
    let since = arguments.since.as_deref().map(|text| since(text, now)).transpose()?;
    let dir = arguments.reports.clone().map_or_else(|| directory(&arguments.place), Ok)?;
    let allowed = signers(arguments.allowed_signers.as_deref(), &arguments.place, arguments.reports.is_none())?;
    let all = history::read(&dir, allowed.as_ref(), now)?;
    let runs = select(all, since, arguments.verdict);
    match arguments.format {
        Format::Table => print_result(&terminal::history_table(&runs, now, Terminal::stdout().style(false)))?,
        Format::Json => print_json(&json(&runs)?)?,
    }
    let is_in_order = runs.iter().all(|run| run.report_problems().is_empty());
    Ok(if is_in_order { 0 } else { DISORDER })
}

/// A missing run belongs to the newer run that names it, which precedes it in the list.
fn select(runs: Vec<ReportEntry>, since: Option<Timestamp>, verdict: Option<VerdictChoice>) -> Vec<ReportEntry> {
    let mut is_last_shown = false;
    let mut shown = Vec::new();
    for run in runs {
        let is_shown = match &run.content {
            Content::Missing { .. } => is_last_shown && verdict.is_none(),
            _ => {
                let is_recent = since.is_none_or(|since| run.started_at.is_none_or(|at| at >= since));
                is_recent && verdict.is_none_or(|wanted| is(wanted, &run))
            }
        };
        is_last_shown = is_shown;
        if is_shown {
            shown.push(run);
        }
    }
    shown
}

fn is(wanted: VerdictChoice, run: &ReportEntry) -> bool {
    let status = match wanted {
        VerdictChoice::SoundWithWarnings => return run.status() == Status::SoundWithWarnings,
        VerdictChoice::Sound => Status::Sound,
        VerdictChoice::Damaged => Status::Damaged,
        VerdictChoice::Inconclusive => Status::Inconclusive,
    };
    run.verdict().map(Status::from) == Some(status)
}

/// `7d`, a date, or a time in the format of reports.
fn since(text: &str, now: Timestamp) -> Result<Timestamp> {
    let unit = |letter| match letter {
        'h' => Some(3600),
        'd' => Some(86_400),
        'w' => Some(7 * 86_400),
        _ => None,
    };
    let span = text.chars().last().and_then(unit).and_then(|unit| {
        let count: u64 = text.get(..text.len() - 1)?.parse().ok()?;
        count.checked_mul(unit)
    });
    let time = span.map(|seconds| now.minus_seconds(seconds));
    let time = time.or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))).or_else(|| Timestamp::parse(text));
    time.ok_or_else(|| Error::new(format!("--since {text}: not a date like 2026-01-31 (UTC) or a span like 7d")))
}

#[derive(Serialize)]
struct RunListing<'a> {
    format: u32,
    #[serde(rename = "nights")]
    runs: Vec<ListedRun<'a>>,
}

#[derive(Serialize)]
struct ListedRun<'a> {
    #[serde(flatten)]
    entry: &'a ReportEntry,
    /// The proven verdict; `content` has the verdict that the report states.
    verdict: Option<crate::model::verdict::Verdict>,
    /// Empty: no problem.
    #[serde(rename = "disorder")]
    report_problems: Vec<String>,
    /// Problems after the report was signed.
    #[serde(rename = "wrongs")]
    later_failures: Vec<String>,
}

fn json(runs: &[ReportEntry]) -> Result<String> {
    let listed = |entry| ListedRun {
        entry,
        verdict: entry.verdict(),
        report_problems: entry.report_problems(),
        later_failures: entry.later_failures(),
    };
    let listing = RunListing { format: 1, runs: runs.iter().map(listed).collect() };
    let text = serde_json::to_string_pretty(&listing).map_err(|error| Error::from_source(&error))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_date_a_time_or_a_span() {
        let now = Timestamp::parse("2026-06-15T02:00:00Z").unwrap();
        for (text, time) in [
            ("7d", "2026-06-08T02:00:00Z"),
            ("36h", "2026-06-13T14:00:00Z"),
            ("2026-06-01", "2026-06-01T00:00:00Z"),
            ("2026-06-01T12:00:00Z", "2026-06-01T12:00:00Z"),
        ] {
            assert_eq!(since(text, now).unwrap().to_string(), time);
        }
        for text in ["", "d", "yesterday", "7", "-7d", "2026-02-30", "99999999999999999999d", "é"] {
            assert!(since(text, now).is_err(), "{text}");
        }
    }
}
