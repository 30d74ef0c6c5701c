//! Objects that pg_restore is configured to leave out: listed as intended, not as damage.
//!
//! Pure.

use crate::compare::canonical;
use crate::config::{MaterializedViews, RestoreSettings};
use crate::model::finding::{AppliedWaiver, Finding, FindingKind, Waiver};
use crate::model::manifest::{Manifest, RelationKind};
use crate::model::name::Name;
use crate::model::verdict::{Outcome, TableStatus};

/// Kinds whose definition names a tablespace.
const HAVE_TABLESPACE: [&str; 4] = ["table", "index", "materialized_view", "database"];

/// Moves the differences that these options explain out of the findings. `expected` is the manifest of the source.
pub fn apply(outcome: &mut Outcome, restore: &RestoreSettings, expected: &Manifest) {
    if restore.no_tablespaces {
        leave_tablespaces(outcome);
    }
    if restore.materialized_views == MaterializedViews::Leave {
        leave_views(outcome, expected);
    }
}

fn leave_tablespaces(outcome: &mut Outcome) {
    let is_left = |finding: &Finding| {
        let has_tablespace = finding.schema_object().is_some_and(|(kind, _)| HAVE_TABLESPACE.contains(&kind));
        // A NOT NULL that differs, too, is folded into a finding, which then has no limit.
        let is_alone = finding.detail.is_empty() || finding.limit.is_some();
        has_tablespace && is_alone && differs_only_in(finding, without_tablespace)
    };
    let (covered, kept) = outcome.findings.drain(..).partition(is_left);
    outcome.findings = kept;
    waive(outcome, "tablespace", "restore.no_tablespaces", &covered);
}

fn leave_views(outcome: &mut Outcome, expected: &Manifest) {
    let views = expected.relations.iter().filter(|(_, relation)| relation.kind == RelationKind::MaterializedView);
    let views: Vec<&Name> = views.map(|(name, _)| name).collect();
    let is_left = |finding: &Finding| match finding.kind {
        FindingKind::RowCount | FindingKind::RowContent => {
            finding.object.relation().is_some_and(|name| views.contains(&&name))
        }
        FindingKind::Changed => {
            finding.object.of("materialized_view").is_some() && differs_only_in(finding, without_state)
        }
        _ => false,
    };
    let (covered, kept): (Vec<Finding>, Vec<Finding>) = outcome.findings.drain(..).partition(is_left);
    outcome.findings = kept;
    for finding in &covered {
        let table = outcome.tables.get_mut(finding.object.as_str());
        if let Some(table) = table.filter(|table| table.status == TableStatus::Different) {
            table.status = TableStatus::Waived;
            outcome.coverage.tables_compared -= 1;
            outcome.coverage.waived_expected += 1;
            outcome.coverage.waived_actual += 1;
        }
    }
    if !views.is_empty() {
        let names = views.into_iter().map(Name::to_string).collect::<Vec<_>>().join(", ");
        let remark = format!(
            "the restored copy has no rows in materialized views ({names}): restore.materialized_views = \"leave\""
        );
        outcome.remarks.push(remark.into());
    }
    waive(outcome, "materialized_view", "restore.materialized_views = \"leave\"", &covered);
}

fn waive(outcome: &mut Outcome, kind: &str, option: &str, covered: &[Finding]) {
    let waiver =
        Waiver { kind: kind.into(), object: "of every object".into(), reason: option.into(), by: "option".into() };
    outcome.waivers.push(AppliedWaiver { waiver, covered: covered.iter().map(ToString::to_string).collect() });
}

/// Whether two definitions are the same without the lines that `rest` removes.
fn differs_only_in(finding: &Finding, rest: fn(&str) -> Vec<&str>) -> bool {
    let (Some(expected), Some(actual)) = (&finding.expected, &finding.actual) else { return false };
    finding.kind == FindingKind::Changed && expected != actual && rest(expected) == rest(actual)
}

/// The catalog query puts the tablespace after the access method or the index, never first; a column of a materialized view may
/// have the same name.
fn without_tablespace(text: &str) -> Vec<&str> {
    let is_view = text.starts_with("populated\n") || text.starts_with("NOT POPULATED\n");
    let lines = canonical::lines(text);
    let last = |at: usize| at.checked_sub(1).and_then(|before| lines.get(before)).copied().unwrap_or_default();
    let is_tablespace = |(at, line): &(usize, &&str)| {
        line.starts_with("tablespace ") && (!is_view || last(*at).starts_with("access method "))
    };
    lines.iter().enumerate().filter(|line| !is_tablespace(line)).map(|(_, line)| *line).collect()
}

/// The first line of a materialized view states whether it has rows.
fn without_state(text: &str) -> Vec<&str> {
    text.lines().skip(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_definition_that_differs_in_its_tablespace_alone_is_left() {
        let changed =
            |actual: &str| Finding::new(FindingKind::Changed, "table a.t").sides("column x\ntablespace fast", actual);
        let mut outcome = Outcome { findings: vec![changed("column x"), changed("column y")], ..Default::default() };
        leave_tablespaces(&mut outcome);
        assert_eq!(outcome.findings, [changed("column y")]);
        assert_eq!(outcome.waivers[0].covered, ["changed table a.t"]);
        assert_eq!(outcome.waivers[0].waiver.by, "option");
    }

    #[test]
    fn a_line_of_a_literal_or_of_a_body_is_no_tablespace() {
        let literal = |name: &str| format!("CREATE INDEX i ON a.t (c) WHERE (c = 'x\ntablespace {name}'::text)");
        let body = |name: &str| format!("CREATE FUNCTION f() AS $f$\ntablespace {name}\n$f$");
        let changed = |object: &str, of: &dyn Fn(&str) -> String| {
            Finding::new(FindingKind::Changed, object).sides(of("a"), of("b"))
        };
        let folded = Finding::new(FindingKind::Changed, "table a.t").sides("table\ntablespace fast", "table");
        let folded = Finding { detail: vec!["not_null a.t c".into()], ..folded };
        let plain = |name: &str| format!("x\ntablespace {name}");
        let findings = vec![
            changed("index a.i", &literal),
            changed("function a.f()", &body),
            changed("function a.g()", &plain),
            folded,
        ];
        let mut outcome = Outcome { findings: findings.clone(), ..Default::default() };
        leave_tablespaces(&mut outcome);
        assert_eq!(outcome.findings, findings);
    }
}
