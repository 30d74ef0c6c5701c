//! Versions of collations: a finding if a side recorded another version than its own library has.
//!
//! Different versions on two servers are only a remark: each server has built its indexes with its own library.

use std::collections::{BTreeMap, BTreeSet};

use super::OutcomeBuilder;
use crate::model::finding::{Finding, FindingKind};
use crate::model::manifest::Definition;
use crate::model::subject::Subject;

/// Definitions by the identity that is compared, each with the identity as the server printed it.
pub(super) type Objects<'a> = BTreeMap<String, (&'a str, &'a Definition)>;

/// The kinds that are compared here.
pub const KINDS: [&str; 2] = ["collation_version", "database_collation_version"];
/// Precedes the library's version in a definition, if it is not the recorded one.
const OUTDATED: &str = "the library now says ";

/// Compares each side with itself, and remarks on what differs between the sides.
pub fn compare(kind: &str, expected: &Objects<'_>, actual: &Objects<'_>, notes: &mut OutcomeBuilder<'_>) {
    let mut differing = Vec::new();
    for identity in expected.keys().chain(actual.keys()).collect::<BTreeSet<_>>() {
        let [e, a] = [expected, actual].map(|side| side.get(identity).map(|(_, definition)| definition.text.as_str()));
        if [e, a].into_iter().flatten().any(is_outdated) {
            let finding = Finding::new(FindingKind::Changed, Subject::new(kind, identity));
            notes.add_finding(finding.sides(e.unwrap_or("no version"), a.unwrap_or("no version")));
        } else if let (Some(e), Some(a)) = (e, a)
            && e != a
        {
            let number = |text: &str| text.trim_start_matches("version ").to_owned();
            differing.push(format!("{identity} ({} and {})", number(e), number(a)));
        }
    }
    if !differing.is_empty() {
        let remark = format!(
            "the two servers sort by different versions of a collation library, each as it recorded: {}",
            differing.join(", ")
        );
        notes.remark(remark);
    }
}

/// Whether the side's own library has another version than the one recorded.
pub fn is_outdated(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(OUTDATED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Request;
    use crate::model::manifest::Definition;

    /// Findings and remarks of one collation with these definitions.
    fn said(e: Option<&str>, a: Option<&str>) -> (Vec<String>, Vec<String>) {
        let identity = "shop.german".to_owned();
        let definition = |text: &str| Definition { text: text.into(), schema: None, relation: None };
        let sides = [e, a].map(|text| text.map(definition));
        let [e, a] = sides
            .each_ref()
            .map(|side| side.iter().map(|definition| (identity.clone(), (identity.as_str(), definition))).collect());
        let request = Request::default();
        let mut notes = OutcomeBuilder::new(&request);
        compare("collation_version", &e, &a, &mut notes);
        let remarks = notes.outcome.remarks.iter().map(|remark| remark.full().to_owned()).collect();
        (notes.findings.values().map(ToString::to_string).collect(), remarks)
    }

    #[test]
    fn two_libraries_are_a_remark_and_no_finding() {
        let (findings, remarks) = said(Some("version 153.120"), Some("version 153.80"));
        assert!(findings.is_empty(), "{findings:?}");
        assert!(remarks.len() == 1 && remarks[0].contains("shop.german (153.120 and 153.80)"), "{remarks:?}");
        assert_eq!(said(Some("version 153.80"), Some("version 153.80")), (vec![], vec![]));
        assert_eq!(said(None, Some("version 153.80")), (vec![], vec![]), "another provider has no version");
    }

    #[test]
    fn a_side_whose_library_is_not_the_recorded_one_is_a_finding_on_whichever_side() {
        let outdated = "version 1\nthe library now says 2";
        for (e, a) in [
            (Some(outdated), Some("version 2")),
            (Some("version 2"), Some(outdated)),
            (Some(outdated), Some(outdated)),
            (Some(outdated), None),
        ] {
            assert_eq!(said(e, a).0, ["changed collation_version shop.german"], "{e:?} {a:?}");
        }
    }
}
