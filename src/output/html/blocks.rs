//! Sections of a document as elements of a page.
//!
//! Everything of a report is on its page; long lists are folded, with a count.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::bar;
use super::filter;
use super::sign::{badge, class};
use super::text::{day, time};
use crate::base::printable::printable;
use crate::base::text::{grouped, grouped_noun};
use crate::output::document::{
    Block, ChangedValues, DocumentTable, FoldSummary, Item, Look, Row, RowLine, Section, TableCell, TableColumn, Text,
    TextPart, Tone,
};

/// Items of a list that are open; the others are folded.
const OPEN: usize = 40;
/// Lines of a definition that are open.
const OPEN_LINES: usize = 60;
/// Names and notes that are open.
const OPEN_NAMES: usize = 12;
const OPEN_NOTES: usize = 2;
/// From this number of folded rows on, they are folded by their group.
const BY_GROUP: usize = 200;

/// A section under a heading of the second level.
pub fn section(section: &Section) -> Markup {
    html! {
        section aria-labelledby=(section.id) {
            h2 id=(section.id) { (section.title) }
            @if section.blocks.is_empty() { p { "None." } } @else {
                @if !section.note.is_empty() || section.legend.is_some() { p.quiet { (section.note) " " (legend(section.legend)) } }
                @for one in &section.blocks { (block(one, 3)) }
            }
        }
    }
}

/// `- expected, + actual` in the colours of a difference.
fn legend(legend: Option<&str>) -> Markup {
    html! {
        @for (at, sign) in legend.iter().flat_map(|legend| legend.split(", ")).enumerate() {
            @if at > 0 { ", " }
            span class=(if sign.starts_with('-') { "minus" } else { "plus" }) { (sign.replacen('-', "−", 1)) }
            @if at > 0 { "." }
        }
    }
}

/// Within a line.
pub fn text(text: &Text) -> Markup {
    html! { @for one in &text.0 { (span(one)) } }
}

fn span(span: &TextPart) -> Markup {
    let text = &span.text;
    match &span.look {
        Look::Plain => html! { (text) },
        Look::Strong => html! { strong { bdi { (text) } } },
        Look::Word(Tone::Quiet) => html! { span.quiet { (text) } },
        Look::Word(tone) => html! { span class={ "word " (class(*tone)) } { (text) } },
        Look::Outside => html! { bdi { (text) } },
        Look::Name => html! { code { bdi { (text) } } },
        Look::Time(at) => time(*at),
        Look::Clock(at) => html! { time datetime=(at) { (super::text::clock(*at)) } },
        Look::Badge(status) => badge(*status),
        Look::Page { href } => html! { a href=(href) { bdi { (text) } } },
        Look::Run { href, at } => {
            let name = match at {
                Some(at) => html! { time datetime=(at) { (day(*at)) " " span.clock { (super::text::clock(*at)) } } },
                None => html! { "a run, " bdi { (text) } },
            };
            html! { @if let Some(href) = href { a href=(href) { (name) } } @else { (name) } }
        }
    }
}

/// `level` is the one of its headings.
pub fn block(block: &Block, level: u8) -> Markup {
    match block {
        Block::Paragraph(words) => html! { p { (text(words)) } },
        Block::List(texts) => {
            folded(texts, OPEN, "line", &|texts| html! { ul { @for one in texts { li { (text(one)) } } } })
        }
        Block::Facts(facts) => html! {
            dl.facts.small { @for (label, value) in facts { div { dt { (capitalized(label)) } dd { (text(value)) } } } }
        },
        Block::DocumentTable(table) => whole_table(table),
        Block::Group { title, meaning, items: all } => html! {
            h3 { (title) " " span.count { (all.len()) } " " span.quiet { (meaning) } }
            (items(all, Tone::Bad, 4))
        },
        Block::Items(tone, all) => items(all, *tone, level),
        Block::Sides { expected, actual } => html! {
            dl.sides {
                @for (label, lines) in [("expected", expected), ("actual", actual)] {
                    @if let Some(lines) = lines { div { dt { (label) } dd { (side(lines)) } } }
                }
            }
        },
        Block::Difference(lines) => folded(lines, OPEN_LINES, "line", &difference),
        Block::Rows { lone, changed, are_cut } => html! {
            @if !lone.is_empty() { (difference(lone)) }
            @if !changed.is_empty() { (changed_rows(changed)) }
            @if *are_cut { p.quiet { "… and more rows that are not shown" } }
        },
        Block::Command(lines) => pre("command", lines),
        Block::Names { label, names } => html! {
            @if names.len() <= OPEN_NAMES { p { span.quiet { (label) ": " } } (plain_list(names)) }
            @else { details { summary { (label) ": " (grouped_noun(names.len() as u64, "object")) } (plain_list(names)) } }
        },
    }
}

