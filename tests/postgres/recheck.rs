//! `compare --recheck` on real logical replication: converges when nothing is wrong, names the wounds when something is, and never says
//! sound of a wound.
//!
//! Lag is made by a lock on the target: it stops the apply worker, and no reader.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support;
use crate::support::fixture_database::{Said, compare, said_in};
use crate::support::{Database, Format};
use pgwitness::postgres::server::{Cluster, ClusterOptions};
use serde_json::Value;

const TABLES: &str = "
    CREATE TABLE public.t (id integer PRIMARY KEY, v integer, note text);
    INSERT INTO public.t SELECT i, 0, 'row ' || i FROM generate_series(1, 1000) AS i;
";

/// A source, and a target that follows it.
struct Replicated {
    source: Database,
    target: Database,
    cluster: Cluster,
}

impl Replicated {
    fn new(tables: &str) -> Self {
        Self::filled(|source| source.run(tables))
    }

    fn filled(fill: impl FnOnce(&Database)) -> Self {
        let settings =
            vec![("wal_level".into(), "logical".into()), ("wal_retrieve_retry_interval".into(), "100ms".into())];
        let cluster = support::cluster_with(ClusterOptions { settings, ..ClusterOptions::default() });
        let (source, target) = (Database::create(&cluster, "source"), Database::create(&cluster, "target"));
        fill(&source);
        source.dump_restore_into(&target, Format::Custom);
        source.run("CREATE PUBLICATION p FOR ALL TABLES");
        // In one server, the subscription cannot create it itself.
        source.query("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
        let quoted = source.conninfo.replace('\'', "''");
        target.run(&format!(
            "CREATE SUBSCRIPTION s CONNECTION '{quoted}' PUBLICATION p WITH (create_slot = false, copy_data = false)"
        ));
        let pair = Self { source, target, cluster };
        pair.wait_for_target();
        pair
    }

    /// Until it has applied everything so far.
    fn wait_for_target(&self) {
        let now = self.source.value("SELECT pg_current_wal_insert_lsn()");
        let is_there = format!("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '{now}'");
        wait_until("the target does not catch up", || self.source.value(&is_there) == "1");
    }

    /// The target applies nothing to a table until the end of the transaction of what is returned.
    fn hold(&self, table: &str) -> Database {
        let holder = Database::connect(&self.target.conninfo);
        holder.run(&format!("BEGIN; LOCK TABLE {table} IN SHARE MODE"));
        holder
    }

    fn compare(&self, options: &[&str]) -> Said {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        compare(&self.source.conninfo, &self.target.conninfo, &options)
    }

    /// Compares, and lets the target go on when the first round begins.
    fn compare_and_release(&self, holder: &Database, options: &[&str]) -> Said {
        self.compare_and(&|| holder.run("COMMIT"), "postgres", options)
    }

    /// Compares as a role, and does something when the first round begins.
    fn compare_and(&self, act: &dyn Fn(), role: &str, options: &[&str]) -> Said {
        let sides = [&self.source, &self.target].map(|side| side.conninfo.replace("'postgres'", &format!("'{role}'")));
        let mut command = support::pgwitness();
        command.arg("compare").args(sides).args(["--format", "json", "-j", "2"]).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let found = lines.find(|line| line.starts_with("recheck, round 1 of"));
        act();
        let rest: Vec<String> = lines.collect();
        let said = said_in(&child.wait_with_output().unwrap());
        assert!(found.is_some(), "nothing was read again: {said} {rest:?}");
        said
    }

    /// Runs statements on the source, over and over, until what is returned is dropped. `#` stands for a running number.
    fn load(&self, sql: &str) -> Load {
        let (client, sql) = (Database::connect(&self.source.conninfo), sql.to_owned());
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        let work = move || {
            let mut number = 0_u64;
            while !flag.load(Ordering::Relaxed) {
                number += 1;
                client.run(&sql.replace('#', &number.to_string()));
                thread::sleep(Duration::from_millis(5));
            }
        };
        Load { is_over, thread: Some(thread::spawn(work)) }
    }
}

struct Load {
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn count(said: &Said, name: &str) -> u64 {
    said.report["scope"]["rechecked"][name].as_u64().unwrap()
}

/// `~` changed, `-` missing, `+` unexpected, with the keys.
fn named_rows(said: &Said, finding: usize) -> BTreeSet<String> {
    let rows = &said.report["findings"][finding]["rows"];
    assert_eq!((&rows["is_exact"], &rows["is_truncated"]), (&Value::Bool(true), &Value::Bool(false)), "{said}{rows:#}");
    let list = |list: &str, sign: &str| {
        let keys = rows[list].as_array().unwrap().iter().map(|row| format!("{sign}{}", row["key"].as_str().unwrap()));
        keys.collect::<Vec<_>>()
    };
    [list("changed", "~"), list("missing", "-"), list("unexpected", "+")].concat().into_iter().collect()
}

fn set(rows: &[&str]) -> BTreeSet<String> {
    rows.iter().map(|&row| row.to_owned()).collect()
}

#[test]
fn pgbench_converges_to_sound_while_it_runs_and_after_it() {
    let pgbench = |conninfo: &str, arguments: &[&str]| {
        // Beside the server, wherever links lead, or in PATH.
        let server = support::installed().program("postgres").canonicalize().unwrap();
        let beside = server.with_file_name("pgbench");
        let mut command = Command::new(if beside.exists() { beside } else { "pgbench".into() });
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .args(arguments)
            .arg(conninfo)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let pair = Replicated::filled(|source| {
        assert!(pgbench(&source.conninfo, &["-i", "-q"]).status().unwrap().success());
        // Updates of the others change nothing.
        source.run("DELETE FROM pgbench_accounts WHERE aid > 20000");
    });
    let mut load = pgbench(&pair.source.conninfo, &["-n", "-c", "2", "-R", "200", "-T", "60"]).spawn().unwrap();
    pair.wait_for_target();
    // pgbench_history has no primary key: while it grows all the time, it never agrees as a whole.
    let holder = pair.hold("pgbench_branches");
    wait_until("pgbench does nothing", || pair.source.value("SELECT count(*) > 20 FROM pgbench_history") == "t");
    let said = pair.compare_and_release(&holder, &["--recheck", "8,1s", "-T", "pgbench_history"]);
    assert!(said.is_sound(), "{said}");
    assert!(said.line.starts_with("sound (rows (rechecked), sequences, "), "{said}");
    assert!(count(&said, "converged") > 0 && count(&said, "in_flight") == 0, "{said}{:#}", said.report["scope"]);
    assert_eq!(said.report["tables"]["public.pgbench_branches"]["status"], "converged");
    let holder = pair.hold("pgbench_history");
    let rows = pair.source.value("SELECT count(*) + 20 FROM pgbench_history");
    wait_until("pgbench stops", || pair.source.value(&format!("SELECT count(*) > {rows} FROM pgbench_history")) == "t");
    load.kill().unwrap();
    load.wait().unwrap();
    let said = pair.compare_and_release(&holder, &["--recheck", "8,1s"]);
    assert!(said.is_sound(), "{said}");
    assert_eq!(count(&said, "whole_tables_converged"), 1, "{:#}", said.report["scope"]);
}

#[test]
fn under_load_exactly_the_wounds_are_named() {
    let pair = Replicated::new(TABLES);
    pair.target.run(
        "UPDATE t SET note = 'wounded' WHERE id = 901;
         DELETE FROM t WHERE id IN (20, 902);
         INSERT INTO t VALUES (10001, 0, 'extra')",
    );
    let _load = pair.load(
        "UPDATE t SET v = # WHERE id <= 50;
         INSERT INTO t VALUES (2000 + #, 0, 'new');
         DELETE FROM t WHERE id = 1970 + #",
    );
    let holder = pair.hold("t");
    thread::sleep(Duration::from_millis(50));
    let said = pair.compare_and_release(&holder, &["--recheck", "3,1s"]);
    assert_eq!((said.exit, said.findings.clone()), (Some(1), set(&["row_count public.t"])), "{said}");
    // 20 is changed at the source all the time.
    assert_eq!(named_rows(&said, 0), set(&["~id=901", "-id=20", "-id=902", "+id=10001"]), "{said}");
    assert!(count(&said, "converged") > 20 && count(&said, "persistent") == 4, "{:#}", said.report["scope"]);
}

#[test]
fn a_wound_that_updates_keep_is_never_sound() {
    // The new version of a large value that did not change is not sent.
    let large = "(SELECT string_agg(sha512(i::text::bytea)::text, '') FROM generate_series(1, 50) AS i)";
    let pair = Replicated::new(TABLES);
    pair.source.run(&format!("UPDATE t SET note = {large} WHERE id <= 3"));
    pair.wait_for_target();
    pair.target.run(&format!("UPDATE t SET note = {large} || 'x' WHERE id = 2"));
    let _load = pair.load("UPDATE t SET v = # WHERE id <= 3");
    let said = pair.compare(&["--recheck", "2,1s"]);
    assert_eq!((said.exit, &said.findings), (Some(2), &set(&[])), "{said}");
    let open: Vec<&String> = said.unchecked.iter().collect();
    // On a slow machine, the other two may not have arrived either.
    let is_open = |text: &str| {
        text.starts_with("rows public.t (both): ") && text.contains("changed meanwhile") && text.contains("id=2")
    };
    assert!(matches!(open.as_slice(), [only] if is_open(only)), "{said}");
}

#[test]
fn a_target_that_has_stopped_is_never_sound() {
    let pair = Replicated::new(TABLES);
    pair.target.run("ALTER SUBSCRIPTION s DISABLE");
    let load = pair.load("UPDATE t SET v = # WHERE id <= 10");
    thread::sleep(Duration::from_millis(100));
    let hot = pair.compare(&["--recheck", "1,1s"]);
    drop(load);
    let quiet = pair.compare(&["--recheck", "1,1s"]);
    for said in [hot, quiet] {
        assert_eq!((said.exit, &said.findings), (Some(1), &set(&["row_content public.t"])), "{said}");
        assert_eq!(named_rows(&said, 0).len(), 10, "{said}");
        let detail = said.report["findings"][0]["detail"].to_string();
        assert!(detail.contains("check that replication is running"), "{detail}");
    }
}

#[test]
fn tables_without_a_key_and_sequences_are_outside() {
    let tables = format!("{TABLES} CREATE TABLE public.log (line text); CREATE SEQUENCE public.numbers;");
    let pair = Replicated::new(&tables);
    pair.source.run("SELECT nextval('numbers') FROM generate_series(1, 40)");
    // The target is behind, however little of the processor the load gets.
    let holder = pair.hold("log");
    let load = pair.load("INSERT INTO log VALUES ('line #')");
    let said = pair.compare(&["--recheck", "2,1s"]);
    assert_eq!((said.exit, &said.findings), (Some(2), &set(&[])), "{said}");
    let open: Vec<&String> = said.unchecked.iter().collect();
    let is_log = |text: &str| {
        text.starts_with("rows public.log (both): differs, and could only be read again as a whole (no primary key")
    };
    assert!(matches!(open.as_slice(), [only] if is_log(only)), "{said}");
    assert!(said.line.contains("; not compared: sequences"), "{said}");
    assert!(
        said.report["remarks"].to_string().contains("public.numbers (expected 40, called; actual 1, not yet called)")
    );
    holder.run("COMMIT");
    drop(load);
    pair.wait_for_target();
    let said = pair.compare(&["--recheck", "1,1s"]);
    assert!(said.is_sound(), "{said}");
    let required = pair.compare(&["--recheck", "1,1s", "--require", "sequences"]);
    assert_eq!((required.exit, required.findings), (Some(1), set(&["sequence_value public.numbers"])));
    pair.target.run("INSERT INTO log VALUES ('extra')");
    let said = pair.compare(&["--recheck", "1,1s"]);
    assert_eq!((said.exit, &said.findings), (Some(1), &set(&["row_count public.log"])), "{said}");
    assert!(
        said.report["findings"][0]["detail"].to_string().contains("as a whole in 1 round (no primary key"),
        "{said}"
    );
}

#[test]
fn more_differences_than_the_sketch_decodes_converge_too_and_a_wound_among_them_is_named() {
    let pair = Replicated::new(&TABLES.replace("1000", "8000"));
    pair.target.run("UPDATE t SET note = 'wounded' WHERE id = 7; DELETE FROM t WHERE id = 8");
    let holder = pair.hold("t");
    pair.source.run("UPDATE t SET v = 1 WHERE id > 10");
    let said = pair.compare_and_release(&holder, &["--recheck", "3,1s"]);
    assert_eq!((said.exit, &said.findings), (Some(1), &set(&["row_count public.t"])), "{said}");
    assert_eq!(named_rows(&said, 0), set(&["~id=7", "-id=8"]), "{said}");
    pair.target.run("ALTER SUBSCRIPTION s DISABLE");
    pair.source.run("UPDATE t SET v = 2");
    let said = pair.compare(&["--recheck", "1,1s"]);
    assert_eq!((said.exit, &said.findings), (Some(1), &set(&["row_count public.t"])), "{said}");
}

#[test]
fn keys_of_every_type_are_read_again_by_a_role_that_may_only_read() {
    let tables = r#"
        CREATE TYPE public.mood AS ENUM ('sad', 'it''s "fine" \');
        CREATE DOMAIN public.code AS text CHECK (VALUE <> '');
        CREATE TABLE public."Odd ""name""" (mood public.mood, code public.code, at timestamptz, "a b" numeric, v integer,
            PRIMARY KEY (mood, code, at, "a b"));
        INSERT INTO public."Odd ""name""" SELECT m, c, '2026-01-01 12:00:00.5+02', n, 0
            FROM unnest(enum_range(NULL::public.mood)) m, unnest(ARRAY[E'tab\t\\', '''', 'NULL', 'ü']) c, unnest(ARRAY[1.0, 1.50]) n;
        CREATE TABLE public.parts (id bytea, v integer, g integer GENERATED ALWAYS AS (v + 1) STORED, PRIMARY KEY (id)) PARTITION BY HASH (id);
        CREATE TABLE public.part PARTITION OF public.parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        INSERT INTO public.parts SELECT decode(md5(i::text), 'hex'), i FROM generate_series(1, 20) AS i;
        CREATE ROLE reader LOGIN IN ROLE pg_read_all_data;
    "#;
    let pair = Replicated::new(tables);
    let holder = pair.hold("\"Odd \"\"name\"\"\", part");
    pair.source.run("UPDATE \"Odd \"\"name\"\"\" SET v = 1; UPDATE parts SET v = v + 1");
    let said = pair.compare_and(&|| holder.run("COMMIT"), "reader", &["--recheck", "4,1s"]);
    assert!(said.is_sound(), "{said}");
    assert_eq!(
        (count(&said, "converged"), count(&said, "whole_tables_converged")),
        (36, 0),
        "{:#}",
        said.report["scope"]
    );
}

#[test]
fn code_of_the_databases_users_is_not_run_to_read_rows_again() {
    let tables = "
        CREATE ROLE mallory; GRANT CREATE ON SCHEMA public TO mallory; SET ROLE mallory;
        CREATE FUNCTION public.konst(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
            $$BEGIN RAISE LOG 'HIJACKED konst as %', current_user; RETURN $1; END$$;
        RESET ROLE;
        CREATE TABLE public.t (id integer PRIMARY KEY, v integer);
        CREATE INDEX ON public.t ((id + public.konst(1)));
        INSERT INTO public.t SELECT i, 0 FROM generate_series(1, 100) AS i;
        CREATE ROLE reader LOGIN IN ROLE pg_read_all_data;
    ";
    let pair = Replicated::new(tables);
    let log = || fs::read_to_string(pair.cluster.data_dir().parent().unwrap().join("log")).unwrap();
    assert!(log().contains("HIJACKED konst as postgres"), "the trap works");
    let holder = pair.hold("t");
    pair.source.run("UPDATE t SET v = 1");
    let said = pair.compare_and(&|| holder.run("COMMIT"), "reader", &["--recheck", "3,1s"]);
    assert!(said.is_sound(), "{said}");
    assert_eq!(count(&said, "whole_tables_converged"), 1, "{:#}", said.report["scope"]);
    assert!(!log().contains("HIJACKED konst as reader"), "{}", log());
}

#[test]
fn what_cannot_be_read_again_is_unchecked() {
    let pair = Replicated::new(TABLES);
    pair.target.run("DELETE FROM t WHERE id = 5");
    let alter = || pair.target.run("ALTER TABLE t ADD COLUMN more text");
    let said = pair.compare_and(&alter, "postgres", &["--recheck", "2,1s"]);
    assert_eq!(said.exit, Some(2), "{said}");
    let reasons = said.unchecked.iter().cloned().collect::<String>();
    assert!(reasons.contains("could not be read again: actual: it was dropped or defined otherwise"), "{said}");
}

#[test]
fn a_file_is_refused_before_any_work() {
    for (sides, side) in [(["dbname=x", "no such.dump"], "actual"), (["m.json", "dbname=x"], "expected")] {
        let output = support::pgwitness().arg("compare").args(sides).args(["--recheck", "3"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text.contains(&format!("--recheck needs two live databases, and the {side} side is a file")), "{text}");
    }
    let output = support::pgwitness().args(["compare", "dbname=a", "dbname=b", "--recheck", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is not a number of rounds from 1 to 1000"));
}
