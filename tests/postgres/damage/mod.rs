//! Every wound in `fixtures/damage` is found, exactly: the finding it must cause, no other, and silence without it.
//!
//! A new wound is a new file and nothing else: what it is made in, what must be found and on which servers stands in its first
//! lines. The database of each world is dumped and restored once; each wound gets a clone of that copy.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

mod columns;
mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::support;
use crate::support::world::{self, Header, World, fixtures, sql_files};
use crate::support::{Database, Format};
use pgwitness::model::catalog::CATALOG;
use pgwitness::model::finding::FindingKind;
use pgwitness::model::name::quote_always;
use pgwitness::postgres::server::Cluster;

/// Fewer files than this, and somebody has lost a part of the suite. Raise it now and then.
const LEAST: usize = 400;
/// Comparisons side by side: in each, the program waits for the server or the server for the program.
const WORKERS: usize = 3;

struct Wound {
    name: String,
    file: PathBuf,
    header: Header,
}

impl Wound {
    fn all() -> Vec<Self> {
        let files = sql_files(&fixtures().join("damage"));
        files.into_iter().map(|(name, file)| Self { header: Header::read(&file), name, file }).collect()
    }

    fn world(&self) -> &str {
        match self.header.all("world")[..] {
            [world] => world,
            _ => panic!("{}: there must be one line `-- world: NAME`", self.file.display()),
        }
    }

    fn expected(&self) -> BTreeSet<String> {
        self.header.all("expect").into_iter().map(str::to_owned).collect()
    }
}

/// A world on the server: the original, and a restored copy that clones are made from.
struct Pair<'c> {
    cluster: &'c Cluster,
    world: World,
    original: String,
    copy: String,
    dump: tempfile::TempDir,
    is_cloneable: bool,
}

impl<'c> Pair<'c> {
    fn make(cluster: &'c Cluster, world: World) -> Self {
        let (original, copy) = (format!("{}_original", world.name), format!("{}_copy", world.name));
        let dump = tempfile::tempdir().unwrap();
        let expected = world.load(cluster, &original);
        expected.dump(Format::Custom, &dump.path().join("dump"));
        let actual = Database::create(cluster, &copy);
        actual.restore(Format::Custom, &dump.path().join("dump"));
        world.add_settings(&expected);
        // A subscription lives outside its database: a clone lacks it.
        let subscriptions = "SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
                             WHERE datname = current_database()";
        let is_cloneable = actual.value(subscriptions) == "0";
        Self { cluster, world, original, copy, dump, is_cloneable }
    }

    /// Another copy, as good as the first.
    fn another(&self, name: &str) -> Database {
        let clone = if self.is_cloneable {
            let sql = format!("CREATE DATABASE {} TEMPLATE {}", quote_always(name), quote_always(&self.copy));
            Database::connect(&self.cluster.conninfo("postgres")).run(&sql);
            Database::connect(&self.cluster.conninfo(name))
        } else {
            let database = Database::create(self.cluster, name);
            database.restore(Format::Custom, &self.dump.path().join("dump"));
            database
        };
        self.world.add_settings(&clone);
        drop(clone);
        Database::connect(&self.cluster.conninfo(name))
    }

    /// Only for the space: whatever cannot be dropped goes away with the server.
    fn drop_another(&self, name: &str) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", quote_always(name));
        let _ = Database::connect(&self.cluster.conninfo("postgres")).try_run(&sql);
    }

    /// What the program says of the original and a copy with these wounds. `Err` when the wound itself cannot be made.
    fn compare_with(&self, name: &str, wound: Option<&Path>) -> Result<world::Said, String> {
        let name = format!("{}_{name}", self.world.name);
        let name: String = name.chars().take(63).collect();
        let clone = self.another(&name);
        if let Some(file) = wound {
            clone.try_run(&std::fs::read_to_string(file).unwrap())?;
        }
        let conninfo = clone.conninfo.clone();
        drop(clone);
        let said = world::compare(&self.cluster.conninfo(&self.original), &conninfo, &self.world.checks());
        self.drop_another(&name);
        Ok(said)
    }

    /// What is wrong with the answer to a wound, if anything.
    fn complaint(&self, wound: &Wound) -> Option<String> {
        let said = match self.compare_with(&format!("w_{}", wound.name), Some(&wound.file)) {
            Ok(said) => said,
            Err(error) => return Some(format!("{}: the wound cannot be made: {error}\n", wound.name)),
        };
        let expected = wound.expected();
        if said.exit == Some(1) && said.findings == expected && said.unchecked.is_empty() && !expected.is_empty() {
            return None;
        }
        let mut text = format!("{} (world {}): exit {:?}: {}\n", wound.name, self.world.name, said.exit, said.line);
        expected.difference(&said.findings).for_each(|f| writeln!(text, "  not found:  {f}").unwrap());
        said.findings.difference(&expected).for_each(|f| writeln!(text, "  not expected: {f}").unwrap());
        said.unchecked.iter().for_each(|u| writeln!(text, "  unchecked: {u}").unwrap());
        Some(text)
    }
}

