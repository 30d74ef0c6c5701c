//! One run at a time, and a run that is gone holds nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pgwitness::storage::journal::{Lock, RunInfo};

use crate::crash_safety::records::holder;
use crate::support::ignored_test;

const STATE: &str = "PGWITNESS_TEST_LOCK_STATE";

/// Another test's child, between its fork and its exec, holds a copy of every open file for a moment, the lock's too.
pub fn soon(state: &Path, holder: &RunInfo) -> Lock {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match Lock::acquire(state, holder) {
            Ok(lock) => return lock,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_run_is_told_who_is_at_work_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let held = Lock::acquire(&state, &holder()).unwrap();
    let error = Lock::acquire(&state, &holder()).unwrap_err();
    let expected = format!(
        "lock {}: another run is at work: nightly, process 4711, run 00112233445566778899aabbccddeeff, since 2026-06-15T02:00:00Z",
        state.join("lock").display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.hint_text().unwrap().contains("never remove the file"));
    drop(held);
    soon(&state, &holder());
}

#[test]
fn the_file_is_never_removed_and_the_directory_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    drop(Lock::acquire(&state, &holder()).unwrap());
    let inode = fs::metadata(state.join("lock")).unwrap().ino();
    let mut longer = holder();
    longer.command = "nightly with a longer name".into();
    drop(soon(&state, &longer));
    drop(soon(&state, &holder()));
    assert_eq!(fs::metadata(state.join("lock")).unwrap().ino(), inode);
    assert_eq!(fs::read_to_string(state.join("lock")).unwrap().lines().count(), 1);
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(state.join("lock")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_lock_whose_content_is_not_written_yet_is_still_held() {
    let dir = tempfile::tempdir().unwrap();
    let _held = Lock::acquire(dir.path(), &holder()).unwrap();
    fs::write(dir.path().join("lock"), "{\"run").unwrap();
    let error = Lock::acquire(dir.path(), &holder()).unwrap_err();
    assert!(error.to_string().ends_with("another run is at work"), "{error}");
}

#[test]
fn a_state_directory_that_cannot_be_or_is_not_safe_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = Lock::acquire(&dir.path().join("no/state"), &holder()).unwrap_err();
    assert!(error.to_string().starts_with("use state directory"), "{error}");
    fs::write(dir.path().join("file"), "").unwrap();
    let error = Lock::acquire(&dir.path().join("file"), &holder()).unwrap_err();
    assert!(error.to_string().ends_with("not a directory"), "{error}");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = Lock::acquire(dir.path(), &holder()).unwrap_err();
    assert!(error.to_string().ends_with("others than its owner can write to it"), "{error}");
}

fn another_process(state: &Path) -> Child {
    let mut command = ignored_test(module_path!(), "hold_the_lock");
    command.env(STATE, state).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_run_that_is_killed_gives_the_lock_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = another_process(dir.path());
    let deadline = Instant::now() + Duration::from_secs(60);
    while !dir.path().join("has-it").exists() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    Lock::acquire(dir.path(), &holder()).unwrap_err();
    child.kill().unwrap();
    child.wait().unwrap();
    soon(dir.path(), &holder());
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn hold_the_lock() {
    let Some(state) = std::env::var_os(STATE) else { return };
    let state = Path::new(&state);
    let _held = Lock::acquire(state, &holder()).unwrap();
    fs::write(state.join("has-it"), "").unwrap();
    std::thread::sleep(Duration::from_secs(600));
}
