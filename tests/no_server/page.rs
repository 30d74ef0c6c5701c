//! Pages: what they hold, that nothing in them is alive, that no foreign file is overwritten, and that they are fast.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::sample_reports;
use crate::sample_reports::{HOSTILE, copy_of, database, ten_nights, write_night};
use crate::small_report::{allowed, at, make_key, write_closing};
use pgwitness::base::time::Timestamp;
use pgwitness::model::finding::{Finding, FindingKind, Unchecked};
use pgwitness::model::name::Name;
use pgwitness::model::report::Report;
use pgwitness::model::run::Origin;
use pgwitness::output::html::{self, ReportPage};
use pgwitness::output::site::{Readers, all, one};
use pgwitness::storage::history;
use proptest::prelude::*;

fn now() -> Timestamp {
    at("2026-11-22T08:00:00Z")
}

fn unchecked() -> Readers<'static> {
    Readers { allowed: None, now: now() }
}

/// The elements and attributes of a page; panics where it is not well-formed. Stricter than a browser: every tag we open is one that
/// we know, every attribute is quoted, every element is closed in order.
fn elements(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    const VOID: [&str; 4] = ["meta", "link", "input", "!DOCTYPE"];
    let (mut found, mut open, mut rest) = (Vec::new(), Vec::<String>::new(), page);
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let mut quoted = false;
        let end = tag.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (inside, after) = tag.split_at(end.unwrap());
        rest = &after[1..];
        let is_closed = inside.ends_with('/');
        let inside = if is_closed { &inside[..inside.len() - 1] } else { inside };
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let name = inside.split(' ').next().unwrap().to_owned();
        let (mut attributes, mut text) = (Vec::new(), inside[name.len()..].trim());
        while !text.is_empty() {
            let (key, value) = text.split_once("=\"").map_or_else(
                || (text.split(' ').next().unwrap(), None),
                |(key, value)| {
                    if key.contains(' ') { (key.split(' ').next().unwrap(), None) } else { (key, Some(value)) }
                },
            );
            let (value, after) = match value {
                Some(value) => value.split_once('"').unwrap(),
                None => ("", &text[key.len()..]),
            };
            attributes.push((key.to_owned(), value.to_owned()));
            text = after.trim_start();
        }
        if !is_closed && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        found.push((name, attributes));
    }
    assert!(open.is_empty(), "{open:?} not closed");
    found
}

const KNOWN: &[&str] = &[
    "!DOCTYPE",
    "a",
    "article",
    "bdi",
    "body",
    "caption",
    "circle",
    "code",
    "dd",
    "del",
    "desc",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "head",
    "header",
    "html",
    "input",
    "ins",
    "label",
    "legend",
    "li",
    "link",
    "main",
    "meta",
    "nav",
    "ol",
    "p",
    "path",
    "pre",
    "q",
    "rect",
    "section",
    "span",
    "strong",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "ul",
];

/// Nothing in the page that we did not put there, and what administrators with a screen reader need.
fn is_sane(page: &str) {
    let elements = elements(page);
    let mut level = 0;
    for (name, attributes) in &elements {
        assert!(KNOWN.contains(&name.as_str()), "<{name}>");
        for (key, value) in attributes {
            assert!(key.chars().all(|c| c.is_ascii_alphabetic() || "-0123456789".contains(c)), "{key}");
            assert!(!key.starts_with("on"), "{key}");
            let is_address = key == "href" || key == "src";
            let is_ours = ["#", "../", "2", "data:image/svg+xml,"].iter().any(|start| value.starts_with(start));
            assert!(!is_address || is_ours, "{key}={value}");
        }
        if let Some(next) = name.strip_prefix('h').and_then(|digit| digit.parse::<u32>().ok()) {
            assert!(next <= level + 1, "h{next} after h{level}");
            level = next;
        }
        let has = |key: &str| attributes.iter().any(|(name, _)| name == key);
        assert!(name != "th" || has("scope"));
        assert!(name != "svg" || has("aria-hidden") || has("role"));
    }
    let count = |name: &str| elements.iter().filter(|(found, _)| found == name).count();
    assert_eq!((count("h1"), count("title") >= 1, count("main")), (1, true, 1));
    assert_eq!(count("table"), count("caption"));
    let mut ids: Vec<_> =
        elements.iter().flat_map(|(_, a)| a).filter(|(key, _)| key == "id").map(|(_, id)| id).collect();
    ids.sort();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    let linked = elements.iter().flat_map(|(_, a)| a).filter_map(|(_, value)| value.strip_prefix('#'));
    linked.for_each(|id| assert!(ids.iter().any(|known| *known == id), "#{id} leads nowhere"));
}

