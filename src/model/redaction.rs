//! Values under `--redact`: what comes from rows is replaced by a hash before it is stored or printed anywhere.
//!
//! Applied where a manifest, an outcome, an error or a note is made, so that report, page, mail and terminal never have the value.
//! Equal values of one run have equal hashes; a random salt keeps them from being looked up or compared with those of another run.
//! Of what a server or a program answered, the part without values stays (see [`MarkedText`]).

use sha2::{Digest as _, Sha256};

use crate::base::error::Error;
use crate::base::marked::MarkedText;
use crate::model::finding::{Finding, Unchecked};
use crate::model::manifest::{Manifest, Observed, Violations};
use crate::model::progress::{Event, Listener};
use crate::model::run::Complaint;
use crate::model::verdict::Outcome;

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

    /// A text as it may be shown.
    pub fn text(self, text: &MarkedText) -> MarkedText {
        match self.hash(text.full().as_bytes()) {
            Some(hash) if text.has_values() => format!("{} (message redacted, {hash})", text.safe()).into(),
            _ => text.clone(),
        }
    }

    /// What was saved of an endpoint.
    pub fn manifest(self, manifest: &mut Manifest) {
        if !self.is_on() {
            return;
        }
        for relation in manifest.relations.values_mut() {
            self.observed(&mut relation.rows);
            relation.computed.iter_mut().for_each(|computed| self.observed(&mut computed.rows));
        }
        manifest.sequences.values_mut().for_each(|sequence| self.observed(sequence));
        self.observed(&mut manifest.large_objects);
        for violations in manifest.foreign_keys.values_mut().chain(manifest.assertions.values_mut()) {
            self.observed(violations);
            if let Observed::Seen(Violations { sample, .. }) = violations {
                sample.iter_mut().for_each(|row| *row = self.value(row));
            }
        }
        manifest.schema.unseen.values_mut().for_each(|reason| *reason = self.text(reason));
    }

    fn observed<T>(self, observed: &mut Observed<T>) {
        observed.reason_mut().into_iter().for_each(|reason| *reason = self.text(reason));
    }

    /// The messages of a comparison of manifests that are redacted already.
    pub fn outcome(self, outcome: &mut Outcome) {
        outcome.findings.iter_mut().for_each(|finding| self.finding(finding));
        outcome.unchecked.iter_mut().for_each(|unchecked| self.unchecked(unchecked));
        outcome.remarks.iter_mut().for_each(|remark| *remark = self.text(remark));
    }

    fn finding(self, finding: &mut Finding) {
        if let Some(reason) = finding.rows.as_mut().and_then(|rows| rows.unnamed.as_mut()) {
            *reason = self.text(reason);
        }
    }

    fn unchecked(self, unchecked: &mut Unchecked) {
        unchecked.reason = self.text(&unchecked.reason);
    }

    /// A complaint as it may be shown: its message is the server's own, without a mark. The verdict is made from the whole one.
    pub fn complaint(self, complaint: &Complaint) -> Complaint {
        let hash = self.hash(complaint.message.as_bytes());
        let message = hash.map_or_else(|| complaint.message.clone(), |hash| format!("message redacted, {hash}"));
        Complaint { message, ..complaint.clone() }
    }

    /// An error that is about to be stored or printed.
    #[must_use]
    pub fn error(self, error: Error) -> Error {
        if !self.is_on() {
            return error;
        }
        let has_empty_hint = error.marked_hint().is_some_and(|hint| hint.safe().is_empty());
        let error = if has_empty_hint { error.without_hint() } else { error };
        error.map(|text| self.text(text))
    }

    /// Hears of progress what may be shown.
    pub fn listener(self, inner: Listener) -> Listener {
        if !self.is_on() {
            return inner;
        }
        std::sync::Arc::new(move |event| match event {
            Event::Note(text) => inner(Event::Note(&self.text(text))),
            Event::Warning(text) => inner(Event::Warning(&self.text(text))),
            Event::Retry { doing, attempt, reason } => {
                inner(Event::Retry { doing, attempt, reason: &self.text(reason) });
            }
            other => inner(other),
        })
    }
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
    fn of_a_text_with_values_only_the_safe_one_stays() {
        let said = MarkedText::with_values("pg_dump: error: canary", "pg_dump reported an error");
        let error = Error::new(said).context("dump").hint(MarkedText::with_values("canary", ""));
        let redacted = ON.error(error.clone());
        let text = redacted.to_string();
        assert!(text.starts_with("dump: pg_dump reported an error (message redacted, sha256:"), "{text}");
        assert_eq!((redacted.hint_text(), &ON.error(redacted.clone())), (None, &redacted), "{text}");
        assert_eq!(Redaction::OFF.error(error.clone()), error);
        let own = Error::new("was not asked for").hint("ask for it");
        assert_eq!(ON.error(own.clone()), own);
    }

    #[test]
    fn no_reason_in_a_manifest_keeps_its_values() {
        use crate::model::manifest::{Computed, Relation};
        use crate::samples::relation;
        let reason = || MarkedText::with_values("canary", "safe");
        let mut manifest = Manifest::not_read("source".into());
        manifest.large_objects = Observed::Unseen(reason());
        manifest.schema.unseen.insert("view".into(), reason());
        manifest.foreign_keys.insert("a".into(), Observed::Unseen(reason()));
        manifest.sequences.insert(crate::model::name::Name::new("a", "b"), Observed::Unseen(reason()));
        let columns = Computed { columns: [].into(), rows: Observed::Unseen(reason()) };
        let relation = Relation { computed: Some(Box::new(columns)), ..relation(Observed::Unseen(reason())) };
        manifest.relations.insert(crate::model::name::Name::new("a", "c"), relation);
        ON.manifest(&mut manifest);
        let stored = serde_json::to_string(&manifest).unwrap();
        assert!(!stored.contains("canary") && stored.matches("message redacted").count() == 6, "{stored}");
    }
}
