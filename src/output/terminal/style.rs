//! Display options: colour and width.
//!
//! The command line reads the terminal and the environment.

use crate::output::document::{Look, Text, Tone, status_tone};

/// Display options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences for colour may be printed.
    pub color: bool,
    /// Terminal cells in a line; [`Style::UNLIMITED`] where nothing needs to be wrapped.
    pub width: usize,
    /// Whether to list all equal tables, however many there are.
    pub all_tables: bool,
}

impl Style {
    /// For files and pipes: lines are not wrapped, so that `grep` finds them.
    pub const UNLIMITED: usize = u16::MAX as usize;

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Headings.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Secondary text.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Problems, or text that only the expected side has.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Good results, or text that only the actual side has.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Unknown results.
    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// In the colour of a tone.
    pub fn toned(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Good => self.green(text),
            Tone::Bad => self.red(text),
            Tone::Unsure => self.yellow(text),
            Tone::Quiet => self.dim(text),
        }
    }

    /// In its colours, without line breaks.
    pub fn painted(self, text: &Text) -> String {
        let span = |look: &Look, text: &str| match look {
            Look::Word(tone) => self.toned(*tone, text),
            Look::Badge(status) => self.toned(status_tone(*status), text),
            Look::Strong => self.bold(text),
            _ => text.to_owned(),
        };
        text.0.iter().map(|one| span(&one.look, &one.text)).collect()
    }
}
