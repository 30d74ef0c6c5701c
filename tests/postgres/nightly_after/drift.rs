//! `[[drift]]`: nights held against the last one that was sound.

use std::fs;
use std::path::{Path, PathBuf};

use pgwitness::model::report::Report;
use pgwitness::storage::reports::{KeyFile, NewReport};
use serde_json::Value;

use crate::nightly_after::{server, small};
use crate::support::night::{NightlyScenario, said, text};
use crate::support::{Database, pgwitness};

fn guarded(name: &str) -> (Database, NightlyScenario) {
    let (database, mut scenario) = small(name);
    let rule = |lines: &[&str]| ("[drift]".to_owned(), lines.iter().map(ToString::to_string).collect());
    scenario.sections.push(rule(&["tables = \"public.orders\"", "max_shrink_percent = 20"]));
    scenario.sections.push(rule(&["tables = \"public.audit\"", "must_not_be_empty = true"]));
    (database, scenario)
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
fn what_was_lost_before_the_dump_is_a_finding_every_night_until_it_is_acknowledged() {
    let (database, mut scenario) = guarded("drift_shrunk");
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("there is no earlier sound run to compare with"), "{said}");
    database.run("DELETE FROM orders WHERE id > 79");
    let said = scenario.demand(&["nightly"], 1);
    assert!(said.contains("lost 21 rows (21 %); the rule allows 20 %"), "{said}");
    assert_eq!(drift_of(&report_of(&said)), ["public.orders"]);
    assert_eq!((scenario.backups("verified").len(), scenario.backups("damaged").len()), (1, 1));
    // A damaged night is no measure for the next one.
    scenario.demand(&["nightly"], 1);
    let waivers = scenario.path("waivers.toml");
    let waiver = "[[waiver]]\nkind = \"drift\"\nobject = \"public.orders\"\nreason = \"old orders were archived\"\n";
    fs::write(&waivers, waiver).unwrap();
    scenario.set("verify", &text("waivers", &waivers));
    let report = report_of(&scenario.demand(&["nightly"], 0));
    assert_eq!((report["verdict"].as_str(), report["waivers"][0]["kind"].as_str()), (Some("sound"), Some("drift")));
    // Held against that night from now on.
    fs::write(&waivers, "").unwrap();
    scenario.sections.retain(|(name, _)| name != "verify");
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("compared with the run"), "{said}");
    database.run("DELETE FROM audit");
    let said = scenario.demand(&["nightly"], 1);
    assert_eq!(drift_of(&report_of(&said)), ["public.audit"]);
}

