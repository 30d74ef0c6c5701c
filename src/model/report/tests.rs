use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::aspect::Aspect;
use crate::model::digest::{RowDigest, TableDigest};
use crate::model::files::FilesFacts;
use crate::model::finding::{ChangedColumn, ChangedRow, FindingKind, Limit, RowDifference, RowText, Waiver};
use crate::model::run::{Complaint, DumpFacts, DumpFile, Leg, Origin, RdsFacts, RestoreFacts, Step, StepResult};
use crate::model::verdict::{Rechecked, TableStatus};
use crate::samples::{ManifestBuilder as _, equal, live};

fn digest(rows: u64, seed: u8) -> TableDigest {
    TableDigest { rows, lanes: RowDigest::of(&[seed]).0 }
}

fn manifest(kind: &str) -> Manifest {
    let mut made = live().described("host=db.example.com dbname=app");
    made.endpoint.kind = kind.into();
    made.endpoint.server_version = Some("15.18".into());
    made.endpoint.settings = [("timezone".to_owned(), "UTC".to_owned())].into();
    made
}

fn run() -> Run {
    let started_at = Timestamp::parse("2026-06-15T02:00:00Z").unwrap();
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    Run {
        run_id: "00112233445566778899aabbccddeeff".into(),
        command: "compare".into(),
        selection: [("schema".to_owned(), vec!["shop".to_owned()])].into(),
        tools: Tools { pgwitness: env!("CARGO_PKG_VERSION").into(), pg_restore: Some("15.18".into()) },
        times: Times { started_at, finished_at: started_at, duration_ms: 1234 },
        side_files: vec![SideFile { name: "expected.manifest.json".into(), bytes: 3, sha256: hash.into() }],
        previous_report_sha256: Some(hash.into()),
        night: Some(night(hash)),
    }
}

/// Something in every field.
fn night(hash: &str) -> RunFacts {
    let at = Timestamp::parse("2026-06-15T02:00:00Z").unwrap();
    let step = |name: &str, result| Step {
        name: name.into(),
        started_at: at,
        duration_ms: 5,
        result,
        notes: vec!["x".into()],
    };
    let complaint = Complaint {
        object: "COMMENT EXTENSION plpgsql".into(),
        sqlstate: "42501".into(),
        message: "must be owner of extension plpgsql".into(),
        accepted: Some("it has one already".into()),
        limit: None,
    };
    let snapshot =
        FilesSnapshot { previous: Some("/srv/snapshots/x".into()), manifest_sha256: hash.into(), ..Default::default() };
    RunFacts {
        source_kind: "rds".into(),
        source: Some(Origin::Rds {
            database: "shop".into(),
            instance: "production".into(),
            region: "eu-west-1".into(),
            account: None,
            resource_id: Some("db-EXAMPLE".into()),
        }),
        data_as_of: Some(at),
        steps: vec![step("dump", StepResult::Done), step("sweep", StepResult::Skipped("nothing left over".into()))],
        rds: Some(RdsFacts { account: "123456789012".into(), snapshot_created_at: Some(at), ..Default::default() }),
        dump: Some(DumpFacts {
            backup: "20260615T020000Z-00112233".into(),
            files: vec![DumpFile { path: "dump/toc.dat".into(), bytes: 3, sha256: hash.into() }],
            ..Default::default()
        }),
        restore: Some(RestoreFacts { complaints: vec![complaint], ..Default::default() }),
        files: vec![
            FilesFacts { name: "logs".into(), source: "/srv/logs".into(), snapshot: None },
            FilesFacts { name: "media".into(), source: "/srv/media".into(), snapshot: Some(snapshot) },
        ],
        legs: vec![Leg { name: "source to dump".into(), verdict_line: "sound".into(), findings: vec!["x".into()] }],
        dump_verdict: None,
    }
}

fn sound() -> Outcome {
    let table = TableResult { expected: Some(digest(2, 1)), actual: Some(digest(2, 1)), status: TableStatus::Equal };
    Outcome { tables: [("shop.orders".to_owned(), table)].into(), ..equal(1, &Aspect::ALL) }
}

