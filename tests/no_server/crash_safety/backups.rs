//! Nothing good is lost, nothing half is taken for whole, no foreign file is touched, whatever a crash leaves.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use pgwitness::config::Retention;
use pgwitness::storage::backups::{Backup, BackupState, Backups, FileDifference, differences};
use pgwitness::storage::journal::Place;
use pgwitness::storage::retention::{BackupAge, RetentionPlan, plan};

use crate::crash_safety::records::{RUN, at, day, dump, id, ids, made, names, new_backups, report, verified};

fn plan_of(backups: &Backups, keep_last: u32) -> RetentionPlan {
    let held: Vec<BackupAge> = backups.list().unwrap().verified.iter().map(|backup| backup.record.held(true)).collect();
    plan(&held, &Retention { keep_last, ..Retention::default() }, at("2027-01-01T00:00:00Z"))
}

fn remove(id: String) -> RetentionPlan {
    RetentionPlan { keep: Vec::new(), remove: vec![id] }
}

fn changed(backup: &Backup, change: impl FnOnce(&Path)) -> Vec<FileDifference> {
    change(&backup.path);
    backup.verify_files().unwrap()
}

#[test]
fn a_directory_without_the_mark_is_refused_for_the_disk_may_not_be_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let error = Backups::open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("the marker file .pgwitness-backups is missing"), "{error}");
    assert!(error.hint_text().unwrap().starts_with("is the backup disk mounted?"));
    assert!(names(dir.path()).is_empty());
    Backups::open(&dir.path().join("nowhere")).unwrap_err();
}

#[test]
fn init_marks_an_empty_directory_once_and_never_a_foreign_one() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    assert!(backups.remarks().is_empty());
    assert_eq!(names(backups.dir()), [".pgwitness-backups", "damaged", "unverified", "verified"]);
    assert_eq!(fs::metadata(backups.dir()).unwrap().mode() & 0o777, 0o700);
    let mark = fs::read(backups.dir().join(".pgwitness-backups")).unwrap();
    Backups::init(backups.dir(), &"ff".repeat(16), at("2026-02-01T00:00:00Z")).unwrap();
    assert_eq!(fs::read(backups.dir().join(".pgwitness-backups")).unwrap(), mark);

    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("holiday.jpg"), "").unwrap();
    let error = Backups::init(foreign.path(), RUN, day(1)).unwrap_err();
    assert!(error.to_string().ends_with("it is not empty: there is holiday.jpg"), "{error}");
    assert_eq!(names(foreign.path()), ["holiday.jpg"]);
    fs::remove_file(foreign.path().join("holiday.jpg")).unwrap();
    fs::create_dir(foreign.path().join("lost+found")).unwrap();
    fs::write(foreign.path().join(".pgwitness-backups.partial"), "{").unwrap();
    Backups::init(foreign.path(), RUN, day(1)).unwrap();
}

#[test]
fn a_mark_that_came_from_another_disk_is_remarked_upon_and_one_that_cannot_be_read_refused() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    let path = backups.dir().join(".pgwitness-backups");
    let mut mark: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    mark["device"] = "0".into();
    fs::write(&path, mark.to_string()).unwrap();
    // Only the number of the device is another: it is found in another order after a reboot.
    assert!(Backups::open(backups.dir()).unwrap().remarks().is_empty());
    mark["file_system"] = "dead".into();
    fs::write(&path, mark.to_string()).unwrap();
    let remarks = Backups::open(backups.dir()).unwrap().remarks().to_vec();
    assert!(remarks.len() == 1 && remarks[0].contains("another disk"), "{remarks:?}");
    Backups::init(backups.dir(), RUN, day(1)).unwrap_err();
    fs::write(&path, "{").unwrap();
    Backups::open(backups.dir()).unwrap_err();
}