fn page_of(dir: &Path, change: impl FnOnce(&mut Report)) -> String {
    let nights = history::read(dir, None, now()).unwrap();
    let mut report = Report::from_bytes(&fs::read(nights[0].path.join("report.json")).unwrap()).unwrap();
    change(&mut report);
    html::report(&ReportPage { report: &report, entry: &nights[0], older: None, newer: None, has_index: true })
}

#[test]
fn ten_nights_tell_the_right_story() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let reports = dir.path().join("reports");
    let paths = ten_nights(&reports, &key);
    let signers = allowed(&generated);
    let published = all(&reports, None, Readers { allowed: Some(&signers), now: now() }).unwrap();
    assert_eq!((published.pages, published.troubles.as_slice()), (9, &[][..]));
    let page = |day: usize| fs::read_to_string(paths[day].join("report.html")).unwrap();
    for day in [0, 1, 2, 3, 4, 5, 7, 8, 9] {
        is_sane(&page(day));
    }
    assert!(page(0).contains("<p class=\"answer\">sound</p>"));
    // After its report, one left an instance; the closing of one was touched; one was killed.
    for (day, wanted) in [
        (1, "<strong><bdi>cleanup task: RDS instance pgwitness-7f3a9c1e in ap-southeast-2</bdi></strong>"),
        (2, "<strong><bdi>closing.json: bad signature: the signature does not belong to these bytes</bdi></strong>"),
        (4, "<strong><bdi>no closing.json: the run was killed"),
    ] {
        assert!(
            page(day).contains("<p class=\"answer\">sound with warnings</p>") && page(day).contains(wanted),
            "{day}: {wanted}"
        );
        assert!(page(day).find(wanted) < page(day).find("<main>"), "{day}: near the verdict");
    }
    assert!(page(0).contains("After the report was signed</th>") && page(0).contains("class=\"late\""));
    assert!(!page(2).contains("place_backup"), "what a touched closing says is not shown");
    assert!(page(3).contains("<p class=\"answer\">damaged</p>"));
    assert!(page(5).contains("<p class=\"answer\">inconclusive</p>"));
    assert!(page(7).contains("<p class=\"answer\">unproven</p>"), "it was edited: what it says is only a claim");
    assert!(page(7).contains("It claims: <q>"));
    let index = fs::read_to_string(&published.index).unwrap();
    is_sane(&index);
    for wanted in [
        "10 runs: 2 sound, 3 sound with warnings, 2 damaged, 1 inconclusive, 1 unproven, 1 missing",
        "1 problem, 1 cleanup task",
        "closing bad",
        "no closing",
        "missing: the next report names it",
        "bad signature",
        "was edited since",
    ] {
        assert!(index.contains(wanted), "{wanted}");
    }
}

