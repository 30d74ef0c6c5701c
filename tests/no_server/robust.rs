//! Whatever another party may have written, arbitrary or once ours and changed since: no reader panics, hangs or fills memory.
//!
//! A harness of properties, so that it runs with a stable compiler; a million cases instead of the usual ones: `PROPTEST_CASES`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::small_report::{IDENTITY, allowed, make_key, night, write_report};
use pgwitness::endpoint::dump_reader::DumpReader;
use pgwitness::model::report::Report;
use pgwitness::postgres::conninfo::ConnInfo;
use pgwitness::storage::journal::EarlierRun;
use pgwitness::storage::reports;
use pgwitness::storage::signature;
use pgwitness::storage::signers::AllowedSigners;
use pgwitness::storage::user_files;
use proptest::prelude::*;

/// For one input, on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\n\
    SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\
    SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE s.a (\n    b integer DEFAULT 1,\n    \"c d\" text\n);\n\
    CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS $_$ SELECT 1; $_$;\nCOPY s.a (b, \"c d\") FROM stdin;\n1\tone\n2\t\\N\n\\.\n\n\
    SELECT pg_catalog.setval('s.q', 5, true);\nSELECT pg_catalog.lo_create('16');\nBEGIN;\n\
    SELECT pg_catalog.lo_open('16', 131072);\nSELECT pg_catalog.lowrite(0, '\\x6162');\nSELECT pg_catalog.lo_close(0);\nCOMMIT;\n\
    ALTER TABLE ONLY s.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (b);\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";

const JOURNAL: &str = "{\"run_started\":{\"format\":1,\"run_id\":\"00\",\"command\":\"nightly\",\"at\":\"2026-07-31T01:00:00Z\",\"pid\":1}}\n\
    {\"backup_begun\":{\"id\":\"x\"}}\n{\"run_ended\":{\"exit_code\":0}}\n";

const WAIVERS: &str = "[[waiver]]\nkind = \"missing\"\nobject = \"index shop.*\"\nreason = \"known\"\n";

/// A text with some of its bytes changed, lost or doubled.
fn changed(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..4_u8, any::<u8>(), 1..40_usize);
    prop::collection::vec(edit, 0..6).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (index, how, byte, count) in edits {
            let at = index.index(bytes.len() + 1);
            let end = (at + count).min(bytes.len());
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

fn any_or_changed(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..300), 3 => changed(text)]
}

/// A file of this name with these bytes.
fn with_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, bytes).unwrap();
    let start = Instant::now();
    let answer = read(&path);
    assert!(start.elapsed() < LIMIT, "it took {:?}", start.elapsed());
    answer
}

