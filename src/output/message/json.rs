//! A message as JSON: one object of a fixed form.
//!
//! The form is published (`webhook.schema.json` beside this file, [`SCHEMA`]); a later version may add keys.

use serde::Serialize;

use crate::base::marked::{Disclosure, MarkedText};
use crate::base::printable::printable;
use crate::base::text::cut;
use crate::base::time::Timestamp;
use crate::model::finding::Finding;
use crate::model::run::{ReportFile, Step, StepResult};
use crate::model::run_record::{Proven, RunRecord};
use crate::model::verdict::Coverage;
use crate::output::views::findings::amount;
use crate::output::views::headline::meaning;
use crate::output::views::message::{dump_line, one_line, verdict_line};

const MAX_ITEMS: usize = 100;
const MAX_CELLS: usize = 600;

#[derive(Serialize)]
struct JsonNotice<'a> {
    format: u32,
    text: String,
    answer: &'static str,
    meaning: &'static str,
    exit_code: u8,
    verdict: Option<String>,
    verdict_line: Option<String>,
    /// Whether the dump of this run counts as verified: null where nothing was compared.
    dump_proven: Option<bool>,
    dump_line: Option<String>,
    run_id: String,
    host: String,
    source: String,
    started_at: Timestamp,
    finished_at: Timestamp,
    #[serde(with = "crate::base::count")]
    duration_s: u64,
    data_as_of: Option<Timestamp>,
    coverage: Option<&'a Coverage>,
    findings: Vec<ToldFinding>,
    findings_total: usize,
    unchecked: Vec<ToldUnchecked>,
    unchecked_total: usize,
    waivers: usize,
    error: Option<String>,
    troubles: Vec<String>,
    troubles_total: usize,
    debts: Vec<String>,
    debts_total: usize,
    instances_left: usize,
    steps: Vec<ToldStep>,
    dump: Option<ToldDump>,
    report: Option<ReportFile>,
    last_verified: Option<ToldProven>,
}

#[derive(Serialize)]
struct ToldFinding {
    kind: &'static str,
    object: String,
    /// The number of rows, in words.
    rows: Option<String>,
    /// This and the following field are null unless values are enabled.
    expected: Option<String>,
    actual: Option<String>,
    detail: Option<Vec<String>>,
}

#[derive(Serialize)]
struct ToldUnchecked {
    object: String,
    side: String,
    reason: String,
}

#[derive(Serialize)]
struct ToldStep {
    name: String,
    started_at: Timestamp,
    #[serde(with = "crate::base::count")]
    duration_ms: u64,
    /// `done`, `failed` or `skipped`.
    result: &'static str,
    why: Option<String>,
}

#[derive(Serialize)]
struct ToldDump {
    backup: String,
    format: String,
    #[serde(with = "crate::base::count")]
    bytes: u64,
    files: usize,
}

#[derive(Serialize)]
struct ToldProven {
    backup: String,
    data_as_of: Timestamp,
    verified_at: Timestamp,
    /// Age of the data at the end of the run.
    #[serde(with = "crate::base::count")]
    age_s: u64,
    #[serde(with = "crate::base::count")]
    dump_bytes: u64,
}

/// The published form, as JSON schema.
pub const SCHEMA: &str = include_str!("webhook.schema.json");

/// The object, on one line. `answer` is the key to decide by: only `sound` is good. Times are RFC 3339 in UTC; counts are numbers
/// up to 2^53 - 1 and texts beyond, as in a report; lists are cut, and `…_total` has their full length; an unknown value is null.
pub fn json(run: &RunRecord, values: bool) -> String {
    let told = told(run, if values { Disclosure::Full } else { Disclosure::Safe });
    // Plain data with text keys: serialization cannot fail.
    serde_json::to_string(&told).unwrap_or_default()
}

