//! Checks that a plain SQL dump contains only statements that pg_dump 14 to 18 writes, in its order.
//!
//! Any other statement (`UPDATE`, `TRUNCATE`, `\i`) could change rows after they were read, so the rows of such a dump are unchecked.
//! pg_dump writes keywords in capitals, and quotes every name in capitals: a statement is recognized by the words in capitals outside
//! of parentheses and quotes.

use super::statement::Statement;
use super::token::{Token, Tokens};
use crate::base::marked::MarkedText;

/// Checks a dump from its start to its end, and keeps the first statement that pg_dump does not write.
#[derive(Debug, Default)]
pub(super) struct PgDumpOutputCheck {
    /// A CREATE or rows were seen: `--clean` drops objects only before that.
    has_made: bool,
    has_copy: bool,
    has_insert: bool,
    /// The first trigger, rule or policy: pg_dump writes them after all rows, because they act on rows.
    acts_on_rows: Option<StatementPlace>,
    in_transaction: Option<StatementPlace>,
    strange: Option<StatementPlace>,
}

/// A statement and the line that it begins on.
#[derive(Debug, Clone)]
struct StatementPlace {
    line: u64,
    start: String,
}

/// One statement as the splitter and the parser have it.
pub(super) struct Seen<'a> {
    pub(super) text: &'a [u8],
    pub(super) statement: &'a Statement,
    /// Where it begins.
    pub(super) line: u64,
    /// A backslash outside of quotes, where psql finds a command.
    pub(super) has_command: bool,
    pub(super) plain_quotes_escape: bool,
}

/// Statements that are always the same.
const WHOLE: &[&str] = &[
    "SELECT pg_catalog.set_config('search_path', '', false)",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET SESSION AUTHORIZATION",
    "SET statement_timeout = 0",
    "SET lock_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
    "SET transaction_timeout = 0",
    "SET check_function_bodies = false",
    "SET xmloption = content",
    "SET client_min_messages = warning",
    "SET row_security = off",
    "SET row_security = on",
    "SET escape_string_warning = off",
];

/// How other settings begin; none of them changes what a row means.
const SETTINGS: &[&str] = &[
    "SET default_tablespace = ",
    "SET default_table_access_method = ",
    "SET default_with_oids = ",
    "SET SESSION AUTHORIZATION ",
    "SET ROLE ",
];

/// Settings for the whole dump: after the first row they would change the meaning of later rows.
const READINGS: &[&str] = &["SET client_encoding = ", "SET standard_conforming_strings = "];

/// The words in capitals that may follow `CREATE`.
const CREATES: &[&str] = &[
    "ACCESS METHOD",
    "AGGREGATE",
    "CAST",
    "COLLATION",
    "CONVERSION",
    "DATABASE",
    "DEFAULT CONVERSION",
    "DOMAIN",
    "EXTENSION IF NOT EXISTS",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "INDEX",
    "LANGUAGE",
    "MATERIALIZED VIEW",
    "OPERATOR",
    "OR REPLACE LANGUAGE",
    "OR REPLACE PROCEDURAL LANGUAGE",
    "OR REPLACE TRUSTED LANGUAGE",
    "OR REPLACE TRUSTED PROCEDURAL LANGUAGE",
    "OR REPLACE VIEW",
    "PROCEDURAL LANGUAGE",
    "PROCEDURE",
    "PUBLICATION",
    "SEQUENCE",
    "SERVER",
    "STATISTICS",
    "SUBSCRIPTION",
    "TEXT SEARCH",
    "TRANSFORM",
    "TRUSTED LANGUAGE",
    "TRUSTED PROCEDURAL LANGUAGE",
    "TYPE",
    "UNIQUE INDEX",
    "UNLOGGED SEQUENCE",
    "USER MAPPING",
    "VIEW",
];

/// Objects that act on rows.
const CREATES_ACTING: &[&str] = &["CONSTRAINT TRIGGER", "EVENT TRIGGER", "POLICY", "RULE", "TRIGGER"];