/// Something in every field.
fn damaged() -> Outcome {
    let mut outcome = sound();
    let rows = RowDifference {
        expected_only: u64::MAX,
        is_exact: true,
        changed: vec![ChangedRow {
            key: "id=1".into(),
            columns: vec![ChangedColumn { column: "total".into(), expected: "1.50".into(), actual: "1.5".into() }],
        }],
        missing: vec![RowText { key: "id=2".into(), values: vec!["id=2".into()], copies: 1 }],
        unnamed: Some(marked("the connection broke")),
        ..Default::default()
    };
    let finding = Finding { rows: Some(rows), ..Finding::new(FindingKind::RowContent, "shop.orders") };
    outcome.findings.push(finding.sides("2 rows", "2 rows"));
    outcome.unchecked.push(Unchecked::new("rows a.b", "actual", marked("refused")));
    let waiver = Waiver { kind: "rows".into(), object: "a.f".into(), reason: "foreign".into(), by: "nature".into() };
    outcome.waivers.push(AppliedWaiver { waiver, covered: vec!["rows a.f".into()] });
    outcome.remarks.push("the table a.u is unlogged".into());
    let open = |status| TableResult { expected: Some(digest(1, 1)), actual: None, status };
    outcome.tables.insert("a.b".into(), open(TableStatus::Unchecked));
    outcome.tables.insert("a.f".into(), open(TableStatus::Waived));
    outcome
}

/// A table that agreed when it was read again.
fn rechecked() -> Outcome {
    let mut outcome = sound();
    let table =
        TableResult { expected: Some(digest(2, 1)), actual: Some(digest(2, 2)), status: TableStatus::Converged };
    outcome.tables = [("shop.orders".to_owned(), table)].into();
    outcome.scope.rechecked = Some(Rechecked { rounds: 1, converged: 2, ..Default::default() });
    outcome
}

#[test]
fn a_table_that_differs_is_sound_only_where_it_was_read_again() {
    let read = Report::from_bytes(&bytes(&report(&rechecked()))).unwrap();
    assert_eq!((read.verdict, &read.scope, &read.tables), (Verdict::Sound, &rechecked().scope, &rechecked().tables));
    let mut not_read_again = rechecked();
    not_read_again.scope.rechecked = None;
    assert!(report(&not_read_again).to_bytes().unwrap_err().to_string().contains("nothing was read again"));
}

/// Every other text may hold values; equal texts are marked equally.
fn marked(text: &str) -> MarkedText {
    // A text that stands twice has values if it has them once: no marked text equals one of the report's own.
    let is_marked = text.len() % 2 == 1;
    if is_marked {
        MarkedText::with_values(format!("said: {text}"), format!("{} bytes", text.len()))
    } else {
        text.into()
    }
}

fn report(outcome: &Outcome) -> Report {
    let (mut expected, actual) = (manifest("live"), manifest("dump"));
    let violations = Violations { rows: 3, sample: vec!["order_id=7".into()] };
    if !outcome.findings.is_empty() {
        expected.foreign_keys.insert("shop.orders orders_member_fkey".into(), Observed::Seen(violations));
        expected.assertions.insert("balance".into(), Observed::Unseen(marked("permission denied")));
    }
    Report::new(outcome.clone(), &expected, &actual, run())
}

fn bytes(report: &Report) -> Vec<u8> {
    report.to_bytes().unwrap()
}

fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_slice(&bytes(&report(&damaged()))).unwrap();
    change(&mut value);
    Report::from_bytes(&serde_json::to_vec(&value).unwrap()).unwrap_err().to_string()
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let table = (0u8..3, any::<u64>().prop_map(|rows| rows >> 8));
    let finding = ("\\PC*", prop::option::of("\\PC*"), prop::option::of((any::<u64>(), any::<bool>())));
    (
        prop::collection::btree_map("\\PC{0,9}", table, 0..5),
        prop::collection::vec(finding, 0..3),
        prop::collection::vec("\\PC*", 0..3),
        prop::collection::vec("\\PC*", 0..3),
        any::<u64>(),
    )
        .prop_map(|(tables, findings, unchecked, remarks, objects)| {
            // As `run` has it.
            let remarks = remarks.iter().map(|remark| marked(remark)).collect();
            let mut outcome = Outcome { remarks, selection: vec!["--schema shop".into()], ..Default::default() };
            for (name, (seed, rows)) in tables {
                outcome.coverage.tables_compared += u64::from(seed < 2);
                let (actual, status) = match seed {
                    0 => (digest(rows, 0), TableStatus::Equal),
                    1 => (digest(rows, 1), TableStatus::Different),
                    _ => (digest(rows, 1), TableStatus::Unchecked),
                };
                outcome
                    .tables
                    .insert(name, TableResult { expected: Some(digest(rows, 0)), actual: Some(actual), status });
                if seed > 0 {
                    outcome.unchecked.push(Unchecked::new("rows", "both", MarkedText::default()));
                }
            }
            outcome.coverage.tables_expected = outcome.tables.len() as u64;
            outcome.coverage.tables_actual = outcome.tables.len() as u64;
            outcome.coverage.objects_expected = objects;
            for (object, text, rows) in findings {
                let mut finding = Finding::new(FindingKind::RowCount, object);
                finding.expected = text;
                finding.rows = rows.map(|(expected_only, is_exact)| RowDifference {
                    expected_only,
                    is_exact,
                    ..Default::default()
                });
                outcome.findings.push(finding);
            }
            outcome.unchecked.extend(unchecked.iter().map(|reason| Unchecked::new("x", "actual", marked(reason))));
            outcome
        })
}

