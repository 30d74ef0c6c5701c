//! Differences that every restore of a pg_dump produces, because pg_dump writes no statement for them. Each rule matches exactly
//! that difference.

use std::collections::BTreeSet;

use super::inherited::{self, IDENTITY_FROM, NOT_NULL_FROM};
use super::major_versions;
use crate::compare::canonical;
use crate::model::finding::{Finding, FindingKind, Limit};
use crate::model::manifest::Manifest;

/// How the definition of an object on a relation of an extension ends.
const OF_EXTENSION: &str = "on a relation of extension ";

/// The extension that owns the relation of an object, from the object's definition.
pub fn extension_of(definition: &str) -> Option<&str> {
    canonical::lines(definition).last().and_then(|line| line.strip_prefix(OF_EXTENSION))
}

/// The limit, and why pg_dump does not dump the difference, in short lines. `None` for a difference that it should have dumped.
pub fn limit(finding: &Finding, expected: &Manifest, actual: &Manifest) -> Option<(Limit, &'static [&'static str])> {
    if matches!(finding.kind, FindingKind::RowCount | FindingKind::RowContent) {
        let name = finding.object.relation()?;
        if expected.relations.get(&name).is_some_and(|relation| relation.extension.is_some() && !relation.is_config) {
            return Some((Limit::NotDumped, MEMBER));
        }
        let rows = actual.relations.get(&name).and_then(|relation| relation.rows.seen());
        let is_empty = finding.kind == FindingKind::RowCount && rows.is_some_and(|tally| tally.digest.rows == 0);
        let is_unfilled = is_empty && unfilled(expected, actual).contains(finding.object.as_str());
        return is_unfilled.then_some((Limit::DerivedRows, NOT_FILLED));
    }
    reason(finding, expected, actual).map(|lines| (Limit::NotDumped, lines))
}

/// Why rows of an extension's table differ that is not a configuration table.
const MEMBER: &[&str] = &[
    "The table belongs to an extension, which does not declare it with",
    "pg_extension_config_dump: no dump carries its rows. Keep rows of yours",
    "in a table of your own.",
];

fn reason(finding: &Finding, expected: &Manifest, actual: &Manifest) -> Option<&'static [&'static str]> {
    let (kind, identity) = finding.schema_object()?;
    let (e, a) = (finding.expected.as_deref().unwrap_or_default(), finding.actual.as_deref().unwrap_or_default());
    match (finding.kind, kind) {
        (FindingKind::Changed, "column") if has_lost_identity(identity, (e, expected), (a, actual)) => Some(&[
            "pg_dump attaches the partition before its parent is attached: from",
            "17 on the server then gives it no identity. Rows that are inserted",
            "through the parent get one all the same.",
        ]),
        (FindingKind::Changed, "column") if has_gained_not_null(identity, (e, expected), (a, actual)) => Some(&[
            "The child has dropped the NOT NULL of its parent: pg_dump writes no",
            "statement for that. Set it on the source, or waive this.",
        ]),
        (FindingKind::Changed, "table") if without(e, NO_INDEX).eq(a.lines()) => Some(&[
            "The index of its replica identity was dropped: pg_dump writes none.",
            "On the source: set REPLICA IDENTITY DEFAULT.",
        ]),
        (FindingKind::Changed, "table" | "foreign_table") if a == e.replace(PENDING, "") => Some(&[
            "A DETACH PARTITION CONCURRENTLY was interrupted: pg_dump attaches the",
            "partition. On the source: DETACH PARTITION ... FINALIZE.",
        ]),
        (FindingKind::Changed, "materialized_view")
            if e.lines().skip(1).eq(a.lines().skip(1)) && unfilled(expected, actual).contains(identity) =>
        {
            Some(NOT_FILLED)
        }
        (FindingKind::Missing, "trigger" | "rule" | "policy") if extension_of(e).is_some() => Some(&[
            "It stands on a relation of an extension: pg_dump leaves it out. Create",
            "it again after a restore, or waive this.",
        ]),
        (FindingKind::Missing, "internal_trigger") => Some(&[
            "pg_dump does not carry that the triggers of a foreign key are off",
            "(DISABLE TRIGGER ALL). On the source: ENABLE TRIGGER ALL.",
        ]),
        _ => None,
    }
}

