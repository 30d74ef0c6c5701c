//! Limits: differences caused by the restore server or by pg_dump, not by damage of the dump. Which one it is, why, and the waiver.

use std::collections::{BTreeMap, BTreeSet};

use super::not_dumped::{self, extension_of};
use super::{canonical, collations};
use crate::model::finding::{Finding, FindingKind, Limit};
use crate::model::manifest::Manifest;

/// Marks and explains the findings that are limits.
pub fn mark<'a>(findings: impl Iterator<Item = &'a mut Finding>, expected: &Manifest, actual: &Manifest) {
    let versions = other_versions(expected, actual);
    for finding in findings {
        let not_dumped = not_dumped::limit(finding, expected, actual);
        let limit = limit_of(finding, &versions).or(not_dumped.map(|(limit, _)| limit));
        // Derived data has its limit already.
        let Some(limit) = limit.or(finding.limit) else { continue };
        let at = if finding.limit.is_some() { finding.detail.len() } else { 0 };
        finding.limit = Some(limit);
        let reasons = not_dumped.filter(|own| own.0 == limit).map_or_else(|| reasons(limit), |own| own.1);
        let reasons = reasons.iter().map(|line| (*line).to_owned());
        let waiver = waiver_for(finding);
        let lines = reasons.chain(["waiver, where this is expected:".to_owned()]);
        let lines: Vec<String> = lines.chain(waiver.lines().map(str::to_owned)).collect();
        finding.detail.splice(at..at, lines);
    }
}

/// Extensions that are on both sides in different versions.
fn other_versions(expected: &Manifest, actual: &Manifest) -> BTreeSet<String> {
    let [e, a] = [expected, actual].map(|side| side.schema.objects.get("extension"));
    let (Some(e), Some(a)) = (e, a) else { return BTreeSet::new() };
    let both = e.iter().filter_map(|(name, e)| Some((name, &e.text, &a.get(name)?.text)));
    both.filter(|(_, e, a)| line(e, "version ") != line(a, "version ")).map(|(name, _, _)| name.into()).collect()
}

fn limit_of(finding: &Finding, other_versions: &BTreeSet<String>) -> Option<Limit> {
    let (kind, _) = finding.schema_object()?;
    let (e, a) = (finding.expected.as_deref().unwrap_or_default(), finding.actual.as_deref().unwrap_or_default());
    let is_changed = finding.kind == FindingKind::Changed;
    let differs_only_in = |starts: &[&str]| is_changed && without(e, starts) == without(a, starts);
    match kind {
        // A differing NOT NULL was folded into it.
        _ if is_changed && !finding.detail.is_empty() => None,
        "extension" if differs_only_in(&["version ", "relocatable"]) => Some(Limit::ExtensionVersion),
        _ if is_changed && collations::KINDS.contains(&kind) => {
            Some(if collations::is_outdated(a) { Limit::CollationVersion } else { Limit::SourceCollation })
        }
        "index" if finding.kind == FindingKind::Missing && is_invalid(e) => Some(Limit::InvalidIndex),
        "table" | "index" | "materialized_view" | "database" if differs_only_in(&["tablespace "]) => {
            Some(Limit::Tablespace)
        }
        // Another version of the extension may create another index. A trigger or a policy is the user's.
        "index" | "constraint"
            if [e, a].into_iter().filter_map(extension_of).any(|name| other_versions.contains(name)) =>
        {
            Some(Limit::ExtensionVersion)
        }
        _ => None,
    }
}

fn is_invalid(index: &str) -> bool {
    let lines = canonical::lines(index);
    // pg_dump writes the index of a partitioned table, which is invalid until all its partitions have one.
    let is_partitioned = lines.first().is_some_and(|statement| canonical::has_word(statement, "ONLY"));
    !is_partitioned && lines.iter().skip(1).any(|line| matches!(*line, "INVALID" | "NOT READY" | "NOT LIVE"))
}

fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    canonical::lines(text).into_iter().find_map(|line| line.strip_prefix(start))
}

fn without<'a>(text: &'a str, starts: &[&str]) -> Vec<&'a str> {
    canonical::lines(text).into_iter().filter(|line| !starts.iter().any(|start| line.starts_with(start))).collect()
}

/// Short lines, so that a narrow terminal does not cut them.
fn reasons(limit: Limit) -> &'static [&'static str] {
    match limit {
        Limit::ExtensionVersion => &[
            "pg_dump writes CREATE EXTENSION without a version: the restore",
            "installs the version that its server has. Install the same version",
            "on the restore server, or waive this.",
        ],
        Limit::CollationVersion => &[
            "The restored copy (actual) has recorded another version than its own",
            "library has: its indexes on text may be in the wrong order. There:",
            "REINDEX, then REFRESH VERSION of the collation (or database).",
        ],
        Limit::SourceCollation => &[
            "The source (expected) has recorded another version than its own",
            "library has: its indexes on text may be in the wrong order. There:",
            "REINDEX, then REFRESH VERSION of the collation (or database).",
        ],
        Limit::DerivedRows => &[
            "The restore computed the values again. They differ where the",
            "expression is not really immutable, or its function, a collation",
            "or a setting is another one now than when the rows were written.",
        ],
        Limit::Tablespace => &[
            "Only the tablespace differs: the restore server has no such",
            "tablespace, or pg_restore ran with --no-tablespaces.",
        ],
        Limit::InvalidIndex => &[
            "pg_dump leaves out an index that is not valid (left over from a",
            "failed CREATE INDEX CONCURRENTLY). On the source: drop it, or",
            "REINDEX INDEX CONCURRENTLY.",
        ],
        _ => &[],
    }
}

