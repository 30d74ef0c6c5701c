//! Foreign keys and assertions on both sides, and where the two sides were read.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::text::{grouped, grouped_noun};
use crate::model::manifest::{EndpointFacts, Observed, Violations};
use crate::model::report::{Report, Sides};
use crate::output::document::{
    Block, DocumentTable, FoldSummary, Row, Section, TableCell, TableColumn, Text, Tone, name, outside, quiet, word,
};

pub fn foreign_keys(report: &Report) -> Section {
    let clean = |rows: &[&Row]| without("foreign key", rows);
    Section::new("keys", "Foreign keys").with(violations(&report.foreign_keys, clean))
}

pub fn assertions(report: &Report) -> Section {
    let clean = |rows: &[&Row]| without("assertion", rows);
    Section::new("assertions", "Assertions").with(violations(&report.assertions, clean))
}

fn without(noun: &str, rows: &[&Row]) -> String {
    format!("{} without a violating row on either side", grouped_noun(rows.len() as u64, noun))
}

fn violations(results: &BTreeMap<String, Sides>, folded: FoldSummary) -> Option<Block> {
    let row = |(key, sides): (&String, &Sides)| Row {
        folded: (!has_news(sides)).then(String::new),
        ..Row::new([name(key).into(), side(sides.expected.as_ref()), side(sides.actual.as_ref())])
    };
    let columns = ["name", "expected: violating rows", "actual: violating rows"].map(TableColumn::Words);
    let table =
        DocumentTable::new("Violated, or not the same on both sides", columns, results.iter().map(row).collect());
    (!results.is_empty()).then_some(Block::DocumentTable(DocumentTable { folded: Some((0, folded)), ..table }))
}

fn has_news(sides: &Sides) -> bool {
    let is_clean = |side: &Option<Observed<Violations>>| matches!(side, Some(Observed::Seen(found)) if found.rows == 0);
    !is_clean(&sides.expected) || !is_clean(&sides.actual)
}

fn side(side: Option<&Observed<Violations>>) -> TableCell {
    let text = match side {
        None => quiet("not there"),
        Some(Observed::Unseen(reason)) => word(Tone::Unsure, "unchecked").and(" ").and(outside(reason.full())),
        Some(Observed::Seen(found)) if found.rows == 0 => "0".into(),
        Some(Observed::Seen(found)) => {
            let rows = word(Tone::Bad, &grouped(found.rows));
            found.sample.iter().fold(rows, |text, row| text.and(" ").and(name(row)))
        }
    };
    text.into()
}

/// The section on the two sides and the programs.
pub fn endpoints(report: &Report) -> Section {
    let (expected, actual) = (&report.endpoints.expected, &report.endpoints.actual);
    let known = |text: Option<&String>| text.map_or_else(|| quiet("not known"), |text| outside(text));
    let row = |what: &str, of: &dyn Fn(&EndpointFacts) -> Text| {
        Row::new([what.into(), of(expected).into(), of(actual).into()])
    };
    let mut rows = vec![
        row("Kind", &|facts| outside(&facts.kind)),
        row("Place", &|facts| name(&facts.description)),
        row("PostgreSQL", &|facts| known(facts.server_version.as_ref())),
        row("Peer", &|facts| known(facts.peer.as_ref())),
        row("Taken at", &|facts| outside(&facts.taken_at)),
    ];
    let names: BTreeSet<&String> = expected.settings.keys().chain(actual.settings.keys()).collect();
    rows.extend(names.into_iter().map(|setting| {
        let value =
            |facts: &EndpointFacts| facts.settings.get(setting).map_or_else(|| quiet("none"), |value| name(value));
        let cells = [name(setting).into(), value(expected).into(), value(actual).into()];
        Row { folded: Some(String::new()), ..Row::new(cells) }
    }));
    let columns = ["", "expected", "actual"].map(TableColumn::Words);
    let table = DocumentTable::new("Where the two sides were read. Passwords are never kept.", columns, rows);
    let table = DocumentTable { folded: Some((0, |rows| grouped_noun(rows.len() as u64, "setting"))), ..table };
    let mut made = Text::from("Compared by pgwitness ").and(outside(&report.tools.pgwitness));
    if let Some(version) = &report.tools.pg_restore {
        made = made.and(", pg_restore ").and(outside(version));
    }
    let made = made.and("; run ").and(name(&report.run_id)).and(", command ").and(name(&report.command)).and(".");
    Section::new("sides", "The two sides").with([Block::DocumentTable(table), Block::Paragraph(made)])
}
