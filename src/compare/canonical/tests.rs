use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn arrays() -> KnownArrays {
    KnownArrays { domains: BTreeSet::from(["tags".to_owned()]), columns: BTreeMap::new() }
}

fn object(kind: &str) -> DefinedObject<'_> {
    DefinedObject { kind, relation: None }
}

fn is_equal(kind: &str, one: &str, other: &str) -> bool {
    is_same(object(kind), one, other, &arrays())
}

#[test]
fn what_one_server_prints_in_two_ways_is_the_same() {
    let pairs = [
        ("constraint", "CHECK ((((a >= 1) AND (a <= 3)) AND (b > 0)))", "CHECK (((a >= 1) AND (a <= 3) AND (b > 0)))"),
        (
            "constraint",
            "CHECK (((b > 0) OR ((a < 1) OR (a > 3))))\nnot validated",
            "CHECK (((b > 0) OR (a < 1) OR (a > 3)))\nnot validated",
        ),
        (
            "constraint",
            "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
            "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
        ),
        ("column", "text[]\ndefault (ARRAY[b, t.c])::text[]", "text[]\ndefault ARRAY[(b)::text, (t.c)::text]"),
        (
            "column",
            "text[]\ndefault (ARRAY[ARRAY[1], ARRAY[2]])::numeric(9,2)[]",
            "text[]\ndefault ARRAY[ARRAY[(1)::numeric(9,2)], ARRAY[(2)::numeric(9,2)]]",
        ),
        ("column", "\"json\"\ndefault 1", "json\ndefault 1"),
        (
            "view",
            "a integer\n SELECT a\n   FROM (VALUES (1)) v(a);",
            "a integer\n SELECT a\n   FROM ( VALUES (1)) v(a);",
        ),
        (
            "view",
            "a integer\n SELECT 1 AS a\n  WHERE (1 IN ( SELECT 2 UNION SELECT NULL::integer));",
            "a integer\n SELECT 1 AS a\n  WHERE (1 IN ( SELECT 2 UNION SELECT NULL::integer AS int4));",
        ),
        ("view", "?column? integer\n SELECT 1;", "?column? integer\n SELECT 1 AS \"?column?\";"),
        (
            "view",
            "id integer\n SELECT t.id,\n    (t.c).f AS f\n   FROM public.t\n  WHERE (EXISTS ( SELECT 1 FROM u WHERE (u.a = t.a)))\n  GROUP BY t.id ORDER BY t.z;",
            "id integer\n SELECT id,\n    (c).f AS f\n   FROM public.t\n  WHERE (EXISTS ( SELECT 1 FROM u WHERE (u.a = t.a)))\n  GROUP BY id ORDER BY z;",
        ),
        ("policy", "permissive\nusing (((a = 1) AND (b = 2)) AND c)", "permissive\nusing ((a = 1) AND (b = 2) AND c)"),
        (
            "function",
            "CREATE OR REPLACE FUNCTION f()\n RETURNS boolean\n LANGUAGE sql\nBEGIN ATOMIC\n SELECT (((a = 1) AND (a = 2)) AND b)\n   FROM t;\nEND\n",
            "CREATE OR REPLACE FUNCTION f()\n RETURNS boolean\n LANGUAGE sql\nBEGIN ATOMIC\n SELECT ((a = 1) AND (a = 2) AND b)\n   FROM t;\nEND\n",
        ),
    ];
    for (kind, one, other) in pairs {
        assert!(
            is_equal(kind, one, other),
            "{one}\n{other}\n{}\n{}",
            canonical(object(kind), one, &arrays()),
            canonical(object(kind), other, &arrays())
        );
        assert!(is_equal(kind, other, one));
    }
}

