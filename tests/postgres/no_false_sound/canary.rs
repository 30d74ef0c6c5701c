//! With `--redact`, nothing that comes from a row leaves: not on the terminal, not in a report, a manifest or a page.

use std::path::Path;

use crate::no_false_sound::scenario::{Pair, Said, file, start};

/// Stands in every place that a value can come from.
const CANARY: &str = "kanarienvogel";

const TABLES: &str = "CREATE TABLE parent (id text PRIMARY KEY); CREATE TABLE child (id text, word text); \
    INSERT INTO parent VALUES ('one'); INSERT INTO child VALUES ('kanarienvogel-key', 'kanarienvogel-1'), ('one', 'x'); \
    ALTER TABLE child ADD FOREIGN KEY (id) REFERENCES parent NOT VALID; \
    CREATE TABLE keyed (id text PRIMARY KEY, word text); INSERT INTO keyed VALUES ('kanarienvogel-2', 'kanarienvogel-3'); \
    CREATE FUNCTION cry() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE '%', 'kanarien' || 'vogel-4' \
    USING DETAIL = 'kanarien' || 'vogel-5', HINT = 'kanarien' || 'vogel-6', ERRCODE = '42501'; END$$";

#[track_caller]
fn keeps_quiet(said: &Said) {
    assert!(!said.out.contains(CANARY) && !said.err.contains(CANARY), "{said}");
}

/// Every file below a directory.
#[track_caller]
fn is_nowhere_in(dir: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += is_nowhere_in(&path);
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(CANARY), "{}", path.display());
        files += 1;
    }
    files
}

#[test]
fn a_value_of_a_row_is_nowhere_when_values_are_redacted() {
    let pair = Pair::new(TABLES);
    pair.actual.run("UPDATE keyed SET word = 'kanarienvogel-7'; INSERT INTO keyed VALUES ('kanarienvogel-8', 'x')");
    let dir = tempfile::tempdir().unwrap();
    let [checks, reports] = ["checks", "reports"].map(|name| dir.path().join(name));
    std::fs::create_dir(&checks).unwrap();
    file(&checks, "rows.sql", "SELECT id, word FROM public.child");
    file(&checks, "cry.sql", "SELECT public.cry() FROM public.parent");
    file(&checks, "cast.sql", "SELECT word::int FROM public.child");
    let arguments = ["--checks", checks.to_str().unwrap(), "--report", reports.to_str().unwrap()];
    let shown = pair.compare(&arguments);
    shown.is(1, &["kanarienvogel-key", "kanarienvogel-1", "kanarienvogel-3", "kanarienvogel-4", "kanarienvogel-7"]);
    std::fs::remove_dir_all(&reports).unwrap();
    for format in ["table", "json"] {
        let said = pair.compare(&[&arguments[..], &["--redact", "--format", format]].concat());
        said.is(1, &["foreign_key", "sha256:", "SQLSTATE 42501"]);
        keeps_quiet(&said);
    }
    let pages = dir.path().join("pages");
    let said = start(&["report", "html", reports.to_str().unwrap(), "--output", pages.to_str().unwrap()]).end();
    said.is(0, &[]);
    assert!(is_nowhere_in(&pages) > 0);
    assert!(is_nowhere_in(&reports) >= 6);
    let saved = dir.path().join("saved.json");
    let said = start(&[
        "manifest",
        &pair.actual.conninfo,
        saved.to_str().unwrap(),
        "--redact",
        "--checks",
        checks.to_str().unwrap(),
    ])
    .end();
    keeps_quiet(&said);
    assert!(!std::fs::read_to_string(&saved).unwrap().contains(CANARY));
}
