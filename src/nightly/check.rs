//! The list of checks that `config check`, `nightly --dry-run` and a run share.
//!
//! `config check` and `--dry-run` make every check; a run stops at the first one that fails.

use crate::base::error::{Error, Result};
use crate::model::redaction::Redaction;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The configuration key, or what is checked, for instance `report.key`.
    pub name: String,
    /// What it needs, and what its failure means.
    pub stage: CheckStage,
    /// What was found, in a few words; or why a run would fail.
    pub result: Result<String>,
}

/// What a check needs, and what its failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStage {
    /// Files, directories, programs and secrets of this machine. A failure prevents a run.
    Local,
    /// AWS, the servers, and what this machine keeps of earlier runs. A failure prevents a run.
    Remote,
    /// The directories of `[[files]]`. A failure makes a run inconclusive.
    Files,
    /// What a run reads and writes after its verdict. A failure turns exit code 0 into 3.
    AfterVerdict,
}

/// The checks so far.
#[derive(Debug)]
pub struct CheckList {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    stops_at_failure: bool,
    /// What a server answers may hold values.
    redaction: Redaction,
}

impl CheckList {
    /// For commands that print every check.
    pub fn complete(redaction: Redaction) -> Self {
        Self { checks: Vec::new(), stops_at_failure: false, redaction }
    }

    /// For a run.
    pub fn until_failure(redaction: Redaction) -> Self {
        Self { checks: Vec::new(), stops_at_failure: true, redaction }
    }

    /// Adds a check, and returns the value that it found; `None` where it failed and the other checks are made all the same.
    ///
    /// # Errors
    /// The check failed, and a run stops there.
    pub fn add<T>(&mut self, stage: CheckStage, name: &str, seen: Result<(T, String)>) -> Result<Option<T>> {
        let (value, result) = match seen.map_err(|error| self.redaction.error(error)) {
            Ok((value, detail)) => (Some(value), Ok(detail)),
            Err(error) if self.stops_at_failure => return Err(named(stage, name, error)),
            Err(error) => (None, Err(error)),
        };
        self.checks.push(Check { name: name.to_owned(), stage, result });
        Ok(value)
    }

    /// Adds a check that finds nothing to continue with.
    ///
    /// # Errors
    /// As [`CheckList::add`].
    pub fn note(&mut self, stage: CheckStage, name: &str, seen: Result<String>) -> Result<()> {
        self.add(stage, name, seen.map(|detail| ((), detail))).map(drop)
    }

    /// Whether no run follows.
    pub fn is_only_a_check(&self) -> bool {
        !self.stops_at_failure
    }

    /// Whether a check of this name has failed: what depends on it would fail of the same cause.
    pub fn has_failed(&self, name: &str) -> bool {
        self.checks.iter().any(|check| check.name == name && check.result.is_err())
    }
}

/// An error of a file or a secret does not say which configuration key it is about.
fn named(stage: CheckStage, name: &str, error: Error) -> Error {
    if stage == CheckStage::Local { error.context(name) } else { error }
}
