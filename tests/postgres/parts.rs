//! One database that several processes read in parts, in one snapshot that another process holds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use pgwitness::model::name::Name;
use pgwitness::postgres::server::Cluster;
use pgwitness::storage::reports::load_part;

use crate::support::fixture_database::FixtureDatabase;
use crate::support::programs::put_program;
use crate::support::{self, Database};

/// Some of everything that is dealt to the parts. `wide` has one row in most of its pages, and three stripes of pages.
const TABLES: &str = "
    CREATE SCHEMA shop;
    CREATE TABLE shop.wide (id bigint, body text, twice bigint GENERATED ALWAYS AS (id * 2) STORED)
        WITH (fillfactor = 10, autovacuum_enabled = off);
    INSERT INTO shop.wide SELECT i, repeat('x', 440) FROM generate_series(1, 20000) AS i;
    CREATE TABLE shop.members (id integer PRIMARY KEY, name text NOT NULL);
    INSERT INTO shop.members SELECT i, 'member ' || i FROM generate_series(1, 50) AS i;
    CREATE TABLE shop.orders (id bigserial PRIMARY KEY, member_id integer REFERENCES shop.members, at date) PARTITION BY RANGE (id);
    CREATE TABLE shop.orders_1 PARTITION OF shop.orders FOR VALUES FROM (1) TO (5000);
    CREATE TABLE shop.orders_2 PARTITION OF shop.orders FOR VALUES FROM (5000) TO (100000);
    INSERT INTO shop.orders (member_id, at) SELECT i % 50 + 1, date '2026-01-01' + i % 90 FROM generate_series(1, 9000) AS i;
    CREATE TABLE shop.nothing ();
    INSERT INTO shop.nothing DEFAULT VALUES;
    CREATE MATERIALIZED VIEW shop.per_day AS SELECT at, count(*) FROM shop.orders GROUP BY at;
    CREATE MATERIALIZED VIEW shop.later AS SELECT * FROM shop.orders WITH NO DATA;
    CREATE SEQUENCE shop.numbers START 7;
    SELECT lo_from_bytea(0, convert_to(repeat('photo ' || i, 60000), 'UTF8')) FROM generate_series(1, 9) AS i;
    SET session_replication_role = replica;
    INSERT INTO shop.orders VALUES (99999, 4711, NULL);
    DELETE FROM shop.wide WHERE id BETWEEN 3000 AND 12000 AND id % 3 > 0;
";

/// Rows at the end of `wide` that no snapshot sees any more: VACUUM cuts their pages off.
const DEAD_END: &str = "DELETE FROM shop.wide WHERE id > 16000";

struct Scene {
    database: Database,
    dir: tempfile::TempDir,
    cluster: Option<Cluster>,
}

impl Scene {
    fn new(sql: &str) -> Self {
        let cluster = support::cluster();
        let database = Database::create(&cluster, "shop");
        database.run(sql);
        Self { database, dir: tempfile::tempdir().unwrap(), cluster: Some(cluster) }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir.path().join(name)).unwrap()
    }

    fn start(&self, name: &str, more: &[&str]) -> Child {
        let mut command = support::pgwitness();
        command.args(["manifest", &self.database.conninfo, &self.path(name), "--quiet"]).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn read(&self, name: &str, more: &[&str]) -> Output {
        self.start(name, more).wait_with_output().unwrap()
    }

    fn part(&self, name: &str, id: &str, part: &str) -> Output {
        self.read(name, &["--snapshot", id, "--part", part])
    }

    /// All parts at the same time, each a process.
    fn parts(&self, prefix: &str, id: &str, of: usize, more: &[&str]) -> Vec<i32> {
        let start = |number: usize| {
            let part = format!("{number}/{of}");
            self.start(&format!("{prefix}{number}"), &[&["--snapshot", id, "--part", &part], more].concat())
        };
        let started: Vec<Child> = (1..=of).map(start).collect();
        started.into_iter().map(|child| code(&child.wait_with_output().unwrap())).collect()
    }

    fn merge(&self, parts: &[&str], output: &str) -> Output {
        let parts = parts.iter().map(|name| self.path(name));
        let mut command = support::pgwitness();
        command.args(["manifest", "merge", "--output", &self.path(output)]).args(parts).output().unwrap()
    }

    fn merge_all(&self, prefix: &str, of: usize, output: &str) -> Output {
        let names: Vec<String> = (1..=of).rev().map(|number| format!("{prefix}{number}")).collect();
        self.merge(&names.iter().map(String::as_str).collect::<Vec<_>>(), output)
    }

    fn compare(&self, name: &str) -> Output {
        run(&["compare", "--quiet", &self.path(name), &self.database.conninfo])
    }
}