proptest! {
    #[test]
    fn a_connection_string_is_read_or_refused(text in prop_oneof![
        any::<String>(),
        changed("postgresql://u:p%40w@[::1]:5432,db:6/shop?sslmode=require&application_name=x")
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        changed("host=db port=5432 dbname='a b' user=u\\'v password=''")
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]) {
        if let Ok(info) = ConnInfo::resolve(&text, &|_| None) {
            let _ = (info.describe(), info.hosts());
        }
    }

    #[test]
    fn a_plain_dump_is_read_or_refused(bytes in any_or_changed(DUMP)) {
        with_file(&bytes, |path| DumpReader::open(path, Path::new("/no/such/pg_restore")).map(drop).ok());
    }

    #[test]
    fn a_manifest_is_read_or_refused(bytes in any_or_changed("{\"format\":2,\"endpoint\":{},\"answers\":[\"rows\"],\"relations\":[]}")) {
        with_file(&bytes, |path| reports::load_manifest(path).map(drop).ok());
    }

    #[test]
    fn a_journal_is_read_or_refused(bytes in any_or_changed(JOURNAL)) {
        with_file(&bytes, |path| EarlierRun::read(path).map(|past| past.cleanup_tasks()).ok());
    }

    #[test]
    fn waivers_are_read_or_refused(bytes in any_or_changed(WAIVERS)) {
        with_file(&bytes, |path| user_files::waivers(path).ok());
    }

    #[test]
    fn allowed_signers_are_read_or_refused(bytes in any_or_changed(
        "a@b,*.c namespaces=\"pgwitness-report\",valid-before=\"20270101\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGk= x\n# note\n"
    )) {
        let _ = AllowedSigners::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_signature_is_read_or_refused(bytes in any_or_changed(
        "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg\n-----END SSH SIGNATURE-----\n"
    )) {
        prop_assert!(signature::signer(b"report", &String::from_utf8_lossy(&bytes)).is_err());
    }
}

#[test]
fn a_report_with_changed_bytes_is_read_or_refused_and_what_is_read_prints_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let report = write_report(dir.path(), None, night()).join("report.json");
    let bytes = fs::read(&report).unwrap();
    assert_eq!(Report::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
    let try_with = |at: usize| {
        let mut other = bytes.clone();
        other[at] ^= [1, 2, 0x20][at % 3];
        if let Ok(read) = Report::from_bytes(&other) {
            let printed = read.to_bytes().unwrap();
            assert_eq!(Report::from_bytes(&printed).unwrap().to_bytes().unwrap(), printed);
        }
    };
    const THREADS: usize = 4;
    std::thread::scope(|scope| {
        for first in 0..THREADS {
            let count = bytes.len();
            scope.spawn(move || (first..count).step_by(THREADS).for_each(try_with));
        }
    });
}

/// What the program says, and that it says it in time.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgwitness"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > 3 * LIMIT {
            child.kill().unwrap();
            panic!("it hangs: {arguments:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_pipe_or_a_huge_file_in_place_of_any_file_of_a_report_stops_no_command() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let reports = dir.path().join("reports");
    fs::create_dir(&reports).unwrap();
    let signers = dir.path().join("allowed_signers");
    fs::write(&signers, &generated.allowed_signers_line).unwrap();
    let report = write_report(&reports, Some(&key), night());
    assert_eq!(
        allowed(&generated).principal(reports::read_key(&key).unwrap().public_key(), Some(IDENTITY), night()).unwrap(),
        IDENTITY
    );
    let (reports, signers) = (reports.to_str().unwrap(), signers.to_str().unwrap());
    let verify = || run(&["report", "verify", report.to_str().unwrap(), "--allowed-signers", signers]);
    assert_eq!(verify().0, Some(0), "{}", verify().1);
    for name in ["report.json", "report.json.sig", "closing.json", "closing.json.sig", "actual.manifest.json"] {
        let path = report.join(name);
        let kept = fs::read(&path).ok();
        for is_huge in [false, true] {
            fs::remove_file(&path).ok();
            match is_huge {
                false => make_pipe(&path),
                true => fs::File::create(&path).unwrap().set_len(5 << 30).unwrap(),
            }
            let (code, said) = verify();
            assert!(code == Some(2) || (code == Some(0) && name.starts_with("closing")), "{name}: {code:?} {said}");
            for command in [&["report", "list", reports][..], &["report", "show", report.to_str().unwrap()]] {
                let (code, said) = run(command);
                assert!(code.is_some() && !said.contains("panicked"), "{name} {command:?}: {said}");
            }
        }
        fs::remove_file(&path).ok();
        if let Some(bytes) = kept {
            fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(verify().0, Some(0));
}

#[test]
fn the_limits_of_reports_and_manifests_can_be_set_and_the_error_says_how() {
    let dir = tempfile::tempdir().unwrap();
    let report = write_report(dir.path(), None, night());
    let file = report.join("report.json");
    // Blanks at the end of JSON mean nothing.
    let mut bytes = fs::read(&file).unwrap();
    bytes.resize(bytes.len() + (2 << 20), b' ');
    fs::write(&file, bytes).unwrap();
    let show = |mib: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgwitness"));
        let output =
            command.args(["report", "show"]).arg(&report).env("PGWITNESS_MAX_REPORT_MIB", mib).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = show("1");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("it is larger than 1 MiB"), "{said}");
    assert!(said.contains("PGWITNESS_MAX_REPORT_MIB sets another one"), "{said}");
    assert!(!show("3").1.contains("larger"), "{}", show("3").1);
    for wrong in ["0", "x", "-1", "99999999"] {
        let (code, said) = show(wrong);
        assert!(code == Some(2) && said.contains("not a number of MiB"), "{wrong}: {said}");
    }
    let manifest = report.join("actual.manifest.json").display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgwitness"));
    fs::File::options().write(true).open(&manifest).unwrap().set_len(2 << 20).unwrap();
    let output =
        command.args(["compare", &manifest, &manifest]).env("PGWITNESS_MAX_MANIFEST_MIB", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("PGWITNESS_MAX_MANIFEST_MIB sets another one"), "{said}");
}

#[test]
fn a_pipe_in_place_of_what_a_user_writes_stops_no_command() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.sql");
    make_pipe(&pipe);
    let (pipe, checks) = (pipe.to_str().unwrap(), dir.path().to_str().unwrap());
    for arguments in [
        &["compare", "a=1", "b=1", "--waivers", pipe][..],
        &["compare", "a=1", "b=1", "--checks", checks],
        &["compare", pipe, pipe],
        &["config", "check", "--config", pipe],
        &["nightly", "--config", pipe],
        &["report", "verify", pipe, "--allowed-signers", pipe],
        &["report", "diff", pipe, pipe],
        &["compare", "a=1", "b=1", "--report", checks, "--key", pipe],
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
    }
}

#[test]
fn a_check_that_would_not_be_read_is_refused() {
    for name in ["bad.SQL", "Bad.Sql", ".sql"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("good.sql"), "SELECT 1").unwrap();
        fs::write(dir.path().join(name), "SELECT 1").unwrap();
        let error = user_files::assertions(dir.path()).unwrap_err();
        assert!(error.to_string().contains("is not read"), "{name}: {error}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.sql"), "SELECT 1").unwrap();
    fs::write(dir.path().join("README.md"), "notes").unwrap();
    assert_eq!(user_files::assertions(dir.path()).unwrap().len(), 1);
    fs::create_dir(dir.path().join("more")).unwrap();
    assert!(user_files::assertions(dir.path()).unwrap_err().to_string().contains("more is a directory"));
}
