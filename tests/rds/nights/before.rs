//! What can be known before anything is paid for: each is one clear line, exit code 2, and nothing asked of AWS but questions.

use std::fs;
use std::path::PathBuf;

use pgwitness::postgres::conninfo::ConnInfo;
use regex::Regex;

use crate::nights::machine::{Machine, copies};
use crate::support::disk::Small;
use crate::support::night::{NightlyScenario, names, text};
use crate::support::programs::put_program;
use crate::support::tools;

/// A night that must not begin to cost; what it said, with the names of this test's things in capitals.
pub fn refused(machine: &Machine, more: &[&str]) -> String {
    let verified = machine.scenario.backups("verified");
    let before = machine.temporaries();
    machine.aws.forget_calls();
    let output = machine.scenario.run(&[&["nightly", "--quiet"], more].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    demand_only_questions(machine);
    assert_eq!(machine.temporaries(), before, "{stderr}");
    assert_eq!(machine.scenario.backups("verified"), verified, "{stderr}");
    assert_eq!(machine.scenario.backups("unverified"), Vec::<String>::new(), "{stderr}");
    assert_eq!(machine.scenario.open_journals(), Vec::<String>::new(), "{stderr}");
    let said: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("report: ")).collect();
    let reported = stderr.lines().find_map(|line| line.strip_prefix("report: "));
    if let Some(path) = reported {
        let report: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(report["verdict"], "inconclusive");
        // The same words on paper.
        let reason = report["unchecked"][0]["reason"].as_str().unwrap();
        assert_eq!(format!("error: {reason}"), said[0]);
    }
    plain(machine, &said.join("\n"))
}

/// Nothing but Describe and GetCallerIdentity.
pub fn demand_only_questions(machine: &Machine) {
    let asked = machine.aws.calls().into_iter().map(|call| call.action);
    let wrong: Vec<String> =
        asked.filter(|name| !name.starts_with("Describe") && name != "GetCallerIdentity").collect();
    assert_eq!(wrong, Vec::<String>::new());
}

/// A directory with programs of PostgreSQL that say that they are old, and do nothing.
pub fn old_programs(scenario: &NightlyScenario) -> PathBuf {
    let dir = scenario.path("old-bin");
    fs::create_dir(&dir).unwrap();
    for name in ["pg_dump", "pg_dumpall", "pg_restore", "psql"] {
        put_program(&dir.join(name), &format!("#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n"));
    }
    dir
}

/// With the names of this test's things in capitals.
pub fn plain(machine: &Machine, said: &str) -> String {
    let copies = ConnInfo::resolve(&copies().conninfo("postgres"), &|_| None).unwrap();
    let socket = copies.get("host").unwrap();
    let major = tools().version.major;
    let said = said
        .replace(&machine.scenario.path("").display().to_string(), "DIR/")
        .replace(&machine.snapshot.id, "SNAPSHOT")
        .replace(&machine.production.resource_id, "RESOURCE")
        .replace(socket, "SOCKET")
        .replace(&socket.replace('/', "%2F"), "SOCKET")
        .replace(&format!("PostgreSQL {major}"), "PostgreSQL MAJOR")
        .replace(&format!("version {major}"), "version MAJOR");
    // AWS's clock comes in whole seconds, and an answer takes its time.
    let skew = Regex::new(r"(359|36[0-5])\d s (behind|ahead of) AWS's").unwrap();
    let said = skew.replace_all(&said, "3600 s $2 AWS's").into_owned();
    let said = Regex::new(r"\d{8}T\d{6}Z-[0-9a-f]{8}").unwrap().replace_all(&said, "RUN").into_owned();
    Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap().replace_all(&said, "TIME").into_owned()
}

