//! The terminal view, word for word as in `fixtures/render/*.txt`.
//!
//! After a change that is meant: `REWRITE=1 cargo test --test no_server render`, then read the difference before committing it. To
//! look at one in colour: `cargo test --test no_server render -- --nocapture look`, with `WIDTH=140` for a wide terminal.

use std::path::PathBuf;

use pgwitness::model::aspect::Aspect;
use pgwitness::model::digest::{RowDigest, TableDigest};
use pgwitness::model::finding::{
    AppliedWaiver, ChangedColumn, ChangedRow, Finding, FindingKind, RowDifference, RowText, Unchecked, Waiver,
};
use pgwitness::model::manifest::EndpointFacts;
use pgwitness::model::verdict::{Coverage, Outcome, Scope, TableResult, TableStatus};
use pgwitness::output::terminal::{Heading, Style, outcome};

fn digest(rows: u64, seed: &str) -> Option<TableDigest> {
    let mut digest = TableDigest::default();
    digest.add(RowDigest::of(seed.as_bytes()));
    digest.rows = rows;
    Some(digest)
}

fn equal(rows: u64, seed: &str) -> TableResult {
    TableResult { expected: digest(rows, seed), actual: digest(rows, seed), status: TableStatus::Equal }
}

fn heading() -> Heading {
    let facts = |kind: &str, description: &str, peer: Option<&str>| EndpointFacts {
        kind: kind.into(),
        description: description.into(),
        server_version: Some("15.18".into()),
        peer: peer.map(Into::into),
        taken_at: "2026-11-22T03:10:05Z".into(),
        ..EndpointFacts::default()
    };
    let expected = facts("live", "postgresql://witness@db.example/shop", Some("verified"));
    Heading::new(&expected, &facts("live", "postgresql:///shop_copy", Some("local")))
}

fn sound() -> Outcome {
    let tables = [("shop.members", 1_000), ("shop.orders", 198_999), ("shop.settings", 12)];
    let all = vec![
        Aspect::Rows,
        Aspect::Sequences,
        Aspect::LargeObjects,
        Aspect::Schema,
        Aspect::ForeignKeys,
        Aspect::Assertions,
    ];
    Outcome {
        tables: tables.iter().map(|(name, rows)| ((*name).to_owned(), equal(*rows, name))).collect(),
        scope: Scope { compared: all, ..Scope::default() },
        coverage: Coverage {
            tables_expected: 3,
            tables_actual: 3,
            tables_compared: 3,
            rows_expected: 200_011,
            rows_actual: 200_011,
            objects_expected: 143,
            objects_actual: 143,
            foreign_keys: 7,
            sequences: 9,
            assertions: 2,
            ..Coverage::default()
        },
        ..Outcome::default()
    }
}

fn changed(column: &str, expected: &str, actual: &str) -> ChangedColumn {
    ChangedColumn { column: column.into(), expected: expected.into(), actual: actual.into() }
}

fn row(key: &str, values: &[&str], copies: u64) -> RowText {
    RowText { key: key.into(), values: values.iter().map(|value| (*value).to_owned()).collect(), copies }
}

fn row_findings() -> Vec<Finding> {
    let mut content = Finding::new(FindingKind::RowContent, "shop.orders");
    content.rows = Some(RowDifference {
        expected_only: 3,
        actual_only: 3,
        is_exact: true,
        changed: vec![
            ChangedRow { key: "id=42".into(), columns: vec![changed("total", "10.00", "10.01")] },
            ChangedRow {
                key: "id=43".into(),
                columns: vec![
                    changed("note", &format!("{}is paid", "as agreed ".repeat(9)), &"as agreed ".repeat(9)),
                    changed("paid_at", "2026-01-02 03:04:05+00", "NULL"),
                ],
            },
        ],
        missing: vec![row("id=7", &["id=7", "total=3.50", "note=NULL"], 1)],
        unexpected: vec![row("", &["id=9", "total=3.50", "note=twice"], 1)],
        ..RowDifference::default()
    });
    let mut count = Finding::new(FindingKind::RowCount, "shop.members").sides("1000", "999");
    count.rows =
        Some(RowDifference { expected_only: 12_000, actual_only: 11_998, is_truncated: true, ..Default::default() });
    let mut unnamed = Finding::new(FindingKind::RowContent, "shop.events");
    let reason = Some("the archive was read once and keeps no rows".into());
    unnamed.rows = Some(RowDifference { expected_only: 2, actual_only: 2, unnamed: reason, ..Default::default() });
    vec![content, count, unnamed]
}