#[test]
fn definitions_that_differ_stay_different() {
    let pairs = [
        ("constraint", "CHECK (((a OR b) AND c))", "CHECK ((a OR (b AND c)))"),
        ("constraint", "CHECK ((a AND b))", "CHECK ((a OR b))"),
        ("constraint", "CHECK ((a AND (NOT (b AND c))))", "CHECK ((a AND (NOT b) AND c))"),
        ("constraint", "CHECK ((a = ANY ((ARRAY['a'::bpchar])::text[])))", "CHECK ((a = ANY (ARRAY['a'::bpchar])))"),
        ("constraint", "CHECK ((a = ANY ((ARRAY[b])::text[])))", "CHECK ((a = ANY (ARRAY[(b)::bpchar])))"),
        ("constraint", "CHECK ((a = 'x  y'::text))", "CHECK ((a = 'x y'::text))"),
        ("constraint", "CHECK ((a @- b))", "CHECK ((a @ - b))"),
        ("constraint", "CHECK ((a > 1)) NOT VALID", "CHECK ((a > 1))"),
        ("constraint", "CHECK ((a > 1)", "CHECK (((a > 1)"),
        ("column", "text\ndefault (ARRAY[tags])::text[]", "text\ndefault ARRAY[(tags)::text]"),
        (
            "column",
            "text\ndefault (ARRAY[string_to_array(a, b)])::text[]",
            "text\ndefault ARRAY[(string_to_array(a, b))::text]",
        ),
        ("column", "text\ndefault (a).b", "text\ndefault a.b"),
        ("column", "\"char\"", "char"),
        ("column", "text\ndefault \"CURRENT_USER\"", "text\ndefault CURRENT_USER"),
        ("view", "a text\n SELECT (t.a)::text AS a FROM t;", "a text\n SELECT t.a FROM t;"),
        ("view", "a integer\n SELECT NULL::integer AS a;", "a integer\n SELECT NULL::integer;"),
        ("view", "a integer\n SELECT t.a FROM t, u;", "a integer\n SELECT a FROM t, u;"),
        ("view", "a integer\n SELECT u.a FROM t;", "a integer\n SELECT a FROM t;"),
        (
            "view",
            "a integer\n SELECT 1 AS a WHERE (EXISTS ( SELECT 1 FROM u WHERE u.a = t.a));",
            "a integer\n SELECT 1 AS a WHERE (EXISTS ( SELECT 1 FROM u WHERE a = t.a));",
        ),
        ("view", "a integer\n SELECT t.b AS a FROM t ORDER BY t.a;", "a integer\n SELECT b AS a FROM t ORDER BY a;"),
        ("view", "a integer\n SELECT (t.a).b FROM t;", "a integer\n SELECT t.b FROM t;"),
        ("view", "a integer\n SELECT t.f() AS a FROM t;", "a integer\n SELECT f() AS a FROM t;"),
        (
            "function",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $a$SELECT ((a AND b) AND c)$a$",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $a$SELECT (a AND b AND c)$a$",
        ),
    ];
    for (kind, one, other) in pairs {
        assert!(!is_equal(kind, one, other), "{one}\n{other}\n{}", canonical(object(kind), one, &arrays()));
    }
}

/// Statements with an alias at `{as}`, each in the body of a procedure and in a rule. No rule has a MERGE.
fn statements_with_alias(as_word: &str) -> Vec<(&'static str, String)> {
    let statements = [
        "DELETE FROM s.t {as}q\n   USING s.u {as}a\n  WHERE (a.id = q.id)",
        "UPDATE ONLY s.t {as}q SET n = a.n\n   FROM s.u {as}a\n  WHERE (a.id = q.id)\n  RETURNING q.id AS k",
        "INSERT INTO s.t {as}q (id) VALUES (1) ON CONFLICT(id) DO UPDATE SET id = q.id",
        "MERGE INTO s.t {as}q\n   USING s.u {as}a\n   ON (a.id = q.id)\n  WHEN MATCHED\n    THEN DELETE",
        "INSERT INTO s.u (id) SELECT a.id FROM f() {as}a(id), ( SELECT 1) {as}q, LATERAL ( VALUES (1)) {as}c",
        "WITH gone AS (DELETE FROM s.t {as}q RETURNING q.id) INSERT INTO s.u (id) SELECT gone.id FROM gone {as}g",
    ];
    let bodies = statements.into_iter().flat_map(|statement| {
        let body = format!("CREATE OR REPLACE PROCEDURE s.p()\n LANGUAGE sql\nBEGIN ATOMIC\n {statement};\nEND\n");
        let rule = format!("CREATE RULE r AS\n    ON DELETE TO s.v DO INSTEAD {statement};\nenabled O");
        [("procedure", body), ("rule", rule)]
            .into_iter()
            .filter(|(kind, text)| *kind != "rule" || !text.contains("MERGE"))
    });
    // The grammar of INSERT needs its AS, so no server leaves it out there.
    bodies
        .map(|(kind, text)| {
            (kind, text.replace("INSERT INTO s.t {as}", "INSERT INTO s.t AS ").replace("{as}", as_word))
        })
        .collect()
}