/// The directory of the report that was named.
fn directory_of(said: &str) -> PathBuf {
    let path = said.lines().find_map(|line| line.strip_prefix("report: ")).unwrap_or_else(|| panic!("{said}"));
    Path::new(path).parent().unwrap().to_owned()
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// Tonight cannot be compared with the run before it, for this reason.
fn demand_refused(scenario: &NightlyScenario, reason: &str) {
    let said = scenario.demand(&["nightly"], 2);
    let report = report_of(&said);
    let unchecked = report["unchecked"].as_array().unwrap();
    let [unchecked] = &unchecked[..] else { panic!("{said}") };
    let text = unchecked["reason"].as_str().unwrap();
    assert!(unchecked["object"] == "drift" && text.contains(reason), "{text}");
    for way_out in ["report.allowed_signers", "move these directories", "kind = \"unchecked\", object = \"drift\""] {
        assert!(text.contains(way_out), "{text}");
    }
}

fn demand_held_against(scenario: &NightlyScenario, night: &Path) {
    let said = scenario.demand(&["nightly"], 0);
    let held = format!("compared with the run {}", night.file_name().unwrap().to_str().unwrap());
    assert!(said.contains(&held), "{held}: {said}");
}

#[test]
fn a_measure_that_was_tampered_with_makes_nights_inconclusive_until_it_is_waived_once() {
    let (_database, mut scenario) = guarded("drift_tampered");
    let night = directory_of(&scenario.demand(&["nightly"], 0));
    edit(&night.join("expected.manifest.json"), "orders", "ordres");
    demand_refused(&scenario, "no sound run can be used");
    // An inconclusive night is no measure.
    demand_refused(&scenario, "expected.manifest.json is not the file that was signed for");
    let waivers = scenario.path("waivers.toml");
    let waiver =
        "[[waiver]]\nkind = \"unchecked\"\nobject = \"drift\"\nreason = \"the disk was bad, the rest is well\"\n";
    fs::write(&waivers, waiver).unwrap();
    scenario.set("verify", &text("waivers", &waivers));
    let said = scenario.demand(&["nightly"], 0);
    assert_eq!(report_of(&said)["waivers"][0]["covered"][0], "unchecked drift (expected)");
    scenario.sections.retain(|(name, _)| name != "verify");
    demand_held_against(&scenario, &directory_of(&said));
}

#[test]
fn a_forged_word_does_not_hide_the_night_that_was_the_measure() {
    let (database, scenario) = guarded("drift_forged");
    let first = directory_of(&scenario.demand(&["nightly"], 0));
    database.run("INSERT INTO orders SELECT i FROM generate_series(101, 200) i");
    let second = directory_of(&scenario.demand(&["nightly"], 0)).join("report.json");
    let signed = fs::read(&second).unwrap();
    for (from, to) in [("\"verdict\": \"sound\"", "\"verdict\": \"damaged\""), ("\"nightly\"", "\"compare\"")] {
        edit(&second, from, to);
        demand_refused(&scenario, "bad signature");
        fs::write(&second, &signed).unwrap();
    }
    fs::remove_file(second.with_file_name("report.json.sig")).unwrap();
    let older = format!("reports not older than that of the run {}", first.file_name().unwrap().to_str().unwrap());
    demand_refused(&scenario, &older);
    demand_refused(&scenario, "not signed");
}

#[test]
fn a_report_of_another_command_is_passed_over_if_it_is_signed() {
    let (_database, scenario) = guarded("drift_compare");
    let night = directory_of(&scenario.demand(&["nightly"], 0));
    let compare = |more: &[&Path]| {
        let mut command = pgwitness();
        command.arg("compare").arg(night.join("expected.manifest.json")).arg(server().conninfo("drift_compare"));
        let output = command.arg("--report").arg(scenario.path("reports")).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        directory_of(&said(&output))
    };
    compare(&[Path::new("--key"), &scenario.path("key")]);
    demand_held_against(&scenario, &night);
    let unsigned = compare(&[]);
    demand_refused(&scenario, "not signed");
    // As it was told to.
    fs::rename(&unsigned, scenario.path("elsewhere")).unwrap();
    scenario.demand(&["nightly"], 0);
}

#[test]
fn a_report_in_the_place_of_another_or_of_a_time_to_come_is_no_measure() {
    let (_database, scenario) = guarded("drift_moved");
    let night = directory_of(&scenario.demand(&["nightly"], 0));
    for wrong in ["29990101T000000Z-01234567", "20200101T000000Z-01234567", "old"] {
        let moved = night.with_file_name(wrong);
        fs::rename(&night, &moved).unwrap();
        demand_refused(&scenario, "it is the report of");
        fs::rename(&moved, &night).unwrap();
    }
    let mut report = Report::from_bytes(&fs::read(night.join("report.json")).unwrap()).unwrap();
    report.times.started_at = report.times.started_at.plus_seconds(86_400);
    report.times.finished_at = report.times.started_at;
    let key = KeyFile { path: scenario.path("key"), passphrase: None };
    let at = report.times.started_at;
    let folder = NewReport::prepare(&scenario.path("reports"), Some(&key), at, &report.run_id).unwrap();
    folder.finish(&report).unwrap();
    demand_refused(&scenario, &format!("it began at {at}, but now is"));
}

#[test]
fn a_night_of_another_key_counts_when_the_key_is_listed() {
    let (_database, mut scenario) = guarded("drift_key");
    let night = directory_of(&scenario.demand(&["nightly"], 0));
    fs::rename(scenario.path("key"), scenario.path("old-key")).unwrap();
    fs::rename(scenario.path("key.pub"), scenario.path("old-key.pub")).unwrap();
    assert!(pgwitness().arg("keygen").arg(scenario.path("key")).output().unwrap().status.success());
    demand_refused(&scenario, "signer not allowed");
    let public = fs::read_to_string(scenario.path("old-key.pub")).unwrap();
    let allowed = scenario.path("allowed_signers");
    fs::write(&allowed, format!("backup@example.org {public}")).unwrap();
    scenario.set("report", &text("allowed_signers", &allowed));
    demand_held_against(&scenario, &night);
}

#[test]
fn a_night_of_another_database_is_no_measure_and_does_not_hide_the_one_that_is() {
    let (database, mut scenario) = guarded("drift_source");
    let (_other, _) = guarded("drift_other_source");
    let night = directory_of(&scenario.demand(&["nightly"], 0));
    // A backup directory belongs to one source; the reports of both are in one place.
    scenario.set("source", &text("url", server().conninfo("drift_other_source")));
    scenario.set("dump", &text("directory", scenario.path("other_backups")));
    scenario.demand(&["init"], 0);
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("there is no earlier sound run to compare with"), "{said}");
    assert!(said.contains("of another database, drift_source"), "{said}");
    scenario.set("source", &text("url", server().conninfo("drift_source")));
    scenario.set("dump", &text("directory", scenario.path("backups")));
    demand_held_against(&scenario, &night);
    database.run("DELETE FROM orders");
    assert_eq!(drift_of(&report_of(&scenario.demand(&["nightly"], 1))), ["public.orders"]);
}

#[test]
fn a_rule_that_matches_nothing_is_not_a_rule_that_holds() {
    let (_database, mut scenario) = small("drift_nothing");
    scenario
        .sections
        .push(("[drift]".into(), vec!["tables = \"public.oders\"".into(), "must_not_be_empty = true".into()]));
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("matches no table"), "{said}");
}

#[test]
fn a_rule_that_forbids_nothing_is_refused_before_the_night() {
    let (_database, mut scenario) = small("drift_refused");
    scenario.sections.push(("[drift]".into(), vec!["tables = \"public.orders\"".into()]));
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("drift: tables \"public.orders\": it forbids nothing"), "{said}");
    assert_eq!(scenario.reports(), Vec::<Value>::new());
}
