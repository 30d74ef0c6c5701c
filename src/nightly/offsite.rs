//! The off-site copy of a backup: upload of the dump, read-back, upload of its signed report, and the removal of old ones.
//!
//! Every step can be repeated: what is there already and can be read back is not uploaded again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::RunContext;
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::config::{OffsiteSettings, Retention};
use crate::model::progress::Event;
use crate::model::report::Report;
use crate::model::run::{DumpFacts, Origin};
use crate::storage;
use crate::storage::backups::{Backup, BackupState, Backups, DumpMetadata, FetchDirectory, FetchedBackup, demand_free};
use crate::storage::files::FilesSnapshots;
use crate::storage::journal::{Entry, LastVerified};
use crate::storage::offsite::{FetchTarget, OffsiteBackup, OffsiteRepository, SnapshotTags, source_tag};
use crate::storage::reports;
use crate::storage::retention;

/// A dump in the repository.
pub struct StoredDump {
    /// Its snapshot.
    pub snapshot: String,
    /// What was read back, in words.
    pub note: String,
    /// The files that were read back, where they are needed.
    pub fetched: Option<FetchedBackup>,
}

/// Uploads the dump and reads it back; `is_fetched`: into a directory beside the dump, after a check of the free space.
///
/// # Errors
/// One of them fails, or what was read back differs.
pub async fn store_dump(
    repository: &OffsiteRepository,
    settings: &OffsiteSettings,
    backup: &Backup,
    is_fetched: bool,
) -> Result<StoredDump> {
    let (directory, name) = place_of(&backup.path)?;
    let snapshot = repository.upload(directory, name, &tags(backup).of_dump()).await?;
    let dump = &backup.record.dump;
    if is_fetched {
        let parent = directory.parent().unwrap_or(directory);
        demand_free(parent, dump.bytes).doing(|| "read the dump back from the off-site repository")?;
        let made = made(backup);
        let (note, fetched) = fetch(repository, &snapshot, parent, dump, &made).await?;
        return Ok(StoredDump { snapshot, note, fetched: Some(fetched) });
    }
    let read = repository.read_back(&snapshot, dump, settings.read_back).await?;
    read.demand_equal()?;
    Ok(StoredDump { snapshot, note: read.note, fetched: None })
}

/// Reads a dump back into a directory below `parent`, and compares it with the list of its files.
///
/// # Errors
/// It cannot be read or written, or it differs.
pub async fn fetch(
    repository: &OffsiteRepository,
    snapshot: &str,
    parent: &Path,
    dump: &DumpFacts,
    made: &DumpMetadata,
) -> Result<(String, FetchedBackup)> {
    let directory = FetchDirectory::create(parent, &dump.backup)?;
    let lengths: std::collections::BTreeMap<String, u64> =
        dump.files.iter().map(|file| (file.path.clone(), file.bytes)).collect();
    let is_wanted = Arc::new(move |path: &str, bytes: u64| lengths.get(path) == Some(&bytes));
    let target = FetchTarget { directory: directory.path().to_owned(), is_wanted };
    let read = repository.fetch(snapshot, dump, Some(target)).await?;
    read.demand_equal()?;
    Ok((read.note, directory.finish(made, dump)?))
}

/// The part of a cleanup task: brings a backup into the repository, with its report; `dump` is the snapshot of its dump, once that was
/// read back. A backup that is not verified is not wanted there.
///
/// # Errors
/// The repository cannot be reached, or something in it differs: the task stays open.
pub async fn store_backup(context: &RunContext<'_>, id: &str, dump: Option<&str>) -> Result<Entry> {
    let backups = Backups::open(&context.config.dump.directory)?;
    backups.remove_fetched(id)?;
    let dropped = |why: &str| Ok(Entry::OffsiteDropped { backup: id.to_owned(), why: why.to_owned() });
    let Some(settings) = &context.config.offsite else { return dropped("there is no [offsite] any more") };
    match backups.whereabouts(id)? {
        Some(BackupState::Verified) => {}
        Some(BackupState::Damaged) => return dropped("it is damaged"),
        Some(BackupState::Unverified) => return dropped("it was never verified"),
        Some(BackupState::Partial | BackupState::Removing) | None => return dropped("it is not kept here"),
    }
    let backup = backups.get(id)?;
    let repository = OffsiteRepository::configured(settings, context.state(), context.environment).await?;
    if dump.is_none() && !has_dump(&repository, settings, &backup).await? {
        store_dump(&repository, settings, &backup, false).await?;
    }
    store_files(&repository, context, settings, &backup).await?;
    store_report(&repository, context, &backup).await?;
    let record = &backup.record;
    let mut last = LastVerified::new(id, record.data_as_of, (context.now)(), record.dump.bytes);
    last.source.clone_from(&record.source);
    last.write_offsite(context.state())?;
    Ok(Entry::OffsiteStored { backup: id.to_owned() })
}

/// Whether an earlier attempt has uploaded the dump, and it can be read back.
async fn has_dump(repository: &OffsiteRepository, settings: &OffsiteSettings, backup: &Backup) -> Result<bool> {
    let stored = repository.backups().await?;
    let stored = stored.iter().find(|stored| stored.id == backup.record.id);
    let Some(dump) = stored.and_then(|stored| stored.dumps.first()) else { return Ok(false) };
    let read = repository.read_back(&dump.id, &backup.record.dump, settings.read_back).await;
    Ok(read.is_ok_and(|read| read.differences.is_empty()))
}

