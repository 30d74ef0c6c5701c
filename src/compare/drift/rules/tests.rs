use super::*;
use crate::compare;
use crate::compare::drift::tests::manifest;
use crate::model::finding::Waiver;
use crate::model::manifest::Observed;
use crate::samples;

fn seen(rows: u64) -> Observed<crate::model::manifest::Tally> {
    samples::seen((0..rows).map(u64::to_le_bytes), 4)
}

fn unseen() -> Observed<crate::model::manifest::Tally> {
    Observed::Unseen("locked".into())
}

fn shrink(tables: &str, percent: u8) -> DriftRule {
    DriftRule { tables: tables.into(), max_shrink_percent: Some(percent), ..Default::default() }
}

fn judged(previous: Option<&Manifest>, current: &Manifest, given: &[DriftRule]) -> (Vec<String>, Vec<String>, usize) {
    let judged = judge(previous, current, &rules(given).unwrap());
    let findings = judged.findings.iter().map(|finding| format!("{finding}: {}", finding.detail.join("; ")));
    let unchecked = judged.unchecked.iter().map(|thing| format!("{}: {}", thing.object, thing.reason.full()));
    (findings.collect(), unchecked.collect(), judged.remarks.len())
}

#[test]
fn a_table_may_shrink_as_far_as_the_rule_says_and_no_further() {
    let before = manifest(&[("orders", seen(10))]);
    for (now, percent, is_found) in
        [(8, 20, false), (7, 20, true), (10, 0, false), (9, 0, true), (0, 99, true), (12, 0, false)]
    {
        let (findings, unchecked, _) =
            judged(Some(&before), &manifest(&[("orders", seen(now))]), &[shrink("shop.*", percent)]);
        assert_eq!((!findings.is_empty(), unchecked.len()), (is_found, 0), "{now} rows, {percent} %: {findings:?}");
    }
    let (findings, ..) = judged(Some(&before), &manifest(&[("orders", seen(7))]), &[shrink("orders", 20)]);
    assert_eq!(findings, ["drift shop.orders: lost 3 rows (30 %); the rule allows 20 % (rule orders)"]);
}

#[test]
fn an_empty_and_a_vanished_table_are_found() {
    let empty = DriftRule { tables: "orders".into(), must_not_be_empty: true, ..Default::default() };
    let vanish = DriftRule { tables: "shop.*".into(), must_not_vanish: true, ..Default::default() };
    let before = manifest(&[("orders", seen(10))]);
    let (findings, ..) = judged(None, &manifest(&[("orders", seen(0))]), std::slice::from_ref(&empty));
    assert_eq!(findings, ["drift shop.orders: it is empty (rule orders)"]);
    let (findings, ..) = judged(Some(&before), &manifest(&[]), &[empty, vanish.clone()]);
    assert_eq!(
        findings,
        ["drift shop.orders: the table no longer exists (rule orders); the table no longer exists (rule shop.*)"]
    );
    let (findings, unchecked, _) = judged(Some(&before), &manifest(&[("orders", unseen())]), &[vanish]);
    assert!(findings.is_empty() && unchecked.is_empty(), "that it is there is seen");
}

#[test]
fn a_rule_that_could_not_be_applied_is_unchecked() {
    let before = manifest(&[("orders", unseen())]);
    let after = manifest(&[("orders", seen(1))]);
    let (_, unchecked, _) = judged(Some(&before), &after, &[shrink("orders", 10)]);
    assert_eq!(unchecked, ["drift orders: the rows of shop.orders were not seen in the run before"]);
    let (_, unchecked, _) = judged(Some(&after), &before, &[shrink("orders", 10)]);
    assert_eq!(unchecked, ["drift orders: the rows of shop.orders were not seen"]);
    let (_, unchecked, _) = judged(Some(&after), &after, &[shrink("ordres", 10)]);
    assert_eq!(unchecked, ["drift ordres: matches no table in this run or the one before"]);
}

#[test]
fn the_first_night_has_nothing_to_be_held_against_and_says_so() {
    let (findings, unchecked, remarks) = judged(None, &manifest(&[("orders", seen(1))]), &[shrink("orders", 10)]);
    assert_eq!((findings.len(), unchecked.len(), remarks), (0, 0, 1));
}

#[test]
fn a_table_that_is_new_tonight_cannot_have_shrunk() {
    let after = manifest(&[("orders", seen(1))]);
    assert_eq!(judged(Some(&manifest(&[])), &after, &[shrink("orders", 0)]), (Vec::new(), Vec::new(), 0));
}

#[test]
fn rules_that_forbid_nothing_are_refused() {
    let nothing = DriftRule { tables: "a".into(), ..Default::default() };
    for (rule, why) in
        [(nothing, "forbids nothing"), (shrink("a", 100), "every table may"), (shrink("a.b.c", 1), "more than one dot")]
    {
        let error = rules(&[rule]).unwrap_err().to_string();
        assert!(error.starts_with("read the drift rule for a") && error.contains(why), "{error}");
    }
}

#[test]
fn a_waiver_covers_drift_and_is_listed_once() {
    let waiver = Waiver {
        kind: "drift".into(),
        object: "shop.orders".into(),
        reason: "yearly clean-up".into(),
        by: "file w".into(),
    };
    let other = Waiver { kind: "missing".into(), object: "index a".into(), reason: "x".into(), by: "file w".into() };
    let waivers = [waiver, other];
    let (before, after) =
        (manifest(&[("orders", seen(10)), ("notes", seen(10))]), manifest(&[("orders", seen(1)), ("notes", seen(1))]));
    let request = compare::Request { waivers: waivers.to_vec(), ..Default::default() };
    let mut outcome = compare::compare(&after, &after, &request);
    judge(Some(&before), &after, &rules(&[shrink("*", 10)]).unwrap()).add_to(&mut outcome, &waivers);
    assert_eq!(outcome.findings.iter().map(ToString::to_string).collect::<Vec<_>>(), ["drift shop.notes"]);
    let covered: Vec<_> = outcome.waivers.iter().map(|applied| applied.covered.clone()).collect();
    assert_eq!(covered, [vec!["drift shop.orders".to_owned()], Vec::new()]);
}
