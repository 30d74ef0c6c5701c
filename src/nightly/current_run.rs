//! A run in progress: what every stage needs, and its end where a stage was stopped by an error or a signal.
//!
//! What one stage hands to the next is not here; what must be cleaned up is in the journal only.

use tokio::sync::watch;

use super::context::RunContext;
use super::files::FilesResult;
use super::steps::{RunProblems, Steps};
use super::temporary_instance::Cloud;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::model::run::RunFacts;
use crate::storage::journal::RunInfo;

/// A run in progress.
pub struct CurrentRun<'a> {
    /// Configuration and context.
    pub context: &'a RunContext<'a>,
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// Journal and steps.
    pub steps: Steps,
    /// The facts for the report, as far as they are known.
    pub facts: RunFacts,
    /// The API, once the identity is known.
    pub cloud: Option<Cloud>,
    /// What the directories of `[[files]]` add to the verdict, so far.
    pub files: FilesResult,
    /// Each is reported, none changes the verdict.
    pub problems: RunProblems,
    /// The signal that arrived during the end of the run.
    pub stopped: watch::Receiver<Option<i32>>,
}

impl<'a> CurrentRun<'a> {
    /// The initial state.
    pub fn new(
        context: &'a RunContext<'a>,
        holder: &RunInfo,
        steps: Steps,
        stopped: watch::Receiver<Option<i32>>,
    ) -> Self {
        let problems = steps.problems();
        let facts = RunFacts { source_kind: context.source_kind().into(), ..Default::default() };
        let (run_id, started_at) = (holder.run_id.clone(), holder.at);
        Self {
            context,
            run_id,
            started_at,
            steps,
            facts,
            cloud: None,
            files: FilesResult::default(),
            problems,
            stopped,
        }
    }

    /// Does the work as a step of the end; a failure is a problem.
    pub async fn late_step(&mut self, name: &'static str, work: impl AsyncFnOnce(&mut Self) -> Result<()>) {
        let result = match self.steps.begin(name) {
            Ok(()) => work(self).await,
            Err(error) => Err(error),
        };
        self.end_step(result);
    }

    /// Ends the current step; a failure is a problem.
    pub fn end_step(&mut self, result: Result<()>) {
        if let Err(error) = result.and_then(|()| self.steps.done()) {
            self.steps.broken_off(&error);
            self.problems.push(error);
        }
    }

    /// Stops the work at a signal: user commands may take hours.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            Ok(signal) = stopped.wait_for(Option::is_some) => Err(Error::interrupted(signal.unwrap_or_default())),
            done = work => done,
        }
    }
}
