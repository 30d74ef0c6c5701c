//! One source over a period.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ExpectedRuns, Measure, PeriodAnswer, ProvenRun, SummaryPeriod};
use crate::base::text::grouped_noun;
use crate::base::time::Timestamp;

/// What its proven runs say of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourcePeriod {
    /// As its newest report names it; `None`: the reports do not.
    pub source: Option<String>,
    /// See [`PeriodAnswer`].
    pub answer: PeriodAnswer,
    /// Why the answer is not `complete`, a line each.
    pub shortfalls: Vec<String>,
    /// `None`: how often runs are expected is not known.
    pub schedule: Option<ExpectedRuns>,
    /// How many runs.
    pub counts: PeriodCounts,
    /// Age of the data at verification, in seconds; `None`: not measured.
    pub data_age_s: Option<Measure>,
    /// Duration of the proven restores, in milliseconds; `None`: not measured.
    pub restore_ms: Option<Measure>,
    /// The longest time without a newly verified backup.
    pub longest_gap: BackupGap,
    /// The waivers of the period.
    pub waivers: Vec<WaiverUse>,
    /// The proven runs of the period, oldest first.
    pub runs: Vec<ProvenRun>,
}

/// Numbers of proven runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PeriodCounts {
    /// All of them.
    pub runs: u64,
    /// By their verdict.
    pub sound: u64,
    /// By their verdict.
    pub damaged: u64,
    /// By their verdict.
    pub inconclusive: u64,
    /// Backups that are proven and were kept here or off site.
    pub verified_backups: u64,
    /// Of these, the ones that were in `verified/`.
    pub on_site: u64,
    /// Of these, the ones that were in the off-site repository.
    pub off_site: u64,
    /// Runs without a sound verdict that a person has reviewed.
    pub reviewed: u64,
    /// Runs without a sound verdict that no person has reviewed.
    pub not_reviewed: u64,
}

/// The longest time between two verifications, or from and to the edges of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BackupGap {
    /// End of a verification, or the beginning of the period.
    pub from: Timestamp,
    /// End of the next verification, or the end of the period.
    pub to: Timestamp,
    /// Its length.
    pub seconds: u64,
}

/// A waiver over the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaiverUse {
    /// See [`crate::model::finding::Waiver`].
    pub kind: String,
    /// See [`crate::model::finding::Waiver`].
    pub object: String,
    /// See [`crate::model::finding::Waiver`].
    pub reason: String,
    /// See [`crate::model::finding::Waiver`].
    pub by: String,
    /// Runs in which it was in force.
    pub runs: u64,
    /// Runs in which it covered something.
    pub applied: u64,
    /// Differences that it covered in all runs.
    pub covered: u64,
    /// The newest run in which it was in force.
    pub last: String,
}

impl SourcePeriod {
    /// `all`: its proven runs before the end of the period, oldest first; at least one.
    pub fn new(all: Vec<ProvenRun>, period: SummaryPeriod, every_s: Option<u64>) -> Self {
        let source = all.last().and_then(|run| run.source.as_ref()).map(ToString::to_string);
        let starts: Vec<Timestamp> = all.iter().map(|run| run.started_at).collect();
        let schedule = every_s.map(|every_s| ExpectedRuns::new(&starts, period, every_s));
        let runs: Vec<ProvenRun> = all.into_iter().filter(|run| period.has(run.started_at)).collect();
        let counts = PeriodCounts::new(&runs);
        let (answer, shortfalls) = judge(&runs, counts, schedule.as_ref());
        let measured =
            |of: fn(&ProvenRun) -> Option<u64>| Measure::new(&runs.iter().filter_map(of).collect::<Vec<_>>());
        Self {
            source,
            answer,
            shortfalls,
            schedule,
            counts,
            data_age_s: measured(|run| run.data_age_s),
            restore_ms: measured(|run| run.restore_ms),
            longest_gap: BackupGap::longest(&runs, period),
            waivers: waivers(&runs),
            runs,
        }
    }
}

