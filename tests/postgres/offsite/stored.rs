//! A backup is stored off site, and proven to be there.

use std::fs;

use super::{NO_RESTORE, OffsiteScenario, has, tag};
use crate::support::night::text;

#[test]
fn a_sound_night_stores_dump_and_report_and_reads_the_dump_back() {
    let mut scenario = OffsiteScenario::new("offsite_stored");
    let checked = scenario.night.demand(&["config", "check"], 0);
    assert!(checked.contains(&format!("✓ offsite: {}, restic ", scenario.repository)), "{checked}");
    assert!(checked.contains("✓ off-site repository: 0 verified backups"), "{checked}");
    let arguments = scenario.night.path("arguments");
    scenario.wrap(&format!("echo \"$@\" >> {}; exec \"$REAL\" \"$@\"", arguments.display()));
    scenario.night.sections.push(("metrics".into(), vec![text("textfile", scenario.night.path("pgwitness.prom"))]));
    scenario.night.demand(&["nightly"], 0);
    scenario.demand_all_stored();
    let given = fs::read_to_string(arguments).unwrap();
    assert!(given.contains("backup --json") && !given.contains("horse"), "{given}");
    let report = scenario.night.report();
    // One path, which is that of the dump: no option was taken for the name of a file.
    let dump = scenario.snapshots("kind=dump").pop().unwrap();
    assert_eq!(dump["paths"].as_array().unwrap().len(), 1, "{dump}");
    let step = report["night"]["steps"].as_array().unwrap().iter().find(|step| step["name"] == "offsite").unwrap();
    assert_eq!(step["result"], "done");
    let note = step["notes"][0].as_str().unwrap();
    let files = report["night"]["dump"]["files"].as_array().unwrap().len();
    assert!(note.contains(" back (") && note.ends_with(&format!("({} files)", files + 2)), "{note}");
    let kept = scenario.snapshots("kind=report").pop().unwrap();
    assert!(has(&kept, "pgwitness") && kept["hostname"] == "pgwitness");
    assert_eq!(tag(&kept, "run"), report["run_id"].as_str().unwrap());
    let folder = scenario.night.nights().pop().unwrap();
    // Written again after the upload.
    scenario.demand_equal(&kept, &folder, &["closing.json", "closing.json.sig", "report.html"]);
    let id = &scenario.night.backups("verified")[0];
    assert_eq!(scenario.closing()["offsite"]["backup"], id.as_str());
    let metrics = fs::read_to_string(scenario.night.path("pgwitness.prom")).unwrap();
    assert!(metrics.contains("\npgwitness_offsite_last_verified_timestamp_seconds "), "{metrics}");
    let reports = scenario.night.path("reports").display().to_string();
    let listed = scenario.night.demand(&["report", "list", &reports], 0);
    assert!(listed.contains(&format!("newest off-site backup: {id}")), "{listed}");
    assert!(scenario.night.demand(&["config", "check"], 0).contains(&format!("1 verified backup, the newest {id}")));
}

#[test]
fn a_sample_is_read_back_or_nothing_as_configured() {
    let mut scenario = OffsiteScenario::new("offsite_sample");
    for (mode, expected) in [("sample", " of 4 files)"), ("none", "nothing was read back")] {
        scenario.night.set("offsite", &format!("read_back = {mode:?}"));
        scenario.night.demand(&["nightly"], 0);
        let report = scenario.night.reports().pop().unwrap();
        let steps = report["night"]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == "offsite").unwrap();
        assert!(step["notes"][0].as_str().unwrap().contains(expected), "{step}");
    }
    scenario.demand_all_stored();
}

#[test]
fn old_backups_are_forgotten_by_the_rules_and_snapshots_of_others_stay() {
    let mut scenario = OffsiteScenario::new("offsite_forget");
    fs::write(scenario.night.path("theirs"), "theirs").unwrap();
    let theirs = scenario.night.path("theirs").display().to_string();
    scenario.printed(&["backup", &theirs]);
    scenario.printed(&["backup", &theirs, "--tag", "pgwitness,kind=dump,backup=20260131T020000Z-1f2e3d4c"]);
    scenario.printed(&[
        "backup",
        &theirs,
        "--host",
        "pgwitness",
        "--tag",
        "pgwitness,kind=dump,source=other-1,backup=x",
    ]);
    scenario.night.demand(&["nightly"], 0);
    scenario.night.demand(&["nightly"], 0);
    assert_eq!(scenario.snapshots("verified").len(), 2, "without rules all are kept");
    scenario.night.sections.push(("offsite.forget".into(), vec!["keep_last = 1".into()]));
    scenario.night.demand(&["nightly"], 0);
    let newest = scenario.night.backups("verified").pop().unwrap();
    let kept = scenario.snapshots("verified");
    assert_eq!((kept.len(), tag(&kept[0], "backup")), (1, newest));
    assert_eq!(scenario.printed(&["snapshots", "--json"]).matches("\"short_id\"").count(), 5);
    scenario.printed(&["check"]);
}

#[test]
fn a_dump_that_was_not_verified_is_not_stored_as_verified_and_owes_nothing() {
    let mut scenario = OffsiteScenario::new("offsite_unproven");
    scenario.night.wrap("pg_restore", NO_RESTORE);
    scenario.night.demand(&["nightly"], 2);
    assert_eq!((scenario.snapshots("kind=dump").len(), scenario.snapshots("verified").len()), (1, 0));
    assert_eq!(scenario.night.open_journals(), Vec::<String>::new());
    assert!(scenario.closing()["offsite"].is_null());
    drop(scenario.database);
}
