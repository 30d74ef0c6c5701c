//! The index page: the newest run, problems, the history, and every run in a table by month.
//!
//! Every run has a row, a missing one too.

use maud::{Markup, html};

use super::blocks::{block, section, text};
use super::filter;
use super::frame::document_with;
use super::pictures;
use super::report::after as after_report;
use super::sign::{badge, class, sign};
use super::text::{month, time};
use crate::base::printable::printable;
use crate::base::text::{grouped, grouped_noun};
use crate::base::time::Timestamp;
use crate::model::status::Status;
use crate::output::document::{Block, DocumentTable, RowFilter, Section, Text, outside, status_tone, strong};
use crate::output::views::history::{self, counts, link, link_from, open_problems};
use crate::storage::history::{ReportEntry, sources};

/// Number of months that are open.
const OPEN_MONTHS: usize = 2;
/// Number of problems of one run that are shown; its own page has all of them.
const OPEN_LINES: usize = 3;

/// The whole file; `runs` are newest first, as [`crate::storage::history::read`] returns them.
pub fn index(runs: &[ReportEntry], now: Timestamp) -> String {
    let status = runs.first().map_or(Status::NoReport, ReportEntry::status);
    let names = printable(&sources(runs).join("; "));
    let of = if names.is_empty() { "" } else { ": " };
    let title = format!("{}: newest of {}{of}{names}", status.word(), grouped_noun(runs.len() as u64, "run"));
    document_with(&title, status, &filter::style(sources(runs).len()), &body(runs, status, now))
}

fn body(runs: &[ReportEntry], status: Status, now: Timestamp) -> Markup {
    html! {
        header {
            h1 { "Runs" }
            @for source in sources(runs) { p { bdi { (printable(&source)) } } }
            @if let Some(line) = history::offsite(runs) { p { bdi { (printable(&line)) } } }
            @if let Some(newest) = runs.first() { (newest_run(runs, newest, status)) } @else { p { "There are no reports." } }
            (facts(runs))
        }
        main {
            @for one in [attention(runs, &Text::default(), ""), after(runs, &Text::default(), "")] { @if !one.blocks.is_empty() { (section(&one)) } }
            @if !runs.is_empty() { (pictures::section(runs)) (all(runs)) }
        }
        footer {
            p { "Made by pgwitness " (env!("CARGO_PKG_VERSION")) " on " (time(now)) ". This page is not signed; the reports are: "
                code { "pgwitness report verify --allowed-signers allowed_signers ." } }
            p { "The chain of hashes shows removed and edited reports. It cannot show that the newest ones \
                were removed: check the date." }
        }
    }
}

fn newest_run(runs: &[ReportEntry], newest: &ReportEntry, status: Status) -> Markup {
    let summary = newest.summary().filter(|_| newest.verdict().is_some());
    html! {
        div class={ "verdict " (class(status_tone(status))) } {
            (sign(status))
            div {
                p.answer { (status.word()) }
                p { "Newest run: " (text(&link(newest))) }
                @if let Some(summary) = summary {
                    p { (text(&outside(&summary.verdict_line))) }
                    @if let Some(line) = newest.dump_line() { p { (text(&strong(line))) } }
                } @else { p { (status.meaning()) } }
                (after_report(&open_problems(runs, 0), newest.closing_state.pending()))
            }
        }
    }
}

fn facts(runs: &[ReportEntry]) -> Markup {
    let sound = runs.iter().find(|run| run.is_sound());
    let proven = runs.iter().find(|run| run.is_dump_proven());
    let is_other = proven.map(|run| &run.id) != sound.map(|run| &run.id);
    html! {
        dl.facts {
            div { dt { "Newest sound run" } dd { @if let Some(run) = sound { (text(&link(run))) } @else { span.word.damaged { "none" } } } }
            @if let Some(run) = proven.filter(|_| is_other) { div { dt { "Newest proven dump" } dd { (text(&link(run))) } } }
            div { dt { "Runs" } dd { (grouped(runs.len() as u64)) } }
            @for (status, count) in counts(&runs.iter().collect::<Vec<_>>()) { div { dt { (badge(status)) } dd { (grouped(count as u64)) } } }
        }
    }
}

