//! The outcome of a comparison, a report, a history and a drift on a terminal.
//!
//! Pure: does not print, and reads neither the terminal nor the environment.

mod style;
mod grid;
mod blocks;
mod report;

pub use report::{Part, report};
pub use style::Style;

use blocks::{paragraph, section};

use crate::base::marked::Disclosure;
use crate::base::text::wrap;
use crate::base::time::Timestamp;
use crate::compare::drift::Drift;
use crate::model::finding::Finding;
use crate::model::manifest::EndpointFacts;
use crate::model::period::PeriodSummary;
use crate::model::verdict::{DumpVerdict, Outcome, Verdict};
use crate::output::document::{Block, Document, Section, Text, Tone, outside, quiet, word};
use crate::output::views::{
    checks as checks_view, coverage, drift as drift_view, findings, history, period as period_view, remarks, sources,
    tables,
};
use crate::storage::history::{ReportCheck, ReportDirectory, ReportEntry};

/// The heading: the two endpoints, expected first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heading {
    /// The expected side on one line.
    pub expected: String,
    /// The actual side on one line.
    pub actual: String,
}

impl Heading {
    /// Creates the heading from the manifests' descriptions of their endpoints.
    pub fn new(expected: &EndpointFacts, actual: &EndpointFacts) -> Self {
        Self { expected: endpoint(expected), actual: endpoint(actual) }
    }
}

/// `postgresql://app@db/shop (live, PostgreSQL 15.18, peer verified, 2026-11-22T03:10:05Z)`
fn endpoint(facts: &EndpointFacts) -> String {
    let version = facts.server_version.as_ref().map(|version| format!("PostgreSQL {version}"));
    let peer = facts.peer.as_ref().map(|peer| if peer == "local" { peer.clone() } else { format!("peer {peer}") });
    let known = [Some(facts.kind.clone()), version, peer, Some(facts.taken_at.clone())];
    let known: Vec<String> = known.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    if known.is_empty() { facts.description.clone() } else { format!("{} ({})", facts.description, known.join(", ")) }
}

/// The whole view, ending in the verdict line and a newline.
pub fn outcome(heading: &Heading, outcome: &Outcome, style: Style) -> String {
    let sections = [
        tables::section(&outcome.tables),
        findings::section(&outcome.findings, Disclosure::Full),
        remarks::unchecked(&outcome.unchecked, Disclosure::Full),
        remarks::waivers(&outcome.waivers),
        remarks::remarks(&outcome.remarks),
    ];
    let mut parts = vec![head(heading, style)];
    parts.extend(sections.iter().map(|one| section(one, style)));
    parts.push(verdict(outcome, style));
    joined(&parts)
}

/// The line on the dump below the verdict on the copy, with a newline; empty for a sound run.
pub fn dump_verdict(dump: &DumpVerdict, style: Style) -> String {
    dump_lines(dump, style).iter().map(|line| format!("{line}\n")).collect()
}

/// The evidence of a period, ending in its answer.
pub fn period(summary: &PeriodSummary, style: Style) -> String {
    document(&period_view::document(summary), style)
}

/// The findings alone; empty when there are none.
pub fn findings_text(all: &[Finding], style: Style) -> String {
    section(&findings::section(all, Disclosure::Full), style).iter().map(|line| format!("{line}\n")).collect()
}

/// The whole document, ending in a newline.
pub fn document(document: &Document, style: Style) -> String {
    let mut parts = vec![paragraph(&document.title.as_str().into(), 0, 2, style)];
    parts.extend(document.intro.iter().map(|text| paragraph(text, 0, 0, style)));
    parts.extend(document.sections.iter().map(|one| section(one, style)));
    joined(&parts)
}

/// What changed from one run to another, ending in a line with the meaning.
pub fn drift(drift: &Drift, style: Style) -> String {
    let mut parts: Vec<Vec<String>> = drift_view::sections(drift).iter().map(|one| section(one, style)).collect();
    parts.push(paragraph(&drift_view::closing(drift), 0, 2, style).iter().map(|line| style.bold(line)).collect());
    joined(&parts)
}

