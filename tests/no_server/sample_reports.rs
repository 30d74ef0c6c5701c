//! Ten nights of one database, as `nightly` writes them: sound ones, a damaged, an inconclusive, one gone, one edited.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test helper")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use pgwitness::base::time::Timestamp;
use pgwitness::compare::{Request, compare};
use pgwitness::model::digest::RowDigest;
use pgwitness::model::finding::{
    ChangedColumn, ChangedRow, Finding, FindingKind, RowDifference, RowText, Unchecked, Waiver,
};
use pgwitness::model::manifest::{Manifest, Observed, SequenceValue, Violations};
use pgwitness::model::name::Name;
use pgwitness::model::report::{Report, Run, Times, Tools};
use pgwitness::model::run::{
    CLOSING, Complaint, DumpFacts, DumpFile, Leg, RdsFacts, RestoreFacts, RunFacts, Step, StepResult,
};
use pgwitness::model::verdict::Outcome;
use pgwitness::storage::reports::{KeyFile, NewReport};
use pgwitness::storage::signature::SigningKey;

use crate::small_report::{at, leave_an_instance, seconds, write_closing};
use crate::support::samples::{ManifestBuilder as _, live, seen};

/// What a stranger may call a table, or write into it.
pub const HOSTILE: [&str; 6] = [
    "<script>document.title='owned';alert(1)</script>",
    "\"><img src=x onerror=\"document.title='owned'\">",
    "'-->]]></style></svg></title><script>alert(2)</script>",
    "a\u{202e}b\u{1b}[2J\u{0}\n\u{200b}",
    "javascript:alert(3)//&lt;b&gt;&#60;i&#62;",
    "{{7*7}}${7*7}<svg/onload=alert(4)>",
];

const TABLES: [(&str, u64); 12] = [
    ("members", 48_211),
    ("member_logins", 1_902_334),
    ("clubs", 412),
    ("events", 31_877),
    ("event_entries", 688_140),
    ("event_entry_players", 1_376_280),
    ("payments", 903_551),
    ("organisations", 437),
    ("masterpoints", 2_204_918),
    ("notifications", 511_023),
    ("sessions", 20_114),
    ("settings", 61),
];

/// A database on the given day.
pub fn database(day: u64) -> Manifest {
    let mut made = live().with_all_kinds();
    for (name, rows) in TABLES {
        let Observed::Seen(mut tally) = seen([format!("{name} {day}")], 4) else { unreachable!() };
        tally.digest.rows = rows + rows * day * (name.len() as u64 % 4) / 900;
        let name = format!("club.{name}");
        made = made.table(&name, Observed::Seen(tally)).object("table", &name, &format!("CREATE TABLE {name}"));
    }
    for (key, _) in TABLES.iter().take(5) {
        made.foreign_keys.insert(format!("club.{key} {key}_fkey"), Observed::Seen(Violations::default()));
    }
    made.assertions.insert("balances".into(), Observed::Seen(Violations::default()));
    let value = SequenceValue { last_value: 48_300, is_called: true };
    let mut made = made.sequence("club.members_id_seq", Observed::Seen(value));
    made.endpoint.server_version = Some("17.4".into());
    made.endpoint.peer = Some("verified".into());
    made.endpoint.taken_at = format!("2026-11-{:02}T02:31:10Z", 12 + day);
    made.endpoint.settings = [("TimeZone", "UTC"), ("row_security", "off")].map(|(k, v)| (k.into(), v.into())).into();
    made.endpoint.description =
        "host=pgwitness-7f3a.ap-southeast-2.rds.amazonaws.com dbname=club sslmode=verify-full".into();
    made
}

/// The copy of it, restored here.
pub fn copy_of(expected: &Manifest) -> Manifest {
    let mut made = expected.clone();
    made.endpoint.peer = Some("local".into());
    made.endpoint.server_version = Some("17.5".into());
    made.endpoint.description = "host=/run/postgresql dbname=pgwitness_copy_7f3a".into();
    made
}

pub fn outcome_of(expected: &Manifest, actual: &Manifest) -> Outcome {
    let waiver = |kind: &str, object: &str, reason: &str, by: &str| Waiver {
        kind: kind.into(),
        object: object.into(),
        reason: reason.into(),
        by: by.into(),
    };
    let waivers = vec![
        waiver("owner", "*", "--no-owner: the copy belongs to the user who restores", "option"),
        waiver("row_count", "club.sessions", "sessions come and go while the dump is made", "file waivers.toml"),
    ];
    compare(expected, actual, &Request { waivers, ..Default::default() })
}

