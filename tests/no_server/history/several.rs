//! Several report directories in one view: none hides another, and one that cannot be read is said.

use super::*;
use crate::small_report::write_night as write;
use pgwitness::model::run::Origin;

fn origin(database: &str) -> Origin {
    Origin::Postgres { database: database.into(), servers: vec!["db.example:5432".into()], system_identifier: None }
}

/// A directory with a night of this day and database.
fn directory(reports: &Reports, name: &str, day: u32, database: &str) -> PathBuf {
    let dir = reports.dir.path().join(name);
    fs::create_dir_all(&dir).unwrap();
    let night = RunFacts { source: Some(origin(database)), ..a_night(&id(day), b"dump") };
    write(&dir, Some(&reports.key), june(day), Some(night), &orders(10), &orders(10));
    dir
}

/// A configuration file of this name, for the reports in `{tmp}/NAME`.
fn configuration(reports: &Reports, name: &str) {
    let place = reports.dir.path().display();
    let text = format!(
        "[source]\nkind = \"postgres\"\nurl = \"dbname=a\"\n[dump]\ndirectory = \"{place}/backups\"\n[retention]\nkeep_last = 1\n\
         [report]\ndirectory = \"{place}/{name}\"\nkey = \"{place}/key\"\nallowed_signers = \"{place}/allowed_signers\"\n"
    );
    fs::write(reports.dir.path().join(format!("{name}.toml")), text).unwrap();
}

fn two() -> Reports {
    let reports = Reports::new();
    directory(&reports, "club", 15, "club");
    directory(&reports, "shop", 15, "shop");
    reports
}

const BOTH: &str = "list --directory {tmp}/club --directory {tmp}/shop";

#[test]
fn two_sources_with_the_same_run_id_are_both_listed() {
    let reports = two();
    let (code, text) = reports.says(BOTH);
    assert_eq!((code, text.matches(&id(15)).count()), (0, 4), "in a list each, and in the table at the end: {text}");
    for wanted in ["/club: database club on", "/shop: database shop on", "2 report directories, newest runs: 2 sound"] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    for command in ["list {tmp}/club {tmp}/shop", "list {tmp}/club --directory {tmp}/shop"] {
        assert_eq!(reports.says(command).1.matches(&id(15)).count(), 4, "{command}");
    }
}

#[test]
fn a_directory_that_cannot_be_read_is_said_and_hides_no_other() {
    let reports = two();
    let (code, text) = reports.says(&format!("{BOTH} --directory {{tmp}}/absent"));
    assert_eq!((code, text.matches(&id(15)).count()), (2, 4), "{text}");
    for wanted in ["/absent: list reports in ", "No such file", "newest runs: 2 sound, 1 cannot be read"] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    let (code, text) = reports.says(&format!("{BOTH} --directory {{tmp}}/absent --format json"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let [club, _, absent] = json["directories"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!((code, &club["error"], club["nights"].as_array().unwrap().len()), (2, &serde_json::Value::Null, 1));
    assert_eq!(club["sources"][0], "database club on db.example:5432");
    assert!(absent["error"].as_str().unwrap().contains("No such file"), "{absent}");
    assert_eq!(
        reports.says(&format!("{BOTH} --directory {{tmp}}/absent --since 2026-06-20")).0,
        2,
        "also where nothing is listed"
    );
}

#[test]
fn configurations_name_directories_and_signers_and_a_missing_one_is_said() {
    let reports = two();
    ["club", "shop"].iter().for_each(|name| configuration(&reports, name));
    let both = "list --config {tmp}/club.toml --config {tmp}/shop.toml";
    let (code, text) = reports.says(both);
    assert_eq!((code, text.matches("  good  ").count(), text.contains("not checked")), (0, 2, false), "{text}");
    let (code, text) = reports.says(&format!("{both} --config {{tmp}}/absent.toml"));
    assert_eq!((code, text.matches(&id(15)).count()), (2, 4), "{text}");
    assert!(text.contains("/absent.toml: find the directory of reports: "), "{text}");
    // A configuration and a directory are both shown; what both name is shown once, with the signers that the configuration knows.
    let (code, text) = reports.says("list --directory {tmp}/club --directory {tmp}/shop --config {tmp}/club.toml");
    assert_eq!((code, text.matches(&id(15)).count(), text.matches("  good  ").count()), (0, 4, 1), "{text}");
    fs::remove_file(reports.dir.path().join("allowed_signers")).unwrap();
    let (code, text) = reports.says(both);
    assert_eq!((code, text.contains("newest runs: 2 cannot be read")), (2, true), "not: not checked\n{text}");
}

#[test]
fn a_problem_of_one_source_is_the_exit_code_of_all() {
    let reports = two();
    fs::remove_file(reports.dir.path().join("shop").join(id(15)).join("report.json.sig")).unwrap();
    assert_eq!(reports.says(BOTH).0, 0, "unsigned, and signatures are not checked");
    let (code, text) = reports.says(&format!("{BOTH} --allowed-signers {{signers}}"));
    assert_eq!((code, text.contains("newest runs: 1 sound, 1 unproven")), (2, true), "{text}");
    assert_eq!(reports.says(&format!("{BOTH} --allowed-signers {{tmp}}/absent")).0, 2);
}

#[test]
fn a_directory_is_shown_once_and_one_source_in_two_directories_twice() {
    let reports = two();
    let (_, text) = reports.says("list --directory {tmp}/club --directory {tmp}/club/. --directory {tmp}/shop/../club");
    assert_eq!(text.matches(&id(15)).count(), 1, "{text}");
    directory(&reports, "moved", 16, "club");
    let (code, text) = reports.says("list --directory {tmp}/club --directory {tmp}/moved");
    assert_eq!((code, text.matches(": database club on").count()), (0, 2), "{text}");
}

#[test]
fn names_of_sources_and_directories_reach_the_terminal_printable() {
    let reports = Reports::new();
    directory(&reports, "a\u{1b}[2J", 15, "x\u{1b}]0;y\u{7}\u{202e}");
    directory(&reports, "b", 15, "<b>");
    let name = reports.dir.path().join("a\u{1b}[2J");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgwitness"));
    let output = command.args(["report", "list"]).arg(name).arg(reports.dir.path().join("b")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']) && text.contains("database <b> on"), "{text}");
}

#[test]
fn a_narrow_view_keeps_sources_verdicts_and_directories() {
    let reports = two();
    let read = |name: &str| history::ReportDirectory::read(&reports.dir.path().join(name), None, june(26));
    let directories = [read("club"), read("absent")];
    let selected: Vec<Vec<ReportEntry>> = directories.iter().map(|one| one.entries().to_vec()).collect();
    for width in [60, 100, 160] {
        let style = pgwitness::output::terminal::Style { color: false, width, all_tables: false };
        let text = pgwitness::output::terminal::directories(&directories, &selected, june(26), style);
        let table = text.split("source ").nth(1).unwrap();
        for wanted in ["verdict", "reports in", "sound", "cannot be read"] {
            assert!(table.contains(wanted), "{width}: {wanted}\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
    }
}

#[test]
fn one_report_is_in_one_directory() {
    let reports = two();
    let (code, text) = reports.says("html latest --directory {tmp}/club --directory {tmp}/shop");
    assert_eq!((code, text.contains("name one --directory")), (2, true), "{text}");
}
