//! `restore` of what nights on RDS have left: only what was signed comes back, and only as what was signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use crate::fake_rds::Snapshot;
use crate::nights::before::{old_programs, plain};
use crate::nights::machine::{Machine, copies, image};
use crate::support::night::{names, text};
use crate::support::{Database, client_tools, cluster, pgwitness};

/// A machine with one verified backup, and its id.
fn verified(copy: &str) -> (Machine, String) {
    let machine = Machine::new(copy);
    machine.scenario.demand(&["nightly", "--quiet"], 0);
    let id = machine.scenario.backups("verified")[0].clone();
    (machine, id)
}

fn restore(machine: &Machine, into: &str, more: &[&str]) -> Output {
    let into = copies().conninfo(into);
    machine.scenario.run(&[&["restore", "--quiet", "--into", &into], more].concat())
}

/// Refused before there is a database; what was said.
fn refused(machine: &Machine, more: &[&str]) -> String {
    let output = restore(machine, "bad_day_refused", more);
    let stderr = plain(machine, &String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    assert_eq!(machine.databases("bad_day_refused"), Vec::<String>::new(), "{stderr}");
    stderr
}

#[test]
fn a_backup_comes_back_by_default_or_by_the_start_of_its_id_and_never_into_a_database_that_exists() {
    let (machine, id) = verified("bad_day");
    for (into, more) in [("bad_day_newest", vec![]), ("bad_day_named", vec!["--backup", &id[..12]])] {
        let output = restore(&machine, into, &more);
        let said = crate::support::night::said(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("sound (") && said.contains(&format!("backup {id}, data of ")), "{said}");
        assert_eq!(Database::connect(&copies().conninfo(into)).value("SELECT count(*) FROM shop.orders"), "3000");
    }
    let output = restore(&machine, "bad_day_newest", &[]);
    let stderr = plain(&machine, &String::from_utf8(output.stderr).unwrap());
    let expected = "error: create database \"bad_day_newest\" on postgresql://postgres@SOCKET:5432/postgres: \
                    database \"bad_day_newest\" exists already\n  \
                    try: if it is not needed, drop it (dropdb); otherwise give another name\n";
    assert!(stderr.ends_with(expected), "{stderr}");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        Database::connect(&copies().conninfo("bad_day_newest")).value("SELECT count(*) FROM shop.orders"),
        "3000"
    );
    // A night that fails takes nothing away.
    machine.aws.edit_snapshot(&machine.snapshot.id, |snapshot| snapshot.status = "creating".into());
    let words = crate::nights::before::refused(&machine, &[]);
    assert!(words.contains("none of its snapshots is finished"), "{words}");
    assert!(machine.scenario.reports().len() >= 3, "each restore has a report of its own");
    a_role_that_is_not_there(&machine);
}

/// On a server that has never heard of production's roles.
fn a_role_that_is_not_there(machine: &Machine) {
    let bare = cluster();
    let into = bare.conninfo("bad_day_bare");
    let said = plain(machine, &machine.scenario.demand(&["restore", "--quiet", "--into", &into], 2));
    assert!(said.contains("does not have the role\n  try: create what is missing there first: psql -f DIR/"), "{said}");
    assert!(said.contains("globals.sql (or CREATE ROLE clubadmin;)"), "{said}");
    let databases = "SELECT count(*) FROM pg_database WHERE datname LIKE '%bad_day%'";
    assert_eq!(Database::connect(&bare.conninfo("postgres")).value(databases), "0", "known before a database is made");
    let config = fs::read_to_string(machine.scenario.config()).unwrap();
    let file = machine.scenario.path("without_owner.toml");
    fs::write(&file, config.replace("[restore]\n", "[restore]\nno_owner = true\nno_privileges = true\n")).unwrap();
    let output = pgwitness().args(["restore", "--quiet", "--into", &into, "--config"]).arg(file).output().unwrap();
    let said = crate::support::night::said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("sound (") && said.contains("restore.no_owner"), "what was not compared is told: {said}");
}

/// The directory of the only report.
fn report_directory(machine: &Machine) -> PathBuf {
    let dir = machine.scenario.path("reports");
    dir.join(&names(&dir)[0])
}

