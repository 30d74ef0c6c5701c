//! The values and the omissions of the metrics, read back by an independent parser.

use std::collections::BTreeSet;

use nom_openmetrics::{Family as Read, MetricDescriptor, MetricType, parser};
use proptest::prelude::*;

use super::*;
use crate::base::time::Timestamp;
use crate::config::examples;
use crate::model::aspect::Aspect;
use crate::model::finding::{AppliedWaiver, Finding, FindingKind, Waiver};
use crate::model::report::Report;
use crate::model::run::{Closing, DumpFacts, RunFacts, Step};
use crate::model::run_record::Proven;
use crate::model::verdict::{Coverage, Outcome, Verdict};
use crate::samples;

type Labels = BTreeMap<String, String>;
type Samples = BTreeMap<(String, Labels), f64>;

fn at(seconds: u64) -> Timestamp {
    Timestamp::default().plus_seconds(seconds)
}

fn step(name: &str, duration_ms: u64, result: StepResult) -> Step {
    Step { name: name.into(), started_at: at(0), duration_ms, result, notes: Vec::new() }
}

fn report_on(coverage: Coverage, findings: Vec<Finding>, night: RunFacts) -> Report {
    samples::report_on(&Outcome { coverage, findings, ..samples::equal(0, &[Aspect::Rows]) }, night)
}

/// A run that ended well.
fn good() -> RunRecord {
    let coverage = Coverage {
        tables_expected: 160,
        tables_actual: 160,
        tables_compared: 160,
        rows_expected: 6_000_000,
        rows_actual: 6_000_000,
        ..Default::default()
    };
    let night = RunFacts {
        data_as_of: Some(at(1_799_990_000)),
        steps: vec![step("dump", 61_005, StepResult::Done), step("restore", 999, StepResult::Done)],
        dump: Some(DumpFacts { bytes: u64::MAX, ..Default::default() }),
        ..Default::default()
    };
    let waiver = Waiver { kind: "owner".into(), object: "a".into(), reason: "b".into(), by: "option".into() };
    let mut report = report_on(coverage, Vec::new(), night);
    report.waivers = vec![AppliedWaiver { waiver, covered: vec!["a".into()] }; 2];
    let run = samples::record_of(report);
    RunRecord {
        started_at: at(1_800_000_000),
        finished_at: at(1_800_003_600),
        last_verified: run.last_verified.map(|proven| Proven {
            data_as_of: at(1_799_990_000),
            verified_at: at(1_800_003_000),
            ..proven
        }),
        ..run
    }
}

/// A failed run after an older good one.
fn failed() -> RunRecord {
    let mut failed = RunRecord { finished_at: at(1_800_090_000), error: Some("no snapshot".into()), ..good() };
    (failed.report, failed.signed) = (None, None);
    failed.closing.exit_code = 2;
    failed.closing.steps = vec![step("find_snapshot", 1, StepResult::Failed("none".into()))];
    failed
}

/// Parses a text. Panics when the parser rejects it, and for what the collector would reject too: a duplicate series, a duplicate
/// label, a family in two parts or without help and type.
fn read(text: &str) -> Samples {
    let (rest, families) = parser::prometheus(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(rest, "");
    let mut samples = Samples::new();
    for family in &families {
        let name = name_of(family);
        for sample in &family.samples {
            assert_eq!(sample.name(), name);
            let labels: Labels = sample.labels().iter().map(|l| (l.name.to_owned(), l.value.clone())).collect();
            assert_eq!(labels.len(), sample.labels().len(), "a label twice in\n{text}");
            assert!(samples.insert((name.into(), labels), sample.number()).is_none(), "{name} twice in\n{text}");
        }
    }
    let names: Vec<&str> = families.iter().map(name_of).collect();
    assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    samples
}

fn name_of<'a>(family: &Read<'a>) -> &'a str {
    match family.descriptors[..] {
        [MetricDescriptor::Help { metric, ref help }, MetricDescriptor::Type { metric: same, ref r#type }] => {
            assert!(metric == same && *r#type == MetricType::Gauge && help.ends_with('.'), "{metric}: {help}");
            assert!(!family.samples.is_empty() && metric.starts_with("pgwitness_"));
            metric
        }
        ref other => panic!("{other:?}"),
    }
}

fn figures(bulletin: &RunRecord) -> Samples {
    read(&text(bulletin, &Labels::new()))
}

fn figure(samples: &Samples, name: &str) -> Option<f64> {
    samples.get(&(format!("pgwitness_{name}"), Labels::new())).copied()
}

fn stage(samples: &Samples, stage: &str) -> Option<f64> {
    let labels = [("stage".to_owned(), stage.to_owned())].into();
    samples.get(&("pgwitness_stage_duration_seconds".to_owned(), labels)).copied()
}

#[test]
fn a_good_night_has_every_figure() {
    let samples = figures(&good());
    for (name, value) in [
        ("last_run_timestamp_seconds", 1_800_003_600.0),
        ("last_run_success", 1.0),
        ("last_exit_code", 0.0),
        ("last_verified_timestamp_seconds", 1_800_003_000.0),
        ("last_verified_age_seconds", 600.0),
        ("last_verified_data_timestamp_seconds", 1_799_990_000.0),
        ("tables_compared", 160.0),
        ("rows_compared", 6_000_000.0),
        ("mismatches", 0.0),
        ("unchecked", 0.0),
        ("waivers", 2.0),
        ("temp_instances", 0.0),
        ("cleanup_pending", 0.0),
        ("dump_bytes", u64::MAX as f64),
    ] {
        assert_eq!(figure(&samples, name), Some(value), "{name}");
    }
    assert_eq!((stage(&samples, "dump"), stage(&samples, "restore")), (Some(61.005), Some(0.999)));
    assert_eq!(samples.len(), 16);
}

#[test]
fn the_text_is_exactly_this() {
    let labels = [("database".to_owned(), "a \"b\"\\n\nc".to_owned()), ("z".to_owned(), "é".to_owned())].into();
    let text = text(&failed(), &labels);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("temp_") || line.contains("stage")).collect();
    let expected = [
        "# HELP pgwitness_stage_duration_seconds How long each stage of the last run took, also one that failed. \
         Absent for stages that it did not go through.",
        "# TYPE pgwitness_stage_duration_seconds gauge",
        r#"pgwitness_stage_duration_seconds{database="a \"b\"\\n\nc",stage="find_snapshot",z="é"} 0.001"#,
        "# HELP pgwitness_temp_instances Temporary instances that were left behind: they cost money.",
        "# TYPE pgwitness_temp_instances gauge",
        r#"pgwitness_temp_instances{database="a \"b\"\\n\nc",z="é"} 0"#,
    ];
    assert_eq!(lines, expected);
    assert!(is_ours(text.as_bytes()) && is_ours(b"") && !is_ours(b"# HELP node_x ") && text.ends_with("} 0\n"));
}

