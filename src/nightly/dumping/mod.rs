//! Dumps one snapshot with pg_dump, and the roles and tablespaces of the server with pg_dumpall.
//!
//! Sessions of pg_dump are read-only. A dump counts as complete only by pg_dump's exit status, output and files. A failed dump is
//! left in place: the caller owns the directory.

mod versions;

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::config::{self, DumpFormat};
use crate::model::name::{Name, quote_always};
use crate::model::progress::{Event, Listener};
use crate::postgres::conninfo::{ConnInfo, quote_value};
use crate::postgres::process::{self, GRACE, Order, ProcessEnd};
use crate::postgres::session::pgoptions;
use crate::postgres::tools::PgTools;

pub use versions::{check_marker, check_minor, check_unmarked, check_versions, keeps_marker, lacks_fixes};

/// Name of the dump in its directory: a directory for `--format=directory`, a file for `custom`.
pub const DUMP: &str = "dump";
/// Name of the file with the server's roles and tablespaces.
pub const GLOBALS: &str = "globals.sql";

/// What to dump, and where to write it.
pub struct DumpOrder<'a> {
    /// The database; for a live source, the server that holds the snapshot (`Live::server`).
    pub conninfo: &'a ConnInfo,
    /// The exported snapshot (`Live::snapshot`), which must be held until the dump ends.
    pub snapshot: Option<&'a str>,
    /// An existing directory without a [`DUMP`].
    pub target: &'a Path,
    /// Format, jobs, compression, patterns, time limit.
    pub config: &'a config::DumpSettings,
    /// Tables whose rows are left out, as the comparison resolved the configured patterns. pg_dump gets the qualified names: with
    /// an empty search_path, a pattern without a schema matches nothing.
    pub without_rows: &'a [Name],
    /// The client encoding in which the source is read, `UTF8` or `SQL_ASCII`: the rows of both then have the same bytes.
    pub encoding: &'a str,
    /// The programs to run.
    pub tools: &'a PgTools,
    /// pg_dump's `--role`.
    pub role: Option<&'a str>,
}

/// A dump that pg_dump reports as complete. It was not read back yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dumped {
    /// The file or directory.
    pub path: PathBuf,
    /// `directory` or `custom`.
    pub format: &'static str,
    /// Version of pg_dump.
    pub pg_dump: String,
    /// Every file of the dump with its length, relative to `target`, sorted.
    pub files: Vec<(PathBuf, u64)>,
    /// Total bytes.
    pub bytes: u64,
    /// Warnings of pg_dump.
    pub notes: Vec<MarkedText>,
}

/// Runs pg_dump.
///
/// # Errors
/// pg_dump failed, was stopped because it made no progress, or did not write what it should; in one line.
pub async fn dump(order: &DumpOrder<'_>, listener: &Listener) -> Result<Dumped> {
    let doing = || format!("dump {}", order.conninfo.describe());
    run_dump(order, listener).await.doing(doing)
}

async fn run_dump(order: &DumpOrder<'_>, listener: &Listener) -> Result<Dumped> {
    let path = order.target.join(DUMP);
    if path.exists() {
        return Err(Error::new(format!("{} exists already", path.display())));
    }
    let environment = order.conninfo.child_environment()?.with_options(&pgoptions());
    let program = order.tools.program("pg_dump");
    let run = Order {
        program: &program,
        arguments: arguments(order, &path, environment.connection_argument()),
        environment: &environment,
        stalled_after: order.config.stalled_after.duration(),
        grace: GRACE,
    };
    if order.config.format == DumpFormat::Custom {
        create_private(&path)?;
    }
    let written = written(path.clone(), listener);
    let ended = process::run(&run, &written, &mut |_| ()).await.map_err(with_disk_hint)?;
    check_end("pg_dump", &ended)?;
    written();
    let files = files(order.target, &path).doing(|| format!("list {}", path.display()))?;
    check_files(order.config.format, &files)?;
    Ok(Dumped {
        path,
        format: format_name(order.config.format),
        pg_dump: order.tools.version.text.clone(),
        bytes: files.iter().map(|(_, bytes)| bytes).sum(),
        files,
        notes: ended.said.warnings("pg_dump"),
    })
}

/// Writes roles (without passwords) and tablespaces of the server to [`GLOBALS`] in `target`: not part of the database, but
/// needed for a restore on a new server. Returns the warnings of pg_dumpall.
///
/// # Errors
/// As [`dump()`]. A run can continue without the file: the dump is complete without it.
pub async fn globals(order: &DumpOrder<'_>) -> Result<Vec<MarkedText>> {
    let doing = || format!("write the roles of {}", order.conninfo.describe());
    run_globals(order).await.doing(doing)
}

