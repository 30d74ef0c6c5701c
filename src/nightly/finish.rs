//! The end of a run that began, with or without a verdict.
//!
//! Order: sign the report and get its time stamp, delete the instance, place the dump, keep or drop the copy, prune, store it off site; write closing.json and
//! HTML, notify, close the journal, write metrics, ping. Each step sees the results of the previous ones. Nothing here changes the verdict; a
//! later problem turns exit code 0 into 3, and is recorded in `closing.json` beside the report.

use std::time::Duration;

use super::RunOutcome;
use super::cleanup::{Cleaner, describe};
use super::copy_disposition;
use super::current_run::CurrentRun;
use super::notification::{self, PATIENCE_WHEN_STOPPED};
use super::offsite;
use super::report_writer::{self, ReportWriter, Signed};
use super::stages::{Failure, VerifiedRun};
use super::timestamp;
use super::verified_dump::follow_up;
use super::verified_files;
use crate::base::error::{Error, Result};
use crate::model::report::Report;
use crate::model::run::{Closing, TimestampFacts};
use crate::model::run_record::RunRecord;
use crate::model::status::Status;
use crate::storage::journal::{CleanupTask, Entry};

/// Ends the run.
pub async fn finish(
    mut run: CurrentRun<'_>,
    writer: Result<ReportWriter>,
    result: Result<VerifiedRun, Failure>,
) -> RunOutcome {
    if let Err(failure) = &result {
        run.steps.broken_off(&failure.error);
    }
    let (report, signed) = sign(&mut run, writer, &result);
    let steps_in_report = if report.is_some() { run.steps.ended.len() } else { 0 };
    let mut end = RunEnd { run, result, report, signed, timestamp: None, steps_in_report };
    end.get_timestamp().await;
    end.clean_up().await;
    end.announce().await;
    end.outcome()
}

/// The report, and what of it is on disk: the report of a verification is needed for messages also when it cannot be signed.
fn sign(
    run: &mut CurrentRun<'_>,
    writer: Result<ReportWriter>,
    result: &Result<VerifiedRun, Failure>,
) -> (Option<Report>, Option<Signed>) {
    // The cause of a missing report is the error of the run.
    let Ok(writer) = writer else { return (None, None) };
    run.problems.extend(writer.lost.clone());
    run.facts.steps.clone_from(&run.steps.ended);
    let facts = run.facts.clone();
    let prepared = match result {
        Ok(verified) => writer.report(&verified.verification, facts, run.context),
        Err(failure) => writer.report_failure(&failure.error, &failure.changed_files, &run.files, facts, run.context),
    };
    let report = match (&prepared, result) {
        (Ok(prepared), _) => Some(prepared.report.clone()),
        (Err(_), Ok(verified)) => Some(report_writer::unsigned(&verified.verification, run.facts.clone())),
        (Err(_), Err(_)) => None,
    };
    let signed = prepared.and_then(|prepared| {
        let (path, sha256) = (prepared.file.path.clone(), prepared.file.sha256.clone());
        run.steps.journal.append(&Entry::Reported { path, sha256 })?;
        prepared.write()
    });
    let signed = signed.map_err(|error| run.problems.push(error)).ok();
    let remembered = signed.as_ref().map_or(Ok(()), |signed| signed.remember(run.context, &run.run_id));
    run.problems.extend(remembered.err());
    (report, signed)
}

/// A run when its report is written.
struct RunEnd<'a> {
    run: CurrentRun<'a>,
    result: Result<VerifiedRun, Failure>,
    /// The report; of a verification also when it could not be signed.
    report: Option<Report>,
    /// The report on disk, when it was signed.
    signed: Option<Signed>,
    /// The time stamp of the report, if there is one.
    timestamp: Option<TimestampFacts>,
    /// Number of steps in the report; the later ones belong in closing.json.
    steps_in_report: usize,
}