#[test]
fn a_night_that_compared_nothing_does_not_say_that_it_found_nothing() {
    let samples = figures(&failed());
    for name in ["tables_compared", "rows_compared", "mismatches", "unchecked", "waivers", "dump_bytes"] {
        assert_eq!(figure(&samples, name), None, "{name}");
    }
    assert_eq!(figure(&samples, "last_run_success"), Some(0.0));
    // The comparison began but reached no table.
    let began = report_on(Coverage::default(), Vec::new(), RunFacts::default());
    let empty = figures(&RunRecord { report: Some(began), ..failed() });
    assert_eq!((figure(&empty, "tables_compared"), figure(&empty, "mismatches")), (Some(0.0), None));
    // A finding without a comparison: a file of the dump has changed.
    let mut found =
        report_on(Coverage::default(), vec![Finding::new(FindingKind::Changed, "dump")], RunFacts::default());
    found.scope.compared.clear();
    let found = figures(&RunRecord { report: Some(found), ..failed() });
    assert_eq!((figure(&found, "mismatches"), figure(&found, "tables_compared")), (Some(1.0), None));
}

#[test]
fn a_failure_keeps_what_was_verified_before_and_its_age_grows() {
    let samples = figures(&failed());
    assert_eq!(figure(&samples, "last_verified_timestamp_seconds"), Some(1_800_003_000.0));
    assert_eq!(figure(&samples, "last_verified_data_timestamp_seconds"), Some(1_799_990_000.0));
    assert_eq!(figure(&samples, "last_verified_age_seconds"), Some(87_000.0));
    assert_eq!(figure(&samples, "last_run_timestamp_seconds"), Some(1_800_090_000.0));
}

#[test]
fn never_verified_is_absent_and_so_is_an_unknown_age() {
    let never = text(&RunRecord { last_verified: None, ..failed() }, &Labels::new());
    assert!(!never.contains("last_verified_"), "{never}");
    let early = figures(&RunRecord { finished_at: at(1_700_000_000), ..good() });
    assert_eq!(figure(&early, "last_verified_age_seconds"), None, "the clock was set back");
    assert_eq!(figure(&early, "last_verified_timestamp_seconds"), Some(1_800_003_000.0));
}

#[test]
fn success_is_only_what_is_sound_and_clean() {
    let success = |exit_code, verdict: Option<Verdict>| {
        let mut run = good();
        run.closing.exit_code = exit_code;
        match verdict {
            Some(verdict) => run.report.as_mut().unwrap().verdict = verdict,
            None => run.signed = None,
        }
        figure(&figures(&run), "last_run_success")
    };
    assert_eq!(success(0, Some(Verdict::Sound)), Some(1.0));
    for exit_code in [1, 2, 3, 4, 128, 130, 143, 255] {
        assert_eq!(success(exit_code, Some(Verdict::Sound)), Some(0.0), "{exit_code}");
    }
    for verdict in [None, Some(Verdict::Damaged), Some(Verdict::Inconclusive)] {
        assert_eq!(success(0, verdict), Some(0.0), "{verdict:?}");
    }
}

