//! Waivers: expected differences are moved to a separate list, which the report shows.

use wildmatch::WildMatchPattern;

use crate::model::finding::{AppliedWaiver, Finding, FindingKind, Unchecked, Waiver};
use crate::model::subject::Subject;
use crate::model::verdict::{Outcome, TableStatus};

/// Removes from findings and unchecked entries what the waivers cover. Every waiver is listed in the outcome, needed or not.
pub fn apply(outcome: &mut Outcome, waivers: &[Waiver]) {
    for waiver in waivers {
        if covers_every_table(waiver, outcome) {
            refuse(waiver, outcome);
            continue;
        }
        let mut covered = Vec::new();
        if is_whole_kind(waiver) {
            covered.push(format!("every {}", waiver.kind));
        }
        for finding in std::mem::take(&mut outcome.findings) {
            if covers(waiver, &finding) {
                covered.push(finding.to_string());
                // A waiver for a schema covers the tables in it.
                let details = finding.detail.iter().map(|line| line.as_str().into());
                for object in std::iter::once(finding.object).chain(details) {
                    waive_table(outcome, finding.kind, &object);
                }
            } else {
                outcome.findings.push(finding);
            }
        }
        for unchecked in std::mem::take(&mut outcome.unchecked) {
            if waiver.kind == "unchecked" && has_glob_match(&waiver.object, unchecked.object.as_str()) {
                covered.push(format!("unchecked {} ({})", unchecked.object, unchecked.side));
                waive_rows(outcome, &unchecked);
            } else {
                outcome.unchecked.push(unchecked);
            }
        }
        outcome.waivers.push(AppliedWaiver { waiver: waiver.clone(), covered });
    }
}

/// A waiver names a kind of finding and the object as printed, or a kind of object and its identity.
fn covers(waiver: &Waiver, finding: &Finding) -> bool {
    let is_kind_of_finding =
        waiver.kind == finding.kind.id() && has_glob_match(&waiver.object, finding.object.as_str());
    let of_object = finding.schema_object().filter(|(kind, _)| waiver.kind == *kind);
    is_kind_of_finding || of_object.is_some_and(|(_, identity)| has_glob_match(&waiver.object, identity))
}

/// Whether every object of a kind is waived: then the kind is not read.
pub fn is_whole_kind(waiver: &Waiver) -> bool {
    waiver.object == "*" && FindingKind::ALL.iter().all(|kind| kind.id() != waiver.kind) && waiver.kind != "unchecked"
}

/// A table that may be on one side only counts as covered on that side.
fn waive_table(outcome: &mut Outcome, kind: FindingKind, object: &Subject) {
    let Some(("table" | "foreign_table" | "materialized_view", name)) = object.parts() else { return };
    let Some(table) = outcome.tables.get_mut(name) else { return };
    match (kind, table.status) {
        (FindingKind::Missing, TableStatus::Missing) => outcome.coverage.waived_expected += 1,
        (FindingKind::Unexpected, TableStatus::Unexpected) => outcome.coverage.waived_actual += 1,
        _ => return,
    }
    table.status = TableStatus::Waived;
}

/// Rows that need not be read count as covered on both sides.
fn waive_rows(outcome: &mut Outcome, unchecked: &Unchecked) {
    let Some(name) = unchecked.object.of("rows") else { return };
    let Some(table) = outcome.tables.get_mut(name) else { return };
    if table.status == TableStatus::Unchecked {
        table.status = TableStatus::Waived;
        outcome.coverage.waived_expected += 1;
        outcome.coverage.waived_actual += 1;
    }
}

/// `*` stands for any text; all other characters for themselves: a name holds no NUL.
fn has_glob_match(pattern: &str, text: &str) -> bool {
    WildMatchPattern::<'*', '\0'>::new(pattern).matches(text)
}

/// Whether a user's waiver for damage to rows matches every table of this database.
fn covers_every_table(waiver: &Waiver, outcome: &Outcome) -> bool {
    let subject = |name: &String| match waiver.kind.as_str() {
        "row_count" | "row_content" | "generated" | "column_order" => Some(name.as_str().into()),
        "missing" | "unexpected" => Some(Subject::new("table", name)),
        "unchecked" => Some(Subject::new("rows", name)),
        _ => None,
    };
    let is_pattern = waiver.by.starts_with("file") && waiver.object.contains('*');
    let mut names = outcome.tables.keys();
    is_pattern
        && outcome.tables.len() > 1
        && names.all(|name| subject(name).is_some_and(|subject| has_glob_match(&waiver.object, subject.as_str())))
}