/// A process that holds a snapshot until its standard input ends.
struct Exporter {
    process: Child,
    id: String,
}

impl Exporter {
    fn start(database: &Database) -> Self {
        Self::with(database, &[])
    }

    fn with(database: &Database, more: &[&str]) -> Self {
        let mut command = support::pgwitness();
        command.args(["manifest", &database.conninfo, "--export-snapshot"]).args(more);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{line:?}");
        Self { process, id: line.trim_end().to_owned() }
    }

    /// Ends its standard input.
    fn release(self) -> Output {
        self.process.wait_with_output().unwrap()
    }
}

fn run(arguments: &[&str]) -> Output {
    support::pgwitness().args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it says, and nothing that was written.
#[track_caller]
fn refused(output: &Output, file: &Path, why: &str) {
    let said = stderr(output);
    assert!(code(output) == 2 && said.starts_with("error: ") && said.contains(why), "{why}: {said}");
    assert!(said.lines().count() <= 2 && !file.exists(), "{said}");
}

#[test]
fn eight_parts_read_at_once_from_a_changing_database_are_byte_for_byte_the_file_of_one_process() {
    let scene = Scene::new(TABLES);
    fs::create_dir(scene.path("checks")).unwrap();
    fs::write(scene.path("checks/orphans.sql"), "SELECT id FROM shop.orders WHERE at IS NULL").unwrap();
    fs::write(scene.path("checks/none.sql"), "SELECT 1 WHERE false").unwrap();
    let checks = ["--checks".to_owned(), scene.path("checks")];
    let checks: Vec<&str> = checks.iter().map(String::as_str).collect();
    scene.database.run(DEAD_END);
    let pages = |what: &str| {
        let sql = format!("SELECT pg_relation_size('shop.wide') / 8192 {what}");
        assert_eq!(scene.database.value(&sql), "t", "{sql}");
    };
    pages("> 2 * 8192");
    let exporter = Exporter::start(&scene.database);
    let whole = scene.read("whole.json", &[&["--snapshot", &exporter.id], &checks[..]].concat());
    assert_eq!(code(&whole), 0, "{whole:?}");

    let is_done = AtomicBool::new(false);
    let codes = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let other = Database::connect(&scene.database.conninfo);
            let mut rounds = 0;
            while !is_done.load(Ordering::Relaxed) || rounds == 0 {
                other.run("INSERT INTO shop.wide SELECT -i, 'new' FROM generate_series(1, 3000) AS i");
                other.run("DELETE FROM shop.wide WHERE id % 10 = 0; UPDATE shop.members SET name = name || '.'");
                other.run("VACUUM shop.members");
                rounds += 1;
            }
        });
        let codes = scene.parts("now-", &exporter.id, 8, &[&checks[..], &["--jobs", "2"]].concat());
        is_done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        codes
    });
    assert_eq!(codes, [0; 8]);
    let merged = scene.merge_all("now-", 8, "now.json");
    assert_eq!(code(&merged), 0, "{merged:?}");
    assert!(scene.bytes("now.json") == scene.bytes("whole.json"));

    let released = exporter.release();
    assert!(code(&released) == 0 && stderr(&released).contains("released: standard input has ended"), "{released:?}");
}

