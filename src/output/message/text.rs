//! A message as plain text.

use super::sections::{List, Told};
use crate::base::text::{cells, wrap};

/// Cells in a line: mail programs do not wrap this width.
const WIDTH: usize = 78;

/// The whole text, ending in a newline.
pub fn text(told: &Told) -> String {
    let mut lines = paragraph(&told.headline, "", "  ");
    lines.extend(told.alarm.iter().flat_map(|alarm| paragraph(alarm, "!! ", "!! ")));
    lines.push(String::new());
    lines.extend(paragraph(told.meaning, "", ""));
    for list in &told.lists {
        lines.push(String::new());
        lines.extend(section(list));
    }
    lines.push(String::new());
    for (label, text) in &told.facts {
        lines.extend(paragraph(text, &format!("{label:18}  "), &" ".repeat(20)));
    }
    lines.extend(steps(told));
    lines.join("\n") + "\n"
}

fn section(list: &List) -> Vec<String> {
    let mut lines = vec![format!("{}:", list.title)];
    for item in &list.items {
        let (first, below) = item.split_first().map_or(("", [].as_slice()), |(first, below)| (first.as_str(), below));
        lines.extend(paragraph(first, "- ", "  "));
        lines.extend(below.iter().map(|line| format!("  {line}")));
    }
    if list.more > 0 {
        lines.push(format!("- … and {} more", list.more));
    }
    lines
}

fn steps(told: &Told) -> Vec<String> {
    if told.steps.is_empty() {
        return Vec::new();
    }
    let width = told.steps.iter().map(|(name, _, _)| cells(name)).max().unwrap_or_default().min(30);
    let mut lines = vec![String::new(), "steps:".to_owned()];
    for (name, duration, result) in &told.steps {
        let padding = " ".repeat(width.saturating_sub(cells(name)));
        let line = format!("{name}{padding}  {duration:>12}  {result}");
        lines.extend(paragraph(line.trim_end(), "  ", "      "));
    }
    lines
}

fn paragraph(text: &str, first: &str, others: &str) -> Vec<String> {
    let wrapped = wrap(text, WIDTH - cells(first).max(cells(others)));
    let front = |at: usize| if at == 0 { first } else { others };
    wrapped.iter().enumerate().map(|(at, line)| format!("{}{line}", front(at)).trim_end().to_owned()).collect()
}
