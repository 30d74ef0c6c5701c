//! Nights in a directory: the right story in the morning, and nothing that was done to them goes unseen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod prompt;
mod pruned;
mod several;
mod summary;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::small_report::{
    IDENTITY, RUN_ID, allowed, at, leave_an_instance, make_key, manifest, write_closing, write_night, write_report,
    write_report_on,
};
use crate::support::samples::ManifestBuilder as _;
use pgwitness::base::time::Timestamp;
use pgwitness::compare::{Request, compare};
use pgwitness::model::closing_state::ClosingState;
use pgwitness::model::manifest::{Manifest, Observed};
use pgwitness::model::name::Name;
use pgwitness::model::report::{Report, Run, Times};
use pgwitness::model::run::{Closing, DumpFacts, DumpFile, RunFacts, Step, StepResult};
use pgwitness::model::status::Status;
use pgwitness::storage::history::{
    self, ChainState, Content, ReportEntry, ReviewState, SignatureState, VerifiedExtent,
};
use pgwitness::storage::reports::{KeyFile, Trust, keygen};
use pgwitness::storage::signers::AllowedSigners;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

fn june(day: u32) -> Timestamp {
    at(&format!("2026-06-{day:02}T02:00:00Z"))
}

fn id(day: u32) -> String {
    format!("202606{day:02}T020000Z-00112233")
}

/// So many orders.
fn orders(count: u32) -> Manifest {
    let rows: Vec<String> = (0..count).map(|row| format!("{row}\tpaid")).collect();
    manifest(&rows.iter().map(String::as_str).collect::<Vec<_>>(), 8).with_all_kinds()
}

fn unreadable(mut manifest: Manifest) -> Manifest {
    let orders = manifest.relations.get_mut(&Name::new("shop", "orders")).unwrap();
    orders.rows = Observed::Unseen("permission denied for table orders".into());
    manifest
}

fn a_night(backup: &str, dump: &[u8]) -> RunFacts {
    let step = |name: &str, duration_ms, result| Step {
        name: name.into(),
        started_at: june(15),
        duration_ms,
        result,
        notes: vec!["creating → available".into()],
    };
    let sha256 = hex::encode(Sha256::digest(dump));
    let file = DumpFile { path: "dump/toc.dat".into(), bytes: dump.len() as u64, sha256 };
    RunFacts {
        source_kind: "postgres".into(),
        source: None,
        data_as_of: Some(june(15)),
        steps: vec![
            step("sweep", 12, StepResult::Skipped("nothing left over".into())),
            step("dump", 754_000, StepResult::Done),
        ],
        dump: Some(DumpFacts {
            backup: backup.into(),
            format: "directory".into(),
            pg_dump: "15.18".into(),
            bytes: dump.len() as u64,
            files: vec![file],
        }),
        ..Default::default()
    }
}

struct Reports {
    dir: tempfile::TempDir,
    key: KeyFile,
    signers: AllowedSigners,
}

impl Reports {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (key, generated) = make_key(dir.path());
        fs::write(dir.path().join("allowed_signers"), &generated.allowed_signers_line).unwrap();
        fs::create_dir(dir.path().join("reports")).unwrap();
        Self { key, signers: allowed(&generated), dir }
    }

    /// Nights of June 15 on that are all sound.
    fn sound(days: u32) -> Self {
        let reports = Self::new();
        (0..days).for_each(|day| drop(reports.night(15 + day, &orders(10 + day), &orders(10 + day))));
        reports
    }

    fn reports(&self) -> PathBuf {
        self.dir.path().join("reports")
    }

    fn night(&self, day: u32, expected: &Manifest, actual: &Manifest) -> PathBuf {
        let night = a_night(&id(day), format!("dump {day}").as_bytes());
        write_night(&self.reports(), Some(&self.key), june(day), Some(night), expected, actual)
    }

    fn dump(&self, place: &str, day: u32) -> PathBuf {
        let dir = self.dir.path().join("backups").join(place).join(id(day)).join("dump");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("toc.dat"), format!("dump {day}")).unwrap();
        fs::write(dir.parent().unwrap().join("backup.json"), "{}").unwrap();
        dir
    }

    fn read(&self) -> Vec<ReportEntry> {
        history::read(&self.reports(), Some(&self.signers), june(26)).unwrap()
    }

    fn entry(&self, day: u32) -> ReportEntry {
        self.read().into_iter().find(|entry| entry.id == id(day)).unwrap()
    }

    fn verify(&self, backups: bool) -> u8 {
        let backup_dir = self.dir.path().join("backups");
        let trust = Trust { allowed: &self.signers, identity: None, now: june(26) };
        let extent =
            VerifiedExtent { back_from: None, backups: backups.then_some(backup_dir.as_path()), ..Default::default() };
        history::exit_code(&history::verify_all(&self.reports(), trust, extent).unwrap())
    }

    /// `report …`, with `{dir}`, `{signers}` and `{backups}` filled in.
    fn run(&self, command: &str) -> Output {
        let place = |name: &str| self.dir.path().join(name).display().to_string();
        let filled = |word: &str| {
            word.replace("{dir}", &place("reports"))
                .replace("{signers}", &place("allowed_signers"))
                .replace("{backups}", &place("backups"))
                .replace("{tmp}", &self.dir.path().display().to_string())
        };
        let words = command.split(' ').map(filled);
        Command::new(env!("CARGO_BIN_EXE_pgwitness")).arg("report").args(words).output().unwrap()
    }

    fn says(&self, command: &str) -> (i32, String) {
        let output = self.run(command);
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    }
}

