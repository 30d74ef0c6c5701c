//! `[access]`: opened before the source is asked, closed however the run ends, and by the next run after a crash.

use std::fs;
use std::time::{Duration, Instant};

use super::shop;
use super::support::Database;
use super::support::night::NightlyScenario;

/// Both commands write a line to a log; `more` is what `open` does then.
fn night(name: &str, more: &str) -> (Database, NightlyScenario) {
    let (database, mut scenario) = shop(name);
    let log = scenario.path("access.log").display().to_string();
    let command = |what: &str, then: &str| format!("{:?}", format!("echo {what} $PGWITNESS_RUN_ID >> {log}; {then}"));
    let lines = vec![
        format!("open = [\"/bin/sh\", \"-c\", {}]", command("open", more)),
        format!("close = [\"/bin/sh\", \"-c\", {}]", command("close", "true")),
    ];
    scenario.sections.push(("access".into(), lines));
    (database, scenario)
}

fn log(scenario: &NightlyScenario) -> Vec<String> {
    let text = fs::read_to_string(scenario.path("access.log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What was done, without the ids of the runs.
fn done(scenario: &NightlyScenario) -> Vec<String> {
    log(scenario).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn access_is_opened_for_a_run_and_closed_with_the_same_id() {
    let (_database, scenario) = night("access_sound", "true");
    assert!(scenario.demand(&["nightly", "--dry-run"], 0).contains("open access to the source"));
    assert_eq!(log(&scenario), Vec::<String>::new(), "a dry run opens nothing");
    scenario.demand(&["nightly"], 0);
    let id = scenario.report()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(log(&scenario), [format!("open {id}"), format!("close {id}")]);
    assert_eq!(scenario.open_journals(), Vec::<String>::new());
    let steps = scenario.report()["night"]["steps"].to_string();
    assert!(steps.contains("open_access"), "{steps}");
}

#[test]
fn an_open_that_fails_half_way_ends_the_run_and_is_closed_all_the_same() {
    let (_database, scenario) = night("access_refused", "echo no way >&2; exit 1");
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("run the hook access.open") && said.contains("no way"), "{said}");
    assert_eq!(done(&scenario), ["open", "close"]);
    assert_eq!(scenario.open_journals(), Vec::<String>::new());
}

#[test]
fn a_run_that_fails_later_closes_access_too() {
    let (_database, mut scenario) = night("access_failed", "true");
    scenario.wrap("pg_dump", "echo 'pg_dump: error: out of luck' >&2; exit 1");
    scenario.demand(&["nightly"], 2);
    assert_eq!(done(&scenario), ["open", "close"]);
}

#[test]
fn a_close_that_fails_is_a_problem_and_is_repeated_by_the_next_run() {
    let (_database, mut scenario) = night("access_stuck", "true");
    let good = scenario.sections.last().unwrap().1.clone();
    scenario.set("access", "close = [\"/bin/sh\", \"-c\", \"echo stuck >&2; exit 1\"]");
    let said = scenario.demand(&["nightly"], 3);
    assert!(said.contains("run the hook access.close") && said.contains("stuck"), "{said}");
    assert_eq!(scenario.open_journals().len(), 1);
    scenario.sections.last_mut().unwrap().1.clear();
    let said = scenario.demand(&["sweep"], 3);
    assert!(said.contains("access.close is not set any more"), "{said}");
    scenario.sections.last_mut().unwrap().1 = good;
    scenario.demand(&["nightly"], 0);
    assert_eq!(done(&scenario), ["open", "close", "open", "close"]);
    assert_eq!(scenario.open_journals(), Vec::<String>::new());
}

#[test]
fn a_killed_run_is_closed_by_the_next_one_with_its_own_id_and_a_stopped_one_by_itself() {
    for (name, signal) in
        [("access_killed", rustix::process::Signal::KILL), ("access_stopped", rustix::process::Signal::TERM)]
    {
        let (_database, mut scenario) = night(name, "true");
        let dump = scenario.sections.iter().find(|(section, _)| section == "dump").unwrap().1.clone();
        let mark = scenario.path("dumping");
        scenario.wrap("pg_dump", &format!("touch {}; exec sleep 60", mark.display()));
        let mut run = scenario.command(&["nightly"]).spawn().unwrap();
        let since = Instant::now();
        while !mark.exists() {
            assert!(since.elapsed() < Duration::from_secs(120) && run.try_wait().unwrap().is_none(), "{name}");
            std::thread::sleep(Duration::from_millis(100));
        }
        let pid = rustix::process::Pid::from_raw(run.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        run.wait().unwrap();
        let is_killed = signal == rustix::process::Signal::KILL;
        assert_eq!(done(&scenario), if is_killed { vec!["open"] } else { vec!["open", "close"] }, "{name}");
        scenario.sections.iter_mut().find(|(section, _)| section == "dump").unwrap().1 = dump;
        scenario.demand(&["nightly"], 0);
        assert_eq!(done(&scenario), ["open", "close", "open", "close"], "{name}");
        let ids: Vec<String> = log(&scenario).iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
        assert!(ids[0] == ids[1] && ids[1] != ids[2] && ids[2] == ids[3], "{ids:?}");
    }
}

#[test]
fn a_source_that_only_a_run_can_reach_is_said_to_be_unchecked() {
    let (_database, mut scenario) = night("access_closed", "true");
    scenario.set("source", "url = \"host=/nowhere dbname=x\"");
    let said = scenario.run(&["config", "check"]);
    let said = super::support::night::said(&said);
    assert!(said.contains("a run opens access first"), "{said}");
}
