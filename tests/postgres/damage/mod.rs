//! Every damage case in `fixtures/damage` is found exactly: the findings that it must cause, no others, and none without it.
//!
//! A new case is a new file and nothing else: its database, the expected findings and the servers are named in its first
//! lines. Each fixture database is dumped and restored once; each case gets a clone of that copy, which is compared with a saved
//! manifest of the original: reading the original for every case would be half of the work.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

mod columns;
mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::support;
use crate::support::fixture_database::{self, FixtureDatabase, Header, fixtures, sql_files};
use crate::support::{Database, Format};
use pgwitness::model::catalog::CATALOG;
use pgwitness::model::finding::FindingKind;
use pgwitness::model::name::quote_always;
use pgwitness::postgres::server::Cluster;

/// Fewer files mean that a part of the suite is lost. Raise it as files are added.
const LEAST: usize = 400;
/// Against the original itself: its manifest has the rows with a column that the copy lacks.
const LIVE: [&str; 1] = ["schema_column_missing"];
/// Comparisons side by side: in each, the program waits for the server or the server for the program.
const WORKERS: usize = 3;

struct DamageCase {
    name: String,
    file: PathBuf,
    header: Header,
}

impl DamageCase {
    fn all() -> Vec<Self> {
        let files = sql_files(&fixtures().join("damage"));
        files.into_iter().map(|(name, file)| Self { header: Header::read(&file), name, file }).collect()
    }

    fn fixture(&self) -> &str {
        match self.header.all("database")[..] {
            [fixture] => fixture,
            _ => panic!("{}: there must be one line `-- database: NAME`", self.file.display()),
        }
    }

    fn expected(&self) -> BTreeSet<String> {
        self.header.all("expect").into_iter().map(str::to_owned).collect()
    }
}

/// A fixture database on the server: the original, and a restored copy that clones are made from.
struct Pair<'c> {
    cluster: &'c Cluster,
    fixture: FixtureDatabase,
    original: String,
    copy: String,
    /// The dump and the manifest of the original.
    files: tempfile::TempDir,
    is_cloneable: bool,
}

impl<'c> Pair<'c> {
    fn make(cluster: &'c Cluster, fixture: FixtureDatabase) -> Self {
        let (original, copy) = (format!("{}_original", fixture.name), format!("{}_copy", fixture.name));
        let files = tempfile::tempdir().unwrap();
        let expected = fixture.load(cluster, &original);
        expected.dump(Format::Custom, &files.path().join("dump"));
        let actual = Database::create(cluster, &copy);
        actual.restore(Format::Custom, &files.path().join("dump"));
        fixture.add_settings(&expected);
        fixture_database::save_manifest(&expected.conninfo, &files.path().join("original.json"), &fixture.checks());
        // A subscription lives outside its database: a clone lacks it.
        let subscriptions = "SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
                             WHERE datname = current_database()";
        let is_cloneable = actual.value(subscriptions) == "0";
        Self { cluster, fixture, original, copy, files, is_cloneable }
    }

    /// Another copy, as good as the first.
    fn another(&self, name: &str) -> Database {
        let clone = if self.is_cloneable {
            Database::clone_of(self.cluster, &self.copy, name)
        } else {
            let database = Database::create(self.cluster, name);
            database.restore(Format::Custom, &self.files.path().join("dump"));
            database
        };
        self.fixture.add_settings(&clone);
        drop(clone);
        Database::connect(&self.cluster.conninfo(name))
    }

    /// Only for the space: whatever cannot be dropped goes away with the server.
    fn drop_another(&self, name: &str) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", quote_always(name));
        let _ = Database::connect(&self.cluster.conninfo("postgres")).try_run(&sql);
    }

    /// What the program says of a copy with this case and the manifest of the original; without a case, of the original itself.
    /// `Err` when the case itself cannot be made.
    fn compare_with(&self, name: &str, case: Option<&DamageCase>) -> Result<fixture_database::Said, String> {
        let name = format!("{}_{name}", self.fixture.name);
        let name: String = name.chars().take(63).collect();
        let clone = self.another(&name);
        if let Some(case) = case {
            clone.try_run(&std::fs::read_to_string(&case.file).unwrap())?;
        }
        let conninfo = clone.conninfo.clone();
        drop(clone);
        let expected = match case {
            Some(case) if !LIVE.contains(&case.name.as_str()) => {
                self.files.path().join("original.json").display().to_string()
            }
            _ => self.cluster.conninfo(&self.original),
        };
        let said = fixture_database::compare(&expected, &conninfo, &self.fixture.checks());
        self.drop_another(&name);
        Ok(said)
    }

    /// What is wrong with the result of a case, if anything.
    fn complaint(&self, case: &DamageCase) -> Option<String> {
        let said = match self.compare_with(&format!("w_{}", case.name), Some(case)) {
            Ok(said) => said,
            Err(error) => return Some(format!("{}: the case cannot be made: {error}\n", case.name)),
        };
        let expected = case.expected();
        if said.exit == Some(1) && said.findings == expected && said.unchecked.is_empty() && !expected.is_empty() {
            return None;
        }
        let mut text = format!("{} (fixture {}): exit {:?}: {}\n", case.name, self.fixture.name, said.exit, said.line);
        expected.difference(&said.findings).for_each(|f| writeln!(text, "  not found:  {f}").unwrap());
        said.findings.difference(&expected).for_each(|f| writeln!(text, "  not expected: {f}").unwrap());
        said.unchecked.iter().for_each(|u| writeln!(text, "  unchecked: {u}").unwrap());
        Some(text)
    }
}

/// `PGWITNESS_DAMAGE=lob` runs only the cases with that in their name.
fn is_chosen(case: &DamageCase) -> bool {
    std::env::var("PGWITNESS_DAMAGE").map_or(true, |part| case.name.contains(&part))
}

