//! The digest of a table as one SQL statement: a second implementation, with which the first can be checked.
//!
//! Returns text only. The result does not depend on the session or on names: functions have their schema, there is no
//! operator, every identifier is quoted, and the statement itself pins the settings that change the text of a value.

use crate::base::error::{Error, Result};
use crate::base::printable::printable;
use crate::endpoint::live::ESCAPES;
use crate::model::name::{Name, quote_always, quote_literal};

/// Settings that change the text of a value, with the values that [`crate::postgres::session`] pins.
const PINS: [(&str, &str); 9] = [
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "3"),
    ("lc_monetary", "C"),
    ("quote_all_identifiers", "off"),
    ("search_path", ""),
    ("xmlbinary", "base64"),
];

/// A relation with rows of its own: a table, or a leaf of a partitioned one, with its copied columns in attribute order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlPart {
    /// Its name.
    pub name: Name,
    /// Raw names of its columns; generated ones are left out.
    pub columns: Vec<String>,
}

/// One statement that gives `rows` and `digest` of a table, of all its parts together.
pub fn statement(table: &Name, parts: &[SqlPart]) -> String {
    let title = printable(&table.to_string());
    let pins = PINS.map(|(name, value)| format!("('{name}', '{value}')")).join(",\n                     ");
    let lanes = [1, 17, 33, 49].map(lane_sum).join(",\n         ");
    let values = parts.iter().map(values_of).collect::<Vec<_>>().join("\n      UNION ALL\n      ");
    let hides = parts.iter().map(hides_rows).collect::<Vec<_>>().join("\n              OR ");
    let escaped = escaped("field.value");
    format!(
        r#"-- Rows and digest of {title}, as pgwitness computes them.
-- Changes nothing; within BEGIN ... COMMIT its settings stay until the end.
SELECT total.rows,
       CASE WHEN {hides} THEN 'row security hides rows from this user'
       ELSE (
         -- The sum modulo 2^64, as the bits of a signed number, as 16 digits.
         SELECT pg_catalog.string_agg(pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.numeric_sub(pg_catalog.mod(
                  pg_catalog.numeric_add(pg_catalog.mod(coalesce(lane.sum, 0), 18446744073709551616),
                  27670116110564327424), 18446744073709551616), 9223372036854775808)::bigint), 16, '0'),
                  '' ORDER BY lane.place)
         FROM pg_catalog.unnest(ARRAY[total.a, total.b, total.c, total.d]) WITH ORDINALITY AS lane (sum, place))
       END AS digest
FROM (
  SELECT pg_catalog.count(*) AS rows,
         {lanes}
  -- An aggregate is complete before what refers to it begins: no value is printed before the settings are set.
  FROM (SELECT pg_catalog.count(pg_catalog.set_config(setting.name, setting.value, true)) AS settings
        FROM (VALUES {pins}) AS setting (name, value)) AS pinned
  CROSS JOIN LATERAL (
    -- The line that COPY prints for a row, hashed.
    SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce((
             SELECT pg_catalog.string_agg(coalesce(
               {escaped}, E'\\N'),
               E'\t' ORDER BY field.place)
             FROM pg_catalog.unnest(part.fields) WITH ORDINALITY AS field (value, place)), ''),
             CASE WHEN pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)), 'hex') AS hex
    FROM (
      {values}
    ) AS part
    OFFSET 0
  ) AS line
) AS total;
"#
    )
}

/// Eight bytes of every hash, big-endian, added up. Names the column a, b, c or d.
fn lane_sum(start: usize) -> String {
    let name = ["a", "b", "c", "d"][start / 16];
    format!(
        "pg_catalog.sum(pg_catalog.concat('x', pg_catalog.substr(line.hex, {start}, 16))::bit(64)::bigint) AS {name}"
    )
}

fn escaped(value: &str) -> String {
    ESCAPES.iter().fold(value.to_owned(), |inner, (from, to)| {
        format!("pg_catalog.replace({inner},\n               {from}, {to})")
    })
}

