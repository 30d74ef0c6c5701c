//! Compares source, dump and restored copy.

use super::baseline;
use super::left_out;
use super::preflight::Ready;
use super::state::RunState;
use super::verification::{self, Heard, Verification};
use crate::base::error::{Error, Result};
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::ComparisonJob;
use crate::endpoint::live::Live;
use crate::model::manifest::Manifest;
use crate::model::progress::Side;

impl RunState<'_> {
    /// Compares source, dump and restored copy, up to the two verdicts.
    ///
    /// # Errors
    /// The restored copy cannot be read at all.
    pub(super) async fn verify(
        &mut self,
        source: Endpoint,
        dump: Manifest,
        heard: &Heard,
        ready: &Ready,
        job: &ComparisonJob,
    ) -> Result<Verification> {
        self.record.begin("verify")?;
        let options = self.given.open_options();
        let copy = self.copy.as_ref().ok_or_else(|| Error::new("there is no copy"))?;
        let server = ready.server.with_dbname(&copy.database);
        let live = Live::open(server, options.live.clone(), Side::Actual, options.taken_at.clone()).await?;
        let copy = Endpoint::Live(Box::new(live));
        let witnessed = verification::judge(&source, dump, &copy, job, heard, &self.given.listener).await?;
        let mut witnessed = witnessed;
        let comparison = &mut witnessed.comparison;
        comparison.outcome.remarks.append(&mut self.remarks);
        left_out::apply(&mut comparison.outcome, &self.given.config.restore, &comparison.expected);
        baseline::judge(&mut witnessed, self.given, &job.request).await;
        self.facts.legs.clone_from(&witnessed.legs);
        let dump = witnessed.dump_verdict();
        self.record.note(witnessed.comparison.outcome.verdict_line());
        dump.line().into_iter().for_each(|line| self.record.note(line));
        self.facts.dump_verdict = Some(dump);
        self.record.done()?;
        Ok(witnessed)
    }
}
