//! How the reader wants it: colour and width.
//!
//! Never asks the terminal or the environment: the command line does.

/// How the reader wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences for colour may be printed.
    pub color: bool,
    /// Terminal cells in a line; [`Style::UNLIMITED`] where nothing needs to be wrapped.
    pub width: usize,
    /// Whether every equal table is listed, however many there are.
    pub all_tables: bool,
}

impl Style {
    /// For files and pipes: what is on one line stays on one line, so that `grep` finds it.
    pub const UNLIMITED: usize = u16::MAX as usize;

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Headings.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What is there for completeness.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What is wrong, or what only expected has.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What is right, or what only actual has.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What nobody knows.
    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }
}