const NOT_FILLED: &[&str] = &[
    "Its query reads a materialized view that is not populated on the",
    "source: pg_dump then refreshes neither. On the source: REFRESH",
    "MATERIALIZED VIEW, or drop what is not used.",
];

/// Materialized views that are filled on the expected side only, because they read one that pg_dump leaves empty.
fn unfilled(expected: &Manifest, actual: &Manifest) -> BTreeSet<String> {
    let views = |side| inherited::objects(side, "materialized_view");
    let is_empty = |text: &str| text.starts_with("NOT POPULATED\n");
    let empty = views(expected).filter(|(_, text)| is_empty(text)).map(|(name, _)| name.to_owned());
    let (mut empty, mut lost): (BTreeSet<String>, BTreeSet<String>) = (empty.collect(), BTreeSet::new());
    loop {
        let found = views(actual).find(|(name, text)| {
            is_empty(text) && !empty.contains(*name) && empty.iter().any(|other| is_read(other, text))
        });
        let Some((name, _)) = found else { break lost };
        empty.insert(name.to_owned());
        lost.insert(name.to_owned());
    }
}

/// Whether a query names this relation (with its schema).
fn is_read(relation: &str, text: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
    text.match_indices(relation).any(|(at, _)| is_end(text.get(at + relation.len()..).unwrap_or_default()))
}

/// How the catalog query for tables marks a partition with a pending detach.
const PENDING: &str = " (detach pending)";
/// How it prints a replica identity whose index was dropped.
const NO_INDEX: &str = "replica identity using index (none)";
const NOT_NULL: &str = "not null";

fn without<'t>(text: &'t str, line: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines().filter(move |other| *other != line)
}

/// Only the identity is missing, and the table above has it on both sides.
fn has_lost_identity(column: &str, (e, expected): (&str, &Manifest), (a, actual): (&str, &Manifest)) -> bool {
    let lost: Vec<&str> = e.lines().filter(|line| !a.lines().any(|other| other == *line)).collect();
    let [line] = lost.as_slice() else { return false };
    let is_all = without(e, line).eq(a.lines());
    let is_major = [expected, actual].iter().all(|side| major_versions::major(side) >= Some(IDENTITY_FROM));
    let has_above = |side| inherited::has_identity_above(side, side, column, line);
    is_all && is_major && inherited::IDENTITIES.contains(line) && has_above(expected) && has_above(actual)
}

/// Only a NOT NULL is new, the column is inherited, and both sides let a child drop it.
fn has_gained_not_null(column: &str, (e, expected): (&str, &Manifest), (a, actual): (&str, &Manifest)) -> bool {
    let is_major =
        [expected, actual].iter().all(|side| major_versions::major(side).is_some_and(|major| major < NOT_NULL_FROM));
    let is_new = !e.lines().any(|line| line == NOT_NULL) && without(a, NOT_NULL).eq(e.lines());
    is_major
        && is_new
        && a.lines().any(|line| line == "inherited")
        && [expected, actual].into_iter().all(|side| is_above_not_null(side, column))
}

