use super::*;

fn arrays() -> BTreeSet<String> {
    BTreeSet::from(["tags".to_owned()])
}

fn is_equal(kind: &str, one: &str, other: &str) -> bool {
    is_same(kind, one, other, &arrays())
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
            canonical(kind, one, &arrays()),
            canonical(kind, other, &arrays())
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
        assert!(!is_equal(kind, one, other), "{one}\n{other}\n{}", canonical(kind, one, &arrays()));
    }
}