#[test]
fn the_index_names_the_source_and_lists_only_the_cleanup_tasks_that_are_still_open() {
    let dir = tempfile::tempdir().unwrap();
    let source = |database: &str| Origin::Postgres {
        database: database.into(),
        servers: vec!["db.example:5432".into()],
        system_identifier: None,
    };
    let run = |day, database| {
        let path = write_night(dir.path(), None, day, |_, _, _, run| run.source = Some(source(database)));
        write_closing(&path, None, |closing| closing.debts = vec![format!("dump {day}")]);
        path
    };
    let index = || html::index(&history::read(dir.path(), None, now()).unwrap(), now());
    run(0, "shop");
    run(1, "club");
    let page = index();
    is_sane(&page);
    for wanted in [
        "database club on db.example:5432; database shop on db.example:5432</title>",
        "cleanup task: dump 0",
        "cleanup task: dump 1",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    let later = run(2, "shop");
    write_closing(&later, None, |closing| closing.debts.clear());
    let page = index();
    assert!(
        !page.contains("cleanup task: dump 0") && page.contains("cleanup task: dump 1"),
        "a run of another source removes nothing"
    );
    write_closing(&later, None, |closing| closing.debts = vec!["dump 0".into()]);
    assert!(index().contains("cleanup task: dump 0"));
}

#[test]
fn a_night_that_is_still_at_it_is_sound_so_far() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_night(dir.path(), None, 0, |_, _, _, _| {});
    fs::remove_file(path.join("closing.json")).unwrap();
    let pages = |now| {
        all(dir.path(), None, Readers { allowed: None, now: at(now) }).unwrap();
        [path.join("report.html"), dir.path().join("index.html")].map(|page| fs::read_to_string(page).unwrap())
    };
    for page in pages("2026-11-12T05:00:00Z") {
        is_sane(&page);
        assert!(page.contains("sound so far") && page.contains("the run is still at it"), "{page}");
    }
    // Once it has ended, the same night has another page.
    write_closing(&path, None, |_| {});
    for page in pages("2026-11-12T05:00:00Z") {
        assert!(!page.contains("sound so far") && page.contains("<p class=\"answer\">sound</p>"));
    }
}

#[test]
fn a_page_says_how_to_check_the_report_with_the_hash_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let reports = dir.path().join("reports");
    let path = write_night(&reports, Some(&key), 0, |_, _, _, _| {});
    let signers = allowed(&generated);
    one(&path.join("report.json"), None, Readers { allowed: Some(&signers), now: now() }).unwrap();
    let page = fs::read_to_string(path.join("report.html")).unwrap();
    fs::write(path.join("allowed_signers"), &generated.allowed_signers_line).unwrap();
    let commands: Vec<String> = page
        .split("<pre class=\"command\">")
        .skip(1)
        .map(|rest| rest.split("</pre>").next().unwrap().replace("&lt;", "<").replace("&amp;", "&"))
        .collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    let ours = Path::new(env!("CARGO_BIN_EXE_pgwitness")).parent().unwrap();
    let search = std::env::join_paths(
        std::iter::once(ours.to_owned()).chain(std::env::split_paths(&std::env::var("PATH").unwrap())),
    )
    .unwrap();
    // The pages name it: it must be there.
    drop(crate::support::packages::ssh_keygen());
    for command in &commands {
        let mut shell = std::process::Command::new("sh");
        let output = shell.arg("-c").arg(command).env("PATH", &search).current_dir(&path).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_file_that_is_not_ours_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let reports = dir.path().join("reports");
    let path = write_night(&reports, None, 0, |_, _, _, _| {});
    fs::write(path.join("report.html"), "<!DOCTYPE html><p>mine").unwrap();
    let error = one(&path.join("report.json"), None, unchecked()).unwrap_err();
    assert!(error.to_string().contains("pgwitness did not write"), "{error}");
    let published = all(&reports, None, unchecked()).unwrap();
    assert_eq!((published.pages, published.troubles.len()), (0, 1));
    assert_eq!(fs::read_to_string(path.join("report.html")).unwrap(), "<!DOCTYPE html><p>mine");
    fs::remove_file(path.join("report.html")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), path.join("report.html")).unwrap();
    assert_eq!(all(&reports, None, unchecked()).unwrap().pages, 0, "a link leads elsewhere");
    assert!(!dir.path().join("elsewhere").exists());
    fs::write(reports.join("index.html"), "mine").unwrap();
    all(&reports, None, unchecked()).unwrap_err();
    assert_eq!(fs::read_to_string(reports.join("index.html")).unwrap(), "mine");
}