fn schema_findings() -> Vec<Finding> {
    let function = |sum: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION shop.total(integer)\n RETURNS numeric\n LANGUAGE sql\n STABLE\nAS $function$\n  \
             select {sum}\n  from shop.orders\n  where member_id = $1\n$function$"
        )
    };
    let mut index = Finding::new(FindingKind::Missing, "index shop.orders_member_idx");
    index.expected = Some("CREATE INDEX orders_member_idx ON shop.orders USING btree (member_id)".into());
    let mut table = Finding::new(FindingKind::Unexpected, "table shop.scratch");
    table.detail = vec!["with 3 columns, 1 index".into()];
    let mut key = Finding::new(FindingKind::ForeignKey, "shop.orders orders_member_fkey").sides("0 rows", "2 rows");
    key.detail = vec!["actual: member_id=77".into(), "actual: member_id=78".into()];
    let changed =
        |object: &str, expected: &str, actual: &str| Finding::new(FindingKind::Changed, object).sides(expected, actual);
    vec![
        changed("function shop.total(integer)", &function("sum(total)"), &function("sum(total) + 1")),
        changed("column shop.orders.total", "numeric(10,2) not null", "numeric(10,3) not null"),
        changed(
            "constraint shop.orders orders_code_check",
            "CHECK (((code ~ '^\\d+$'::text) AND (length(code) >= 4) AND (length(code) <= 12)))",
            "CHECK (((code ~ '^\\d+$'::text) AND (length(code) >= 4))) NOT VALID",
        ),
        key,
        Finding::new(FindingKind::SequenceValue, "shop.orders_id_seq").sides("199001 (called)", "1 (not called)"),
        Finding::new(FindingKind::ColumnOrder, "shop.settings").sides("name, value", "value, name"),
        Finding::new(FindingKind::LargeObjects, "large objects").sides("4 objects", "3 objects"),
        Finding::new(FindingKind::Assertion, "balance_matches_payments").sides("0 rows", "1 row"),
        table,
        index,
    ]
}

fn waiver(kind: &str, object: &str, by: &str, reason: &str, covered: &[&str]) -> AppliedWaiver {
    let waiver = Waiver { kind: kind.into(), object: object.into(), reason: reason.into(), by: by.into() };
    AppliedWaiver { waiver, covered: covered.iter().map(|object| (*object).to_owned()).collect() }
}

fn damaged() -> Outcome {
    let mut outcome = sound();
    let mut table = |name: &str, expected, actual, status| {
        outcome.tables.insert(name.to_owned(), TableResult { expected, actual, status });
    };
    table("shop.orders", digest(198_999, "a"), digest(198_999, "b"), TableStatus::Different);
    table("shop.members", digest(1_000, "c"), digest(999, "d"), TableStatus::Different);
    table("shop.scratch", None, digest(5, "e"), TableStatus::Unexpected);
    table("shop.audit", digest(88, "f"), None, TableStatus::Unchecked);
    table("shop.sessions", None, None, TableStatus::Waived);
    outcome.findings = [row_findings(), schema_findings()].concat();
    outcome.unchecked = vec![Unchecked::new("rows of shop.audit", "actual", "permission denied for table audit")];
    outcome.waivers = vec![
        waiver("rows", "shop.sessions", "file waivers.toml", "sessions come and go", &["rows of shop.sessions"]),
        waiver("owner", "*", "option", "--no-owner", &[]),
    ];
    outcome.remarks =
        vec!["shop.cache is unlogged: a snapshot of RDS never holds its rows, so it came back empty".into()];
    outcome.coverage.waived_expected = 1;
    outcome.coverage.waived_actual = 1;
    (outcome.coverage.tables_expected, outcome.coverage.tables_actual) = (5, 6);
    outcome
}

