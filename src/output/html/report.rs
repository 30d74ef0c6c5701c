//! The page of one report: the status, findings, unchecked objects; then everything else.

use maud::{Markup, html};

use super::blocks::{block, section, text};
use super::frame::document;
use super::sign::{class, sign};
use super::text::day;
use super::{INDEX, PAGE, ReportPage};
use crate::base::marked::Disclosure;
use crate::base::printable::printable;
use crate::base::text::{bytes, duration, grouped};
use crate::model::report::Report;
use crate::model::status::Status;
use crate::output::document::{Block, Section, Text, outside, quiet, status_tone, strong, time};
use crate::output::views::history::href;
use crate::output::views::{coverage, findings, remarks, run, sides, tables, verification};

/// The whole file.
pub fn report(page: &ReportPage<'_>) -> String {
    let status = page.entry.status();
    let heading = heading(page.report);
    let title = format!("{}: {heading}: {}", status.word(), printable(&source(page.report)));
    document(&title, status, &body(page, status, &heading))
}

fn heading(report: &Report) -> String {
    let what = if report.night.is_some() { "Run" } else { "Comparison" };
    format!("{what} of {}", day(report.times.started_at))
}

/// What was backed up, or what was compared with what.
fn source(report: &Report) -> String {
    let [expected, actual] = [&report.endpoints.expected, &report.endpoints.actual].map(|side| &side.description);
    match report.night.as_ref() {
        Some(run) => run.source.as_ref().map_or_else(|| expected.clone(), ToString::to_string),
        None => format!("{expected} compared with {actual}"),
    }
}

/// Findings, unchecked objects, coverage, tables, waivers, files and the check are on every page, whether empty or not.
fn sections(page: &ReportPage<'_>, sha256: &str) -> Vec<Section> {
    let report = page.report;
    let facts = report.night.as_ref();
    let of_run = |section: Option<Section>| section.filter(|section| !section.blocks.is_empty());
    let steps = run::steps(facts.map_or(&[], |facts| &facts.steps), &page.entry.closing_state, Disclosure::Full);
    let sections = [
        Some(findings::section(&report.findings, Disclosure::Full)),
        Some(remarks::unchecked(&report.unchecked, Disclosure::Full)),
        of_run(facts.map(|facts| run::stages(&facts.legs))),
        Some(coverage::section(report)),
        Some(tables::section(&report.tables)),
        of_run(Some(sides::foreign_keys(report))),
        of_run(Some(sides::assertions(report))),
        of_run(Some(steps)),
        Some(remarks::waivers(&report.waivers)),
        of_run(Some(remarks::remarks(&report.remarks))),
        facts.map(run::origin),
        Some(sides::endpoints(report)),
        Some(verification::files(report, page.entry, sha256)),
        Some(verification::section(page.entry, sha256)),
    ];
    sections.into_iter().flatten().collect()
}

fn body(page: &ReportPage<'_>, status: Status, heading: &str) -> Markup {
    let report = page.report;
    let sha256 = page.entry.summary().map(|summary| summary.sha256.as_str()).unwrap_or_default();
    let sections = sections(page, sha256);
    html! {
        header {
            (neighbours(page))
            h1 { (heading) }
            p { bdi { (printable(&source(report))) } }
            (verdict(page, status))
            dl.facts { @for (label, value) in facts(report) { div { dt { (label) } dd { (text(&value)) } } } }
            nav.contents aria-label="On this page" {
                @for one in &sections { a href=(format!("#{}", one.id)) { (one.title) } " " }
            }
        }
        main { @for one in &sections { (section(one)) } }
        footer { p { "Made by pgwitness " (env!("CARGO_PKG_VERSION")) " from report.json, format " (report.format) ". Times are UTC." } }
    }
}

fn neighbours(page: &ReportPage<'_>) -> Markup {
    let link = |id: &str, class: &str, text: &str| {
        html! {
            a class=(class) href=(format!("../{}/{PAGE}", href(id))) { (text) }
        }
    };
    html! {
        @if page.has_index || page.older.is_some() || page.newer.is_some() {
            nav.neighbours aria-label="Runs" {
                @if page.has_index { a href=(format!("../{INDEX}")) { "All runs" } }
                @if let Some(id) = page.older { (link(id, "older", "← Run before")) }
                @if let Some(id) = page.newer { (link(id, "newer", "Run after →")) }
            }
        }
    }
}

/// Without a good signature, the verdict of the report appears below the status, as a claim.
fn verdict(page: &ReportPage<'_>, status: Status) -> Markup {
    let report_problems = page.entry.report_problems();
    let line = outside(&page.report.verdict_line);
    html! {
        div class={ "verdict " (class(status_tone(status))) } {
            (sign(status))
            div {
                p.answer { (status.word()) }
                @if status == Status::Unproven {
                    p { (status.meaning()) }
                    p { "It claims: " q { (text(&line)) } }
                } @else {
                    p { (text(&line)) }
                    p.quiet { (status.meaning()) }
                    @if let Some(line) = page.entry.dump_line() { p { (text(&strong(line))) } }
                }
                @if !report_problems.is_empty() { (problems(&report_problems)) }
                (after(&page.entry.later_failures(), page.entry.closing_state.pending()))
            }
        }
    }
}

/// Problems after the report was signed, beside its verdict: a sound run may have left an instance that costs money.
pub fn after(lines: &[String], pending: Option<&str>) -> Markup {
    html! {
        @if !lines.is_empty() { p.after { strong { "After the report was signed:" } } (problems(lines)) }
        @if let Some(pending) = pending { p.after { (pending) } }
    }
}

fn problems(lines: &[String]) -> Markup {
    block(&Block::List(lines.iter().map(|line| strong(line)).collect()), 3)
}

fn facts(report: &Report) -> Vec<(&'static str, Text)> {
    let coverage = &report.coverage;
    let number = |number: usize| Text::from(grouped(number as u64));
    let waivers = report.waivers.iter().filter(|waiver| !waiver.covered.is_empty()).count();
    let run = report.night.as_ref();
    let compared = Text::from(grouped(coverage.tables_compared));
    let mut facts = vec![
        ("Findings", number(report.findings.len())),
        ("Unchecked", number(report.unchecked.len())),
        ("Tables compared", compared.and(quiet(&format!(" of {}", grouped(coverage.tables_expected))))),
        ("Rows", grouped(coverage.rows_expected).into()),
        ("Waivers in use", number(waivers)),
    ];
    facts.extend(run.and_then(|run| run.dump.as_ref()).map(|dump| ("Dump", bytes(dump.bytes).into())));
    facts.extend([("Took", duration(report.times.duration_ms).into()), ("Started", time(report.times.started_at))]);
    facts.extend(run.and_then(|run| run.data_as_of).map(|at| ("Data as of", time(at))));
    facts
}
