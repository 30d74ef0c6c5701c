//! A part of a manifest: what one of several processes has read of one snapshot. And how the parts become the whole.
//!
//! The processes do not talk to each other. What each reads follows from what all of them see alike: names and the snapshot's catalog,
//! never sizes, which change while they read. A table is divided into stripes of pages, dealt to the parts in turn; what cannot be
//! divided is dealt as a whole. The sums of the stripes are the sum of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::base::error::{Error, Result};
use crate::model::manifest::{Computed, DIGEST_ON, Manifest, Observed, Relation, Tally};
use crate::model::name::Name;
use crate::model::sketch_budget;

/// The version of the stored form of a part. A part is merged by the version of pgwitness that wrote it, so there are no older ones.
pub const PART_FORMAT: u32 = 1;
/// Most parts of one manifest: the largest array job of AWS Batch.
const MOST_PARTS: u32 = 10_000;
/// Labels in [`ManifestPart::agreed`]: the version of pgwitness.
pub const VERSION: &str = "version of pgwitness";
/// The database on its running server.
pub const DATABASE: &str = "database";
/// The identifier of the snapshot.
pub const SNAPSHOT: &str = "snapshot";
/// The selection of tables and schemas.
pub const SELECTION: &str = "selection";

/// What stands in a part for what another part holds.
const ELSEWHERE: &str = "in another part";

/// Which part, of how many: `3/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartNumber {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl PartNumber {
    /// Whether the `position`th of things that are dealt in turn belongs to this part.
    pub fn has(self, position: u64) -> bool {
        position % u64::from(self.of.max(1)) == u64::from(self.number.saturating_sub(1))
    }
}

impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for PartNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if of <= MOST_PARTS && (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err(Error::new(format!(
                "{text:?} is not a part like 1/8: the number of the part, from 1, and of how many"
            ))),
        }
    }
}

/// The position of each key: sorted by hash, so that tables which recur in many schemas are not all dealt to one part.
pub fn dealt(keys: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut hashed: Vec<([u8; 32], String)> = keys.map(|key| (Sha256::digest(&key).into(), key)).collect();
    hashed.sort();
    (0..).zip(hashed).map(|(position, (_, key))| (key, position)).collect()
}

/// Lists of which every part knows all keys, and has results for some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartList {
    /// Kinds of schema objects.
    Kinds,
    /// Sequences.
    Sequences,
    /// Foreign keys.
    ForeignKeys,
    /// The user's checks.
    Assertions,
}

impl PartList {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kinds, Self::Sequences, Self::ForeignKeys, Self::Assertions];

    /// As it is called in [`ManifestPart::agreed`] and in messages.
    fn label(self) -> &'static str {
        match self {
            Self::Kinds => "list of kinds of objects",
            Self::Sequences => "list of sequences",
            Self::ForeignKeys => "list of foreign keys",
            Self::Assertions => "list of assertions",
        }
    }

    fn keys(self, manifest: &Manifest) -> BTreeSet<String> {
        match self {
            Self::Kinds => manifest.schema.objects.keys().chain(manifest.schema.unseen.keys()).cloned().collect(),
            Self::Sequences => manifest.sequences.keys().map(ToString::to_string).collect(),
            Self::ForeignKeys => manifest.foreign_keys.keys().cloned().collect(),
            Self::Assertions => manifest.assertions.keys().cloned().collect(),
        }
    }
}

/// A part as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestPart {
    /// [`PART_FORMAT`].
    pub part_format: u32,
    /// Which.
    pub part: PartNumber,
    /// What all parts have in common, by what it is: the snapshot, the selection and so on, as texts or hashes.
    pub agreed: BTreeMap<String, String>,
    /// Tables of which each part has read some pages. Of the others, one part has read all.
    pub divided: BTreeSet<Name>,
    /// What was read. What belongs to another part is left out of maps, or unseen.
    pub manifest: Manifest,
}

impl ManifestPart {
    /// `lists`: all keys, also of the other parts.
    pub fn new(
        part: PartNumber,
        mut agreed: BTreeMap<String, String>,
        lists: &BTreeMap<PartList, BTreeSet<String>>,
        divided: BTreeSet<Name>,
        mut manifest: Manifest,
    ) -> Self {
        agreed.extend(lists.iter().map(|(list, keys)| (list.label().to_owned(), hash_of(keys))));
        let positions = positions(manifest.relations.keys());
        for (name, relation) in &mut manifest.relations {
            if !divided.contains(name) && !owns(part, &positions, name) {
                relation.rows = Observed::Unseen(ELSEWHERE.into());
                relation.computed.iter_mut().for_each(|computed| computed.rows = Observed::Unseen(ELSEWHERE.into()));
            }
        }
        Self { part_format: PART_FORMAT, part, agreed, divided, manifest }
    }

