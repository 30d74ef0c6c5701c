//! Every column of the server's catalogs is decided: asked, printed by a function of the server, or left out for a reason.
//!
//! A new major with a new column fails here until `fixtures/catalog/columns.tsv` says what a question does about it.

use std::collections::{BTreeMap, BTreeSet};

use pgwitness::model::catalog::CATALOG;

use super::fixture_database::fixtures;
use super::support::{self, Database};

/// One line of the table.
struct Decided {
    from: u32,
    until: u32,
    state: String,
    place: String,
}

fn decided() -> BTreeMap<(String, String), Decided> {
    let text = std::fs::read_to_string(fixtures().join("catalog/columns.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let rows = lines.map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [catalog, column, from, until, state, place] = fields[..] else { panic!("not six fields: {line}") };
        let number = |text: &str, otherwise| if text.is_empty() { otherwise } else { text.parse().unwrap() };
        let (from, until) = (number(from, 0), number(until, u32::MAX));
        let row = Decided { from, until, state: state.to_owned(), place: place.to_owned() };
        ((catalog.to_owned(), column.to_owned()), row)
    });
    rows.collect()
}

const COLUMNS: &str = "SELECT c.relname, a.attname FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND c.oid < 16384";

#[test]
fn every_column_of_the_catalog_is_decided() {
    let cluster = support::cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let major = server.value("SHOW server_version_num").parse::<u32>().unwrap() / 10_000;
    let rows = server.query(COLUMNS).into_iter();
    let has: BTreeSet<(String, String)> = rows.map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap())).collect();
    let said: BTreeSet<(String, String)> = decided()
        .into_iter()
        .filter(|(_, row)| (row.from..=row.until).contains(&major))
        .map(|(column, _)| column)
        .collect();
    let undecided: Vec<_> = has.difference(&said).collect();
    assert!(undecided.is_empty(), "PostgreSQL {major}: decide what a question does about {undecided:?}");
    let gone: Vec<_> = said.difference(&has).collect();
    assert!(gone.is_empty(), "PostgreSQL {major} has no such columns: {gone:?}");
    assert!(has.len() > 500, "only {} columns", has.len());
}

#[test]
fn a_column_that_is_said_to_be_asked_is_named_in_its_question() {
    let names = |sql: &str, word: &str| {
        sql.lines()
            .filter(|line| !line.starts_with("--"))
            .any(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word))
    };
    let mut wrong = Vec::new();
    for ((catalog, column), row) in decided() {
        let (kind, word) = match row.state.as_str() {
            "asked" => (row.place.as_str(), column.as_str()),
            "printed" => row.place.split_once(':').unwrap(),
            "follows" | "not carried" | "ignored" if !row.place.is_empty() => continue,
            state => panic!("{catalog}.{column}: there is no state {state:?}, or it gives no reason"),
        };
        let question = CATALOG.iter().find(|question| question.kind == kind);
        if !question.is_some_and(|question| names(question.sql, word)) {
            wrong.push(format!("{catalog}.{column}: {word} is not in checks/catalog/{kind}.sql"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
