//! The status of a run: the one list of words and exit codes for how a run ended, or what is known of it.
//!
//! A verdict alone is not the status: a sound run may have left something behind, and a report whose signature is not good has no
//! status of its own.

use crate::model::verdict::Verdict;

/// How a run ended, or what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Verdict sound, and nothing failed or was left behind.
    Sound,
    /// Verdict sound, but a later step failed, something was left behind, or the result of the later steps is not known.
    SoundWithWarnings,
    /// Verdict sound, and the run may not have ended yet.
    SoundSoFar,
    /// At least one finding.
    Damaged,
    /// No verdict.
    Inconclusive,
    /// Stopped by a signal, without a finding until then.
    Interrupted,
    /// The signature of the report is not good.
    Unproven,
    /// The report cannot be read.
    Unreadable,
    /// The run left no report.
    NoReport,
    /// The run may not have ended yet, and has no report.
    Running,
    /// Other reports name this one, and it is missing.
    Missing,
}

/// An interrupted process ends with this and the number of the signal.
pub const SIGNALS: u8 = 128;

impl Status {
    /// All, in the order of lists of counts.
    pub const ALL: [Self; 11] = [
        Self::Sound,
        Self::SoundWithWarnings,
        Self::SoundSoFar,
        Self::Damaged,
        Self::Inconclusive,
        Self::Interrupted,
        Self::Unproven,
        Self::Unreadable,
        Self::NoReport,
        Self::Running,
        Self::Missing,
    ];

    /// By the exit code of the process of a run.
    pub fn of_exit_code(exit_code: u8) -> Self {
        match exit_code {
            0 => Self::Sound,
            1 => Self::Damaged,
            3 => Self::SoundWithWarnings,
            code if code > SIGNALS => Self::Interrupted,
            _ => Self::Inconclusive,
        }
    }

    /// The exit code of `nightly`. Without a signed report there is no verdict; an interrupted run ends with 128 and the number
    /// of its signal instead.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Sound | Self::SoundSoFar => 0,
            Self::Damaged => 1,
            Self::SoundWithWarnings => 3,
            Self::Inconclusive
            | Self::Interrupted
            | Self::Unproven
            | Self::Unreadable
            | Self::NoReport
            | Self::Running
            | Self::Missing => 2,
        }
    }

    /// Stable, for programs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::SoundWithWarnings => "sound_but",
            Self::SoundSoFar => "sound_so_far",
            Self::Damaged => "damaged",
            Self::Inconclusive => "inconclusive",
            Self::Interrupted => "interrupted",
            Self::Unproven => "unproven",
            Self::Unreadable => "unreadable",
            Self::NoReport => "no_report",
            Self::Running => "no_report_yet",
            Self::Missing => "missing",
        }
    }

    /// The printed word.
    pub fn word(self) -> &'static str {
        match self {
            Self::SoundWithWarnings => "sound with warnings",
            Self::SoundSoFar => "sound so far",
            Self::NoReport => "no report",
            Self::Running => "no report yet",
            other => other.id(),
        }
    }

    /// The meaning, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Sound => "Everything that was planned was compared on both sides, and nothing was found.",
            Self::SoundWithWarnings => {
                "Everything was compared and nothing was found; but something after that failed, was left behind, or is not known."
            }
            Self::SoundSoFar => {
                "Everything was compared and nothing was found; what comes after that is not known yet."
            }
            Self::Damaged => "At least one check found a problem.",
            Self::Inconclusive => "There is no verdict: something could not be checked. This is not the same as sound.",
            Self::Interrupted => "The run was stopped by a signal.",
            Self::Unproven => "The signature is no proof of this report. Do not believe what it says.",
            Self::Unreadable => "There is a report, and it cannot be read.",
            Self::NoReport => "A run started and left no report.",
            Self::Running => "A run started less than a day ago; it may still be running.",
            Self::Missing => "Another report names this one by its hash, and it is missing.",
        }
    }
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Sound => Self::Sound,
            Verdict::Damaged => Self::Damaged,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_run_without_warnings_ends_with_0() {
        for status in Status::ALL {
            let is_good = matches!(status, Status::Sound | Status::SoundSoFar);
            assert_eq!(status.exit_code() == 0, is_good, "{status:?}");
        }
        assert_eq!([0, 1, 2, 3, 130, 143, 4, 128].map(Status::of_exit_code), {
            use Status::{Damaged, Inconclusive, Interrupted, Sound, SoundWithWarnings};
            [Sound, Damaged, Inconclusive, SoundWithWarnings, Interrupted, Interrupted, Inconclusive, Inconclusive]
        });
    }

    #[test]
    fn words_and_ids_are_distinct() {
        let ids: std::collections::BTreeSet<_> = Status::ALL.iter().map(|status| status.id()).collect();
        let words: std::collections::BTreeSet<_> = Status::ALL.iter().map(|status| status.word()).collect();
        assert_eq!((ids.len(), words.len()), (Status::ALL.len(), Status::ALL.len()));
    }
}
