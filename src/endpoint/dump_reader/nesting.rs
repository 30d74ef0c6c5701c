//! Whether a semicolon ends the statement it stands in.
//!
//! Text inside quotes or comments is not passed to it.

/// How much of `CREATE [OR REPLACE] FUNCTION|PROCEDURE` has been seen: only there can a body hold semicolons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    Start,
    Create,
    Or,
    Routine,
    Other,
}

/// The identifier being read, in lower case, as far as a keyword could reach.
#[derive(Debug, Default)]
struct KeywordBuffer {
    bytes: [u8; 12],
    len: usize,
}

impl KeywordBuffer {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte.to_ascii_lowercase();
        }
        self.len += 1;
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(b"")
    }
}

/// Follows the words and parentheses of a statement.
#[derive(Debug)]
pub(super) struct Nesting {
    word: KeywordBuffer,
    head: Head,
    parens: u32,
    /// Depth of BEGIN ATOMIC and CASE; a semicolon inside ends nothing.
    body: u32,
    was_begin: bool,
}

impl Nesting {
    pub(super) fn new() -> Self {
        Self { word: KeywordBuffer::default(), head: Head::Start, parens: 0, body: 0, was_begin: false }
    }

    /// A semicolon here ends the statement.
    pub(super) fn is_outside(&self) -> bool {
        self.parens == 0 && self.body == 0
    }

    pub(super) fn open_paren(&mut self) {
        self.parens += 1;
    }

    pub(super) fn close_paren(&mut self) {
        self.parens = self.parens.saturating_sub(1);
    }

    /// The next byte of an identifier.
    pub(super) fn word_byte(&mut self, byte: u8) {
        self.word.push(byte);
    }

    pub(super) fn is_in_word(&self) -> bool {
        self.word.len > 0
    }

    /// The identifier so far, in lower case; empty if it is too long for a keyword.
    pub(super) fn word(&self) -> &[u8] {
        self.word.text()
    }

    /// Follows the keywords that decide whether a semicolon ends the statement.
    pub(super) fn end_word(&mut self) {
        if self.word.len == 0 {
            return;
        }
        let word = self.word.text();
        self.head = match (self.head, word) {
            (Head::Start, b"create") => Head::Create,
            (Head::Create, b"or") => Head::Or,
            (Head::Or, b"replace") => Head::Create,
            (Head::Create, b"function" | b"procedure") => Head::Routine,
            (Head::Routine, _) => Head::Routine,
            _ => Head::Other,
        };
        if self.head == Head::Routine {
            self.body = match word {
                b"atomic" if self.was_begin && self.parens == 0 && self.body == 0 => 1,
                b"case" if self.body > 0 => self.body + 1,
                b"end" => self.body.saturating_sub(1),
                _ => self.body,
            };
            self.was_begin = word == b"begin";
        }
        self.word.len = 0;
    }
}
