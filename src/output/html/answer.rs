//! The answer of a run as a sign, a word and a colour; colour is never the only difference.
//!
//! A report whose signature was checked and is not good has no verdict here.

use maud::{Markup, PreEscaped, html};

use crate::model::verdict::Verdict;
use crate::storage::history::{Content, NightEntry};

/// The answer of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Verdict sound, and no problem after the report.
    Sound,
    /// Verdict sound, but a later step failed, something was left behind, or the result is not known.
    SoundBut,
    /// Verdict sound, and the run may not have ended yet.
    SoundSoFar,
    /// Verdict damaged.
    Damaged,
    /// Verdict inconclusive.
    Inconclusive,
    /// The signature is not good.
    Unproven,
    /// Its report cannot be read.
    Unreadable,
    /// The run left no report.
    NoReport,
    /// The run may not have ended yet.
    Running,
    /// Other reports name it, and it is missing.
    Missing,
}

impl Answer {
    /// All answers, in the order of the counts.
    pub const ALL: [Self; 10] = [
        Self::Sound,
        Self::SoundBut,
        Self::SoundSoFar,
        Self::Damaged,
        Self::Inconclusive,
        Self::Unproven,
        Self::Unreadable,
        Self::NoReport,
        Self::Running,
        Self::Missing,
    ];

    /// The answer of one run.
    pub fn of(night: &NightEntry) -> Self {
        match &night.content {
            Content::Report(_) if night.is_sound_but() => Self::SoundBut,
            Content::Report(_) if night.is_sound_so_far() => Self::SoundSoFar,
            Content::Report(_) => night.verdict().map_or(Self::Unproven, Self::of_verdict),
            Content::Unreadable(_) => Self::Unreadable,
            Content::NoReport { may_be_running: true } => Self::Running,
            Content::NoReport { may_be_running: false } => Self::NoReport,
            Content::Missing { .. } => Self::Missing,
        }
    }

    fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Sound => Self::Sound,
            Verdict::Damaged => Self::Damaged,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }

    /// The word, as in `report list`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::SoundBut => "sound, but",
            Self::SoundSoFar => "sound so far",
            Self::Damaged => "damaged",
            Self::Inconclusive => "inconclusive",
            Self::Unproven => "unproven",
            Self::Unreadable => "unreadable",
            Self::NoReport => "no report",
            Self::Running => "no report yet",
            Self::Missing => "missing",
        }
    }

    /// The word within a list of words.
    pub fn counted(self) -> &'static str {
        if self == Self::SoundBut { "“sound, but”" } else { self.word() }
    }

    /// The meaning, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Sound => "Everything that was planned was compared on both sides, and nothing was found.",
            Self::SoundBut => {
                "Everything was compared and nothing was found; but something after that failed, was left behind, or is not known."
            }
            Self::SoundSoFar => {
                "Everything was compared and nothing was found; what comes after that is not known yet."
            }
            Self::Damaged => "At least one check found a problem.",
            Self::Inconclusive => "There is no verdict: something could not be checked. This is not the same as sound.",
            Self::Unproven => "The signature is no proof of this report. Do not believe what it says.",
            Self::Unreadable => "There is a report, and it cannot be read.",
            Self::NoReport => "A run started and left no report.",
            Self::Running => "A run started less than a day ago; it may still be running.",
            Self::Missing => "Another report names this one by its hash, and it is missing.",
        }
    }

    /// CSS class for the colour.
    pub fn class(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Damaged | Self::Unproven | Self::Missing => "damaged",
            Self::SoundBut | Self::Inconclusive | Self::Unreadable | Self::NoReport => "inconclusive",
            Self::SoundSoFar | Self::Running => "quiet",
        }
    }

    /// A circle, a square, an octagon, a diamond, a triangle, a broken circle: they differ without colour and at small size.
    fn shape(self) -> &'static str {
        match self {
            Self::Sound => "<circle cx='8' cy='8' r='7'/><path class='k' d='M4.6 8.3l2.4 2.4 4.4-4.9'/>",
            Self::SoundBut => {
                "<path d='M3.4 1.2h9.2a2.2 2.2 0 0 1 2.2 2.2v9.2a2.2 2.2 0 0 1-2.2 2.2H3.4a2.2 2.2 0 0 1-2.2-2.2V3.4a2.2 2.2 0 0 1 2.2-2.2z'/><path class='k' d='M8 4.2v4.7M8 11.6v.2'/>"
            }
            Self::SoundSoFar => {
                "<circle class='o' cx='8' cy='8' r='6.4' stroke-dasharray='3.2 2.1'/><path class='m' d='M5 8.2l2.2 2.2 3.9-4.4'/>"
            }
            Self::Damaged => {
                "<path d='M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z'/><path class='k' d='M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2'/>"
            }
            Self::Inconclusive | Self::Unreadable => {
                "<path d='M8 .4L15.6 8 8 15.6.4 8z'/><path class='k' d='M6.2 6.3c0-2.4 3.7-2.3 3.7 0 0 1.5-1.9 1.5-1.9 3.1M8 11.4v.3'/>"
            }
            Self::Unproven => "<path d='M8 .8L15.8 15H.2z'/><path class='k' d='M8 5.6v4.6M8 12.3v.4'/>",
            Self::NoReport | Self::Missing | Self::Running => {
                "<circle class='o' cx='8' cy='8' r='6.4' stroke-dasharray='3.2 2.1'/><path class='m' d='M5 8h6'/>"
            }
        }
    }

    /// The sign alone; the word must stand beside it.
    pub fn sign(self) -> Markup {
        html! {
            svg class={ "sign " (self.class()) } viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
                (PreEscaped(self.shape().replace('\'', "\"")))
            }
        }
    }

    /// Sign and word.
    pub fn badge(self) -> Markup {
        html! { span class={ "badge " (self.class()) } { (self.sign()) " " (self.word()) } }
    }

    /// The sign as a browser tab icon.
    pub fn icon(self) -> String {
        let color = match self.class() {
            "sound" => "1c7a45",
            "damaged" => "b3261e",
            "inconclusive" => "9a6700",
            _ => "5c6470",
        };
        let style = format!(
            "<style>*{{fill:%23{color}}}.k{{fill:none;stroke:%23fff;stroke-width:1.8}}.o,.m{{fill:none;stroke:%23{color};stroke-width:1.8}}</style>"
        );
        let svg = format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>{style}{}</svg>", self.shape());
        format!("data:image/svg+xml,{}", svg.replace('<', "%3C").replace('>', "%3E"))
    }
}
