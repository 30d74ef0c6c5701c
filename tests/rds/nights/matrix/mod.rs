//! Every step of a night, failed and killed: what came of it, and what the next night did. The table is the answer.
//!
//! By default each step is failed, terminated and killed once; `MATRIX=all` in the environment runs every row that there is (some eight
//! minutes on two cores), `MATRIX=dump` only those whose step or fault contains that.

mod end;
mod rows;
mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rows::{Row, rows};
use scene::Scene;

/// The nights mostly wait.
const AT_A_TIME: usize = 10;

/// All steps of a night on RDS; each must be failed, terminated and killed.
pub(super) const STEPS: &[&str] = &[
    "identity",
    "recover",
    "open_access",
    "find_source",
    "find_snapshot",
    "preflight",
    "create_instance",
    "wait_instance",
    "reset_password",
    "login",
    "dump",
    "offsite",
    "copy_files",
    "restore",
    "verify",
    "report",
    "delete_instance",
    "close_access",
    "place_files",
    "place_backup",
    "keep_copy",
    "drop_copy",
    "remove_server",
    "prune",
    "after_verified",
    "prune_files",
    "offsite_report",
    "notify",
];

/// One line of the table.
struct Line {
    step: &'static str,
    fault: String,
    outcome: Result<[String; 3], String>,
}

#[test]
fn every_step_may_fail_or_be_killed_and_the_next_night_clears_up() {
    let rows = rows();
    has_every_step_with_every_end(&rows);
    let rows = match std::env::var("MATRIX").ok().as_deref() {
        None | Some("") => one_of_each(rows),
        Some("all") => rows,
        Some(wanted) => rows.into_iter().filter(|row| format!("{}/{}", row.step, row.fault).contains(wanted)).collect(),
    };
    let template = Scene::template();
    let (next, lines) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((number, row)) = take(&next, &rows) {
                    let began = Instant::now();
                    let line = play(number, row, &template);
                    let why = line.outcome.as_ref().err().cloned().unwrap_or_default();
                    eprintln!("{} ({} s)\n{why}", line_text(&line).trim_end(), began.elapsed().as_secs());
                    lines.lock().unwrap().push((number, line));
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap();
    lines.sort_by_key(|(number, _)| *number);
    let table = table(lines.iter().map(|(_, line)| line));
    eprintln!("{table}");
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix.txt"), &table).unwrap();
    let failed: Vec<String> = lines
        .iter()
        .filter_map(|(_, line)| Some(format!("{} / {}: {}", line.step, line.fault, line.outcome.as_ref().err()?)))
        .collect();
    assert!(failed.is_empty(), "{} rows failed:\n{}", failed.len(), failed.join("\n\n"));
}

fn take<'a>(next: &AtomicUsize, rows: &'a [Row]) -> Option<(usize, &'a Row)> {
    let number = next.fetch_add(1, Ordering::SeqCst);
    rows.get(number).map(|row| (number, row))
}

fn play(number: usize, row: &Row, template: &scene::Template) -> Line {
    let played = catch_unwind(AssertUnwindSafe(|| end::play(number, row, template)));
    let outcome = played.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    Line { step: row.step, fault: row.fault.clone(), outcome }
}

/// So that none is left out by mistake.
fn has_every_step_with_every_end(rows: &[Row]) {
    for step in STEPS {
        let of_step = rows.iter().filter(|row| row.step == *step);
        let kinds: BTreeSet<&str> = of_step.map(|row| row.kind()).collect();
        assert!(kinds.is_superset(&BTreeSet::from(["SIGKILL", "SIGTERM", "failure"])), "{step}: {kinds:?}");
    }
    let unknown: Vec<&str> = rows.iter().map(|row| row.step).filter(|step| !STEPS.contains(step)).collect();
    assert_eq!(unknown, Vec::<&str>::new());
}

/// The first row of each step and kind of end.
fn one_of_each(rows: Vec<Row>) -> Vec<Row> {
    let mut seen = BTreeSet::new();
    rows.into_iter().filter(|row| seen.insert((row.step, row.kind().to_owned()))).collect()
}

fn table<'a>(lines: impl Iterator<Item = &'a Line>) -> String {
    let mut text = String::from(
        "step            | fault                                    | exit | report and dump            | the next night\n",
    );
    lines.for_each(|line| text.push_str(&line_text(line)));
    text
}

fn line_text(line: &Line) -> String {
    let [exit, report, next] = match &line.outcome {
        Ok(cells) => cells.clone(),
        Err(why) => ["?".to_owned(), "TEST FAILED".to_owned(), why.lines().next().unwrap_or_default().to_owned()],
    };
    format!("{:<15} | {:<40} | {exit:<4} | {report:<26} | {next}\n", line.step, line.fault)
}
