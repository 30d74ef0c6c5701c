//! What happens on AWS.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use super::{Row, struck};
use crate::fake_rds::{Action, Fault, Life, Moment, PasswordChange, Stage};
use crate::nights::matrix::scene::{Scene, Strike, short_life};
use crate::support::night::text;

const ALL: u32 = u32::MAX;

/// This action meets this fault so many times.
fn met(step: &'static str, name: &str, codes: &'static str, action: Action, calls: u32, fault: Fault) -> Row {
    Row::new(step, name, codes).arrange(move |scene| scene.machine.aws.faults(action, calls, fault.clone()))
}

fn call(action: Action, moment: Moment) -> impl Fn(Signal) -> Strike {
    move |signal| Strike::Call(action, moment, signal)
}

fn nothing(_: &mut Scene) {}

/// An earlier night was killed while its instance was being made.
fn debt(scene: &mut Scene) {
    let strike = Strike::Call(Action::DescribeDBInstances, Moment::Before, Signal::KILL);
    scene.night("wait_instance", &strike);
    assert_eq!(scene.machine.temporaries().len(), 1);
}

/// From the moment on when the instance was ordered.
fn once_ordered(scene: &Scene, act: impl Fn(&crate::fake_rds::FakeRds) + Send + 'static) {
    let aws = Arc::downgrade(&scene.machine.aws);
    let hooked = move |_: &crate::fake_rds::Call| act(&aws.upgrade().unwrap());
    scene.machine.aws.hook(Action::RestoreDBInstanceFromDBSnapshot, Moment::AfterWorkBeforeReply, hooked);
}

pub fn before_anything_is_paid_for() -> Vec<Row> {
    let who = Action::GetCallerIdentity;
    let look = Action::DescribeDBInstances;
    let list = Action::DescribeDBSnapshots;
    let mut rows = vec![
        met("identity", "AccessDenied", "2", who, ALL, Fault::access_denied()),
        met("identity", "ExpiredToken", "2", who, ALL, Fault::expired_token()).says("renew them"),
        met("identity", "one lost answer", "0", who, 1, Fault::DroppedAfter),
        Row::new("identity", "clock an hour off", "2")
            .arrange(|scene| scene.machine.aws.set_skew(3600))
            .repair(|scene| scene.machine.aws.set_skew(0))
            .says("the clock of this machine"),
    ];
    rows.extend(struck("identity", "before the answer", call(who, Moment::Before), nothing));
    rows.extend([
        Row::new("recover", "DeleteDBInstance AccessDenied once", "3")
            .arrange(|scene| {
                debt(scene);
                scene.machine.aws.fault(Action::DeleteDBInstance, Fault::access_denied());
            })
            .says("STILL RUNNING AND BILLED"),
        Row::new("recover", "no instance may be described", "2")
            .arrange(|scene| {
                debt(scene);
                scene.machine.aws.faults(Action::DescribeDBInstances, ALL, Fault::access_denied());
            })
            .says("STILL RUNNING AND BILLED"),
        Row::new("recover", "half an answer about the old instance", "0 3").arrange(|scene| {
            debt(scene);
            let aws = &scene.machine.aws;
            aws.fault(Action::DescribeDBInstances, Fault::AnsweredAfter(Duration::ZERO));
            aws.faults(Action::DescribeDBInstances, 1, Fault::EndsBefore("<DBInstance>"));
        }),
    ]);
    rows.extend(struck("recover", "at DeleteDBInstance", call(Action::DeleteDBInstance, Moment::Before), debt));
    rows.extend(struck(
        "recover",
        "once it is being deleted",
        call(Action::DeleteDBInstance, Moment::AfterReply),
        debt,
    ));
    rows.extend([
        met("find_source", "AccessDenied", "2", look, ALL, Fault::access_denied()),
        met("find_source", "DBInstanceNotFound", "2", look, ALL, Fault::instance_not_found()),
        met("find_source", "half an answer, without resource id", "0 2", look, 1, Fault::EndsBefore("<DbiResourceId>")),
        met("find_source", "an answer that is not XML, for ever", "2", look, ALL, Fault::Garbage),
    ]);
    rows.extend(struck("find_source", "before the answer", call(look, Moment::Before), nothing));
    rows.extend([
        met("find_snapshot", "AccessDenied", "2", list, ALL, Fault::access_denied()),
        met("find_snapshot", "half a list", "0 2", list, 1, Fault::EndsBefore("<DBSnapshot>")),
        Row::new("find_snapshot", "the newest is two days old", "2")
            .arrange(|scene| {
                let old = std::time::SystemTime::now() - Duration::from_secs(48 * 3600);
                scene.machine.aws.edit_snapshot(&scene.machine.snapshot.id, |snapshot| snapshot.created = Some(old));
            })
            .repair(|scene| {
                let created = scene.machine.snapshot.created;
                scene.machine.aws.edit_snapshot(&scene.machine.snapshot.id, |snapshot| snapshot.created = created);
            }),
    ]);
    rows.extend(struck("find_snapshot", "before the answer", call(list, Moment::Before), nothing));
    rows.extend(preflight());
    rows
}

