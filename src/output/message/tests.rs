use maud::html;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::base::marked::MarkedText;
use crate::base::text::cells;
use crate::base::time::Timestamp;
use crate::model::aspect::Aspect;
use crate::model::finding::{ChangedColumn, ChangedRow, Finding, FindingKind, RowDifference, RowText, Unchecked};
use crate::model::report::Report;
use crate::model::run::{Closing, DumpFacts, ReportFile, RunFacts, Step, StepResult};
use crate::model::run_record::Proven;
use crate::model::verdict::{Coverage, Outcome, Verdict};
use crate::samples::{equal, record_of, report_on};

const CANARY: &str = "c4n4ry";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn sound() -> Outcome {
    let mut sound = equal(1, &[Aspect::Rows, Aspect::Schema]);
    (sound.coverage.rows_expected, sound.coverage.rows_actual) = (7, 7);
    sound
}

fn verdict(exit_code: u8) -> Verdict {
    let findings = if exit_code == 1 { vec![Finding::new(FindingKind::Missing, "a.b")] } else { Vec::new() };
    let coverage = if exit_code == 2 { Coverage::default() } else { sound().coverage };
    Outcome { findings, coverage, ..sound() }.verdict()
}

fn dump_step(result: StepResult) -> Step {
    let started_at = at("2026-11-23T03:40:00Z");
    Step { name: "dump".into(), started_at, duration_ms: 61_000, result, notes: Vec::new() }
}

/// A sound run without cleanup tasks.
fn clean() -> RunRecord {
    let night = RunFacts {
        data_as_of: Some(at("2026-11-23T02:30:00Z")),
        dump: Some(DumpFacts { backup: "20261123T023000Z-1f2e3d4c".into(), bytes: 1_250_000, ..Default::default() }),
        steps: vec![dump_step(StepResult::Done)],
        ..Default::default()
    };
    record_of(report_on(&sound(), night))
}

/// [`clean`] with changes.
fn with(change: impl FnOnce(&mut RunRecord)) -> RunRecord {
    let mut run = clean();
    change(&mut run);
    run
}

fn report(run: &mut RunRecord) -> &mut Report {
    run.report.as_mut().unwrap()
}

/// Without a signed report there is no verdict.
fn set_verdict(run: &mut RunRecord, verdict: Option<Verdict>) {
    match verdict {
        Some(verdict) => report(run).verdict = verdict,
        None => run.signed = None,
    }
}

/// A run with a value in every field that may have one.
fn full_of_values() -> RunRecord {
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
    let said = MarkedText::with_values(
        format!("insert: duplicate key (SQLSTATE 23505); Key (mail)=({CANARY}) already exists"),
        "insert: unique_violation (SQLSTATE 23505), table shop.members, constraint members_mail_key",
    );
    let raised = MarkedText::with_values(
        format!("balance {CANARY} (SQLSTATE P0001)"),
        "check balance: raise_exception (SQLSTATE P0001)",
    );
    let sequence = Finding::new(FindingKind::SequenceValue, "shop.ids").sides("1 row", CANARY);
    let outcome = Outcome {
        findings: vec![finding, sequence],
        unchecked: vec![Unchecked::new("rows of shop.log", "actual", &raised)],
        ..sound()
    };
    with(|run| {
        let night =
            RunFacts { steps: vec![dump_step(StepResult::Failed(said.clone()))], ..report(run).night.clone().unwrap() };
        run.report = Some(report_on(&outcome, night));
        run.closing.exit_code = 1;
        run.error = Some(raised.clone());
        let dump = MarkedText::with_values(format!("pg_dump: {CANARY}"), "pg_dump reported an error");
        run.closing.troubles = vec![said, dump];
    })
}

/// Every text that is sent.
fn everything(run: &RunRecord, values: bool) -> [String; 5] {
    let Message { subject, text, html } = of(run, values);
    [subject, text, html, json(run, values), brief(run)]
}

