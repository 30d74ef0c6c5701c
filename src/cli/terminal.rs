//! The terminal: whether it is one, its width, its colours; and how results and errors are printed.
//!
//! Other modules decide what is printed.

use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::base::error::{Context, Error, Result};
use crate::base::printable::{is_hidden, printable};
use crate::output::terminal::Style;

/// Properties of an output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// False for files and pipes.
    pub is_terminal: bool,
    /// Whether escape sequences for colour may be printed.
    pub has_color: bool,
    /// Cells in a line; [`Style::UNLIMITED`] if it is not a terminal.
    pub width: usize,
}

impl Terminal {
    /// Standard output as it is now.
    pub fn stdout() -> Self {
        let size = terminal_size::terminal_size_of(io::stdout());
        Self::look(io::stdout().is_terminal(), size)
    }

    /// Standard error as it is now.
    pub fn stderr() -> Self {
        let size = terminal_size::terminal_size_of(io::stderr());
        Self::look(io::stderr().is_terminal(), size)
    }

    fn look(is_terminal: bool, size: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let variable = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let has_color = wants_color(is_terminal, variable("NO_COLOR").as_deref(), variable("TERM").as_deref());
        let width = width(is_terminal, size.map(|(width, _)| width.0));
        Self { is_terminal, has_color, width }
    }

    /// The style for the renderer.
    pub fn style(self, all_tables: bool) -> Style {
        Style { color: self.has_color, width: self.width, all_tables }
    }
}

/// Colour only on a terminal that supports it, unless `NO_COLOR` is set to a value (<https://no-color.org>).
fn wants_color(is_terminal: bool, no_color: Option<&str>, term: Option<&str>) -> bool {
    is_terminal && no_color.unwrap_or_default().is_empty() && term != Some("dumb")
}

/// Terminals of unknown width report 0; below 40 cells tables are not readable.
fn width(is_terminal: bool, columns: Option<u16>) -> usize {
    match columns {
        _ if !is_terminal => Style::UNLIMITED,
        None | Some(0) => 80,
        Some(columns) => usize::from(columns).max(40),
    }
}

/// Prints a result. A reader that has closed the pipe, such as `head`, is not an error: the verdict is in the exit code.
pub fn print_result(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.doing(|| "write to standard output"),
    }
}

/// Prints JSON. On a terminal, characters that it would obey or not show are written as escapes, which mean the same.
pub fn print_json(text: &str) -> Result<()> {
    if Terminal::stdout().is_terminal { print_result(&harmless_json(text)) } else { print_result(text) }
}

/// Prints SQL. On a terminal, names with characters that it would obey or not show are not printed.
pub fn print_sql(text: &str) -> Result<()> {
    if Terminal::stdout().is_terminal && text.chars().any(|c| c != '\n' && is_hidden(c)) {
        let error = Error::new("a name in the statement holds characters that a terminal would obey or not show");
        return Err(error.hint("write it to a file: pgwitness digest-sql ... > FILE"));
    }
    print_result(text)
}

/// Hidden characters are only in strings: the printer itself writes spaces and newlines.
fn harmless_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push(c),
            c if is_hidden(c) => {
                shown.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Prints an error to standard error; a failure of that is ignored.
pub fn print_error(error: &Error) {
    let text = error_text(error, Terminal::stderr().has_color);
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a line that is not the result, such as where the report is, to standard error.
pub fn print_note(text: &str) {
    let lines: Vec<String> = text.lines().map(printable).collect();
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// `error: list users of app: connect: refused`, and below it `  try: …`.
pub fn error_text(error: &Error, has_color: bool) -> String {
    let word = if has_color { "\u{1b}[1;31merror:\u{1b}[0m" } else { "error:" };
    let hint = error.hint_text().map(|hint| format!("  try: {}\n", indented(hint))).unwrap_or_default();
    format!("{word} {}\n{hint}", indented(&error.to_string()))
}

/// A server message may have several lines; each is made printable and indented, so that none resembles a line of pgwitness.
fn indented(text: &str) -> String {
    text.trim_end().lines().map(printable).collect::<Vec<_>>().join("\n       ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_for_terminals_that_did_not_refuse_it() {
        assert!(wants_color(true, None, Some("xterm")));
        assert!(wants_color(true, Some(""), None), "an empty NO_COLOR does not count");
        assert!(!wants_color(true, Some("0"), Some("xterm")), "any other value does");
        assert!(!wants_color(true, None, Some("dumb")));
        assert!(!wants_color(false, None, Some("xterm")));
    }

    #[test]
    fn nothing_is_wrapped_in_a_file() {
        assert_eq!(width(false, Some(80)), Style::UNLIMITED);
        assert_eq!(
            [width(true, None), width(true, Some(0)), width(true, Some(10)), width(true, Some(140))],
            [80, 80, 40, 140]
        );
    }

    #[test]
    fn an_error_says_what_why_and_what_to_try() {
        let error = Error::new("refused").context("connect").context("list users of app").hint("is it running?");
        assert_eq!(error_text(&error, false), "error: list users of app: connect: refused\n  try: is it running?\n");
    }

    #[test]
    fn json_for_a_terminal_is_harmless_and_means_the_same() {
        let value = serde_json::json!({"na\u{9b}31mme": "\u{1b}[2J\u{7f}\u{202e}\u{e0101}\n\"\\ é 東京"});
        let text = format!("{}\n", serde_json::to_string_pretty(&value).unwrap());
        let shown = harmless_json(&text);
        assert!(!shown.chars().any(|c| c != '\n' && is_hidden(c)), "{shown:?}");
        assert!(shown.contains("é 東京") && shown.contains("\\u009b31m"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_hostile_error_cannot_forge_a_line_or_color() {
        let error = Error::new("no\nerror: \u{1b}[32mfine");
        assert_eq!(error_text(&error, false), "error: no\n       error: \\u{1b}[32mfine\n");
    }
}
