//! Laws of retention, and a second, naive way to the same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::config::Span;

/// Around the end of 2026: the years, the ISO years, the months and the weeks all end on different days.
const BASE_S: u64 = 1_798_700_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::new(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn held(id: &str, data_as_of: Timestamp) -> BackupAge {
    BackupAge { id: id.to_owned(), data_as_of, made_at: data_as_of, is_verified: true }
}

/// One dump a day at 02:30, the newest first.
fn nights(last: &str, count: u64) -> Vec<BackupAge> {
    let last = time(&format!("{last}T02:30:00Z")).seconds();
    (0..count).map(|night| at(last - night * DAY_S)).map(|time| held(&time.to_string()[..10], time)).collect()
}

fn kept(plan: &RetentionPlan) -> Vec<&str> {
    plan.keep.iter().map(|kept| kept.id.as_str()).collect()
}

fn ids(plan: &RetentionPlan) -> (BTreeSet<String>, BTreeSet<String>) {
    (plan.keep.iter().map(|kept| kept.id.clone()).collect(), plan.remove.iter().cloned().collect())
}

fn fleet() -> impl Strategy<Value = Vec<BackupAge>> {
    // Steps of some hours, so that days, weeks and months are shared; a few of the same second, a few far away.
    let step = prop_oneof![9 => (0_u64..300).prop_map(|step| step * 7 * 3600), 1 => Just(0), 1 => 0..5 * 366 * DAY_S];
    let one = (step, 0_u64..4, prop::bool::weighted(0.85));
    prop::collection::vec(one, 0..40).prop_map(|dumps| {
        let dump = |(number, (before, made, is_verified)): (usize, (u64, u64, bool))| BackupAge {
            id: format!("dump{number:02}"),
            data_as_of: at(BASE_S - before),
            made_at: at(BASE_S + made),
            is_verified,
        };
        dumps.into_iter().enumerate().map(dump).collect()
    })
}

fn rules() -> impl Strategy<Value = Retention> {
    let number = || prop_oneof![3 => Just(0_u32), 5 => 1_u32..8, 1 => Just(u32::MAX)];
    let within = prop::option::of(prop_oneof![Just(0), 1..90 * DAY_S, Just(u64::MAX)]);
    (number(), number(), number(), number(), number(), within).prop_map(
        |(keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, within)| Retention {
            keep_last,
            keep_daily,
            keep_weekly,
            keep_monthly,
            keep_yearly,
            keep_within: within.map(Span::seconds),
        },
    )
}

/// Mostly after all dumps, sometimes among them.
fn now() -> impl Strategy<Value = Timestamp> {
    prop_oneof![4 => Just(at(BASE_S + DAY_S)), 1 => (0_u64..90).prop_map(|days| at(BASE_S - days * DAY_S))]
}

fn has_rule(rules: &Retention) -> bool {
    let Retention { keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, keep_within } = rules;
    [keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly].iter().any(|number| **number > 0)
        || keep_within.is_some_and(|within| within > Span::seconds(0))
}

/// The Monday of a day's week, by going back day by day from known text: nothing is shared with the code under test.
fn monday(time: Timestamp) -> String {
    let mut seconds = time.seconds();
    // 2024-01-01 was a Monday.
    while (i128::from(seconds / DAY_S) - 19_723).rem_euclid(7) != 0 {
        seconds -= DAY_S;
    }
    at(seconds).to_string()[..10].to_owned()
}

/// For each rule: group by a text, take the best of each group, sort the groups, take the last so many.
fn naive(fleet: &[BackupAge], rules: &Retention, now: Timestamp) -> BTreeSet<String> {
    let verified: Vec<&BackupAge> = fleet.iter().filter(|held| held.is_verified).collect();
    let past: Vec<&BackupAge> = verified.iter().copied().filter(|held| held.data_as_of <= now).collect();
    if !has_rule(rules) {
        return BTreeSet::new();
    }
    let rank = |held: &BackupAge| (held.data_as_of, held.made_at, held.id.clone());
    let mut keep: BTreeSet<String> =
        verified.iter().filter(|held| held.data_as_of > now).map(|h| h.id.clone()).collect();
    let newest = past.iter().max_by_key(|held| rank(held));
    keep.extend(newest.map(|held| held.id.clone()));
    type Grouping<'a> = (u32, &'a dyn Fn(&BackupAge) -> String);
    let groupings: [Grouping<'_>; 5] = [
        (rules.keep_last, &|held| held.data_as_of.to_string()),
        (rules.keep_daily, &|held| held.data_as_of.to_string()[..10].to_owned()),
        (rules.keep_weekly, &|held| monday(held.data_as_of)),
        (rules.keep_monthly, &|held| held.data_as_of.to_string()[..7].to_owned()),
        (rules.keep_yearly, &|held| held.data_as_of.to_string()[..4].to_owned()),
    ];
    for (number, group) in groupings {
        let mut best: BTreeMap<String, &BackupAge> = BTreeMap::new();
        for held in &past {
            let entry = best.entry(group(held)).or_insert(held);
            if rank(held) > rank(entry) {
                *entry = held;
            }
        }
        keep.extend(best.into_values().rev().take(number as usize).map(|held| held.id.clone()));
    }
    if let (Some(newest), Some(within)) = (newest, rules.keep_within.map(|within| within.duration().as_secs())) {
        let is_within = |held: &&&BackupAge| {
            within > 0 && held.data_as_of.seconds() + within.min(1 << 40) >= newest.data_as_of.seconds()
        };
        keep.extend(past.iter().filter(is_within).map(|held| held.id.clone()));
    }
    verified.iter().map(|held| held.id.clone()).filter(|id| !keep.contains(id)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_naive_second_way_gives_the_same_answer(fleet in fleet(), rules in rules(), now in now()) {
        prop_assert_eq!(ids(&plan(&fleet, &rules, now)).1, naive(&fleet, &rules, now));
    }

    #[test]
    fn every_verified_dump_is_in_exactly_one_list_and_no_other_is_in_any(fleet in fleet(), rules in rules(), now in now()) {
        let plan = plan(&fleet, &rules, now);
        let mut listed: Vec<&str> = kept(&plan);
        listed.extend(plan.remove.iter().map(String::as_str));
        listed.sort_unstable();
        let verified: Vec<&str> = fleet.iter().filter(|held| held.is_verified).map(|held| held.id.as_str()).collect();
        prop_assert_eq!(listed, verified);
        prop_assert!(plan.keep.iter().all(|kept| !kept.reasons.is_empty()));
    }

    #[test]
    fn the_newest_verified_dump_is_never_removed(fleet in fleet(), rules in rules(), now in now()) {
        let plan = plan(&fleet, &rules, now);
        if let Some(newest) = fleet.iter().filter(|held| held.is_verified).map(|held| held.data_as_of).max() {
            let stays = |held: &BackupAge| held.data_as_of == newest && kept(&plan).contains(&held.id.as_str());
            prop_assert!(fleet.iter().any(stays));
            prop_assert!(plan.keep[0].reasons.contains(&Reason::Newest));
        }
    }

    #[test]
    fn keeping_more_never_removes_more(fleet in fleet(), less in rules(), add in rules(), now in now()) {
        prop_assume!(has_rule(&less));
        let more = Retention {
            keep_last: less.keep_last.saturating_add(add.keep_last),
            keep_daily: less.keep_daily.saturating_add(add.keep_daily),
            keep_weekly: less.keep_weekly.saturating_add(add.keep_weekly),
            keep_monthly: less.keep_monthly.saturating_add(add.keep_monthly),
            keep_yearly: less.keep_yearly.saturating_add(add.keep_yearly),
            keep_within: less.keep_within.max(add.keep_within),
        };
        let (few, many) = (plan(&fleet, &more, now), plan(&fleet, &less, now));
        prop_assert!(ids(&few).1.is_subset(&ids(&many).1));
    }

    #[test]
    fn the_order_in_which_dumps_are_listed_does_not_matter(
        (fleet, shuffled) in fleet().prop_flat_map(|fleet| (Just(fleet.clone()), Just(fleet).prop_shuffle())),
        rules in rules(),
        now in now(),
    ) {
        prop_assert_eq!(plan(&fleet, &rules, now), plan(&shuffled, &rules, now));
    }

    #[test]
    fn an_older_dump_more_never_costs_a_newer_one(fleet in fleet(), before in 1..400 * DAY_S, rules in rules(), now in now()) {
        let oldest = fleet.iter().map(|held| held.data_as_of.seconds()).min().unwrap_or(BASE_S);
        let mut larger = fleet.clone();
        larger.push(held("older", at(oldest - before)));
        prop_assert!(ids(&plan(&fleet, &rules, now)).0.is_subset(&ids(&plan(&larger, &rules, now)).0));
    }

    #[test]
    fn a_dump_that_is_not_verified_changes_nothing(fleet in fleet(), rules in rules(), now in now()) {
        let verified: Vec<BackupAge> = fleet.iter().filter(|held| held.is_verified).cloned().collect();
        prop_assert_eq!(plan(&fleet, &rules, now), plan(&verified, &rules, now));
    }

    #[test]
    fn a_dump_from_the_future_evicts_nothing(fleet in fleet(), rules in rules(), ahead in 2 * DAY_S..99 * DAY_S) {
        let now = at(BASE_S + DAY_S);
        let mut larger = fleet.clone();
        larger.push(held("future", at(BASE_S + ahead)));
        prop_assert_eq!(plan(&fleet, &rules, now).remove, plan(&larger, &rules, now).remove);
    }

    #[test]
    fn after_a_prune_nothing_more_is_removed(fleet in fleet(), rules in rules(), now in now()) {
        let gone = plan(&fleet, &rules, now).remove;
        let left: Vec<BackupAge> = fleet.into_iter().filter(|held| !gone.contains(&held.id)).collect();
        prop_assert!(plan(&left, &rules, now).remove.is_empty());
    }

    /// Night after night, as it is used: what the rules promise is there, though each prune saw only what the last one left.
    #[test]
    fn a_year_of_nights_ends_as_one_prune_of_them_all_would(rules in rules(), dark in prop::collection::btree_set(0_u64..200, 0..60)) {
        let night = |number: u64| held(&format!("night{number:03}"), at(BASE_S + number * DAY_S));
        let all: Vec<BackupAge> = (0..200).filter(|number| !dark.contains(number)).map(night).collect();
        let mut left: Vec<BackupAge> = Vec::new();
        for held in &all {
            left.push(held.clone());
            let gone = plan(&left, &rules, held.data_as_of).remove;
            left.retain(|held| !gone.contains(&held.id));
        }
        let left: BTreeSet<String> = left.into_iter().map(|held| held.id).collect();
        prop_assert!(ids(&plan(&all, &rules, at(BASE_S + 300 * DAY_S))).0.is_subset(&left));
    }
}

#[test]
fn without_a_rule_nothing_is_removed() {
    for rules in [Retention::default(), Retention { keep_within: Some(Span::seconds(0)), ..Retention::default() }] {
        let plan = plan(&nights("2026-12-31", 500), &rules, time("2027-01-01T00:00:00Z"));
        assert_eq!((plan.keep.len(), plan.remove.len()), (500, 0));
        assert!(plan.keep[1].reasons == [Reason::NoRule]);
    }
}

#[test]
fn days_weeks_months_and_years_as_in_the_calendar() {
    let rules = Retention { keep_daily: 2, keep_weekly: 3, keep_monthly: 3, keep_yearly: 2, ..Retention::default() };
    // 2027-01-05 is a Tuesday; the week before it ran from 2026-12-28 to 2027-01-03, over the end of the year.
    let plan = plan(&nights("2027-01-05", 400), &rules, time("2027-01-05T03:00:00Z"));
    assert_eq!(kept(&plan), ["2027-01-05", "2027-01-04", "2027-01-03", "2026-12-31", "2026-12-27", "2026-11-30"]);
    let reasons: Vec<String> = plan
        .keep
        .iter()
        .map(|kept| kept.reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join(", "))
        .collect();
    assert_eq!(
        reasons,
        ["newest, daily, weekly, monthly, yearly", "daily", "weekly", "monthly, yearly", "weekly", "monthly"]
    );
}

#[test]
fn months_far_apart_are_two_months_whatever_their_years_and_numbers() {
    let rules = Retention { keep_monthly: 2, ..Retention::default() };
    for before in ["2026-01-31", "2026-02-28", "2026-12-31"] {
        let fleet = [nights("2027-01-31", 1), nights(before, 1), nights("2019-06-30", 1)].concat();
        let plan = plan(&fleet, &rules, time("2027-02-01T00:00:00Z"));
        assert_eq!(kept(&plan), ["2027-01-31", before]);
        assert_eq!(plan.remove, ["2019-06-30"]);
    }
}

#[test]
fn dark_nights_evict_nothing() {
    let rules = Retention { keep_daily: 3, ..Retention::default() };
    let mut fleet = nights("2026-06-01", 3);
    fleet.extend(nights("2026-12-31", 1));
    let plan = plan(&fleet, &rules, time("2027-01-01T00:00:00Z"));
    assert_eq!(kept(&plan), ["2026-12-31", "2026-06-01", "2026-05-31"]);
}

#[test]
fn within_is_counted_from_the_newest_dump_and_not_from_now() {
    let rules = Retention { keep_within: Some(Span::seconds(2 * DAY_S)), ..Retention::default() };
    let plan = plan(&nights("2026-06-10", 9), &rules, time("2030-01-01T00:00:00Z"));
    assert_eq!(kept(&plan), ["2026-06-10", "2026-06-09", "2026-06-08"]);
}

#[test]
fn a_run_repeated_by_hand_evicts_no_other_night_and_the_last_of_it_stays() {
    let rules = Retention { keep_last: 2, ..Retention::default() };
    let mut fleet = nights("2026-06-10", 2);
    for (id, minutes) in [("again", 60), ("and-again", 120)] {
        let made_at = at(fleet[0].data_as_of.seconds() + minutes * 60);
        fleet.push(BackupAge { made_at, ..held(id, fleet[0].data_as_of) });
    }
    let plan = plan(&fleet, &rules, time("2026-06-11T00:00:00Z"));
    assert_eq!(kept(&plan), ["and-again", "2026-06-09"]);
    assert_eq!(plan.remove, ["again", "2026-06-10"]);
}

#[test]
fn a_clock_far_in_the_past_removes_nothing() {
    let rules = Retention { keep_last: 1, ..Retention::default() };
    let plan = plan(&nights("2026-06-10", 9), &rules, time("1970-01-01T00:00:00Z"));
    assert_eq!((plan.keep.len(), plan.remove.len()), (9, 0));
    assert_eq!(plan.keep[0].reasons, [Reason::Newest, Reason::Future]);
}

#[test]
fn beside_a_dump_that_is_dated_in_the_future_the_newest_one_before_now_is_newest_too() {
    let rules = Retention { keep_weekly: 1, ..Retention::default() };
    let plan = plan(&nights("2026-06-10", 3), &rules, time("2026-06-09T12:00:00Z"));
    let reasons: Vec<&[Reason]> = plan.keep.iter().map(|kept| &*kept.reasons).collect();
    assert_eq!(reasons, [[Reason::Newest, Reason::Future], [Reason::Newest, Reason::Weekly]]);
    assert_eq!(plan.remove, ["2026-06-08"]);
}

#[test]
fn the_reason_of_a_kept_backup_is_printed_as_its_rule() {
    let rules = Retention {
        keep_last: 1,
        keep_daily: 1,
        keep_weekly: 1,
        keep_monthly: 1,
        keep_yearly: 1,
        ..Default::default()
    };
    let rules = Retention { keep_within: Some(Span::seconds(3600)), ..rules };
    let of = |held: &[BackupAge], rules: &Retention, now: &str| {
        let kept = plan(held, rules, time(now)).keep;
        kept.iter()
            .map(|kept| kept.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            .collect::<Vec<_>>()
    };
    let one = nights("2026-06-15", 1);
    assert_eq!(of(&one, &rules, "2026-06-16T00:00:00Z"), ["newest, last, daily, weekly, monthly, yearly, within"]);
    assert_eq!(of(&one, &Retention::default(), "2026-06-16T00:00:00Z"), ["newest, no rule"]);
    assert_eq!(of(&one, &rules, "2026-06-14T00:00:00Z"), ["newest, dated in the future"]);
}

#[test]
fn a_dump_of_this_very_second_is_not_dated_in_the_future() {
    let rules = Retention { keep_last: 1, ..Retention::default() };
    let fleet = nights("2026-06-10", 2);
    let plan = plan(&fleet, &rules, fleet[0].data_as_of);
    assert_eq!(plan.keep[0].reasons, [Reason::Newest, Reason::Last]);
    assert_eq!(plan.remove, ["2026-06-09"]);
}
