//! Owners and privileges that the restore role could not set: unchecked with a limit, not damage.
//!
//! Pure. A difference becomes unchecked only where a complaint of pg_restore explains it: by the role that the server refused, or
//! by the object whose privileges could not be set.

use crate::base::marked::MarkedText;
use crate::model::finding::{Finding, FindingKind, Limit, Unchecked};
use crate::model::name;
use crate::model::run::Complaint;
use crate::model::verdict::Outcome;

/// Moves differing owners and privileges that a missing right explains from the findings to the unchecked list.
pub fn fold(outcome: &mut Outcome, complaints: &[Complaint]) {
    let mut folded = Vec::new();
    outcome.findings.retain(|finding| {
        let limit = complaints.iter().find(|complaint| explains(complaint, finding)).and_then(|one| one.limit);
        folded.extend(limit.map(|limit| unchecked(finding, limit)));
        limit.is_none()
    });
    outcome.unchecked.extend(folded);
}

fn unchecked(finding: &Finding, limit: Limit) -> Unchecked {
    let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
    let safe = "the restore role lacks the right to set it, as pg_restore's complaints say";
    let sides = format!("{safe}: expected {}, actual {}", side(&finding.expected), side(&finding.actual));
    let reason = MarkedText::with_values(sides, safe);
    Unchecked { object: finding.object.clone(), side: "actual".into(), reason, limit: Some(limit) }
}

fn explains(complaint: &Complaint, finding: &Finding) -> bool {
    let role = role_in(&complaint.message);
    match complaint.limit {
        Some(Limit::Owner) => owner_of(finding).is_some_and(|owner| role == Some(owner.as_str())),
        Some(Limit::Privilege) => privilege_of(finding).is_some_and(|(object, grantee)| match role {
            Some(role) => grantee.as_deref() == Some(role),
            None => name::last(object) == name::last(&complaint.object),
        }),
        _ => false,
    }
}

/// `must be member of role "app"`, `must be able to SET ROLE "app"`, `role "app" does not exist`.
fn role_in(message: &str) -> Option<&str> {
    let starts = ["must be member of role \"", "must be able to SET ROLE \"", "role \""];
    let rest = starts.iter().find_map(|start| message.strip_prefix(start))?;
    rest.split_once('"').map(|(role, _)| role)
}

/// The expected owner, where the owner differs. The catalog query quotes names as `quote_ident` does.
fn owner_of(finding: &Finding) -> Option<String> {
    let is_owner = finding.kind == FindingKind::Changed && finding.object.of("owner").is_some();
    finding.expected.as_deref().filter(|_| is_owner).map(name::unquoted)
}

/// The object of a privilege that differs, and the role: the one that has it, or whose objects will get it.
fn privilege_of(finding: &Finding) -> Option<(&str, Option<String>)> {
    finding.schema_object().and_then(|_| finding.object.grant())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(object: &str, message: &str, limit: Limit) -> Complaint {
        let (object, message) = (object.into(), message.into());
        Complaint { object, sqlstate: String::new(), message, accepted: None, limit: Some(limit) }
    }

    fn outcome(findings: &[(FindingKind, &str, &str)]) -> Outcome {
        let finding = |(kind, object, expected): &(FindingKind, &str, &str)| {
            Finding::new(*kind, *object).sides(*expected, "limited")
        };
        Outcome { findings: findings.iter().map(finding).collect(), ..Default::default() }
    }

    #[test]
    fn an_owner_that_the_server_refused_is_unchecked_and_any_other_stays_a_finding() {
        use FindingKind::Changed;
        let mut outcome = outcome(&[
            (Changed, "owner table public.t", "\"App\""),
            (Changed, "owner table public.u", "other"),
            (Changed, "table public.t", "App"),
        ]);
        fold(&mut outcome, &[complaint("TABLE t", "must be member of role \"App\"", Limit::Owner)]);
        let left: Vec<&str> = outcome.findings.iter().map(|finding| finding.object.as_str()).collect();
        assert_eq!(left, ["owner table public.u", "table public.t"]);
        assert_eq!(outcome.unchecked[0].object, "owner table public.t");
        assert_eq!(outcome.unchecked[0].limit, Some(Limit::Owner));
    }

    #[test]
    fn a_privilege_is_explained_by_its_role_or_by_its_object() {
        use FindingKind::Missing;
        let findings = [
            (Missing, "privilege table public.t to reader", "SELECT"),
            (Missing, "privilege table public.t to writer", "ALL"),
            (Missing, "privilege table public.u to writer", "ALL"),
        ];
        let mut by_role = outcome(&findings);
        fold(&mut by_role, &[complaint("ACL TABLE t", "role \"reader\" does not exist", Limit::Privilege)]);
        assert_eq!((by_role.findings.len(), by_role.unchecked.len()), (2, 1));
        let mut by_object = outcome(&findings);
        fold(&mut by_object, &[complaint("ACL TABLE t", "permission denied for table t", Limit::Privilege)]);
        assert_eq!(by_object.findings.len(), 1);
        let mut by_nothing = outcome(&findings);
        fold(&mut by_nothing, &[Complaint { limit: None, ..complaint("ACL TABLE t", "broken", Limit::Owner) }]);
        assert_eq!(by_nothing.findings.len(), 3);
    }

    #[test]
    fn a_complaint_explains_nothing_of_another_object_or_role_whose_name_looks_like_its_own() {
        use FindingKind::{Changed, Missing};
        let is_explained = |object: &str, entry: &str, message: &str| {
            let kind = if object.starts_with("default") { Changed } else { Missing };
            let mut outcome = outcome(&[(kind, object, "SELECT")]);
            fold(&mut outcome, &[complaint(entry, message, Limit::Privilege)]);
            outcome.findings.is_empty()
        };
        let denied = "permission denied for table t";
        assert!(is_explained("privilege table s.\"a t\" to reader", "ACL TABLE \"a t\"", denied));
        assert!(!is_explained("privilege table s.\"b t\" to reader", "ACL TABLE \"a t\"", denied));
        assert!(!is_explained("privilege table s.\"b.t\" to reader", "ACL TABLE \"a.t\"", denied));
        let absent = "role \"a to b\" does not exist";
        assert!(is_explained("privilege table s.t to \"a to b\"", "ACL TABLE t", absent));
        let absent = "role \"its owner\" does not exist";
        assert!(!is_explained("privilege table s.t to its owner", "ACL TABLE t", absent));
        let member = "must be member of role \"a\"";
        assert!(is_explained("default_privilege for a on tables", "DEFAULT ACL DEFAULT PRIVILEGES FOR TABLES", member));
        assert!(!is_explained(
            "default_privilege for b on tables",
            "DEFAULT ACL DEFAULT PRIVILEGES FOR TABLES",
            member
        ));
    }
}
