//! Comparing two manifests: a pure function of what was seen on both sides.
//!
//! Every name on either side ends up in exactly one arm of one match: compared, missing, unexpected, unchecked or waived.

pub mod canonical;
pub mod further;
pub mod drift;
pub mod files;
pub mod rows;
mod collations;
mod columns;
mod locales;
mod major_versions;
mod inherited;
mod not_dumped;
mod limits;
mod standby;
mod row_counts;
mod derived;
mod tables;
mod waive;
mod schema;
pub mod recheck;

#[cfg(test)]
mod definitions_tests;
#[cfg(test)]
mod outcome_tests;
#[cfg(test)]
mod rows_tests;
#[cfg(test)]
mod waiver_tests;

pub use limits::waiver_for;
pub use major_versions::is_in_no_dump;
pub use row_counts::row_difference;
pub use waive::{apply as waive, is_whole_kind};

use std::collections::{BTreeMap, BTreeSet};

use crate::base::marked::MarkedText;
use crate::model::aspect::Aspect;
use crate::model::finding::{AppliedWaiver, Finding, FindingKind, Unchecked, Waiver};
use crate::model::manifest::{Definition, Manifest, Observed, SequenceValue, Violations};
use crate::model::name::Name;
use crate::model::selection::Selection;
use crate::model::subject::Subject;
use crate::model::verdict::{Outcome, Scope, counted};

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The tables and schemas that take part.
    pub selection: Selection,
    /// Aspects that must be compared; otherwise the verdict is inconclusive.
    pub required: Vec<Aspect>,
    /// Names of the user's checks that both sides must have run: a check without a result is not a check that holds.
    pub assertions: BTreeSet<String>,
    /// Differences that are expected. A waiver for all objects (`*`) of a kind of schema object switches its catalog query off.
    pub waivers: Vec<Waiver>,
}

/// Compares what was seen; makes no verdict (see [`Outcome::verdict`]).
pub fn compare(expected: &Manifest, actual: &Manifest, request: &Request) -> Outcome {
    let mut notes = OutcomeBuilder::new(request);
    notes.outcome.scope = scope(expected, actual, request, &mut notes.outcome.unchecked);
    notes.outcome.selection = request.selection.options();
    tables::compare(expected, actual, &mut notes);
    derived::remark_on_uncompared(&mut notes);
    if notes.has(Aspect::Sequences) {
        compare_sequences(expected, actual, &mut notes);
    }
    if notes.has(Aspect::LargeObjects) {
        tables::compare_large_objects(expected, actual, &mut notes);
    }
    if notes.has(Aspect::Schema) {
        schema::compare(expected, actual, &mut notes);
    }
    if notes.has(Aspect::ForeignKeys) {
        note_lost_keys("expected", expected, &actual.foreign_keys, &mut notes);
        note_lost_keys("actual", actual, &expected.foreign_keys, &mut notes);
    }
    compare_violations(FOREIGN_KEYS, &expected.foreign_keys, &actual.foreign_keys, &mut notes);
    compare_violations(ASSERTIONS, &expected.assertions, &actual.assertions, &mut notes);
    limits::mark(notes.findings.values_mut(), expected, actual);
    hint_at_grant(&mut notes);
    let mut outcome = notes.outcome;
    outcome.findings = notes.findings.into_values().collect();
    waive::apply(&mut outcome, &request.waivers);
    outcome
}

/// If the role may not read some objects, adds one remark with the GRANT that helps, not one per object.
fn hint_at_grant(notes: &mut OutcomeBuilder<'_>) {
    let denied = notes.outcome.unchecked.iter().filter(|entry| entry.reason.full().contains(NO_PRIVILEGE));
    let (mut tables, mut sequences, mut has_large_objects) = (0, 0, false);
    for entry in denied {
        tables += usize::from(entry.object.of("rows").is_some());
        sequences += usize::from(entry.object.of("sequence").is_some());
        has_large_objects |= entry.object == Subject::LARGE_OBJECTS;
    }
    let counts = [(tables, "table"), (sequences, "sequence")];
    let what: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun)).collect();
    if !what.is_empty() {
        notes.remark(format!(
            "the role may not read {}; on that side: grant pg_read_all_data to the role (it can then read everything and \
             change nothing); for tables with row-level security also: alter role … bypassrls",
            what.join(" and ")
        ));
    }
    if has_large_objects {
        notes.remark(
            "the role may not read large objects, which pg_read_all_data does not cover; on that side: grant select on large object \
             … to the role for each, or as a superuser alter role … set lo_compat_privileges = on",
        );
    }
}