    /// What this part itself could not read.
    pub fn unseen(&self) -> Vec<String> {
        let elsewhere = format!(": {ELSEWHERE}");
        self.manifest.unseen().into_iter().filter(|line| !line.ends_with(&elsewhere)).collect()
    }

    /// What it is, without what was read: enough to know whether it can be merged.
    pub fn head(&self) -> PartHead {
        PartHead { part: self.part, agreed: self.agreed.clone(), taken_at: self.manifest.endpoint.taken_at.clone() }
    }
}

/// A part without what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHead {
    /// Which.
    pub part: PartNumber,
    /// See [`ManifestPart::agreed`].
    pub agreed: BTreeMap<String, String>,
    /// See [`crate::model::manifest::EndpointFacts::taken_at`].
    pub taken_at: String,
}

/// The position of each relation in turn.
pub fn positions<'a>(relations: impl Iterator<Item = &'a Name>) -> BTreeMap<String, u64> {
    dealt(relations.map(ToString::to_string))
}

fn owns(part: PartNumber, positions: &BTreeMap<String, u64>, name: &Name) -> bool {
    positions.get(&name.to_string()).is_some_and(|position| part.has(*position))
}

fn hash_of(keys: &BTreeSet<String>) -> String {
    let mut hash = Sha256::new();
    keys.iter().for_each(|key| hash.update(format!("{}:{key}", key.len())));
    hex::encode(hash.finalize())
}

/// The order in which these parts are to be added: by number. The names are those of files, for messages.
///
/// # Errors
/// A part is missing, doubled, or of another manifest.
pub fn in_order(heads: &[(String, PartHead)]) -> Result<Vec<usize>> {
    let Some((first_name, first)) = heads.first() else { return Err(Error::new("no parts to merge")) };
    let mut found = BTreeMap::<u32, usize>::new();
    for (index, (name, head)) in heads.iter().enumerate() {
        let PartNumber { number, of } = head.part;
        if of != first.part.of {
            let first = first.part;
            return Err(Error::new(format!(
                "{name} is part {number} of {of}, {first_name} is part {} of {}",
                first.number, first.of
            )));
        }
        agree((first_name, first), (name, head))?;
        if let Some((other, _)) = found.insert(number, index).and_then(|other| heads.get(other)) {
            return Err(Error::new(format!("part {number} of {of} is there twice: {other} and {name}")));
        }
    }
    let missing: Vec<String> =
        (1..=first.part.of).filter(|number| !found.contains_key(number)).map(|number| number.to_string()).collect();
    match missing.as_slice() {
        [] => Ok(found.into_values().collect()),
        [one] => Err(Error::new(format!("part {one} of {} is missing", first.part.of)).hint("name all files")),
        more => {
            Err(Error::new(format!("parts {} of {} are missing", list(more), first.part.of)).hint("name all files"))
        }
    }
}

/// A message need not be longer.
fn list(numbers: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = numbers.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if numbers.len() > SHOWN { format!("{shown} and {} more", numbers.len() - SHOWN) } else { shown }
}

fn agree(first: (&str, &PartHead), other: (&str, &PartHead)) -> Result<()> {
    let (mine, theirs) = (&first.1.agreed, &other.1.agreed);
    let all: BTreeSet<&str> = mine.keys().chain(theirs.keys()).map(String::as_str).collect();
    // What explains the others comes first.
    let mut labels = [VERSION, DATABASE, SNAPSHOT, SELECTION].into_iter().chain(all);
    let Some(what) = labels.find(|what| mine.get(*what) != theirs.get(*what)) else { return Ok(()) };
    let value = |facts: &BTreeMap<String, String>| {
        facts.get(what).map_or_else(|| "unknown".to_owned(), |text| text.chars().take(80).collect())
    };
    let cause = format!(
        "{} and {} are not parts of one manifest: {what}: {}, {}",
        first.0,
        other.0,
        value(mine),
        value(theirs)
    );
    Err(Error::new(cause).hint("read all parts again, from one snapshot and with the same options"))
}

/// Parts that are put together, in the order of [`in_order`].
pub struct Merging {
    whole: ManifestPart,
    positions: BTreeMap<String, u64>,
}

