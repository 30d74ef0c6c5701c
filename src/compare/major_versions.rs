//! Differences that only come from the major version: privileges that the older one does not have (MAINTAIN, 17), the default owner
//! of schema public (15), ICU locales (16). They are not compared.

use std::collections::BTreeSet;

use super::locales;
use crate::model::manifest::Manifest;
use crate::model::progress::Side;

/// The privilege that PostgreSQL 17 has added, for relations.
const MAINTAIN: &str = "MAINTAIN";
/// The first major that has it.
const MAINTAIN_FROM: u32 = 17;
/// The first major whose schema public belongs to `pg_database_owner`.
const PUBLIC_FROM: u32 = 15;
/// What the catalog query `owner` appends to the default owner of schema public before 15.
const DEFAULT_OWNER: &str = " (the default owner)";
/// The owner of schema public in a manifest of format 1, where it is the first role of the server or `pg_database_owner`.
const UNNAMED_OWNER: &str = "the default owner";

/// The majors of both sides, expected first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Majors(u32, u32);

impl Majors {
    /// `None` if the version of a side is not known.
    pub fn of(expected: &Manifest, actual: &Manifest) -> Option<Self> {
        Some(Self(major(expected)?, major(actual)?))
    }

    /// Expected and actual.
    pub fn both(self) -> [u32; 2] {
        [self.0, self.1]
    }

    /// Whether one of them is older than `first` and the other is not.
    pub fn is_across(self, first: u32) -> bool {
        (self.0 < first) != (self.1 < first)
    }
}

/// `15.20 (Debian …)` is 15.
pub fn major(manifest: &Manifest) -> Option<u32> {
    let version = manifest.endpoint.server_version.as_deref()?;
    version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Whether two definitions with different texts differ only by the major version.
pub fn is_same(kind: &str, identity: &str, e: &str, a: &str, majors: Option<Majors>) -> bool {
    if matches!(kind, "collation" | "database") {
        return locales::is_same(e, a);
    }
    let is_public = kind == "owner" && identity == "schema public";
    if is_public && [e, a].contains(&UNNAMED_OWNER) {
        return is_default_owner(e) && is_default_owner(a);
    }
    let Some(majors) = majors else { return false };
    match kind {
        "privilege" => privileges(identity, e, majors.0, majors) == privileges(identity, a, majors.1, majors),
        "default_privilege" => defaults(identity, e, majors.0, majors) == defaults(identity, a, majors.1, majors),
        _ if is_public => is_same_owner_of_public(e, a, majors),
        _ => false,
    }
}

/// Whether an object that exists on one side only consists entirely of privileges that the other major version does not have.
pub fn is_nothing(kind: &str, identity: &str, text: &str, side: Side, majors: Option<Majors>) -> bool {
    let Some(majors) = majors else { return false };
    let own = if side == Side::Expected { majors.0 } else { majors.1 };
    kind == "privilege" && majors.is_across(MAINTAIN_FROM) && privileges(identity, text, own, majors).is_empty()
}

/// The privileges of one row that both majors have; `granted` and `revoked` lines of the server's own objects stay apart.
fn privileges(identity: &str, text: &str, own: u32, majors: Majors) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let (verb, list) = match line.split_once(' ') {
            Some((verb @ ("granted" | "revoked"), list)) => (verb, list),
            _ => ("", line),
        };
        let known = expand(identity, list, own).into_iter().filter(|word| is_known(word, majors));
        found.extend(known.map(|word| format!("{verb} {word}").trim_start().to_owned()));
    }
    found
}

fn is_known(word: &str, majors: Majors) -> bool {
    !(majors.is_across(MAINTAIN_FROM) && word.trim_end_matches('*') == MAINTAIN)
}

/// Manifests of format 1 have `ALL` (or `ALL*`) for the whole list.
fn expand(identity: &str, list: &str, own: u32) -> Vec<String> {
    let words = list.split(", ").map(str::trim);
    let expanded = words.flat_map(|word| match word.trim_end_matches('*') {
        "ALL" => all_of(identity, own).into_iter().map(|one| format!("{one}{}", &word[3..])).collect(),
        _ => vec![word.to_owned()],
    });
    expanded.collect()
}

