//! The page of a summary over a period: a part for each source, with pictures, made for print too.

use maud::{Markup, html};

use super::blocks::{block, text};
use super::chart::{self, ChartLine};
use super::frame::document;
use super::sign::{badge, class, sign};
use super::text::{day, short_day};
use crate::base::printable::printable;
use crate::base::text::duration;
use crate::base::time::Timestamp;
use crate::model::period::{DirectoryPeriod, PeriodSummary, ProvenRun, SourcePeriod};
use crate::model::status::Status;
use crate::output::document::{Section, status_tone};
use crate::output::views::period as view;

/// The file that the page was made with, if there is one.
#[derive(Debug, Clone, Copy)]
pub struct SummaryFile<'a> {
    /// Its name.
    pub name: &'a str,
    /// SHA-256 of its bytes.
    pub sha256: &'a str,
    /// The command that checks its signature; `None`: it is not signed.
    pub check: Option<&'a str>,
}

/// The whole file.
pub fn period(summary: &PeriodSummary, file: Option<SummaryFile<'_>>) -> String {
    let status = view::status(summary.answer);
    let title = format!("Backups from {} to {}", day(summary.period.since), day(summary.period.until));
    document(&title, status, &body(summary, status, &title, file))
}

fn body(summary: &PeriodSummary, status: Status, title: &str, file: Option<SummaryFile<'_>>) -> Markup {
    html! {
        header {
            h1 { (title) }
            p { (text(&view::period(summary))) }
            div class={ "verdict " (class(status_tone(status))) } {
                (sign(status))
                div {
                    p.answer { (view::answer(summary.answer)) }
                    @for source in summary.directories.iter().flat_map(|directory| &directory.sources) {
                        p { bdi { (printable(&view::source_name(source))) } ": " (shortfalls(source)) }
                    }
                }
            }
        }
        main {
            @for (at, directory) in summary.directories.iter().enumerate() {
                @for (number, source) in directory.sources.iter().enumerate() { (source_part(source, &format!("s{at}-{number}"))) }
                (directory_part(directory, &format!("d{at}")))
            }
        }
        footer {
            p { "Made by pgwitness " (summary.pgwitness) " on " (super::text::time(summary.made_at)) " from signed reports. Times are UTC. This page is not signed." }
            @if let Some(file) = file {
                p { "The same figures are in " code { bdi { (printable(file.name)) } } ", SHA-256 " code { (file.sha256) } "." }
                @if let Some(check) = file.check { p { "Its signature: " } pre.command { (printable(check)) } }
            }
        }
    }
}

fn shortfalls(source: &SourcePeriod) -> String {
    if source.shortfalls.is_empty() { "complete".to_owned() } else { printable(&source.shortfalls.join("; ")) }
}

fn source_part(source: &SourcePeriod, id: &str) -> Markup {
    let [figures, rest @ ..] = view::source_sections(source);
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { bdi { (printable(&view::source_name(source))) } }
            @for one in &figures.blocks { (block(one, 3)) }
            (strip(source))
            div.charts { @for line in charts(source, id).iter().flatten() { (line) } }
            @for one in &rest { (part(one)) }
        }
    }
}

fn directory_part(directory: &DirectoryPeriod, id: &str) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { "Reports in " bdi { (printable(&directory.path)) } }
            @for one in &view::directory_sections(directory) { (part(one)) }
        }
    }
}

/// Under a heading of the third level; nothing is left out because it is empty.
fn part(section: &Section) -> Markup {
    html! {
        h3 { (section.title) }
        @if section.blocks.is_empty() { p { "None." } } @else {
            @if !section.note.is_empty() { p.quiet { (section.note) } }
            @for one in &section.blocks { (block(one, 4)) }
        }
    }
}

/// Proven and missing runs, oldest first.
fn strip(source: &SourcePeriod) -> Markup {
    let mut cells: Vec<(Timestamp, Status)> =
        source.runs.iter().map(|run| (run.started_at, Status::from(run.verdict))).collect();
    let missing = source.schedule.iter().flat_map(|schedule| &schedule.missing_at);
    cells.extend(missing.map(|at| (*at, Status::Missing)));
    cells.sort();
    let counts = Status::ALL.map(|status| (status, cells.iter().filter(|(_, one)| *one == status).count()));
    html! {
        @if !cells.is_empty() {
            ol.strip aria-label="Runs, oldest first" {
                @for (at, status) in &cells {
                    @let label = format!("{}: {}", day(*at), status.word());
                    li { span role="img" title=(label) aria-label=(label) { (sign(*status)) } }
                }
            }
            p.legend { @for (status, count) in counts.iter().filter(|(_, count)| *count > 0) { span { (badge(*status)) " " (count) } } }
        }
    }
}

fn charts(source: &SourcePeriod, id: &str) -> [Option<Markup>; 2] {
    let seconds = |value: u64| duration(value.saturating_mul(1000));
    [
        picture(
            source,
            &format!("{id}-age"),
            "Age of the data when it was verified (RPO)",
            |run| run.data_age_s,
            &seconds,
        ),
        picture(source, &format!("{id}-restore"), "Duration of the restore (RTO)", |run| run.restore_ms, &duration),
    ]
}

fn picture(
    source: &SourcePeriod,
    id: &str,
    title: &str,
    of: fn(&ProvenRun) -> Option<u64>,
    tell: &dyn Fn(u64) -> String,
) -> Option<Markup> {
    let values: Vec<Option<u64>> = source.runs.iter().map(of).collect();
    let known: Vec<(u64, &ProvenRun)> = source.runs.iter().filter_map(|run| Some((of(run)?, run))).collect();
    let (first, last) = (known.first()?, known.last()?);
    let named = |run: &ProvenRun| short_day(run.started_at);
    let description = format!("{} on {}, {} on {}.", tell(first.0), named(first.1), tell(last.0), named(last.1));
    let ends = [source.runs.first().map(named)?, source.runs.last().map(named)?];
    chart::line(&ChartLine { id, title, description: &description, values: &values, tell, ends: [&ends[0], &ends[1]] })
}
