//! How a run ended, in one word that may be believed: the exit code and the verdict have to agree on everything that is good.
//!
//! Never calls sound what is not proven by both, or what left anything behind.

use crate::model::run_summary::{Ending, RunSummary};
use crate::model::verdict::counted;

/// What a letter says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageAnswer {
    /// Verified, and nothing is left to be done.
    Sound,
    /// Verified; something after it failed or was left behind.
    SoundBut,
    /// The copy is not the database.
    Damaged,
    /// Nobody knows.
    Inconclusive,
    /// Somebody told us to stop, and nothing was found until then.
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

    /// For programs: stable.
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
        (0, 0) => "not all was well after it".to_owned(),
        (0, debts) => format!("{} left to be cleaned up", counted(debts, "thing")),
        (troubles, _) => format!("{} went wrong besides", counted(troubles, "thing")),
    }
}

fn instances(left: usize) -> Option<String> {
    (left > 0).then(|| format!("{} LEFT BEHIND", counted(left, "temporary instance")))
}

/// What it means, in a sentence.
pub fn meaning(bulletin: &RunSummary) -> &'static str {
    match MessageAnswer::of(bulletin) {
        MessageAnswer::Sound => {
            "The dump was restored and compared with its source: it is the database. Nothing is left to be done."
        }
        MessageAnswer::SoundBut => {
            "The dump was restored and compared with its source: it is the database. What came after needs you."
        }
        MessageAnswer::Damaged | MessageAnswer::Inconclusive if bulletin.is_dump_proven() => {
            "The dump is proven and kept with the verified ones: rows, sequences and large objects are those of the source. \
             The restore server could not take everything: fix or waive what is listed."
        }
        MessageAnswer::Damaged => "The copy is NOT the database. Do not rely on this dump.",
        MessageAnswer::Inconclusive => {
            "Nobody knows whether this run made a good dump: take it for a night without one."
        }
        MessageAnswer::Interrupted if bulletin.verdict.is_some_and(|verdict| verdict.is_sound()) => {
            "The run was told to stop when it had its answer: the signed report says sound. What comes after it, such as \
             keeping the dump and cleaning up, may not all be done."
        }
        MessageAnswer::Interrupted => {
            "The run was told to stop before it had an answer: take it for a night without a dump."
        }
    }
}
