//! Figures for Prometheus, read by a parser that is not ours.

use std::collections::BTreeMap;
use std::fs;

use nom_openmetrics::parser;

use crate::nightly_after::small;
use crate::support::night::{NightWorld, text};

fn figures(world: &NightWorld) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(world.path("pgwitness.prom")).unwrap();
    let (rest, families) = parser::prometheus(&text).unwrap();
    assert_eq!(rest, "");
    let samples = families.iter().flat_map(|family| &family.samples);
    let named = |stage: Option<&str>, name: &str| stage.map_or(name.to_owned(), |stage| format!("{name}/{stage}"));
    samples
        .map(|sample| {
            let stage = sample.labels().iter().find(|label| label.name == "stage").map(|label| label.value.as_str());
            (named(stage, sample.name()), sample.number())
        })
        .collect()
}

#[test]
fn a_failed_night_renews_the_figures_and_keeps_the_time_of_the_last_proven_dump() {
    let (_database, mut world) = small("figures");
    world.sections.push(("metrics".into(), vec![text("textfile", world.path("pgwitness.prom"))]));
    world.demand(&["nightly"], 0);
    let good = figures(&world);
    assert_eq!((good["pgwitness_last_exit_code"], good["pgwitness_last_run_success"]), (0.0, 1.0));
    assert_eq!((good["pgwitness_tables_compared"], good["pgwitness_mismatches"]), (2.0, 0.0));
    assert!(good["pgwitness_dump_bytes"] > 0.0 && good.contains_key("pgwitness_stage_duration_seconds/dump"));
    world.set("restore", "url = \"host=/nowhere dbname=x\"");
    world.demand(&["nightly"], 2);
    let bad = figures(&world);
    assert_eq!((bad["pgwitness_last_exit_code"], bad["pgwitness_last_run_success"]), (2.0, 0.0));
    let proven = "pgwitness_last_verified_timestamp_seconds";
    assert_eq!(bad[proven], good[proven]);
    assert!(!bad.contains_key("pgwitness_mismatches"), "nothing was compared: {bad:?}");
    assert!(bad["pgwitness_last_run_timestamp_seconds"] >= good["pgwitness_last_run_timestamp_seconds"]);
}

#[test]
fn figures_that_cannot_be_written_are_told_and_make_a_sound_night_exit_with_3() {
    let (_database, mut world) = small("figures_refused");
    world.sections.push(("metrics".into(), vec![text("textfile", world.path("nowhere/pgwitness.prom"))]));
    let said = world.demand(&["nightly"], 3);
    assert!(said.contains("nowhere/pgwitness.prom: there is no directory"), "{said}");
    let checked = world.demand(&["config", "check"], 2);
    let end = "failed: a run could not send its notifications, and would end with exit code 3 at best";
    assert!(checked.contains(end) && !checked.contains("a run would fail"), "{checked}");
    let closing = fs::read_to_string(world.nights()[0].join("closing.json")).unwrap();
    assert!(closing.contains("there is no directory") && closing.contains("\"exit_code\": 3"), "{closing}");
}

#[test]
fn that_somebody_could_not_be_told_is_in_the_figures() {
    let (_database, mut world) = small("figures_honest");
    world.sections.push(("metrics".into(), vec![text("textfile", world.path("pgwitness.prom"))]));
    // Nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.sections.push(("notify.webhook".into(), vec![format!("url = \"http://127.0.0.1:{port}/\"")]));
    world.demand(&["nightly"], 3);
    let figures = figures(&world);
    assert_eq!((figures["pgwitness_last_exit_code"], figures["pgwitness_last_run_success"]), (3.0, 0.0));
}

#[test]
fn what_a_killed_night_has_left_is_in_the_figures_of_the_next_one_that_cannot_clear_it() {
    let (_database, mut world) = small("figures_left");
    world.sections.push(("metrics".into(), vec![text("textfile", world.path("pgwitness.prom"))]));
    let reached = world.path("reached");
    world.wrap("pg_restore", &format!("touch {}; exec sleep 1000", reached.display()));
    let mut child = world.command(&["nightly"]).spawn().unwrap();
    while !reached.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let journal = &world.open_journals()[0];
    // What it owes can no longer be read.
    let path = world.path("state/runs").join(journal);
    fs::write(&path, format!("?{}", fs::read_to_string(&path).unwrap())).unwrap();
    world.set("dump", &text("pg_bindir", &crate::support::client_tools().bindir));
    world.demand(&["nightly"], 3);
    let figures = figures(&world);
    assert!(figures["pgwitness_cleanup_pending"] >= 1.0, "{figures:?}");
    assert_eq!(figures["pgwitness_last_run_success"], 0.0);
}