#[test]
fn pages_are_replaced_by_newer_ones_and_left_alone_when_nothing_changed() {
    let dir = tempfile::tempdir().unwrap();
    let reports = dir.path().join("reports");
    let first = write_night(&reports, None, 0, |_, _, _, _| {});
    all(&reports, None, unchecked()).unwrap();
    let before = fs::metadata(first.join("report.html")).unwrap().modified().unwrap();
    all(&reports, None, unchecked()).unwrap();
    assert_eq!(fs::metadata(first.join("report.html")).unwrap().modified().unwrap(), before);
    // A run that was killed while it wrote is no obstacle.
    fs::copy(first.join("report.html"), first.join("report.html.partial")).unwrap();
    let second = write_night(&reports, None, 1, |_, _, _, _| {});
    all(&reports, None, unchecked()).unwrap();
    let id = second.file_name().unwrap().to_str().unwrap();
    assert!(fs::read_to_string(first.join("report.html")).unwrap().contains(&format!("../{id}/report.html")));
}

#[test]
fn pages_may_go_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let reports = dir.path().join("reports");
    let path = write_night(&reports, None, 0, |_, _, _, _| {});
    let published = all(&reports, Some(&dir.path().join("www")), unchecked()).unwrap();
    assert_eq!(published.index, dir.path().join("www/index.html"));
    assert!(dir.path().join("www").join(path.file_name().unwrap()).join("report.html").is_file());
    assert!(!path.join("report.html").exists());
    one(&path.join("report.json"), Some(&dir.path().join("alone.html")), unchecked()).unwrap();
    is_sane(&fs::read_to_string(dir.path().join("alone.html")).unwrap());
}

fn html(arguments: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgwitness"));
    let output = command.args(["report", "html"]).args(arguments).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_command_names_what_it_wrote_and_what_it_could_not() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let (reports, signers) = (dir.path().join("reports"), dir.path().join("signers"));
    fs::write(&signers, &generated.allowed_signers_line).unwrap();
    let path = write_night(&reports, Some(&key), 0, |_, _, _, _| {});
    let [reports_text, id] = [&reports, &path].map(|path| path.to_str().unwrap());
    let id = id.rsplit('/').next().unwrap();
    assert_eq!(html(&[reports_text]), (0, format!("{reports_text}/index.html\n")));
    let (code, text) = html(&[id, "--directory", reports_text, "--allowed-signers", signers.to_str().unwrap()]);
    assert_eq!((code, text.ends_with("report.html\n")), (0, true), "{text}");
    assert!(fs::read_to_string(path.join("report.html")).unwrap().contains("of <bdi>backup@example.com</bdi>"));
    assert_eq!(html(&[]).0, 2);
    assert_eq!(html(&["nothing-here", "--directory", reports_text]).0, 2);
    fs::write(path.join("report.json"), "{").unwrap();
    let (code, text) = html(&["--directory", reports_text]);
    assert_eq!((code, text.contains(&format!("\n{id}: no page: "))), (2, true), "{text}");
    assert_eq!(html(&[id, "--directory", reports_text]).0, 2);
}

/// A directory of reports of a source with this name, and an overview of it and of others.
fn of_source(dir: &Path, database: &str, day: u64) -> std::path::PathBuf {
    let servers = vec!["db.example:5432".into()];
    let source = Origin::Postgres { database: database.into(), servers, system_identifier: None };
    write_night(dir, None, day, |_, _, _, run| run.source = Some(source))
}

