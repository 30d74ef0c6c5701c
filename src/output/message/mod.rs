//! Messages about a run: subject, text and HTML for people, JSON for programs.
//!
//! A message says sound only if exit code and verdict both do and nothing is left behind. It contains values from the database
//! only if they are enabled, and external text cannot add a header, markup or a hidden character.

mod json;
mod test;

pub use json::{SCHEMA, json};
pub use test::{test, test_json};

use crate::base::marked::Disclosure;
use crate::base::printable::printable;
use crate::base::text::cut;
use crate::model::run_record::RunRecord;
use crate::model::status::Status;
use crate::output::document::Document;
use crate::output::html;
use crate::output::terminal::{self, Style};
use crate::output::views::headline::headline;
use crate::output::views::message::message;

/// Cells of a subject: more than a list of messages shows.
const SUBJECT: usize = 150;

/// Mail programs do not wrap this width.
const PLAIN: Style = Style { color: false, width: 78, all_tables: false };

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
pub fn of(run: &RunRecord, values: bool) -> Message {
    let disclosure = if values { Disclosure::Full } else { Disclosure::Safe };
    Message::new(subject(run), &message(run, disclosure))
}

impl Message {
    fn new(subject: String, document: &Document) -> Self {
        Self { subject, text: terminal::document(document, PLAIN), html: html::mail(document) }
    }
}

/// The first lines, without values: they fit into the body of a ping.
pub fn brief(run: &RunRecord) -> String {
    let mut text = terminal::document(&message(run, Disclosure::Safe), PLAIN);
    if let Some(end) = (0..=BRIEF_BYTES).rev().find(|at| text.is_char_boundary(*at)).filter(|end| *end < text.len()) {
        text.truncate(end);
        text.truncate(text.rfind('\n').map_or(end, |at| at + 1));
    }
    text
}

/// Whether the health check may get a success ping.
pub fn is_good(run: &RunRecord) -> bool {
    run.status() == Status::Sound
}

/// `backup1: DAMAGED, 3 findings (RDS instance shop-production, database shop)`
fn subject(run: &RunRecord) -> String {
    // The answer comes first, because the end may be cut.
    let host = cut(&printable(&run.host), 40);
    cut(&format!("{host}: {} ({})", headline(run), printable(&run.source)), SUBJECT)
}

#[cfg(test)]
mod tests;