/// The fields of each row. `format` prints as COPY does; a cast to text does not (boolean, char(n)). `IS NULL` is also true
/// for a composite value whose fields are all NULL.
fn values_of(part: &SqlPart) -> String {
    let field = |column: &String| {
        let column = format!("r.{}", quote_always(column));
        format!("CASE WHEN {column} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {column}) END")
    };
    let fields = part.columns.iter().map(field).collect::<Vec<_>>().join(",\n        ");
    let from = format!("FROM ONLY {} AS r WHERE pinned.settings IS NOT NULL", part.name.sql());
    format!("SELECT ARRAY[{fields}]::pg_catalog.text[] AS fields\n      {from}")
}

fn hides_rows(part: &SqlPart) -> String {
    format!("pg_catalog.row_security_active({})", quote_literal(&part.name.sql()).trim_start())
}

/// Reads a name as it is written in SQL: `orders`, `shop.orders`, `"Shop"."my table"`. Unquoted letters become lower
/// case. The schema comes first; none if it was not given.
///
/// # Errors
/// An empty part, a quote that is not closed, or more than two parts.
pub fn parse_name(text: &str) -> Result<(Option<String>, String)> {
    let refused = |why: &str| {
        Error::new(format!("{text}: {why}"))
            .hint("write schema.name; double quotes keep capitals and special characters")
            .context("read the table's name")
    };
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, behind) = identifier(rest).map_err(refused)?;
        parts.push(part);
        let behind = behind.trim_start();
        if behind.is_empty() {
            break;
        }
        rest = behind.strip_prefix('.').ok_or_else(|| refused("a dot should follow the schema"))?.trim_start();
    }
    match (parts.pop(), parts.pop(), parts.is_empty()) {
        (Some(name), schema, true) => Ok((schema, name)),
        _ => Err(refused("that is more than a schema and a name")),
    }
}

/// The first identifier and what follows it.
fn identifier(text: &str) -> Result<(String, &str), &'static str> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == '.' || c == '"' || c.is_whitespace()).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return if name.is_empty() { Err("a part is empty") } else { Ok((name.to_ascii_lowercase(), rest)) };
    };
    let mut name = String::new();
    loop {
        let (inside, behind) = rest.split_once('"').ok_or("a double quote is not closed")?;
        name.push_str(inside);
        let Some(doubled) = behind.strip_prefix('"') else {
            return if name.is_empty() { Err("a part is empty") } else { Ok((name, behind)) };
        };
        name.push('"');
        rest = doubled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::session;

    fn parsed(text: &str) -> Option<(Option<String>, String)> {
        parse_name(text).ok()
    }

    #[test]
    fn the_statement_pins_the_same_values_as_a_session() {
        for (name, value) in PINS {
            let pinned = session::PINS.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            assert_eq!(pinned.map(|(_, other)| *other), Some(value), "{name}");
        }
    }

    #[test]
    fn a_name_is_read_as_sql_reads_it() {
        let named = |schema: &str, name: &str| Some((Some(schema.to_owned()), name.to_owned()));
        assert_eq!(parsed("Shop.Orders"), named("shop", "orders"));
        assert_eq!(parsed(r#" "Shop" . "my "".table" "#), named("Shop", "my \".table"));
        assert_eq!(parsed("orders"), Some((None, "orders".into())));
        assert_eq!(parsed("a.\"É\""), named("a", "É"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "\"a", "\"\"", "a b", "db.schema.name", "a\"b\""] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn a_hostile_name_stays_a_name() {
        let name = Name::new("a\"b", "x\n; DROP TABLE y; --'\\");
        let sql = statement(&name, &[SqlPart { name: name.clone(), columns: vec!["c\"', '%s".into()] }]);
        let comment = sql.lines().next().unwrap_or_default();
        assert!(comment.contains("DROP TABLE") && comment.starts_with("--"), "{sql}");
        assert!(sql.contains("r.\"c\"\"', '%s\""), "{sql}");
        assert!(sql.contains("FROM ONLY \"a\"\"b\".\"x\n; DROP TABLE y; --'\\\""), "{sql}");
    }
}