fn mode(scene: &Scene, mode: u32) {
    fs::set_permissions(scene.machine.scenario.path("key"), fs::Permissions::from_mode(mode)).unwrap();
}

fn preflight() -> Vec<Row> {
    let mark = "backups/.pgwitness-backups";
    let mut rows = vec![
        Row::new("preflight", "the backup disk is not mounted", "2")
            .arrange(move |scene| {
                let scenario = &scene.machine.scenario;
                fs::rename(scenario.path(mark), scenario.path("mark")).unwrap();
            })
            .repair(move |scene| {
                let scenario = &scene.machine.scenario;
                fs::rename(scenario.path("mark"), scenario.path(mark)).unwrap();
            })
            .says("is the backup disk mounted"),
        Row::new("preflight", "everybody may read the key", "2")
            .arrange(|scene| mode(scene, 0o644))
            .repair(|scene| mode(scene, 0o600)),
        Row::new("preflight", "no server for the copy", "2")
            .arrange(|scene| scene.machine.scenario.set("restore", "url = \"host=127.0.0.1 port=1 user=nobody\""))
            .repair(|scene| {
                let url = crate::nights::machine::copies().conninfo("postgres");
                scene.machine.scenario.set("restore", &text("url", url));
            }),
        Row::new("preflight", "pg_dump is older than the server", "2")
            .arrange(|scene| {
                scene.machine.aws.edit_snapshot(&scene.machine.snapshot.id, |it| it.engine_version = "99.1".into());
            })
            .repair(|scene| {
                let version = scene.machine.snapshot.engine_version.clone();
                scene.machine.aws.edit_snapshot(&scene.machine.snapshot.id, |it| it.engine_version = version);
            }),
    ];
    rows.extend(struck("preflight", "", Strike::Begun, nothing));
    rows
}

pub fn the_instance() -> Vec<Row> {
    let order = Action::RestoreDBInstanceFromDBSnapshot;
    let mut rows = vec![
        met("create_instance", "AccessDenied", "2", order, ALL, Fault::access_denied()),
        met("create_instance", "InstanceQuotaExceeded", "2", order, ALL, Fault::instance_quota()),
        met("create_instance", "no capacity for any class", "2", order, ALL, Fault::no_capacity()),
        met("create_instance", "no capacity for the first class", "0", order, 1, Fault::no_capacity()),
        met("create_instance", "built, the answer lost once", "0", order, 1, Fault::DroppedAfter)
            .says("exists although"),
        met("create_instance", "built, all answers lost", "0", order, ALL, Fault::DroppedAfter).says("exists although"),
        met("create_instance", "built, the answer broken off", "0", order, ALL, Fault::BrokenOff)
            .says("exists although"),
        met("create_instance", "built, half an answer", "0 2", order, 1, Fault::EndsBefore("<DbiResourceId>")),
        met("create_instance", "never arrives", "2", order, ALL, Fault::DroppedBefore),
    ];
    for moment in [Moment::Before, Moment::AfterWorkBeforeReply] {
        let place = if moment == Moment::Before { "before it is built" } else { "built, before the answer" };
        rows.extend(struck("create_instance", place, call(order, moment), nothing));
    }
    rows.push(Row {
        strike: Strike::Call(order, Moment::AfterWorkBeforeReply, Signal::INT),
        ..Row::new("create_instance", "SIGINT built, before the answer", "130")
    });
    let wait = "wait_instance";
    rows.extend([
        lives(wait, "failed", "2", || Life { deleting: 1, ..Life::ending_in("failed") }),
        lives(wait, "incompatible-restore", "2", || Life { deleting: 1, ..Life::ending_in("incompatible-restore") }),
        lives(wait, "never ready", "2", || Life { deleting: 1, ..Life::stuck("creating") }),
        lives(wait, "cannot be deleted while creating", "2", || Life {
            refuses_delete_while_creating: true,
            stages: vec![Stage::new("creating", 12), Stage::new("available", u32::MAX)],
            ..short_life()
        }),
        Row::new(wait, "credentials expire", "2")
            .arrange(|scene| {
                once_ordered(scene, |aws| aws.faults(Action::DescribeDBInstances, ALL, Fault::expired_token()));
            })
            .says("STILL RUNNING AND BILLED"),
        Row::new(wait, "half an answer about it", "0 2").arrange(|scene| {
            once_ordered(scene, |aws| aws.fault(Action::DescribeDBInstances, Fault::EndsBefore("<DbiResourceId>")));
        }),
    ]);
    rows.extend(struck(wait, "", call(Action::DescribeDBInstances, Moment::Before), nothing));
    rows
}

