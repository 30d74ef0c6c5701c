//! Selection of tables by pg_dump's patterns.
//!
//! Source: PostgreSQL manual, psql, "Patterns", as pg_dump uses them: letters fold to lower case, `*` is any text, `?` any
//! character, double quotes stop both, a dot separates schema and table. One difference: a pattern without a dot
//! matches in every schema, since there is no search path here.

use regex::Regex;

use crate::error::{Error, Result};
use crate::name::Name;

/// One pattern for a schema, or for a table with an optional schema.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    schema: Option<Regex>,
    name: Regex,
}

impl Pattern {
    /// For `--table` and its kin.
    ///
    /// # Errors
    /// More than one dot outside quotes, or a quote that is not closed.
    pub fn table(text: &str) -> Result<Self> {
        let mut parts = translate(text)?;
        let name = parts.pop().ok_or_else(|| Error::new("empty pattern"))?;
        let schema = parts.pop();
        if !parts.is_empty() {
            let error = Error::new(format!("pattern {text:?} has more than one dot"));
            return Err(error.hint("put double quotes around a name that contains a dot"));
        }
        Ok(Self { text: text.to_owned(), schema, name })
    }

    /// For `--schema` and its kin.
    ///
    /// # Errors
    /// A dot outside quotes, or a quote that is not closed.
    pub fn schema(text: &str) -> Result<Self> {
        let pattern = Self::table(text)?;
        if pattern.schema.is_some() {
            return Err(Error::new(format!("pattern {text:?} for a schema has a dot")));
        }
        Ok(pattern)
    }

    /// As the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it means this table.
    pub fn matches(&self, name: &Name) -> bool {
        self.matches_table(name)
    }

    fn matches_table(&self, name: &Name) -> bool {
        self.schema.as_ref().is_none_or(|schema| schema.is_match(&name.schema)) && self.name.is_match(&name.name)
    }

    fn matches_schema(&self, schema: &str) -> bool {
        self.name.is_match(schema)
    }
}

/// Turns a pattern into one regular expression for each part between dots.
fn translate(text: &str) -> Result<Vec<Regex>> {
    let (mut parts, mut current, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                current.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut current)),
            '*' if !quoted => current.push_str(".*"),
            '?' if !quoted => current.push('.'),
            _ if quoted => current.push_str(&regex::escape(&letter.to_string())),
            _ => letter.to_lowercase().for_each(|low| current.push_str(&regex::escape(&low.to_string()))),
        }
    }
    if quoted {
        return Err(Error::new(format!("pattern {text:?} has a double quote that is not closed")));
    }
    parts.push(current);
    parts.iter().map(|part| Regex::new(&format!("(?s)^(?:{part})$")).map_err(|e| Error::from_source(&e))).collect()
}

/// What is compared: pg_dump's five selection options.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `--schema`: only these schemas.
    pub schemas: Vec<Pattern>,
    /// `--exclude-schema`.
    pub exclude_schemas: Vec<Pattern>,
    /// `--table`: only these tables; wins over `--schema`.
    pub tables: Vec<Pattern>,
    /// `--exclude-table`.
    pub exclude_tables: Vec<Pattern>,
    /// `--exclude-table-data`: the definition is compared, the rows are not.
    pub exclude_table_data: Vec<Pattern>,
}

impl Selection {
    /// Whether a relation takes part.
    pub fn has_table(&self, name: &Name) -> bool {
        let included = if self.tables.is_empty() {
            self.has_schema(&name.schema)
        } else {
            self.tables.iter().any(|pattern| pattern.matches_table(name))
        };
        included && !self.exclude_tables.iter().any(|pattern| pattern.matches_table(name))
    }

    /// Whether the rows of a relation that takes part are compared.
    pub fn has_rows(&self, name: &Name) -> bool {
        !self.exclude_table_data.iter().any(|pattern| pattern.matches_table(name))
    }

    /// Whether an object takes part, by the raw schema and relation that it belongs to. With `--table`, only what belongs
    /// to a selected relation does; with `--schema`, only what lives in a selected schema (as pg_dump has it).
    pub fn has_object(&self, schema: Option<&str>, relation: Option<&str>) -> bool {
        match (schema, relation) {
            (Some(schema), Some(relation)) => self.has_table(&Name::new(schema, relation)),
            _ if !self.tables.is_empty() => false,
            (Some(schema), None) => self.has_schema(schema),
            (None, _) => self.schemas.is_empty(),
        }
    }

