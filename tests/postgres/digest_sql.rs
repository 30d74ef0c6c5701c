//! `digest-sql` and the client: two implementations, one answer, for every table of every fixture.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Database, cluster, pgwitness};
use pgwitness::model::manifest::Manifest;
use pgwitness::model::name::Name;

/// What a session can do to the text of a value, and a schema in front that has other functions of the same names.
const HOSTILE: &str = "
    SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'Pacific/Chatham';
    SET bytea_output = 'escape'; SET extra_float_digits = -15; SET quote_all_identifiers = on;
    SET standard_conforming_strings = off; SET escape_string_warning = off; SET xmlbinary = hex;
    SET statement_timeout = 0;
    CREATE SCHEMA IF NOT EXISTS hostile;
    CREATE OR REPLACE FUNCTION hostile.replace(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT ''x''';
    CREATE OR REPLACE FUNCTION hostile.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''''::bytea';
    CREATE OR REPLACE FUNCTION hostile.mod(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
    CREATE OR REPLACE FUNCTION hostile.concat(text, text) RETURNS text LANGUAGE sql AS 'SELECT ''x''';
    SET search_path = hostile, pg_catalog";

fn manifest(conninfo: &str) -> Manifest {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("all.manifest.json");
    let output = pgwitness().args(["manifest", "-q", conninfo]).arg(&file).output().unwrap();
    assert!(file.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()
}

/// Count and digest by table, as the client made them.
fn digests(conninfo: &str) -> BTreeMap<Name, (String, String)> {
    let relations = manifest(conninfo).relations.into_iter();
    let seen = relations.filter_map(|(name, relation)| Some((name, relation.rows.seen()?.digest)));
    seen.map(|(name, digest)| (name, (digest.rows.to_string(), digest.hex()))).collect()
}

fn statement(table: &str, conninfo: &str) -> Result<String, String> {
    let output = pgwitness().args(["digest-sql", table, "-d", conninfo]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.code() == Some(0) { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Count and digest, as the server made them in this session.
fn asked(database: &Database, table: &str) -> (String, String) {
    let sql = statement(table, &database.conninfo).unwrap_or_else(|error| panic!("{table}: {error}"));
    let rows = database.query(&sql);
    assert_eq!((rows.len(), rows[0].len()), (1, 2), "{sql}");
    (rows[0][0].clone().unwrap(), rows[0][1].clone().unwrap())
}

/// Both quoted: the fixtures have names of every kind.
fn compare_all(database: &Database, hostile: &Database) -> usize {
    let mut expected = digests(&database.conninfo);
    // The server refuses to read a materialized view that was never filled; the client says that it has no rows.
    for row in database.query("SELECT oid::regclass::text FROM pg_class WHERE NOT relispopulated") {
        expected.retain(|name, _| Some(name.to_string()) != row[0]);
    }
    hostile.run(HOSTILE);
    for (name, digest) in &expected {
        assert_eq!(&asked(database, &name.sql()), digest, "{name}");
        assert_eq!(&asked(hostile, &name.to_string()), digest, "{name}, in a hostile session");
    }
    expected.len()
}

#[test]
fn the_server_and_the_client_agree_on_every_table_of_every_fixture_database() {
    let cluster = cluster();
    for fixture in ["types", "shapes", "keys", "hostile_settings"] {
        let database = Database::create(&cluster, fixture);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/databases/{fixture}.sql"));
        database.load_file(&file);
        let after = file.with_extension("after.sql");
        if after.exists() {
            database.load_file(&after);
        }
        let count = compare_all(&database, &Database::connect(&database.conninfo));
        println!("{fixture}: {count} tables");
        assert!(count >= 3, "{fixture}: {count}");
    }
}

#[test]
fn a_partitioned_table_has_the_sum_of_its_leaves() {
    let cluster = cluster();
    let database = Database::create(&cluster, "parts");
    database.run(
        "CREATE TABLE public.p (a int, b text, c int GENERATED ALWAYS AS (a + 1) STORED) PARTITION BY LIST (a);
         CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES IN (1);
         CREATE TABLE public.p2 (b text, c int GENERATED ALWAYS AS (a + 1) STORED, a int);
         ALTER TABLE public.p ATTACH PARTITION public.p2 FOR VALUES IN (2);
         INSERT INTO public.p VALUES (1, 'x'), (2, E'y\\t\\\\'), (2, NULL);
         CREATE TABLE public.empty (a int) PARTITION BY LIST (a)",
    );
    let mut sum = pgwitness::model::digest::TableDigest::default();
    for relation in manifest(&database.conninfo).relations.values() {
        sum += relation.rows.seen().unwrap().digest;
    }
    assert_eq!(asked(&database, "p"), ("3".to_owned(), sum.hex()));
    assert_eq!(asked(&database, "empty"), ("0".to_owned(), "0".repeat(64)));
}

#[test]
fn a_database_in_another_encoding_has_the_same_digests() {
    let cluster = cluster();
    let admin = Database::connect(&cluster.conninfo("postgres"));
    admin.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    let latin = Database::connect(&cluster.conninfo("latin"));
    latin.run(
        "CREATE TABLE public.\"Größe\" AS SELECT i AS \"Zähler\", chr(i) AS text FROM generate_series(1, 255) AS i",
    );
    let wide = Database::create(&cluster, "wide");
    wide.run(
        "CREATE TABLE public.\"Größe\" AS SELECT i AS \"Zähler\", chr(i) AS text FROM generate_series(1, 255) AS i",
    );
    let digest = asked(&latin, "\"Größe\"");
    assert_eq!(digest, asked(&wide, "\"Größe\""));
    assert_eq!(Some(&digest), digests(&latin.conninfo).values().next());
}

#[test]
fn a_table_with_more_columns_than_a_function_takes_arguments_has_a_digest() {
    let cluster = cluster();
    let database = Database::create(&cluster, "columns");
    let columns = (0..1600).map(|i| format!("c{i} \"char\"")).collect::<Vec<_>>().join(", ");
    database
        .run(&format!("CREATE TABLE public.wide ({columns}); INSERT INTO public.wide (c7, c1599) VALUES ('a', 'b')"));
    assert_eq!(Some(&asked(&database, "public.wide")), digests(&database.conninfo).values().next());
}

#[test]
fn hidden_rows_are_said_to_be_hidden() {
    let cluster = cluster();
    let database = Database::create(&cluster, "policies");
    database.run(
        "CREATE TABLE public.guarded AS SELECT 1 AS a; ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY;
         CREATE ROLE reader; GRANT SELECT ON public.guarded TO reader",
    );
    assert_eq!(asked(&database, "guarded").0, "1");
    database.run("SET ROLE reader");
    assert_eq!(asked(&database, "guarded"), ("0".to_owned(), "row security hides rows from this user".to_owned()));
}

#[test]
fn what_is_not_one_table_is_refused_with_what_to_write() {
    let cluster = cluster();
    let database = Database::create(&cluster, "names");
    database.run(
        "CREATE SCHEMA a; CREATE SCHEMA \"B\"; CREATE TABLE a.t (); CREATE TABLE \"B\".t ();
         CREATE VIEW a.v AS SELECT 1; CREATE SEQUENCE a.s",
    );
    let error = |table| statement(table, &database.conninfo).unwrap_err();
    assert_eq!(
        error("t"),
        "error: look t up: several schemas have a table of that name\n  try: name the schema: \"B\".t, a.t\n"
    );
    assert!(error("b.t").contains("there is no such table in this database"), "{}", error("b.t"));
    assert!(error("a.v").contains("a.v is a view: it has no rows of its own"), "{}", error("a.v"));
    assert!(error("a.s").contains("a.s is not a table"), "{}", error("a.s"));
    assert!(error("a.b.c").contains("more than a schema and a name"), "{}", error("a.b.c"));
    assert!(statement("\"B\".T", &database.conninfo).is_ok());
}
