//! The promises of `archive`, against dumps of a real server: every format gives the same rows, and no dump that lacks
//! anything passes for complete.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use pgwitness::base::error::{Error, Result};
use pgwitness::endpoint::dump_reader::{
    DumpFileFormat, DumpReader, DumpSequence, DumpTable, HasData, RowSink, TableKind,
};
use pgwitness::model::name::Name;
use tempfile::TempDir;
use traps::{program, traps};

mod traps;

/// Everything a scan has given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    rows: BTreeMap<Name, Vec<u8>>,
    columns: BTreeMap<Name, Vec<String>>,
    large_objects: BTreeMap<u32, Vec<u8>>,
}

struct Collect {
    all: Arc<Mutex<Seen>>,
    table: Option<Name>,
    rows: Vec<u8>,
}

impl RowSink for Collect {
    fn begin(&mut self, table: &Name, columns: &[String]) -> Result<()> {
        assert!(self.table.is_none(), "a table within another");
        self.all.lock().unwrap().columns.insert(table.clone(), columns.to_vec());
        self.table = Some(table.clone());
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> Result<()> {
        self.rows.extend_from_slice(line);
        self.rows.push(b'\n');
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let (name, rows) = (self.table.take().unwrap(), std::mem::take(&mut self.rows));
        self.all.lock().unwrap().rows.entry(name).or_default().extend(rows);
        Ok(())
    }

    fn large_object(&mut self, oid: u32, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut all = self.all.lock().unwrap();
        let object = all.large_objects.entry(oid).or_default();
        assert_eq!(object.len() as u64, offset);
        object.extend_from_slice(bytes);
        Ok(())
    }
}

fn open(path: &Path) -> Result<DumpReader> {
    DumpReader::open(path, &program("pg_restore"))
}

fn scan(archive: &DumpReader, jobs: usize, is_wanted: &(dyn Fn(&Name) -> bool + Sync)) -> Result<Seen> {
    let all = Arc::new(Mutex::new(Seen::default()));
    let make = || Box::new(Collect { all: all.clone(), table: None, rows: Vec::new() }) as Box<dyn RowSink>;
    archive.scan(is_wanted, true, jobs, &make)?;
    Ok(Arc::into_inner(all).unwrap().into_inner().unwrap())
}

/// Everything in a dump, read by two processes.
fn read(path: &Path) -> Result<Seen> {
    scan(&open(path)?, 2, &|_| true)
}

fn name(name: &str) -> Name {
    Name::new("shop", name)
}

fn table<'a>(archive: &'a DumpReader, table: &str) -> &'a DumpTable {
    &archive.catalog().tables[&name(table)]
}

const COMPLETE: &[&str] =
    &["custom", "custom-plain", "piped", "directory", "directory-plain", "tar", "sql", "create.sql"];

#[test]
fn every_format_gives_the_rows_and_large_objects_of_the_server() {
    let traps = traps();
    for dump in COMPLETE {
        for jobs in [1, 3] {
            let seen = scan(&open(&traps.path(dump)).unwrap(), jobs, &|_| true).unwrap();
            let names = |rows: &BTreeMap<Name, Vec<u8>>| rows.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&seen.rows), names(&traps.rows), "{dump}");
            for (name, rows) in &traps.rows {
                assert!(seen.rows[name] == *rows, "{dump}: rows of {name}");
            }
            assert!(seen.large_objects == traps.large_objects, "{dump}");
        }
    }
}

#[test]
fn every_format_has_the_same_catalog() {
    let traps = traps();
    let mut expected = open(&traps.path("sql")).unwrap().catalog().clone();
    assert_eq!((expected.encoding.as_str(), expected.undefined_tables), ("UTF8", 0));
    assert!(expected.server_version.is_some() && expected.dump_version.is_some());
    assert_eq!(expected.large_objects, [20001, 20002, 20003]);
    assert_eq!(expected.tables.len(), traps.rows.len() + 3, "two partitioned tables and a materialized view");
    for dump in COMPLETE {
        let archive = open(&traps.path(dump)).unwrap();
        expected.dump_version.clone_from(&archive.catalog().dump_version);
        assert_eq!(archive.catalog(), &expected, "{dump}");
    }
}

