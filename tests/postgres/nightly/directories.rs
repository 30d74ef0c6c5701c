//! Two configurations, two sources, and one directory for the reports or the state of both.

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
