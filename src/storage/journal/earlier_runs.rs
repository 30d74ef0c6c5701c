//! The journals of earlier runs, and their open cleanup tasks.
//!
//! An unknown line makes the whole journal unreadable. Only an incomplete last line is ignored: the action that it announces was not
//! performed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::append::{FORMAT, JournalFile, RUNS, make_directory};
use super::entry::{AccessClaim, CopyClaim, CopyIdentity, Entry, FilesClaim, InstanceClaim, Place};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
pub use crate::model::run::ReportFile;
use crate::storage::reports::write::{disk_error, sync_directory};

const EXTENSION: &str = "journal";
const CLOSED: &str = "closed";

/// Something that may be left of a run. The cleanup checks that it exists and that this program made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CleanupTask {
    /// A temporary instance.
    Instance {
        /// What was asked for.
        claim: Box<InstanceClaim>,
        /// Its `DbiResourceId`, if AWS's answer came.
        resource_id: Option<String>,
    },
    /// A backup that was started and not placed yet.
    Backup {
        /// Of the backup.
        id: String,
        /// The report that the run has signed, if it has: then the dump may be proven.
        report: Option<ReportFile>,
    },
    /// A backup that is not completely in the off-site repository yet.
    Offsite {
        /// Of the backup.
        backup: String,
        /// The snapshot of its dump, once that was read back.
        dump: Option<String>,
    },
    /// A database for the restored copy.
    Copy {
        /// What was about to be created.
        claim: CopyClaim,
        /// What was created, once it was.
        created: Option<CopyIdentity>,
    },
    /// The way to the source is open.
    Access(AccessClaim),
    /// A snapshot of files that is not placed.
    Files {
        /// The snapshot.
        claim: FilesClaim,
        /// The report of the run, if it was signed.
        report: Option<ReportFile>,
    },
    /// A restore server of the run's own.
    Server {
        /// Absolute path.
        directory: String,
    },
}

impl std::fmt::Display for CleanupTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance { claim, .. } => write!(f, "RDS instance {} in {}", claim.identifier, claim.region),
            Self::Backup { id, .. } => write!(f, "dump {id}"),
            Self::Offsite { backup, .. } => write!(f, "off-site copy of dump {backup}"),
            Self::Copy { claim, .. } => write!(f, "database {} on {}", claim.database, claim.server),
            Self::Access(claim) => write!(f, "access to the source, opened by the run {}", claim.run_id),
            Self::Files { claim, .. } => write!(f, "snapshot {}/{}", claim.directory, claim.id),
            Self::Server { directory } => write!(f, "restore server in {directory}"),
        }
    }
}

impl CleanupTask {
    /// The entry that records its removal.
    pub fn gone(&self) -> Entry {
        match self {
            Self::Instance { claim, .. } => Entry::InstanceGone { identifier: claim.identifier.clone() },
            Self::Backup { id, .. } => Entry::BackupPlaced { id: id.clone(), place: Place::Discarded },
            Self::Offsite { backup, .. } => Entry::OffsiteStored { backup: backup.clone() },
            Self::Copy { claim, .. } => Entry::CopyGone { database: claim.database.clone() },
            Self::Access(claim) => Entry::AccessClosed { run_id: claim.run_id.clone() },
            Self::Files { claim, .. } => Entry::FilesPlaced { claim: claim.clone(), place: Place::Discarded },
            Self::Server { directory } => Entry::ServerGone { directory: directory.clone() },
        }
    }
}

/// The journals that are not closed.
#[derive(Debug, Default)]
#[must_use]
pub struct OpenJournals {
    /// Oldest first.
    pub open: Vec<EarlierRun>,
    /// Journals that cannot be read, each with the line: their cleanup tasks are not known.
    pub unreadable: Vec<Error>,
}

/// The journal of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierRun {
    /// Where it is.
    pub path: PathBuf,
    /// Its whole lines.
    pub entries: Vec<Entry>,
    /// Describes an incomplete last line.
    pub torn: Option<String>,
    good: u64,
}

