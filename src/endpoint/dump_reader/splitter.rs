//! Splits the text of a dump, which arrives in blocks of any size, into statements, comments and psql commands.
//!
//! Does not interpret statements, and is not fed the rows after a COPY.

use super::nesting::Nesting;

/// Longest statement whose text is kept; only INSERT and function bodies are longer.
pub(super) const MAX_STATEMENT_BYTES: usize = 16 << 20;

/// The comments that are read are short; others may hold names of any length.
const MAX_COMMENT_BYTES: usize = 4096;

/// pg_dump makes its tags of a word and a few letters.
const MAX_TAG_BYTES: usize = 4096;

/// One piece of a dump. The bytes live until the splitter is fed again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Without comments outside of quotes, without the semicolon. `is_whole` is false when it was too long to keep.
    /// `has_command`: there is a backslash outside of quotes, where psql finds a command.
    Statement { text: &'a [u8], is_whole: bool, has_command: bool },
    /// A `--` comment between statements, from the dashes to before the newline.
    Comment(&'a [u8]),
    /// A psql command such as `\restrict`, from the backslash to before the newline.
    Command(&'a [u8]),
}

/// Where in the text the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SplitterState {
    Plain,
    Quoted {
        escapes: bool,
    },
    /// Just after a quote that ends the literal unless another follows: the escapes of `E'a''b'` go on after it.
    QuoteEnd {
        escapes: bool,
    },
    QuotedEscape,
    Identifier,
    /// Between the two dollars of `$tag$`.
    DollarTag,
    /// Inside the body; this many bytes of the closing tag have been seen.
    Dollar {
        matched: usize,
    },
    LineComment,
    Block {
        depth: u32,
        previous: u8,
    },
    Command,
}

/// The state between two blocks of text.
#[derive(Debug)]
pub(super) struct Splitter {
    state: SplitterState,
    text: Vec<u8>,
    is_whole: bool,
    has_command: bool,
    /// A piece was returned by the last call; clear `text` before the next byte.
    is_emitted: bool,
    side: Vec<u8>,
    tag: Vec<u8>,
    nesting: Nesting,
    /// With `standard_conforming_strings = off` every literal has escapes.
    pub(super) plain_quotes_escape: bool,
}

impl Splitter {
    pub(super) fn new() -> Self {
        Self {
            state: SplitterState::Plain,
            text: Vec::new(),
            is_whole: true,
            has_command: false,
            is_emitted: false,
            side: Vec::new(),
            tag: Vec::new(),
            nesting: Nesting::new(),
            plain_quotes_escape: false,
        }
    }

    /// Reads from the front of `input`: how many bytes were taken, and the piece that ended there, if one did.
    /// Without a piece, all of `input` was taken.
    pub(super) fn feed(&mut self, input: &[u8]) -> (usize, Option<Piece<'_>>) {
        self.forget_emitted();
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            let rest = input.get(at..).unwrap_or(b"");
            if let Some(taken) = self.skim(rest) {
                at += taken;
                continue;
            }
            let before = self.state;
            let (taken, is_end) = self.step(byte);
            at += usize::from(taken);
            if is_end {
                self.is_emitted = true;
                return (at, Some(self.piece(before)));
            }
        }
        (at, None)
    }

    /// Whether no statement is open: a dump may end only here. A last line without newline counts as ended.
    pub(super) fn is_between_statements(&self) -> bool {
        let is_side = matches!(self.state, SplitterState::Plain | SplitterState::LineComment | SplitterState::Command);
        is_side && (self.is_emitted || self.is_blank())
    }

    /// A comment or command that the end of the input ended.
    pub(super) fn last_line(&mut self) -> Option<Piece<'_>> {
        match self.state {
            SplitterState::LineComment if self.is_blank() => Some(Piece::Comment(&self.side)),
            SplitterState::Command => Some(Piece::Command(&self.side)),
            _ => None,
        }
    }

    fn piece(&self, before: SplitterState) -> Piece<'_> {
        match before {
            SplitterState::LineComment => Piece::Comment(&self.side),
            SplitterState::Command => Piece::Command(&self.side),
            _ => Piece::Statement { text: &self.text, is_whole: self.is_whole, has_command: self.has_command },
        }
    }

    fn is_blank(&self) -> bool {
        self.text.is_empty() && self.is_whole
    }

    fn forget_emitted(&mut self) {
        if std::mem::take(&mut self.is_emitted) {
            self.text.clear();
            self.side.clear();
            self.is_whole = true;
            self.has_command = false;
        }
    }

    /// Long stretches that hold no byte of interest, taken at the speed of `memchr`.
    fn skim(&mut self, rest: &[u8]) -> Option<usize> {
        let next = match self.state {
            SplitterState::Quoted { escapes: false } => memchr::memchr(b'\'', rest),
            SplitterState::Quoted { escapes: true } => memchr::memchr2(b'\'', b'\\', rest),
            SplitterState::Identifier => memchr::memchr(b'"', rest),
            SplitterState::Dollar { matched: 0 } => memchr::memchr(b'$', rest),
            SplitterState::LineComment | SplitterState::Command => memchr::memchr(b'\n', rest),
            _ => return None,
        };
        let taken = next.unwrap_or(rest.len());
        let stretch = rest.get(..taken)?;
        match self.state {
            SplitterState::LineComment | SplitterState::Command => self.keep_aside(stretch),
            _ => self.keep(stretch),
        }
        (taken > 0).then_some(taken)
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.text.len() + bytes.len() <= MAX_STATEMENT_BYTES {
            self.text.extend_from_slice(bytes);
        } else {
            self.is_whole = false;
        }
    }

    fn keep_aside(&mut self, bytes: &[u8]) {
        let room = MAX_COMMENT_BYTES.saturating_sub(self.side.len());
        self.side.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// One byte: whether it was taken (else it is to be read again in the new state), and whether a piece ends.
    fn step(&mut self, byte: u8) -> (bool, bool) {
        match self.state {
            SplitterState::Plain => return (true, self.plain(byte)),
            SplitterState::LineComment => return (true, self.line_end()),
            SplitterState::Command => {
                self.state = SplitterState::Plain;
                return (true, true);
            }
            SplitterState::QuoteEnd { escapes } => {
                if byte != b'\'' {
                    self.state = SplitterState::Plain;
                    return (false, false);
                }
                self.state = SplitterState::Quoted { escapes };
            }
            SplitterState::Quoted { escapes } if byte == b'\'' => self.state = SplitterState::QuoteEnd { escapes },
            SplitterState::Quoted { .. } => self.state = SplitterState::QuotedEscape,
            SplitterState::QuotedEscape => self.state = SplitterState::Quoted { escapes: true },
            SplitterState::Identifier => self.state = SplitterState::Plain,
            SplitterState::DollarTag => return (self.dollar_tag(byte), false),
            SplitterState::Dollar { matched } => self.dollar(byte, matched),
            SplitterState::Block { depth, previous } => return (true, self.block(byte, depth, previous)),
        }
        self.keep(&[byte]);
        (true, false)
    }

    fn line_end(&mut self) -> bool {
        self.state = SplitterState::Plain;
        let is_between = self.is_blank();
        if !is_between {
            self.side.clear();
            self.keep(b"\n");
        }
        is_between
    }

    /// A byte outside of everything: true when it ends a statement.
    fn plain(&mut self, byte: u8) -> bool {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 || (byte == b'$' && self.nesting.is_in_word()) {
            self.nesting.word_byte(byte);
            self.keep(&[byte]);
            return false;
        }
        let is_escape_literal = self.nesting.word() == b"e";
        self.nesting.end_word();
        match byte {
            b'\'' => self.state = SplitterState::Quoted { escapes: is_escape_literal || self.plain_quotes_escape },
            b'"' => self.state = SplitterState::Identifier,
            b'$' => {
                self.tag.clear();
                self.tag.push(b'$');
                self.state = SplitterState::DollarTag;
            }
            b'(' => self.nesting.open_paren(),
            b')' => self.nesting.close_paren(),
            b';' if self.nesting.is_outside() => {
                self.nesting = Nesting::new();
                return !self.is_blank();
            }
            b'-' if self.text.last() == Some(&b'-') => {
                self.open_comment(SplitterState::LineComment);
                self.side.extend_from_slice(b"--");
                return false;
            }
            b'*' if self.text.last() == Some(&b'/') => {
                self.open_comment(SplitterState::Block { depth: 1, previous: 0 });
                return false;
            }
            b'\\' if self.is_blank() => {
                self.side.clear();
                self.side.push(byte);
                self.state = SplitterState::Command;
                return false;
            }
            b'\\' => self.has_command = true,
            _ if byte.is_ascii_whitespace() && self.is_blank() => return false,
            _ => {}
        }
        self.keep(&[byte]);
        false
    }

    /// The first byte of the mark is in the text already.
    fn open_comment(&mut self, state: SplitterState) {
        self.text.pop();
        self.side.clear();
        self.state = state;
    }

    fn block(&mut self, byte: u8, depth: u32, previous: u8) -> bool {
        self.state = match (previous, byte, depth) {
            (b'*', b'/', 1) => {
                if !self.is_blank() {
                    self.keep(b" ");
                }
                SplitterState::Plain
            }
            (b'*', b'/', _) => SplitterState::Block { depth: depth - 1, previous: 0 },
            (b'/', b'*', _) => SplitterState::Block { depth: depth + 1, previous: 0 },
            _ => SplitterState::Block { depth, previous: byte },
        };
        false
    }

    /// False when this is no tag after all: `$1` is a parameter.
    fn dollar_tag(&mut self, byte: u8) -> bool {
        let is_first = self.tag.len() == 1;
        let is_tag = byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 || (byte.is_ascii_digit() && !is_first);
        if self.tag.len() > MAX_TAG_BYTES {
            self.is_whole = false;
            self.state = SplitterState::Plain;
            return false;
        }
        if byte == b'$' {
            self.tag.push(byte);
            self.state = SplitterState::Dollar { matched: 0 };
        } else if is_tag {
            self.tag.push(byte);
        } else {
            self.state = SplitterState::Plain;
            return false;
        }
        self.keep(&[byte]);
        true
    }

    /// A dollar stands only at both ends of a tag, so a mismatch can start anew only with a dollar.
    fn dollar(&mut self, byte: u8, matched: usize) {
        let matched = match self.tag.get(matched) {
            Some(&wanted) if wanted == byte => matched + 1,
            _ => usize::from(byte == b'$'),
        };
        self.state = if matched == self.tag.len() { SplitterState::Plain } else { SplitterState::Dollar { matched } };
    }
}

#[cfg(test)]
#[path = "splitter_tests.rs"]
mod tests;
