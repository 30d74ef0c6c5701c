//! What happens on our machine.

use std::fs;

use super::{Row, struck};
use crate::fake_rds::{Action, Moment};
use crate::nights::machine::copies;
use crate::nights::matrix::scene::{REACHED, Scene, Strike};
use crate::support::night::text;
use crate::support::{Database, client_tools};

/// PostgreSQL's program is this script.
fn wrapped(step: &'static str, fault: &str, codes: &'static str, program: &'static str, script: &'static str) -> Row {
    Row::new(step, fault, codes).arrange(move |scene| wrap(scene, program, script)).repair(unwrap)
}

/// `$REACHED` in the script is the file that says that it is at work.
pub(super) fn wrap(scene: &mut Scene, program: &str, script: &str) {
    let reached = scene.machine.scenario.path(REACHED);
    scene.machine.scenario.wrap(program, &script.replace("$REACHED", reached.to_str().unwrap()));
}

pub(super) fn unwrap(scene: &mut Scene) {
    scene.machine.scenario.set("dump", &text("pg_bindir", &client_tools().bindir));
    scene.machine.scenario.set("dump", "stalled_after = \"30m\"");
}

/// Says that it is at work, and goes on with it for ever.
pub(super) const AT_WORK: &str = "touch $REACHED; exec sleep 1000";

pub(super) fn at_work(signal: rustix::process::Signal) -> Strike {
    Strike::File(REACHED, signal)
}

/// A blow while this program of PostgreSQL runs.
fn struck_in(step: &'static str, program: &'static str, act: fn(&mut Scene)) -> Vec<Row> {
    struck(step, &format!("while {program} runs"), at_work, act).into_iter().map(|row| row.repair(unwrap)).collect()
}

