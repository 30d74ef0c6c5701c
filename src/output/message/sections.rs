//! The contents of a message in reading order, before formatting.
//!
//! Lists are cut to a readable length and counted; the report has all items.

use super::headline::{headline, meaning};
use crate::base::marked::MarkedText;
use crate::base::printable::printable;
use crate::base::text::{bytes, cut, duration, grouped_noun};
use crate::base::time::{DAY_S, Timestamp};
use crate::model::finding::{Finding, FindingKind, Unchecked};
use crate::model::run::{Step, StepResult};
use crate::model::run_record::{Proven, RunRecord};
use crate::model::status::Status;
use crate::model::verdict::counted;
use crate::output::terminal::{self, Style};
use crate::output::views::{coverage, remarks, rows_summary};

/// Number of items of a list in a message.
pub const MAX_ITEMS: usize = 20;
/// Cells of one item.
const MAX_CELLS: usize = 600;
/// Lines of one finding with its values.
const MAX_LINES: usize = 40;

/// The contents of a message.
pub struct Told {
    pub status: Status,
    /// `DAMAGED, 3 findings: RDS instance shop-production, database shop`
    pub headline: String,
    pub meaning: &'static str,
    /// An urgent warning.
    pub alarm: Option<String>,
    /// Reasons for the answer.
    pub lists: Vec<List>,
    /// Label and text.
    pub facts: Vec<(&'static str, String)>,
    /// Name, duration, and the result unless it is good.
    pub steps: Vec<(String, String, String)>,
}

/// Items under a heading; an item may have further lines.
pub struct List {
    pub title: String,
    pub items: Vec<Vec<String>>,
    /// Number of omitted items.
    pub more: usize,
}

impl Told {
    /// With `values`, whole texts and findings are included.
    pub fn new(run: &RunRecord, values: bool) -> Self {
        let said = SectionText { values };
        Self {
            status: run.status(),
            headline: format!("{}: {}", headline(run), printable(&run.source)),
            meaning: meaning(run),
            alarm: alarm(run),
            lists: lists(run, said),
            facts: facts(run),
            steps: run.steps().map(|step| said.step(step)).collect(),
        }
    }
}

/// How external texts are included.
#[derive(Clone, Copy)]
pub struct SectionText {
    pub values: bool,
}

impl SectionText {
    /// Output of a server or a program: one printable line of limited length.
    pub fn of(self, text: &MarkedText) -> String {
        let text = if self.values { text.full() } else { text.safe() };
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        cut(&printable(&lines.join("; ")), MAX_CELLS)
    }

    fn finding(self, finding: &Finding) -> Vec<String> {
        if !self.values {
            let name = format!("{} {}", finding.kind, cut(&printable(finding.object.as_str()), MAX_CELLS));
            return vec![amount(finding).map_or(name.clone(), |amount| format!("{name}: {amount}"))];
        }
        let style = Style { color: false, width: 74, all_tables: false };
        let mut lines = terminal::finding(finding, style);
        if let Some(first) = lines.first_mut() {
            *first = format!("{} {first}", finding.kind);
        }
        if lines.len() > MAX_LINES {
            let more = lines.len() - MAX_LINES;
            lines.truncate(MAX_LINES);
            lines.push(format!("  … and {}", counted(more, "more line")));
        }
        lines
    }

    fn unchecked(self, of_one: &[&Unchecked]) -> Vec<String> {
        let reason = of_one.first().map(|entry| self.of(&entry.reason)).unwrap_or_default();
        vec![format!("{}: {reason}", cut(&remarks::title(of_one).plain(), MAX_CELLS))]
    }

