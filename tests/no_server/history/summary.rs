//! `report summary`: what signed reports prove over a period, and that nothing else counts.

use serde_json::Value;

use super::*;
use crate::small_report::ssh_keygen;
use pgwitness::model::period::{
    DirectoryEvidence, FORMAT, PeriodAnswer, PeriodSummary, SCHEMA, SourcePeriod, SummaryPeriod,
};
use pgwitness::model::run::{OffsiteFacts, Origin};

/// In a past that lies before every clock.
fn day(day: u32) -> Timestamp {
    at(&format!("2024-06-{day:02}T02:00:00Z"))
}

fn name(day: u32) -> String {
    format!("202406{day:02}T020000Z-00112233")
}

fn facts(number: u32, database: &str) -> RunFacts {
    let step = |name: &str, after_s: u64, duration_ms| Step {
        name: name.into(),
        started_at: day(number).plus_seconds(after_s),
        duration_ms,
        result: StepResult::Done,
        notes: vec!["snapshot 1a2b: read 8 B back (1 files)".into()],
    };
    let source =
        Origin::Postgres { database: database.into(), servers: vec!["db:5432".into()], system_identifier: None };
    RunFacts {
        source: Some(source),
        data_as_of: Some(day(number).minus_seconds(1800)),
        steps: vec![
            step("offsite", 0, 1000),
            step("restore", 60, 100_000 + u64::from(number) * 1000),
            step("verify", 300, 60_000),
        ],
        ..a_night(&name(number), b"dump")
    }
}

struct Months(Reports);

impl Months {
    fn new() -> Self {
        Self(Reports::new())
    }

    fn write(&self, number: u32, facts: RunFacts, expected: &Manifest, actual: &Manifest) -> PathBuf {
        let path = write_night(&self.0.reports(), Some(&self.0.key), day(number), Some(facts), expected, actual);
        write_closing(&path, Some(&self.0.key), |closing| offsite(closing, number));
        path
    }

    fn sound(&self, number: u32) -> PathBuf {
        self.write(number, facts(number, "shop"), &orders(10), &orders(10))
    }

    fn damaged(&self, number: u32) -> PathBuf {
        self.write(number, facts(number, "shop"), &orders(12), &orders(10))
    }

    fn evidence(&self, period: SummaryPeriod) -> DirectoryEvidence {
        history::evidence(&self.0.reports(), &self.0.signers, period, june(26)).unwrap()
    }

    fn summary(&self, since: u32, until: u32) -> PeriodSummary {
        let period = SummaryPeriod { since: day(since).minus_seconds(7200), until: day(until).minus_seconds(7200) };
        PeriodSummary::new(period, Some(86_400), vec![self.evidence(period)], june(26))
    }

    fn says(&self, command: &str) -> (i32, String) {
        self.0.says(&format!("summary --directory {{dir}} --allowed-signers {{signers}} {command}"))
    }

    fn acknowledge(&self, number: u32) {
        let key = pgwitness::storage::reports::read_key(&self.0.key).unwrap();
        let report = self.0.reports().join(name(number)).join("report.json");
        history::acknowledge(&report, "copy job fixed", None, &key, day(number).plus_seconds(9000)).unwrap();
    }

    /// From now on the same key may review too.
    fn with_reviewers(mut self) -> Self {
        let path = self.0.dir.path().join("allowed_signers");
        let text = fs::read_to_string(&path).unwrap().replace("pgwitness-report", "pgwitness-report,pgwitness-review");
        self.0.signers = AllowedSigners::parse(&text).unwrap();
        fs::write(path, text).unwrap();
        self
    }
}

fn offsite(closing: &mut Closing, number: u32) {
    closing.format = 3;
    let stored = OffsiteFacts { backup: name(number), data_as_of: day(number), stored_at: day(number) };
    closing.offsite = Some(stored);
}

fn source(summary: &PeriodSummary) -> &SourcePeriod {
    let [directory] = summary.directories.as_slice() else { panic!("{summary:?}") };
    let [source] = directory.sources.as_slice() else { panic!("{directory:?}") };
    source
}

