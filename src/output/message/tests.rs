use maud::html;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::base::text::cells;
use crate::base::time::Timestamp;
use crate::model::aspect::Aspect;
use crate::model::finding::{ChangedColumn, ChangedRow, Finding, FindingKind, RowDifference, RowText, Unchecked};
use crate::model::run::{DumpFacts, Step, StepResult};
use crate::model::run_summary::{Proven, ReportRef};
use crate::model::verdict::{Coverage, Outcome, Scope, Verdict};

const CANARY: &str = "c4n4ry";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn coverage() -> Coverage {
    Coverage {
        tables_expected: 1,
        tables_actual: 1,
        tables_compared: 1,
        rows_expected: 7,
        rows_actual: 7,
        ..Default::default()
    }
}

fn verdict(exit_code: u8) -> Verdict {
    let findings = if exit_code == 1 { vec![Finding::new(FindingKind::Missing, "a.b")] } else { Vec::new() };
    let coverage = if exit_code == 2 { Coverage::default() } else { coverage() };
    let scope = Scope { compared: vec![Aspect::Rows], not_compared: Vec::new() };
    Outcome { findings, coverage, scope, ..Default::default() }.verdict()
}

/// A sound run without cleanup tasks.
fn clean() -> RunSummary {
    RunSummary {
        run_id: "0123456789abcdef0123456789abcdef".into(),
        host: "backup1".into(),
        source: "RDS instance shop-production, database shop".into(),
        started_at: at("2026-11-23T03:30:00Z"),
        finished_at: at("2026-11-23T04:42:07Z"),
        exit_code: 0,
        verdict: Some(verdict(0)),
        verdict_line: Some("sound (rows, schema)".into()),
        dump_verdict: None,
        data_as_of: Some(at("2026-11-23T02:30:00Z")),
        coverage: Some(coverage()),
        findings: Vec::new(),
        unchecked: Vec::new(),
        waivers: 1,
        error: None,
        troubles: Vec::new(),
        debts: Vec::new(),
        instances_left: 0,
        steps: vec![Step {
            name: "dump".into(),
            started_at: at("2026-11-23T03:40:00Z"),
            duration_ms: 61_000,
            result: StepResult::Done,
            notes: Vec::new(),
        }],
        dump: Some(DumpFacts { backup: "20261123T023000Z-1f2e3d4c".into(), bytes: 1_250_000, ..Default::default() }),
        report: Some(ReportRef { path: "/srv/reports/x/report.json".into(), sha256: "ab".repeat(32) }),
        last_verified: Some(Proven {
            backup: "20261123T023000Z-1f2e3d4c".into(),
            data_as_of: at("2026-11-23T02:30:00Z"),
            verified_at: at("2026-11-23T04:40:00Z"),
            dump_bytes: 1_250_000,
        }),
    }
}

/// A run with a value in every field that may have one.
fn full_of_values() -> RunSummary {
    let mut finding = Finding::new(FindingKind::RowContent, "shop.orders").sides(CANARY, CANARY);
    finding.detail = vec![CANARY.into()];
    let row = |key: &str| RowText { key: key.into(), values: vec![CANARY.into()], copies: 1 };
    let column = ChangedColumn { column: "paid".into(), expected: CANARY.into(), actual: CANARY.into() };
    finding.rows = Some(RowDifference {
        expected_only: 2,
        actual_only: 2,
        is_exact: true,
        changed: vec![ChangedRow { key: CANARY.into(), columns: vec![column] }],
        missing: vec![row(CANARY)],
        unexpected: vec![row(CANARY)],
        is_truncated: false,
        unnamed: None,
    });
    let said = format!("insert: duplicate key (SQLSTATE 23505); Key (mail)=({CANARY}) already exists");
    let sequence = Finding::new(FindingKind::SequenceValue, "shop.ids").sides("1 row", CANARY);
    let side = "actual".into();
    RunSummary {
        exit_code: 1,
        verdict: Some(verdict(1)),
        verdict_line: Some("damaged: 2 findings (rows)".into()),
        findings: vec![finding, sequence],
        unchecked: vec![Unchecked {
            object: "rows of shop.log".into(),
            side,
            reason: format!("bad value '{CANARY}'"),
            limit: None,
        }],
        error: Some(format!("invalid input syntax: \"{CANARY}\"")),
        troubles: vec![said.clone(), format!("ERROR: x\nCONTEXT: {CANARY}")],
        steps: vec![Step { result: StepResult::Failed(said), ..clean().steps[0].clone() }],
        ..clean()
    }
}

