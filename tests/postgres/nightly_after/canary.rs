//! With `verify.redact`, nothing that comes from a row leaves a night or a restore: not on the terminal, not in a report, its closing,
//! a page, a journal, a mail, a webhook or the figures.

use std::fs;
use std::path::Path;

use crate::nightly_after::notified::Channels;
use crate::nightly_after::small;
use crate::support::Database;
use crate::support::night::{NightlyScenario, said, text};

/// Stands in every row that a message may quote.
const CANARY: &str = "canary-value";

/// What goes wrong, and how the night ends.
type Case = (&'static str, fn(&Database, &mut NightlyScenario), &'static [&'static str], i32);

/// The last words of a program of PostgreSQL, which may quote rows.
fn fails(scenario: &mut NightlyScenario, program: &str, only_with: &str, words: &str) {
    let script = format!(
        "case \"$*\" in *{only_with}*) echo '{program}: error: {words} {CANARY}-said' >&2; exit 1;; esac
        exec \"$REAL/{program}\" \"$@\""
    );
    scenario.wrap(program, &script);
}

fn orphans_and_a_check_that_raises(database: &Database, scenario: &mut NightlyScenario) {
    database.run(
        "CREATE TABLE notes (note text PRIMARY KEY); CREATE TABLE remarks (note text);
         INSERT INTO remarks VALUES ('canary-value-orphan');
         ALTER TABLE remarks ADD FOREIGN KEY (note) REFERENCES notes NOT VALID;
         CREATE FUNCTION cry() RETURNS int LANGUAGE plpgsql AS
             $$BEGIN RAISE '%', 'canary' || '-value-raised' USING DETAIL = 'canary' || '-value-detail'; END$$",
    );
    database.run("UPDATE pg_constraint SET convalidated = true WHERE conname = 'remarks_note_fkey'");
    let checks = scenario.path("checks");
    fs::create_dir(&checks).unwrap();
    fs::write(checks.join("rows.sql"), "SELECT note FROM public.orders WHERE id < 3").unwrap();
    fs::write(checks.join("cry.sql"), "SELECT public.cry()").unwrap();
    scenario.set("verify", &text("checks", &checks));
}

const CASES: [Case; 5] = [
    ("damage", orphans_and_a_check_that_raises, &["nightly"], 1),
    ("dump", |_, scenario| fails(scenario, "pg_dump", "--format", "query failed: ERROR: "), &["nightly"], 2),
    ("roles", |_, scenario| fails(scenario, "pg_dumpall", "--globals-only", "query failed: ERROR: "), &["nightly"], 3),
    ("restore", |_, scenario| fails(scenario, "pg_restore", "--dbname", "could not write: "), &["nightly"], 2),
    (
        "hook",
        |_, scenario| {
            scenario.set("hooks", "after_verified = [\"sh\", \"-c\", \"echo canary-value-hook >&2; exit 1\"]")
        },
        &["nightly"],
        3,
    ),
];

/// All that a run leaves and tells, but for the dump itself.
fn everything(scenario: &NightlyScenario, channels: &Channels, arguments: &[&str], code: i32) -> String {
    left(scenario, arguments, code) + &channels.all()
}

/// All that it leaves on this machine.
fn left(scenario: &NightlyScenario, arguments: &[&str], code: i32) -> String {
    let output = scenario.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    let mut text = said(&output);
    for place in ["reports", "state", "pgwitness.prom"] {
        gather(&scenario.path(place), &mut text);
    }
    text
}

fn gather(path: &Path, text: &mut String) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| gather(&entry.unwrap().path(), text));
    } else {
        text.push_str(&format!("\n--- {}\n", path.display()));
        text.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
    }
}

fn scenario_of(name: &str, is_redacted: bool) -> (Database, NightlyScenario, Channels) {
    let (database, mut scenario) = small(name);
    let channels = Channels::open(&mut scenario, &[], &[]);
    scenario.sections.push(("metrics".into(), vec![text("textfile", scenario.path("pgwitness.prom"))]));
    scenario.set("verify", &format!("redact = {is_redacted}"));
    (database, scenario, channels)
}

