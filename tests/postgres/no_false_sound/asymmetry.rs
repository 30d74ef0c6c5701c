//! Two sides of different kinds: what one of them cannot say, or was never asked, is said to be missing.

use std::path::Path;

use crate::no_false_sound::scenario::{Pair, Said, file, start};
use crate::support::{Database, Format};

const KEPT: &str = "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1); ";
const TABLE: &str = "CREATE TABLE t (id int, v int); INSERT INTO t VALUES (1, 10), (2, 20)";

fn dump(database: &Database, dir: &Path, name: &str) -> String {
    let path = dir.join(name);
    database.dump(Format::Custom, &path);
    path.display().to_string()
}

fn compare(expected: &str, actual: &str, arguments: &[&str]) -> Said {
    start(&[&["compare", expected, actual], arguments].concat()).end()
}

/// A pair of which the actual side is changed, and a dump of the expected one.
fn changed(sql: &str) -> (Pair, tempfile::TempDir, String) {
    let pair = Pair::new(&format!("{KEPT}{TABLE}"));
    pair.actual.run(sql);
    let dir = tempfile::tempdir().unwrap();
    let dump = dump(&pair.expected, dir.path(), "expected.dump");
    (pair, dir, dump)
}

#[test]
fn a_view_in_the_place_of_a_table_is_no_table_whatever_the_other_side_is() {
    let (pair, _dir, dump) = changed("DROP TABLE t; CREATE MATERIALIZED VIEW t AS SELECT 1 AS id, 10 AS v");
    let words = ["table public.t", "materialized_view public.t"];
    compare(&dump, &pair.actual.conninfo, &[]).is(1, &words);
    compare(&pair.actual.conninfo, &dump, &[]).is(1, &words);
    pair.compare(&[]).is(1, &words);
}

#[test]
fn values_that_are_copied_on_one_side_and_computed_on_the_other_are_not_equal() {
    let sql = "ALTER TABLE t DROP COLUMN v, ADD COLUMN v int GENERATED ALWAYS AS (id * 7) STORED";
    let (pair, _dir, dump) = changed(sql);
    let words = ["column public.t.v", "its values were not compared"];
    compare(&dump, &pair.actual.conninfo, &[]).is(1, &words);
    compare(&pair.actual.conninfo, &dump, &[]).is(1, &words);
    pair.compare(&[]).is(1, &words);
}

#[test]
fn checks_that_no_side_could_run_are_not_checks_that_hold() {
    let (pair, dir, first) = changed("SELECT");
    let second = dump(&pair.actual, dir.path(), "actual.dump");
    file(dir.path(), "rule.sql", "SELECT FROM public.kept WHERE id = 1");
    let checks = dir.path().display().to_string();
    compare(&first, &second, &["--checks", &checks]).is(0, &["not compared: schema, foreign keys, assertions"]);
    compare(&first, &second, &["--checks", &checks, "--require", "assertions"]).is(2, &["cannot answer it"]);
    let saved = |endpoint: &str, name: &str| manifest(endpoint, dir.path(), name);
    let (one, two) = (saved(&pair.expected.conninfo, "one.json"), saved(&pair.actual.conninfo, "two.json"));
    compare(&one, &two, &["--checks", &checks]).is(2, &["assertion rule (expected)", "assertion rule (actual)"]);
    let one = saved(&first, "dump.json");
    compare(&one, &two, &["--checks", &checks]).is(0, &["not compared: schema, foreign keys, assertions"]);
}

fn manifest(endpoint: &str, dir: &Path, name: &str) -> String {
    let path = dir.join(name).display().to_string();
    start(&["manifest", endpoint, &path]).end().is(0, &[]);
    path
}

