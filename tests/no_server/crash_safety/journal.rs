//! What a run was about to do is known after it died, wherever it died.

use std::fs;
use std::path::{Path, PathBuf};

use pgwitness::model::run::StepResult;
use pgwitness::storage::journal::{
    AccessClaim, CleanupTask, CopyClaim, CopyIdentity, EarlierRun, Entry, FilesClaim, InstanceClaim, Journal,
    LastVerified, Place, open_runs,
};

use crate::crash_safety::records::{RUN, at, holder, names, report};

const NAME: &str = "20260615T020000Z-00112233.journal";

fn claim() -> InstanceClaim {
    InstanceClaim {
        identifier: "pgwitness-20260615t020000z-00112233".into(),
        run_id: RUN.into(),
        source_resource_id: "db-SOURCE".into(),
        source_instance: "production".into(),
        snapshot: "rds:production-2026-06-15".into(),
        account: "123456789012".into(),
        region: "ap-southeast-2".into(),
        prefix: "pgwitness".into(),
        at: at("2026-06-15T02:01:00Z"),
    }
}

fn copy() -> CopyClaim {
    CopyClaim { database: "pgwitness_copy".into(), server: "localhost:5432".into(), at: at("2026-06-15T02:30:00Z") }
}

fn server() -> String {
    "/var/tmp/pgwitness-restore-00112233".into()
}

fn files() -> FilesClaim {
    FilesClaim { directory: "/srv/files/media".into(), id: "20260615T020000Z-00112233".into() }
}

/// A whole night, as it goes when all goes well.
fn night() -> Vec<Entry> {
    let identifier = claim().identifier;
    let step = || "dump".to_owned();
    let id = || "20260615T003000Z-00112233".to_owned();
    vec![
        Entry::StepStarted { step: step() },
        Entry::InstanceIntended(claim()),
        Entry::InstanceCreated { identifier: identifier.clone(), resource_id: "db-TEMPORARY".into() },
        Entry::BackupBegun { id: id() },
        Entry::StepEnded { step: step(), result: StepResult::Failed("a \"quoted\" reason\nin two lines".into()) },
        Entry::CopyIntended(copy()),
        Entry::CopyCreated(CopyIdentity {
            database: copy().database,
            oid: 16_384,
            system_identifier: "7300000000000000001".into(),
        }),
        Entry::Reported { path: report().path, sha256: report().sha256 },
        Entry::OffsiteBegun { backup: id() },
        Entry::OffsiteDumpStored { backup: id(), snapshot: "26b7fdec".into() },
        Entry::InstanceGone { identifier },
        Entry::BackupPlaced { id: id(), place: Place::Verified },
        Entry::CopyKept { database: copy().database },
        Entry::OffsiteStored { backup: id() },
        Entry::AccessIntended(AccessClaim { run_id: RUN.into(), endpoint: None }),
        Entry::AccessIntended(AccessClaim { run_id: RUN.into(), endpoint: Some(("db.example".into(), 5432)) }),
        Entry::AccessClosed { run_id: RUN.into() },
        Entry::ServerIntended { directory: server() },
        Entry::ServerGone { directory: server() },
        Entry::FilesIntended(files()),
        Entry::FilesPlaced { claim: files(), place: Place::Verified },
    ]
}

fn only_past(state: &Path) -> EarlierRun {
    let mut runs = open_runs(state).unwrap();
    assert!(runs.unreadable.is_empty(), "{:?}", runs.unreadable);
    assert_eq!(runs.open.len(), 1);
    runs.open.remove(0)
}

/// What is owed, in one initial each.
fn initials(debts: &[CleanupTask]) -> String {
    let initial = |debt: &CleanupTask| match debt {
        CleanupTask::Instance { resource_id: None, .. } => 'i',
        CleanupTask::Instance { resource_id: Some(_), .. } => 'I',
        CleanupTask::Backup { report: None, .. } => 'b',
        CleanupTask::Backup { report: Some(_), .. } => 'B',
        CleanupTask::Offsite { dump: None, .. } => 'o',
        CleanupTask::Offsite { dump: Some(_), .. } => 'O',
        CleanupTask::Copy { created: None, .. } => 'c',
        CleanupTask::Copy { created: Some(_), .. } => 'C',
        CleanupTask::Access(_) => 'a',
        CleanupTask::Files { report: None, .. } => 'f',
        CleanupTask::Files { report: Some(_), .. } => 'F',
        CleanupTask::Server { .. } => 's',
    };
    debts.iter().map(initial).collect()
}

fn journal_of(state: &Path, entries: &[Entry]) -> PathBuf {
    let mut journal = Journal::create(state, &holder()).unwrap();
    for entry in entries {
        journal.append(entry).unwrap();
    }
    journal.path().to_owned()
}