pub fn dump() -> Vec<Row> {
    let (step, program) = ("dump", "pg_dump");
    let odd = "for a; do case \"$a\" in --file=*) f=${a#--file=};; esac; done
        [ -e $REACHED ] || { touch $REACHED; ln -s /nowhere \"$(dirname \"$f\")/odd\"; }
        exec \"$REAL/pg_dumpall\" \"$@\"";
    let cut = "\"$REAL/pg_dump\" \"$@\"; code=$?
        for a; do case \"$a\" in --file=*) f=${a#--file=};; esac; done
        truncate -s 60 \"$(ls -S \"$f\"/*.dat* | head -1)\"
        exit $code";
    let mut rows = vec![
        wrapped(step, "pg_dump fails", "2", program, "echo 'pg_dump: error: out of luck' >&2; exit 1")
            .says("out of luck"),
        wrapped(step, "pg_dump exits 0 without a dump", "2", program, "exit 0"),
        wrapped(step, "pg_dump is killed", "2", program, "kill -9 $$"),
        wrapped(step, "pg_dump cuts a file short", "1 2", program, cut),
        Row::new(step, "pg_dump stalls", "2")
            .arrange(|scene| {
                wrap(scene, "pg_dump", "exec sleep 1000");
                scene.machine.scenario.set("dump", "stalled_after = \"2s\"");
            })
            .repair(unwrap)
            .says("made no progress"),
        Row::new(step, "all connections cut once", "0")
            .arrange(|scene| {
                wrap(
                    scene,
                    "pg_dump",
                    "[ -e $REACHED ] || { touch $REACHED; sleep 2; }; exec \"$REAL/pg_dump\" \"$@\"",
                );
                let (aws, reached) = (scene.machine.aws.clone(), scene.machine.scenario.path(REACHED));
                scene.when(move || reached.exists(), move || aws.cut_connections());
            })
            .repair(unwrap)
            .says("attempt 1 failed"),
        Row::new(step, "the way to the instance is lost", "2").arrange(|scene| {
            let aws = scene.machine.aws.clone();
            scene.when_begun("dump", move || aws.cut_after(0));
        }),
        wrapped(step, "something odd beside the dump once", "0", "pg_dumpall", odd).says("attempt 1 failed"),
    ];
    rows.extend(struck_in(step, program, |scene| wrap(scene, "pg_dump", AT_WORK)));
    rows
}

/// Databases of this scene.
fn copies_of(scene: &Scene) -> Vec<String> {
    scene.machine.databases(&scene.copy)
}

pub fn restore_and_verify() -> Vec<Row> {
    let (step, program) = ("restore", "pg_restore");
    // It also reads the dump for us.
    // Only the call that restores: the dump step reads the archive with the same program.
    let fails = "case \"$*\" in *--dbname=*) echo 'pg_restore: error: out of luck' >&2; exit 1;; esac; exec \"$REAL/pg_restore\" \"$@\"";
    let killed = "case \"$*\" in *--dbname=*) kill -9 $$;; esac; exec \"$REAL/pg_restore\" \"$@\"";
    let nothing = "case \"$*\" in *--dbname=*) exit 0;; esac; exec \"$REAL/pg_restore\" \"$@\"";
    let damage = "\"$REAL/pg_restore\" \"$@\"; code=$?
        for a; do case \"$a\" in --dbname=*) c=${a#--dbname=};; esac; done
        \"$REAL/psql\" -X -q -d \"$c\" -c 'DELETE FROM shop.orders WHERE id = 17' >&2
        exit $code";
    let mut rows = vec![
        wrapped(step, "pg_restore fails", "2", program, fails),
        wrapped(step, "pg_restore exits 0 and did nothing", "1", program, nothing),
        wrapped(step, "pg_restore is killed", "2", program, killed),
        wrapped(step, "a row is lost behind pg_restore", "1", program, damage),
    ];
    rows.extend(struck_in(step, program, |scene| {
        let script = format!("case \"$*\" in *--dbname=*) {AT_WORK};; esac; exec \"$REAL/pg_restore\" \"$@\"");
        wrap(scene, "pg_restore", &script);
    }));
    rows.extend([
        Row::new("verify", "the copy cannot be read", "2").arrange(|scene| {
            let copy = scene.copy.clone();
            scene.when_begun("verify", move || {
                let server = Database::connect(&copies().conninfo("postgres"));
                for name in server.query(&format!("SELECT datname FROM pg_database WHERE datname LIKE '{copy}\\_%'")) {
                    let name = name[0].clone().unwrap();
                    server.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
                    server.query(&format!(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                    ));
                }
            });
        }),
        Row::new("verify", "the way to the instance is lost", "0 2").arrange(|scene| {
            let aws = scene.machine.aws.clone();
            scene.when_begun("verify", move || aws.cut_after(0));
        }),
    ]);
    rows.extend(struck("verify", "", Strike::Begun, |_| ()));
    rows
}

pub fn report() -> Vec<Row> {
    let mut rows = vec![
        Row::new("report", "its directory is gone", "2").arrange(|scene| {
            let reports = scene.machine.scenario.path("reports");
            scene.when_begun("verify", move || {
                let mut nights = crate::support::night::names(&reports).into_iter().map(|name| reports.join(name));
                let newest = nights.rfind(|path| path.is_dir()).unwrap();
                fs::remove_dir_all(newest).unwrap();
            });
        }),
        Row::new("report", "the key is gone: no closing.json", "3")
            .arrange(|scene| {
                let (key, away) = (scene.machine.scenario.path("key"), scene.machine.scenario.path("key-away"));
                scene.when_begun("verify", move || fs::rename(key, away).unwrap());
            })
            .repair(|scene| {
                fs::rename(scene.machine.scenario.path("key-away"), scene.machine.scenario.path("key")).unwrap();
            }),
    ];
    let writing = |signal| Strike::File("expected.manifest.json", signal);
    rows.extend(struck("report", "while it is written", writing, |_| ()));
    rows
}

/// When the report is signed and the dump is not placed yet.
pub(super) fn before_placing(scene: &Scene, act: impl Fn() + Send + 'static) {
    scene.machine.aws.hook(Action::DeleteDBInstance, Moment::Before, move |_| act());
}

pub fn placing() -> Vec<Row> {
    let step = "place_backup";
    let mut rows = vec![
        Row::new(step, "the backup disk is gone", "3")
            .arrange(|scene| {
                let scenario = &scene.machine.scenario;
                let (mark, away) = (scenario.path("backups/.pgwitness-backups"), scenario.path("mark"));
                before_placing(scene, move || fs::rename(&mark, &away).unwrap());
            })
            .repair(|scene| {
                let scenario = &scene.machine.scenario;
                fs::rename(scenario.path("mark"), scenario.path("backups/.pgwitness-backups")).unwrap();
            }),
        Row::new(step, "something has its name", "3")
            .arrange(|scene| {
                let backups = scene.machine.scenario.path("backups");
                before_placing(scene, move || {
                    let id = crate::support::night::names(&backups.join("unverified")).pop().unwrap();
                    fs::write(backups.join("in-the-way"), &id).unwrap();
                    fs::create_dir(backups.join("verified").join(id)).unwrap();
                });
            })
            .repair(|scene| {
                let backups = scene.machine.scenario.path("backups");
                let id = fs::read_to_string(backups.join("in-the-way")).unwrap();
                fs::remove_dir(backups.join("verified").join(id)).unwrap();
                fs::remove_file(backups.join("in-the-way")).unwrap();
            }),
    ];
    rows.extend(struck(step, "", Strike::Begun, |_| ()));
    rows
}

/// The hook of this name runs this.
fn hook(scene: &mut Scene, name: &str, script: &str) {
    let reached = scene.machine.scenario.path(REACHED);
    let script = script.replace("$REACHED", reached.to_str().unwrap());
    scene.machine.scenario.set("hooks", &format!("{name} = [\"/bin/sh\", \"-c\", {script:?}]"));
}

fn no_hooks(scene: &mut Scene) {
    scene.machine.scenario.set("hooks", "after_restore = []");
    scene.machine.scenario.set("hooks", "after_verified = []");
}

pub fn the_copy() -> Vec<Row> {
    let mut rows = vec![
        Row::new("keep_copy", "the hook after_restore fails", "3")
            .arrange(|scene| hook(scene, "after_restore", "echo no luck >&2; exit 1"))
            .repair(no_hooks)
            .says("no luck"),
    ];
    let at_hook = |scene: &mut Scene| hook(scene, "after_restore", AT_WORK);
    let struck_at_hook = struck("keep_copy", "in the hook after_restore", at_work, at_hook);
    rows.extend(struck_at_hook.into_iter().map(|row| row.repair(no_hooks)));
    rows.push(
        Row::new("drop_copy", "a foreign database has its name", "3")
            .arrange(|scene| {
                let copy = scene.copy.clone();
                before_placing(scene, move || {
                    on_copies(&copy, "DROP DATABASE {} WITH (FORCE)", "CREATE DATABASE {}");
                });
            })
            .repair(|scene| {
                assert_eq!(copies_of(scene).len(), 1, "it was not ours to drop");
                on_copies(&scene.copy, "DROP DATABASE {}", "SELECT 1");
            })
            .says("it is not the copy that was made"),
    );
    rows.extend(struck("drop_copy", "", Strike::Begun, |_| ()));
    rows
}

/// Both statements, for each database of this scene.
fn on_copies(prefix: &str, first: &str, second: &str) {
    let server = Database::connect(&copies().conninfo("postgres"));
    for name in server.query(&format!("SELECT datname FROM pg_database WHERE datname LIKE '{prefix}\\_%'")) {
        let name = name[0].clone().unwrap();
        server.run(&first.replace("{}", &name));
        server.run(&second.replace("{}", &name));
    }
}

pub fn after() -> Vec<Row> {
    let keep_one = |scene: &mut Scene| scene.machine.scenario.set("retention", "keep_last = 1");
    let in_the_way = "backups/.removing-20200101T000000Z-00000000";
    let mut rows = vec![
        Row::new("prune", "an old removal cannot be finished", "3")
            .arrange(move |scene| fs::write(scene.machine.scenario.path(in_the_way), "").unwrap())
            .repair(move |scene| fs::remove_file(scene.machine.scenario.path(in_the_way)).unwrap()),
    ];
    rows.extend(struck("prune", "", Strike::Begun, keep_one).into_iter().map(Row::prunes_old).map(Row::or_is_over));
    rows.push(
        Row::new("after_verified", "the hook fails", "3")
            .arrange(|scene| hook(scene, "after_verified", "echo no luck >&2; exit 1"))
            .repair(no_hooks)
            .says("no luck"),
    );
    let at_hook = |scene: &mut Scene| hook(scene, "after_verified", AT_WORK);
    let struck_at_hook = struck("after_verified", "in the hook", at_work, at_hook);
    rows.extend(struck_at_hook.into_iter().map(|row| row.repair(no_hooks)));
    rows
}

pub fn notifying() -> Vec<Row> {
    let mut rows = vec![
        Row::new("notify", "the port is closed", "3").arrange(|scene| hears(scene, false)).says("call the webhook"),
    ];
    rows.extend(struck("notify", "while the server does not answer", Strike::Begun, |scene| hears(scene, true)));
    rows.into_iter()
        .map(|row| {
            row.repair(|scene| {
                scene.machine.scenario.sections.retain(|(name, _)| name != "notify.webhook");
            })
        })
        .collect()
}

/// Who is told has a place on this machine, and takes calls without ever answering, or has gone.
fn hears(scene: &mut Scene, is_there: bool) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("url = \"http://{}/night\"", listener.local_addr().unwrap());
    scene.machine.scenario.sections.push(("notify.webhook".into(), vec![url]));
    if is_there {
        // As long as the tests run: the system takes the calls in.
        std::mem::forget(listener);
    }
}
