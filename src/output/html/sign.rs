//! The status of a run as a sign, a word and a colour; colour is never the only difference.

use maud::{Markup, PreEscaped, html};

use crate::model::status::Status;
use crate::output::document::{Tone, status_tone};

/// CSS class of a tone.
pub fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "sound",
        Tone::Bad => "damaged",
        Tone::Unsure => "inconclusive",
        Tone::Quiet => "quiet",
    }
}

/// A circle, a square, an octagon, a diamond, a triangle, a broken circle: they differ without colour and at small size.
fn shape(status: Status) -> &'static str {
    match status {
        Status::Sound => "<circle cx='8' cy='8' r='7'/><path class='k' d='M4.6 8.3l2.4 2.4 4.4-4.9'/>",
        Status::SoundWithWarnings => {
            "<path d='M3.4 1.2h9.2a2.2 2.2 0 0 1 2.2 2.2v9.2a2.2 2.2 0 0 1-2.2 2.2H3.4a2.2 2.2 0 0 1-2.2-2.2V3.4a2.2 2.2 0 0 1 2.2-2.2z'/><path class='k' d='M8 4.2v4.7M8 11.6v.2'/>"
        }
        Status::SoundSoFar => {
            "<circle class='o' cx='8' cy='8' r='6.4' stroke-dasharray='3.2 2.1'/><path class='m' d='M5 8.2l2.2 2.2 3.9-4.4'/>"
        }
        Status::Damaged => {
            "<path d='M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z'/><path class='k' d='M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2'/>"
        }
        Status::Inconclusive | Status::Interrupted | Status::Unreadable => {
            "<path d='M8 .4L15.6 8 8 15.6.4 8z'/><path class='k' d='M6.2 6.3c0-2.4 3.7-2.3 3.7 0 0 1.5-1.9 1.5-1.9 3.1M8 11.4v.3'/>"
        }
        Status::Unproven => "<path d='M8 .8L15.8 15H.2z'/><path class='k' d='M8 5.6v4.6M8 12.3v.4'/>",
        Status::NoReport | Status::Missing | Status::Running => {
            "<circle class='o' cx='8' cy='8' r='6.4' stroke-dasharray='3.2 2.1'/><path class='m' d='M5 8h6'/>"
        }
    }
}

/// The sign alone; the word must stand beside it.
pub fn sign(status: Status) -> Markup {
    html! {
        svg class={ "sign " (class(status_tone(status))) } viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            (PreEscaped(shape(status).replace('\'', "\"")))
        }
    }
}

/// Sign and word.
pub fn badge(status: Status) -> Markup {
    html! { span class={ "badge " (class(status_tone(status))) } { (sign(status)) " " (status.word()) } }
}

/// The sign as a browser tab icon.
pub fn icon(status: Status) -> String {
    let color = match class(status_tone(status)) {
        "sound" => "1c7a45",
        "damaged" => "b3261e",
        "inconclusive" => "9a6700",
        _ => "5c6470",
    };
    let style = format!(
        "<style>*{{fill:%23{color}}}.k{{fill:none;stroke:%23fff;stroke-width:1.8}}.o,.m{{fill:none;stroke:%23{color};stroke-width:1.8}}</style>"
    );
    let svg = format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>{style}{}</svg>", shape(status));
    format!("data:image/svg+xml,{}", svg.replace('<', "%3C").replace('>', "%3E"))
}
