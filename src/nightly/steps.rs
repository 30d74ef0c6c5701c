//! The steps of a run, as written to the journal and to the report.
//!
//! A step is journaled before it begins and after it has ended, and is reported only when it has ended.

use std::time::Instant;

use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::progress::{Event, Listener};
use crate::model::redaction::Redaction;
use crate::model::run::{Step, StepResult};
use crate::storage::journal::{Entry, Journal};

/// The journal of this run and the steps so far.
pub struct Steps {
    /// Receives the intent before each side effect.
    pub journal: Journal,
    /// The steps that have ended.
    pub ended: Vec<Step>,
    now: fn() -> Timestamp,
    listener: Listener,
    running: Option<Running>,
    redaction: Redaction,
}

struct Running {
    name: &'static str,
    started_at: Timestamp,
    clock: Instant,
    notes: Vec<MarkedText>,
}

impl Steps {
    /// The initial state.
    pub fn new(journal: Journal, now: fn() -> Timestamp, listener: Listener, redaction: Redaction) -> Self {
        Self { journal, ended: Vec::new(), now, listener, running: None, redaction }
    }

    /// No problem yet.
    pub fn problems(&self) -> RunProblems {
        RunProblems { list: Vec::new(), redaction: self.redaction }
    }

    /// Begins a step. A step that still runs was stopped by an error or a signal: see [`Steps::broken_off`].
    ///
    /// # Errors
    /// The journal cannot be written: then the step must not be performed.
    pub fn begin(&mut self, name: &'static str) -> Result<()> {
        self.journal.append(&Entry::StepStarted { step: name.into() })?;
        (self.listener)(Event::Phase(&name.replace('_', " ")));
        self.running = Some(Running { name, started_at: (self.now)(), clock: Instant::now(), notes: Vec::new() });
        Ok(())
    }

    /// Adds a note to the running step.
    pub fn note(&mut self, note: impl Into<MarkedText>) {
        if let Some(running) = &mut self.running {
            running.notes.push(self.redaction.text(&note.into()));
        }
    }

    /// Ends the step as done.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn done(&mut self) -> Result<()> {
        self.end(StepResult::Done)
    }

    /// Ends the step as skipped.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn skipped(&mut self, why: &str) -> Result<()> {
        self.end(StepResult::Skipped(why.into()))
    }

    /// Ends the running step, if there is one, as failed with this error. The journal itself may have failed; that is not
    /// reported as a further error.
    pub fn broken_off(&mut self, error: &Error) {
        let error = self.redaction.error(error.clone());
        if let Some(hint) = error.marked_hint() {
            self.note(hint.map(|hint| format!("try: {hint}")));
        }
        self.end(StepResult::Failed(error.text())).ok();
    }

    fn end(&mut self, result: StepResult) -> Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let duration_ms = u64::try_from(running.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        let step = running.name.to_owned();
        self.ended.push(Step {
            name: step.clone(),
            started_at: running.started_at,
            duration_ms,
            result: result.clone(),
            notes: running.notes,
        });
        self.journal.append(&Entry::StepEnded { step, result })
    }
}

/// Errors that do not change the verdict, redacted where they hold values.
pub struct RunProblems {
    list: Vec<Error>,
    redaction: Redaction,
}

impl RunProblems {
    /// One more.
    pub fn push(&mut self, error: Error) {
        self.list.push(self.redaction.error(error));
    }

    /// Adds those that are not in it yet.
    pub fn add_new(&mut self, errors: impl IntoIterator<Item = Error>) {
        for error in errors {
            // As it is listed: the redacted text of an error is not that of the error.
            let error = self.redaction.error(error);
            if !self.list.contains(&error) {
                self.list.push(error);
            }
        }
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Error> {
        self.list
    }
}

impl Extend<Error> for RunProblems {
    fn extend<I: IntoIterator<Item = Error>>(&mut self, errors: I) {
        errors.into_iter().for_each(|error| self.push(error));
    }
}

impl std::ops::Deref for RunProblems {
    type Target = [Error];

    fn deref(&self) -> &[Error] {
        &self.list
    }
}