#[test]
fn wherever_a_night_dies_the_next_one_knows_what_is_owed() {
    let open_tasks = [
        "", "", "i", "I", "Ib", "Ib", "Ibc", "IbC", "IBC", "IBCo", "IBCO", "BCO", "CO", "O", "", "a", "a", "", "s", "",
        "F", "",
    ];
    for (length, open_tasks) in open_tasks.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let entries = &night()[..length];
        journal_of(dir.path(), entries);
        let past = only_past(dir.path());
        assert_eq!(initials(&past.cleanup_tasks()), *open_tasks, "after {length} entries");
        assert_eq!((past.run_id(), past.is_ended(), &past.torn), (Some(RUN), false, &None));
        // A journal holds the whole text of an error, not which part of it is safe.
        let print = |entries: &[Entry]| serde_json::to_string(entries).unwrap();
        assert_eq!(print(&past.entries[1..]), print(entries));
    }
}

#[test]
fn wherever_the_last_line_is_cut_off_the_lines_before_it_stand() {
    let dir = tempfile::tempdir().unwrap();
    let path = journal_of(dir.path(), &night());
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let mut past = only_past(dir.path());
        let lines = ends.iter().filter(|end| **end <= length).count();
        let is_torn = length > 0 && !ends.contains(&length);
        assert_eq!((past.entries.len(), past.torn.is_some()), (lines, is_torn), "{length} bytes");
        // The torn line goes when the debt is settled; it never becomes garbage in the middle.
        for debt in past.cleanup_tasks() {
            past.mark_done(debt.gone()).unwrap();
        }
        assert!(only_past(dir.path()).cleanup_tasks().is_empty(), "{length} bytes");
    }
}

#[test]
fn zeros_that_a_power_loss_leaves_at_the_end_are_a_line_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = journal_of(dir.path(), &night()[..3]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 500]);
    fs::write(&path, bytes).unwrap();
    let mut past = only_past(dir.path());
    assert_eq!(initials(&past.cleanup_tasks()), "I");
    assert_eq!(past.torn.as_deref(), Some("line 5 was cut off after 500 bytes; it was never acted upon"));
    // What is written next is shorter than they were.
    past.mark_done(past.cleanup_tasks()[0].gone()).unwrap();
    let past = only_past(dir.path());
    assert_eq!((past.cleanup_tasks().len(), past.torn), (0, None));
}

fn unreadable(change: impl FnOnce(&mut Vec<String>)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = journal_of(dir.path(), &night()[..3]);
    let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let runs = open_runs(dir.path()).unwrap();
    assert_eq!((runs.open.len(), runs.unreadable.len()), (0, 1));
    let text = runs.unreadable[0].to_string();
    text.strip_prefix(&format!("read journal {}: ", path.display())).unwrap().to_owned()
}

#[test]
fn garbage_in_the_middle_makes_a_journal_unreadable_and_names_the_line() {
    let text = unreadable(|lines| lines[2].truncate(10));
    assert!(text.starts_with("line 3: "), "{text}");
    let text = unreadable(|lines| lines[2] = r#"{"entry":"from_a_later_version"}"#.into());
    assert!(text.starts_with("line 3: unknown variant `from_a_later_version`"), "{text}");
    let text = unreadable(|lines| lines[2] = lines[2].replace("\"region\"", "\"surprise\":1,\"region\""));
    assert!(text.starts_with("line 3: unknown field `surprise`"), "{text}");
    assert_eq!(unreadable(|lines| lines.remove(0).clear()), "line 1 is not what a journal has there");
    assert_eq!(unreadable(|lines| lines[1] = lines[0].clone()), "line 2 is not what a journal has there");
    let text = unreadable(|lines| lines[0] = lines[0].replace("\"format\":1", "\"format\":2"));
    assert_eq!(text, "this journal has format 2; this version of pgwitness reads format 1");
}

#[test]
fn one_unreadable_journal_does_not_hide_the_debts_of_another() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), &night()[..2]);
    fs::write(dir.path().join("runs/20260101T000000Z-ffffffff.journal"), "garbage\n").unwrap();
    fs::write(dir.path().join("runs/notes.txt"), "of somebody else").unwrap();
    let runs = open_runs(dir.path()).unwrap();
    assert_eq!((runs.open.len(), runs.unreadable.len()), (1, 1));
    assert_eq!(initials(&runs.open[0].cleanup_tasks()), "i");
}