/// Fourteen nights: sound ones, one that never ran, one that was removed, two damaged, and six that are not proven.
fn all_kinds() -> Months {
    let months = Months::new().with_reviewers();
    [1, 2].iter().for_each(|number| drop(months.sound(*number)));
    months.damaged(4);
    months.acknowledge(4);
    months.damaged(5);
    let unsigned = months.sound(6);
    fs::remove_file(unsigned.join("report.json.sig")).unwrap();
    let other = keygen(&months.0.dir.path().join("other"), "other@example.com").unwrap();
    let other = KeyFile { path: other.private, passphrase: None };
    let by_other = Some(facts(7, "shop"));
    write_night(&months.0.reports(), Some(&other), day(7), by_other, &orders(10), &orders(10));
    fs::create_dir(months.0.reports().join(name(8))).unwrap();
    months.write(9, facts(9, "shop"), &orders(10), &unreadable(orders(10)));
    let killed = months.sound(10);
    CLOSING.iter().for_each(|name| fs::remove_file(killed.join(name)).unwrap());
    let removed = months.sound(11);
    months.sound(12);
    let edited = months.sound(13).join("report.json");
    let text = fs::read_to_string(&edited).unwrap();
    fs::write(&edited, text.replacen("\"duration_ms\": 5", "\"duration_ms\": 6", 1)).unwrap();
    let here = months.write(14, facts(14, "shop"), &orders(10), &orders(10));
    write_closing(&here, Some(&months.0.key), |_| {});
    fs::remove_dir_all(removed).unwrap();
    months
}

#[test]
fn every_kind_of_night_counts_for_what_it_proves_and_for_nothing_else() {
    let months = all_kinds();
    let summary = months.summary(1, 15);
    let shop = source(&summary);
    let schedule = shop.schedule.as_ref().unwrap();
    assert_eq!((schedule.expected, schedule.present, summary.answer), (14, 8, PeriodAnswer::Damaged));
    let missing: Vec<u64> = schedule.missing_at.iter().map(|at| at.date().2).collect();
    assert_eq!(missing, [3, 6, 7, 8, 11, 13]);
    let counts = shop.counts;
    assert_eq!((counts.runs, counts.sound, counts.damaged, counts.inconclusive), (8, 5, 2, 1));
    // Not that of day 10: nothing proves what became of it. That of day 14 is only here.
    assert_eq!((counts.verified_backups, counts.on_site, counts.off_site), (4, 4, 3));
    assert_eq!((counts.reviewed, counts.not_reviewed), (1, 2));
    let gap = shop.longest_gap;
    assert_eq!((gap.from, gap.to), (day(2).plus_seconds(360), day(12).plus_seconds(360)));
    let age = shop.data_age_s.as_ref().unwrap();
    assert_eq!((age.runs, age.min, age.max), (5, 2160, 2160), "to the end of verify, not of the run");
    let restore = shop.restore_ms.as_ref().unwrap();
    assert_eq!((restore.min, restore.median, restore.max), (101_000, 110_000, 114_000));
    let why: Vec<(&str, &str)> = summary.directories[0]
        .not_proven
        .iter()
        .map(|entry| (entry.id.get(6..8).unwrap(), entry.reasons[0].get(..10).unwrap()))
        .filter(|(_, reason)| *reason != "missing: t")
        .collect();
    let wanted = [
        ("06", "not signed"),
        ("07", "signer not"),
        ("08", "started, a"),
        ("10", "no closing"),
        ("12", "the report"),
        ("13", "bad signat"),
    ];
    // The report after an edited one says so too.
    assert_eq!(why[..6], wanted);
    let absent = summary.directories[0].not_proven.iter().find(|entry| entry.id.starts_with("missing-")).unwrap();
    assert!(absent.reasons[0].starts_with("missing: the next report names it"), "{absent:?}");
    let signers = &summary.directories[0].signers;
    assert_eq!((signers.len(), signers[0].principals.as_str(), signers[0].reports), (1, IDENTITY, 8));
}