#[test]
fn a_table_that_grows_and_is_cut_off_between_the_parts_is_read_once() {
    let scene = Scene::new(TABLES);
    scene.database.run(DEAD_END);
    let exporter = Exporter::start(&scene.database);
    let table = ["--table", "shop.wide", "--snapshot", &exporter.id];
    assert_eq!(code(&scene.read("whole.json", &table)), 0);
    let size = || scene.database.value("SELECT pg_relation_size('shop.wide') / 8192").parse::<u64>().unwrap();
    let part = |number: usize| {
        let output = scene.read(&format!("p{number}"), &[&table[..], &["--part", &format!("{number}/4")]].concat());
        assert_eq!(code(&output), 0, "{output:?}");
    };
    let before = size();
    part(1);
    scene.database.run("VACUUM shop.wide");
    let cut = size();
    part(2);
    scene.database.run("INSERT INTO shop.wide SELECT i, repeat('y', 440) FROM generate_series(1, 15000) AS i");
    let grown = size();
    part(3);
    part(4);
    // In other stripes at each time.
    assert!(before > 16_384 && cut < 16_384 && grown > 24_576, "{before} {cut} {grown}");
    let merged = scene.merge_all("p", 4, "merged.json");
    assert_eq!(code(&merged), 0, "{merged:?}");
    assert!(scene.bytes("merged.json") == scene.bytes("whole.json"));
}

#[test]
fn fixtures_read_in_parts_are_byte_for_byte_the_file_of_one_process() {
    let cluster = support::cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let wanted = ["keys", "objects"];
    for fixture in FixtureDatabase::all_on(&server).iter().filter(|fixture| wanted.contains(&&*fixture.name)) {
        let database = fixture.load(&cluster, &fixture.name);
        let scene = Scene { database, dir: tempfile::tempdir().unwrap(), cluster: None };
        let exporter = Exporter::start(&scene.database);
        for place in ["client", "server"] {
            let digest_on = ["--digest-on", place];
            let whole = [&["--snapshot", &exporter.id, "--jobs", "4"], &digest_on[..]].concat();
            let whole = scene.read(&format!("{place}.json"), &whole);
            let codes = scene.parts(place, &exporter.id, 2, &digest_on);
            let merged = scene.merge_all(place, 2, &format!("{place}-merged.json"));
            assert_eq!((code(&merged), codes.iter().max()), (code(&whole), codes.iter().max()), "{merged:?}");
            let [merged, whole] = ["-merged", ""].map(|end| scene.bytes(&format!("{place}{end}.json")));
            assert!(merged == whole, "{}, {place}", fixture.name);
        }
    }
}

const SMALL: &str = "
    CREATE SCHEMA shop;
    CREATE TABLE shop.members (id integer PRIMARY KEY, name text NOT NULL);
    INSERT INTO shop.members SELECT i, 'member ' || i FROM generate_series(1, 50) AS i;
    CREATE TABLE shop.orders (id serial PRIMARY KEY, member_id integer REFERENCES shop.members);
    INSERT INTO shop.orders (member_id) SELECT i % 50 + 1 FROM generate_series(1, 1000) AS i;
    CREATE TABLE shop.log (line text);
    INSERT INTO shop.log VALUES ('one'), ('one');
";