proptest! {
    #[test]
    fn a_report_that_was_written_and_read_is_the_same(outcome in outcomes()) {
        let report = report(&outcome);
        let bytes = report.to_bytes().unwrap();
        let back = Report::from_bytes(&bytes).unwrap();
        prop_assert_eq!(back.outcome(), outcome);
        prop_assert_eq!(&back, &report);
        prop_assert_eq!(back.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn what_is_written_fits_the_published_schema(outcome in outcomes()) {
        let value = serde_json::from_slice(&bytes(&report(&outcome))).unwrap();
        let errors: Vec<String> = validator().iter_errors(&value).map(|error| error.to_string()).collect();
        prop_assert!(errors.is_empty(), "{:?}", errors);
    }
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

#[test]
fn the_published_schema_is_a_schema_and_every_object_in_it_is_closed() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    fn walk(value: &Value) {
        if let Value::Object(object) = value {
            assert!(!object.contains_key("properties") || object.contains_key("additionalProperties"), "{value}");
        }
        match value {
            Value::Object(object) => object.values().for_each(walk),
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&schema);
}

#[test]
fn reports_fit_the_published_schema_in_every_field() {
    for outcome in [sound(), damaged(), rechecked(), Outcome::default()] {
        let value = serde_json::from_slice(&bytes(&report(&outcome))).unwrap();
        let errors: Vec<String> = validator().iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn texts_of_a_report_keep_their_marks_and_in_one_of_an_older_format_any_may_hold_values() {
    let read = Report::from_bytes(&bytes(&report(&damaged()))).unwrap();
    assert_eq!((read.unchecked[0].reason.full(), read.unchecked[0].reason.safe()), ("said: refused", "7 bytes"));
    assert!(!read.remarks[0].has_values());
    let mut old: Value = serde_json::from_slice(&bytes(&report(&damaged()))).unwrap();
    assert_eq!(old["unchecked"][0]["reason"], "said: refused", "the whole text stands where it stood");
    old["format"] = json!(3);
    let read = Report::from_bytes(&serde_json::to_vec(&old).unwrap()).unwrap();
    assert!([&read.unchecked[0].reason, &read.remarks[0]].into_iter().all(MarkedText::has_values));
}

/// The schema and the reader refuse the same things, so that one does not promise what the other does not keep.
#[test]
fn a_wrong_type_or_an_unknown_or_missing_field_anywhere_is_refused_by_the_schema_and_by_us() {
    let good: Value = serde_json::from_slice(&bytes(&report(&damaged()))).unwrap();
    let validator = validator();
    let mut paths = Vec::new();
    collect_paths(&good, "", &mut paths);
    assert!(paths.len() > 100, "{}", paths.len());
    for path in paths {
        let mut wrong_type = good.clone();
        *wrong_type.pointer_mut(&path).unwrap() = json!([[true]]);
        let mut changes = vec![("wrong type", wrong_type)];
        if good.pointer(&path).unwrap().is_object() && !is_map(&path) {
            let mut unknown = good.clone();
            unknown.pointer_mut(&path).unwrap()["surprise"] = json!("x");
            changes.push(("unknown field", unknown));
        }
        for (change, value) in changes {
            assert!(!validator.is_valid(&value), "the schema takes {path} with {change}");
            let bytes = serde_json::to_vec(&value).unwrap();
            assert!(Report::from_bytes(&bytes).is_err(), "we take {path} with {change}");
        }
    }
}

fn is_map(path: &str) -> bool {
    ["/tables", "/foreign_keys", "/assertions", "/selection", "/safe_texts"].contains(&path)
        || path.ends_with("/settings")
}

fn collect_paths(value: &Value, path: &str, paths: &mut Vec<String>) {
    paths.push(path.to_owned());
    let mut below = |key: String, value| collect_paths(value, &format!("{path}/{key}"), paths);
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| below(key.clone(), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| below(index.to_string(), value)),
        _ => {}
    }
}

#[test]
fn a_report_whose_verdict_is_not_what_its_content_says_cannot_be_read() {
    for said in ["sound", "inconclusive"] {
        let error = refusal(|report| {
            report["verdict"] = json!(said);
            report["verdict_line"] = json!(said);
        });
        assert_eq!(error, format!("the report contradicts itself: it says {said}, its content says damaged"));
    }
    let error = refusal(|report| report["verdict_line"] = json!("sound (rows)"));
    assert_eq!(error, "the report contradicts itself: it says damaged, its verdict line says \"sound\"");
    let error = refusal(|report| report["findings"] = json!([]));
    assert_eq!(error, "the report contradicts itself: it says damaged, its content says inconclusive");
}

#[test]
fn a_report_cannot_count_more_tables_than_it_lists() {
    let error = refusal(|report| report["coverage"]["tables_compared"] = json!(2));
    assert!(error.contains("counts 2 tables compared and lists 1"), "{error}");
    let error = refusal(|report| report["coverage"]["tables_expected"] = json!(9));
    assert!(error.contains("than the 3 that it lists"), "{error}");
    let error = refusal(|report| report["tables"]["shop.orders"]["actual"]["rows"] = json!(3));
    assert!(error.contains("the digests of shop.orders do not match its status"), "{error}");
}

#[test]
fn sums_that_wrap_round_do_not_make_a_report_sound() {
    let mut outcome = sound();
    outcome.coverage.waived_expected = u64::MAX;
    outcome.coverage.tables_expected = 0;
    assert_eq!(outcome.verdict(), Verdict::Inconclusive);
}

#[test]
fn violations_and_open_tables_are_never_in_a_sound_report_unless_waived() {
    let mut violated = report(&sound());
    let violations = Violations { rows: 1, sample: Vec::new() };
    let sides = Sides { expected: None, actual: Some(Observed::Seen(violations)) };
    violated.foreign_keys.insert("a.b c".into(), sides);
    assert!(violated.to_bytes().unwrap_err().to_string().contains("it says sound of a.b c, which is violated"));
    let mut open = report(&sound());
    let table = TableResult { expected: Some(digest(1, 1)), actual: None, status: TableStatus::Missing };
    open.tables.insert("a.b".into(), table);
    assert!(open.to_bytes().unwrap_err().to_string().contains("it says sound of tables that differ"));
}

#[test]
fn a_report_from_the_future_is_refused_by_its_number_before_anything_else() {
    let error = refusal(|report| {
        report["format"] = json!(6);
        report["surprise"] = json!("x");
    });
    assert_eq!(error, "this report has format 6; this version of pgwitness reads up to format 5");
    let error = refusal(|report| drop(report.as_object_mut().unwrap().remove("format")));
    assert_eq!(error, "not a report: it has no format version");
}

#[test]
fn a_side_file_elsewhere_is_refused() {
    for name in ["../secret", "/etc/passwd", "a/b", "", ".", "..", ".hidden", "a\\b", "a b"] {
        let error = refusal(|report| report["side_files"][0]["name"] = json!(name));
        assert!(error.ends_with("is not a file beside the report"), "{name}: {error}");
    }
}

#[test]
fn duplicate_keys_and_trailing_text_are_refused() {
    let good = String::from_utf8(bytes(&report(&damaged()))).unwrap();
    let twice = good.replacen("\"tables\": {", "\"tables\": {\"a.b\": null,", 1);
    assert!(Report::from_bytes(twice.as_bytes()).unwrap_err().to_string().contains("\"a.b\" appears twice"));
    assert!(Report::from_bytes(format!("{good}x").as_bytes()).is_err());
    let float = good.replacen("\"rows\": 2,", "\"rows\": 2.0,", 1);
    assert!(Report::from_bytes(float.as_bytes()).unwrap_err().to_string().contains("not a whole number"));
}

#[test]
fn both_sides_of_every_key_are_kept_also_where_one_side_has_none() {
    let report = report(&damaged());
    assert_eq!(report.foreign_keys["shop.orders orders_member_fkey"].actual, None);
    assert!(matches!(report.assertions["balance"].expected, Some(Observed::Unseen(_))));
}

#[test]
fn a_night_that_went_wrong_is_never_sound() {
    let whole = report(&sound());
    whole.check().unwrap();
    let mut failed = whole.clone();
    failed.night.as_mut().unwrap().steps[0].result = StepResult::Failed("no space".into());
    assert_eq!(
        failed.check().unwrap_err().to_string(),
        "the report contradicts itself: it says sound, but step dump failed"
    );
    let mut complained = whole.clone();
    complained.night.as_mut().unwrap().restore.as_mut().unwrap().complaints[0].accepted = None;
    assert!(complained.check().is_err());
    let old = Report { format: 1, ..whole };
    assert!(old.check().is_err());
}

#[test]
fn a_report_that_calls_a_dump_proven_which_its_findings_speak_against_cannot_be_read() {
    let mut outcome = sound();
    let mut finding = Finding::new(FindingKind::Changed, "extension hstore");
    finding.limit = Some(Limit::ExtensionVersion);
    outcome.findings.push(finding);
    let mut proven = report(&outcome);
    proven.night.as_mut().unwrap().dump_verdict = Some(outcome.dump_verdict(&[]));
    assert!(proven.proves_dump() && !proven.verdict.is_sound());
    let bytes = proven.to_bytes().unwrap();
    assert_eq!(Report::from_bytes(&bytes).unwrap(), proven);

    let mut forged = proven.clone();
    forged.findings[0].limit = None;
    assert!(forged.check().unwrap_err().to_string().contains("it says that the dump is proven, its content does not"));
    let mut old = proven.clone();
    old.format = 2;
    assert!(old.check().unwrap_err().to_string().contains("format 2 knows no verdict on the dump"));
    let mut failed = proven.clone();
    failed.night.as_mut().unwrap().steps[0].result = StepResult::Failed("x".into());
    assert!(failed.check().is_err());
}

#[test]
fn an_old_report_without_a_verdict_on_the_dump_proves_it_by_its_verdict_alone() {
    assert!(report(&sound()).proves_dump());
    assert!(!report(&damaged()).proves_dump());
}
