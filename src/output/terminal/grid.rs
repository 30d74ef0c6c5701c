//! A table of texts with a ruled heading, limited to the width of the terminal.
//!
//! The caller makes the cells printable, because only the caller knows what may be cut.

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::style::Style;
use crate::base::text::cells;

const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A column: its heading, and whether it holds numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridColumn {
    /// Aligned left.
    Text(&'static str),
    /// Aligned right.
    Number(&'static str),
}

impl GridColumn {
    fn head(self) -> &'static str {
        match self {
            Self::Text(head) | Self::Number(head) => head,
        }
    }

    fn cell(self, text: &str) -> Cell {
        let alignment = if matches!(self, Self::Text(_)) { CellAlignment::Left } else { CellAlignment::Right };
        Cell::new(text).set_alignment(alignment)
    }
}

/// The lines, heading and rule first. `paint` colours a body line (the table library would read the environment).
pub fn grid(columns: &[GridColumn], rows: &[Vec<String>], style: Style, paint: impl Fn(&str) -> String) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(RULED).force_no_tty().set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(style.width).unwrap_or(u16::MAX));
    table.set_header(columns.iter().map(|column| column.cell(column.head())));
    for row in rows {
        table.add_row(columns.iter().zip(row).map(|(column, text)| column.cell(text)));
    }
    for column in table.column_iter_mut() {
        let right = if column.index + 1 == columns.len() { 0 } else { 1 };
        column.set_padding((0, right));
    }
    let painted = |(index, line): (usize, String)| match index {
        0 => style.bold(line.trim_end()),
        1 => style.dim(&line),
        _ => paint(line.trim_end()),
    };
    table.lines().map(|line| line.to_string()).enumerate().map(painted).collect()
}

/// Paints the last word of a line, if it is one of these.
pub fn last_word(line: &str, paint: impl Fn(&str) -> Option<String>) -> String {
    let (front, word) = line.rsplit_once(' ').unwrap_or(("", line));
    match paint(word) {
        Some(painted) if cells(front) > 0 => format!("{front} {painted}"),
        Some(painted) => painted,
        None => line.to_owned(),
    }
}
