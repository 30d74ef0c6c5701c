//! What goes wrong with the repository: the night is not lost, and a later one brings the backup there.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{OffsiteScenario, PASSWORD, files, private, restic_for};
use crate::support::disk::Small;
use crate::support::night::{said, text};

#[test]
fn an_interrupted_upload_is_repeated_by_the_next_night() {
    let mut scenario = OffsiteScenario::new("offsite_interrupted");
    let broken = scenario.night.path("broken");
    let script = "case \"$*\" in *' backup '*) if [ -e BROKEN ]; then
            \"$REAL\" --limit-upload 50 \"$@\" & sleep 1; kill -9 $!; kill -9 $$
        fi;; esac
        exec \"$REAL\" \"$@\"";
    scenario.wrap(&script.replace("BROKEN", broken.to_str().unwrap()));
    fs::write(&broken, "").unwrap();
    let output = scenario.night.demand(&["nightly"], 3);
    let id = scenario.night.backups("verified").pop().unwrap();
    assert!(output.contains(&format!("store the dump {id} off site: upload {id} to ")), "{output}");
    assert!(output.contains("was ended by signal 9 SIGKILL"), "{output}");
    assert_eq!(scenario.night.reports().pop().unwrap()["verdict"], "sound");
    assert_eq!(scenario.closing()["debts"][0], format!("off-site copy of dump {id}"));
    assert_eq!((scenario.snapshots("kind=dump").len(), scenario.night.open_journals().len()), (0, 1));
    let plan = scenario.night.demand(&["nightly", "--dry-run"], 0);
    assert!(plan.contains(&format!("clean up after an earlier run: off-site copy of dump {id}")), "{plan}");
    fs::remove_file(&broken).unwrap();
    let output = scenario.night.demand(&["nightly"], 0);
    assert_eq!(scenario.night.backups("verified").len(), 2, "{output}");
    scenario.demand_all_stored();
}

#[test]
fn a_wrong_password_is_one_clear_line_and_sweep_repeats_the_upload_later() {
    let scenario = OffsiteScenario::new("offsite_password");
    private(&scenario.night.path("password"), "hunter2\n");
    let checked = scenario.night.demand(&["config", "check"], 2);
    let line = "the password does not open the repository";
    assert!(checked.contains("✗ off-site repository: ") && checked.contains(line), "{checked}");
    assert!(checked.contains("would end with exit code 3 at best") && !checked.contains("hunter2"), "{checked}");
    let output = scenario.night.demand(&["nightly"], 3);
    assert!(output.contains(line) && !output.contains("hunter2"), "{output}");
    private(&scenario.night.path("password"), PASSWORD);
    let output = scenario.night.demand(&["sweep"], 0);
    assert!(output.contains("was stored off site"), "{output}");
    scenario.demand_all_stored();
}

#[test]
fn a_repository_that_does_not_exist_names_the_command_that_makes_it() {
    let mut scenario = OffsiteScenario::new("offsite_none");
    scenario.night.set("offsite", &text("repository", scenario.night.path("nowhere")));
    let checked = scenario.night.demand(&["config", "check"], 2);
    assert!(checked.contains("there is no repository: ") && checked.contains("`restic init`"), "{checked}");
    scenario.night.set("offsite", &text("program", scenario.night.path("no-restic")));
    let checked = scenario.night.demand(&["config", "check"], 2);
    assert!(checked.contains("✗ offsite: no program ") && checked.contains("apt-get install restic"), "{checked}");
    assert!(!checked.contains("off-site repository"), "{checked}");
    scenario.wrap("echo 'restic 0.13.1 compiled with go1.18 on linux/amd64'");
    let checked = scenario.night.demand(&["config", "check"], 2);
    assert!(checked.contains("✗ offsite: restic 0.13.1 is too old"), "{checked}");
}