/// More than ten nights of all kinds, and an administrator who looked at the damaged one.
fn ten_nights() -> Reports {
    let reports = Reports::new();
    let sound = |day: u32, rows| reports.night(day, &orders(rows), &orders(rows));
    write_closing(&sound(11, 7), Some(&reports.key), leave_an_instance);
    let touched = sound(12, 8).join("closing.json");
    let text = fs::read_to_string(&touched).unwrap();
    fs::write(touched, text.replacen("\"duration_ms\": 40", "\"duration_ms\": 41", 1)).unwrap();
    let killed = sound(13, 9);
    CLOSING.iter().for_each(|name| fs::remove_file(killed.join(name)).unwrap());
    sound(15, 10);
    sound(16, 12);
    reports.night(17, &orders(13), &orders(11));
    reports.night(18, &orders(14), &unreadable(orders(14)));
    let missing = sound(19, 15);
    sound(20, 16);
    let tampered = sound(21, 17);
    sound(22, 18);
    write_night(&reports.reports(), None, june(23), None, &orders(19), &orders(19));
    fs::create_dir(reports.reports().join(id(24))).unwrap();
    sound(25, 20);
    fs::remove_dir_all(missing).unwrap();
    let path = tampered.join("report.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"duration_ms\": 5", "\"duration_ms\": 6", 1)).unwrap();
    reports
}

fn state(entry: &ReportEntry) -> String {
    let content = match &entry.content {
        Content::Report(_) => entry.verdict().map_or("unproven".into(), |verdict| verdict.to_string()),
        Content::Unreadable(why) => format!("unreadable {}", why.full()),
        Content::NoReport { may_be_running } => format!("no report {may_be_running}"),
        Content::Missing { .. } => "missing".into(),
    };
    let signature = match &entry.signature {
        SignatureState::Good(signer) => signer.clone(),
        other => format!("{other:?}").split('(').next().unwrap().to_lowercase(),
    };
    let chain = format!("{:?}", entry.chain).replace("-00112233", "").replace("T020000Z", "").replace("202606", "");
    let after = match &entry.closing_state {
        ClosingState::Nothing => "",
        ClosingState::Absent { may_be_running: true } => ", may be running",
        ClosingState::Absent { may_be_running: false } => ", no closing",
        ClosingState::Void(_) => ", bad closing",
        ClosingState::Told(closing) if closing.exit_code == 3 => ", exit code 3",
        ClosingState::Told(_) => ", ended",
    };
    format!("{content}, {signature}, {}{after}", chain.replace('"', ""))
}

#[test]
fn ten_nights_tell_the_right_story() {
    let reports = ten_nights();
    let mut story: Vec<String> = reports.read().iter().map(state).collect();
    story.reverse();
    let expected = [
        format!("sound, {IDENTITY}, First, exit code 3"),
        format!("sound, {IDENTITY}, Linked(11), bad closing"),
        format!("sound, {IDENTITY}, Linked(12), no closing"),
        format!("sound, {IDENTITY}, Linked(13), ended"),
        format!("sound, {IDENTITY}, Linked(15), ended"),
        format!("damaged, {IDENTITY}, Linked(16), ended"),
        format!("inconclusive, {IDENTITY}, Linked(17), ended"),
        "missing, unsigned, Unknown".to_owned(),
        format!("sound, {IDENTITY}, PreviousMissing, ended"),
        // Its closing is of the report as it was.
        "unproven, bad, Linked(20), bad closing".to_owned(),
        format!("sound, {IDENTITY}, PreviousEdited(21), ended"),
        "unproven, unsigned, Linked(22)".to_owned(),
        "no report false, unsigned, Unknown".to_owned(),
        format!("sound, {IDENTITY}, Linked(23), ended"),
    ];
    assert_eq!(story, expected);
    let in_order: Vec<bool> = reports.read().iter().rev().map(|entry| entry.report_problems().is_empty()).collect();
    let wanted = [true, false, false, true, true, true, true, false, false, false, false, false, false, true];
    assert_eq!(in_order, wanted);
    let but: Vec<String> = reports
        .read()
        .iter()
        .rev()
        .filter(|entry| entry.status() == Status::SoundWithWarnings)
        .map(|entry| entry.id.clone())
        .collect();
    assert_eq!(but, [id(11), id(12), id(13)]);
    assert_eq!(reports.verify(false), 2);
}

#[test]
fn the_list_shows_every_kind_of_night_and_its_exit_code_is_not_the_verdict() {
    let reports = ten_nights();
    let (code, text) = reports.says("list {dir} --allowed-signers {signers}");
    assert_eq!(code, 2, "{text}");
    for part in [
        "started, and left no report",
        "the report before it is missing, or was edited since",
        "was edited since",
        "not signed",
        "bad signature",
        "missing-",
        "14 runs, 8 not in order; 1 with a problem after the report",
        "after the report: cleanup task: RDS instance",
        "closing.json: bad signature",
        "no closing.json: the run was killed",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let (code, text) = reports.says("list {dir} --since 2026-06-15 --verdict damaged --allowed-signers {signers}");
    assert_eq!((code, text.lines().count()), (0, 5), "{text}");
    let (code, text) = reports.says("list {dir} --verdict sound-but --allowed-signers {signers}");
    assert_eq!((code, text.matches(" sound with warnings ").count()), (2, 3), "{text}");
    let (_, text) = reports.says("list {dir} --verdict sound");
    assert_eq!(text.matches("  sound").count(), 10, "also those that are sound with warnings: {text}");
    let (code, text) = reports.says("list {dir} --allowed-signers {signers} --since 2026-06-25");
    assert_eq!(code, 0, "{text}");
    let (code, text) = reports.says("list {dir} --format json --allowed-signers {signers}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, json["nights"].as_array().unwrap().len()), (2, 14));
    assert_eq!(json["nights"][0]["verdict"], "sound");
    assert_eq!(json["nights"][0]["content"]["report"]["rows"], 20);
    assert!(json["nights"][1]["verdict"].is_null());
    let (left, killed) = (&json["nights"][13], &json["nights"][11]);
    assert_eq!((&left["verdict"], &left["aftermath"]["told"]["exit_code"]), (&"sound".into(), &3.into()));
    assert_eq!(left["wrongs"][0], "cleanup task: RDS instance pgwitness-7f3a9c1e in ap-southeast-2");
    assert_eq!(killed["aftermath"]["absent"]["may_be_running"], false);
}

#[test]
fn sound_nights_are_in_order_with_and_without_signers() {
    let reports = Reports::sound(3);
    assert_eq!(reports.says("list {dir}").0, 0);
    let (code, text) = reports.says("list {dir} --allowed-signers {signers}");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("3 runs, in order"), "{text}");
    assert_eq!(reports.verify(false), 0);
    let (code, text) = reports.says("verify {dir} --allowed-signers {signers}");
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("3 runs: all proven, the chain is whole\n"), "{text}");
}

