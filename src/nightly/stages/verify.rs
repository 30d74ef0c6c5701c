//! Compares source, dump and restored copy.

use super::restore::RestoredCopy;
use crate::base::error::Result;
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::ComparisonJob;
use crate::endpoint::live::Live;
use crate::model::progress::Side;
use crate::nightly::baseline;
use crate::nightly::current_run::CurrentRun;
use crate::nightly::left_out;
use crate::nightly::preflight::Ready;
use crate::nightly::restoring::CopyIdentity;
use crate::nightly::three_way::{self, Verification};
use crate::storage::backups::{Backup, OwnSource};

/// A run with a verdict: what its end places, keeps and removes.
pub struct VerifiedRun {
    /// The comparison.
    pub verification: Verification,
    /// The restored copy that was compared.
    pub copy: CopyIdentity,
    /// The dump from which it was restored.
    pub backup: Backup,
    /// The backups of the same source.
    pub ours: OwnSource,
}

/// Compares source, dump and restored copy, up to the two verdicts.
///
/// # Errors
/// The restored copy cannot be read at all.
pub async fn verify(
    run: &mut CurrentRun<'_>,
    restored: RestoredCopy,
    ready: Ready,
    job: &ComparisonJob,
) -> Result<VerifiedRun> {
    run.steps.begin("verify")?;
    let (context, options) = (run.context, run.context.open_options());
    let RestoredCopy { dump, manifest, identity, restored } = restored;
    let mut source = dump.manifest;
    let remarks = dump.sequences.reconcile(&mut source, &manifest);
    let source = Endpoint::Captured(Box::new(dump.endpoint), Box::new(source));
    let server = ready.server.reader.with_dbname(&identity.database);
    let live = Live::open(server, options.live, Side::Actual, options.taken_at).await?;
    let copy = Endpoint::Live(Box::new(live));
    let mut verification = three_way::verify(&source, manifest, &copy, job, &restored, &context.listener).await?;
    let comparison = &mut verification.comparison;
    comparison.outcome.remarks.extend(remarks);
    left_out::apply(&mut comparison.outcome, &context.config.restore, &comparison.expected);
    baseline::add_drift(&mut verification, context, &job.request).await;
    run.files.add_to(&mut verification.comparison.outcome, &job.request.waivers);
    job.show.redaction.outcome(&mut verification.comparison.outcome);
    run.facts.legs.clone_from(&verification.stages);
    let dump_verdict = verification.dump_verdict();
    run.steps.note(verification.comparison.outcome.verdict_line());
    dump_verdict.line().into_iter().for_each(|line| run.steps.note(line));
    run.facts.dump_verdict = Some(dump_verdict);
    run.steps.done()?;
    Ok(VerifiedRun { verification, copy: identity, backup: dump.backup, ours: ready.ours })
}
