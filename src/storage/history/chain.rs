//! Checks the chain of the reports in a directory: every report names the previous one by its hash.
//!
//! Pure. The chain does not show that its newest reports are missing; see `last_signed.json`.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChainState, Content, ReportEntry, SignatureState};
use crate::base::time::Timestamp;
use crate::model::closing_state::ClosingState;
use crate::storage::reports;

/// The facts of a report that the chain needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Of its bytes.
    pub sha256: String,
    /// Of the one that it names.
    pub previous: Option<String>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What its directory was called when it was written.
    pub name: String,
}

/// `20260131T020000Z-1f2e3d4c`, as the writer of reports calls their directories.
pub fn name_of(started_at: Timestamp, run_id: &str) -> String {
    reports::stamped_name(started_at, run_id).unwrap_or_default()
}

/// The time in such a name; `None`: some other name.
pub fn time_of(name: &str) -> Option<Timestamp> {
    let (stamp, run) = name.split_once('-')?;
    let is_run = run.len() == 8 && run.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    Timestamp::from_stamp(stamp).filter(|_| is_run)
}

/// A report that `report.keep_days` removed.
#[derive(Debug, Clone, Copy)]
pub struct Removed<'a> {
    /// When its run began.
    pub started_at: Timestamp,
    /// Of its bytes.
    pub sha256: &'a str,
    /// Of the report that it named, where that is recorded.
    pub previous: Option<&'a str>,
}

/// Sets the chain state of each entry (oldest first) and inserts entries for missing reports. `removed`: reports that were pruned.
pub fn judge(found: Vec<(ReportEntry, Option<Link>)>, is_checked: bool, removed: &[Removed<'_>]) -> Vec<ReportEntry> {
    let pruned: BTreeSet<&str> = removed.iter().map(|report| report.sha256).collect();
    let (mut entries, links): (Vec<ReportEntry>, Vec<Option<Link>>) = found.into_iter().unzip();
    let states = Chain::new(&entries, &links).states();
    let mut missing = Vec::new();
    for (index, (entry, state)) in entries.iter_mut().zip(states).enumerate() {
        entry.chain = match (state, links.get(index)) {
            (ChainState::PreviousMissing, Some(Some(link))) => {
                let sha256 = link.previous.clone().unwrap_or_default();
                if pruned.contains(sha256.as_str()) {
                    ChainState::PreviousPruned
                } else {
                    missing.push((index, absent(sha256, is_checked)));
                    ChainState::PreviousMissing
                }
            }
            (state, _) => state,
        };
    }
    let present: BTreeSet<&str> = links.iter().flatten().map(|link| link.sha256.as_str()).collect();
    let is_lost = |sha256: &&str| !present.contains(sha256) && !pruned.contains(sha256);
    for report in removed {
        if let Some(lost) = report.previous.filter(is_lost) {
            let at = entries.iter().position(|entry| entry.started_at.is_some_and(|at| at > report.started_at));
            missing.push((at.unwrap_or(entries.len()), absent(lost.to_owned(), is_checked)));
        }
    }
    missing.sort_by_key(|(index, _)| *index);
    for (index, entry) in missing.into_iter().rev() {
        entries.insert(index, entry);
    }
    entries
}

fn absent(sha256: String, is_checked: bool) -> ReportEntry {
    ReportEntry {
        id: format!("missing-{}", sha256.get(..8).unwrap_or_default()),
        path: Default::default(),
        started_at: None,
        content: Content::Missing { sha256 },
        signature: SignatureState::Unsigned,
        is_checked,
        chain: ChainState::Unknown,
        closing_state: ClosingState::Nothing,
        troubles: Vec::new(),
        reviews: Vec::new(),
    }
}

/// The reports of a directory, oldest first.
struct Chain<'a> {
    entries: &'a [ReportEntry],
    links: &'a [Option<Link>],
    /// By hash, the first report that has it.
    by_sha256: BTreeMap<&'a str, usize>,
    /// By hash, the first report that names it.
    named_by: BTreeMap<&'a str, usize>,
    /// The first report that names no previous one.
    root: Option<usize>,
}

impl<'a> Chain<'a> {
    fn new(entries: &'a [ReportEntry], links: &'a [Option<Link>]) -> Self {
        let mut chain = Self { entries, links, by_sha256: BTreeMap::new(), named_by: BTreeMap::new(), root: None };
        for (index, link) in links.iter().enumerate().filter_map(|(index, link)| Some((index, link.as_ref()?))) {
            chain.by_sha256.entry(&link.sha256).or_insert(index);
            match &link.previous {
                Some(previous) => drop(chain.named_by.entry(previous).or_insert(index)),
                None => drop(chain.root.get_or_insert(index)),
            }
        }
        chain
    }

    fn states(&self) -> Vec<ChainState> {
        let state = |(index, link): (usize, &Option<Link>)| {
            link.as_ref().map_or(ChainState::Unknown, |link| self.state(index, link))
        };
        self.links.iter().enumerate().map(state).collect()
    }

    fn id(&self, index: usize) -> String {
        self.entries.get(index).map(|entry| entry.id.clone()).unwrap_or_default()
    }

    fn state(&self, index: usize, link: &Link) -> ChainState {
        if let Some(why) = self.misplaced(index, link) {
            return ChainState::Misplaced(why);
        }
        let Some(previous) = &link.previous else { return ChainState::First };
        let Some(at) = self.by_sha256.get(previous.as_str()) else { return self.lost(index) };
        match self.links.get(*at) {
            Some(Some(named)) if named.finished_at > link.finished_at => {
                ChainState::Misplaced(format!("it names {}, which ended after it", self.id(*at)))
            }
            _ => ChainState::Linked(self.id(*at)),
        }
    }

    fn misplaced(&self, index: usize, link: &Link) -> Option<String> {
        let id = self.id(index);
        let first = |map: &BTreeMap<&str, usize>, key: &str| map.get(key).copied().filter(|first| *first != index);
        if let Some(original) = first(&self.by_sha256, &link.sha256) {
            return Some(format!("the same report as {}", self.id(original)));
        }
        if time_of(&id).is_some() && id != link.name {
            return Some(format!("it was written as {}", link.name));
        }
        match &link.previous {
            Some(previous) => first(&self.named_by, previous)
                .map(|other| format!("it names the same report before it as {}", self.id(other))),
            // A run that began before the first one and ended after it names the first one.
            None => self
                .root
                .filter(|root| *root != index)
                .map(|root| format!("it names no previous report, although {} is older", self.id(root))),
        }
    }

    /// The named previous report is not here. If the report directly before has a bad signature and is named by no other report, it was
    /// probably edited; otherwise one is missing.
    fn lost(&self, index: usize) -> ChainState {
        let before = (0..index).rev().find_map(|at| Some((at, self.links.get(at)?.as_ref()?)));
        let edited = before.filter(|(at, link)| {
            let is_forged =
                self.entries.get(*at).is_some_and(|entry| matches!(entry.signature, SignatureState::Bad(_)));
            is_forged && !self.named_by.contains_key(link.sha256.as_str())
        });
        edited.map_or(ChainState::PreviousMissing, |(at, _)| ChainState::PreviousEdited(self.id(at)))
    }
}