/// The first of them, and the others folded.
fn folded<T>(all: &[T], open: usize, noun: &str, show: &dyn Fn(&[T]) -> Markup) -> Markup {
    let (open, folded) = all.split_at(all.len().min(open));
    html! {
        (show(open))
        @if !folded.is_empty() {
            details { summary { (grouped_noun(folded.len() as u64, &format!("more {noun}"))) } (show(folded)) }
        }
    }
}

fn items(items: &[Item], tone: Tone, level: u8) -> Markup {
    let show = |items: &[Item]| {
        html! { @for one in items { (item(one, tone, level)) } }
    };
    folded(items, OPEN, "item", &show)
}

fn item(item: &Item, tone: Tone, level: u8) -> Markup {
    let title = text(&item.title);
    html! {
        article class={ "finding " (class(tone)) } {
            @if level <= 3 { h3 { (title) } } @else { h4 { (title) } }
            @for one in &item.blocks { (block(one, level + 1)) }
        }
    }
}

fn side(lines: &[String]) -> Markup {
    match lines {
        [line] => html! { code { bdi { (line) } } },
        lines => folded(lines, OPEN_LINES, "line", &|lines| pre("", lines)),
    }
}

fn pre(class: &str, lines: &[String]) -> Markup {
    let text = lines.join("\n");
    html! { @if class.is_empty() { pre { (text) } } @else { pre class=(class) { (text) } } }
}

fn plain_list(names: &[String]) -> Markup {
    html! { ul.plain { @for name in names { li { code { bdi { (printable(name)) } } } } } }
}

fn difference(lines: &[RowLine]) -> Markup {
    html! {
        pre {
            @for line in lines {
                @match line {
                    RowLine::Same(text) => { "  " (text) "\n" }
                    RowLine::Expected(text) => { del { "− " (text) "\n" } }
                    RowLine::Actual(text) => { ins { "+ " (text) "\n" } }
                    RowLine::Gap => { "  …\n" }
                }
            }
        }
    }
}

fn changed_rows(rows: &[ChangedValues]) -> Markup {
    let values = rows.iter().flat_map(|row| row.columns.iter().map(move |columns| (&row.key, columns)));
    let value = |text: &str| html! { td { code { bdi { (text) } } } };
    wide(
        "Changed rows",
        &html! {
            table {
                caption { "Changed rows; of long values, the part around the first difference" }
                thead { tr { @for head in ["Row", "Column", "Expected", "Actual"] { th scope="col" { (head) } } } }
                tbody { @for (key, (column, expected, actual)) in values {
                    tr { th scope="row" { code { bdi { (key) } } } (value(column)) (value(expected)) (value(actual)) }
                } }
            }
        },
    )
}

/// A table that scrolls horizontally on a narrow screen, also by keyboard.
fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// What is new in one table, what is not in folded ones.
fn whole_table(table: &DocumentTable) -> Markup {
    let (quiet, mut open): (Vec<&Row>, Vec<&Row>) = table.rows.iter().partition(|row| row.folded.is_some());
    open.sort_by_key(|row| row.rank);
    let more = table.more.iter().map(|(heading, rows)| (Some(heading), rows.iter().collect()));
    let groups: Vec<(Option<&Text>, Vec<&Row>)> = std::iter::once((None, open)).chain(more).collect();
    let is_empty = groups.iter().all(|(heading, rows)| heading.is_none() && rows.is_empty());
    html! {
        @if !is_empty { (one_table(table, &table.caption, &groups)) }
        @if let (false, Some(summary)) = (quiet.is_empty(), table.folded) { (quiet_rows(table, &quiet, summary)) }
        @if let Some(legend) = table.legend { p.quiet { (legend) } }
    }
}

