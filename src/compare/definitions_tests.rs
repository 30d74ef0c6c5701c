//! Definitions of objects, on manifests made by hand.

use super::*;
use crate::samples::{ManifestBuilder as _, live, relation, seen};

fn read() -> Manifest {
    live().with_all_kinds()
}

fn compared(expected: &Manifest, actual: &Manifest) -> Outcome {
    compare(expected, actual, &Request::default())
}

fn without_kind(mut side: Manifest, kind: &str) -> Manifest {
    side.schema.objects.remove(kind);
    side
}

/// With an object that belongs to `s.t`, or only to schema `s`.
fn with(mut side: Manifest, kind: &str, identity: &str, relation: Option<&str>, text: &str) -> Manifest {
    let definition = Definition { text: text.into(), schema: Some("s".into()), relation: relation.map(Into::into) };
    side.schema.objects.entry(kind.to_owned()).or_default().insert(identity.into(), definition);
    side
}

fn findings(outcome: &Outcome) -> Vec<String> {
    outcome.findings.iter().map(ToString::to_string).collect()
}

fn unchecked(outcome: &Outcome) -> Vec<String> {
    outcome.unchecked.iter().map(|one| format!("{} ({})", one.object, one.side)).collect()
}

fn waived(kind: &str, object: &str) -> Request {
    let [kind, object, reason, by] = [kind, object, "r", "option"].map(str::to_owned);
    Request { waivers: vec![Waiver { kind, object, reason, by }], ..Request::default() }
}

#[test]
fn objects_are_missing_unexpected_or_changed_and_counted_on_each_side() {
    let expected = read().object("index", "s.a", "x").object("index", "s.b", "old");
    let actual = read().object("index", "s.b", "new").object("index", "s.c", "y").object("index", "s.d", "z");
    let outcome = compared(&expected, &actual);
    let texts: Vec<_> = outcome.findings.iter().map(|one| (one.expected.as_deref(), one.actual.as_deref())).collect();
    assert_eq!(
        findings(&outcome),
        ["missing index s.a", "unexpected index s.c", "unexpected index s.d", "changed index s.b"]
    );
    assert_eq!(texts, [(Some("x"), None), (None, Some("y")), (None, Some("z")), (Some("old"), Some("new"))]);
    assert_eq!((outcome.coverage.objects_expected, outcome.coverage.objects_actual), (2, 3));
    assert!(compared(&expected, &expected).findings.is_empty());
}

#[test]
fn a_kind_that_could_not_be_read_is_unchecked_and_its_objects_are_not_missing() {
    let whole = read().object("index", "s.a", "x");
    let mut blind = read();
    blind.schema.unseen.insert("index".to_owned(), "timeout".into());
    let outcome = compared(&whole, &blind);
    assert_eq!((unchecked(&outcome), findings(&outcome)), (vec!["schema index (actual)".to_owned()], vec![]));
    assert_eq!(unchecked(&compared(&blind, &whole)), ["schema index (expected)"]);
    assert!(findings(&compared(&blind, &whole)).is_empty());
    let outcome = compare(&whole, &blind, &waived("index", "*"));
    assert!(outcome.unchecked.is_empty(), "a kind that is switched off needs no result: {outcome:?}");
}

#[test]
fn a_kind_that_was_not_asked_for_is_unchecked_and_its_objects_are_not_missing() {
    let whole = read().object("index", "s.a", "x");
    let blind = without_kind(read(), "index");
    let outcome = compared(&whole, &blind);
    assert_eq!((unchecked(&outcome), findings(&outcome)), (vec!["schema index (actual)".to_owned()], vec![]));
    assert_eq!(unchecked(&compared(&blind, &whole)), ["schema index (expected)"]);
    assert_eq!(unchecked(&compared(&blind, &blind)), ["schema index (expected)", "schema index (actual)"]);
    assert!(compare(&whole, &blind, &waived("index", "*")).unchecked.is_empty());
    let mut both = without_kind(read(), "index");
    both.schema.unseen.insert("index".to_owned(), "timeout".into());
    assert_eq!(compared(&both, &read()).unchecked.len(), 1, "one reason is enough");
}

