//! The run: its steps before and after the signature, the origin of the data, the dump, the copy, and the leg on which a
//! difference arose.

use maud::{Markup, html};

use super::chart::bar;
use super::text::{clock, code, shown, time, wide};
use crate::base::marked::MarkedText;
use crate::base::text::{duration, grouped_noun};
use crate::base::time::Timestamp;
use crate::model::post_report::PostReport;
use crate::model::run::{Complaint, Leg, RdsFacts, RestoreFacts, RunFacts, Step, StepResult};

/// Whether there is a section of steps.
pub fn has_steps(before: &[Step], aftermath: &PostReport) -> bool {
    !before.is_empty() || aftermath.closing().is_some_and(|closing| !closing.steps.is_empty())
}

/// The steps with their durations on one scale, those after the signature separately.
pub fn steps(before: &[Step], aftermath: &PostReport) -> Markup {
    let after = aftermath.closing().map_or(&[][..], |closing| &closing.steps);
    let Some(start) = before.iter().chain(after).map(|step| step.started_at).min() else { return html! {} };
    let end = |step: &Step| offset(step, start).saturating_add(step.duration_ms);
    let whole = before.iter().chain(after).map(end).max().unwrap_or(1);
    html! {
        section aria-labelledby="steps" {
            h2 #steps { "Steps" }
            (wide("Steps", &html! {
                table.steps {
                    caption { "What was done, in order; " (duration(whole)) " from the first to the last" }
                    thead { tr { th scope="col" { "Step" } th scope="col" { "Result" } th.n scope="col" { "Began" }
                        th.n scope="col" { "Took" } th scope="col" { "Within the night" } } }
                    tbody { @for step in before { (line(step, start, whole, "done")) } }
                    @if *aftermath != PostReport::Nothing {
                        tbody.after {
                            tr { th colspan="5" scope="rowgroup" { "After the report was signed" (unknown(aftermath)) } }
                            @for step in after { (line(step, start, whole, "late")) }
                        }
                    }
                }
            }))
        }
    }
}

/// The reason why the later steps are not known.
fn unknown(aftermath: &PostReport) -> Markup {
    let why = aftermath.disorder().or(aftermath.pending().map(str::to_owned));
    html! { @if let Some(why) = why { ": " span.word.inconclusive { "not known" } "; " (shown(&why)) } }
}

fn offset(step: &Step, start: Timestamp) -> u64 {
    step.started_at.seconds_since(start).saturating_mul(1000)
}

/// `color` is the class of a bar whose step did not fail.
fn line(step: &Step, start: Timestamp, whole: u64, color: &str) -> Markup {
    let (word, class, why) = match &step.result {
        StepResult::Done => ("done", "sound", None),
        StepResult::Failed(why) => ("failed", "damaged", Some(why)),
        StepResult::Skipped(why) => ("skipped", "quiet", Some(why)),
    };
    let from = offset(step, start);
    let label = format!("{} from {}", duration(step.duration_ms), duration(from));
    html! {
        tr {
            th scope="row" { (shown(&step.name)) }
            td { span class={ "word " (class) } { (word) } @if let Some(why) = why { ": " (shown(why.full())) } (notes(&step.notes)) }
            td.n { time datetime=(step.started_at) { (clock(step.started_at)) } }
            td.n { (duration(step.duration_ms)) }
            td { (bar(from, step.duration_ms, whole, if class == "damaged" { "part" } else { color }, &label)) }
        }
    }
}

fn notes(notes: &[MarkedText]) -> Markup {
    let list = html! { ul.plain { @for note in notes { li { (shown(note.full())) } } } };
    match notes.len() {
        0 => html! {},
        1..=2 => list,
        count => html! { details { summary { (grouped_noun(count as u64, "note")) } (list) } },
    }
}

