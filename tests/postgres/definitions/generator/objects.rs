//! Everything that is made over tables: constraints, indexes, views, policies, triggers, rules, functions, publications and so on.

use super::expression::{Kind, boolean, value};
use super::query::select;
use super::random::Random;
use super::table::Table;

/// What the tables need.
pub const PREPARE: &[&str] = &[
    "CREATE SCHEMA g",
    "CREATE TYPE g.mood AS ENUM ('sad', 'ok', 'very happy')",
    "CREATE TYPE g.pair AS (a integer, b text)",
    "CREATE DOMAIN g.positive AS integer DEFAULT 1 CHECK (VALUE > 0 AND VALUE BETWEEN 0 AND 100000)",
    "CREATE TABLE g.log (at text, what text)",
    "CREATE FUNCTION g.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
];

type Make = fn(&mut Random, &Table, &[Table], usize) -> String;

const MAKERS: &[Make] = &[
    check,
    check,
    check,
    index,
    index,
    view,
    view,
    view,
    view,
    materialized,
    policy,
    trigger,
    rule,
    domain,
    statistics,
    function,
    atomic,
    default,
    comment,
    sequence,
    exclusion,
    grant,
    child,
    reloptions,
    aggregate,
];

/// One object, and what belongs to it.
pub fn generate(random: &mut Random, tables: &[Table], number: usize, major: u32) -> Vec<String> {
    let table = random.pick(tables).clone();
    if random.percent(4) {
        return vec![publication(random, &table, number, major)];
    }
    let make = random.pick(MAKERS);
    vec![make(random, &table, tables, number)]
}

fn check(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let test = boolean(random, 3, &table.columns, "");
    format!("ALTER TABLE {} ADD CONSTRAINT k{number} CHECK ({test}) NOT VALID", table.name)
}

fn index(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let test = boolean(random, 2, &table.columns, "");
    let (int, text) =
        (value(random, Kind::Int, 2, &table.columns, ""), value(random, Kind::Text, 2, &table.columns, ""));
    let (json, name) = (value(random, Kind::Json, 0, &table.columns, ""), &table.name);
    let forms = [
        format!("CREATE INDEX i{number} ON {name} (({int})) WHERE {test}"),
        format!("CREATE INDEX i{number} ON {name} (({text}) COLLATE \"C\" DESC NULLS LAST, id)"),
        format!("CREATE INDEX i{number} ON {name} (({text}) text_pattern_ops) WITH (fillfactor = 70)"),
        format!("CREATE UNIQUE INDEX i{number} ON {name} (id) INCLUDE (c1) WHERE {test}"),
        format!("CREATE INDEX i{number} ON {name} USING gin (({json}) jsonb_path_ops)"),
        format!("CREATE INDEX i{number} ON {name} USING brin (id) WITH (pages_per_range = 8)"),
        format!("CREATE INDEX i{number} ON {name} USING hash (({text}))"),
        format!("CREATE INDEX i{number} ON {name} ((CASE WHEN {test} THEN id END))"),
    ];
    random.pick(&forms).clone()
}

fn view(random: &mut Random, _: &Table, tables: &[Table], number: usize) -> String {
    let options = *random.pick(&["", "", "", " WITH (security_barrier = true)"]);
    format!("CREATE VIEW g.v{number}{options} AS {}", select(random, 2, tables))
}

fn materialized(random: &mut Random, _: &Table, tables: &[Table], number: usize) -> String {
    format!("CREATE MATERIALIZED VIEW g.m{number} AS {}", select(random, 1, tables))
}

fn policy(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let (using, check) = (boolean(random, 2, &table.columns, ""), boolean(random, 2, &table.columns, ""));
    let name = &table.name;
    let forms = [
        format!("CREATE POLICY p{number} ON {name} USING ({using})"),
        format!("CREATE POLICY p{number} ON {name} AS RESTRICTIVE FOR UPDATE USING ({using}) WITH CHECK ({check})"),
        format!(
            "CREATE POLICY p{number} ON {name} FOR INSERT WITH CHECK ({check} AND id IN (SELECT t.id FROM {name} t))"
        ),
    ];
    random.pick(&forms).clone()
}