async fn run_globals(order: &DumpOrder<'_>) -> Result<Vec<MarkedText>> {
    let path = order.target.join(GLOBALS);
    create_private(&path)?;
    let environment = order.conninfo.child_environment()?.with_options(&pgoptions());
    let program = order.tools.program("pg_dumpall");
    let mut arguments = vec![OsString::from("--globals-only"), "--no-role-passwords".into(), "--no-password".into()];
    arguments.push(format!("--dbname={}", environment.connection_argument()).into());
    // The default would be "postgres", where the role may lack CONNECT.
    // Pass a connection string: pg_dumpall would parse a name with "=" as one.
    arguments.push(format!("--database=dbname={}", quote_value(order.conninfo.dbname())).into());
    arguments.push(format!("--encoding={}", order.encoding).into());
    arguments.extend(order.role.map(|role| format!("--role={role}").into()));
    arguments.push(joined("--file=", &path));
    let stalled_after = order.config.stalled_after.duration();
    let run = Order { program: &program, arguments, environment: &environment, stalled_after, grace: GRACE };
    let ended = process::run(&run, &|| size(&path), &mut |_| ()).await.map_err(with_disk_hint)?;
    check_end("pg_dumpall", &ended)?;
    if size(&path) == 0 {
        return Err(Error::new(format!("pg_dumpall left nothing in {}", path.display())));
    }
    Ok(ended.said.warnings("pg_dumpall"))
}

fn arguments(order: &DumpOrder<'_>, path: &Path, connection: &str) -> Vec<OsString> {
    let config = order.config;
    let mut list: Vec<OsString> = vec![format!("--format={}", format_name(config.format)).into()];
    if config.format == DumpFormat::Directory {
        list.push(format!("--jobs={}", config.jobs.max(1)).into());
    }
    list.extend(config.compression.iter().map(|text| format!("--compress={text}").into()));
    list.extend(order.snapshot.map(|snapshot| format!("--snapshot={snapshot}").into()));
    let quoted = |name: &Name| format!("{}.{}", quote_always(&name.schema), quote_always(&name.name));
    list.extend(order.without_rows.iter().map(|name| format!("--exclude-table-data={}", quoted(name)).into()));
    list.extend(order.role.map(|role| format!("--role={role}").into()));
    // Shorter than the stall limit: the error then names the lock.
    list.push(format!("--lock-wait-timeout={}", config.stalled_after.duration().as_millis() / 2).into());
    list.push(format!("--encoding={}", order.encoding).into());
    // The verbose output is the sign of progress.
    list.extend(["--no-password", "--verbose"].map(OsString::from));
    list.push(format!("--dbname={connection}").into());
    list.push(joined("--file=", path));
    list
}

/// pg_dump creates its directory with mode 0700, but files that are readable for all, unless they exist already.
fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map(drop).doing(|| format!("create {}", path.display()))
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut text = OsString::from(option);
    text.push(path);
    text
}

fn format_name(format: DumpFormat) -> &'static str {
    match format {
        DumpFormat::Directory => "directory",
        DumpFormat::Custom => "custom",
    }
}

/// Returns the current size when called, and sends an event for new bytes.
fn written(path: PathBuf, listener: &Listener) -> impl Fn() -> u64 + Send + Sync + use<> {
    let (listener, told) = (Arc::clone(listener), AtomicU64::new(0));
    move || {
        let now = size(&path);
        let new = now.saturating_sub(told.fetch_max(now, Ordering::Relaxed));
        if new > 0 {
            listener(Event::Written { bytes: new });
        }
        now
    }
}

/// Bytes of a file or of the files in a directory, as far as visible now.
fn size(path: &Path) -> u64 {
    let Ok(meta) = path.symlink_metadata() else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

/// pg_dump's directories have no subdirectories.
fn files(target: &Path, path: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        paths = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    }
    paths.sort();
    let relative = |path: &Path| path.strip_prefix(target).unwrap_or(path).to_owned();
    paths.iter().map(|path| Ok((relative(path), path.symlink_metadata()?.len()))).collect()
}

/// Checks that the files match a successful exit.
fn check_files(format: DumpFormat, files: &[(PathBuf, u64)]) -> Result<()> {
    let must_be = match format {
        DumpFormat::Directory => Path::new(DUMP).join("toc.dat"),
        DumpFormat::Custom => PathBuf::from(DUMP),
    };
    match files.iter().find(|(path, _)| *path == must_be) {
        Some((_, 1..)) => Ok(()),
        Some(_) => Err(Error::new(format!("pg_dump left an empty {}", must_be.display()))),
        None => Err(Error::new(format!("pg_dump left no {}", must_be.display()))),
    }
}

/// Whether the exit status and the output of a program both show success.
fn check_end(program: &str, ended: &ProcessEnd) -> Result<()> {
    let said = &ended.said;
    match ended.status.code() {
        Some(0) if said.errors.is_empty() => Ok(()),
        Some(0) => Err(Error::new(said.cause(program).map(|text| format!("{text} (though its exit status is 0)")))),
        _ => {
            let cause = said.cause(program).map(|text| format!("{text} ({program}: {})", ended.status));
            Err(with_disk_hint(Error::new(cause)))
        }
    }
}

/// Adds a hint when the disk is full, whichever program reported it.
pub(crate) fn with_disk_hint(error: Error) -> Error {
    let text = error.to_string();
    if text.contains("No space left on device") || text.contains("Disk quota exceeded") {
        return error.hint("make room there; nothing but what this run has written may be removed");
    }
    error
}