/// The reason of a waiver for this limit.
fn reason(limit: Option<Limit>) -> &'static str {
    match limit {
        Some(Limit::ExtensionVersion) => "the restore server has another version of the extension",
        Some(Limit::CollationVersion | Limit::SourceCollation) => {
            "indexes are rebuilt after the next change of the collation library"
        }
        Some(Limit::Tablespace) => "the restore server has no such tablespace",
        Some(Limit::Owner) => "the restore role may not set the owner",
        Some(Limit::Privilege) => "the restore role may not grant this, or the role is not on the restore server",
        Some(Limit::EventTrigger) => "an event trigger writes this during the restore",
        Some(Limit::DerivedRows) => "these rows are computed by the restore",
        Some(Limit::InvalidIndex) => "the index is not valid and will be dropped",
        Some(Limit::Extension) => "the restore server cannot create the extension",
        Some(Limit::Superuser) => "the restore role is no superuser",
        Some(Limit::NotDumped) => "pg_dump does not carry it",
        None => "say why this difference is expected",
    }
}

/// The waiver that covers this finding, in the format of the file for `--waivers` and `verify.waivers`. A `*` in the name matches any
/// text there, so such a waiver may cover other objects too.
pub fn waiver_for(finding: &Finding) -> String {
    let text = |value: &str| toml::Value::String(value.replace('\n', " ")).to_string();
    let fields = BTreeMap::from([
        ("kind", text(finding.kind.id())),
        ("object", text(finding.object.as_str())),
        ("reason", text(reason(finding.limit))),
    ]);
    let fields = fields.into_iter().map(|(key, value)| format!("{key} = {value}\n"));
    std::iter::once("[[waiver]]\n".to_owned()).chain(fields).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(object: &str, e: &str, a: &str) -> Finding {
        Finding::new(FindingKind::Changed, object).sides(e, a)
    }

    fn limit(finding: &Finding) -> Option<Limit> {
        limit_of(finding, &BTreeSet::from(["pg_cron".to_owned()]))
    }

    #[test]
    fn a_limit_is_only_what_differs_in_nothing_else() {
        let extension = |a| changed("extension x", "version 1.0\nschema public\nrelocatable", a);
        assert_eq!(limit(&extension("version 1.1\nschema public")), Some(Limit::ExtensionVersion));
        assert_eq!(limit(&extension("version 1.1\nschema other\nrelocatable")), None);
        let table = |a| changed("table a.b", "table\naccess method heap\ntablespace fast", a);
        assert_eq!(limit(&table("table\naccess method heap")), Some(Limit::Tablespace));
        assert_eq!(limit(&table("table\nunlogged\naccess method heap")), None);
        let mut index = Finding::new(FindingKind::Missing, "index a.i");
        index.expected = Some("CREATE INDEX i ON a.b USING btree (c)".into());
        assert_eq!(limit(&index), None);
        index.expected = index.expected.map(|text| format!("{text}\nINVALID"));
        assert_eq!(limit(&index), Some(Limit::InvalidIndex));
        index.kind = FindingKind::Unexpected;
        assert_eq!(limit(&index), None);
    }

    #[test]
    fn an_index_on_a_table_of_an_extension_is_a_limit_only_where_its_version_differs() {
        let mut index = Finding::new(FindingKind::Missing, "index cron.i");
        index.expected = Some("CREATE INDEX i\non a relation of extension pg_cron".into());
        assert_eq!(limit(&index), Some(Limit::ExtensionVersion));
        index.expected = Some("CREATE INDEX i\non a relation of extension other".into());
        assert_eq!(limit(&index), None);
    }

    #[test]
    fn what_stands_in_a_literal_or_a_body_is_no_line_of_a_definition() {
        let mut index = Finding::new(FindingKind::Missing, "index a.i");
        index.expected = Some("CREATE INDEX i ON a.b USING btree (c) WHERE (c = 'x\nINVALID'::text)".into());
        assert_eq!(limit(&index), None);
        index.expected = Some("CREATE INDEX i ON ONLY a.p USING btree (c)\nINVALID".into());
        assert_eq!(limit(&index), None, "pg_dump writes the index of a partitioned table");
        let of = |tablespace| format!("CREATE INDEX i ON a.b (c) WHERE (c = 'x\ntablespace {tablespace}'::text)");
        assert_eq!(limit(&changed("index a.i", &of("a"), &of("b"))), None);
        let body =
            |value| format!("CREATE FUNCTION f() AS $f$\nSELECT {value}\non a relation of extension pg_cron\n$f$");
        assert_eq!(limit(&changed("function a.f()", &body(1), &body(2))), None);
        let folded =
            Finding { detail: vec!["not_null a.b c".into()], ..changed("table a.b", "table\ntablespace x", "table") };
        assert_eq!(limit(&folded), None, "more differs than the tablespace");
    }

    #[test]
    fn what_a_user_put_on_a_relation_of_an_extension_is_never_excused_by_its_version() {
        let policy = |using| format!("permissive\nusing ({using})\non a relation of extension pg_cron");
        assert_eq!(limit(&changed("policy p on cron.job", &policy("a = 1"), &policy("true"))), None);
        let mut trigger = Finding::new(FindingKind::Missing, "trigger cron.job t");
        trigger.expected = Some("CREATE TRIGGER t\non a relation of extension pg_cron".into());
        assert_eq!(limit(&trigger), None);
    }

    #[test]
    fn a_waiver_can_be_pasted_whatever_the_name() {
        let finding = changed("table \"a\\b\".\"c\"\"d\"", "x", "y");
        let waiver: toml::Table = waiver_for(&finding).parse().unwrap();
        let entry = waiver["waiver"][0].as_table().unwrap();
        assert_eq!(entry["object"].as_str(), Some(finding.object.as_str()));
        assert_eq!(entry["kind"].as_str(), Some("changed"));
    }
}
