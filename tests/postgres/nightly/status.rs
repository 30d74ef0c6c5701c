//! `status`: one line and an exit code for a monitoring system.

use std::fs;

use super::shop;
use super::support::night::{NightlyScenario, names, said};
use super::support::pgwitness;

/// Signatures are checked.
fn trusting(scenario: &mut NightlyScenario) {
    let key = fs::read_to_string(scenario.path("key.pub")).unwrap();
    let allowed = scenario.path("allowed_signers");
    fs::write(&allowed, format!("pgwitness {key}")).unwrap();
    scenario.set("report", &super::support::night::text("allowed_signers", &allowed));
}

/// The line, which must be one, and its exit code the one of its state.
fn line(scenario: &NightlyScenario, arguments: &[&str]) -> String {
    let output = scenario.run(&[&["status"], arguments].concat());
    let (line, text) = (String::from_utf8(output.stdout.clone()).unwrap(), said(&output));
    assert_eq!(line.lines().count(), 1, "{text}");
    let state = line.strip_prefix("PGWITNESS ").unwrap().split(" - ").next().unwrap();
    let code = ["OK", "WARNING", "CRITICAL", "UNKNOWN"].iter().position(|word| *word == state).unwrap();
    assert_eq!(output.status.code(), Some(i32::try_from(code).unwrap()), "{text}");
    line
}

#[test]
fn a_young_verified_backup_is_ok_and_everything_else_is_not() {
    let (database, mut scenario) = shop("status_states");
    trusting(&mut scenario);
    assert_eq!(line(&scenario, &[]), "PGWITNESS CRITICAL - there is no verified backup\n");
    scenario.demand(&["nightly"], 0);
    let ok = line(&scenario, &[]);
    assert!(ok.starts_with("PGWITNESS OK - data 0 minutes old; verified 0 minutes ago ("), "{ok}");
    assert!(ok.contains("; last run sound | data_age=") && ok.contains("s;;201600;0 verified_age="), "{ok}");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let old = line(&scenario, &["--max-age", "1s"]);
    assert!(old.starts_with("PGWITNESS CRITICAL - data 0 minutes old, more than"), "{old}");
    let offsite = line(&scenario, &["--offsite-max-age", "1d"]);
    assert!(offsite.contains("CRITICAL - there is no verified backup off site"), "{offsite}");
    scenario.wrap("pg_dump", "echo 'pg_dump: error: out of luck' >&2; exit 1");
    scenario.demand(&["nightly"], 2);
    let failed = line(&scenario, &[]);
    assert!(failed.starts_with("PGWITNESS WARNING - last run ") && failed.contains(" inconclusive"), "{failed}");
    scenario.wrap("pg_dump", "exec \"$REAL/pg_dump\" \"$@\"");
    let damage = "\"$REAL/pg_restore\" \"$@\"; code=$?
        for a; do case \"$a\" in --dbname=*) \"$REAL/psql\" -X -q -d \"${a#--dbname=}\" -c 'TRUNCATE shop.orders' >&2;; esac; done
        exit $code";
    scenario.wrap("pg_restore", damage);
    scenario.demand(&["nightly"], 1);
    let damaged = line(&scenario, &[]);
    assert!(damaged.starts_with("PGWITNESS CRITICAL - last run ") && damaged.contains(" damaged"), "{damaged}");
    // Runs that take less than a second: their names have the order of the runs.
    scenario.wrap("pg_dump", "exit 1");
    let mut order = scenario.nights();
    for _ in 0..3 {
        scenario.demand(&["nightly"], 2);
        let new = scenario.nights().into_iter().find(|night| !order.contains(night)).unwrap();
        order.push(new);
    }
    assert!(order.is_sorted(), "{order:?}");
    drop(database);
}

#[test]
fn a_backup_or_a_report_that_was_tampered_with_is_critical() {
    let (_database, mut scenario) = shop("status_tampered");
    trusting(&mut scenario);
    scenario.demand(&["nightly"], 0);
    let night = scenario.nights().pop().unwrap();
    let report = fs::read_to_string(night.join("report.json")).unwrap();
    fs::write(night.join("report.json"), report.replacen("\"rows\"", "\"rows\" ", 1)).unwrap();
    let forged = line(&scenario, &[]);
    assert!(forged.contains("CRITICAL - there is no verified backup; last run "), "{forged}");
    fs::write(night.join("report.json"), report).unwrap();
    let backup = names(&scenario.path("backups/verified")).pop().unwrap();
    fs::rename(scenario.path("backups/verified").join(&backup), scenario.path("away")).unwrap();
    let lost = line(&scenario, &[]);
    assert!(lost.contains(&format!("the newest verified backup, {backup}, is not in verified/ any more")), "{lost}");
    let elsewhere = pgwitness().args(["status", "--directory"]).arg(scenario.path("reports")).output().unwrap();
    let elsewhere = said(&elsewhere);
    assert!(elsewhere.starts_with("PGWITNESS OK") && elsewhere.contains("signatures not checked"), "{elsewhere}");
}

#[test]
fn what_cannot_be_read_is_unknown() {
    for arguments in [&["status", "--config", "/nonexistent/x.toml"][..], &["status", "--max-age", "soon"]] {
        let output = pgwitness().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    }
    let output = pgwitness().args(["status", "--directory", "/nonexistent|x"]).output().unwrap();
    let text = said(&output);
    assert!(text.starts_with("PGWITNESS UNKNOWN - ") && !text.contains('|') && output.stderr.is_empty(), "{text}");
}