/// Reads every journal that is not closed. Needs the lock, and comes before [`super::Journal::create`], whose journal would be one
/// of them.
pub fn open_runs(state: &Path) -> Result<OpenJournals> {
    let dir = state.join(RUNS);
    let doing = || format!("list journals in {}", dir.display());
    let listing = match fs::read_dir(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(OpenJournals::default()),
        listing => listing.doing(doing)?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        let path = entry.doing(doing)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut runs = OpenJournals::default();
    for path in paths {
        match EarlierRun::read(&path) {
            Ok(past) => runs.open.push(past),
            Err(error) => runs.unreadable.push(error),
        }
    }
    Ok(runs)
}

impl EarlierRun {
    /// Reads one journal.
    pub fn read(path: &Path) -> Result<Self> {
        let doing = || format!("read journal {}", path.display());
        let bytes = files::read(path, files::STATE).doing(doing)?;
        parse(path, &bytes).doing(doing)
    }

    /// The run; `None` when it was killed before its first line was written, and so did nothing.
    pub fn run_id(&self) -> Option<&str> {
        match self.entries.first() {
            Some(Entry::RunStarted { run_id, .. }) => Some(run_id),
            _ => None,
        }
    }

    /// Whether the run ended without being killed.
    pub fn is_ended(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::RunEnded { .. }))
    }

    /// The open cleanup tasks.
    pub fn cleanup_tasks(&self) -> Vec<CleanupTask> {
        cleanup_tasks(&self.entries)
    }

    /// Records in the old journal that a task is done: `task.gone()`, or where a backup was placed, or that a copy is kept.
    pub fn mark_done(&mut self, paid: Entry) -> Result<()> {
        let doing = || format!("update journal {}", self.path.display());
        let mut after = self.entries.clone();
        after.push(paid.clone());
        if cleanup_tasks(&after).len() >= self.cleanup_tasks().len() {
            return Err(Error::new("this entry completes none of the open cleanup tasks")).doing(doing);
        }
        self.append(paid)
    }

    /// Moves the journal to the closed ones; refused while a cleanup task is open.
    pub fn close(mut self, by_run: &str, at: Timestamp) -> Result<()> {
        let open_tasks = self.cleanup_tasks().len();
        if open_tasks > 0 {
            let (noun, are) = if open_tasks == 1 { ("task", "is") } else { ("tasks", "are") };
            return Err(Error::new(format!("{open_tasks} cleanup {noun} {are} still open")))
                .doing(|| format!("close journal {}", self.path.display()));
        }
        // Without a first line no run was started.
        let has_started = self.run_id().is_some();
        if has_started && !self.is_ended() && !self.entries.iter().any(|entry| matches!(entry, Entry::Settled { .. })) {
            self.append(Entry::Settled { by_run: by_run.to_owned(), at })?;
        }
        move_to_closed(&self.path)
    }

    fn append(&mut self, entry: Entry) -> Result<()> {
        let append = || {
            let mut tail = JournalFile::open(&self.path, self.good)?;
            tail.append(&entry)?;
            Ok(tail.good())
        };
        self.good = append().map_err(disk_error).doing(|| format!("write journal {}", self.path.display()))?;
        self.torn = None;
        self.entries.push(entry);
        Ok(())
    }
}

/// The cleanup tasks that these entries leave open, in the order in which they began.
pub fn cleanup_tasks(entries: &[Entry]) -> Vec<CleanupTask> {
    let mut tasks: Vec<CleanupTask> = Vec::new();
    let mut signed = None;
    for entry in entries {
        match entry {
            Entry::InstanceIntended(claim) => {
                tasks.push(CleanupTask::Instance { claim: Box::new(claim.clone()), resource_id: None });
            }
            Entry::InstanceCreated { identifier, resource_id } => name_resource(&mut tasks, identifier, resource_id),
            Entry::BackupBegun { id } => tasks.push(CleanupTask::Backup { id: id.clone(), report: None }),
            Entry::OffsiteBegun { backup } => {
                tasks.push(CleanupTask::Offsite { backup: backup.clone(), dump: None });
            }
            Entry::OffsiteDumpStored { backup, snapshot } => name_snapshot(&mut tasks, backup, snapshot),
            Entry::CopyIntended(claim) => tasks.push(CleanupTask::Copy { claim: claim.clone(), created: None }),
            Entry::CopyCreated(identity) => name_database(&mut tasks, identity),
            Entry::AccessIntended(claim) => {
                tasks.retain(|task| !matches!(task, CleanupTask::Access(earlier) if earlier.run_id == claim.run_id));
                tasks.push(CleanupTask::Access(claim.clone()));
            }
            Entry::ServerIntended { directory } => tasks.push(CleanupTask::Server { directory: directory.clone() }),
            Entry::FilesIntended(claim) => tasks.push(CleanupTask::Files { claim: claim.clone(), report: None }),
            Entry::InstanceGone { .. }
            | Entry::FilesPlaced { .. }
            | Entry::AccessClosed { .. }
            | Entry::ServerGone { .. }
            | Entry::BackupPlaced { .. }
            | Entry::OffsiteStored { .. }
            | Entry::OffsiteDropped { .. }
            | Entry::CopyGone { .. }
            | Entry::CopyKept { .. } => {
                tasks.retain(|task| !is_done_by(task, entry));
            }
            Entry::Reported { path, sha256 } => {
                signed = Some(ReportFile { path: path.clone(), sha256: sha256.clone() });
            }
            Entry::RunStarted { .. }
            | Entry::StepStarted { .. }
            | Entry::StepEnded { .. }
            | Entry::RunEnded { .. }
            | Entry::Settled { .. } => {}
        }
    }
    for task in &mut tasks {
        if let CleanupTask::Backup { report, .. } | CleanupTask::Files { report, .. } = task {
            report.clone_from(&signed);
        }
    }
    tasks
}