/// Everything that can be granted on such an object.
fn all_of(identity: &str, own: u32) -> Vec<&'static str> {
    let is_of = |words: &[&str]| words.iter().any(|word| identity.starts_with(word));
    let ends = |word: &str| identity.ends_with(word);
    if is_of(&["function ", "procedure ", "aggregate "]) || ends(" on functions") {
        vec!["EXECUTE"]
    } else if is_of(&["column "]) {
        vec!["INSERT", "REFERENCES", "SELECT", "UPDATE"]
    } else if is_of(&["sequence "]) || ends(" on sequences") {
        vec!["SELECT", "UPDATE", "USAGE"]
    } else if is_of(&["schema "]) || ends(" on schemas") {
        vec!["CREATE", "USAGE"]
    } else if is_of(&["database "]) {
        vec!["CONNECT", "CREATE", "TEMPORARY"]
    } else if is_of(&["large object "]) || ends(" on large objects") {
        vec!["SELECT", "UPDATE"]
    } else if is_of(&["table ", "view ", "materialized view ", "foreign table "]) || ends(" on tables") {
        let newer = (own >= MAINTAIN_FROM).then_some(MAINTAIN);
        ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"].into_iter().chain(newer).collect()
    } else {
        vec!["USAGE"]
    }
}

/// `grantee: SELECT, UPDATE` a line; `none` where nothing is left.
fn defaults(identity: &str, text: &str, own: u32, majors: Majors) -> BTreeSet<(String, String)> {
    let lines = text.lines().filter_map(|line| line.rsplit_once(": "));
    let lists = lines.flat_map(|(grantee, list)| {
        let words = expand(identity, list, own).into_iter().filter(|word| is_known(word, majors));
        words.map(|word| (grantee.to_owned(), word)).collect::<Vec<_>>()
    });
    lists.collect()
}

/// Whether this is the default owner of schema public, which no dump names.
pub fn is_in_no_dump(owner: &str) -> bool {
    owner == UNNAMED_OWNER || owner.ends_with(DEFAULT_OWNER)
}

fn is_default_owner(owner: &str) -> bool {
    owner == "pg_database_owner" || is_in_no_dump(owner)
}

