//! A test message: it only shows that messages arrive.
//!
//! It cannot be mistaken for the result of a run.

use maud::html;
use serde_json::json;

use super::Message;
use super::html::page;
use crate::base::printable::printable;
use crate::base::text::cut;
use crate::base::time::Timestamp;

/// Each part is marked as a test.
pub fn test(host: &str, source: &str, at: Timestamp) -> Message {
    let subject = cut(&format!("{}: TEST of notifications ({})", printable(host), printable(source)), super::SUBJECT);
    let said = [
        format!("TEST: this is what `pgwitness notify test` sends, at {at}."),
        "No run took place, and this says nothing about any dump.".to_owned(),
    ];
    let html = page(&subject, &html! { h1 style="font-size:19px" { (subject) } @for line in &said { p { (line) } } });
    Message { text: format!("{}\n\n{}\n", said[0], said[1]), html, subject }
}

/// The same as JSON: `answer` is `test`.
pub fn test_json(host: &str, source: &str, at: Timestamp) -> String {
    let text = test(host, source, at).subject;
    json!({ "format": 1, "text": text, "answer": "test", "host": printable(host), "source": printable(source), "finished_at": at })
        .to_string()
}
