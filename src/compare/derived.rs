//! Derived data: rows of materialized views and values of stored generated columns.
//!
//! A dump contains the query or the expression, and the restore computes the data again. The query and the expression are never run
//! here, because they are code of the source.

use super::row_counts::{row_difference, rows_of};
use super::{OutcomeBuilder, add_unseen};
use crate::model::finding::{Finding, FindingKind, Limit};
use crate::model::manifest::{Computed, Manifest, Observed, Relation, Tally};
use crate::model::name::{Name, quote_ident};
use crate::model::subject::Subject;
use crate::model::verdict::{TableStatus, counted};

/// Whether a materialized view is populated on both sides or on neither, according to the definitions. If it is populated on one side
/// only, the restore did not compute it again.
pub fn is_filled_alike(name: &Name, expected: &Manifest, actual: &Manifest) -> bool {
    let state = |side: &Manifest| {
        let definition = side.schema.objects.get("materialized_view")?.get(name.to_string().as_str())?;
        definition.text.lines().next().map(str::to_owned)
    };
    match (state(expected), state(actual)) {
        (Some(e), Some(a)) => e == a,
        _ => true,
    }
}

/// Adds a remark, not a finding, for a materialized view whose rows differ.
pub fn materialized_view(name: &Name, expected: &Tally, actual: &Tally, notes: &mut OutcomeBuilder<'_>) -> TableStatus {
    let difference = row_difference(expected, actual);
    let word = if difference.is_exact { "" } else { "at least " };
    let rows = |count: u64| counted(usize::try_from(count).unwrap_or(usize::MAX), "row");
    notes.outcome.coverage.derived += 1;
    notes.remark(format!(
        "materialized view {name}: its rows differ (expected {}, actual {}; {word}{} only in expected, {word}{} only in actual). This \
         is not counted as damage: a restore runs the query again, and its result may depend on when it runs",
        rows_of(expected),
        rows_of(actual),
        rows(difference.expected_only),
        rows(difference.actual_only)
    ));
    TableStatus::Derived
}

/// Stored generated columns of a table whose rows were compared.
pub fn generated_columns(name: &Name, expected: &Relation, actual: &Relation, notes: &mut OutcomeBuilder<'_>) {
    match (&expected.computed, &actual.computed) {
        (Some(e), Some(a)) if e.columns == a.columns => compare(name, (expected, e), (actual, a), notes),
        // The column comparison reports columns that are generated on one side only.
        (Some(_), Some(_)) | (None, None) => {}
        (Some(_), None) | (None, Some(_)) => {
            let generated = |relation: &Relation| relation.columns.iter().any(|column| column.is_generated);
            if generated(expected) && generated(actual) {
                notes.uncompared_columns.extend(stored_columns(name, [expected, actual]));
            }
        }
    }
}

type ComputedSide<'a> = (&'a Relation, &'a Computed);

/// Compares rows with and without their generated columns. If more rows differ with them than without, some rows are equal except for
/// their generated values; that surplus is the finding.
fn compare(name: &Name, expected: ComputedSide<'_>, actual: ComputedSide<'_>, notes: &mut OutcomeBuilder<'_>) {
    let object = Subject::new("generated columns", name);
    let (Observed::Seen(e), Observed::Seen(a)) = (&expected.1.rows, &actual.1.rows) else {
        let before = notes.outcome.unchecked.len();
        add_unseen(&object, Some(&expected.1.rows), Some(&actual.1.rows), notes);
        notes.outcome.unchecked.iter_mut().skip(before).for_each(|entry| entry.limit = Some(Limit::DerivedRows));
        return;
    };
    if e.digest == a.digest {
        return;
    }
    let (Some(base_e), Some(base_a)) = (expected.0.rows.seen(), actual.0.rows.seen()) else { return };
    let (with, without) = (row_difference(e, a), row_difference(base_e, base_a));
    let is_same_rows = base_e.digest == base_a.digest;
    let is_told_apart = is_same_rows || (with.is_exact && without.is_exact);
    if !is_told_apart {
        notes.add_unchecked(
            object,
            "both",
            "so many rows differ that the values of generated columns cannot be told apart",
        );
        return;
    }
    let more = with.expected_only.saturating_sub(if is_same_rows { 0 } else { without.expected_only });
    if more == 0 {
        return;
    }
    let mut finding = Finding::new(FindingKind::Generated, name);
    let columns = expected.1.columns.iter().skip(expected.0.read_columns.len());
    let columns = columns.map(|column| quote_ident(column)).collect::<Vec<_>>().join(", ");
    let at_least = if with.is_exact { "" } else { "at least " };
    finding.detail.push(format!(
        "generated column recomputed differently ({columns}) in rows that are otherwise the same: {at_least}{more}"
    ));
    finding.rows = Some(with);
    finding.limit = Some(Limit::DerivedRows);
    notes.add_finding(finding);
}

fn stored_columns(name: &Name, sides: [&Relation; 2]) -> Vec<String> {
    let side = sides.into_iter().find(|side| side.computed.is_some());
    let columns = side.into_iter().flat_map(|side| side.columns.iter().filter(|c| c.is_generated && !c.is_virtual));
    columns.map(|column| format!("{name}.{}", quote_ident(&column.name))).collect()
}

/// Adds one remark that lists all generated columns that were not compared.
pub fn remark_on_uncompared(notes: &mut OutcomeBuilder<'_>) {
    let columns = std::mem::take(&mut notes.uncompared_columns);
    if !columns.is_empty() {
        let columns = columns.into_iter().collect::<Vec<_>>().join(", ");
        notes.remark(format!(
            "stored generated columns were not compared, because one side does not have their values: {columns}"
        ));
    }
    let columns = std::mem::take(&mut notes.virtual_columns);
    if !columns.is_empty() {
        let columns = columns.into_iter().collect::<Vec<_>>().join(", ");
        notes.remark(format!(
            "virtual generated columns were not compared, because reading them would run code from the database: {columns}"
        ));
    }
}
