//! The message about a run: the status with its reasons, then the facts.
//!
//! Lists are cut to a readable length and counted; the report has all items.

use super::headline::{headline, meaning};
use super::{coverage, findings, history, remarks, run as run_view};
use crate::base::marked::{Disclosure, MarkedText};
use crate::base::printable::printable;
use crate::base::text::{bytes, cut, duration, grouped, grouped_noun};
use crate::base::time::Timestamp;
use crate::model::closing_state::ClosingState;
use crate::model::run::Step;
use crate::model::run_record::{Proven, RunRecord};
use crate::model::status::Status;
use crate::model::verdict::counted;
use crate::output::document::{Block, Document, Section, Text, name, outside, status_tone, strong, time};

/// Items of a list.
const MAX_ITEMS: usize = 20;
/// Cells of one text.
const MAX_CELLS: usize = 600;

pub fn message(run: &RunRecord, disclosure: Disclosure) -> Document {
    let texts = |texts: &[MarkedText]| texts.iter().map(|text| one_line(text, disclosure).as_str().into()).collect();
    // Generated names of instances, dumps and copies.
    let tasks = run.closing.debts.iter().map(|task| outside(task)).collect();
    let sections = [
        list(Section::new("why", "Why").heading("why"), texts(run.error.as_slice())),
        found(run, disclosure),
        remarks::unchecked(run.unchecked(), disclosure),
        list(Section::new("problems", "Other problems").heading("other problems"), texts(&run.closing.troubles)),
        list(Section::new("cleanup", "Cleanup tasks").heading("cleanup tasks, for the next run"), tasks),
        Section::new("run", "The run").heading("the run").with([Block::Facts(facts(run))]),
        steps(run, disclosure),
    ];
    Document {
        tone: status_tone(run.status()),
        title: format!("{}: {}", headline(run), printable(&run.source)),
        intro: alarm(run).into_iter().chain([meaning(run).into()]).collect(),
        sections: sections.into_iter().filter(|one| !one.blocks.is_empty()).map(shortened).collect(),
    }
}

/// Output of a server or a program: one printable line of limited length.
pub fn one_line(text: &MarkedText, disclosure: Disclosure) -> String {
    let lines = text.shown(disclosure).lines().map(str::trim).filter(|line| !line.is_empty());
    cut(&printable(&lines.collect::<Vec<_>>().join("; ")), MAX_CELLS)
}

fn list(section: Section, texts: Vec<Text>) -> Section {
    section.with((!texts.is_empty()).then_some(Block::List(texts)))
}

fn found(run: &RunRecord, disclosure: Disclosure) -> Section {
    let (shown, left_out) = run.findings().split_at(run.findings().len().min(MAX_ITEMS));
    findings::section(shown, disclosure).counted(run.findings().len(), "finding").with(more(left_out.len()))
}

fn more(count: usize) -> Option<Block> {
    (count > 0).then(|| Block::Paragraph(format!("… and {} more", grouped(count as u64)).into()))
}

fn alarm(run: &RunRecord) -> Option<Text> {
    let left = (run.instances_left > 0).then(|| counted(run.instances_left, "temporary instance"))?;
    Some(strong(&format!(
        "{left} may still be there and COSTS MONEY until it is deleted: run `pgwitness sweep`, or look at RDS."
    )))
}

fn facts(run: &RunRecord) -> Vec<(&'static str, Text)> {
    let now = run.finished_at;
    let mut facts = vec![("machine", outside(&run.host)), ("source", outside(&run.source))];
    facts.extend(verdict_line(run).map(|line| ("verdict", outside(line))));
    facts.extend(dump_line(run).map(|line| ("dump verdict", outside(&line))));
    facts.extend(run.data_as_of().map(|at| ("data as of", with_age(at, now))));
    facts.extend(run.coverage().map(|counts| ("compared", coverage::line(counts).into())));
    facts.extend((run.waivers() > 0).then(|| ("waivers", format!("{} covered something", run.waivers()).into())));
    facts.extend(run.dump().map(|dump| {
        let size = format!(", {} in {}", bytes(dump.bytes), grouped_noun(dump.files.len() as u64, "file"));
        ("dump", name(&dump.backup).and(size))
    }));
    let took = format!(", {}", duration(now.seconds_since(run.started_at).saturating_mul(1000)));
    facts.push(("run", time(run.started_at).and(" to ").and(time(now)).and(took)));
    facts.push(("run id", name(run.run_id()).and(format!(", exit code {}", run.exit_code()))));
    facts.push(("newest proven dump", proven(run.last_verified.as_ref(), now)));
    match &run.signed {
        None => facts.push(("report", "none was signed".into())),
        Some(report) => facts.extend([
            ("report", name(&report.path)),
            ("its SHA-256", name(&report.sha256)),
            ("verify it", name(&format!("pgwitness report verify --allowed-signers FILE {}", report.path))),
        ]),
    }
    facts
}

/// The line on the dump, where it differs from the verdict.
pub fn dump_line(run: &RunRecord) -> Option<String> {
    run.dump_verdict()?.line()
}

/// Only if it states the verdict.
pub fn verdict_line(run: &RunRecord) -> Option<&str> {
    let (verdict, line) = (run.verdict()?, run.verdict_line()?);
    let fits = line.starts_with(&verdict.to_string());
    let may = !verdict.is_sound() || matches!(run.status(), Status::Sound | Status::SoundWithWarnings);
    (fits && may).then_some(line)
}

fn proven(last: Option<&Proven>, now: Timestamp) -> Text {
    let Some(last) = last else { return "NONE is known".into() };
    let size = format!(", {}, data as of ", bytes(last.dump_bytes));
    name(&last.backup).and(size).and(with_age(last.data_as_of, now)).and(", proven at ").and(time(last.verified_at))
}

/// `2026-11-22T03:00:00Z (26 hours old)`
fn with_age(at: Timestamp, now: Timestamp) -> Text {
    if at > now { time(at) } else { time(at).and(format!(" ({} old)", history::age(now.seconds_since(at)))) }
}

/// All steps, those after the report included; without their notes.
fn steps(run: &RunRecord, disclosure: Disclosure) -> Section {
    let steps: Vec<Step> = run.steps().map(|step| Step { notes: Vec::new(), ..step.clone() }).collect();
    run_view::steps(&steps, &ClosingState::Nothing, disclosure).heading("steps")
}

/// Lists cut to a readable length, tables without pictures.
fn shortened(section: Section) -> Section {
    Section { blocks: section.blocks.into_iter().flat_map(short).collect(), ..section }
}

fn short(mut block: Block) -> impl Iterator<Item = Block> {
    let left_out = match &mut block {
        Block::List(texts) => cut_off(texts),
        Block::Items(_, items) => cut_off(items),
        Block::DocumentTable(table) => {
            table.is_plain = true;
            0
        }
        _ => 0,
    };
    std::iter::once(block).chain(more(left_out))
}

fn cut_off<T>(all: &mut Vec<T>) -> usize {
    all.drain(all.len().min(MAX_ITEMS)..).count()
}