/// An exclusive lock, left by a killed process.
fn lock(scenario: &OffsiteScenario) {
    for _ in 0..50 {
        let mut command = restic_for(&scenario.repository);
        command.args(["check", "--read-data"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child: Child = command.spawn().unwrap();
        let since = Instant::now();
        while scenario.locks().is_empty() && since.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if !scenario.locks().is_empty() {
            return;
        }
    }
    panic!("no lock was left");
}

#[test]
fn a_locked_repository_is_waited_for_and_never_unlocked() {
    let mut scenario = OffsiteScenario::new("offsite_locked");
    lock(&scenario);
    let locks = scenario.locks();
    let checked = scenario.night.demand(&["config", "check"], 2);
    assert!(checked.contains("it is locked by process ") && checked.contains("restic unlock"), "{checked}");
    let output = scenario.night.demand(&["nightly"], 3);
    assert!(output.contains("the repository is locked exclusively by PID "), "{output}");
    assert!(output.contains("restic unlock"), "{output}");
    assert_eq!(scenario.locks(), locks);
    // Another process ends while we wait.
    scenario.night.set("offsite", "lock_wait = \"60s\"");
    let mut child = scenario.night.command(&["sweep"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert!(child.try_wait().unwrap().is_none(), "it does not wait");
    scenario.printed(&["unlock"]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    scenario.demand_all_stored();
}

/// Flips a bit in the middle of the largest file with data.
fn flip(repository: &str) {
    let data = files(&Path::new(repository).join("data"));
    let largest = data.into_iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let mut permissions = fs::metadata(&largest).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&largest, permissions).unwrap();
    fs::write(&largest, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_the_repository_is_found_by_reading_back() {
    let mut scenario = OffsiteScenario::new("offsite_flipped");
    let flipped = scenario.night.path("flipped");
    let script = "\"$REAL\" \"$@\"; code=$?
        case \"$*\" in *' backup '*)
            if [ ! -e FLIPPED ]; then touch FLIPPED; while [ -e FLIPPED ]; do sleep 0.1; done; touch FLIPPED; fi;;
        esac
        exit $code";
    scenario.wrap(&script.replace("FLIPPED", flipped.to_str().unwrap()));
    let child = scenario.night.command(&["nightly"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !flipped.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    flip(&scenario.repository);
    fs::remove_file(&flipped).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("back from") && text.contains("restic check --read-data"), "{text}");
    assert_eq!((scenario.night.backups("verified").len(), scenario.snapshots("verified").len()), (1, 0));
    assert_eq!(scenario.night.open_journals().len(), 1, "the task stays open");
}

#[test]
fn a_full_disk_below_the_repository_is_named_and_the_backup_stored_when_there_is_room() {
    let Some(disk) = Small::mount("size=4m,mode=0700") else { return };
    let repository = disk.path().join("repository").display().to_string();
    let mut scenario = OffsiteScenario::without_repository("offsite_full", Some(repository));
    scenario.configure();
    scenario.init();
    disk.fill();
    let output = scenario.night.demand(&["nightly"], 3);
    assert!(output.contains("no space left on device"), "{output}");
    disk.free();
    scenario.night.demand(&["sweep"], 0);
    scenario.demand_all_stored();
}

#[test]
fn sigterm_ends_restic_without_leaving_a_lock() {
    let mut scenario = OffsiteScenario::new("offsite_sigterm");
    let pid = scenario.night.path("pid");
    let script = "case \"$*\" in *' backup '*) echo $$ > PID; exec \"$REAL\" --limit-upload 5 \"$@\";; esac
        exec \"$REAL\" \"$@\"";
    scenario.wrap(&script.replace("PID", pid.to_str().unwrap()));
    let child = scenario.night.command(&["nightly"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while scenario.locks().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    // restic itself knows of its lock only some time after that is in the repository.
    std::thread::sleep(Duration::from_secs(2));
    let process = Path::new("/proc").join(fs::read_to_string(&pid).unwrap().trim());
    assert!(process.exists());
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(143), "{text}");
    let since = Instant::now();
    while process.exists() && since.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!process.exists(), "restic lives on");
    assert_eq!(scenario.locks(), Vec::<String>::new());
    // The dump was complete, and never verified: there is nothing to store.
    scenario.wrap("exec \"$REAL\" \"$@\"");
    let swept = scenario.night.run(&["sweep"]);
    assert!(said(&swept).contains("was not stored off site: it was never verified"), "{}", said(&swept));
    scenario.night.demand(&["nightly"], 0);
    scenario.demand_all_stored();
}