#[test]
fn the_optional_as_of_a_table_alias_is_no_difference() {
    for ((kind, with), (_, without)) in statements_with_alias("AS ").into_iter().zip(statements_with_alias("")) {
        assert!(is_equal(kind, &with, &without), "{with}\n{}", canonical(object(kind), &with, &arrays()));
        assert!(!is_equal(kind, &with, &without.replace(" q", " r")), "another alias: {with}");
    }
    let columns = |text: &str| format!("a integer\n SELECT x.a FROM json_to_record('{{}}'::json) {text}(a integer);");
    assert!(is_equal("view", &columns("AS x"), &columns("x")));
}

#[test]
fn a_chain_of_ten_thousand_conditions_is_compared() {
    let chain = |first: &str| format!("CHECK (({first}{}))", " AND (a <> 1)".repeat(10_000));
    assert!(is_equal("constraint", &chain("((b = 1) AND c)"), &chain("(b = 1) AND c")));
    assert!(!is_equal("constraint", &chain("((b = 1) AND c)"), &chain("(b = 1) AND d")));
}

#[test]
fn deep_and_broken_texts_end_in_an_answer() {
    let many = 1_000;
    let texts = [
        "(".repeat(many),
        format!("{}a{}", "(".repeat(many), ")".repeat(many)),
        format!("{}a", "NOT ".repeat(many)),
        format!("{}a", "- ".repeat(many)),
        format!("a{}", "[1]".repeat(many)),
        format!("a{}", "::text".repeat(many)),
        format!("a{}", " + a".repeat(many)),
        format!("{}1{}", "CASE WHEN ".repeat(many), " THEN 1 END".repeat(many)),
        format!("{}1{}", "ARRAY[".repeat(many), "]".repeat(many)),
        format!("({}1{})", "SELECT (".repeat(many), ")".repeat(many)),
        format!("(SELECT 1{})", " UNION SELECT 1".repeat(many)),
        format!("(SELECT 1 FROM {}t{})", "(".repeat(many), ")".repeat(many)),
        format!("(SELECT 1 FROM t{})", " JOIN t ON true".repeat(many / 2)),
        "'".repeat(many),
        "$$".repeat(501),
        "\0\u{1}\u{2028}/* -- \\".to_owned(),
    ];
    for text in texts {
        for (kind, before) in
            [("column", "text\ndefault "), ("constraint", "CHECK ("), ("view", "a text\n SELECT "), ("function", "")]
        {
            let (one, other) = (format!("{before}{text}"), format!("{before} {text}x"));
            assert!(!is_equal(kind, &one, &other), "{}", &one[..40.min(one.len())]);
        }
    }
}

