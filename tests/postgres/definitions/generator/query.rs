//! Queries for views, materialized views, rules and policies. Every query has a first column `id` of type integer, and its rows
//! depend on nothing but the data.

use super::expression::{Kind, boolean, value};
use super::random::Random;
use super::table::Table;

/// A query over the tables.
pub fn select(random: &mut Random, depth: usize, tables: &[Table]) -> String {
    let table = random.pick(tables).clone();
    let other = random.pick(tables).clone();
    if depth > 0 && random.percent(50) {
        return nested(random, depth - 1, tables, &table);
    }
    match random.below(8) {
        0 | 1 => simple(random, &table, ""),
        2 => simple(random, &table, "x."),
        3 => join(random, &table, &other),
        4 => grouped(random, &table),
        5 => windowed(random, &table),
        6 => constants(random, &table),
        _ => distinct(random, &table, &other),
    }
}

fn simple(random: &mut Random, table: &Table, alias: &str) -> String {
    let columns = &table.columns;
    let text = value(random, Kind::Text, 2, columns, alias);
    let date = value(random, Kind::Date, 2, columns, alias);
    let test = boolean(random, 3, columns, alias);
    let list = [
        format!("{alias}id"),
        format!("{alias}id, {text} AS txt"),
        format!("{alias}id, {text} AS txt, {date} AS \"Some Date\", 'const' AS k"),
        format!("{alias}*"),
        format!("{alias}id, CASE WHEN {test} THEN 1 END AS cased, EXTRACT(month FROM {date}) AS month"),
        format!("{alias}id, ROW({text}, {date}) IS NULL AS r, ARRAY[{alias}id, 2] AS arr"),
    ];
    let from = if alias.is_empty() { table.name.clone() } else { format!("{} x", table.name) };
    format!("SELECT {} FROM {from} WHERE {test}", random.pick(&list))
}

fn join(random: &mut Random, table: &Table, other: &Table) -> String {
    let (left, right) = (boolean(random, 2, &table.columns, "a."), boolean(random, 2, &other.columns, "b."));
    let kind = *random.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN"]);
    let text = value(random, Kind::Text, 1, &other.columns, "b.");
    let (t, o) = (&table.name, &other.name);
    let forms = [
        format!("SELECT a.id, {text} AS txt FROM {t} a {kind} {o} b ON a.id = b.id AND {left} WHERE {right}"),
        format!("SELECT id, count(*) AS n FROM {t} a {kind} {o} b USING (id) WHERE {left} GROUP BY id"),
        format!("SELECT a.id, b.id AS other FROM {t} a, {o} b WHERE a.id = b.id AND ({left} OR {right})"),
        format!("SELECT a.id FROM ({t} a JOIN {o} b ON a.id = b.id) FULL JOIN {t} c ON c.id = b.id WHERE {left}"),
        format!(
            "SELECT a.id, l.m FROM {t} a CROSS JOIN LATERAL (SELECT max(b.id) AS m FROM {o} b WHERE b.id < a.id AND {right}) l"
        ),
        format!("SELECT a.id FROM {t} a NATURAL JOIN (SELECT id FROM {o} b WHERE {right}) n"),
        format!(
            "SELECT a.id, s.n, o.ordinality FROM {t} a, generate_series(1, 2) s(n), unnest(ARRAY['x', 'y']) WITH ORDINALITY o WHERE {left}"
        ),
    ];
    random.pick(&forms).clone()
}

fn grouped(random: &mut Random, table: &Table) -> String {
    let test = boolean(random, 2, &table.columns, "");
    let int = value(random, Kind::Int, 1, &table.columns, "");
    let grouping = *random.pick(&[
        "ROLLUP (1, 2)",
        "CUBE (1, 2)",
        "GROUPING SETS ((1), (2), ())",
        "1, 2",
        "GROUPING SETS ((1, 2), ROLLUP (1))",
    ]);
    let grouping = grouping.replace('1', "(id % 3)").replace('2', "(id > 5)");
    format!(
        "SELECT id % 3 AS id, id > 5 AS late, count(*) FILTER (WHERE {test}) AS n, sum({int} % 100) AS total, \
         max(id) AS m, bool_and({test}) AS every FROM {} GROUP BY {grouping} HAVING count(*) > 0",
        table.name
    )
}

fn windowed(random: &mut Random, table: &Table) -> String {
    let test = boolean(random, 2, &table.columns, "");
    let frame = *random.pick(&[
        "",
        " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
        " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW",
        " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES",
    ]);
    let name = &table.name;
    match random.percent(50) {
        true => format!(
            "SELECT id, row_number() OVER (PARTITION BY id % 3 ORDER BY id) AS r, sum(id) OVER (ORDER BY id{frame}) AS s, \
             lag(id, 1, 0) OVER (ORDER BY id DESC NULLS LAST) AS l FROM {name} WHERE {test}"
        ),
        false => format!(
            "SELECT id, rank() OVER w AS r, first_value(id) OVER (w{frame}) AS f FROM {name} WHERE {test} \
             WINDOW w AS (PARTITION BY id % 2 ORDER BY id)"
        ),
    }
}