#[test]
fn what_happens_after_the_snapshot_is_not_in_the_parts() {
    let scene = Scene::new(SMALL);
    let exporter = Exporter::start(&scene.database);
    scene.database.run("DELETE FROM shop.log; UPDATE shop.members SET name = 'nobody' WHERE id = 7");
    scene.database.run("CREATE TABLE shop.later (id integer)");
    assert_eq!(scene.parts("p", &exporter.id, 2, &[]), [0, 0]);
    assert_eq!(code(&scene.merge_all("p", 2, "merged.json")), 0);
    let compared = scene.compare("merged.json");
    let said = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert!(code(&compared) == 1 && said.contains("+ id=7  name=nobody"), "{said}");
    assert!(said.contains("shop.log") && said.contains("shop.later"), "{said}");
    scene.database.run("DROP TABLE shop.later; INSERT INTO shop.log VALUES ('one'), ('one')");
    scene.database.run("UPDATE shop.members SET name = 'member 7' WHERE id = 7");
    assert_eq!(code(&scene.compare("merged.json")), 0);
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let scene = Scene::new(SMALL);
    let exporter = Exporter::start(&scene.database);
    let id = exporter.id.as_str();
    assert_eq!(scene.parts("p", id, 3, &[]), [0; 3]);
    assert_eq!(code(&scene.part("of4", id, "2/4")), 0);
    let selected = ["--snapshot", id, "--part", "2/3", "--exclude-table", "shop.log"];
    assert_eq!(code(&scene.read("selected", &selected)), 0);
    assert_eq!(code(&scene.read("redacted", &["--snapshot", id, "--part", "2/3", "--redact"])), 0);
    let locks = ["--snapshot", id, "--part", "2/3", "--lock-timeout", "5"];
    assert_eq!(code(&scene.read("locks", &locks)), 0);
    let second = Exporter::start(&scene.database);
    assert_eq!(code(&scene.part("later", &second.id, "2/3")), 0);
    let other = Database::create(scene.cluster.as_ref().unwrap(), "other");
    other.run(SMALL);
    let third = Exporter::start(&other);
    let elsewhere =
        ["manifest", &other.conninfo, &scene.path("elsewhere"), "-q", "--snapshot", &third.id, "--part", "2/3"];
    assert_eq!(code(&run(&elsewhere)), 0);
    let text = String::from_utf8(scene.bytes("p2")).unwrap();
    fs::write(scene.path("edited"), text.replacen("\"shop\"", "\"shoq\"", 1)).unwrap();
    fs::write(scene.path("truncated"), &text[..text.len() / 2]).unwrap();
    fs::write(scene.path("no-end"), text.lines().next().unwrap()).unwrap();
    fs::write(scene.path("empty"), "").unwrap();
    assert_eq!(code(&scene.read("whole.json", &[])), 0);

    let merged = scene.dir.path().join("merged.json");
    let p2 = "p2";
    for (parts, why) in [
        (&["p1", "p3"][..], "part 2 of 3 is missing"),
        (&["p2"], "parts 1, 3 of 3 are missing"),
        (&["p1", p2, "p3", p2], "part 2 of 3 is there twice: "),
        (&["p1", "of4", "p3"], "of4 is part 2 of 4, "),
        (&["p1", "later", "p3"], "are not parts of one manifest: snapshot: "),
        (&["p1", "elsewhere", "p3"], "are not parts of one manifest: database: "),
        (&["p1", "selected", "p3"], "are not parts of one manifest: selection: everything, --exclude-table shop.log"),
        (&["p1", "redacted", "p3"], "are not parts of one manifest: values: shown, redacted"),
        (&["p1", "locks", "p3"], "part 2 contradicts the parts before it: lock_timeout was \"5s\" instead of \"30s\""),
        (&["p1", "edited", "p3"], "it was truncated or changed: its SHA-256 is another"),
        (&["p1", "truncated", "p3"], "it was truncated or changed"),
        (&["p1", "no-end", "p3"], "it was truncated or changed"),
        (&["p1", "empty", "p3"], "not a part of a manifest"),
        (&["p1", "whole.json", "p3"], "not a part of a manifest"),
        (&["p1", "absent", "p3"], "No such file"),
    ] {
        refused(&scene.merge(parts, "merged.json"), &merged, why);
    }
    assert_eq!(code(&scene.merge(&["p3", "p1", p2], "merged.json")), 0);
    let again = scene.merge(&["p3", "p1", p2], "merged.json");
    assert!(code(&again) == 2 && stderr(&again).contains("exists already"), "{again:?}");
    fs::copy(scene.path("p3"), scene.path("p3.json")).unwrap();
    for part in ["p3", "p3.json"] {
        let compared = scene.compare(part);
        let said = stderr(&compared);
        assert!(code(&compared) == 2 && said.contains("this is part 3 of 3 of a manifest"), "{said}");
        assert!(said.contains("try: pgwitness manifest merge"), "{said}");
    }
}

#[test]
fn a_snapshot_that_is_gone_or_was_never_there_is_one_clear_line() {
    let scene = Scene::new(SMALL);
    let file = scene.dir.path().join("p");
    let mut exporter = Exporter::start(&scene.database);
    scene.database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state LIKE 'idle%'",
    );
    // Without this, waiting would end its standard input.
    let input = exporter.process.stdin.take();
    let status = exporter.process.wait().unwrap();
    drop(input);
    assert_eq!(status.code(), Some(2));
    for id in [exporter.id.as_str(), "00000099-00000099-1", "nonsense", ""] {
        let output = scene.part("p", id, "1/2");
        refused(&output, &file, "use snapshot ");
        assert!(stderr(&output).contains("try: is the process that exported it still running"), "{output:?}");
    }
    for part in ["0/2", "3/2", "2", "1/0", "1/20000"] {
        let output = scene.part("p", "1-1-1", part);
        assert!(code(&output) == 2 && stderr(&output).contains("is not a part like 1/8"), "{output:?}");
    }
    assert_eq!(code(&scene.read("p", &["--part", "1/2"])), 2, "a part needs a snapshot");
    let mut limited = Exporter::with(&scene.database, &["--hold-for", "1s", "--quiet"]);
    let input = limited.process.stdin.take();
    assert_eq!(limited.process.wait().unwrap().code(), Some(0));
    drop(input);
}