/// Rows that were lost and changed on the way.
pub fn damage(actual: &mut Manifest) {
    for (table, lost) in [("payments", 3), ("members", 0)] {
        let relation = actual.relations.get_mut(&Name::new("club", table)).unwrap();
        let Observed::Seen(tally) = &mut relation.rows else { unreachable!() };
        tally.add(RowDigest::of(b"damaged"));
        tally.digest.rows -= 1 + lost;
    }
    actual.foreign_keys.insert(
        "club.event_entries event_entries_fkey".into(),
        Observed::Seen(Violations { rows: 2, sample: vec!["entry_id=99120".into(), "entry_id=99121".into()] }),
    );
}

/// As the second pass names them.
pub fn name_rows(outcome: &mut Outcome) {
    for finding in &mut outcome.findings {
        match (finding.kind, finding.object.as_str()) {
            (FindingKind::RowCount, "club.payments") => {
                let row = |id: u64, amount: &str| RowText {
                    key: format!("id={id}"),
                    values: vec![
                        format!("id={id}"),
                        format!("amount={amount}"),
                        "state=paid".into(),
                        "note=NULL".into(),
                    ],
                    copies: 1,
                };
                finding.rows = Some(RowDifference {
                    expected_only: 3,
                    is_exact: true,
                    missing: vec![row(88_120, "35.00"), row(88_121, "17.50"), row(90_003, "120.00")],
                    ..Default::default()
                });
            }
            (_, "club.members") => {
                let column = |column: &str, expected: &str, actual: &str| ChangedColumn {
                    column: column.into(),
                    expected: expected.into(),
                    actual: actual.into(),
                };
                let row = |id: u64, columns| ChangedRow { key: format!("id={id}"), columns };
                finding.rows = Some(RowDifference {
                    expected_only: 2,
                    actual_only: 2,
                    is_exact: true,
                    changed: vec![
                        row(1042, vec![column("balance", "10.00", "10.01")]),
                        row(
                            2077,
                            vec![
                                column("email", "a.nguyen@example.org", "NULL"),
                                column("updated_at", "2026-11-17 09:12:44+00", "NULL"),
                            ],
                        ),
                    ],
                    ..Default::default()
                });
            }
            _ => {}
        }
    }
    let function = |sum: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION club.total(integer)\n RETURNS numeric\n LANGUAGE sql\n STABLE\nAS $$\n  select {sum}\n  from club.payments\n  where member_id = $1\n$$"
        )
    };
    let changed = Finding::new(FindingKind::Changed, "function club.total(integer)");
    outcome.findings.push(changed.sides(function("sum(amount)"), function("sum(amount) + 1")));
    let mut index = Finding::new(FindingKind::Missing, "index club.payments_member_idx");
    index.expected = Some("CREATE INDEX payments_member_idx ON club.payments USING btree (member_id)".into());
    outcome.findings.push(index);
}

fn steps(start: Timestamp, is_restored: bool) -> Vec<Step> {
    let plan: [(&str, u64, &[&str]); 12] = [
        ("lock", 40, &[]),
        ("sweep", 1_900, &["no temporary instance was left over"]),
        ("snapshot", 2_300, &["rds:club-2026-11-12-02-05 of 2026-11-12T02:05:41Z"]),
        ("preflight", 5_100, &[]),
        (
            "temporary instance",
            1_122_000,
            &["creating after 0 s", "backing-up after 602 s", "modifying after 711 s", "available after 1,118 s"],
        ),
        ("password", 71_000, &[]),
        ("read source", 388_000, &[]),
        ("dump", 402_000, &[]),
        ("restore", 263_000, &[]),
        ("read copy", 121_000, &[]),
        ("compare", 2_200, &[]),
        ("off-site copy", 0, &[]),
    ];
    let mut at = seconds(start);
    let mut steps = Vec::new();
    for (name, duration_ms, notes) in plan {
        let began = if name == "dump" { at - 388 } else { at };
        let result = match name {
            "off-site copy" => StepResult::Skipped("none is configured".into()),
            "restore" if !is_restored => {
                StepResult::Failed("pg_restore: could not connect: the server is starting up".into())
            }
            _ => StepResult::Done,
        };
        let started_at = Timestamp::new(UNIX_EPOCH + Duration::from_secs(began));
        let notes = notes.iter().map(|note| (*note).into()).collect();
        steps.push(Step { name: name.into(), started_at, duration_ms, result, notes });
        at = began + duration_ms / 1000;
    }
    steps
}

