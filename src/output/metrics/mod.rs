//! Metrics of a run for Prometheus, in its text format 0.0.4.
//!
//! A metric never contains a value from the database. An unknown metric is absent, not 0, so that an alert distinguishes a run
//! that compared nothing from one that found nothing.
//!
//! Source: Prometheus, "Exposition formats", section "Text-based format". Samples have no timestamp: the collector rejects them.

use std::collections::BTreeMap;

use crate::model::run::StepResult;
use crate::model::run_record::RunRecord;
use crate::model::status::Status;

#[cfg(test)]
mod tests;

/// The beginning of every metrics file of pgwitness.
const BEGINNING: &str = "# HELP pgwitness_";

/// One metric: its name without `pgwitness_`, its help text, and its samples.
struct Family {
    name: &'static str,
    help: &'static str,
    samples: Vec<Sample>,
}

/// The value as an integer or with exact decimals; the stage where there is more than one.
struct Sample {
    stage: Option<String>,
    value: String,
}

impl Family {
    /// `None`: not known.
    fn one(name: &'static str, help: &'static str, value: Option<u64>) -> Self {
        let sample = |value: u64| Sample { stage: None, value: value.to_string() };
        Self { name, help, samples: value.map(sample).into_iter().collect() }
    }
}

/// All metrics of this run, sorted by name, with `labels` on each. The names of labels are used unchanged
/// ([`crate::config::Config::check`] checks them); their values may contain anything.
pub fn text(run: &RunRecord, labels: &BTreeMap<String, String>) -> String {
    let all = [ending(run), proven(run), offsite(run), compared(run), left(run), vec![stages(run)]];
    let mut families: Vec<Family> = all.into_iter().flatten().filter(|family| !family.samples.is_empty()).collect();
    families.sort_by_key(|family| family.name);
    families.iter().map(|family| print(family, labels)).collect()
}

/// Whether a file with this beginning was written by pgwitness; an empty file may be replaced too.
pub fn is_ours(beginning: &[u8]) -> bool {
    beginning.is_empty() || beginning.starts_with(BEGINNING.as_bytes())
}

/// The labels of the first sample in a metrics text, as printed, without the stage; `None`: it has no sample.
pub fn labels_of(text: &str) -> Option<String> {
    let sample = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let (head, _) = sample.rsplit_once(' ')?;
    let labels = head.split_once('{').and_then(|(_, labels)| labels.strip_suffix('}')).unwrap_or_default();
    Some(without_stage(labels))
}

/// The result of [`labels_of`] for a text with these labels.
pub fn labels_text(labels: &BTreeMap<String, String>) -> String {
    let printed = print_labels(labels, &Sample { stage: None, value: String::new() });
    without_stage(printed.trim_start_matches('{').strip_suffix('}').unwrap_or_default())
}

/// No configured label has the name `stage` ([`crate::config::Config::check`]).
fn without_stage(labels: &str) -> String {
    let (mut kept, mut rest) = (Vec::new(), labels);
    while let Some(end) = end_of_label(rest) {
        let (label, behind) = rest.split_at(end);
        kept.extend((!label.starts_with("stage=")).then_some(label));
        rest = behind.trim_start_matches(',');
    }
    kept.join(",")
}

