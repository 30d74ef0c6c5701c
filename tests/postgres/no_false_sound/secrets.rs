//! The source is only read; passwords are not repeated; names from a database do nothing to a terminal.

use std::fs;
use std::path::Path;

use crate::no_false_sound::scenario::{Pair, Said, fresh, start, start_with};
use crate::support::programs::put_program;
use crate::support::{self, Format};
use pgwitness::postgres::server::ClusterOptions;

const SECRET: &str = "hunter2hunter2";

#[track_caller]
fn keeps_secret(said: &Said) {
    assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET), "{said}");
}

#[test]
fn the_source_is_never_written_to() {
    // From `replica` on, the server itself writes WAL from time to time.
    let settings =
        [("autovacuum", "off"), ("bgwriter_lru_maxpages", "0"), ("wal_level", "minimal"), ("max_wal_senders", "0")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = support::cluster_with(ClusterOptions { settings, ..Default::default() });
    let pair = Pair::on(
        server.into(),
        "CREATE TABLE t (id serial PRIMARY KEY, word text); CREATE TABLE child (id int REFERENCES t); \
        INSERT INTO t (word) SELECT 'x' FROM generate_series(1, 1000); INSERT INTO child SELECT 1; SELECT lo_from_bytea(0, 'x')",
    );
    pair.actual.run("UPDATE t SET word = 'y' WHERE id = 7");
    for side in [&pair.expected, &pair.actual] {
        side.run("VACUUM FREEZE");
        side.run("CHECKPOINT");
    }
    // A session that changes anything gets a transaction number, and writes WAL.
    let state = || {
        let sql = "SELECT pg_snapshot_xmax(pg_current_snapshot()) || ' ' || pg_current_wal_insert_lsn()";
        pair.expected.value(sql)
    };
    let before = state();
    pair.compare(&[]).is(1, &["row_content"]);
    assert_eq!(state(), before);
}

#[test]
fn our_sessions_are_read_only() {
    let pair = Pair::new("CREATE TABLE t (id int)");
    let dir = tempfile::tempdir().unwrap();
    let sql = "SELECT name, setting FROM pg_settings WHERE name LIKE '%transaction_read_only' AND setting <> 'on'";
    crate::no_false_sound::scenario::file(dir.path(), "read_only.sql", sql);
    pair.compare(&["--checks", dir.path().to_str().unwrap()]).is(0, &["assertions"]);
}

#[test]
fn a_password_is_nowhere_to_be_seen() {
    let hba = vec!["local all secretive scram-sha-256".to_owned()];
    let server = support::cluster_with(ClusterOptions { hba, ..Default::default() });
    let sql = "CREATE TABLE t (id int); INSERT INTO t VALUES (1)";
    let pair = Pair::on(server.into(), sql);
    pair.expected.run(&format!("CREATE ROLE secretive LOGIN SUPERUSER PASSWORD '{SECRET}'"));
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    pair.expected.dump(Format::Custom, &dump);
    let login = |password: &str| {
        pair.actual.conninfo.replace("user='postgres'", &format!("user=secretive password={password}"))
    };
    let reports = dir.path().join("reports");
    let live = login(SECRET);
    let arguments = ["compare", dump.to_str().unwrap(), &live, "--report", reports.to_str().unwrap()];
    let said = start(&arguments).end();
    said.is(0, &["sound"]);
    keeps_secret(&said);
    for report in fs::read_dir(&reports).unwrap() {
        for file in fs::read_dir(report.unwrap().path()).unwrap() {
            let text = fs::read(file.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(SECRET));
        }
    }
    let said = start(&["compare", dump.to_str().unwrap(), &login(&format!("wrong{SECRET}"))]).end();
    said.is_error(&["password authentication failed"]);
    keeps_secret(&said);
}

#[test]
fn the_processes_that_read_a_dump_never_see_a_password() {
    let pair = Pair::new("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    pair.expected.dump(Format::Custom, &dump);
    // In the place of pg_restore, one that writes down what it was given.
    let real = support::client_tools().program("pg_restore");
    let log = dir.path().join("log");
    let script = format!("#!/bin/sh\n{{ echo \"$@\"; env; }} >> {}\nexec {} \"$@\"\n", log.display(), real.display());
    for tool in ["pg_restore", "pg_dump"] {
        put_program(&dir.path().join(tool), &script);
    }
    let bindir = dir.path().to_str().unwrap();
    let live = pair.actual.conninfo.replace("user='postgres'", &format!("user='postgres' password={SECRET}"));
    let arguments = ["compare", dump.to_str().unwrap(), &live, "--pg-bindir", bindir];
    start_with(&arguments, |command| command.env("PGPASSWORD", SECRET)).end().is(0, &["sound"]);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("dump"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn a_mistyped_connection_string_is_not_repeated() {
    for text in [
        format!("postgres:/me:{SECRET}@host/db"),
        format!("postgresl://me:{SECRET}@host/db"),
        format!("postgresql://me:{SECRET}@host:port/db"),
        format!("postgresql://me:{SECRET}@host:99999/db"),
        format!("postgresql://me:{SECRET}@[::1/db"),
        format!("postgresql://me:{SECRET}%zz@127.0.0.1:1/db"),
        format!("postgresql://me@127.0.0.1:1/db?password={SECRET}&nonsense=1"),
        format!("password={SECRET} host=127.0.0.1 port=1 nonsense=1"),
        format!("passwd={SECRET} host=127.0.0.1 port=1"),
        format!("password='{SECRET} host=127.0.0.1"),
        format!("host=127.0.0.1 port=1 password={SECRET} sslmode=perhaps"),
        format!("me:{SECRET}@host/db"),
    ] {
        let said = start(&["compare", &text, "dbname=x"]).end();
        said.is_error(&[]);
        keeps_secret(&said);
        keeps_secret(&start(&["manifest", &text, "/nonexistent/x.json"]).end());
    }
}

#[test]
fn hostile_names_and_values_are_printed_harmlessly() {
    let evil = "\u{1b}[2J\u{1b}]0;x\u{7}\nsound (rows)\r\u{202e}\"' ";
    let name = pgwitness::model::name::quote_always(evil);
    let pair = Pair::new(&format!(
        "CREATE SCHEMA {name}; CREATE TABLE {name}.{name} ({name} text PRIMARY KEY); INSERT INTO {name}.{name} VALUES ('x'); \
         CREATE TABLE lost (id int); ALTER TABLE lost RENAME TO {name}; CREATE TABLE {} (id int)",
        fresh("plain"),
    ));
    let value = pgwitness::model::name::quote_literal(evil);
    pair.actual.run(&format!("UPDATE {name}.{name} SET {name} = {value}; DROP TABLE public.{name}"));
    let role = pair.role("");
    for said in [pair.compare(&[]), pair.compare_as(&role, &[])] {
        assert_eq!(said.code, 1, "{said}");
        let is_harmless = |character: char| character == '\n' || !(character.is_control() || character == '\u{202e}');
        assert!(said.out.chars().chain(said.err.chars()).all(is_harmless), "{said}");
        assert!(!said.out.lines().any(|line| line.starts_with("sound")), "{said}");
    }
}

/// What the program prints on a terminal, and its exit code. `script` belongs to every Debian system.
fn on_a_terminal(arguments: &[&str]) -> (Option<i32>, String) {
    let quoted = |word: &&str| format!("'{}'", word.replace('\'', "'\\''"));
    let line = arguments.iter().map(quoted).collect::<Vec<_>>().join(" ");
    let mut command = std::process::Command::new("script");
    command.args(["-q", "-e", "-c", &format!("exec {} {line}", env!("CARGO_BIN_EXE_pgwitness")), "/dev/null"]);
    command.env("TERM", "dumb").env("PGWITNESS_PG_BINDIR", &support::client_tools().bindir);
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_hostile_name_reaches_no_terminal_in_json_or_sql() {
    let evil = "\u{9b}2J\u{1b}]0;x\u{7}\u{202e}";
    let name = pgwitness::model::name::quote_always(evil);
    let pair = Pair::new(&format!("CREATE TABLE {name} ({name} text PRIMARY KEY); INSERT INTO {name} VALUES ('x')"));
    let is_harmless = |text: &str| !text.chars().any(|c| "\u{9b}\u{1b}\u{7}\u{202e}".contains(c));
    let compare = ["compare", &pair.expected.conninfo, &pair.actual.conninfo, "--format", "json", "--quiet"];
    let (code, said) = on_a_terminal(&compare);
    assert_eq!(code, Some(0), "{said}");
    assert!(is_harmless(&said) && said.contains("\\u009b2J"), "{said:?}");
    let piped = start(&compare).end();
    assert!(piped.out.contains('\u{9b}'), "what is not for a terminal stays as it is: {piped}");
    let (code, said) = on_a_terminal(&["digest-sql", "-d", &pair.expected.conninfo, &name]);
    assert_eq!(code, Some(2), "{said}");
    assert!(is_harmless(&said) && said.contains("a terminal would obey or not show"), "{said:?}");
    start(&["digest-sql", "-d", &pair.expected.conninfo, &name]).end().is(0, &["\u{9b}2J"]);
}

#[test]
fn nothing_of_ours_is_left_behind_by_a_dump_that_is_read() {
    let pair = Pair::new("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 100000)");
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    pair.expected.dump(Format::Custom, &dump);
    let running = start(&["compare", dump.to_str().unwrap(), &pair.actual.conninfo]);
    let id = running.id();
    let children = || children_of(id);
    let start = std::time::Instant::now();
    while children().is_empty() && start.elapsed().as_secs() < 5 {}
    let seen = children();
    running.signal("INT");
    let said = running.end();
    assert!([0, 130].contains(&said.code), "{said}");
    for child in seen {
        crate::no_false_sound::scenario::until("pg_restore has ended", || !is_pg_restore(child));
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let tasks = format!("/proc/{parent}/task");
    let Ok(tasks) = fs::read_dir(tasks) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// A zombie does not count: its new parent may reap it late.
fn is_pg_restore(id: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).unwrap_or_default();
    stat.contains("(pg_restore)") && !stat.contains("(pg_restore) Z")
}
