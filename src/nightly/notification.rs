//! The end of a run: notifications, closing.json, HTML pages, metrics, and the health check.
//!
//! A "sound" result is sent only after the instance is deleted, the dump is in place and closing.json is signed. A notification
//! that became wrong is corrected, and a failed notification is recorded in closing.json.

use std::time::Duration;

use super::cleanup::earlier;
use super::context::RunContext;
use super::end::{End, PATIENCE_WHEN_STOPPED};
use super::state::RunState;
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::progress::Event;
use crate::model::run::{CLOSING, Closing};
use crate::model::run_record::{Proven, ReportRef, RunRecord};
use crate::model::status::Status;
use crate::output::metrics;
use crate::output::metrics_file;
use crate::output::notify;
use crate::output::site::{self, Readers};
use crate::storage::journal::{Debt, Holder, LastVerified, Past};
use crate::storage::reports;
use crate::storage::user_files;

/// Limit for all notifications; each channel has a shorter one of its own.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

impl RunState<'_> {
    /// Sends e-mail and webhook.
    pub async fn tell(&mut self, end: &End) {
        let config = &self.given.config.notify;
        if config.email.is_none() && config.webhook.is_none() {
            return;
        }
        self.told = Some(self.exit_code(end));
        let result = match self.record.begin("notify") {
            Ok(()) => self.notify(end).await,
            Err(error) => Err(error),
        };
        self.end_step(result);
    }

    /// Repeats notifications that had another exit code, or that a stop signal prevented. The journal is closed by now.
    pub async fn correct(&mut self, end: &End) {
        let ending = self.exit_code(end);
        if self.told.is_none_or(|told| told == ending) {
            return;
        }
        self.told = Some(ending);
        if let Err(error) = self.notify(end).await {
            self.trouble(error);
        }
    }

    async fn notify(&mut self, end: &End) -> Result<()> {
        let (run, is_stopped) = (self.run_record(end), self.signal(end).is_some());
        let telling = notify::tell(&self.given.config.notify, &run, self.given.environment);
        let telling = within(is_stopped, telling);
        let mut failed = match is_stopped {
            // The stop signal itself is the news.
            true => telling.await,
            false => self.unless_stopped(async { Ok(telling.await) }).await?,
        };
        // Report each failure; the step has failed with the last one.
        let last = failed.pop();
        self.troubles.extend(failed);
        last.map_or(Ok(()), Err)
    }

    /// Writes the metrics of the run so far.
    pub fn write_figures(&mut self, end: &End) {
        if let Err(error) = figures(self.given, &self.run_record(end)) {
            self.trouble(error);
        }
    }

    /// Ignores a problem that is already recorded.
    fn trouble(&mut self, error: Error) {
        if !self.troubles.iter().any(|known| known.to_string() == error.to_string()) {
            self.troubles.push(error);
        }
    }

    /// Signs closing.json and writes the HTML pages. Returns the exit code and the number of problems in it; when they change by
    /// the end, this is called again.
    pub async fn settle(&mut self, end: &End) -> (u8, usize) {
        let on_paper = (self.exit_code(end), self.troubles.len());
        let closing = self.write_closing(end).err();
        let pages = self.publish(end).await.err().map(|error| error.context("write the pages of this run"));
        closing.into_iter().chain(pages).for_each(|error| self.trouble(error));
        on_paper
    }

    fn write_closing(&self, end: &End) -> Result<()> {
        let Some(signed) = &end.signed else { return Ok(()) };
        let dir = signed.path.parent().ok_or_else(|| Error::new("the report has no directory"))?;
        reports::sign_json(dir, CLOSING, &self.closing(end).stored(), &signed.key)
    }

    fn closing(&self, end: &End) -> Closing {
        Closing {
            format: 2,
            run_id: self.run_id.clone(),
            report_sha256: end.signed.as_ref().map(|signed| signed.file.sha256.clone()).unwrap_or_default(),
            exit_code: self.exit_code(end),
            steps: self.record.steps.get(end.steps_in_report..).unwrap_or_default().to_vec(),
            troubles: self.troubles.iter().map(Error::text).collect(),
            debts: left(self.given).0,
            safe_texts: Default::default(),
        }
    }

    async fn publish(&self, end: &End) -> Result<()> {
        let report = &self.given.config.report;
        // Where no report could be written, one problem is enough.
        if !report.html || end.signed.is_none() {
            return Ok(());
        }
        (self.given.listener)(Event::Phase("write pages"));
        let (dir, now) = (report.directory.clone(), (self.given.now)());
        let allowed = report.allowed_signers.as_deref().map(user_files::allowed_signers).transpose()?;
        let writing =
            tokio::task::spawn_blocking(move || site::all(&dir, None, Readers { allowed: allowed.as_ref(), now }));
        let published = tokio::time::timeout(patience(self.signal(end).is_some()), writing).await;
        let published =
            published.map_err(|_| Error::new("it took too long"))?.map_err(|error| Error::from_source(&error))??;
        let own =
            end.signed.as_ref().and_then(|signed| signed.path.parent()?.file_name()?.to_str()).unwrap_or_default();
        // Pages of earlier runs that are missing are listed on the index page; only the page of this run is a problem here.
        match published.troubles.iter().find(|trouble| !own.is_empty() && trouble.contains(own)) {
            // It may quote the report.
            Some(trouble) => Err(Error::new(MarkedText::with_values(trouble, "its page could not be written"))),
            None => Ok(()),
        }
    }

    /// The record of the run so far.
    pub fn run_record(&self, end: &End) -> RunRecord {
        RunRecord {
            report: end.report.clone(),
            signed: end
                .signed
                .as_ref()
                .map(|signed| ReportRef { path: signed.file.path.clone(), sha256: signed.file.sha256.clone() }),
            error: end.error.as_ref().map(Error::text),
            closing: self.closing(end),
            ..begun(self.given, &self.run_id, self.started_at)
        }
    }
}

