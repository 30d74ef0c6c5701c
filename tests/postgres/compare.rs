//! The command from end to end: what `compare` prints, writes and signs, as its users see it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support;
use crate::support::{Database, Format};
use pgwitness::postgres::server::{Cluster, ClusterOptions};
use serde_json::Value;

const TABLES: &str = "
    CREATE SCHEMA shop;
    CREATE TABLE shop.members (id integer PRIMARY KEY, name text NOT NULL);
    CREATE TABLE shop.orders (id bigint PRIMARY KEY, member_id integer REFERENCES shop.members, total numeric(10,2), note text);
    CREATE TABLE shop.log (at timestamptz, line text);
    INSERT INTO shop.members SELECT i, 'member ' || i FROM generate_series(1, 50) AS i;
    INSERT INTO shop.orders SELECT i, i % 50 + 1, i / 100.0, repeat('x', (i % 7)::int) FROM generate_series(1, 60000) AS i;
    INSERT INTO shop.log SELECT '2026-01-01Z'::timestamptz + i * interval '1 s', 'line' FROM generate_series(1, 500) AS i;
";

/// A database and its copy.
struct Pair {
    expected: Database,
    actual: Database,
    dir: tempfile::TempDir,
    _cluster: Cluster,
}

impl Pair {
    fn new() -> Self {
        let cluster = support::cluster();
        let (expected, actual) = (Database::create(&cluster, "original"), Database::create(&cluster, "copy"));
        expected.run(TABLES);
        expected.dump_restore_into(&actual, Format::Custom);
        Self { expected, actual, dir: tempfile::tempdir().unwrap(), _cluster: cluster }
    }

    fn compare(&self, arguments: &[&str]) -> Output {
        let sides = [self.expected.conninfo.as_str(), self.actual.conninfo.as_str()];
        run(&[&["compare", "--quiet"], &sides[..], arguments].concat())
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// The one report directory.
    fn report(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.dir.path().join("reports")).unwrap();
        entries.next().unwrap().unwrap().path()
    }
}

