//! Drift: changes of a database between two runs, from the saved manifests of both.
//!
//! Needs no database: the two sketches give the number of rows that differ, or a lower bound ("at least") if they are too small. A
//! changed row counts once as removed and once as added: the manifests do not show which belong together.

mod rule;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::compare::{Request, compare, row_difference};
use crate::model::finding::{Finding, FindingKind, Unchecked};
use crate::model::manifest::{DIGEST_ON, Manifest, Observed, Relation, Tally, Violations};
use crate::model::name::Name;
use crate::model::subject::Subject;

pub use rule::DriftRule;
pub use rules::{Rule, has_shrunk_by_more, judge, rules};

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Tables whose rows are not the same, by printed name.
    pub tables: BTreeMap<String, TableDrift>,
    /// Tables with the same rows in both runs.
    pub tables_unchanged: u64,
    /// Large objects, as rows of (oid, chunk, bytes).
    pub large_objects: Option<TableDrift>,
    /// Objects of the schema that were added, removed or changed.
    pub objects: Vec<ObjectDrift>,
    /// State of sequences.
    pub sequences: Vec<Change>,
    /// Rows that violate foreign keys and assertions.
    pub violations: Vec<Change>,
    /// Version of the server and settings of the session.
    pub settings: Vec<Change>,
    /// What one of the runs did not read.
    pub unknown: Vec<Unchecked>,
}

/// How the rows of one table have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableDrift {
    /// In which direction.
    pub direction: Direction,
    /// Rows before; `None`: no such table, or not seen.
    pub before: Option<u64>,
    /// Rows after.
    pub after: Option<u64>,
    /// Rows that only the earlier run had; `None`: the rows cannot be compared.
    pub removed: Option<u64>,
    /// Rows that only the later run has.
    pub added: Option<u64>,
    /// False: at least so many.
    pub is_exact: bool,
}

/// In which direction a table has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It did not exist before.
    Appeared,
    /// It no longer exists.
    Vanished,
    /// It has more rows.
    Grew,
    /// It has fewer rows.
    Shrank,
    /// It has the same number of rows with other content.
    Changed,
}

/// A change of a schema object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectDrift {
    /// `added`, `removed`, `changed` or `reordered` (columns).
    pub change: &'static str,
    /// Kind and identity.
    pub object: Subject,
    /// Its definition before.
    pub before: Option<String>,
    /// Its definition after.
    pub after: Option<String>,
    /// Objects that belong to it and were added or removed with it.
    pub with_it: Vec<String>,
}

/// A changed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What has the value.
    pub name: String,
    /// `None`: there was none.
    pub before: Option<String>,
    /// `None`: there is none.
    pub after: Option<String>,
}

impl Drift {
    /// Whether something has changed for certain.
    pub fn has_changes(&self) -> bool {
        !(self.tables.is_empty()
            && self.large_objects.is_none()
            && self.objects.is_empty()
            && self.sequences.is_empty()
            && self.violations.is_empty()
            && self.settings.is_empty())
    }

    /// As diff(1): 0 equal, 1 different, 2 not known.
    pub fn exit_code(&self) -> u8 {
        match (self.has_changes(), self.unknown.is_empty()) {
            (true, _) => 1,
            (false, false) => 2,
            (false, true) => 0,
        }
    }
}

/// What has changed between two manifests of the same database.
pub fn between(before: &Manifest, after: &Manifest) -> Drift {
    let mut drift = Drift::default();
    note_tables(before, after, &mut drift);
    if let (Observed::Seen(b), Observed::Seen(a)) = (&before.large_objects, &after.large_objects) {
        drift.large_objects = rows(Some(b), Some(a), true, (true, true));
    }
    let outcome = compare(before, after, &Request::default());
    for finding in outcome.findings {
        note_finding(finding, &mut drift);
    }
    // Rows that were read with other columns have known counts, which are noted above.
    let is_noted = |thing: &Unchecked| thing.object.of("rows").is_some_and(|name| drift.tables.contains_key(name));
    drift.unknown = outcome.unchecked.into_iter().filter(|thing| !is_noted(thing)).collect();
    drift.violations = violations(before, after);
    drift.settings = settings(before, after);
    drift
}

fn note_tables(before: &Manifest, after: &Manifest, drift: &mut Drift) {
    let names: BTreeSet<&Name> = before.relations.keys().chain(after.relations.keys()).collect();
    for name in names {
        let (b, a) = (before.relations.get(name), after.relations.get(name));
        let is_same_form = b.zip(a).is_none_or(|(b, a)| b.read_columns == a.read_columns);
        let tally = |side: Option<&'_ Relation>| side.and_then(|relation| relation.rows.seen()).cloned();
        let (b_rows, a_rows) = (tally(b), tally(a));
        match rows(b_rows.as_ref(), a_rows.as_ref(), is_same_form, (b.is_some(), a.is_some())) {
            Some(change) => drop(drift.tables.insert(name.to_string(), change)),
            None if b_rows.is_some() && a_rows.is_some() => drift.tables_unchanged += 1,
            // The comparison has an unchecked entry for these.
            None => {}
        }
    }
}

