//! A report as people read it: what is wrong first, then everything else, then the verdict, and last what came after it.
//!
//! Never says more than the report; whether it may be believed is `report verify`'s business.

use super::{Heading, Style, closing, findings, head, run, tables};
use crate::model::post_report::PostReport;
use crate::model::report::Report;

/// One part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is wrong, and what could not be looked at.
    Findings,
    /// Every table.
    Tables,
    /// What the night was.
    Steps,
    /// What was expected to differ.
    Waivers,
}

/// The whole report, or one part of it; the verdict is always the last line of it. Below that stands what came after it was signed:
/// its steps only with the other steps, what went wrong always.
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
        None if only.is_some() => vec!["no night: this is a report on a comparison alone".to_owned()],
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