pub fn night(start: Timestamp, day: u64, is_restored: bool) -> RunFacts {
    let bytes = 1_840_000_000 + day * 6_400_000;
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned();
    RunFacts {
        source_kind: "rds".into(),
        source: None,
        data_as_of: Some(start),
        steps: steps(start, is_restored),
        rds: Some(RdsFacts {
            account: "123456789012".into(),
            region: "ap-southeast-2".into(),
            source_instance: "club-production".into(),
            source_resource_id: "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ".into(),
            snapshot: format!("rds:club-production-2026-11-{:02}-02-05", 12 + day),
            snapshot_created_at: Some(start),
            engine_version: "17.4".into(),
            temporary_instance: Some("pgwitness-7f3a9c1e".into()),
            temporary_resource_id: Some("db-ZYXWVUTSRQPONMLKJIHGFEDCBA".into()),
            instance_class: Some("db.t4g.medium".into()),
        }),
        dump: Some(DumpFacts {
            backup: format!("{}-{}", start.stamp(), "7f3a9c1e"),
            format: "custom".into(),
            pg_dump: "17.5".into(),
            bytes,
            files: vec![DumpFile { path: "club.dump".into(), bytes, sha256 }],
        }),
        restore: Some(RestoreFacts {
            database: "pgwitness_copy_7f3a".into(),
            pg_restore: "17.5".into(),
            complaints: vec![Complaint {
                object: "EXTENSION rds_tools".into(),
                sqlstate: "0A000".into(),
                message: "extension \"rds_tools\" is not available".into(),
                accepted: Some("RDS adds it, and it holds no data".into()),
                limit: None,
            }],
        }),
        files: Vec::new(),
        legs: Vec::new(),
        dump_verdict: None,
    }
}

pub fn start_of(day: u64) -> Timestamp {
    at(&format!("2026-11-{:02}T02:05:{:02}Z", 12 + day, 10 + day))
}

/// Writes and signs the report of one night.
pub fn write_night(
    dir: &Path,
    key: Option<&KeyFile>,
    day: u64,
    change: impl FnOnce(&mut Outcome, &mut Manifest, &mut Manifest, &mut RunFacts),
) -> PathBuf {
    let start = start_of(day);
    let run_id = format!("{:08x}{}", 0x7f3a_9c1e_u32.wrapping_mul(u32::try_from(day).unwrap() + 3), "00".repeat(12));
    let (mut expected, mut night) = (database(day), night(start, day, true));
    let mut actual = copy_of(&expected);
    let mut outcome = outcome_of(&expected, &actual);
    change(&mut outcome, &mut expected, &mut actual, &mut night);
    let duration_ms = night.steps.iter().map(|step| step.duration_ms).sum::<u64>() - 388_000 + day * 9_000;
    let finished_at = Timestamp::new(UNIX_EPOCH + Duration::from_secs(seconds(start) + duration_ms / 1000));
    let folder = NewReport::prepare(dir, key, start, &run_id).unwrap();
    let run = Run {
        run_id,
        command: "nightly".into(),
        tools: Tools { pgwitness: env!("CARGO_PKG_VERSION").into(), pg_restore: Some("17.5".into()) },
        times: Times { started_at: start, finished_at, duration_ms },
        side_files: folder.write_manifests(&expected, &actual).unwrap(),
        previous_report_sha256: folder.previous().unwrap().sha256,
        night: Some(night),
        ..Default::default()
    };
    let path = folder.path().to_owned();
    folder.finish(&Report::new(outcome.clone(), &expected, &actual, run)).unwrap();
    write_closing(&path, key, |_| {});
    path
}

/// A thousand good nights that end in November 2026, a minute short of a day apart, without side files.
pub fn write_thousand(dir: &Path, key: &SigningKey) {
    let expected = database(0);
    let (actual, mut previous_report_sha256) = (copy_of(&expected), None);
    let outcome = outcome_of(&expected, &actual);
    for day in 0..1000 {
        let from = |after_s| Timestamp::new(UNIX_EPOCH + Duration::from_secs(1_708_000_000 + day * 86_340 + after_s));
        let run_id = format!("{day:08x}{}", "00".repeat(12));
        let run = Run {
            run_id: run_id.clone(),
            command: "nightly".into(),
            times: Times { started_at: from(0), finished_at: from(1900), duration_ms: 1_900_000 },
            night: Some(night(from(0), day, true)),
            previous_report_sha256,
            ..Default::default()
        };
        let bytes = Report::new(outcome.clone(), &expected, &actual, run).to_bytes().unwrap();
        let own = dir.join(format!("{}-{}", from(0).stamp(), &run_id[..8]));
        fs::create_dir(&own).unwrap();
        fs::write(own.join("report.json"), &bytes).unwrap();
        write_closing(&own, None, |closing| {
            if day % 50 == 0 {
                leave_an_instance(closing)
            }
        });
        for name in ["report.json", CLOSING] {
            let signature = pgwitness::storage::signature::sign(key, &fs::read(own.join(name)).unwrap()).unwrap();
            fs::write(own.join(format!("{name}.sig")), signature).unwrap();
        }
        previous_report_sha256 = Some(pgwitness::storage::reports::sha256(&bytes));
    }
}

