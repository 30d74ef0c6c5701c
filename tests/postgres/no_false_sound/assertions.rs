//! Checks of the user's own: one query each, which can change nothing and must run on both sides.

use crate::no_false_sound::scenario::{Pair, Said, file, ours, until};

const TABLES: &str =
    "CREATE TABLE account (id int PRIMARY KEY, balance int); INSERT INTO account VALUES (1, 10), (2, 20)";

fn check(pair: &Pair, sql: &str, arguments: &[&str]) -> Said {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "rule.sql", sql);
    pair.compare(&[&["--checks", dir.path().to_str().unwrap()], arguments].concat())
}

#[test]
fn what_holds_is_sound_and_what_does_not_is_damage() {
    let pair = Pair::new(TABLES);
    check(&pair, "SELECT * FROM public.account WHERE balance < 0; -- none\n", &[]).is(0, &["assertions"]);
    let said = check(&pair, "SELECT id, balance FROM public.account WHERE balance > 15", &[]);
    said.is(1, &["assertion", "rule", "id=2, balance=20", "violated on both sides"]);
    pair.actual.run("CREATE TABLE many AS SELECT generate_series(1, 2500) n");
    pair.expected.run("CREATE TABLE many AS SELECT generate_series(1, 2500) n");
    check(&pair, "SELECT n FROM public.many", &[]).is(1, &["2,500 violating rows"]);
}

#[test]
fn a_check_that_cannot_run_is_unchecked() {
    let pair = Pair::new(TABLES);
    for sql in ["SELEKT 1", "", "SELECT * FROM no_such_table", "SELECT 1/0 FROM public.account", "VALUES (1"] {
        check(&pair, sql, &[]).is(2, &["assertion rule", "(SQLSTATE "]);
    }
    check(&pair, "SELECT $1", &[]).is(2, &["assertion rule", "it has parameters"]);
    pair.expected.run("CREATE TABLE here ()");
    check(&pair, "SELECT FROM public.here", &["--exclude-table", "here"]).is(2, &["assertion rule (actual)"]);
}

#[test]
fn nothing_can_be_written_and_nothing_be_smuggled_in() {
    let pair = Pair::new(&format!(
        "{TABLES}; CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'DELETE FROM public.account RETURNING 1'"
    ));
    for sql in [
        "DELETE FROM public.account RETURNING *",
        "WITH gone AS (DELETE FROM public.account RETURNING *) SELECT * FROM gone",
        "SELECT public.writes()",
        "CREATE TABLE public.mine ()",
        "SELECT 1 INTO public.mine",
        "SELECT * FROM public.account FOR UPDATE",
        "SET ROLE postgres",
        "SELECT 1 WHERE false; COMMIT; DROP TABLE public.account",
        "SELECT 1 WHERE false; COMMIT; SET default_transaction_read_only = off; DELETE FROM public.account; BEGIN",
        "SELECT 1 WHERE false; SELECT 1 WHERE false",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT nextval('public.counter')",
    ] {
        check(&pair, sql, &[]).is(2, &["assertion rule"]);
    }
    assert_eq!(pair.actual.value("SELECT count(*) FROM account"), "2");
    assert_eq!(pair.actual.value("SELECT count(*) FROM pg_class WHERE relname = 'mine'"), "0");
}

#[test]
fn settings_made_by_a_check_do_not_outlive_it() {
    let pair = Pair::new(
        "CREATE TABLE t (id int, at timestamptz); INSERT INTO t VALUES (1, '2001-02-03 04:05:06+00'); \
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY nothing ON t USING (false); CREATE TABLE other ()",
    );
    let role = pair.role("GRANT SELECT ON t, other TO ROLE");
    pair.actual.run("DELETE FROM t");
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "rule.sql", "SELECT 1 WHERE set_config('row_security', 'on', false) = ''");
    let said = pair.compare_as(&role, &["--jobs", "1", "--checks", dir.path().to_str().unwrap()]);
    said.is(2, &["rows public.t", "row-level security"]);
}

#[test]
fn a_check_that_takes_too_long_is_unchecked() {
    let pair = Pair::new(TABLES);
    let said = check(&pair, "SELECT 1 FROM pg_sleep(60)", &["--checks-timeout", "1"]);
    said.is(2, &["assertion rule", "statement timeout"]);
    // Each thousand rows in time, all together not.
    let said = check(&pair, "SELECT pg_sleep(0.0005) FROM generate_series(1, 1000000)", &["--checks-timeout", "1"]);
    said.is(2, &["assertion rule"]);
}

#[test]
fn a_long_query_ends_soon_after_we_have_gone() {
    let pair = Pair::new(TABLES);
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "rule.sql", "SELECT 1 FROM pg_sleep(600)");
    let running = pair.start(&["--checks", dir.path().to_str().unwrap()]);
    let sleeps = format!("{} AND wait_event = 'PgSleep'", ours(&pair.actual));
    until("it sleeps", || pair.count(&sleeps) > 0);
    running.signal("KILL");
    running.end();
    if pair.actual.value("SELECT current_setting('server_version_num')::int >= 140000") == "t" {
        until("the server has noticed", || pair.count(&sleeps) == 0);
    }
}

#[test]
fn a_directory_without_checks_is_an_error() {
    let pair = Pair::new(TABLES);
    let dir = tempfile::tempdir().unwrap();
    pair.compare(&["--checks", dir.path().to_str().unwrap()]).is_error(&["there is no *.sql"]);
    pair.compare(&["--checks", "/nonexistent"]).is_error(&["/nonexistent"]);
    pair.compare(&["--require", "assertions"]).is(2, &["required, but no assertion was given"]);
}