fn trigger(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let (new, old) = (boolean(random, 2, &table.columns, "NEW."), boolean(random, 1, &table.columns, "OLD."));
    let name = &table.name;
    let forms = [
        format!("CREATE TRIGGER r{number} AFTER INSERT ON {name} FOR EACH ROW WHEN ({new}) EXECUTE FUNCTION g.touch()"),
        format!(
            "CREATE TRIGGER r{number} AFTER UPDATE OF id, c1 ON {name} FOR EACH ROW WHEN (({old}) OR {new}) EXECUTE FUNCTION g.touch('a', '2')"
        ),
        format!(
            "CREATE TRIGGER r{number} AFTER DELETE ON {name} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION g.touch()"
        ),
        format!(
            "CREATE CONSTRAINT TRIGGER r{number} AFTER INSERT ON {name} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({new}) EXECUTE FUNCTION g.touch()"
        ),
    ];
    random.pick(&forms).clone()
}

fn rule(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let test = boolean(random, 2, &table.columns, "OLD.");
    let name = &table.name;
    let forms = [
        format!(
            "CREATE RULE w{number} AS ON DELETE TO {name} WHERE {test} DO ALSO INSERT INTO g.log VALUES (OLD.id::text, 'gone')"
        ),
        format!(
            "CREATE RULE w{number} AS ON UPDATE TO {name} WHERE {test} DO ALSO (UPDATE g.log SET what = 'x' WHERE at = OLD.id::text; DELETE FROM g.log WHERE at IS NULL)"
        ),
        format!("CREATE RULE w{number} AS ON INSERT TO {name} WHERE NEW.id < 0 DO INSTEAD NOTHING"),
    ];
    random.pick(&forms).clone()
}

fn domain(random: &mut Random, _: &Table, _: &[Table], number: usize) -> String {
    let forms = [
        format!(
            "CREATE DOMAIN g.d{number} AS integer CHECK (VALUE BETWEEN {} AND 900 AND VALUE <> 7)",
            random.below(5)
        ),
        format!(
            "CREATE DOMAIN g.d{number} AS character varying(9) DEFAULT 'a' CHECK (VALUE IN ('a', 'b') OR VALUE LIKE 'z%')"
        ),
        format!(
            "CREATE DOMAIN g.d{number} AS text NOT NULL CONSTRAINT \"is short\" CHECK (length(VALUE) < 5) CHECK (VALUE = ANY (ARRAY['x', 'y']))"
        ),
        format!(
            "CREATE DOMAIN g.d{number} AS integer[] CHECK (array_length(VALUE, 1) IS NULL OR (array_length(VALUE, 1) > 0 AND VALUE[1] > 0))"
        ),
    ];
    random.pick(&forms).clone()
}

fn statistics(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let (int, test) = (value(random, Kind::Int, 2, &table.columns, ""), boolean(random, 2, &table.columns, ""));
    let name = &table.name;
    match random.percent(50) {
        true => format!("CREATE STATISTICS g.s{number} ON ({int}), ({test}) FROM {name}"),
        false => format!("CREATE STATISTICS g.s{number} (ndistinct, mcv) ON id, c1 FROM {name}"),
    }
}

fn function(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let test = boolean(random, 2, &[], "");
    let forms = [
        format!(
            "CREATE FUNCTION g.f{number}(a integer DEFAULT 3, VARIADIC b text[] DEFAULT '{{}}') RETURNS boolean LANGUAGE sql IMMUTABLE RETURN ({test}) AND a BETWEEN 1 AND 3"
        ),
        format!(
            "CREATE FUNCTION g.f{number}(INOUT x integer, OUT y text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = g, pg_temp AS $$ SELECT x, 'y' $$"
        ),
        format!(
            "CREATE PROCEDURE g.f{number}(a integer) LANGUAGE plpgsql AS $$ BEGIN DELETE FROM {} WHERE id = a; END $$",
            table.name
        ),
        format!(
            "CREATE FUNCTION g.f{number}() RETURNS TABLE (id integer, t text) LANGUAGE sql PARALLEL SAFE COST 7 ROWS 9 AS 'SELECT 1, NULL::text'"
        ),
    ];
    random.pick(&forms).clone()
}

