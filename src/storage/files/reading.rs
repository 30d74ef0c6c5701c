//! Reads a directory of this host: every entry in the order of the paths, with or without SHA-256. Symbolic links are not followed.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::records::{RecordFile, RecordWriter};
use crate::base::error::{Context, Error, Result};
use crate::config::exclude::Exclude;
use crate::model::files::{FileHash, FileKind, FileRecord};

const BUFFER: usize = 1 << 20;

/// Ends reading in a thread when the task that waits for it is dropped.
#[derive(Debug, Default)]
pub struct CancelOnDrop(Arc<AtomicBool>);

impl CancelOnDrop {
    /// To be asked by the thread.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn demand_wanted(is_cancelled: &AtomicBool) -> Result<()> {
    if is_cancelled.load(Ordering::Relaxed) { Err(Error::new("interrupted")) } else { Ok(()) }
}

/// Lists a directory into a file of records; `is_hashed`: reads every regular file too.
///
/// # Errors
/// The directory itself cannot be listed, or `target` not be written.
pub fn copy_records(
    root: &Path,
    exclude: &Exclude,
    is_hashed: bool,
    target: &Path,
    is_cancelled: &AtomicBool,
) -> Result<RecordFile> {
    let mut writer = RecordWriter::create(target)?;
    let mut walk = DirectoryWalk { root, exclude, stack: Vec::new() };
    let closed = walk.enter(Vec::new()).doing(|| format!("list {}", root.display()))?;
    if closed {
        let error = io::Error::from(ErrorKind::PermissionDenied);
        return Err(error).doing(|| format!("list {}", root.display()));
    }
    while let Some(record) = walk.next()? {
        demand_wanted(is_cancelled)?;
        let sha256 = match is_hashed && record.kind == FileKind::File {
            true => hash_of(&root.join(OsStr::from_bytes(&record.path)), is_cancelled)?,
            false => None,
        };
        writer.add(&FileRecord { sha256, ..record })?;
    }
    writer.finish()
}

struct DirectoryWalk<'a> {
    root: &'a Path,
    exclude: &'a Exclude,
    stack: Vec<Level>,
}

/// A directory that is being read.
struct Level {
    path: Vec<u8>,
    /// What is left, last first: the name of an entry, and with a `/` behind it for what is below that directory. By these bytes, `a.b`
    /// is before `a/b`, as in the order of whole paths.
    names: Vec<Vec<u8>>,
}

impl DirectoryWalk<'_> {
    fn absolute(&self, path: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(path))
    }

    /// Adds what a directory holds. Returns whether it cannot be listed; one that has vanished is empty.
    fn enter(&mut self, path: Vec<u8>) -> io::Result<bool> {
        let listing = match fs::read_dir(self.absolute(&path)) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(true),
            Err(error) if is_gone(&error) && !path.is_empty() => return Ok(false),
            listing => listing?,
        };
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry?;
            let is_directory = match entry.file_type() {
                Err(error) if is_gone(&error) => continue,
                kind => kind?.is_dir(),
            };
            let name = entry.file_name().into_vec();
            if self.exclude.has(&joined(&path, &name), is_directory) {
                continue;
            }
            if is_directory {
                names.push([name.as_slice(), b"/"].concat());
            }
            names.push(name);
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        self.stack.push(Level { path, names });
        Ok(false)
    }

    fn next(&mut self) -> Result<Option<FileRecord>> {
        loop {
            let Some(level) = self.stack.last_mut() else { return Ok(None) };
            let Some(name) = level.names.pop() else {
                self.stack.pop();
                continue;
            };
            if let Some(name) = name.strip_suffix(b"/") {
                let path = joined(&level.path, name);
                let absolute = self.absolute(&path);
                // One that is recorded as closed has no entries; another one that is closed must not count as empty.
                let is_closed = |metadata: Metadata| kind_of(&metadata, &absolute) == FileKind::ClosedDirectory;
                if self.enter(path).doing(|| "list a directory of files")?
                    && !fs::symlink_metadata(&absolute).is_ok_and(is_closed)
                {
                    let error = Error::from(io::Error::from(ErrorKind::PermissionDenied));
                    return Err(error.hint("grant the user that reads it access, or exclude it"))
                        .doing(|| "list a directory of files");
                }
                continue;
            }
            let path = joined(&level.path, &name);
            let absolute = self.absolute(&path);
            if let Some(record) = record_of(&absolute, path)? {
                return Ok(Some(record));
            }
        }
    }
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// `None`: it has vanished.
///
/// # Errors
/// It cannot be looked at.
pub fn record_of(absolute: &Path, path: Vec<u8>) -> Result<Option<FileRecord>> {
    match look_at(absolute, path) {
        Err(error) if is_gone(&error) => Ok(None),
        looked => looked.map(Some).doing(|| "look at a file"),
    }
}

