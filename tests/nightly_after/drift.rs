//! `[[drift]]`: nights held against the last one that was sound.

use std::fs;

use serde_json::Value;

use crate::small;
use crate::support::Database;
use crate::support::night::{NightWorld, text};

fn guarded(name: &str) -> (Database, NightWorld) {
    let (database, mut world) = small(name);
    let rule = |lines: &[&str]| ("[drift]".to_owned(), lines.iter().map(ToString::to_string).collect());
    world.sections.push(rule(&["tables = \"public.orders\"", "max_shrink_percent = 20"]));
    world.sections.push(rule(&["tables = \"public.audit\"", "must_not_be_empty = true"]));
    (database, world)
}

/// The report that the program has named: two nights in one second have no order of their own.
fn report_of(said: &str) -> Value {
    let path = said.lines().find_map(|line| line.strip_prefix("report: ")).unwrap_or_else(|| panic!("{said}"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn drift_of(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == "drift");
    findings.map(|finding| finding["object"].as_str().unwrap()).collect()
}

#[test]
fn what_was_lost_before_the_dump_is_a_finding_every_night_until_somebody_says_that_it_is_right() {
    let (database, mut world) = guarded("drift_shrunk");
    let said = world.demand(&["nightly"], 0);
    assert!(said.contains("there is no sound night before this one"), "{said}");
    database.run("DELETE FROM orders WHERE id > 79");
    let said = world.demand(&["nightly"], 1);
    assert!(said.contains("it has lost 21 rows (21 %), at most 20 % may go"), "{said}");
    assert_eq!(drift_of(&report_of(&said)), ["public.orders"]);
    assert_eq!((world.backups("verified").len(), world.backups("damaged").len()), (1, 1));
    // A damaged night is no measure for the next one.
    world.demand(&["nightly"], 1);
    let waivers = world.path("waivers.toml");
    let waiver = "[[waiver]]\nkind = \"drift\"\nobject = \"public.orders\"\nreason = \"old orders were archived\"\n";
    fs::write(&waivers, waiver).unwrap();
    world.set("verify", &text("waivers", &waivers));
    let report = report_of(&world.demand(&["nightly"], 0));
    assert_eq!((report["verdict"].as_str(), report["waivers"][0]["kind"].as_str()), (Some("sound"), Some("drift")));
    // Held against that night from now on.
    fs::write(&waivers, "").unwrap();
    world.sections.retain(|(name, _)| name != "verify");
    let said = world.demand(&["nightly"], 0);
    assert!(said.contains("held against the night"), "{said}");
    database.run("DELETE FROM audit");
    let said = world.demand(&["nightly"], 1);
    assert_eq!(drift_of(&report_of(&said)), ["public.audit"]);
}

#[test]
fn a_night_whose_measure_was_tampered_with_is_not_sound() {
    let (_database, world) = guarded("drift_tampered");
    world.demand(&["nightly"], 0);
    let night = &world.nights()[0];
    let manifest = night.join("expected.manifest.json");
    let changed = fs::read_to_string(&manifest).unwrap().replacen("orders", "ordres", 1);
    fs::write(&manifest, changed).unwrap();
    let said = world.demand(&["nightly"], 2);
    assert!(said.contains("no sound night can be used"), "{said}");
    assert_eq!(report_of(&said)["verdict"], "inconclusive");
}

#[test]
fn a_rule_that_matches_nothing_is_not_a_rule_that_holds() {
    let (_database, mut world) = small("drift_nothing");
    world
        .sections
        .push(("[drift]".into(), vec!["tables = \"public.oders\"".into(), "must_not_be_empty = true".into()]));
    let said = world.demand(&["nightly"], 2);
    assert!(said.contains("matches no table"), "{said}");
}

#[test]
fn a_rule_that_forbids_nothing_is_refused_before_the_night() {
    let (_database, mut world) = small("drift_refused");
    world.sections.push(("[drift]".into(), vec!["tables = \"public.orders\"".into()]));
    let said = world.demand(&["nightly"], 2);
    assert!(said.contains("drift: tables \"public.orders\": it forbids nothing"), "{said}");
    assert_eq!(world.reports(), Vec::<Value>::new());
}
