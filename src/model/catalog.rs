//! The SQL of `checks/`, embedded. Text only.

use std::borrow::Cow;

/// Relations with rows of their own.
pub const RELATIONS: &str = include_str!("../../checks/data/relations.sql");
/// Partitioned tables, views and sequences, and what is a partition of what.
pub const NAMES: &str = include_str!("../../checks/data/names.sql");
/// The search path outside of our sessions.
pub const SEARCH_PATH: &str = include_str!("../../checks/data/search_path.sql");
/// True sizes.
pub const SIZES: &str = include_str!("../../checks/data/sizes.sql");
/// A table by its name, with `{schema}` and `{name}` to be filled in.
pub const TABLE_BY_NAME: &str = include_str!("../../checks/data/table_by_name.sql");
/// Types of the columns of a relation, with `{schema}` and `{name}` to be filled in by literals.
pub const KEY_TYPES: &str = include_str!("../../checks/data/key_types.sql");
/// Names of sequences.
pub const SEQUENCES: &str = include_str!("../../checks/data/sequences.sql");
/// Large objects as rows.
pub const LARGE_OBJECTS: &str = include_str!("../../checks/data/large_objects.sql");
/// Foreign keys as declared.
const FOREIGN_KEYS: &str = concat!(
    include_str!("../../checks/integrity/suspect.sql"),
    include_str!("../../checks/integrity/foreign_keys.sql")
);
/// Whether there are functions of users, in [`FOREIGN_KEYS`].
const HAS_SUSPECTS: &str = "EXISTS (SELECT FROM suspect)";

/// Foreign keys as declared. Without functions of users none can be called, and a third of the question need not be planned.
pub fn foreign_keys(has_functions: bool) -> Cow<'static, str> {
    if has_functions { FOREIGN_KEYS.into() } else { FOREIGN_KEYS.replace(HAS_SUSPECTS, "false").into() }
}

/// Relations whose indexes, statistics or partition keys call functions of users.
pub const PLANNING: &str =
    concat!(include_str!("../../checks/integrity/suspect.sql"), include_str!("../../checks/integrity/planning.sql"));

/// One catalog query of `checks/catalog`: returns every object of a kind with its definition.
#[derive(Debug, Clone, Copy)]
pub struct CatalogQuery {
    /// The kind of object: the stem of the file.
    pub kind: &'static str,
    /// One SELECT.
    pub sql: &'static str,
}

impl CatalogQuery {
    /// Whether a server of this major version supports the query (`-- from: 15`, `-- until: 16` at the top of the file).
    pub fn is_for(&self, major: u32) -> bool {
        let (from, until) = (self.bound("-- from:"), self.bound("-- until:"));
        from.is_none_or(|from| major >= from) && until.is_none_or(|until| major <= until)
    }

    /// Whether the results of two servers can be compared (`-- between: 18`: only if both have this major version or a later one).
    /// Without such a line, a server that is too old for the query has no such objects.
    pub fn is_between(&self, majors: [u32; 2]) -> bool {
        self.bound("-- between:").is_none_or(|from| majors.iter().all(|major| *major >= from))
    }

    /// Rows of the server's catalog without which the query, or a part of it, has no result, each as what follows FROM
    /// (`-- if: pg_class WHERE relkind = 'v'`), for [`presence`].
    pub fn conditions(&self) -> impl Iterator<Item = &'static str> {
        self.sql.lines().filter_map(condition)
    }

    /// The query without those parts of a UNION ALL that have no result, as no rows of their conditions are there. `None`: it has none.
    pub fn asked(&self, is_absent: impl Fn(&str) -> bool) -> Option<Cow<'static, str>> {
        if self.line(IF).is_some_and(&is_absent) {
            return None;
        }
        let has_result = |part: &&str| !part.lines().next().and_then(condition).is_some_and(&is_absent);
        let parts: Vec<&str> = self.sql.split(NEXT_PART).collect();
        let left: Vec<&str> = parts.iter().copied().filter(has_result).collect();
        Some(if left.len() == parts.len() { self.sql.into() } else { left.join(NEXT_PART).into() })
    }

    fn bound(&self, key: &str) -> Option<u32> {
        self.line(key).and_then(|number| number.parse().ok())
    }

    fn line(&self, key: &str) -> Option<&'static str> {
        let mut head = self.sql.lines().take_while(|line| line.starts_with("--"));
        head.find_map(|line| line.strip_prefix(key)).map(str::trim)
    }
}

const IF: &str = "-- if:";
/// Between the parts of a query that may have a condition, in a subquery. The last part has none.
const NEXT_PART: &str = "\n    UNION ALL\n";

fn condition(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix(IF).map(str::trim)
}

