//! Two configurations, two sources, and one directory for the reports or the state of both.

use crate::support::night::{NightWorld, text};
use crate::{server, shop};

#[test]
fn a_directory_of_reports_or_of_state_that_another_source_uses_is_refused_by_init_and_config_check() {
    let (_first, one) = shop("apart_one");
    let (_second, two) = shop("apart_two");
    one.demand(&["nightly", "--quiet"], 0);
    one.demand(&["config", "check"], 0);
    one.demand(&["init"], 0);
    for (section, place, words) in [
        ("report", "reports", "the newest report in it"),
        ("state", "state", "the last verified dump that it knows of"),
    ] {
        let mut other = NightWorld::of_database(server(), "apart_two");
        other.set(section, &text("directory", one.path(place)));
        for command in [&["config", "check"][..], &["init"]] {
            let said = other.demand(command, 2);
            assert!(said.contains(words) && said.contains("database apart_one on "), "{command:?}: {said}");
            assert!(said.contains("each configuration needs its own"), "{command:?}: {said}");
        }
        // The administrator says that it is so on purpose.
        other.demand(&["init", "--adopt"], 0);
    }
    two.demand(&["config", "check"], 0);
    two.demand(&["nightly", "--quiet"], 0);
    two.demand(&["config", "check"], 0);
}