fn quiet_rows(table: &DocumentTable, rows: &[&Row], (open, summary): (usize, FoldSummary)) -> Markup {
    let mut groups: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let group = if rows.len() < BY_GROUP { "" } else { row.folded.as_deref().unwrap_or_default() };
        groups.entry(group).or_default().push(row);
    }
    html! {
        @if groups.len() > 1 { p { (summary(rows)) ":" } }
        @for (group, rows) in &groups {
            @let group = printable(group);
            @let caption = format!("{}{}{group}", summary(rows), if group.is_empty() { "" } else { " of " });
            details open[groups.len() == 1 && rows.len() <= open] {
                summary { @if !group.is_empty() { code { bdi { (group) } } ": " } (summary(rows)) }
                (one_table(table, &caption, &[(None, rows.clone())]))
            }
        }
    }
}

fn one_table(table: &DocumentTable, caption: &str, groups: &[(Option<&Text>, Vec<&Row>)]) -> Markup {
    let caption = printable(caption);
    wide(
        &caption,
        &html! {
            table class=[Some(table.class).filter(|class| !class.is_empty())] {
                caption { (caption) }
                thead { tr { @for column in table.columns.iter().filter(|column| is_for_pages(table, column)) { (head(column)) } } }
                @for (heading, rows) in groups {
                    tbody class=[heading.map(|_| "after")] {
                        @if let Some(heading) = heading {
                            tr { th colspan=(table.columns.len()) scope="rowgroup" { (text(heading)) } }
                        }
                        @for one in rows { (row(table, one)) }
                    }
                }
            }
        },
    )
}

fn is_for_pages(table: &DocumentTable, column: &TableColumn) -> bool {
    match column {
        TableColumn::Typed(_) => false,
        TableColumn::Bars(_) => !table.is_plain,
        _ => true,
    }
}

fn head(column: &TableColumn) -> Markup {
    let is_number = column.is_number();
    html! {
        // A heading without a text says nothing to a screen reader.
        @if column.head().is_empty() { td {} } @else { th class=[is_number.then_some("n")] scope="col" { (capitalized(column.head())) } }
    }
}

fn row(table: &DocumentTable, row: &Row) -> Markup {
    let last = row.cells.len().saturating_sub(1);
    html! {
        tr class=[row.tone.map(class)] data-verdict=[row.filter.map(|of| filter::group(of.status))] data-source=[row.filter.and_then(|of| of.source)] {
            @let cells = row.cells.iter().zip(&table.columns).enumerate().filter(|(_, (_, column))| is_for_pages(table, column));
            @for (at, (cell, column)) in cells {
                @let is_number = column.is_number();
                @if at == 0 { th scope="row" { (content(cell)) } } @else {
                    td class=[is_number.then_some("n")] { (content(cell)) @if at == last { (notes(&row.notes)) } }
                }
            }
        }
    }
}

fn content(cell: &TableCell) -> Markup {
    match cell {
        TableCell::Text(words) => text(words),
        TableCell::Digests(digests) => html! { @for digest in digests { code.digest { (digest) } " " } },
        TableCell::Bar(part) => bar(part.from, part.length, part.whole, part.class, &part.label),
    }
}

fn notes(notes: &[Text]) -> Markup {
    let list = html! { ul.plain { @for note in notes { li { (text(note)) } } } };
    match notes.len() {
        0 => html! {},
        1..=OPEN_NOTES => list,
        count => html! { details { summary { (grouped(count as u64)) " notes" } (list) } },
    }
}

/// Our own labels, in lower case on a terminal.
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
