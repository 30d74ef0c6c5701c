//! pg_dump of another major version may write what the server keeps for itself: no such dump is restored.

use std::process::Command;

use pgwitness::nightly::dumping::keeps_marker;

use crate::no_false_sound::scenario::{fresh, server};
use crate::support::majors::Majors;
use crate::support::night::NightlyScenario;
use crate::support::{Database, tools};

#[test]
fn a_client_of_another_major_version_that_writes_the_marker_ends_the_night_before_a_restore() {
    let (server, majors) = (server(), Majors::find());
    let source = tools();
    if !keeps_marker(&source.version.text) {
        eprintln!("not checked: PostgreSQL {} keeps no pg_attver", source.version.text);
        return;
    }
    let name = fresh("marked");
    let database = Database::create(&server, &name);
    database.run("CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1)");
    for major in majors.present().into_iter().filter(|major| *major > source.version.major) {
        let Some(clients) = majors.clients(major, major).filter(|clients| clients.version.major == major) else {
            continue;
        };
        let target = majors.start(major);
        let mut scenario = NightlyScenario::of_database(&server, &name);
        scenario.set("dump", &format!("pg_bindir = {:?}", clients.bindir));
        scenario.set("restore", &format!("url = {:?}", target.conninfo("postgres")));
        let dumped = Command::new(clients.program("pg_dump")).args(["-s", "-d", &database.conninfo]).output().unwrap();
        assert!(dumped.status.success(), "{dumped:?}");
        if String::from_utf8_lossy(&dumped.stdout).contains("pg_attver") {
            let said = scenario.demand(&["nightly"], 2);
            assert!(said.contains("writes pg_attver") && said.contains("apt-get install --only-upgrade"), "{said}");
            assert!(!said.contains("pg_restore complained"), "{said}");
            assert_eq!(scenario.backups("verified").len() + scenario.backups("damaged").len(), 0);
        } else {
            scenario.demand(&["config", "check"], 0);
        }
    }
}