#[test]
fn a_backup_is_complete_before_it_has_a_name_and_verified_before_it_counts() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    let partial = backups.begin(&id(1)).unwrap();
    assert_eq!(fs::metadata(partial.path()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(backups.whereabouts(&id(1)).unwrap(), Some(BackupState::Partial));
    fs::write(partial.dump_custom(), "PGDMP").unwrap();
    fs::write(partial.globals(), "-- roles\n").unwrap();
    let backup = partial.finish(&made(1)).unwrap();
    assert_eq!(names(&backup.path), ["SHA256SUMS", "backup.json", "dump.custom", "globals.sql"]);
    assert_eq!((backup.record.dump.bytes, backup.dump_path()), (14, backup.path.join("dump.custom")));
    let listing = backups.list().unwrap();
    assert_eq!((ids(&listing.unverified), listing.verified.len()), (vec![id(1)], 0));
    assert!(backups.newest_verified().unwrap().is_none());

    let placed = backups.place(&id(1), Place::Verified, Some(&report())).unwrap().unwrap();
    assert_eq!(placed.path, backups.dir().join("verified").join(id(1)));
    let newest = backups.newest_verified().unwrap().unwrap();
    assert_eq!(newest, placed);
    assert_eq!(newest.record.report, Some(report()));
    assert!(newest.verify_files().unwrap().is_empty());
    partial.discard().unwrap();
    assert_eq!(backups.newest_verified().unwrap(), Some(newest));
}

#[test]
fn sha256sum_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let backup = verified(&new_backups(dir.path()), 1);
    let check = Command::new("sha256sum").args(["--strict", "-c", "SHA256SUMS"]).current_dir(&backup.path).output();
    let check = check.unwrap();
    assert!(check.status.success(), "{check:?}");
    assert_eq!(String::from_utf8(check.stdout).unwrap(), "dump/3001.dat.gz: OK\ndump/toc.dat: OK\nglobals.sql: OK\n");
}

#[test]
fn an_empty_or_strange_dump_is_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    let partial = backups.begin(&id(1)).unwrap();
    fs::write(partial.globals(), "-- roles\n").unwrap();
    let error = partial.finish(&made(1)).unwrap_err();
    assert!(error.to_string().ends_with("there is no dump in it"), "{error}");
    fs::create_dir(partial.dump_directory()).unwrap();
    symlink("/etc/passwd", partial.dump_directory().join("toc.dat")).unwrap();
    let error = partial.finish(&made(1)).unwrap_err();
    assert!(error.to_string().ends_with("toc.dat is neither a file nor a directory"), "{error}");
    fs::remove_file(partial.dump_directory().join("toc.dat")).unwrap();
    fs::write(partial.dump_directory().join("a\nb"), "").unwrap();
    let error = partial.finish(&made(1)).unwrap_err();
    assert!(error.to_string().ends_with("has a name that pg_dump does not make"), "{error}");
    partial.discard().unwrap();
    assert!(names(&backups.dir().join("unverified")).is_empty());
}

#[test]
fn an_id_is_used_once_and_cannot_lead_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    verified(&backups, 1);
    let error = backups.begin(&id(1)).unwrap_err();
    assert!(error.to_string().ends_with("is there already"), "{error}");
    for id in
        ["", "..", "../verified", "20260601T023000Z-0011223", "20260601T023000Z-0011223G", "20260601T023000Z/00112233"]
    {
        backups.begin(id).unwrap_err();
        backups.place(id, Place::Discarded, None).unwrap_err();
        backups.recover(id).unwrap_err();
        backups.prune(&remove(id.into())).unwrap_err();
    }
    assert_eq!(ids(&backups.list().unwrap().verified), [id(1)]);
}