#[test]
fn a_stage_that_was_gone_through_twice_is_one_series() {
    let mut night = good();
    night.closing.steps.push(step("dump", u64::MAX, StepResult::Failed("again".into())));
    night.closing.steps.push(step("restore", 1, StepResult::Done));
    night.closing.steps.push(step("prune", 5, StepResult::Skipped("nothing to do".into())));
    let samples = figures(&night);
    assert_eq!(stage(&samples, "restore"), Some(1.0));
    assert_eq!(stage(&samples, "dump"), Some(u64::MAX as f64 / 1000.0));
    assert_eq!(stage(&samples, "prune"), None);
}

#[test]
fn what_is_left_behind_is_counted() {
    let debts = vec!["an instance".into(), "a database".into()];
    let closing = Closing { debts, exit_code: 3, ..Default::default() };
    let samples = figures(&RunRecord { closing, instances_left: 1, ..good() });
    assert_eq!((figure(&samples, "temp_instances"), figure(&samples, "cleanup_pending")), (Some(1.0), Some(2.0)));
}

#[test]
fn the_alerts_ask_for_figures_that_there_are() {
    let run = good();
    let run = RunRecord { last_offsite: run.last_verified.clone(), ..run };
    let there: BTreeSet<String> = figures(&run).into_keys().map(|(name, _)| name).collect();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let asked: BTreeSet<&str> =
        examples::ALERTS.split(|c| !is_name(c)).filter(|word| word.starts_with("pgwitness_")).collect();
    assert!(asked.len() >= 6 && asked.iter().all(|name| there.contains(*name)), "{asked:?}");
}

prop_compose! {
    fn any_night()(
        times in any::<[u32; 4]>(),
        counts in any::<[u64; 3]>(),
        small in any::<[u8; 4]>(),
        is_there in any::<[bool; 4]>(),
        steps in proptest::collection::vec((hostile(), any::<u64>()), 0..6),
    ) -> RunRecord {
        let [started, finished, data, verified] = times.map(|time| at(time.into()));
        let night = good();
        let coverage = Coverage { tables_compared: counts[0], rows_expected: counts[1], ..Default::default() };
        let proven = Proven { data_as_of: data, verified_at: verified, ..night.last_verified.clone().unwrap() };
        let facts = RunFacts {
            dump: is_there[1].then(|| DumpFacts { bytes: counts[2], ..Default::default() }),
            ..Default::default()
        };
        let findings = vec![Finding::new(FindingKind::Drift, "a"); small[1].into()];
        RunRecord {
            started_at: started,
            finished_at: finished,
            report: is_there[0].then(|| report_on(coverage, findings, facts)),
            signed: night.signed.clone().filter(|_| is_there[3]),
            closing: Closing {
                exit_code: small[0],
                debts: vec!["task".into(); small[3].into()],
                steps: steps.iter().map(|(name, ms)| step(name, *ms, StepResult::Done)).collect(),
                ..Default::default()
            },
            instances_left: small[3].into(),
            last_verified: is_there[2].then_some(proven),
            ..night
        }
    }
}

fn hostile() -> impl Strategy<Value = String> {
    "([\"\\\\\n\r\t{},= #n]|\\PC|.){0,12}"
}

proptest! {
    #[test]
    fn whatever_a_night_was_comes_back_as_it_was(
        night in any_night(),
        labels in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,6}", hostile(), 0..4),
    ) {
        let samples = read(&text(&night, &labels));
        let of = |name: &str| samples.get(&(format!("pgwitness_{name}"), labels.clone())).copied();
        prop_assert_eq!(of("last_exit_code"), Some(f64::from(night.exit_code())));
        prop_assert_eq!(of("last_run_timestamp_seconds"), Some(night.finished_at.seconds() as f64));
        prop_assert_eq!(of("dump_bytes"), night.dump().map(|dump| dump.bytes as f64));
        prop_assert_eq!(of("rows_compared"), night.coverage().map(|coverage| coverage.rows_expected as f64));
        let verified = night.last_verified.as_ref().map(|proven| proven.verified_at.seconds() as f64);
        prop_assert_eq!(of("last_verified_timestamp_seconds"), verified);
        let stages: BTreeSet<&str> = night.steps().map(|step| step.name.as_str()).collect();
        for stage in &stages {
            let mut labels = labels.clone();
            labels.insert("stage".into(), (*stage).to_owned());
            prop_assert!(samples.contains_key(&("pgwitness_stage_duration_seconds".into(), labels)), "{}", stage);
        }
        let others = samples.keys().filter(|(name, _)| name != "pgwitness_stage_duration_seconds");
        prop_assert!(others.into_iter().all(|(_, theirs)| *theirs == labels));
        prop_assert_eq!(samples.len(), stages.len() + samples.keys().filter(|(_, theirs)| *theirs == labels).count());
    }
}
