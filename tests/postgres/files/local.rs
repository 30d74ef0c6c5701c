//! Nights whose files are on this host.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::{FilesScenario, demand_equal, demand_manifest};
use crate::support::files::SECTION;

#[test]
fn a_night_copies_every_kind_of_entry_and_the_next_one_links_what_is_unchanged() {
    let scenario = FilesScenario::local("files_local");
    scenario.add_odd_entries();
    let plan = scenario.night.demand(&["nightly", "--dry-run"], 0);
    assert!(plan.contains("copy the files media from "), "{plan}");
    let said = scenario.night.demand(&["nightly"], 0);
    assert!(said.contains("files"), "{said}");
    let first = scenario.snapshots();
    assert_eq!(first.len(), 1, "{first:?}");
    demand_equal(&scenario.media(""), &scenario.snapshot(&first[0]).join("files"));
    let report = scenario.report();
    assert_eq!(report["scope"]["compared"].as_array().unwrap().last().unwrap(), "files");
    let snapshot = &scenario.facts()["snapshot"];
    assert_eq!((&snapshot["files"], &snapshot["symlinks"]), (&16.into(), &5.into()), "{snapshot}");
    demand_manifest(&scenario.snapshot(&first[0]), 16);
    scenario.write("new.txt", "new");
    fs::remove_file(scenario.media("empty")).unwrap();
    scenario.night.demand(&["nightly"], 0);
    let both = scenario.snapshots();
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    demand_equal(&scenario.media(""), &scenario.snapshot(&both[1]).join("files"));
    let inode = |name: &str| scenario.snapshot(name).join("files/sub/deep/file.bin").metadata().unwrap().ino();
    assert_eq!(inode(&both[0]), inode(&both[1]), "an unchanged file is linked");
    assert!(!scenario.media("pwned").exists() && !scenario.snapshot(&both[1]).join("files/pwned").exists());
    // keep_last = 2
    scenario.night.demand(&["nightly"], 0);
    let kept = scenario.snapshots();
    assert_eq!((kept.len(), &kept[0]), (2, &both[1]));
    assert_eq!(scenario.night.open_journals(), Vec::<String>::new());
}

#[test]
fn what_is_excluded_is_neither_copied_nor_missed() {
    let mut scenario = FilesScenario::local("files_exclude");
    scenario.write("cache/a", "a");
    scenario.write("sub/cache/b", "b");
    scenario.write("sub/x.tmp", "x");
    scenario.write("sub/x.tmp2", "x");
    scenario.write("keep/thumb/a", "x");
    scenario.write("thumb/a", "x");
    scenario.night.set(SECTION, "exclude = [\"/cache/\", \"*.tmp\", \"keep/thumb\", \"nothing*\"]");
    scenario.night.demand(&["nightly"], 0);
    let files = scenario.snapshot(&scenario.snapshots()[0]).join("files");
    let wanted = [
        ("cache", false),
        ("sub/cache/b", true),
        ("sub/x.tmp", false),
        ("sub/x.tmp2", true),
        ("keep/thumb", false),
        ("keep", true),
        ("thumb/a", true),
    ];
    for (path, is_there) in wanted {
        assert_eq!(files.join(path).exists(), is_there, "{path}");
    }
}

#[test]
fn a_special_file_is_unchecked_until_it_is_excluded() {
    let mut scenario = FilesScenario::local("files_special");
    assert!(std::process::Command::new("mkfifo").arg(scenario.media("fifo")).status().unwrap().success());
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("1 file not copied (socket, FIFO or device)") && said.contains(": fifo"), "{said}");
    let report = scenario.report();
    assert_eq!(
        (&report["verdict"], &report["unchecked"][0]["object"]),
        (&"inconclusive".into(), &"files media".into())
    );
    assert_eq!(scenario.night.backups("verified").len(), 1, "the dump is proven");
    assert!(scenario.snapshots()[0].ends_with(".unverified"));
    scenario.night.set(SECTION, "exclude = [\"fifo\"]");
    scenario.night.demand(&["nightly"], 0);
    let names = scenario.snapshots();
    assert!(names.len() == 1 && !names[0].contains('.'), "{names:?}");
}

#[test]
fn an_empty_directory_is_never_sound() {
    let scenario = FilesScenario::local("files_empty");
    fs::remove_dir_all(scenario.media("")).unwrap();
    fs::create_dir(scenario.media("")).unwrap();
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("holds no file: is its disk mounted?"), "{said}");
    fs::remove_dir_all(scenario.media("")).unwrap();
    let said = scenario.night.demand(&["nightly"], 2);
    assert!(said.contains("the copy failed: list ") && said.contains("No such file"), "{said}");
    assert_eq!(scenario.night.backups("verified").len(), 2);
    assert_eq!(scenario.facts()["snapshot"], serde_json::Value::Null);
    assert!(scenario.report()["scope"]["not_compared"].to_string().contains("files"));
}

#[test]
fn a_loss_of_files_above_the_limit_is_drift() {
    let mut scenario = FilesScenario::local("files_drift");
    scenario.night.set(SECTION, "max_shrink_percent = 20");
    for number in 0..8 {
        scenario.write(&format!("more/{number}"), "x");
    }
    scenario.night.demand(&["nightly"], 0);
    fs::remove_file(scenario.media("more/0")).unwrap();
    scenario.night.demand(&["nightly"], 0);
    for number in 1..4 {
        fs::remove_file(scenario.media(format!("more/{number}"))).unwrap();
    }
    let said = scenario.night.demand(&["nightly"], 1);
    assert!(said.contains("lost 3 files (33 %); max_shrink_percent allows 20 %"), "{said}");
    let finding = scenario.report()["findings"][0].clone();
    assert_eq!((&finding["kind"], &finding["object"]), (&"drift".into(), &"files media".into()));
    // The verified snapshots are not removed by it, and it is not the next baseline.
    scenario.night.demand(&["nightly"], 1);
    let verified = scenario.snapshots().into_iter().filter(|name| !name.contains('.')).count();
    assert_eq!(verified, 2);
}
