//! Definitions, kind by kind and identity by identity.
//!
//! When a relation or a schema is missing as a whole, what belongs to it is folded into that one finding: forty lines that
//! say the same thing hide the forty-first.

use std::collections::{BTreeMap, BTreeSet};

use super::waive::is_whole_kind;
use super::{Notes, Request};
use crate::finding::{Finding, FindingKind};
use crate::manifest::{Definition, Manifest};
use crate::name::{Name, quote_ident};

/// Kinds whose rows say something of another object, named at the end of their identity.
const ABOUT_OTHERS: [&str; 4] = ["owner", "privilege", "comment", "security_label"];

/// Compares the definitions of everything that takes part.
pub fn compare(expected: &Manifest, actual: &Manifest, notes: &mut Notes<'_>) {
    let request = notes.request;
    for (side, manifest) in [("expected", expected), ("actual", actual)] {
        for (kind, reason) in manifest.schema.unseen.iter().filter(|(kind, _)| !is_switched_off(kind, request)) {
            notes.unchecked(format!("schema {kind}"), side, reason);
        }
    }
    let kinds: BTreeSet<&String> = expected.schema.objects.keys().chain(actual.schema.objects.keys()).collect();
    let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
    for kind in kinds.into_iter().filter(|kind| !is_switched_off(kind, request)) {
        if expected.schema.unseen.contains_key(kind) || actual.schema.unseen.contains_key(kind) {
            continue;
        }
        let (e, a) = (selected(expected, kind, request), selected(actual, kind, request));
        notes.outcome.coverage.objects_expected += e.len() as u64;
        notes.outcome.coverage.objects_actual += a.len() as u64;
        for identity in e.keys().chain(a.keys()).collect::<BTreeSet<_>>() {
            match (e.get(identity), a.get(identity)) {
                (Some(e), None) => missing.push(Object { kind, identity, definition: e }),
                (None, Some(a)) => unexpected.push(Object { kind, identity, definition: a }),
                (Some(e), Some(a)) if e.text != a.text => {
                    let finding = Finding::new(FindingKind::Changed, format!("{kind} {identity}"));
                    notes.find(finding.sides(&e.text, &a.text));
                }
                _ => {}
            }
        }
    }
    fold(FindingKind::Missing, &missing, notes);
    fold(FindingKind::Unexpected, &unexpected, notes);
}

/// A waiver for every object of a kind switches the kind off on both sides, whatever a manifest holds.
fn is_switched_off(kind: &str, request: &Request) -> bool {
    request.waivers.iter().any(|waiver| waiver.kind == kind && is_whole_kind(waiver))
}

fn selected<'a>(manifest: &'a Manifest, kind: &str, request: &Request) -> BTreeMap<&'a String, &'a Definition> {
    let selection = &request.selection;
    let objects = manifest.schema.objects.get(kind);
    objects
        .into_iter()
        .flatten()
        .filter(|(_, object)| selection.has_object(object.schema.as_deref(), object.relation.as_deref()))
        .collect()
}

struct Object<'a> {
    kind: &'a str,
    identity: &'a str,
    definition: &'a Definition,
}

impl Object<'_> {
    fn printed(&self) -> String {
        format!("{} {}", self.kind, self.identity)
    }

    fn relation(&self) -> Option<String> {
        let Definition { schema: Some(schema), relation: Some(relation), .. } = self.definition else { return None };
        Some(Name::new(schema, relation).to_string())
    }

    /// Whether `head` is gone as a whole and this goes with it.
    fn belongs_to(&self, head: &Object<'_>) -> bool {
        if std::ptr::eq(self, head) || ABOUT_OTHERS.contains(&head.kind) {
            return false;
        }
        let in_schema = || self.definition.schema.as_deref().map(quote_ident);
        let is_about = ABOUT_OTHERS.contains(&self.kind) && self.identity.contains(head.identity);
        match head.kind {
            "schema" => in_schema().as_deref() == Some(head.identity) || is_about,
            _ if is_relation(head) => self.relation().as_deref() == Some(head.identity) || is_about,
            _ => is_about,
        }
    }
}

/// Whether the object is itself the relation that it belongs to.
fn is_relation(object: &Object<'_>) -> bool {
    ["table", "foreign_table", "view", "materialized_view", "sequence", "type_composite"].contains(&object.kind)
}

/// Heads become findings; what belongs to a head becomes a line of its detail.
fn fold(kind: FindingKind, objects: &[Object<'_>], notes: &mut Notes<'_>) {
    let heads: Vec<&Object<'_>> =
        objects.iter().filter(|object| object.kind == "schema" || is_relation(object)).collect();
    let others: Vec<&Object<'_>> = objects.iter().filter(|object| !ABOUT_OTHERS.contains(&object.kind)).collect();
    for object in objects {
        // Heads first: they are few, and in most comparisons there is none.
        let head = heads.iter().chain(others.iter().filter(|_| ABOUT_OTHERS.contains(&object.kind)));
        match head.copied().find(|head| object.belongs_to(head)) {
            Some(head) => add_detail(kind, &head.printed(), object.printed(), notes),
            None => {
                let mut finding = Finding::new(kind, object.printed());
                let text = Some(object.definition.text.clone());
                if kind == FindingKind::Missing {
                    finding.expected = text
                } else {
                    finding.actual = text
                }
                notes.find(finding);
            }
        }
    }
}

fn add_detail(kind: FindingKind, head: &str, line: String, notes: &mut Notes<'_>) {
    let key = (kind, head.to_owned());
    notes.findings.entry(key).or_insert_with(|| Finding::new(kind, head)).detail.push(line);
}