/// The ten nights; the answer has their directories, oldest first, also that of the one that is gone.
pub fn ten_nights(dir: &Path, key: &KeyFile) -> Vec<PathBuf> {
    let key = Some(key);
    let mut paths = Vec::new();
    for day in 0..10 {
        paths.push(match day {
            3 => write_night(dir, key, day, |outcome, expected, actual, night| {
                damage(actual);
                *outcome = outcome_of(expected, actual);
                name_rows(outcome);
                let leg = |name: &str, verdict: &str, findings: &[&str]| Leg {
                    name: name.into(),
                    verdict_line: verdict.into(),
                    findings: findings.iter().map(|finding| (*finding).to_owned()).collect(),
                };
                night.legs = vec![
                    leg(
                        "source to dump",
                        "sound (rows, sequences, large objects; not compared: schema, foreign keys)",
                        &[],
                    ),
                    leg(
                        "dump to copy",
                        "damaged: 2 findings (rows, sequences, large objects; not compared: schema, foreign keys)",
                        &["row_count club.payments", "row_count club.members"],
                    ),
                ];
            }),
            5 => write_night(dir, key, day, |outcome, expected, actual, _| {
                let relation = actual.relations.get_mut(&Name::new("club", "notifications")).unwrap();
                relation.rows = Observed::Unseen("canceling statement due to lock timeout".into());
                *outcome = outcome_of(expected, actual);
            }),
            8 => write_night(dir, key, day, |outcome, expected, actual, night| {
                be_hostile(expected, actual, night);
                *outcome = outcome_of(expected, actual);
                hostile_findings(outcome);
            }),
            _ => write_night(dir, key, day, |_, _, _, _| {}),
        });
    }
    // After their reports: an instance that is still there, a changed closing.json, a run that was killed.
    write_closing(&paths[1], key, leave_an_instance);
    let touched = paths[2].join(CLOSING);
    let text = fs::read_to_string(&touched).unwrap();
    fs::write(&touched, text.replacen("\"exit_code\": 0", "\"exit_code\": 1", 1)).unwrap();
    for name in [CLOSING, "closing.json.sig"] {
        fs::remove_file(paths[4].join(name)).unwrap();
    }
    // What a stranger's server said.
    write_closing(&paths[8], key, |closing| {
        for name in HOSTILE {
            closing.troubles.push(name.into());
            closing.debts.push(name.into());
            closing.steps.push(Step { name: name.into(), notes: vec![name.into()], ..closing.steps[0].clone() });
        }
    });
    fs::remove_dir_all(&paths[6]).unwrap();
    let edited = paths[7].join("report.json");
    let text = fs::read_to_string(&edited).unwrap();
    fs::write(&edited, text.replacen("\"lock\"", "\"lick\"", 1)).unwrap();
    paths
}

/// Names and notes by strangers.
pub fn be_hostile(expected: &mut Manifest, actual: &mut Manifest, night: &mut RunFacts) {
    for name in HOSTILE {
        let relation = expected.relations[&Name::new("club", "clubs")].clone();
        expected.relations.insert(Name::new(name, name), relation.clone());
        actual.relations.insert(Name::new(name, name), relation);
        let found = Violations { rows: 1, sample: vec![name.into()] };
        expected.foreign_keys.insert(name.into(), Observed::Seen(found.clone()));
        actual.foreign_keys.insert(name.into(), Observed::Seen(found));
        actual.endpoint.settings.insert(name.into(), name.into());
        night.steps.push(Step { name: name.into(), notes: vec![name.into(); 4], ..night.steps[0].clone() });
        night.legs.push(Leg { name: name.into(), verdict_line: name.into(), findings: vec![name.into()] });
    }
    actual.endpoint.description = HOSTILE.join(" ");
}

pub fn hostile_findings(outcome: &mut Outcome) {
    for name in HOSTILE {
        for kind in FindingKind::ALL {
            let mut finding = Finding::new(kind, name).sides(name, format!("{name}\n{name}"));
            finding.detail = vec![name.into()];
            finding.rows = Some(RowDifference {
                changed: vec![ChangedRow {
                    key: name.into(),
                    columns: vec![ChangedColumn { column: name.into(), expected: name.into(), actual: "x".into() }],
                }],
                missing: vec![RowText { key: name.into(), values: vec![name.into()], copies: 2 }],
                unnamed: Some(name.into()),
                ..Default::default()
            });
            outcome.findings.push(finding);
        }
        outcome.unchecked.push(Unchecked::new(name, name, name));
        outcome.remarks.push(name.into());
    }
}
