//! What a command of pg_restore creates, and what a message of the server says is not there.
//!
//! Pure. pg_dump qualifies every name, so that a name here stands for one object.

use crate::model::name::{quote_ident, split as name, unquoted};
use crate::model::subject::Subject;

/// A thing as messages name it: class, and name without quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// For instance `relation`, `type`, `foreign-data wrapper`.
    pub class: &'static str,
    /// `shop.far`; of a function without its arguments.
    pub name: String,
}

impl Thing {
    /// With its class and name.
    pub fn new(class: &'static str, name: impl Into<String>) -> Self {
        Self { class, name: name.into() }
    }

    /// The name as definitions have it.
    pub(super) fn printed(&self) -> String {
        self.name.split('.').map(quote_ident).collect::<Vec<_>>().join(".")
    }
}

/// What a CREATE makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Created {
    /// As messages name it.
    pub(super) thing: Option<Thing>,
    /// As findings name it.
    pub(super) findings: Vec<Subject>,
}

/// Command, kind of the finding, class in messages. The name follows.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("CREATE EXTENSION IF NOT EXISTS ", "extension", "extension"),
    ("CREATE EXTENSION ", "extension", "extension"),
    ("CREATE EVENT TRIGGER ", "event_trigger", "event trigger"),
    ("CREATE FOREIGN DATA WRAPPER ", "foreign_data_wrapper", "foreign-data wrapper"),
    ("CREATE SERVER ", "foreign_server", "server"),
    ("CREATE FOREIGN TABLE ", "foreign_table", "relation"),
    ("CREATE MATERIALIZED VIEW ", "materialized_view", "relation"),
    ("CREATE VIEW ", "view", "relation"),
    ("CREATE TABLE ", "table", "relation"),
    ("CREATE UNLOGGED TABLE ", "table", "relation"),
    ("CREATE PUBLICATION ", "publication", "publication"),
    ("CREATE SUBSCRIPTION ", "subscription", "subscription"),
    ("CREATE ACCESS METHOD ", "access_method", "access method"),
    ("CREATE DOMAIN ", "domain", "type"),
    ("CREATE STATISTICS ", "statistics", "statistics object"),
    ("CREATE TEXT SEARCH CONFIGURATION ", "text_search_configuration", "text search configuration"),
    ("CREATE TEXT SEARCH DICTIONARY ", "text_search_dictionary", "text search dictionary"),
    ("CREATE TEXT SEARCH TEMPLATE ", "text_search_template", "text search template"),
    ("CREATE TEXT SEARCH PARSER ", "text_search_parser", "text search parser"),
    ("CREATE LANGUAGE ", "language", "language"),
    ("CREATE TRUSTED LANGUAGE ", "language", "language"),
    ("CREATE PROCEDURAL LANGUAGE ", "language", "language"),
    ("CREATE TRUSTED PROCEDURAL LANGUAGE ", "language", "language"),
    ("CREATE OR REPLACE PROCEDURAL LANGUAGE ", "language", "language"),
    ("CREATE OR REPLACE TRUSTED PROCEDURAL LANGUAGE ", "language", "language"),
];
/// Routines: their identity has the types of their arguments, which the entry of the table of contents has.
const ROUTINES: &[(&str, &str, &str)] = &[
    ("CREATE FUNCTION ", "FUNCTION ", "function"),
    ("CREATE PROCEDURE ", "PROCEDURE ", "procedure"),
    ("CREATE AGGREGATE ", "AGGREGATE ", "aggregate"),
];

/// What the command creates; `entry` is what the table of contents calls it. `None` for any other command.
pub(super) fn by(command: &str, entry: &str) -> Option<Created> {
    for (start, kind, class) in COMMANDS {
        if let Some(rest) = command.strip_prefix(start) {
            let (parts, _) = name(rest)?;
            let findings = vec![Subject::new(kind, printed(&parts))];
            return Some(Created { thing: Some(Thing { class, name: plain(&parts) }), findings });
        }
    }
    for (start, of_entry, kind) in ROUTINES {
        if let Some(rest) = command.strip_prefix(start) {
            return routine(rest, entry.strip_prefix(of_entry)?, kind);
        }
    }
    type_(command).or_else(|| mapping(command)).or_else(|| index(command)).or_else(|| on_relation(command, entry))
}

fn routine(rest: &str, signature: &str, kind: &str) -> Option<Created> {
    let (parts, _) = name(rest)?;
    let [schema, _] = parts.as_slice() else { return None };
    let thing = Thing::new("function", plain(&parts));
    // A finding has the types as regprocedure prints them.
    let signature = signature.replace(", ", ",");
    Some(Created { thing: Some(thing), findings: vec![Subject::new(kind, format_args!("{schema}.{signature}"))] })
}

