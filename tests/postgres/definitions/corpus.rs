//! The files of `fixtures/definitions`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::definitions::scenario::Scenario;
use crate::support::Database;
use crate::support::fixture_database::{Header, fixtures, sql_files};
use crate::support::majors::Majors;

/// Copies side by side: each waits for the program, the server or pg_restore in turn.
const WORKERS: usize = 3;
/// Fewer files than this, and a part of the corpus is lost.
const LEAST: usize = 5;

struct Definitions {
    name: String,
    file: PathBuf,
    header: Header,
}

/// `PGWITNESS_DEFINITIONS=forum` runs only the files with that in their name.
fn chosen() -> Vec<Definitions> {
    let wanted = std::env::var("PGWITNESS_DEFINITIONS").unwrap_or_default();
    let files = sql_files(&fixtures().join("definitions")).into_iter().filter(|(name, _)| name.contains(&wanted));
    files.map(|(name, file)| Definitions { header: Header::read(&file), name, file }).collect()
}

#[test]
fn every_file_of_definitions_is_sound_after_a_dump_and_restore_on_the_same_and_on_later_versions() {
    let scenario = Scenario::start();
    let corpus = chosen();
    let mut sources: BTreeMap<(usize, u32), Database> = BTreeMap::new();
    for (index, one) in corpus.iter().enumerate() {
        for major in scenario.sources() {
            if let Some(reason) = one.header.unmet(&scenario.server(major)) {
                eprintln!("skipped: {} {reason}", one.name);
                continue;
            }
            let database = scenario.create(major, &one.name);
            database.load_file(&one.file);
            sources.insert((index, major), database);
        }
    }
    scenario.copy_roles();
    let sources: BTreeMap<_, String> = sources.into_iter().map(|(key, database)| (key, database.conninfo)).collect();
    let tasks: Vec<(usize, (u32, u32))> = (0..corpus.len())
        .flat_map(|index| scenario.pairs.iter().map(move |pair| (index, *pair)))
        .filter(|(index, pair)| sources.contains_key(&(*index, pair.0)))
        .filter(|(index, pair)| corpus[*index].header.unmet(&scenario.server(pair.1)).is_none())
        .collect();
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((index, pair)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let source = Database::connect(&sources[&(*index, pair.0)]);
                    let name = &corpus[*index].name;
                    let manifest = scenario.manifest(&source, name, pair.0);
                    let complaint = scenario.complaint(&source, &manifest, name, *pair);
                    complaints.lock().unwrap().extend(complaint);
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    complaints.sort();
    eprintln!("{} copies of {} files, pairs {:?}", tasks.len(), corpus.len(), scenario.pairs);
    assert!(complaints.is_empty(), "{} of {} copies:\n{}", complaints.len(), tasks.len(), complaints.join("\n"));
    // A file for a later version needs such a server; every other one must have been copied.
    let newest = scenario.sources().into_iter().max().unwrap();
    for (index, one) in corpus.iter().enumerate().filter(|(_, one)| since(&one.name) <= newest) {
        assert!(tasks.iter().any(|(copied, _)| *copied == index), "no copy of {}", one.name);
    }
}

/// The first version that takes a file, by its name: 16 of `hand_written_since_16`.
fn since(name: &str) -> u32 {
    name.rsplit_once("_since_").map_or(0, |(_, major)| major.parse().unwrap())
}

#[test]
fn the_corpus_is_whole() {
    let files = sql_files(&fixtures().join("definitions"));
    assert!(files.len() >= LEAST, "only {} files of definitions", files.len());
}

#[test]
fn a_version_without_a_server_is_named_in_one_line() {
    let installed = crate::support::installed();
    let majors = Majors::among(installed, &[]);
    assert_eq!(majors.present(), [installed.version.major]);
    let line = majors.not_checked().unwrap();
    let others: Vec<String> =
        (14..=18).filter(|major| *major != installed.version.major).map(|major| major.to_string()).collect();
    let expected = format!(
        "not checked on PostgreSQL {}: no server found (tests/get_postgresql.sh DIR; PGWITNESS_TEST_SERVERS=DIR)",
        others.join(", ")
    );
    assert_eq!(line, expected);
}