#[test]
fn the_catalog_tells_columns_keys_kinds_and_sequences() {
    let traps = traps();
    let archive = open(&traps.path("custom")).unwrap();
    let columns = |t: &str| {
        let columns = table(&archive, t).columns.iter();
        columns
            .map(|c| format!("{} {}{}", c.name, c.type_name, if c.is_generated { " =" } else { "" }))
            .collect::<Vec<_>>()
    };
    let orders = [
        "id integer",
        "to tal numeric(10,2)",
        "g integer =",
        "t timestamp with time zone",
        "b bytea",
        "f double precision",
        "i interval",
    ];
    assert_eq!(columns("orders"), orders);
    assert_eq!(columns("child"), [&orders[..], &["own text"]].concat());
    assert_eq!(columns("empty"), ["a integer", "b text", "c text[]", "d point"]);
    assert_eq!(columns("typed"), ["a integer", "b text"]);
    assert_eq!(table(&archive, "typed").primary_key, ["a"]);
    assert_eq!(table(&archive, "parts").primary_key, ["a", "b"]);
    assert_eq!(table(&archive, "parts_low_x").partition_of, Some(name("parts_low")));
    let kind = |t: &str| (table(&archive, t).kind, table(&archive, t).has_data);
    assert_eq!(kind("parts"), (TableKind::Partitioned, HasData::None));
    assert_eq!(kind("totals"), (TableKind::MaterializedView, HasData::None));
    assert_eq!(kind("zero"), (TableKind::Ordinary, HasData::Rows));
    assert!(table(&archive, "unlogged").is_unlogged);
    let sequences = &archive.catalog().sequences;
    assert_eq!(sequences[&name("orders_id_seq")], DumpSequence { last_value: 4711, is_called: true });
    let hostile = name("it's a \\ \"sequence\"");
    assert_eq!(sequences[&hostile], DumpSequence { last_value: -5, is_called: false });
    assert_eq!(sequences.len(), 3);
}

#[test]
fn columns_come_without_generated_ones_and_only_wanted_tables_come() {
    let traps = traps();
    for dump in COMPLETE {
        let seen = scan(&open(&traps.path(dump)).unwrap(), 2, &|n| n == &name("orders")).unwrap();
        assert_eq!(seen.rows.len(), 1, "{dump}");
        assert_eq!(seen.columns[&name("orders")], ["id", "to tal", "t", "b", "f", "i"]);
    }
}

#[test]
fn rows_loaded_through_the_root_come_as_rows_of_the_root() {
    let traps = traps();
    let archive = open(&traps.path("root")).unwrap();
    let seen = scan(&archive, 2, &|n| n == &name("parts")).unwrap();
    assert_eq!(seen.rows[&name("parts")].iter().filter(|b| **b == b'\n').count(), 3);
}

#[test]
fn dumps_without_rows_or_with_inserts_or_without_definitions_say_so() {
    let traps = traps();
    for (dump, expected) in
        [("schema", HasData::None), ("inserts", HasData::Inserts), ("inserts.sql", HasData::Inserts)]
    {
        let archive = open(&traps.path(dump)).unwrap();
        assert_eq!(table(&archive, "orders").has_data, expected, "{dump}");
        assert_eq!(scan(&archive, 2, &|_| true).unwrap().rows.len(), 0, "{dump}");
    }
    for dump in ["data", "data.sql"] {
        let archive = open(&traps.path(dump)).unwrap();
        assert_eq!(archive.catalog().undefined_tables, traps.rows.len(), "{dump}");
        assert!(archive.catalog().tables.values().all(|table| !table.is_defined), "{dump}");
        assert!(!archive.catalog().has_definitions, "{dump}");
        assert!(scan(&archive, 2, &|_| true).unwrap().rows == traps.rows, "{dump}");
    }
}

#[test]
fn formats_are_detected_and_other_files_are_none() {
    let traps = traps();
    let detect = |path: &str| DumpReader::detect(&traps.path(path));
    assert_eq!(detect("custom"), Ok(Some(DumpFileFormat::Custom)));
    assert_eq!(detect("directory"), Ok(Some(DumpFileFormat::Directory)));
    assert_eq!(detect("tar"), Ok(Some(DumpFileFormat::Tar)));
    assert_eq!(detect("create.sql"), Ok(Some(DumpFileFormat::Plain)));
    assert_eq!(detect("."), Ok(None));
    assert_eq!(DumpReader::detect(Path::new(file!())), Ok(None));
    assert!(detect("no such file").unwrap_err().to_string().contains("no such file: "));
    assert!(open(Path::new(file!())).unwrap_err().to_string().ends_with("not a PostgreSQL dump"));
}

