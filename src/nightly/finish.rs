//! The end of a run: sign, delete the instance, place the dump, keep or drop the copy, prune.
//!
//! Every run ends here. Nothing here changes the verdict; a later problem turns exit code 0 into 3, and is recorded in
//! `closing.json` beside the report.

use std::path::Path;
use std::time::Duration;

use super::baseline;
use super::cleanup::{Cleaner, earlier};
use super::copy;
use super::end::{End, PATIENCE_WHEN_STOPPED};
use super::hooks::Hook;
use super::report_writer::{self, Signed};
use super::state::RunState;
use super::verification::Verification;
use super::{RunOutcome, notification};
use crate::base::error::{Error, Result};
use crate::config::Span;
use crate::model::report::Report;
use crate::model::status::Status;
use crate::storage::backups::Backups;
use crate::storage::history::{self, PruneRule};
use crate::storage::journal::{Debt, Entry, LastVerified, Past, Place};
use crate::storage::reports::Trust;
use crate::storage::retention;

/// Hint for a verified backup with a missing file.
const LOOK: &str =
    "look at the disk, and at `pgwitness backups list`; move it out of the directory once it is not needed";

impl RunState<'_> {
    /// Ends the run, with or without a verification.
    pub async fn close(mut self, result: Result<Verification>) -> RunOutcome {
        let (witnessed, error) = match result {
            Ok(witnessed) => (Some(witnessed), None),
            Err(error) => (None, Some(error)),
        };
        if let Some(error) = &error {
            self.record.broken_off(error);
        }
        let (report, signed) = self.sign(witnessed.as_ref(), error.as_ref());
        let steps_in_report = self.record.steps.len();
        let patience = error.as_ref().and_then(Error::signal).map(|_| PATIENCE_WHEN_STOPPED);
        self.pay_all("delete_instance", |debt| matches!(debt, Debt::Instance { .. }), patience).await;
        self.pay_all("place_backup", |debt| matches!(debt, Debt::Backup { .. }), None).await;
        let is_sound = signed.as_ref().is_some_and(|signed| signed.verdict.is_sound());
        self.end_copy(is_sound).await;
        // A proven dump that could not be placed must not lead to the removal of older ones.
        let is_placed = !self.record.journal.debts().iter().any(|debt| matches!(debt, Debt::Backup { .. }));
        let is_proven = signed.as_ref().is_some_and(|signed| signed.is_dump_proven);
        if is_proven && is_placed {
            self.after_proven(signed.as_ref()).await;
        }
        let end = End { report, signed, witnessed, error, steps_in_report };
        self.finish(end).await
    }

    /// Exit code of the process, with the problems so far.
    pub fn exit_code(&self, end: &End) -> u8 {
        exit_code(end.signed.as_ref(), end.witnessed.as_ref(), self.signal(end), &self.troubles)
    }

    /// The signal that stopped the run.
    pub fn signal(&self, end: &End) -> Option<i32> {
        end.error.as_ref().and_then(Error::signal).or(*self.stopped.borrow())
    }

    /// Order: write closing.json and HTML, notify, close the journal, write metrics, ping. Each step sees the results of the
    /// previous ones. After a late failure, closing.json is written again and corrected notifications are sent.
    async fn finish(mut self, end: End) -> RunOutcome {
        let mut on_paper = self.settle(&end).await;
        self.tell(&end).await;
        if self.told.is_some() {
            on_paper = self.settle(&end).await;
        }
        let exit_code = self.exit_code(&end);
        if let Err(error) = self.record.journal.end(exit_code) {
            self.troubles.push(error);
        }
        self.write_figures(&end);
        let failed = notification::ping(self.given, &self.run_record(&end)).await;
        self.troubles.extend(failed);
        self.correct(&end).await;
        if (self.exit_code(&end), self.troubles.len()) != on_paper {
            self.settle(&end).await;
            self.write_figures(&end);
        }
        let exit_code = self.exit_code(&end);
        let End { signed, witnessed, error, .. } = end;
        let report = signed.map(|signed| signed.path);
        let dump_verdict = witnessed.as_ref().map(Verification::dump_verdict);
        let comparison = witnessed.map(|witnessed| witnessed.comparison);
        RunOutcome { exit_code, report, comparison, dump_verdict, error, troubles: self.troubles.into_list() }
    }

    /// The report, and what of it is on disk: the report of a verification is needed for messages also when it cannot be signed.
    fn sign(&mut self, witnessed: Option<&Verification>, error: Option<&Error>) -> (Option<Report>, Option<Signed>) {
        let paper = std::mem::replace(&mut self.paper, Err(Error::new("the report was written")));
        // The cause of a missing report is the error of the run.
        let Ok(paper) = paper else { return (None, None) };
        self.troubles.extend(paper.lost.clone());
        self.facts.steps.clone_from(&self.record.steps);
        let facts = self.facts.clone();
        let prepared = match (witnessed, error) {
            (Some(witnessed), _) => paper.report(witnessed, facts, self.given),
            (None, error) => {
                let unknown = Error::new("the run was interrupted");
                paper.report_failure(error.unwrap_or(&unknown), &self.changed_files, facts, self.given)
            }
        };
        let report = prepared.as_ref().ok().map(|prepared| prepared.report.clone());
        let report =
            report.or_else(|| witnessed.map(|witnessed| report_writer::unsigned(witnessed, self.facts.clone())));
        let signed = prepared.and_then(|prepared| {
            let (path, sha256) = (prepared.file.path.clone(), prepared.file.sha256.clone());
            self.record.journal.append(&Entry::Reported { path, sha256 })?;
            prepared.write()
        });
        let signed = signed.map_err(|error| self.troubles.push(error)).ok();
        let remembered = signed.as_ref().map_or(Ok(()), |signed| signed.remember(self.given, &self.run_id));
        self.troubles.extend(remembered.err());
        (report, signed)
    }

    /// Performs every cleanup task of this run of one kind.
    async fn pay_all(&mut self, step: &'static str, is_meant: fn(&Debt) -> bool, patience: Option<Duration>) {
        for debt in self.record.journal.debts().into_iter().filter(is_meant) {
            self.pay(step, &debt, patience).await;
        }
    }

    /// Performs one cleanup task as a step. After a failure it stays in the journal.
    async fn pay(&mut self, step: &'static str, debt: &Debt, patience: Option<Duration>) {
        if let Err(error) = self.record.begin(step) {
            self.troubles.push(error);
        }
        let paid = Cleaner { given: self.given, cloud: self.cloud.as_ref(), patience }.pay(debt).await;
        let written = paid.and_then(|paid| self.record.journal.append(&paid));
        self.end_step(written);
    }

    /// Ends the current step; a failure is reported at the end.
    pub fn end_step(&mut self, result: Result<()>) {
        match result.and_then(|()| self.record.done()) {
            Ok(()) => {}
            Err(error) => {
                self.record.broken_off(&error);
                self.troubles.push(error);
            }
        }
    }

    /// Drops a copy that is not sound, and one on which the hook failed: it may contain what the hook should have removed.
    async fn end_copy(&mut self, is_sound: bool) {
        if let (true, Some(copy)) = (is_sound, self.copy.clone()) {
            let began = self.record.begin("keep_copy");
            let kept = match began {
                Ok(()) => self.keep_copy(&copy).await,
                Err(error) => Err(error),
            };
            self.end_step(kept);
        }
        self.pay_all("drop_copy", |debt| matches!(debt, Debt::Copy { .. }), None).await;
    }

    async fn keep_copy(&mut self, copy: &crate::nightly::restoring::CopyIdentity) -> Result<()> {
        let admin = self.given.restore_server().await?;
        let stamp = self.facts.data_as_of.unwrap_or_default().stamp().to_lowercase();
        let kept = self.unless_stopped(copy::keep(self.given, &admin, copy, &stamp)).await?;
        if let Some(kept) = kept {
            self.record.note(format!("kept as {}", kept.database));
            self.record.journal.append(&Entry::CopyKept { database: copy.database.clone() })?;
        }
        Ok(())
    }

    /// What is done with a dump that counts as verified, also where the verdict on the copy is not sound.
    async fn after_proven(&mut self, signed: Option<&Signed>) {
        if let Err(error) = self.remember() {
            self.troubles.push(error);
        }
        let result = self.record.begin("prune").and_then(|()| self.prune());
        self.end_step(result);
        if let (Some(keep_days), Some(signed)) = (self.given.config.report.keep_days, signed) {
            let result = self.record.begin("prune_reports").and_then(|()| self.prune_reports(keep_days, signed));
            self.end_step(result);
        }
        if !self.given.config.hooks.after_verified.is_empty() {
            let result = match self.record.begin("after_verified") {
                Ok(()) => self.after_verified().await,
                Err(error) => Err(error),
            };
            self.end_step(result);
        }
    }

    /// User commands may take hours: stop them on a signal.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            Ok(signal) = stopped.wait_for(Option::is_some) => Err(Error::interrupted(signal.unwrap_or_default())),
            done = work => done,
        }
    }

    fn remember(&self) -> Result<()> {
        let Some(backup) = &self.backup else { return Ok(()) };
        let record = &backup.record;
        let mut last = LastVerified::new(&record.id, record.data_as_of, (self.given.now)(), record.dump.bytes);
        last.source.clone_from(&record.source);
        last.step_ms = self.record.steps.iter().map(|step| (step.name.clone(), step.duration_ms)).collect();
        last.write(self.given.state())
    }

    fn prune(&mut self) -> Result<()> {
        let mut backups = Backups::open(&self.given.config.dump.directory)?;
        let own = self.own_backups(&backups)?;
        let plan = retention::plan(&own.held(), &self.given.config.retention, (self.given.now)());
        let pruned = backups.prune(&plan)?;
        if let Some(ours) = &self.ours {
            backups.mark_for(ours)?;
        }
        // The backup was verified once, and may be the only one of its day.
        let lost = own.unusable.iter().filter(|unusable| unusable.place == "verified");
        self.troubles.extend(lost.map(|unusable| Error::new(unusable.to_string()).hint(LOOK)));
        for id in &pruned.removed {
            self.record.note(format!("removed {id}"));
        }
        self.discard_superseded(&backups)
    }

    /// Of the reports that our key or a listed one signed; others stay.
    fn prune_reports(&mut self, keep_days: u32, signed: &Signed) -> Result<()> {
        let Some(source) = self.facts.source.clone() else { return Ok(()) };
        let report = &self.given.config.report;
        let allowed = baseline::trusted(&signed.key, report.allowed_signers.as_deref())?;
        let now = (self.given.now)();
        let trust = Trust { allowed: &allowed, identity: None, now };
        let listing = Backups::open(&self.given.config.dump.directory)?.list()?;
        let backups = listing.ids();
        let entries = history::read(&report.directory, Some(&allowed), now)?;
        let rule = PruneRule { keep_days, now, source: &source, backups: &backups };
        let removed = history::plan_pruning(&entries, rule);
        history::prune_reports(&report.directory, &removed, &signed.key, trust)?;
        removed.iter().for_each(|report| self.record.note(format!("removed {}", report.name)));
        Ok(())
    }

    /// A dump without a verdict was kept for the case that nothing better would come; now it has.
    fn discard_superseded(&mut self, backups: &Backups) -> Result<()> {
        let Some(tonight) = self.facts.data_as_of else { return Ok(()) };
        // A dump with an open cleanup task of an earlier run may be a proven one.
        let owed: Vec<Debt> = earlier(self.given)?.open.iter().flat_map(Past::debts).collect();
        let is_owed = |id: &str| owed.iter().any(|debt| matches!(debt, Debt::Backup { id: owed, .. } if owed == id));
        let listing = self.own_backups(backups)?;
        let old = listing.unverified.iter().filter(|old| old.record.data_as_of <= tonight && !is_owed(&old.record.id));
        for old in old {
            backups.place(&old.record.id, Place::Discarded, None)?;
            self.record.note(format!("removed {}, which was never verified", old.record.id));
        }
        Ok(())
    }

    async fn after_verified(&self) -> Result<()> {
        let Some(backup) = &self.backup else { return Ok(()) };
        let backups = Backups::open(&self.given.config.dump.directory)?;
        let placed = backups.get(&backup.record.id)?;
        let timeout = self.given.config.hooks.timeout.map(Span::duration);
        let hooks = &self.given.config.hooks;
        let hook = Hook::new("after_verified", &hooks.after_verified, timeout);
        let mut hook = hook.pass_on(self.given.environment, &hooks.environment);
        hook.set("PGWITNESS_DUMP", &placed.path.display().to_string());
        // A restore on another machine rejects a dump without its signed report.
        let report = placed.record.report.as_ref().and_then(|report| Path::new(&report.path).parent());
        hook.set("PGWITNESS_REPORT", &report.map(|dir| dir.display().to_string()).unwrap_or_default());
        self.unless_stopped(hook.run()).await
    }
}

/// A signal takes precedence. A damaged verification stays damaged without a report; sound requires a signed report.
fn exit_code(signed: Option<&Signed>, witnessed: Option<&Verification>, signal: Option<i32>, troubles: &[Error]) -> u8 {
    if let Some(code) = signal.and_then(|signal| u8::try_from(128 + signal).ok()) {
        return code;
    }
    let is_damaged = witnessed.is_some_and(|witnessed| witnessed.comparison.outcome.verdict().is_damaged());
    match signed {
        Some(signed) if signed.verdict.is_sound() && !troubles.is_empty() => Status::SoundWithWarnings.exit_code(),
        Some(signed) => signed.verdict.exit_code(),
        None if is_damaged => Status::Damaged.exit_code(),
        None => Status::Inconclusive.exit_code(),
    }
}
