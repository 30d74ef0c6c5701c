//! Dumps that are damaged, cut short or not whole.
//!
//! What holds of a flipped byte: in the rows of a dump it is never "sound". In the table of contents it may be, when it changes
//! neither rows nor sequences (an owner, a comment, a date), and then the verdict says that the schema was not compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::no_false_sound::scenario::{Pair, Said, start};
use crate::support::client_tools;

const TABLES: &str = "CREATE TABLE a (id int PRIMARY KEY, word text); \
    INSERT INTO a SELECT n, 'witness ' || md5(n::text) FROM generate_series(1, 40) n; \
    CREATE TABLE b (id serial PRIMARY KEY, a int REFERENCES a, word text); \
    INSERT INTO b (a, word) SELECT n, 'witness ' || md5((n + 100)::text) FROM generate_series(1, 40) n; \
    CREATE TABLE p (id int, word text) PARTITION BY RANGE (id); \
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); INSERT INTO p VALUES (1, 'one')";

/// A database, what it holds, and dumps of it.
struct Scenario {
    pair: Pair,
    dir: tempfile::TempDir,
}

impl Scenario {
    fn new() -> Self {
        Self { pair: Pair::new(TABLES), dir: tempfile::tempdir().unwrap() }
    }

    /// What the database holds, as a saved manifest: comparing with it needs no server.
    fn saved(&self) -> PathBuf {
        let file = self.dir.path().join("saved.json");
        start(&["manifest", &self.pair.expected.conninfo, file.to_str().unwrap()]).end().is(0, &[]);
        file
    }

    fn dump(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.dir.path().join(name);
        let mut command = Command::new(client_tools().program("pg_dump"));
        command.env_clear().args(["-d", &self.pair.expected.conninfo, "-f"]).arg(&path).args(arguments);
        assert!(command.status().unwrap().success());
        path
    }

    fn compare(&self, dump: &Path) -> Said {
        start(&["compare", &self.pair.expected.conninfo, dump.to_str().unwrap()]).end()
    }
}

fn compare(saved: &Path, dump: &Path) -> Said {
    start(&["compare", "--quiet", saved.to_str().unwrap(), dump.to_str().unwrap()]).end()
}

/// The same file with one byte changed.
fn flipped(file: &Path, at: usize) -> PathBuf {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    let damaged = file.with_extension("damaged");
    fs::write(&damaged, bytes).unwrap();
    damaged
}

/// So many positions, evenly spread.
fn spread(positions: &[usize], count: usize) -> Vec<usize> {
    positions.iter().copied().step_by(positions.len().div_ceil(count).max(1)).collect()
}

/// Positions within the lines of rows.
fn in_rows(bytes: &[u8]) -> Vec<usize> {
    let starts = (0..bytes.len().saturating_sub(40)).filter(|&at| bytes[at..].starts_with(b"witness "));
    starts.flat_map(|at| at..at + 40).collect()
}

#[test]
fn a_flipped_byte_in_the_rows_of_a_dump_is_never_sound() {
    let scenario = Scenario::new();
    let saved = scenario.saved();
    for arguments in [&["-Fp"][..], &["-Ft"], &["-Fc", "-Z0"]] {
        let dump = scenario.dump(&format!("dump{}", arguments[0]), arguments);
        compare(&saved, &dump).is(0, &["not compared: schema"]);
        let positions = in_rows(&fs::read(&dump).unwrap());
        assert_eq!(positions.len(), 80 * 40, "{arguments:?}");
        for at in spread(&positions, 25) {
            let said = compare(&saved, &flipped(&dump, at));
            assert!([1, 2].contains(&said.code), "{arguments:?} at {at}: {said}");
        }
    }
}

#[test]
fn a_flipped_byte_in_compressed_rows_is_never_sound() {
    let scenario = Scenario::new();
    let saved = scenario.saved();
    let custom = scenario.dump("dump.custom", &["-Fc"]);
    let bytes = fs::read(&custom).unwrap();
    // The data begins behind the last entry of the table of contents.
    let last_entry = (0..bytes.len()).rev().find(|&at| bytes[at..].starts_with(b"REFERENCES")).unwrap();
    let data: Vec<usize> = (last_entry + 200..bytes.len() - 1).collect();
    for at in spread(&data, 40) {
        let said = compare(&saved, &flipped(&custom, at));
        assert_ne!(said.code, 0, "at {at} of {}: {said}", bytes.len());
    }
    let directory = scenario.dump("dump.directory", &["-Fd"]);
    compare(&saved, &directory).is(0, &["sound"]);
    for file in fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "gz") {
            continue;
        }
        let whole = fs::read(&file).unwrap();
        // The head of a gzip file (10 bytes) holds nothing of the rows.
        let positions: Vec<usize> = (10..whole.len()).collect();
        for at in spread(&positions, 12) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
            let said = compare(&saved, &directory);
            assert_ne!(said.code, 0, "{} at {at} of {}: {said}", file.display(), whole.len());
        }
        fs::write(&file, whole).unwrap();
    }
    compare(&saved, &directory).is(0, &["sound"]);
}

