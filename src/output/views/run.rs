//! A run: the origin of the data, the dump, the copy, the comparisons in between, and the steps with their durations.

use crate::base::marked::{Disclosure, MarkedText};
use crate::base::text::{bytes, duration, grouped, grouped_noun};
use crate::base::time::Timestamp;
use crate::model::closing_state::ClosingState;
use crate::model::files::{FilesFacts, FilesSnapshot};
use crate::model::run::{Complaint, Leg, RdsFacts, RunFacts, Step, StepResult};
use crate::output::document::{
    Bar, Block, DocumentTable, Item, Row, Section, TableCell, TableColumn, Text, Tone, clock, name, outside, quiet,
    time, word,
};

/// The origin of the data, and the copy that was made from it.
pub fn origin(run: &RunFacts) -> Section {
    let mut facts = vec![("source", source(run))];
    facts.extend(run.data_as_of.map(|at| ("data as of", time(at))));
    facts.extend(run.rds.iter().flat_map(rds));
    if let Some(dump) = &run.dump {
        let size = format!(", {} in {}, pg_dump ", bytes(dump.bytes), grouped_noun(dump.files.len() as u64, "file"));
        let format = name(&dump.backup).and(": ").and(outside(&dump.format));
        facts.push(("dump", format.and(size).and(outside(&dump.pg_dump))));
    }
    let complaints = run.restore.as_ref().map_or(&[][..], |restore| &restore.complaints);
    if let Some(restore) = &run.restore {
        let count = format!(", {}", grouped_noun(complaints.len() as u64, "complaint"));
        let copy = name(&restore.database).and(", pg_restore ").and(outside(&restore.pg_restore));
        facts.push(("restored copy", copy.and(count)));
    }
    facts.extend(run.files.iter().map(|section| ("files", files(section))));
    let list = Block::List(complaints.iter().map(complaint).collect());
    Section::new("origin", "Origin and copy")
        .heading("the run")
        .with([Block::Facts(facts)])
        .with((!complaints.is_empty()).then_some(list))
}

/// What a snapshot of a directory holds.
fn files(section: &FilesFacts) -> Text {
    let from = name(&section.name).and(" from ").and(outside(&section.source)).and(": ");
    let Some(snapshot) = &section.snapshot else { return from.and(word(Tone::Unsure, "not copied")) };
    let FilesSnapshot { files, bytes: size, copied_again, appeared, vanished, .. } = snapshot;
    let mut text =
        from.and(format!("{}, {} in ", grouped_noun(*files, "file"), bytes(*size))).and(name(&snapshot.path));
    for (count, what) in [
        (copied_again, "changed during the copy and copied again"),
        (appeared, "made during the copy and not in it"),
        (vanished, "removed during the copy"),
    ] {
        if *count > 0 {
            let noun = if *count == 1 { "entry" } else { "entries" };
            text = text.and(format!("; {} {noun} {what}", grouped(*count)));
        }
    }
    text
}

fn source(run: &RunFacts) -> Text {
    let source = outside(&run.source_kind);
    match (&run.rds, &run.source) {
        (Some(rds), _) => source
            .and(", instance ")
            .and(name(&rds.source_instance))
            .and(" (")
            .and(name(&rds.source_resource_id))
            .and(") in account ")
            .and(name(&rds.account))
            .and(", ")
            .and(name(&rds.region)),
        (None, Some(origin)) => source.and(", ").and(outside(&origin.to_string())),
        (None, None) => source,
    }
}

fn rds(rds: &RdsFacts) -> Vec<(&'static str, Text)> {
    let made = rds.snapshot_created_at.map_or_else(Text::default, |at| Text::from(" of ").and(time(at)));
    let snapshot = name(&rds.snapshot).and(made).and(", PostgreSQL ").and(outside(&rds.engine_version));
    let mut facts = vec![("snapshot", snapshot)];
    if let Some(instance) = &rds.temporary_instance {
        let more = [rds.instance_class.as_deref(), rds.temporary_resource_id.as_deref()];
        let more: Vec<&str> = more.into_iter().flatten().collect();
        facts.push(("instance", name(instance).and(" (").and(outside(&more.join(", "))).and(")")));
    }
    facts
}

