//! Figures for Prometheus, read by a parser that is not ours.

use std::collections::BTreeMap;
use std::fs;

use nom_openmetrics::parser;

use crate::nightly_after::small;
use crate::support::night::{NightlyScenario, text};

fn figures(scenario: &NightlyScenario) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(scenario.path("pgwitness.prom")).unwrap();
    let (rest, families) = parser::prometheus(&text).unwrap();
    assert_eq!(rest, "");
    let samples = families.iter().flat_map(|family| &family.samples);
    let named = |stage: Option<&str>, name: &str| stage.map_or(name.to_owned(), |stage| format!("{name}/{stage}"));
    samples
        .map(|sample| {
            let scenario = sample.labels().iter().find(|label| label.name == "stage").map(|label| label.value.as_str());
            (named(scenario, sample.name()), sample.number())
        })
        .collect()
}

#[test]
fn a_failed_night_renews_the_figures_and_keeps_the_time_of_the_last_proven_dump() {
    let (_database, mut scenario) = small("figures");
    scenario.sections.push(("metrics".into(), vec![text("textfile", scenario.path("pgwitness.prom"))]));
    scenario.demand(&["nightly"], 0);
    let good = figures(&scenario);
    assert_eq!((good["pgwitness_last_exit_code"], good["pgwitness_last_run_success"]), (0.0, 1.0));
    assert_eq!((good["pgwitness_tables_compared"], good["pgwitness_mismatches"]), (2.0, 0.0));
    assert!(good["pgwitness_dump_bytes"] > 0.0 && good.contains_key("pgwitness_stage_duration_seconds/dump"));
    scenario.set("restore", "url = \"host=/nowhere dbname=x\"");
    scenario.demand(&["nightly"], 2);
    let bad = figures(&scenario);
    assert_eq!((bad["pgwitness_last_exit_code"], bad["pgwitness_last_run_success"]), (2.0, 0.0));
    let proven = "pgwitness_last_verified_timestamp_seconds";
    assert_eq!(bad[proven], good[proven]);
    assert!(!bad.contains_key("pgwitness_mismatches"), "nothing was compared: {bad:?}");
    assert!(bad["pgwitness_last_run_timestamp_seconds"] >= good["pgwitness_last_run_timestamp_seconds"]);
}

#[test]
fn metrics_that_cannot_be_written_are_reported_and_turn_exit_0_into_3() {
    let (_database, mut scenario) = small("figures_refused");
    scenario.sections.push(("metrics".into(), vec![text("textfile", scenario.path("nowhere/pgwitness.prom"))]));
    let said = scenario.demand(&["nightly"], 3);
    assert!(said.contains("nowhere/pgwitness.prom: there is no directory"), "{said}");
    let checked = scenario.demand(&["config", "check"], 2);
    let end = "failed: a run could not send its notifications, and would end with exit code 3 at best";
    assert!(checked.contains(end) && !checked.contains("a run would fail"), "{checked}");
    let closing = fs::read_to_string(scenario.nights()[0].join("closing.json")).unwrap();
    assert!(closing.contains("there is no directory") && closing.contains("\"exit_code\": 3"), "{closing}");
}

#[test]
fn a_failed_notification_is_in_the_metrics() {
    let (_database, mut scenario) = small("figures_honest");
    scenario.sections.push(("metrics".into(), vec![text("textfile", scenario.path("pgwitness.prom"))]));
    // The port is closed.
    scenario.sections.push(("notify.webhook".into(), vec!["url = \"http://127.0.0.1:1/\"".into()]));
    scenario.demand(&["nightly"], 3);
    let figures = figures(&scenario);
    assert_eq!((figures["pgwitness_last_exit_code"], figures["pgwitness_last_run_success"]), (3.0, 0.0));
}

#[test]
fn what_a_killed_night_has_left_is_in_the_figures_of_the_next_one_that_cannot_clear_it() {
    let (_database, mut scenario) = small("figures_left");
    scenario.sections.push(("metrics".into(), vec![text("textfile", scenario.path("pgwitness.prom"))]));
    let reached = scenario.path("reached");
    scenario.wrap("pg_restore", &format!("touch {}; exec sleep 1000", reached.display()));
    let mut child = scenario.command(&["nightly"]).spawn().unwrap();
    while !reached.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let journal = &scenario.open_journals()[0];
    // What it owes can no longer be read.
    let path = scenario.path("state/runs").join(journal);
    fs::write(&path, format!("?{}", fs::read_to_string(&path).unwrap())).unwrap();
    scenario.set("dump", &text("pg_bindir", &crate::support::client_tools().bindir));
    scenario.demand(&["nightly"], 3);
    let figures = figures(&scenario);
    assert!(figures["pgwitness_cleanup_pending"] >= 1.0, "{figures:?}");
    assert_eq!(figures["pgwitness_last_run_success"], 0.0);
}