fn replace_in(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_backup_without_a_trusted_report_is_not_restored() {
    let (machine, id) = verified("bad_day_papers");
    let newer = Snapshot::automated(&machine.production, Duration::from_secs(3600), Some(image()));
    machine.aws.add_snapshot(newer);
    machine.scenario.demand(&["nightly", "--quiet"], 0);
    let ids = machine.scenario.backups("verified");
    assert_eq!(ids.len(), 2);
    let other = ids.iter().find(|other| **other != id).unwrap();
    // Only the first report from here on; the second backup is without one.
    let reports = machine.scenario.path("reports");
    let second = names(&reports).into_iter().find(|name| name.ends_with(&other[17..])).unwrap();
    fs::rename(reports.join(&second), machine.scenario.path("second")).unwrap();
    let words = refused(&machine, &["--backup", "20"]);
    assert_eq!(
        words,
        "error: find backup \"20\" in DIR/backups: 2 verified backups have an id that begins with this\n  try: give more characters of the id\n"
    );
    let words = refused(&machine, &["--backup", "20200101T000000Z-00000000"]);
    let expected = "error: find backup \"RUN\" in DIR/backups: there is no such verified backup\n  \
                    try: list them with `pgwitness backups list`\n";
    assert_eq!(words, expected);
    let words = refused(&machine, &["--backup", other]);
    let expected = "error: verify the backup RUN: read report DIR/reports/RUN/report.json: No such file or directory (os error 2)\n  \
                    try: restore report.directory, or choose another backup (--backup): without its signed report a \
                    backup proves nothing\n";
    assert_eq!(words, expected);
    with_old_programs(&machine, &id);
    with_foreign_signers(&machine, &id);
    with_changed_papers(&machine, &id);
}

fn with_old_programs(machine: &Machine, id: &str) {
    let config = fs::read_to_string(machine.scenario.config()).unwrap();
    let file = machine.scenario.path("old.toml");
    let old = old_programs(&machine.scenario);
    let config = config.replace(&text("pg_bindir", &client_tools().bindir), &text("pg_bindir", old));
    fs::write(&file, config).unwrap();
    let into = copies().conninfo("bad_day_refused");
    let output =
        pgwitness().args(["restore", "-q", "--backup", id, "--into", &into, "--config"]).arg(file).output().unwrap();
    let words = plain(machine, &crate::support::night::said(&output));
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(
        words.contains("error: pg_dump 9.6.24 in DIR/old-bin is older than the server, PostgreSQL MAJOR"),
        "{words}"
    );
    assert_eq!(machine.databases("bad_day_refused"), Vec::<String>::new());
}

fn with_foreign_signers(machine: &Machine, id: &str) {
    let stranger = machine.scenario.path("stranger");
    assert!(pgwitness().arg("keygen").arg(&stranger).output().unwrap().status.success());
    let key = fs::read_to_string(machine.scenario.path("stranger.pub")).unwrap();
    let allowed = machine.scenario.path("allowed");
    fs::write(&allowed, format!("somebody {key}")).unwrap();
    let words = refused(machine, &["--backup", id, "--allowed-signers", allowed.to_str().unwrap()]);
    assert!(words.starts_with("error: verify the backup RUN: signer not allowed: "), "{words}");
    fs::write(&allowed, "not a line of allowed signers\n").unwrap();
    let words = refused(machine, &["--backup", id, "--allowed-signers", allowed.to_str().unwrap()]);
    assert!(words.starts_with("error: read DIR/allowed: "), "{words}");
    // Another key in the configuration is another signer.
    let config = fs::read_to_string(machine.scenario.config()).unwrap();
    let file = machine.scenario.path("stranger.toml");
    fs::write(&file, config.replace(&text("key", machine.scenario.path("key")), &text("key", &stranger))).unwrap();
    let into = copies().conninfo("bad_day_refused");
    let output = pgwitness().args(["restore", "--backup", id, "--into", &into, "--config"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(crate::support::night::said(&output).contains("signer not allowed: "));
}

fn with_changed_papers(machine: &Machine, id: &str) {
    let report = report_directory(machine).join("report.json");
    let good = fs::read(&report).unwrap();
    replace_in(&report, "\"sound\"", "\"sound\" ");
    let words = refused(machine, &["--backup", id]);
    assert!(words.starts_with("error: verify the backup RUN: bad signature: "), "{words}");
    fs::write(&report, &good).unwrap();
    let manifest = report_directory(machine).join("expected.manifest.json");
    let whole = fs::read(&manifest).unwrap();
    replace_in(&manifest, "3000", "3001");
    let words = refused(machine, &["--backup", id]);
    assert!(
        words.contains("side files changed: expected.manifest.json is not the file that was signed for"),
        "{words}"
    );
    fs::write(&manifest, &whole).unwrap();
    let sums = machine.scenario.path("backups/verified").join(id).join("SHA256SUMS");
    fs::write(&sums, "").unwrap();
    let words = refused(machine, &["--backup", id]);
    let expected = "error: verify the backup RUN: it has changed since it was verified: SHA256SUMS has changed\n  \
                    try: choose another backup (--backup), and check the disk\n";
    assert_eq!(words, expected);
}
