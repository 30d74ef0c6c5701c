//! Selection of tables by pg_dump's patterns.
//!
//! Source: PostgreSQL manual, psql, "Patterns", as pg_dump uses them: letters fold to lower case, `*` is any text, `?` any
//! character, `$` itself, double quotes stop all of it, a dot separates schema and table; what else regular expressions
//! know (`[0-9]`, `(a|b)`, `+`) they mean here too. A pattern without a dot means relations that the search path finds, as
//! with pg_dump; of a partitioned table it means the partitions too, for these hold the rows.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::base::error::{Error, Result};
use crate::model::manifest::Names;
use crate::model::name::Name;

/// Where names without a schema are found when no side says: pg_dump's default.
const DEFAULT_SCHEMA: &str = "public";

/// One pattern for a schema, or for a table with an optional schema.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    schema: Option<Regex>,
    name: Regex,
    /// What it means on the two sides, once they are known.
    meant: Option<BTreeSet<Name>>,
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
        Ok(Self { text: text.to_owned(), schema, name, meant: None })
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

    /// Whether it matches this table; without a dot, in any schema.
    pub fn matches(&self, name: &Name) -> bool {
        self.schema.as_ref().is_none_or(|schema| schema.is_match(&name.schema)) && self.name.is_match(&name.name)
    }

    fn matches_table(&self, name: &Name) -> bool {
        match &self.meant {
            Some(meant) => meant.contains(name),
            None => self.matches(name) && (self.schema.is_some() || name.schema == DEFAULT_SCHEMA),
        }
    }

    /// The relations that it means, in order: what it matches, and the partitions of that.
    pub fn relations(&self, catalog: &Catalog) -> BTreeSet<Name> {
        let is_meant = |name: &Name| self.matches(name) && (self.schema.is_some() || catalog.is_visible(name));
        let with_parents = |name: &&Name| catalog.line_of(name).any(is_meant);
        catalog.relations.iter().filter(with_parents).cloned().collect()
    }

    fn matches_schema(&self, schema: &str) -> bool {
        self.name.is_match(schema)
    }
}

/// The relations that patterns can name, of one side or of both.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    relations: BTreeSet<Name>,
    partitions: BTreeMap<Name, Name>,
    search_path: Option<Vec<String>>,
}

impl Catalog {
    /// Of one side: the relations that hold rows, and the other names.
    pub fn new<'a>(relations: impl Iterator<Item = &'a Name>, names: &'a Names) -> Self {
        let relations = relations.chain(&names.others).cloned().collect();
        Self { relations, partitions: names.partitions.clone(), search_path: names.search_path.clone() }
    }

    /// Adds the other side: names without a schema are looked up as on the first side that knows how.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.relations.extend(other.relations);
        for (partition, parent) in other.partitions {
            self.partitions.entry(partition).or_insert(parent);
        }
        self.search_path = self.search_path.or(other.search_path);
        self
    }

    /// Whether the name alone finds it: its schema is in the path, and no schema before it has a relation of that name.
    fn is_visible(&self, name: &Name) -> bool {
        let default = [DEFAULT_SCHEMA.to_owned()];
        let path = self.search_path.as_deref().unwrap_or(&default);
        let mut schemas = path.iter().filter(|schema| {
            **schema == name.schema || self.relations.contains(&Name::new(schema.as_str(), name.name.as_str()))
        });
        schemas.next().is_some_and(|schema| *schema == name.schema)
    }

    /// A relation, the partitioned table that it is a partition of, and so on.
    fn line_of<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a Name> {
        // A partition has one parent and no cycle; a manifest that was made up may have one.
        std::iter::successors(Some(name), |name| self.partitions.get(*name)).take(64)
    }
}

/// The schemas of a `search_path` as the server holds it: `"$user"` is the role, and what is not usable is passed over.
pub fn search_path(setting: &str, role: &str, usable: &[String]) -> Vec<String> {
    let (mut path, mut current, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = setting.chars().chain([',']).peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                current.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => path.push(std::mem::take(&mut current)),
            _ if is_quoted => current.push(letter),
            _ if letter.is_whitespace() => {}
            _ => current.extend(letter.to_lowercase()),
        }
    }
    let schemas = path.into_iter().map(|name| if name == "$user" { role.to_owned() } else { name });
    schemas.filter(|name| usable.contains(name)).collect()
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
            '[' if !quoted && letters.peek() == Some(&']') => {
                letters.next();
                current.push_str("\\[\\]");
            }
            _ if quoted || letter == '$' => current.push_str(&regex::escape(&letter.to_string())),
            _ => current.extend(letter.to_lowercase()),
        }
    }
    if quoted {
        return Err(Error::new(format!("pattern {text:?} has a double quote that is not closed")));
    }
    parts.push(current);
    let bad = || Error::new(format!("pattern {text:?} is not a regular expression")).hint("put it into double quotes");
    parts.iter().map(|part| Regex::new(&format!("(?s)^(?:{part})$")).map_err(|_| bad())).collect()
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

    /// The same with every pattern for tables bound to the relations that it means on these two sides.
    #[must_use]
    pub fn bound(&self, catalog: &Catalog) -> Self {
        let bind = |patterns: &[Pattern]| -> Vec<Pattern> {
            let one = |pattern: &Pattern| Pattern { meant: Some(pattern.relations(catalog)), ..pattern.clone() };
            patterns.iter().map(one).collect()
        };
        Self {
            schemas: self.schemas.clone(),
            exclude_schemas: self.exclude_schemas.clone(),
            tables: bind(&self.tables),
            exclude_tables: bind(&self.exclude_tables),
            exclude_table_data: bind(&self.exclude_table_data),
        }
    }

    /// Whether large objects take part: as with pg_dump, not where only some tables or schemas do.
    pub fn has_large_objects(&self) -> bool {
        self.tables.is_empty() && self.schemas.is_empty()
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

    /// Patterns that select nothing in this catalog: a typing error would otherwise look like a small database.
    pub fn unmatched<'a>(&'a self, catalog: &Catalog) -> Vec<(&'static str, &'a str)> {
        let tables = [
            ("--table", &self.tables),
            ("--exclude-table", &self.exclude_tables),
            ("--exclude-table-data", &self.exclude_table_data),
        ];
        let schemas = [("--schema", &self.schemas), ("--exclude-schema", &self.exclude_schemas)];
        let table_misses = tables.iter().flat_map(|(option, patterns)| {
            patterns.iter().filter(|p| p.relations(catalog).is_empty()).map(|p| (*option, p.text()))
        });
        let names = &catalog.relations;
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
mod tests;