fn type_(command: &str) -> Option<Created> {
    let (parts, rest) = name(command.strip_prefix("CREATE TYPE ")?)?;
    let kind = match rest {
        rest if rest.starts_with(" AS ENUM") => "type_enum",
        rest if rest.starts_with(" AS RANGE") => "type_range",
        rest if rest.starts_with(" AS ") => "type_composite",
        _ => "type_base",
    };
    let findings = vec![Subject::new(kind, printed(&parts))];
    Some(Created { thing: Some(Thing::new("type", plain(&parts))), findings })
}

fn mapping(command: &str) -> Option<Created> {
    let (user, rest) = name(command.strip_prefix("CREATE USER MAPPING FOR ")?)?;
    let (server, _) = name(rest.strip_prefix(" SERVER ")?)?;
    let user = printed(&user);
    let user = if user == "PUBLIC" { "public".to_owned() } else { user };
    Some(Created {
        thing: None,
        findings: vec![Subject::new("user_mapping", format_args!("{user} on {}", printed(&server)))],
    })
}

/// The index is in the schema of its table.
fn index(command: &str) -> Option<Created> {
    let rest = ["CREATE INDEX ", "CREATE UNIQUE INDEX "].iter().find_map(|start| command.strip_prefix(start))?;
    let (index, rest) = name(rest)?;
    let rest = rest.strip_prefix(" ON ")?;
    let (table, _) = name(rest.strip_prefix("ONLY ").unwrap_or(rest))?;
    let ([index], [schema, _]) = (index.as_slice(), table.as_slice()) else { return None };
    Some(Created { thing: None, findings: vec![Subject::new("index", format_args!("{schema}.{index}"))] })
}

/// Triggers and policies, and constraints, of which the first line of the command has the table only.
fn on_relation(command: &str, entry: &str) -> Option<Created> {
    let made = |findings: Vec<Subject>| Some(Created { thing: None, findings });
    for (start, kind) in
        [("CREATE TRIGGER ", "trigger"), ("CREATE CONSTRAINT TRIGGER ", "trigger"), ("CREATE POLICY ", "policy")]
    {
        if let Some(rest) = command.strip_prefix(start) {
            let (own, rest) = name(rest)?;
            let (table, _) = name(rest.split_once(" ON ")?.1)?;
            return made(vec![Subject::new(kind, format_args!("{} {}", printed(&table), printed(&own)))]);
        }
    }
    let rest = command.strip_prefix("ALTER TABLE ")?;
    let (table, rest) = name(rest.strip_prefix("ONLY ").unwrap_or(rest))?;
    let [schema, bare] = table.as_slice() else { return None };
    let constraint = entry.strip_prefix("CONSTRAINT ")?.strip_prefix(&format!("{} ", unquoted(bare)))?;
    let constraint = quote_ident(constraint);
    let findings = vec![
        Subject::new("constraint", format_args!("{schema}.{bare} {constraint}")),
        Subject::new("index", format_args!("{schema}.{constraint}")),
    ];
    if rest.trim().is_empty() { made(findings) } else { None }
}

/// Words of a message before a name in quotes, and the class.
const NAMED: &[(&str, &str)] = &[
    ("relation \"", "relation"),
    ("type \"", "type"),
    ("schema \"", "schema"),
    ("server \"", "server"),
    ("foreign-data wrapper \"", "foreign-data wrapper"),
    ("language \"", "language"),
    ("extension \"", "extension"),
    ("event trigger \"", "event trigger"),
    ("publication \"", "publication"),
    ("subscription \"", "subscription"),
    ("access method \"", "access method"),
    ("operator class \"", "operator class"),
    ("statistics object \"", "statistics object"),
    ("text search configuration \"", "text search configuration"),
    ("text search dictionary \"", "text search dictionary"),
    ("text search template \"", "text search template"),
    ("text search parser \"", "text search parser"),
];
const ROUTINE_WORDS: [&str; 3] = ["function ", "procedure ", "aggregate "];

