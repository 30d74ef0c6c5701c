//! A SQL_ASCII database holds any bytes: its rows are compared as they are, and what cannot be read as text is unchecked.

use std::process::Command;
use std::sync::Arc;

use pgwitness::postgres::server::Cluster;

use crate::no_false_sound::scenario::{Said, fresh, server, start};
use crate::support::night::NightlyScenario;
use crate::support::{Database, client_tools};

/// Rows in three encodings; `convert_from` takes any bytes in a SQL_ASCII database.
const ROWS: &str = "CREATE TABLE words (id int PRIMARY KEY, word text); \
    INSERT INTO words VALUES (1, 'plain'), (2, 'déjà'), (3, convert_from('\\xff20e95c', 'SQL_ASCII')); \
    CREATE SEQUENCE numbers; CREATE VIEW seen AS SELECT id FROM words";
const CHANGE: &str = "UPDATE words SET word = convert_from('\\xff20e85c', 'SQL_ASCII') WHERE id = 3";

fn raw(server: &Arc<Cluster>, sql: &str) -> (String, Database) {
    let name = fresh("raw");
    let admin = Database::connect(&server.conninfo("postgres"));
    admin.run(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"));
    let database = Database::connect(&server.conninfo(&name));
    database.run(sql);
    (name, database)
}

fn compare(expected: &str, actual: &str) -> Said {
    start(&["compare", expected, actual]).end()
}

#[test]
fn rows_of_a_sql_ascii_database_are_compared_byte_by_byte() {
    let server = server();
    let ((_, one), (_, other)) = (raw(&server, ROWS), raw(&server, ROWS));
    compare(&one.conninfo, &other.conninfo).is(0, &["sound", "rows 3"]);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    start(&["manifest", &one.conninfo, &at("saved.json")]).end().is(0, &[]);
    let dumps: Vec<String> = ["-Fc", "-Fp"].map(|format| dumped(&one, &at(format), &[format, "-ESQL_ASCII"])).into();
    let sides = [vec![one.conninfo.clone(), at("saved.json")], dumps].concat();
    for side in &sides {
        compare(side, &other.conninfo).is(0, &["sound", "rows 3"]);
    }
    other.run(CHANGE);
    for side in &sides {
        compare(side, &other.conninfo).is(1, &["row_content", "public.words"]);
    }
}

#[test]
fn rows_of_a_sql_ascii_database_are_compared_with_those_of_a_utf8_database() {
    let server = server();
    let sql = "CREATE TABLE words (id int PRIMARY KEY, word text); INSERT INTO words VALUES (1, 'plain'), (2, 'déjà')";
    let (_, one) = raw(&server, sql);
    let other = Database::create(&server, &fresh("utf8"));
    other.run(sql);
    let said = compare(&one.conninfo, &other.conninfo);
    said.is(1, &["encoding SQL_ASCII", "encoding UTF8", "equal"]);
    assert!(!said.out.contains("row_content"), "{said}");
    one.run("UPDATE words SET word = convert_from('\\xe9', 'SQL_ASCII') WHERE id = 2");
    compare(&one.conninfo, &other.conninfo).is(1, &["row_content"]);
}

#[test]
fn definitions_that_are_not_utf8_are_unchecked_with_the_reason() {
    let server = server();
    let bad =
        "DO $$ BEGIN EXECUTE 'COMMENT ON TABLE words IS ''' || convert_from('\\xe9', 'SQL_ASCII') || ''''; END $$";
    let ((_, one), (_, other)) = (raw(&server, ROWS), raw(&server, ROWS));
    [&one, &other].iter().for_each(|side| side.run(bad));
    compare(&one.conninfo, &other.conninfo).is(2, &["comment", "not UTF-8", "SQL_ASCII", "rows 3"]);
    other.run(CHANGE);
    compare(&one.conninfo, &other.conninfo).is(1, &["row_content", "not UTF-8", "SQL_ASCII"]);
    let named = "DO $$ BEGIN EXECUTE 'CREATE TABLE \"' || convert_from('\\xe9', 'SQL_ASCII') || '\" (id int)'; END $$";
    [&one, &other].iter().for_each(|side| side.run(named));
    compare(&one.conninfo, &other.conninfo).is(2, &["not UTF-8", "SQL_ASCII"]);
}

#[test]
fn orphans_with_bytes_that_are_not_utf8_are_a_finding() {
    let server = server();
    let sql = "CREATE TABLE parent (word text PRIMARY KEY); CREATE TABLE child (word text REFERENCES parent); \
               SET session_replication_role = replica; INSERT INTO child VALUES (convert_from('\\xe9', 'SQL_ASCII'))";
    let ((_, one), (_, other)) = (raw(&server, sql), raw(&server, sql));
    one.run("DELETE FROM child");
    other.run("DELETE FROM child; INSERT INTO child VALUES (convert_from('\\xe9', 'SQL_ASCII'))");
    compare(&one.conninfo, &other.conninfo).is(1, &["foreign_key"]);
}

#[test]
fn a_night_of_a_sql_ascii_database_is_sound() {
    let server = server();
    let (name, database) = raw(&server, ROWS);
    let mut scenario = NightlyScenario::of_database(&server, &name);
    scenario.set("restore", &format!("database = \"copy_of_{name}\""));
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("sound"), "{said}");
    database.run(CHANGE);
    let dump = scenario.path("backups").join("verified").join(&scenario.backups("verified")[0]).join("dump");
    compare(&database.conninfo, dump.to_str().unwrap()).is(1, &["row_content", "public.words"]);
}

fn dumped(database: &Database, target: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(client_tools().program("pg_dump"));
    command.env_clear().args(arguments).args(["-d", &database.conninfo, "-f", target]);
    assert!(command.status().unwrap().success());
    target.to_owned()
}