#[test]
fn a_whole_period_is_complete_and_its_file_is_checked_by_ssh_keygen() {
    let months = Months::new();
    (1..=9).for_each(|number| drop(months.sound(number)));
    let signed =
        "--since 2024-06-01 --until 2024-06-10 --every 1d --output {tmp}/s.json --html {tmp}/s.html --key {tmp}/key";
    let (code, text) = months.says(signed);
    assert_eq!(code, 0, "{text}");
    for wanted in [
        "database shop on db:5432",
        "9 of 9 expected are proven",
        "9: 9 on site, 9 off site",
        "first third 1 min 42 s, last third 1 min 48 s (+5 %)",
        "complete: every expected run is proven and sound",
        "-n pgwitness-summary -s 's.json.sig' < 's.json'",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    let place = |name: &str| months.0.dir.path().join(name);
    let bytes = fs::read(place("s.json")).unwrap();
    fits_the_schema(&serde_json::from_slice(&bytes).unwrap());
    let signers = place("summary_signers");
    let line = text.lines().find_map(|line| line.split_once("allowed_signers: ")).unwrap().1;
    fs::write(&signers, format!("{line}\n")).unwrap();
    let verify = |file: &Path| {
        let (signers, signature) = (signers.display().to_string(), place("s.json.sig").display().to_string());
        let words = ["-Y", "verify", "-f", &signers, "-I", IDENTITY, "-n", "pgwitness-summary", "-s", &signature];
        ssh_keygen(&words, file).status.success()
    };
    assert!(verify(&place("s.json")));
    fs::write(place("edited.json"), String::from_utf8(bytes).unwrap().replace("\"sound\": 9", "\"sound\": 8")).unwrap();
    assert!(!verify(&place("edited.json")));
    let page = fs::read_to_string(place("s.html")).unwrap();
    assert!(page.contains("(RPO)") && page.contains("(RTO)") && !page.contains("<script"), "{page}");
    // A file that another signature belongs to is not replaced.
    let (code, text) = months.says("--since 2024-06-01 --until 2024-06-10 --every 1d --output {tmp}/s.json");
    assert_eq!((code, text.contains("the signature of an earlier summary")), (2, true), "{text}");
}

fn fits_the_schema(value: &Value) {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn every_field_is_in_the_schema_and_no_row_value_is_in_the_summary() {
    let summary = all_kinds().summary(1, 15);
    let text = serde_json::to_string(&summary).unwrap();
    fits_the_schema(&serde_json::from_str(&text).unwrap());
    assert!(!text.contains("paid"), "a value of a row: {text}");
}

#[test]
fn a_stored_summary_of_every_format_still_fits_the_schema_and_has_the_fields_of_today() {
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for format in 1..=FORMAT {
        let file = format!("{}/fixtures/reports/summary-{format}.json", env!("CARGO_MANIFEST_DIR"));
        let stored: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(stored["format"], format);
        fits_the_schema(&stored);
        let now = serde_json::to_value(all_kinds().summary(1, 15)).unwrap();
        if format == FORMAT {
            assert_eq!(fields(&stored), fields(&now), "another field needs another format");
            assert_eq!(fields(&stored["directories"][0]), fields(&now["directories"][0]));
            let source = |value: &Value| fields(&value["directories"][0]["sources"][0]);
            assert_eq!(source(&stored), source(&now));
        }
    }
}

#[test]
fn what_is_not_known_is_never_complete() {
    let months = Months::new();
    (1..=3).for_each(|number| drop(months.sound(number)));
    for (command, wanted) in [
        ("--since 2024-06-01 --until 2024-06-04", "it is not known how many runs were expected"),
        ("--since 2024-07-01 --until 2024-07-04 --every 1d", "no proven run in the period"),
        ("--since 2024-05-01 --until 2024-05-04 --every 1d", "no proven run before the end of the period"),
        ("--since 2024-06-01 --until 2024-06-05 --every 1d", "1 expected run without a proven report"),
        ("--since 2024-06-01 --until 2024-06-04 --every 1d {tmp}/absent", "No such file"),
        ("--since 2024-06-04 --until 2024-06-01", "is empty"),
        ("--since 2024-06-01 --until 2999-06-04", "in the future"),
        ("--since 2024-06-01 --every 5m", "at least an hour"),
        ("--since 2024-06-01 --key {tmp}/key", "--output"),
    ] {
        let (code, text) = months.says(command);
        assert_eq!((code, text.contains(wanted)), (2, true), "{command}:\n{text}");
    }
    let unchecked = "summary --directory {dir} --since 2024-06-01 --until 2024-06-04 --every 1d";
    let (code, text) = months.0.says(unchecked);
    assert_eq!((code, text.contains("without a list of allowed signers nothing is proven")), (2, true), "{text}");
}

#[test]
fn a_problem_after_the_report_gives_3_and_damage_takes_precedence() {
    let months = Months::new();
    write_closing(&months.sound(1), Some(&months.0.key), leave_an_instance);
    months.sound(2);
    let command = "--since 2024-06-01 --until 2024-06-03 --every 1d";
    let (code, text) = months.says(command);
    assert_eq!((code, text.contains("1 run with a problem after the report was signed")), (3, true), "{text}");
    months.damaged(3);
    assert_eq!(months.says("--since 2024-06-01 --until 2024-06-05 --every 1d").0, 1, "although one is missing");
}

#[test]
fn a_copy_of_a_report_stands_for_no_missing_run() {
    let months = Months::new();
    let first = months.sound(1);
    months.sound(3);
    let copy = months.0.reports().join(name(2));
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(first).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let summary = months.summary(1, 4);
    assert_eq!((source(&summary).schedule.as_ref().unwrap().present, source(&summary).counts.runs), (2, 2));
    assert_eq!(summary.answer, PeriodAnswer::NotProven);
    assert!(format!("{:?}", summary.directories[0].not_proven).contains("the same report as"), "{summary:?}");
}

#[test]
fn a_signer_must_have_been_allowed_when_the_run_ended() {
    let mut months = Months::new();
    (1..=4).for_each(|number| drop(months.sound(number)));
    let text = fs::read_to_string(months.0.dir.path().join("allowed_signers")).unwrap();
    let limited = text.replace("namespaces=", "valid-after=\"20240602Z\",valid-before=\"20240604Z\",namespaces=");
    months.0.signers = AllowedSigners::parse(&limited).unwrap();
    let summary = months.summary(1, 5);
    let ids: Vec<&str> = source(&summary).runs.iter().map(|run| run.id.get(6..8).unwrap()).collect();
    assert_eq!(ids, ["02", "03"], "that the key may no longer sign today does not matter");
    let signer = &summary.directories[0].signers[0];
    assert_eq!(signer.valid_before.unwrap().to_string(), "2024-06-04T00:00:00Z");
}

#[test]
fn a_source_that_has_stopped_is_not_hidden_by_another_in_its_directory() {
    let months = Months::new();
    months.sound(1);
    months.write(2, facts(2, "club"), &orders(10), &orders(10));
    months.sound(3);
    let summary = months.summary(3, 4);
    let sources: Vec<(Option<&str>, PeriodAnswer)> =
        summary.directories[0].sources.iter().map(|one| (one.source.as_deref(), one.answer)).collect();
    let wanted = [
        (Some("database shop on db:5432"), PeriodAnswer::Complete),
        (Some("database club on db:5432"), PeriodAnswer::NotProven),
    ];
    assert_eq!((sources.as_slice(), summary.answer), (wanted.as_slice(), PeriodAnswer::NotProven));
}

#[test]
fn the_summary_fits_a_terminal_and_a_page_has_all_of_it() {
    let summary = all_kinds().summary(1, 15);
    for width in [80, 120] {
        let style = pgwitness::output::terminal::Style { color: false, width, all_tables: true };
        let text = pgwitness::output::terminal::period(&summary, style);
        let too_long: Vec<&str> = text.lines().filter(|line| line.chars().count() > width).collect();
        assert!(too_long.is_empty(), "{width}: {too_long:#?}\n{text}");
        for wanted in
            ["damaged: a run of the period found damage", "not reviewed", "copy job fixed", "row_count shop.orders"]
        {
            assert!(text.contains(wanted), "{width}: {wanted} in\n{text}");
        }
    }
    let page = pgwitness::output::html::period(&summary, None);
    for wanted in ["copy job fixed", "not signed", "row_count shop.orders", "SHA256:", "<h3>Waivers</h3>"] {
        assert!(page.contains(wanted), "{wanted} in\n{page}");
    }
}
