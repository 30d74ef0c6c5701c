//! What a run writes and sends when it has ended: notifications, closing.json, HTML pages, metrics, the health check.

use std::time::Duration;

use super::cleanup::earlier;
use super::context::RunContext;
use super::report_writer::Signed;
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::progress::Event;
use crate::model::run::{CLOSING, Closing, OffsiteFacts};
use crate::model::run_record::{Proven, RunRecord};
use crate::model::status::Status;
use crate::output::metrics;
use crate::output::metrics_file;
use crate::output::notify;
use crate::output::site::{self, Readers};
use crate::storage::journal::{CleanupTask, EarlierRun, LastVerified, RunInfo};
use crate::storage::reports;
use crate::storage::user_files;

/// Limit for all notifications; each channel has a shorter one of its own.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// The same after a stop signal, and the limit for the deletion of an instance; after it, the instance must still be removed.
pub const PATIENCE_WHEN_STOPPED: Duration = Duration::from_secs(60);

/// A run without a report.
pub enum EarlyEnd<'a> {
    /// It did not begin.
    NotBegun(&'a Error),
    /// Another run holds the lock: cleanup tasks and metrics belong to that run.
    Busy(&'a Error),
    /// A second signal: no time for notifications, but the metrics must not keep their old values.
    Abandoned {
        /// Of the process.
        exit_code: u8,
    },
}

/// Ends a run without a report: notify, ping, write metrics. Returns what failed.
pub async fn end_early(context: &RunContext<'_>, holder: &RunInfo, end: EarlyEnd<'_>) -> Vec<Error> {
    let mut record = new_record(context, &holder.run_id, holder.at);
    let mut failed = Vec::new();
    match end {
        EarlyEnd::Abandoned { exit_code } => record.closing.exit_code = exit_code,
        EarlyEnd::NotBegun(error) | EarlyEnd::Busy(error) => {
            record.error = Some(error.text());
            if matches!(end, EarlyEnd::Busy(_)) {
                (record.closing.debts, record.instances_left) = (Vec::new(), 0);
            }
            failed = send(context, &record).await;
            failed.extend(ping(context, &record).await);
        }
    }
    if !matches!(end, EarlyEnd::Busy(_)) {
        failed.extend(write_metrics(context, &record).err());
    }
    failed
}

/// Sends the start ping.
pub async fn begin(context: &RunContext<'_>, run_id: &str) -> Vec<Error> {
    notify::begin(&context.config.notify, run_id, context.environment).await
}

/// Sends e-mail and webhook. Returns what failed.
pub async fn send(context: &RunContext<'_>, record: &RunRecord) -> Vec<Error> {
    within(record, notify::tell(&context.config.notify, record, context.environment)).await
}

/// The health check ping, with the exit code of the process. Returns what failed.
pub async fn ping(context: &RunContext<'_>, record: &RunRecord) -> Vec<Error> {
    within(record, notify::ping(&context.config.notify, record, context.environment)).await
}

/// Does nothing without a `[metrics]` section.
///
/// # Errors
/// The file cannot be written.
pub fn write_metrics(context: &RunContext<'_>, record: &RunRecord) -> Result<()> {
    let Some(config) = &context.config.metrics else { return Ok(()) };
    metrics_file::write(&config.textfile, &metrics::text(record, &config.labels))
}

/// Signs closing.json and writes the HTML pages. Returns what failed.
pub async fn write_closing(context: &RunContext<'_>, signed: &Signed, record: &RunRecord) -> Vec<Error> {
    let dir = signed.path.parent().ok_or_else(|| Error::new("the report has no directory"));
    let closing = dir.and_then(|dir| reports::sign_json(dir, CLOSING, &record.closing.clone().stored(), &signed.key));
    let pages = write_pages(context, signed, record).await;
    let pages = pages.map_err(|error| error.context("write the pages of this run"));
    [closing, pages].into_iter().filter_map(Result::err).collect()
}

async fn write_pages(context: &RunContext<'_>, signed: &Signed, record: &RunRecord) -> Result<()> {
    let report = &context.config.report;
    if !report.html {
        return Ok(());
    }
    (context.listener)(Event::Phase("write pages"));
    let (dir, now) = (report.directory.clone(), (context.now)());
    let allowed = report.allowed_signers.as_deref().map(user_files::allowed_signers).transpose()?;
    let writing =
        tokio::task::spawn_blocking(move || site::all(&dir, None, Readers { allowed: allowed.as_ref(), now }));
    let published = tokio::time::timeout(patience(record), writing).await;
    let published = published.map_err(|_| Error::new("it took too long"))?.map_err(Error::of_thread)??;
    let own = signed.path.parent().and_then(|dir| dir.file_name()?.to_str()).unwrap_or_default();
    // Pages of earlier runs that are missing are listed on the index page; only the page of this run is a problem here.
    match published.troubles.iter().find(|problem| !own.is_empty() && problem.contains(own)) {
        // It may quote the report.
        Some(problem) => Err(Error::new(MarkedText::with_values(problem, "its page could not be written"))),
        None => Ok(()),
    }
}

/// A run of which nothing is known yet.
pub fn new_record(context: &RunContext<'_>, run_id: &str, started_at: Timestamp) -> RunRecord {
    let (debts, instances_left) = open_tasks(context);
    let last_offsite = last_offsite(context);
    let offsite = last_offsite.clone().map(|Proven { backup, data_as_of, verified_at, .. }| OffsiteFacts {
        backup,
        data_as_of,
        stored_at: verified_at,
    });
    let closing = Closing {
        run_id: run_id.to_owned(),
        exit_code: Status::Inconclusive.exit_code(),
        debts,
        offsite,
        ..Default::default()
    };
    RunRecord {
        host: context.host.clone(),
        source: context.config.source.describe(),
        started_at,
        finished_at: (context.now)(),
        report: None,
        signed: None,
        closing: Closing { format: closing.needed_format(), ..closing },
        error: None,
        instances_left,
        last_verified: last_verified(context),
        last_offsite,
    }
}

/// The cleanup tasks of this run and of earlier ones, and the number of paid instances. A journal that cannot be read may contain
/// any number.
fn open_tasks(context: &RunContext<'_>) -> (Vec<String>, usize) {
    let runs = match earlier(context) {
        Ok(runs) => runs,
        Err(error) => return (vec![format!("not known, the journals cannot be read: {}", error.text().safe())], 0),
    };
    let tasks: Vec<CleanupTask> = runs.open.iter().flat_map(EarlierRun::cleanup_tasks).collect();
    let instances = tasks.iter().filter(|task| matches!(task, CleanupTask::Instance { .. })).count();
    let unreadable = runs.unreadable.iter().map(Error::text);
    let unreadable = unreadable.map(|text| format!("not known, a journal cannot be read: {}", text.safe()));
    (tasks.iter().map(ToString::to_string).chain(unreadable).collect(), instances)
}

/// An unreadable record means unknown: absent from messages and metrics, so the age alert fires.
fn last_verified(context: &RunContext<'_>) -> Option<Proven> {
    LastVerified::read_of(context.state(), &context.origin().ok()?).ok()?.map(proven)
}

/// As [`last_verified`]; `None` without `[offsite]`.
fn last_offsite(context: &RunContext<'_>) -> Option<Proven> {
    context.config.offsite.as_ref()?;
    LastVerified::read_offsite_of(context.state(), &context.origin().ok()?).ok()?.map(proven)
}

fn proven(last: LastVerified) -> Proven {
    let LastVerified { backup, data_as_of, verified_at, dump_bytes, .. } = last;
    Proven { backup, data_as_of, verified_at, dump_bytes }
}

fn patience(record: &RunRecord) -> Duration {
    let is_stopped = Status::of_exit_code(record.exit_code()) == Status::Interrupted;
    if is_stopped { PATIENCE_WHEN_STOPPED } else { PATIENCE }
}

async fn within(record: &RunRecord, sending: impl Future<Output = Vec<Error>>) -> Vec<Error> {
    let late = |_| vec![Error::new("it took too long").context("send the notifications of this run")];
    tokio::time::timeout(patience(record), sending).await.unwrap_or_else(late)
}
