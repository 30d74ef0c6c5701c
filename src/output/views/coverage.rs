//! How much was compared, and how much exists.
//!
//! The numbers beside a bar are not rounded: they show whether a bar is really full.

use std::collections::BTreeMap;

use crate::base::text::{grouped, grouped_noun};
use crate::model::aspect::Aspect;
use crate::model::report::{Report, Sides};
use crate::model::verdict::{Coverage, Rechecked};
use crate::output::document::{Bar, Block, DocumentTable, Row, Section, TableCell, TableColumn, Text, name, strong};

pub fn section(report: &Report) -> Section {
    Section::new("coverage", "Coverage").with(scope(report)).with([Block::DocumentTable(table(report))])
}

fn scope(report: &Report) -> Vec<Block> {
    let list = |aspects: &[Aspect]| strong(&aspects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    let mut text = match report.scope.compared.is_empty() {
        true => Text::from("Nothing was compared."),
        false => Text::from("The verdict covers: ").and(strong(&report.scope.compared_texts().join(", "))).and("."),
    };
    if !report.scope.not_compared.is_empty() {
        let why = match report.scope.rechecked {
            None => " Not compared, for one of the sides cannot answer: ",
            Some(_) => " Not compared, for one of the sides cannot answer or replication does not carry it: ",
        };
        text = text.and(why).and(list(&report.scope.not_compared)).and(".");
    }
    let mut blocks = vec![Block::Paragraph(text)];
    blocks.extend(report.scope.rechecked.as_ref().map(|rechecked| Block::Paragraph(recheck_line(rechecked).into())));
    let options = report.selection.iter().flat_map(|(option, values)| values.iter().map(move |value| (option, value)));
    let options: Vec<Text> = options.map(|(option, value)| name(&format!("--{option} {value}"))).collect();
    if !options.is_empty() {
        let start = Text::from("Selected by options:");
        blocks.push(Block::Paragraph(options.into_iter().fold(start, |text, option| text.and(" ").and(option))));
    }
    blocks
}

/// `rows that differed, read again in 3 rounds: 12 rows agreed, 1 row stayed different, 0 rows still changed`
pub fn recheck_line(rechecked: &Rechecked) -> String {
    let rows = |count| grouped_noun(count, "row");
    let mut line = format!(
        "rows that differed, read again in {}: {} agreed, {} stayed different, {} still changed",
        grouped_noun(rechecked.rounds, "round"),
        rows(rechecked.converged),
        rows(rechecked.persistent),
        rows(rechecked.in_flight)
    );
    let whole = (rechecked.whole_tables_converged, rechecked.whole_tables_open);
    if whole != (0, 0) {
        let agreed = grouped_noun(whole.0, "table");
        line = format!("{line}; as a whole: {agreed} agreed, {} did not", grouped(whole.1));
    }
    line
}

fn table(report: &Report) -> DocumentTable {
    let coverage = &report.coverage;
    let waived = (coverage.waived_expected, coverage.waived_actual);
    let mut rows =
        vec![row("Tables", (coverage.tables_expected, coverage.tables_actual), Some(coverage.tables_compared))];
    if waived != (0, 0) {
        rows.push(row("Tables left out by a waiver", waived, None));
    }
    if coverage.derived > 0 {
        rows.push(row("Materialized views that differ", (coverage.derived, coverage.derived), None));
    }
    rows.push(row("Rows read", (coverage.rows_expected, coverage.rows_actual), None));
    rows.push(row("Schema objects", (coverage.objects_expected, coverage.objects_actual), None));
    rows.push(row("Foreign keys", count(&report.foreign_keys), Some(coverage.foreign_keys)));
    rows.push(row("Assertions", count(&report.assertions), Some(coverage.assertions)));
    rows.push(Row::new(["Sequences".into(), "".into(), "".into(), grouped(coverage.sequences).into(), "".into()]));
    let columns = [
        TableColumn::Words("what"),
        TableColumn::Numbers("expected"),
        TableColumn::Numbers("actual"),
        TableColumn::Numbers("compared"),
        TableColumn::Bars("share"),
    ];
    DocumentTable {
        class: "coverage",
        ..DocumentTable::new("How much was compared, of what both sides hold", columns, rows)
    }
}

fn count(results: &BTreeMap<String, Sides>) -> (u64, u64) {
    let expected = results.values().filter(|sides| sides.expected.is_some()).count();
    (expected as u64, results.values().filter(|sides| sides.actual.is_some()).count() as u64)
}

fn row(what: &str, (expected, actual): (u64, u64), compared: Option<u64>) -> Row {
    let whole = expected.max(actual);
    let bar = compared.filter(|_| whole > 0).map(|length| {
        let class = if length == whole { "done" } else { "part" };
        TableCell::Bar(Bar {
            from: 0,
            length,
            whole,
            class,
            label: format!("{} of {}", grouped(length), grouped(whole)),
        })
    });
    let compared = compared.map(grouped).unwrap_or_default();
    Row::new([
        what.into(),
        grouped(expected).into(),
        grouped(actual).into(),
        compared.into(),
        bar.unwrap_or_else(|| "".into()),
    ])
}

/// The same in a line. Two numbers are always expected / actual; a single number applies to both.
pub fn line(coverage: &Coverage) -> String {
    let compared = grouped(coverage.tables_compared);
    let tables = |all| format!("{compared} of {}", grouped(all));
    let mut parts = vec![
        format!("tables {} / {}", tables(coverage.tables_expected), tables(coverage.tables_actual)),
        format!("rows {} / {}", grouped(coverage.rows_expected), grouped(coverage.rows_actual)),
        format!("foreign keys {}", grouped(coverage.foreign_keys)),
        format!("sequences {}", grouped(coverage.sequences)),
        format!("objects {}", both(coverage.objects_expected, coverage.objects_actual)),
    ];
    let waived = (coverage.waived_expected, coverage.waived_actual);
    if waived != (0, 0) {
        parts.insert(1, format!("tables waived {}", both(waived.0, waived.1)));
    }
    if coverage.derived > 0 {
        parts.insert(1, format!("materialized views that differ {}", grouped(coverage.derived)));
    }
    if coverage.assertions > 0 {
        parts.push(format!("assertions {}", grouped(coverage.assertions)));
    }
    parts.join(", ")
}

fn both(expected: u64, actual: u64) -> String {
    if expected == actual { grouped(expected) } else { format!("{} / {}", grouped(expected), grouped(actual)) }
}
