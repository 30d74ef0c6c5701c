//! The run on a terminal: the origin of the data, the dump, the steps with their durations, the legs, and what followed the
//! report.
//!
//! Every step and every complaint is printed.

use super::grid::{GridColumn, grid, last_word};
use super::style::Style;
use crate::base::printable::printable;
use crate::base::text::{bytes, duration, grouped_noun, wrap};
use crate::model::post_report::PostReport;
use crate::model::run::{Complaint, DumpFacts, Leg, RdsFacts, RestoreFacts, RunFacts, Step, StepResult};

/// Notes of a step that are shown; the others are in the report.
const NOTES_SHOWN: usize = 8;

/// All lines.
pub fn lines(night: &RunFacts, style: Style) -> Vec<String> {
    let mut lines = vec![style.bold("the run")];
    let mut facts = vec![("source", source(night))];
    facts.extend(night.data_as_of.map(|time| ("data as of", time.to_string())));
    facts.extend(night.rds.iter().flat_map(rds));
    facts.extend(night.dump.iter().map(|facts| ("dump", dump(facts))));
    facts.extend(night.restore.iter().map(|facts| ("copy", copy(facts))));
    lines.extend(facts.iter().flat_map(|(label, text)| labelled(label, text, style)));
    let complaints = night.restore.iter().flat_map(|facts| &facts.complaints);
    lines.extend(complaints.flat_map(|complaint| paragraph(&complained(complaint), 4, style)));
    lines.extend(legs(&night.legs, style));
    lines.extend(steps(&night.steps, style));
    lines
}

/// What followed the signature of the report; `verdict_code` is the exit code of the verdict.
pub fn after(aftermath: &PostReport, verdict_code: u8, with_steps: bool, style: Style) -> Vec<String> {
    if *aftermath == PostReport::Nothing {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if let Some(closing) = aftermath.closing().filter(|_| with_steps) {
        lines.push(style.bold("after the report was signed"));
        lines.extend(steps(&closing.steps, style).into_iter().skip_while(String::is_empty));
    }
    let wrongs = aftermath.wrongs(verdict_code);
    let open = aftermath.pending().map(str::to_owned);
    for line in aftermath.disorder().iter().chain(&open).chain(&wrongs) {
        lines.extend(paragraph(line, 0, style).iter().map(|line| style.bold(&style.yellow(line))));
    }
    if with_steps && wrongs.is_empty() && aftermath.closing().is_some() {
        lines.push(style.green("no problem after it"));
    }
    lines
}

fn source(night: &RunFacts) -> String {
    match &night.rds {
        Some(rds) => format!(
            "{}, instance {} ({}) in account {}, {}",
            night.source_kind, rds.source_instance, rds.source_resource_id, rds.account, rds.region
        ),
        None => night.source_kind.clone(),
    }
}

fn rds(rds: &RdsFacts) -> Vec<(&'static str, String)> {
    let created = rds.snapshot_created_at.map(|time| format!(" of {time}")).unwrap_or_default();
    let mut facts = vec![("snapshot", format!("{}{created}, PostgreSQL {}", rds.snapshot, rds.engine_version))];
    if let Some(instance) = &rds.temporary_instance {
        let more = [rds.instance_class.as_deref(), rds.temporary_resource_id.as_deref()];
        let more: Vec<&str> = more.into_iter().flatten().collect();
        facts.push(("instance", format!("{instance} ({})", more.join(", "))));
    }
    facts
}

fn dump(dump: &DumpFacts) -> String {
    let files = grouped_noun(dump.files.len() as u64, "file");
    format!("{}: {}, {} in {files}, pg_dump {}", dump.backup, dump.format, bytes(dump.bytes), dump.pg_dump)
}

fn copy(restore: &RestoreFacts) -> String {
    let count = grouped_noun(restore.complaints.len() as u64, "complaint");
    format!("{}, pg_restore {}, {count}", restore.database, restore.pg_restore)
}

fn complained(complaint: &Complaint) -> String {
    let accepted = match &complaint.accepted {
        Some(reason) => format!("accepted: {reason}"),
        None => "not accepted".into(),
    };
    format!("{} ({}): {}; {accepted}", complaint.object, complaint.sqlstate, complaint.message)
}

fn legs(legs: &[Leg], style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for leg in legs {
        lines.extend(labelled(&leg.name, &leg.verdict_line, style));
        lines.extend(leg.findings.iter().flat_map(|finding| paragraph(finding, 4, style)));
    }
    lines
}

fn steps(steps: &[Step], style: Style) -> Vec<String> {
    if steps.is_empty() {
        return Vec::new();
    }
    let columns =
        [GridColumn::Text("step"), GridColumn::Text("began"), GridColumn::Number("took"), GridColumn::Text("ended")];
    let rows: Vec<Vec<String>> = steps.iter().map(row).collect();
    let paint = |word: &str| match word {
        "done" => Some(style.green(word)),
        "failed" => Some(style.red(word)),
        "skipped" => Some(style.dim(word)),
        _ => None,
    };
    let mut lines = vec![String::new()];
    lines.extend(grid(&columns, &rows, style, |line| last_word(line, paint)));
    lines.extend(steps.iter().flat_map(|step| remarks(step, style)));
    lines
}

fn row(step: &Step) -> Vec<String> {
    let ended = match &step.result {
        StepResult::Done => "done",
        StepResult::Failed(_) => "failed",
        StepResult::Skipped(_) => "skipped",
    };
    vec![printable(&step.name), step.started_at.to_string(), duration(step.duration_ms), ended.to_owned()]
}

/// Why a step failed or was skipped, and its notes.
fn remarks(step: &Step, style: Style) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    match &step.result {
        StepResult::Done => {}
        StepResult::Failed(why) => texts.push(format!("failed: {}", why.full())),
        StepResult::Skipped(why) => texts.push(format!("skipped: {}", why.full())),
    }
    texts.extend(step.notes.iter().take(NOTES_SHOWN).map(|note| note.full().to_owned()));
    if step.notes.len() > NOTES_SHOWN {
        let more = grouped_noun((step.notes.len() - NOTES_SHOWN) as u64, "more note");
        texts.push(format!("… and {more} (--format json shows them)"));
    }
    texts.iter().flat_map(|text| paragraph(&format!("{}: {text}", step.name), 2, style)).collect()
}

fn labelled(label: &str, text: &str, style: Style) -> Vec<String> {
    let label = format!("  {:<14}  ", printable(label));
    let wrapped = wrap(&printable(text), style.width.saturating_sub(label.chars().count()).max(20));
    let rest = " ".repeat(label.chars().count());
    let line = |(i, line): (usize, &String)| {
        if i == 0 { format!("{}{line}", style.dim(&label)) } else { format!("{rest}{line}") }
    };
    wrapped.iter().enumerate().map(line).collect()
}

fn paragraph(text: &str, indent: usize, style: Style) -> Vec<String> {
    let wrapped = wrap(&printable(text), style.width.saturating_sub(indent + 2).max(20));
    let line = |(i, line): (usize, &String)| format!("{:1$}{line}", "", if i == 0 { indent } else { indent + 2 });
    wrapped.iter().enumerate().map(line).collect()
}
