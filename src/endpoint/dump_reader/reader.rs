//! Reads the SQL of a dump from a stream: statements, the rows after each COPY, and the check that it is complete.
//!
//! Keeps one block in memory, or one row if that is longer.

use std::io::{ErrorKind, Read};

use super::pg_dump_output::{PgDumpOutputCheck, Seen};
use super::splitter::{Piece, Splitter};
use super::statement::{Reading, Statement, parse};
use crate::base::error::{Context, Error, Result};

/// Large enough to make the cost of a system call negligible.
const BLOCK_BYTES: usize = 256 << 10;

/// PostgreSQL builds a line of COPY, escapes included, in one piece of memory, of which none is larger than 1 GiB (`MaxAllocSize`).
const MAX_LINE_BYTES: usize = 1 << 30;

/// The closing comments of pg_dump and pg_restore.
const TRAILER: &[u8] = b"-- PostgreSQL database dump complete";

/// Client encodings in which a byte of a character can look like a quote or a backslash: text in them cannot be split
/// byte by byte.
const UNSAFE_ENCODINGS: &[&str] = &["BIG5", "GB18030", "GBK", "JOHAB", "SHIFT_JIS_2004", "SHIFTJIS2004", "SJIS", "UHC"];

/// Receives what is read.
pub(super) trait Handler {
    /// A `--` comment between statements.
    fn comment(&mut self, text: &[u8]);
    /// The check that pg_dump wrote every statement, if it is wanted.
    fn written(&mut self) -> Option<&mut PgDumpOutputCheck> {
        None
    }
    /// A statement, in the order of the dump.
    fn statement(&mut self, statement: Statement) -> Result<Next>;
    /// A row of the last COPY.
    fn row(&mut self, line: &[u8]) -> Result<()>;
    /// The last COPY is over.
    fn rows_end(&mut self) -> Result<()>;
}

/// What to do after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    /// After a COPY: pass over its rows.
    SkipRows,
    /// End the reading.
    Stop,
}

/// How the reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReaderEnd {
    /// The input was complete, up to the closing comment.
    Complete,
    /// The stream ended too early, and where.
    Cut(String),
    /// The handler stopped it.
    Stopped,
}

/// Reads to the end, or until the handler stops it.
pub(super) fn read_dump(input: impl Read, handler: &mut impl Handler) -> Result<ReaderEnd> {
    let mut blocks = Blocks { input, buffer: vec![0; BLOCK_BYTES], start: 0, end: 0, lines: 0 };
    let mut splitter = Splitter::new();
    let mut reading = Reading { is_utf8: true, plain_quotes_escape: false };
    let mut ending = TrailerCheck::default();
    loop {
        if blocks.unread().is_empty() && !blocks.fill()? {
            break;
        }
        let (taken, piece) = splitter.feed(blocks.unread());
        let statement = match piece {
            Some(Piece::Statement { text, is_whole, has_command }) => {
                let statement =
                    parse(text, is_whole, reading).doing(|| format!("line {}", blocks.line_of(taken, text)))?;
                if let Some(written) = handler.written() {
                    let (line, plain_quotes_escape) = (blocks.line_of(taken, text), reading.plain_quotes_escape);
                    written.statement(&Seen { text, statement: &statement, line, has_command, plain_quotes_escape });
                }
                Some(statement)
            }
            Some(Piece::Comment(text)) => {
                ending.comment(text)?;
                handler.comment(text);
                None
            }
            Some(Piece::Command(text)) => {
                ending.command(text);
                if let Some(written) = handler.written() {
                    written.command(text, blocks.line_of(taken, text) - 1);
                }
                None
            }
            None => None,
        };
        blocks.pass(taken);
        let Some(statement) = statement else { continue };
        ending.is_trailer_seen = false;
        match &statement {
            Statement::Encoding(encoding) => reading.is_utf8 = is_utf8(encoding)?,
            Statement::StandardStrings(is_on) => {
                reading.plain_quotes_escape = !is_on;
                splitter.plain_quotes_escape = !is_on;
            }
            _ => {}
        }
        let copied = if let Statement::Copy { table, .. } = &statement { Some(table.clone()) } else { None };
        match (handler.statement(statement)?, copied) {
            (Next::Stop, _) => return Ok(ReaderEnd::Stopped),
            (next, Some(table)) => {
                if !copy_rows(&mut blocks, handler, next == Next::SkipRows).doing(|| format!("rows of {table}"))? {
                    return Ok(ReaderEnd::Cut(format!("the rows of {table} have no end")));
                }
            }
            (_, None) => {}
        }
    }
    Ok(ending.judge(&mut splitter))
}

