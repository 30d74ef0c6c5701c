//! Sections of a document as lines for a terminal.
//!
//! Every finding is printed; only definitions, details and long lists are shortened, with a note.

use super::grid::grid;
use super::style::Style;
use crate::base::text::{cells, cut, grouped, grouped_noun, wrap};
use crate::output::document::{Block, ChangedValues, DocumentTable, Item, Look, Row, RowLine, Section, Text, Tone};

/// Lines of a definition or of details that are shown.
const MAX_LINES: usize = 40;
/// Lines of the definition of an object that is on one side only.
const MAX_DEFINITION_LINES: usize = 3;
/// Room for the labels of most facts.
const MIN_LABEL: usize = 14;
/// Names of a list that are shown.
const MAX_NAMES: usize = 10;
/// Notes of a row that are shown.
const MAX_NOTES: usize = 8;
/// Up to this number, all folded rows are shown.
const FOLDED_SHOWN: usize = 40;
/// Of more, only the heaviest are shown.
const HEAVIEST_SHOWN: usize = 20;

/// The section with its heading; nothing where there is nothing to say.
pub fn section(section: &Section, style: Style) -> Vec<String> {
    if section.blocks.is_empty() {
        return Vec::new();
    }
    let legend = section.legend.map(|legend| format!("  {}", style.dim(&format!("({legend})")))).unwrap_or_default();
    let heading = section.heading.iter().map(|heading| format!("{}{legend}", style.bold(heading)));
    let mut lines: Vec<String> = heading.collect();
    let indent = if lines.is_empty() { 0 } else { 2 };
    lines.extend(section.blocks.iter().flat_map(|one| block(one, indent, style)));
    lines
}

/// Wrapped; the lines after the first are indented by `hanging` more. Coloured where it fits or has one colour.
pub fn paragraph(text: &Text, indent: usize, hanging: usize, style: Style) -> Vec<String> {
    let plain = text.plain();
    let lines = wrap(&plain, style.width.saturating_sub(indent + hanging).max(20));
    let paint = |line: &String| match text.0.as_slice() {
        [span] => style.painted(&Text::shown(line.clone(), span.look.clone())),
        _ if lines.len() == 1 => style.painted(text),
        _ => line.clone(),
    };
    let front = |at: usize| " ".repeat(if at == 0 { indent } else { indent + hanging });
    lines.iter().enumerate().map(|(at, line)| format!("{}{}", front(at), paint(line))).collect()
}

fn block(block: &Block, indent: usize, style: Style) -> Vec<String> {
    let width = style.width.saturating_sub(indent).max(20);
    let indented = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().map(|line| if line.is_empty() { line } else { format!("{:indent$}{line}", "") }).collect()
    };
    match block {
        Block::Paragraph(text) => paragraph(text, indent, 0, style),
        Block::List(texts) => {
            // Details of a finding may be thousands of lines; complaints, remarks and problems are printed whole.
            let shown = if indent > 2 { MAX_LINES } else { texts.len() };
            let mut lines: Vec<String> =
                texts.iter().take(shown).flat_map(|text| paragraph(text, indent, 2, style)).collect();
            lines.extend(indented(more(texts.len(), shown, style)));
            lines
        }
        Block::Facts(facts) => {
            let width = facts.iter().map(|(label, _)| cells(label)).max().unwrap_or_default().max(MIN_LABEL);
            let fact = |(label, text): &(&str, Text)| fact(&format!("{label:<width$}  "), text, indent, style);
            facts.iter().flat_map(fact).collect()
        }
        Block::DocumentTable(table) => rows(table, style),
        Block::Group { title, meaning, items } => {
            let title = format!("{}  {}", style.bold(&style.red(title)), style.dim(meaning));
            let items = items.iter().flat_map(|one| item(one, indent, None, style));
            [String::new(), title].into_iter().chain(items).collect()
        }
        Block::Items(tone, items) => items.iter().flat_map(|one| item(one, indent, Some(*tone), style)).collect(),
        Block::Sides { expected, actual } => indented(sides(expected.as_deref(), actual.as_deref(), width, style)),
        Block::Difference(lines) => indented(difference(lines, width, style)),
        Block::Rows { lone, changed, are_cut } => {
            let width = width.saturating_sub(2);
            let changed = changed.iter().flat_map(|row| changed_row(row, width));
            let lines = lone.iter().map(|line| difference_line(line, width, true, style)).chain(changed);
            let more = are_cut.then(|| style.dim("… and more rows that are not shown"));
            indented(lines.chain(more).map(|line| format!("  {line}")).collect())
        }
        Block::Command(lines) => indented(lines.clone()),
        Block::Names { label, names } => names_line(label, names, indent, style),
    }
}

fn more(count: usize, shown: usize, style: Style) -> Vec<String> {
    let note = |hidden: usize| {
        let hidden = grouped_noun(hidden as u64, "more line");
        style.dim(&format!("… and {hidden} (--format json shows them)"))
    };
    count.checked_sub(shown).filter(|hidden| *hidden > 0).map(note).into_iter().collect()
}

fn fact(label: &str, text: &Text, indent: usize, style: Style) -> Vec<String> {
    let hanging = indent + cells(label);
    let mut lines = paragraph(text, hanging, 0, style);
    if let Some(first) = lines.first_mut() {
        *first = format!("{:indent$}{}{}", "", style.dim(label), first.trim_start());
    }
    lines
}