#[test]
fn only_sound_by_exit_code_and_verdict_with_nothing_left_is_good() {
    assert!(is_good(&clean()));
    let spoilt: [fn(&mut RunRecord); 13] = [
        |run| run.closing.exit_code = 1,
        |run| run.closing.exit_code = 2,
        |run| run.closing.exit_code = 3,
        |run| run.closing.exit_code = 143,
        |run| set_verdict(run, None),
        |run| run.report = None,
        |run| set_verdict(run, Some(verdict(1))),
        |run| set_verdict(run, Some(verdict(2))),
        |run| run.closing.troubles.push("x".into()),
        |run| run.closing.debts.push("x".into()),
        |run| run.instances_left = 1,
        |run| run.error = Some("x".into()),
        |run| report(run).unchecked.push(Unchecked::new("x", "both", "x")),
    ];
    for (at, spoil) in spoilt.iter().enumerate() {
        let run = with(spoil);
        assert!(!is_good(&run), "{at}");
        let subject = of(&run, false).subject;
        assert_ne!(subject, of(&clean(), false).subject, "{at}");
        assert!(!subject.contains(": sound ("), "{at}: {subject}");
    }
}

#[test]
fn a_clean_exit_without_a_sound_verdict_is_never_worded_as_sound() {
    for verdict in [None, Some(verdict(1)), Some(verdict(2))] {
        let run = with(|run| {
            set_verdict(run, verdict);
            report(run).verdict_line = verdict.unwrap_or(Verdict::Inconclusive).to_string();
        });
        let told = everything(&run, true);
        assert!(told.iter().all(|text| !text.to_lowercase().contains("sound")), "{verdict:?}: {told:#?}");
    }
}

#[test]
fn the_first_words_are_the_machine_and_the_answer() {
    let begins = |run: &RunRecord, wanted: &str| {
        let message = of(run, false);
        assert!(message.subject.starts_with(&format!("backup1: {wanted} (")), "{}", message.subject);
        let first = message.text.lines().next().unwrap();
        assert!(first.starts_with(&format!("{wanted}: RDS instance")), "{first}");
    };
    begins(&clean(), "sound");
    let one_problem = with(|run| {
        run.closing.exit_code = 3;
        run.closing.troubles = vec!["x".into()];
    });
    begins(&one_problem, "sound with warnings: 1 other problem");
    let left = with(|run| {
        run.closing.exit_code = 3;
        run.instances_left = 1;
        run.closing.debts = vec!["RDS instance t".into()];
    });
    begins(&left, "sound with warnings: 1 temporary instance LEFT BEHIND");
    assert!(of(&left, false).text.contains("COSTS MONEY"));
    assert!(of(&left, false).text.contains("next run\n  RDS instance t\n"));
    begins(&full_of_values(), "DAMAGED, 2 findings");
    let mut none = with(|run| {
        (run.closing.exit_code, run.report, run.signed) = (2, None, None);
        run.error = Some("no snapshot".into());
    });
    begins(&none, "inconclusive");
    assert!(of(&none, false).text.contains("why\n  no snapshot\n"));
    none.closing.exit_code = 143;
    begins(&none, "interrupted");
}

#[test]
fn a_run_that_was_stopped_is_without_a_dump_only_when_it_had_no_answer() {
    let without = "treat it as a run without a dump";
    let stopped = |verdict| {
        let run = with(|run| {
            run.closing.exit_code = 143;
            set_verdict(run, verdict);
        });
        of(&run, false).text.replace('\n', " ")
    };
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
        "2 findings\n  row_content shop.orders: 3 rows differ: 1 missing, 1 unexpected, 1 changed\n  sequence_value shop.ids\n",
        "1 thing unchecked\n  rows of shop.log (actual)\n    check balance: raise_exception (SQLSTATE P0001)\n",
        "\n  insert: unique_violation (SQLSTATE 23505), table shop.members, constraint\n    members_mail_key\n",
        "\n  pg_dump reported an error\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let counted = Finding::new(FindingKind::RowCount, "a.b").sides("12 rows", "11 rows");
    let mut run = full_of_values();
    report(&mut run).findings = vec![counted];
    let text = of(&run, false).text;
    assert!(text.contains("  row_count a.b: expected 12 rows, actual 11 rows\n"), "{text}");
}