fn look_at(absolute: &Path, path: Vec<u8>) -> io::Result<FileRecord> {
    let metadata = fs::symlink_metadata(absolute)?;
    let kind = kind_of(&metadata, absolute);
    let target = match kind {
        FileKind::Symlink => fs::read_link(absolute)?.into_os_string().into_vec(),
        _ => Vec::new(),
    };
    let stamp =
        format!("{}.{:09} {}.{:09}", metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    Ok(FileRecord {
        path,
        kind,
        mode: if kind == FileKind::Symlink { 0 } else { metadata.mode() & 0o7777 },
        size: if kind == FileKind::File { metadata.len() } else { 0 },
        stamp: stamp.into_bytes(),
        target,
        sha256: None,
    })
}

fn kind_of(metadata: &Metadata, absolute: &Path) -> FileKind {
    let kind = metadata.file_type();
    if kind.is_file() {
        FileKind::File
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else if kind.is_dir() {
        use rustix::fs::{Access, AtFlags, CWD, accessat};
        // By the effective user and its capabilities.
        let is_open = accessat(CWD, absolute, Access::READ_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok();
        if is_open { FileKind::Directory } else { FileKind::ClosedDirectory }
    } else {
        FileKind::Special
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// SHA-256 of a regular file; `None`: it cannot be read, or is no regular file any more.
///
/// # Errors
/// It was cancelled.
pub fn hash_of(path: &Path, is_cancelled: &AtomicBool) -> Result<Option<FileHash>> {
    let Ok(mut file) = open(path) else { return Ok(None) };
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
    loop {
        demand_wanted(is_cancelled)?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(hash.finalize().into())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Ok(None),
        }
    }
}

/// A FIFO in the place of a file must not block.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn listed(root: &Path, exclude: &[&str]) -> Vec<FileRecord> {
        let exclude: Vec<String> = exclude.iter().map(|text| (*text).to_owned()).collect();
        let target = tempfile::tempdir().unwrap();
        let file = copy_records(
            root,
            &Exclude::new(&exclude).unwrap(),
            true,
            &target.path().join("x"),
            &AtomicBool::new(false),
        );
        let mut all = Vec::new();
        file.unwrap()
            .for_each(|record| {
                all.push(record);
                Ok(())
            })
            .unwrap();
        all
    }

    #[test]
    fn entries_come_in_the_order_of_their_paths() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/b", "a/-", "a.b", "a-", "b", "ab/c/d", "a/c.d/e", "a/c/f"] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let paths: Vec<Vec<u8>> = listed(dir.path(), &[]).into_iter().map(|record| record.path).collect();
        let mut sorted = paths.clone();
        sorted.sort();
        assert_eq!((paths.len(), &paths), (13, &sorted));
        let paths = listed(dir.path(), &["/a/"]);
        assert_eq!(paths.len(), 6);
    }

    #[test]
    fn a_link_is_not_followed_and_a_fifo_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        symlink("/etc/passwd", dir.path().join("link")).unwrap();
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let all = listed(dir.path(), &[]);
        let kinds: Vec<FileKind> = all.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [FileKind::Symlink, FileKind::Special, FileKind::Symlink]);
        assert_eq!((all[0].target.as_slice(), all[2].target.as_slice()), (&b"nowhere"[..], &b"/etc/passwd"[..]));
        assert_eq!(hash_of(&dir.path().join("link"), &AtomicBool::new(false)).unwrap(), None);
        assert_eq!(hash_of(&fifo, &AtomicBool::new(false)).unwrap(), None);
    }
}
