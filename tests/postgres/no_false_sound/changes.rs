//! What a snapshot does not protect from: people who truncate, rewrite, drop and rename while we read.

use crate::no_false_sound::scenario::{Pair, lock, ours, until};
use crate::support::Database;

/// `first` is larger, and known to be, so one session reads it before `second`.
const TABLES: &str = "CREATE TABLE first (id int, word text); \
    INSERT INTO first SELECT n, repeat('x', 100) FROM generate_series(1, 2000) n; \
    CREATE TABLE second (id int PRIMARY KEY, word text); INSERT INTO second SELECT n, 'x' FROM generate_series(1, 100) n; \
    ANALYZE";

/// Does something on the expected side after the snapshot and before `second` is read.
fn meanwhile(pair: &Pair, arguments: &[&str], what: impl FnOnce(&Database)) -> crate::no_false_sound::scenario::Said {
    let locked = lock(&pair.expected, "first");
    let running = pair.start(&[&["--jobs", "1"], arguments].concat());
    let waits = format!("{} AND query LIKE 'COPY%first%' AND wait_event_type = 'Lock'", ours(&pair.expected));
    until("first is being waited for", || pair.count(&waits) > 0);
    what(&pair.expected);
    drop(locked);
    running.end()
}

#[test]
fn rows_that_come_and_go_after_the_moment_do_not_matter() {
    let pair = Pair::new(TABLES);
    let said =
        meanwhile(&pair, &[], |expected| expected.run("DELETE FROM second; INSERT INTO second VALUES (0, 'new')"));
    said.is(0, &["sound"]);
}

#[test]
fn a_table_truncated_after_the_moment_is_unchecked() {
    // To an old snapshot a truncated table is empty, without any error. Both sides empty would even be "equal".
    let pair = Pair::new(TABLES);
    pair.actual.run("DELETE FROM second");
    let said = meanwhile(&pair, &[], |expected| expected.run("TRUNCATE second"));
    said.is(2, &["rows public.second", "truncated, rewritten or replaced"]);
}

#[test]
fn a_table_rewritten_after_the_moment_is_unchecked() {
    let pair = Pair::new(TABLES);
    let said = meanwhile(&pair, &[], |expected| expected.run("ALTER TABLE second ALTER id TYPE bigint"));
    said.is(2, &["rows public.second", "truncated, rewritten or replaced"]);
}

#[test]
fn a_table_dropped_after_the_moment_is_unchecked() {
    let pair = Pair::new(TABLES);
    let said = meanwhile(&pair, &[], |expected| expected.run("DROP TABLE second"));
    said.is(2, &["rows public.second", "does not exist"]);
}

#[test]
fn a_table_put_in_anothers_place_after_the_moment_is_unchecked() {
    for swap in [
        "DROP TABLE second; CREATE TABLE second (id int PRIMARY KEY, word text)",
        "ALTER TABLE second RENAME TO old; ALTER TABLE spare RENAME TO second",
    ] {
        let pair = Pair::new(&format!("{TABLES}; CREATE TABLE spare (id int PRIMARY KEY, word text)"));
        pair.actual.run("DELETE FROM second");
        let said = meanwhile(&pair, &[], |expected| expected.run(swap));
        said.is(2, &["rows public.second", "truncated, rewritten or replaced"]);
    }
}

#[test]
fn a_foreign_key_whose_table_was_truncated_after_the_moment_is_unchecked() {
    // The orphan of second is a finding, unless TRUNCATE takes it away before we look.
    let pair = Pair::new(&format!(
        "{TABLES}; CREATE TABLE parent (id int PRIMARY KEY); \
         ALTER TABLE second ADD CONSTRAINT to_parent FOREIGN KEY (id) REFERENCES parent NOT VALID"
    ));
    pair.compare(&[]).is(1, &["foreign_key", "public.second to_parent"]);
    let said = meanwhile(&pair, &["--exclude-table-data", "second"], |expected| expected.run("TRUNCATE second"));
    assert!(
        said.out.contains("foreign_key public.second to_parent (expected)") || said.out.contains("truncated"),
        "{said}"
    );
    said.is(1, &["truncated, rewritten or replaced"]);
}

#[test]
fn an_assertion_on_a_table_that_was_truncated_after_the_moment_is_unchecked() {
    let pair = Pair::new(TABLES);
    let checks = tempfile::tempdir().unwrap();
    crate::no_false_sound::scenario::file(checks.path(), "none.sql", "SELECT id FROM public.second WHERE id > 1000");
    let arguments = ["--checks", checks.path().to_str().unwrap(), "--exclude-table", "second"];
    pair.compare(&arguments).is(0, &["sound"]);
    // Assertions come first: what they wait for is the table itself.
    let locked = lock(&pair.expected, "second");
    let running = pair.start(&arguments);
    until("it waits", || pair.count(&format!("{} AND wait_event_type = 'Lock'", ours(&pair.expected))) > 0);
    locked.run("TRUNCATE second; COMMIT");
    running.end().is(2, &["assertion none", "public.second was truncated, rewritten or replaced"]);
}
