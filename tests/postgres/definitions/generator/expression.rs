//! Expressions in the many forms that PostgreSQL prints in more than one way.

use super::random::Random;
use super::table::Column;

/// What a column is in expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Number,
    Float,
    Text,
    Varchar,
    Bool,
    Date,
    Stamp,
    Ints,
    Texts,
    Json,
    Range,
    Mood,
    Other,
}

impl Kind {
    /// Every table has one of each.
    pub const NEEDED: [Self; 10] = [
        Self::Int,
        Self::Number,
        Self::Text,
        Self::Varchar,
        Self::Bool,
        Self::Date,
        Self::Ints,
        Self::Texts,
        Self::Json,
        Self::Mood,
    ];
}

/// A column of this kind, or a constant where there is none. `alias` is `a.` or nothing.
fn column(random: &mut Random, kind: Kind, columns: &[Column], alias: &str) -> String {
    let fit: Vec<&Column> = columns.iter().filter(|column| column.kind == kind).collect();
    if fit.is_empty() { constant(random, kind) } else { format!("{alias}{}", random.pick(&fit).name) }
}

fn constant(random: &mut Random, kind: Kind) -> String {
    let number = random.below(50);
    match kind {
        Kind::Int => [format!("{number}"), format!("-{number}"), format!("'{number}'::integer")][number % 3].clone(),
        Kind::Number | Kind::Float => format!("{number}.25"),
        Kind::Text | Kind::Other => format!("'t''{number}'::text"),
        Kind::Varchar => format!("'v{number}'::character varying"),
        Kind::Bool => ["true", "false", "NULL::boolean"][number % 3].into(),
        Kind::Date => format!("DATE '2024-02-{:02}'", number % 28 + 1),
        Kind::Stamp => "TIMESTAMP '2024-02-01 10:00:00.5'".into(),
        Kind::Ints => [format!("ARRAY[{number}, 2]"), format!("'{{{number},3}}'::integer[]")][number % 2].clone(),
        Kind::Texts => ["ARRAY['a', 'b c']".into(), format!("'{{a,\"b {number}\"}}'::text[]")][number % 2].clone(),
        Kind::Json => format!("'{{\"k\": {number}}}'::jsonb"),
        Kind::Range => format!("'[1,{})'::int4range", number + 2),
        Kind::Mood => "'sad'::g.mood".into(),
    }
}

/// An immutable expression of this kind.
pub fn value(random: &mut Random, kind: Kind, depth: usize, columns: &[Column], alias: &str) -> String {
    if depth == 0 || random.percent(25) {
        return match random.percent(70) {
            true => column(random, kind, columns, alias),
            false => constant(random, kind),
        };
    }
    let mut sub = |kind| value(random, kind, depth - 1, columns, alias);
    let (a, b, text, ints) = (sub(kind), sub(kind), sub(Kind::Text), sub(Kind::Ints));
    let (int, json, number) = (sub(Kind::Int), sub(Kind::Json), sub(Kind::Number));
    let date = sub(Kind::Date);
    let test = boolean(random, depth - 1, columns, alias);
    let general = [
        format!("CASE WHEN {test} THEN {a} ELSE {b} END"),
        format!("COALESCE({a}, {b})"),
        format!("NULLIF({a}, {b})"),
        format!("CASE {int} % 3 WHEN 0 THEN {a} WHEN 1 THEN {b} END"),
    ];
    let own: Vec<String> = match kind {
        Kind::Int => vec![
            format!("({a} % 100 + {b} % 7)"),
            format!("-({a} % 50)"),
            format!("length({text})"),
            format!("({ints})[1] % 9"),
            format!("EXTRACT(year FROM {date})::integer"),
            format!("GREATEST({a} % 5, {b} % 6, 1)"),
            format!("cardinality({ints})"),
            format!("position('a' IN {text})"),
        ],
        Kind::Number => vec![
            format!("round({a}, 1)"),
            format!("({a} + {b}) / 2"),
            format!("({int} % 10)::numeric(20,2)"),
            format!("CAST({int} % 100 AS numeric) * 0.5"),
        ],
        Kind::Text => vec![
            format!("lower({a}) || {b}"),
            format!("substring({a} FROM 1 FOR 3)"),
            format!("trim(BOTH ' ' FROM {a})"),
            format!("({int} % 10)::text"),
            format!("({json} ->> 'k')"),
            format!("overlay({a} PLACING 'x' FROM 2 FOR 1)"),
            format!("({a} COLLATE \"C\")"),
            format!("({number})::text"),
        ],
        Kind::Varchar => vec![format!("{text}::character varying(9)"), format!("upper({a})::varchar")],
        Kind::Bool => vec![format!("({test})")],
        Kind::Date => vec![format!("({a} + 1)"), format!("({a} + INTERVAL '1 mon')::date")],
        Kind::Ints => vec![
            format!("({a} || {int} % 10)"),
            format!("ARRAY[{int} % 10, 5]::integer[]"),
            format!("(ARRAY[1, {int} % 4])[1:2]"),
        ],
        Kind::Texts => vec![
            format!("ARRAY[{text}, 'z']"),
            format!("(ARRAY[{}, 'q'::varchar])::text[]", column(random, Kind::Varchar, columns, alias)),
            format!("string_to_array({text}, ',')"),
        ],
        Kind::Json => vec![format!("({a} || {b})"), format!("({a} -> 'l')"), format!("jsonb_build_array({int} % 5)")],
        _ => vec![],
    };
    match random.percent(70) && !own.is_empty() {
        true => random.pick(&own).clone(),
        false => random.pick(&general).clone(),
    }
}