/// The things of which the message says that one of them does not exist.
pub(super) fn missed(message: &str) -> Vec<Thing> {
    let said = message.split("; ").next().unwrap_or(message);
    if let Some(list) = said.strip_prefix("operator does not exist: ") {
        return list.split(' ').map(|word| Thing::new("operator", word)).collect();
    }
    if let Some((class, rest)) = NAMED.iter().find_map(|(start, class)| Some((*class, said.strip_prefix(start)?))) {
        let Some((name, rest)) = rest.split_once('"') else { return Vec::new() };
        let is_absent = rest.starts_with(" does not exist");
        let name = name.strip_suffix("[]").filter(|_| class == "type").unwrap_or(name);
        return if is_absent { vec![Thing::new(class, name)] } else { Vec::new() };
    }
    let rest = ROUTINE_WORDS.iter().find_map(|word| said.strip_prefix(word));
    let name = rest.filter(|rest| rest.ends_with(" does not exist")).and_then(|rest| rest.split_once('('));
    name.map(|(name, _)| Thing::new("function", name)).into_iter().collect()
}

/// Words of a finding before a name, and the class in messages.
const SPOKEN: &[(&str, &str)] = &[
    ("table", "relation"),
    ("view", "relation"),
    ("sequence", "relation"),
    ("column", "relation"),
    ("schema", "schema"),
    ("function", "function"),
    ("procedure", "function"),
    ("type", "type"),
    ("language", "language"),
    ("foreign-data wrapper", "foreign-data wrapper"),
];

/// What a finding speaks of: `table cron.job`, `column cron.job.id to app`, `function cron.f(text) to app`.
pub(super) fn described_object(object: &Subject) -> Option<Thing> {
    let (class, identity) = SPOKEN.iter().find_map(|(kind, class)| Some((*class, object.of(kind)?)))?;
    let (mut parts, _) = name(identity)?;
    if object.of("column").is_some() {
        parts.pop();
    }
    Some(Thing { class, name: plain(&parts) })
}

fn printed(parts: &[&str]) -> String {
    parts.join(".")
}

/// As messages have it: without quotes.
fn plain(parts: &[&str]) -> String {
    parts.iter().map(|part| unquoted(part)).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(command: &str, entry: &str) -> Vec<Subject> {
        by(command, entry).map(|made| made.findings).unwrap_or_default()
    }

    #[test]
    fn a_command_names_what_it_creates_as_findings_name_it() {
        for (command, entry, finding) in [
            ("CREATE EVENT TRIGGER audit ON ddl_command_end", "", "event_trigger audit"),
            ("CREATE FOREIGN TABLE shop.\"F t\" (", "", "foreign_table shop.\"F t\""),
            ("CREATE USER MAPPING FOR PUBLIC SERVER \"a\"\"b\" OPTIONS (", "", "user_mapping public on \"a\"\"b\""),
            (
                "CREATE FUNCTION shop.f(a integer, b text) RETURNS void",
                "FUNCTION f(integer, text)",
                "function shop.f(integer,text)",
            ),
            ("CREATE TYPE shop.box (", "", "type_base shop.box"),
            ("CREATE TYPE shop.box AS ENUM (", "", "type_enum shop.box"),
            ("CREATE UNIQUE INDEX i ON ONLY shop.t USING gin (x)", "", "index shop.i"),
            ("CREATE TRIGGER \"on\" BEFORE UPDATE OF a, b ON shop.t FOR EACH ROW", "", "trigger shop.t \"on\""),
            ("CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert')", "", "publication p"),
        ] {
            assert_eq!(made(command, entry), [finding], "{command}");
        }
        assert_eq!(
            made("ALTER TABLE ONLY shop.t", "CONSTRAINT t no_overlap"),
            ["constraint shop.t no_overlap", "index shop.no_overlap"]
        );
        assert_eq!(made("ALTER TABLE ONLY shop.t", "FK CONSTRAINT t no_overlap"), Vec::<Subject>::new());
        assert_eq!(made("ALTER TABLE shop.t OWNER TO app;", "CONSTRAINT t x"), Vec::<Subject>::new());
        assert_eq!(
            made("CREATE FUNCTION shop.f() RETURNS void", ""),
            Vec::<Subject>::new(),
            "the entry is not certain"
        );
    }

    #[test]
    fn a_message_names_what_does_not_exist() {
        let is = |message: &str| {
            missed(message).into_iter().map(|thing| format!("{} {}", thing.class, thing.name)).collect::<Vec<_>>()
        };
        assert_eq!(is("server \"away\" does not exist"), ["server away"]);
        assert_eq!(is("type \"public.box[]\" does not exist"), ["type public.box"]);
        assert_eq!(is("function public.f(integer) does not exist; HINT"), ["function public.f"]);
        assert_eq!(
            is("operator class \"public.ops\" does not exist for access method \"gin\""),
            ["operator class public.ops"]
        );
        assert_eq!(is("relation \"a.b\" already exists"), Vec::<String>::new());
        assert_eq!(is("permission denied for table a"), Vec::<String>::new());
    }
}
