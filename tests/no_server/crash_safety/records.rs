//! Small things that the tests here share.

use std::fs;
use std::path::Path;

use pgwitness::base::time::Timestamp;
use pgwitness::storage::backups::{Backup, Backups, DumpMetadata};
use pgwitness::storage::journal::{Place, ReportFile, RunInfo};

pub const RUN: &str = "00112233445566778899aabbccddeeff";

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn holder() -> RunInfo {
    RunInfo { run_id: RUN.into(), command: "nightly".into(), pid: 4711, at: at("2026-06-15T02:00:00Z") }
}

pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn new_backups(dir: &Path) -> Backups {
    Backups::init(&dir.join("backups"), RUN, at("2026-01-01T00:00:00Z")).unwrap()
}

pub fn day(day: u32) -> Timestamp {
    at(&format!("2026-06-{day:02}T02:30:00Z"))
}

pub fn id(number: u32) -> String {
    Backups::id(day(number), RUN).unwrap()
}

pub fn made(number: u32) -> DumpMetadata {
    DumpMetadata {
        run_id: RUN.into(),
        source: None,
        data_as_of: day(number),
        made_at: at(&format!("2026-06-{number:02}T03:00:00Z")),
        format: "directory".into(),
        pg_dump: "17.4".into(),
    }
}

pub fn report() -> ReportFile {
    ReportFile { path: "/reports/report.json".into(), sha256: "ab".repeat(32) }
}

/// A complete dump in `unverified/`.
pub fn dump(backups: &Backups, number: u32) -> Backup {
    let partial = backups.begin(&id(number)).unwrap();
    fs::create_dir(partial.dump_directory()).unwrap();
    fs::write(partial.dump_directory().join("toc.dat"), format!("table of contents {number}")).unwrap();
    fs::write(partial.dump_directory().join("3001.dat.gz"), [7; 10_000]).unwrap();
    fs::write(partial.globals(), "-- roles\n").unwrap();
    partial.finish(&made(number)).unwrap()
}

pub fn verified(backups: &Backups, number: u32) -> Backup {
    dump(backups, number);
    backups.place(&id(number), Place::Verified, Some(&report())).unwrap().unwrap()
}

pub fn ids(backups: &[Backup]) -> Vec<String> {
    backups.iter().map(|backup| backup.record.id.clone()).collect()
}
