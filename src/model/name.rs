//! Names of relations, quoted as PostgreSQL quotes them.
//!
//! Every name that goes into a statement is quoted here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::shared_text::SharedText;

/// A schema-qualified name, both parts raw (unquoted). A clone shares the text: a name stands in many places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// The schema, for instance `public`.
    pub schema: SharedText,
    /// The name within the schema.
    pub name: SharedText,
}

impl Name {
    /// Both parts raw, as `pg_namespace.nspname` and `pg_class.relname` hold them.
    pub fn new(schema: impl Into<SharedText>, name: impl Into<SharedText>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// For use in SQL: both parts always quoted, so that no keyword and no hostile name can change the statement.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote_always(&self.schema), quote_always(&self.name))
    }
}

/// As people write it: quoted only where PostgreSQL needs it.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quote_ident(&self.schema), quote_ident(&self.name))
    }
}

/// An identifier in double quotes, whatever it is.
pub fn quote_always(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// What the server's `quote_ident` gives: quotes only where they are needed.
pub fn quote_ident(identifier: &str) -> String {
    let mut bytes = identifier.bytes();
    let plain = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && KEYWORDS.binary_search(&identifier).is_err();
    if plain { identifier.to_owned() } else { quote_always(identifier) }
}

/// The parts of the name that a text begins with, as printed, and what follows the name.
pub fn split(text: &str) -> Option<(Vec<&str>, &str)> {
    let (mut parts, mut rest) = (Vec::new(), text);
    loop {
        let end = part_end(rest)?;
        parts.push(rest.get(..end)?);
        rest = rest.get(end..)?;
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None => return Some((parts, rest)),
        }
    }
}

fn part_end(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
        return (end > 0).then_some(end);
    }
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '"' {
            match chars.peek() {
                Some((_, '"')) => drop(chars.next()),
                _ => return Some(at + 1),
            }
        }
    }
    None
}

/// The last name of a text, as printed: of `table shop.orders`, of `ACL TABLE orders`.
pub fn last(text: &str) -> &str {
    let mut is_quoted = false;
    let is_end = |c: char| {
        is_quoted ^= c == '"';
        !is_quoted && matches!(c, ' ' | '.')
    };
    text.split(is_end).next_back().unwrap_or(text)
}

/// The name itself, of a part as printed.
pub fn unquoted(printed: &str) -> String {
    let inner = printed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| printed.to_owned(), |name| name.replace("\"\"", "\""))
}

/// A string literal that means the same whatever `standard_conforming_strings` is.
pub fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') { format!(" E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// Keywords that `quote_ident` quotes (all but the unreserved ones), sorted. Source: `pg_get_keywords()` of 14 to 18,
/// where `catcode <> 'U'`.
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
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
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_for_the_binary_search() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn names_are_quoted_only_where_needed() {
        assert_eq!(Name::new("shop", "orders").to_string(), "shop.orders");
        assert_eq!(Name::new("Shop", "select").to_string(), "\"Shop\".\"select\"");
        assert_eq!(Name::new("a\"b", "1x").to_string(), "\"a\"\"b\".\"1x\"");
        assert_eq!(quote_ident(""), "\"\"");
    }

    #[test]
    fn literals_survive_backslashes_and_quotes() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b"), " E'a\\\\b'");
    }
}