#[test]
fn names_that_may_be_arrays_keep_the_cast_outside() {
    let view = |query: &str| format!("a text[]\n {query}");
    let different = [
        (
            "SELECT (ARRAY[s.x])::text[] AS a FROM ( SELECT array_agg(t.n) AS x FROM t) s;",
            "SELECT ARRAY[(s.x)::text] AS a FROM ( SELECT array_agg(t.n) AS x FROM t) s;",
        ),
        (
            "SELECT (ARRAY[s.y])::text[] AS a FROM ( SELECT t.tags AS y FROM t) s;",
            "SELECT ARRAY[(s.y)::text] AS a FROM ( SELECT t.tags AS y FROM t) s;",
        ),
        (
            "SELECT (ARRAY[v.y])::text[] AS a FROM ( VALUES ('{1}'::integer[])) v(y);",
            "SELECT ARRAY[(v.y)::text] AS a FROM ( VALUES ('{1}'::integer[])) v(y);",
        ),
        ("SELECT (ARRAY['1'::integer[]])::text[] AS a;", "SELECT ARRAY[('1'::integer[])::text] AS a;"),
        ("SELECT (ARRAY[(x).tags])::text[] AS a;", "SELECT ARRAY[((x).tags)::text] AS a;"),
    ];
    for (one, other) in different {
        assert!(!is_equal("view", &view(one), &view(other)), "{one}");
    }
    let same = (
        "SELECT (ARRAY[s.y])::text[] AS a FROM ( SELECT t.name AS y FROM t) s;",
        "SELECT ARRAY[(s.y)::text] AS a FROM ( SELECT t.name AS y FROM t) s;",
    );
    assert!(is_equal("view", &view(same.0), &view(same.1)));
    let function =
        |a: &str, body: &str| format!("CREATE FUNCTION f(a {a}) RETURNS text[] LANGUAGE sql RETURN {body}\n");
    let (one, other) = ("(ARRAY[a])::text[]", "ARRAY[(a)::text]");
    assert!(is_equal("function", &function("varchar", one), &function("varchar", other)));
    assert!(!is_equal("function", &function("varchar[]", one), &function("varchar[]", other)));
}

#[test]
fn a_cast_of_an_array_of_values_that_are_surely_none_is_one_of_each_value() {
    let check = |condition: String| format!("CHECK ((a = ANY ({condition})))");
    let both = |value: &str| {
        (check(format!("(ARRAY[{value}, b])::text[]")), check(format!("ARRAY[({value})::text, (b)::text]")))
    };
    let scalar = [
        "initcap(tags)",
        "COALESCE(a, 'x'::character varying, btrim(b))",
        "CASE WHEN (tags IS NULL) THEN a WHEN b THEN 'x'::text ELSE 'y'::text END",
        "CASE tags WHEN a THEN b END",
        "(a + (- 1))",
        "NULLIF(a, b)",
        "(a AT TIME ZONE b)",
    ];
    for (one, other) in scalar.map(both) {
        assert!(is_equal("constraint", &one, &other), "{one}\n{other}");
    }
    let unknown = [
        "string_to_array(a, b)",
        "s.btrim(a)",
        "lower(a)",
        "COALESCE(a, tags)",
        "CASE WHEN a THEN b ELSE tags END",
        "CASE WHEN a THEN tags END",
        "(a || tags)",
        "(a OPERATOR(s.+) b)",
        "( SELECT t.tags FROM t)",
        "array_agg(a)",
    ];
    for (one, other) in unknown.map(both) {
        assert!(!is_equal("constraint", &one, &other), "{one}\n{other}");
    }
}

/// An expression whose array is cast as a whole, and one in which each value is.
fn cast_outside_and_inside(text: &str, column: &str) -> [String; 2] {
    [
        format!("(ARRAY[{column}, 'b'::character varying])::text[]"),
        format!("ARRAY[({column})::text, ('b'::character varying)::text]"),
    ]
    .map(|array| text.replace("{}", &array))
}

