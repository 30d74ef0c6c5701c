//! How a night with files ends: killed, on a full disk, with redaction, in HTML and mail.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{FilesScenario, demand_equal, text};
use crate::support::disk::Small;
use crate::support::files::SECTION;
use crate::support::sshd::Sshd;

#[test]
fn a_killed_night_leaves_nothing_that_the_next_one_takes_for_a_snapshot() {
    let sshd = Sshd::start(None);
    let mut scenario = FilesScenario::remote("files_killed", &sshd);
    let mark = scenario.night.path("mark");
    scenario.wrap_rsync(&format!("\"$REAL\" \"$@\"; touch {}; sleep 60", mark.display()));
    let mut run = scenario.night.command(&["nightly"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while !mark.exists() {
        assert!(since.elapsed() < Duration::from_secs(120) && run.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(50));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let left = scenario.snapshots();
    assert!(left.len() == 1 && left[0].ends_with(".partial"), "{left:?}");
    scenario.wrap_rsync("exec \"$REAL\" \"$@\"");
    let plan = scenario.night.demand(&["nightly", "--dry-run"], 0);
    assert!(plan.contains("clean up after an earlier run: snapshot "), "{plan}");
    scenario.night.demand(&["nightly"], 0);
    let names = scenario.snapshots();
    assert!(names.len() == 1 && !names[0].contains('.'), "{names:?}");
    assert_eq!(scenario.facts()["snapshot"]["previous"], serde_json::Value::Null);
    demand_equal(&scenario.media(""), &scenario.snapshot(&names[0]).join("files"));
    assert_eq!(scenario.night.open_journals(), Vec::<String>::new());
}

#[test]
fn sigterm_ends_rsync_and_removes_the_partial_snapshot() {
    let mut scenario = FilesScenario::local("files_sigterm");
    let mark = scenario.night.path("mark");
    scenario.wrap_rsync(&format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 300", mark.display()));
    let run = scenario.night.command(&["nightly"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while !mark.exists() {
        assert!(since.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(50));
    }
    std::process::Command::new("kill").arg(run.id().to_string()).status().unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", super::said(&output));
    assert_eq!(scenario.snapshots(), Vec::<String>::new());
    let process = std::path::Path::new("/proc").join(fs::read_to_string(&mark).unwrap().trim());
    let since = Instant::now();
    while process.exists() && since.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!process.exists(), "rsync lives on");
}

#[test]
fn a_full_disk_is_named_and_the_database_verified_all_the_same() {
    let Some(disk) = Small::mount("size=300k,mode=0700") else { return };
    let mut scenario = FilesScenario::local("files_full");
    scenario.write("large", &"y".repeat(400_000));
    scenario.night.set(SECTION, &text("directory", disk.path()));
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(
        said.contains("No space left on device") && said.contains("free space on the disk of the snapshots"),
        "{said}"
    );
    assert_eq!(scenario.night.backups("verified").len(), 1);
    assert_eq!(super::snapshots_in(&disk.path().join("media")), Vec::<String>::new());
    assert_eq!(scenario.night.open_journals(), Vec::<String>::new());
}

#[test]
fn a_copy_that_takes_too_long_is_stopped() {
    let mut scenario = FilesScenario::local("files_slow");
    scenario.wrap_rsync("exec sleep 300");
    scenario.night.set(SECTION, "timeout = \"2s\"");
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("it took longer than 2s and was stopped"), "{said}");
    assert_eq!((scenario.snapshots(), scenario.night.open_journals()), (Vec::new(), Vec::new()));
}

#[test]
fn names_of_files_are_values_and_escaped() {
    let mut scenario = FilesScenario::local("files_redact");
    let name = "<script>canary&\u{1b}[31m";
    scenario.write(name, &"x".repeat(2000));
    assert!(std::process::Command::new("mkfifo").arg(scenario.media("canary fifo")).status().unwrap().success());
    scenario.wrap_rsync(
        "\"$REAL\" \"$@\"; for target; do :; done; for f in \"$target\"/*canary*31m; do echo z >> \"$f\"; done; exit 0",
    );
    let said = scenario.night.demand(&["nightly"], 1);
    assert!(said.contains("<script>canary&\\u{1b}[31m") && said.contains("canary fifo"), "{said}");
    assert!(!said.contains("\u{1b}[31mx"), "{said}");
    let html = fs::read_to_string(scenario.night.nights()[0].join("report.html")).unwrap();
    assert!(html.contains("&lt;script&gt;canary") && !html.contains("<script>canary"));
    scenario.night.set("verify", "redact = true");
    let said = scenario.night.demand(&["nightly"], 1);
    assert!(!said.contains("canary") && said.contains("sha256:"), "{said}");
    let night = scenario.night.nights().pop().unwrap();
    for file in ["report.json", "report.html", "closing.json"] {
        let text = fs::read_to_string(night.join(file)).unwrap();
        assert!(!text.contains("canary"), "{file}");
    }
    let journals = scenario.night.path("state/runs/closed");
    let newest = crate::support::night::names(&journals).pop().unwrap();
    assert!(!fs::read_to_string(journals.join(newest)).unwrap().contains("canary"));
}