#[test]
fn the_snapshot_of_another_session_is_read_by_a_role_that_may_not_see_everything() {
    let scene = Scene::new(SMALL);
    scene.database.run("CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA shop TO reader");
    scene.database.run("GRANT SELECT ON shop.members, shop.orders, shop.orders_id_seq TO reader");
    let holder = Database::connect(&scene.database.conninfo);
    holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    let id = holder.value("SELECT pg_export_snapshot()");
    let reader = Database::connect(&format!("{} user=reader", scene.database.conninfo));
    let scene = Scene { database: reader, ..scene };
    let whole = scene.read("whole.json", &["--snapshot", &id]);
    assert!(code(&whole) == 2 && stderr(&whole).contains("does not see when the snapshot was exported"), "{whole:?}");
    let codes = scene.parts("p", &id, 2, &[]);
    assert!(codes.contains(&0) && codes.contains(&2), "the part with the table: {codes:?}");
    let merged = scene.merge_all("p", 2, "merged.json");
    assert!(code(&merged) == 2, "{merged:?}");
    assert!(stderr(&merged).contains("could not be read: rows shop.log: permission denied"), "{merged:?}");
    let without_time = |name: &str| {
        let mut value: serde_json::Value = serde_json::from_slice(&scene.bytes(name)).unwrap();
        value["endpoint"]["taken_at"].take();
        value
    };
    assert_eq!(without_time("merged.json"), without_time("whole.json"));
}

#[test]
fn a_table_that_was_truncated_is_noticed_by_the_parts_that_read_none_of_it() {
    let scene = Scene::new(SMALL);
    let exporter = Exporter::start(&scene.database);
    assert_eq!(scene.parts("p", &exporter.id, 3, &[]), [0; 3]);
    let rows = |number: usize| {
        let part = load_part(Path::new(&scene.path(&format!("p{number}")))).unwrap();
        part.manifest.relations[&Name::new("shop", "log")].rows.seen().unwrap().digest.rows
    };
    let owner = (1..=3).find(|number| rows(*number) == 2).unwrap();
    scene.database.run("TRUNCATE shop.log");
    let mut files: Vec<String> = Vec::new();
    for number in 1..=3 {
        if number == owner {
            files.push(format!("p{number}"));
            continue;
        }
        let output = scene.part(&format!("late-{number}"), &exporter.id, &format!("{number}/3"));
        let said = stderr(&output);
        assert!(code(&output) == 2 && said.contains("shop.log was truncated, rewritten or replaced"), "{said}");
        files.push(format!("late-{number}"));
    }
    let merged = scene.merge(&files.iter().map(String::as_str).collect::<Vec<_>>(), "merged.json");
    assert!(code(&merged) == 2 && stderr(&merged).contains("rows shop.log: "), "{merged:?}");
}

/// A directory with the program, as a container has it, and `aws`, which stands for the service: the jobs that are submitted run
/// at once, and each child of the array has its index.
fn programs(scene: &Scene) -> String {
    let bin = scene.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pgwitness"), bin.join("pgwitness")).unwrap();
    let aws = r#"#!/bin/sh
set -eu
here=$(dirname "$0")
[ "$1" = batch ]
case $2 in
register-job-definition)
    while [ "$1" != --container-properties ]; do shift; done
    printf '%s' "$2" > "$here/properties.json"
    echo arn:definition ;;
submit-job)
    while [ "$1" != --array-properties ]; do shift; done
    printf '%s' "${2#size=}" > "$here/size"
    while [ "$1" != --container-overrides ]; do shift; done
    printf '%s' "$2" > "$here/overrides.new"
    mv "$here/overrides.new" "$here/overrides.json"
    echo job-1 ;;
