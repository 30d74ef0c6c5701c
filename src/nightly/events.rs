//! Finds what event triggers wrote into the restored copy during the restore.
//!
//! Pure. Applies only where the dump equals the source, the copy has everything in the dump and more, and event triggers exist.

use crate::compare::waiver_for;
use crate::model::finding::{Finding, FindingKind, Limit};
use crate::model::manifest::{Manifest, SequenceValue};
use crate::model::verdict::Outcome;

/// Marks these findings of `outcome` (source against copy), and the same ones of `second` (dump against copy). `first` is source
/// against dump.
pub fn limit(outcome: &mut Outcome, first: &Outcome, second: &mut Outcome, source: &Manifest, copy: &Manifest) {
    if copy.schema.objects.get("event_trigger").is_none_or(|triggers| triggers.is_empty()) {
        return;
    }
    let surplus = outcome.findings.iter_mut().filter(|finding| is_surplus(finding, source, copy));
    for finding in surplus.filter(|finding| !first.findings.iter().any(|other| finding.is_same(other))) {
        let Some(of_copy) = second.findings.iter_mut().find(|other| finding.is_same(other)) else { continue };
        of_copy.limit = Some(Limit::EventTrigger);
        finding.limit = Some(Limit::EventTrigger);
        finding.detail.push("event triggers of the database may have written this during the restore".into());
        finding.detail.push("waiver, where this is expected:".into());
        finding.detail.extend(waiver_for(finding).lines().map(str::to_owned));
    }
}

/// The copy has everything that the source has, and more.
fn is_surplus(finding: &Finding, source: &Manifest, copy: &Manifest) -> bool {
    match finding.kind {
        FindingKind::RowCount => {
            finding.rows.as_ref().is_some_and(|rows| rows.is_exact && rows.expected_only == 0 && rows.actual_only > 0)
        }
        FindingKind::SequenceValue => {
            let value = |side: &Manifest| side.sequences.get(&finding.object.relation()?)?.seen().copied();
            is_ascending(source, finding.object.as_str())
                && value(source).zip(value(copy)).is_some_and(|(source, copy)| is_ahead(source, copy))
        }
        _ => false,
    }
}

/// Whether a later value is always a higher one: not of a descending sequence, nor of one that begins again.
fn is_ascending(source: &Manifest, sequence: &str) -> bool {
    let definition = source.schema.objects.get("sequence").and_then(|sequences| sequences.get(sequence));
    definition.is_some_and(|definition| {
        let increment = definition.text.split_once(" increment ").and_then(|(_, rest)| rest.split(' ').next());
        increment.is_some_and(|increment| !increment.starts_with('-'))
            && !definition.text.lines().any(|line| line == "cycle")
    })
}

/// Of an ascending sequence.
fn is_ahead(source: SequenceValue, copy: SequenceValue) -> bool {
    copy.is_called && (copy.last_value, copy.is_called) > (source.last_value, source.is_called)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{ManifestBuilder as _, live};

    #[test]
    fn only_a_sequence_that_always_rises_can_be_ahead() {
        let source = live()
            .object("sequence", "s.up", "bigint start 1 increment 1 min 1 max 9 cache 1")
            .object("sequence", "s.down", "bigint start -1 increment -1 min -9 max -1 cache 1")
            .object("sequence", "s.round", "bigint start 1 increment 1 min 1 max 9 cache 1\ncycle");
        let rises = ["s.up", "s.down", "s.round", "s.unknown"].map(|name| is_ascending(&source, name));
        assert_eq!(rises, [true, false, false, false]);
        let value = |last_value, is_called| SequenceValue { last_value, is_called };
        assert!(is_ahead(value(5, true), value(6, true)) && !is_ahead(value(5, true), value(5, true)));
        assert!(!is_ahead(value(5, true), value(4, true)) && !is_ahead(value(5, true), value(6, false)));
    }
}