#[test]
fn the_directory_of_reports_is_named_by_an_option_by_its_place_or_by_the_configuration() {
    let reports = Reports::sound(2);
    let place = reports.dir.path().display();
    let config = format!(
        "[source]\nkind = \"postgres\"\nurl = \"dbname=a\"\n[dump]\ndirectory = \"{place}/backups\"\n[restore]\nurl = \"dbname=b\"\n\
         [retention]\nkeep_last = 1\n[report]\ndirectory = \"{place}/reports\"\nkey = \"{place}/key\"\n\
         allowed_signers = \"{place}/allowed_signers\"\n"
    );
    fs::write(reports.dir.path().join("pgwitness.toml"), config).unwrap();
    let signers = "--allowed-signers {signers}";
    for at in
        [format!("{{dir}} {signers}"), format!("--directory {{dir}} {signers}"), "--config {tmp}/pgwitness.toml".into()]
    {
        let (code, said) = reports.says(&format!("list {at}"));
        assert_eq!(
            (code, said.contains("2 runs, in order"), said.contains("not checked")),
            (0, true, false),
            "{at}: {said}"
        );
        let (code, said) = reports.says(&format!("verify {at}"));
        assert_eq!((code, said.contains("2 runs: all proven")), (0, true), "{at}: {said}");
        let (code, said) = reports.says(&format!("html {at}"));
        assert_eq!((code, said.contains("index.html")), (0, true), "{at}: {said}");
    }
    for at in ["{dir}", "--directory {dir}", "latest --directory {dir}", "--config {tmp}/pgwitness.toml"] {
        let (code, said) = reports.says(&format!("show {at}"));
        assert_eq!((code, said.contains("sound")), (0, true), "{at}: {said}");
    }
}

#[test]
fn without_a_configuration_the_hint_is_the_option_that_is_missing() {
    let reports = Reports::sound(1);
    let absent = "--config {tmp}/absent.toml";
    for (command, option) in [
        ("list", "--directory DIR"),
        ("show latest", "--directory DIR"),
        ("html", "--directory DIR"),
        ("verify {dir}", "--allowed-signers FILE"),
        ("verify {dir} --files --allowed-signers {signers}", "--backups DIR"),
    ] {
        let (code, said) = reports.says(&format!("{command} {absent}"));
        let hint = said.lines().find(|line| line.starts_with("  try: ")).unwrap_or_default();
        assert_eq!(
            (code, hint.contains(option), hint.contains("config example")),
            (2, true, false),
            "{command}: {said}"
        );
    }
}

#[test]
fn a_narrow_list_leaves_columns_out_and_cuts_no_id() {
    let reports = Reports::sound(2);
    for width in [40, 60, 80, 100, 120, 140] {
        let style = pgwitness::output::terminal::Style { color: false, width, all_tables: false };
        let text = pgwitness::output::terminal::history_table(&reports.read(), june(26), style);
        let (ids, lines) = ([id(15), id(16)], text.lines());
        assert!(ids.iter().all(|id| text.contains(&format!("{id} "))), "{width}:\n{text}");
        assert!(lines.clone().all(|line| line.chars().count() <= width), "{width}:\n{text}");
        assert_eq!(lines.take_while(|line| !line.is_empty()).count(), 4, "{width}:\n{text}");
    }
}

#[test]
fn an_unsigned_report_among_signed_ones_shows_also_without_allowed_signers() {
    let reports = Reports::sound(2);
    fs::remove_file(reports.reports().join(id(16)).join("report.json.sig")).unwrap();
    let (code, text) = reports.says("list {dir}");
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("not signed, and others are"), "{text}");
}

#[test]
fn a_run_that_may_still_be_at_it_is_shown_and_is_not_wrong() {
    let reports = Reports::sound(1);
    let running = reports.reports().join("20260625T230000Z-00112233");
    fs::create_dir(&running).unwrap();
    fs::create_dir(reports.reports().join("html")).unwrap();
    let entries = reports.read();
    assert_eq!(entries[0].content, Content::NoReport { may_be_running: true });
    assert!(entries.iter().all(|entry| entry.report_problems().is_empty()) && entries.len() == 2);
}

/// Reports that are removed from the new end break no chain: only the date of the newest tells.
#[test]
fn verify_says_when_the_newest_report_was_made_and_fails_when_it_is_too_old() {
    let reports = Reports::sound(3);
    let (code, said) = reports.says("verify {dir} --allowed-signers {signers} --max-age 90000h");
    assert_eq!((code, said.lines().next()), (0, Some("newest nightly report: 2026-06-17T02:00:00Z")), "{said}");
    let (code, said) = reports.says("verify {dir} --allowed-signers {signers} --max-age 30h");
    assert_eq!(code, 2, "{said}");
    assert!(said.starts_with("newest nightly report: 2026-06-17T02:00:00Z: older than 30h\n"), "{said}");
    fs::remove_dir_all(reports.reports().join(id(17))).unwrap();
    let (_, said) = reports.says("verify {dir} --allowed-signers {signers} --max-age 90000h");
    assert!(said.starts_with("newest nightly report: 2026-06-16T02:00:00Z\n"), "{said}");
}

