//! The outcome of a comparison on a terminal.
//!
//! Pure: does not print, and reads neither the terminal nor the environment. Every name and value from a database passes
//! [`printable()`](crate::base::printable::printable).

mod closing;
mod diff;
mod drift;
mod findings;
mod grid;
mod history;
mod run;
mod report;
mod rows;
mod style;
mod tables;

pub use diff::{Line, diff};
pub use drift::drift;
pub use findings::{meaning, number as side_text};
pub use grid::{GridColumn, grid, last_word};
pub use history::table as history_table;
pub use report::{Part, report};
pub use rows::summary as rows_summary;
pub use style::Style;

use crate::base::printable::printable;
use crate::base::text;
use crate::model::finding::Finding;
use crate::model::manifest::EndpointFacts;
use crate::model::verdict::{DumpVerdict, Outcome};

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
        head(heading, style),
        tables::lines(&outcome.tables, style),
        findings::lines(&outcome.findings, style),
        closing::unchecked(&outcome.unchecked, style),
        closing::waivers(&outcome.waivers, style),
        closing::remarks(&outcome.remarks, style),
        closing::verdict(outcome, style),
    ];
    joined(&sections)
}

/// The line on the dump below the verdict on the copy, with a newline; empty for a sound run.
pub fn dump_verdict(dump: &DumpVerdict, style: Style) -> String {
    closing::dump(dump, style).iter().map(|line| format!("{line}\n")).collect()
}

/// Sections with an empty line between them.
fn joined(sections: &[Vec<String>]) -> String {
    let sections: Vec<String> =
        sections.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n") + "\n").collect();
    sections.join("\n")
}

/// The findings alone; empty when there are none.
pub fn findings(findings: &[Finding], style: Style) -> String {
    findings::lines(findings, style).iter().map(|line| format!("{line}\n")).collect()
}

fn head(heading: &Heading, style: Style) -> Vec<String> {
    let side = |label: &str, endpoint: &str| {
        let wrapped = text::wrap(&printable(endpoint), style.width.saturating_sub(10).max(20));
        format!("{}  {}", style.dim(label), wrapped.join("\n          "))
    };
    vec![side("expected", &heading.expected), side("actual  ", &heading.actual)]
}
