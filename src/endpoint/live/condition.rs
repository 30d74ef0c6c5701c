//! The dump condition of an extension's configuration table (`pg_extension.extcondition`), and whether it is safe to run.
//!
//! It is SQL text. If a superuser owns the extension, the text is trusted like the server's own files. Other roles may own an
//! extension too (trusted extensions; those of pg_tle, whose scripts users write): then it is run only if it cannot call a user's
//! function. Names without a schema resolve only to pg_catalog, because the session's search path is empty.

use std::iter::Peekable;
use std::str::Chars;

use crate::model::listing::ConfigurationRows;

/// The condition, and why it is not run, if it is not.
pub fn config(condition: String, is_of_superuser: bool) -> ConfigurationRows {
    let is_safe = condition.trim().is_empty() || is_of_superuser || is_plain(&condition);
    let refused = (!is_safe).then(|| {
        "the extension's dump condition (pg_extension.extcondition) calls functions, and the extension is not owned by a \
         superuser: not run"
            .to_owned()
    });
    ConfigurationRows { condition, refused }
}

/// Words after which a bracket opens without a function call.
const BEFORE_BRACKETS: [&str; 6] = ["where", "and", "or", "not", "in", "between"];
/// Words that are neither columns nor harmless.
const FORBIDDEN: [&str; 6] = ["select", "table", "values", "with", "cast", "operator"];

/// Columns, literals, comparisons and brackets only: no function call, no subquery, no qualified name, no cast, no second statement.
fn is_plain(condition: &str) -> bool {
    let mut letters = condition.chars().peekable();
    let mut last_word = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter.is_ascii_whitespace() => continue,
            'a'..='z' | 'A'..='Z' | '_' | '0'..='9' => {
                last_word = word(letter, &mut letters);
                if FORBIDDEN.contains(&last_word.as_str()) || letters.peek() == Some(&'\'') {
                    return false;
                }
                continue;
            }
            '\'' if skip_literal(&mut letters) => {}
            '(' if last_word.is_empty() || BEFORE_BRACKETS.contains(&last_word.as_str()) => {}
            ')' | ',' | '=' | '<' | '>' | '!' | '+' => {}
            '-' if letters.peek() != Some(&'-') => {}
            _ => return false,
        }
        last_word.clear();
    }
    true
}

fn word(first: char, letters: &mut Peekable<Chars<'_>>) -> String {
    let mut word = first.to_ascii_lowercase().to_string();
    while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
        word.push(letter.to_ascii_lowercase());
    }
    word
}

/// Skips to the closing quote; a doubled quote does not close. Refuses a backslash: its meaning depends on a setting.
fn skip_literal(letters: &mut Peekable<Chars<'_>>) -> bool {
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => return false,
            '\'' if letters.next_if_eq(&'\'').is_none() => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_of_columns_and_literals_is_run_with_any_owner_of_the_extension() {
        for plain in [
            "",
            "WHERE NOT (\nsrid BETWEEN 2000 AND 2001 OR srid IN (3, 4))",
            "WHERE name <> 'it''s' AND id >= -1",
            "where not is_system",
        ] {
            assert_eq!(config(plain.into(), false).refused, None, "{plain}");
        }
    }

    #[test]
    fn a_condition_that_could_call_a_users_code_is_run_only_where_a_superuser_owns_the_extension() {
        for other in [
            "WHERE public.f(id)",
            "WHERE f(id)",
            "WHERE f (id)",
            "WHERE id IN (SELECT id FROM x)",
            "WHERE id OPERATOR(public.=) 1",
            "WHERE id::text = '1'",
            "WHERE \"f\"(id)",
            "WHERE true) TO STDOUT; DROP TABLE x; --",
            "WHERE x = E'\\''",
            "WHERE x = '\\'' OR f(1) OR ''",
            "WHERE a.b",
            "WHERE id /* */ = 1",
            "WHERE id = 'open",
        ] {
            assert!(config(other.into(), false).refused.is_some(), "{other}");
            assert_eq!(config(other.into(), true).refused, None, "{other}");
        }
    }
}
