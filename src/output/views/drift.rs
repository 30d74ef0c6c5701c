//! What changed from one run to another. Every change is shown.

use super::diff::diff;
use crate::base::printable::printable;
use crate::base::text::{grouped, grouped_noun};
use crate::compare::drift::{Change, Direction, Drift, ObjectDrift, TableDrift};
use crate::model::finding::Unchecked;
use crate::output::document::{
    Block, DocumentTable, Item, Row, RowLine, Section, TableColumn, Text, Tone, name, or_dash, outside, word,
};

pub fn sections(drift: &Drift) -> Vec<Section> {
    vec![
        Section::new("tables", "Tables").with(tables(drift)),
        objects(&drift.objects),
        changes(Section::new("sequences", "Sequences").counted(drift.sequences.len(), "sequence"), &drift.sequences),
        changes(
            Section::new("violations", "Violated rules")
                .heading(format!("{} in violated rules", grouped_noun(drift.violations.len() as u64, "change"))),
            &drift.violations,
        ),
        changes(
            Section::new("settings", "Versions and settings")
                .heading(format!("{} of versions and settings", grouped_noun(drift.settings.len() as u64, "change"))),
            &drift.settings,
        ),
        unknown(&drift.unknown),
    ]
}

fn tables(drift: &Drift) -> Option<Block> {
    let large = drift.large_objects.iter().map(|large| row("(large objects)".into(), large));
    let rows: Vec<Row> = drift.tables.iter().map(|(table, change)| row(name(table), change)).chain(large).collect();
    let columns = [
        TableColumn::Names("table"),
        TableColumn::Numbers("rows before"),
        TableColumn::Numbers("rows after"),
        TableColumn::Numbers("removed"),
        TableColumn::Numbers("added"),
        TableColumn::Words("change"),
    ];
    let legend = Some("a row that was changed counts as removed and as added; ≥ means at least");
    (!rows.is_empty())
        .then(|| Block::DocumentTable(DocumentTable { legend, ..DocumentTable::new("What changed", columns, rows) }))
}

fn row(table: Text, change: &TableDrift) -> Row {
    let at_least = |rows: u64| format!("{}{}", if change.is_exact { "" } else { "≥ " }, grouped(rows));
    // A table on one side only has no rows on the other; of any other, an absent number is not known.
    let is_one_sided = matches!(change.direction, Direction::Appeared | Direction::Vanished);
    let counted = |rows: Option<u64>| match rows {
        None if !is_one_sided => "not known".into(),
        rows => or_dash(rows.map(at_least)),
    };
    let (tone, text) = match change.direction {
        Direction::Appeared => (Tone::Good, "appeared"),
        Direction::Vanished => (Tone::Bad, "vanished"),
        Direction::Grew => (Tone::Good, "grew"),
        Direction::Shrank => (Tone::Bad, "shrank"),
        Direction::Changed => (Tone::Unsure, "changed"),
    };
    Row::new([
        table.into(),
        or_dash(change.before.map(grouped)),
        or_dash(change.after.map(grouped)),
        counted(change.removed),
        counted(change.added),
        word(tone, text).into(),
    ])
}

fn objects(objects: &[ObjectDrift]) -> Section {
    let title = grouped_noun(objects.len() as u64, "object").replacen(" object", " schema object", 1);
    let item = |object: &ObjectDrift| {
        let tone = match object.change {
            "added" => Tone::Good,
            "removed" => Tone::Bad,
            _ => Tone::Unsure,
        };
        let mut blocks = vec![Block::Difference(definition(object))];
        let with_it = object.with_it.iter().map(|line| Text::from("with it ").and(name(line))).collect::<Vec<_>>();
        blocks.extend((!with_it.is_empty()).then_some(Block::List(with_it)));
        Item { title: word(tone, object.change).and(" ").and(name(object.object.as_str())), blocks }
    };
    let items = Block::Items(Tone::Quiet, objects.iter().map(item).collect());
    let section = Section::new("objects", "Schema").heading(title).with((!objects.is_empty()).then_some(items));
    Section { legend: Some("- before, + after"), ..section }
}

/// An object on one side only has no other text.
fn definition(object: &ObjectDrift) -> Vec<RowLine> {
    let lines = |text: &str, line: fn(String) -> RowLine| text.split('\n').map(|text| line(printable(text))).collect();
    match (&object.before, &object.after) {
        (Some(before), Some(after)) => diff(before, after),
        (Some(before), None) => lines(before, RowLine::Expected),
        (None, Some(after)) => lines(after, RowLine::Actual),
        (None, None) => Vec::new(),
    }
}

fn changes(section: Section, changes: &[Change]) -> Section {
    let side = |side: &Option<String>| side.as_deref().map_or_else(|| Text::from("(none)"), outside);
    let line =
        |change: &Change| outside(&change.name).and(": ").and(side(&change.before)).and(" → ").and(side(&change.after));
    section.with((!changes.is_empty()).then(|| Block::List(changes.iter().map(line).collect())))
}

fn unknown(unknown: &[Unchecked]) -> Section {
    let count = grouped_noun(unknown.len() as u64, "thing");
    let line = |thing: &Unchecked| {
        let side = match thing.side.as_str() {
            "expected" => "before",
            "actual" => "after",
            other => other,
        };
        name(thing.object.as_str()).and(format!(" ({side}): ")).and(outside(thing.reason.full()))
    };
    let list = Block::List(unknown.iter().map(line).collect());
    Section::new("unknown", "Not seen")
        .heading(format!("{count} that one of the runs did not see, and that may have changed"))
        .with((!unknown.is_empty()).then_some(list))
}

/// The meaning, in one line.
pub fn closing(drift: &Drift) -> Text {
    let same = grouped_noun(drift.tables_unchanged, "table");
    match drift.exit_code() {
        0 => word(Tone::Good, &format!("nothing has changed ({same} with the same rows)")),
        1 => word(Tone::Unsure, &format!("changed ({same} with the same rows)")),
        _ => word(Tone::Unsure, &format!("no change was seen, but not everything was ({same} with the same rows)")),
    }
}
