//! Reports that a retention removes, and those that another hand does.

use std::collections::BTreeSet;
use std::fs;

use pgwitness::model::run::Origin;
use pgwitness::storage::history::{
    self, ChainState, Content, PRUNED, PruneRule, PrunedReport, plan_pruning, prune_reports, pruned,
};
use pgwitness::storage::reports::{KeyFile, Trust, keygen, sign_json};

use super::{Reports, a_night, id, june, orders};
use crate::small_report::write_night;

fn source(database: &str) -> Origin {
    Origin::Postgres { database: database.into(), servers: vec!["db:5432".into()], system_identifier: None }
}

fn night_of(reports: &Reports, day: u32, source: Option<Origin>, is_sound: bool) {
    let night = pgwitness::model::run::RunFacts { source, ..a_night(&id(day), b"dump") };
    let actual = if is_sound { orders(9) } else { orders(8) };
    write_night(&reports.reports(), Some(&reports.key), june(day), Some(night), &orders(9), &actual);
}

/// Nights of June 15 to 21; the last one is damaged.
fn a_week() -> Reports {
    let reports = Reports::new();
    (15..=21).for_each(|day| night_of(&reports, day, Some(source("shop")), day < 21));
    reports
}

fn plan(reports: &Reports, keep_days: u32, backups: &[u32]) -> BTreeSet<PrunedReport> {
    let (source, backups) = (source("shop"), backups.iter().map(|day| id(*day)).collect());
    let rule = PruneRule { keep_days, now: june(26), source: &source, backups: &backups };
    plan_pruning(&reports.read(), rule)
}

fn names(removed: &BTreeSet<PrunedReport>) -> Vec<String> {
    removed.iter().map(|report| report.name.clone()).collect()
}

fn prune(reports: &Reports, removed: &BTreeSet<PrunedReport>) -> Result<(), String> {
    let trust = Trust { allowed: &reports.signers, identity: None, now: june(26) };
    prune_reports(&reports.reports(), removed, &reports.key, trust).map_err(|error| error.to_string())
}

fn days(days: &[u32]) -> Vec<String> {
    days.iter().map(|day| id(*day)).collect()
}

#[test]
fn the_newest_the_newest_sound_and_those_of_backups_stay_and_the_chain_still_holds() {
    let reports = a_week();
    assert_eq!(names(&plan(&reports, 3, &[16])), days(&[15, 17, 18, 19]));
    assert_eq!(names(&plan(&reports, 9, &[])), days(&[15, 16]), "by age");
    assert!(plan(&reports, 12, &[]).is_empty());
    let removed = plan(&reports, 3, &[16]);
    prune(&reports, &removed).unwrap();
    let entries = reports.read();
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, days(&[21, 20, 16]), "nothing counts as missing");
    let states: Vec<&ChainState> = entries.iter().map(|entry| &entry.chain).collect();
    let linked = ChainState::Linked(id(20));
    assert_eq!(states, [&linked, &ChainState::PreviousPruned, &ChainState::PreviousPruned]);
    assert_eq!(reports.verify(false), 0);
    let output = reports.run("verify {dir} --allowed-signers {signers}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("the report before it was removed by report.keep_days: pruned.json says so, signed"),
        "{said}"
    );
    // Another time, and nothing more to do.
    assert!(plan(&reports, 3, &[16]).is_empty());
    prune(&reports, &BTreeSet::new()).unwrap();
    assert_eq!(names(&plan(&reports, 3, &[])), days(&[16]), "its backup is gone now");
}

#[test]
fn reports_of_other_sources_and_those_that_are_not_in_order_stay() {
    let reports = Reports::new();
    night_of(&reports, 15, Some(source("other")), true);
    night_of(&reports, 16, None, true);
    (17..=21).for_each(|day| night_of(&reports, day, Some(source("shop")), true));
    assert_eq!(names(&plan(&reports, 3, &[])), days(&[17, 18, 19, 20]));
    let side = reports.reports().join(id(18)).join("actual.manifest.json");
    fs::write(&side, "{}").unwrap();
    fs::remove_file(reports.reports().join(id(19)).join("closing.json")).unwrap();
    let report = reports.reports().join(id(20)).join("report.json.sig");
    fs::remove_file(report).unwrap();
    assert_eq!(names(&plan(&reports, 3, &[])), days(&[17]));
}

