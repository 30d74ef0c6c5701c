//! Removes values from error messages of servers and programs, and keeps what an administrator needs: the error, and the object.
//!
//! Quoted text that could be a value is removed: where the end of a quote is unclear, more is removed. Values that a message
//! contains without quotes (`RAISE 'balance %'`) cannot be recognized.

/// Replaces removed text.
const HIDDEN: char = '…';

/// After these words a server message quotes rows, values and statements.
const TAILS: [&str; 7] = ["DETAIL:", "CONTEXT:", "STATEMENT:", "QUERY:", "WHERE:", "LINE ", "Command was:"];

/// As above, at the beginning of a sentence or within one.
const ROW: &str = "failing row contains";

/// Text before a detail in our description of a server error, in any language of the server: the five characters of the SQLSTATE
/// are between the two.
const STATE: (&str, &str) = ("(SQLSTATE ", "); ");

/// SQLSTATEs whose details name columns in brackets and, after an equals sign, values. In all other details brackets contain
/// values.
const OF_KEYS: [&str; 3] = ["23503", "23505", "23P01"];

/// Prefixes of literals before a quote: `E'…'`, `B'…'`, `X'…'`, `N'…'`.
const PREFIXES: [char; 8] = ['E', 'B', 'X', 'N', 'e', 'b', 'x', 'n'];

/// Words before a name in double quotes in messages of PostgreSQL and its programs.
const NAMED: [&str; 19] = [
    "aggregate",
    "collation",
    "column",
    "constraint",
    "database",
    "domain",
    "extension",
    "function",
    "index",
    "language",
    "publication",
    "relation",
    "role",
    "schema",
    "sequence",
    "table",
    "tablespace",
    "trigger",
    "view",
];

/// PostgreSQL truncates longer names.
const MAX_NAME: usize = 63;

/// The text without values, with its lines.
pub fn mask(text: &str) -> String {
    let tail = end_of_head(text);
    let head = tail.map_or(text, |end| &text[..end]);
    let mut masked = without_quoted(&without_keys(&without_detail(head)));
    if tail.is_some() {
        masked.truncate(masked.trim_end().len());
        masked.extend([' ', HIDDEN]);
    }
    masked
}

/// The end of the first words after which everything is removed.
fn end_of_head(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let tails = TAILS.iter().filter_map(|tail| Some((at_word(text, tail)?, tail.len())));
    let row = at_word(&lower, ROW).map(|at| (at, ROW.len()));
    tails.chain(row).min().map(|(at, length)| at + length)
}

