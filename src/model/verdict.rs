//! The outcome of a comparison and the one place where a verdict is made.
//!
//! "Could not check" must never be reported as "sound". So a [`Verdict`] cannot be built anywhere else, and no code here turns a finding
//! or an unchecked entry into sound.

mod dump;
#[cfg(test)]
mod dump_tests;
#[cfg(test)]
mod line_tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::marked::MarkedText;
use crate::model::aspect::Aspect;
use crate::model::digest::TableDigest;
use crate::model::finding::{AppliedWaiver, Finding, Unchecked};

pub use dump::{DumpVerdict, differs};

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every planned check ran on both sides, at least one table was compared, no finding.
    Sound,
    /// At least one finding, even if other checks could not run.
    Damaged,
    /// No verdict.
    Inconclusive,
}

impl Verdict {
    /// Whether everything was compared and nothing was found.
    pub fn is_sound(self) -> bool {
        self == Self::Sound
    }

    /// Whether something was found.
    pub fn is_damaged(self) -> bool {
        self == Self::Damaged
    }

    /// 0, 1, 2.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Sound => 0,
            Self::Damaged => 1,
            Self::Inconclusive => 2,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sound => "sound",
            Self::Damaged => "damaged",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Per relation, by printed name.
    pub tables: BTreeMap<String, TableResult>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be read.
    pub unchecked: Vec<Unchecked>,
    /// What was expected to differ.
    pub waivers: Vec<AppliedWaiver>,
    /// What the verdict speaks of.
    pub scope: Scope,
    /// The options that left a part of the database out, as given and sorted: `--table shop.orders`.
    pub selection: Vec<String>,
    /// How much was compared.
    pub coverage: Coverage,
    /// Remarks for the user that are neither findings nor unchecked.
    pub remarks: Vec<MarkedText>,
}

/// The scope of a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Aspects that were compared.
    pub compared: Vec<Aspect>,
    /// Aspects that an endpoint cannot answer, or that replication does not carry (see [`Rechecked`]).
    pub not_compared: Vec<Aspect>,
    /// Set if rows that differed were read again in later snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rechecked: Option<Rechecked>,
}

/// What became of the rows that differed in the first snapshots and were read again in later ones (`compare --recheck`). Rows are
/// counted by key: a changed row is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rechecked {
    /// Rounds that were needed.
    #[serde(with = "crate::base::count")]
    pub rounds: u64,
    /// Rows that agreed later: they were in flight.
    #[serde(with = "crate::base::count")]
    pub converged: u64,
    /// Rows that stayed different: findings.
    #[serde(with = "crate::base::count")]
    pub persistent: u64,
    /// Rows that still differed at the end but had changed meanwhile: unchecked.
    #[serde(with = "crate::base::count")]
    pub in_flight: u64,
    /// Tables that could only be read again as a whole, and agreed then.
    #[serde(with = "crate::base::count")]
    pub whole_tables_converged: u64,
    /// Tables that could only be read again as a whole, and did not agree: findings or unchecked.
    #[serde(with = "crate::base::count")]
    pub whole_tables_open: u64,
}

/// One table on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableResult {
    /// Count and digest, when seen.
    pub expected: Option<TableDigest>,
    /// Count and digest, when seen.
    pub actual: Option<TableDigest>,
    /// What became of it.
    pub status: TableStatus,
}

/// What became of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableStatus {
    /// Compared, the same rows.
    Equal,
    /// Compared, other rows.
    Different,
    /// Compared; what differed in the first snapshots agreed when it was read again.
    Converged,
    /// Only expected has it.
    Missing,
    /// Only actual has it.
    Unexpected,
    /// Could not be read.
    Unchecked,
    /// Its rows were not compared, as a waiver says.
    Waived,
    /// A materialized view whose rows differ: a restore or REFRESH computes them from the query.
    Derived,
}

/// How much was compared. For "sound" the numbers must add up on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Tables in the catalog of the expected side, within the selection.
    #[serde(with = "crate::base::count")]
    pub tables_expected: u64,
    /// Tables in the catalog of the actual side, within the selection.
    #[serde(with = "crate::base::count")]
    pub tables_actual: u64,
    /// Tables whose rows were read on both sides and compared.
    #[serde(with = "crate::base::count")]
    pub tables_compared: u64,
    /// Tables of the expected side that were left out by a waiver.
    #[serde(with = "crate::base::count")]
    pub waived_expected: u64,
    /// Tables of the actual side that were left out by a waiver.
    #[serde(with = "crate::base::count")]
    pub waived_actual: u64,
    /// Materialized views on both sides whose rows were read and differ: a remark, not compared as equal.
    #[serde(default, with = "crate::base::count", skip_serializing_if = "is_zero")]
    pub derived: u64,
    /// Rows read on the expected side.
    #[serde(with = "crate::base::count")]
    pub rows_expected: u64,
    /// Rows read on the actual side.
    #[serde(with = "crate::base::count")]
    pub rows_actual: u64,
    /// Schema objects on the expected side.
    #[serde(with = "crate::base::count")]
    pub objects_expected: u64,
    /// Schema objects on the actual side.
    #[serde(with = "crate::base::count")]
    pub objects_actual: u64,
    /// Foreign keys whose rows were checked on both sides.
    #[serde(with = "crate::base::count")]
    pub foreign_keys: u64,
    /// Sequences compared.
    #[serde(with = "crate::base::count")]
    pub sequences: u64,
    /// Assertions run on both sides.
    #[serde(with = "crate::base::count")]
    pub assertions: u64,
}