/// Its instance has this life, with short waits.
fn lives(step: &'static str, name: &str, codes: &'static str, life: fn() -> Life) -> Row {
    Row::new(step, name, codes)
        .arrange(move |scene| {
            scene.machine.aws.set_life(life());
            scene.machine.scenario.set("source.temporary", "restore_timeout = \"6s\"");
        })
        .repair(|scene| scene.machine.scenario.set("source.temporary", "restore_timeout = \"2m\""))
}

pub fn login() -> Vec<Row> {
    let change = Action::ModifyDBInstance;
    let mut rows = vec![
        met("reset_password", "AccessDenied", "2", change, ALL, Fault::access_denied()),
        met("reset_password", "done, the answer lost once", "0", change, 1, Fault::DroppedAfter),
    ];
    rows.extend(struck("reset_password", "before the answer", call(change, Moment::AfterWorkBeforeReply), nothing));
    rows.extend([
        lives("login", "the password never works", "2", || Life {
            password: PasswordChange { late: Duration::MAX, ..short_life().password },
            ..short_life()
        }),
        lives("login", "another server's certificate", "2", || Life {
            certificate_name: Some("elsewhere.example.com".into()),
            ..short_life()
        }),
        Row::new("login", "the way is closed", "2")
            .arrange(|scene| {
                scene.machine.aws.cut_after(0);
                scene.machine.scenario.set("source.temporary", "restore_timeout = \"6s\"");
            })
            .repair(|scene| scene.machine.scenario.set("source.temporary", "restore_timeout = \"2m\"")),
    ]);
    rows.extend(struck("login", "", Strike::Connection, nothing));
    rows
}

pub fn delete_instance() -> Vec<Row> {
    let (step, delete) = ("delete_instance", Action::DeleteDBInstance);
    let mut rows = vec![
        met(step, "AccessDenied", "3", delete, ALL, Fault::access_denied()).says("STILL RUNNING AND BILLED"),
        met(step, "ExpiredToken", "3", delete, ALL, Fault::expired_token()).says("STILL RUNNING AND BILLED"),
        met(step, "done, the answer lost once", "0", delete, 1, Fault::DroppedAfter),
        met(step, "done, the answer broken off", "0", delete, 1, Fault::BrokenOff),
        Row::new(step, "throttled for ever", "3")
            .arrange(|scene| {
                scene.machine.scenario.set("source.temporary", "delete_timeout = \"3s\"");
                scene.machine.aws.faults(Action::DeleteDBInstance, ALL, Fault::throttling());
            })
            .says("STILL RUNNING AND BILLED"),
        Row::new(step, "never gone", "3")
            .arrange(|scene| {
                scene.machine.scenario.set("source.temporary", "delete_timeout = \"3s\"");
                scene.machine.aws.set_life(Life { deleting: u32::MAX, ..short_life() });
            })
            .repair(|scene| {
                scene.machine.temporaries().iter().for_each(|instance| scene.machine.aws.forget_instance(&instance.id));
            })
            .says("STILL RUNNING AND BILLED"),
        Row::new(step, "it becomes protected", "3")
            .arrange(|scene| {
                let aws = Arc::downgrade(&scene.machine.aws);
                scene.machine.aws.hook(Action::ModifyDBInstance, Moment::AfterReply, move |call| {
                    let name = &call.parameters["DBInstanceIdentifier"];
                    aws.upgrade().unwrap().edit_instance(name, |instance| instance.deletion_protection = true);
                });
            })
            .repair(|scene| {
                for instance in scene.machine.temporaries() {
                    scene.machine.aws.edit_instance(&instance.id, |instance| instance.deletion_protection = false);
                }
            })
            .says("without deletion protection"),
    ];
    rows.extend(struck(step, "before it is deleted", call(delete, Moment::Before), nothing));
    rows.extend(struck(step, "once it is being deleted", call(delete, Moment::AfterWorkBeforeReply), nothing));
    rows
}