/// Source to dump, dump to copy.
pub fn legs(legs: &[Leg]) -> Markup {
    html! {
        @if !legs.is_empty() {
            section aria-labelledby="legs" {
                h2 #legs { "Source to dump, dump to copy" }
                p.quiet { "The way from the source to the copy in two parts: where a difference came in." }
                (wide("Legs", &html! {
                table {
                    caption { "Verdicts of the legs" }
                    thead { tr { th scope="col" { "Leg" } th scope="col" { "Verdict" } th scope="col" { "Findings" } } }
                    tbody { @for leg in legs {
                        tr { th scope="row" { (shown(&leg.name)) } td { (shown(&leg.verdict_line)) }
                            td { @if leg.findings.is_empty() { "none" } @else { (leg_findings(&leg.findings)) } } }
                    } }
                }
                }))
            }
        }
    }
}

fn leg_findings(findings: &[String]) -> Markup {
    let list = html! { ul.plain { @for finding in findings { li { (code(finding)) } } } };
    if findings.len() <= 12 {
        list
    } else {
        html! { details { summary { (grouped_noun(findings.len() as u64, "finding")) } (list) } }
    }
}

/// The origin of the data, and the copy that was made from it.
pub fn origin(night: &RunFacts) -> Markup {
    html! {
        section aria-labelledby="origin" {
            h2 #origin { "Origin and copy" }
            dl.facts.small {
                div { dt { "Source" } dd { (shown(&night.source_kind)) } }
                @if let Some(at) = night.data_as_of { div { dt { "Data as of" } dd { (time(at)) } } }
                @if let Some(rds) = &night.rds { (amazon(rds)) }
                @if let Some(dump) = &night.dump {
                    div { dt { "Dump" } dd { (code(&dump.backup)) ", format " (shown(&dump.format)) ", pg_dump " (shown(&dump.pg_dump)) } }
                }
                @if let Some(restore) = &night.restore {
                    div { dt { "Restored into" } dd { (code(&restore.database)) ", pg_restore " (shown(&restore.pg_restore)) } }
                }
            }
            @if let Some(restore) = &night.restore { (complaints(restore)) }
        }
    }
}

fn amazon(rds: &RdsFacts) -> Markup {
    let fact = |what: &str, text: Option<&String>| {
        html! {
            @if let Some(text) = text { @if !text.is_empty() { div { dt { (what) } dd { (code(text)) } } } }
        }
    };
    html! {
        (fact("AWS account", Some(&rds.account)))
        (fact("Region", Some(&rds.region)))
        (fact("Source instance", Some(&rds.source_instance)))
        (fact("Its resource id", Some(&rds.source_resource_id)))
        (fact("RDS snapshot", Some(&rds.snapshot)))
        @if let Some(at) = rds.snapshot_created_at { div { dt { "Snapshot made" } dd { (time(at)) } } }
        (fact("Engine version", Some(&rds.engine_version)))
        (fact("Temporary instance", rds.temporary_instance.as_ref()))
        (fact("Its resource id", rds.temporary_resource_id.as_ref()))
        (fact("Its class", rds.instance_class.as_ref()))
    }
}

fn complaints(restore: &RestoreFacts) -> Markup {
    let line = |complaint: &Complaint| {
        html! {
            tr {
                th scope="row" { (code(&complaint.object)) }
                td { (code(&complaint.sqlstate)) }
                td { (shown(&complaint.message)) }
                td { @match &complaint.accepted {
                    Some(why) => { span.word.quiet { "harmless" } " " (shown(why)) }
                    None => { span.word.damaged { "not accepted" } }
                } }
            }
        }
    };
    html! {
        @if restore.complaints.is_empty() { p { "pg_restore printed no complaints." } } @else {
            (wide("Complaints of pg_restore", &html! {
                table {
                    caption { (grouped_noun(restore.complaints.len() as u64, "complaint")) " of pg_restore" }
                    thead { tr { th scope="col" { "Object" } th scope="col" { "SQLSTATE" } th scope="col" { "Message" } th scope="col" { "Judged" } } }
                    tbody { @for complaint in &restore.complaints { (line(complaint)) } }
                }
            }))
        }
    }
}
