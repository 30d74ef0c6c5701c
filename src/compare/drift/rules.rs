//! The rules of `[[drift]]`, and what breaks them.
//!
//! A rule that could not be applied is unchecked: its pattern matches no table, or the rows of a table were not seen. Compares only two
//! runs: a table that loses a few rows in every run is not detected.

use super::DriftRule;
use crate::base::error::{Context, Result};
use crate::compare::further::FurtherFindings;
use crate::model::finding::{Finding, FindingKind, Unchecked};
use crate::model::manifest::{Manifest, RelationKind};
use crate::model::name::Name;
use crate::model::selection::Pattern;
use crate::model::subject::Subject;
use crate::model::verdict::counted;

/// A valid rule.
#[derive(Debug, Clone)]
pub struct Rule {
    given: DriftRule,
    pattern: Pattern,
}

/// Reads the rules.
///
/// # Errors
/// See [`DriftRule::pattern`].
pub fn rules(given: &[DriftRule]) -> Result<Vec<Rule>> {
    let read = |rule: &DriftRule| {
        let pattern = rule.pattern().doing(|| format!("read the drift rule for {}", rule.tables))?;
        Ok(Rule { given: rule.clone(), pattern })
    };
    given.iter().map(read).collect()
}

/// Compares a run with the last sound run before it (none for the first run): rows lost in a damaged run must not become the baseline.
pub fn judge(previous: Option<&Manifest>, current: &Manifest, rules: &[Rule]) -> FurtherFindings {
    let mut judged = FurtherFindings::default();
    for rule in rules {
        let names: Vec<&Name> =
            names(previous, current).into_iter().filter(|name| rule.pattern.matches(name)).collect();
        if names.is_empty() {
            judged.unchecked.push(unchecked(rule, "matches no table in this run or the one before"));
        }
        for name in names {
            judge_table(rule, name, previous, current, &mut judged);
        }
    }
    if previous.is_none() && rules.iter().any(Rule::needs_previous) {
        judged.remarks.push("drift: there is no earlier sound run to compare with".into());
    }
    judged
}

impl Rule {
    /// Whether it compares one run with another.
    pub fn needs_previous(&self) -> bool {
        self.given.max_shrink_percent.is_some() || self.given.must_not_vanish
    }
}

fn names<'a>(previous: Option<&'a Manifest>, current: &'a Manifest) -> std::collections::BTreeSet<&'a Name> {
    let relations = previous.into_iter().chain([current]).flat_map(|manifest| &manifest.relations);
    relations.filter(|(_, relation)| relation.kind != RelationKind::ForeignTable).map(|(name, _)| name).collect()
}

fn unchecked(rule: &Rule, reason: &str) -> Unchecked {
    Unchecked::new(Subject::new("drift", &rule.given.tables), "expected", reason)
}

fn judge_table(
    rule: &Rule,
    name: &Name,
    previous: Option<&Manifest>,
    current: &Manifest,
    judged: &mut FurtherFindings,
) {
    let was = previous.and_then(|manifest| manifest.relations.get(name));
    let Some(is) = current.relations.get(name) else {
        let before = was.and_then(|was| was.rows.seen()).map_or("a table".to_owned(), |tally| rows(tally.digest.rows));
        // Every rule requires that the table exists.
        judged.add_finding(name, before, "no such table".into(), "the table no longer exists", rule);
        return;
    };
    if !rule.given.must_not_be_empty && rule.given.max_shrink_percent.is_none() {
        return;
    }
    let Some(now) = is.rows.seen().map(|tally| tally.digest.rows) else {
        return judged.unchecked.push(unchecked(rule, &format!("the rows of {name} were not seen")));
    };
    let before = was.map(|was| was.rows.seen().map(|tally| tally.digest.rows));
    if rule.given.must_not_be_empty && now == 0 {
        let before = before.flatten().map_or("at least 1 row".to_owned(), rows);
        return judged.add_finding(name, before, rows(now), "it is empty", rule);
    }
    match (rule.given.max_shrink_percent, before) {
        (Some(percent), Some(Some(before))) if has_shrunk_by_more(before, now, percent) => {
            let lost = (before - now).saturating_mul(100) / before;
            let text = format!("lost {} ({lost} %); the rule allows {percent} %", rows(before - now));
            judged.add_finding(name, rows(before), rows(now), &text, rule);
        }
        (Some(_), Some(None)) => {
            judged.unchecked.push(unchecked(rule, &format!("the rows of {name} were not seen in the run before")));
        }
        _ => {}
    }
}

/// Without rounding or overflow.
pub fn has_shrunk_by_more(before: u64, now: u64, percent: u8) -> bool {
    now < before && u128::from(before - now) * 100 > u128::from(before) * u128::from(percent)
}

fn rows(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "row")
}

impl FurtherFindings {
    /// One finding for each table, however many rules it breaks.
    fn add_finding(&mut self, name: &Name, before: String, now: String, why: &str, rule: &Rule) {
        let line = format!("{why} (rule {})", rule.given.tables);
        let object = Subject::from(name);
        match self.findings.iter_mut().find(|finding| finding.object == object) {
            Some(known) => known.detail.push(line),
            None => {
                let mut finding = Finding::new(FindingKind::Drift, object).sides(before, now);
                finding.detail.push(line);
                self.findings.push(finding);
            }
        }
    }
}

#[cfg(test)]
mod tests;
