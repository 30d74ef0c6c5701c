//! What can be known before anything is paid for: each is one clear line, exit code 2, and nothing asked of AWS but questions.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use crate::disk::Small;
use crate::machine::{Machine, PRODUCTION, copies};
use crate::standin::{Action, Fault, Instance, Snapshot};
use crate::support::Database;
use crate::support::night::{names, text};

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

fn plain(machine: &Machine, said: &str) -> String {
    let socket = pgwitness::conninfo::ConnInfo::resolve(&copies().conninfo("postgres"), &|_| None).unwrap().describe();
    said.replace(&machine.world.path("").display().to_string(), "DIR/")
        .replace(&machine.aws.url(), "AWS")
        .replace(&machine.snapshot.id, "SNAPSHOT")
        .replace(&machine.production.resource_id, "RESOURCE")
        .replace(&socket, "COPIES")
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
            "",
        ),
        (
            "stale, and the next one is being made",
            |machine| {
                edit(machine, |snapshot| snapshot.created = ago(31 * HOUR));
                let next = Snapshot::automated(&machine.production, HOUR, None);
                machine.aws.add_snapshot(Snapshot { id: "rds:next".into(), ..next.still_creating() });
                vec![]
            },
            "",
        ),
        (
            "missing",
            |machine| {
                machine.aws.forget_snapshot(&machine.snapshot.id);
                vec![]
            },
            "",
        ),
        (
            "of another kind",
            |machine| {
                edit(machine, |snapshot| snapshot.kind = "manual".into());
                machine.world.set("source", "snapshots = \"automated\"");
                vec![]
            },
            "",
        ),
        (
            "still creating",
            |machine| {
                edit(machine, |snapshot| (snapshot.status, snapshot.created) = ("creating".into(), None));
                vec![]
            },
            "",
        ),
        (
            "of the future",
            |machine| {
                edit(machine, |snapshot| snapshot.created = Some(SystemTime::now() + HOUR));
                vec![]
            },
            "",
        ),
        ("named, not there", |_| vec!["--snapshot", "before-the-move"], ""),
        (
            "named, of another instance",
            |machine| {
                let other = machine.aws.add_instance(Instance::production("club-staging"));
                machine.aws.add_snapshot(Snapshot::manual(&other, "of-staging", HOUR, None));
                vec!["--snapshot", "of-staging"]
            },
            "",
        ),
        (
            "named, still creating",
            |machine| {
                let next = Snapshot::manual(&machine.production, "by-hand", HOUR, None);
                machine.aws.add_snapshot(next.still_creating());
                vec!["--snapshot", "by-hand"]
            },
            "",
        ),
        (
            "newer than the server of the copy",
            |machine| {
                edit(machine, |snapshot| snapshot.engine_version = "99.1".into());
                vec![]
            },
            "",
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
            "",
        ),
        (
            "credentials that expire between two calls",
            |machine| {
                machine.aws.faults(Action::DescribeDBSnapshots, u32::MAX, Fault::expired_token());
                vec![]
            },
            "",
        ),
        (
            "no credentials",
            |machine| {
                machine.world.environment.retain(|(name, _)| name != "AWS_ACCESS_KEY_ID");
                vec![]
            },
            "",
        ),
        (
            "unknown credentials",
            |machine| {
                machine.world.environment.push(("AWS_ACCESS_KEY_ID".into(), "AKIASOMEBODYELSE1234".into()));
                vec![]
            },
            "",
        ),
        (
            "another account",
            |machine| {
                machine.world.set("source", "account = \"210987654321\"");
                vec![]
            },
            "",
        ),
        (
            "a clock that is behind",
            |machine| {
                machine.aws.set_skew(3600);
                vec![]
            },
            "",
        ),
        (
            "a clock that is ahead",
            |machine| {
                machine.aws.set_skew(-3600);
                vec![]
            },
            "",
        ),
        (
            "another region",
            |machine| {
                machine.world.set("source", "region = \"eu-central-1\"");
                vec![]
            },
            "",
        ),
        (
            "no source of this name",
            |machine| {
                machine.world.set("source", "instance = \"club-prod\"");
                vec![]
            },
            "",
        ),
        (
            "a source that was renamed",
            |machine| {
                machine.world.set("source", &format!("resource_id = {:?}", machine.production.resource_id));
                machine.aws.forget_instance(PRODUCTION);
                machine.aws.add_instance(Instance { id: "club-production-old".into(), ..machine.production.clone() });
                vec![]
            },
            "",
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
            "",
        ),
        (
            "a policy without a right",
            |machine| {
                machine.aws.faults(Action::DescribeDBSnapshots, u32::MAX, Fault::access_denied());
                vec![]
            },
            "",
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
        "",
    )]);
}