/// SQLSTATE of a missing privilege (insufficient_privilege) in an error of the server; its text depends on `lc_messages`.
const NO_PRIVILEGE: &str = "(SQLSTATE 42501)";

/// Builds an outcome. Findings have a key, so that one difference that two comparisons report (a missing column in the rows and in
/// the schema) is one finding.
struct OutcomeBuilder<'a> {
    outcome: Outcome,
    findings: BTreeMap<(FindingKind, Subject), Finding>,
    request: &'a Request,
    /// Stored generated columns that one side did not read.
    uncompared_columns: BTreeSet<String>,
    /// Virtual generated columns: never read.
    virtual_columns: BTreeSet<String>,
}

impl<'a> OutcomeBuilder<'a> {
    fn new(request: &'a Request) -> Self {
        Self {
            outcome: Outcome::default(),
            findings: BTreeMap::new(),
            request,
            uncompared_columns: BTreeSet::new(),
            virtual_columns: BTreeSet::new(),
        }
    }

    fn has(&self, aspect: Aspect) -> bool {
        self.outcome.scope.compared.contains(&aspect)
    }

    fn add_finding(&mut self, finding: Finding) {
        let kept = self.findings.entry((finding.kind, finding.object.clone())).or_insert_with(|| finding.clone());
        kept.expected = kept.expected.take().or(finding.expected);
        kept.actual = kept.actual.take().or(finding.actual);
        if kept.detail.is_empty() {
            kept.detail = finding.detail;
        }
    }

    fn add_unchecked(&mut self, object: impl Into<Subject>, side: &str, reason: impl Into<MarkedText>) {
        self.outcome.unchecked.push(Unchecked::new(object, side, reason));
    }

    fn remark(&mut self, remark: impl Into<MarkedText>) {
        self.outcome.remarks.push(remark.into());
    }

    /// Adds a waiver for rows that cannot be compared, or that `--exclude-table-data` leaves out.
    fn add_waived(&mut self, kind: &str, object: &str, reason: &str, by: &str) {
        let waiver = Waiver { kind: kind.into(), object: object.into(), reason: reason.into(), by: by.into() };
        self.outcome.waivers.push(AppliedWaiver { waiver, covered: vec![format!("{kind} {object}")] });
    }
}

/// The aspects that both sides have. Without assertions on either side that aspect is not mentioned.
fn scope(expected: &Manifest, actual: &Manifest, request: &Request, unchecked: &mut Vec<Unchecked>) -> Scope {
    let mut scope = Scope::default();
    let has_assertions =
        !request.assertions.is_empty() || !expected.assertions.is_empty() || !actual.assertions.is_empty();
    for aspect in Aspect::ALL {
        let is_required = request.required.contains(&aspect);
        if aspect == Aspect::Files {
            if is_required {
                let reason = "required, but only `nightly` compares files, those of [[files]]";
                unchecked.push(Unchecked::new(aspect.to_string(), "both", reason));
            }
            continue;
        }
        if aspect == Aspect::LargeObjects && !request.selection.has_large_objects() {
            scope.not_compared.push(aspect);
            if is_required {
                let reason = "required, but --table and --schema leave large objects out, as with pg_dump";
                unchecked.push(Unchecked::new(aspect.to_string(), "both", reason));
            }
            continue;
        }
        let is_asked = aspect != Aspect::Assertions || has_assertions;
        let silent: Vec<(&str, &Manifest)> = [("expected", expected), ("actual", actual)]
            .into_iter()
            .filter(|(_, manifest)| !manifest.answers.contains(&aspect))
            .collect();
        match (silent.is_empty(), is_asked) {
            (true, true) => scope.compared.push(aspect),
            (false, true) => scope.not_compared.push(aspect),
            (_, false) => {}
        }
        if is_required && !is_asked {
            let reason = "required, but no assertion was given";
            unchecked.push(Unchecked::new(aspect.to_string(), "both", reason));
        } else if is_required {
            unchecked.extend(silent.into_iter().map(|(side, manifest)| {
                let reason = format!("required, but a {} cannot answer it", manifest.endpoint.kind);
                Unchecked::new(aspect.to_string(), side, reason)
            }));
        }
    }
    scope
}