fn swap(a: &Path, b: &Path) {
    let third = a.with_file_name("third");
    fs::rename(a, &third).unwrap();
    fs::rename(b, a).unwrap();
    fs::rename(&third, b).unwrap();
}

/// What comes after a report.
const CLOSING: [&str; 2] = ["closing.json", "closing.json.sig"];
/// What lies beside a report, itself included.
const NAMES: [&str; 6] = [
    "report.json",
    "report.json.sig",
    "expected.manifest.json",
    "actual.manifest.json",
    "closing.json",
    "closing.json.sig",
];

/// One thing that could be done to a directory of nights. `None`: done; `Some`: nothing was changed after all.
fn tamper(reports: &Reports, how: u8, night: usize, file: usize, position: prop::sample::Index, bit: u8) {
    let ids: Vec<PathBuf> = (15..19).map(|day| reports.reports().join(id(day))).collect();
    let (this, other) = (&ids[night], &ids[(night + 1) % ids.len()]);
    match how {
        0 => {
            let path = this.join(NAMES[file]);
            let mut bytes = fs::read(&path).unwrap();
            let place = position.index(bytes.len());
            bytes[place] ^= 1 << bit;
            fs::write(&path, bytes).unwrap();
        }
        1 => swap(this, other),
        2 => swap(&this.join(NAMES[file]), &other.join(NAMES[file])),
        3 => fs::remove_file(this.join(NAMES[file])).unwrap(),
        // The newest that is cut off leaves no trace in the chain: the list says how old the newest is.
        4 => fs::remove_dir_all(&ids[night % 3]).unwrap(),
        // As a run that was killed leaves it.
        5 => CLOSING.iter().for_each(|name| fs::remove_file(this.join(name)).unwrap()),
        // Another night's end, with its good signature.
        6 => CLOSING.iter().for_each(|name| swap(&this.join(name), &other.join(name))),
        _ => {
            let copy = reports.reports().join("20260622T020000Z-00112233");
            fs::create_dir(&copy).unwrap();
            for name in NAMES {
                fs::copy(this.join(name), copy.join(name)).unwrap();
            }
        }
    }
}

#[test]
fn whatever_is_done_to_any_night_is_found() {
    let reports = Reports::sound(4);
    let copy = |from: &Path, to: &Path| {
        for day in 15..19 {
            fs::create_dir_all(to.join(id(day))).unwrap();
            for entry in fs::read_dir(from.join(id(day))).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), to.join(id(day)).join(entry.file_name())).unwrap();
            }
        }
    };
    let good = reports.dir.path().join("good");
    copy(&reports.reports(), &good);
    assert_eq!(reports.verify(false), 0);
    proptest!(ProptestConfig::with_cases(300), |(how in 0u8..8, night in 0usize..4, file in 0usize..6, position: prop::sample::Index, bit in 0u8..8)| {
        tamper(&reports, how, night, file, position, bit);
        let code = reports.verify(false);
        fs::remove_dir_all(reports.reports()).unwrap();
        copy(&good, &reports.reports());
        // Two side files of one night that say the same are the same file.
        prop_assert_eq!(code, 2, "how {}, night {}, file {}", how, night, file);
    });
}

#[test]
fn the_newest_night_without_a_closing_may_still_be_at_it() {
    let reports = Reports::sound(2);
    let night = reports.night(25, &orders(9), &orders(9));
    // A comparison by hand that came later says nothing of the night.
    write_report(&reports.reports(), Some(&reports.key), at("2026-06-25T09:00:00Z"));
    CLOSING.iter().for_each(|name| fs::remove_file(night.join(name)).unwrap());
    let later = |now| {
        let nights = history::read(&reports.reports(), Some(&reports.signers), now).unwrap();
        nights.into_iter().find(|entry| entry.id == id(25)).unwrap()
    };
    let entry = later(at("2026-06-25T10:00:00Z"));
    assert_eq!(
        (entry.report_problems(), entry.closing_state),
        (Vec::new(), ClosingState::Absent { may_be_running: true })
    );
    let entry = later(at("2026-06-26T02:00:01Z"));
    assert_eq!(entry.report_problems().len(), 1, "after a day it was killed");
    reports.night(26, &orders(9), &orders(9));
    assert_eq!(
        later(at("2026-06-26T03:00:00Z")).report_problems().len(),
        1,
        "another night has begun: that one has ended"
    );
}