/// A thing; both sides after its name, if they are short.
fn item(item: &Item, indent: usize, tone: Option<Tone>, style: Style) -> Vec<String> {
    let mut lines = paragraph(&item.title, indent, 2, style);
    if let (Some(Tone::Unsure), [line]) = (tone, lines.as_mut_slice()) {
        *line = style.yellow(line);
    }
    let mut blocks = item.blocks.iter().peekable();
    if let (Some(Block::Sides { expected: Some(expected), actual: Some(actual) }), [line]) =
        (blocks.peek(), lines.as_mut_slice())
    {
        let short = format!("expected {}, actual {}", expected.join(" "), actual.join(" "));
        let width = style.width.saturating_sub(4).clamp(20, 76);
        if cells(&item.title.plain()) + cells(&short) + 2 <= width {
            line.push_str(&format!("  {short}"));
            blocks.next();
        }
    }
    lines.extend(blocks.flat_map(|one| block(one, indent + 2, style)));
    lines
}

/// The values of both sides, or the definition that one side has.
fn sides(expected: Option<&[String]>, actual: Option<&[String]>, width: usize, style: Style) -> Vec<String> {
    match (expected, actual) {
        (Some(expected), Some(actual)) => {
            let side = |label: &str, lines: &[String]| {
                let wrapped = wrap(&lines.join(" "), width.saturating_sub(10).max(20));
                format!("{label}  {}", wrapped.join("\n          "))
            };
            let both = format!("{}\n{}", side("expected", expected), side("actual  ", actual));
            both.lines().map(str::to_owned).collect()
        }
        (Some(only), None) | (None, Some(only)) => {
            let shown = only.iter().take(MAX_DEFINITION_LINES).map(|line| style.dim(&cut(line, width)));
            shown.chain(more(only.len(), MAX_DEFINITION_LINES, style)).collect()
        }
        (None, None) => Vec::new(),
    }
}

fn difference(lines: &[RowLine], width: usize, style: Style) -> Vec<String> {
    let shown = lines.iter().take(MAX_LINES).map(|line| difference_line(line, width, false, style));
    shown.chain(more(lines.len(), MAX_LINES, style)).collect()
}

/// A common line may be cut; a differing line is shown completely, unless it is a row.
fn difference_line(line: &RowLine, width: usize, is_row: bool, style: Style) -> String {
    let fitted = |sign: char, text: &str| {
        let line = format!("{sign} {text}").trim_end().to_owned();
        if is_row { cut(&line, width) } else { line }
    };
    match line {
        RowLine::Same(text) => cut(&format!("  {text}"), width).trim_end().to_owned(),
        RowLine::Expected(text) => style.red(&fitted('-', text)),
        RowLine::Actual(text) => style.green(&fitted('+', text)),
        RowLine::Gap => style.dim("  …"),
    }
}

/// On one line if it fits, else a line for each column.
fn changed_row(row: &ChangedValues, width: usize) -> Vec<String> {
    let columns: Vec<String> =
        row.columns.iter().map(|(column, expected, actual)| format!("{column}: {expected} → {actual}")).collect();
    let line = format!("~ {}  {}", row.key, columns.join("  "));
    if cells(&line) <= width {
        return vec![line];
    }
    let below = columns.iter().map(|column| format!("    {column}"));
    std::iter::once(format!("~ {}", row.key)).chain(below).collect()
}

fn names_line(label: &str, names: &[String], indent: usize, style: Style) -> Vec<String> {
    let shown = names.iter().take(MAX_NAMES).map(|name| crate::base::printable::printable(name)).collect::<Vec<_>>();
    let hidden = names.len() - shown.len();
    let more = if hidden == 0 { String::new() } else { format!(", and {} more", grouped(hidden as u64)) };
    let line = format!("{label} {}{more}", shown.join(", "));
    paragraph(&Text::shown(line, Look::Word(Tone::Quiet)), indent, 0, style)
}

/// The rows of a table, and below it their notes.
fn rows(table: &DocumentTable, style: Style) -> Vec<String> {
    let all: Vec<&Row> = table.rows.iter().chain(table.more.iter().flat_map(|(_, rows)| rows)).collect();
    let hidden = hidden(table, &all, style);
    let is_shown = |(at, _): &(usize, &&Row)| !hidden.contains(at);
    let shown: Vec<&Row> = all.iter().enumerate().filter(is_shown).map(|(_, row)| *row).collect();
    let mut lines = grid(table, &shown, style);
    if !hidden.is_empty() {
        let count = grouped_noun(hidden.len() as u64, "more equal table");
        lines.push(style.dim(&format!("… and {count} (--all-tables shows them)")));
    }
    lines.extend(table.legend.map(|legend| style.dim(legend)));
    lines.extend(shown.iter().flat_map(|row| notes(row, style)));
    lines
}

/// Positions of the folded rows that are only counted.
fn hidden(table: &DocumentTable, rows: &[&Row], style: Style) -> std::collections::BTreeSet<usize> {
    let mut folded: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].folded.is_some()).collect();
    if style.all_tables || table.folded.is_none() || folded.len() <= FOLDED_SHOWN {
        return std::collections::BTreeSet::new();
    }
    folded.sort_by_key(|at| std::cmp::Reverse(rows[*at].weight));
    folded.into_iter().skip(HEAVIEST_SHOWN).collect()
}

fn notes(row: &Row, style: Style) -> Vec<String> {
    let Some(crate::output::document::TableCell::Text(name)) = row.cells.first() else { return Vec::new() };
    let say = |note: &Text| paragraph(&name.clone().and(": ").and(note.clone()), 2, 2, style);
    let mut lines: Vec<String> = row.notes.iter().take(MAX_NOTES).flat_map(say).collect();
    if row.notes.len() > MAX_NOTES {
        let more = grouped_noun((row.notes.len() - MAX_NOTES) as u64, "more note");
        lines.extend(say(&format!("… and {more} (--format json shows them)").into()));
    }
    lines
}