fn is_utf8(encoding: &str) -> Result<bool> {
    if UNSAFE_ENCODINGS.contains(&encoding) {
        return Err(Error::new(format!("a dump in the encoding {encoding} cannot be read"))
            .hint("make it with `pg_dump -E UTF8`"));
    }
    Ok(encoding == "UTF8")
}

/// Passes rows to the handler up to the line `\.`; false when the input ended before it.
fn copy_rows<R: Read>(blocks: &mut Blocks<R>, handler: &mut impl Handler, is_skipped: bool) -> Result<bool> {
    let Some(rest_of_statement) = blocks.line()? else { return Ok(false) };
    if !rest_of_statement.is_empty() {
        return Err(Error::new("something follows the COPY statement on its line")
            .hint("was the file changed on the way, for instance to Windows line ends?"));
    }
    while let Some(line) = blocks.line()? {
        match line {
            b"\\." => {
                if !is_skipped {
                    handler.rows_end()?;
                }
                return Ok(true);
            }
            _ if is_skipped => {}
            _ => handler.row(line)?,
        }
    }
    Ok(false)
}

/// The part of the input that is in memory.
struct Blocks<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How many lines have been passed.
    lines: u64,
}

impl<R: Read> Blocks<R> {
    /// Passes over the next bytes.
    fn pass(&mut self, bytes: usize) {
        self.lines += newlines(self.unread().get(..bytes).unwrap_or_default());
        self.start += bytes;
    }

    /// The number of the line on which a statement begins that ends `taken` bytes further on.
    fn line_of(&self, taken: usize, statement: &[u8]) -> u64 {
        let end = self.lines + newlines(self.unread().get(..taken).unwrap_or_default());
        (end + 1).saturating_sub(newlines(statement))
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The next line without its newline; `None` at the end of the input, also after a last line without newline.
    fn line(&mut self) -> Result<Option<&[u8]>> {
        let mut searched = 0;
        let len = loop {
            match memchr::memchr(b'\n', &self.buffer[self.start + searched..self.end]) {
                Some(index) => break searched + index,
                None => {
                    searched = self.end - self.start;
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        };
        let line = self.start..self.start + len;
        self.start += len + 1;
        self.lines += 1;
        Ok(Some(&self.buffer[line]))
    }

    /// Reads more behind what is unread, with room for a longer row if there is none; false at the end of the input.
    fn fill(&mut self) -> Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            if self.end >= MAX_LINE_BYTES {
                return Err(Error::new(format!(
                    "line {} is longer than 1 GiB, which is more than PostgreSQL can write",
                    self.lines + 1
                ))
                .hint("this is not the unchanged output of pg_dump"));
            }
            self.buffer.resize(self.end * 2, 0);
        } else if self.end < BLOCK_BYTES && self.buffer.len() > 16 * BLOCK_BYTES {
            self.buffer.truncate(BLOCK_BYTES);
            self.buffer.shrink_to_fit();
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Checks that a dump is complete: the trailer comment must be last, followed only by `--` and, in newer versions, `\unrestrict`.
#[derive(Debug, Default)]
struct TrailerCheck {
    headers: u32,
    is_trailer_seen: bool,
    is_frame_closed: bool,
    restricted: Option<Vec<u8>>,
}

impl TrailerCheck {
    fn comment(&mut self, text: &[u8]) -> Result<()> {
        if text == b"-- PostgreSQL database dump" {
            self.headers += 1;
            if self.headers > 1 {
                return Err(Error::new("more than one dump in a file").hint("compare one database at a time"));
            }
        }
        self.is_frame_closed = self.is_trailer_seen && text == b"--";
        self.is_trailer_seen |= text == TRAILER;
        Ok(())
    }

    fn command(&mut self, text: &[u8]) {
        if let Some(token) = text.strip_prefix(b"\\restrict ") {
            self.restricted = Some(token.to_vec());
        } else if text.strip_prefix(b"\\unrestrict ") == self.restricted.as_deref() {
            self.restricted = None;
        }
    }

    fn judge(mut self, splitter: &mut Splitter) -> ReaderEnd {
        if !splitter.is_between_statements() {
            return ReaderEnd::Cut("it ends inside a statement".into());
        }
        match splitter.last_line() {
            Some(Piece::Comment(text)) => drop(self.comment(text)),
            Some(Piece::Command(text)) => self.command(text),
            _ => {}
        }
        if self.is_trailer_seen && self.is_frame_closed && self.restricted.is_none() {
            ReaderEnd::Complete
        } else {
            ReaderEnd::Cut(format!("its last line {:?} is missing", String::from_utf8_lossy(TRAILER)))
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