fn constants(random: &mut Random, table: &Table) -> String {
    let test = boolean(random, 2, &table.columns, "");
    let name = &table.name;
    let forms = [
        "SELECT v.id, v.txt FROM (VALUES (1, 'a'), (2, 'b''c')) v (id, txt)".to_owned(),
        "VALUES (1, 'a'::text), (2, NULL)".to_owned(),
        "SELECT 1 AS id, 'x' AS txt, NULL AS n, NULL::integer AS i".to_owned(),
        format!("SELECT t.id, v.k FROM {name} t JOIN (VALUES (1, 'one'), (2, 'two')) v (n, k) ON v.n = t.id"),
        format!("SELECT id, 'here' AS place FROM {name} WHERE {test} UNION ALL SELECT 0, NULL"),
        format!("SELECT u.id FROM (SELECT id, NULL::integer FROM {name} UNION SELECT 3, 4) u"),
        format!("SELECT id FROM {name} WHERE id IN (SELECT 5) OR id = (SELECT 'x'::text = 'y')::integer"),
        format!("(SELECT id FROM {name} EXCEPT SELECT 4) INTERSECT (SELECT id FROM {name} WHERE {test})"),
        format!("WITH c AS (SELECT id, 'lit' AS l, 1::bigint FROM {name}) SELECT c.id, c.l FROM c"),
    ];
    random.pick(&forms).clone()
}

fn distinct(random: &mut Random, table: &Table, other: &Table) -> String {
    let (test, there) = (boolean(random, 2, &table.columns, "t."), boolean(random, 1, &other.columns, "o."));
    let (name, o) = (&table.name, &other.name);
    let forms = [
        format!("SELECT DISTINCT ON (t.id) t.id, t.id % 2 AS odd FROM {name} t WHERE {test} ORDER BY t.id DESC"),
        format!("SELECT t.id FROM {name} t WHERE EXISTS (SELECT 1 FROM {o} o WHERE o.id = t.id AND {there})"),
        format!("SELECT t.id, (SELECT max(o.id) FROM {o} o WHERE {there}) AS m FROM {name} t WHERE {test}"),
        format!("SELECT t.id FROM {name} t WHERE t.id > ALL (SELECT o.id % 3 FROM {o} o) AND NOT ({test})"),
        format!("SELECT t.id, ARRAY(SELECT o.id FROM {o} o WHERE o.id <= t.id ORDER BY o.id) AS ids FROM {name} t"),
        format!("SELECT t.id, t AS whole FROM ONLY {name} t WHERE t.id IN (SELECT o.id FROM {o} o WHERE {there})"),
        format!(
            "SELECT t.id FROM {name} t WHERE (t.id, 1) NOT IN (SELECT o.id, 2 FROM {o} o) ORDER BY t.id LIMIT 5 OFFSET 1"
        ),
        format!(
            "SELECT t.id, t.id::text COLLATE \"C\" AS x FROM {name} t WHERE {test} ORDER BY 1 FETCH FIRST 3 ROWS WITH TIES"
        ),
    ];
    random.pick(&forms).clone()
}

/// A query around another.
fn nested(random: &mut Random, depth: usize, tables: &[Table], table: &Table) -> String {
    let inner = select(random, depth, tables);
    let second = select(random, depth, tables);
    let test = boolean(random, 2, &table.columns, "t.");
    let name = &table.name;
    let forms = [
        format!("SELECT q.id FROM ({inner}) q WHERE q.id BETWEEN 1 AND 30 AND q.id <> 4"),
        format!("WITH q AS ({inner}) SELECT q.id FROM q JOIN {name} t ON t.id = q.id AND {test}"),
        format!("WITH q AS MATERIALIZED ({inner}), p AS ({second}) SELECT q.id FROM q UNION SELECT p.id FROM p"),
        format!("SELECT t.id FROM {name} t WHERE t.id IN (SELECT q.id FROM ({inner}) q) AND {test}"),
        format!("SELECT q.id, p.id AS pid FROM ({inner}) q LEFT JOIN ({second}) p ON p.id = q.id"),
        format!(
            "WITH RECURSIVE r (id, n) AS (SELECT t.id, 1 FROM {name} t WHERE {test} UNION ALL \
             SELECT r.id, r.n + 1 FROM r WHERE r.n < 3) SELECT r.id, max(r.n) AS n FROM r GROUP BY r.id"
        ),
        format!("SELECT count(*)::integer AS id FROM ({inner}) q CROSS JOIN (SELECT 'a', 1) c"),
    ];
    random.pick(&forms).clone()
}
