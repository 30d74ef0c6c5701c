//! Pages in a real browser: links lead on and back, nothing complains, nothing of a stranger's comes alive; pictures under
//! `target/tmp/pages` are there to be looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

mod driver;

use std::fs;
use std::path::{Path, PathBuf};

use crate::sample_reports;
use crate::small_report::{allowed, at, make_key};
use driver::Browser;
use pgwitness::model::period::{PeriodSummary, SummaryPeriod};
use pgwitness::output::site::{Readers, all};
use pgwitness::storage::history;

/// Days that are looked at, and what they tell.
const STORIES: [(usize, &str); 8] = [
    (9, "sound"),
    (1, "left-behind"),
    (2, "closing-touched"),
    (4, "killed"),
    (3, "damaged"),
    (5, "inconclusive"),
    (7, "edited"),
    (8, "hostile"),
];

fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages")
}

const STILL_OURS: &str = "return [document.querySelectorAll('script,img,iframe,object,embed,form,input:not([type=radio][name^=filter-]),base,[onerror],[onload],[onclick]').length, \
                          document.title.includes('owned'), document.documentElement.scrollWidth - screen.width]";

fn is_calm(browser: &Browser, place: &str) {
    assert_eq!(browser.complaints(), Vec::<String>::new(), "{place}");
    let state = browser.ask(STILL_OURS);
    assert_eq!((&state[0], &state[1]), (&0.into(), &false.into()), "{place}: something came alive");
    assert!(state[2].as_i64().unwrap() <= 0, "{place}: wider than the window by {}", state[2]);
}

#[test]
fn an_administrator_reads_ten_nights_in_a_browser() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let reports = dir.path().join("reports");
    let nights = sample_reports::ten_nights(&reports, &key);
    let signers = allowed(&generated);
    all(&reports, None, Readers { allowed: Some(&signers), now: at("2026-11-22T08:00:00Z") }).unwrap();
    let browser = Browser::start();
    for (width, scheme, name) in
        [(1280, "light", "light"), (1280, "dark", "dark"), (390, "light", "narrow"), (390, "dark", "narrow-dark")]
    {
        browser.look(width, scheme);
        browser.open(&reports.join("index.html"));
        is_calm(&browser, &format!("index, {name}"));
        browser.picture(&pictures().join(format!("index-{name}.png")));
        for (day, story) in STORIES {
            // A large page, and the others show already what dark looks like.
            if story == "hostile" && scheme == "dark" {
                continue;
            }
            browser.open(&nights[day].join("report.html"));
            is_calm(&browser, &format!("{story}, {name}"));
            browser.picture(&pictures().join(format!("{story}-{name}.png")));
        }
    }
    browser.look(1280, "light");
    links_lead_on_and_back(&browser, &reports, &nights);
    a_verdict_can_be_chosen(&browser, &reports);
    for (file, name) in [(reports.join("index.html"), "index"), (nights[3].join("report.html"), "damaged")] {
        browser.open(&file);
        browser.print(&pictures().join(format!("{name}.pdf")));
    }
}

/// With the pointer and with the keyboard; in print all runs stay.
fn a_verdict_can_be_chosen(browser: &Browser, reports: &Path) {
    browser.open(&reports.join("index.html"));
    let shown = || {
        let script = "return [...document.querySelectorAll('.nights tbody tr')].filter(row => row.offsetParent).length";
        browser.ask(script).as_u64().unwrap()
    };
    let all = shown();
    browser.click("label:has(#verdict-damaged)");
    let damaged = browser.ask("return document.querySelectorAll('tr[data-verdict=damaged]').length").as_u64().unwrap();
    assert_eq!((shown(), damaged < all), (damaged, true));
    browser.press("#verdict-damaged", "\u{e012}");
    assert!(browser.ask("return document.querySelector('#verdict-damaged').checked") == false, "an arrow key chooses");
    browser.click("label:has(#verdict-all)");
    assert_eq!(shown(), all);
    is_calm(browser, "after a choice");
}