impl Merging {
    /// Begins with part 1.
    pub fn new(first: ManifestPart) -> Self {
        let positions = positions(first.manifest.relations.keys());
        Self { whole: first, positions }
    }

    /// Adds the next part.
    ///
    /// # Errors
    /// It contradicts the parts before it.
    pub fn add(&mut self, next: ManifestPart) -> Result<()> {
        let number = next.part.number;
        let doubled = |what: &str| Error::new(format!("part {number} contradicts the parts before it: {what}"));
        let (whole, theirs) = (&mut self.whole.manifest, next.manifest);
        if self.whole.divided != next.divided {
            return Err(doubled("it has divided other tables"));
        }
        if whole.answers != theirs.answers || whole.names != theirs.names || whole.format != theirs.format {
            return Err(doubled("its catalog differs"));
        }
        add_facts(whole, &theirs).map_err(|what| doubled(&what))?;
        if !whole.relations.keys().eq(theirs.relations.keys()) {
            return Err(doubled("it lists other tables"));
        }
        for ((name, mine), theirs) in whole.relations.iter_mut().zip(theirs.relations.into_values()) {
            if frame(mine) != frame(&theirs) {
                return Err(doubled(&format!("it lists {name} otherwise")));
            }
            if self.whole.divided.contains(name) {
                add_stripes(mine, theirs);
            } else if owns(next.part, &self.positions, name) {
                *mine = theirs;
            }
        }
        add_rows(&mut whole.large_objects, theirs.large_objects);
        let mut is_doubled = extend(&mut whole.sequences, theirs.sequences);
        is_doubled |= extend(&mut whole.schema.objects, theirs.schema.objects);
        is_doubled |= extend(&mut whole.schema.unseen, theirs.schema.unseen);
        is_doubled |= extend(&mut whole.foreign_keys, theirs.foreign_keys);
        is_doubled |= extend(&mut whole.assertions, theirs.assertions);
        if is_doubled { Err(doubled("it holds what another part holds")) } else { Ok(()) }
    }

    /// The manifest, as one process would have written it.
    ///
    /// # Errors
    /// Something that all parts knew of is in none of them.
    pub fn finish(self) -> Result<Manifest> {
        let ManifestPart { mut manifest, agreed, .. } = self.whole;
        for list in PartList::ALL {
            if agreed.get(list.label()) != Some(&hash_of(&list.keys(&manifest))) {
                return Err(Error::new(format!(
                    "the parts together do not have the {} that each of them knew",
                    list.label()
                ))
                .hint("please report this"));
            }
        }
        if let Some((name, _)) = manifest.relations.iter().find(|(_, relation)| is_elsewhere(&relation.rows)) {
            return Err(Error::new(format!("no part holds {name}")).hint("please report this"));
        }
        sketch_budget::fit_all(&mut manifest);
        if manifest.endpoint.settings.contains_key(DIGEST_ON) {
            manifest.note_digest_places();
        }
        Ok(manifest)
    }
}

fn is_elsewhere<T>(observed: &Observed<T>) -> bool {
    matches!(observed, Observed::Unseen(reason) if reason.full() == ELSEWHERE)
}

/// The earliest time: the snapshot is at least that old. How each connection was protected.
fn add_facts(whole: &mut Manifest, theirs: &Manifest) -> std::result::Result<(), String> {
    let (mine, theirs) = (&mut whole.endpoint, &theirs.endpoint);
    let setting = |settings: &BTreeMap<String, String>, name: &String| settings.get(name).cloned().unwrap_or_default();
    let names = mine.settings.keys().chain(theirs.settings.keys());
    // Where rows were hashed is counted for the whole.
    let is_equal = |name: &str| match (mine.settings.get(name), theirs.settings.get(name)) {
        (Some(_), Some(_)) if name == DIGEST_ON => true,
        (mine, theirs) => mine == theirs,
    };
    if let Some(name) = names.into_iter().find(|name| !is_equal(name)) {
        let (mine, theirs) = (setting(&mine.settings, name), setting(&theirs.settings, name));
        return Err(format!("{name} was {theirs:?} instead of {mine:?}"));
    }
    if (&mine.kind, &mine.server_version, mine.is_standby) != (&theirs.kind, &theirs.server_version, theirs.is_standby)
    {
        return Err("it was read from another server".into());
    }
    mine.taken_at = mine.taken_at.clone().min(theirs.taken_at.clone());
    if let (Some(peers), Some(peer)) = (&mut mine.peer, &theirs.peer)
        && !peers.split("; ").any(|known| known == peer)
    {
        *peers = format!("{peers}; {peer}");
    }
    Ok(())
}