#[test]
fn what_was_seen_to_be_violated_is_damage_also_when_the_other_side_cannot_tell() {
    let (pair, dir, dump) = changed("SELECT");
    file(dir.path(), "rule.sql", "SELECT id FROM public.kept WHERE id = 1");
    let checks = dir.path().display().to_string();
    compare(&dump, &pair.actual.conninfo, &["--checks", &checks]).is(1, &["assertion", "rule", "not compared"]);
    let keys = "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p); \
                SET session_replication_role = replica; INSERT INTO c VALUES (4711)";
    let pair = Pair::new(keys);
    let dump = self::dump(&pair.expected, dir.path(), "keys.dump");
    compare(&dump, &pair.actual.conninfo, &[]).is(1, &["public.c c_id_fkey", "id=4711", "not compared: schema"]);
    compare(&pair.actual.conninfo, &dump, &[]).is(1, &["public.c c_id_fkey", "id=4711"]);
}

#[test]
fn what_was_not_asked_for_a_report_cannot_be_compared_later() {
    let (pair, dir, _) = changed("COMMENT ON TABLE kept IS 'changed'");
    let reports = dir.path().join("reports").display().to_string();
    pair.compare(&["--no-comments", "--report", &reports]).is(0, &["sound"]);
    let report = std::fs::read_dir(&reports).unwrap().next().unwrap().unwrap().path();
    let side = |name: &str| report.join(name).display().to_string();
    let (expected, actual) = (side("expected.manifest.json"), side("actual.manifest.json"));
    compare(&expected, &actual, &[])
        .is(2, &["schema comment (expected)", "schema comment (actual)", "was not read when the manifest was made"]);
    compare(&expected, &pair.actual.conninfo, &[]).is(2, &["schema comment (expected)"]);
    compare(&expected, &actual, &["--no-comments"]).is(0, &["sound"]);
}

#[test]
fn the_verdict_says_that_it_is_of_a_part() {
    let (pair, dir, _) = changed("DELETE FROM t");
    let reports = dir.path().join("reports").display().to_string();
    pair.compare(&["--table", "kept", "--table", "kept*", "--report", &reports])
        .is(0, &["only --table kept --table kept*"]);
    let report = std::fs::read_dir(&reports).unwrap().next().unwrap().unwrap().path().display().to_string();
    start(&["report", "show", &report]).end().is(0, &["only --table kept --table kept*"]);
}

#[test]
fn the_tables_of_an_extension_are_not_missed_in_a_dump_nor_in_what_it_is_compared_with() {
    let pair = Pair::new(&format!("{KEPT}CREATE TABLE theirs (id int); INSERT INTO theirs VALUES (1)"));
    pair.actual.run("ALTER EXTENSION plpgsql ADD TABLE theirs");
    let dir = tempfile::tempdir().unwrap();
    let dump = dump(&pair.actual, dir.path(), "actual.dump");
    compare(&dump, &pair.actual.conninfo, &[]).is(0, &["belongs to an extension"]);
    compare(&pair.actual.conninfo, &dump, &[]).is(0, &["belongs to an extension"]);
    compare(&pair.expected.conninfo, &dump, &[]).is(1, &["table public.theirs"]);
}

#[test]
fn a_sequence_without_its_row_is_not_equal_to_another_without_its_row() {
    let pair = Pair::new("SELECT");
    pair.expected.run(&format!("{KEPT}CREATE SEQUENCE s"));
    let name = pair.expected.value("SELECT current_database()");
    pair.expected.run("CHECKPOINT");
    let file = pair.expected.value("SELECT current_setting('data_directory') || '/' || pg_relation_filepath('s')");
    std::fs::write(file, "").unwrap();
    // A copy of the files, since the server still has the page of the original in memory.
    let strategy =
        if pair.expected.value("SHOW server_version_num").as_str() >= "150000" { "STRATEGY file_copy" } else { "" };
    let other = pair.actual;
    let server = pair.server;
    drop(pair.expected);
    let copies = ["one", "two"].map(|copy| {
        let copy = format!("{name}_{copy}");
        let is_free = || other.try_run(&format!("CREATE DATABASE {copy} TEMPLATE {name} {strategy}")).is_ok();
        crate::no_false_sound::scenario::until("the database is free to be copied", is_free);
        server.conninfo(&copy)
    });
    compare(&copies[0], &copies[1], &[])
        .is(2, &["sequence public.s (expected)", "sequence public.s (actual)", "no row"]);
}
