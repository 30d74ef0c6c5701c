//! What is told of a run, in words: a subject, a text and a page for people, JSON for programs.
//!
//! Never says sound unless exit code and verdict both say so and nothing is left behind. Never holds a value out of the database unless it
//! is asked to, and never lets a text from elsewhere act: no second header, no markup, no hidden character.

mod answer;
mod html;
mod json;
mod mask;
mod sections;
mod test;
mod text;

pub use answer::MessageAnswer;
pub use json::{SCHEMA, json};
pub use mask::mask;
pub use test::{test, test_json};

use crate::base::printable::printable;
use crate::base::text::cut;
use crate::model::run_summary::RunSummary;
use sections::Told;

/// Cells of a subject: what a list of messages shows, and then some.
const SUBJECT: usize = 150;

/// What a ping may carry.
const BRIEF_BYTES: usize = 9_000;

/// One message, in its three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub subject: String,
    /// Lines of at most 78 cells, unless a word is longer.
    pub text: String,
    /// A whole page without anything that would have to be fetched.
    pub html: String,
}

/// The letter on a run. With `values`, what differs is shown as the report shows it.
pub fn of(bulletin: &RunSummary, values: bool) -> Message {
    let told = Told::new(bulletin, values);
    Message { subject: subject(bulletin), text: text::text(&told), html: html::html(&told) }
}

/// The first lines, without values: what fits into the body of a ping.
pub fn brief(bulletin: &RunSummary) -> String {
    let mut text = text::text(&Told::new(bulletin, false));
    if let Some(end) = (0..=BRIEF_BYTES).rev().find(|at| text.is_char_boundary(*at)).filter(|end| *end < text.len()) {
        text.truncate(end);
        text.truncate(text.rfind('\n').map_or(end, |at| at + 1));
    }
    text
}

/// Whether all is well: the only case in which a dead man's switch may be told so.
pub fn is_good(bulletin: &RunSummary) -> bool {
    MessageAnswer::of(bulletin) == MessageAnswer::Sound
}

/// `backup1: DAMAGED, 3 findings (RDS instance shop-production, database shop)`
fn subject(bulletin: &RunSummary) -> String {
    // The answer stands in front of what may be cut.
    let host = cut(&printable(&bulletin.host), 40);
    cut(&format!("{host}: {} ({})", answer::headline(bulletin), printable(&bulletin.source)), SUBJECT)
}

#[cfg(test)]
mod tests;
