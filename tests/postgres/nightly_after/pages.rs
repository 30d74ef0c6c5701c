//! Pages are refreshed by the night itself.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::nightly_after::small;
use crate::support::night::{NightWorld, text};

fn page(path: PathBuf) -> String {
    fs::read_to_string(path).unwrap()
}

fn closing(world: &NightWorld) -> Value {
    serde_json::from_slice(&fs::read(world.nights()[0].join("closing.json")).unwrap()).unwrap()
}

#[test]
fn a_night_leaves_its_page_and_one_over_all_nights() {
    let (_database, mut world) = small("pages_written");
    let public = fs::read_to_string(world.path("key.pub")).unwrap();
    fs::write(world.path("allowed_signers"), format!("backup@example.org {public}")).unwrap();
    let allowed = text("allowed_signers", world.path("allowed_signers"));
    world.set("report", &allowed);
    world.demand(&["nightly"], 0);
    let night = world.nights().remove(0);
    let (own, index) = (page(night.join("report.html")), page(world.path("reports/index.html")));
    assert!(own.contains("public.orders") && own.contains("backup@example.org"), "{own}");
    assert!(index.contains(&format!("{}/report.html", night.file_name().unwrap().to_str().unwrap())), "{index}");
    assert_eq!(closing(&world)["exit_code"], 0);
    // A failed night is on them too.
    world.set("source", "url = \"host=/nowhere dbname=x\"");
    world.demand(&["nightly"], 2);
    let failed = world.nights().into_iter().find(|other| *other != night).unwrap();
    let failed = page(failed.join("report.html"));
    assert!(failed.contains("nowhere"), "{failed}");
    assert!(page(world.path("reports/index.html")).contains("inconclusive"));
}

#[test]
fn a_page_that_cannot_be_written_takes_no_verdict_back_but_is_told() {
    let (_database, world) = small("pages_refused");
    fs::write(world.path("reports/index.html"), "<p>of somebody else").unwrap();
    let said = world.demand(&["nightly"], 3);
    assert!(said.contains("write the pages of this run"), "{said}");
    assert_eq!(page(world.path("reports/index.html")), "<p>of somebody else");
    assert_eq!((world.report()["verdict"].as_str(), world.backups("verified").len()), (Some("sound"), 1));
    let closing = closing(&world);
    assert_eq!(closing["exit_code"], 3);
    assert!(closing["troubles"][0].as_str().unwrap().contains("write the pages of this run"), "{closing}");
}

#[test]
fn whoever_wants_no_pages_gets_none() {
    let (_database, mut world) = small("pages_unwanted");
    world.set("report", "html = false");
    world.demand(&["nightly"], 0);
    assert!(!world.path("reports/index.html").exists() && !world.nights()[0].join("report.html").exists());
}