/// What axe-core finds on the page; its file is `$PGWITNESS_AXE` (`npm pack axe-core`, `package/axe.min.js`).
fn violations(browser: &Browser) -> Vec<String> {
    let Some(path) = std::env::var_os("PGWITNESS_AXE") else { return Vec::new() };
    let axe = fs::read_to_string(path).unwrap();
    let run = "return axe.run(document).then(found => found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.target).join(' ')))";
    let found = browser.ask(&format!("{axe};\n{run}"));
    found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_are_for_screen_readers_and_small_screens() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let reports = dir.path().join("reports");
    let nights = sample_reports::ten_nights(&reports, &key);
    let (signers, now) = (allowed(&generated), at("2026-11-22T08:00:00Z"));
    all(&reports, None, Readers { allowed: Some(&signers), now }).unwrap();
    let period = SummaryPeriod { since: at("2026-11-12T00:00:00Z"), until: now };
    let evidence = history::evidence(&reports, &signers, period, now).unwrap();
    let summary = dir.path().join("summary.html");
    let made = PeriodSummary::new(period, Some(86_400), vec![evidence], now);
    pgwitness::output::site::period(&made, None, &summary).unwrap();
    let browser = Browser::start();
    let pages =
        [(summary, "summary"), (reports.join("index.html"), "index"), (nights[3].join("report.html"), "damaged")];
    for (page, name) in &pages {
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (320, "light")] {
            browser.look(width, scheme);
            browser.open(page);
            is_calm(&browser, &format!("{name}, {width}"));
            assert_eq!(violations(&browser), Vec::<String>::new(), "{name}, {width}, {scheme}");
            browser.picture(&pictures().join(format!("{name}-{width}-{scheme}.png")));
        }
    }
    browser.look(1280, "light");
    browser.open(&pages[0].0);
    browser.print(&pictures().join("summary.pdf"));
}

fn links_lead_on_and_back(browser: &Browser, reports: &Path, nights: &[PathBuf]) {
    let here = || browser.ask("return decodeURI(location.pathname)").as_str().unwrap().to_owned();
    let index = reports.join("index.html").canonicalize().unwrap();
    browser.open(&index);
    for night in nights.iter().filter(|night| night.is_dir()) {
        let id = night.file_name().unwrap().to_str().unwrap();
        browser.click(&format!(".nights a[href='{id}/report.html']"));
        assert_eq!(here(), night.join("report.html").canonicalize().unwrap().display().to_string());
        let heading = browser.ask("return document.querySelector('h1').textContent");
        assert!(heading.as_str().unwrap().starts_with("Run of "), "{heading}");
        browser.click(".neighbours a");
        assert_eq!(here(), index.display().to_string());
    }
    browser.click(&format!(".strip a[href^='{}']", nights[0].file_name().unwrap().to_str().unwrap()));
    let mut visited = 1;
    while browser.ask("return !!document.querySelector('a.newer')") == true {
        browser.click("a.newer");
        visited += 1;
    }
    assert_eq!(visited, nights.iter().filter(|night| night.is_dir()).count());
    browser.click(".contents a[href='#verify']");
    assert_eq!(browser.ask("return location.hash"), "#verify");
    is_calm(browser, "after following links");
}

#[test]
fn a_wide_report_of_three_thousand_tables_opens_and_unfolds() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = sample_reports::database(0);
    let relation = expected.relations.values().next().unwrap().clone();
    for i in 0..3_000 {
        expected
            .relations
            .insert(pgwitness::model::name::Name::new(format!("s{}", i % 7), format!("t{i:04}")), relation.clone());
    }
    let actual = sample_reports::copy_of(&expected);
    let path = sample_reports::write_night(dir.path(), None, 0, |outcome, e, a, _| {
        (*e, *a) = (expected, actual);
        *outcome = sample_reports::outcome_of(e, a);
    });
    all(dir.path(), None, Readers { allowed: None, now: at("2026-11-22T08:00:00Z") }).unwrap();
    let browser = Browser::start();
    browser.look(1280, "light");
    browser.open(&path.join("report.html"));
    is_calm(&browser, "3,000 tables");
    browser.picture(&pictures().join("many-light.png"));
    let folded = browser.ask("return document.body.scrollHeight").as_u64().unwrap();
    assert!(folded < 6_000, "{folded} pixels high while folded");
    browser.click("section[aria-labelledby=tables] details:nth-of-type(2) summary");
    assert!(browser.ask("return document.body.scrollHeight").as_u64().unwrap() > folded + 3_000);
    assert!(fs::metadata(path.join("report.html")).unwrap().len() < 2_000_000);
}