#[test]
fn placing_may_be_done_again_but_nothing_leaves_where_it_was_placed() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    dump(&backups, 1);
    backups.place(&id(1), Place::Verified, None).unwrap_err();
    let first = backups.place(&id(1), Place::Verified, Some(&report())).unwrap();
    assert_eq!(backups.place(&id(1), Place::Verified, Some(&report())).unwrap(), first);
    backups.place(&id(1), Place::Damaged, Some(&report())).unwrap_err();
    backups.place(&id(1), Place::Discarded, None).unwrap();
    assert_eq!(ids(&backups.list().unwrap().verified), [id(1)]);
    assert_eq!(backups.recover(&id(1)).unwrap(), Place::Verified);
    dump(&backups, 2);
    backups.place(&id(2), Place::Damaged, Some(&report())).unwrap();
    backups.place(&id(2), Place::Verified, Some(&report())).unwrap_err();
    assert_eq!(ids(&backups.list().unwrap().damaged), [id(2)]);
    assert_eq!(backups.recover(&id(2)).unwrap(), Place::Damaged);
    backups.place(&id(3), Place::Verified, Some(&report())).unwrap_err();
}

#[test]
fn a_dump_that_lost_bytes_can_be_placed_as_damaged_and_never_as_verified() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    let backup = dump(&backups, 1);
    fs::write(backup.path.join("dump/toc.dat"), "short").unwrap();
    let error = backups.place(&id(1), Place::Verified, Some(&report())).unwrap_err();
    assert!(error.to_string().contains("dump/toc.dat has 5 bytes"), "{error}");
    backups.place(&id(1), Place::Damaged, Some(&report())).unwrap();
    assert_eq!(ids(&backups.list().unwrap().damaged), [id(1)]);
}

#[test]
fn what_a_crash_leaves_in_the_making_is_never_listed_and_goes_by_its_id_alone() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    verified(&backups, 1);
    let unverified = backups.dir().join("unverified");
    // Killed in pg_dump, in the hashing, just before the rename, and just after.
    fs::create_dir_all(unverified.join(format!("{}.partial/dump", id(2)))).unwrap();
    dump(&backups, 3);
    fs::rename(unverified.join(id(3)), unverified.join(format!("{}.partial", id(3)))).unwrap();
    fs::remove_file(unverified.join(format!("{}.partial/backup.json", id(3)))).unwrap();
    dump(&backups, 4);
    fs::rename(unverified.join(id(4)), unverified.join(format!("{}.partial", id(4)))).unwrap();
    dump(&backups, 5);
    let listing = backups.list().unwrap();
    assert_eq!((ids(&listing.verified), ids(&listing.unverified)), (vec![id(1)], vec![id(5)]));
    assert_eq!((listing.partial, listing.notes), (vec![id(2), id(3), id(4)], vec![]));
    for number in [2, 3, 4, 6] {
        assert_eq!(backups.recover(&id(number)).unwrap(), Place::Discarded);
    }
    assert_eq!(names(&unverified), [id(5)]);
    // Complete, without a verdict: it stays, and can be discarded by a command.
    assert_eq!(backups.recover(&id(5)).unwrap(), Place::Unverified);
    assert_eq!(ids(&backups.list().unwrap().unverified), [id(5)]);
    backups.place(&id(5), Place::Discarded, None).unwrap();
    assert!(names(&unverified).is_empty());
    assert_eq!(ids(&backups.list().unwrap().verified), [id(1)]);
}

#[test]
fn a_crash_between_the_report_and_the_placing_loses_no_verified_dump() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    let backup = dump(&backups, 1);
    // Killed in the writing of the record, which is where the placing begins.
    fs::write(backup.path.join("backup.json.partial"), "{\"form").unwrap();
    assert_eq!(backups.whereabouts(&id(1)).unwrap(), Some(BackupState::Unverified));
    let placed = backups.place(&id(1), Place::Verified, Some(&report())).unwrap().unwrap();
    assert!(placed.verify_files().unwrap().is_empty());
    assert_eq!(backups.newest_verified().unwrap().unwrap().record.report, Some(report()));
}

