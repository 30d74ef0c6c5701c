//! Every stored format of every version still loads, and what is printed again is what was read.
//!
//! The files in `fixtures/reports`, `fixtures/backups` and `fixtures/state` are never written again. A new format needs a new file here, with its number.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::fs;
use std::path::{Path, PathBuf};

use pgwitness::base::json;
use pgwitness::model::closing_state::ClosingState;
use pgwitness::model::report::{FORMAT, Report};
use pgwitness::model::run::{CLOSING, Closing};
use pgwitness::storage::backups::{BackupRecord, Backups};
use pgwitness::storage::history::{PRUNED, prune_reports, pruned};
use pgwitness::storage::journal::{EarlierRun, Entry, LastSigned, LastVerified};
use pgwitness::storage::reports::{self, Trust, load_manifest, sign_json, write_manifest};
use pgwitness::storage::timestamp::{self, TIMESTAMP, TimestampAuthorities};

use crate::small_report::{allowed, at, make_key};

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn report(format: u32) -> PathBuf {
    stored(&format!("reports/format-{format}/report.json"))
}

/// A directory with a copy of one stored file under the name that the program gives it.
fn directory_with(file: &str, name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(stored(file), dir.path().join(name)).unwrap();
    dir
}

#[test]
fn reports_of_every_format_load_and_print_the_same() {
    for format in 1..=FORMAT {
        let bytes = fs::read(report(format)).unwrap();
        let report = Report::from_bytes(&bytes).unwrap();
        assert_eq!(report.format, format);
        assert_eq!(report.to_bytes().unwrap(), bytes, "format {format}");
    }
    assert!(Report::from_bytes(&fs::read(report(FORMAT)).unwrap()).unwrap().night.is_some());
}

#[test]
fn manifests_of_every_format_load_and_those_of_the_newest_print_the_same() {
    for (report, format) in [("reports/format-1", 1), ("reports/format-3", pgwitness::model::manifest::FORMAT)] {
        for name in ["expected.manifest.json", "actual.manifest.json"] {
            let file = stored(report).join(name);
            let (bytes, manifest) = (fs::read(&file).unwrap(), load_manifest(&file).unwrap());
            assert_eq!(json::format_of(&bytes[..]).unwrap(), Some(format.into()));
            let dir = tempfile::tempdir().unwrap();
            write_manifest(dir.path(), name, &manifest).unwrap();
            if format == pgwitness::model::manifest::FORMAT {
                assert_eq!(fs::read(dir.path().join(name)).unwrap(), bytes);
            }
            assert_eq!(load_manifest(&dir.path().join(name)).unwrap(), manifest);
        }
    }
}

#[test]
fn a_closing_of_every_format_loads_and_prints_the_same() {
    for (of_report, format) in [(3, 1), (4, 2), (5, 4)] {
        let file = report(of_report);
        let bytes = fs::read(&file).unwrap();
        let closing =
            reports::closing_state(&file, &Report::from_bytes(&bytes).unwrap(), &reports::sha256(&bytes), None);
        let ClosingState::Told(closing) = closing else { panic!("{closing:?}") };
        assert_eq!(closing.format, format);
        let dir = tempfile::tempdir().unwrap();
        let (key, _) = make_key(dir.path());
        let printed = if format == 1 { *closing } else { closing.stored() };
        sign_json(dir.path(), CLOSING, &printed, &key).unwrap();
        assert_eq!(fs::read(dir.path().join(CLOSING)).unwrap(), fs::read(file.with_file_name(CLOSING)).unwrap());
    }
}

/// Made by openssl over the report of format 5; the key of the authority is gone.
#[test]
fn a_stored_time_stamp_is_verified_for_ever() {
    let file = report(5);
    let trusted = TimestampAuthorities::read(&[file.with_file_name("timestamp-ca.pem")]).unwrap();
    let answer = fs::read(file.with_file_name(TIMESTAMP)).unwrap();
    let stamped = timestamp::verify(&answer, &fs::read(&file).unwrap(), None, Some(&trusted)).unwrap();
    let closing = Closing::from_bytes(&fs::read(file.with_file_name(CLOSING)).unwrap()).unwrap();
    let named = closing.timestamp.unwrap();
    assert_eq!((named.at, &named.authority), (stamped.at, &stamped.authority));
    assert_eq!(named.sha256, reports::sha256(&answer));
}

