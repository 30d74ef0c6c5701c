//! An error: what we were doing, why it failed, what to try.
//!
//! An error means that something could not be read or done. It is never a finding about the data (see src/model/finding.rs). Its exit
//! code is 2, or that of the signal if the user interrupted the process.

use std::error::Error as StdError;
use std::fmt;

use crate::base::marked::MarkedText;

/// The result of anything that may fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What we were doing, why it failed and what to try, each a short phrase in lower case without a full stop.
///
/// A text is our own words, unless it is a [`MarkedText`] with values: what a server or a program said. To put an error into
/// another text, take [`Error::text`]: its `Display` is the whole text, in which values are not marked any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// From the outermost activity to the root cause, for instance `["list users of app", "connect", "refused"]`.
    chain: Vec<MarkedText>,
    hint: Option<MarkedText>,
    signal: Option<i32>,
}

impl Error {
    /// An error with this root cause, for instance `connection refused`.
    pub fn new(cause: impl Into<MarkedText>) -> Self {
        Self { chain: vec![cause.into()], hint: None, signal: None }
    }

    /// Stopped by the user or the system; `signal` is 2 (SIGINT) or 15 (SIGTERM).
    pub fn interrupted(signal: i32) -> Self {
        Self { chain: vec!["interrupted".into()], hint: None, signal: Some(signal) }
    }

    /// Puts what we were doing in front: a verb in the present tense and its object, for instance `read report.json`.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.chain.insert(0, doing.into().into());
        self
    }

    /// Adds what the user may try. The innermost hint, which knows most, wins.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<MarkedText>) -> Self {
        self.hint.get_or_insert(hint.into());
        self
    }

    /// The whole error as one text.
    pub fn text(&self) -> MarkedText {
        MarkedText::join(&self.chain, ": ")
    }

    /// The whole error and what the user may try.
    pub fn text_with_hint(&self) -> MarkedText {
        let Some(hint) = &self.hint else { return self.text() };
        let text = self.text();
        let with = |text: &str, hint: &str| if hint.is_empty() { text.into() } else { format!("{text}; try: {hint}") };
        MarkedText::with_values(with(text.full(), hint.full()), with(text.safe(), hint.safe()))
    }

    /// The same error with every text passed through `change`.
    #[must_use]
    pub fn map(mut self, change: impl Fn(&MarkedText) -> MarkedText) -> Self {
        self.chain.iter_mut().chain(&mut self.hint).for_each(|part| *part = change(part));
        self
    }

    /// The same error without what the user may try.
    #[must_use]
    pub fn without_hint(mut self) -> Self {
        self.hint = None;
        self
    }

    /// What the user may try, if we know.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_ref().map(MarkedText::full)
    }

    /// The same as a text that knows its values.
    pub fn marked_hint(&self) -> Option<&MarkedText> {
        self.hint.as_ref()
    }

    /// The signal that interrupted us, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// Of a thread that ended before its work was done: its panic may quote what it worked on.
    pub fn of_thread(error: impl fmt::Display) -> Self {
        Self::new(MarkedText::with_values(error.to_string(), "a thread of this program has failed"))
    }

    /// Any error with all its sources, joined by `: `; a source that its parent already prints is left out. An error of JSON quotes
    /// what it has read; others hold no values.
    pub fn from_source(error: &(dyn StdError + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            source = inner.source();
        }
        if let Some(json) = error.downcast_ref::<serde_json::Error>() {
            let safe = format!("not the JSON that it must be, line {} column {}", json.line(), json.column());
            return Self::new(MarkedText::with_values(text, safe));
        }
        Self::new(text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().full())
    }
}

impl StdError for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::from_source(&error)
    }
}

/// Adds what we were doing to a failure.
pub trait Context<T> {
    /// `doing` is only built when there is an error.
    fn doing<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn doing<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| error.into().context(doing()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_joined_once_from_the_outside_in() {
        let error: Result<()> = Err(Error::new("refused").hint("is it running?"));
        let error = error.doing(|| "connect").doing(|| "list tables").unwrap_err();
        assert_eq!(error.to_string(), "list tables: connect: refused");
        assert_eq!(error.hint_text(), Some("is it running?"));
        assert_eq!(error.text_with_hint().full(), "list tables: connect: refused; try: is it running?");
    }

    #[test]
    fn a_hint_that_is_all_values_is_left_out_of_the_safe_text() {
        let error = Error::new("refused").hint(MarkedText::with_values("canary", ""));
        let text = error.text_with_hint();
        assert_eq!((text.full(), text.safe()), ("refused; try: canary", "refused"));
    }
}