fn atomic(random: &mut Random, table: &Table, tables: &[Table], number: usize) -> String {
    let query = select(random, 1, tables);
    let test = boolean(random, 2, &table.columns, "");
    format!(
        "CREATE FUNCTION g.a{number}(p integer) RETURNS bigint LANGUAGE sql BEGIN ATOMIC \
         DELETE FROM {} WHERE id = p AND {test}; SELECT count(*) FROM ({query}) q WHERE q.id BETWEEN p AND 9; END",
        table.name
    )
}

fn default(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let kind = *random.pick(&[Kind::Text, Kind::Int, Kind::Texts, Kind::Date]);
    let sql = match kind {
        Kind::Text => "text",
        Kind::Int => "integer",
        Kind::Texts => "text[]",
        _ => "date",
    };
    format!("ALTER TABLE {} ADD COLUMN n{number} {sql} DEFAULT {}", table.name, value(random, kind, 2, &[], ""))
}

fn comment(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let what = ["COLUMN {}.id", "TABLE {}", "COLUMN {}.c1"][random.below(3)].replace("{}", &table.name);
    format!("COMMENT ON {what} IS 'it''s number {number}\n\\ and \"more\"'")
}

fn sequence(random: &mut Random, _: &Table, _: &[Table], number: usize) -> String {
    let by = random.below(5) + 1;
    format!(
        "CREATE SEQUENCE g.q{number} AS integer INCREMENT BY -{by} MINVALUE -500 MAXVALUE 10 START 10 CACHE 3 CYCLE"
    )
}

fn exclusion(random: &mut Random, table: &Table, _: &[Table], number: usize) -> String {
    let test = boolean(random, 2, &table.columns, "");
    format!(
        "ALTER TABLE {} ADD CONSTRAINT x{number} EXCLUDE USING gist (int4range(id, id + 1) WITH &&) WHERE ({test})",
        table.name
    )
}

fn grant(random: &mut Random, table: &Table, _: &[Table], _: usize) -> String {
    let name = &table.name;
    let forms = [
        format!("GRANT SELECT, UPDATE (c1) ON {name} TO pg_read_all_stats WITH GRANT OPTION"),
        format!("GRANT ALL ON {name} TO pg_monitor"),
        "GRANT USAGE ON SCHEMA g TO PUBLIC".to_owned(),
        format!("REVOKE ALL ON {name} FROM CURRENT_USER"),
        "ALTER DEFAULT PRIVILEGES IN SCHEMA g GRANT SELECT ON TABLES TO pg_monitor".to_owned(),
    ];
    random.pick(&forms).clone()
}

fn child(random: &mut Random, _: &Table, _: &[Table], number: usize) -> String {
    let test = boolean(random, 1, &[], "");
    format!("CREATE TABLE g.h{number} (more integer CHECK ({test} OR more BETWEEN 1 AND 2)) INHERITS (g.log)")
}

fn reloptions(random: &mut Random, table: &Table, _: &[Table], _: usize) -> String {
    let forms = [
        format!("ALTER TABLE {} ALTER COLUMN c1 SET STATISTICS 55", table.name),
        format!("ALTER TABLE {} REPLICA IDENTITY FULL", table.name),
        format!("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", table.name),
        "ALTER TABLE g.log SET (autovacuum_enabled = false, fillfactor = 80)".to_owned(),
    ];
    random.pick(&forms).clone()
}

fn aggregate(random: &mut Random, _: &Table, _: &[Table], number: usize) -> String {
    let start = random.below(9);
    format!(
        "CREATE AGGREGATE g.z{number}(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '{start}', PARALLEL = SAFE)"
    )
}

/// Filters and column lists came with 15.
fn publication(random: &mut Random, table: &Table, number: usize, major: u32) -> String {
    let name = &table.name;
    if major < 15 {
        return format!("CREATE PUBLICATION b{number} FOR TABLE {name} WITH (publish = 'insert, delete')");
    }
    let test = boolean(random, 2, &table.columns, "");
    let forms = [
        format!("CREATE PUBLICATION b{number} FOR TABLE {name} (id, c1) WITH (publish = 'insert')"),
        format!("CREATE PUBLICATION b{number} FOR TABLE {name} WHERE ({test}) WITH (publish = 'insert')"),
        format!("CREATE PUBLICATION b{number} FOR TABLES IN SCHEMA g"),
    ];
    random.pick(&forms).clone()
}
