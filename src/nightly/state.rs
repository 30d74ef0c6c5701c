//! One run on its way: what is known of it so far.

use tokio::sync::watch;

use super::context::RunContext;
use super::moving_sequences::Moving;
use super::report_writer::ReportWriter;
use super::steps::{Steps, Troubles};
use super::temporary_instance::Cloud;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::model::run;
use crate::nightly::restoring::CopyIdentity;
use crate::storage::backups::{Backup, Ours};
use crate::storage::journal::Holder;

/// One night on its way.
pub struct RunState<'a> {
    /// Configuration and doors.
    pub given: &'a RunContext<'a>,
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// Journal and steps.
    pub record: Steps,
    /// The report's directory, or why there is none.
    pub paper: Result<ReportWriter>,
    /// What the report will say of the night.
    pub facts: run::RunFacts,
    /// The API, once we know who we are.
    pub cloud: Option<Cloud>,
    /// The restored copy, once it was created.
    pub copy: Option<CopyIdentity>,
    /// Which backups are of tonight's source, once it was asked.
    pub ours: Option<Ours>,
    /// The complete dump.
    pub backup: Option<Backup>,
    /// Sequences that moved while they were dumped.
    pub moving: Moving,
    /// Things people should know that are neither wrong nor unchecked.
    pub remarks: Vec<String>,
    /// Files of the dump that are no longer what pg_dump wrote.
    pub changed_files: Vec<String>,
    /// What earlier runs have left that could not be cleaned up, and other things that do not touch the verdict.
    pub troubles: Troubles,
    /// With which exit code people were told that it ends.
    pub told: Option<u8>,
    /// The signal that has come while we were closing already.
    pub stopped: watch::Receiver<Option<i32>>,
}

impl<'a> RunState<'a> {
    /// Nothing was done yet.
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