/// Actions of `ALTER TABLE`, after `IF EXISTS` and `ONLY`.
const ALTERS_TABLE: &[&str] = &[
    "ADD CONSTRAINT",
    "ALTER COLUMN ADD GENERATED",
    "ALTER COLUMN OPTIONS",
    "ALTER COLUMN SET COMPRESSION",
    "ALTER COLUMN SET DEFAULT",
    "ALTER COLUMN SET NOT NULL",
    "ALTER COLUMN SET STATISTICS",
    "ALTER COLUMN SET STORAGE",
    "ATTACH PARTITION",
    "CLUSTER ON",
    "DISABLE RULE",
    "DISABLE TRIGGER",
    "ENABLE ALWAYS RULE",
    "ENABLE ALWAYS TRIGGER",
    "ENABLE REPLICA RULE",
    "ENABLE REPLICA TRIGGER",
    "ENABLE ROW LEVEL SECURITY",
    "ENABLE RULE",
    "ENABLE TRIGGER",
    "FORCE ROW LEVEL SECURITY",
    "NO FORCE ROW LEVEL SECURITY",
    "OWNER TO",
    "REPLICA IDENTITY",
    "SET ACCESS METHOD",
    "SET WITHOUT CLUSTER",
];

/// As above, with nothing but parentheses behind: `SET (fillfactor='70')`.
const ALTERS_TABLE_OPTIONS: &[&str] = &["SET", "ALTER COLUMN SET"];

/// As above, with `--clean`.
const ALTERS_TABLE_CLEANING: &[&str] = &["DROP CONSTRAINT", "ALTER COLUMN DROP DEFAULT", "DETACH PARTITION"];

/// Actions of `ALTER` for other objects, beside `OWNER TO`.
const ALTERS: &[(&str, &[&str])] = &[
    ("DATABASE", &["SET", "CONNECTION LIMIT", "IS_TEMPLATE", "WITH"]),
    ("DEFAULT PRIVILEGES", &["FOR ROLE"]),
    ("DOMAIN", &["ADD CONSTRAINT"]),
    ("EVENT TRIGGER", &["DISABLE", "ENABLE"]),
    ("FUNCTION", &["DEPENDS ON EXTENSION"]),
    ("INDEX", &["ATTACH PARTITION", "ALTER COLUMN SET STATISTICS", "DEPENDS ON EXTENSION"]),
    ("MATERIALIZED VIEW", &["DEPENDS ON EXTENSION"]),
    ("OPERATOR FAMILY", &["USING ADD"]),
    ("PROCEDURE", &["DEPENDS ON EXTENSION"]),
    ("PUBLICATION", &["ADD TABLE", "ADD TABLES IN SCHEMA"]),
    ("ROLE", &["IN DATABASE SET"]),
    ("SEQUENCE", &["OWNED BY", "SET LOGGED", "SET UNLOGGED"]),
    ("STATISTICS", &["SET STATISTICS"]),
    ("TEXT SEARCH CONFIGURATION", &["ADD MAPPING FOR"]),
    ("TRIGGER", &["ON DEPENDS ON EXTENSION"]),
];

/// Statements that only describe objects, or grant or revoke their use.
const HARMLESS: &[&str] = &["COMMENT ON", "SECURITY LABEL", "GRANT", "REVOKE", "REFRESH MATERIALIZED VIEW"];

impl PgDumpOutputCheck {
    pub(super) fn statement(&mut self, seen: &Seen<'_>) {
        if self.strange.is_some() {
            return;
        }
        let text = String::from_utf8_lossy(seen.text);
        if seen.has_command || !self.is_written(seen, &text) {
            self.strange = Some(StatementPlace { line: seen.line, start: start(&text) });
        }
    }

    /// A command of psql.
    pub(super) fn command(&mut self, text: &[u8], line: u64) {
        let text = String::from_utf8_lossy(text);
        let name = text.split_ascii_whitespace().next().unwrap_or_default();
        let is_written = match name {
            "\\restrict" | "\\unrestrict" => true,
            "\\connect" => !self.has_made,
            _ => false,
        };
        if !is_written {
            self.strange.get_or_insert(StatementPlace { line, start: start(name) });
        }
    }