/// What is known of a relation without its rows.
fn frame(relation: &Relation) -> Relation {
    let unread = || Observed::Unseen(ELSEWHERE.into());
    Relation {
        kind: relation.kind,
        columns: relation.columns.clone(),
        key: relation.key.clone(),
        is_unlogged: relation.is_unlogged,
        extension: relation.extension.clone(),
        read_columns: relation.read_columns.clone(),
        rows: unread(),
        computed: relation
            .computed
            .as_ref()
            .map(|of| Box::new(Computed { columns: of.columns.clone(), rows: unread() })),
        is_config: relation.is_config,
        is_undefined: relation.is_undefined,
        is_dumped: relation.is_dumped,
    }
}

fn add_stripes(mine: &mut Relation, theirs: Relation) {
    add_rows(&mut mine.rows, theirs.rows);
    if let (Some(mine), Some(theirs)) = (&mut mine.computed, theirs.computed) {
        add_rows(&mut mine.rows, theirs.rows);
    }
}

/// One part that could not be read makes the whole unseen.
fn add_rows(mine: &mut Observed<Tally>, theirs: Observed<Tally>) {
    match (&mut *mine, theirs) {
        (Observed::Unseen(_), _) => {}
        (_, Observed::Unseen(reason)) => *mine = Observed::Unseen(reason),
        // The sketch of no rows is small, and would make the other as small.
        (Observed::Seen(_), Observed::Seen(theirs)) if theirs.digest.rows == 0 => {}
        (Observed::Seen(tally), Observed::Seen(theirs)) if tally.digest.rows == 0 => *tally = theirs,
        (Observed::Seen(tally), Observed::Seen(theirs)) => tally.merge(&theirs),
    }
}