/// The whole view of these runs, newest first.
pub fn history_table(runs: &[ReportEntry], now: Timestamp, style: Style) -> String {
    if runs.is_empty() {
        return "no reports\n".to_owned();
    }
    let table = Block::DocumentTable(history::table(&runs.iter().collect::<Vec<_>>(), String::new()));
    let note = |(tone, text): (Option<Tone>, Text)| {
        let lines = paragraph(&text, 0, 2, style);
        lines.into_iter().map(move |line| tone.map_or(line.clone(), |tone| style.toned(tone, &line)))
    };
    let notes: Vec<String> = runs.iter().flat_map(history::notes).flat_map(note).collect();
    let offsite: Vec<String> =
        history::offsite(runs).iter().flat_map(|line| paragraph(&outside(line), 0, 2, style)).collect();
    let closing = paragraph(&history::closing(runs, now), 0, 2, style);
    let table = section(&Section::new("runs", "Runs").with([table]), style);
    joined(&[table, notes, offsite, closing.iter().map(|line| style.bold(line)).collect()])
}

/// Several report directories, each with those of its runs that were selected, and at the end a table with the newest run of each.
pub fn directories(
    directories: &[ReportDirectory],
    selected: &[Vec<ReportEntry>],
    now: Timestamp,
    style: Style,
) -> String {
    let head = |directory: &ReportDirectory| {
        let text = Text::from(directory.path.display().to_string());
        let text = text.and(": ").and(sources::source(directory));
        paragraph(&text, 0, 2, style).iter().map(|line| style.bold(line) + "\n").collect::<String>()
    };
    let one = |(directory, runs): (&ReportDirectory, &Vec<ReportEntry>)| match sources::failure(directory) {
        Some(why) => joined(&[paragraph(&word(Tone::Bad, &why), 0, 2, style)]),
        None => head(directory) + &history_table(runs, now, style),
    };
    let table = Section::new("sources", "Sources").with([Block::DocumentTable(sources::table(directories, now))]);
    let closing = paragraph(&sources::closing(directories), 0, 2, style);
    let closing = closing.iter().map(|line| style.bold(line)).collect();
    let mut parts: Vec<String> = directories.iter().zip(selected).map(one).collect();
    parts.push(joined(&[section(&table, style), closing]));
    parts.join("\n")
}

/// What was verified of one report, or of many below the line on the newest.
pub fn report_checks(newest: Option<&str>, checks: &[ReportCheck], style: Style) -> String {
    joined(&[section(&checks_view::section(newest, checks), style)])
}

/// Sections with an empty line between them.
fn joined(sections: &[Vec<String>]) -> String {
    let sections: Vec<String> =
        sections.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n") + "\n").collect();
    sections.join("\n")
}

/// Two labelled texts, such as the two sides of a comparison, with lines below the text.
fn head(heading: &Heading, style: Style) -> Vec<String> {
    let side = |label: &str, endpoint: &str| {
        let wrapped = wrap(&outside(endpoint).plain(), style.width.saturating_sub(10).max(20));
        format!("{}  {}", style.dim(label), wrapped.join("\n          "))
    };
    vec![side("expected", &heading.expected), side("actual  ", &heading.actual)]
}

/// The coverage, and last the verdict.
fn verdict(outcome: &Outcome, style: Style) -> Vec<String> {
    let tone = match outcome.verdict() {
        Verdict::Sound => Tone::Good,
        Verdict::Damaged => Tone::Bad,
        Verdict::Inconclusive => Tone::Unsure,
    };
    let mut lines = labelled("coverage  ", &coverage::line(&outcome.coverage), style);
    if let Some(rechecked) = &outcome.scope.rechecked {
        lines.extend(labelled("recheck   ", &coverage::recheck_line(rechecked), style));
    }
    lines.push(style.bold(&style.toned(tone, &outside(&outcome.verdict_line()).plain())));
    lines
}

fn labelled(label: &str, text: &str, style: Style) -> Vec<String> {
    let mut lines = paragraph(&quiet(text), label.len(), 0, style);
    if let Some(first) = lines.first_mut() {
        *first = format!("{}{}", style.dim(label), first.trim_start());
    }
    lines
}

/// The line on the dump, where it differs from the verdict; empty for a sound run.
fn dump_lines(dump: &DumpVerdict, style: Style) -> Vec<String> {
    let tone = if dump.is_proven() { Tone::Good } else { Tone::Bad };
    let lines = dump.line().map(|line| paragraph(&outside(&line), 0, 0, style)).unwrap_or_default();
    lines.iter().map(|line| style.bold(&style.toned(tone, line))).collect()
}
