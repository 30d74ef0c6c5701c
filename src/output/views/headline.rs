//! The status of a run in words: the subject and the first sentence of a message.

use crate::model::run_record::RunRecord;
use crate::model::status::Status;
use crate::model::verdict::counted;

/// The status with its reason, in a few words: `DAMAGED, 3 findings`.
pub fn headline(run: &RunRecord) -> String {
    let left = instances(run.instances_left);
    let and_left = left.as_ref().map(|left| format!("; {left}")).unwrap_or_default();
    let and_left = if run.is_dump_proven() { format!("; the dump is proven{and_left}") } else { and_left };
    match run.status() {
        Status::Sound => "sound".to_owned(),
        Status::SoundWithWarnings => format!("sound with warnings: {}", left.unwrap_or_else(|| flaw(run))),
        Status::Damaged if run.findings().is_empty() => format!("DAMAGED{and_left}"),
        Status::Damaged => format!("DAMAGED, {}{and_left}", counted(run.findings().len(), "finding")),
        Status::Interrupted => format!("interrupted{and_left}"),
        _ if !run.unchecked().is_empty() && run.error.is_none() => {
            format!("inconclusive, {} could not be checked{and_left}", counted(run.unchecked().len(), "thing"))
        }
        _ => format!("inconclusive{and_left}"),
    }
}

fn flaw(run: &RunRecord) -> String {
    match (run.closing.troubles.len(), run.closing.debts.len()) {
        (0, 0) => "a later step failed".to_owned(),
        (0, debts) => format!("{} left to be cleaned up", counted(debts, "thing")),
        (troubles, _) => counted(troubles, "other problem"),
    }
}

fn instances(left: usize) -> Option<String> {
    (left > 0).then(|| format!("{} LEFT BEHIND", counted(left, "temporary instance")))
}

/// The meaning, in a sentence.
pub fn meaning(run: &RunRecord) -> &'static str {
    match run.status() {
        Status::Sound => {
            "The dump was restored and compared with its source: it is the database. Nothing is left to be done."
        }
        Status::SoundWithWarnings => {
            "The dump was restored and compared with its source: it is the database. A later step needs your attention."
        }
        Status::Damaged | Status::Inconclusive if run.is_dump_proven() => {
            "The dump is proven and kept with the verified ones: rows, sequences and large objects are those of the source. \
             The restore server could not take everything: fix or waive what is listed."
        }
        Status::Damaged => "The copy is NOT the database. Do not rely on this dump.",
        Status::Inconclusive => "It is not known whether this run made a good dump: treat it as a run without one.",
        Status::Interrupted if run.verdict().is_some_and(|verdict| verdict.is_sound()) => {
            "The run was stopped after it had its verdict: the signed report says sound. Later steps, such as \
             keeping the dump and cleaning up, may be incomplete."
        }
        Status::Interrupted => "The run was stopped before it had a verdict: treat it as a run without a dump.",
        _ => "It is not known whether this run made a good dump: treat it as a run without one.",
    }
}