#[test]
fn a_machine_that_is_not_ready_is_one_clear_line() {
    demand(&[
        (
            "old programs",
            |machine| {
                let dir = machine.world.path("old-bin");
                fs::create_dir(&dir).unwrap();
                for name in ["pg_dump", "pg_dumpall", "pg_restore", "psql"] {
                    let file = dir.join(name);
                    fs::write(&file, format!("#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")).unwrap();
                    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
                }
                machine.world.set("dump", &text("pg_bindir", dir));
                vec![]
            },
            "",
        ),
        (
            "no programs",
            |machine| {
                machine.world.set("dump", "pg_bindir = \"/nonexistent\"");
                vec![]
            },
            "",
        ),
        (
            "the mode of the key",
            |machine| {
                fs::set_permissions(machine.world.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
                vec![]
            },
            "",
        ),
        (
            "no key",
            |machine| {
                fs::remove_file(machine.world.path("key")).unwrap();
                vec![]
            },
            "",
        ),
        (
            "an unmounted backup disk",
            |machine| {
                fs::rename(machine.world.path("backups"), machine.world.path("unmounted")).unwrap();
                fs::create_dir(machine.world.path("backups")).unwrap();
                vec![]
            },
            "",
        ),
        (
            "no backup directory",
            |machine| {
                fs::rename(machine.world.path("backups"), machine.world.path("unmounted")).unwrap();
                vec![]
            },
            "",
        ),
        (
            "no room for reports",
            |machine| {
                fs::remove_dir(machine.world.path("reports")).unwrap();
                fs::write(machine.world.path("reports"), "").unwrap();
                vec![]
            },
            "",
        ),
        (
            "no checks",
            |machine| {
                machine.world.set("verify", &text("checks", machine.world.path("checks")));
                vec![]
            },
            "",
        ),
        (
            "no program for the hook",
            |machine| {
                machine.world.set("hooks", "after_restore = [\"/opt/club/anonymise\"]");
                vec![]
            },
            "",
        ),
        (
            "no certificates",
            |machine| {
                machine.world.set("source.temporary", "ca_bundle = \"/nonexistent/bundle.pem\"");
                vec![]
            },
            "",
        ),
        (
            "an unknown key",
            |machine| {
                machine.world.set("dump", "exclude_table_dat = [\"a\"]");
                vec![]
            },
            "",
        ),
        (
            "a state directory that others can write to",
            |machine| {
                fs::set_permissions(machine.world.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
                vec![]
            },
            "",
        ),
        (
            "a state directory that is none",
            |machine| {
                fs::remove_dir_all(machine.world.path("state")).unwrap();
                fs::write(machine.world.path("state"), "").unwrap();
                vec![]
            },
            "",
        ),
        (
            "a journal of a newer version",
            |machine| {
                machine.world.set("state", &text("directory", machine.world.path("no/such")));
                vec![]
            },
            "",
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
            "",
        ),
        (
            "may not create databases",
            |machine| {
                let url = format!("{} user=weak", copies().conninfo("postgres"));
                machine.world.set("restore", &text("url", url));
                vec![]
            },
            "",
        ),
        (
            "no such role",
            |machine| {
                machine.world.set("restore", "role = \"club_teem\"");
                vec![]
            },
            "",
        ),
        (
            "a role that it may not take",
            |machine| {
                let url = format!("{} user=maker", copies().conninfo("postgres"));
                machine.world.set("restore", &text("url", url));
                machine.world.set("restore", "role = \"club_team\"");
                vec![]
            },
            "",
        ),
        (
            "no such database",
            |machine| {
                machine.world.set("restore", &text("url", copies().conninfo("postgers")));
                vec![]
            },
            "",
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
            "",
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
    demand_line(&machine, &disk, "");
}

#[test]
fn a_disk_too_small_for_one_and_a_half_of_the_last_dump_is_known_before() {
    let Some(disk) = Small::mount("size=20m,mode=0755") else { return };
    let mut machine = Machine::new("small_dumps");
    on_disk(&mut machine, "dump", &disk);
    let last = serde_json::json!({
        "format": 1, "backup": "20260131T020000Z-1f2e3d4c", "data_as_of": "2026-01-31T02:00:00Z",
        "verified_at": "2026-01-31T03:00:00Z", "dump_bytes": "40000000", "step_ms": {}
    });
    fs::write(machine.world.path("state/last_verified.json"), last.to_string()).unwrap();
    demand_line(&machine, &disk, "");
}

#[test]
fn a_full_disk_for_reports_is_known_before() {
    let Some(disk) = Small::mount("size=1m,mode=0755") else { return };
    let mut machine = Machine::new("full_reports");
    on_disk(&mut machine, "report", &disk);
    disk.fill();
    demand_line(&machine, &disk, "");
}

#[test]
fn disks_that_cannot_be_written_to_are_known_before() {
    for section in ["dump", "report", "state"] {
        let Some(disk) = Small::mount("size=32m,mode=0755") else { return };
        let mut machine = Machine::new("read_only");
        on_disk(&mut machine, section, &disk);
        disk.make_read_only();
        demand_line(&machine, &disk, section);
    }
}

#[test]
fn a_full_disk_for_the_journal_is_known_before() {
    let Some(disk) = Small::mount("size=64k,mode=0755") else { return };
    let mut machine = Machine::new("full_state");
    on_disk(&mut machine, "state", &disk);
    disk.fill();
    demand_line(&machine, &disk, "");
    assert_eq!(names(&disk.path().join("place/runs")), Vec::<String>::new());
}