impl RunEnd<'_> {
    /// Right after the signature, so that its time is the one of the run. The request has a short time limit: an instance costs money.
    async fn get_timestamp(&mut self) {
        let (Some(signed), Some(report)) = (&self.signed, &self.report) else { return };
        if self.run.context.config.report.timestamp_url.is_none() {
            return;
        }
        let (signed, finished_at, stopped) = (signed.clone(), report.times.finished_at, self.signal());
        let mut facts = None;
        let work = async |run: &mut CurrentRun<'_>| {
            if let Some(signal) = stopped {
                return Err(Error::interrupted(signal).context("get a time stamp"));
            }
            let stamped = run.unless_stopped(timestamp::stamp(run.context, &signed, finished_at)).await?;
            let checked = if stamped.is_checked { "" } else { "; its certificate is not checked" };
            run.steps.note(format!("{} by {}{checked}", stamped.at, stamped.authority));
            facts = Some(stamped);
            Ok(())
        };
        self.run.late_step("timestamp", work).await;
        self.timestamp = facts;
    }

    async fn clean_up(&mut self) {
        let run = &mut self.run;
        let is_stopped = self.result.as_ref().is_err_and(|failure| failure.error.signal().is_some());
        let patience = is_stopped.then_some(PATIENCE_WHEN_STOPPED);
        run_tasks(run, "delete_instance", |task| matches!(task, CleanupTask::Instance { .. }), patience).await;
        run_tasks(run, "close_access", |task| matches!(task, CleanupTask::Access(_)), patience).await;
        run_tasks(run, "place_files", |task| matches!(task, CleanupTask::Files { .. }), None).await;
        run_tasks(run, "place_backup", |task| matches!(task, CleanupTask::Backup { .. }), None).await;
        if let (Ok(verified), Some(signed)) = (&self.result, &self.signed)
            && signed.verdict.is_sound()
            && !run.context.has_own_server()
        {
            run.late_step("keep_copy", async |run| keep_copy(run, verified).await).await;
        }
        // This drops a copy that is not sound, and one on which the hook failed: it may contain what the hook should have removed.
        run_tasks(run, "drop_copy", |task| matches!(task, CleanupTask::Copy { .. }), None).await;
        run_tasks(run, "remove_server", |task| matches!(task, CleanupTask::Server { .. }), None).await;
        // A proven dump that could not be placed must not lead to the removal of older ones.
        let is_placed =
            !run.steps.journal.cleanup_tasks().iter().any(|task| matches!(task, CleanupTask::Backup { .. }));
        if let (Ok(verified), Some(signed)) = (&self.result, &self.signed)
            && signed.is_dump_proven
            && is_placed
        {
            follow_up(run, verified, signed).await;
        }
        // As with backups: a run that did not prove its dump removes nothing.
        if is_placed
            && self.signed.as_ref().is_some_and(|signed| signed.is_dump_proven)
            && let Some(report) = &self.report
            && report.proven_files().next().is_some()
        {
            let proven: Vec<String> = report.proven_files().map(|(name, _)| name.to_owned()).collect();
            run.late_step("prune_files", async |run| verified_files::prune(run, &proven)).await;
        }
        if is_placed && !is_stopped {
            self.store_offsite().await;
        }
    }

    /// The report goes off site with closing.json as it is before the notifications.
    async fn store_offsite(&mut self) {
        let is_meant = |task: &CleanupTask| matches!(task, CleanupTask::Offsite { .. });
        for task in self.run.steps.journal.cleanup_tasks().into_iter().filter(is_meant) {
            self.write_closing().await;
            self.run.late_step("offsite_report", async |run| store_offsite(run, &task).await).await;
        }
    }

    /// A notification that became wrong is corrected; closing.json is written again after a later problem.
    async fn announce(&mut self) {
        let mut written = self.write_closing().await;
        let sent = self.notify_as_step().await;
        if sent.is_some() {
            written = self.write_closing().await;
        }
        let closed = self.run.steps.journal.end(self.exit_code());
        self.run.problems.extend(closed.err());
        self.write_metrics();
        let failed = notification::ping(self.run.context, &self.record()).await;
        self.run.problems.extend(failed);
        if sent.is_some_and(|code| code != self.exit_code()) {
            let failed = self.notify().await;
            self.run.problems.add_new(failed);
        }
        if self.state() != written {
            self.write_closing().await;
            self.write_metrics();
        }
    }

    /// Sends e-mail and webhook. Returns the exit code in them; `None` where no recipient is configured.
    async fn notify_as_step(&mut self) -> Option<u8> {
        let config = &self.run.context.config.notify;
        if config.email.is_none() && config.webhook.is_none() {
            return None;
        }
        let exit_code = self.exit_code();
        // A journal that cannot be written must not silence the notifications of a failed run.
        let begun = self.run.steps.begin("notify");
        self.run.problems.extend(begun.err());
        let mut failed = self.notify().await;
        // Report each failure; the step has failed with the last one.
        let last = failed.pop();
        self.run.problems.extend(failed);
        self.run.end_step(last.map_or(Ok(()), Err));
        Some(exit_code)
    }

    async fn notify(&self) -> Vec<Error> {
        let (run, record) = (&self.run, self.record());
        let sending = notification::send(run.context, &record);
        if self.signal().is_some() {
            // The stop signal itself is the news.
            return sending.await;
        }
        run.unless_stopped(async { Ok(sending.await) }).await.unwrap_or_else(|error| vec![error])
    }

    /// Returns the state that is written; where it changes by the end, this is called again.
    async fn write_closing(&mut self) -> (u8, usize) {
        let state = self.state();
        // Where no report could be written, one problem is enough.
        if let Some(signed) = &self.signed {
            let failed = notification::write_closing(self.run.context, signed, &self.record()).await;
            self.run.problems.add_new(failed);
        }
        state
    }

    fn write_metrics(&mut self) {
        let written = notification::write_metrics(self.run.context, &self.record());
        self.run.problems.add_new(written.err());
    }

    /// Exit code and number of problems.
    fn state(&self) -> (u8, usize) {
        (self.exit_code(), self.run.problems.len())
    }

    /// The record of the run so far.
    fn record(&self) -> RunRecord {
        let run = &self.run;
        let file = self.signed.as_ref().map(|signed| &signed.file);
        let mut record = notification::new_record(run.context, &run.run_id, run.started_at);
        let closing = Closing {
            report_sha256: file.map(|file| file.sha256.clone()).unwrap_or_default(),
            exit_code: self.exit_code(),
            steps: run.steps.ended.get(self.steps_in_report..).unwrap_or_default().to_vec(),
            troubles: run.problems.iter().map(Error::text_with_hint).collect(),
            timestamp: self.timestamp.clone(),
            ..record.closing
        };
        record.closing = Closing { format: closing.needed_format(), ..closing };
        let error = self.result.as_ref().err().map(|failure| failure.error.text());
        RunRecord { report: self.report.clone(), signed: file.cloned(), error, ..record }
    }

    /// The signal that stopped the run or its end.
    fn signal(&self) -> Option<i32> {
        self.result.as_ref().err().and_then(|failure| failure.error.signal()).or(*self.run.stopped.borrow())
    }

    /// With the problems so far. A signal takes precedence. A damaged verification stays damaged without a report; sound requires
    /// a signed report.
    fn exit_code(&self) -> u8 {
        if let Some(code) = self.signal().and_then(|signal| u8::try_from(128 + signal).ok()) {
            return code;
        }
        let is_damaged = self.report.as_ref().is_some_and(|report| report.verdict.is_damaged());
        match &self.signed {
            Some(signed) if signed.verdict.is_sound() && !self.run.problems.is_empty() => {
                Status::SoundWithWarnings.exit_code()
            }
            Some(signed) => signed.verdict.exit_code(),
            None if is_damaged => Status::Damaged.exit_code(),
            None => Status::Inconclusive.exit_code(),
        }
    }

    fn outcome(self) -> RunOutcome {
        let exit_code = self.exit_code();
        let report = self.signed.map(|signed| signed.path);
        let problems = self.run.problems.into_list();
        let (verification, error) = match self.result {
            Ok(verified) => (Some(verified.verification), None),
            Err(failure) => (None, Some(failure.error)),
        };
        let dump_verdict = verification.as_ref().map(|verification| verification.dump_verdict());
        let comparison = verification.map(|verification| verification.comparison);
        RunOutcome { exit_code, report, comparison, dump_verdict, error, problems }
    }
}