#[test]
fn a_journal_loads_and_prints_the_same() {
    let file = stored("state/nightly-1.journal");
    let past = EarlierRun::read(&file).unwrap();
    assert!(past.is_ended() && past.run_id().is_some() && past.cleanup_tasks().is_empty());
    let text = fs::read_to_string(&file).unwrap();
    for line in text.lines() {
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Entry>(line).unwrap()).unwrap(), line);
    }
    assert!(text.lines().count() > 10);
}

#[test]
fn records_of_backups_of_every_format_load_and_print_the_same() {
    for format in [1, 2] {
        let bytes = fs::read(stored(&format!("backups/backup-{format}.json"))).unwrap();
        assert_eq!(json::format_of(&bytes[..]).unwrap(), Some(format));
        let record: BackupRecord = serde_json::from_slice(&bytes).unwrap();
        assert_eq!([serde_json::to_vec(&record).unwrap(), b"\n".to_vec()].concat(), bytes);
        let dir = tempfile::tempdir().unwrap();
        let backups = Backups::init(&dir.path().join("backups"), "00", at("2026-01-01T00:00:00Z")).unwrap();
        let backup = backups.dir().join("verified").join(&record.id);
        for file in &record.dump.files {
            let path = backup.join(&file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; usize::try_from(file.bytes).unwrap()]).unwrap();
        }
        fs::write(backup.join("backup.json"), &bytes).unwrap();
        let listing = backups.list().unwrap();
        assert_eq!((listing.notes.as_slice(), &listing.verified[0].record), (&[][..], &record));
    }
}

#[test]
fn marks_of_backup_directories_of_every_format_load() {
    for (format, sources) in [(1, 0), (2, 1)] {
        let dir = directory_with(&format!("backups/mark-{format}.json"), ".pgwitness-backups");
        assert_eq!(Backups::open(dir.path()).unwrap().sources().len(), sources);
    }
}

#[test]
fn records_of_the_last_verified_dump_of_every_format_load_and_print_the_same() {
    for format in [1, 2] {
        let file = format!("state/last_verified-{format}.json");
        let dir = directory_with(&file, "last_verified.json");
        let last = LastVerified::read(dir.path()).unwrap().unwrap();
        assert_eq!(last.source.is_some(), format == 2);
        fs::remove_file(dir.path().join("last_verified.json")).unwrap();
        last.write(dir.path()).unwrap();
        assert_eq!(fs::read(dir.path().join("last_verified.json")).unwrap(), fs::read(stored(&file)).unwrap());
    }
}

#[test]
fn the_record_of_the_last_signed_report_loads_and_prints_the_same() {
    let dir = directory_with("state/last_signed-1.json", "last_signed.json");
    let reports = Path::new("/var/lib/pgwitness/reports");
    let last = LastSigned::read(dir.path(), reports).unwrap().unwrap();
    fs::remove_file(dir.path().join("last_signed.json")).unwrap();
    last.write(dir.path(), reports).unwrap();
    let (printed, frozen) = (dir.path().join("last_signed.json"), stored("state/last_signed-1.json"));
    assert_eq!(fs::read(printed).unwrap(), fs::read(frozen).unwrap());
}

#[test]
fn the_list_of_removed_reports_loads_and_prints_the_same() {
    let removed = pruned(directory_with("reports/pruned-1.json", PRUNED).path(), None).unwrap();
    assert_eq!(removed.len(), 2);
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let reports = dir.path().join("reports");
    removed.iter().for_each(|report| fs::create_dir_all(reports.join(&report.name)).unwrap());
    let signers = allowed(&generated);
    let trust = Trust { allowed: &signers, identity: None, now: at("2026-06-15T02:00:00Z") };
    prune_reports(&reports, &removed, &key, trust).unwrap();
    assert_eq!(fs::read(reports.join(PRUNED)).unwrap(), fs::read(stored("reports/pruned-1.json")).unwrap());
}