/// Every text that is sent.
fn everything(bulletin: &RunSummary, values: bool) -> [String; 5] {
    let Message { subject, text, html } = of(bulletin, values);
    [subject, text, html, json(bulletin, values), brief(bulletin)]
}

#[test]
fn only_sound_by_exit_code_and_verdict_with_nothing_left_is_good() {
    assert!(is_good(&clean()));
    let spoilt: [fn(&mut RunSummary); 12] = [
        |b| b.exit_code = 1,
        |b| b.exit_code = 2,
        |b| b.exit_code = 3,
        |b| b.exit_code = 143,
        |b| b.verdict = None,
        |b| b.verdict = Some(verdict(1)),
        |b| b.verdict = Some(verdict(2)),
        |b| b.troubles.push("x".into()),
        |b| b.debts.push("x".into()),
        |b| b.instances_left = 1,
        |b| b.error = Some("x".into()),
        |b| b.unchecked.push(Unchecked { object: "x".into(), side: "both".into(), reason: "x".into(), limit: None }),
    ];
    for (at, spoil) in spoilt.iter().enumerate() {
        let mut bulletin = clean();
        spoil(&mut bulletin);
        assert!(!is_good(&bulletin), "{at}");
        let subject = of(&bulletin, false).subject;
        assert_ne!(subject, of(&clean(), false).subject, "{at}");
        assert!(!subject.contains(": sound ("), "{at}: {subject}");
    }
}

#[test]
fn a_clean_exit_without_a_sound_verdict_is_never_worded_as_sound() {
    for verdict in [None, Some(verdict(1)), Some(verdict(2))] {
        let bulletin = RunSummary { verdict, ..clean() };
        let told = everything(&bulletin, true);
        assert!(told.iter().all(|text| !text.to_lowercase().contains("sound")), "{verdict:?}: {told:#?}");
    }
}

#[test]
fn the_first_words_are_the_machine_and_the_answer() {
    let begins = |bulletin: &RunSummary, wanted: &str| {
        let letter = of(bulletin, false);
        assert!(letter.subject.starts_with(&format!("backup1: {wanted} (")), "{}", letter.subject);
        let first = letter.text.lines().next().unwrap();
        assert!(first.starts_with(&format!("{wanted}: RDS instance")), "{first}");
    };
    begins(&clean(), "sound");
    begins(&RunSummary { exit_code: 3, troubles: vec!["x".into()], ..clean() }, "sound, but 1 other problem");
    let left = RunSummary { exit_code: 3, instances_left: 1, debts: vec!["RDS instance t".into()], ..clean() };
    begins(&left, "sound, but 1 temporary instance LEFT BEHIND");
    assert!(of(&left, false).text.contains("COSTS MONEY"));
    assert!(of(&left, false).text.contains("- RDS instance t\n"));
    begins(&full_of_values(), "DAMAGED, 2 findings");
    let none =
        RunSummary { exit_code: 2, verdict: None, verdict_line: None, error: Some("no snapshot".into()), ..clean() };
    begins(&none, "inconclusive");
    assert!(of(&none, false).text.contains("why:\n- no snapshot\n"));
    begins(&RunSummary { exit_code: 143, ..none }, "interrupted");
}