#[test]
fn only_a_waiver_for_all_of_a_kind_switches_that_kind_off() {
    let (expected, actual) = (read().object("index", "s.a", "x"), read().object("index", "s.a", "y"));
    let objects = |request: &Request| {
        let outcome = compare(&expected, &actual, request);
        (outcome.findings.len(), outcome.coverage.objects_expected)
    };
    assert_eq!(objects(&waived("index", "*")), (0, 0));
    assert_eq!(objects(&waived("index", "s.b")), (1, 1));
    assert_eq!(objects(&waived("trigger", "*")), (1, 1));
    assert_eq!(objects(&waived("index", "s.*")), (0, 1), "waived after the comparison");
}

#[test]
fn a_server_that_is_too_old_for_a_kind_need_not_be_asked_for_it() {
    let side = |major: u32, kind: &str| without_kind(read(), kind).of_major(major);
    assert!(compared(&side(17, "not_null"), &side(17, "not_null")).unchecked.is_empty());
    assert_eq!(unchecked(&compared(&side(17, "not_null"), &side(18, "not_null"))), ["schema not_null (actual)"]);
    assert_eq!(unchecked(&compared(&side(17, "index"), &read().of_major(17))), ["schema index (expected)"]);
    assert_eq!(compared(&side(17, "not_null"), &without_kind(read(), "not_null")).unchecked.len(), 1, "no version");
}

#[test]
fn what_only_newer_servers_have_is_compared_between_two_of_them() {
    let side = |major| read().of_major(major);
    let has = |major| side(major).object("not_null", "s.t.a", "constraint x").object("index", "s.a", "x");
    assert_eq!(findings(&compared(&has(18), &side(17))), ["missing index s.a"]);
    assert_eq!(findings(&compared(&has(18), &side(18))), ["missing index s.a", "missing not_null s.t.a"]);
    assert_eq!(compared(&has(18), &side(17)).coverage.objects_expected, 1);
}

#[test]
fn a_privilege_that_the_other_major_does_not_know_is_no_finding() {
    let has = |major, text| read().of_major(major).object("privilege", "table s.t to x", text);
    let none = |major| read().of_major(major);
    assert!(findings(&compared(&has(17, "MAINTAIN"), &none(16))).is_empty());
    assert!(findings(&compared(&none(16), &has(17, "MAINTAIN"))).is_empty());
    assert_eq!(findings(&compared(&has(17, "SELECT"), &none(16))), ["missing privilege table s.t to x"]);
    assert_eq!(findings(&compared(&none(16), &has(17, "SELECT"))), ["unexpected privilege table s.t to x"]);
    assert!(findings(&compared(&has(16, "SELECT"), &has(17, "MAINTAIN, SELECT"))).is_empty());
    assert_eq!(findings(&compared(&has(17, "SELECT"), &has(17, "MAINTAIN, SELECT"))).len(), 1);
}

#[test]
fn one_definition_that_two_servers_print_in_two_ways_is_the_same() {
    let nested = "CHECK ((((a >= 1) AND (a <= 3)) AND (b > 0)))";
    let flat = "CHECK (((a >= 1) AND (a <= 3) AND (b > 0)))";
    let side = |text| read().object("constraint", "s.t c", text);
    assert!(findings(&compared(&side(nested), &side(flat))).is_empty());
    assert_eq!(findings(&compared(&side(nested), &side("CHECK ((a >= 1))"))), ["changed constraint s.t c"]);
}

#[test]
fn what_a_newer_partition_inherits_is_the_same_column() {
    let parent = |major| {
        let identity = "integer\nnot null\ngenerated always as identity";
        read().of_major(major).object("column", "s.p.a", identity).object("table", "s.t", "table\npartition of s.p")
    };
    let older = || parent(16).object("column", "s.t.a", "integer\nnot null");
    let newer = || parent(17).object("column", "s.t.a", "integer\nnot null\ngenerated always as identity");
    assert!(findings(&compared(&older(), &newer())).is_empty());
    assert!(findings(&compared(&newer(), &older())).is_empty());
    let other = || parent(17).object("column", "s.t.a", "bigint\nnot null\ngenerated always as identity");
    assert_eq!(findings(&compared(&older(), &other())), ["changed column s.t.a"]);
}