/// `None`: no change that is known. `is_there`: whether there is such a table, seen or not.
fn rows(
    before: Option<&Tally>,
    after: Option<&Tally>,
    is_same_form: bool,
    is_there: (bool, bool),
) -> Option<TableDrift> {
    let count = |tally: Option<&Tally>| tally.map(|tally| tally.digest.rows);
    let (b, a) = (count(before), count(after));
    let direction = match is_there {
        (true, false) => Direction::Vanished,
        (false, true) => Direction::Appeared,
        _ => match b?.cmp(&a?) {
            std::cmp::Ordering::Less => Direction::Grew,
            std::cmp::Ordering::Greater => Direction::Shrank,
            std::cmp::Ordering::Equal => Direction::Changed,
        },
    };
    let mut drift = TableDrift { direction, before: b, after: a, removed: b, added: a, is_exact: true };
    if let (Some(before), Some(after)) = (before, after) {
        if !is_same_form && direction == Direction::Changed {
            // The columns have changed, which the schema shows; nothing is known about the rows.
            return None;
        }
        if before.digest == after.digest && is_same_form {
            return None;
        }
        let difference = is_same_form.then(|| row_difference(before, after));
        drift.removed = difference.as_ref().map(|difference| difference.expected_only);
        drift.added = difference.as_ref().map(|difference| difference.actual_only);
        drift.is_exact = difference.is_some_and(|difference| difference.is_exact);
    }
    Some(drift)
}

fn note_finding(finding: Finding, drift: &mut Drift) {
    let change = match finding.kind {
        FindingKind::Missing => "removed",
        FindingKind::Unexpected => "added",
        FindingKind::Changed => "changed",
        FindingKind::ColumnOrder => "reordered",
        FindingKind::SequenceValue => {
            let Finding { object, expected: before, actual: after, .. } = finding;
            return drift.sequences.push(Change { name: object.to_string(), before, after });
        }
        // Rows and violations are counted above and below, from the manifests themselves.
        FindingKind::RowCount
        | FindingKind::RowContent
        | FindingKind::Generated
        | FindingKind::LargeObjects
        | FindingKind::ForeignKey
        | FindingKind::Assertion
        | FindingKind::Drift
        | FindingKind::FileContent
        | FindingKind::FileMode => return,
    };
    let Finding { object, expected: before, actual: after, detail: with_it, .. } = finding;
    drift.objects.push(ObjectDrift { change, object, before, after, with_it });
}

fn violations(before: &Manifest, after: &Manifest) -> Vec<Change> {
    let both = [
        ("foreign key", &before.foreign_keys, &after.foreign_keys),
        ("assertion", &before.assertions, &after.assertions),
    ];
    let text = |side: Option<&Violations>| {
        side.map(|violations| {
            crate::model::verdict::counted(usize::try_from(violations.rows).unwrap_or(usize::MAX), "violating row")
        })
    };
    let mut changes = Vec::new();
    for (noun, before, after) in both {
        for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let seen = |side: &BTreeMap<String, Observed<Violations>>| side.get(name).and_then(Observed::seen).cloned();
            let (b, a) = (seen(before), seen(after));
            let count = |side: &Option<Violations>| side.as_ref().map_or(0, |violations| violations.rows);
            if count(&b) != count(&a) {
                changes.push(Change {
                    name: format!("{noun} {name}"),
                    before: text(b.as_ref()),
                    after: text(a.as_ref()),
                });
            }
        }
    }
    changes
}

fn settings(before: &Manifest, after: &Manifest) -> Vec<Change> {
    let (b, a) = (&before.endpoint, &after.endpoint);
    let mut changes = vec![Change {
        name: "server version".into(),
        before: b.server_version.clone(),
        after: a.server_version.clone(),
    }];
    let mut names: BTreeSet<&String> = b.settings.keys().chain(a.settings.keys()).collect();
    names.retain(|name| *name != DIGEST_ON);
    changes.extend(names.into_iter().map(|name| Change {
        name: format!("setting {name}"),
        before: b.settings.get(name).cloned(),
        after: a.settings.get(name).cloned(),
    }));
    changes.retain(|change| change.before != change.after);
    changes
}

#[cfg(test)]
mod tests;
