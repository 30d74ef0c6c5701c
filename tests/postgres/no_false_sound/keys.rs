//! Foreign keys are compared as the server's own triggers compare them.

use crate::no_false_sound::scenario::{Pair, start};

fn is_from_18(pair: &Pair) -> bool {
    pair.expected.value("SELECT current_setting('server_version_num')::int >= 180000") == "t"
}

#[test]
fn a_key_without_a_collation_that_refers_to_a_text_is_compared() {
    let pair = Pair::new("");
    if is_from_18(&pair) {
        // It does not let such a key be made.
        return;
    }
    let database = "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE CAST (mood AS text) WITH INOUT AS IMPLICIT; \
        CREATE TABLE words (w text COLLATE \"C\" PRIMARY KEY); INSERT INTO words VALUES ('a'); \
        CREATE TABLE moods (m mood CONSTRAINT to_word REFERENCES words); INSERT INTO moods VALUES ('a')";
    let pair = Pair::new(database);
    pair.compare(&[]).is(0, &["sound"]);
    pair.actual.run("SET session_replication_role = replica; INSERT INTO moods VALUES ('b')");
    pair.compare(&[]).is(1, &["to_word", "m=b"]);
}

#[test]
fn operands_of_other_types_than_the_operator_s_are_compared_by_that_operator() {
    let database = "CREATE DOMAIN short AS varchar(5); CREATE TABLE words (w varchar(9) PRIMARY KEY, n numeric UNIQUE, c char(4) UNIQUE, \
        a int[] UNIQUE); INSERT INTO words VALUES ('ab', 1.0, 'x', '{1}'); \
        CREATE TABLE uses (w short CONSTRAINT by_text REFERENCES words, n int CONSTRAINT by_number REFERENCES words (n), \
        c char(9) CONSTRAINT by_padded REFERENCES words (c), a int[] CONSTRAINT by_array REFERENCES words (a)); \
        INSERT INTO uses VALUES ('ab', 1, 'x', '{1}')";
    let pair = Pair::new(database);
    pair.compare(&[]).is(0, &["sound"]);
    pair.actual.run("SET session_replication_role = replica; INSERT INTO uses VALUES ('q', 7, 'q', '{7}')");
    pair.compare(&[]).is(1, &["by_text", "by_number", "by_padded", "by_array"]);
}

#[test]
fn an_empty_period_has_no_parent() {
    let pair = Pair::new("");
    if !is_from_18(&pair) {
        return;
    }
    for side in [&pair.expected, &pair.actual] {
        side.run(
            "CREATE TABLE parent (id int4range, valid daterange, PRIMARY KEY (id, valid WITHOUT OVERLAPS)); \
             CREATE TABLE child (id int4range, valid daterange, CONSTRAINT covered FOREIGN KEY (id, PERIOD valid) \
             REFERENCES parent (id, PERIOD valid)); INSERT INTO parent VALUES ('[1,2)', '[2020-01-01,2021-01-01)'); \
             INSERT INTO child VALUES ('[1,2)', '[2020-03-01,2020-04-01)')",
        );
    }
    pair.compare(&[]).is(0, &["sound"]);
    pair.actual.run("SET session_replication_role = replica; INSERT INTO child VALUES ('[1,2)', 'empty')");
    pair.compare(&[]).is(1, &["covered", "foreign_key"]);
}

#[test]
fn keys_without_results_on_both_sides_are_unchecked() {
    let database = "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int CONSTRAINT to_parent REFERENCES parent); \
        CREATE TABLE other (id int CONSTRAINT to_parent_too REFERENCES parent); INSERT INTO parent VALUES (1)";
    let pair = Pair::new(database);
    let dir = tempfile::tempdir().unwrap();
    let save = |side: &crate::support::Database, name: &str, keep: usize| {
        let path = dir.path().join(format!("{keep}-{name}")).display().to_string();
        start(&["manifest", &side.conninfo, &path]).end().is(0, &[]);
        let mut saved: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let keys = saved["foreign_keys"].as_object_mut().unwrap();
        assert_eq!(keys.len(), 2, "{keys:?}");
        let lost: Vec<String> = keys.keys().skip(keep).cloned().collect();
        lost.iter().for_each(|key| drop(keys.remove(key)));
        std::fs::write(&path, serde_json::to_vec(&saved).unwrap()).unwrap();
        path
    };
    for (keep, lost) in [(2, 0), (1, 1), (0, 2)] {
        let sides = [save(&pair.expected, "expected.json", keep), save(&pair.actual, "actual.json", keep)];
        let said = start(&["compare", &sides[0], &sides[1]]).end();
        let count = said.out.matches("foreign_key public.").count();
        assert_eq!((said.code, count), (if lost == 0 { 0 } else { 2 }, 2 * lost), "{said}");
    }
    // What was not selected is not missed.
    let sides = [save(&pair.expected, "one.json", 0), save(&pair.actual, "two.json", 0)];
    start(&["compare", &sides[0], &sides[1], "--table", "parent"]).end().is(0, &["sound"]);
}
