//! What only looks: `config check`, `nightly --dry-run`, and a snapshot by name.

use std::time::{Duration, SystemTime};

use crate::fake_rds::{Action, Fault, Image, Snapshot};
use crate::nights::before::{demand_only_questions, plain};
use crate::nights::fleets::{add, journal, temporary};
use crate::nights::machine::Machine;

/// The lines of `config check` from AWS on; exit code as demanded.
fn far(machine: &Machine, code: i32) -> Vec<String> {
    machine.aws.forget_calls();
    let output = machine.scenario.run(&["config", "check"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stdout}");
    demand_only_questions(machine);
    let said = plain(machine, &stdout);
    let is_far = |line: &&str| !line.contains(" AWS: ") && !line.starts_with(' ');
    let lines: Vec<String> = said.lines().skip_while(is_far).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "{said}");
    lines
}

/// Numbers change with the disk.
fn without_numbers(line: &str) -> String {
    let digits = regex::Regex::new(r"[\d.]+ [kMGT]B free").unwrap();
    digits.replace_all(line, "N free").into_owned()
}

#[test]
fn config_check_asks_aws_and_the_servers_and_changes_nothing() {
    let machine = Machine::new("check_far");
    let seen: Vec<String> = far(&machine, 0).iter().map(|line| without_numbers(line)).collect();
    let version = &machine.snapshot.engine_version;
    let major = version.split('.').next().unwrap();
    let expected = [
        "✓ AWS: arn:aws:iam::123456789012:user/pgwitness in ap-southeast-2".to_owned(),
        "✓ source.instance: club-production (RESOURCE), available, deletion protection on".into(),
        format!("✓ source.snapshots: SNAPSHOT of TIME, PostgreSQL {version}"),
        "✓ backups: N free in DIR/backups".into(),
        "✓ reports: of no other source".into(),
        "✓ state: of no other source".into(),
        "✓ restore server: postgresql://postgres@SOCKET:5432/postgres, PostgreSQL MAJOR".into(),
        "    warning: a restore runs functions of the source with the rights of postgres, which is a superuser there; \
         restore as an ordinary role that may create databases"
            .into(),
        format!("✓ source and copy: source PostgreSQL {version}, copy {major}"),
    ];
    let expected = expected.map(|line| line.replace(&format!("PostgreSQL {major}"), "PostgreSQL MAJOR"));
    assert_eq!(seen, expected);
    machine.demand_untouched();
}

#[test]
fn config_check_names_what_aws_would_refuse() {
    let machine = Machine::new("check_refused");
    machine.aws.edit_snapshot(&machine.snapshot.id, |it| {
        it.created = Some(SystemTime::now() - Duration::from_secs(31 * 3600))
    });
    let line = &far(&machine, 2)[2];
    assert!(
        line.starts_with("✗ source.snapshots: find a snapshot of club-production (RESOURCE): newest snapshot"),
        "{line}"
    );
    machine.aws.faults(Action::GetCallerIdentity, u32::MAX, Fault::expired_token());
    let lines = far(&machine, 2);
    assert!(lines[0].starts_with("✗ AWS: get the caller identity from AWS: ExpiredToken: "), "{lines:?}");
    assert!(lines[1].starts_with("✓ backups: "), "what needs no AWS is looked at all the same: {lines:?}");
}

#[test]
fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let machine = Machine::new("dry_run");
    let debt = temporary(&machine);
    journal(&machine, &debt, true);
    add(&machine, debt.clone());
    machine.aws.forget_calls();
    let said = plain(&machine, &machine.scenario.demand(&["nightly", "--dry-run"], 0));
    let expected = [
        format!("clean up after an earlier run: RDS instance {} in ap-southeast-2\n", debt.id),
        "build db.t4g.medium, then db.m7g.large from SNAPSHOT of TIME\n".into(),
        "postgresql://postgres@SOCKET:5432/postgres, PostgreSQL MAJOR\n".into(),
        "✓ source.snapshots: SNAPSHOT of TIME, PostgreSQL MAJOR".into(),
        "the temporary instance has the name pgwitness-".into(),
        "make a dump in DIR/backups\n".into(),
        "the dump is DIR/backups/unverified/".into(),
        "make the database dry_run_<random> on the restore server: ".into(),
        "make a signed report in DIR/reports\n".into(),
    ];
    assert!(expected.iter().all(|line| said.contains(line.as_str())), "{said}");
    demand_only_questions(&machine);
    assert_eq!((machine.temporaries().len(), machine.scenario.open_journals().len()), (1, 1));
    assert_eq!(machine.scenario.reports().len() + machine.scenario.backups("unverified").len(), 0);
    machine.demand_untouched();
}

#[test]
fn a_snapshot_that_is_named_may_be_old() {
    let machine = Machine::new("named_old");
    let age = Duration::from_secs(40 * 86_400);
    let old = machine.aws.add_snapshot(Snapshot::manual(&machine.production, "before-the-move", age, None));
    let said = machine.scenario.demand(&["nightly", "--dry-run", "--snapshot", &old.id], 0);
    assert!(said.contains("from before-the-move of "), "{said}");
}

#[test]
fn an_extension_that_the_server_of_the_copy_lacks_is_known_before_the_dump() {
    let mut machine = Machine::new("extension");
    let image = Image::make("club", |database| {
        database.run("CREATE SCHEMA shop; CREATE TABLE shop.members (id int)");
        // As on RDS: known to the database, unknown to every other server.
        database.run("RESET SESSION AUTHORIZATION");
        database.run("INSERT INTO pg_catalog.pg_extension VALUES (99999, 'aws_s3', 10, 11, false, '1.2', NULL, NULL)");
    });
    machine.aws.edit_snapshot(&machine.snapshot.id, |snapshot| snapshot.image = Some(image.clone()));
    // It must not come to that.
    machine.scenario.wrap("pg_dump", "echo dumped > \"$0.ran\"; exit 1");
    let output = machine.scenario.run(&["nightly", "--quiet"]);
    let stderr = plain(&machine, &String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let expected = "error: the source uses the extension aws_s3, and the restore server \
         (postgresql://postgres@SOCKET:5432/postgres) does not have it\n  \
         try: install it there, for PostgreSQL MAJOR; what the copy can do without is named in [[restore.accept]], \
         object = \"EXTENSION aws_s3\"\n";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert!(!machine.scenario.path("bin-pg_dump/pg_dump.ran").exists());
    assert_eq!(
        (machine.temporaries(), machine.scenario.open_journals()),
        (vec![], vec![]),
        "what was paid for is gone"
    );
    assert_eq!(machine.scenario.backups("unverified"), Vec::<String>::new());
    machine.demand_untouched();
}