/// One line, the file, what to try.
fn assert_clear(error: &Error, path: &Path, what: &str) {
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{what}: {text}");
    assert!(!text.contains('\n'), "{what}: {text}");
    assert!(error.hint_text().is_some(), "{what}: {text}");
}

#[test]
fn a_file_cut_anywhere_is_never_complete() {
    let traps = traps();
    let dir = TempDir::new().unwrap();
    for dump in ["custom", "custom-plain", "piped", "tar", "sql", "schema", "data.sql"] {
        let whole = fs::read(traps.path(dump)).unwrap();
        let last = if dump.ends_with("sql") { whole.trim_ascii_end().len() } else { whole.len() };
        let near_end = [1, 2, 20, 511, 513, 1500].map(|n| last - n);
        for cut in (0..30).map(|i| last * i / 30).chain(near_end) {
            let path = dir.path().join("cut");
            fs::write(&path, &whole[..cut]).unwrap();
            let what = format!("{dump} cut at {cut} of {}", whole.len());
            assert_clear(&read(&path).map(drop).expect_err(&what), &path, &what);
        }
    }
}

#[test]
fn a_directory_that_lacks_a_file_or_part_of_one_is_never_complete() {
    let traps = traps();
    let copy = TempDir::new().unwrap();
    for dump in ["directory", "directory-plain"] {
        let files: Vec<_> = fs::read_dir(traps.path(dump)).unwrap().map(|e| e.unwrap().path()).collect();
        for file in &files {
            fs::copy(file, copy.path().join(file.file_name().unwrap())).unwrap();
        }
        for file in &files {
            let there = copy.path().join(file.file_name().unwrap());
            let whole = fs::read(&there).unwrap();
            // Nothing in a dump tells the length of a large object that is not compressed; comparing it does.
            let is_bare_object = dump == "directory-plain" && file.to_string_lossy().contains("blob_");
            let cuts = [0, 1, whole.len() / 3, whole.len() / 2, whole.len().saturating_sub(5)];
            for cut in cuts.into_iter().filter(|cut| *cut < whole.len() && !is_bare_object) {
                fs::write(&there, &whole[..cut]).unwrap();
                let what = format!("{} cut at {cut} of {}", there.display(), whole.len());
                assert_clear(&read(copy.path()).map(drop).expect_err(&what), copy.path(), &what);
            }
            fs::remove_file(&there).unwrap();
            assert!(read(copy.path()).is_err(), "{} removed", there.display());
            fs::write(&there, &whole).unwrap();
        }
        assert!(read(copy.path()).is_ok());
        files.iter().for_each(|file| fs::remove_file(copy.path().join(file.file_name().unwrap())).unwrap());
    }
}

#[test]
fn a_changed_byte_is_an_error_in_compressed_rows_and_another_row_in_plain_ones() {
    let traps = traps();
    let path = traps.path("custom");
    let dir = TempDir::new().unwrap();
    let flipped = dir.path().join("flipped");
    let whole = fs::read(&path).unwrap();
    for tenth in 4..8 {
        let mut bytes = whole.clone();
        bytes[whole.len() * tenth / 10] ^= 1;
        fs::write(&flipped, &bytes).unwrap();
        assert_clear(&read(&flipped).map(drop).expect_err("flipped"), &flipped, "flipped");
    }
    let text = fs::read_to_string(traps.path("sql")).unwrap();
    fs::write(&flipped, text.replacen("\ntyped", "\ntypee", 1).replacen("1\ttyped", "1\ttypee", 1)).unwrap();
    let seen = read(&flipped).unwrap();
    assert_ne!(seen.rows[&name("typed")], traps.rows[&name("typed")]);
}

#[test]
fn an_error_of_a_sink_ends_the_scan_with_that_error() {
    struct Full;
    impl RowSink for Full {
        fn begin(&mut self, _: &Name, _: &[String]) -> Result<()> {
            Ok(())
        }
        fn row(&mut self, _: &[u8]) -> Result<()> {
            Err(Error::new("the sink is full"))
        }
        fn end(&mut self) -> Result<()> {
            Ok(())
        }
        fn large_object(&mut self, _: u32, _: u64, _: &[u8]) -> Result<()> {
            Ok(())
        }
    }
    let traps = traps();
    for dump in COMPLETE {
        let archive = open(&traps.path(dump)).unwrap();
        let error = archive.scan(&|_| true, true, 3, &|| Box::new(Full)).unwrap_err();
        assert!(error.to_string().ends_with("the sink is full"), "{dump}: {error}");
    }
}