#[test]
fn a_claim_has_all_that_the_proof_needs_and_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), &night()[..6]);
    let debts = only_past(dir.path()).cleanup_tasks();
    let instance = CleanupTask::Instance { claim: Box::new(claim()), resource_id: Some("db-TEMPORARY".into()) };
    let backup = CleanupTask::Backup { id: "20260615T003000Z-00112233".into(), report: None };
    assert_eq!(debts, [instance, backup, CleanupTask::Copy { claim: copy(), created: None }]);
}

#[test]
fn a_run_that_owes_nothing_closes_its_journal_and_one_that_does_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), &holder()).unwrap();
    night().iter().for_each(|entry| journal.append(entry).unwrap());
    assert_eq!(journal.end(0).unwrap(), []);
    assert_eq!(names(&dir.path().join("runs")), ["closed"]);
    assert_eq!(names(&dir.path().join("runs/closed")), [NAME]);
    assert!(open_runs(dir.path()).unwrap().open.is_empty());

    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), &holder()).unwrap();
    night()[..8].iter().for_each(|entry| journal.append(entry).unwrap());
    assert_eq!(initials(&journal.cleanup_tasks()), "IBC");
    assert_eq!(initials(&journal.end(3).unwrap()), "IBC");
    let past = only_past(dir.path());
    assert_eq!((initials(&past.cleanup_tasks()).as_str(), past.is_ended()), ("IBC", true));
}

#[test]
fn debts_are_settled_in_the_journal_that_has_them_and_only_then_it_closes() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), &night()[..6]);
    let now = at("2026-06-16T02:00:00Z");
    let error = only_past(dir.path()).close("next", now).unwrap_err();
    assert!(error.to_string().ends_with("3 cleanup tasks are still open"), "{error}");
    let mut past = only_past(dir.path());
    let foreign = Entry::InstanceGone { identifier: "somebody-elses".into() };
    let error = past.mark_done(foreign).unwrap_err();
    assert!(error.to_string().ends_with("this entry completes none of the open cleanup tasks"), "{error}");
    past.mark_done(Entry::BackupPlaced { id: "20260615T003000Z-00112233".into(), place: Place::Verified }).unwrap();
    assert_eq!(initials(&only_past(dir.path()).cleanup_tasks()), "Ic");
    for debt in past.cleanup_tasks() {
        past.mark_done(debt.gone()).unwrap();
    }
    // Killed here, the next run closes it.
    let past = only_past(dir.path());
    assert!(past.cleanup_tasks().is_empty());
    past.close("next", now).unwrap();
    let closed = EarlierRun::read(&dir.path().join("runs/closed").join(NAME)).unwrap();
    assert_eq!(closed.entries.last(), Some(&Entry::Settled { by_run: "next".into(), at: now }));
    assert!(open_runs(dir.path()).unwrap().open.is_empty());
}

#[test]
fn a_run_that_died_before_its_first_line_owes_nothing_and_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = journal_of(dir.path(), &[]);
    fs::write(&path, "{\"entry\":\"run_st").unwrap();
    let past = only_past(dir.path());
    assert_eq!((past.run_id(), past.cleanup_tasks().len(), past.torn.is_some()), (None, 0, true));
    past.close("next", at("2026-06-16T02:00:00Z")).unwrap();
    assert_eq!(names(&dir.path().join("runs")), ["closed"]);
}

#[test]
fn two_runs_never_share_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = journal_of(dir.path(), &night());
    let before = fs::read(&path).unwrap();
    Journal::create(dir.path(), &holder()).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_state_directory_without_runs_owes_nothing_and_one_that_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open_runs(dir.path()).unwrap().open.is_empty());
    fs::write(dir.path().join("runs"), "a file").unwrap();
    open_runs(dir.path()).unwrap_err();
}

#[test]
fn the_last_verified_dump_is_remembered_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(LastVerified::read(dir.path()).unwrap(), None);
    let mut last =
        LastVerified::new("20260615T003000Z-00112233", at("2026-06-15T00:30:00Z"), at("2026-06-15T03:00:00Z"), 5);
    last.step_ms.insert("dump".into(), 61_000);
    last.write(dir.path()).unwrap();
    assert_eq!(LastVerified::read(dir.path()).unwrap(), Some(last.clone()));
    // Left by a crash in the writing: neither taken for the record nor in the way.
    fs::write(dir.path().join("last_verified.json.partial"), "{").unwrap();
    assert_eq!(LastVerified::read(dir.path()).unwrap(), Some(last.clone()));
    last.dump_bytes = 6;
    last.write(dir.path()).unwrap();
    assert_eq!(LastVerified::read(dir.path()).unwrap(), Some(last));
    assert_eq!(names(dir.path()), ["last_verified.json"]);
    fs::write(dir.path().join("last_verified.json"), "{").unwrap();
    LastVerified::read(dir.path()).unwrap_err();
}