/// Before the report, which makes the backup complete. A snapshot that retention has removed meanwhile is superseded by a later one.
async fn store_files(
    repository: &OffsiteRepository,
    context: &RunContext<'_>,
    settings: &OffsiteSettings,
    backup: &Backup,
) -> Result<()> {
    let (path, _) = report_of(context, backup)?;
    let bytes = files::read(&path, files::REPORT).doing(|| format!("read {}", path.display()))?;
    let report = Report::from_bytes(&bytes)?;
    for (name, facts) in report.proven_files() {
        let doing = || format!("store the files {name} off site");
        let place = Path::new(&facts.path);
        if !place.is_dir() && has_newer(place)? {
            let text = format!("{} was removed before its upload: a later snapshot has superseded it", place.display());
            (context.listener)(Event::Warning(&text.into()));
            continue;
        }
        storage::files::offsite::store(repository, name, facts, &tags(backup), settings.read_back)
            .await
            .doing(doing)?;
    }
    Ok(())
}

fn has_newer(snapshot: &Path) -> Result<bool> {
    let (Some(directory), Some(id)) = (snapshot.parent(), snapshot.file_name()) else { return Ok(false) };
    let verified = FilesSnapshots::new(directory.to_owned()).verified()?;
    Ok(verified.last().is_some_and(|newest| newest.as_str() > id.to_string_lossy().as_ref()))
}

async fn store_report(repository: &OffsiteRepository, context: &RunContext<'_>, backup: &Backup) -> Result<()> {
    let (path, sha256) = report_of(context, backup)?;
    let folder = path.parent().ok_or_else(|| Error::new("the report has no directory"))?;
    let (directory, name) = place_of(folder)?;
    let snapshot = repository.upload(directory, name, &tags(backup).of_report()).await?;
    let (_, sent) = repository.receive_file(&snapshot, &format!("/{name}/{}", reports::REPORT)).await?;
    if sent == sha256 { Ok(()) } else { Err(Error::new("the off-site copy of the report differs")) }
}

/// The path of the signed report of a backup, and its hash.
fn report_of(context: &RunContext<'_>, backup: &Backup) -> Result<(PathBuf, String)> {
    let report = backup.record.report.as_ref().ok_or_else(|| Error::new("the backup names no report"))?;
    let path = located(Path::new(&report.path), &context.config.report.directory);
    let (_, sha256) = reports::hash_of(&path).doing(|| format!("read {}", path.display()))?;
    if sha256 != report.sha256 {
        return Err(Error::new(format!("{} is not the report of the backup {}", path.display(), backup.record.id)));
    }
    Ok((path, sha256))
}

/// The path at which the report was written, or the same name below the configured directory.
pub fn located(written: &Path, directory: &Path) -> PathBuf {
    let inside = written.parent().and_then(Path::file_name).map(|name| directory.join(name).join(reports::REPORT));
    match inside {
        Some(inside) if !written.exists() => inside,
        _ => written.to_owned(),
    }
}

fn tags(backup: &Backup) -> SnapshotTags {
    let record = &backup.record;
    SnapshotTags {
        backup: record.id.clone(),
        run_id: record.run_id.clone(),
        data_as_of: record.data_as_of,
        source: record.source.clone(),
    }
}

fn made(backup: &Backup) -> DumpMetadata {
    let record = &backup.record;
    DumpMetadata {
        run_id: record.run_id.clone(),
        source: record.source.clone(),
        data_as_of: record.data_as_of,
        made_at: record.made_at,
        format: record.dump.format.clone(),
        pg_dump: record.dump.pg_dump.clone(),
    }
}

/// The directory that holds this one, and its name in it.
fn place_of(path: &Path) -> Result<(&Path, &str)> {
    match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
        (Some(directory), Some(name)) => Ok((directory, name)),
        _ => Err(Error::new(format!("{} has no name in UTF-8", path.display()))),
    }
}

/// Removes the backups of this source that no rule keeps, and those that were never proven and are not newer than `stored`, which must
/// be there. Returns their ids.
///
/// # Errors
/// The repository cannot be read, or the key may not delete.
pub async fn forget(context: &RunContext<'_>, source: &Origin, rules: &Retention, stored: &str) -> Result<Vec<String>> {
    let Some(repository) = context.offsite().await? else { return Ok(Vec::new()) };
    let all = repository.backups().await?;
    let tag = source_tag(source);
    let own: Vec<&OffsiteBackup> = all.iter().filter(|backup| backup.source == tag).collect();
    let removed = superseded(&own, rules, stored, context)?;
    if !removed.is_empty() {
        repository.forget(&removed).await?;
    }
    Ok(removed.iter().map(|backup| backup.id.clone()).collect())
}

fn superseded<'a>(
    own: &[&'a OffsiteBackup],
    rules: &Retention,
    stored: &str,
    context: &RunContext<'_>,
) -> Result<Vec<&'a OffsiteBackup>> {
    let newest = own.iter().find(|backup| backup.id == stored && backup.is_verified());
    let newest = newest.ok_or_else(|| Error::new(format!("{stored} is not there: nothing was removed")))?;
    let ages: Vec<_> = own.iter().filter_map(|backup| backup.age()).collect();
    let plan = retention::plan(&ages, rules, (context.now)());
    let is_old = |backup: &OffsiteBackup| {
        !backup.is_verified() && backup.data_as_of.is_some_and(|time| Some(time) < newest.data_as_of)
    };
    Ok(own.iter().copied().filter(|backup| plan.remove.contains(&backup.id) || is_old(backup)).collect())
}
