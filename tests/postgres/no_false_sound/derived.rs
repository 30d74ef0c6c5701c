//! What a restore computes (materialized views, generated columns) is said to be so, and is neither damage nor passed over.

use std::process::Command;

use crate::no_false_sound::scenario::{Pair, fresh, start};
use crate::support::client_tools;

/// A function that can be changed behind a stored generated column, and a view whose rows grow old.
const TABLES: &str = "CREATE TABLE base (id int PRIMARY KEY, word text); INSERT INTO base VALUES (1, 'one'), (2, 'two'); \
    CREATE FUNCTION loud(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'; \
    CREATE TABLE made (id int PRIMARY KEY, word text, loud text GENERATED ALWAYS AS (loud(word)) STORED); \
    INSERT INTO made (id, word) VALUES (1, 'one'), (2, 'two'), (3, 'three'); \
    CREATE MATERIALIZED VIEW seen AS SELECT id FROM base";

/// The values of two rows are computed by another function, which is then put back.
const RECOMPUTE: &str = "CREATE OR REPLACE FUNCTION loud(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'; \
    UPDATE made SET word = word WHERE id < 3; \
    CREATE OR REPLACE FUNCTION loud(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'";

fn dump(pair: &Pair, dir: &tempfile::TempDir, arguments: &[&str]) -> String {
    let path = dir.path().join(fresh("dump"));
    let mut command = Command::new(client_tools().program("pg_dump"));
    command.env_clear().args(["-Fc", "-d", &pair.expected.conninfo, "-f"]).arg(&path).args(arguments);
    assert!(command.status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_stale_materialized_view_is_a_remark_and_no_damage() {
    let pair = Pair::new(TABLES);
    for side in [&pair.expected, &pair.actual] {
        side.run("INSERT INTO base VALUES (3, 'three')");
    }
    pair.compare(&[]).is(0, &["tables 3 of 3"]);
    pair.actual.run("REFRESH MATERIALIZED VIEW seen");
    let said = pair.compare(&["--all-tables"]);
    said.is(
        0,
        &[
            "sound",
            "materialized view public.seen",
            "expected 2 rows, actual 3 rows",
            "1 row only in actual",
            "derived",
        ],
    );
    assert!(said.out.contains("tables 2 of 3"), "not counted as compared: {said}");
    pair.actual.run("UPDATE base SET word = 'x' WHERE id = 1");
    pair.compare(&[]).is(1, &["row_content"]);
}

#[test]
fn materialized_views_that_differ_are_not_enough_for_a_verdict() {
    let pair = Pair::new("CREATE MATERIALIZED VIEW seen AS SELECT random() AS dice");
    pair.compare(&[]).is(2, &["no table was compared", "materialized view public.seen"]);
}

#[test]
fn an_unpopulated_or_unreadable_materialized_view_is_not_passed_over() {
    let pair = Pair::new(TABLES);
    let role = pair.role("GRANT SELECT ON base, made TO ROLE");
    pair.compare_as(&role, &[]).is(2, &["rows public.seen", "permission denied", "grant pg_read_all_data to"]);
    pair.actual.run("REFRESH MATERIALIZED VIEW seen WITH NO DATA");
    pair.compare(&[]).is(1, &["changed", "materialized_view public.seen"]);
}

#[test]
fn generated_columns_that_were_computed_otherwise_are_a_finding_of_their_own() {
    let pair = Pair::new(TABLES);
    pair.compare(&[]).is(0, &["sound"]);
    pair.actual.run(RECOMPUTE);
    let said = pair.compare(&[]);
    said.is(1, &["generated", "public.made", "1 finding", "ONE", "rows that are otherwise the same: 2"]);
    assert!(!said.out.contains("row_content"), "{said}");
    // Beside other damage of the same table, in one row of both and one of neither.
    pair.actual.run("UPDATE made SET word = 'drei' WHERE id = 3; DELETE FROM made WHERE id = 1");
    pair.compare(&[]).is(1, &["generated", "row_count", "2 findings", "rows that are otherwise the same: 1"]);
    pair.actual.run("UPDATE made SET word = word");
    let said = pair.compare(&[]);
    said.is(1, &["row_count", "1 finding"]);
    let dir = tempfile::tempdir().unwrap();
    let waiver = "[[waiver]]\nkind = 'generated'\nobject = 'public.made'\nreason = 'new function'\n";
    let waivers = crate::no_false_sound::scenario::file(dir.path(), "waivers.toml", waiver);
    let pair = Pair::new(TABLES);
    pair.actual.run(RECOMPUTE);
    pair.compare(&["--waivers", &waivers]).is(0, &["sound", "new function"]);
}

#[test]
fn generated_columns_that_one_side_does_not_hold_are_named() {
    let pair = Pair::new(TABLES);
    let dir = tempfile::tempdir().unwrap();
    let of_dump = dump(&pair, &dir, &[]);
    let said = start(&["compare", &pair.expected.conninfo, &of_dump]).end();
    said.is(0, &["stored generated columns were not compared", "public.made.loud"]);
    let saved = dir.path().join("saved.json").to_str().unwrap().to_owned();
    start(&["manifest", &pair.expected.conninfo, &saved]).end().is(0, &[]);
    start(&["compare", &saved, &pair.actual.conninfo]).end().is(0, &["sound"]);
    pair.actual.run(RECOMPUTE);
    start(&["compare", &saved, &pair.actual.conninfo]).end().is(1, &["generated", "public.made"]);
}

#[test]
fn an_object_that_is_dropped_while_it_is_read_is_unchecked() {
    let sql = "CREATE TABLE big (id int PRIMARY KEY, x text); \
               INSERT INTO big SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 100000) g; ANALYZE big; \
               CREATE TABLE small (id int PRIMARY KEY); CREATE VIEW seen AS SELECT id FROM small";
    let pair = Pair::new(sql);
    let running = pair.caught_sending(&pair.expected, "big", &["--jobs", "1"]);
    pair.expected.run("DROP VIEW seen; DROP TABLE small");
    running.signal("CONT");
    running.end().is(2, &["small_pkey", "do not run DDL on this database during the run"]);
}

#[test]
fn a_dump_of_definitions_alone_gives_no_verdict() {
    let pair = Pair::new(&format!("{TABLES}; CREATE SEQUENCE numbers"));
    let dir = tempfile::tempdir().unwrap();
    let schema_only = dump(&pair, &dir, &["--schema-only"]);
    start(&["compare", &pair.expected.conninfo, &schema_only])
        .end()
        .is(2, &["not compared: rows, sequences, large objects"]);
    let data_only = dump(&pair, &dir, &["--data-only"]);
    start(&["compare", &pair.expected.conninfo, &data_only]).end().is(2, &["--data-only"]);
}

#[test]
fn large_objects_are_left_out_where_pg_dump_leaves_them_out() {
    let pair = Pair::new(&format!("{TABLES}; SELECT lo_from_bytea(4711, 'x')"));
    pair.actual.run("SELECT lo_unlink(4711)");
    pair.compare(&[]).is(1, &["large_objects"]);
    for option in [["--table", "base"], ["--schema", "public"]] {
        pair.compare(&option).is(0, &["sound", "not compared: large objects"]);
        pair.compare(&[option[0], option[1], "--require", "large-objects"]).is(2, &["as with pg_dump"]);
    }
    pair.compare(&["--exclude-table", "made"]).is(1, &["large_objects"]);
}