describe-jobs)
    [ -e "$here/status" ] && cat "$here/status" || echo RUNNING ;;
*) exit 9 ;;
esac
"#;
    put_program(&bin.join("aws"), aws);
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

/// A shell with nothing but these variables, without the waits.
fn shell(script: &str, variables: &[(&str, &str)]) -> Child {
    let script =
        script.replace("sleep 5", "sleep 0.1").replace("sleep 30", "sleep 0.1").replace("sleep 1", "sleep 0.1");
    let mut command = std::process::Command::new("sh");
    command.env_clear().envs(variables.iter().copied()).args(["-euc", &script]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn the_example_for_kubernetes_reads_a_database_in_parts() {
    let scene = Scene::new(SMALL);
    let path = programs(&scene);
    let parts = scene.dir.path().join("parts");
    fs::create_dir(&parts).unwrap();
    let scripts = support::scripts_in(pgwitness::config::examples::KUBERNETES_PARTS);
    let run = |script: usize, index: &str| {
        let script = scripts[script].replace("/parts/", &format!("{}/", parts.display()));
        let settings = [("SOURCE", scene.database.conninfo.as_str()), ("PARTS", "3"), ("PATH", &path)];
        shell(&script, &[&settings[..], &[("JOB_COMPLETION_INDEX", index)]].concat())
    };
    let pods: Vec<Child> = ["0", "1", "2"].map(|index| run(1, index)).into_iter().chain([run(0, "")]).collect();
    for pod in pods {
        let output = pod.wait_with_output().unwrap();
        assert_eq!(code(&output), 0, "{output:?}");
    }
    let entries = fs::read_dir(&parts).unwrap().map(|entry| entry.unwrap().path());
    let merged: Vec<_> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    assert_eq!(merged.len(), 1, "{merged:?}");
    let compared = scene.compare(&format!("parts/{}", merged[0].file_name().unwrap().to_str().unwrap()));
    assert_eq!(code(&compared), 0, "{compared:?}");
}

#[test]
fn the_example_for_aws_batch_reads_a_database_in_parts() {
    let scene = Scene::new(SMALL);
    let path = programs(&scene);
    let parts = scene.dir.path().join("parts");
    fs::create_dir(&parts).unwrap();
    let set = |text: String, (name, value): (&str, &str)| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}="))).unwrap().to_owned();
        text.replacen(&line, &format!("{name}=\"{value}\""), 1)
    };
    let settings = [("SOURCE", &*scene.database.conninfo), ("PARTS", "2"), ("DIRECTORY", parts.to_str().unwrap())];
    let script = settings.into_iter().fold(pgwitness::config::examples::BATCH.to_owned(), set);
    let mut script = shell(&script, &[("PATH", &path)]);
    let file = |name: &str| scene.dir.path().join("bin").join(name);
    while !file("overrides.json").exists() && script.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let json = |name: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(file(name)).unwrap()).unwrap() };
    let (properties, overrides) = (json("properties.json"), json("overrides.json"));
    assert_eq!(fs::read_to_string(file("size")).unwrap(), "2");
    let environment = |of: &serde_json::Value| -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        of["environment"].as_array().unwrap().iter().map(|pair| (text(&pair["name"]), text(&pair["value"]))).collect()
    };
    let command: Vec<&str> =
        properties["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(command[..2], ["/bin/sh", "-c"]);
    let child = |index: &str| {
        let mut variables = [environment(&properties), environment(&overrides)].concat();
        variables.push(("AWS_BATCH_JOB_ARRAY_INDEX".into(), index.into()));
        variables.push(("PATH".into(), path.clone()));
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        shell(&command[2].replace("/parts/", &format!("{}/", parts.display())), &variables)
    };
    for child in ["0", "1"].map(child) {
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 0, "{output:?}");
    }
    fs::write(file("status"), "SUCCEEDED").unwrap();
    let output = script.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
    let (_, run) = environment(&overrides).into_iter().find(|(name, _)| name == "RUN").unwrap();
    assert_eq!(code(&scene.compare(&format!("parts/shop-{run}.json"))), 0);
}
