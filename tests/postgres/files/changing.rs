//! Files that change while they are copied, and copies that are damaged.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use super::{FilesScenario, demand_equal, demand_manifest};
use crate::support::sshd::Sshd;

/// `$1` of the wrapper is run once, by the first call that copies.
fn once(before: &str, after: &str) -> String {
    format!(
        "case \"$*\" in *--version*) exec \"$REAL\" \"$@\";; esac
        [ -e \"$0.done\" ] && exec \"$REAL\" \"$@\"
        touch \"$0.done\"; cd \"$MEDIA\"; {before}
        \"$REAL\" \"$@\"; code=$?; for target; do :; done; {after}
        exit $code"
    )
}

#[test]
fn what_changes_appears_or_vanishes_during_the_copy_is_no_damage() {
    for is_remote in [false, true] {
        let sshd = Sshd::start(None);
        let name = format!("files_changing_{is_remote}");
        let mut scenario = match is_remote {
            true => FilesScenario::remote(&name, &sshd),
            false => FilesScenario::local(&name),
        };
        for name in ["changed", "replaced", "gone", "gone early", "mode", "tree/a/b", "typed/x"] {
            scenario.write(name, "before");
        }
        scenario.wrap_rsync(&once(
            "rm 'gone early'; echo early > 'early'",
            "echo after, and longer > changed; rm -r gone tree typed; echo x > typed; chmod 600 mode; echo new > new
             echo after > r; mv r replaced; rm early",
        ));
        scenario.night.demand(&["nightly"], 0);
        let snapshot = scenario.snapshot(&scenario.snapshots()[0]);
        assert_eq!(fs::read_to_string(snapshot.join("files/changed")).unwrap(), "after, and longer\n");
        demand_equal(&scenario.media(""), &snapshot.join("files"));
        demand_manifest(&snapshot, 7);
        let facts = scenario.facts()["snapshot"].clone();
        assert_eq!((&facts["appeared"], &facts["files"]), (&0.into(), &7.into()), "{facts}");
        assert!(facts["copied_again"].as_u64().unwrap() >= 5, "{facts}");
        assert!(facts["vanished"].as_u64().unwrap() >= 3, "{facts}");
    }
}

#[test]
fn a_file_that_never_stands_still_is_unchecked() {
    let mut scenario = FilesScenario::local("files_restless");
    scenario.write("log", "0");
    scenario.wrap_rsync("\"$REAL\" \"$@\"; code=$?; date +%N >> \"$MEDIA/log\"; exit $code");
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("1 file changed again whenever it was copied: log"), "{said}");
    assert_eq!(scenario.report()["findings"], serde_json::json!([]));
    assert_eq!(scenario.night.backups("verified").len(), 1);
}

#[test]
fn a_byte_that_differs_in_the_copy_is_damage_and_waived_only_by_name() {
    let mut scenario = FilesScenario::local("files_flip");
    scenario.wrap_rsync(&once(
        "",
        "printf y | dd of=\"$target/sub/deep/file.bin\" bs=1 seek=1000 conv=notrunc 2>/dev/null",
    ));
    let said = scenario.night.demand(&["nightly"], 1);
    assert!(
        said.contains("file_content")
            && said.contains("sub/deep/file.bin")
            && said.contains("1 file differs: 1 changed"),
        "{said}"
    );
    let report = scenario.report();
    let finding = &report["findings"][0];
    assert_eq!((&finding["kind"], &finding["object"]), (&"file_content".into(), &"files media".into()));
    assert_eq!(finding["rows"]["changed"][0]["columns"][0]["column"], "sha256");
    assert_eq!(report["night"]["dump_verdict"]["is_proven"], true);
    assert!(scenario.snapshots()[0].ends_with(".unverified"));
    // Proven later, the damaged one goes.
    scenario.night.demand(&["nightly"], 0);
    assert!(scenario.snapshots().iter().all(|name| !name.contains('.')), "{:?}", scenario.snapshots());
    let waivers = scenario.night.path("waivers.toml");
    let waive = |object: &str| {
        let text = format!("[[waiver]]\nkind = \"file_content\"\nobject = \"{object}\"\nreason = \"known\"\n");
        fs::write(&waivers, text).unwrap();
    };
    scenario.night.set("verify", &super::text("waivers", &waivers));
    let again = |scenario: &FilesScenario| fs::remove_file(scenario.night.path("rsync-wrapper.done")).unwrap();
    again(&scenario);
    // Not a hard link to the earlier snapshot: the damage would be in both.
    fs::write(scenario.media("sub/deep/file.bin"), "z".repeat(300_000)).unwrap();
    waive("files media");
    scenario.night.demand(&["nightly"], 0);
    assert_eq!(scenario.report()["waivers"][0]["covered"][0], "file_content files media");
    again(&scenario);
    fs::write(scenario.media("sub/deep/file.bin"), "w".repeat(300_001)).unwrap();
    waive("files *");
    let said = scenario.night.demand(&["nightly"], 1);
    assert!(said.contains("it would cover any damage of files"), "{said}");
}

