//! The rule for a proven dump: a run may prove its dump although the restore server could not restore everything.
//!
//! The dump is proven when rows, sequences and large objects of every table are equal in source, dump and restored copy, and
//! every finding and every unchecked entry that is left has a [`Limit`]. The verdict is not touched by it: a finding with a
//! limit is a finding.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::model::aspect::Aspect;
use crate::model::files::FILES;
use crate::model::finding::{Finding, FindingKind, Limit, Unchecked};
use crate::model::subject::Subject;

/// Whether the dump of a run is verified. Made by [`Outcome::dump_verdict`] only; a report that carries another one than its
/// content bears out cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpVerdict {
    is_proven: bool,
    /// What the restored copy lacks, each kind once. Empty in a sound run.
    lacks: Vec<Limit>,
    /// Why the dump is not proven: the first entry that counts against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The directories of `[[files]]` are not all proven. Since format 5.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lacks_files: bool,
}

impl DumpVerdict {
    /// Whether the dump counts as verified.
    pub fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// What the restored copy lacks.
    pub fn lacks(&self) -> &[Limit] {
        &self.lacks
    }

    /// One sentence, where the verdict alone does not say it: `None` for a sound run.
    pub fn line(&self) -> Option<String> {
        match (&self.reason, self.is_proven) {
            (_, true) => {
                let of_server = (!self.lacks.is_empty()).then(|| differs(&self.lacks, "this restore server"));
                let of_files = self.lacks_files.then(|| "the files that belong to the database are not".to_owned());
                let lacks: Vec<String> = of_files.into_iter().chain(of_server).collect();
                (!lacks.is_empty()).then(|| format!("the dump is proven; {}", lacks.join("; ")))
            }
            (Some(reason), false) => Some(format!("the dump is not proven: {reason}")),
            (None, false) => Some("the dump is not proven".into()),
        }
    }
}

