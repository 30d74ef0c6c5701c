//! Rows of relations and large objects, by digest.

use std::collections::BTreeSet;

use super::row_counts::{row_difference, rows_of};
use super::{OutcomeBuilder, add_unseen, columns, derived};
use crate::model::aspect::Aspect;
use crate::model::finding::{Finding, FindingKind, Limit};
use crate::model::manifest::{Manifest, Observed, Relation, RelationKind, Tally};
use crate::model::name::{Name, quote_ident};
use crate::model::subject::Subject;
use crate::model::verdict::{TableResult, TableStatus};

/// A dump contains only CREATE EXTENSION.
const NO_ROWS_OF_EXTENSION: &str = "belongs to an extension: a dump does not carry its rows";

/// Compares the rows of every relation that takes part.
pub fn compare(expected: &Manifest, actual: &Manifest, notes: &mut OutcomeBuilder<'_>) {
    let names: BTreeSet<&Name> = expected.relations.keys().chain(actual.relations.keys()).collect();
    if !notes.has(Aspect::Rows) {
        let remark =
            "rows were not compared: one of the sides holds definitions alone, as a dump made with --schema-only";
        notes.remark(remark);
    }
    for name in names.into_iter().filter(|name| notes.request.selection.has_table(name)) {
        let (e, a) = (expected.relations.get(name), actual.relations.get(name));
        notes.outcome.coverage.tables_expected += u64::from(e.is_some());
        notes.outcome.coverage.tables_actual += u64::from(a.is_some());
        let has_dump = has_dump(expected, actual);
        let status = match (e, a) {
            (Some(one), None) | (None, Some(one)) if has_dump && one.extension.is_some() && !one.is_config => {
                notes.add_waived("rows", &name.to_string(), NO_ROWS_OF_EXTENSION, "nature");
                notes.outcome.coverage.waived_expected += u64::from(e.is_some());
                notes.outcome.coverage.waived_actual += u64::from(a.is_some());
                TableStatus::Waived
            }
            (Some(e), None) => one_sided(FindingKind::Missing, name, e, notes),
            (None, Some(a)) => one_sided(FindingKind::Unexpected, name, a, notes),
            (Some(e), Some(a)) => {
                let is_computed = is_derived(e, a) && derived::is_filled_alike(name, expected, actual);
                both_sides(name, (e, a), has_dump, is_computed, notes)
            }
            (None, None) => continue,
        };
        let digest = |side: Option<&Relation>| side.and_then(|r| r.rows.seen()).map(|tally| tally.digest);
        let result = TableResult { expected: digest(e), actual: digest(a), status };
        notes.outcome.coverage.rows_expected += result.expected.map_or(0, |digest| digest.rows);
        notes.outcome.coverage.rows_actual += result.actual.map_or(0, |digest| digest.rows);
        notes.outcome.tables.insert(name.to_string(), result);
    }
}

fn has_dump(expected: &Manifest, actual: &Manifest) -> bool {
    !(expected.answers.contains(&Aspect::Schema) && actual.answers.contains(&Aspect::Schema))
}

fn one_sided(kind: FindingKind, name: &Name, relation: &Relation, notes: &mut OutcomeBuilder<'_>) -> TableStatus {
    notes.add_finding(Finding::new(kind, Subject::new(noun(relation.kind), name)));
    if kind == FindingKind::Missing { TableStatus::Missing } else { TableStatus::Unexpected }
}

/// As the stems in `checks/catalog` have it.
fn noun(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Table => "table",
        RelationKind::MaterializedView => "materialized_view",
        RelationKind::ForeignTable => "foreign_table",
    }
}

/// `is_computed`: the restore computes its rows.
fn both_sides(
    name: &Name,
    (e, a): (&Relation, &Relation),
    has_dump: bool,
    is_computed: bool,
    notes: &mut OutcomeBuilder<'_>,
) -> TableStatus {
    columns::compare(name, e, a, notes);
    if e.kind != a.kind {
        notes.add_finding(Finding::new(FindingKind::Missing, Subject::new(noun(e.kind), name)));
        notes.add_finding(Finding::new(FindingKind::Unexpected, Subject::new(noun(a.kind), name)));
    }
    if let Some((reason, by)) = reason_to_leave_rows(name, e, a, has_dump, notes) {
        if by == "option" {
            check_left_out(name, e, a, notes);
        }
        return waive(name, reason, by, notes);
    }
    if is_orphaned(e, a) {
        notes.add_unchecked(
            Subject::new("rows", name),
            "both",
            "the dump has rows of it but no definition: a restore would lose them",
        );
        return TableStatus::Unchecked;
    }
    note_virtual_columns(name, e, a, notes);
    if e.is_unlogged || a.is_unlogged {
        notes.remark(format!(
            "{name} is unlogged: a crash of the server empties it, and an RDS snapshot never holds its rows"
        ));
    }
    match (&e.rows, &a.rows) {
        _ if !notes.has(Aspect::Rows) => TableStatus::Unchecked,
        (Observed::Seen(_), Observed::Seen(_)) if e.read_columns != a.read_columns => {
            notes.add_unchecked(Subject::new("rows", name), "both", "the sides were read with different columns");
            TableStatus::Unchecked
        }
        (Observed::Seen(expected), Observed::Seen(actual)) if expected.digest != actual.digest && is_computed => {
            derived::materialized_view(name, expected, actual, notes)
        }
        (Observed::Seen(expected), Observed::Seen(actual)) => {
            notes.outcome.coverage.tables_compared += 1;
            derived::generated_columns(name, e, a, notes);
            compare_tallies(name, expected, actual, notes)
        }
        (expected, actual) => {
            let before = notes.outcome.unchecked.len();
            add_unseen(&Subject::new("rows", name), Some(expected), Some(actual), notes);
            let limit = is_derived(e, a).then_some(Limit::DerivedRows);
            notes.outcome.unchecked.iter_mut().skip(before).for_each(|entry| entry.limit = limit);
            TableStatus::Unchecked
        }
    }
}