#[test]
fn permissions_that_differ_are_seen_and_a_missing_file_too() {
    let mut scenario = FilesScenario::local("files_mode");
    scenario.wrap_rsync(&once("", "chmod 777 \"$target/plain.txt\"; rm \"$target/sub/deep/file.bin\""));
    let said = scenario.night.demand(&["nightly"], 1);
    let kinds: Vec<String> =
        scenario.report()["findings"].as_array().unwrap().iter().map(|one| one["kind"].to_string()).collect();
    assert_eq!(kinds, ["\"file_content\"", "\"file_mode\""], "{said}");
    assert!(said.contains("1 file differs: 1 missing"), "{said}");
}

/// Changes a byte, and leaves the times of modification.
fn rot(file: &Path) {
    let metadata = fs::metadata(file).unwrap();
    let mut bytes = fs::read(file).unwrap();
    bytes[1000] ^= 1;
    let open = fs::OpenOptions::new().write(true).open(file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&open, &bytes, 0).unwrap();
    let modified: SystemTime = metadata.modified().unwrap();
    open.set_modified(modified).unwrap();
}

#[test]
fn a_previous_snapshot_that_changed_on_disk_is_found_and_the_advice_repairs_it() {
    let scenario = FilesScenario::local("files_rot");
    scenario.night.demand(&["nightly"], 0);
    let snapshot = scenario.snapshots().pop().unwrap();
    let file = scenario.snapshot(&snapshot).join("files/sub/deep/file.bin");
    rot(&file);
    let said = scenario.night.demand(&["nightly"], 1);
    assert!(said.contains("the content changed on the disk of the snapshots"), "{said}");
    let detail = scenario.report()["findings"][0]["detail"][0].as_str().unwrap().to_owned();
    let command = detail.split('`').nth(1).unwrap();
    assert!(command.contains("-inum"), "{command}");
    assert!(std::process::Command::new("sh").args(["-c", command]).status().unwrap().success());
    assert!(!file.exists());
    scenario.night.demand(&["nightly"], 0);
    let newest = scenario.snapshots().pop().unwrap();
    demand_equal(&scenario.media(""), &scenario.snapshot(&newest).join("files"));
}

#[test]
fn a_change_that_keeps_size_and_time_is_copied_and_no_damage() {
    let scenario = FilesScenario::local("files_overlooked");
    scenario.night.demand(&["nightly"], 0);
    rot(&scenario.media("sub/deep/file.bin"));
    scenario.night.demand(&["nightly"], 0);
    let both = scenario.snapshots();
    demand_equal(&scenario.media(""), &scenario.snapshot(&both[1]).join("files"));
    let inode = |name: &str| scenario.snapshot(name).join("files/sub/deep/file.bin").metadata().unwrap().ino();
    assert_ne!(inode(&both[0]), inode(&both[1]));
    demand_manifest(&scenario.snapshot(&both[0]), 2);
}

#[test]
fn a_directory_that_becomes_a_link_during_the_copy_leads_nowhere_else() {
    let mut scenario = FilesScenario::local("files_link_race");
    scenario.write("2019/x", "the only one");
    let archive = scenario.night.path("archive");
    scenario.wrap_rsync(&once("", &format!("mv 2019 {0}; ln -s {0} 2019", archive.display())));
    scenario.night.demand(&["nightly"], 0);
    assert_eq!(fs::read_to_string(archive.join("x")).unwrap(), "the only one");
    let snapshot = scenario.snapshot(&scenario.snapshots()[0]);
    assert_eq!(fs::read_link(snapshot.join("files/2019")).unwrap(), archive);
    demand_manifest(&snapshot, 2);
}

#[test]
fn what_is_renamed_during_the_copy_is_in_it_by_its_new_name() {
    let mut scenario = FilesScenario::local("files_renamed");
    scenario.write("#x#", "before");
    scenario.wrap_rsync(&once("", "mv sub renamed; echo later > '#x#'"));
    scenario.night.demand(&["nightly"], 0);
    let snapshot = scenario.snapshot(&scenario.snapshots()[0]);
    demand_equal(&scenario.media(""), &snapshot.join("files"));
    demand_manifest(&snapshot, 3);
}

#[test]
fn snapshots_of_another_source_are_left_alone() {
    let mut scenario = FilesScenario::local("files_foreign");
    scenario.night.demand(&["nightly"], 0);
    let first = scenario.snapshots();
    let other = scenario.night.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "x").unwrap();
    scenario.night.set(crate::support::files::SECTION, &super::text("path", &other));
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("the snapshots in this directory are of ") && said.contains("not of "), "{said}");
    assert_eq!(scenario.snapshots(), first);
    assert_eq!(scenario.night.open_journals(), Vec::<String>::new());
}

#[test]
fn a_waiver_for_everything_unchecked_does_not_cover_files_that_were_not_copied() {
    let mut scenario = FilesScenario::local("files_waived");
    let waivers = scenario.night.path("waivers.toml");
    let text = ["*", "files *", "files media"]
        .map(|object| format!("[[waiver]]\nkind = \"unchecked\"\nobject = {object:?}\nreason = \"x\"\n"));
    for one in text {
        fs::write(&waivers, one).unwrap();
        scenario.night.set("verify", &super::text("waivers", &waivers));
        scenario.wrap_rsync("case \"$*\" in *--version*) exec \"$REAL\" \"$@\";; esac; exit 12");
        scenario.night.demand(&["nightly"], 2);
    }
}