#[test]
fn an_identity_that_majors_quote_in_two_ways_is_one_object_and_both_spellings_are_two() {
    let quoted = || read().object("index", "s.\"json\"", "x");
    let bare = || read().object("index", "s.json", "x");
    assert!(findings(&compared(&quoted(), &bare())).is_empty());
    assert!(findings(&compared(&bare(), &quoted())).is_empty());
    let both = || bare().object("index", "s.\"json\"", "y");
    let outcome = compared(&both(), &both());
    assert_eq!((findings(&outcome).len(), outcome.coverage.objects_expected), (0, 2));
    assert_eq!(findings(&compared(&both(), &bare())), ["missing index s.\"json\""]);
}

#[test]
fn a_user_mapping_that_the_role_may_not_read_is_unchecked_on_that_side() {
    let side = |kind: &str, text: &str| read().object(kind, "x", text);
    let unreadable = side("user_mapping", "NOT READABLE: no right");
    let whole = side("user_mapping", "options a=1");
    let outcome = compared(&unreadable, &whole);
    assert_eq!((unchecked(&outcome), findings(&outcome)), (vec!["user_mapping x (expected)".to_owned()], vec![]));
    assert_eq!(outcome.unchecked[0].reason.full(), "no right");
    assert_eq!(unchecked(&compared(&whole, &unreadable)), ["user_mapping x (actual)"]);
    assert_eq!(compared(&unreadable, &unreadable).unchecked.len(), 2, "equal texts prove nothing");
    assert!(compared(&whole, &whole).unchecked.is_empty());
    let comment = side("comment", "NOT READABLE: no right");
    assert_eq!(findings(&compared(&comment, &side("comment", "other"))), ["changed comment x"]);
    assert!(compared(&comment, &comment).unchecked.is_empty());
}