/// `this restore server differs in: owner; from the source itself: invalid index`.
pub fn differs(lacks: &[Limit], server: &str) -> String {
    let of = |is_of_source: bool| {
        let limits = lacks.iter().filter(|limit| limit.is_of_source() == is_of_source);
        limits.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let (of_server, of_source) = (of(false), of(true));
    let of_server = (!of_server.is_empty()).then(|| format!("{server} differs in: {of_server}"));
    let of_source = (!of_source.is_empty()).then(|| format!("from the source itself: {of_source}"));
    of_server.into_iter().chain(of_source).collect::<Vec<_>>().join("; ")
}

impl Outcome {
    /// The rule for the dump. `self` is source against copy; `legs` are source against dump and dump against copy.
    pub fn dump_verdict(&self, legs: &[Outcome]) -> DumpVerdict {
        let against = self.against_dump().or_else(|| legs.iter().find_map(Self::against_dump));
        let reason = against.filter(|_| !self.verdict().is_sound());
        let of_findings = self.findings.iter().filter_map(|finding| finding.limit);
        let limits: BTreeSet<Limit> = of_findings.chain(self.unchecked.iter().filter_map(|one| one.limit)).collect();
        let lacks = if reason.is_none() { limits.into_iter().collect() } else { Vec::new() };
        let lacks_files = reason.is_none()
            && (self.findings.iter().any(is_about_files) || self.unchecked.iter().any(|one| is_of_files(&one.object)));
        DumpVerdict { is_proven: reason.is_none(), lacks, reason, lacks_files }
    }

    /// The first thing that speaks against the dump.
    fn against_dump(&self) -> Option<String> {
        let coverage = &self.coverage;
        if let Some(finding) = self.findings.iter().find(|finding| !is_limited(finding) && !is_about_files(finding)) {
            return Some(finding.to_string());
        }
        let is_open = |unchecked: &&Unchecked| !is_excused(unchecked) && !is_of_files(&unchecked.object);
        if let Some(unchecked) = self.unchecked.iter().find(is_open) {
            return Some(format!("{} could not be checked", unchecked.object));
        }
        if coverage.tables_compared == 0 {
            return Some("no table was compared".into());
        }
        let unread = self.unread_derived();
        if !coverage.is_complete(unread + self.uncarried(), unread) {
            return Some("not every table was compared".into());
        }
        let data = [Aspect::Rows, Aspect::Sequences, Aspect::LargeObjects];
        let missing = data.into_iter().find(|aspect| !self.scope.compared.contains(aspect));
        missing.map(|aspect| format!("{aspect} were not compared"))
    }
}

impl Outcome {
    /// Materialized views that could not be read: no dump carries their rows.
    fn unread_derived(&self) -> u64 {
        let views = self.unchecked.iter().filter(|one| one.limit == Some(Limit::DerivedRows));
        views.filter_map(|one| one.object.of("rows")).collect::<BTreeSet<_>>().len() as u64
    }
}

impl Outcome {
    /// Relations that the copy lacks and whose rows need no proof from it: the dump has none of foreign tables and materialized
    /// views, and those of an extension's table were compared between source and dump, or it would have no limit.
    fn uncarried(&self) -> u64 {
        let is_one = |finding: &&Finding| {
            let is_of_extension = matches!(finding.limit, Some(Limit::Extension | Limit::ExtensionVersion));
            let is_refused = is_of_extension || finding.limit == Some(Limit::Superuser);
            finding.kind == FindingKind::Missing
                && match finding.schema_object() {
                    Some(("foreign_table" | "materialized_view", _)) => is_refused,
                    Some(("table", _)) => is_of_extension,
                    _ => false,
                }
        };
        self.findings.iter().filter(is_one).count() as u64
    }
}

/// Whether the cause is a limit. For data only what the restore itself computes or writes: rows of materialized views, generated
/// columns, and rows that event triggers have written.
fn is_limited(finding: &Finding) -> bool {
    use FindingKind::{
        Assertion, Changed, ColumnOrder, Drift, FileContent, FileMode, ForeignKey, Generated, LargeObjects, Missing,
        RowContent, RowCount, SequenceValue, Unexpected,
    };
    match finding.kind {
        Missing | Unexpected | Changed => finding.limit.is_some(),
        RowCount | RowContent => {
            matches!(finding.limit, Some(Limit::DerivedRows | Limit::EventTrigger | Limit::NotDumped))
        }
        Generated => finding.limit == Some(Limit::DerivedRows),
        SequenceValue => finding.limit == Some(Limit::EventTrigger),
        ColumnOrder | LargeObjects | ForeignKey | Assertion | Drift | FileContent | FileMode => false,
    }
}

/// The object of a user's check may look like one of files.
fn is_about_files(finding: &Finding) -> bool {
    let is_kind = matches!(finding.kind, FindingKind::FileContent | FindingKind::FileMode | FindingKind::Drift);
    is_kind && is_of_files(&finding.object)
}

/// Directories beside the database: the dump is proven without them.
fn is_of_files(object: &Subject) -> bool {
    object.of(FILES).is_some()
}

/// Rows, sequences and large objects that could not be read are never excused, but for derived rows.
fn is_excused(unchecked: &Unchecked) -> bool {
    let is_large_objects = unchecked.object == Subject::LARGE_OBJECTS;
    let is_data = is_large_objects || matches!(unchecked.object.parts(), Some(("rows" | "sequence", _)));
    unchecked.limit.is_some_and(|limit| !is_data || limit == Limit::DerivedRows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn equal(tables: u64) -> Outcome {
        crate::samples::equal(tables, &Aspect::ALL)
    }

    fn finding() -> impl Strategy<Value = Finding> {
        let limit = prop::option::of(prop::sample::select(Limit::ALL.to_vec()));
        (prop::sample::select(FindingKind::ALL.to_vec()), limit).prop_map(|(kind, limit)| {
            let mut finding = Finding::new(kind, "x");
            finding.limit = limit;
            finding
        })
    }

    fn unchecked() -> impl Strategy<Value = Unchecked> {
        let object = prop::sample::select(vec!["rows a.b", "sequence a.b", "large objects", "TABLE b", "schema view"]);
        (object, prop::option::of(prop::sample::select(Limit::ALL.to_vec()))).prop_map(|(object, limit)| Unchecked {
            object: object.into(),
            side: "actual".into(),
            reason: "r".into(),
            limit,
        })
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        let numbers = (0..3u64, 0..3u64, 0..3u64);
        (numbers, prop::collection::vec(finding(), 0..3), prop::collection::vec(unchecked(), 0..3)).prop_map(
            |((tables, compared, waived), findings, unchecked)| {
                let mut outcome = equal(tables);
                outcome.coverage.tables_compared = compared;
                (outcome.coverage.waived_expected, outcome.coverage.waived_actual) = (waived, waived);
                Outcome { findings, unchecked, ..outcome }
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_without_a_limit_and_nothing_that_was_not_compared_is_ever_proven(
            whole in outcome(),
            leg in outcome(),
        ) {
            let verdict = whole.dump_verdict(std::slice::from_ref(&leg));
            if verdict.is_proven() && !whole.verdict().is_sound() {
                for outcome in [&whole, &leg] {
                    prop_assert!(outcome.findings.iter().all(|finding| finding.limit.is_some()));
                    prop_assert!(outcome.unchecked.iter().all(|unchecked| unchecked.limit.is_some()));
                    prop_assert!(outcome.coverage.tables_compared > 0);
                    let covered =
                        outcome.coverage.tables_compared + outcome.coverage.waived_expected + outcome.unread_derived();
                    prop_assert_eq!(covered, outcome.coverage.tables_expected);
                }
                prop_assert!(!verdict.lacks().is_empty());
            }
        }

        #[test]
        fn the_rule_for_the_dump_never_changes_the_verdict(whole in outcome()) {
            let before = whole.verdict();
            let proven = whole.dump_verdict(&[]).is_proven();
            prop_assert_eq!(whole.verdict(), before);
            prop_assert!(proven || !before.is_sound());
        }
    }

    fn limited(kind: FindingKind, limit: Limit) -> Outcome {
        let mut outcome = equal(1);
        let mut finding = Finding::new(kind, "x");
        finding.limit = Some(limit);
        outcome.findings.push(finding);
        outcome
    }

    #[test]
    fn a_dump_is_proven_although_the_server_has_another_version_of_an_extension() {
        let verdict = limited(FindingKind::Changed, Limit::ExtensionVersion).dump_verdict(&[equal(1), equal(1)]);
        let line = "the dump is proven; this restore server differs in: extension version";
        assert_eq!(verdict.line().as_deref(), Some(line));
        assert_eq!(equal(1).dump_verdict(&[equal(1)]).line(), None);
    }

    #[test]
    fn data_that_differs_is_excused_by_what_computes_data_alone() {
        let is_proven = |kind, limit| limited(kind, limit).dump_verdict(&[]).is_proven();
        assert!(is_proven(FindingKind::RowContent, Limit::DerivedRows));
        assert!(is_proven(FindingKind::RowCount, Limit::EventTrigger));
        assert!(!is_proven(FindingKind::RowCount, Limit::Owner));
        assert!(!is_proven(FindingKind::SequenceValue, Limit::DerivedRows));
        for limit in Limit::ALL {
            assert!(!is_proven(FindingKind::LargeObjects, limit), "{limit}");
            assert!(!is_proven(FindingKind::ForeignKey, limit), "{limit}");
        }
    }

    #[test]
    fn a_table_that_is_missing_is_excused_only_as_one_of_an_extension() {
        let is_proven = |object: &str, limit| {
            let mut outcome = limited(FindingKind::Missing, limit);
            outcome.findings[0].object = object.into();
            outcome.coverage.tables_expected = 2;
            outcome.dump_verdict(&[]).is_proven()
        };
        for limit in Limit::ALL {
            let is_of_extension = matches!(limit, Limit::Extension | Limit::ExtensionVersion);
            assert_eq!(is_proven("table a.b", limit), is_of_extension, "{limit}");
            assert_eq!(is_proven("foreign_table a.b", limit), is_of_extension || limit == Limit::Superuser, "{limit}");
            assert!(!is_proven("index a.b", limit), "{limit}: not every table was compared");
        }
    }

    #[test]
    fn the_line_says_what_is_of_the_source_itself() {
        let mut night = limited(FindingKind::Changed, Limit::Owner);
        night.findings.extend(limited(FindingKind::Changed, Limit::SourceCollation).findings);
        let line = "the dump is proven; this restore server differs in: owner; from the source itself: collation version \
                    that the library no longer has";
        assert_eq!(night.dump_verdict(&[]).line().as_deref(), Some(line));
    }

    #[test]
    fn a_leg_that_compared_nothing_proves_nothing() {
        let night = limited(FindingKind::Changed, Limit::Owner);
        let verdict = night.dump_verdict(&[equal(1), equal(0)]);
        assert_eq!(verdict.line().as_deref(), Some("the dump is not proven: no table was compared"));
        let mut blind = equal(1);
        blind.scope.compared.retain(|aspect| *aspect != Aspect::LargeObjects);
        assert!(!night.dump_verdict(&[blind]).is_proven());
    }
}
