//! A restore server of the run's own.

use std::fs;
use std::os::unix::fs::symlink;

use super::local::{AT_WORK, at_work, before_placing, unwrap, wrap};
use super::{Row, Strike, struck};
use crate::nights::matrix::scene::Scene;
use crate::support::night::names;

const PREFIX: &str = "pgwitness-restore-";

pub fn rows() -> Vec<Row> {
    let own = |scene: &mut Scene| scene.machine.scenario.use_own_server();
    let wrapped = |program: &'static str, script: &'static str| {
        move |scene: &mut Scene| {
            own(scene);
            wrap(scene, program, script);
        }
    };
    let mut rows = vec![
        Row::new("preflight", "initdb fails", "2")
            .arrange(wrapped("initdb", "echo 'initdb: error: out of luck' >&2; exit 1"))
            .repair(unwrap)
            .says("out of luck"),
        Row::new("preflight", "the server does not start", "2")
            .arrange(wrapped("postgres", "echo 'out of luck' >&2; exit 1"))
            .repair(unwrap)
            .says("start the restore server"),
        Row {
            strike: at_work(rustix::process::Signal::KILL),
            ..Row::new("preflight", "SIGKILL while initdb runs", "sig9")
                .arrange(wrapped("initdb", AT_WORK))
                .repair(unwrap)
        },
        Row::new("remove_server", "something else has its name", "3")
            .arrange(move |scene| {
                own(scene);
                let scenario = &scene.machine.scenario;
                let (runs, servers) = (scenario.path("state/runs"), scenario.server_directory().to_owned());
                before_placing(scene, move || {
                    for journal in names(&runs).iter().filter(|name| name.ends_with(".journal")) {
                        let text = fs::read_to_string(runs.join(journal)).unwrap();
                        let (_, rest) = text.split_once(PREFIX).unwrap();
                        let path = servers.join(format!("{PREFIX}{}", &rest[..8]));
                        if !path.exists() {
                            symlink("/tmp", &path).unwrap();
                        }
                    }
                });
            })
            .repair(|scene| {
                let servers = scene.machine.scenario.server_directory();
                for name in names(servers) {
                    assert!(fs::exists("/tmp").unwrap(), "what it leads to was not removed");
                    fs::remove_file(servers.join(name)).unwrap();
                }
            })
            .says("is no directory"),
    ];
    rows.extend(struck("remove_server", "", Strike::Begun, |scene| scene.machine.scenario.use_own_server()));
    rows.extend(struck_while_it_restores());
    rows
}

fn struck_while_it_restores() -> Vec<Row> {
    let rows = struck("restore", "while pg_restore fills a server of the run's own", at_work, |scene| {
        scene.machine.scenario.use_own_server();
        let script = format!("case \"$*\" in *--dbname=*) {AT_WORK};; esac; exec \"$REAL/pg_restore\" \"$@\"");
        wrap(scene, "pg_restore", &script);
    });
    rows.into_iter().map(|row| row.repair(unwrap)).collect()
}