#[test]
fn a_prune_removes_what_the_plan_says_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    for number in 1..=5 {
        verified(&backups, number);
    }
    dump(&backups, 6);
    dump(&backups, 7);
    backups.place(&id(7), Place::Damaged, Some(&report())).unwrap();
    // Times of files say nothing: the newest data has the oldest files.
    let touch =
        Command::new("touch").args(["-d", "2001-01-01"]).arg(backups.dir().join("verified").join(id(5))).status();
    assert!(touch.unwrap().success());
    let pruned = backups.prune(&plan_of(&backups, 2)).unwrap();
    assert_eq!(pruned.removed, [id(3), id(2), id(1)]);
    assert!(pruned.bytes > 30_000);
    let listing = backups.list().unwrap();
    assert_eq!((ids(&listing.verified), ids(&listing.damaged)), (vec![id(5), id(4)], vec![id(7)]));
    assert_eq!(ids(&listing.unverified), [id(6)]);
    assert_eq!(backups.prune(&plan_of(&backups, 2)).unwrap().removed, Vec::<String>::new());
}

#[test]
fn a_prune_that_was_killed_is_finished_by_the_next_one_and_half_a_backup_is_never_listed() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    let half = verified(&backups, 1);
    verified(&backups, 2);
    let removal_path = backups.dir().join(format!(".removing-{}", id(1)));
    fs::rename(&half.path, &removal_path).unwrap();
    fs::remove_file(removal_path.join("backup.json")).unwrap();
    let listing = backups.list().unwrap();
    assert_eq!((ids(&listing.verified), &listing.removing, &listing.notes), (vec![id(2)], &vec![id(1)], &vec![]));
    backups.begin(&id(1)).unwrap_err();
    assert_eq!(backups.prune(&RetentionPlan::default()).unwrap().finished, [id(1)]);
    assert!(!removal_path.exists());
    assert_eq!(backups.list().unwrap().removing, Vec::<String>::new());
}

#[test]
fn a_plan_that_no_longer_fits_the_directory_removes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    verified(&backups, 1);
    verified(&backups, 2);
    let error = backups.prune(&remove(id(2))).unwrap_err();
    assert!(error.to_string().ends_with("the newest verified backup would go: nothing was removed"), "{error}");
    let all = RetentionPlan { keep: Vec::new(), remove: vec![id(1), id(2)] };
    backups.prune(&all).unwrap_err();
    // Planned when there was a newer one, which has gone since.
    let plan = plan_of(&backups, 1);
    assert_eq!(plan.remove, [id(1)]);
    fs::remove_dir_all(backups.dir().join("verified").join(id(2))).unwrap();
    backups.prune(&plan).unwrap_err();
    dump(&backups, 3);
    for other in [id(3), id(9)] {
        let error = backups.prune(&remove(other)).unwrap_err();
        assert!(error.to_string().contains("is no longer a verified backup"), "{error}");
    }
    assert_eq!(ids(&backups.list().unwrap().verified), [id(1)]);
}

#[test]
fn a_hollow_backup_does_not_count_so_that_it_evicts_no_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    for number in 1..=4 {
        verified(&backups, number);
    }
    let place = |number| backups.dir().join("verified").join(id(number));
    fs::remove_file(place(4).join("dump/3001.dat.gz")).unwrap();
    fs::write(place(3).join("backup.json"), "{\"format\": 1, \"canary\": 1}").unwrap();
    let listing = backups.list().unwrap();
    assert_eq!(ids(&listing.verified), [id(2), id(1)]);
    assert!(
        listing.notes[0].full().contains(&id(3)) && listing.notes[1].full().contains("3001.dat.gz"),
        "{:?}",
        listing.notes
    );
    // An error of JSON quotes what was read: a message without values must not have it.
    let unreadable = listing.unusable.iter().find(|unusable| unusable.id == id(3)).unwrap().text();
    assert!(unreadable.full().contains("canary") && !unreadable.safe().contains("canary"), "{unreadable:?}");
    assert_eq!(listing.notes[0], unreadable);
    backups.prune(&plan_of(&backups, 1)).unwrap();
    assert!(place(4).exists() && place(3).exists() && place(2).exists() && !place(1).exists());
    let error = backups.get(&id(4)).unwrap_err();
    assert!(error.to_string().ends_with("not all of its files are there"), "{error}");
}