#[test]
fn every_damage_case_is_found_exactly_and_nothing_is_found_without_it() {
    let began = Instant::now();
    let cluster = support::cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let cases: Vec<DamageCase> = DamageCase::all();
    let (all, chosen) = (cases.len(), cases.iter().filter(|case| is_chosen(case)).count());
    let mut by_fixture: BTreeMap<String, Vec<DamageCase>> = BTreeMap::new();
    for case in cases.into_iter().filter(is_chosen) {
        by_fixture.entry(case.fixture().to_owned()).or_default().push(case);
    }
    assert!(chosen > 0, "no case has that in its name");
    let (mut jobs, mut skipped) = (Vec::new(), 0);
    let named = FixtureDatabase::all().into_iter().map(|fixture| (fixture.name.clone(), fixture));
    let mut fixtures: BTreeMap<String, FixtureDatabase> = named.collect();
    for (name, cases) in by_fixture {
        let fixture = fixtures.remove(&name).unwrap_or_else(|| panic!("there is no fixture database {name}"));
        if let Some(reason) = fixture.header.unmet(&server) {
            eprintln!("skipped: {} cases of {name}: the fixture {reason}", cases.len());
            skipped += cases.len();
            continue;
        }
        let (fit, unfit): (Vec<_>, Vec<_>) = cases.into_iter().partition(|w| w.header.unmet(&server).is_none());
        unfit.iter().for_each(|w| eprintln!("skipped: {}: {}", w.name, w.header.unmet(&server).unwrap()));
        skipped += unfit.len();
        jobs.push((fixture, fit));
    }
    let (ran, complaints) = run(&cluster, jobs);
    eprintln!("{ran} cases of {all} ran, {skipped} skipped, in {:.0?}", began.elapsed());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.concat());
    assert_eq!(ran + skipped, chosen, "a case was neither run nor skipped");
    // What is skipped for the server's sake is little, unless it lacks contrib.
    assert!(
        chosen < all || !fixture_database::is_complete(&server) || ran * 20 >= all * 19,
        "{ran} of {all} is too few"
    );
}

/// Runs them all, a few at a time. How many cases there were, and what is wrong.
fn run(cluster: &Cluster, jobs: Vec<(FixtureDatabase, Vec<DamageCase>)>) -> (usize, Vec<String>) {
    // Fixture databases make roles, which all databases of a server share: one after the other.
    let pairs: Vec<(Pair<'_>, Vec<DamageCase>)> =
        jobs.into_iter().map(|(fixture, cases)| (Pair::make(cluster, fixture), cases)).collect();
    let tasks: Vec<(&Pair<'_>, Option<&DamageCase>)> = pairs
        .iter()
        .flat_map(|(pair, cases)| [(pair, None)].into_iter().chain(cases.iter().map(move |case| (pair, Some(case)))))
        .collect();
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((pair, case)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let complaint = match case {
                        Some(case) => pair.complaint(case),
                        None => unharmed(pair),
                    };
                    complaints.lock().unwrap().extend(complaint);
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    complaints.sort();
    (pairs.iter().map(|(_, cases)| cases.len()).sum(), complaints)
}

/// Without damage nothing must be found.
fn unharmed(pair: &Pair<'_>) -> Option<String> {
    let said = pair.compare_with("unharmed", None).unwrap();
    (!said.is_sound()).then(|| format!("{} without damage: {said}", pair.fixture.name))
}

/// The rule that keeps the suite whole: every kind of finding and every question has a case that proves it.
#[test]
fn every_kind_of_finding_and_every_question_has_a_damage_case() {
    let cases = DamageCase::all();
    assert!(cases.len() >= LEAST, "there are only {} cases", cases.len());
    let expected: BTreeSet<String> = cases.iter().flat_map(DamageCase::expected).collect();
    // Drift is between two nights, not between the two sides of a comparison: see tests/no_server/history. Files: tests/postgres/files.
    let elsewhere = [FindingKind::Drift, FindingKind::FileContent, FindingKind::FileMode];
    for kind in FindingKind::ALL.into_iter().filter(|kind| !elsewhere.contains(kind)) {
        let has_one = expected.iter().any(|line| line.split(' ').next() == Some(kind.id()));
        assert!(has_one, "no case causes {}", kind.id());
    }
    let asked: BTreeSet<&str> = expected
        .iter()
        .filter_map(|line| {
            line.strip_prefix("missing ").or(line.strip_prefix("unexpected ")).or(line.strip_prefix("changed "))
        })
        .filter_map(|object| object.split(' ').next())
        .collect();
    // Large objects on one side only are part of the finding in their data.
    let unasked = CATALOG.iter().map(|question| question.kind).filter(|kind| !asked.contains(kind));
    let silent: Vec<&str> = unasked.filter(|kind| *kind != "large_object").collect();
    assert!(silent.is_empty(), "no case is seen by these questions of checks/catalog: {silent:?}");
}

#[test]
fn every_damage_case_names_its_database_its_findings_and_the_reason() {
    let fixtures: BTreeSet<String> = FixtureDatabase::all().into_iter().map(|fixture| fixture.name).collect();
    for case in DamageCase::all() {
        let file = case.file.display();
        assert!(fixtures.contains(case.fixture()), "{file}: there is no fixture database {}", case.fixture());
        assert!(!case.expected().is_empty(), "{file}: what must be found?");
        assert_eq!(case.header.all("why").len(), 1, "{file}: why, in one line");
        let kinds = FindingKind::ALL.map(FindingKind::id);
        let unknown = case.expected().into_iter().find(|line| !kinds.contains(&line.split(' ').next().unwrap()));
        assert_eq!(unknown, None, "{file}: no such kind of finding");
    }
}