/// Whether a table that this one inherits from has the column as NOT NULL.
fn is_above_not_null(side: &Manifest, column: &str) -> bool {
    let Some((table, name)) = canonical::split_last(column) else { return false };
    let parents = inherited::text(side, "table", table)
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("inherits ")));
    let mut parents = parents.into_iter().flat_map(|list| list.split(", "));
    parents.any(|parent| {
        let above = inherited::text(side, "column", &format!("{parent}.{name}"));
        above.is_some_and(|text| text.lines().any(|line| line == NOT_NULL))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{ManifestBuilder as _, live};

    fn is_known(object: &str, e: &str, a: &str, sides: [&Manifest; 2]) -> bool {
        reason(&Finding::new(FindingKind::Changed, object).sides(e, a), sides[0], sides[1]).is_some()
    }

    #[test]
    fn an_identity_is_lost_by_pg_dump_only_where_the_partition_had_it_from_above() {
        let identity = "bigint\nnot null\ngenerated always as identity";
        let tree = |major, middle| {
            let leaf = "table\npartition of s.middle\nDEFAULT";
            live().of_major(major).object("table", "s.leaf", leaf).object("column", "s.middle.id", middle)
        };
        let (plain, lost) = ("bigint\nnot null", "column s.leaf.id");
        let (with, without) = (tree(17, identity), tree(17, plain));
        assert!(is_known(lost, identity, plain, [&with, &with]));
        assert!(!is_known(lost, identity, plain, [&with, &without]), "the parent lost it as well");
        assert!(!is_known(lost, identity, "bigint", [&with, &with]), "more than that is lost");
        assert!(!is_known("column s.middle.id", identity, plain, [&with, &with]), "the parent's own");
        assert!(!is_known(lost, plain, identity, [&with, &with]), "gained");
        let old = tree(16, identity);
        assert!(!is_known(lost, identity, plain, [&old, &old]), "16 does not inherit it");
    }

    #[test]
    fn a_not_null_is_gained_only_by_a_child_whose_parent_has_it() {
        let tree = |major| {
            let side = live().of_major(major).object("table", "s.child", "table\ninherits s.other, s.parent");
            side.object("column", "s.parent.a", "integer\nnot null")
        };
        let (free, bound, old) = ("integer\ninherited", "integer\nnot null\ninherited", tree(17));
        assert!(is_known("column s.child.a", free, bound, [&old, &old]));
        assert!(!is_known("column s.child.a", bound, free, [&old, &old]), "lost");
        assert!(!is_known("column s.child.b", free, bound, [&old, &old]), "the parent has none");
        assert!(!is_known("column s.child.a", free, bound, [&tree(18), &tree(18)]), "18 knows no such child");
    }

    #[test]
    fn a_materialized_view_is_left_empty_only_where_it_reads_one_that_is_empty_on_the_source() {
        let views = |one: &str, two: &str| {
            let [one, two] = [(one, "SELECT a FROM s.base"), (two, "SELECT a\n   FROM s.one")]
                .map(|(state, query)| format!("{state}\na integer\n{query}"));
            let views = [("s.base", "NOT POPULATED\nSELECT 1"), ("s.one", &one), ("s.two", &two)];
            views.into_iter().fold(live(), |side, (name, text)| side.object("materialized_view", name, text))
        };
        let (full, empty) = (views("populated", "populated"), views("NOT POPULATED", "NOT POPULATED"));
        let names = |e, a| unfilled(e, a).into_iter().collect::<Vec<_>>();
        assert_eq!(names(&full, &empty), ["s.one", "s.two"]);
        assert_eq!(names(&full, &full), Vec::<String>::new());
        assert_eq!(names(&full, &views("populated", "NOT POPULATED")), Vec::<String>::new(), "s.one is filled");
        let (e, a) = ("populated\na integer\nq", "NOT POPULATED\na integer\nq");
        assert!(is_known("materialized_view s.one", e, a, [&full, &empty]));
        assert!(!is_known("materialized_view s.one", e, "NOT POPULATED\na integer\nother", [&full, &empty]));
        assert!(is_read("s.one", "FROM s.one;") && !is_read("s.one", "FROM s.one_more"));
    }

    #[test]
    fn what_is_left_of_a_table_that_was_half_changed_is_not_in_a_dump() {
        let none = live();
        let is = |e, a| is_known("table s.t", e, a, [&none, &none]);
        assert!(is("table\nreplica identity using index (none)", "table"));
        assert!(!is("table\nreplica identity using index i", "table"));
        assert!(is("table\npartition of s.p (detach pending)\nDEFAULT", "table\npartition of s.p\nDEFAULT"));
        assert!(!is("table\npartition of s.p (detach pending)\nDEFAULT", "table\nDEFAULT"));
    }
}
