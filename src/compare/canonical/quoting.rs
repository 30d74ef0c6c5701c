//! Identifiers quoted in one way, independent of the keywords of the server that printed them.

use super::scan::{Lexeme, lexemes};
pub use crate::model::name::unquoted as raw;

/// Keywords that some majors from 14 on quote and others do not. All other keywords that `quote_ident` quotes are quoted by all.
/// Source: `pg_get_keywords()` of 14 to 18.
const NOT_QUOTED_BY_ALL: [&str; 13] = [
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "merge_action",
    "system_user",
];

/// One identifier as the oldest major prints it.
pub fn identifier(printed: &str) -> &str {
    let inner = printed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|name| NOT_QUOTED_BY_ALL.contains(name)).unwrap_or(printed)
}

/// The raw name at the end of an identity, for instance of `public.t."Column"`.
pub fn last_name(identity: &str) -> String {
    let last = lexemes(identity).and_then(|lexemes| lexemes.last().map(|(_, lexed)| raw(lexed)));
    last.unwrap_or_else(|| identity.to_owned())
}

/// An identity without its last name, and that name as printed: `public.t` and `"Column"`.
pub fn split_last(identity: &str) -> Option<(&str, &str)> {
    let (_, last) = lexemes(identity)?.pop()?;
    Some((identity.strip_suffix(last)?.strip_suffix('.')?, last))
}

/// The raw name at the start of a line, for instance of `"Column" text[]`.
pub fn first_name(line: &str) -> Option<String> {
    lexemes(line)?.first().map(|(_, lexed)| raw(lexed))
}

/// All identifiers of an identity or of a line that is not SQL.
pub fn line(text: &str) -> String {
    if !text.contains('"') {
        return text.to_owned();
    }
    let Some(lexemes) = lexemes(text) else { return text.to_owned() };
    let requoted = |(lexeme, lexed): (Lexeme, _)| if lexeme == Lexeme::Quoted { identifier(lexed) } else { lexed };
    lexemes.into_iter().map(requoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_of_an_identity_is_raw() {
        assert_eq!(last_name(r#"public.t."Co""lumn""#), r#"Co"lumn"#);
        assert_eq!(last_name("public.t.id"), "id");
    }

    #[test]
    fn the_last_name_is_split_off_as_printed() {
        assert_eq!(split_last(r#"public."a.b"."c.""d""#), Some((r#"public."a.b""#, r#""c.""d""#)));
        assert_eq!(split_last("public.t.id$1"), Some(("public.t", "id$1")));
        assert_eq!(split_last("id"), None);
    }

    #[test]
    fn identifiers_that_majors_quote_differently_are_equal() {
        assert_eq!(line(r#"public."json"."system_user""#), "public.json.system_user");
        for kept in
            [r#"public."select""#, r#""char""#, r#""JSON""#, r#""json x""#, r#""a""json""#, r#"'"json"'"#, "\"json"]
        {
            assert_eq!(line(kept), kept);
        }
    }
}
