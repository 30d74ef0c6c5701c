//! A question about the catalog is left out only where its answer has no rows.

use std::collections::BTreeSet;

use pgwitness::model::catalog::{CATALOG, presence};

use crate::no_false_sound::scenario::{Pair, server};
use crate::support::fixture_database::FixtureDatabase;
use crate::support::{Database, Row, tools};

/// Kinds that are not asked for, or only in part, and those of them whose whole question has another answer.
fn left_out(database: &Database) -> [BTreeSet<&'static str>; 2] {
    // Nothing but the server's own catalog is found, as in a session that reads.
    database.run("SET search_path = ''");
    let exists = |rows: &str| database.value(&presence([rows])) == "t";
    let (mut left_out, mut wrong) = (BTreeSet::new(), BTreeSet::new());
    for question in CATALOG.iter().filter(|question| question.is_for(tools().version.major)) {
        let asked = question.asked(|rows| !exists(rows));
        if asked.as_deref() == Some(question.sql) {
            continue;
        }
        left_out.insert(question.kind);
        let rows = |sql: &str| database.query(sql).into_iter().collect::<BTreeSet<Row>>();
        if asked.map_or_else(BTreeSet::new, |sql| rows(&sql)) != rows(question.sql) {
            wrong.insert(question.kind);
        }
    }
    [left_out, wrong]
}

#[test]
fn what_is_not_asked_has_no_answer() {
    let cluster = server();
    let admin = Database::connect(&cluster.conninfo("postgres"));
    for fixture in FixtureDatabase::all_on(&admin) {
        let database = fixture.load(&cluster, &format!("unasked_{}", fixture.name));
        let [left_out, wrong] = left_out(&database);
        assert_eq!(wrong, BTreeSet::new(), "{}: {left_out:?}", fixture.name);
    }
}

#[test]
fn what_only_one_side_has_is_asked_for_on_both() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY)");
    let questions = CATALOG.iter().filter(|question| question.is_for(tools().version.major));
    let with_condition = questions.filter(|question| question.conditions().count() > 0);
    // Subscriptions of other databases are in the same catalog.
    let with_condition = with_condition.map(|question| question.kind).filter(|kind| *kind != "subscription");
    let [left_out, wrong] = left_out(&pair.expected);
    assert_eq!(with_condition.filter(|kind| !left_out.contains(kind)).collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(wrong, BTreeSet::new());
    let (sql, findings): (Vec<_>, Vec<_>) = ONE_OF_EACH.iter().copied().unzip();
    pair.actual.run(&sql.join("; "));
    pair.compare(&[]).is(1, &findings);
}

const ONE_OF_EACH: &[(&str, &str)] = &[
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function public.f()"),
    ("CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'", "procedure public.p()"),
    ("CREATE AGGREGATE a(int) (SFUNC = int4pl, STYPE = int)", "aggregate public.a(integer)"),
    ("CREATE VIEW v AS SELECT 1 AS one", "view public.v"),
    ("CREATE MATERIALIZED VIEW m AS SELECT 1 AS one", "materialized_view public.m"),
    ("CREATE SEQUENCE s", "sequence public.s"),
    ("CREATE RULE pg_settings_u AS ON DELETE TO t DO INSTEAD NOTHING", "rule public.t pg_settings_u"),
    ("CREATE POLICY y ON t USING (true)", "policy public.t y"),
    (
        "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger public.t g",
    ),
    (
        "CREATE TABLE u (id int CONSTRAINT k REFERENCES t); ALTER TABLE u DISABLE TRIGGER ALL",
        "internal_trigger public.u k",
    ),
    ("CREATE DOMAIN d AS int", "domain public.d"),
    ("CREATE TYPE e AS ENUM ()", "type_enum public.e"),
    ("CREATE TYPE c AS ()", "type_composite public.c"),
    ("CREATE TYPE r AS RANGE (SUBTYPE = int)", "type_range public.r"),
    ("CREATE COLLATION l FROM \"C\"", "collation public.l"),
    ("CREATE CONVERSION n FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1", "conversion public.n"),
    ("CREATE CAST (text AS box) WITH INOUT", "cast (text AS box)"),
    ("CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)", "operator public.==="),
    ("CREATE OPERATOR CLASS o FOR TYPE int USING hash AS OPERATOR 1 =", "operator_class public.o using hash"),
    ("CREATE OPERATOR FAMILY q USING hash", "operator_family public.q using hash"),
    ("CREATE ACCESS METHOD h TYPE TABLE HANDLER heap_tableam_handler", "access_method h"),
    ("CREATE LANGUAGE j HANDLER plpgsql_call_handler", "language j"),
    ("CREATE TEXT SEARCH CONFIGURATION w (PARSER = pg_catalog.\"default\")", "text_search_configuration public.w"),
    ("CREATE TEXT SEARCH DICTIONARY z (TEMPLATE = simple)", "text_search_dictionary public.z"),
    ("CREATE TEXT SEARCH TEMPLATE x (LEXIZE = dsimple_lexize)", "text_search_template public.x"),
    (
        "CREATE TEXT SEARCH PARSER y (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)",
        "text_search_parser public.y",
    ),
    ("CREATE STATISTICS i ON id, (id + 1) FROM t", "statistics public.i"),
    ("CREATE PUBLICATION b FOR TABLE t", "publication_table b public.t"),
    ("CREATE FOREIGN DATA WRAPPER x", "foreign_data_wrapper x"),
    ("CREATE SERVER s FOREIGN DATA WRAPPER x", "foreign_server s"),
    ("CREATE USER MAPPING FOR PUBLIC SERVER s", "user_mapping public on s"),
    ("CREATE FOREIGN TABLE ft (id int) SERVER s", "foreign_table public.ft"),
    ("CREATE FUNCTION ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'", "function public.ef()"),
    ("CREATE EVENT TRIGGER v ON sql_drop EXECUTE FUNCTION ef()", "event_trigger v"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "default_privilege for postgres on tables"),
    ("SELECT lo_create(4711)", "large_object 4711"),
    ("COMMENT ON TABLE t IS 'a table'", "comment table public.t"),
];