#[test]
fn a_night_that_is_not_finished_is_not_proven_and_the_last_line_says_so() {
    let (reports, now) = (Reports::sound(1), Timestamp::new(std::time::SystemTime::now()));
    let write = |started_at| {
        let night = write_night(
            &reports.reports(),
            Some(&reports.key),
            started_at,
            Some(a_night("", b"")),
            &orders(9),
            &orders(9),
        );
        CLOSING.iter().for_each(|name| fs::remove_file(night.join(name)).unwrap());
        night.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let last = |(code, text): (i32, String)| (code, text.lines().last().unwrap().to_owned());
    let one = |id: &str| reports.says(&format!("verify {id} --directory {{dir}} --allowed-signers {{signers}}"));
    let all = || last(reports.says("verify {dir} --allowed-signers {signers}"));
    let killed = write(now.minus_seconds(3600));
    let pending = "2 runs: not all can be proven yet: 1 is not finished, or was killed".to_owned();
    assert_eq!(all(), (2, pending));
    let (code, line) = last(reports.says("list {dir} --allowed-signers {signers}"));
    assert!(code == 0 && line.starts_with("2 runs, in order; 1 not finished, or killed; "), "{line}");
    let (code, text) = one(&killed);
    assert!(code == 2 && text.contains("no closing.json yet"), "{text}");
    assert!(reports.says(&format!("show {killed} --directory {{dir}}")).1.contains("no closing.json yet"));
    // Another night has begun: the commands of one report know it as those of all do.
    fs::create_dir(reports.reports().join(format!("{}-00112233", now.minus_seconds(60).stamp()))).unwrap();
    let (code, text) = one(&killed);
    assert!(code == 2 && text.contains("no closing.json: the run was killed"), "{text}");
    assert!(!reports.says(&format!("show {killed} --directory {{dir}}")).1.contains("no closing.json yet"));
    assert_eq!(all().1, "3 runs: 1 not proven or not whole");
}

#[test]
fn no_night_of_the_future_is_running() {
    let reports = Reports::sound(1);
    let night = reports.night(27, &orders(9), &orders(9));
    CLOSING.iter().for_each(|name| fs::remove_file(night.join(name)).unwrap());
    assert_eq!(reports.entry(27).closing_state, ClosingState::Absent { may_be_running: false });
    // And it hides no other.
    fs::create_dir(reports.reports().join(id(25))).unwrap();
    let now = at("2026-06-25T03:00:00Z");
    let nights = history::read(&reports.reports(), Some(&reports.signers), now).unwrap();
    let running: Vec<&str> = nights.iter().filter(|night| night.is_pending()).map(|night| night.id.as_str()).collect();
    assert_eq!(running, [id(25)]);
}

#[test]
fn a_report_that_was_taken_away_is_not_taken_for_a_run_that_is_still_at_it() {
    let reports = Reports::sound(1);
    let newest = reports.night(25, &orders(9), &orders(9));
    fs::remove_file(newest.join("report.json")).unwrap();
    assert_eq!(reports.entry(25).content, Content::NoReport { may_be_running: false });
    let wrong = reports.entry(25).report_problems();
    assert!(wrong[1].starts_with("report.json was removed: "), "{wrong:?}");
}

#[test]
fn verify_proves_what_came_after_too_and_tells_it() {
    let reports = ten_nights();
    let verify =
        |day: u32| reports.says(&format!("verify 202606{day} --directory {{dir}} --allowed-signers {{signers}}"));
    let (code, text) = verify(15);
    assert!(
        code == 0 && text.contains("\nclosing.json as well\nit says: sound") && !text.contains("after it"),
        "{text}"
    );
    let (code, text) = verify(11);
    assert_eq!(code, 0, "that an instance was left is proven: {text}");
    assert!(text.contains("\nafter it: cleanup task: RDS instance pgwitness-7f3a9c1e in ap-southeast-2\n"), "{text}");
    let (code, text) = verify(12);
    assert!(code == 2 && text.contains("closing.json: bad signature"), "{text}");
    let (code, text) = verify(13);
    assert!(code == 2 && text.contains("no closing.json"), "{text}");
    let (code, text) = reports.says("verify {dir} --allowed-signers {signers}");
    assert_eq!(code, 2);
    let of = |day: u32| text.lines().filter(|line| line.starts_with(&id(day))).collect::<Vec<_>>();
    assert_eq!(of(11), [format!("{}: good signature of {IDENTITY}; closing.json as well", id(11))]);
    assert!(text.contains("\n  after it: cleanup task: RDS instance"), "{text}");
    assert_eq!(of(13).len(), 1, "said once: {text}");
    let other = "verify 20260615 --directory {dir} --allowed-signers {signers} --identity nobody@example.com";
    assert_eq!(reports.says(other).0, 2);
}

/// Signed by an allowed signer, over the right report, and yet not what we write.
#[test]
fn a_closing_is_read_as_strictly_as_a_report() {
    let reports = Reports::sound(1);
    let dir = reports.reports().join(id(15));
    let report = fs::read(dir.join("report.json")).unwrap();
    let sha256 = hex::encode(Sha256::digest(&report));
    let key = pgwitness::storage::reports::read_key(&reports.key).unwrap();
    let write = |text: &str| {
        fs::write(dir.join("closing.json"), text).unwrap();
        fs::write(dir.join("closing.json.sig"), pgwitness::storage::signature::sign(&key, text.as_bytes()).unwrap())
            .unwrap();
        reports.entry(15).closing_state
    };
    let good = format!(
        r#"{{"format":1,"run_id":"{RUN_ID}","report_sha256":"{sha256}","exit_code":0,"steps":[],"troubles":[],"debts":[]}}"#
    );
    assert!(matches!(write(&good), ClosingState::Told(_)));
    for (from, to, why) in [
        ("\"format\":1", "\"format\":5", "format 5"),
        ("\"debts\":[]", "\"debts\":[],\"debts\":[\"x\"]", "debts"),
        ("\"debts\":[]", "\"debts\":[],\"more\":1", "more"),
        ("\"run_id\":\"00", "\"run_id\":\"11", "another report"),
        (&sha256[..8], "00000000", "another report"),
    ] {
        let ClosingState::Void(told) = write(&good.replacen(from, to, 1)) else { panic!("{to}") };
        assert!(told.contains(why), "{told}");
    }
    let report = String::from_utf8(report).unwrap();
    assert!(matches!(write(&report), ClosingState::Void(_)), "a report with its good signature is no closing");
}

#[test]
fn a_renamed_night_is_named_with_the_place_it_came_from() {
    let reports = Reports::sound(3);
    swap(&reports.reports().join(id(15)), &reports.reports().join(id(17)));
    let ChainState::Misplaced(why) = reports.entry(15).chain else { panic!("{:?}", reports.entry(15)) };
    assert_eq!(why, format!("it was written as {}", id(17)));
}

#[test]
fn a_chain_that_was_begun_anew_shows() {
    let reports = Reports::sound(2);
    let elsewhere = reports.dir.path().join("elsewhere");
    let fresh = write_report(&elsewhere, Some(&reports.key), june(20));
    fs::rename(fresh, reports.reports().join(id(20))).unwrap();
    let ChainState::Misplaced(why) = reports.entry(20).chain else { panic!("{:?}", reports.entry(20)) };
    assert_eq!(why, format!("it names no previous report, although {} is older", id(15)));
}

#[test]
fn a_report_of_a_later_format_still_holds_the_chain_together() {
    let reports = Reports::sound(1);
    let path = reports.reports().join(id(15)).join("report.json");
    let now = format!("\"format\": {}", pgwitness::model::report::FORMAT);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(&now), "{text}");
    let text = text.replacen(&now, "\"format\": 9", 1);
    fs::write(&path, text).unwrap();
    reports.night(16, &orders(1), &orders(1));
    assert!(matches!(reports.entry(15).content, Content::Unreadable(_)));
    assert_eq!(reports.entry(16).chain, ChainState::Linked(id(15)));
}

