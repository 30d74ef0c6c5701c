//! Restore after a disaster: restores the newest verified backup, of this machine or of an off-site repository, into a new database and
//! checks that it is what was signed.
//!
//! The target database must not exist, changed dump files or reports are rejected, and only a comparison proves the result; the
//! exit status of pg_restore does not.

mod choice;
mod offsite_choice;

pub use offsite_choice::{FetchPlan, FetchedChoice, fetch};

use std::future::Future;
use std::path::{Path, PathBuf};

use super::context::RunContext;
use super::dumping;
use super::left_out;
use super::offsite::located;
use super::restore_into::{RestorableDump, RestoreTarget, restore_into};
use super::restoring::{self, CopyIdentity, DatabaseFacts, Members, Needs};
use super::target_server::TargetServer;
use super::three_way;
use crate::base::error::{Context, Error, Result};
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::{self, Comparison};
use crate::endpoint::live::Live;
use crate::model::finding::Unchecked;
use crate::model::manifest::Manifest;
use crate::model::progress::{Event, Side};
use crate::model::report::{Report, Run, Times, Tools};
use crate::model::run::{RestoreFacts, RunFacts};
use crate::model::subject::Subject;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, SessionOptions};
use crate::postgres::tools::PgTools;
use crate::storage::backups::Backup;
use crate::storage::journal::{LastSigned, lost_report};
use crate::storage::reports::{self, NewReport, SignatureCheck};
use crate::storage::signers::AllowedSigners;

/// What to restore, and where to.
pub struct WantedBackup<'a> {
    /// Configuration and context.
    pub context: &'a RunContext<'a>,
    /// The id of the backup or a prefix of it; the newest verified one when `None`.
    pub backup: Option<&'a str>,
    /// The new database: its name and its server.
    pub into: &'a ConnInfo,
    /// The database to connect to before the new one exists.
    pub maintenance: &'a str,
    /// The allowed signers.
    pub signers: &'a AllowedSigners,
}

/// A backup whose files match the signed report.
pub struct Chosen {
    /// The backup.
    pub backup: Backup,
    /// Its report, with a good signature.
    pub report: Report,
    /// The directory of the report.
    pub report_directory: PathBuf,
    /// The signer.
    pub signer: String,
    /// The roles; the file need not exist.
    pub globals: PathBuf,
    /// Notes on the choice for the user, a line each.
    pub notes: Vec<String>,
}

/// The result of the restore.
pub struct RestoredBackup {
    /// The new database compared with what was signed.
    pub comparison: Comparison,
    /// The report on the comparison, if it could be written.
    pub report: Result<PathBuf>,
}

/// Chooses the backup and checks its files and its report, before anything is created.
///
/// # Errors
/// No such backup; a newer one that cannot be used; its report is missing, not signed by an allowed signer, or of another dump; a
/// file has changed.
pub fn choose(wanted: &WantedBackup<'_>) -> Result<Chosen> {
    let (backup, notes) = choice::choose(wanted.context, wanted.backup)?;
    (wanted.context.listener)(Event::Phase("check the files of the dump"));
    let doing = || format!("verify the backup {}", backup.record.id);
    let (report, report_directory, signer) = signed_report(wanted, &backup).doing(doing)?;
    if let Some(first) = backup.verify_files()?.first() {
        let error = Error::new(format!("it has changed since it was verified: {first}"));
        return Err(error.hint("choose another backup (--backup), and check the disk")).doing(doing);
    }
    let globals = backup.path.join(dumping::GLOBALS);
    Ok(Chosen { backup, report, report_directory, signer, globals, notes })
}

fn signed_report(wanted: &WantedBackup<'_>, backup: &Backup) -> Result<(Report, PathBuf, String)> {
    let file = backup.record.report.as_ref().ok_or_else(|| Error::new("it names no report"))?;
    let path = located(Path::new(&file.path), &wanted.context.config.report.directory);
    let check = reports::verify(&path, wanted.signers, None, (wanted.context.now)());
    let check = check.map_err(|error| if path.exists() { error } else { error.hint(NO_REPORT) })?;
    let SignatureCheck::Good(verified) = check else { return Err(Error::new(check.to_string())) };
    if verified.sha256 != file.sha256 {
        return Err(Error::new(format!("{} is a good report, but not the one of this backup", path.display())));
    }
    let dump = verified.report.night.as_ref().and_then(|night| night.dump.as_ref());
    if dump.map(|dump| (&dump.backup, &dump.files)) != Some((&backup.record.id, &backup.record.dump.files)) {
        return Err(Error::new("its report lists other files"));
    }
    if !verified.report.proves_dump() {
        return Err(Error::new(format!("its report says {}, and does not prove the dump", verified.report.verdict)));
    }
    let report_directory = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok((verified.report.clone(), report_directory, verified.signer.to_string()))
}