#[test]
fn the_text_can_be_read_in_78_columns() {
    for run in [clean(), full_of_values()] {
        let text = of(&run, false).text;
        let long: Vec<&str> = text.lines().filter(|line| cells(line) > 78).collect();
        assert!(long.iter().all(|line| line.trim().split(' ').count() < 3 || line.contains("SHA-256")), "{long:#?}");
    }
}

#[test]
fn long_lists_are_cut_and_the_rest_is_counted() {
    let findings: Vec<Finding> = (0..5000).map(|n| Finding::new(FindingKind::Missing, format!("shop.t{n}"))).collect();
    let mut run = full_of_values();
    report(&mut run).findings = findings;
    run.closing.troubles = vec!["x".repeat(100_000).into(); 50];
    let Message { text, html, .. } = of(&run, false);
    assert!(text.contains("  … and 4,980 more") && html.contains("… and 4,980 more"), "{text}");
    assert!(text.len() < 50_000 && brief(&run).len() < 10_000 && brief(&run).ends_with('\n'));
    let told: Value = serde_json::from_str(&json(&run, false)).unwrap();
    assert_eq!((told["findings"].as_array().unwrap().len(), &told["findings_total"]), (100, &5000.into()));
}

#[test]
fn programs_get_one_object_with_counts_that_every_reader_holds() {
    let run = with(|run| report(run).coverage.rows_expected = u64::MAX);
    let told: Value = serde_json::from_str(&json(&run, false)).unwrap();
    assert_eq!((&told["format"], &told["answer"], &told["verdict"]), (&1.into(), &"sound".into(), &"sound".into()));
    assert_eq!(told["coverage"]["rows_expected"], "18446744073709551615");
    assert_eq!(told["last_verified"]["age_s"], 7927);
    assert_eq!(told["text"], "backup1: sound (RDS instance shop-production, database shop)");
    assert_eq!(told["steps"][0]["result"], "done");
    let empty = with(|run| {
        run.closing.exit_code = 2;
        (run.report, run.signed, run.last_verified) = (None, None, None);
    });
    let told: Value = serde_json::from_str(&json(&empty, false)).unwrap();
    for key in ["verdict", "coverage", "last_verified", "dump", "report"] {
        assert_eq!(told.get(key), Some(&Value::Null), "{key}");
    }
}

#[test]
fn the_newest_proven_dump_has_its_age_and_its_absence_is_said() {
    let old = Proven { data_as_of: at("2026-11-19T02:30:00Z"), ..clean().last_verified.unwrap() };
    let text = of(&with(|run| run.last_verified = Some(old)), false).text;
    assert!(text.contains("(4 days old)"), "{text}");
    assert!(of(&with(|run| run.last_verified = None), false).text.contains("newest proven dump  NONE is known"));
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
fn hostile(text: &str) -> RunRecord {
    let own = || text.to_owned();
    let mut finding = Finding::new(FindingKind::Changed, text).sides(text, text);
    finding.detail.push(own());
    let outcome = Outcome { findings: vec![finding], unchecked: vec![Unchecked::new(text, text, text)], ..sound() };
    let night = RunFacts {
        steps: vec![Step { name: own(), ..dump_step(StepResult::Skipped(text.into())) }],
        dump: Some(DumpFacts { backup: own(), format: own(), ..Default::default() }),
        ..Default::default()
    };
    let mut report = report_on(&outcome, night);
    report.verdict_line = format!("damaged{text}");
    RunRecord {
        host: own(),
        source: own(),
        report: Some(report),
        signed: Some(ReportFile { path: own(), sha256: own() }),
        closing: Closing {
            run_id: own(),
            exit_code: 1,
            troubles: vec![text.into()],
            debts: vec![own()],
            ..Default::default()
        },
        error: Some(text.into()),
        last_verified: Some(Proven { backup: own(), ..clean().last_verified.unwrap() }),
        ..clean()
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
        let ours = ["!DOCTYPE", "bdi", "article", "body", "caption", "code", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "head", "html", "li", "meta", "p", "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "time", "title", "tr", "ul"];
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