/// Runs every cleanup task of this run of one kind, each as a step. After a failure the task stays in the journal. A journal that
/// cannot be written does not prevent the cleanup.
async fn run_tasks(
    run: &mut CurrentRun<'_>,
    step: &'static str,
    is_meant: fn(&CleanupTask) -> bool,
    patience: Option<Duration>,
) {
    for task in run.steps.journal.cleanup_tasks().into_iter().filter(is_meant) {
        run.problems.extend(run.steps.begin(step).err());
        let done = Cleaner { context: run.context, cloud: run.cloud.as_ref(), patience }.run(&task).await;
        let written = done.and_then(|done| run.steps.journal.append(&done));
        run.end_step(written);
    }
}

/// Brings the backup off site, and then removes what no rule keeps there.
async fn store_offsite(run: &mut CurrentRun<'_>, task: &CleanupTask) -> Result<()> {
    let cleaner = Cleaner { context: run.context, cloud: run.cloud.as_ref(), patience: None };
    let done = run.unless_stopped(cleaner.run(task)).await?;
    run.steps.note(describe(&done));
    run.steps.journal.append(&done)?;
    let rules = run.context.config.offsite.as_ref().and_then(|offsite| offsite.forget.as_ref());
    let (Entry::OffsiteStored { backup }, Some(rules), Some(source)) = (&done, rules, run.facts.source.clone()) else {
        return Ok(());
    };
    let removed = run.unless_stopped(offsite::forget(run.context, &source, rules, backup)).await?;
    removed.iter().for_each(|id| run.steps.note(format!("removed {id} from the off-site repository")));
    Ok(())
}

async fn keep_copy(run: &mut CurrentRun<'_>, verified: &VerifiedRun) -> Result<()> {
    let (context, copy) = (run.context, &verified.copy);
    let admin = context.restore_server().await?;
    let stamp = verified.backup.record.data_as_of.stamp().to_lowercase();
    let kept = run.unless_stopped(copy_disposition::keep(context, &admin, copy, &stamp)).await?;
    if let Some(kept) = kept {
        run.steps.note(format!("kept as {}", kept.database));
        run.steps.journal.append(&Entry::CopyKept { database: copy.database.clone() })?;
    }
    Ok(())
}
