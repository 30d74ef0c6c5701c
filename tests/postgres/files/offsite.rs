//! Snapshots of files in the off-site repository.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use serde_json::Value;

use super::{FilesScenario, demand_equal, demand_manifest, said, text};
use crate::support::packages::restic;
use crate::support::programs::put_program;

const PASSWORD: &str = "correct horse";

/// restic itself, as an administrator runs it.
fn run(scenario: &FilesScenario, arguments: &[&str]) -> Output {
    let mut command = Command::new(restic());
    command.args(arguments).arg("--no-cache").env("RESTIC_REPOSITORY", scenario.night.path("repository"));
    command.env("RESTIC_PASSWORD", PASSWORD).output().unwrap()
}

fn with_repository(name: &str) -> FilesScenario {
    let mut scenario = FilesScenario::local(name);
    fs::write(scenario.night.path("password"), PASSWORD).unwrap();
    fs::set_permissions(scenario.night.path("password"), fs::Permissions::from_mode(0o600)).unwrap();
    let lines = vec![
        text("repository", scenario.night.path("repository")),
        text("password_file", scenario.night.path("password")),
        text("program", restic()),
        "lock_wait = \"1s\"".to_owned(),
    ];
    scenario.night.sections.push(("offsite".into(), lines));
    let output = run(&scenario, &["init"]);
    assert!(output.status.success(), "{}", said(&output));
    scenario
}

fn snapshots(scenario: &FilesScenario) -> Vec<Value> {
    let output = run(scenario, &["snapshots", "--json", "--tag", "kind=files"]);
    serde_json::from_slice::<Option<Vec<Value>>>(&output.stdout).unwrap().unwrap_or_default()
}

#[test]
fn proven_files_go_off_site_with_every_name_and_come_back_by_restic() {
    for read_back in ["all", "sample", "none"] {
        let mut scenario = with_repository(&format!("files_offsite_{read_back}"));
        scenario.add_odd_entries();
        // restic 0.14 stores another target.
        fs::remove_file(scenario.media("odd target")).unwrap();
        scenario.night.set("offsite", &format!("read_back = \"{read_back}\""));
        scenario.night.demand(&["nightly"], 0);
        let stored = snapshots(&scenario);
        assert_eq!(stored.len(), 1);
        let tags = stored[0]["tags"].to_string();
        let run_id = scenario.report()["run_id"].as_str().unwrap().to_owned();
        assert!(tags.contains("files=media") && tags.contains(&format!("run={run_id}")), "{tags}");
        let target = scenario.night.path("restored");
        let id = stored[0]["id"].as_str().unwrap();
        let output = run(&scenario, &["restore", id, "--target", target.to_str().unwrap()]);
        assert!(output.status.success(), "{}", said(&output));
        let restored = target.join(&scenario.snapshots()[0]);
        demand_equal(&scenario.media(""), &restored.join("files"));
        demand_manifest(&restored, 16);
        assert!(restored.join("files").join(OsStr::from_bytes(b"\xff\xfe not UTF-8")).exists());
        assert_eq!(scenario.night.open_journals(), Vec::<String>::new());
    }
}

#[test]
fn a_link_that_restic_changes_is_found_by_the_read_back() {
    let scenario = with_repository("files_offsite_link");
    scenario.add_odd_entries();
    let output = scenario.night.run(&["nightly"]);
    match scenario.night.open_journals().len() {
        // restic before 0.16
        1 => assert!(
            super::said(&output).contains("the off-site copy of the files differs: odd target"),
            "{}",
            said(&output)
        ),
        _ => assert_eq!(output.status.code(), Some(0), "{}", said(&output)),
    }
    assert_eq!(scenario.night.backups("verified").len(), 1);
}

#[test]
fn files_that_differ_off_site_are_a_task_that_the_next_run_repeats() {
    let mut scenario = with_repository("files_offsite_differs");
    // Between the proof and the upload, a file of the snapshot changes.
    let wrapper = scenario.night.path("restic-wrapper");
    let snapshots_dir = scenario.night.path("snapshots/media");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *kind=files*) for f in {}/*/files/plain.txt; do echo x >> $f; done;; esac\nexec {} \"$@\"\n",
        snapshots_dir.display(),
        restic()
    );
    put_program(&wrapper, &script);
    scenario.night.set("offsite", &text("program", &wrapper));
    let said = scenario.night.demand(&["nightly"], 3);
    assert!(
        said.contains("store the files media off site: the off-site copy of the files differs: plain.txt"),
        "{said}"
    );
    assert_eq!(scenario.night.open_journals().len(), 1, "the task stays open");
    scenario.night.set("offsite", &text("program", restic()));
    fs::write(scenario.snapshot(&scenario.snapshots()[0]).join("files/plain.txt"), "plain").unwrap();
    scenario.night.demand(&["sweep"], 0);
    assert_eq!(scenario.night.open_journals(), Vec::<String>::new());
}
