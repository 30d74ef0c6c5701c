//! An incomplete backup. It is not listed as a backup, and is renamed to one only after every byte of it is on disk.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::record::{BackupRecord, DumpMetadata};
use super::{Backup, Backups, DUMP_CUSTOM, DUMP_DIRECTORY, GLOBALS, PARTIAL, RECORD, SUMS, UNVERIFIED, demand_id};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::model::run::{DumpFacts, DumpFile};
use crate::storage::reports::Hashing;
use crate::storage::reports::write::{disk_error, replace_own, sync_directory};

/// `unverified/ID.partial/`. Dropping it removes nothing: that is for [`Partial::discard`], or for the next run, which finds the
/// cleanup task in the journal.
#[derive(Debug)]
pub struct Partial {
    id: String,
    /// `unverified/`
    parent: PathBuf,
    path: PathBuf,
}

impl Backups {
    /// Creates the directory of a new backup. Refused when an entry with this id exists in any state.
    pub fn begin(&self, id: &str) -> Result<Partial> {
        let doing = || format!("begin backup {id} in {}", self.dir.display());
        demand_id(id).doing(doing)?;
        if let Some(path) = self.every_path(id).into_iter().find(|path| path.symlink_metadata().is_ok()) {
            return Err(Error::new(format!("{} is there already", path.display()))).doing(doing);
        }
        let parent = self.dir.join(UNVERIFIED);
        let path = parent.join(format!("{id}{PARTIAL}"));
        DirBuilder::new().mode(0o700).create(&path).map_err(disk_error).doing(doing)?;
        sync_directory(&parent)?;
        Ok(Partial { id: id.to_owned(), parent, path })
    }
}

impl Partial {
    /// The id of the backup.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where pg_dump of format `directory` writes to; pg_dump makes it.
    pub fn dump_directory(&self) -> PathBuf {
        self.path.join(DUMP_DIRECTORY)
    }

    /// Where pg_dump of format `custom` writes to.
    pub fn dump_custom(&self) -> PathBuf {
        self.path.join(DUMP_CUSTOM)
    }

    /// Where the roles go.
    pub fn globals(&self) -> PathBuf {
        self.path.join(GLOBALS)
    }

    /// Hashes every file (reads the whole dump again), syncs everything to disk and renames the directory to its final name.
    pub fn finish(&self, made: &DumpMetadata) -> Result<Backup> {
        let doing = || format!("finish backup {}", self.id);
        let files = hash_files(&self.path).doing(doing)?;
        if files.iter().all(|file| !file.path.starts_with(DUMP_DIRECTORY)) {
            return Err(Error::new("there is no dump in it")).doing(doing);
        }
        let bytes = files.iter().map(|file| file.bytes).sum();
        let (backup, format, pg_dump) = (self.id.clone(), made.format.clone(), made.pg_dump.clone());
        let record = BackupRecord::new(&self.id, made, DumpFacts { backup, format, pg_dump, bytes, files });
        replace_own(&self.path, SUMS, sums(&record.dump.files).as_bytes()).doing(doing)?;
        record.write(&self.path).doing(doing)?;
        sync_tree(&self.path).map_err(disk_error).doing(doing)?;
        let path = self.parent.join(&self.id);
        fs::rename(&self.path, &path).map_err(disk_error).doing(doing)?;
        sync_directory(&self.parent)?;
        Ok(Backup { record, path })
    }

    /// Removes the directory.
    pub fn discard(self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).doing(|| format!("remove {}", self.path.display()))
            }
            _ => sync_directory(&self.parent),
        }
    }
}

/// As `sha256sum` prints it.
pub(super) fn sums(files: &[DumpFile]) -> String {
    files.iter().map(|file| format!("{}  {}\n", file.sha256, file.path)).collect()
}

/// The files of a backup except `SHA256SUMS` and `backup.json`, by path.
pub(super) fn hash_files(dir: &Path) -> Result<Vec<DumpFile>> {
    let mut files = Vec::new();
    for path in paths(dir, dir)? {
        if path != SUMS && path != RECORD {
            let full = dir.join(&path);
            let (bytes, sha256) = hash(&full).doing(|| format!("read {}", full.display()))?;
            files.push(DumpFile { path, bytes, sha256 });
        }
    }
    Ok(files)
}

pub(super) fn hash(path: &Path) -> io::Result<(u64, String)> {
    let mut sink = Hashing::new(io::sink());
    let mut buffer = io::BufReader::with_capacity(1 << 18, files::open_unlinked(path)?);
    io::copy(&mut buffer, &mut sink)?;
    let (bytes, sha256, _) = sink.finish();
    Ok((bytes, sha256))
}

/// Paths of all files, relative to `root`, sorted. Anything but files and directories is an error.
pub(super) fn paths(root: &Path, dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let doing = || format!("list {}", dir.display());
    for entry in fs::read_dir(dir).doing(doing)? {
        let entry = entry.doing(doing)?;
        let (path, kind) = (entry.path(), entry.file_type().doing(doing)?);
        if kind.is_dir() {
            found.extend(paths(root, &path)?);
        } else if kind.is_file() {
            found.push(relative(root, &path)?);
        } else {
            return Err(Error::new(format!("{} is neither a file nor a directory", path.display())));
        }
    }
    found.sort();
    Ok(found)
}

fn relative(root: &Path, path: &Path) -> Result<String> {
    let text = path.strip_prefix(root).ok().and_then(Path::to_str);
    // sha256sum would escape these; pg_dump makes none.
    match text.filter(|text| !text.contains(['\n', '\r', '\\'])) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::new(format!("{} has a name that pg_dump does not make", path.display()))),
    }
}

/// Syncs the files first, then their directory.
fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => sync_tree(&entry.path())?,
            false => File::open(entry.path())?.sync_all()?,
        }
    }
    File::open(dir)?.sync_all()
}