#[test]
fn a_report_that_another_hand_removed_is_missing_whatever_the_list_says() {
    let pruned_world = || {
        let reports = a_week();
        prune(&reports, &plan(&reports, 3, &[])).unwrap();
        assert_eq!(reports.verify(false), 0);
        reports
    };
    type Attack = fn(&Reports);
    let attacks: [(&str, Attack); 6] = [
        ("one more report is removed", |reports| fs::remove_dir_all(reports.reports().join(id(20))).unwrap()),
        ("the list is removed", |reports| fs::remove_file(reports.reports().join(PRUNED)).unwrap()),
        ("its signature is removed", |reports| {
            fs::remove_file(reports.reports().join(format!("{PRUNED}.sig"))).unwrap();
        }),
        ("an entry is added", |reports| {
            let path = reports.reports().join(PRUNED);
            let sha256 = reports.entry(20).summary().unwrap().sha256.clone();
            let text = fs::read_to_string(&path).unwrap();
            let entry = format!(
                "\"pruned\": [\n    {{\"started_at\": \"2026-06-20T02:00:00Z\", \"name\": \"{}\", \"sha256\": \"{sha256}\"}},",
                id(20)
            );
            fs::write(&path, text.replacen("\"pruned\": [", &entry, 1)).unwrap();
            fs::remove_dir_all(reports.reports().join(id(20))).unwrap();
        }),
        ("a list of another signer", |reports| {
            let other = reports.dir.path().join("other");
            keygen(&other, "mallory@example.com").unwrap();
            let key = KeyFile { path: other, passphrase: None };
            let list: serde_json::Value =
                serde_json::from_slice(&fs::read(reports.reports().join(PRUNED)).unwrap()).unwrap();
            sign_json(&reports.reports(), PRUNED, &list, &key).unwrap();
        }),
        ("another signed file under its name", |reports| {
            for (from, to) in [("closing.json", PRUNED.to_owned()), ("closing.json.sig", format!("{PRUNED}.sig"))] {
                fs::copy(reports.reports().join(id(21)).join(from), reports.reports().join(to)).unwrap();
            }
        }),
    ];
    for (what, attack) in attacks {
        let reports = pruned_world();
        attack(&reports);
        assert_ne!(reports.verify(false), 0, "{what}");
        let is_missing = |entry: &history::ReportEntry| matches!(entry.content, Content::Missing { .. });
        assert!(reports.read().iter().any(is_missing), "{what}");
    }
}

#[test]
fn a_list_that_is_not_ours_is_not_signed_by_us_and_nothing_is_removed() {
    let reports = a_week();
    fs::write(reports.reports().join(PRUNED), "{\"format\":1,\"pruned\":[]}").unwrap();
    let error = prune(&reports, &plan(&reports, 3, &[])).unwrap_err();
    assert!(error.ends_with("not signed"), "{error}");
    assert_eq!(
        fs::read_dir(reports.reports()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count(),
        7
    );
    let report_problems = reports.read()[0].report_problems().join("\n");
    assert!(report_problems.contains("pruned.json: not signed"), "{report_problems}");
}

#[test]
fn what_an_interrupted_removal_has_left_is_removed_by_the_next() {
    let reports = a_week();
    let removed = plan(&reports, 3, &[]);
    // The list is signed, and the first report has its last name.
    let first = removed.first().unwrap().name.clone();
    let list = serde_json::json!({"format": 1, "pruned": removed});
    sign_json(&reports.reports(), PRUNED, &list, &reports.key).unwrap();
    let path = |name: &str| reports.reports().join(name);
    fs::rename(path(&first), path(&format!(".removing-{first}"))).unwrap();
    // And the list itself was being written once more.
    fs::rename(path(PRUNED), path(&format!("{PRUNED}.new"))).unwrap();
    fs::rename(path(&format!("{PRUNED}.sig")), path(&format!("{PRUNED}.sig.new"))).unwrap();
    prune(&reports, &BTreeSet::new()).unwrap();
    assert!(!path(&format!(".removing-{first}")).exists());
    assert_eq!(pruned(&reports.reports(), None).unwrap(), removed);
    let rest = plan(&reports, 3, &[]);
    assert_eq!(names(&rest), days(&[16, 17, 18, 19]));
    prune(&reports, &rest).unwrap();
    assert_eq!(reports.verify(false), 0);
    assert_eq!(reports.read().len(), 2);
}

#[test]
fn a_report_behind_a_pruned_one_that_another_hand_removed_is_missing() {
    let reports = a_week();
    prune(&reports, &plan(&reports, 3, &[16])).unwrap();
    assert_eq!(reports.verify(false), 0);
    fs::remove_dir_all(reports.reports().join(id(16))).unwrap();
    assert_ne!(reports.verify(false), 0, "only the pruned report of the 17th named it");
    assert!(reports.read().iter().any(|entry| matches!(entry.content, Content::Missing { .. })));
}

#[test]
fn a_list_without_a_signature_explains_nothing_where_reports_are_signed() {
    let reports = a_week();
    prune(&reports, &plan(&reports, 3, &[])).unwrap();
    let missing = || {
        let entries = history::read(&reports.reports(), None, june(26)).unwrap();
        entries.iter().filter(|entry| matches!(entry.content, Content::Missing { .. })).count()
    };
    assert_eq!(missing(), 0);
    fs::remove_file(reports.reports().join(format!("{PRUNED}.sig"))).unwrap();
    assert_ne!(missing(), 0);
}
