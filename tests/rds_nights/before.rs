//! What can be known before anything is paid for: each is one clear line, exit code 2, and nothing asked of AWS but questions.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use pgwitness::conninfo::ConnInfo;
use regex::Regex;

use crate::disk::Small;
use crate::machine::{Machine, PRODUCTION, copies};
use crate::standin::{Action, Fault, Instance, Snapshot};
use crate::support::night::{NightWorld, names, text};
use crate::support::{Database, tools};

const HOUR: Duration = Duration::from_secs(3600);

/// A night that must not begin to cost; what it said, with the names of this test's things in capitals.
pub fn refused(machine: &Machine, more: &[&str]) -> String {
    let verified = machine.world.backups("verified");
    let before = machine.temporaries();
    machine.aws.forget_calls();
    let output = machine.world.run(&[&["nightly", "--quiet"], more].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    demand_only_questions(machine);
    assert_eq!(machine.temporaries(), before, "{stderr}");
    assert_eq!(machine.world.backups("verified"), verified, "{stderr}");
    assert_eq!(machine.world.backups("unverified"), Vec::<String>::new(), "{stderr}");
    assert_eq!(machine.world.open_journals(), Vec::<String>::new(), "{stderr}");
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
pub fn old_programs(world: &NightWorld) -> PathBuf {
    let dir = world.path("old-bin");
    fs::create_dir(&dir).unwrap();
    for name in ["pg_dump", "pg_dumpall", "pg_restore", "psql"] {
        let file = dir.join(name);
        fs::write(&file, format!("#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

/// With the names of this test's things in capitals.
pub fn plain(machine: &Machine, said: &str) -> String {
    let copies = ConnInfo::resolve(&copies().conninfo("postgres"), &|_| None).unwrap();
    let socket = copies.get("host").unwrap();
    let major = tools().version.major;
    let said = said
        .replace(&machine.world.path("").display().to_string(), "DIR/")
        .replace(&machine.snapshot.id, "SNAPSHOT")
        .replace(&machine.production.resource_id, "RESOURCE")
        .replace(socket, "SOCKET")
        .replace(&socket.replace('/', "%2F"), "SOCKET")
        .replace(&format!("PostgreSQL {major}"), "PostgreSQL MAJOR")
        .replace(&format!("version {major}"), "version MAJOR");
    let said = Regex::new(r"\d{8}T\d{6}Z-[0-9a-f]{8}").unwrap().replace_all(&said, "RUN").into_owned();
    Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap().replace_all(&said, "TIME").into_owned()
}

type Case = (&'static str, fn(&mut Machine) -> Vec<&'static str>, &'static str);

/// Each on a machine of its own; all that are wrong are told at once.
fn demand(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, wound, expected) in cases {
        let mut machine = Machine::new("before_copy");
        let more = wound(&mut machine);
        let said = refused(&machine, &more);
        if said != *expected {
            wrong.push(format!("--- {name}\n{said}\n--- not\n{expected}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn ago(age: Duration) -> Option<SystemTime> {
    Some(SystemTime::now() - age)
}

fn edit(machine: &Machine, change: impl FnOnce(&mut Snapshot)) {
    machine.aws.edit_snapshot(&machine.snapshot.id, change);
}

#[test]
fn a_snapshot_that_cannot_be_taken_is_one_clear_line() {
    demand(&[
        (
            "stale",
            |machine| {
                edit(machine, |snapshot| snapshot.created = ago(31 * HOUR));
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): newest snapshot SNAPSHOT is 31 h old; max_snapshot_age is 26 h\n  \
             try: look why RDS takes none, or name one with --snapshot",
        ),
        (
            "stale, and the next one is being made",
            |machine| {
                edit(machine, |snapshot| snapshot.created = ago(31 * HOUR));
                let next = Snapshot::automated(&machine.production, HOUR, None);
                machine.aws.add_snapshot(Snapshot { id: "rds:next".into(), ..next.still_creating() });
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): newest snapshot SNAPSHOT is 31 h old; max_snapshot_age is 26 h (rds:next is creating (40 %))\n  \
             try: look why RDS takes none, or name one with --snapshot",
        ),
        (
            "missing",
            |machine| {
                machine.aws.forget_snapshot(&machine.snapshot.id);
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): it has no snapshot\n  \
             try: is its backup retention period 0?",
        ),
        (
            "of another kind",
            |machine| {
                edit(machine, |snapshot| snapshot.kind = "manual".into());
                machine.world.set("source", "snapshots = \"automated\"");
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): it has no snapshot of the configured kind, but 1 of another kind\n  \
             try: see source.snapshots: automated, manual or any",
        ),
        (
            "still creating",
            |machine| {
                edit(machine, |snapshot| (snapshot.status, snapshot.created) = ("creating".into(), None));
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): none of its snapshots is finished: SNAPSHOT is creating (40 %)\n  \
             try: run it again once RDS has finished the snapshot",
        ),
        (
            "of the future",
            |machine| {
                edit(machine, |snapshot| snapshot.created = Some(SystemTime::now() + HOUR));
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): snapshot SNAPSHOT is of TIME, but now is TIME\n  \
             try: check the clock of this machine",
        ),
        (
            "named, not there",
            |_| vec!["--snapshot", "before-the-move"],
            "error: find a snapshot of club-production (RESOURCE): it has no snapshot before-the-move; its newest is SNAPSHOT\n  \
             try: a snapshot of another instance is never taken; the console lists those of this one",
        ),
        (
            "named, of another instance",
            |machine| {
                let other = machine.aws.add_instance(Instance::production("club-staging"));
                machine.aws.add_snapshot(Snapshot::manual(&other, "of-staging", HOUR, None));
                vec!["--snapshot", "of-staging"]
            },
            "error: find a snapshot of club-production (RESOURCE): it has no snapshot of-staging; its newest is SNAPSHOT\n  \
             try: a snapshot of another instance is never taken; the console lists those of this one",
        ),
        (
            "named, still creating",
            |machine| {
                let next = Snapshot::manual(&machine.production, "by-hand", HOUR, None);
                machine.aws.add_snapshot(next.still_creating());
                vec!["--snapshot", "by-hand"]
            },
            "error: find a snapshot of club-production (RESOURCE): snapshot by-hand is creating (40 %)\n  \
             try: run it again once RDS has finished the snapshot",
        ),
        (
            "newer than the server of the copy",
            |machine| {
                edit(machine, |snapshot| snapshot.engine_version = "99.1".into());
                vec![]
            },
            "error: the copy's server is PostgreSQL MAJOR, older than the source's 99\n  \
             try: restore into a server of version 99 or later",
        ),
    ]);
}

#[test]
fn an_aws_that_does_not_know_us_or_that_we_do_not_know_is_one_clear_line() {
    demand(&[
        (
            "expired credentials",
            |machine| {
                machine.aws.faults(Action::GetCallerIdentity, u32::MAX, Fault::expired_token());
                vec![]
            },
            "error: ask AWS who we are: ExpiredToken: The security token included in the request is expired\n  \
             try: the credentials have expired: renew them (`aws sso login`, or new keys)",
        ),
        (
            "credentials that expire between two calls",
            |machine| {
                machine.aws.faults(Action::DescribeDBSnapshots, u32::MAX, Fault::expired_token());
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): ExpiredToken: The security token included in the request is expired\n  \
             try: the credentials have expired: renew them (`aws sso login`, or new keys)",
        ),
        (
            "no credentials",
            |machine| {
                machine.world.environment.retain(|(name, _)| name != "AWS_ACCESS_KEY_ID");
                vec![]
            },
            "error: ask AWS who we are: no credentials for AWS, neither in the environment nor in a profile nor of this machine\n  \
             try: set source.profile, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            "unknown credentials",
            |machine| {
                machine.world.environment.push(("AWS_ACCESS_KEY_ID".into(), "AKIASOMEBODYELSE1234".into()));
                vec![]
            },
            "error: ask AWS who we are: InvalidClientTokenId: The security token included in the request is invalid.\n  \
             try: check which credentials are used: `aws sts get-caller-identity`",
        ),
        (
            "another account",
            |machine| {
                machine.world.set("source", "account = \"210987654321\"");
                vec![]
            },
            "error: the credentials are of account 123456789012, source.account is 210987654321\n  \
             try: use other credentials (source.profile)",
        ),
        (
            "a clock that is behind",
            |machine| {
                machine.aws.set_skew(3600);
                vec![]
            },
            "error: the clock of this machine is 3600 s behind AWS's\n  \
             try: set the clock (for instance `timedatectl set-ntp true`)",
        ),
        (
            "a clock that is ahead",
            |machine| {
                machine.aws.set_skew(-3600);
                vec![]
            },
            "error: the clock of this machine is 3600 s ahead of AWS's\n  \
             try: set the clock (for instance `timedatectl set-ntp true`)",
        ),
        (
            "another region",
            |machine| {
                machine.world.set("source", "region = \"eu-central-1\"");
                vec![]
            },
            "error: ask AWS who we are: SignatureDoesNotMatch: Credential should be scoped to a valid region and to service: 'sts'.\n  \
             try: check which credentials are used: `aws sts get-caller-identity`",
        ),
        (
            "no source of this name",
            |machine| {
                machine.world.set("source", "instance = \"club-prod\"");
                vec![]
            },
            "error: find the source instance club-prod: there is no instance of this name in ap-southeast-2\n  \
             try: check source.instance, source.region and the account of the credentials",
        ),
        (
            "a source that was renamed",
            |machine| {
                machine.world.set("source", &format!("resource_id = {:?}", machine.production.resource_id));
                machine.aws.forget_instance(PRODUCTION);
                machine.aws.add_instance(Instance { id: "club-production-old".into(), ..machine.production.clone() });
                vec![]
            },
            "error: find the source instance club-production: there is no instance of this name in ap-southeast-2; source.resource_id is RESOURCE\n  \
             try: RESOURCE is now named club-production-old: correct source.instance",
        ),
        (
            "a source that was renamed, and another one in its place",
            |machine| {
                machine.world.set("source", &format!("resource_id = {:?}", machine.production.resource_id));
                machine.aws.add_instance(Instance { id: "club-production-old".into(), ..machine.production.clone() });
                let resource_id = "db-ANOTHERANOTHERANOTHERANOTH".to_owned();
                machine.aws.add_instance(Instance { resource_id, ..machine.production.clone() });
                vec![]
            },
            "error: find the source instance club-production: it is db-ANOTHERANOTHERANOTHERANOTH, not the configured one; source.resource_id is RESOURCE\n  \
             try: RESOURCE is now named club-production-old: correct source.instance",
        ),
        (
            "a policy without a right",
            |machine| {
                machine.aws.faults(Action::DescribeDBSnapshots, u32::MAX, Fault::access_denied());
                vec![]
            },
            "error: find a snapshot of club-production (RESOURCE): AccessDenied: User: arn:aws:iam::123456789012:user/pgwitness is not authorized to perform this action\n  \
             try: `pgwitness config example iam` prints the policy that is needed",
        ),
    ]);
}

#[test]
fn an_aws_that_cannot_be_reached_is_one_clear_line() {
    demand(&[(
        "endpoint down",
        |machine| {
            machine.world.set("source", "endpoint_url = \"http://127.0.0.1:1\"");
            vec![]
        },
        "error: ask AWS who we are: no answer from AWS: Connection refused (os error 111)\n  \
             try: check the network, source.region and source.endpoint_url",
    )]);
}

#[test]
fn a_machine_that_is_not_ready_is_one_clear_line() {
    demand(&[
        (
            "old programs",
            |machine| {
                let dir = old_programs(&machine.world);
                machine.world.set("dump", &text("pg_bindir", dir));
                vec![]
            },
            "error: pg_dump 9.6.24 in DIR/old-bin is older than the server, PostgreSQL MAJOR: it would refuse\n  \
             try: install the client programs of PostgreSQL version MAJOR, and name their directory in dump.pg_bindir",
        ),
        (
            "no programs",
            |machine| {
                machine.world.set("dump", "pg_bindir = \"/nonexistent\"");
                vec![]
            },
            "error: pg_dump, pg_restore: use PostgreSQL in /nonexistent: no program pg_dump, pg_restore\n  \
             try: set dump.pg_bindir to the directory that has them",
        ),
        (
            "the mode of the key",
            |machine| {
                fs::set_permissions(machine.world.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
                vec![]
            },
            "error: read key DIR/key: its mode is 0644, wider than 0600\n  \
             try: chmod 600 DIR/key, if nobody else has read it",
        ),
        (
            "no key",
            |machine| {
                fs::remove_file(machine.world.path("key")).unwrap();
                vec![]
            },
            "error: read key DIR/key: No such file or directory (os error 2)\n  \
             try: pgwitness keygen DIR/key",
        ),
        (
            "an unmounted backup disk",
            |machine| {
                fs::rename(machine.world.path("backups"), machine.world.path("unmounted")).unwrap();
                fs::create_dir(machine.world.path("backups")).unwrap();
                vec![]
            },
            "error: open backup directory DIR/backups: it has no mark (.pgwitness-backups)\n  \
             try: is the backup disk mounted? A new directory is marked once, by `pgwitness init`",
        ),
        (
            "no backup directory",
            |machine| {
                fs::rename(machine.world.path("backups"), machine.world.path("unmounted")).unwrap();
                vec![]
            },
            "error: dump.directory: write into DIR/backups: No such file or directory (os error 2)\n  \
             try: is the backup disk mounted? A new directory is made and marked once, by `pgwitness init`",
        ),
        (
            "no room for reports",
            |machine| {
                fs::remove_dir(machine.world.path("reports")).unwrap();
                fs::write(machine.world.path("reports"), "").unwrap();
                vec![]
            },
            "error: make report directory DIR/reports/RUN: File exists (os error 17)\n  \
             try: DIR/reports must be a directory that this user can write to",
        ),
        (
            "no checks",
            |machine| {
                machine.world.set("verify", &text("checks", machine.world.path("checks")));
                vec![]
            },
            "error: verify.checks: read checks in DIR/checks: No such file or directory (os error 2)",
        ),
        (
            "no program for the hook",
            |machine| {
                machine.world.set("hooks", "after_restore = [\"/opt/club/anonymise\"]");
                vec![]
            },
            "error: hooks.after_restore: no program /opt/club/anonymise\n  \
             try: an absolute path; cron and systemd have a short PATH",
        ),
        (
            "no certificates",
            |machine| {
                machine.world.set("source.temporary", "ca_bundle = \"/nonexistent/bundle.pem\"");
                vec![]
            },
            "error: source.temporary.ca_bundle: read certificate /nonexistent/bundle.pem: No such file or directory (os error 2)\n  \
             try: fetch https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
        ),
        (
            "an unknown key",
            |machine| {
                machine.world.set("dump", "exclude_table_dat = [\"a\"]");
                vec![]
            },
            "error: read DIR/pgwitness.toml: line 26: unknown key dump.exclude_table_dat: did you mean exclude_table_data?\n  \
             try: one of directory, format, jobs, compression, exclude_table_data, stalled_after, pg_bindir",
        ),
        (
            "a state directory that others can write to",
            |machine| {
                fs::set_permissions(machine.world.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
                vec![]
            },
            "error: use state directory DIR/state: others than its owner can write to it\n  \
             try: chmod go-w DIR/state",
        ),
        (
            "a state directory that is none",
            |machine| {
                fs::remove_dir_all(machine.world.path("state")).unwrap();
                fs::write(machine.world.path("state"), "").unwrap();
                vec![]
            },
            "error: use state directory DIR/state: not a directory",
        ),
        (
            "a state directory in a place that is not there",
            |machine| {
                machine.world.set("state", &text("directory", machine.world.path("no/such")));
                vec![]
            },
            "error: use state directory DIR/no/such: No such file or directory (os error 2)\n  \
             try: `pgwitness init` makes it, for the user that runs it",
        ),
    ]);
}

#[test]
fn a_server_of_the_copy_that_is_not_ready_is_one_clear_line() {
    let admin = Database::connect(&copies().conninfo("postgres"));
    admin.run("CREATE ROLE weak LOGIN; CREATE ROLE maker LOGIN CREATEDB; CREATE ROLE club_team");
    demand(&[
        (
            "unreachable",
            |machine| {
                machine.world.set("restore", "url = \"postgresql://backup@127.0.0.1:1/postgres\"");
                vec![]
            },
            "error: look at the server of the copy: connect to postgresql://backup@127.0.0.1:1/postgres: Connection refused (os error 111)\n  \
             try: is the server running on 127.0.0.1, and does it listen on port 1?",
        ),
        (
            "may not create databases",
            |machine| {
                let url = format!("{} user=weak", copies().conninfo("postgres"));
                machine.world.set("restore", &text("url", url));
                vec![]
            },
            "error: look at the server of the copy: weak may not create databases on postgresql://weak@SOCKET:5432/postgres\n  \
             try: give the role weak CREATEDB",
        ),
        (
            "no such role",
            |machine| {
                machine.world.set("restore", "role = \"club_teem\"");
                vec![]
            },
            "error: look at the server of the copy: restore.role club_teem is not on postgresql://postgres@SOCKET:5432/postgres\n  \
             try: create it there, or leave restore.role out",
        ),
        (
            "a role that it may not take",
            |machine| {
                let url = format!("{} user=maker", copies().conninfo("postgres"));
                machine.world.set("restore", &text("url", url));
                machine.world.set("restore", "role = \"club_team\"");
                vec![]
            },
            "error: look at the server of the copy: maker may not become restore.role club_team on postgresql://maker@SOCKET:5432/postgres\n  \
             try: grant the role club_team to maker",
        ),
        (
            "no such database",
            |machine| {
                machine.world.set("restore", &text("url", copies().conninfo("postgers")));
                vec![]
            },
            "error: look at the server of the copy: connect to postgresql://postgres@SOCKET:5432/postgers: database \"postgers\" does not exist (SQLSTATE 3D000)\n  \
             try: list the databases with: psql -l -h SOCKET -p 5432 -U postgres",
        ),
        (
            "the mode of the password",
            |machine| {
                let file = machine.world.path("password");
                fs::write(&file, "s3cret\n").unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
                machine.world.set("restore", &text("password_file", file));
                vec![]
            },
            "error: restore.url: read secret DIR/password: its mode is 0640, wider than 0600\n  \
             try: chmod 600 DIR/password, if nobody else has read it",
        ),
    ]);
}

/// On a disk of its own: `place` is the directory of the configuration that is moved there.
fn on_disk(machine: &mut Machine, section: &str, disk: &Small) {
    machine.world.set(section, &text("directory", disk.path().join("place")));
    machine.world.demand(&["init"], 0);
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
        "error: look for space in DISK/place: 7 MiB are free, about 16 MiB are needed\n  try: free some space and run it again",
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
    fs::write(machine.world.path("state/last_verified.json"), last.to_string()).unwrap();
    demand_line(
        &machine,
        &disk,
        "error: look for space in DISK/place: 19 MiB are free, about 58 MiB are needed\n  try: free some space and run it again",
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
             try: it must be writable by the user of the night; are you that user?",
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
    let mark = machine.world.path("backups/.pgwitness-backups");
    let mut marker: serde_json::Value = serde_json::from_slice(&fs::read(&mark).unwrap()).unwrap();
    (marker["device"], marker["file_system"]) = ("0".into(), "0".into());
    fs::write(&mark, marker.to_string()).unwrap();
    let output = machine.world.run(&["nightly", "--dry-run"]);
    let said = plain(&machine, &crate::support::night::said(&output));
    assert_eq!(output.status.code(), Some(0), "{said}");
    let words = "backup directory DIR/backups: it is on another disk than at TIME when it was marked";
    assert!(said.contains(&format!("warning: {words}\n")), "{said}");
    let checked = plain(&machine, &machine.world.demand(&["config", "check"], 0));
    assert!(checked.contains(&format!("in DIR/backups; {words}\n")), "{checked}");
}