/// The position of `word` as a separate word: `OFFLINE 3` does not contain `LINE 3`.
fn at_word(text: &str, word: &str) -> Option<usize> {
    let mut found = text.match_indices(word).map(|(at, _)| at);
    found.find(|at| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// `Fehlgeschlagene Zeile enthält (1, a@b)`: the language is unknown, so everything in brackets in a detail is removed.
fn without_detail(text: &str) -> String {
    let of_state = || {
        let (head, rest) = text.split_once(STATE.0)?;
        let (code, detail) = rest.split_once(STATE.1)?;
        Some((head.len() + STATE.0.len() + code.len() + STATE.1.len(), code, detail))
    };
    match of_state() {
        Some((at, code, detail)) if !OF_KEYS.contains(&code) => match detail.find('(') {
            Some(open) => without_values(text, at + open + 1),
            None => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// `Key (id, mail)=(7, a@b)` and `key … contains (mail) = (a@b)` name the columns.
fn without_keys(text: &str) -> String {
    let opens = |at: usize| {
        let behind = text[at + 1..].trim_start();
        behind.starts_with('(').then(|| text.len() - behind.len() + 1)
    };
    let first = text.match_indices('=').find_map(|(at, _)| opens(at));
    first.map_or_else(|| text.to_owned(), |at| without_values(text, at))
}

/// Removes up to the last bracket: values may contain brackets.
fn without_values(text: &str, at: usize) -> String {
    let (head, values) = text.split_at(at);
    let rest = values.rfind(')').map_or("", |end| &values[end..]);
    format!("{head}{HIDDEN}{rest}")
}

/// Values may contain quotes, so the last quote of the same kind ends the first.
fn without_quoted(text: &str) -> String {
    let (mut masked, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((at, open, closing)) = next_quote(&masked, rest) {
        let inner = at + open.len_utf8();
        masked.push_str(&rest[..at]);
        if let Some(name) = name_in_quotes(&masked, open, &rest[inner..]) {
            masked.push_str(&format!("\"{name}\""));
            rest = &rest[inner + name.len() + 1..];
            continue;
        }
        masked.push(open);
        masked.push(HIDDEN);
        let end = rest[inner..].rfind(closing).map(|end| inner + end);
        if let Some(close) = end.and_then(|end| rest[end..].chars().next()) {
            masked.push(close);
        }
        rest = end.map_or("", |end| rest[end..].trim_start_matches(|c| closing.contains(&c)));
    }
    masked + rest
}

/// The first opening quote, and what closes it.
fn next_quote(before: &str, rest: &str) -> Option<(usize, char, &'static [char])> {
    let mut earlier = before.chars().rev();
    let (mut last, mut last_but_one) = (earlier.next(), earlier.next());
    for (at, c) in rest.char_indices() {
        let closing: Option<&'static [char]> = match c {
            '"' => Some(&['"']),
            '\'' if !is_apostrophe(last, last_but_one) => Some(&['\'']),
            '«' => Some(&['»']),
            '»' => Some(&['«']),
            '„' => Some(&['“', '”']),
            '“' => Some(&['”']),
            '‘' => Some(&['’']),
            '‚' => Some(&['‘', '’']),
            _ => None,
        };
        if let Some(closing) = closing {
            return Some((at, c, closing));
        }
        (last, last_but_one) = (Some(c), last);
    }
    None
}

/// A quote after a letter is an apostrophe, unless the letter is the prefix of a literal.
fn is_apostrophe(last: Option<char>, last_but_one: Option<char>) -> bool {
    let is_prefix = last.is_some_and(|c| PREFIXES.contains(&c)) && !last_but_one.is_some_and(char::is_alphanumeric);
    last.is_some_and(char::is_alphanumeric) && !is_prefix
}

/// `constraint "orders_pkey"`: after such a word, what looks like a name is a name.
fn name_in_quotes<'a>(before: &str, open: char, rest: &'a str) -> Option<&'a str> {
    let word = before.strip_suffix(' ')?.rsplit(|c: char| !c.is_ascii_alphabetic()).next()?;
    let name = rest.split_once('"')?.0;
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || "_.$-".contains(c));
    (open == '"' && NAMED.contains(&word) && is_plain && !name.is_empty() && name.len() <= MAX_NAME).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANARY: &str = "c4n4ry";

    #[test]
    fn what_failed_and_where_is_left() {
        for (said, shown) in [
            (
                "connect to db.example.org:5432: connection refused",
                "connect to db.example.org:5432: connection refused",
            ),
            (
                "permission denied for table orders (SQLSTATE 42501)",
                "permission denied for table orders (SQLSTATE 42501)",
            ),
            (
                "the server's certificate isn't trusted by any user's root",
                "the server's certificate isn't trusted by any user's root",
            ),
            ("relation \"shop.orders\" does not exist", "relation \"shop.orders\" does not exist"),
            (
                "duplicate key value violates unique constraint \"orders_pkey\" (SQLSTATE 23505); Key (id, mail)=(7, c4n4ry) already exists.",
                "duplicate key value violates unique constraint \"orders_pkey\" (SQLSTATE 23505); Key (id, mail)=(…) already exists.",
            ),
            ("hook /bin/clean: exit status 1", "hook /bin/clean: exit status 1"),
        ] {
            assert_eq!(mask(said), shown);
        }
    }

    #[test]
    fn values_are_hidden_wherever_postgresql_puts_them() {
        for (said, shown) in [
            ("invalid input syntax for type integer: \"c4n4ry\"", "invalid input syntax for type integer: \"…\""),
            ("value 'c4n4ry' is wrong", "value '…' is wrong"),
            ("ERROR: x\nDETAIL:  Key (a)=(c4n4ry) is not\nHINT: c4n4ry", "ERROR: x\nDETAIL: …"),
            ("x CONTEXT: COPY orders, line 3, column id: c4n4ry", "x CONTEXT: …"),
            (
                "new row violates check; Failing row contains (1, c4n4ry).",
                "new row violates check; Failing row contains …",
            ),
            (
                "no partition of relation \"log\" found for row (SQLSTATE 23514); Partition key of the failing row contains (mail) = (c4n4ry).",
                "no partition of relation \"log\" found for row (SQLSTATE 23514); Partition key of the failing row contains …",
            ),
            ("Key (mail) = (c4n4ry) is there", "Key (mail) = (…) is there"),
            ("a = b, Key (mail) =\t(c4n4ry) is there", "a = b, Key (mail) =\t(…) is there"),
            (
                "verletzt (SQLSTATE 23514); Fehlgeschlagene Zeile enthält (1, c4n4ry (x), 2).",
                "verletzt (SQLSTATE 23514); Fehlgeschlagene Zeile enthält (…).",
            ),
            ("нет секции (SQLSTATE 23514); ключ (mail) = (c4n4ry).", "нет секции (SQLSTATE 23514); ключ (…)."),
            ("at E'c4n4ry' there", "at E'…' there"),
            ("at (x'c4n4ry') there", "at (x'…') there"),
            ("at U&'c4n4ry' there", "at U&'…' there"),
            ("syntax error\nLINE 1: SELECT c4n4ry", "syntax error\nLINE …"),
            ("error: Command was: INSERT c4n4ry", "error: Command was: …"),
            ("Key (a)=(1) c4n4ry) is there", "Key (a)=(…) is there"),
            ("Key (a)=(c4n4ry", "Key (a)=(…"),
            ("bad: \"say \"c4n4ry\" now\" to it", "bad: \"…\" to it"),
            ("bad: \"two\nlines c4n4ry\nof it\" at", "bad: \"…\" at"),
            ("bad: \"c4n4ry without an end", "bad: \"…"),
            ("bad: 'it''s c4n4ry' there", "bad: '…' there"),
            ("ungültige Eingabe: »c4n4ry«", "ungültige Eingabe: »…«"),
            ("неверное: „c4n4ry“", "неверное: „…“"),
            ("column \"id\" of relation \"c4n4ry is a value\"", "column \"id\" of relation \"…\""),
            ("user \"c4n4ry\" is unknown", "user \"…\" is unknown"),
        ] {
            assert_eq!(mask(said), shown);
        }
    }

    #[test]
    fn a_word_that_only_ends_like_a_tail_hides_nothing() {
        assert_eq!(mask("the host is OFFLINE now"), "the host is OFFLINE now");
    }

    proptest! {
        #[test]
        fn a_value_in_quotes_never_shows(
            before in "[a-z :]{0,9}",
            value in "[a-z\"'()\n,; »«]{0,6}",
            after in "\\PC{0,9}",
            quotes in prop::sample::select(vec![("\"", "\""), ("'", "'"), ("»", "«"), ("«", "»"), ("„", "“"), ("=(", ")"), ("= (", ")"), (" E'", "'"), (" X'", "'"), (" U&'", "'"), ("(SQLSTATE 23514); Zeile (", ")")]),
        ) {
            // After a letter a quote is an apostrophe; after one of PostgreSQL's words the quoted text is a name.
            let said = format!("{before}: {}{CANARY} {value}{CANARY}!{}{after}", quotes.0, quotes.1);
            prop_assert!(!mask(&said).contains(CANARY), "{said:?} became {:?}", mask(&said));
        }

        #[test]
        fn no_text_panics(text in any::<String>(), quoted in "[\"'»«„“=()a ]{0,20}") {
            mask(&text);
            mask(&quoted);
        }
    }
}