#[test]
fn an_overview_shows_every_source_and_leads_to_the_pages_of_each() {
    let dir = tempfile::tempdir().unwrap();
    let [shop, club, absent, www] = ["shop", "cl\"<b>&'ub", "absent", "www"].map(|name| dir.path().join(name));
    let night = of_source(&shop, "shop", 0);
    let id = night.file_name().unwrap().to_str().unwrap();
    // The same run id, and a name that is not markup.
    let hostile = of_source(&club, "</td><script>alert(1)</script>", 0);
    write_closing(&hostile, None, |closing| closing.debts = vec!["dump <0>".into()]);
    assert_eq!(hostile.file_name(), night.file_name());
    let paths = [&shop, &club, &absent].map(|path| path.to_str().unwrap());
    let output = ["--output", www.to_str().unwrap()];
    let [shop_text, club_text, absent_text] = paths;
    assert_eq!(html(&paths).0, 2, "several directories need a place for their pages");
    assert!(!www.exists() && !shop.join("index.html").exists());
    let (code, text) = html(&[shop_text, club_text, output[0], output[1]]);
    assert_eq!((code, text), (0, format!("{}/index.html\n", www.display())));
    let (code, text) = html(&["--directory", shop_text, "--directory", absent_text, club_text, output[0], output[1]]);
    assert_eq!((code, text.contains(&format!("\n{absent_text}: list reports in "))), (2, true), "{text}");
    let page = fs::read_to_string(www.join("index.html")).unwrap();
    for wanted in [
        "3 report directories, newest runs: 1 sound, 1 sound with warnings, 1 cannot be read</title>",
        "database shop on db.example:5432",
        "database &lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt; on db.example:5432",
        "cleanup task: dump &lt;0&gt;",
        "<h2 id=\"unread\">Cannot be read</h2>",
        "No such file or directory",
    ] {
        assert!(page.contains(wanted), "{wanted} in\n{page}");
    }
    // Every link leads to a page: of both directories, the index and the report of the same id.
    let found = elements(&page);
    let links: Vec<&str> = found
        .iter()
        .filter(|(name, _)| name == "a")
        .flat_map(|(_, attributes)| attributes.iter().filter(|(key, _)| key == "href"))
        .map(|(_, value)| value.as_str())
        .collect();
    let reports: std::collections::BTreeSet<&&str> = links.iter().filter(|link| link.contains(id)).collect();
    let indexes = links.iter().filter(|link| link.ends_with("/index.html")).count();
    assert_eq!((reports.len(), indexes), (2, 2), "{links:?}");
    for link in links {
        assert!(www.join(link).is_file(), "{link}");
    }
    is_sane(&page.replace("href=\"", "href=\"../"));
}

#[test]
fn the_sign_of_an_overview_is_that_of_the_worst_source() {
    let dir = tempfile::tempdir().unwrap();
    let read = |name: &str| history::ReportDirectory::read(&dir.path().join(name), None, now());
    of_source(&dir.path().join("a"), "a", 0);
    of_source(&dir.path().join("b"), "b", 0);
    fs::create_dir(dir.path().join("empty")).unwrap();
    let verdict = |names: &[&str]| {
        let page = html::overview(&names.iter().map(|name| read(name)).collect::<Vec<_>>(), now());
        is_sane(&page.replace("href=\"", "href=\"../"));
        page.split("class=\"verdict ").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(verdict(&["a", "b"]), "sound");
    assert_eq!(verdict(&["a", "empty"]), "inconclusive");
    assert_eq!(verdict(&["absent", "a"]), "inconclusive");
    let lost = Finding::new(FindingKind::Missing, "index shop.orders_note_idx");
    write_night(&dir.path().join("b"), None, 1, |outcome, _, _, _| outcome.findings.push(lost));
    assert_eq!(verdict(&["a", "absent", "b"]), "damaged");
}

#[test]
fn reports_of_the_first_format_have_a_page() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reports/format-1/report.json");
    let dir = tempfile::tempdir().unwrap();
    let page = one(&frozen, Some(&dir.path().join("page.html")), unchecked()).unwrap();
    let page = fs::read_to_string(page).unwrap();
    is_sane(&page);
    assert!(page.contains("Comparison of 15 June 2026"));
}