#[test]
fn a_flipped_byte_in_the_table_of_contents_is_at_best_a_verdict_without_the_schema() {
    let scenario = Scenario::new();
    let saved = scenario.saved();
    let dump = scenario.dump("dump", &["-Fc"]);
    let bytes = fs::read(&dump).unwrap();
    let end = (0..bytes.len()).rev().find(|&at| bytes[at..].starts_with(b"REFERENCES")).unwrap();
    for at in spread(&(0..end).collect::<Vec<_>>(), 60) {
        let said = compare(&saved, &flipped(&dump, at));
        match said.code {
            0 => said.is(0, &["not compared: schema, foreign keys"]),
            1 => said.is(1, &["damaged"]),
            _ => said.is(2, &[]),
        };
    }
}

#[test]
fn a_dump_that_is_cut_short_is_never_sound() {
    let scenario = Scenario::new();
    let saved = scenario.saved();
    for format in ["-Fp", "-Fc", "-Ft"] {
        let dump = scenario.dump(&format!("dump{format}"), &[format]);
        let bytes = fs::read(&dump).unwrap();
        // The end of a tar file is padding; that of plain SQL a comment that says that all is there.
        let end = match format {
            "-Ft" => in_rows(&bytes).last().unwrap() + 1,
            "-Fp" => bytes.len() - 30,
            _ => bytes.len(),
        };
        let damaged = dump.with_extension("cut");
        for at in spread(&(0..end).collect::<Vec<_>>(), 30).into_iter().chain([end - 1]) {
            fs::write(&damaged, &bytes[..at]).unwrap();
            let said = compare(&saved, &damaged);
            assert_ne!(said.code, 0, "{format} cut at {at} of {}: {said}", bytes.len());
        }
    }
}

#[test]
fn a_missing_file_of_a_directory_dump_is_never_sound() {
    let scenario = Scenario::new();
    let saved = scenario.saved();
    let dump = scenario.dump("dump", &["-Fd"]);
    for file in fs::read_dir(&dump).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>() {
        let aside = scenario.dir.path().join("aside");
        fs::rename(&file, &aside).unwrap();
        let said = compare(&saved, &dump);
        let is_empty_list = file.file_name().is_some_and(|name| name == "blobs.toc");
        assert!(said.code == 2 || is_empty_list, "without {}: {said}", file.display());
        fs::rename(&aside, &file).unwrap();
    }
    compare(&saved, &dump).is(0, &["sound"]);
}

#[test]
fn what_a_dump_does_not_hold_is_unchecked() {
    let scenario = Scenario::new();
    for (arguments, words) in [
        (&["-Fc", "--exclude-table-data=b"][..], &["rows public.b", "--exclude-table-data"][..]),
        (&["-Fc", "--inserts"], &["rows public.a", "INSERT"]),
        (&["-Fp", "--column-inserts"], &["rows public.a", "INSERT"]),
        (&["-Fc", "-E", "LATIN1"], &["rows public.a", "LATIN1"]),
        (&["-Fp", "-E", "LATIN1"], &["rows public.a", "LATIN1"]),
        (&["-Fp", "--exclude-table-data=b"], &["rows public.b", "--exclude-table-data"]),
    ] {
        scenario.compare(&scenario.dump(&crate::no_false_sound::scenario::fresh("dump"), arguments)).is(2, words);
    }
    let schema_only = scenario.compare(&scenario.dump("schema_only", &["-Fc", "--schema-only"]));
    schema_only.is(2, &["not compared: rows, sequences, large objects", "--schema-only"]);
    let data_only = scenario.dump("data_only", &["-Fc", "--data-only"]);
    scenario.compare(&data_only).is_error(&["--data-only"]);
    let partial = scenario.dump("partial", &["-Fc", "--table=a"]);
    scenario.compare(&partial).is(1, &["missing", "table public.b"]);
}

#[test]
fn rows_loaded_through_the_root_of_their_partitions_are_not_taken_for_empty_tables() {
    let scenario = Scenario::new();
    for format in ["-Fc", "-Fp"] {
        let dump = scenario.dump(&format!("dump{format}"), &[format, "--load-via-partition-root"]);
        let said = scenario.compare(&dump);
        assert!(said.code == 0 || said.out.contains("--load-via-partition-root"), "{said}");
        scenario.pair.expected.run("UPDATE p SET word = 'other'");
        assert_ne!(scenario.compare(&dump).code, 0);
        scenario.pair.expected.run("UPDATE p SET word = 'one'");
    }
}

#[test]
fn what_is_no_dump_is_an_error() {
    let scenario = Scenario::new();
    let file = |bytes: &[u8]| {
        let path = scenario.dir.path().join(crate::no_false_sound::scenario::fresh("file"));
        fs::write(&path, bytes).unwrap();
        path
    };
    for bytes in [&b""[..], b"hello", b"PGDMP", b"PGDMP\x01\x0e\x00", b"\x1f\x8b\x08\x00", &[0; 4096], b"SELECT 1;\n"] {
        scenario.compare(&file(bytes)).is_error(&["open the actual side"]);
    }
    scenario.compare(scenario.dir.path()).is_error(&["open the actual side"]);
    scenario.compare(Path::new("/dev/null")).is_error(&["open the actual side"]);
}