/// Makes the comparison inconclusive instead of applying the waiver.
fn refuse(waiver: &Waiver, outcome: &mut Outcome) {
    let object = Subject::new("waiver", format_args!("{} {}", waiver.kind, waiver.object));
    let reason = "it matches every table of this database and would cover any damage: name the objects";
    outcome.unchecked.push(Unchecked::new(object, "both", reason));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::TableResult;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(has_glob_match("index shop.*", "index shop.orders_idx"));
        assert!(has_glob_match("*", ""));
        assert!(has_glob_match("a*c*e", "abcde"));
        assert!(!has_glob_match("index shop", "index shop.x"));
        assert!(!has_glob_match("a*c", "abd"));
        assert!(has_glob_match("*b*b", "abcbb"));
        assert!(!has_glob_match("", "a"));
        assert!(has_glob_match("a?*\\", "a?b\\") && !has_glob_match("a?", "ab"), "nothing else is special");
    }

    #[test]
    fn a_pattern_that_matches_every_table_is_refused_for_every_kind_that_would_hide_lost_rows() {
        let table =
            |name: &str| (name.to_owned(), TableResult { expected: None, actual: None, status: TableStatus::Equal });
        for (kind, object, is_refused) in [
            ("row_count", "*", true),
            ("row_content", "s.*", true),
            ("missing", "table s.*", true),
            ("unexpected", "table*", true),
            ("unchecked", "rows *", true),
            ("unchecked", "rows s.a*", false),
            ("missing", "index s.*", false),
        ] {
            let mut outcome = Outcome { tables: [table("s.a"), table("s.b")].into(), ..Outcome::default() };
            let [kind, object, reason, by] = [kind, object, "r", "file"].map(str::to_owned);
            apply(&mut outcome, &[Waiver { kind: kind.clone(), object: object.clone(), reason, by }]);
            let refused: Vec<String> = outcome.unchecked.iter().map(|one| one.object.to_string()).collect();
            let expected = if is_refused { vec![format!("waiver {kind} {object}")] } else { vec![] };
            assert_eq!(refused, expected);
        }
    }

    #[test]
    fn a_check_that_is_named_like_an_object_is_not_waived_as_one() {
        let waiver = |kind: &str, object: &str| {
            let [kind, object, reason, by] = [kind, object, "r", "file"].map(str::to_owned);
            Waiver { kind, object, reason, by }
        };
        let violated = Finding::new(FindingKind::Assertion, "index on balance");
        assert!(!covers(&waiver("index", "on*"), &violated));
        assert!(covers(&waiver("assertion", "index on*"), &violated));
        let missing = Finding::new(FindingKind::Missing, "index s.\"a b\"");
        assert!(covers(&waiver("index", "s.\"a*"), &missing) && covers(&waiver("missing", "index s.*"), &missing));
    }

    #[test]
    fn a_waiver_for_statistics_does_not_count_the_table_of_the_same_name_as_waived() {
        let table = TableResult { expected: None, actual: None, status: TableStatus::Missing };
        let mut outcome = Outcome { tables: [("s.t".to_owned(), table)].into(), ..Outcome::default() };
        waive_table(&mut outcome, FindingKind::Missing, &Subject::new("statistics", "s.t"));
        assert_eq!((outcome.coverage.waived_expected, outcome.tables["s.t"].status), (0, TableStatus::Missing));
        waive_table(&mut outcome, FindingKind::Missing, &Subject::new("table", "s.t"));
        assert_eq!((outcome.coverage.waived_expected, outcome.tables["s.t"].status), (1, TableStatus::Waived));
    }

    #[test]
    fn many_stars_take_no_longer_than_the_product_of_the_lengths() {
        assert!(!has_glob_match(&format!("{}b", "a*".repeat(200)), &"a".repeat(20_000)));
        assert!(!has_glob_match("*a*a*a*a*b", &"a".repeat(100_000)));
    }
}