/// Sends the start ping.
pub async fn begin(given: &RunContext<'_>, run_id: &str) -> Vec<Error> {
    notify::begin(&given.config.notify, run_id, given.environment).await
}

/// The health check ping: the last step, with the exit code of the process.
pub async fn ping(given: &RunContext<'_>, run: &RunRecord) -> Vec<Error> {
    within(run.status() == Status::Interrupted, notify::ping(&given.config.notify, run, given.environment)).await
}

/// Notifications of a run that did not begin. When another run `is_at_it`, the cleanup tasks and the metrics belong to that run.
pub async fn not_begun(given: &RunContext<'_>, holder: &Holder, error: &Error, is_at_it: bool) -> Vec<Error> {
    let mut run = begun(given, &holder.run_id, holder.at);
    if is_at_it {
        (run.closing.debts, run.instances_left) = (Vec::new(), 0);
    }
    run.error = Some(error.text());
    let telling = async {
        let mut failed = notify::tell(&given.config.notify, &run, given.environment).await;
        failed.extend(notify::ping(&given.config.notify, &run, given.environment).await);
        failed
    };
    let mut failed = within(false, telling).await;
    if !is_at_it {
        failed.extend(figures(given, &run).err());
    }
    failed
}

/// A run that was stopped twice: no time for notifications, but the metrics must not keep their old values.
pub fn abandoned(given: &RunContext<'_>, holder: &Holder, exit_code: u8) -> Option<Error> {
    let mut run = begun(given, &holder.run_id, holder.at);
    run.closing.exit_code = exit_code;
    figures(given, &run).err()
}

/// Does nothing without a `[metrics]` section.
fn figures(given: &RunContext<'_>, run: &RunRecord) -> Result<()> {
    let Some(config) = &given.config.metrics else { return Ok(()) };
    metrics_file::write(&config.textfile, &metrics::text(run, &config.labels))
}

/// A run of which nothing is known yet.
fn begun(given: &RunContext<'_>, run_id: &str, started_at: Timestamp) -> RunRecord {
    let (debts, instances_left) = left(given);
    RunRecord {
        host: given.host.clone(),
        source: given.config.source.describe(),
        started_at,
        finished_at: (given.now)(),
        report: None,
        signed: None,
        closing: Closing {
            format: 1,
            run_id: run_id.to_owned(),
            exit_code: Status::Inconclusive.exit_code(),
            debts,
            ..Default::default()
        },
        error: None,
        instances_left,
        last_verified: last_verified(given),
    }
}

/// The cleanup tasks of this run and of earlier ones, and the number of paid instances. A journal that cannot be read may contain
/// any number.
fn left(given: &RunContext<'_>) -> (Vec<String>, usize) {
    let runs = match earlier(given) {
        Ok(runs) => runs,
        Err(error) => return (vec![format!("not known, the journals cannot be read: {}", error.text().safe())], 0),
    };
    let debts: Vec<Debt> = runs.open.iter().flat_map(Past::debts).collect();
    let instances = debts.iter().filter(|debt| matches!(debt, Debt::Instance { .. })).count();
    let unreadable = runs.unreadable.iter().map(Error::text);
    let unreadable = unreadable.map(|text| format!("not known, a journal cannot be read: {}", text.safe()));
    (debts.iter().map(ToString::to_string).chain(unreadable).collect(), instances)
}

/// An unreadable record means unknown: absent from messages and metrics, so the age alert fires.
fn last_verified(given: &RunContext<'_>) -> Option<Proven> {
    let last = LastVerified::read_of(given.state(), &given.origin().ok()?).ok()??;
    let LastVerified { backup, data_as_of, verified_at, dump_bytes, .. } = last;
    Some(Proven { backup, data_as_of, verified_at, dump_bytes })
}

fn patience(is_stopped: bool) -> Duration {
    if is_stopped { PATIENCE_WHEN_STOPPED } else { PATIENCE }
}

async fn within(is_stopped: bool, telling: impl Future<Output = Vec<Error>>) -> Vec<Error> {
    let late = |_| vec![Error::new("it took too long").context("send the notifications of this run")];
    tokio::time::timeout(patience(is_stopped), telling).await.unwrap_or_else(late)
}
