//! Where quotes and brackets begin and end in a text that a server printed.
//!
//! Comes before the parser: it finds the lines of a definition, and the texts that are too deep or too long to parse.

/// A text longer than this is compared as it is. The stack of the parser grows with it.
pub const MAX_BYTES: usize = 256 * 1024;

/// Maximum nesting of brackets, and maximum length of a chain of prefix operators, casts or set operations: each costs the parser one
/// level of recursion. Texts beyond it are compared as they are.
const MAX_DEPTH: i32 = 400;

/// What begins at one place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lexeme {
    /// A string literal with its quotes; not the body of a function.
    Literal,
    /// An identifier in double quotes.
    Quoted,
    /// A string between dollar signs, with them.
    Dollar,
    /// A keyword, a plain identifier or a number.
    Word,
    /// One other character.
    Other,
}

/// The lexemes of a text in order and without gaps. None if a quote is not closed.
pub fn lexemes(text: &str) -> Option<Vec<(Lexeme, &str)>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let escapes = matches!(found.last(), Some((Lexeme::Word, "E" | "e")));
        let (lexeme, length) = match first {
            '\'' => (Lexeme::Literal, quoted(rest, '\'', escapes)?),
            '"' => (Lexeme::Quoted, quoted(rest, '"', false)?),
            '$' if dollar_tag(rest).is_some() => (Lexeme::Dollar, dollar_quoted(rest)?),
            c if is_word(c) => (Lexeme::Word, rest.find(|c: char| !is_word(c) && c != '$').unwrap_or(rest.len())),
            c => (Lexeme::Other, c.len_utf8()),
        };
        let (lexed, after) = rest.split_at(length);
        found.push((lexeme, lexed));
        rest = after;
    }
    Some(found)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

/// The length of a quoted text; a doubled quote belongs to it.
fn quoted(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if escapes && letter == '\\' {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 2;
    let name = &text[1..end - 1];
    let is_tag = name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| &text[..end])
}

fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = dollar_tag(text)?;
    Some(text[tag.len()..].find(tag)? + 2 * tag.len())
}

/// Whether the parser can handle this text without too deep recursion or too long chains of casts or queries.
pub fn is_shallow(text: &str) -> bool {
    let (mut depth, mut signs, mut casts, mut queries) = (0, 0, 0, 0);
    lexemes(text).is_some_and(|lexemes| {
        lexemes.into_iter().all(|(lexeme, lexed)| {
            depth += step(lexeme, lexed);
            match (lexeme, lexed) {
                (Lexeme::Word, "NOT") => signs += 1,
                (Lexeme::Word, "UNION" | "INTERSECT" | "EXCEPT") => queries += 1,
                (Lexeme::Other, ":") => casts += 1,
                (Lexeme::Other, "(" | ")" | ",") => (signs, casts) = (signs + 1, 0),
                (Lexeme::Other, lexed) => signs += i32::from(!lexed.trim().is_empty()),
                _ => signs = 0,
            }
            [depth, signs, casts, queries].into_iter().all(|count| count <= MAX_DEPTH)
        })
    })
}

/// How a lexeme changes the number of brackets that are open. CASE counts: the server prints it over several lines.
fn step(lexeme: Lexeme, text: &str) -> i32 {
    match (lexeme, text) {
        (Lexeme::Other, "(" | "[") | (Lexeme::Word, "CASE") => 1,
        (Lexeme::Other, ")" | "]") | (Lexeme::Word, "END") => -1,
        _ => 0,
    }
}

/// The lines of a definition that are not inside quotes, brackets or CASE (which the server prints over several lines). None if these
/// are not balanced.
pub fn lines(text: &str) -> Option<Vec<&str>> {
    let (mut found, mut start, mut at, mut depth) = (Vec::new(), 0, 0, 0);
    for (lexeme, lexed) in lexemes(text)? {
        depth += step(lexeme, lexed);
        if depth < 0 {
            return None;
        }
        if depth == 0 && lexed == "\n" && !text[at + 1..].starts_with("CASE\n") {
            found.push(&text[start..at]);
            start = at + 1;
        }
        at += lexed.len();
    }
    found.push(&text[start..]);
    (depth == 0).then_some(found)
}

/// Splits at the first plain word `word` outside brackets and quotes; the word itself belongs to neither side.
pub fn split_at_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let (mut at, mut depth) = (0, 0);
    for (lexeme, lexed) in lexemes(text)? {
        depth += step(lexeme, lexed);
        if depth == 0 && lexeme == Lexeme::Word && lexed == word {
            return Some((&text[..at], &text[at + lexed.len()..]));
        }
        at += lexed.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_outside_quotes_brackets_and_case() {
        let text = "a\ndefault \nCASE\n  WHEN b THEN 1\nEND\n'x\ny'\n\"p\nq\"\n(1,\n2)\n$f$(\n$f$";
        let expected = ["a", "default \nCASE\n  WHEN b THEN 1\nEND", "'x\ny'", "\"p\nq\"", "(1,\n2)", "$f$(\n$f$"];
        assert_eq!(lines(text).unwrap(), expected);
        for unmatched in ["(", ")", "'", "\"", "$a$ $b$", "E'\\'"] {
            assert_eq!(lines(unmatched), None, "{unmatched}");
        }
    }

    #[test]
    fn lexemes_leave_nothing_out() {
        for text in ["E'a\\'b' x$1 $1 'it''s' \"a\"\"b\" ü€ $x$a$y$b$x$ a->>'b'", ""] {
            assert_eq!(lexemes(text).unwrap().iter().map(|(_, lexed)| *lexed).collect::<String>(), text);
        }
    }

    #[test]
    fn a_word_splits_only_outside_quotes_and_brackets() {
        let text = "\"default\" f(default) default 1";
        assert_eq!(split_at_word(text, "default"), Some(("\"default\" f(default) ", " 1")));
        assert_eq!(split_at_word("'default'", "default"), None);
    }
}