fn complaint(complaint: &Complaint) -> Text {
    let text =
        name(&complaint.object).and(" (").and(name(&complaint.sqlstate)).and("): ").and(outside(&complaint.message));
    match &complaint.accepted {
        Some(reason) => text.and("; accepted: ").and(outside(reason)),
        None => text.and("; ").and(word(Tone::Bad, "not accepted")),
    }
}

/// Source to dump, dump to copy.
pub fn stages(legs: &[Leg]) -> Section {
    let item = |leg: &Leg| {
        let findings = Block::Items(
            Tone::Bad,
            leg.findings.iter().map(|finding| Item { title: name(finding), ..Item::default() }).collect(),
        );
        let title = outside(&leg.name).and(": ").and(outside(&leg.verdict_line));
        Item { title, blocks: (!leg.findings.is_empty()).then_some(findings).into_iter().collect() }
    };
    let items: Vec<Item> = legs.iter().map(item).collect();
    Section::new("legs", "Source to dump, dump to copy")
        .heading("source to dump, dump to copy")
        .note("The way from the source to the copy in two parts: where a difference came in.")
        .with((!legs.is_empty()).then_some(Block::Items(Tone::Quiet, items)))
}

/// The steps before the signature, and those after it. On one scale.
pub fn steps(before: &[Step], post: &ClosingState, disclosure: Disclosure) -> Section {
    let after = post.closing().map_or(&[][..], |closing| &closing.steps);
    let section = Section::new("steps", "Steps");
    let all = || before.iter().chain(after);
    let Some(start) = all().map(|step| step.started_at).min() else { return section };
    let whole = all().map(|step| offset(step, start).saturating_add(step.duration_ms)).max().unwrap_or(1);
    let row = |step, class| row(step, start, whole, class, disclosure);
    let more = (*post != ClosingState::Nothing).then(|| {
        let heading = Text::from("After the report was signed");
        let heading = match post.report_problems().or(post.pending().map(str::to_owned)) {
            None => heading,
            Some(why) => heading.and(": ").and(word(Tone::Unsure, "not known")).and("; ").and(outside(&why)),
        };
        (heading, after.iter().map(|step| row(step, "late")).collect())
    });
    let columns = [
        TableColumn::Words("step"),
        TableColumn::Words("began"),
        TableColumn::Numbers("took"),
        TableColumn::Bars("within the run"),
        TableColumn::Words("ended"),
    ];
    let caption = format!("What was done, in order; {} from the first to the last", duration(whole));
    let table = DocumentTable::new(caption, columns, before.iter().map(|step| row(step, "done")).collect());
    section.with([Block::DocumentTable(DocumentTable { class: "steps", more, ..table })])
}

fn offset(step: &Step, start: Timestamp) -> u64 {
    step.started_at.seconds_since(start).saturating_mul(1000)
}

/// `class` is the colour of a bar whose step did not fail.
fn row(step: &Step, start: Timestamp, whole: u64, class: &'static str, disclosure: Disclosure) -> Row {
    let said = |text: &MarkedText| outside(text.shown(disclosure));
    let (ended, why) = match &step.result {
        StepResult::Done => (word(Tone::Good, "done"), None),
        StepResult::Failed(why) => (word(Tone::Bad, "failed"), Some(Text::from("failed: ").and(said(why)))),
        StepResult::Skipped(why) => (quiet("skipped"), Some(Text::from("skipped: ").and(said(why)))),
    };
    let is_failed = matches!(step.result, StepResult::Failed(_));
    let from = offset(step, start);
    let bar = Bar {
        from,
        length: step.duration_ms,
        whole,
        class: if is_failed { "part" } else { class },
        label: format!("{} from {}", duration(step.duration_ms), duration(from)),
    };
    let cells = [
        outside(&step.name).into(),
        clock(step.started_at).into(),
        duration(step.duration_ms).into(),
        TableCell::Bar(bar),
        ended.into(),
    ];
    let notes = why.into_iter().chain(step.notes.iter().map(said)).collect();
    Row { notes, ..Row::new(cells) }
}