#[test]
fn a_column_is_an_array_only_in_the_relations_that_its_qualifier_stands_for() {
    let columns = |columns: &[&str]| columns.iter().map(|&column| column.to_owned()).collect();
    let known = KnownArrays {
        domains: columns(&["labels"]),
        columns: [("t", &["a"][..]), ("My t", &["b"]), ("u", &[])]
            .map(|(name, of)| (name.to_owned(), columns(of)))
            .into(),
    };
    let is_equal = |kind, relation, text: &str, column: &str| {
        let [one, other] = cast_outside_and_inside(text, column);
        is_same(DefinedObject { kind, relation }, &one, &other, &known)
    };
    let view = |from: &str, column: &str| {
        is_equal("view", None, &format!("x text[]\n SELECT {{}} AS x\n   FROM {from};"), column)
    };
    for (from, column) in [
        ("s.u", "u.a"),
        ("s.u", "a"),
        ("s.t, s.u", "u.a"),
        ("s.t JOIN LATERAL ( SELECT 1) z ON true, s.u x", "x.a"),
        ("s.\"My t\", s.t", "t.b"),
    ] {
        assert!(view(from, column), "{column} FROM {from}");
    }
    for (from, column) in [
        ("s.t", "t.a"),
        ("s.t", "a"),
        ("s.t x, s.u", "x.a"),
        ("s.u x, ( SELECT x.a FROM s.t x) y", "x.a"),
        ("( SELECT t.a FROM s.t) y", "y.a"),
        ("s.\"My t\"", "\"My t\".b"),
        ("s.u", "u.labels.x"),
        // Columns of system catalogs and of an extension's tables are not known.
        ("pg_catalog.pg_policies p", "p.roles"),
        ("pg_catalog.pg_policies", "roles"),
        ("s.u, pg_catalog.pg_policies p, ( SELECT p.roles FROM pg_catalog.pg_policies p) q", "q.roles"),
    ] {
        assert!(!view(from, column), "{column} FROM {from}");
    }
    let trigger = "CREATE TRIGGER r AFTER INSERT ON s.u FOR EACH ROW WHEN ((new.c = ANY ({}))) EXECUTE FUNCTION s.f()";
    assert!(is_equal("trigger", Some("u"), trigger, "new.a"));
    assert!(!is_equal("trigger", Some("t"), &trigger.replace("s.u", "s.t"), "new.a"));
    let constraint = "CHECK ((c = ANY ({})))";
    assert!(is_equal("constraint", Some("u"), constraint, "a"));
    assert!(!is_equal("constraint", Some("t"), constraint, "a"));
}

#[test]
fn quotes_in_a_text_of_the_users_are_compared() {
    for kind in ["comment", "security_label", "database_setting"] {
        assert!(!is_equal(kind, "use \"json\" here", "use json here"), "{kind}");
    }
    assert!(is_equal("column", "\"json\"", "json"));
}

#[test]
fn the_marker_in_a_saved_manifest_is_no_difference() {
    assert!(is_equal("column", "integer\nnot null\noptions pg_attver=7", "integer\nnot null"));
    assert!(is_equal(
        "column",
        "integer\noptions n_distinct=5, pg_attver=7",
        "integer\noptions n_distinct=5, pg_attver=9"
    ));
    assert!(!is_equal("column", "integer\noptions n_distinct=5, pg_attver=7", "integer\noptions n_distinct=6"));
    assert!(is_equal(
        "materialized_view",
        "populated\nid integer options pg_attver=7\n SELECT 1 AS id;",
        "populated\nid integer\n SELECT 1 AS id;"
    ));
}

/// Definitions with every shape that has a rule.
const SAMPLES: [(&str, &str); 4] = [
    (
        "constraint",
        "CHECK ((((a >= 1) AND (b <= 3)) AND ((c)::text = ANY ((ARRAY['x'::character varying, d])::text[]))))",
    ),
    (
        "policy",
        "permissive\nfor all\nusing ((a = 1) OR ((b <> 'y  z'::bpchar) OR (NOT (c IS NULL))))\nwith check (a < (b)::integer)",
    ),
    (
        "view",
        "id integer\nn integer\n SELECT t.id,\n    CASE\n            WHEN (t.x > 1) THEN t.y\n            ELSE 2\n        END AS n\n   FROM s.t\n  \
         WHERE (t.id IN ( SELECT u.k FROM u WHERE (u.q = t.z) UNION SELECT NULL::integer AS int4))\n  ORDER BY t.w;",
    ),
    (
        "function",
        "CREATE OR REPLACE FUNCTION s.f(a integer DEFAULT 1)\n RETURNS boolean\n LANGUAGE sql\nRETURN (((a > 1) AND (a < 5)) AND (a <> 3))\n",
    ),
];

