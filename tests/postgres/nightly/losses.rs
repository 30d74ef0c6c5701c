//! What is lost between two runs is told, and nothing older or foreign takes its place.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::nightly::{databases, server, shop};
use crate::support::Database;
use crate::support::client_tools;
use crate::support::night::{NightlyScenario, names, text};

fn two_nights(name: &str) -> (Database, NightlyScenario, [String; 2]) {
    let (database, scenario) = shop(name);
    scenario.demand(&["nightly", "--quiet"], 0);
    scenario.demand(&["nightly", "--quiet"], 0);
    let backups = scenario.backups("verified");
    (database, scenario, [backups[0].clone(), backups[1].clone()])
}

fn largest(dir: &Path) -> std::path::PathBuf {
    let files = names(dir).into_iter().map(|name| dir.join(name));
    files.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}

#[test]
fn newest_reports_that_were_removed_or_changed_are_missed_by_the_next_night_and_only_by_that_one() {
    let (_database, scenario, _) = two_nights("missed_report");
    let damages: [fn(&Path); 3] = [
        |night| fs::remove_dir_all(night).unwrap(),
        |night| fs::remove_file(night.join("report.json")).unwrap(),
        |night| {
            let file = night.join("report.json");
            let report = fs::read_to_string(&file).unwrap();
            fs::write(file, report.replacen("\"sound\"", "\"sound\" ", 1)).unwrap();
        },
    ];
    for damage in damages {
        let last = scenario.nights().pop().unwrap();
        damage(&last);
        let said = scenario.demand(&["nightly", "--quiet"], 3);
        assert!(said.contains(last.to_str().unwrap()) && said.contains("the last signed report, "), "{said}");
        let report = scenario.reports().pop().unwrap();
        let remarks = report["remarks"].to_string();
        assert!(remarks.contains(last.to_str().unwrap()), "the signed report says it: {remarks}");
        scenario.demand(&["nightly", "--quiet"], 0);
    }
    // An old report that was taken away is a gap in the chain, not the end of it.
    fs::remove_dir_all(&scenario.nights()[0]).unwrap();
    scenario.demand(&["nightly", "--quiet"], 0);
}

#[test]
fn a_restore_never_takes_an_older_backup_because_a_file_of_the_newest_is_missing_or_short() {
    for (name, damage) in [
        ("lost_file", (|file: &Path| fs::remove_file(file).unwrap()) as fn(&Path)),
        ("short_file", |file| fs::OpenOptions::new().write(true).open(file).unwrap().set_len(1).unwrap()),
    ] {
        let (_database, scenario, [older, newest]) = two_nights(name);
        damage(&largest(&scenario.path("backups/verified").join(&newest).join("dump")));
        let into = format!("{name}_again");
        let conninfo = server().conninfo(&into);
        let said = scenario.demand(&["restore", "--quiet", "--into", &conninfo], 2);
        assert!(said.contains(&newest) && said.contains(&format!("--backup {older}")), "{said}");
        assert!(!databases().iter().any(|database| database.starts_with(&into)), "{said}");
        scenario.demand(&["restore", "--quiet", "--backup", &older, "--into", &conninfo], 0);
        let said = scenario.demand(&["nightly", "--quiet"], 3);
        assert!(said.contains(&newest), "a night names the backup that lost a file: {said}");
    }
}

#[test]
fn a_backup_with_its_report_comes_back_on_another_machine_by_the_signers_that_are_named() {
    let (_database, scenario) = shop("elsewhere");
    scenario.demand(&["nightly", "--quiet"], 0);
    let other = NightlyScenario::of_database(server(), "elsewhere");
    for directory in ["backups", "reports"] {
        fs::remove_dir_all(other.path(directory)).unwrap();
        let copied = Command::new("cp").arg("-a").args([scenario.path(directory), other.path(directory)]).status();
        assert!(copied.unwrap().success());
    }
    let allowed = other.path("allowed_signers");
    fs::write(&allowed, format!("backup@production {}", fs::read_to_string(scenario.path("key.pub")).unwrap()))
        .unwrap();
    // Nothing of the first machine is left.
    drop(scenario);
    let into = server().conninfo("elsewhere_again");
    let said = other.demand(&["restore", "--quiet", "--into", &into], 2);
    assert!(said.contains("signer not allowed"), "{said}");
    let signers = ["--allowed-signers", allowed.to_str().unwrap()];
    let said = other.demand(&[&["restore", "--quiet", "--into", &into], &signers[..]].concat(), 0);
    assert!(said.contains("signed by backup@production"), "{said}");
    assert_eq!(Database::connect(&into).value("SELECT count(*) FROM shop.orders"), "3000");
}

#[test]
fn a_killed_restore_leaves_nothing_under_the_final_name_and_the_next_one_names_the_leftover() {
    let (_database, mut scenario) = shop("killed_restore");
    scenario.demand(&["nightly", "--quiet"], 0);
    let script = "case \" $* \" in *\" --list \"*|*\" -l \"*) exec \"$REAL/pg_restore\" \"$@\";; esac
        while kill -0 $PPID 2>/dev/null; do sleep 0.2; done";
    scenario.wrap("pg_restore", script);
    let into = server().conninfo("killed_again");
    let mut command = scenario.command(&["restore", "--quiet", "--into", &into]);
    let mut restore = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let leftover = loop {
        let found = databases().into_iter().find(|name| name.starts_with("killed_again"));
        if let Some(found) = found {
            break found;
        }
        assert!(restore.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(100));
    };
    restore.kill().unwrap();
    restore.wait().unwrap();
    assert!(leftover.starts_with("killed_again_restoring_"), "{leftover}");
    scenario.set("dump", &text("pg_bindir", &client_tools().bindir));
    let said = scenario.demand(&["restore", "--quiet", "--into", &into], 0);
    assert!(said.contains(&format!("DROP DATABASE \"{leftover}\";")), "{said}");
    assert!(databases().contains(&leftover), "it is named, not removed");
    assert_eq!(Database::connect(&into).value("SELECT count(*) FROM shop.orders"), "3000");
}

#[test]
fn a_restore_asks_for_the_name_of_the_database_and_makes_up_none() {
    let (_database, scenario) = shop("nameless");
    let said = scenario.demand(&["restore", "--into", &format!("host={}", scenario.path("").display())], 2);
    assert!(said.contains("it names no database") && said.contains("dbname="), "{said}");
}