/// Problems after the reports were signed. `source` is in front of each line, `urls` in front of each URL of a page.
pub fn after(runs: &[ReportEntry], source: &Text, urls: &str) -> Section {
    let brief = |mut lines: Vec<String>| {
        let hidden = lines.len().saturating_sub(OPEN_LINES);
        if hidden > 1 {
            lines.truncate(OPEN_LINES);
            lines.push(format!("and {hidden} more"));
        }
        lines
    };
    let note = "What failed after the signature, or must still be cleaned up; the next run cleans up, if possible.";
    let lines = runs.iter().enumerate().map(|(at, run)| (run, brief(open_problems(runs, at))));
    of_runs(Section::new("after", "After the report").note(note), source, urls, lines)
}

/// Problems of the reports themselves, independent of their verdicts.
pub fn attention(runs: &[ReportEntry], source: &Text, urls: &str) -> Section {
    let note = "Problems of the report files; the verdicts on the database are in the table.";
    let lines = runs.iter().map(|run| (run, run.report_problems()));
    of_runs(Section::new("attention", "Not in order").note(note), source, urls, lines)
}

/// Runs with their problems; no section without problems.
fn of_runs<'a>(
    section: Section,
    source: &Text,
    urls: &str,
    runs: impl Iterator<Item = (&'a ReportEntry, Vec<String>)>,
) -> Section {
    let line = |(run, lines): (&ReportEntry, Vec<String>)| {
        let lines = lines.iter().map(|line| outside(line)).reduce(|text, line| text.and("; ").and(line))?;
        let head = source.clone().and(history::badge(run.status())).and(" ").and(link_from(run, urls));
        Some(head.and(": ").and(lines))
    };
    let lines: Vec<Text> = runs.filter_map(line).collect();
    section.with((!lines.is_empty()).then_some(Block::List(lines)))
}

/// A table for each month; a run without a time belongs to the newer run that names it, above it.
fn all(runs: &[ReportEntry]) -> Markup {
    let mut months: Vec<(String, Vec<&ReportEntry>)> = Vec::new();
    for run in runs {
        let name = run.started_at.map(month);
        match months.last_mut() {
            Some((last, of_month)) if name.as_ref().is_none_or(|name| name == last) => of_month.push(run),
            _ => months.push((name.unwrap_or_else(|| "Without a date".to_owned()), vec![run])),
        }
    }
    let sources = sources(runs);
    let statuses: Vec<Status> = runs.iter().map(ReportEntry::status).collect();
    html! {
        section aria-labelledby="all" {
            h2 #all { "All runs" }
            (filter::buttons(&statuses, &sources))
            @for (i, (name, of_month)) in months.iter().enumerate() {
                details open[i < OPEN_MONTHS] {
                    summary { strong { (name) } " " span.quiet { (summary(of_month)) } }
                    (block(&Block::DocumentTable(table(of_month, name, &sources)), 3))
                }
            }
        }
    }
}

fn table(runs: &[&ReportEntry], month: &str, sources: &[String]) -> DocumentTable {
    let mut table = history::table(runs, format!("Runs of {month}, newest first"));
    for (row, run) in table.rows.iter_mut().zip(runs) {
        let source = run.summary().and_then(|summary| summary.source.as_ref()).map(ToString::to_string);
        let source = source.and_then(|source| sources.iter().position(|known| *known == source));
        row.filter = Some(RowFilter { status: run.status(), source });
    }
    table
}

/// `29 runs: 27 sound, 2 damaged`
fn summary(runs: &[&ReportEntry]) -> String {
    let counts: Vec<String> =
        counts(runs).into_iter().map(|(status, count)| format!("{count} {}", status.word())).collect();
    format!("{}: {}", grouped_noun(runs.len() as u64, "run"), counts.join(", "))
}
