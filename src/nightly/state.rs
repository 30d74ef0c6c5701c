//! The state of a run in progress.

use tokio::sync::watch;

use super::context::RunContext;
use super::moving_sequences::Moving;
use super::report_writer::ReportWriter;
use super::steps::{Steps, Troubles};
use super::temporary_instance::Cloud;
use crate::base::error::Result;
use crate::base::marked::MarkedText;
use crate::base::time::Timestamp;
use crate::model::run;
use crate::nightly::restoring::CopyIdentity;
use crate::storage::backups::{Backup, Ours};
use crate::storage::journal::Holder;

/// A run in progress.
pub struct RunState<'a> {
    /// Configuration and context.
    pub given: &'a RunContext<'a>,
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// Journal and steps.
    pub record: Steps,
    /// The directory of the report, or the reason why there is none.
    pub paper: Result<ReportWriter>,
    /// The facts of the run for the report.
    pub facts: run::RunFacts,
    /// The API, once the identity is known.
    pub cloud: Option<Cloud>,
    /// The restored copy, once it was created.
    pub copy: Option<CopyIdentity>,
    /// The backups of this run's source, once the source was identified.
    pub ours: Option<Ours>,
    /// The complete dump.
    pub backup: Option<Backup>,
    /// Sequences that moved while they were dumped.
    pub moving: Moving,
    /// Notes for the user that are neither findings nor unchecked.
    pub remarks: Vec<MarkedText>,
    /// Files of the dump that differ from what pg_dump wrote.
    pub changed_files: Vec<String>,
    /// What earlier runs have left that could not be cleaned up, and other things that do not touch the verdict.
    pub troubles: Troubles,
    /// With which exit code people were told that it ends.
    pub told: Option<u8>,
    /// The signal that arrived during the end of the run.
    pub stopped: watch::Receiver<Option<i32>>,
}

impl<'a> RunState<'a> {
    /// The initial state.
    pub fn new(
        given: &'a RunContext<'a>,
        holder: &Holder,
        record: Steps,
        paper: Result<ReportWriter>,
        stopped: watch::Receiver<Option<i32>>,
    ) -> Self {
        let troubles = record.troubles();
        let facts = run::RunFacts { source_kind: given.source_kind().into(), ..Default::default() };
        Self {
            given,
            run_id: holder.run_id.clone(),
            started_at: holder.at,
            record,
            paper,
            facts,
            cloud: None,
            copy: None,
            ours: None,
            backup: None,
            moving: Moving::default(),
            remarks: Vec::new(),
            changed_files: Vec::new(),
            troubles,
            told: None,
            stopped,
        }
    }
}