fn compare_sequences(expected: &Manifest, actual: &Manifest, notes: &mut OutcomeBuilder<'_>) {
    let names: BTreeSet<_> = expected.sequences.keys().chain(actual.sequences.keys()).collect();
    for name in names {
        if !notes.request.selection.has_table(name) {
            continue;
        }
        let object = Subject::new("sequence", name);
        match (expected.sequences.get(name), actual.sequences.get(name)) {
            (Some(_), None) => notes.add_finding(Finding::new(FindingKind::Missing, object)),
            (None, Some(_)) => notes.add_finding(Finding::new(FindingKind::Unexpected, object)),
            (Some(Observed::Seen(e)), Some(Observed::Seen(a))) => {
                notes.outcome.coverage.sequences += 1;
                if e != a {
                    match standby::remark(name, (expected, e), (actual, a)) {
                        Some(remark) => notes.remark(remark),
                        None => {
                            let finding = Finding::new(FindingKind::SequenceValue, name);
                            notes.add_finding(finding.sides(sequence_text(e), sequence_text(a)));
                        }
                    }
                }
            }
            (e, a) => add_unseen(&object, e, a, notes),
        }
    }
}

fn sequence_text(value: &SequenceValue) -> String {
    let state = if value.is_called { "called" } else { "not yet called" };
    format!("{}, {state}", value.last_value)
}

/// Adds an unchecked entry for each side that could not be read.
fn add_unseen<T>(
    object: &Subject,
    expected: Option<&Observed<T>>,
    actual: Option<&Observed<T>>,
    notes: &mut OutcomeBuilder<'_>,
) {
    for (side, observed) in [("expected", expected), ("actual", actual)] {
        if let Some(Observed::Unseen(reason)) = observed {
            notes.add_unchecked(object.clone(), side, reason.clone());
        }
    }
}

/// How violations of foreign keys, or of assertions, are reported. `is_definition_compared`: the schema comparison reports a name
/// that exists on one side only.
struct ViolationKind {
    aspect: Aspect,
    kind: FindingKind,
    noun: &'static str,
    is_definition_compared: bool,
}

const FOREIGN_KEYS: ViolationKind = ViolationKind {
    aspect: Aspect::ForeignKeys,
    kind: FindingKind::ForeignKey,
    noun: "foreign_key",
    is_definition_compared: true,
};
const ASSERTIONS: ViolationKind = ViolationKind {
    aspect: Aspect::Assertions,
    kind: FindingKind::Assertion,
    noun: "assertion",
    is_definition_compared: false,
};

type Results = BTreeMap<String, Observed<Violations>>;
type Looked<'a> = Option<&'a Observed<Violations>>;

/// Violations are findings on either side, also when both sides have them and also when the other side is a dump, which has no
/// result for foreign keys.
fn compare_violations(rule: ViolationKind, expected: &Results, actual: &Results, notes: &mut OutcomeBuilder<'_>) {
    let mut names: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    if rule.aspect == Aspect::Assertions {
        names.extend(&notes.request.assertions);
    }
    for name in names {
        let (e, a) = (expected.get(name), actual.get(name));
        if notes.has(rule.aspect) {
            note_what_was_looked_at(&rule, name, e, a, notes);
        }
        let (e, a) = (e.and_then(Observed::seen), a.and_then(Observed::seen));
        if e.or(a).is_some() && (has_violations(e) || has_violations(a)) {
            notes.add_finding(violation(rule.kind, name, e, a));
        }
    }
}

/// The start of a foreign key's definition.
const KEY_DEFINITION: &str = "FOREIGN KEY ";
/// Stands for all keys where they could not even be listed.
pub const KEY_LIST: &str = "(list)";