#[test]
fn a_run_that_was_stopped_is_without_a_dump_only_when_it_had_no_answer() {
    let without = "treat it as a run without a dump";
    let stopped = |verdict| of(&RunSummary { exit_code: 143, verdict, ..clean() }, false).text.replace('\n', " ");
    assert!(stopped(None).contains(without) && stopped(Some(verdict(2))).contains(without));
    let proven = stopped(Some(verdict(0)));
    assert!(proven.contains("the signed report says sound") && !proven.contains("without a dump"), "{proven}");
}

#[test]
fn no_value_is_told_unless_asked_for() {
    for text in everything(&full_of_values(), false) {
        assert!(!text.contains(CANARY), "{text}");
    }
    let told = everything(&full_of_values(), true);
    assert!(told[1].matches(CANARY).count() > 8 && told[2].contains(CANARY) && told[3].contains(CANARY), "{told:#?}");
    assert!(!told[4].contains(CANARY), "a ping never has values");
}

#[test]
fn what_is_wrong_is_named_with_its_number_of_rows() {
    let text = of(&full_of_values(), false).text;
    for line in [
        "2 findings:\n- row_content shop.orders: 3 rows differ: 1 missing, 1 unexpected, 1 changed\n- sequence_value shop.ids\n",
        "1 unchecked:\n- rows of shop.log (actual): bad value '…'\n",
        "- insert: duplicate key (SQLSTATE 23505); Key (mail)=(…) already exists\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let counted = Finding::new(FindingKind::RowCount, "a.b").sides("12 rows", "11 rows");
    let text = of(&RunSummary { findings: vec![counted], ..full_of_values() }, false).text;
    assert!(text.contains("- row_count a.b: expected 12 rows, actual 11 rows\n"), "{text}");
}

#[test]
fn the_text_can_be_read_in_78_columns() {
    for bulletin in [clean(), full_of_values()] {
        let text = of(&bulletin, false).text;
        let long: Vec<&str> = text.lines().filter(|line| cells(line) > 78).collect();
        assert!(long.iter().all(|line| line.trim().split(' ').count() < 3 || line.contains("SHA-256")), "{long:#?}");
    }
}

#[test]
fn long_lists_are_cut_and_the_rest_is_counted() {
    let findings: Vec<Finding> = (0..5000).map(|n| Finding::new(FindingKind::Missing, format!("shop.t{n}"))).collect();
    let troubles = vec!["x".repeat(100_000); 50];
    let bulletin = RunSummary { findings, troubles, ..full_of_values() };
    let Message { text, html, .. } = of(&bulletin, false);
    assert!(text.contains("- … and 4980 more") && html.contains("… and 4980 more"), "{text}");
    assert!(text.len() < 50_000 && brief(&bulletin).len() < 10_000 && brief(&bulletin).ends_with('\n'));
    let told: Value = serde_json::from_str(&json(&bulletin, false)).unwrap();
    assert_eq!((told["findings"].as_array().unwrap().len(), &told["findings_total"]), (100, &5000.into()));
}

#[test]
fn programs_get_one_object_with_counts_that_every_reader_holds() {
    let bulletin = RunSummary { coverage: Some(Coverage { rows_expected: u64::MAX, ..coverage() }), ..clean() };
    let told: Value = serde_json::from_str(&json(&bulletin, false)).unwrap();
    assert_eq!((&told["format"], &told["answer"], &told["verdict"]), (&1.into(), &"sound".into(), &"sound".into()));
    assert_eq!(told["coverage"]["rows_expected"], "18446744073709551615");
    assert_eq!(told["last_verified"]["age_s"], 7927);
    assert_eq!(told["text"], "backup1: sound (RDS instance shop-production, database shop)");
    assert_eq!(told["steps"][0]["result"], "done");
    let empty = RunSummary {
        exit_code: 2,
        verdict: None,
        coverage: None,
        last_verified: None,
        dump: None,
        report: None,
        ..clean()
    };
    let told: Value = serde_json::from_str(&json(&empty, false)).unwrap();
    for key in ["verdict", "coverage", "last_verified", "dump", "report"] {
        assert_eq!(told.get(key), Some(&Value::Null), "{key}");
    }
}

#[test]
fn the_newest_proven_dump_has_its_age_and_its_absence_is_said() {
    let old = Proven { data_as_of: at("2026-11-19T02:30:00Z"), ..clean().last_verified.unwrap() };
    let text = of(&RunSummary { last_verified: Some(old), ..clean() }, false).text;
    assert!(text.contains("(4 days old)"), "{text}");
    assert!(
        of(&RunSummary { last_verified: None, ..clean() }, false).text.contains("newest proven dump  NONE is known")
    );
}

#[test]
fn a_test_is_marked_in_each_part_and_says_nothing_of_a_dump() {
    let Message { subject, text, html } = test("backup1", "shop", at("2026-11-23T03:30:00Z"));
    for part in [&subject, &text, &html] {
        assert!(part.contains("TEST") && !part.contains("sound"), "{part}");
    }
    let told: Value = serde_json::from_str(&test_json("backup1", "shop", at("2026-11-23T03:30:00Z"))).unwrap();
    assert_eq!((&told["format"], &told["answer"]), (&1.into(), &"test".into()));
}

/// A run in which every external text is `text`.
fn hostile(text: &str) -> RunSummary {
    let own = || text.to_owned();
    let mut finding = Finding::new(FindingKind::Changed, text).sides(text, text);
    finding.detail.push(own());
    RunSummary {
        run_id: own(),
        host: own(),
        source: own(),
        verdict_line: Some(format!("damaged{text}")),
        findings: vec![finding],
        unchecked: vec![Unchecked { object: own(), side: own(), reason: own(), limit: None }],
        error: Some(own()),
        troubles: vec![own()],
        debts: vec![own()],
        steps: vec![Step { name: own(), result: StepResult::Skipped(own()), ..clean().steps[0].clone() }],
        dump: Some(DumpFacts { backup: own(), format: own(), ..Default::default() }),
        report: Some(ReportRef { path: own(), sha256: own() }),
        last_verified: Some(Proven { backup: own(), ..clean().last_verified.unwrap() }),
        ..full_of_values()
    }
}

#[test]
fn hostile_text_is_inert() {
    let text = "x\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>\u{202e}\u{1b}[2J\0\"'&";
    for values in [false, true] {
        let [subject, text, html, json, brief] = everything(&hostile(text), values);
        assert!(!subject.contains(|c: char| c.is_control()), "{subject}");
        for said in [&text, &html, &json, &brief] {
            assert!(!said.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{said}");
            assert!(!said.contains("\nBcc:"), "{said}");
        }
        assert!(!html.contains("<script") && !html.contains("http"), "{html}");
        serde_json::from_str::<Value>(&json).unwrap();
    }
}

proptest! {
    #[test]
    fn no_text_from_elsewhere_acts(text in "\\PC{0,8}|[\\x00-\\x1f<>&\"'=()»«]{0,8}|.{0,8}", values in any::<bool>()) {
        let [subject, text, html, json, _] = everything(&hostile(&text), values);
        prop_assert!(!subject.contains(|c: char| c.is_control()));
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        let ours = ["!DOCTYPE", "bdi", "body", "div", "h1", "h2", "head", "html", "li", "meta", "p", "pre", "table", "td", "th", "title", "tr", "ul"];
        let tags = html.split('<').skip(1).map(|rest| rest.trim_start_matches('/'));
        for name in tags.map(|rest| rest.split([' ', '>']).next().unwrap()) {
            prop_assert!(ours.contains(&name), "{}", name);
        }
        prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
    }
}

#[test]
fn the_page_is_plain() {
    let page = of(&clean(), false).html;
    let escaped = html! { ("<b>") }.into_string();
    assert_eq!(escaped, "&lt;b&gt;");
    for forbidden in ["<img", "<link", "<a ", "href", "src=", "url(", "background"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}
