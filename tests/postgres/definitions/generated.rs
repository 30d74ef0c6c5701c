//! Generated definitions and rows: made from a seed, dumped, restored and compared, one version after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::definitions::generator::Script;
use crate::definitions::scenario::Scenario;
use crate::support::Database;

/// Of a hundred generated statements a server must accept so many, or the generator tests little.
const LEAST_ACCEPTED_PERCENT: usize = 80;
/// Rounds of a plain run: a faster machine must not meet others.
const SEEDS: u64 = 60;
/// Failing rounds that are shown; one is seldom enough to see the kind.
const SHOWN: usize = 5;
/// First words of what a comparison says.
const FINDINGS: [&str; 6] = ["changed", "missing", "unexpected", "row_count", "row_content", "unchecked:"];

#[test]
fn generated_definitions_and_rows_are_sound_after_a_dump_and_restore() {
    let scenario = Scenario::start();
    let (seeds, length) = what_to_run();
    let began = Instant::now();
    let (mut made, mut accepted, mut rounds, mut complaints) = (0, 0, 0, Vec::new());
    let mut kinds = BTreeMap::new();
    for seed in seeds {
        // Every pair has its turn, the same one for the same seed.
        let pair = scenario.pairs[usize::try_from(seed).unwrap() % scenario.pairs.len()];
        let name = format!("generated_{seed}");
        let source = scenario.create(pair.0, &name);
        let script = Script::generate(seed, pair.0);
        let kept = load(&source, &script);
        (made, accepted, rounds) = (made + script.statements.len(), accepted + kept.len(), rounds + 1);
        if let Some(complaint) = scenario.complaint(&source, &source.conninfo, &name, pair) {
            count_kinds(&complaint, &mut kinds);
            complaints.push(described(seed, &complaint, &kept));
        }
        drop(source);
        scenario.drop(pair.0, &name);
        if began.elapsed() > length {
            break;
        }
    }
    eprintln!("{rounds} rounds, {accepted} of {made} statements accepted, in {:.0?}", began.elapsed());
    let failed = complaints.len();
    complaints.truncate(SHOWN);
    assert!(failed == 0, "{failed} of {rounds} rounds: {kinds:?}\n{}", complaints.join("\n"));
    assert!(accepted * 100 >= made * LEAST_ACCEPTED_PERCENT, "only {accepted} of {made} statements were accepted");
}

fn what_to_run() -> (std::ops::RangeInclusive<u64>, Duration) {
    let number = |name: &str| -> Option<u64> { std::env::var(name).ok().map(|value| value.parse().unwrap()) };
    let minutes = number("PGWITNESS_GENERATE_MINUTES");
    let all = 1..=minutes.map_or(SEEDS, |_| u64::MAX);
    let seeds = number("PGWITNESS_GENERATE_SEED").map_or(all, |seed| seed..=seed);
    (seeds, Duration::from_secs(minutes.unwrap_or(1) * 60))
}

/// The statements that the server accepted.
fn load<'s>(database: &Database, script: &'s Script) -> Vec<&'s str> {
    let mut kept = Vec::new();
    for statement in &script.statements {
        match database.try_run(statement) {
            Ok(()) => kept.push(statement.as_str()),
            Err(error) if std::env::var_os("PGWITNESS_GENERATE_SEED").is_some() => {
                eprintln!("refused: {error}\n  {statement}")
            }
            Err(_) => {}
        }
    }
    kept
}

/// `changed view` and so on, over all rounds.
fn count_kinds(complaint: &str, kinds: &mut BTreeMap<String, usize>) {
    let is_finding = |line: &&str| line.split(' ').next().is_some_and(|word| FINDINGS.contains(&word));
    for line in complaint.lines().filter_map(|line| line.strip_prefix("    ")).filter(is_finding) {
        let kind = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        *kinds.entry(kind).or_default() += 1;
    }
}

/// The complaint, and the statement that made each object in it.
fn described(seed: u64, complaint: &str, statements: &[&str]) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = |text: &str| -> Vec<String> { text.split(|c| !is_word(c)).map(str::to_owned).collect() };
    let object = |line: &str| {
        let line = line.split('(').next().unwrap_or_default();
        words(line.trim()).last().cloned().unwrap_or_default()
    };
    let objects: BTreeSet<String> = complaint.lines().skip(1).map(object).collect();
    // The name of the object comes within the first words; the name of its table too, which is not what is looked for.
    let makes = |statement: &&&str| words(statement).iter().take(9).any(|word| objects.contains(word));
    let made: Vec<&str> = statements.iter().filter(makes).copied().collect();
    format!("PGWITNESS_GENERATE_SEED={seed}\n{complaint}{};\n", made.join(";\n"))
}