/// `PGWITNESS_WOUNDS=lob` runs only the wounds with that in their name, for whoever works on one.
fn is_chosen(wound: &Wound) -> bool {
    std::env::var("PGWITNESS_WOUNDS").map_or(true, |part| wound.name.contains(&part))
}

#[test]
fn every_wound_is_found_exactly_and_nothing_is_found_without_it() {
    let began = Instant::now();
    let cluster = support::cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let wounds: Vec<Wound> = Wound::all();
    let (all, chosen) = (wounds.len(), wounds.iter().filter(|wound| is_chosen(wound)).count());
    let mut by_world: BTreeMap<String, Vec<Wound>> = BTreeMap::new();
    for wound in wounds.into_iter().filter(is_chosen) {
        by_world.entry(wound.world().to_owned()).or_default().push(wound);
    }
    assert!(chosen > 0, "no wound has that in its name");
    let (mut jobs, mut skipped) = (Vec::new(), 0);
    let named = World::all().into_iter().map(|world| (world.name.clone(), world));
    let mut worlds: BTreeMap<String, World> = named.collect();
    for (name, wounds) in by_world {
        let world = worlds.remove(&name).unwrap_or_else(|| panic!("there is no world {name}"));
        if let Some(reason) = world.header.unmet(&server) {
            eprintln!("skipped: {} wounds of {name}: the world {reason}", wounds.len());
            skipped += wounds.len();
            continue;
        }
        let (fit, unfit): (Vec<_>, Vec<_>) = wounds.into_iter().partition(|w| w.header.unmet(&server).is_none());
        unfit.iter().for_each(|w| eprintln!("skipped: {}: {}", w.name, w.header.unmet(&server).unwrap()));
        skipped += unfit.len();
        jobs.push((world, fit));
    }
    let (ran, complaints) = run(&cluster, jobs);
    eprintln!("{ran} wounds of {all} ran, {skipped} skipped, in {:.0?}", began.elapsed());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.concat());
    assert_eq!(ran + skipped, chosen, "a wound was neither run nor skipped");
    // What is skipped for the server's sake is little, unless it lacks contrib.
    assert!(chosen < all || !world::is_complete(&server) || ran * 20 >= all * 19, "{ran} of {all} is too few");
}

/// Runs them all, a few at a time. How many wounds there were, and what is wrong.
fn run(cluster: &Cluster, jobs: Vec<(World, Vec<Wound>)>) -> (usize, Vec<String>) {
    // Worlds make roles, which all databases of a server share: one after the other.
    let pairs: Vec<(Pair<'_>, Vec<Wound>)> =
        jobs.into_iter().map(|(world, wounds)| (Pair::make(cluster, world), wounds)).collect();
    let tasks: Vec<(&Pair<'_>, Option<&Wound>)> = pairs
        .iter()
        .flat_map(|(pair, wounds)| {
            [(pair, None)].into_iter().chain(wounds.iter().map(move |wound| (pair, Some(wound))))
        })
        .collect();
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((pair, wound)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let complaint = match wound {
                        Some(wound) => pair.complaint(wound),
                        None => silence(pair),
                    };
                    complaints.lock().unwrap().extend(complaint);
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    complaints.sort();
    (pairs.iter().map(|(_, wounds)| wounds.len()).sum(), complaints)
}

/// Without a wound there must be nothing to say.
fn silence(pair: &Pair<'_>) -> Option<String> {
    let said = pair.compare_with("unharmed", None).unwrap();
    (!said.is_sound()).then(|| format!("{} without any wound: {said}", pair.world.name))
}

/// The rule that keeps the suite whole: whatever can be found or asked has a wound that proves it.
#[test]
fn every_kind_of_finding_and_every_question_has_a_wound() {
    let wounds = Wound::all();
    assert!(wounds.len() >= LEAST, "there are only {} wounds", wounds.len());
    let expected: BTreeSet<String> = wounds.iter().flat_map(Wound::expected).collect();
    // Drift is between two nights, not between the two sides of a comparison: see tests/no_server/history.
    for kind in FindingKind::ALL.into_iter().filter(|kind| *kind != FindingKind::Drift) {
        let has_one = expected.iter().any(|line| line.split(' ').next() == Some(kind.id()));
        assert!(has_one, "no wound causes {}", kind.id());
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
    assert!(silent.is_empty(), "no wound is seen by these questions of checks/catalog: {silent:?}");
}

#[test]
fn every_wound_says_where_it_is_what_must_be_found_and_why() {
    let worlds: BTreeSet<String> = World::all().into_iter().map(|world| world.name).collect();
    for wound in Wound::all() {
        let file = wound.file.display();
        assert!(worlds.contains(wound.world()), "{file}: there is no world {}", wound.world());
        assert!(!wound.expected().is_empty(), "{file}: what must be found?");
        assert_eq!(wound.header.all("why").len(), 1, "{file}: why, in one line");
        let kinds = FindingKind::ALL.map(FindingKind::id);
        let unknown = wound.expected().into_iter().find(|line| !kinds.contains(&line.split(' ').next().unwrap()));
        assert_eq!(unknown, None, "{file}: no such kind of finding");
    }
}
