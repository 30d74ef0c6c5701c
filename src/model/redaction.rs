//! Values under `--redact`: what comes from rows is replaced by a hash before it is stored or printed anywhere.
//!
//! Applied where a manifest, an outcome, an error or a note is made, so that report, page, mail and terminal never have the value.
//! Equal values of one run have equal hashes; a random salt keeps them from being looked up or compared with those of another run.
//! What a server or a program answered may quote rows anywhere in its text and in any language: the text is replaced as a whole,
//! and its SQLSTATE stays.

use sha2::{Digest as _, Sha256};

use crate::base::error::Error;
use crate::model::finding::{Finding, Unchecked};
use crate::model::manifest::{Manifest, Observed, Violations};
use crate::model::progress::{Event, Listener};
use crate::model::run::Complaint;
use crate::model::verdict::Outcome;

/// What stands in front of the words of a program of PostgreSQL.
const PROGRAMS: [&str; 6] = [
    "pg_dump: ",
    "pg_restore: ",
    "pg_dumpall: ",
    "psql: ",
    "pg_restore stopped: ",
    "the disk of the restore server is full: ",
];
/// What stands in front of words of a dump, which may be of a row.
const FOREIGN_LINE: &str = "it is not the unchanged output of pg_dump: line ";

/// Our own mark of what a server answered, see [`crate::postgres::errors`].
const STATE: &str = "(SQLSTATE ";

/// Whether values may be shown, and if not, the salt of their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redaction {
    salt: Option<[u8; 16]>,
}

impl Redaction {
    /// Values are shown.
    pub const OFF: Self = Self { salt: None };

    /// Values are replaced. `salt` is random, and of this run alone.
    pub fn on(salt: [u8; 16]) -> Self {
        Self { salt: Some(salt) }
    }

    /// Whether values are replaced.
    pub fn is_on(self) -> bool {
        self.salt.is_some()
    }

    /// The hash that stands for a value; `None` when values are shown.
    pub fn hash(self, value: &[u8]) -> Option<String> {
        let salt = self.salt?;
        let digest = hex::encode(Sha256::new().chain_update(salt).chain_update(value).finalize());
        Some(format!("sha256:{}", digest.get(..16).unwrap_or_default()))
    }

    /// A value as it may be shown.
    pub fn value(self, value: &str) -> String {
        self.hash(value.as_bytes()).unwrap_or_else(|| value.to_owned())
    }

    /// A message that a server or a program of PostgreSQL may have a part in.
    pub fn message(self, text: &str) -> String {
        match (self.hash(text.as_bytes()), sqlstate(text)) {
            (Some(hash), Some(code)) => format!("the server answered with SQLSTATE {code} (message redacted, {hash})"),
            (Some(hash), None) if PROGRAMS.iter().any(|program| text.contains(program)) => {
                format!("a program of PostgreSQL failed (message redacted, {hash})")
            }
            (Some(hash), None) if text.contains(FOREIGN_LINE) => {
                format!("it is not the unchanged output of pg_dump (line redacted, {hash})")
            }
            _ => text.to_owned(),
        }
    }

    /// What was saved of an endpoint.
    pub fn manifest(self, manifest: &mut Manifest) {
        if !self.is_on() {
            return;
        }
        manifest.relations.values_mut().for_each(|relation| self.observed(&mut relation.rows));
        manifest.sequences.values_mut().for_each(|sequence| self.observed(sequence));
        self.observed(&mut manifest.large_objects);
        for violations in manifest.foreign_keys.values_mut().chain(manifest.assertions.values_mut()) {
            self.observed(violations);
            if let Observed::Seen(Violations { sample, .. }) = violations {
                sample.iter_mut().for_each(|row| *row = self.value(row));
            }
        }
        manifest.schema.unseen.values_mut().for_each(|reason| *reason = self.message(reason));
    }

    fn observed<T>(self, observed: &mut Observed<T>) {
        if let Observed::Unseen(reason) = observed {
            *reason = self.message(reason);
        }
    }

    /// The messages of a comparison of manifests that are redacted already.
    pub fn outcome(self, outcome: &mut Outcome) {
        outcome.findings.iter_mut().for_each(|finding| self.finding(finding));
        outcome.unchecked.iter_mut().for_each(|unchecked| self.unchecked(unchecked));
        outcome.remarks.iter_mut().for_each(|remark| *remark = self.message(remark));
    }

    fn finding(self, finding: &mut Finding) {
        finding.detail.iter_mut().for_each(|line| *line = self.message(line));
        if let Some(reason) = finding.rows.as_mut().and_then(|rows| rows.unnamed.as_mut()) {
            *reason = self.message(reason);
        }
    }

    fn unchecked(self, unchecked: &mut Unchecked) {
        unchecked.reason = self.message(&unchecked.reason);
    }

    /// The message of pg_restore for an object. It is the server's own, without a mark.
    pub fn complaint(self, complaint: &mut Complaint) {
        if let Some(hash) = self.hash(complaint.message.as_bytes()) {
            complaint.message = format!("message redacted, {hash}");
        }
    }

    /// An error that is about to be stored or printed.
    #[must_use]
    pub fn error(self, error: Error) -> Error {
        if !self.is_on() {
            return error;
        }
        let redacted = error.clone().map(|text| self.message(text));
        // The hint of a server's error is the server's too.
        if redacted == error { error } else { redacted.without_hint() }
    }

    /// Hears of progress what may be shown.
    pub fn listener(self, inner: Listener) -> Listener {
        if !self.is_on() {
            return inner;
        }
        std::sync::Arc::new(move |event| match event {
            Event::Warning(text) => inner(Event::Warning(&self.message(text))),
            Event::Retry { doing, attempt, reason } => {
                inner(Event::Retry { doing, attempt, reason: &self.message(reason) });
            }
            other => inner(other),
        })
    }
}

fn sqlstate(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(STATE)?;
    rest.split_once(')').map(|(code, _)| code).filter(|code| code.len() == 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Redaction = Redaction { salt: Some([7; 16]) };

    #[test]
    fn equal_values_of_a_run_have_equal_hashes_and_those_of_another_run_others() {
        assert_eq!(ON.value("4711"), ON.value("4711"));
        assert_ne!(ON.value("4711"), ON.value("4712"));
        assert_ne!(ON.value("4711"), Redaction::on([8; 16]).value("4711"));
        assert_eq!(Redaction::OFF.value("4711"), "4711");
    }

    #[test]
    fn of_a_servers_message_only_the_state_stays() {
        let said = ON.message("read shop.orders: Betrag canary (SQLSTATE P0001); canary");
        assert!(said.contains("SQLSTATE P0001") && !said.contains("canary"), "{said}");
        let said = ON.error(Error::new("pg_dump: error: canary").context("dump")).to_string();
        assert!(said.starts_with("dump: ") && !said.contains("canary"), "{said}");
        for said in [
            "restore x: pg_restore stopped: could not write canary",
            "restore x: the disk of the restore server is full: canary",
            "it is not the unchanged output of pg_dump: line 7 begins with \"INSERT canary\"",
        ] {
            let said = ON.message(said);
            assert!(!said.contains("canary") && ON.message(&said) == said, "{said}");
        }
        assert_eq!(ON.message("was not asked for"), "was not asked for");
    }
}