fn run(arguments: &[&str]) -> Output {
    support::pgwitness().args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The rows of the one finding.
fn rows(report: &Value) -> &Value {
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    &findings[0]["rows"]
}

fn ssh_keygen_verify(report: &Path, allowed_signers: &str) -> bool {
    let mut command = support::packages::ssh_keygen();
    command.args(["-Y", "verify", "-f", allowed_signers, "-I", "night@example.org", "-n", "pgwitness-report", "-s"]);
    command.arg(report.join("report.json.sig")).stdin(fs::File::open(report.join("report.json")).unwrap());
    command.output().unwrap().status.success()
}

#[test]
fn a_signed_report_can_be_checked_shown_and_not_changed() {
    let pair = Pair::new();
    let (key, allowed) = (pair.path("key"), pair.path("allowed_signers"));
    let made = run(&["keygen", &key, "--identity", "night@example.org"]);
    let line = stdout(&made).lines().find(|line| line.starts_with("night@example.org")).unwrap().to_owned();
    fs::write(&allowed, line + "\n").unwrap();
    pair.actual.run("UPDATE shop.orders SET total = total + 0.01 WHERE id = 4711");
    let compared = pair.compare(&["--report", &pair.path("reports"), "--key", &key]);
    assert_eq!(code(&compared), 1, "{compared:?}");
    let report = pair.report();
    assert!(ssh_keygen_verify(&report, &allowed));
    let verify = || run(&["report", "verify", report.to_str().unwrap(), "--allowed-signers", &allowed]);
    assert_eq!(code(&verify()), 0);
    let shown = run(&["report", "show", report.to_str().unwrap()]);
    let lines = |text: String| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!((code(&shown), lines(stdout(&shown))), (1, lines(stdout(&compared))), "the same, findings first");
    let at = |text: &str| stdout(&shown).find(text).unwrap();
    assert!(at("1 finding") < at("expected rows"), "{shown:?}");
    let show = || run(&["report", "show", report.to_str().unwrap(), "--allowed-signers", &allowed]);
    assert_eq!((code(&show()), stderr(&show())), (1, "signed by night@example.org\n".to_owned()));
    let path = report.join("report.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("4711", "4712")).unwrap();
    assert_eq!(code(&verify()), 2);
    assert!(code(&show()) == 2 && stderr(&show()).contains(": bad signature: "), "{:?}", show());
    assert!(!ssh_keygen_verify(&report, &allowed));
}

#[test]
fn real_reports_fit_the_published_schema() {
    let pair = Pair::new();
    let schema: Value = serde_json::from_slice(&run(&["report", "schema"]).stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let sound = pair.compare(&["--format", "json", "--no-owner", "--table", "shop.*"]);
    assert_eq!(code(&sound), 0);
    pair.actual.run("DELETE FROM shop.log WHERE ctid = '(0,3)'; UPDATE shop.orders SET note = NULL WHERE id < 40");
    pair.actual.run("SET session_replication_role = replica; DELETE FROM shop.members WHERE id = 3");
    pair.actual.run("ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey");
    let damaged = pair.compare(&["--format", "json", "--redact"]);
    assert_eq!(code(&damaged), 1);
    for output in [sound, damaged] {
        let problems: Vec<String> = schema.iter_errors(&json(&output)).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

#[test]
fn the_number_of_changed_rows_is_exact_up_to_the_sketch_and_a_lower_bound_beyond() {
    let pair = Pair::new();
    pair.actual.run("UPDATE shop.orders SET total = total + 0.01 WHERE id % 30 = 0");
    let report = json(&pair.compare(&["--format", "json", "--max-rows", "3"]));
    let found = rows(&report);
    assert_eq!(
        (&found["expected_only"], &found["actual_only"], &found["is_exact"]),
        (&2000.into(), &2000.into(), &true.into())
    );
    assert_eq!(found["changed"].as_array().unwrap().len(), 3);
    assert_eq!(found["is_truncated"], true);
    let first = &found["changed"][0];
    assert_eq!((&first["key"], &first["columns"][0]["column"]), (&"id=30".into(), &"total".into()));
    pair.actual.run("UPDATE shop.orders SET total = total + 0.01");
    let report = json(&pair.compare(&["--format", "json"]));
    let found = rows(&report);
    assert_eq!(found["is_exact"], false);
    assert!(found["expected_only"].as_u64().unwrap() <= 60_000);
    let changed = found["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 20, "a sample of pairs: {found:#?}");
    assert!(found["missing"].as_array().unwrap().is_empty(), "both rows of a pair are in the sample");
}

#[test]
fn swapping_the_sides_swaps_missing_and_unexpected() {
    let pair = Pair::new();
    pair.actual.run("CREATE INDEX extra ON shop.log (at); DELETE FROM shop.log WHERE at < '2026-01-01 00:00:03Z'");
    let kinds = |output: Output| -> Vec<String> {
        let report = json(&output);
        let findings = report["findings"].as_array().unwrap().iter();
        findings.map(|f| format!("{} {}", f["kind"].as_str().unwrap(), f["object"].as_str().unwrap())).collect()
    };
    assert_eq!(kinds(pair.compare(&["--format", "json"])), ["unexpected index shop.extra", "row_count shop.log"]);
    let sides = [pair.actual.conninfo.as_str(), pair.expected.conninfo.as_str()];
    let swapped = run(&[&["compare", "--quiet", "--format", "json"], &sides[..]].concat());
    assert_eq!(kinds(swapped), ["missing index shop.extra", "row_count shop.log"]);
}

#[test]
fn a_saved_manifest_still_names_the_rows_of_the_side_that_can_be_read() {
    let pair = Pair::new();
    let file = pair.path("then.json");
    assert_eq!(code(&run(&["manifest", "--quiet", &pair.expected.conninfo, &file])), 0);
    assert_eq!(code(&run(&["compare", "--quiet", &file, &pair.actual.conninfo])), 0);
    pair.actual.run("UPDATE shop.members SET name = 'nobody' WHERE id = 7");
    let compared = run(&["compare", "--quiet", &file, &pair.actual.conninfo]);
    assert_eq!(code(&compared), 1);
    assert!(stdout(&compared).contains("name=nobody"), "{}", stdout(&compared));
    assert_eq!(code(&run(&["manifest", "--quiet", &pair.expected.conninfo, &file])), 2, "a manifest is never replaced");
}

#[test]
fn a_saved_manifest_is_known_by_its_content_whatever_its_name_is() {
    let pair = Pair::new();
    for name in ["then", "then.manifest", "then.dump"] {
        let file = pair.path(name);
        assert_eq!(code(&run(&["manifest", "--quiet", &pair.expected.conninfo, &file])), 0);
        let compared = run(&["compare", "--quiet", &file, &pair.actual.conninfo]);
        assert_eq!(code(&compared), 0, "{name}: {}", stderr(&compared));
        std::fs::write(&file, "{\"name\": 1}").unwrap();
        let compared = run(&["compare", "--quiet", &file, &pair.actual.conninfo]);
        let said = stderr(&compared);
        assert!(code(&compared) == 2 && said.contains("manifest") && said.contains(&file), "{name}: {said}");
    }
}

#[test]
fn a_large_table_read_in_slices_has_the_digest_of_one_read_in_one_piece() {
    let pair = Pair::new();
    // One row a page.
    let fill = "CREATE TABLE shop.wide (id integer PRIMARY KEY, body text) WITH (fillfactor = 10);
                INSERT INTO shop.wide SELECT i, i || repeat('-', 440) FROM generate_series(1, 20000) AS i";
    pair.expected.run(fill);
    pair.actual.run(fill);
    // More than two slices of 64 MiB.
    assert_eq!(pair.expected.value("SELECT pg_relation_size('shop.wide') > 2 * 64 * 1024 * 1024"), "t");
    let table = |jobs: &str| {
        let report = json(&pair.compare(&["--format", "json", "--jobs", jobs]));
        assert_eq!(report["verdict"], "sound");
        report["tables"]["shop.wide"].clone()
    };
    let whole = table("1");
    assert_eq!(whole["expected"]["rows"], 20_000);
    assert_eq!(whole, table("4"));
    pair.actual.run("UPDATE shop.wide SET body = 'short' WHERE id = 19999");
    let report = json(&pair.compare(&["--format", "json", "--jobs", "4"]));
    assert_eq!(rows(&report)["changed"][0]["key"], "id=19999");
}

#[test]
fn a_comparison_of_many_tables_holds_few_locks_at_a_time() {
    // At most 10 locks for each of 62 processes, and a tenth more.
    let settings = [("max_locks_per_transaction", "10"), ("max_connections", "40")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let cluster = support::cluster_with(ClusterOptions { settings, ..ClusterOptions::default() });
    let sides = ["original", "copy"].map(|name| {
        let database = Database::create(&cluster, name);
        database.run(
            "DO $$ BEGIN FOR i IN 1..2000 LOOP
                 EXECUTE format('CREATE TABLE t%s (a integer)', i);
                 IF i % 50 = 0 THEN COMMIT; END IF;
             END LOOP; END $$",
        );
        database
    });
    let compared = run(&["compare", "--quiet", "--jobs", "2", &sides[0].conninfo, &sides[1].conninfo]);
    assert_eq!(code(&compared), 0, "{}", stdout(&compared));
    let log = support::server_log(&cluster);
    assert!(!log.contains("out of shared memory"), "{log}");
}