    /// Whether everything takes part.
    pub fn is_everything(&self) -> bool {
        self.all().is_empty()
    }

    /// Every pattern in force, as given on a command line, sorted.
    pub fn options(&self) -> Vec<String> {
        let mut options: Vec<String> = self.all().iter().map(|(option, text)| format!("{option} {text}")).collect();
        options.sort();
        options
    }

    /// Every pattern in force with the option that gave it, for the report.
    pub fn all(&self) -> Vec<(&'static str, &str)> {
        let options = [
            ("--schema", &self.schemas),
            ("--exclude-schema", &self.exclude_schemas),
            ("--table", &self.tables),
            ("--exclude-table", &self.exclude_tables),
            ("--exclude-table-data", &self.exclude_table_data),
        ];
        options.iter().flat_map(|(option, patterns)| patterns.iter().map(|p| (*option, p.text()))).collect()
    }

    /// Patterns that select nothing among these relations: a typing error would otherwise look like a small database.
    pub fn unmatched<'a>(&'a self, names: &[&Name]) -> Vec<(&'static str, &'a str)> {
        let tables = [
            ("--table", &self.tables),
            ("--exclude-table", &self.exclude_tables),
            ("--exclude-table-data", &self.exclude_table_data),
        ];
        let schemas = [("--schema", &self.schemas), ("--exclude-schema", &self.exclude_schemas)];
        let table_misses = tables.iter().flat_map(|(option, patterns)| {
            patterns.iter().filter(|p| !names.iter().any(|n| p.matches_table(n))).map(|p| (*option, p.text()))
        });
        let schema_misses = schemas.iter().flat_map(|(option, patterns)| {
            patterns.iter().filter(|p| !names.iter().any(|n| p.matches_schema(&n.schema))).map(|p| (*option, p.text()))
        });
        table_misses.chain(schema_misses).collect()
    }

    fn has_schema(&self, schema: &str) -> bool {
        (self.schemas.is_empty() || self.schemas.iter().any(|pattern| pattern.matches_schema(schema)))
            && !self.exclude_schemas.iter().any(|pattern| pattern.matches_schema(schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, schema: &str, name: &str) -> bool {
        Pattern::table(pattern).unwrap().matches_table(&Name::new(schema, name))
    }

    #[test]
    fn patterns_are_those_of_pg_dump() {
        assert!(matches("Orders", "shop", "orders"));
        assert!(!matches("\"Orders\"", "shop", "orders"));
        assert!(matches("shop.*", "shop", "a.b\nc"));
        assert!(matches("*.order?", "shop", "orders"));
        assert!(matches("\"a.b\"", "x", "a.b"));
        assert!(!matches("a$b", "x", "a"));
        assert!(matches("a$b", "x", "a$b"));
        assert!(matches("\"say \"\"*\"\"\"", "x", "say \"*\""));
    }

    #[test]
    fn a_bad_pattern_is_refused() {
        assert!(Pattern::table("a.b.c").is_err());
        assert!(Pattern::table("\"a").is_err());
        assert!(Pattern::schema("a.b").is_err());
    }

    #[test]
    fn exclusion_wins_over_inclusion() {
        let selection = Selection {
            tables: vec![Pattern::table("shop.*").unwrap()],
            exclude_tables: vec![Pattern::table("*.log").unwrap()],
            ..Default::default()
        };
        assert!(selection.has_table(&Name::new("shop", "orders")));
        assert!(!selection.has_table(&Name::new("shop", "log")));
        assert!(!selection.has_table(&Name::new("public", "orders")));
        assert!(selection.has_object(Some("shop"), Some("orders")));
        assert!(!selection.has_object(Some("shop"), None));
    }

    #[test]
    fn a_pattern_that_selects_nothing_is_named() {
        let selection = Selection { tables: vec![Pattern::table("ordres").unwrap()], ..Default::default() };
        assert_eq!(selection.unmatched(&[&Name::new("shop", "orders")]), [("--table", "ordres")]);
    }
}
