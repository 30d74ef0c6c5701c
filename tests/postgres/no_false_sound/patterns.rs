//! A pattern means what pg_dump means by it, and what it leaves out is really left out.

use std::collections::BTreeSet;
use std::process::Command;

use crate::no_false_sound::scenario::{Pair, fresh, start};
use crate::support::client_tools;

const TABLES: &str = "CREATE TABLE sessions (id int); CREATE SCHEMA s2; CREATE TABLE s2.sessions (id int); CREATE TABLE s2.only (id int); \
    CREATE TABLE log_1 (id int); CREATE TABLE log_x (id int); CREATE TABLE kept (id int); INSERT INTO kept VALUES (1); \
    INSERT INTO sessions VALUES (1); INSERT INTO s2.sessions VALUES (1); \
    CREATE TABLE root (id int) PARTITION BY LIST (id); CREATE TABLE leaf PARTITION OF root FOR VALUES IN (1); \
    CREATE VIEW looked AS SELECT 1 AS id; CREATE SEQUENCE counted";

/// The tables whose rows pg_dump writes with these options.
fn dumped(pair: &Pair, arguments: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(client_tools().program("pg_dump"));
    command.env_clear().args(["-d", &pair.expected.conninfo]).args(arguments);
    let sql = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let copies = sql.lines().filter_map(|line| line.strip_prefix("COPY ")?.split(' ').next());
    copies.map(str::to_owned).collect()
}

/// The tables whose rows we compare with these options.
fn compared(pair: &Pair, arguments: &[&str]) -> BTreeSet<String> {
    let said = pair.compare(&[&["--format", "json"], arguments].concat());
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said}"));
    let tables = report["tables"].as_object().unwrap().iter().filter(|(_, table)| table["status"] == "equal");
    tables.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_pattern_selects_what_pg_dump_selects_with_it() {
    let pair = Pair::new(TABLES);
    for path in ["public", "s2, public", "\"$user\", public"] {
        let database = pair.expected.value("SELECT quote_ident(current_database())");
        pair.expected.run(&format!("ALTER DATABASE {database} SET search_path = {path}"));
        let all = dumped(&pair, &[]);
        for pattern in
            ["sessions", "s2.sessions", "*.sessions", "sess*", "only", "log_[0-9]", "log_(x|y)", "SESSIONS", "*"]
        {
            for option in ["--exclude-table", "--exclude-table-data"] {
                let theirs = dumped(&pair, &[option, pattern]);
                if theirs.len() == all.len() || pattern == "*" {
                    continue;
                }
                assert_eq!(compared(&pair, &[option, pattern]), theirs, "{option} {pattern} with {path}");
            }
        }
    }
}

#[test]
fn a_name_in_another_schema_is_compared_all_the_same() {
    let pair = Pair::new(TABLES);
    pair.actual.run("UPDATE s2.sessions SET id = 99");
    pair.compare(&["--exclude-table-data", "sessions"]).is(1, &["row_content", "s2.sessions"]);
    pair.compare(&["--exclude-table-data", "*.sessions"]).is(0, &["sound"]);
    pair.compare(&["--exclude-table-data", "only"])
        .is_error(&["--exclude-table-data only matches no table", "SCHEMA.NAME"]);
}

#[test]
fn partitioned_tables_views_and_sequences_can_be_named() {
    let pair = Pair::new(TABLES);
    for side in [&pair.expected, &pair.actual] {
        side.run("INSERT INTO root VALUES (1)");
    }
    assert_eq!(compared(&pair, &["--table", "root"]), ["public.leaf".to_owned()].into());
    pair.actual.run("DELETE FROM root");
    pair.compare(&["--table", "root"]).is(1, &["row_count", "public.leaf"]);
    pair.compare(&["--exclude-table-data", "root"]).is(0, &["sound", "public.leaf"]);
    pair.compare(&["--table", "looked", "--table", "kept"]).is(0, &["sound"]);
    pair.compare(&["--table", "counted", "--table", "kept"]).is(0, &["sequences 1"]);
    pair.actual.run("SELECT nextval('counted'); CREATE OR REPLACE VIEW looked AS SELECT 2 AS id");
    pair.compare(&["--table", "looked", "--table", "kept"]).is(1, &["view public.looked"]);
    pair.compare(&["--table", "counted", "--table", "kept"]).is(1, &["sequence_value"]);
}

#[test]
fn rows_that_were_to_be_left_out_but_are_in_the_dump_are_a_finding() {
    let pair = Pair::new(TABLES);
    let dir = tempfile::tempdir().unwrap();
    let dump = |arguments: &[&str]| {
        let path = dir.path().join(fresh("dump"));
        let mut command = Command::new(client_tools().program("pg_dump"));
        command.env_clear().args(["-Fc", "-d", &pair.expected.conninfo, "-f"]).arg(&path).args(arguments);
        assert!(command.status().unwrap().success());
        path.to_str().unwrap().to_owned()
    };
    let option = ["--exclude-table-data", "sessions"];
    let compare = |dump: &str| start(&[&["compare", &pair.expected.conninfo, dump], &option[..]].concat()).end();
    compare(&dump(&option)).is(0, &["sound", "public.sessions"]);
    compare(&dump(&[])).is(1, &["rows public.sessions", "the dump has rows of it"]);
}
