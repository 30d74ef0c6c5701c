//! Which verified dumps are kept and which are removed, by the time of their data.
//!
//! Pure: makes only the plan. The newest verified dump, and dumps that are not verified, are never in the list to remove.
//!
//! The rules are restic's, with days, ISO weeks, months and years in UTC: `keep_daily = 7` is the newest dump of each of the last
//! seven days *that have one*, so that days without a dump evict nothing. Differences:
//!
//! * Without a rule nothing is removed.
//! * Dumps of the same data (a run that was repeated by hand) count as one, the one that was made last: repeating a run evicts no
//!   other dump.
//! * A dump that is dated in the future is kept and uses up no rule: a wrong clock evicts nothing.
//! * The oldest dump is not kept in addition when a rule is not used up: what is kept depends only on newer dumps.

use std::cmp::Reverse;
use std::fmt;

use crate::base::time::Timestamp;
use crate::config::Retention;

const DAY_S: u64 = 86_400;

/// A dump, as far as retention needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupAge {
    /// Its unique name.
    pub id: String,
    /// Time of the RDS snapshot, or of the snapshot that was dumped.
    pub data_as_of: Timestamp,
    /// When it was dumped, according to its record; only decides between dumps of the same data.
    pub made_at: Timestamp,
    /// Restored, compared and proven.
    pub is_verified: bool,
}

/// The dumps to keep and to remove, newest first. Dumps that are not verified are in neither list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionPlan {
    /// Verified dumps that are kept.
    pub keep: Vec<KeptBackup>,
    /// Ids of verified dumps that no rule keeps.
    pub remove: Vec<String>,
}

/// A dump that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBackup {
    /// Of the dump.
    pub id: String,
    /// At least one.
    pub reasons: Vec<Reason>,
}

/// Why a dump is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// There is no newer verified one.
    Newest,
    /// There is no rule, so nothing is removed.
    NoRule,
    /// Its data is dated in the future: a clock is or was wrong.
    Future,
    /// `keep_last`
    Last,
    /// `keep_daily`
    Daily,
    /// `keep_weekly`
    Weekly,
    /// `keep_monthly`
    Monthly,
    /// `keep_yearly`
    Yearly,
    /// `keep_within`
    Within,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newest => "newest",
            Self::NoRule => "no rule",
            Self::Future => "dated in the future",
            Self::Last => "last",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Within => "within",
        })
    }
}

/// Divides the dumps into those to keep and those to remove. `now` only identifies dates in the future.
pub fn plan(held: &[BackupAge], rules: &Retention, now: Timestamp) -> RetentionPlan {
    let mut verified: Vec<&BackupAge> = held.iter().filter(|held| held.is_verified).collect();
    verified.sort_by_key(|held| Reverse((held.data_as_of, held.made_at, &held.id)));
    let (future, past): (Vec<&BackupAge>, Vec<&BackupAge>) = verified.iter().partition(|held| held.data_as_of > now);
    let mut plan = RetentionPlan::default();
    for held in &future {
        let newest = verified.first().filter(|newest| newest.id == held.id).map(|_| Reason::Newest);
        plan.keep
            .push(KeptBackup { id: held.id.clone(), reasons: newest.into_iter().chain([Reason::Future]).collect() });
    }
    let mut slots = Slots::new(rules);
    for held in &past {
        // Also keep the newest dump that is not dated in the future: the ones dated in the future may be wrong.
        let newest = past.first().filter(|newest| newest.id == held.id);
        let reasons: Vec<Reason> =
            newest.map(|_| Reason::Newest).into_iter().chain(slots.reasons(held.data_as_of)).collect();
        match reasons.is_empty() {
            true => plan.remove.push(held.id.clone()),
            false => plan.keep.push(KeptBackup { id: held.id.clone(), reasons }),
        }
    }
    plan
}

/// The rules and their remaining counts; applied from the newest dump to the oldest.
struct Slots {
    has_rule: bool,
    periods: Vec<Period>,
    within_s: u64,
    newest: Option<Timestamp>,
}

/// The newest of each of the next `left` periods that have one.
struct Period {
    reason: Reason,
    number: fn(Timestamp) -> u64,
    left: u32,
    last: Option<u64>,
}

impl Slots {
    fn new(rules: &Retention) -> Self {
        let period = |reason, left, number| Period { reason, number, left, last: None };
        let periods = vec![
            period(Reason::Last, rules.keep_last, Timestamp::seconds),
            period(Reason::Daily, rules.keep_daily, day),
            period(Reason::Weekly, rules.keep_weekly, week),
            period(Reason::Monthly, rules.keep_monthly, month),
            period(Reason::Yearly, rules.keep_yearly, year),
        ];
        let within_s = rules.keep_within.map_or(0, |within| within.duration().as_secs());
        let has_rule = within_s > 0 || periods.iter().any(|period| period.left > 0);
        Self { has_rule, periods, within_s, newest: None }
    }

    fn reasons(&mut self, time: Timestamp) -> Vec<Reason> {
        if !self.has_rule {
            return vec![Reason::NoRule];
        }
        let newest = *self.newest.get_or_insert(time);
        let mut reasons: Vec<Reason> = self.periods.iter_mut().filter_map(|period| period.reason(time)).collect();
        if self.within_s > 0 && newest.seconds() - time.seconds() <= self.within_s {
            reasons.push(Reason::Within);
        }
        reasons
    }
}

impl Period {
    fn reason(&mut self, time: Timestamp) -> Option<Reason> {
        let number = Some((self.number)(time));
        if self.left == 0 || self.last == number {
            return None;
        }
        self.left -= 1;
        self.last = number;
        Some(self.reason)
    }
}

fn day(time: Timestamp) -> u64 {
    time.seconds() / DAY_S
}

/// ISO weeks begin on Monday; 1970-01-01 was a Thursday.
fn week(time: Timestamp) -> u64 {
    (day(time) + 3) / 7
}

fn month(time: Timestamp) -> u64 {
    let (year, month, _) = time.date();
    year * 12 + month
}

fn year(time: Timestamp) -> u64 {
    let (year, ..) = time.date();
    year
}

#[cfg(test)]
mod tests;
