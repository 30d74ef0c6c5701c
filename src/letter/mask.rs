//! Takes values out of what a server, or a program, complained of, and leaves what an administrator needs: what failed, on which object.
//!
//! Never keeps a text in quotes that could be a value: where it cannot be told where a quote ends, more is hidden rather than less.
//! What somebody wrote into a message without quotes (`RAISE 'balance %'`) cannot be told from the message.

/// What stands for what was there.
const HIDDEN: char = '…';

/// From here on a server's message quotes rows, values and statements.
const TAILS: [&str; 8] =
    ["DETAIL:", "CONTEXT:", "STATEMENT:", "QUERY:", "WHERE:", "LINE ", "Command was:", "Failing row contains"];

/// In front of a name in double quotes, in what PostgreSQL and its programs say.
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

/// PostgreSQL cuts longer names.
const MAX_NAME: usize = 63;

/// The text without values, its lines kept.
pub fn mask(text: &str) -> String {
    let (head, is_cut) = TAILS.iter().filter_map(|tail| at_word(text, tail)).min().map_or((text, false), |at| {
        let end = TAILS.iter().find(|tail| text[at..].starts_with(**tail)).map_or(at, |tail| at + tail.len());
        (&text[..end], true)
    });
    let mut masked = without_quoted(&without_keys(head));
    if is_cut {
        masked.truncate(masked.trim_end().len());
        masked.extend([' ', HIDDEN]);
    }
    masked
}

/// Where it stands as a word of its own: `OFFLINE 3` is no `LINE 3`.
fn at_word(text: &str, word: &str) -> Option<usize> {
    let mut found = text.match_indices(word).map(|(at, _)| at);
    found.find(|at| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// `Key (id, mail)=(7, a@b)` says which columns; the values may hold brackets themselves, so the last one ends them.
fn without_keys(text: &str) -> String {
    let Some(at) = text.find("=(") else { return text.to_owned() };
    let (head, values) = text.split_at(at + 2);
    let rest = values.rfind(')').map_or("", |end| &values[end..]);
    format!("{head}{HIDDEN}{rest}")
}

/// Values may hold quotes themselves, so the last quote of its kind ends the first.
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

/// The first quote that opens, and what closes it.
fn next_quote(before: &str, rest: &str) -> Option<(usize, char, &'static [char])> {
    let mut last = before.chars().next_back();
    for (at, c) in rest.char_indices() {
        let closing: Option<&'static [char]> = match c {
            '"' => Some(&['"']),
            // Between letters it is an apostrophe.
            '\'' if !last.is_some_and(char::is_alphanumeric) => Some(&['\'']),
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
        last = Some(c);
    }
    None
}

/// `constraint "orders_pkey"`: what follows such a word, and looks like a name, is one.
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
                "the server's certificate isn't trusted by anybody's root",
                "the server's certificate isn't trusted by anybody's root",
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
            quotes in prop::sample::select(vec![("\"", "\""), ("'", "'"), ("»", "«"), ("«", "»"), ("„", "“"), ("=(", ")")]),
        ) {
            // Behind a letter, an apostrophe is one; behind a word of PostgreSQL's, a name is one.
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
