//! The tokens of one SQL statement, as far as reading a dump needs them.
//!
//! It does not check whether the statement is valid: PostgreSQL wrote it.

use crate::model::name::Name;

/// One token. Operators come as single bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, an unquoted name or a number.
    Word(&'a str),
    /// A name in double quotes, without them.
    Quoted(String),
    /// A literal, decoded.
    Text(String),
    /// Anything else that is not white space.
    Symbol(u8),
}

/// The tokens from a place in the text on, each made when it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// `standard_conforming_strings = off`.
    plain_quotes_escape: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, plain_quotes_escape: bool) -> Self {
        Self { text, at: 0, plain_quotes_escape }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Where the text goes on, past white space.
    pub(super) fn position(&mut self) -> usize {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.at
    }

    /// The text between two positions, without white space around it.
    pub(super) fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or("").trim_ascii()
    }

    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.clone().next()
    }

    /// Takes these keywords, all or none.
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let mut ahead = self.clone();
        let is_there =
            words.iter().all(|word| matches!(ahead.next(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word)));
        if is_there {
            *self = ahead;
        }
        is_there
    }

    /// Takes this symbol if it comes next.
    pub(super) fn symbol(&mut self, symbol: u8) -> bool {
        let is_there = self.peek() == Some(Token::Symbol(symbol));
        if is_there {
            self.next();
        }
        is_there
    }

    /// A name, quoted or not.
    pub(super) fn identifier(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some(word.to_owned()),
            Token::Quoted(name) => Some(name),
            Token::Text(_) | Token::Symbol(_) => None,
        }
    }

    /// `schema.name`; a dump never leaves the schema out.
    pub(super) fn name(&mut self) -> Option<Name> {
        let schema = self.identifier()?;
        self.symbol(b'.').then(|| self.identifier()).flatten().map(|name| Name::new(schema, name))
    }

    /// `(a, "b c")`, of each element only the name in front.
    pub(super) fn identifiers(&mut self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        if !self.symbol(b'(') {
            return None;
        }
        loop {
            names.push(self.identifier()?);
            loop {
                match self.next()? {
                    Token::Symbol(b',') => break,
                    Token::Symbol(b')') => return Some(names),
                    _ => {}
                }
            }
        }
    }

    /// A literal.
    pub(super) fn literal(&mut self) -> Option<String> {
        match self.next()? {
            Token::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, perhaps negative.
    pub(super) fn integer(&mut self) -> Option<i64> {
        let sign = if self.symbol(b'-') { "-" } else { "" };
        match self.next()? {
            Token::Word(word) => format!("{sign}{word}").parse().ok(),
            _ => None,
        }
    }

    /// What stands between two quotes, a doubled quote inside being one; `at` is on the first quote.
    fn quoted(&mut self, quote: char, has_escapes: bool) -> String {
        let mut text = String::new();
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                self.at += index + c.len_utf8();
                return text;
            }
            match c {
                '\\' if has_escapes => text.extend(chars.next().map(|(_, c)| unescape(c))),
                _ => text.push(c),
            }
        }
        self.at = self.text.len();
        text
    }

    /// `$tag$ … $tag$`, or just the dollar when there is no tag.
    fn dollar_quoted(&mut self) -> Token<'a> {
        let rest = self.rest();
        let tag_end = rest.bytes().skip(1).position(|b| b == b'$').map_or(0, |i| i + 2);
        let (tag, body) = rest.split_at_checked(tag_end).unwrap_or(("", rest));
        let is_tag = tag.trim_matches('$').bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80);
        match body.find(tag) {
            Some(end) if is_tag && !tag.is_empty() => {
                self.at += tag.len() * 2 + end;
                Token::Text(body.get(..end).unwrap_or("").to_owned())
            }
            _ => {
                self.at += 1;
                Token::Symbol(b'$')
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.position();
        let rest = self.rest();
        let first = rest.bytes().next()?;
        match first {
            b'\'' => return Some(Token::Text(self.quoted('\'', self.plain_quotes_escape))),
            b'"' => return Some(Token::Quoted(self.quoted('"', false))),
            b'$' => return Some(self.dollar_quoted()),
            b'E' | b'e' if rest.as_bytes().get(1) == Some(&b'\'') => {
                self.at += 1;
                return Some(Token::Text(self.quoted('\'', true)));
            }
            _ => {}
        }
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80;
        let len = rest.bytes().position(|b| !is_word(b)).unwrap_or(rest.len());
        self.at += len.max(1);
        Some(if len == 0 { Token::Symbol(first) } else { Token::Word(rest.get(..len).unwrap_or("")) })
    }
}

/// PostgreSQL writes only doubled backslashes and quotes; the others cost nothing.
fn unescape(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_quote_is_decoded() {
        let tokens: Vec<_> = Tokens::new("SELECT 'it''s \\' E'a\\\\\\'b' \"x\"\"y\" $a$ ' $a$,-1", false).collect();
        let text = |t: &str| Token::Text(t.into());
        assert_eq!(
            tokens,
            [
                Token::Word("SELECT"),
                text("it's \\"),
                text("a\\'b"),
                Token::Quoted("x\"y".into()),
                text(" ' "),
                Token::Symbol(b','),
                Token::Symbol(b'-'),
                Token::Word("1")
            ]
        );
    }

    #[test]
    fn names_and_lists_of_names_are_read() {
        let mut tokens = Tokens::new("shop.\"a.b\nc\" (id, \"to tal\", d WITHOUT OVERLAPS)", false);
        assert_eq!(tokens.name(), Some(Name::new("shop", "a.b\nc")));
        assert_eq!(tokens.identifiers(), Some(vec!["id".into(), "to tal".into(), "d".into()]));
        assert_eq!(tokens.next(), None);
    }
}
