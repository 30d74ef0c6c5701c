//! A test message: it only shows that messages arrive.
//!
//! It cannot be mistaken for the result of a run.

use serde_json::json;

use super::Message;
use crate::base::printable::printable;
use crate::base::text::cut;
use crate::base::time::Timestamp;
use crate::output::document::{Document, Tone};

/// Each part is marked as a test.
pub fn test(host: &str, source: &str, at: Timestamp) -> Message {
    let subject = cut(&format!("{}: TEST of notifications ({})", printable(host), printable(source)), super::SUBJECT);
    let title = format!("TEST: this is what `pgwitness notify test` sends, at {at}.");
    let intro = vec!["No run took place, and this says nothing about any dump.".into()];
    let document = Document { tone: Tone::Quiet, title, intro, sections: Vec::new() };
    Message::new(subject, &document)
}

/// The same as JSON: `answer` is `test`.
pub fn test_json(host: &str, source: &str, at: Timestamp) -> String {
    let text = test(host, source, at).subject;
    json!({ "format": 1, "text": text, "answer": "test", "host": printable(host), "source": printable(source), "finished_at": at })
        .to_string()
}
