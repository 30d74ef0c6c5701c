//! The snapshots of a section: made, placed and removed.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::manifest::{MANIFEST, ManifestReader};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::printable::printable;
use crate::base::time::Timestamp;
use crate::config::Retention;
use crate::storage::journal::Place;
use crate::storage::reports::write::replace_own;
use crate::storage::retention::{self, BackupAge};

const PARTIAL: &str = "partial";
const UNVERIFIED: &str = "unverified";
/// The copy in a snapshot.
const FILES: &str = "files";
const WORK: &str = "work";
/// Beside the snapshots: one line, what they are of.
const MARKER: &str = ".pgwitness-files";
const REMOVING: &str = ".removing-";

/// The directory of the snapshots of a section.
#[derive(Debug, Clone)]
pub struct FilesSnapshots {
    directory: PathBuf,
}

/// A snapshot that is being made.
#[derive(Debug)]
pub struct PartialSnapshot {
    path: PathBuf,
}

impl FilesSnapshots {
    /// Of this directory; it need not exist.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Its path.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a snapshot once it is verified.
    pub fn path(&self, id: &str) -> PathBuf {
        self.directory.join(id)
    }

    fn in_state(&self, id: &str, state: &str) -> PathBuf {
        self.directory.join(format!("{id}.{state}"))
    }

    /// Makes the directories of a new snapshot of `source`.
    ///
    /// # Errors
    /// The directory above does not exist, there is a snapshot of this name, or the snapshots there are of another source.
    pub fn begin(&self, id: &str, source: &str) -> Result<PartialSnapshot> {
        let path = self.in_state(id, PARTIAL);
        let doing = || format!("make {}", path.display());
        let private = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        match private(&self.directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.doing(doing).map_err(|error| error.hint("is the disk of the snapshots mounted?"))?,
        }
        self.mark(source)?;
        for path in [&path, &path.join(FILES), &path.join(WORK)] {
            private(path).doing(doing)?;
        }
        Ok(PartialSnapshot { path })
    }

    /// Two configurations with one directory would remove each other's snapshots.
    fn mark(&self, source: &str) -> Result<()> {
        let path = self.directory.join(MARKER);
        let doing = || format!("read {}", path.display());
        match files::read(&path, files::STATE) {
            Err(error) if error.kind() == ErrorKind::NotFound && self.ids_in(None)?.is_empty() => {
                let name = MARKER.to_owned();
                replace_own(&self.directory, &name, format!("{source}\n").as_bytes()).map(drop)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let error = Error::new("it is not there, and snapshots are: it is not known whose they are");
                Err(error.hint(format!("if they are of {source}, write that into the file"))).doing(doing)
            }
            Ok(bytes) if bytes.trim_ascii_end() == source.as_bytes() => Ok(()),
            Ok(bytes) => {
                let other = printable(&String::from_utf8_lossy(bytes.trim_ascii_end()));
                let error = Error::new(format!("the snapshots in this directory are of {other}, not of {source}"));
                Err(error.hint(
                    "give each [[files]] a directory or a name of its own; if the source has moved, edit that file",
                ))
                .doing(doing)
            }
            Err(error) => Err(error).doing(doing),
        }
    }