/// Hint for a missing report.
const NO_REPORT: &str =
    "restore report.directory, or choose another backup (--backup): without its signed report a backup proves nothing";

/// Creates the database under an interim name, restores into it, compares it with what was signed, and renames it then, whatever
/// the comparison shows: an interrupted restore never leaves a database under the final name. `stop` resolves to a signal when
/// the process is asked to end, and can be called more than once.
///
/// # Errors
/// The database exists, cannot be created, or nothing can be restored into it; a stop signal. Anything less is in the comparison.
pub async fn restore<S: Future<Output = i32>>(
    wanted: &WantedBackup<'_>,
    chosen: &Chosen,
    stop: impl Fn() -> S,
) -> Result<RestoredBackup> {
    let (context, clock) = (wanted.context, std::time::Instant::now());
    let started_at = reports::start_time(&context.config.report.directory, context.now);
    let admin = wanted.into.with_dbname(wanted.maintenance);
    let (name, protected) = (wanted.into.dbname(), &context.config.protected.databases);
    restoring::demand_free(&admin, name, protected).await?;
    let run_id = reports::random_run_id()?;
    let into = wanted.into.with_dbname(&restoring::interim_name(name, &run_id));
    let filled = tokio::select! {
        biased;
        signal = stop() => Err(Error::interrupted(signal)),
        filled = fill(wanted, chosen, &admin, &into) => filled,
    };
    let (copy, mut comparison, mut facts) = match filled {
        Ok(filled) => filled,
        // What the server said goes before a hint of ours is added, which has to stay.
        Err(error) => {
            let error = context.redaction()?.error(error);
            return Err(removed(error, wanted, &admin, into.dbname(), stop()).await);
        }
    };
    restoring::rename_copy(&admin, &copy, name, protected)
        .await
        .map_err(|error| error.hint(format!("the restored database is {:?}: rename it yourself", copy.database)))?;
    name.clone_into(&mut facts.database);
    comparison.actual.endpoint.description = wanted.into.describe();
    let times = Times { started_at, finished_at: (context.now)(), duration_ms: ms(clock) };
    let report = write_report(wanted, chosen, &mut comparison, facts, times, run_id).await;
    Ok(RestoredBackup { comparison, report })
}

/// What interrupted restores into this name left on the server: the statements that remove it.
///
/// # Errors
/// The server cannot be queried.
pub async fn left_over(wanted: &WantedBackup<'_>) -> Result<Vec<String>> {
    restoring::left_over(&wanted.into.with_dbname(wanted.maintenance), wanted.into.dbname()).await
}

/// Drops an incomplete database; if that fails, the error states how to do it.
async fn removed(
    error: Error,
    wanted: &WantedBackup<'_>,
    admin: &ConnInfo,
    database: &str,
    stop: impl Future<Output = i32>,
) -> Error {
    let remove = async {
        restoring::wait_for_creation(admin, database).await?;
        match restoring::find_copy(admin, database).await? {
            Some(copy) => {
                restoring::drop_copy(admin, &copy, &wanted.context.config.protected.databases).await.map(drop)
            }
            None => Ok(()),
        }
    };
    let result = tokio::select! {
        result = remove => result,
        signal = stop => Err(Error::interrupted(signal)),
    };
    match result {
        Ok(()) => error,
        Err(left) => {
            let statement = restoring::drop_statement(database);
            let hint = |left: &str| {
                format!("the incomplete database {database:?} was left ({left}); remove it with: {statement}")
            };
            error.hint(left.text().map(hint))
        }
    }
}

/// Fills the database under its interim name from the dump, and compares it with what was signed.
async fn fill(
    wanted: &WantedBackup<'_>,
    chosen: &Chosen,
    admin: &ConnInfo,
    into: &ConnInfo,
) -> Result<(CopyIdentity, Comparison, RestoreFacts)> {
    let context = wanted.context;
    let tools = context.tools()?;
    let expected = reports::load_manifest(&chosen.report_directory.join(reports::EXPECTED))?;
    check_versions(&tools, admin, &expected).await?;
    let dump = RestorableDump::new(&chosen.backup, Members::of_manifest(&expected))?;
    demand_needs(wanted, chosen, &expected, &dump.facts).await?;
    (context.listener)(Event::Phase("restore"));
    let server = TargetServer::given(admin.clone());
    let target = RestoreTarget { server: &server, database: into.dbname() };
    let copy = target.create(context, &dump).await?;
    let restored = restore_into(context, &dump, target, &copy, &tools).await?;
    let redaction = context.redaction()?;
    (context.listener)(Event::Phase("compare with what was signed"));
    let mut comparison = compare(wanted, chosen, expected, into).await?;
    three_way::explain(&mut comparison.outcome, &restored.complaints, &restored.refused, None, redaction);
    left_out::apply(&mut comparison.outcome, &context.config.restore, &comparison.expected);
    comparison.outcome.unchecked.extend(changed_since(chosen)?);
    redaction.outcome(&mut comparison.outcome);
    let facts = RestoreFacts {
        database: copy.database.clone(),
        pg_restore: restored.pg_restore,
        complaints: restored.complaints.iter().map(|complaint| redaction.complaint(complaint)).collect(),
    };
    Ok((copy, comparison, facts))
}

