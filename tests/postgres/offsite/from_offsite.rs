//! `restore.from = "offsite"`: what is restored and proven is what was read back.

use std::fs;

use super::{OffsiteScenario, private};
use crate::support::night::names;

fn from_offsite(name: &str) -> OffsiteScenario {
    let mut scenario = OffsiteScenario::new(name);
    scenario.night.set("restore", "from = \"offsite\"");
    let arguments = scenario.night.path("pg_restore-arguments");
    scenario
        .night
        .wrap("pg_restore", &format!("echo \"$@\" >> {}; exec \"$REAL/pg_restore\" \"$@\"", arguments.display()));
    scenario
}

fn restored(scenario: &OffsiteScenario) -> String {
    fs::read_to_string(scenario.night.path("pg_restore-arguments")).unwrap()
}

#[test]
fn what_was_read_back_is_restored_and_removed_afterwards() {
    let scenario = from_offsite("offsite_from");
    scenario.night.demand(&["nightly"], 0);
    let id = scenario.night.backups("verified").pop().unwrap();
    let path = scenario.night.path("backups").join(format!(".offsite-{id}"));
    let arguments = restored(&scenario);
    let restores: Vec<&str> = arguments.lines().filter(|line| line.contains("--dbname")).collect();
    assert!(!restores.is_empty() && restores.iter().all(|line| line.contains(path.to_str().unwrap())), "{arguments}");
    assert_eq!(names(&scenario.night.path("backups")), [".pgwitness-backups", "damaged", "unverified", "verified"]);
    scenario.demand_all_stored();
}

#[test]
fn without_the_off_site_copy_the_dump_here_is_restored_with_a_warning() {
    let scenario = from_offsite("offsite_from_here");
    private(&scenario.night.path("password"), "hunter2\n");
    let output = scenario.night.demand(&["nightly"], 3);
    assert!(output.contains("the dump was restored from this machine, not from the off-site copy"), "{output}");
    assert!(!restored(&scenario).contains(".offsite-"));
    assert_eq!(scenario.night.backups("verified").len(), 1);
}
