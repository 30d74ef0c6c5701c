//! A report that cannot be written or signed is said before the slow work; half a report is none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::no_false_sound::scenario::{Pair, lock, start};
use crate::support;

const TABLES: &str = "CREATE TABLE t (id int); INSERT INTO t VALUES (1)";

#[test]
fn a_directory_that_cannot_be_written_to_is_an_error_before_any_scan() {
    let pair = Pair::new(TABLES);
    // A scan before this check would wait for the lock.
    let locked = lock(&pair.actual, "t");
    let dir = tempfile::tempdir().unwrap();
    let file = crate::no_false_sound::scenario::file(dir.path(), "file", "");
    pair.compare(&["--report", &file]).is_error(&["make report directory", "directory"]);
    pair.compare(&["--report", "/proc/reports"]).is_error(&["make report directory"]);
    drop(locked);
}

#[test]
fn a_key_that_others_may_read_or_that_is_none_is_an_error_before_any_scan() {
    let pair = Pair::new(TABLES);
    let locked = lock(&pair.actual, "t");
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    start(&["keygen", key.to_str().unwrap()]).end().is(0, &[]);
    let reports = dir.path().join("reports");
    let arguments = ["--report", reports.to_str().unwrap(), "--key", key.to_str().unwrap()];
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    pair.compare(&arguments).is_error(&["key"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "this is no key").unwrap();
    pair.compare(&arguments).is_error(&["key"]);
    fs::remove_file(&key).unwrap();
    pair.compare(&arguments).is_error(&["key"]);
    assert!(!reports.exists() || fs::read_dir(&reports).unwrap().next().is_none());
    drop(locked);
}

#[test]
fn a_disk_that_fills_up_is_no_verdict_and_no_report() {
    let Some(disk) = SmallDisk::mount() else { return eprintln!("only root can make a small disk") };
    let tables: Vec<String> = (0..40)
        .map(|n| format!("CREATE TABLE t{n} (id int); INSERT INTO t{n} SELECT generate_series(1, 500)"))
        .collect();
    let pair = Pair::new(&tables.join("; "));
    let said = pair.compare(&["--report", disk.0.path().to_str().unwrap()]);
    said.is(2, &["error: write", "the disk is full"]);
    assert_eq!(said.err.lines().filter(|line| line.starts_with("error:")).count(), 1);
    let left: Vec<_> = walk(disk.0.path());
    assert!(left.is_empty(), "{left:?}");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A file system of 64 kB; it goes away with the value.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(dir.path()).stderr(std::process::Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_result_that_cannot_be_printed_is_no_verdict() {
    let pair = Pair::new(TABLES);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = support::pgwitness();
    let output =
        command.args(["compare", &pair.expected.conninfo, &pair.actual.conninfo]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