fn waive(name: &Name, reason: &str, by: &str, notes: &mut OutcomeBuilder<'_>) -> TableStatus {
    notes.add_waived("rows", &name.to_string(), reason, by);
    notes.outcome.coverage.waived_expected += 1;
    notes.outcome.coverage.waived_actual += 1;
    TableStatus::Waived
}

fn is_derived(e: &Relation, a: &Relation) -> bool {
    e.kind == RelationKind::MaterializedView && a.kind == RelationKind::MaterializedView
}

/// Rows that `--exclude-table-data` leaves out but that are in the dump are a finding: they were not compared.
fn check_left_out(name: &Name, e: &Relation, a: &Relation, notes: &mut OutcomeBuilder<'_>) {
    for side in [e, a] {
        if side.is_dumped {
            let mut finding = Finding::new(FindingKind::Unexpected, Subject::new("rows", name));
            finding
                .detail
                .push("left out by --exclude-table-data, but the dump has rows of it, which were not compared".into());
            notes.add_finding(finding);
        }
    }
}

fn note_virtual_columns(name: &Name, e: &Relation, a: &Relation, notes: &mut OutcomeBuilder<'_>) {
    let columns = e.columns.iter().chain(&*a.columns).filter(|column| column.is_virtual);
    let columns: Vec<String> = columns.map(|column| format!("{name}.{}", quote_ident(&column.name))).collect();
    notes.virtual_columns.extend(columns);
}

/// Whether a dump with definitions has rows of a table that it does not define, and the table does not belong to an extension.
fn is_orphaned(e: &Relation, a: &Relation) -> bool {
    [(e, a), (a, e)].iter().any(|(dump, other)| dump.is_undefined && !other.is_undefined && other.extension.is_none())
}

/// Why the rows of a relation are not compared although both sides have it, and the `by` of the waiver.
fn reason_to_leave_rows(
    name: &Name,
    e: &Relation,
    a: &Relation,
    has_dump: bool,
    notes: &OutcomeBuilder<'_>,
) -> Option<(&'static str, &'static str)> {
    // Only if both sides have the same kind: the rows of a table that was replaced by another kind are lost.
    let is = |kind| e.kind == kind && a.kind == kind;
    if !notes.request.selection.has_rows(name) {
        Some(("rows left out by --exclude-table-data", "option"))
    } else if is(RelationKind::ForeignTable) {
        Some(("foreign table: its rows live on another server", "nature"))
    } else if has_dump && is(RelationKind::MaterializedView) {
        Some(("materialized view: a dump carries the query, not the rows", "nature"))
    } else if has_dump && [e, a].iter().any(|side| side.extension.is_some() && !side.is_config) {
        Some((NO_ROWS_OF_EXTENSION, "nature"))
    } else {
        None
    }
}

fn compare_tallies(name: &Name, expected: &Tally, actual: &Tally, notes: &mut OutcomeBuilder<'_>) -> TableStatus {
    if expected.digest == actual.digest {
        return TableStatus::Equal;
    }
    let kind = if expected.digest.rows == actual.digest.rows { FindingKind::RowContent } else { FindingKind::RowCount };
    notes.add_finding(rows_finding(kind, name, expected, actual));
    TableStatus::Different
}

fn rows_finding(kind: FindingKind, object: impl Into<Subject>, expected: &Tally, actual: &Tally) -> Finding {
    let mut finding = Finding::new(kind, object).sides(rows_of(expected), rows_of(actual));
    finding.rows = Some(row_difference(expected, actual));
    finding
}

/// Compares all large objects as one table of (oid, chunk, bytes) rows.
pub fn compare_large_objects(expected: &Manifest, actual: &Manifest, notes: &mut OutcomeBuilder<'_>) {
    match (&expected.large_objects, &actual.large_objects) {
        (Observed::Seen(e), Observed::Seen(a)) if e.digest != a.digest => {
            notes.add_finding(rows_finding(FindingKind::LargeObjects, Subject::LARGE_OBJECTS, e, a));
        }
        (Observed::Seen(_), Observed::Seen(_)) => {}
        (e, a) => add_unseen(&Subject::LARGE_OBJECTS.into(), Some(e), Some(a), notes),
    }
}
