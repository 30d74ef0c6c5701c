//! A report on a terminal: findings first, then everything else, then the verdict, and last what followed the report.
//!
//! Shows only the report; `report verify` checks the signature.

use super::blocks::{paragraph, section};
use super::{Heading, Style, dump_lines, head, joined, verdict};
use crate::base::marked::Disclosure;
use crate::model::closing_state::ClosingState;
use crate::model::report::Report;
use crate::output::document::{Section, outside};
use crate::output::views::{findings, remarks, run, tables};

/// One part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Findings, and what is unchecked.
    Findings,
    /// Every table.
    Tables,
    /// The steps of the run.
    Steps,
    /// Waivers.
    Waivers,
}

/// The whole report, or one part of it; its last line is always the verdict. The closing follows: its steps only with the other
/// steps, its problems always.
pub fn report(report: &Report, post: &ClosingState, only: Option<Part>, style: Style) -> String {
    let outcome = report.outcome();
    let heading = Heading::new(&report.endpoints.expected, &report.endpoints.actual);
    let is_shown = |part| only.is_none_or(|only| only == part);
    let mut sections: Vec<Section> = Vec::new();
    if is_shown(Part::Findings) {
        sections.extend([
            findings::section(&outcome.findings, Disclosure::Full),
            remarks::unchecked(&outcome.unchecked, Disclosure::Full),
        ]);
    }
    if is_shown(Part::Waivers) {
        sections.push(remarks::waivers(&outcome.waivers));
    }
    if is_shown(Part::Tables) {
        sections.push(tables::section(&outcome.tables));
    }
    if let (true, Some(facts)) = (is_shown(Part::Steps), &report.night) {
        let steps = run::steps(&facts.steps, &ClosingState::Nothing, Disclosure::Full);
        sections.extend([run::origin(facts), run::stages(&facts.legs), steps]);
    }
    if only.is_none() {
        sections.push(remarks::remarks(&outcome.remarks));
    }
    let mut parts = vec![head(&heading, style)];
    parts.extend(sections.iter().map(|one| section(one, style)));
    if only == Some(Part::Steps) && report.night.is_none() {
        parts.push(vec!["no steps: this is the report of a comparison".to_owned()]);
    }
    parts.push(verdict(&outcome, style));
    let dump = report.night.as_ref().and_then(|facts| facts.dump_verdict.as_ref());
    parts.push(dump.map_or_else(Vec::new, |dump| dump_lines(dump, style)));
    parts.push(after(post, outcome.verdict().exit_code(), is_shown(Part::Steps), style));
    joined(&parts)
}

/// What followed the signature of the report; `verdict_code` is the exit code of the verdict.
fn after(post: &ClosingState, verdict_code: u8, with_steps: bool, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(closing) = post.closing().filter(|_| with_steps) {
        lines.push(style.bold("after the report was signed"));
        lines.extend(section(&run::steps(&closing.steps, &ClosingState::Nothing, Disclosure::Full), style));
    }
    let later_failures = post.later_failures(verdict_code);
    let open = post.pending().map(str::to_owned);
    for line in post.report_problems().iter().chain(&open).chain(&later_failures) {
        lines.extend(paragraph(&outside(line), 0, 2, style).iter().map(|line| style.bold(&style.yellow(line))));
    }
    if with_steps && later_failures.is_empty() && post.closing().is_some() {
        lines.push(style.green("no problem after it"));
    }
    lines
}