/// Before 15 a dump may lack the default owner, and from 15 on a new database has another one.
fn is_same_owner_of_public(e: &str, a: &str, majors: Majors) -> bool {
    let by_default = |text: &str| text.ends_with(DEFAULT_OWNER);
    let name = |text: &str| text.trim_end_matches(DEFAULT_OWNER).to_owned();
    let is_first = |text: &str, own: u32| own >= PUBLIC_FROM && text == "pg_database_owner";
    match (by_default(e), by_default(a)) {
        (true, true) => true,
        (true, false) => name(e) == a || is_first(a, majors.1),
        (false, true) => name(a) == e || is_first(e, majors.0),
        (false, false) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "table shop.a to its owner";
    const OLD: &str = "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE";
    const NEW: &str = "DELETE, INSERT, MAINTAIN, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE";

    fn same(kind: &str, identity: &str, e: &str, a: &str, majors: (u32, u32)) -> bool {
        is_same(kind, identity, e, a, Some(Majors(majors.0, majors.1)))
    }

    #[test]
    fn a_privilege_that_one_major_does_not_know_is_not_compared_with_it() {
        for (older, newer) in [(14, 17), (15, 18), (16, 17), (16, 18)] {
            assert!(same("privilege", TABLE, OLD, NEW, (older, newer)));
            assert!(same("privilege", TABLE, NEW, OLD, (newer, older)));
            assert!(same("privilege", TABLE, "ALL", NEW, (older, newer)), "as format 1 has it");
        }
        assert!(!same("privilege", TABLE, OLD, NEW, (17, 18)), "both know it");
        assert!(!same("privilege", TABLE, OLD, NEW, (15, 16)), "neither knows it");
        let majors = Some(Majors(16, 17));
        assert!(is_nothing("privilege", TABLE, "MAINTAIN", Side::Actual, majors));
        assert!(!is_nothing("privilege", TABLE, "MAINTAIN, SELECT", Side::Actual, majors));
        assert!(!is_nothing("privilege", TABLE, "MAINTAIN", Side::Actual, Some(Majors(17, 18))));
    }

    #[test]
    fn all_privileges_of_a_manifest_of_version_0_1_0_are_those_that_the_kind_of_object_has() {
        for (identity, all) in [
            ("function s.f(integer) to x", "EXECUTE"),
            ("column s.t.c to x", "INSERT, REFERENCES, SELECT, UPDATE"),
            ("sequence s.q to x", "SELECT, UPDATE, USAGE"),
            ("schema s to x", "CREATE, USAGE"),
            ("database this database to x", "CONNECT, CREATE, TEMPORARY"),
            ("large object 1 to x", "SELECT, UPDATE"),
            ("view s.v to x", OLD),
            ("type s.t to x", "USAGE"),
        ] {
            assert!(same("privilege", identity, "ALL", all, (15, 15)), "{identity}");
            let fewer = all.split_once(", ").map_or("", |(_, fewer)| fewer);
            assert!(!same("privilege", identity, "ALL", fewer, (15, 15)), "{identity} without one of them");
        }
    }

    #[test]
    fn a_lost_privilege_is_found_in_every_pair_of_majors() {
        for older in 14..=18 {
            for newer in older..=18 {
                let lost = if newer < MAINTAIN_FROM { OLD } else { NEW }.replace("INSERT, ", "");
                let had = if older < MAINTAIN_FROM { OLD } else { NEW };
                assert!(!same("privilege", TABLE, had, &lost, (older, newer)), "{older} {newer}");
                assert!(!same("privilege", TABLE, "SELECT*", "SELECT", (older, newer)), "{older} {newer}");
                assert!(!same("privilege", TABLE, "granted SELECT", "revoked SELECT", (older, newer)));
                let (had, lost) = (format!("x: {had}"), format!("x: {lost}"));
                assert!(!same("default_privilege", "for x on tables", &had, &lost, (older, newer)));
            }
        }
    }

    #[test]
    fn default_privileges_are_compared_over_what_both_majors_know() {
        let (e, a) = (format!("o: {OLD}\nr: SELECT"), format!("o: {NEW}\nr: SELECT"));
        assert!(same("default_privilege", "for o on tables", &e, &a, (16, 17)));
        assert!(same("default_privilege", "for o on tables", "none", "o: MAINTAIN", (16, 18)));
        assert!(same(
            "default_privilege",
            "for o on tables",
            "o: ALL*",
            &format!("o: {}*", NEW.replace(", ", "*, ")),
            (16, 18)
        ));
        assert!(!same("default_privilege", "for o on tables", &e, &a, (17, 18)));
    }

    #[test]
    fn the_first_owner_of_schema_public_may_change_from_14_to_15_only() {
        let is = |e, a, majors| same("owner", "schema public", e, a, majors);
        assert!(is("postgres (the default owner)", "pg_database_owner", (14, 15)));
        assert!(is("postgres (the default owner)", "postgres", (14, 15)));
        assert!(is("rdsadmin (the default owner)", "postgres (the default owner)", (14, 14)));
        assert!(!is("postgres (the default owner)", "other", (14, 15)));
        assert!(!is("postgres", "pg_database_owner", (15, 15)));
        assert!(!is("app", "pg_database_owner", (14, 15)));
        assert!(is("the default owner", "pg_database_owner", (15, 15)), "as format 1 has it");
        assert!(is("postgres (the default owner)", "the default owner", (14, 14)), "as format 1 has it");
        assert!(!is("the default owner", "app", (15, 15)));
    }
}
