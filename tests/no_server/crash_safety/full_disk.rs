//! A disk that is really full: a small file system in memory. Needs the right to mount; without it, the tests say so and do nothing.

use std::fs;

use pgwitness::storage::backups::Backups;
use pgwitness::storage::journal::{Entry, Journal, Lock, open_runs};

use crate::crash_safety::lock::soon;
use crate::crash_safety::records::{RUN, day, holder, id, ids, made, names, verified};
use crate::support::disk::Small;

#[test]
fn a_dump_that_fills_the_disk_goes_and_the_backups_before_it_stay() {
    let Some(disk) = Small::mount("size=1m,mode=0700") else { return };
    let backups = Backups::init(&disk.path().join("backups"), RUN, day(1)).unwrap();
    verified(&backups, 1);
    let before = backups.free_bytes().unwrap();
    backups.demand_free(100_000).unwrap();
    let error = backups.demand_free(1 << 30).unwrap_err();
    assert!(error.to_string().ends_with(" are free, about 1.0 GB are needed"), "{error}");

    let partial = backups.begin(&id(2)).unwrap();
    fs::create_dir(partial.dump_directory()).unwrap();
    fs::write(partial.dump_directory().join("toc.dat"), "toc").unwrap();
    disk.fill();
    let error = partial.finish(&made(2)).unwrap_err();
    let sums = partial.path().join("SHA256SUMS");
    assert_eq!(error.to_string(), format!("finish backup {}: write {}: the disk is full", id(2), sums.display()));
    assert_eq!(error.hint_text(), Some("free some space and run it again"));
    partial.discard().unwrap();
    disk.free();
    assert_eq!(backups.free_bytes().unwrap(), before);
    let listing = backups.list().unwrap();
    assert_eq!((ids(&listing.verified), listing.partial.len(), listing.notes.len()), (vec![id(1)], 0, 0));
    assert!(listing.verified[0].verify_files().unwrap().is_empty());
}

#[test]
fn a_disk_without_room_for_a_directory_is_one_clear_line_too() {
    let Some(disk) = Small::mount("size=1m,nr_inodes=12,mode=0700") else { return };
    let backups = Backups::init(&disk.path().join("backups"), RUN, day(1)).unwrap();
    let mut number = 0;
    while fs::write(disk.path().join(format!("filler{number}")), "").is_ok() {
        number += 1;
    }
    let error = backups.begin(&id(1)).unwrap_err();
    assert!(error.to_string().ends_with(": the disk is full"), "{error}");
    assert!(names(&backups.dir().join("unverified")).is_empty());
}

#[test]
fn what_cannot_be_written_to_the_journal_was_never_said_and_is_not_in_the_way_later() {
    let Some(disk) = Small::mount("size=64k,mode=0700") else { return };
    let state = disk.path().join("state");
    let _lock = Lock::acquire(&state, &holder()).unwrap();
    let mut journal = Journal::create(&state, &holder()).unwrap();
    journal.append(&Entry::BackupBegun { id: id(1) }).unwrap();
    disk.fill();
    let large = Entry::StepStarted { step: "x".repeat(10_000) };
    let error = journal.append(&large).unwrap_err();
    assert_eq!(error.to_string(), format!("write journal {}: the disk is full", journal.path().display()));
    // The page that the journal has already may still have room: a debt can often be settled on a full disk.
    let past = open_runs(&state).unwrap().open.remove(0);
    assert_eq!((past.entries.len(), &past.torn), (2, &None));
    disk.free();
    journal.append(&Entry::StepStarted { step: "after".into() }).unwrap();
    let past = open_runs(&state).unwrap().open.remove(0);
    assert_eq!((past.entries.len(), past.cleanup_tasks().len()), (3, 1));
}

#[test]
fn the_lock_is_to_be_had_on_a_full_disk() {
    let Some(disk) = Small::mount("size=64k,mode=0700") else { return };
    let state = disk.path().join("state");
    drop(Lock::acquire(&state, &holder()).unwrap());
    disk.fill();
    let _held = soon(&state, &holder());
    let error = Lock::acquire(&state, &holder()).unwrap_err();
    assert!(error.to_string().contains("process 4711"), "{error}");
}