/// An immutable condition.
pub fn boolean(random: &mut Random, depth: usize, columns: &[Column], alias: &str) -> String {
    if depth == 0 || random.percent(30) {
        return comparison(random, depth.saturating_sub(1), columns, alias);
    }
    let arms: Vec<String> = (0..2 + random.below(3)).map(|_| boolean(random, depth - 1, columns, alias)).collect();
    match random.below(7) {
        0 | 1 => format!("({})", arms.join(" AND ")),
        2 | 3 => format!("({})", arms.join(" OR ")),
        4 => format!("({} AND ({}))", arms[0], arms[1..].join(" OR ")),
        5 => format!("NOT ({})", arms.join(" AND ")),
        _ => format!("(({}) IS {})", arms[0], random.pick(&["TRUE", "NOT TRUE", "FALSE", "UNKNOWN", "NOT NULL"])),
    }
}

fn comparison(random: &mut Random, depth: usize, columns: &[Column], alias: &str) -> String {
    let mut sub = |kind| value(random, kind, depth, columns, alias);
    let (a, b, c) = (sub(Kind::Int), sub(Kind::Int), sub(Kind::Int));
    let (text, other, date, later) = (sub(Kind::Text), sub(Kind::Text), sub(Kind::Date), sub(Kind::Date));
    let (number, ints, texts, json) = (sub(Kind::Number), sub(Kind::Ints), sub(Kind::Texts), sub(Kind::Json));
    let (flag, word) = (sub(Kind::Bool), column(random, Kind::Varchar, columns, alias));
    let mood = column(random, Kind::Mood, columns, alias);
    let forms = [
        format!("{a} >= {b}"),
        format!("{a} BETWEEN {b} AND {c}"),
        format!("{a} NOT BETWEEN 1 AND {c}"),
        format!("{a} BETWEEN SYMMETRIC {b} AND 5"),
        format!("{a} IN (1, 2, 3)"),
        format!("{a} IN (1, {b}, 3)"),
        format!("{a} NOT IN (4, 5)"),
        format!("{word} IN ('a', 'b')"),
        format!("{word} NOT IN ('a', 'b', 'c')"),
        format!("{word} = ANY (ARRAY['a', 'b'])"),
        format!("{word} = ANY (ARRAY[{word}, 'b'::varchar])"),
        format!("{word} = ANY ('{{a,b}}'::text[])"),
        format!("{text} = ANY ({texts})"),
        format!("{a} <> ALL (ARRAY[7, {b}])"),
        format!("{mood} IN ('sad', 'very happy')"),
        format!("{mood} > 'sad'"),
        format!("({a}, {b}) IN ((1, 2), (3, 4))"),
        format!("({a}, {text}) < ({b}, {other})"),
        format!("{text} LIKE 'a%'"),
        format!("{text} NOT ILIKE '%b_'"),
        format!("{text} ~ '^[a-z]+$'"),
        format!("{text} SIMILAR TO 'a|b'"),
        format!("{text} IS NOT NULL"),
        format!("{text} IS DISTINCT FROM {other}"),
        format!("{date} BETWEEN DATE '2020-01-01' AND {later}"),
        format!("({date}, {later}) OVERLAPS (DATE '2020-01-01', DATE '2021-01-01')"),
        format!("{number} > 0::numeric"),
        format!("{number} BETWEEN 0 AND {a}"),
        format!("{ints} @> ARRAY[{b}]"),
        format!("{ints} && '{{1,2}}'"),
        format!("{json} ? 'k'"),
        format!("{json} @> '{{\"k\": 1}}'"),
        flag.clone(),
        format!("{flag} IS NOT FALSE"),
        format!("CASE WHEN {flag} THEN {a} > 0 ELSE {b} < 0 END"),
        format!("char_length({word}) <= 10"),
    ];
    random.pick(&forms).clone()
}
