//! `pgwitness report list`.

use crate::output::terminal;
use serde::Serialize;

use super::super::args::{Format, ListArguments, VerdictChoice};
use super::super::inputs;
use super::super::terminal::{Terminal, print_json, print_result};
use super::Result;
use super::places::places;
use crate::base::error::Error;
use crate::base::time::Timestamp;
use crate::model::status::Status;
use crate::storage::history::{Content, ReportDirectory, ReportEntry};

/// Exit code: a report has a problem, or a directory cannot be read.
const DISORDER: u8 = 2;

pub fn run(arguments: &ListArguments) -> Result<u8> {
    let now = inputs::now();
    let since = arguments.since.as_deref().map(|text| time_of("--since", text, now)).transpose()?;
    let places = places(&arguments.places, &arguments.reports, arguments.allowed_signers.as_deref())?;
    let read: Vec<ReportDirectory> = places.into_iter().map(|place| place.read(now)).collect();
    let selected: Vec<Vec<ReportEntry>> =
        read.iter().map(|directory| select(directory.entries().to_vec(), since, arguments.verdict)).collect();
    let style = Terminal::stdout().style(false);
    match (arguments.format, read.as_slice(), selected.as_slice()) {
        (_, [ReportDirectory { reports: Err(error), .. }], _) => return Err(error.clone()),
        (Format::Table, [_], [runs]) => print_result(&terminal::history_table(runs, now, style))?,
        (Format::Json, [_], [runs]) => print_json(&json(&listing(runs))?)?,
        (Format::Table, ..) => print_result(&terminal::directories(&read, &selected, now, style))?,
        (Format::Json, ..) => print_json(&json(&directories(&read, &selected))?)?,
    }
    let is_read = read.iter().all(|directory| directory.reports.is_ok());
    let is_in_order = selected.iter().flatten().all(|run| run.report_problems().is_empty());
    Ok(if is_read && is_in_order { 0 } else { DISORDER })
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

/// `7d` before now, a date, or a time in the format of reports.
pub fn time_of(option: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
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
    time.ok_or_else(|| Error::new(format!("{option} {text}: not a date like 2026-01-31 (UTC) or a span like 7d")))
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

/// Several report directories.
#[derive(Serialize)]
struct DirectoryListing<'a> {
    format: u32,
    directories: Vec<ListedDirectory<'a>>,
}

#[derive(Serialize)]
struct ListedDirectory<'a> {
    /// The directory; where that is not known, the configuration file that should name it.
    path: String,
    sources: Vec<String>,
    /// Why its reports cannot be read.
    error: Option<String>,
    #[serde(rename = "nights")]
    runs: Vec<ListedRun<'a>>,
}

fn listing(runs: &[ReportEntry]) -> RunListing<'_> {
    RunListing { format: 1, runs: runs.iter().map(listed).collect() }
}

fn directories<'a>(read: &'a [ReportDirectory], selected: &'a [Vec<ReportEntry>]) -> DirectoryListing<'a> {
    let one = |(directory, runs): (&'a ReportDirectory, &'a Vec<ReportEntry>)| ListedDirectory {
        path: directory.path.display().to_string(),
        sources: directory.sources(),
        error: directory.reports.as_ref().err().map(|error| error.text_with_hint().full().to_owned()),
        runs: runs.iter().map(listed).collect(),
    };
    DirectoryListing { format: 1, directories: read.iter().zip(selected).map(one).collect() }
}

fn listed(entry: &ReportEntry) -> ListedRun<'_> {
    ListedRun {
        entry,
        verdict: entry.verdict(),
        report_problems: entry.report_problems(),
        later_failures: entry.later_failures(),
    }
}

fn json(listing: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(listing).map_err(|error| Error::from_source(&error))?;
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
            assert_eq!(time_of("--since", text, now).unwrap().to_string(), time);
        }
        for text in ["", "d", "yesterday", "7", "-7d", "2026-02-30", "99999999999999999999d", "é"] {
            assert!(time_of("--since", text, now).is_err(), "{text}");
        }
    }
}