#[test]
fn what_is_not_ours_is_named_and_never_touched() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    verified(&backups, 1);
    verified(&backups, 2);
    let foreign = ["cobalt_prod.dump", "verified/old.dump", ".removing-me", "verified/20200101T000000Z-00000000"];
    for name in foreign {
        fs::create_dir(backups.dir().join(name)).unwrap();
        fs::write(backups.dir().join(name).join("precious"), "").unwrap();
    }
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(backups.dir().join("verified").join(id(1)), &elsewhere).unwrap();
    symlink(&elsewhere, backups.dir().join("verified").join(id(1))).unwrap();
    // A copy made by hand, under another name of our form.
    let twin = backups.dir().join("verified").join(id(9));
    assert!(Command::new("cp").arg("-r").args([&elsewhere, &twin]).status().unwrap().success());
    let listing = backups.list().unwrap();
    assert_eq!((ids(&listing.verified), listing.notes.len()), (vec![id(2)], 6));
    verified(&backups, 3);
    assert_eq!(backups.prune(&plan_of(&backups, 1)).unwrap().removed, [id(2)]);
    assert!(foreign.iter().all(|name| backups.dir().join(name).join("precious").exists()));
    assert!(elsewhere.join("backup.json").exists() && twin.join("backup.json").exists());
}

#[test]
fn a_backup_is_found_by_the_beginning_of_its_id_when_there_is_only_one() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    verified(&backups, 1);
    verified(&backups, 2);
    dump(&backups, 3);
    assert_eq!(backups.get("20260602").unwrap().record.id, id(2));
    let error = backups.get("202606").unwrap_err();
    assert!(error.to_string().ends_with("2 verified backups have an id that begins with this"), "{error}");
    for (asked, text) in [(id(3), "it was never verified"), ("2027".into(), "there is no such verified backup")] {
        let error = backups.get(&asked).unwrap_err();
        assert!(error.to_string().ends_with(text), "{error}");
    }
    backups.get("").unwrap_err();
}

#[test]
fn every_change_of_a_file_is_found_by_reading_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let backup = verified(&new_backups(dir.path()), 1);
    let toc = || "dump/toc.dat".to_owned();
    assert_eq!(changed(&backup, |_| ()), []);
    let same_length = "table of contents 2";
    let differing = changed(&backup, |path| fs::write(path.join("dump/toc.dat"), same_length).unwrap());
    assert_eq!(differing, [FileDifference::Changed(toc())]);
    let differing = changed(&backup, |path| fs::remove_file(path.join("dump/toc.dat")).unwrap());
    assert_eq!(differing, [FileDifference::Missing(toc())]);
    let differing = changed(&backup, |path| {
        fs::write(path.join("dump/toc.dat"), "table of contents 1").unwrap();
        fs::write(path.join("dump/extra"), "").unwrap();
        fs::write(path.join("SHA256SUMS"), "").unwrap();
    });
    assert_eq!(differing, [FileDifference::Extra("dump/extra".into()), FileDifference::Changed("SHA256SUMS".into())]);
    // A record that was changed along with the files does not help: the signed report says what they were.
    assert_eq!(differences(&backup.path, &[]).unwrap().len(), 4);
    fs::remove_dir_all(&backup.path).unwrap();
    backup.verify_files().unwrap_err();
}

#[test]
fn records_are_for_their_owner_alone_behind_a_closed_directory() {
    let dir = tempfile::tempdir().unwrap();
    let backups = new_backups(dir.path());
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let backup = verified(&backups, 1);
    for path in [backups.dir(), &backups.dir().join("verified"), &backup.path] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o700, "{}", path.display());
    }
}