    /// Describes the first statement that pg_dump does not write; `None` when there is none.
    pub(super) fn finish(self) -> Option<MarkedText> {
        let place = self.strange.or(self.in_transaction)?;
        let safe = format!("it is not the unchanged output of pg_dump: line {}", place.line);
        // The line may be one of a row.
        Some(MarkedText::with_values(format!("{safe} begins with {:?}", place.start), safe))
    }

    fn is_written(&mut self, seen: &Seen<'_>, text: &str) -> bool {
        match seen.statement {
            Statement::Copy { .. } => self.rows(true),
            Statement::Insert(_) => self.rows(false) && is_plain_insert(text, seen.plain_quotes_escape),
            Statement::Encoding(_) | Statement::StandardStrings(_) => {
                !(self.has_copy || self.has_insert) && begins(text, READINGS)
            }
            Statement::Sequence { .. } | Statement::LargeObjectCreate(_) => {
                self.has_made = true;
                true
            }
            Statement::LargeObjectOpen(_) | Statement::LargeObjectWrite(_) | Statement::LargeObjectClose => true,
            _ => self.is_other_written(seen, text),
        }
    }

    /// pg_dump writes the rows of all tables the same way.
    fn rows(&mut self, is_copy: bool) -> bool {
        self.has_made = true;
        self.has_copy |= is_copy;
        self.has_insert |= !is_copy;
        if let Some(place) = self.acts_on_rows.take() {
            self.strange.get_or_insert(place);
        }
        !(self.has_copy && self.has_insert)
    }

    fn is_other_written(&mut self, seen: &Seen<'_>, text: &str) -> bool {
        match text {
            "BEGIN" => {
                self.in_transaction.replace(StatementPlace { line: seen.line, start: text.to_owned() }).is_none()
            }
            "COMMIT" => self.in_transaction.take().is_some(),
            _ if WHOLE.contains(&text) || begins(text, SETTINGS) => true,
            _ if text.starts_with("SELECT ") => self.is_select_written(text),
            _ => {
                let words = Words::of(text, seen.plain_quotes_escape);
                match words.first() {
                    "CREATE" => self.is_create_written(&words, seen, text),
                    "ALTER" => self.is_alter_written(&words, seen, text),
                    "DROP" => !self.has_made,
                    _ => words.begin_with_any(HARMLESS),
                }
            }
        }
    }

    /// Statistics of pg_dump 18, and with `--clean` the large objects.
    fn is_select_written(&self, text: &str) -> bool {
        let statistics = ["pg_restore_relation_stats(", "pg_restore_attribute_stats("];
        let call = text.strip_prefix("SELECT * FROM pg_catalog.").or_else(|| text.strip_prefix("SELECT pg_catalog."));
        begins(call.unwrap_or_default(), &statistics)
            || (!self.has_made && text.starts_with("SELECT pg_catalog.lo_unlink("))
    }

    fn is_create_written(&mut self, words: &Words, seen: &Seen<'_>, text: &str) -> bool {
        let made = words.after("CREATE");
        // With --clean, a view that others need is emptied before it is dropped.
        self.has_made |= !made.begin_with("DATABASE") && !made.begin_with("OR REPLACE VIEW");
        if made.begin_with_any(CREATES_ACTING) {
            self.act(seen, text);
            return true;
        }
        let is_table = made.begin_with("TABLE") || made.begin_with("UNLOGGED TABLE");
        (is_table && !words.has_as) || made.0 == ["SCHEMA"] || made.begin_with_any(CREATES)
    }