#[track_caller]
fn is_quiet(what: &str, text: &str) {
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(lines.is_empty(), "{what}: {lines:#?}");
}

#[test]
fn no_value_of_a_row_leaves_a_night_that_redacts_however_it_ends() {
    for (name, prepare, arguments, code) in CASES {
        for is_redacted in [false, true] {
            let (database, mut scenario, channels) = scenario_of(&format!("canary_{name}_{is_redacted}"), is_redacted);
            prepare(&database, &mut scenario);
            let text = everything(&scenario, &channels, arguments, code);
            match is_redacted {
                false => assert!(text.contains(CANARY), "{name}: the trap does not work:\n{text}"),
                true => is_quiet(name, &text),
            }
        }
    }
}

#[test]
fn no_value_of_a_row_leaves_a_restore_that_redacts_and_fails() {
    for is_redacted in [false, true] {
        let name = format!("canary_recover_{is_redacted}");
        let (_database, mut scenario, channels) = scenario_of(&name, is_redacted);
        scenario.demand(&["nightly", "--quiet"], 0);
        fails(&mut scenario, "pg_restore", "--dbname", "could not write: ");
        let into = crate::nightly_after::server().conninfo(&format!("{name}_restored"));
        let text = everything(&scenario, &channels, &["restore", "--into", &into], 2);
        match is_redacted {
            false => assert!(text.contains(CANARY), "the trap does not work:\n{text}"),
            true => is_quiet("restore", &text),
        }
    }
}

#[test]
fn no_value_of_a_row_leaves_the_machine_of_a_night_unless_values_are_asked_for() {
    for (name, prepare, arguments, code) in CASES {
        let (database, mut scenario, channels) = scenario_of(&format!("canary_away_{name}"), false);
        prepare(&database, &mut scenario);
        let text = left(&scenario, arguments, code);
        assert!(text.contains(CANARY), "{name}: the trap does not work:\n{text}");
        is_quiet(name, &channels.all());
    }
}

#[test]
fn an_error_that_a_check_raises_is_told_by_its_state_and_its_text_only_when_asked_for() {
    for values in [false, true] {
        let (database, mut scenario) = small(&format!("canary_raise_{values}"));
        scenario.sections.push(("notify".into(), vec![format!("values = {values}")]));
        let channels = Channels::open(&mut scenario, &[], &[]);
        scenario.sections.push(("metrics".into(), vec![text("textfile", scenario.path("pgwitness.prom"))]));
        database.run(
            "CREATE FUNCTION balance() RETURNS int LANGUAGE plpgsql AS
                 $$BEGIN RAISE EXCEPTION 'balance %', 4700 + 11 USING COLUMN = 'of ' || 4711, TABLE = 4711; END$$",
        );
        let checks = scenario.path("checks");
        fs::create_dir(&checks).unwrap();
        fs::write(checks.join("balance.sql"), "SELECT public.balance()").unwrap();
        scenario.set("verify", &text("checks", &checks));
        assert!(left(&scenario, &["nightly"], 2).contains("balance 4711 (SQLSTATE P0001)"));
        for sent in channels.each() {
            assert!(sent.contains("raise_exception (SQLSTATE P0001)") != values, "{sent}");
            assert_eq!(sent.contains("balance 4711"), values, "{sent}");
            assert!(values || !sent.contains("of 4711"), "{sent}");
        }
    }
}

#[test]
fn equal_rows_have_equal_hashes_on_both_sides_of_a_run_that_redacts() {
    let (_database, mut scenario, _channels) = scenario_of("canary_hashes", true);
    let checks = scenario.path("checks");
    fs::create_dir(&checks).unwrap();
    fs::write(checks.join("rows.sql"), "SELECT note FROM public.orders WHERE id < 3").unwrap();
    scenario.set("verify", &text("checks", &checks));
    scenario.demand(&["nightly", "--quiet"], 1);
    let rows = &scenario.report()["assertions"]["rows"];
    assert!(rows["expected"].to_string().contains("sha256:"), "{rows}");
    assert_eq!(rows["expected"], rows["actual"]);
}
