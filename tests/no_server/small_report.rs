//! A small comparison, and its report on disk.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test helper")]

use crate::support::packages;
use crate::support::samples::{ManifestBuilder as _, live, seen};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, UNIX_EPOCH};

use pgwitness::base::time::Timestamp;
use pgwitness::compare::{Request, compare};
use pgwitness::model::manifest::Manifest;
use pgwitness::model::report::{Report, Run, Times, Tools};
use pgwitness::model::run::{CLOSING, Closing, RunFacts, Step, StepResult};
use pgwitness::storage::reports::{self, Generated, KeyFile, NewReport, keygen};
use pgwitness::storage::signers::AllowedSigners;

pub const IDENTITY: &str = "backup@example.com";
pub const RUN_ID: &str = "00112233445566778899aabbccddeeff";

pub fn at(time: &str) -> Timestamp {
    Timestamp::parse(time).unwrap()
}

pub fn night() -> Timestamp {
    at("2026-06-15T02:00:00Z")
}

/// One table that holds these rows, and a sketch of 3 × 2^`log2` cells.
pub fn manifest(rows: &[&str], log2: u8) -> Manifest {
    live().described("host=db.example.com dbname=app").table("shop.orders", seen(rows, log2))
}

pub fn make_key(dir: &Path) -> (KeyFile, Generated) {
    let generated = keygen(&dir.join("key"), IDENTITY).unwrap();
    (KeyFile { path: generated.private.clone(), passphrase: None }, generated)
}

pub fn allowed(generated: &Generated) -> AllowedSigners {
    AllowedSigners::parse(&generated.allowed_signers_line).unwrap()
}

pub fn write_report(dir: &Path, key: Option<&KeyFile>, started_at: Timestamp) -> PathBuf {
    write_report_on(dir, key, started_at, &manifest(&["1\ta", "2\tb"], 4), &manifest(&["1\ta", "2\tc"], 4))
}

pub fn write_report_on(
    dir: &Path,
    key: Option<&KeyFile>,
    started_at: Timestamp,
    expected: &Manifest,
    actual: &Manifest,
) -> PathBuf {
    write_night(dir, key, started_at, None, expected, actual)
}

/// As `nightly` writes it, when there was a night.
pub fn write_night(
    dir: &Path,
    key: Option<&KeyFile>,
    started_at: Timestamp,
    night: Option<RunFacts>,
    expected: &Manifest,
    actual: &Manifest,
) -> PathBuf {
    let folder = NewReport::prepare(dir, key, started_at, RUN_ID).unwrap();
    let run = Run {
        run_id: RUN_ID.into(),
        command: if night.is_some() { "nightly" } else { "compare" }.into(),
        night,
        tools: Tools { pgwitness: env!("CARGO_PKG_VERSION").into(), pg_restore: None },
        times: Times { started_at, finished_at: started_at, duration_ms: 5 },
        side_files: folder.write_manifests(expected, actual).unwrap(),
        previous_report_sha256: folder.previous().unwrap().sha256,
        ..Default::default()
    };
    let is_night = run.night.is_some();
    let outcome = compare(expected, actual, &Request::default());
    let path = folder.path().to_owned();
    folder.finish(&Report::new(outcome, expected, actual, run)).unwrap();
    if is_night {
        write_closing(&path, key, |_| {});
    }
    path
}

/// As `nightly` writes it beside the report in this directory, after a night without trouble; what is there is replaced.
pub fn write_closing(dir: &Path, key: Option<&KeyFile>, change: impl FnOnce(&mut Closing)) {
    let bytes = std::fs::read(dir.join("report.json")).unwrap();
    let report = Report::from_bytes(&bytes).unwrap();
    let ended = seconds(report.times.finished_at);
    let step = |name: &str, after_s: u64, duration_ms| Step {
        name: name.into(),
        started_at: Timestamp::new(UNIX_EPOCH + Duration::from_secs(ended + after_s)),
        duration_ms,
        result: StepResult::Done,
        notes: Vec::new(),
    };
    let mut closing = Closing {
        format: 2,
        run_id: report.run_id,
        report_sha256: reports::sha256(&bytes),
        exit_code: report.verdict.exit_code(),
        steps: vec![step("delete_instance", 0, 214_000), step("place_backup", 214, 40), step("prune", 214, 95)],
        troubles: Vec::new(),
        debts: Vec::new(),
        offsite: None,
        timestamp: None,
        safe_texts: Default::default(),
    };
    change(&mut closing);
    match key {
        Some(key) => reports::sign_json(dir, CLOSING, &closing, key).unwrap(),
        None => drop(reports::write_json(dir, CLOSING, &closing).unwrap()),
    }
}

pub fn seconds(at: Timestamp) -> u64 {
    at.seconds_since(Timestamp::new(UNIX_EPOCH))
}

/// A night that was found sound and whose instance is still there.
pub fn leave_an_instance(closing: &mut Closing) {
    let why = "delete RDS instance pgwitness-7f3a9c1e: AccessDenied: not authorized to perform rds:DeleteDBInstance";
    closing.exit_code = 3;
    closing.steps[0].result = StepResult::Failed(why.into());
    closing.troubles.push(why.into());
    closing.debts.push("RDS instance pgwitness-7f3a9c1e in ap-southeast-2".into());
}

/// Runs ssh-keygen. Without it the test fails; it is never skipped.
pub fn ssh_keygen(arguments: &[&str], input: &Path) -> Output {
    let input = std::fs::File::open(input).unwrap();
    packages::ssh_keygen().args(arguments).stdin(input).output().unwrap()
}
