//! Whether the newest verified backup is young enough, as one line for a monitoring system.
//!
//! States, exit codes and performance data are those of Nagios plugins. Source: "Monitoring Plugins Development Guidelines",
//! sections "Plugin Output" and "Performance data".

use std::collections::BTreeSet;

use crate::base::printable::printable;
use crate::base::text::bytes;
use crate::base::time::Timestamp;
use crate::model::run::OffsiteFacts;
use crate::model::status::Status;
use crate::model::verdict::counted;
use crate::output::views::history::age;
use crate::storage::history::{ReportEntry, Summary};

/// Seconds by which the clocks of two hosts may differ.
const CLOCK_TOLERANCE_S: u64 = 3600;
/// What separates text from performance data must not be in the text.
const SEPARATOR: char = '|';

/// The state of a service; a later one takes precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceState {
    /// The backups are young enough, and the last run ended well.
    Ok,
    /// They are young enough, and the last run did not end well.
    Warning,
    /// It cannot be decided.
    Unknown,
    /// There is no backup that is young enough, or the last run found damage.
    Critical,
}

impl ServiceState {
    /// 0, 1, 2, 3: other meanings than those of all other commands.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What is known of the backups of one source.
#[derive(Debug, Clone, Copy)]
pub struct BackupFacts<'a> {
    /// The reports, newest first.
    pub runs: &'a [ReportEntry],
    /// Names of the usable backups in `verified/`; `None`: not known.
    pub present: Option<&'a BTreeSet<String>>,
    /// The newest verified backup in the off-site repository that the state directory knows.
    pub offsite: Option<&'a OffsiteFacts>,
}

/// The oldest data that is accepted, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct AgeLimits {
    /// Of the newest verified backup.
    pub verified_s: u64,
    /// Of the newest one in the off-site repository; `None`: there need be none.
    pub offsite_s: Option<u64>,
}

/// State, text and performance data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Its exit code is that of the command.
    pub state: ServiceState,
    /// Problems first.
    texts: Vec<String>,
    performance: Vec<String>,
}

impl ServiceStatus {
    /// Where the facts cannot be read.
    pub fn unknown(why: &str) -> Self {
        Self { state: ServiceState::Unknown, texts: vec![why.to_owned()], performance: Vec::new() }
    }

    /// Judges the facts.
    pub fn new(facts: BackupFacts<'_>, limits: AgeLimits, now: Timestamp) -> Self {
        let mut status = Self { state: ServiceState::Ok, texts: Vec::new(), performance: Vec::new() };
        status.verified(facts, limits.verified_s, now);
        status.offsite(facts, limits.offsite_s, now);
        status.last_run(facts.runs);
        status
    }

    /// `PGWITNESS STATE - text; text | label=value;warn;crit;min …`, with a newline.
    pub fn line(&self) -> String {
        let text = printable(&self.texts.join("; ")).replace(SEPARATOR, "/");
        let performance = match self.performance.is_empty() {
            true => String::new(),
            false => format!(" {SEPARATOR} {}", self.performance.join(" ")),
        };
        format!("PGWITNESS {} - {text}{performance}\n", self.state.word())
    }

    fn problem(&mut self, state: ServiceState, text: String) {
        let first_of_lesser = if state > self.state { 0 } else { self.texts.len() };
        self.state = self.state.max(state);
        self.texts.insert(first_of_lesser, text);
    }

    fn verified(&mut self, facts: BackupFacts<'_>, limit_s: u64, now: Timestamp) {
        let mut proven: Vec<(Timestamp, &str, &Summary)> = facts.runs.iter().filter_map(proven).collect();
        proven.sort_by_key(|(data_as_of, ..)| std::cmp::Reverse(*data_as_of));
        let is_present = |backup: &str| facts.present.is_none_or(|present| present.contains(backup));
        let newest = proven.iter().find(|(_, backup, _)| is_present(backup));
        if let Some((_, lost, _)) = proven.first()
            && !is_present(lost)
        {
            self.problem(
                ServiceState::Critical,
                format!("the newest verified backup, {lost}, is not in verified/ any more"),
            );
        }
        let Some((data_as_of, backup, summary)) = newest else {
            return self.problem(ServiceState::Critical, "there is no verified backup".into());
        };
        self.age("data", "data", *data_as_of, limit_s, now);
        let since = now.seconds_since(summary.finished_at);
        self.texts.push(format!("verified {} ago ({backup}{})", age(since), size(summary)));
        self.performance.push(format!("verified_age={since}s;;;0"));
        self.performance.extend(summary.dump_bytes.map(|bytes| format!("dump_size={bytes}B;;;0")));
    }

    fn offsite(&mut self, facts: BackupFacts<'_>, limit_s: Option<u64>, now: Timestamp) {
        let Some(limit_s) = limit_s else { return };
        let told = facts.runs.iter().filter(|run| run.verdict().is_some());
        let told = told.filter_map(|run| run.closing_state.closing()?.offsite.as_ref());
        match told.chain(facts.offsite).map(|stored| stored.data_as_of).max() {
            Some(data_as_of) => self.age("data off site", "offsite_data", data_as_of, limit_s, now),
            None => self.problem(ServiceState::Critical, "there is no verified backup off site".into()),
        }
    }

    /// The data of a backup is of `data_as_of`.
    fn age(&mut self, what: &str, label: &str, data_as_of: Timestamp, limit_s: u64, now: Timestamp) {
        if data_as_of > now.plus_seconds(CLOCK_TOLERANCE_S) {
            let text = format!("{what} of {data_as_of}, which is in the future: a clock is wrong");
            return self.problem(ServiceState::Unknown, text);
        }
        let age_s = now.seconds_since(data_as_of);
        let text = format!("{what} {} old", age(age_s));
        match age_s > limit_s {
            true => self.problem(ServiceState::Critical, format!("{text}, more than {}", age(limit_s))),
            false => self.texts.push(text),
        }
        self.performance.push(format!("{label}_age={age_s}s;;{limit_s};0"));
    }

    /// A run that may still be running is left out.
    fn last_run(&mut self, runs: &[ReportEntry]) {
        let Some(last) = runs.iter().find(|run| is_of_a_run(run) && !run.is_pending()) else { return };
        let status = last.status();
        let problems = last.report_problems().len() + last.later_failures().len();
        // A problem may quote rows: it is for `report show`.
        let text = match problems {
            0 => format!("last run {} {}", last.id, status.word()),
            count => format!("last run {} {}, {}", last.id, status.word(), counted(count, "problem")),
        };
        match status {
            Status::Sound if problems == 0 => self.texts.push("last run sound".into()),
            Status::Damaged | Status::Unproven | Status::Unreadable | Status::Missing => {
                self.problem(ServiceState::Critical, text);
            }
            _ => self.problem(ServiceState::Warning, text),
        }
        if let Some(summary) = last.summary() {
            self.performance.push(format!("last_run_duration={}s;;;0", summary.duration_ms / 1000));
        }
        if !last.is_checked {
            self.texts.push("signatures not checked".into());
        }
    }
}

/// Not a report of `compare`.
fn is_of_a_run(run: &ReportEntry) -> bool {
    run.summary().is_none_or(|summary| summary.command == "nightly")
}

fn proven(run: &ReportEntry) -> Option<(Timestamp, &str, &Summary)> {
    let summary = run.summary().filter(|_| run.is_dump_proven())?;
    Some((summary.data_as_of?, summary.backup.as_deref()?, summary))
}

fn size(summary: &Summary) -> String {
    summary.dump_bytes.map(|count| format!(", {}", bytes(count))).unwrap_or_default()
}
