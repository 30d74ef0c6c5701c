//! What a night on any PostgreSQL server knows before it dumps: programs, extensions and roles of the restore server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::sync::OnceLock;
use std::time::Duration;

use crate::support;
use crate::support::night::{NightlyScenario, text};
use crate::support::{Database, cluster};
use pgwitness::postgres::server::Cluster;

/// Where the sources are.
fn sources() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(cluster)
}

/// Another server, which has what every server has.
fn copies() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(cluster)
}

/// A source with these objects, and a night that must not dump it.
fn scenario(name: &str, sql: &str) -> (Database, NightlyScenario) {
    let database = Database::create(sources(), name);
    database.run(sql);
    let source = vec!["kind = \"postgres\"".into(), text("url", sources().conninfo(name))];
    let mut scenario = NightlyScenario::new(copies(), vec![("source".into(), source)]);
    scenario.wrap("pg_dump", "echo it has come to pg_dump >&2; exit 1");
    (database, scenario)
}

/// What a night and `config check` say alike; each with its hint.
fn refused(scenario: &NightlyScenario) -> String {
    let output = scenario.run(&["nightly", "--quiet"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    assert_eq!((scenario.backups("unverified").len(), scenario.open_journals().len()), (0, 0), "{stderr}");
    let error = stderr.split("\nreport: ").next().unwrap().strip_prefix("error: ").unwrap().to_owned();
    let failed = format!("✗ source and copy: {}\n", error.replace("\n  try: ", "; "));
    let checked = scenario.demand(&["config", "check"], 2);
    assert!(checked.contains(&failed), "{error}\n{checked}");
    assert!(checked.contains("failed: a run would fail too"), "{checked}");
    let planned = scenario.demand(&["nightly", "--dry-run"], 2);
    assert!(planned.contains(&failed), "{error}\n{planned}");
    error.replace(&place(), "COPIES")
}

fn place() -> String {
    let info = pgwitness::postgres::conninfo::ConnInfo::resolve(&copies().conninfo("postgres"), &|_| None).unwrap();
    info.describe()
}

/// A night that would go on to pg_dump.
fn demand_let_through(scenario: &NightlyScenario, words: &str) {
    let checked = scenario.demand(&["config", "check"], 0);
    assert!(checked.contains(words), "{checked}");
    let said = scenario.demand(&["nightly", "--quiet"], 2);
    assert!(said.contains("it has come to pg_dump"), "{said}");
}

const EXTENSIONS: &str = "INSERT INTO pg_catalog.pg_extension VALUES
    (99998, 'aws_lambda', 10, 11, false, '1.0', NULL, NULL), (99999, 'aws_s3', 10, 11, false, '1.2', NULL, NULL)";

#[test]
fn extensions_that_the_server_of_the_copy_lacks_are_named_before_the_dump() {
    let (_database, mut scenario) = scenario("extensions", EXTENSIONS);
    let expected = "the source uses the extensions aws_lambda, aws_s3, and the restore server (COPIES) does not have them\n  \
                    try: install them there, for PostgreSQL MAJOR; what the copy can do without is named in \
                    [[restore.accept]], object = \"EXTENSION aws_lambda\"";
    let major = support::tools().version.major.to_string();
    assert_eq!(refused(&scenario), expected.replace("MAJOR", &major));
    let accept =
        |name: &str| format!("{{ object = \"EXTENSION {name}\", sqlstate = \"0A000\", reason = \"not used\" }}");
    scenario.set("restore", &format!("accept = [{}]", accept("aws_s3")));
    assert!(refused(&scenario).starts_with("the source uses the extension aws_lambda, and"));
    scenario.set("restore", &format!("accept = [{}, {}]", accept("aws_s3"), accept("aws_lambda")));
    demand_let_through(&scenario, "but for aws_lambda, aws_s3 (accepted)");
}

#[test]
fn roles_that_the_server_of_the_copy_lacks_are_named_before_a_good_dump_is_called_damaged() {
    Database::connect(&sources().conninfo("postgres")).run("CREATE ROLE owner_there; CREATE ROLE reader_there");
    let sql = "CREATE TABLE a (i int); ALTER TABLE a OWNER TO owner_there; CREATE TABLE b (i int); GRANT SELECT ON b TO reader_there;
        CREATE TEMP TABLE c (i int)";
    let (_database, mut scenario) = scenario("roles", sql);
    let expected = "the source has objects or rights of the roles owner_there, reader_there, \
                    and the restore server (COPIES) does not have the roles\n  \
                    try: create the roles there: CREATE ROLE owner_there; CREATE ROLE reader_there; \
                    Or set restore.no_owner and restore.no_privileges";
    assert_eq!(refused(&scenario), expected);
    scenario.set("restore", "no_owner = true");
    assert!(refused(&scenario).starts_with("the source has objects or rights of the role reader_there, and"));
    scenario.set("restore", "no_privileges = true");
    demand_let_through(&scenario, "✓ source and copy: source PostgreSQL ");
    scenario.set("restore", "no_owner = false");
    assert!(refused(&scenario).starts_with("the source has objects or rights of the role owner_there, and"));
    Database::connect(&copies().conninfo("postgres")).run("CREATE ROLE owner_there");
    demand_let_through(&scenario, "✓ source and copy: source PostgreSQL ");
}

#[test]
fn a_second_night_at_the_same_time_names_the_first_and_leaves_it_alone() {
    let (_database, mut scenario) = scenario("twice", "CREATE TABLE a (i int)");
    let (at_work, go) = (scenario.path("at-work"), scenario.path("go"));
    let script = format!(
        "case \"$*\" in *--version*) ;; *) touch '{}'; while [ ! -e '{}' ]; do sleep 0.1; done;; esac; exec \"$REAL/pg_dump\" \"$@\"",
        at_work.display(),
        go.display()
    );
    scenario.wrap("pg_dump", &script);
    let mut first = scenario.command(&["nightly", "--quiet"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    while !at_work.exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first night has ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = scenario.run(&["nightly", "--quiet"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let start = format!(
        "error: lock {}: another run is at work: nightly, process {}, run ",
        scenario.path("state/lock").display(),
        first.id()
    );
    assert!(stderr.starts_with(&start), "{stderr}");
    let journal = &scenario.open_journals()[0];
    let (stamp, run) = journal.trim_end_matches(".journal").split_once('-').unwrap();
    assert!(stderr.contains(&format!(", run {run}")), "{stderr}");
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let since = stderr.split(", since ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(digits(since), digits(stamp), "{stderr}");
    assert!(
        stderr
            .ends_with("try: wait for it to end; when it is gone the lock is free by itself, never remove the file\n")
    );
    std::fs::write(go, "").unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!((scenario.backups("verified").len(), scenario.reports().len()), (1, 1));
}