    fn is_alter_written(&mut self, words: &Words, seen: &Seen<'_>, text: &str) -> bool {
        let altered = words.after("ALTER");
        let is_table = ["TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW"].iter().find_map(|kind| {
            let rest = altered.after_if(kind)?;
            let rest = rest.after_if("IF EXISTS").unwrap_or(rest);
            Some(rest.after_if("ONLY").unwrap_or(rest))
        });
        if altered.0.ends_with(&["OWNER".into(), "TO".into()]) && !words.has_comma {
            return true;
        }
        if let Some(change) = is_table {
            // FORCE ROW LEVEL SECURITY comes with the table: without ENABLE, which comes after the rows, it has no effect.
            if change.begin_with("ENABLE ROW") {
                self.act(seen, text);
            }
            let is_option = ALTERS_TABLE_OPTIONS.iter().any(|option| change.0.join(" ") == *option);
            let is_cleaning = !self.has_made && change.begin_with_any(ALTERS_TABLE_CLEANING);
            if !words.has_comma && (change.begin_with_any(ALTERS_TABLE) || is_option || is_cleaning) {
                return true;
            }
        }
        let is_dropped = |kind: &str| kind == "PUBLICATION" && altered.begin_with("PUBLICATION DROP") && !self.has_made;
        let is_change = |(kind, changes): &(&str, &[&str])| {
            altered.after_if(kind).is_some_and(|change| change.begin_with_any(changes)) || is_dropped(kind)
        };
        ALTERS.iter().any(is_change)
    }

    fn act(&mut self, seen: &Seen<'_>, text: &str) {
        self.acts_on_rows.get_or_insert(StatementPlace { line: seen.line, start: start(text) });
    }
}

fn begins(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}

/// `INSERT INTO name [(columns)] [OVERRIDING SYSTEM VALUE] VALUES …`, and nothing that could read or change another table first.
fn is_plain_insert(text: &str, plain_quotes_escape: bool) -> bool {
    let mut tokens = Tokens::new(text, plain_quotes_escape);
    let is_named = tokens.eat(&["INSERT", "INTO"]) && tokens.name().is_some();
    if tokens.peek() == Some(Token::Symbol(b'(')) && tokens.identifiers().is_none() {
        return false;
    }
    tokens.eat(&["OVERRIDING", "SYSTEM", "VALUE"]);
    is_named && (tokens.eat(&["VALUES"]) || tokens.eat(&["DEFAULT", "VALUES"]))
}

/// The words in capitals outside of parentheses and brackets.
struct Words {
    words: Vec<String>,
    /// A comma outside of them: a second action.
    has_comma: bool,
    /// `AS` in any case: `CREATE TABLE … AS` fills the table.
    has_as: bool,
}

/// A part of them.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a [String]);

impl Words {
    fn of(text: &str, plain_quotes_escape: bool) -> Self {
        let mut found = Self { words: Vec::new(), has_comma: false, has_as: false };
        let mut depth = 0_u32;
        for token in Tokens::new(text, plain_quotes_escape) {
            match token {
                Token::Symbol(b'(' | b'[') => depth += 1,
                Token::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
                Token::Symbol(b',') if depth == 0 => found.has_comma = true,
                Token::Word(word) if depth == 0 => {
                    found.has_as |= word.eq_ignore_ascii_case("as");
                    if word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                        found.words.push(word.to_owned());
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn first(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn after(&self, first: &str) -> Rest<'_> {
        let rest = Rest(&self.words);
        rest.after_if(first).unwrap_or(rest)
    }

    fn begin_with_any(&self, starts: &[&str]) -> bool {
        Rest(&self.words).begin_with_any(starts)
    }
}

impl<'a> Rest<'a> {
    fn after_if(self, start: &str) -> Option<Self> {
        let mut rest = self.0;
        for word in start.split(' ') {
            let (first, after) = rest.split_first()?;
            if first != word {
                return None;
            }
            rest = after;
        }
        Some(Rest(rest))
    }

    fn begin_with(self, start: &str) -> bool {
        self.after_if(start).is_some()
    }

    fn begin_with_any(self, starts: &[&str]) -> bool {
        starts.iter().any(|start| self.begin_with(start))
    }
}

/// The first words of a statement, without values.
pub(super) fn start(text: &str) -> String {
    let end = text.find(['\'', '$', '=', '(']).unwrap_or(text.len());
    let words: Vec<&str> = text.get(..end).unwrap_or_default().split_whitespace().collect();
    words.join(" ").chars().take(60).collect()
}
