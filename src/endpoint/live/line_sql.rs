//! The line that COPY prints for a row, as one SQL expression of type text.
//!
//! Calls only functions of pg_catalog by their full names, no operator and no cast, so nothing of a user's is called beyond the
//! output functions, which COPY calls too. `concat` prints a value by its output function; a cast to text does not (boolean,
//! char(n)). The session's pins are assumed, `bytea_output` above all.

use crate::model::manifest::Column;
use crate::model::name::quote_always;

/// What COPY writes for these characters. The backslash comes first because the other escapes contain it.
pub const ESCAPES: [(&str, &str); 7] = [
    (r"E'\\'", r"E'\\\\'"),
    (r"E'\b'", r"E'\\b'"),
    (r"E'\f'", r"E'\\f'"),
    (r"E'\n'", r"E'\\n'"),
    (r"E'\r'", r"E'\\r'"),
    (r"E'\t'", r"E'\\t'"),
    (r"E'\x0b'", r"E'\\v'"),
];

/// A function takes 100 arguments, of which the first is the separator.
const MOST_TOGETHER: usize = 99;

/// Types whose output has nothing to escape, without their modifiers.
const PLAIN: [&str; 23] = [
    "bigint",
    "bit",
    "bit varying",
    "boolean",
    "cidr",
    "date",
    "double precision",
    "inet",
    "integer",
    "interval",
    "macaddr",
    "macaddr8",
    "numeric",
    "oid",
    "real",
    "smallint",
    "time",
    "time with time zone",
    "time without time zone",
    "timestamp",
    "timestamp with time zone",
    "timestamp without time zone",
    "uuid",
];

/// The expression. No column makes an empty line.
pub fn line<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    let mut fields: Vec<String> = columns.map(field).collect();
    // No field is NULL, which `concat_ws` would leave out.
    while fields.len() > 1 {
        fields = fields.chunks(MOST_TOGETHER).map(joined).collect();
    }
    fields.pop().unwrap_or_else(|| "''::pg_catalog.text".to_owned())
}

fn joined(fields: &[String]) -> String {
    match fields {
        [only] => only.clone(),
        _ => format!("pg_catalog.concat_ws(E'\\t', {})", fields.join(", ")),
    }
}

/// `IS NULL` is also true for a composite value whose fields are all NULL. A NOT NULL constraint is not relied on: it may be
/// not valid, and a damaged table may violate it.
fn field(column: &Column) -> String {
    let (name, type_name) = (quote_always(&column.name), without_modifier(&column.type_name));
    let value = match type_name {
        "text" | "character varying" => {
            return format!("COALESCE({}, E'\\\\N')", escaped(&format!("{name} COLLATE pg_catalog.\"C\"")));
        }
        // `\x` and digits.
        "bytea" => format!("pg_catalog.concat(E'\\\\', {name})"),
        _ if PLAIN.contains(&type_name) => format!("pg_catalog.concat({name})"),
        _ => escaped(&format!("pg_catalog.concat({name}) COLLATE pg_catalog.\"C\"")),
    };
    format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN {value} ELSE E'\\\\N' END")
}

/// Nested calls of `replace`.
fn escaped(value: &str) -> String {
    ESCAPES.iter().fold(value.to_owned(), |inner, (from, to)| format!("pg_catalog.replace({inner}, {from}, {to})"))
}

/// `numeric(12,2)` is `numeric`, `timestamp(3) with time zone` is `timestamp`. With an empty search path, `format_type` prints
/// a schema before every type that is not PostgreSQL's own.
fn without_modifier(type_name: &str) -> &str {
    match type_name.split_once('(') {
        Some(_) if type_name.ends_with("[]") => type_name,
        Some((before, _)) => before,
        None => type_name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, type_name: &str) -> Column {
        Column { name: name.into(), type_name: type_name.into(), is_generated: false, is_virtual: false }
    }

    fn escapes(type_name: &str) -> usize {
        field(&column("c", type_name)).matches("pg_catalog.replace(").count()
    }

    #[test]
    fn only_types_of_postgresql_itself_are_known_to_print_nothing_to_escape() {
        for plain in ["integer", "numeric(12,2)", "timestamp(3) with time zone", "bit varying(5)", "bytea"] {
            assert_eq!(escapes(plain), 0, "{plain}");
        }
        for other in
            ["text", "character varying(20)", "character(3)", "\"char\"", "jsonb", "integer[]", "numeric(5,1)[]"]
        {
            assert_eq!(escapes(other), 7, "{other}");
        }
        for users in ["public.\"integer\"", "public.numeric", "a.bytea", "\"integer\"", "public.\"integer(\""] {
            assert_eq!(escapes(users), 7, "{users}");
        }
    }

    #[test]
    fn the_columns_of_the_widest_table_are_joined_in_groups() {
        let columns: Vec<Column> = (0..1600).map(|i| column(&format!("c{i}"), "integer")).collect();
        let line = line(columns.iter());
        // Sixteen groups of 99, one of 16, and one of the groups.
        assert_eq!(line.matches("concat_ws").count(), 18);
        assert!(line.contains("\"c1599\""));
    }

    #[test]
    fn a_hostile_name_stays_a_name() {
        assert!(field(&column("c\"', '%s", "integer")).contains("(\"c\"\"', '%s\")"));
    }
}