fn told(run: &RunRecord, disclosure: Disclosure) -> JsonNotice<'_> {
    let all = |texts: &[MarkedText]| texts.iter().take(MAX_ITEMS).map(|text| one_line(text, disclosure)).collect();
    JsonNotice {
        format: 1,
        text: super::subject(run),
        answer: run.status().id(),
        meaning: meaning(run),
        exit_code: run.exit_code(),
        verdict: run.verdict().map(|verdict| verdict.to_string()),
        verdict_line: verdict_line(run).map(shown),
        dump_proven: dump_proven(run),
        dump_line: dump_line(run).as_deref().map(shown),
        run_id: printable(run.run_id()),
        host: printable(&run.host),
        source: printable(&run.source),
        started_at: run.started_at,
        finished_at: run.finished_at,
        duration_s: run.finished_at.seconds_since(run.started_at),
        data_as_of: run.data_as_of(),
        coverage: run.coverage(),
        findings: run.findings().iter().take(MAX_ITEMS).map(|one| finding(one, disclosure)).collect(),
        findings_total: run.findings().len(),
        unchecked: unchecked(run, disclosure),
        unchecked_total: run.unchecked().len(),
        waivers: run.waivers(),
        error: run.error.as_ref().map(|text| one_line(text, disclosure)),
        troubles: all(&run.closing.troubles),
        troubles_total: run.closing.troubles.len(),
        debts: run.closing.debts.iter().take(MAX_ITEMS).map(|task| shown(task)).collect(),
        debts_total: run.closing.debts.len(),
        instances_left: run.instances_left,
        steps: run.steps().take(MAX_ITEMS).map(|one| step(one, disclosure)).collect(),
        dump: run.dump().map(|dump| ToldDump {
            backup: printable(&dump.backup),
            format: printable(&dump.format),
            bytes: dump.bytes,
            files: dump.files.len(),
        }),
        report: run.signed.as_ref().map(paper),
        last_verified: run.last_verified.as_ref().map(|last| proven(last, run.finished_at)),
    }
}

/// Without a signed report nothing is proven.
fn dump_proven(run: &RunRecord) -> Option<bool> {
    let dump = run.dump_verdict()?;
    Some(dump.is_proven() && run.signed.is_some())
}

fn shown(text: &str) -> String {
    cut(&printable(text), MAX_CELLS)
}

fn finding(finding: &Finding, disclosure: Disclosure) -> ToldFinding {
    let has_values = disclosure == Disclosure::Full;
    let side = |text: &Option<String>| text.as_deref().filter(|_| has_values).map(shown);
    ToldFinding {
        kind: finding.kind.id(),
        object: shown(finding.object.as_str()),
        rows: amount(finding),
        expected: side(&finding.expected),
        actual: side(&finding.actual),
        detail: has_values.then(|| finding.detail.iter().take(MAX_ITEMS).map(|line| shown(line)).collect()),
    }
}

fn unchecked(run: &RunRecord, disclosure: Disclosure) -> Vec<ToldUnchecked> {
    let told = run.unchecked().iter().take(MAX_ITEMS).map(|one| ToldUnchecked {
        object: shown(one.object.as_str()),
        side: shown(&one.side),
        reason: one_line(&one.reason, disclosure),
    });
    told.collect()
}

fn step(step: &Step, disclosure: Disclosure) -> ToldStep {
    let (result, why) = match &step.result {
        StepResult::Done => ("done", None),
        StepResult::Failed(why) => ("failed", Some(one_line(why, disclosure))),
        StepResult::Skipped(why) => ("skipped", Some(one_line(why, disclosure))),
    };
    let Step { started_at, duration_ms, .. } = *step;
    ToldStep { name: shown(&step.name), started_at, duration_ms, result, why }
}

fn paper(paper: &ReportFile) -> ReportFile {
    ReportFile { path: shown(&paper.path), sha256: shown(&paper.sha256) }
}

fn proven(last: &Proven, now: Timestamp) -> ToldProven {
    let Proven { data_as_of, verified_at, dump_bytes, .. } = *last;
    let age_s = now.seconds_since(data_as_of);
    ToldProven { backup: shown(&last.backup), data_as_of, verified_at, age_s, dump_bytes }
}