/// What is wrong, how it comes about (and with which further arguments the night is run), and what must be said.
pub type Case = (&'static str, fn(&mut Machine) -> Vec<&'static str>, &'static str);

/// Each on a machine of its own; all that are wrong are told at once.
pub fn demand(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, change, expected) in cases {
        let mut machine = Machine::new("before_copy");
        let more = change(&mut machine);
        let said = refused(&machine, &more);
        if said != *expected {
            wrong.push(format!("--- {name}\n{said}\n--- not\n{expected}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// On a disk of its own: `place` is the directory of the configuration that is moved there.
fn on_disk(machine: &mut Machine, section: &str, disk: &Small) {
    machine.scenario.set(section, &text("directory", disk.path().join("place")));
    machine.scenario.demand(&["init"], 0);
}

fn demand_line(machine: &Machine, disk: &Small, expected: &str) {
    let said = refused(machine, &[]).replace(&disk.path().display().to_string(), "DISK");
    assert_eq!(said, expected);
}

#[test]
fn a_full_disk_for_dumps_is_known_before() {
    let Some(disk) = Small::mount("size=8m,mode=0755") else { return };
    let mut machine = Machine::new("full_dumps");
    on_disk(&mut machine, "dump", &disk);
    demand_line(
        &machine,
        &disk,
        "error: look for space in DISK/place: 8.3 MB are free, about 16 MB are needed\n  try: free some space and run it again",
    );
}

#[test]
fn a_disk_too_small_for_one_and_a_half_of_the_last_dump_is_known_before() {
    let Some(disk) = Small::mount("size=20m,mode=0755") else { return };
    let mut machine = Machine::new("small_dumps");
    on_disk(&mut machine, "dump", &disk);
    let last = serde_json::json!({
        "format": 1, "backup": "RUN", "data_as_of": "2026-01-31T02:00:00Z",
        "verified_at": "2026-01-31T03:00:00Z", "dump_bytes": 40_000_000, "step_ms": {}
    });
    fs::write(machine.scenario.path("state/last_verified.json"), last.to_string()).unwrap();
    demand_line(
        &machine,
        &disk,
        "error: look for space in DISK/place: 20 MB are free, about 60 MB are needed\n  try: free some space and run it again",
    );
}

#[test]
fn a_full_disk_for_reports_is_known_before() {
    let Some(disk) = Small::mount("size=1m,mode=0755") else { return };
    let mut machine = Machine::new("full_reports");
    on_disk(&mut machine, "report", &disk);
    disk.fill();
    demand_line(
        &machine,
        &disk,
        "error: write DISK/place/RUN/report.json: the disk is full\n  try: free some space and run it again",
    );
}

#[test]
fn disks_that_cannot_be_written_to_are_known_before() {
    for (section, expected) in [
        (
            "dump",
            "error: dump.directory: write into DISK/place: Read-only file system (os error 30)\n  \
             try: it must be writable by the user of the nightly run; are you that user?",
        ),
        (
            "report",
            "error: make report directory DISK/place/RUN: Read-only file system (os error 30)\n  \
             try: DISK/place must be a directory that this user can write to",
        ),
        ("state", "error: lock DISK/place/lock: Read-only file system (os error 30)"),
    ] {
        let Some(disk) = Small::mount("size=32m,mode=0755") else { return };
        let mut machine = Machine::new("read_only");
        on_disk(&mut machine, section, &disk);
        disk.make_read_only();
        demand_line(&machine, &disk, expected);
    }
}

#[test]
fn a_full_disk_for_the_journal_is_known_before() {
    let Some(disk) = Small::mount("size=64k,mode=0755") else { return };
    let mut machine = Machine::new("full_state");
    on_disk(&mut machine, "state", &disk);
    disk.fill();
    demand_line(
        &machine,
        &disk,
        "error: write journal DISK/place/runs/RUN.journal: the disk is full\n  try: free some space and run it again",
    );
    assert_eq!(names(&disk.path().join("place/runs")), Vec::<String>::new());
}

#[test]
fn a_backup_directory_of_another_disk_is_used_but_not_without_a_word() {
    let machine = Machine::new("other_disk");
    let mark = machine.scenario.path("backups/.pgwitness-backups");
    let mut marker: serde_json::Value = serde_json::from_slice(&fs::read(&mark).unwrap()).unwrap();
    (marker["device"], marker["file_system"]) = ("0".into(), "0".into());
    fs::write(&mark, marker.to_string()).unwrap();
    let output = machine.scenario.run(&["nightly", "--dry-run"]);
    let said = plain(&machine, &crate::support::night::said(&output));
    assert_eq!(output.status.code(), Some(0), "{said}");
    let words = "backup directory DIR/backups: it is on another disk than at TIME when it was marked";
    assert!(said.contains(&format!("warning: {words}\n")), "{said}");
    let checked = plain(&machine, &machine.scenario.demand(&["config", "check"], 0));
    assert!(checked.contains(&format!("in DIR/backups; {words}\n")), "{checked}");
}
