//! Sequences of a source in use: they are not transactional, so pg_dump and the source manifest may see different values.
//!
//! A value is accepted only if the sequence had it during the dump; a sequence that did not move must match exactly.

use std::collections::BTreeMap;

use crate::base::marked::MarkedText;
use crate::model::manifest::{Manifest, Observed, SequenceValue};
use crate::model::name::Name;

/// Values by sequence name.
pub type Values = BTreeMap<Name, SequenceValue>;

/// The values of all sequences before pg_dump started, and after it ended.
#[derive(Debug, Clone, Default)]
pub struct SequenceRange {
    /// Before pg_dump started.
    pub before: Values,
    /// After pg_dump ended.
    pub after: Values,
}

impl SequenceRange {
    /// Where a sequence moved meanwhile and the dump has a value in between, that value becomes the expected one. Returns one
    /// remark for each such sequence. Values that the source's own reading did not return stay unread.
    pub fn reconcile(&self, source: &mut Manifest, dump: &Manifest) -> Vec<MarkedText> {
        let mut remarks = Vec::new();
        for (name, before) in &self.before {
            let (Some(after), Some(dumped)) = (self.after.get(name), dump.sequences.get(name).and_then(Observed::seen))
            else {
                continue;
            };
            let is_seen = source.sequences.get(name).is_some_and(|read| read.seen().is_some());
            if is_seen && before != after && is_between(before, dumped, after) {
                let remark = format!(
                    "sequence {name} moved from {} to {} while it was dumped; the dump has {}",
                    before.last_value, after.last_value, dumped.last_value
                );
                remarks.push(remark.into());
                source.sequences.insert(name.clone(), Observed::Seen(*dumped));
            }
        }
        remarks
    }
}

/// Ascending or descending; with the same value, `is_called` comes after not called.
fn is_between(before: &SequenceValue, dumped: &SequenceValue, after: &SequenceValue) -> bool {
    if before.last_value == after.last_value {
        // Called for the first time meanwhile.
        return dumped == before || dumped == after;
    }
    let (low, high) = (before.last_value.min(after.last_value), before.last_value.max(after.last_value));
    let is_inside = (low..=high).contains(&dumped.last_value);
    // Only the first value can be seen before or after it was called; every later one was called.
    is_inside && (dumped.is_called || dumped == before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(last_value: i64, is_called: bool) -> SequenceValue {
        SequenceValue { last_value, is_called }
    }

    /// A manifest with only this sequence.
    fn manifest(name: &Name, read: Observed<SequenceValue>) -> Manifest {
        Manifest { sequences: [(name.clone(), read)].into(), ..Manifest::not_read(String::new()) }
    }

    #[test]
    fn a_sequence_that_could_not_be_read_is_not_read_because_the_dump_has_a_value() {
        let name = Name::new("shop", "ids");
        let one = |last| Values::from([(name.clone(), value(last, true))]);
        let range = SequenceRange { before: one(5), after: one(9) };
        let dump = manifest(&name, Observed::Seen(value(7, true)));
        let mut unseen = manifest(&name, Observed::Unseen("permission denied".into()));
        assert_eq!(range.reconcile(&mut unseen, &dump), []);
        assert_eq!(unseen.sequences[&name], Observed::Unseen("permission denied".into()));
        let mut seen = manifest(&name, Observed::Seen(value(6, true)));
        assert_eq!(range.reconcile(&mut seen, &dump).len(), 1);
        assert_eq!(seen.sequences[&name], Observed::Seen(value(7, true)));
    }

    #[test]
    fn only_a_value_on_the_way_is_taken() {
        let between = |b: (i64, bool), d: (i64, bool), a: (i64, bool)| {
            is_between(&value(b.0, b.1), &value(d.0, d.1), &value(a.0, a.1))
        };
        assert!(between((5, true), (7, true), (9, true)));
        assert!(between((5, true), (5, true), (9, true)));
        assert!(between((1, false), (1, false), (3, true)));
        assert!(between((1, false), (1, true), (3, true)));
        assert!(between((9, true), (7, true), (5, true)), "downwards");
        assert!(!between((5, true), (4, true), (9, true)));
        assert!(!between((5, true), (10, true), (9, true)));
        assert!(!between((5, true), (7, false), (9, true)));
        assert!(between((1, false), (1, true), (1, true)));
        assert!(!between((1, false), (2, true), (1, true)));
    }
}