/// `true`: a key was there already.
fn extend<K: Ord, V>(mine: &mut BTreeMap<K, V>, theirs: BTreeMap<K, V>) -> bool {
    let count = mine.len() + theirs.len();
    mine.extend(theirs);
    mine.len() != count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::RowDigest;
    use crate::samples::{live, relation};

    fn part(number: u32, of: u32) -> PartNumber {
        PartNumber { number, of }
    }

    fn heads(parts: &[(u32, u32, &str)]) -> Vec<(String, PartHead)> {
        let head = |(number, of, snapshot): &(u32, u32, &str)| {
            let agreed = BTreeMap::from([(SNAPSHOT.to_owned(), (*snapshot).to_owned())]);
            let head = PartHead { part: part(*number, *of), agreed, taken_at: String::new() };
            (format!("{number}.json"), head)
        };
        parts.iter().map(head).collect()
    }

    fn refusal(parts: &[(u32, u32, &str)]) -> String {
        in_order(&heads(parts)).unwrap_err().to_string()
    }

    #[test]
    fn a_part_is_a_number_of_a_number() {
        assert_eq!("3/8".parse::<PartNumber>().unwrap(), part(3, 8));
        assert_eq!(part(3, 8).to_string(), "3/8");
        for wrong in ["0/8", "9/8", "8", "/8", "3/", "3/8/1", "-1/8", "1/10001", ""] {
            assert!(wrong.parse::<PartNumber>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_are_put_in_order_and_what_is_missing_doubled_or_foreign_is_named() {
        assert_eq!(in_order(&heads(&[(3, 3, "a"), (1, 3, "a"), (2, 3, "a")])).unwrap(), [1, 2, 0]);
        assert_eq!(refusal(&[(3, 3, "a"), (1, 3, "a")]), "part 2 of 3 is missing");
        assert_eq!(refusal(&[(3, 4, "a")]), "parts 1, 2, 4 of 4 are missing");
        assert_eq!(refusal(&[(1, 2, "a"), (1, 2, "a")]), "part 1 of 2 is there twice: 1.json and 1.json");
        assert_eq!(refusal(&[(1, 2, "a"), (2, 3, "a")]), "2.json is part 2 of 3, 1.json is part 1 of 2");
        assert_eq!(
            refusal(&[(1, 2, "a"), (2, 2, "b")]),
            "1.json and 2.json are not parts of one manifest: snapshot: a, b"
        );
        assert_eq!(refusal(&[]), "no parts to merge");
    }

    #[test]
    fn what_recurs_in_every_schema_is_dealt_to_all_parts() {
        let tables = ["members", "orders", "payments", "log"];
        let keys = (0..200).flat_map(|schema| tables.map(|table| format!("tenant_{schema:03}.{table}")));
        let positions = dealt(keys);
        let mut count = BTreeMap::<(bool, u64), u32>::new();
        for (key, position) in &positions {
            *count.entry((key.ends_with(".log"), position % 4)).or_default() += 1;
        }
        assert_eq!(positions.values().collect::<BTreeSet<_>>().len(), 800);
        // 50 on average.
        assert!((0..4).all(|part| (30..=70).contains(&count[&(true, part)])), "{count:?}");
    }

    fn tally(rows: std::ops::Range<u32>) -> Tally {
        let mut tally = Tally::new(crate::model::sketch::MAX_LOG2);
        rows.for_each(|row| tally.add(RowDigest::of(&row.to_be_bytes())));
        tally
    }

    /// One divided table, one that is whole, and some foreign keys of two that are dealt.
    fn sample(number: u32, rows: std::ops::Range<u32>, keys: &[&str]) -> ManifestPart {
        let read = |rows| Relation { read_columns: ["id".into()].into(), ..relation(Observed::Seen(tally(rows))) };
        let mut manifest = live();
        manifest.relations.insert(Name::new("shop", "wide"), read(rows));
        manifest.relations.insert(Name::new("shop", "whole"), read(0..number + 2));
        manifest.large_objects = Observed::Seen(tally(0..number));
        let mut lists = PartList::ALL.map(|list| (list, list.keys(&manifest)));
        lists[2].1 = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let seen = |key: &&str| ((*key).to_owned(), Observed::Seen(crate::model::manifest::Violations::default()));
        manifest.foreign_keys = keys.iter().map(seen).collect();
        let divided = BTreeSet::from([Name::new("shop", "wide")]);
        ManifestPart::new(part(number, 2), BTreeMap::new(), &lists.into(), divided, manifest)
    }

    fn merged(first: ManifestPart, second: ManifestPart) -> Result<Manifest> {
        let mut merging = Merging::new(first);
        merging.add(second)?;
        merging.finish()
    }

    #[test]
    fn stripes_are_added_and_what_is_whole_is_taken_from_its_part() {
        let manifest = merged(sample(1, 0..5, &["a"]), sample(2, 5..900, &["b"])).unwrap();
        let mut all = tally(0..900);
        sketch_budget::fit(&mut all, crate::model::sketch::MAX_LOG2);
        assert_eq!(manifest.relations[&Name::new("shop", "wide")].rows.seen(), Some(&all));
        let owner =
            if owns(part(1, 2), &positions(manifest.relations.keys()), &Name::new("shop", "whole")) { 3 } else { 4 };
        assert_eq!(manifest.relations[&Name::new("shop", "whole")].rows.seen().unwrap().digest.rows, owner);
        assert_eq!(manifest.large_objects.seen().unwrap().digest.rows, 3);
        assert_eq!(manifest.foreign_keys.len(), 2);
    }

    #[test]
    fn what_a_part_could_not_read_is_unseen_in_the_whole() {
        for unread in [1, 2] {
            let mut parts = [sample(1, 0..5, &["a"]), sample(2, 5..9, &["b"])];
            let relation = parts[unread - 1].manifest.relations.get_mut(&Name::new("shop", "wide")).unwrap();
            relation.rows = Observed::Unseen("locked".into());
            let [first, second] = parts;
            assert_eq!(first.unseen().len() + second.unseen().len(), 1);
            let manifest = merged(first, second).unwrap();
            assert!(manifest.unseen().contains(&"rows shop.wide: locked".to_owned()), "{:?}", manifest.unseen());
        }
    }

    #[test]
    fn what_no_part_or_two_parts_hold_is_refused() {
        let twice = merged(sample(1, 0..5, &["a"]), sample(2, 5..9, &["a", "b"])).unwrap_err().to_string();
        assert_eq!(twice, "part 2 contradicts the parts before it: it holds what another part holds");
        let never = merged(sample(1, 0..5, &["a"]), sample(2, 5..9, &[])).unwrap_err().to_string();
        assert_eq!(never, "the parts together do not have the list of foreign keys that each of them knew");
        let mut second = sample(2, 5..9, &["b"]);
        second.divided.clear();
        assert!(merged(sample(1, 0..5, &["a"]), second).unwrap_err().to_string().contains("divided other tables"));
        let mut second = sample(2, 5..9, &["b"]);
        second.manifest.relations.get_mut(&Name::new("shop", "wide")).unwrap().key = vec!["other".into()];
        assert!(
            merged(sample(1, 0..5, &["a"]), second).unwrap_err().to_string().contains("it lists shop.wide otherwise")
        );
    }
}
