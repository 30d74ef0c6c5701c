//! Messages about a run: subject, text and HTML for people, JSON for programs.
//!
//! A message says sound only if exit code and verdict both do and nothing is left behind. It contains values from the database
//! only if they are enabled, and external text cannot add a header, markup or a hidden character.

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

/// Cells of a subject: more than a list of messages shows.
const SUBJECT: usize = 150;

/// Limit for the body of a ping.
const BRIEF_BYTES: usize = 9_000;

/// One message, in three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub subject: String,
    /// Lines of at most 78 cells, unless a word is longer.
    pub text: String,
    /// A complete page without external resources.
    pub html: String,
}

/// The message about a run. With `values`, differences are shown as in the report.
pub fn of(bulletin: &RunSummary, values: bool) -> Message {
    let told = Told::new(bulletin, values);
    Message { subject: subject(bulletin), text: text::text(&told), html: html::html(&told) }
}

/// The first lines, without values: they fit into the body of a ping.
pub fn brief(bulletin: &RunSummary) -> String {
    let mut text = text::text(&Told::new(bulletin, false));
    if let Some(end) = (0..=BRIEF_BYTES).rev().find(|at| text.is_char_boundary(*at)).filter(|end| *end < text.len()) {
        text.truncate(end);
        text.truncate(text.rfind('\n').map_or(end, |at| at + 1));
    }
    text
}

/// Whether the health check may get a success ping.
pub fn is_good(bulletin: &RunSummary) -> bool {
    MessageAnswer::of(bulletin) == MessageAnswer::Sound
}

/// `backup1: DAMAGED, 3 findings (RDS instance shop-production, database shop)`
fn subject(bulletin: &RunSummary) -> String {
    // The answer comes first, because the end may be cut.
    let host = cut(&printable(&bulletin.host), 40);
    cut(&format!("{host}: {} ({})", answer::headline(bulletin), printable(&bulletin.source)), SUBJECT)
}

#[cfg(test)]
mod tests;