#[test]
fn the_remark_on_extensions_names_those_that_a_user_chose() {
    let side = |names: &[&str]| names.iter().fold(read(), |side, name| side.object("extension", name, "x"));
    let remarks = |names: &[&str]| {
        let side = side(names);
        compared(&side, &side).remarks.iter().map(|remark| remark.full().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(remarks(&["plpgsql"]), Vec::<String>::new());
    let given = remarks(&["citext", "plpgsql", "postgis"]);
    assert!(matches!(given.as_slice(), [one] if one.starts_with("extensions (citext, postgis): ")), "{given:?}");
}

const CASTS: [&str; 2] =
    ["CHECK ((a = ANY ((ARRAY[x, b])::text[])))", "CHECK ((a = ANY (ARRAY[(x)::text, (b)::text])))"];

/// Whether two constraints of `s.t` that cast column `x` before and within an array say the same, where `x` has this type.
fn is_cast_alike(type_name: &str) -> bool {
    let side = |text: &str| {
        let columns = [("a", "text"), ("b", "text"), ("x", type_name)];
        let side = columns.into_iter().fold(read(), |side, (name, type_name)| {
            with(side, "column", &format!("s.t.{name}"), Some("t"), &format!("{type_name}\nnot null"))
        });
        let side = side.object("domain", "s.labels", "text[]").object("domain", "s.words", "text");
        with(side, "constraint", "s.t c", Some("t"), text)
    };
    findings(&compared(&side(CASTS[0]), &side(CASTS[1]))).is_empty()
}

#[test]
fn a_column_that_is_an_array_is_known_by_its_type() {
    for scalar in ["text", "character varying", "s.words", "tsvector", "public.vector", "public.vector(3)"] {
        assert!(is_cast_alike(scalar), "{scalar}");
    }
    for array in ["text[]", "s.labels", "int2vector", "oidvector"] {
        assert!(!is_cast_alike(array), "{array}");
    }
}

#[test]
fn a_column_of_a_view_that_is_an_array_is_known_by_its_first_lines() {
    let is_alike = |kind: &str, type_name: &str| {
        let side = |cast: &str| {
            let source = with(read(), kind, "s.v", Some("v"), &format!("x {type_name}\nb text\n SELECT 1;"));
            with(source, "view", "s.w", Some("w"), &format!("y text[]\n SELECT {cast} AS y\n   FROM s.v;"))
        };
        let casts =
            ["(ARRAY[v.x, 'b'::character varying])::text[]", "ARRAY[(v.x)::text, ('b'::character varying)::text]"];
        findings(&compared(&side(casts[0]), &side(casts[1]))).is_empty()
    };
    for kind in ["view", "materialized_view"] {
        assert!(is_alike(kind, "character varying") && !is_alike(kind, "text[]"), "{kind}");
    }
}

/// What a missing `head` shows when these objects on `s.t` or in `s` are missing with it.
fn detail(head: (&str, &str), others: &[(&str, &str, Option<&str>)]) -> (Vec<String>, Vec<String>) {
    let (kind, identity) = head;
    let side = match identity {
        "s" => read().object(kind, identity, "x"),
        "s.t" => with(read(), kind, identity, Some("t"), "x"),
        _ => with(read(), kind, identity, None, "x"),
    };
    let side = others.iter().fold(side, |side, (kind, identity, relation)| match relation {
        Some("") => side.object(kind, identity, "y"),
        relation => with(side, kind, identity, *relation, "y"),
    });
    let outcome = compared(&side, &read());
    let detail = outcome.findings.iter().find(|one| one.object == Subject::new(kind, identity)).map(|one| &one.detail);
    (findings(&outcome), detail.cloned().unwrap_or_default())
}

#[test]
fn what_belongs_to_a_missing_relation_or_schema_is_a_line_of_that_finding() {
    for kind in ["table", "foreign_table", "view", "materialized_view", "sequence", "type_composite"] {
        let (found, lines) = detail((kind, "s.t"), &[("index", "s.i", Some("t")), ("trigger", "s.t r", Some("t"))]);
        assert_eq!(found, [format!("missing {kind} s.t")]);
        assert_eq!(lines, ["index s.i", "trigger s.t r"], "{kind}");
    }
    let (found, lines) = detail(("schema", "s"), &[("table", "s.t", Some("t")), ("index", "s.i", Some("t"))]);
    assert_eq!(
        (found, lines),
        (vec!["missing schema s".to_owned()], vec!["index s.i".to_owned(), "table s.t".to_owned()])
    );
    let (found, lines) = detail(("index", "s.t"), &[("trigger", "s.t r", Some("t"))]);
    assert_eq!((found.len(), lines.len()), (2, 0), "an index is the parent of nothing");
    let (found, _) = detail(("table", "s.t"), &[("index", "s.i", Some("u"))]);
    assert_eq!(found, ["missing index s.i", "missing table s.t"], "of another table");
}

#[test]
fn what_is_said_of_a_missing_object_is_a_line_of_that_finding() {
    for (kind, identity, word) in [
        ("function", "s.f(text)", "function s.f(text)"),
        ("type_enum", "s.e", "type s.e"),
        ("domain", "s.d", "type s.d"),
        ("foreign_server", "f", "server f"),
        ("foreign_data_wrapper", "w", "foreign-data wrapper w"),
        ("statistics", "s.x", "statistics object s.x"),
        ("event_trigger", "e", "event trigger e"),
    ] {
        let [comment, owner, grant] = [word.to_owned(), word.to_owned(), format!("{word} to public")];
        let others = [("comment", &*comment, Some("")), ("owner", &*owner, Some("")), ("privilege", &*grant, Some(""))];
        let (found, lines) = detail((kind, identity), &others);
        assert_eq!(found, [format!("missing {kind} {identity}")]);
        assert_eq!(lines, [format!("comment {word}"), format!("owner {word}"), format!("privilege {word} to public")]);
    }
    let (found, _) = detail(("function", "s.f(text)"), &[("aggregate", "function s.f(text)", Some(""))]);
    assert_eq!(found.len(), 2, "an aggregate is about no other object");
}

#[test]
fn what_is_said_of_a_missing_trigger_names_its_table_last() {
    for (kind, word) in
        [("trigger", "trigger"), ("rule", "rule"), ("policy", "policy"), ("constraint", "table constraint")]
    {
        let side = with(read(), kind, "s.t touch", Some("t"), "x");
        let side = side.object("comment", &format!("{word} touch on s.t"), "y");
        let outcome = compared(&side, &read());
        assert_eq!(findings(&outcome), [format!("missing {kind} s.t touch")]);
        assert_eq!(outcome.findings[0].detail.last(), Some(&format!("comment {word} touch on s.t")), "{outcome:?}");
    }
}

#[test]
fn a_missing_table_is_one_finding_with_its_rows_and_its_definition() {
    let side = with(read().table("s.t", seen(["1"], 4)), "table", "s.t", Some("t"), "table");
    let outcome = compared(&side, &with(read(), "index", "s.i", Some("t"), "x"));
    assert_eq!(findings(&outcome), ["missing table s.t", "unexpected index s.i"]);
    assert_eq!(outcome.findings[0].expected.as_deref(), Some("table"));
    let outcome = compared(&read(), &side);
    assert_eq!(
        (findings(&outcome), outcome.findings[0].actual.as_deref()),
        (vec!["unexpected table s.t".to_owned()], Some("table"))
    );
}

#[test]
fn a_column_that_rows_and_schema_both_miss_is_a_line_of_its_table() {
    let mut side = with(read(), "table", "s.t", Some("t"), "table");
    side = with(side, "column", "s.t.a", Some("t"), "integer");
    side.relations.insert(Name::new("s", "t"), relation(seen(["1"], 4)));
    let outcome = compared(&side, &read());
    assert_eq!(
        (findings(&outcome), &*outcome.findings[0].detail),
        (vec!["missing table s.t".to_owned()], &["column s.t.a".to_owned()][..])
    );
}

#[test]
fn large_objects_on_one_side_are_lines_of_the_finding_for_their_data() {
    let side = |rows: &[&str]| Manifest { large_objects: seen(rows, 4), ..read() };
    let has = |rows| {
        side(rows).object("large_object", "1", "x").object("owner", "large object 1", "y").object("index", "s.i", "z")
    };
    let outcome = compared(&has(&["1"]), &side(&[]));
    assert_eq!(findings(&outcome), ["missing index s.i", "large_objects large objects"]);
    assert_eq!(outcome.findings[1].detail, ["missing large_object 1", "owner large object 1"]);
    let outcome = compared(&has(&[]), &side(&[]));
    assert_eq!(findings(&outcome), ["missing index s.i", "missing large_object 1"], "an empty one has no data");
    let changed = |text| side(&["1"]).object("large_object", "1", text);
    assert_eq!(findings(&compared(&changed("x"), &changed("y"))), ["changed large_object 1"]);
}

#[test]
fn large_objects_of_the_actual_side_are_lines_and_changed_ones_are_findings() {
    let side =
        |rows: &[&str], text| Manifest { large_objects: seen(rows, 4), ..read() }.object("large_object", "1", text);
    let outcome = compared(&side(&[], "x"), &side(&["1"], "y").object("large_object", "2", "z"));
    assert_eq!(findings(&outcome), ["large_objects large objects", "changed large_object 1"]);
    assert_eq!(outcome.findings[0].detail, ["unexpected large_object 2"]);
}

#[test]
fn a_definition_that_differs_from_a_shortened_one_is_unchecked_on_the_side_that_shortened_it() {
    let side = |format, text| Manifest { format, ..read().object("index", "s.i", text) };
    assert_eq!(unchecked(&compared(&side(1, "x"), &side(2, "y"))), ["index s.i (expected)"]);
    assert_eq!(unchecked(&compared(&side(2, "x"), &side(1, "y"))), ["index s.i (actual)"]);
    assert_eq!(compared(&side(1, "x"), &side(1, "y")).unchecked.len(), 2);
}

#[test]
fn a_not_null_with_no_changed_table_column_or_domain_is_a_finding_of_its_own() {
    let side = |column: &str, constraint: &str| {
        read().of_major(18).object("column", "s.t.a", column).object("not_null", "s.t.a", constraint)
    };
    assert_eq!(findings(&compared(&side("x", "constraint a"), &side("x", "constraint b"))), ["changed not_null s.t.a"]);
    let outcome = compared(&side("integer", "constraint a"), &side("bigint", "constraint b"));
    assert_eq!(findings(&outcome), ["changed column s.t.a"]);
    assert_eq!(outcome.findings[0].detail, ["changed not_null s.t.a"]);
}