fn hostile() -> Outcome {
    let mut outcome = sound();
    for name in ["shop.\"東京の注文\"", "shop.\"a\u{1b}[2J\nb\"", "shop.\"evil\u{202e}txt\"", "shop.\"ne\u{301}e\""]
    {
        outcome.tables.insert(name.into(), equal(1, name));
    }
    let mut finding = Finding::new(FindingKind::RowContent, "shop.\"a\u{1b}[2J\nb\"");
    let columns = vec![changed("x\r", "one\ntwo", "one\\ntwo"), changed("y", "\u{a0}", " \u{200b}")];
    finding.rows = Some(RowDifference {
        is_exact: true,
        changed: vec![ChangedRow { key: "id=\u{7}".into(), columns }],
        ..RowDifference::default()
    });
    outcome.findings.push(finding);
    let view = "select 1\n\u{1b}]0;owned\u{7}\nfrom t";
    outcome.findings.push(Finding::new(FindingKind::Changed, "view shop.v").sides(view, "select 1\nfrom t"));
    let reason = "no\nsound (everything)";
    outcome.unchecked.push(Unchecked::new("rows of x", "both", reason));
    outcome
}

fn many() -> Outcome {
    let mut outcome = sound();
    let tables = (0..2_000_u64).map(|i| (format!("big.t{i:04}"), equal(i * 7919 % 10_007, &i.to_string())));
    outcome.tables.extend(tables);
    let gone = TableResult { expected: digest(3, "x"), actual: None, status: TableStatus::Missing };
    outcome.tables.insert("big.t0007".into(), gone);
    outcome.findings.push(Finding::new(FindingKind::Missing, "table big.t0007"));
    outcome
}

fn dump() -> Outcome {
    let mut outcome = sound();
    outcome.scope.not_compared = outcome.scope.compared.split_off(3);
    outcome
}

const NARROW: Style = Style { color: false, width: 80, all_tables: false };

fn is_golden(file: &str, shown: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/render").join(file);
    if std::env::var_os("REWRITE").is_some() {
        assert!(std::fs::write(&path, shown).is_ok(), "write {}", path.display());
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, wanted, "not as in {}; REWRITE=1 rewrites it", path.display());
}

#[test]
fn a_sound_comparison_is_calm() {
    is_golden("sound.txt", &outcome(&heading(), &sound(), NARROW));
}

#[test]
fn the_verdict_line_of_a_dump_names_what_was_not_compared() {
    is_golden("dump.txt", &outcome(&heading(), &dump(), NARROW));
}

#[test]
fn a_damaged_comparison_shows_every_kind_of_finding() {
    is_golden("damaged.txt", &outcome(&heading(), &damaged(), NARROW));
    is_golden("damaged_140.txt", &outcome(&heading(), &damaged(), Style { width: 140, ..NARROW }));
    is_golden("damaged_file.txt", &outcome(&heading(), &damaged(), Style { width: Style::UNLIMITED, ..NARROW }));
}

#[test]
fn color_changes_no_word() {
    let colored = outcome(&heading(), &damaged(), Style { color: true, ..NARROW });
    let plain = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&colored, "").into_owned();
    assert_eq!(plain, outcome(&heading(), &damaged(), NARROW));
    assert_ne!(plain, colored);
}

#[test]
fn hostile_names_and_values_are_visible_and_harmless() {
    let shown = outcome(&heading(), &hostile(), NARROW);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
    is_golden("hostile.txt", &shown);
}

#[test]
fn of_many_equal_tables_the_largest_are_shown_and_the_rest_counted() {
    is_golden("many.txt", &outcome(&heading(), &many(), NARROW));
    let all = outcome(&heading(), &many(), Style { all_tables: true, ..NARROW });
    assert_eq!(all.lines().filter(|line| line.starts_with("big.t")).count(), 2_000);
}

#[test]
fn no_table_and_no_check_is_shown_as_inconclusive() {
    is_golden("nothing.txt", &outcome(&heading(), &Outcome::default(), NARROW));
}

/// For eyes: prints every view in colour.
#[test]
fn look() {
    let width = std::env::var("WIDTH").ok().and_then(|width| width.parse().ok()).unwrap_or(80);
    for view in [sound(), dump(), damaged(), hostile(), many()] {
        println!("{}", outcome(&heading(), &view, Style { color: true, width, all_tables: false }));
        println!("{}", "═".repeat(width));
    }
}