#[test]
fn one_report_with_chain_is_proven_back_to_the_first() {
    let reports = Reports::sound(4);
    let (code, text) = reports.says("verify 20260617 --directory {dir} --chain --allowed-signers {signers}");
    assert_eq!((code, text.matches("good signature").count()), (0, 3), "{text}");
    fs::remove_file(reports.reports().join(id(18)).join("report.json.sig")).unwrap();
    assert_eq!(
        reports.says("verify 20260617 --directory {dir} --chain --allowed-signers {signers}").0,
        0,
        "later nights are not asked"
    );
    fs::remove_dir_all(reports.reports().join(id(15))).unwrap();
    let (code, text) = reports.says("verify 20260617 --directory {dir} --chain --allowed-signers {signers}");
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("missing-"), "{text}");
}

#[test]
fn dumps_are_hashed_by_the_list_in_the_report() {
    let reports = Reports::sound(2);
    let verify = "verify latest --directory {dir} --allowed-signers {signers} --files --backups {backups}";
    let (code, text) = reports.says(verify);
    assert_eq!(code, 2, "not there: {text}");
    let dump = reports.dump("verified", 16);
    let (code, text) = reports.says(verify);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("dump intact: 1 file"), "{text}");
    assert_eq!(reports.verify(true), 0, "the dump of the first night was pruned");
    fs::write(dump.join("9.dat"), "").unwrap();
    assert_eq!((reports.says(verify).0, reports.verify(true)), (1, 1), "a file without a signature");
    fs::remove_file(dump.join("9.dat")).unwrap();
    fs::write(dump.join("toc.dat"), "dumq 16").unwrap();
    let (code, text) = reports.says(verify);
    assert_eq!((code, reports.verify(true)), (1, 1), "{text}");
    assert!(text.contains("dump/toc.dat is not the file that was signed for"), "{text}");
    fs::remove_dir_all(dump.parent().unwrap()).unwrap();
    assert_eq!(reports.verify(true), 2, "the newest verified dump is never pruned");
    reports.dump("damaged", 16);
    assert_eq!(reports.says(verify).0, 0);
}

#[test]
fn the_newest_proven_dump_must_be_there_and_an_older_one_of_a_sound_run_need_not() {
    let reports = Reports::sound(1);
    let of_version =
        |version: &str| orders(10).object("extension", "hstore", &format!("version {version}\nschema public"));
    let (expected, actual) = (of_version("1.0"), of_version("1.1"));
    let mut night = a_night(&id(16), b"dump 16");
    night.dump_verdict = Some(compare(&expected, &actual, &Request::default()).dump_verdict(&[]));
    write_night(&reports.reports(), Some(&reports.key), june(16), Some(night), &expected, &actual);
    let dump = reports.dump("verified", 16);
    assert_eq!(reports.verify(true), 0, "proven, although that run ended with 1; the older dump was pruned");
    fs::remove_dir_all(dump.parent().unwrap()).unwrap();
    assert_eq!(reports.verify(true), 2, "the newest proven dump is gone");
}

#[test]
fn a_report_cannot_make_us_read_files_elsewhere() {
    let reports = Reports::new();
    fs::create_dir_all(reports.dir.path().join("backups/verified").join(id(15))).unwrap();
    for (backup, path) in [("../../x", "dump"), (id(15).as_str(), "../x"), (id(15).as_str(), "/etc/passwd")] {
        let mut night = a_night(backup, b"x");
        night.dump.as_mut().unwrap().files[0].path = path.into();
        let state = history::check_dump(night.dump.as_ref().unwrap(), &reports.dir.path().join("backups"));
        let history::DumpState::Damaged(why) = state else { panic!("{state:?}") };
        assert!(why[0].contains("is not"), "{why:?}");
    }
}

#[test]
fn reports_are_found_by_what_people_say() {
    let reports = Reports::sound(3);
    let found = |text: &str| history::find(Some(&reports.reports()), text);
    let day = |path: PathBuf| path.parent().unwrap().file_name().unwrap().to_string_lossy()[..8].to_owned();
    for (text, wanted) in
        [("latest", "20260617"), ("previous", "20260616"), ("20260615", "20260615"), (&id(16), "20260616")]
    {
        assert_eq!(day(found(text).unwrap()), wanted);
    }
    assert!(found("202606").unwrap_err().to_string().contains("may be"));
    assert!(found("1999").unwrap_err().to_string().starts_with("there is no report 1999"));
    assert!(found("").is_err());
    let path = reports.reports().join(id(15));
    assert_eq!(history::find(None, path.to_str().unwrap()).unwrap(), path.join("report.json"));
    assert!(history::find(None, "latest").unwrap_err().hint_text().unwrap().contains("--directory"));
    // An older report is not the latest because the latest cannot be read.
    fs::write(reports.reports().join(id(17)).join("report.json"), "{").unwrap();
    assert!(found("latest").is_err());
}

