use super::*;
use crate::model::verdict::Outcome;

fn at(day: u64) -> Timestamp {
    Timestamp::default().plus_seconds(day * 86_400)
}

/// A run whose backup is verified here.
fn run(day: u64, database: &str) -> ProvenRun {
    let source =
        Origin::Postgres { database: database.into(), servers: vec!["db:5432".into()], system_identifier: None };
    ProvenRun {
        id: format!("run {day}"),
        source: Some(source),
        report_sha256: String::new(),
        started_at: at(day),
        finished_at: at(day),
        verdict: Outcome::default().verdict(),
        is_dump_proven: true,
        backup: None,
        is_on_site: Some(true),
        is_off_site: Some(false),
        read_back: None,
        data_as_of: None,
        verified_at: Some(at(day)),
        data_age_s: None,
        restore_ms: None,
        findings: Vec::new(),
        unchecked: 0,
        later_problems: 0,
        signer: String::new(),
        reviews: Vec::new(),
        waivers: Vec::new(),
    }
}

fn summary(runs: Vec<ProvenRun>) -> PeriodSummary {
    let directory = DirectoryEvidence { runs, ..Default::default() };
    PeriodSummary::new(SummaryPeriod { since: at(10), until: at(20) }, None, vec![directory], at(20))
}

#[test]
fn a_backup_without_a_proven_place_closes_no_gap() {
    let lost = ProvenRun { is_on_site: None, is_off_site: None, ..run(15, "a") };
    let moved = ProvenRun { is_on_site: Some(false), ..run(16, "a") };
    let unproven = ProvenRun { is_dump_proven: false, ..run(17, "a") };
    let made = summary(vec![run(12, "a"), lost, moved, unproven]);
    let gap = made.directories[0].sources[0].longest_gap;
    assert_eq!((gap.from, gap.to, gap.seconds), (at(12), at(20), 8 * 86_400));
}

#[test]
fn nothing_at_all_is_not_complete() {
    let period = SummaryPeriod { since: at(10), until: at(20) };
    assert_eq!(PeriodSummary::new(period, Some(86_400), Vec::new(), at(20)).answer, PeriodAnswer::NotProven);
    assert_eq!(summary(Vec::new()).answer, PeriodAnswer::NotProven);
}

#[test]
fn each_database_is_a_source_and_reports_that_name_none_are_one() {
    let nameless = |day| ProvenRun { source: None, ..run(day, "") };
    let made = summary(vec![run(11, "a"), run(12, "b"), nameless(13), run(14, "a"), nameless(15)]);
    let runs: Vec<usize> = made.directories[0].sources.iter().map(|source| source.runs.len()).collect();
    assert_eq!(runs, [2, 1, 2]);
}
