//! The answer of a run in one word. A good answer requires that the exit code and the verdict agree.
//!
//! A run that left anything behind is not sound.

use crate::model::run_summary::{Ending, RunSummary};
use crate::model::verdict::counted;

/// The answer of a run in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageAnswer {
    /// Verified, and no cleanup task is left.
    Sound,
    /// Verified; a later step failed, or something was left behind.
    SoundBut,
    /// The copy differs from the database.
    Damaged,
    /// Not known.
    Inconclusive,
    /// Stopped by a signal, without a finding until then.
    Interrupted,
}

impl MessageAnswer {
    /// Where exit code, verdict and the rest disagree, the worse one counts.
    pub fn of(bulletin: &RunSummary) -> Self {
        let is_sound = bulletin.verdict.is_some_and(|verdict| verdict.is_sound())
            && bulletin.findings.is_empty()
            && bulletin.unchecked.is_empty();
        if bulletin.verdict.is_some_and(|verdict| verdict.is_damaged()) || !bulletin.findings.is_empty() {
            return Self::Damaged;
        }
        match bulletin.ending() {
            Ending::Damaged => Self::Damaged,
            Ending::Interrupted => Self::Interrupted,
            Ending::Clean if is_sound && is_clean(bulletin) => Self::Sound,
            Ending::Clean | Ending::SoundBut if is_sound => Self::SoundBut,
            Ending::Clean | Ending::SoundBut | Ending::Inconclusive => Self::Inconclusive,
        }
    }

    /// Stable id for programs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::SoundBut => "sound_but",
            Self::Damaged => "damaged",
            Self::Inconclusive => "inconclusive",
            Self::Interrupted => "interrupted",
        }
    }
}

fn is_clean(bulletin: &RunSummary) -> bool {
    bulletin.error.is_none()
        && bulletin.troubles.is_empty()
        && bulletin.debts.is_empty()
        && bulletin.instances_left == 0
}

/// The answer with its reason, in a few words: `DAMAGED, 3 findings`.
pub fn headline(bulletin: &RunSummary) -> String {
    let left = instances(bulletin.instances_left);
    let and_left = left.as_ref().map(|left| format!("; {left}")).unwrap_or_default();
    let and_left = if bulletin.is_dump_proven() { format!("; the dump is proven{and_left}") } else { and_left };
    match MessageAnswer::of(bulletin) {
        MessageAnswer::Sound => "sound".to_owned(),
        MessageAnswer::SoundBut => format!("sound, but {}", left.unwrap_or_else(|| flaw(bulletin))),
        MessageAnswer::Damaged if bulletin.findings.is_empty() => format!("DAMAGED{and_left}"),
        MessageAnswer::Damaged => format!("DAMAGED, {}{and_left}", counted(bulletin.findings.len(), "finding")),
        MessageAnswer::Inconclusive if !bulletin.unchecked.is_empty() && bulletin.error.is_none() => {
            format!("inconclusive, {} could not be checked{and_left}", counted(bulletin.unchecked.len(), "thing"))
        }
        MessageAnswer::Inconclusive => format!("inconclusive{and_left}"),
        MessageAnswer::Interrupted => format!("interrupted{and_left}"),
    }
}

fn flaw(bulletin: &RunSummary) -> String {
    match (bulletin.troubles.len(), bulletin.debts.len()) {
        (0, 0) => "a later step failed".to_owned(),
        (0, debts) => format!("{} left to be cleaned up", counted(debts, "thing")),
        (troubles, _) => counted(troubles, "other problem"),
    }
}

fn instances(left: usize) -> Option<String> {
    (left > 0).then(|| format!("{} LEFT BEHIND", counted(left, "temporary instance")))
}

/// The meaning, in a sentence.
pub fn meaning(bulletin: &RunSummary) -> &'static str {
    match MessageAnswer::of(bulletin) {
        MessageAnswer::Sound => {
            "The dump was restored and compared with its source: it is the database. Nothing is left to be done."
        }
        MessageAnswer::SoundBut => {
            "The dump was restored and compared with its source: it is the database. A later step needs your attention."
        }
        MessageAnswer::Damaged | MessageAnswer::Inconclusive if bulletin.is_dump_proven() => {
            "The dump is proven and kept with the verified ones: rows, sequences and large objects are those of the source. \
             The restore server could not take everything: fix or waive what is listed."
        }
        MessageAnswer::Damaged => "The copy is NOT the database. Do not rely on this dump.",
        MessageAnswer::Inconclusive => {
            "It is not known whether this run made a good dump: treat it as a run without one."
        }
        MessageAnswer::Interrupted if bulletin.verdict.is_some_and(|verdict| verdict.is_sound()) => {
            "The run was stopped after it had its verdict: the signed report says sound. Later steps, such as \
             keeping the dump and cleaning up, may be incomplete."
        }
        MessageAnswer::Interrupted => "The run was stopped before it had a verdict: treat it as a run without a dump.",
    }
}