    /// The verified snapshots, oldest first.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn verified(&self) -> Result<Vec<String>> {
        let has_manifest = |id: &String| self.path(id).join(MANIFEST).is_file();
        Ok(self.ids_in(None)?.into_iter().filter(has_manifest).collect())
    }

    fn ids_in(&self, state: Option<&str>) -> Result<Vec<String>> {
        let doing = || format!("list {}", self.directory.display());
        let listing = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.doing(doing)?,
        };
        let mut ids = Vec::new();
        for entry in listing {
            let entry = entry.doing(doing)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let id = match state {
                None => Some(name.as_str()),
                Some(state) => name.strip_suffix(state).and_then(|name| name.strip_suffix('.')),
            };
            if let Some(id) = id.filter(|id| taken_at(id).is_some())
                && entry.file_type().doing(doing)?.is_dir()
            {
                ids.push(id.to_owned());
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// The `files/` of a verified snapshot.
    pub fn files(&self, id: &str) -> PathBuf {
        self.path(id).join(FILES)
    }

    /// The manifest of a verified snapshot.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn manifest(&self, id: &str) -> Result<ManifestReader> {
        ManifestReader::open(&self.path(id).join(MANIFEST))
    }

    /// Places a snapshot of a run that has ended, or removes it where it is not complete. Can be repeated.
    ///
    /// # Errors
    /// It cannot be moved or removed.
    pub fn place(&self, id: &str, is_proven: bool) -> Result<Place> {
        if taken_at(id).is_none() {
            return Err(Error::new(format!("{id:?} is no name of a snapshot")));
        }
        let (complete, verified) = (self.in_state(id, UNVERIFIED), self.path(id));
        remove(&self.in_state(id, PARTIAL))?;
        if verified.is_dir() {
            return Ok(Place::Verified);
        }
        match (complete.is_dir(), is_proven) {
            (true, true) => {
                fs::rename(&complete, &verified).doing(|| format!("rename {}", complete.display()))?;
                sync(&self.directory)?;
                Ok(Place::Verified)
            }
            (true, false) => Ok(Place::Unverified),
            (false, true) => {
                Err(Error::new(format!("the snapshot {} was verified, and is missing", verified.display()))
                    .hint("mount the disk of the snapshots"))
            }
            (false, false) => Ok(Place::Discarded),
        }
    }

    /// Removes verified snapshots that no rule keeps, and those that were never verified and are older than `newest`. Returns their names.
    ///
    /// # Errors
    /// One cannot be removed.
    pub fn prune(&self, newest: &str, rules: &Retention, now: Timestamp) -> Result<Vec<String>> {
        let age = |id: String| {
            let taken_at = taken_at(&id)?;
            Some(BackupAge { id, data_as_of: taken_at, made_at: taken_at, is_verified: true })
        };
        let ages: Vec<BackupAge> = self.verified()?.into_iter().filter_map(age).collect();
        if !ages.iter().any(|age| age.id == newest) {
            return Err(Error::new(format!("{newest} is not there: nothing was removed")));
        }
        let old = retention::plan(&ages, rules, now).remove;
        let unverified = self.ids_in(Some(UNVERIFIED))?.into_iter().filter(|id| id.as_str() < newest);
        let unverified = unverified.map(|id| format!("{id}.{UNVERIFIED}"));
        let mut removed = Vec::new();
        for name in old.into_iter().filter(|id| id != newest).chain(unverified) {
            // First out of sight: what is removed halfway is no snapshot.
            let (path, leaving) = (self.directory.join(&name), self.directory.join(format!("{REMOVING}{name}")));
            fs::rename(&path, &leaving).doing(|| format!("remove {}", path.display()))?;
            removed.push(name);
        }
        self.finish_removals()?;
        Ok(removed)
    }

    fn finish_removals(&self) -> Result<()> {
        let doing = || format!("list {}", self.directory.display());
        for entry in fs::read_dir(&self.directory).doing(doing)? {
            let entry = entry.doing(doing)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let leaving = name.strip_prefix(REMOVING).map(|id| id.trim_end_matches(".unverified"));
            if leaving.is_some_and(|id| taken_at(id).is_some()) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl PartialSnapshot {
    /// Where the copy goes.
    pub fn files(&self) -> PathBuf {
        self.path.join(FILES)
    }

    /// A file for the lists of this run.
    pub fn work(&self, name: &str) -> PathBuf {
        self.path.join(WORK).join(name)
    }

    /// Where its manifest goes.
    pub fn manifest(&self) -> PathBuf {
        self.path.join(MANIFEST)
    }

    /// Brings it to the disk, and calls it complete.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn complete(self) -> Result<()> {
        remove(&self.path.join(WORK))?;
        let doing = || format!("write {}", self.path.display());
        let directory = fs::File::open(&self.path).doing(doing)?;
        rustix::fs::syncfs(&directory).map_err(std::io::Error::from).doing(doing)?;
        let complete = self.path.with_extension(UNVERIFIED);
        fs::rename(&self.path, &complete).doing(doing)?;
        complete.parent().map_or(Ok(()), sync)
    }
}

/// The time in the name of a snapshot, `20260131T020000Z-1f2e3d4c`.
fn taken_at(id: &str) -> Option<Timestamp> {
    let (stamp, random) = id.split_once('-')?;
    let is_random =
        random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    Timestamp::from_stamp(stamp).filter(|_| is_random)
}

fn sync(directory: &Path) -> Result<()> {
    let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.doing(|| format!("write {}", directory.display()))
}

/// Removes a directory with all that is in it; a copied directory may be one that its owner cannot write to. Links are not followed.
fn remove(path: &Path) -> Result<()> {
    let doing = || format!("remove {}", path.display());
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata.doing(doing)?,
    };
    if !metadata.is_dir() {
        return Err(Error::new("it is not a directory")).doing(doing);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(path).doing(doing)?;
            fs::remove_dir_all(path).doing(doing)
        }
        removed => removed.doing(doing),
    }
}

fn open_up(directory: &Path) -> std::io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
