//! Columns of a relation on both sides: present, and in the same order.
//!
//! Definitions of columns are compared with the schema; this is what the comparison of rows needs, also for a dump.

use super::OutcomeBuilder;
use crate::model::finding::{Finding, FindingKind};
use crate::model::manifest::{Relation, RelationKind};
use crate::model::name::{Name, quote_ident};
use crate::model::subject::Subject;

/// Finds columns on one side only, common columns in another order, and columns that are generated on one side only, whose values
/// are read on neither.
pub fn compare(name: &Name, expected: &Relation, actual: &Relation, notes: &mut OutcomeBuilder<'_>) {
    // A dump does not name the columns of a materialized view.
    if expected.kind == RelationKind::MaterializedView && (expected.columns.is_empty() || actual.columns.is_empty()) {
        return;
    }
    let is_of_rows = expected.is_undefined || actual.is_undefined;
    let (e, a) = (names(expected, is_of_rows), names(actual, is_of_rows));
    for (kind, mine, theirs) in [(FindingKind::Missing, &e, &a), (FindingKind::Unexpected, &a, &e)] {
        for column in mine.iter().filter(|column| !theirs.contains(column)) {
            notes.add_finding(Finding::new(kind, Subject::column(name, column)));
        }
    }
    for column in &*expected.columns {
        let theirs = actual.columns.iter().find(|theirs| theirs.name == column.name);
        if theirs.is_some_and(|theirs| theirs.is_generated != column.is_generated) {
            let mut finding = Finding::new(FindingKind::Changed, Subject::column(name, &column.name));
            let side = if column.is_generated { "expected" } else { "actual" };
            finding.detail.push(format!("generated on the {side} side only: its values were not compared"));
            notes.add_finding(finding);
        }
    }
    let common = |mine: &[&str], theirs: &[&str]| -> Vec<String> {
        mine.iter().filter(|column| theirs.contains(column)).map(|column| quote_ident(column)).collect()
    };
    let (e, a) = (common(&e, &a), common(&a, &e));
    if e != a {
        notes.add_finding(Finding::new(FindingKind::ColumnOrder, name).sides(e.join(", "), a.join(", ")));
    }
}

/// A table without a definition has the columns of its rows, without generated ones.
fn names(relation: &Relation, is_of_rows: bool) -> Vec<&str> {
    let columns = relation.columns.iter().filter(|column| !is_of_rows || !column.is_generated);
    columns.map(|column| column.name.as_str()).collect()
}
