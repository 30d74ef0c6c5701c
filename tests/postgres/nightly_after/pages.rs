//! Pages are refreshed by the night itself.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::nightly_after::small;
use crate::support::night::{NightlyScenario, text};

fn page(path: PathBuf) -> String {
    fs::read_to_string(path).unwrap()
}

fn closing(scenario: &NightlyScenario) -> Value {
    serde_json::from_slice(&fs::read(scenario.nights()[0].join("closing.json")).unwrap()).unwrap()
}

#[test]
fn a_night_leaves_its_page_and_one_over_all_nights() {
    let (_database, mut scenario) = small("pages_written");
    let public = fs::read_to_string(scenario.path("key.pub")).unwrap();
    fs::write(scenario.path("allowed_signers"), format!("backup@example.org {public}")).unwrap();
    let allowed = text("allowed_signers", scenario.path("allowed_signers"));
    scenario.set("report", &allowed);
    scenario.demand(&["nightly"], 0);
    let night = scenario.nights().remove(0);
    let (own, index) = (page(night.join("report.html")), page(scenario.path("reports/index.html")));
    assert!(own.contains("public.orders") && own.contains("backup@example.org"), "{own}");
    assert!(index.contains(&format!("{}/report.html", night.file_name().unwrap().to_str().unwrap())), "{index}");
    assert_eq!(closing(&scenario)["exit_code"], 0);
    // A failed night is on them too.
    scenario.set("source", "url = \"host=/nowhere dbname=x\"");
    scenario.demand(&["nightly"], 2);
    let failed = scenario.nights().into_iter().find(|other| *other != night).unwrap();
    let failed = page(failed.join("report.html"));
    assert!(failed.contains("nowhere"), "{failed}");
    let hint = "try: give each source a directory of its own";
    assert!(failed.contains(hint), "the hint of the terminal: {failed}");
    assert!(page(scenario.path("reports/index.html")).contains("inconclusive"));
}

#[test]
fn a_page_that_cannot_be_written_is_reported_and_leaves_the_verdict() {
    let (_database, scenario) = small("pages_refused");
    fs::write(scenario.path("reports/index.html"), "<p>of somebody else").unwrap();
    let said = scenario.demand(&["nightly"], 3);
    assert!(said.contains("write the pages of this run"), "{said}");
    assert_eq!(page(scenario.path("reports/index.html")), "<p>of somebody else");
    assert_eq!((scenario.report()["verdict"].as_str(), scenario.backups("verified").len()), (Some("sound"), 1));
    let closing = closing(&scenario);
    assert_eq!(closing["exit_code"], 3);
    assert!(closing["troubles"][0].as_str().unwrap().contains("write the pages of this run"), "{closing}");
}

#[test]
fn pages_can_be_switched_off() {
    let (_database, mut scenario) = small("pages_unwanted");
    scenario.set("report", "html = false");
    scenario.demand(&["nightly"], 0);
    assert!(!scenario.path("reports/index.html").exists() && !scenario.nights()[0].join("report.html").exists());
}