/// Adds an unchecked entry for every foreign key that is declared on a side but has no check result there.
fn note_lost_keys(side: &str, manifest: &Manifest, others: &Results, notes: &mut OutcomeBuilder<'_>) {
    let keys = manifest.schema.objects.get("constraint");
    let selection = &notes.request.selection;
    let is_selected = |key: &Definition| match (&key.schema, &key.relation) {
        (Some(schema), Some(relation)) => selection.has_table(&Name::new(schema, relation)),
        _ => true,
    };
    let has_key = |name: &&str| keys.and_then(|keys| keys.get(*name)).is_some_and(is_selected);
    let is_silent = !manifest.answers.contains(&Aspect::Schema);
    let declared = keys.into_iter().flatten().filter(|(_, key)| key.text.starts_with(KEY_DEFINITION));
    let declared = declared.map(|(name, _)| name.as_str()).filter(|_| !manifest.foreign_keys.contains_key(KEY_LIST));
    let named: BTreeSet<&str> = others.keys().map(String::as_str).chain(declared).collect();
    let lost = named.into_iter().filter(|name| !manifest.foreign_keys.contains_key(*name));
    let lost: Vec<&str> = lost.filter(|name| is_silent || has_key(name)).collect();
    for name in lost {
        notes.add_unchecked(
            Subject::new(FOREIGN_KEYS.noun, name),
            side,
            "this foreign key exists, but its rows were not checked",
        );
    }
}

fn note_what_was_looked_at(
    rule: &ViolationKind,
    name: &str,
    e: Looked<'_>,
    a: Looked<'_>,
    notes: &mut OutcomeBuilder<'_>,
) {
    let object = Subject::new(rule.noun, name);
    add_unseen(&object, e, a, notes);
    if !rule.is_definition_compared {
        for (side, _) in [("expected", e), ("actual", a)].into_iter().filter(|(_, looked)| looked.is_none()) {
            notes.add_unchecked(object.clone(), side, "was not run there");
        }
    }
    if let (Some(Observed::Seen(_)), Some(Observed::Seen(_))) = (e, a) {
        match rule.kind {
            FindingKind::ForeignKey => notes.outcome.coverage.foreign_keys += 1,
            _ => notes.outcome.coverage.assertions += 1,
        }
    }
}

fn has_violations(side: Option<&Violations>) -> bool {
    side.is_some_and(|violations| violations.rows > 0)
}

fn violation(kind: FindingKind, name: &str, e: Option<&Violations>, a: Option<&Violations>) -> Finding {
    let text = |side: Option<&Violations>| match side {
        None => "not known".to_owned(),
        Some(violations) => counted(usize::try_from(violations.rows).unwrap_or(usize::MAX), "violating row"),
    };
    let mut finding = Finding::new(kind, name).sides(text(e), text(a));
    finding.detail.push(
        match (has_violations(e), has_violations(a)) {
            (true, true) => "violated on both sides: the source itself is broken",
            (true, false) => "violated on the expected side only",
            _ => "violated on the actual side only",
        }
        .to_owned(),
    );
    for (side, violations) in [("expected", e), ("actual", a)] {
        let sample = violations.map(|violations| violations.sample.as_slice()).unwrap_or_default();
        finding.detail.extend(sample.iter().map(|row| format!("{side}: {row}")));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks(object: &str, reason: &str) -> Vec<MarkedText> {
        let request = Request::default();
        let mut notes = OutcomeBuilder::new(&request);
        notes.add_unchecked(object, "actual", reason);
        hint_at_grant(&mut notes);
        notes.outcome.remarks
    }

    #[test]
    fn files_that_are_required_of_a_comparison_without_files_are_unchecked() {
        let live = crate::samples::live();
        let required = Request { required: [Aspect::Files].into(), ..Default::default() };
        let objects = |request| -> Vec<String> {
            compare(&live, &live, request).unchecked.iter().map(|one| one.object.to_string()).collect()
        };
        assert!(objects(&required).contains(&"files".to_owned()));
        assert!(!objects(&Request::default()).contains(&"files".to_owned()));
    }

    #[test]
    fn a_server_of_any_language_gives_the_hint_at_the_missing_grant() {
        for reason in
            ["permission denied for table t (SQLSTATE 42501)", "keine Berechtigung für Tabelle t (SQLSTATE 42501)"]
        {
            let given = remarks("rows public.t", reason);
            assert!(
                matches!(given.as_slice(), [only] if only.full().contains("may not read 1 table;")),
                "{reason}: {given:?}"
            );
            let given = remarks("large objects", reason);
            assert!(
                matches!(given.as_slice(), [only] if only.full().contains("lo_compat_privileges")),
                "{reason}: {given:?}"
            );
        }
        for (object, reason) in [
            ("rows public.t", "canceling statement due to lock timeout (SQLSTATE 55P03)"),
            ("foreign_key public.t t_fkey", "permission denied for table t (SQLSTATE 42501)"),
        ] {
            assert_eq!(remarks(object, reason), Vec::<MarkedText>::new(), "{object}: {reason}");
        }
    }
}