impl Coverage {
    /// Whether every table of both catalogs was compared, was left out by a waiver, holds derived rows, or is one of the excused of its side.
    fn is_complete(&self, excused_expected: u64, excused_actual: u64) -> bool {
        // Checked: in a report that was made up, a sum may wrap round to the right number.
        let covered = |waived: u64, excused: u64| {
            self.tables_compared.checked_add(waived)?.checked_add(self.derived)?.checked_add(excused)
        };
        Some(self.tables_expected) == covered(self.waived_expected, excused_expected)
            && Some(self.tables_actual) == covered(self.waived_actual, excused_actual)
    }
}

impl Scope {
    /// The aspects that were compared, as printed: `rows (rechecked)`, `sequences`.
    pub fn compared_texts(&self) -> Vec<String> {
        let text = |aspect: &Aspect| match (aspect, &self.rechecked) {
            (Aspect::Rows, Some(_)) => format!("{aspect} (rechecked)"),
            _ => aspect.to_string(),
        };
        self.compared.iter().map(text).collect()
    }
}

impl Outcome {
    /// The verdict: the only place that makes one.
    pub fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            Verdict::Damaged
        } else if !self.unchecked.is_empty()
            || self.coverage.tables_compared == 0
            || !self.scope.compared.contains(&Aspect::Rows)
            || !self.coverage.is_complete(0, 0)
        {
            Verdict::Inconclusive
        } else {
            Verdict::Sound
        }
    }

    /// One line: `sound (rows, sequences; not compared: schema)`, with the reason when there is no verdict.
    pub fn verdict_line(&self) -> String {
        let list = |aspects: &[Aspect]| aspects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut scope = self.scope.compared_texts().join(", ");
        if !self.scope.not_compared.is_empty() {
            scope = format!("{scope}; not compared: {}", list(&self.scope.not_compared));
        }
        if !self.selection.is_empty() {
            scope = format!("{scope}; only {}", self.selection.join(" "));
        }
        let reason = match self.verdict() {
            Verdict::Sound => String::new(),
            Verdict::Damaged if self.unchecked.is_empty() => format!(": {}", counted(self.findings.len(), "finding")),
            Verdict::Damaged => {
                format!(": {}, {} unchecked", counted(self.findings.len(), "finding"), self.unchecked.len())
            }
            Verdict::Inconclusive if !self.unchecked.is_empty() => {
                format!(": {} could not be checked", counted(self.unchecked.len(), "thing"))
            }
            Verdict::Inconclusive if self.coverage.tables_compared == 0 => ": no table was compared".to_owned(),
            Verdict::Inconclusive if !self.scope.compared.contains(&Aspect::Rows) => {
                ": no rows were compared".to_owned()
            }
            Verdict::Inconclusive => ": not every table was compared".to_owned(),
        };
        let scope = if scope.is_empty() { String::new() } else { format!(" ({scope})") };
        format!("{}{reason}{scope}", self.verdict())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// `1 finding`, `2 findings`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::FindingKind;

    fn one_table() -> Outcome {
        crate::samples::equal(1, &[Aspect::Rows])
    }

    fn unchecked() -> Unchecked {
        Unchecked::new("rows of a.b", "actual", "permission denied")
    }

    #[test]
    fn all_compared_and_nothing_found_is_sound() {
        assert_eq!(one_table().verdict(), Verdict::Sound);
    }

    #[test]
    fn nothing_compared_is_not_sound() {
        assert_eq!(Outcome::default().verdict(), Verdict::Inconclusive);
        let mut outcome = one_table();
        outcome.coverage = Coverage {
            tables_expected: 1,
            tables_actual: 1,
            waived_expected: 1,
            waived_actual: 1,
            ..Default::default()
        };
        assert_eq!(outcome.verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn a_comparison_without_rows_is_not_sound() {
        let mut outcome = one_table();
        outcome.scope.compared = vec![Aspect::Schema, Aspect::Sequences];
        assert_eq!(outcome.verdict(), Verdict::Inconclusive);
        assert!(outcome.verdict_line().starts_with("inconclusive: no rows were compared"));
    }

    #[test]
    fn a_finding_is_damage_even_when_something_is_unchecked() {
        let mut outcome = one_table();
        outcome.findings.push(Finding::new(FindingKind::RowCount, "a.b"));
        outcome.unchecked.push(unchecked());
        assert_eq!(outcome.verdict(), Verdict::Damaged);
    }

    #[test]
    fn something_unchecked_is_never_sound() {
        let mut outcome = one_table();
        outcome.unchecked.push(unchecked());
        assert_eq!(outcome.verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn the_verdict_line_says_what_was_left_out() {
        let mut outcome = one_table();
        assert_eq!(outcome.verdict_line(), "sound (rows)");
        outcome.selection = vec!["--table shop.*".into()];
        assert_eq!(outcome.verdict_line(), "sound (rows; only --table shop.*)");
    }

    #[test]
    fn a_table_in_the_catalog_that_was_not_compared_is_never_sound() {
        for (expected, actual) in [(2, 1), (1, 2), (2, 2)] {
            let mut outcome = one_table();
            outcome.coverage.tables_expected = expected;
            outcome.coverage.tables_actual = actual;
            assert_eq!(outcome.verdict(), Verdict::Inconclusive);
            assert_eq!(outcome.verdict_line(), "inconclusive: not every table was compared (rows)");
        }
    }
}