#[test]
fn three_thousand_tables_take_less_than_a_second_and_are_folded() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = database(0);
    let relation = expected.relations[&Name::new("club", "clubs")].clone();
    for i in 0..3_000 {
        expected.relations.insert(Name::new(format!("s{}", i % 7), format!("t{i:04}")), relation.clone());
    }
    let actual = copy_of(&expected);
    write_night(dir.path(), None, 0, |outcome, e, a, _| {
        (*e, *a) = (expected, actual);
        *outcome = sample_reports::outcome_of(e, a);
    });
    let nights = history::read(dir.path(), None, now()).unwrap();
    let report = Report::from_bytes(&fs::read(nights[0].path.join("report.json")).unwrap()).unwrap();
    let start = Instant::now();
    let page =
        html::report(&ReportPage { report: &report, entry: &nights[0], older: None, newer: None, has_index: true });
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}", start.elapsed());
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("3,012 equal tables") && page.matches("<details>").count() >= 8);
    is_sane(&page);
}

#[test]
fn a_thousand_nights_take_less_than_a_second_and_are_folded_by_month() {
    let dir = tempfile::tempdir().unwrap();
    write_night(dir.path(), None, 0, |_, _, _, _| {});
    let template = history::read(dir.path(), None, now()).unwrap().remove(0);
    write_closing(&template.path, None, crate::small_report::leave_an_instance);
    let left = history::read(dir.path(), None, now()).unwrap().remove(0);
    let first = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let nights: Vec<_> = (0..1_000_u32)
        .rev()
        .map(|day| {
            let mut night = if day % 3 == 0 { left.clone() } else { template.clone() };
            night.started_at = Some(Timestamp::new(first + std::time::Duration::from_secs(86_400) * day));
            night
        })
        .collect();
    let start = Instant::now();
    let page = html::index(&nights, now());
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}", start.elapsed());
    is_sane(&page);
    assert_eq!((page.matches("<details open>").count(), page.matches("<details>").count()), (2, 33));
}

/// For clocks and eyes: LOOK=DIR leaves a thousand nights of ordinary size there, written without forcing each file to the disk.
#[test]
fn look() {
    let Some(dir) = std::env::var_os("LOOK") else { return };
    let dir = Path::new(&dir);
    let (key, generated) = make_key(tempfile::tempdir().unwrap().keep().as_path());
    fs::create_dir_all(dir.join("reports")).unwrap();
    fs::write(dir.join("allowed_signers"), &generated.allowed_signers_line).unwrap();
    sample_reports::write_thousand(&dir.join("reports"), &pgwitness::storage::reports::read_key(&key).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn no_text_of_a_database_becomes_markup(text in "[<>\"'&/= a\u{202e}\u{0}\u{1b}\n;#x-]{0,24}|.*", hostile in 0..HOSTILE.len()) {
        let dir = tempfile::tempdir().unwrap();
        write_night(dir.path(), None, 0, |_, _, _, _| {});
        let text = format!("{}{text}", HOSTILE[hostile]);
        let page = page_of(dir.path(), |report| {
            report.findings.push(Finding::new(FindingKind::Changed, &*text).sides(&*text, format!("{text}\n")));
            report.unchecked.push(Unchecked::new(text.clone(), text.clone(), &text));
            let table = report.tables.values().next().unwrap().clone();
            report.tables.insert(text.clone(), table);
            report.verdict_line = text.clone();
            report.endpoints.expected.description = text.clone();
            report.selection.insert(text.clone(), vec![text.clone()]);
            let night = report.night.as_mut().unwrap();
            night.steps[0].name = text.clone();
            night.dump.as_mut().unwrap().files[0].path = text.clone();
        });
        let hostile_end = |closing: &mut pgwitness::model::run::Closing| {
            closing.steps[0].result = pgwitness::model::run::StepResult::Failed((&text).into());
            closing.steps[1].name = text.clone();
            closing.debts.push(text.clone());
        };
        write_closing(&history::read(dir.path(), None, now()).unwrap()[0].path, None, hostile_end);
        let page = page + &page_of(dir.path(), |_| {}) + &html::index(&history::read(dir.path(), None, now()).unwrap(), now());
        page.split_inclusive("</html>").for_each(is_sane);
        let is_hidden = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        let hidden = page.chars().find(|c| is_hidden(*c));
        prop_assert_eq!(hidden, None);
    }
}
