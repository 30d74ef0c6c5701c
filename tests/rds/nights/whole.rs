//! The whole way, once, and what the report says of it.

use std::fs;

use crate::fake_rds::Action;
use crate::nights::machine::{Machine, PRODUCTION};
use crate::nights::matrix::STEPS;

#[test]
fn a_whole_night_ends_sound_with_the_instance_gone_and_everything_named_in_the_report() {
    let machine = Machine::new("whole_night");
    let said = machine.scenario.demand(&["nightly"], 0);
    assert!(said.contains("sound (rows, sequences, large objects, schema, foreign keys)"), "{said}");
    machine.demand_untouched();
    assert_eq!(machine.temporaries(), vec![]);
    assert_eq!(machine.scenario.backups("verified").len(), 1);
    assert_eq!(machine.scenario.open_journals(), Vec::<String>::new());
    assert_eq!(machine.databases("whole_night"), Vec::<String>::new());
    let report = machine.scenario.report();
    let rds = &report["night"]["rds"];
    assert_eq!(rds["snapshot"], machine.snapshot.id.as_str());
    assert_eq!((&rds["source_instance"], &rds["account"]), (&PRODUCTION.into(), &"123456789012".into()));
    assert_eq!(rds["source_resource_id"], machine.production.resource_id.as_str());
    let temporary = rds["temporary_instance"].as_str().unwrap();
    assert!(temporary.starts_with("pgwitness-"), "{temporary}");
    assert_eq!(report["tables"]["shop.orders"]["expected"]["rows"], 3000);
    let steps: Vec<&str> =
        report["night"]["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    let is_optional = |step: &&str| ["open_access", "offsite", "copy_files"].contains(step);
    let before_the_report = STEPS.iter().copied().take_while(|step| *step != "report");
    let expected: Vec<&str> = before_the_report.filter(|step| !is_optional(step)).collect();
    assert_eq!(steps, expected);
    no_password_anywhere(&machine);
}

#[test]
fn a_whole_night_needs_no_server_to_restore_into_and_proves_owners_and_privileges_too() {
    let mut machine = Machine::new("own_server_night");
    machine.scenario.use_own_server();
    let plan = machine.scenario.demand(&["nightly", "--dry-run"], 0);
    assert!(plan.contains("make a restore server in"), "{plan}");
    let said = machine.scenario.demand(&["nightly"], 0);
    assert!(said.contains("sound (rows, sequences, large objects, schema, foreign keys)"), "{said}");
    assert_eq!(machine.scenario.servers(), Vec::<String>::new());
    assert_eq!(machine.scenario.open_journals(), Vec::<String>::new());
    let report = machine.scenario.report();
    assert!(report["night"]["restore"]["complaints"].as_array().unwrap().is_empty(), "{report}");
    machine.demand_untouched();
    no_password_anywhere(&machine);
}

/// The one that was set is nowhere on disk, not even in the journal.
pub fn no_password_anywhere(machine: &Machine) {
    let modify = machine.aws.calls_of(Action::ModifyDBInstance);
    let password = modify[0].parameters.get("MasterUserPassword").unwrap().to_owned();
    let mut open = vec![machine.scenario.path("")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(&password), "{}", path.display());
        }
    }
}
