//! Old reports go after a good night, where the configuration says so.

use std::fs;

use pgwitness::base::time::Timestamp;
use pgwitness::model::report::Report;
use pgwitness::model::run::{CLOSING, Closing};
use pgwitness::storage::reports::{self, KeyFile, NewReport};

use crate::nightly::shop;

#[test]
fn a_good_night_removes_old_reports_whose_backup_is_gone_and_signs_which() {
    let (_database, mut scenario) = shop("old_reports");
    scenario.demand(&["nightly", "--quiet"], 0);
    // The same report of another time.
    let key = KeyFile { path: scenario.path("key"), passphrase: None };
    let bytes = fs::read(scenario.nights()[0].join("report.json")).unwrap();
    let mut old = Report::from_bytes(&bytes).unwrap();
    let started_at = Timestamp::parse("2026-01-01T02:00:00Z").unwrap();
    (old.times.started_at, old.times.finished_at) = (started_at, started_at);
    old.side_files.clear();
    let backup = &mut old.night.as_mut().unwrap().dump.as_mut().unwrap().backup;
    let kept = std::mem::replace(backup, "20260101T020000Z-00000000".into());
    let folder = NewReport::prepare(&scenario.path("reports"), Some(&key), started_at, &old.run_id).unwrap();
    let dir = folder.path().to_owned();
    folder.finish(&old).unwrap();
    let closing = Closing {
        format: 1,
        run_id: old.run_id.clone(),
        report_sha256: reports::sha256(&fs::read(dir.join("report.json")).unwrap()),
        exit_code: 0,
        steps: Vec::new(),
        troubles: Vec::new(),
        debts: Vec::new(),
        offsite: None,
        timestamp: None,
        safe_texts: Default::default(),
    };
    reports::sign_json(&dir, CLOSING, &closing, &key).unwrap();
    scenario.demand(&["nightly", "--quiet"], 0);
    assert!(dir.exists(), "off unless asked for");
    scenario.set("report", "keep_days = 30");
    scenario.demand(&["nightly", "--quiet"], 0);
    assert!(!dir.exists());
    let list = fs::read_to_string(scenario.path("reports/pruned.json")).unwrap();
    assert!(list.contains("20260101T020000Z"), "{list}");
    assert!(scenario.path("reports/pruned.json.sig").exists());
    assert!(scenario.backups("verified").contains(&kept) || scenario.nights().len() == 3);
    let last: serde_json::Value =
        serde_json::from_slice(&fs::read(scenario.nights().pop().unwrap().join(CLOSING)).unwrap()).unwrap();
    let steps = last["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "prune_reports").unwrap();
    assert!(step["notes"][0].as_str().unwrap().starts_with("removed 20260101T020000Z"), "{step}");
    scenario.set("report", "keep_days = 0");
    let said = scenario.demand(&["config", "check"], 2);
    assert!(said.contains("report.keep_days keeps nothing"), "{said}");
}
