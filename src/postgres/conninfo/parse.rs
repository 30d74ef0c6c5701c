//! Reads a connection string: a URI, or `keyword=value` pairs.
//!
//! Reads no environment and no file. Errors do not contain a value: it may be a password.

use std::collections::BTreeMap;

use super::has_other_scheme;
use super::keywords;
use super::uri::parse_uri;
use crate::base::error::{Error, Result};

/// Keyword to value, exactly what the string says; an empty value is kept.
pub type Parameters = BTreeMap<String, String>;

/// The two URI schemes libpq knows.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// Whether a text is meant as a connection string rather than as a file.
pub fn is_connection_string(text: &str) -> bool {
    after_scheme(text).is_some() || text.split_once('=').is_some_and(|(keyword, _)| keywords::is_known(keyword.trim()))
}

/// Reads either form.
pub fn parse(text: &str) -> Result<Parameters> {
    if text.contains('\0') {
        return Err(Error::new("a connection string cannot hold a NUL character"));
    }
    match after_scheme(text) {
        Some(rest) => parse_uri(rest),
        None if has_other_scheme(text) => Err(Error::new("the URI has a scheme that PostgreSQL does not know")
            .hint("postgresql:// or postgres://, or keyword=value pairs")),
        None => parse_pairs(text),
    }
}

fn after_scheme(text: &str) -> Option<&str> {
    SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme))
}

/// Puts a pair into the parameters; the last one wins, as in libpq.
pub fn store(parameters: &mut Parameters, keyword: &str, value: String) -> Result<()> {
    if !is_keyword(keyword) {
        // It may be a URI with its password.
        return Err(Error::new("what stands before a \"=\" in the connection string is no keyword")
            .hint("a URI begins with postgresql:// or postgres://; a keyword has lower-case letters and underscores"));
    }
    if !keywords::is_known(keyword) {
        return Err(Error::new(format!("unknown keyword {keyword:?}"))
            .hint(format!("did you mean {:?}?", keywords::nearest(keyword))));
    }
    parameters.insert(keyword.to_owned(), value);
    Ok(())
}

fn is_keyword(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn parse_pairs(text: &str) -> Result<Parameters> {
    let mut parameters = Parameters::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (keyword, after) = rest.split_at(end);
        let after = after.trim_start_matches(is_space);
        let Some(after) = after.strip_prefix('=') else {
            return Err(Error::new("no \"=\" after a keyword of the connection string")
                .hint("write keyword=value pairs (dbname=app) or a URI (postgresql://host/app)"));
        };
        let (value, after) = pair_value(after.trim_start_matches(is_space))?;
        store(&mut parameters, keyword, value)?;
        rest = after.trim_start_matches(is_space);
    }
    Ok(parameters)
}

/// What C's `isspace` takes for a space.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// The value at the start of the text, and what follows it. A backslash takes the next character as it is.
fn pair_value(text: &str) -> Result<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if !quoted && is_space(c) => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted { Err(Error::new("unterminated quoted value in the connection string")) } else { Ok((value, "")) }
}

/// A value as `pair_value` reads it back.
pub fn quote_value(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::uri::{decode, encode};
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().collect()
    }

    fn want(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        expected.sort();
        expected
    }

    #[test]
    fn a_uri_is_read_as_libpq_reads_it() {
        for (text, expected) in [
            ("postgresql://", vec![]),
            ("postgresql:///app", vec![("dbname", "app")]),
            ("postgres://h", vec![("host", "h")]),
            ("postgresql://h:5433/", vec![("host", "h"), ("port", "5433")]),
            ("postgresql://u@h/d", vec![("user", "u"), ("host", "h"), ("dbname", "d")]),
            ("postgresql://u:p%40w%3a@h", vec![("user", "u"), ("password", "p@w:"), ("host", "h")]),
            ("postgresql://u:@h", vec![("user", "u"), ("host", "h")]),
            ("postgresql://a:1,b,c:3/d", vec![("host", "a,b,c"), ("port", "1,,3"), ("dbname", "d")]),
            ("postgresql://[2001:db8::1]:99/d", vec![("host", "2001:db8::1"), ("port", "99"), ("dbname", "d")]),
            ("postgresql://%2Ftmp%2Fs/d", vec![("host", "/tmp/s"), ("dbname", "d")]),
            (
                "postgresql://h/d?sslmode=verify-full&options=-c%20a%3Db",
                vec![("host", "h"), ("dbname", "d"), ("sslmode", "verify-full"), ("options", "-c a=b")],
            ),
            ("postgresql:///d?host=/tmp/s&port=1", vec![("dbname", "d"), ("host", "/tmp/s"), ("port", "1")]),
            ("postgresql://h?ssl=true", vec![("host", "h"), ("sslmode", "require")]),
            ("postgresql://?user=a+b", vec![("user", "a+b")]),
        ] {
            assert_eq!(pairs(text), want(&expected), "{text}");
        }
    }

    #[test]
    fn pairs_are_read_as_libpq_reads_them() {
        for (text, expected) in [
            ("", vec![]),
            ("  host = h\n port=1 ", vec![("host", "h"), ("port", "1")]),
            ("password='it''", vec![]),
            (r"password='a \'b\' \\c' user=u", vec![("password", r"a 'b' \c"), ("user", "u")]),
            (r"user=a\ b\\c", vec![("user", r"a b\c")]),
            ("user='' dbname=d", vec![("user", ""), ("dbname", "d")]),
            // libpq skips blanks after "=", so what looks like the next pair is the value.
            ("user= dbname=d", vec![("user", "dbname=d")]),
            ("user=a'b", vec![("user", "a'b")]),
            ("user=a user=b", vec![("user", "b")]),
        ] {
            if expected.is_empty() && !text.is_empty() {
                assert!(parse(text).is_err(), "{text}");
            } else {
                assert_eq!(pairs(text), want(&expected), "{text}");
            }
        }
    }

    #[test]
    fn what_libpq_refuses_is_refused_without_repeating_a_value() {
        for text in [
            "secret",
            "password='secret",
            "hosst=secret",
            "postgresql://[::1secret",
            "postgresql://[]/secret",
            "postgresql://[::1]secret",
            "postgresql://h/secret%zz",
            "postgresql://h/%00",
            "postgresql://h/d?password",
            "postgresql://h/d?password=a=secret",
            "postgresql://h/d?pasword=secret",
            "postgresql://u:%ff@h",
            "postgresq://u:secret@h/d",
            "postgresq://u:secret@h/d?sslmode=require",
            "mysql://u:secret@h",
            "u:secret@h/d?sslmode=require",
            "Secret=x",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{text}: {error}");
        }
        assert_eq!(parse("hosst=x").unwrap_err().hint_text(), Some("did you mean \"host\"?"));
    }

    #[test]
    fn a_file_name_is_not_a_connection_string() {
        for text in ["postgresql://h", "postgres://", "service=x", "host = h dbname=y", "dbname="] {
            assert!(is_connection_string(text), "{text}");
        }
        for text in ["app.dump", "dir/app=1.dump", "x=y", "", "http://host", "app"] {
            assert!(!is_connection_string(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_value_survives_quoting(value in "[^\0]*") {
            let text = format!("user={} dbname=d", quote_value(&value));
            prop_assert_eq!(&parse(&text).unwrap()["user"], &value);
        }

        #[test]
        fn any_value_survives_percent_encoding(value in "[^\0]*") {
            prop_assert_eq!(decode(&encode(&value)).unwrap(), value);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = parse(&text);
            let _ = parse(&format!("postgresql://{text}"));
        }
    }
}