#[test]
fn show_puts_findings_first_and_shows_the_night() {
    let reports = ten_nights();
    let (code, text) = reports.says("show 20260617 --directory {dir}");
    assert_eq!(code, 1, "{text}");
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in\n{text}"));
    assert!(place("1 finding") < place("expected rows") && place("expected rows") < place("the run"));
    assert!(place("12 min 34 s") > 0 && place("skipped: nothing left over") > 0);
    let verdict = place("\ndamaged: 1 finding (rows, sequences, large objects, schema, foreign keys)\n");
    assert!(place("the run") < verdict && verdict < place("after the report was signed"), "{text}");
    assert!(text.ends_with("no problem after it\n"), "{text}");
    let (code, text) = reports.says("show 20260611 --directory {dir}");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\n  delete_instance: failed: delete RDS instance"), "{text}");
    assert!(text.contains("\ncleanup task: RDS instance pgwitness-7f3a9c1e in ap-southeast-2\n"), "{text}");
    let (_, text) = reports.says("show 20260611 --directory {dir} --only findings");
    assert!(text.contains("cleanup task") && !text.contains("place_backup"), "always told: {text}");
    for (only, has, has_not) in [
        ("findings", "row_count", "expected rows"),
        ("tables", "expected rows", "row_count"),
        ("steps", "dump", "row_count"),
        ("waivers", "damaged", "row_count"),
    ] {
        let (code, text) = reports.says(&format!("show 20260617 --directory {{dir}} --only {only}"));
        assert_eq!(code, 1);
        assert!(text.contains(has) && !text.contains(has_not), "{only}: {text}");
    }
}

#[test]
fn diff_counts_changed_rows_from_what_was_saved() {
    let reports = ten_nights();
    let (code, text) = reports.says("diff 20260615 20260616 --directory {dir} --allowed-signers {signers}");
    assert_eq!(code, 1, "{text}");
    let line = text.lines().find(|line| line.starts_with("shop.orders")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["shop.orders", "10", "12", "0", "2", "grew"]);
    let (code, text) = reports.says("diff 20260616 20260616 --directory {dir}");
    assert_eq!(code, 0, "{text}");
    // What the source was, not what became of it in the damaged copy.
    let (_, text) = reports.says("diff 20260616 20260617 --directory {dir} --format json");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let orders = &json["tables"]["shop.orders"];
    assert_eq!((&orders["before"], &orders["after"], &orders["added"]), (&12.into(), &13.into(), &1.into()));
    let (_, text) = reports.says("diff 20260616 20260617 --directory {dir} --format json --side actual");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["tables"]["shop.orders"]["direction"], "shrank");
    let (code, text) = reports.says("diff 20260618 20260618 --directory {dir} --side actual");
    assert_eq!(code, 2, "{text}");
}

#[test]
fn diff_reads_nothing_that_is_not_proven() {
    let reports = ten_nights();
    let (code, text) = reports.says("diff 20260620 20260621 --directory {dir} --allowed-signers {signers}");
    assert_eq!(code, 2, "{text}");
    let side = reports.reports().join(id(15)).join("expected.manifest.json");
    let text = fs::read_to_string(&side).unwrap().replace("db.example.com", "db.example.org");
    fs::write(&side, text).unwrap();
    let (code, text) = reports.says("diff 20260615 20260616 --directory {dir}");
    assert_eq!(code, 2);
    assert!(text.contains("expected.manifest.json is not the file that was signed for"), "{text}");
}

#[test]
fn an_administrator_signs_that_they_have_looked() {
    let reports = ten_nights();
    let own = reports.dir.path().join("carol");
    keygen(&own, "carol@example.com").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pgwitness"))
        .args(["report", "acknowledge", "20260617", "--note", "two orders were lost: ticket 4711", "--directory"])
        .arg(reports.reports())
        .arg("--key")
        .arg(&own)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().last().unwrap();
    assert!(line.starts_with("carol@example.com namespaces=\"pgwitness-review\" ssh-ed25519 "), "{text}");
    let review = reports.entry(17).reviews.remove(0);
    assert!(matches!(&review.state, ReviewState::Void(why) if why.contains("unknown signer")), "{review:?}");
    let signers = reports.dir.path().join("allowed_signers");
    let both = format!("{}{line}\n", fs::read_to_string(&signers).unwrap());
    fs::write(&signers, &both).unwrap();
    let (_, text) = reports.says("list {dir} --allowed-signers {signers}");
    assert!(text.contains(": reviewed by carol@example.com at ") && text.contains("ticket 4711"), "{text}");
    let reports = Reports { signers: AllowedSigners::parse(&both).unwrap(), ..reports };
    assert_eq!(reports.entry(17).reviews[0].state, ReviewState::Counts);
    assert_eq!(reports.entry(17).report_problems(), Vec::<String>::new(), "a review changes nothing of the report");
    // The same review beside another report, or changed, or by a signer who may only sign reports.
    let dir = reports.reports().join(id(17)).join("reviews");
    fs::create_dir(reports.reports().join(id(16)).join("reviews")).unwrap();
    for file in fs::read_dir(&dir).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), reports.reports().join(id(16)).join("reviews").join(file.file_name())).unwrap();
    }
    assert_eq!(reports.entry(16).reviews[0].state, ReviewState::Void("it is of another report".into()));
    let json =
        fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path()).find(|path| path.extension().unwrap() == "json");
    let json = json.unwrap();
    let text = fs::read_to_string(&json).unwrap();
    fs::write(&json, text.replace("lost", "kept")).unwrap();
    assert!(matches!(&reports.entry(17).reviews[0].state, ReviewState::Void(why) if why.starts_with("bad signature")));
}