/// One token as another that is allowed in its place.
fn mutated(lexed: &str) -> Option<String> {
    let other = match lexed {
        "AND" => "OR",
        "OR" => "AND",
        "=" => "<>",
        "<" => ">",
        ">" => "<",
        word if word.chars().all(char::is_numeric) => return Some(format!("{word}7")),
        quoted if quoted.starts_with(['\'', '"']) => return Some(format!("{}k{}", &quoted[..2], &quoted[2..])),
        word if word.chars().all(char::is_alphanumeric) => return Some(format!("{word}k")),
        _ => return None,
    };
    Some(other.to_owned())
}

#[test]
fn a_change_of_any_token_is_a_difference() {
    for (kind, text) in SAMPLES {
        let lexemes: Vec<&str> = scan::lexemes(text).unwrap().into_iter().map(|(_, lexed)| lexed).collect();
        let mut changes = 0;
        for at in 0..lexemes.len() {
            let Some(token) = mutated(lexemes[at]) else { continue };
            let changed = [&lexemes[..at], &[token.as_str()], &lexemes[at + 1..]].concat().concat();
            assert!(!is_equal(kind, text, &changed), "{text}\n{changed}");
            changes += 1;
        }
        assert!(changes > 15, "{kind}: {changes}");
    }
}

#[test]
fn a_cast_left_out_is_a_difference() {
    for (kind, text) in SAMPLES {
        for (at, _) in text.match_indices("::") {
            let end = text[at..].find([')', ',', ']', '\n']).map_or(text.len(), |end| at + end);
            let changed = format!("{}{}", &text[..at], &text[end..]);
            assert!(!is_equal(kind, text, &changed), "{text}\n{changed}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn trees_of_and_and_or_are_equal_only_if_they_say_the_same(one in tree(), other in tree()) {
        let text = |tree: &Tree| format!("CHECK ({})", tree.print());
        let (flat_one, flat_other) = (one.flat(), other.flat());
        proptest::prop_assert_eq!(
            is_equal("constraint", &text(&one), &text(&other)), flat_one == flat_other, "{} {}", text(&one), text(&other));
        let loaded_again = format!("CHECK ({flat_one})");
        proptest::prop_assert!(is_equal("constraint", &text(&one), &loaded_again));
    }
}

#[derive(Debug, Clone)]
enum Tree {
    Leaf(u8),
    Chain(&'static str, Vec<Tree>),
}

fn tree() -> impl proptest::strategy::Strategy<Value = Tree> {
    use proptest::prelude::*;
    (0..2_u8).prop_map(Tree::Leaf).prop_recursive(3, 8, 2, |inner| {
        let word = prop_oneof![Just("AND"), Just("OR")];
        (word, proptest::collection::vec(inner, 2)).prop_map(|(word, parts)| Tree::Chain(word, parts))
    })
}

impl Tree {
    fn print(&self) -> String {
        match self {
            Self::Leaf(number) => format!("(a = {number})"),
            Self::Chain(word, parts) => {
                let parts: Vec<String> = parts.iter().map(Self::print).collect();
                format!("({})", parts.join(&format!(" {word} ")))
            }
        }
    }

    /// As the server prints it after a dump has been loaded.
    fn flat(&self) -> String {
        match self {
            Self::Leaf(_) => self.print(),
            Self::Chain(word, _) => format!("({})", self.parts(word).join(&format!(" {word} "))),
        }
    }

    fn parts(&self, outer: &str) -> Vec<String> {
        match self {
            Self::Chain(word, parts) if *word == outer => parts.iter().flat_map(|part| part.parts(outer)).collect(),
            other => vec![other.flat()],
        }
    }
}