/// Asks which of these rows there are: one row, a boolean for each of [`CatalogQuery::conditions`]. `own` are the schemas whose objects
/// no query returns.
pub fn presence<'a>(conditions: impl IntoIterator<Item = &'a str>) -> String {
    let exists = |rows: &str| format!("EXISTS (SELECT FROM pg_catalog.{rows})");
    let columns: Vec<String> = conditions.into_iter().map(exists).collect();
    format!(
        "WITH own AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema') SELECT {}",
        columns.join(", ")
    )
}

macro_rules! questions {
    ($($kind:literal),* $(,)?) => {
        /// All catalog queries, by kind.
        pub const CATALOG: &[CatalogQuery] =
            &[$(CatalogQuery { kind: $kind, sql: include_str!(concat!("../../checks/catalog/", $kind, ".sql")) }),*];
    };
}

questions![
    "access_method",
    "aggregate",
    "cast",
    "collation",
    "collation_version",
    "column",
    "comment",
    "constraint",
    "conversion",
    "database",
    "database_collation_version",
    "database_setting",
    "default_privilege",
    "domain",
    "event_trigger",
    "extension",
    "extension_dependency",
    "foreign_data_wrapper",
    "foreign_server",
    "foreign_table",
    "function",
    "index",
    "internal_trigger",
    "language",
    "large_object",
    "materialized_view",
    "not_null",
    "operator",
    "operator_class",
    "operator_family",
    "owner",
    "policy",
    "privilege",
    "procedure",
    "publication",
    "publication_schema",
    "publication_table",
    "rule",
    "schema",
    "security_label",
    "sequence",
    "statistics",
    "subscription",
    "system_object",
    "table",
    "text_search_configuration",
    "text_search_dictionary",
    "text_search_parser",
    "text_search_template",
    "transform",
    "trigger",
    "type_base",
    "type_composite",
    "type_enum",
    "type_range",
    "user_mapping",
    "view",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_in_checks_catalog_is_asked() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/catalog");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort();
        assert_eq!(CATALOG.iter().map(|question| question.kind).collect::<Vec<_>>(), files);
    }

    #[test]
    fn a_question_knows_which_servers_it_is_for() {
        let question = CatalogQuery { kind: "x", sql: "-- What.\n-- from: 15\n-- until: 16\nSELECT" };
        assert_eq!([14, 15, 16, 17].map(|major| question.is_for(major)), [false, true, true, false]);
    }

    #[test]
    fn without_functions_of_users_foreign_keys_are_not_asked_for_them() {
        assert_eq!(FOREIGN_KEYS.matches(HAS_SUSPECTS).count(), 1);
        assert_eq!(foreign_keys(true), FOREIGN_KEYS);
        assert!(foreign_keys(false).contains("CASE WHEN false THEN"));
    }

    #[test]
    fn what_has_no_result_is_not_asked() {
        let question = CatalogQuery { kind: "x", sql: "-- What.\n-- from: 15\n-- if: a\nSELECT" };
        assert_eq!(question.conditions().collect::<Vec<_>>(), ["a"]);
        assert_eq!(question.asked(|rows| rows == "a"), None);
        assert_eq!(question.asked(|_| false).unwrap(), question.sql);
        let parts = "-- What.\nFROM (\n    SELECT 1\n    UNION ALL\n    -- if: a\n    SELECT 2\n    UNION ALL\n    SELECT 3\n) x";
        let question = CatalogQuery { kind: "x", sql: parts };
        assert_eq!(question.asked(|rows| rows == "b").unwrap(), parts);
        let less = "-- What.\nFROM (\n    SELECT 1\n    UNION ALL\n    SELECT 3\n) x";
        assert_eq!(question.asked(|rows| rows == "a").unwrap(), less);
    }

    #[test]
    fn a_condition_stands_in_the_head_or_begins_a_part_that_is_not_the_last() {
        for question in CATALOG {
            let head = usize::from(question.line(IF).is_some());
            let parts: Vec<&str> = question.sql.split(NEXT_PART).collect();
            let begun = parts.iter().skip(1).filter(|part| part.lines().next().and_then(condition).is_some()).count();
            assert_eq!(question.conditions().count(), head + begun, "{}", question.kind);
            let is_open = |part: &&str| part.lines().next().and_then(condition).is_none();
            assert!(parts.last().is_some_and(is_open), "{}", question.kind);
        }
    }

    #[test]
    fn what_only_newer_servers_name_is_compared_between_them_only() {
        let question = CatalogQuery { kind: "x", sql: "-- What.\n-- from: 18\n-- between: 18\nSELECT" };
        assert!(question.is_between([18, 18]) && !question.is_between([17, 18]) && !question.is_between([18, 17]));
        assert!(CatalogQuery { kind: "x", sql: "-- from: 18\nSELECT" }.is_between([14, 18]));
    }
}
