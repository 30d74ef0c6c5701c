//! Nights whose files are on another host.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use super::{FilesScenario, demand_equal, demand_manifest};
use crate::support::files::SECTION;
use crate::support::sshd::Sshd;

#[test]
fn a_night_copies_every_kind_of_entry_over_ssh() {
    let sshd = Sshd::start(None);
    let scenario = FilesScenario::remote("files_remote", &sshd);
    scenario.add_odd_entries();
    let checked = scenario.night.demand(&["config", "check"], 0);
    assert!(checked.contains("✓ files media: source"), "{checked}");
    scenario.night.demand(&["nightly"], 0);
    let first = scenario.snapshots();
    demand_equal(&scenario.media(""), &scenario.snapshot(&first[0]).join("files"));
    demand_manifest(&scenario.snapshot(&first[0]), 16);
    scenario.night.demand(&["nightly"], 0);
    let second = scenario.snapshots();
    assert_eq!(scenario.facts()["snapshot"]["previous"], scenario.snapshot(&first[0]).display().to_string());
    // Both sides give the same manifest, on this host and on the other.
    let manifest = |name: &str| fs::read(scenario.snapshot(name).join("manifest")).unwrap();
    assert_eq!(manifest(&second[0]), manifest(&second[1]));
    let home = Command::new("sh").args(["-c", "ls -a ~; ls /"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&home.stdout).contains("pwned"));
}

#[test]
fn a_directory_with_an_odd_name_is_copied_over_ssh() {
    let sshd = Sshd::start(None);
    let mut scenario = FilesScenario::remote("files_odd_root", &sshd);
    let odd = scenario.night.path("it's $(touch pwned) \"odd\" ; x");
    fs::rename(scenario.media(""), &odd).unwrap();
    scenario.night.set(SECTION, &super::text("path", &odd));
    scenario.night.demand(&["nightly"], 0);
    demand_equal(&odd, &scenario.snapshot(&scenario.snapshots()[0]).join("files"));
}

#[test]
fn a_host_with_another_key_is_refused_and_the_database_is_verified_all_the_same() {
    let sshd = Sshd::start(None);
    let scenario = FilesScenario::remote("files_host_key", &sshd);
    sshd.know("other.pub");
    let checked = scenario.night.demand(&["config", "check"], 2);
    assert!(
        checked.contains("✗ files media: source: ") && checked.contains("Host key verification failed"),
        "{checked}"
    );
    assert!(checked.contains("would end with exit code 2"), "{checked}");
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("the copy failed: ssh: ") && said.contains("compare the key of the host with"), "{said}");
    let report = scenario.report();
    assert_eq!(report["verdict"], "inconclusive");
    assert_eq!(report["night"]["dump_verdict"]["is_proven"], true);
    assert_eq!(scenario.night.backups("verified").len(), 1);
    assert_eq!((scenario.snapshots(), scenario.night.open_journals()), (Vec::new(), Vec::new()));
    fs::write(sshd.path("known"), "").unwrap();
    let checked = scenario.night.demand(&["config", "check"], 2);
    assert!(
        checked.contains("✗ files media: look for [127.0.0.1]:") && checked.contains("ssh-keyscan -p "),
        "{checked}"
    );
    sshd.know("host.pub");
    scenario.night.demand(&["nightly"], 0);
}

#[test]
fn a_key_that_may_not_log_in_is_one_clear_line() {
    let sshd = Sshd::start(None);
    let mut scenario = FilesScenario::remote("files_key", &sshd);
    scenario.night.set(SECTION, &super::text("key_file", sshd.path("other")));
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("Permission denied (publickey") && said.contains("authorized_keys"), "{said}");
    fs::set_permissions(sshd.path("other"), fs::Permissions::from_mode(0o644)).unwrap();
    let checked = scenario.night.demand(&["config", "check"], 2);
    assert!(checked.contains("others may read it") && checked.contains("chmod 600"), "{checked}");
}

#[test]
fn a_host_that_lacks_a_program_is_named_with_it() {
    let bin = tempfile::tempdir().unwrap();
    fs::set_permissions(bin.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for program in ["sh", "bash", "find", "xargs", "env", "true", "rsync"] {
        let real = ["/bin", "/usr/bin"].map(|dir| std::path::Path::new(dir).join(program));
        symlink(real.iter().find(|path| path.exists()).unwrap(), bin.path().join(program)).unwrap();
    }
    let sshd = Sshd::start(Some(bin.path()));
    let scenario = FilesScenario::remote("files_lacks", &sshd);
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("@127.0.0.1 has no sha256sum") && said.contains("coreutils"), "{said}");
    symlink("/usr/bin/sha256sum", bin.path().join("sha256sum")).unwrap();
    fs::remove_file(bin.path().join("rsync")).unwrap();
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("@127.0.0.1 has no rsync"), "{said}");
}

/// A user who is not root, and can log in.
fn other_user() -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut able = fields.filter(|user| user.len() == 7 && user[2] != "0" && user[6].ends_with("sh"));
    able.next().map(|user| user[0].to_owned())
}

#[test]
fn what_the_source_does_not_let_be_read_is_unchecked() {
    let Some(user) = other_user() else { panic!("no user to log in as but root") };
    let sshd = Sshd::start_for(&user, None);
    let mut scenario = FilesScenario::remote("files_unreadable", &sshd);
    scenario.write("secret.txt", "x");
    scenario.write("closed/inside", "x");
    scenario.write("lost+found/x", "x");
    let media = scenario.media("");
    let mode = |name: &str, mode| fs::set_permissions(media.join(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("secret.txt", 0o000);
    mode("closed", 0o700);
    mode("lost+found", 0o700);
    scenario.night.set(SECTION, "exclude = [\"/lost+found/\"]");
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(
        said.contains("2 files could not be read: closed, secret.txt; grant the user that reads it access"),
        "{said}"
    );
    let report = scenario.report();
    assert_eq!((&report["findings"], &report["unchecked"][0]["side"]), (&serde_json::json!([]), &"expected".into()));
    mode("secret.txt", 0o644);
    mode("closed", 0o755);
    scenario.night.demand(&["nightly"], 0);
}