impl PeriodCounts {
    fn new(runs: &[ProvenRun]) -> Self {
        let count = |is: &dyn Fn(&ProvenRun) -> bool| runs.iter().filter(|run| is(run)).count() as u64;
        let (sound, damaged) = (count(&|run| run.verdict.is_sound()), count(&|run| run.verdict.is_damaged()));
        Self {
            runs: runs.len() as u64,
            sound,
            damaged,
            inconclusive: (runs.len() as u64).saturating_sub(sound + damaged),
            verified_backups: count(&ProvenRun::is_backup_verified),
            on_site: count(&|run| run.is_dump_proven && run.is_on_site == Some(true)),
            off_site: count(&|run| run.is_dump_proven && run.is_off_site == Some(true)),
            reviewed: count(&|run| run.needs_review() && run.is_reviewed()),
            not_reviewed: count(&|run| run.needs_review() && !run.is_reviewed()),
        }
    }
}

/// The answer, and why it is not better. The worst comes first.
fn judge(runs: &[ProvenRun], counts: PeriodCounts, schedule: Option<&ExpectedRuns>) -> (PeriodAnswer, Vec<String>) {
    let mut found: Vec<(PeriodAnswer, String)> = Vec::new();
    let mut some = |answer, count: u64, noun: &str, rest: &str| {
        if count > 0 {
            found.push((answer, format!("{}{rest}", grouped_noun(count, noun))));
        }
    };
    let unverified = runs.iter().filter(|run| !run.is_backup_verified()).count() as u64;
    let later = runs.iter().filter(|run| run.later_problems > 0).count() as u64;
    some(PeriodAnswer::Damaged, counts.damaged, "damaged run", "");
    some(
        PeriodAnswer::NotProven,
        schedule.map_or(0, ExpectedRuns::missing),
        "expected run",
        " without a proven report",
    );
    some(PeriodAnswer::NotProven, counts.inconclusive, "inconclusive run", "");
    some(PeriodAnswer::NotProven, unverified, "run", " without a verified backup");
    some(PeriodAnswer::CompleteWithWarnings, later, "run", " with a problem after the report was signed");
    if schedule.is_none() {
        found.push((PeriodAnswer::NotProven, "it is not known how many runs were expected".into()));
    }
    if runs.is_empty() {
        found.push((PeriodAnswer::NotProven, "no proven run in the period".into()));
    }
    let answer = found.iter().fold(PeriodAnswer::Complete, |worst, (answer, _)| worst.worse(*answer));
    (answer, found.into_iter().map(|(_, line)| line).collect())
}

impl BackupGap {
    fn longest(runs: &[ProvenRun], period: SummaryPeriod) -> Self {
        let verified = runs.iter().filter(|run| run.is_backup_verified()).filter_map(|run| run.verified_at);
        let mut times: Vec<Timestamp> = verified.map(|at| at.clamp(period.since, period.until)).collect();
        times.extend([period.since, period.until]);
        times.sort_unstable();
        let gaps = times.windows(2).filter_map(|pair| match pair {
            [from, to] => Some(Self { from: *from, to: *to, seconds: to.seconds_since(*from) }),
            _ => None,
        });
        let whole = Self { from: period.since, to: period.until, seconds: period.seconds() };
        gaps.max_by_key(|gap| (gap.seconds, std::cmp::Reverse(gap.from))).unwrap_or(whole)
    }
}

fn waivers(runs: &[ProvenRun]) -> Vec<WaiverUse> {
    let mut uses: BTreeMap<_, WaiverUse> = BTreeMap::new();
    for (run, applied) in runs.iter().flat_map(|run| run.waivers.iter().map(move |applied| (run, applied))) {
        let waiver = &applied.waiver;
        let entry = uses.entry(waiver).or_insert_with(|| WaiverUse {
            kind: waiver.kind.clone(),
            object: waiver.object.clone(),
            reason: waiver.reason.clone(),
            by: waiver.by.clone(),
            runs: 0,
            applied: 0,
            covered: 0,
            last: String::new(),
        });
        entry.runs += 1;
        entry.applied += u64::from(applied.covered > 0);
        entry.covered += applied.covered;
        entry.last.clone_from(&run.id);
    }
    uses.into_values().collect()
}