    fn step(self, step: &Step) -> (String, String, String) {
        let result = match &step.result {
            StepResult::Done => String::new(),
            StepResult::Failed(why) => format!("FAILED: {}", self.of(why)),
            StepResult::Skipped(why) => format!("skipped: {}", self.of(why)),
        };
        (printable(&step.name), duration(step.duration_ms), result)
    }
}

/// The number of rows, without their contents.
pub fn amount(finding: &Finding) -> Option<String> {
    if let Some(rows) = &finding.rows {
        return Some(rows_summary(rows));
    }
    let counts = [&finding.expected, &finding.actual].map(|side| side.as_deref().filter(|text| is_count(text)));
    let has_counts = !matches!(finding.kind, FindingKind::Changed | FindingKind::SequenceValue);
    match counts {
        [Some(expected), Some(actual)] if has_counts => Some(format!("expected {expected}, actual {actual}")),
        _ => None,
    }
}

/// `3 rows`, `1 violating row`, `not known`: a number of rows in a comparison.
fn is_count(text: &str) -> bool {
    let noun = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let has_number = noun.len() < text.len();
    text == "not known" || (has_number && [" row", " rows", " violating row", " violating rows"].contains(&noun))
}

fn alarm(run: &RunRecord) -> Option<String> {
    let left = (run.instances_left > 0).then(|| counted(run.instances_left, "temporary instance"))?;
    Some(format!(
        "{left} may still be there and COSTS MONEY until it is deleted: run `pgwitness sweep`, or look at RDS."
    ))
}

fn lists(run: &RunRecord, said: SectionText) -> Vec<List> {
    let lines = |texts: &[MarkedText]| texts.iter().take(MAX_ITEMS).map(|text| vec![said.of(text)]).collect();
    let findings = run.findings().iter().take(MAX_ITEMS).map(|finding| said.finding(finding)).collect();
    let reasons = remarks::by_reason(run.unchecked());
    let unchecked = reasons.iter().take(MAX_ITEMS).map(|of_one| said.unchecked(of_one)).collect();
    // Generated names of instances, dumps and copies.
    let debts = run.closing.debts.iter().take(MAX_ITEMS).map(|task| vec![cut(&printable(task), MAX_CELLS)]).collect();
    let error = run.error.as_slice();
    let lists = [
        ("why".to_owned(), error.len(), lines(error)),
        (counted(run.findings().len(), "finding"), run.findings().len(), findings),
        (format!("{} unchecked", run.unchecked().len()), reasons.len(), unchecked),
        ("other problems".to_owned(), run.closing.troubles.len(), lines(&run.closing.troubles)),
        ("cleanup tasks, for the next run".to_owned(), run.closing.debts.len(), debts),
    ];
    let lists = lists.into_iter().filter(|(_, count, _)| *count > 0);
    lists.map(|(title, count, items): (_, usize, Vec<_>)| List { title, more: count - items.len(), items }).collect()
}

fn facts(run: &RunRecord) -> Vec<(&'static str, String)> {
    let now = run.finished_at;
    let mut facts = vec![("machine", printable(&run.host)), ("source", printable(&run.source))];
    facts.extend(verdict_line(run).map(|line| ("verdict", line)));
    facts.extend(dump_line(run).map(|line| ("dump verdict", line)));
    facts.extend(run.data_as_of().map(|time| ("data as of", with_age(time, now))));
    facts.extend(run.coverage().map(|counts| ("compared", coverage::line(counts))));
    facts.extend((run.waivers() > 0).then(|| ("waivers", format!("{} covered something", run.waivers()))));
    facts.extend(run.dump().map(|dump| {
        let files = grouped_noun(dump.files.len() as u64, "file");
        ("dump", format!("{}, {} in {files}", printable(&dump.backup), bytes(dump.bytes)))
    }));
    let took = duration(now.seconds_since(run.started_at).saturating_mul(1000));
    facts.push(("run", format!("{} to {now}, {took}", run.started_at)));
    facts.push(("run id", format!("{}, exit code {}", printable(run.run_id()), run.exit_code())));
    facts.push(("newest proven dump", proven(run.last_verified.as_ref(), now)));
    match &run.signed {
        None => facts.push(("report", "none was signed".to_owned())),
        Some(paper) => facts.extend([
            ("report", printable(&paper.path)),
            ("its SHA-256", printable(&paper.sha256)),
            ("verify it", format!("pgwitness report verify --allowed-signers FILE {}", printable(&paper.path))),
        ]),
    }
    facts
}

/// The line on the dump, where it differs from the verdict.
pub fn dump_line(run: &RunRecord) -> Option<String> {
    run.dump_verdict()?.line().map(|line| cut(&printable(&line), MAX_CELLS))
}

/// Only if it states the verdict.
pub fn verdict_line(run: &RunRecord) -> Option<String> {
    let (verdict, line) = (run.verdict()?, run.verdict_line()?);
    let fits = line.starts_with(&verdict.to_string());
    let may = !verdict.is_sound() || matches!(run.status(), Status::Sound | Status::SoundWithWarnings);
    (fits && may).then(|| cut(&printable(line), MAX_CELLS))
}

fn proven(last: Option<&Proven>, now: Timestamp) -> String {
    let Some(last) = last else { return "NONE is known".to_owned() };
    let (backup, size) = (printable(&last.backup), bytes(last.dump_bytes));
    format!("{backup}, {size}, data as of {}, proven at {}", with_age(last.data_as_of, now), last.verified_at)
}

/// `2026-11-22T03:00:00Z (26 h old)`
fn with_age(time: Timestamp, now: Timestamp) -> String {
    let age = match now.seconds_since(time) {
        seconds if time > now || seconds < 60 => return time.to_string(),
        seconds @ 0..3600 => format!("{} min", seconds / 60),
        seconds if seconds < 2 * DAY_S => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / DAY_S),
    };
    format!("{time} ({age} old)")
}
