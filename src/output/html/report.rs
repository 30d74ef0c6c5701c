//! The page of one report: the status, findings, unchecked objects; then everything else.

use maud::{Markup, html};

use super::frame::document;
use super::sign::{class, sign};
use super::text::{day, shown, time};
use super::{INDEX, PAGE, ReportPage, coverage, findings, open, post_report, run, sides, tables, verify};
use crate::base::printable::printable;
use crate::base::text::{bytes, duration, grouped};
use crate::model::report::Report;
use crate::model::status::Status;

/// The whole file.
pub fn report(paper: &ReportPage<'_>) -> String {
    let status = paper.entry.status();
    let heading = heading(paper.report);
    let title = format!("{}: {heading}: {}", status.word(), printable(&source(paper.report)));
    document(&title, status, &body(paper, status, &heading))
}

fn heading(report: &Report) -> String {
    let what = if report.night.is_some() { "Night" } else { "Comparison" };
    format!("{what} of {}", day(report.times.started_at))
}

/// What was backed up, or what was compared with what.
fn source(report: &Report) -> String {
    let [expected, actual] = [&report.endpoints.expected, &report.endpoints.actual].map(|side| &side.description);
    match report.night.as_ref() {
        Some(night) => night.source.as_ref().map_or_else(|| expected.clone(), ToString::to_string),
        None => format!("{expected} compared with {actual}"),
    }
}

fn body(paper: &ReportPage<'_>, status: Status, heading: &str) -> Markup {
    let report = paper.report;
    let sha256 = paper.entry.summary().map(|summary| summary.sha256.as_str()).unwrap_or_default();
    html! {
        header {
            (neighbours(paper))
            h1 { (heading) }
            p { (shown(&source(paper.report))) }
            (verdict(paper, status))
            (facts(report))
            (contents(paper))
        }
        main {
            (findings::section(&report.findings))
            (open::unchecked(&report.unchecked))
            @if let Some(night) = &report.night { (run::legs(&night.legs)) }
            (coverage::section(report))
            (tables::section(&report.tables))
            (sides::violations("keys", "Foreign keys", "foreign key", &report.foreign_keys))
            (sides::violations("assertions", "Assertions", "assertion", &report.assertions))
            (run::steps(report.night.as_ref().map_or(&[], |night| &night.steps), &paper.entry.aftermath))
            (open::waivers(&report.waivers))
            (open::remarks(&report.remarks))
            @if let Some(night) = &report.night { (run::origin(night)) }
            (sides::endpoints(report))
            (verify::files(paper, sha256))
            (verify::section(paper, sha256))
        }
        footer { p { "Made by pgwitness " (env!("CARGO_PKG_VERSION")) " from report.json, format " (report.format) ". Times are UTC." } }
    }
}

fn neighbours(paper: &ReportPage<'_>) -> Markup {
    let link = |id: &str, class: &str, text: &str| {
        html! {
            a class=(class) href=(format!("../{}/{PAGE}", href(id))) { (text) }
        }
    };
    html! {
        @if paper.has_index || paper.older.is_some() || paper.newer.is_some() {
            nav.neighbours aria-label="Nights" {
                @if paper.has_index { a href=(format!("../{INDEX}")) { "All nights" } }
                @if let Some(id) = paper.older { (link(id, "older", "← Night before")) }
                @if let Some(id) = paper.newer { (link(id, "newer", "Night after →")) }
            }
        }
    }
}

/// Escapes a directory name for a URL.
pub fn href(id: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    id.bytes().map(escape).collect()
}

/// Without a good signature, the verdict of the report appears below the status, as a claim.
fn verdict(paper: &ReportPage<'_>, status: Status) -> Markup {
    let disorder = paper.entry.disorder();
    html! {
        div class={ "verdict " (class(status)) } {
            (sign(status))
            div {
                p.answer { (status.word()) }
                @if status == Status::Unproven {
                    p { (status.meaning()) }
                    p { "It claims: " q { (shown(&paper.report.verdict_line)) } }
                } @else { p { (shown(&paper.report.verdict_line)) } p.quiet { (status.meaning()) } (dump(paper)) }
                @if !disorder.is_empty() { ul { @for line in &disorder { li { strong { (shown(line)) } } } } }
                (post_report::lines(paper.entry))
            }
        }
    }
}

/// The line on the dump, where it differs from the verdict.
fn dump(paper: &ReportPage<'_>) -> Markup {
    html! { @if let Some(line) = paper.entry.dump_line() { p { strong { (shown(line)) } } } }
}

fn facts(report: &Report) -> Markup {
    let fact = |what: &str, value: &Markup| html! { div { dt { (what) } dd { (value) } } };
    let coverage = &report.coverage;
    let number = |number: usize| html! { (grouped(number as u64)) };
    let waivers = report.waivers.iter().filter(|waiver| !waiver.covered.is_empty()).count();
    html! {
        dl.facts {
            (fact("Findings", &number(report.findings.len())))
            (fact("Unchecked", &number(report.unchecked.len())))
            (fact("Tables compared", &html! { (grouped(coverage.tables_compared)) span.quiet { " of " (grouped(coverage.tables_expected)) } }))
            (fact("Rows", &html! { (grouped(coverage.rows_expected)) }))
            (fact("Waivers in use", &number(waivers)))
            @if let Some(dump) = report.night.as_ref().and_then(|night| night.dump.as_ref()) { (fact("Dump", &html! { (bytes(dump.bytes)) })) }
            (fact("Took", &html! { (duration(report.times.duration_ms)) }))
            (fact("Started", &time(report.times.started_at)))
            @if let Some(at) = report.night.as_ref().and_then(|night| night.data_as_of) { (fact("Data as of", &time(at))) }
        }
    }
}

fn contents(paper: &ReportPage<'_>) -> Markup {
    let report = paper.report;
    let night = report.night.as_ref();
    let has_steps = run::has_steps(night.map_or(&[], |night| &night.steps), &paper.entry.aftermath);
    let sections = [
        ("findings", "Findings", true),
        ("unchecked", "Unchecked", true),
        ("legs", "Legs", night.is_some_and(|night| !night.legs.is_empty())),
        ("coverage", "Coverage", true),
        ("tables", "Tables", true),
        ("keys", "Foreign keys", !report.foreign_keys.is_empty()),
        ("assertions", "Assertions", !report.assertions.is_empty()),
        ("steps", "Steps", has_steps),
        ("waivers", "Waivers", true),
        ("remarks", "Remarks", !report.remarks.is_empty()),
        ("origin", "Origin and copy", night.is_some()),
        ("sides", "The two sides", true),
        ("files", "Files", true),
        ("verify", "How to check this page", true),
    ];
    html! {
        nav.contents aria-label="On this page" {
            @for (id, name, _) in sections.iter().filter(|(_, _, is_there)| *is_there) { a href=(format!("#{id}")) { (name) } " " }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_character_that_means_something_else() {
        assert_eq!(href("20260131T020000Z-1f2e3d4c"), "20260131T020000Z-1f2e3d4c");
        assert_eq!(href("a/b\"<é"), "a%2Fb%22%3C%C3%A9");
    }
}
