//! A report on a terminal: findings first, then everything else, then the verdict, and last what followed the report.
//!
//! Shows only the report; `report verify` checks the signature.

use super::{Heading, Style, closing, findings, head, run, tables};
use crate::model::post_report::PostReport;
use crate::model::report::Report;

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
pub fn report(report: &Report, aftermath: &PostReport, only: Option<Part>, style: Style) -> String {
    let outcome = report.outcome();
    let heading = Heading::new(&report.endpoints.expected, &report.endpoints.actual);
    let is_shown = |part| only.is_none_or(|only| only == part);
    let part = |part, lines: &dyn Fn() -> Vec<String>| if is_shown(part) { lines() } else { Vec::new() };
    let mut sections = vec![head(&heading, style)];
    sections.push(part(Part::Findings, &|| findings::lines(&outcome.findings, style)));
    sections.push(part(Part::Findings, &|| closing::unchecked(&outcome.unchecked, style)));
    sections.push(part(Part::Waivers, &|| closing::waivers(&outcome.waivers, style)));
    sections.push(part(Part::Tables, &|| tables::lines(&outcome.tables, style)));
    sections.push(part(Part::Steps, &|| match &report.night {
        Some(facts) => run::lines(facts, style),
        None if only.is_some() => vec!["no steps: this is the report of a comparison".to_owned()],
        None => Vec::new(),
    }));
    if only.is_none() {
        sections.push(closing::remarks(&outcome.remarks, style));
    }
    sections.push(closing::verdict(&outcome, style));
    let dump = report.night.as_ref().and_then(|night| night.dump_verdict.as_ref());
    sections.push(dump.map_or_else(Vec::new, |dump| closing::dump(dump, style)));
    sections.push(run::after(aftermath, outcome.verdict().exit_code(), is_shown(Part::Steps), style));
    super::joined(&sections)
}