#[test]
fn a_signer_of_reports_is_no_reviewer() {
    let reports = Reports::sound(1);
    let key = pgwitness::storage::reports::read_key(&reports.key).unwrap();
    let report = reports.reports().join(id(15)).join("report.json");
    history::acknowledge(&report, "fine", None, &key, june(16)).unwrap();
    let state = &reports.entry(15).reviews[0].state;
    assert!(matches!(state, ReviewState::Void(why) if why.contains("pgwitness-review")), "{state:?}");
    history::acknowledge(&report, "fine", None, &key, june(16)).unwrap_err();
    history::acknowledge(&report, " ", None, &key, june(17)).unwrap_err();
    history::acknowledge(&report, "x", Some("*"), &key, june(17)).unwrap_err();
}

#[test]
fn a_forged_report_cannot_be_acknowledged_where_signers_are_configured() {
    let reports = ten_nights();
    let key = reports.key.path.display().to_string();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let command = "acknowledge 20260621 --directory {dir} --note x --allowed-signers {signers} --key {tmp}/key";
    let (code, text) = reports.says(command);
    assert_eq!(code, 2, "{text}");
    assert!(!reports.reports().join(id(21)).join("reviews").exists());
}

#[test]
fn hostile_texts_reach_no_terminal() {
    let reports = Reports::sound(1);
    let mut hostile = orders(1);
    hostile.relations =
        hostile.relations.into_values().map(|rows| (Name::new("shop", "\u{1b}[2Jevil\n"), rows)).collect();
    write_report_on(&reports.reports(), Some(&reports.key), june(16), &hostile, &hostile);
    let key = pgwitness::storage::reports::read_key(&reports.key).unwrap();
    let report = reports.reports().join(id(16)).join("report.json");
    history::acknowledge(&report, "\u{1b}[31mred\nline", None, &key, june(17)).unwrap();
    let strange = reports.reports().join("\u{1b}[2Jnight\n");
    fs::rename(reports.reports().join(id(15)), strange).unwrap();
    for command in [
        "list {dir} --allowed-signers {signers}",
        "list {dir}",
        "verify {dir} --allowed-signers {signers}",
        "diff previous latest --directory {dir}",
        "show latest --directory {dir}",
    ] {
        let (_, text) = reports.says(command);
        assert!(!text.contains('\u{1b}'), "{command}: {text:?}");
    }
}

/// For eyes: LOOK=DIR leaves the nights there.
#[test]
fn look() {
    let Some(dir) = std::env::var_os("LOOK") else { return };
    let reports = ten_nights();
    fs::rename(reports.dir.path(), dir).unwrap();
}

/// Written without forcing each file to the disk, which is what takes long.
fn write_thousand(reports: &Reports) {
    let key = pgwitness::storage::reports::read_key(&reports.key).unwrap();
    let held = orders(10);
    let outcome = pgwitness::compare::compare(&held, &held, &Default::default());
    let mut previous_report_sha256 = None;
    for night in 0..1000u32 {
        let date = format!("{}-{:02}-{:02}", 2020 + night / 336, night / 28 % 12 + 1, night % 28 + 1);
        let started_at = at(&format!("{date}T02:00:00Z"));
        let run = Run {
            run_id: RUN_ID.into(),
            command: "nightly".into(),
            times: Times { started_at, finished_at: started_at, duration_ms: 5 },
            previous_report_sha256,
            night: Some(a_night("20260615T020000Z-00112233", b"x")),
            ..Default::default()
        };
        let bytes = Report::new(outcome.clone(), &held, &held, run).to_bytes().unwrap();
        let dir = reports.reports().join(format!("{}-00112233", started_at.stamp()));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("report.json"), &bytes).unwrap();
        fs::write(dir.join("report.json.sig"), pgwitness::storage::signature::sign(&key, &bytes).unwrap()).unwrap();
        let report_sha256 = hex::encode(Sha256::digest(&bytes));
        let closing = Closing {
            format: 1,
            run_id: RUN_ID.into(),
            report_sha256: report_sha256.clone(),
            exit_code: if night % 100 == 0 { 3 } else { 0 },
            steps: a_night("x", b"x").steps,
            troubles: if night % 100 == 0 { vec!["notify: connect: refused".into()] } else { Vec::new() },
            debts: Vec::new(),
            offsite: None,
            timestamp: None,
            safe_texts: Default::default(),
        };
        let closing = serde_json::to_vec_pretty(&closing).unwrap();
        fs::write(dir.join("closing.json"), &closing).unwrap();
        fs::write(dir.join("closing.json.sig"), pgwitness::storage::signature::sign(&key, &closing).unwrap()).unwrap();
        previous_report_sha256 = Some(report_sha256);
    }
}

#[test]
fn a_thousand_nights_are_listed_at_once() {
    let reports = Reports::new();
    write_thousand(&reports);
    let clock = std::time::Instant::now();
    let entries = reports.read();
    let spent = clock.elapsed();
    assert_eq!(entries.len(), 1000);
    assert!(entries.iter().all(|entry| entry.report_problems().is_empty() && entry.closing_state.closing().is_some()));
    assert_eq!(entries.iter().filter(|entry| entry.status() == Status::SoundWithWarnings).count(), 10);
    println!("1,000 nights read in {spent:?}");
    assert!(spent.as_secs() < 60, "{spent:?}");
}

#[test]
fn without_a_directory_the_configuration_is_asked_and_a_missing_one_is_said() {
    let reports = Reports::sound(1);
    for command in ["list", "show", "diff previous latest", "verify latest --allowed-signers {signers}"] {
        let (code, text) = reports.says(&format!("{command} --config {{tmp}}/nowhere.toml"));
        assert_eq!(code, 2, "{command}: {text}");
        assert!(text.starts_with("error: find the directory of reports: read ") && text.contains("try:"), "{text}");
    }
    let (code, text) = reports.says("verify {dir} --allowed-signers {signers} --files --config {tmp}/nowhere.toml");
    assert_eq!((code, text.starts_with("error: find the dumps: read ")), (2, true), "{text}");
}