/// The position after the quote that closes the first value; a backslash escapes the next character.
fn end_of_label(labels: &str) -> Option<usize> {
    let open = labels.find('"')? + 1;
    let mut is_escaped = false;
    let close = labels.get(open..)?.find(|c| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    Some(open + close + 1)
}

fn ending(run: &RunRecord) -> Vec<Family> {
    let is_good = run.status() == Status::Sound;
    vec![
        Family::one(
            "last_run_timestamp_seconds",
            "When the last run ended, whatever its result.",
            Some(run.finished_at.seconds()),
        ),
        Family::one(
            "last_run_success",
            "1 when the last run ended sound and cleaned up, else 0.",
            Some(u64::from(is_good)),
        ),
        Family::one(
            "last_exit_code",
            "Exit code of the last run: 0 sound, 1 damaged, 2 inconclusive, 3 sound but something was left behind, \
             above 128 interrupted.",
            Some(u64::from(run.exit_code())),
        ),
        Family::one(
            "dump_bytes",
            "Size of the last run's dump. Absent when it made none.",
            run.dump().map(|dump| dump.bytes),
        ),
    ]
}

/// Metrics of the newest proven dump, of this run or of an earlier one.
fn proven(run: &RunRecord) -> Vec<Family> {
    let proven = run.last_verified.as_ref();
    // After a clock was set back, an age of 0 would be wrong, and would look like the best value.
    let age = proven.filter(|proven| proven.verified_at <= run.finished_at);
    vec![
        Family::one(
            "last_verified_timestamp_seconds",
            "When a dump was last proven. Failed runs leave it as it was; absent when there has never been one.",
            proven.map(|proven| proven.verified_at.seconds()),
        ),
        Family::one(
            "last_verified_age_seconds",
            "How long before the end of the last run a dump was last proven. It does not grow between runs.",
            age.map(|proven| run.finished_at.seconds_since(proven.verified_at)),
        ),
        Family::one(
            "last_verified_data_timestamp_seconds",
            "Of what time the data is in the dump that was last proven.",
            proven.map(|proven| proven.data_as_of.seconds()),
        ),
    ]
}

/// Metrics of the newest proven dump in the off-site repository; absent without one, and without `[offsite]`.
fn offsite(run: &RunRecord) -> Vec<Family> {
    let stored = run.last_offsite.as_ref();
    vec![
        Family::one(
            "offsite_last_verified_timestamp_seconds",
            "When a proven dump was last complete in the off-site repository. Failed uploads leave it as it was.",
            stored.map(|stored| stored.verified_at.seconds()),
        ),
        Family::one(
            "offsite_last_verified_data_timestamp_seconds",
            "Of what time the data is in the newest proven dump in the off-site repository.",
            stored.map(|stored| stored.data_as_of.seconds()),
        ),
    ]
}

/// What was compared. Zero findings are reported only by a run that compared.
fn compared(run: &RunRecord) -> Vec<Family> {
    let coverage = run.coverage();
    let (found, unchecked) = (run.findings().len(), run.unchecked().len());
    let has_looked = coverage.is_some_and(|coverage| coverage.tables_compared > 0);
    vec![
        Family::one(
            "tables_compared",
            "Tables whose rows the last run read on both sides and compared. Absent when it came to no comparison.",
            coverage.map(|coverage| coverage.tables_compared),
        ),
        Family::one(
            "rows_compared",
            "Rows that the last run read on the side of the source. Absent when it came to no comparison.",
            coverage.map(|coverage| coverage.rows_expected),
        ),
        Family::one(
            "mismatches",
            "Findings of the last run. Absent, not 0, when it compared nothing.",
            (has_looked || found > 0).then_some(found as u64),
        ),
        Family::one(
            "unchecked",
            "What the last run could not check. Absent when it came to no comparison.",
            (coverage.is_some() || unchecked > 0).then_some(unchecked as u64),
        ),
        Family::one(
            "waivers",
            "Waivers that covered something in the last run. Absent when it came to no comparison.",
            coverage.map(|_| run.waivers() as u64),
        ),
    ]
}

/// Resources that cost money, and tasks for the user.
fn left(run: &RunRecord) -> Vec<Family> {
    vec![
        Family::one(
            "temp_instances",
            "Temporary instances that were left behind: they cost money.",
            Some(run.instances_left as u64),
        ),
        Family::one(
            "cleanup_pending",
            "What is left to be cleaned up by the next run, temporary instances included.",
            Some(run.closing.debts.len() as u64),
        ),
    ]
}

/// A stage that ran twice is one sample: node_exporter drops one of two equal series and reports that only in its log.
fn stages(run: &RunRecord) -> Family {
    let mut durations = BTreeMap::<&str, u64>::new();
    for step in run.steps().filter(|step| !matches!(step.result, StepResult::Skipped(_))) {
        let duration = durations.entry(&step.name).or_default();
        *duration = duration.saturating_add(step.duration_ms);
    }
    let sample = |(stage, ms): (&str, u64)| Sample { stage: Some(stage.to_owned()), value: seconds(ms) };
    Family {
        name: "stage_duration_seconds",
        help: "How long each stage of the last run took, also one that failed. Absent for stages that it did not go through.",
        samples: durations.into_iter().map(sample).collect(),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn print(family: &Family, labels: &BTreeMap<String, String>) -> String {
    let Family { name, help, samples } = family;
    let head = format!("# HELP pgwitness_{name} {help}\n# TYPE pgwitness_{name} gauge\n");
    let line = |sample: &Sample| format!("pgwitness_{name}{} {}\n", print_labels(labels, sample), sample.value);
    head + &samples.iter().map(line).collect::<String>()
}

/// `{database="shop",stage="dump"}`, or nothing.
fn print_labels(labels: &BTreeMap<String, String>, sample: &Sample) -> String {
    // Use one map: no name can occur twice.
    let mut all: BTreeMap<&str, &str> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.extend(sample.stage.as_deref().map(|stage| ("stage", stage)));
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
