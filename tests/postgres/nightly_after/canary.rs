//! With `verify.redact`, nothing that comes from a row leaves a night or a restore: not on the terminal, not in a report, its closing,
//! a page, a journal, a mail, a webhook or the figures.

use std::fs;
use std::path::Path;

use crate::nightly_after::small;
use crate::nightly_after::told::Ears;
use crate::support::Database;
use crate::support::night::{NightWorld, said, text};

/// Stands in every row that a message may quote.
const CANARY: &str = "canary-value";

/// What goes wrong, and how the night ends.
type Case = (&'static str, fn(&Database, &mut NightWorld), &'static [&'static str], i32);

/// The last words of a program of PostgreSQL, which may quote rows.
fn fails(world: &mut NightWorld, program: &str, only_with: &str, words: &str) {
    let script = format!(
        "case \"$*\" in *{only_with}*) echo '{program}: error: {words} {CANARY}-said' >&2; exit 1;; esac
        exec \"$REAL/{program}\" \"$@\""
    );
    world.wrap(program, &script);
}

fn orphans_and_a_check_that_raises(database: &Database, world: &mut NightWorld) {
    database.run(
        "CREATE TABLE notes (note text PRIMARY KEY); CREATE TABLE remarks (note text);
         INSERT INTO remarks VALUES ('canary-value-orphan');
         ALTER TABLE remarks ADD FOREIGN KEY (note) REFERENCES notes NOT VALID;
         CREATE FUNCTION cry() RETURNS int LANGUAGE plpgsql AS
             $$BEGIN RAISE '%', 'canary' || '-value-raised' USING DETAIL = 'canary' || '-value-detail'; END$$",
    );
    database.run("UPDATE pg_constraint SET convalidated = true WHERE conname = 'remarks_note_fkey'");
    let checks = world.path("checks");
    fs::create_dir(&checks).unwrap();
    fs::write(checks.join("rows.sql"), "SELECT note FROM public.orders WHERE id < 3").unwrap();
    fs::write(checks.join("cry.sql"), "SELECT public.cry()").unwrap();
    world.set("verify", &text("checks", &checks));
}

const CASES: [Case; 5] = [
    ("damage", orphans_and_a_check_that_raises, &["nightly"], 1),
    ("dump", |_, world| fails(world, "pg_dump", "--format", "query failed: ERROR: "), &["nightly"], 2),
    ("roles", |_, world| fails(world, "pg_dumpall", "--globals-only", "query failed: ERROR: "), &["nightly"], 3),
    ("restore", |_, world| fails(world, "pg_restore", "--dbname", "could not write: "), &["nightly"], 2),
    (
        "hook",
        |_, world| world.set("hooks", "after_verified = [\"sh\", \"-c\", \"echo canary-value-hook >&2; exit 1\"]"),
        &["nightly"],
        3,
    ),
];

/// All that a run leaves and tells, but for the dump itself.
fn everything(world: &NightWorld, ears: &Ears, arguments: &[&str], code: i32) -> String {
    let output = world.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    let mut text = said(&output) + &ears.all();
    for place in ["reports", "state", "pgwitness.prom"] {
        gather(&world.path(place), &mut text);
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

fn world_of(name: &str, is_redacted: bool) -> (Database, NightWorld, Ears) {
    let (database, mut world) = small(name);
    let ears = Ears::open(&mut world, &[], &[]);
    world.sections.push(("metrics".into(), vec![text("textfile", world.path("pgwitness.prom"))]));
    world.set("verify", &format!("redact = {is_redacted}"));
    (database, world, ears)
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
            let (database, mut world, ears) = world_of(&format!("canary_{name}_{is_redacted}"), is_redacted);
            prepare(&database, &mut world);
            let text = everything(&world, &ears, arguments, code);
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
        let (_database, mut world, ears) = world_of(&name, is_redacted);
        world.demand(&["nightly", "--quiet"], 0);
        fails(&mut world, "pg_restore", "--dbname", "could not write: ");
        let into = crate::nightly_after::server().conninfo(&format!("{name}_restored"));
        let text = everything(&world, &ears, &["restore", "--into", &into], 2);
        match is_redacted {
            false => assert!(text.contains(CANARY), "the trap does not work:\n{text}"),
            true => is_quiet("restore", &text),
        }
    }
}