/// The files were hashed before they were read; a change in between may be in the database.
fn changed_since(chosen: &Chosen) -> Result<Option<Unchecked>> {
    let changed = chosen.backup.verify_files()?.into_iter().next();
    let backup = Subject::new("backup", &chosen.backup.record.id);
    Ok(changed.map(|first| Unchecked::new(backup, "actual", format!("it has changed while it was restored: {first}"))))
}

/// Compares the signed manifest with the new database. A manifest has no rows: differing rows are counted, not named.
async fn compare(
    wanted: &WantedBackup<'_>,
    chosen: &Chosen,
    expected: Manifest,
    into: &ConnInfo,
) -> Result<Comparison> {
    let context = wanted.context;
    let options = context.open_options();
    let live = Live::open(into.clone(), options.live.clone(), Side::Actual, options.taken_at.clone()).await?;
    let (expected, actual) = (Endpoint::Saved(Box::new(expected)), Endpoint::Live(Box::new(live)));
    let mut comparison =
        compare_endpoints::run(&expected, &actual, &context.job_of(&chosen.report)?, &context.listener).await?;
    comparison.outcome.remarks.extend(actual.remarks(Side::Actual));
    Ok(comparison)
}

/// Checks the server before anything is created there. The roles come from the file beside the dump.
async fn demand_needs(
    wanted: &WantedBackup<'_>,
    chosen: &Chosen,
    expected: &Manifest,
    facts: &DatabaseFacts,
) -> Result<()> {
    let admin = wanted.into.with_dbname(wanted.maintenance);
    let target = Session::open(&admin, &SessionOptions { lock_timeout_s: 30 }).await?;
    let globals = chosen.globals.is_file().then(|| chosen.globals.display().to_string());
    let needs = Needs::of_manifest(expected);
    let mut problems = restoring::lacking(&needs, &target, &wanted.context.config.restore, globals.as_deref()).await?;
    problems.extend(restoring::lacking_locale(&admin, facts).await?);
    restoring::demand_none(problems)
}

async fn check_versions(tools: &PgTools, admin: &ConnInfo, expected: &Manifest) -> Result<()> {
    let target = Session::open(admin, &SessionOptions { lock_timeout_s: 30 }).await?.major();
    let source =
        expected.endpoint.server_version.as_deref().and_then(|version| version.split('.').next()?.parse().ok());
    dumping::check_versions(tools, source.unwrap_or(target), target)
}

async fn write_report(
    wanted: &WantedBackup<'_>,
    chosen: &Chosen,
    comparison: &mut Comparison,
    restore: RestoreFacts,
    times: Times,
    run_id: String,
) -> Result<PathBuf> {
    let context = wanted.context;
    let key = context.key().await?;
    let folder = NewReport::prepare(&context.config.report.directory, Some(&key), times.started_at, &run_id)?;
    let previous = folder.previous()?;
    comparison.outcome.remarks.extend(previous.unreadable);
    let directory = &context.config.report.directory;
    comparison.outcome.remarks.extend(lost_report(context.state(), directory).map(|error| error.text()));
    context.redaction()?.outcome(&mut comparison.outcome);
    let signed = &chosen.report;
    let night = RunFacts {
        source_kind: "backup".into(),
        source: signed.night.as_ref().and_then(|night| night.source.clone()),
        data_as_of: Some(chosen.backup.record.data_as_of),
        dump: Some(chosen.backup.record.dump.clone()),
        rds: signed.night.as_ref().and_then(|night| night.rds.clone()),
        restore: Some(restore),
        ..Default::default()
    };
    let run = Run {
        run_id,
        command: "restore".into(),
        selection: signed.selection.clone(),
        tools: Tools {
            pgwitness: env!("CARGO_PKG_VERSION").into(),
            pg_restore: night.restore.as_ref().map(|r| r.pg_restore.clone()),
        },
        times,
        side_files: folder.write_manifests(&comparison.expected, &comparison.actual)?,
        previous_report_sha256: previous.sha256,
        night: Some(night),
    };
    let report = Report::new(comparison.outcome.clone(), &comparison.expected, &comparison.actual, run);
    let path = folder.finish(&report).doing(|| "write the report on the restore")?;
    let sha256 = reports::sha256(&report.to_bytes()?);
    let remembered =
        LastSigned::of(&path, &report.run_id, &sha256).and_then(|last| last.write(context.state(), directory));
    if let Err(error) = remembered {
        (context.listener)(Event::Warning(&error.text()));
    }
    Ok(path)
}

fn ms(clock: std::time::Instant) -> u64 {
    u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX)
}