fn name_resource(tasks: &mut [CleanupTask], identifier: &str, named: &str) {
    for task in tasks {
        match task {
            CleanupTask::Instance { claim, resource_id } if claim.identifier == identifier => {
                *resource_id = Some(named.to_owned());
            }
            _ => {}
        }
    }
}

fn name_snapshot(tasks: &mut [CleanupTask], id: &str, snapshot: &str) {
    for task in tasks {
        match task {
            CleanupTask::Offsite { backup, dump } if backup == id => *dump = Some(snapshot.to_owned()),
            _ => {}
        }
    }
}

fn name_database(tasks: &mut [CleanupTask], identity: &CopyIdentity) {
    for task in tasks {
        match task {
            CleanupTask::Copy { claim, created } if claim.database == identity.database => {
                *created = Some(identity.clone())
            }
            _ => {}
        }
    }
}

fn is_done_by(task: &CleanupTask, entry: &Entry) -> bool {
    match (task, entry) {
        (CleanupTask::Instance { claim, .. }, Entry::InstanceGone { identifier }) => claim.identifier == *identifier,
        (CleanupTask::Backup { id, .. }, Entry::BackupPlaced { id: placed, .. }) => id == placed,
        (
            CleanupTask::Offsite { backup, .. },
            Entry::OffsiteStored { backup: done } | Entry::OffsiteDropped { backup: done, .. },
        ) => backup == done,
        (CleanupTask::Copy { claim, .. }, Entry::CopyGone { database } | Entry::CopyKept { database }) => {
            claim.database == *database
        }
        (CleanupTask::Access(claim), Entry::AccessClosed { run_id }) => claim.run_id == *run_id,
        (CleanupTask::Files { claim, .. }, Entry::FilesPlaced { claim: placed, .. }) => claim == placed,
        (CleanupTask::Server { directory }, Entry::ServerGone { directory: gone }) => directory == gone,
        _ => false,
    }
}

/// Parses complete lines; only the text after the last one may be incomplete.
fn parse(path: &Path, bytes: &[u8]) -> Result<EarlierRun> {
    let mut past = EarlierRun { path: path.to_owned(), entries: Vec::new(), torn: None, good: 0 };
    let mut rest = bytes;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end);
        let number = past.entries.len() + 1;
        let entry = serde_json::from_slice(line)
            .map_err(|error| Error::from_source(&error).hint(LOOK))
            .doing(|| format!("line {number}"))?;
        check_first(number, &entry)?;
        past.entries.push(entry);
        rest = after.get(1..).unwrap_or_default();
        past.good = (bytes.len() - rest.len()) as u64;
    }
    if !rest.is_empty() {
        let number = past.entries.len() + 1;
        past.torn = Some(format!("line {number} was cut off after {} bytes; it was never acted upon", rest.len()));
    }
    Ok(past)
}

const LOOK: &str = "it is not known what this run has left behind: check RDS and the restore server by hand";

fn check_first(number: usize, entry: &Entry) -> Result<()> {
    let is_start = matches!(entry, Entry::RunStarted { .. });
    match entry {
        Entry::RunStarted { format, .. } if *format != FORMAT => Err(Error::new(format!(
            "this journal has format {format}; this version of pgwitness reads format {FORMAT}"
        ))
        .hint("read it with the version of pgwitness that wrote it, or a later one")),
        _ if is_start != (number == 1) => Err(Error::new(format!("line {number} is not what a journal has there"))),
        _ => Ok(()),
    }
}

/// `runs/NAME` becomes `runs/closed/NAME`.
pub(super) fn move_to_closed(path: &Path) -> Result<()> {
    let doing = || format!("close journal {}", path.display());
    let (Some(runs), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::new("not in a directory")).doing(doing);
    };
    let closed = runs.join(CLOSED);
    make_directory(&closed)?;
    let target = closed.join(name);
    if target.exists() {
        return Err(Error::new(format!("{} is there already", target.display()))).doing(doing);
    }
    fs::rename(path, &target).map_err(disk_error).doing(doing)?;
    sync_directory(&closed)?;
    sync_directory(runs)
}
