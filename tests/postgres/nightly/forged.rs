//! A journal that another user has written into the state directory: what it names is not dropped.

use pgwitness::base::time::Timestamp;
use pgwitness::postgres::conninfo::ConnInfo;
use pgwitness::storage::journal::{CopyClaim, CopyIdentity, Entry, Journal, RunInfo};

use crate::support::night::NightlyScenario;
use crate::support::{Database, cluster};

const RUN: &str = "00112233445566778899aabbccddeeff";

/// A journal of a run that says that it has made this database, with its true OID.
fn forge(scenario: &NightlyScenario, server: &Database, url: &str, database: &str, run_id: &str) {
    let at = Timestamp::parse("2026-06-15T02:00:00Z").unwrap();
    let holder = RunInfo { run_id: run_id.into(), command: "nightly".into(), pid: 4711, at };
    let mut journal = Journal::create(&scenario.path("state"), &holder).unwrap();
    let describe = ConnInfo::resolve(url, &|_| None).unwrap().describe();
    let oid = server.value(&format!("SELECT oid FROM pg_database WHERE datname = '{database}'")).parse().unwrap();
    let system_identifier = server.value("SELECT system_identifier FROM pg_control_system()");
    let claim = CopyClaim { database: database.into(), server: describe, at };
    journal.append(&Entry::CopyIntended(claim)).unwrap();
    journal.append(&Entry::CopyCreated(CopyIdentity { database: database.into(), oid, system_identifier })).unwrap();
}

#[test]
fn a_forged_journal_drops_no_database_but_a_copy_of_its_own_run() {
    let cluster = cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let own = format!("night_copy_{}", &RUN[..8]);
    for name in ["shop", "precious", "night_copy", "night_copy_ffffffff", &own] {
        server.run(&format!("CREATE DATABASE {name}"));
    }
    let url = cluster.conninfo("postgres");
    for name in ["precious", "night_copy", "night_copy_ffffffff"] {
        let scenario = NightlyScenario::of_database(&cluster, "shop");
        forge(&scenario, &server, &url, name, RUN);
        let said = scenario.demand(&["sweep"], 3);
        assert!(said.contains(&format!("its name is not {own}, as the run would have called it")), "{name}: {said}");
        assert_eq!(scenario.open_journals().len(), 1, "{name}: it is said again until it is settled");
        let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        assert_eq!(server.value(&count), "1", "{name} was dropped: {said}");
    }
    // The same journal with the name that the run would have given is paid.
    let scenario = NightlyScenario::of_database(&cluster, "shop");
    forge(&scenario, &server, &url, &own, RUN);
    scenario.demand(&["sweep"], 0);
    assert_eq!(server.value(&format!("SELECT count(*) FROM pg_database WHERE datname = '{own}'")), "0");
}
