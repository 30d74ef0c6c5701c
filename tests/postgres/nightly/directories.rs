//! Two configurations, two sources, and one directory for the reports or the state of both.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::nightly::{server, shop};
use crate::support::night::{NightlyScenario, text};

#[test]
fn init_and_config_check_name_a_directory_of_reports_or_of_state_that_another_source_uses() {
    let (_first, one) = shop("apart_one");
    let (_second, two) = shop("apart_two");
    one.demand(&["nightly", "--quiet"], 0);
    for command in [&["config", "check"][..], &["init"]] {
        let said = one.demand(command, 0);
        assert!(!said.contains("another source"), "{said}");
    }
    for (section, place, words) in
        [("report", "reports", "its newest report"), ("state", "state", "the last verified dump that it knows")]
    {
        let mut other = NightlyScenario::of_database(server(), "apart_two");
        other.set(section, &text("directory", one.path(place)));
        for command in [&["config", "check"][..], &["init"]] {
            let said = other.demand(command, 0);
            assert!(said.contains(words) && said.contains("database apart_one on "), "{command:?}: {said}");
            assert!(said.contains("each configuration should have its own"), "{command:?}: {said}");
        }
    }
    two.demand(&["config", "check"], 0);
    two.demand(&["nightly", "--quiet"], 0);
    two.demand(&["config", "check"], 0);
}

#[test]
fn config_check_names_a_cause_once() {
    let (_database, mut scenario) = shop("one_cause");
    let named = |scenario: &NightlyScenario, words: &str| {
        let said = scenario.demand(&["config", "check"], 2);
        (said.matches(words).count(), said)
    };
    fs::write(scenario.path("state/last_verified.json"), "{}").unwrap();
    let (times, said) = named(&scenario, "last_verified.json");
    assert_eq!(times, 1, "{said}");
    fs::remove_file(scenario.path("state/last_verified.json")).unwrap();
    let password = scenario.path("password");
    fs::write(&password, "s3cret\n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o640)).unwrap();
    scenario.set("restore", &text("password_file", password));
    let (times, said) = named(&scenario, "its mode is 0640");
    assert_eq!(times, 1, "{said}");
    scenario.set("dump", "directory = \"/nonexistent\"");
    let (times, said) = named(&scenario, "/nonexistent");
    assert_eq!(times, 1, "{said}");
}
