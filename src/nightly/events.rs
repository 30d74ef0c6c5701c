//! Finds what event triggers wrote into the restored copy during the restore.
//!
//! Pure. Applies only where the dump equals the source, the copy has everything in the dump and more, and event triggers exist.

use crate::compare::waiver_for;
use crate::model::finding::{Finding, FindingKind, Limit};
use crate::model::manifest::Manifest;
use crate::model::verdict::Outcome;

/// Marks these findings of `outcome` (source against copy). `first` is source against dump, `second` is dump against copy.
pub fn limit(outcome: &mut Outcome, first: &Outcome, second: &Outcome, copy: &Manifest) {
    if copy.schema.objects.get("event_trigger").is_none_or(|triggers| triggers.is_empty()) {
        return;
    }
    let has = |leg: &Outcome, finding: &Finding| {
        leg.findings.iter().any(|other| other.object == finding.object && other.kind == finding.kind)
    };
    let findings = outcome.findings.iter_mut().filter(|finding| is_surplus(finding));
    for finding in findings.filter(|finding| !has(first, finding) && has(second, finding)) {
        finding.limit = Some(Limit::EventTrigger);
        finding.detail.push("event triggers of the database may have written this during the restore".into());
        finding.detail.push("waiver, where this is expected:".into());
        finding.detail.extend(waiver_for(finding).lines().map(str::to_owned));
    }
}

/// The copy has everything that the dump has.
fn is_surplus(finding: &Finding) -> bool {
    match finding.kind {
        FindingKind::RowCount => {
            finding.rows.as_ref().is_some_and(|rows| rows.is_exact && rows.expected_only == 0 && rows.actual_only > 0)
        }
        FindingKind::SequenceValue => true,
        _ => false,
    }
}
