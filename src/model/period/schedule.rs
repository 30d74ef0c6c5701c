//! Which runs were expected: a run is due one interval after the one before it.
//!
//! Pure. Runs do not start to the second, so that a run may be late or early by up to half an interval; at the end of the period a
//! run counts as missing only a quarter of an interval after it was due.

use serde::Serialize;

use super::SummaryPeriod;
use crate::base::time::Timestamp;

/// Expected and present runs of a source in a period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExpectedRuns {
    /// How many were expected.
    pub expected: u64,
    /// How many of these there are. A second run within half an interval is none of them.
    pub present: u64,
    /// When about the others were due.
    pub missing_at: Vec<Timestamp>,
}

impl ExpectedRuns {
    /// By the starts of all proven runs before the end of the period, oldest first, and the interval.
    pub fn new(starts: &[Timestamp], period: SummaryPeriod, every_s: u64) -> Self {
        let every_s = every_s.max(1);
        let kept = without_extra(starts, every_s);
        let present = kept.iter().filter(|at| period.has(**at)).count() as u64;
        let mut missing_at: Vec<Timestamp> = match (kept.first(), kept.last()) {
            (Some(first), Some(last)) => {
                let inside = kept.windows(2).flat_map(|pair| between(pair, every_s));
                before(*first, period, every_s).into_iter().chain(inside).chain(after(*last, period, every_s)).collect()
            }
            _ => (0..period.seconds() / every_s).map(|i| period.since.plus_seconds(i * every_s)).collect(),
        };
        missing_at.retain(|at| period.has(*at));
        // Runs that are each a little late are too few in the end.
        let by_length = (period.seconds() / every_s).saturating_sub(1);
        Self { expected: (present + missing_at.len() as u64).max(by_length), present, missing_at }
    }

    /// How many are missing.
    pub fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.present)
    }
}

fn without_extra(starts: &[Timestamp], every_s: u64) -> Vec<Timestamp> {
    let mut kept: Vec<Timestamp> = Vec::new();
    for start in starts {
        if kept.last().is_none_or(|last| start.seconds_since(*last) >= every_s / 2) {
            kept.push(*start);
        }
    }
    kept
}

/// Due between two runs.
fn between(pair: &[Timestamp], every_s: u64) -> Vec<Timestamp> {
    let [from, to] = pair else { return Vec::new() };
    let gap_s = to.seconds_since(*from);
    let intervals = (gap_s + every_s / 2) / every_s;
    (1..intervals).map(|i| from.plus_seconds(gap_s / intervals * i)).collect()
}

/// Due before the first run of all.
fn before(first: Timestamp, period: SummaryPeriod, every_s: u64) -> Vec<Timestamp> {
    let due = first.seconds_since(period.since) / every_s;
    (1..=due).rev().map(|i| first.minus_seconds(i * every_s)).collect()
}

/// Due after the last run.
fn after(last: Timestamp, period: SummaryPeriod, every_s: u64) -> Vec<Timestamp> {
    let due = period.until.seconds_since(last).saturating_sub(every_s / 4) / every_s;
    (1..=due).map(|i| last.plus_seconds(i * every_s)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::DAY_S;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(&format!("2026-06-{text}Z")).unwrap()
    }

    fn expected(starts: &[&str], since: &str, until: &str) -> (u64, u64, Vec<String>) {
        let starts: Vec<Timestamp> = starts.iter().map(|text| at(text)).collect();
        let period = SummaryPeriod { since: at(since), until: at(until) };
        let runs = ExpectedRuns::new(&starts, period, DAY_S);
        let missing = runs.missing_at.iter().map(|at| at.to_string().get(8..16).unwrap().to_owned());
        (runs.expected, runs.present, missing.collect())
    }

    #[test]
    fn runs_that_start_a_little_early_or_late_are_all_present() {
        let starts = ["01T02:04:00", "02T02:09:00", "03T02:01:00", "04T02:10:00"];
        for (since, until) in [("01T02:00:00", "05T02:00:00"), ("01T00:00:00", "05T02:05:00")] {
            assert_eq!(expected(&starts, since, until), (4, 4, vec![]), "{since}");
        }
        // The run of the first day began before the period.
        assert_eq!(expected(&starts, "01T02:05:00", "05T02:05:00"), (3, 3, vec![]));
    }

    #[test]
    fn a_missing_run_is_seen_inside_and_at_both_edges() {
        assert_eq!(
            expected(&["01T02:00:00", "03T02:02:00"], "01T00:00:00", "04T00:00:00"),
            (3, 2, vec!["02T02:01".into()])
        );
        let (first, last) = (vec!["01T02:00".to_owned()], vec!["03T02:00".to_owned(), "04T02:00".to_owned()]);
        assert_eq!(expected(&["02T02:00:00"], "01T00:00:00", "03T00:00:00"), (2, 1, first));
        assert_eq!(expected(&["02T02:00:00"], "02T00:00:00", "05T00:00:00"), (3, 1, last.clone()));
        // A run before the period says when the next ones were due.
        assert_eq!(expected(&["02T02:00:00"], "03T00:00:00", "05T00:00:00"), (2, 0, last));
    }

    #[test]
    fn a_second_run_of_a_day_does_not_stand_for_a_missing_one() {
        let starts = ["01T02:00:00", "01T09:00:00", "03T02:00:00"];
        assert_eq!(expected(&starts, "01T00:00:00", "04T00:00:00"), (3, 2, vec!["02T02:00".into()]));
    }

    #[test]
    fn without_any_run_all_are_missing_and_rare_runs_are_too_few() {
        assert_eq!(expected(&[], "01T00:00:00", "04T00:00:00").0, 3);
        // 35 hours apart: each is late by less than half a day.
        let starts =
            ["01T00:00:00", "02T11:00:00", "03T22:00:00", "05T09:00:00", "06T20:00:00", "08T07:00:00", "09T18:00:00"];
        let (expected, present, _) = expected(&starts, "01T00:00:00", "11T00:00:00");
        assert!(expected > present, "{expected} {present}");
    }
}
