//! Atomic writing of files.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::base::error::{Context, Error, Result};
use crate::model::report::SideFile;

/// Counts and hashes the bytes that are written through it.
#[derive(Debug)]
pub struct Hashing<W> {
    inner: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    /// Nothing written yet.
    pub fn new(inner: W) -> Self {
        Self { inner, sha256: Sha256::new(), bytes: 0 }
    }

    /// Number of bytes, SHA-256 in hexadecimal digits, and the inner writer.
    pub fn finish(self) -> (u64, String, W) {
        (self.bytes, hex::encode(self.sha256.finalize()), self.inner)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.sha256.update(buffer.get(..written).unwrap_or(buffer));
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What happens to a file after it was synced to disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AfterWrite {
    /// Renames it to its final name.
    Keep,
    /// Renames it to its final name, readable by all users of this machine, whatever the umask.
    Show,
    /// Removes it: it was only a test whether it can be written.
    Remove,
}

type Fill<'a> = &'a mut dyn Write;

/// Writes `NAME.partial`, syncs it to disk and renames it; on failure the partial file is removed.
pub fn replace(
    dir: &Path,
    name: &str,
    fill: impl FnOnce(Fill<'_>) -> io::Result<()>,
    then: AfterWrite,
) -> Result<SideFile> {
    let partial = dir.join(format!("{name}.partial"));
    let write = || -> io::Result<(u64, String)> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&partial)?;
        let set_mode = || match then {
            AfterWrite::Show => file.set_permissions(Permissions::from_mode(0o644)),
            AfterWrite::Keep | AfterWrite::Remove => Ok(()),
        };
        let result = set_mode().and_then(|()| fill_and_sync(file, fill)).and_then(|written| {
            if then != AfterWrite::Remove {
                fs::rename(&partial, dir.join(name))?;
            }
            Ok(written)
        });
        if result.is_err() || then == AfterWrite::Remove {
            // Ours: `create_new` made it.
            fs::remove_file(&partial).ok();
        }
        result
    };
    let doing = || format!("write {}", dir.join(name).display());
    let (bytes, sha256) = write().map_err(disk_error).doing(doing)?;
    sync_directory(dir)?;
    Ok(SideFile { name: name.to_owned(), bytes, sha256 })
}

fn fill_and_sync(file: File, fill: impl FnOnce(Fill<'_>) -> io::Result<()>) -> io::Result<(u64, String)> {
    let mut buffer = BufWriter::with_capacity(1 << 16, Hashing::new(file));
    if let Err(error) = fill(&mut buffer) {
        // Dropping the buffer would try to write once more.
        drop(buffer.into_parts());
        return Err(error);
    }
    buffer.flush()?;
    let hashing = buffer.into_inner().map_err(io::IntoInnerError::into_error)?;
    let (bytes, sha256, file) = hashing.finish();
    file.sync_all()?;
    Ok((bytes, sha256))
}

/// Streams the compact JSON of `value`, and a newline.
pub fn json(dir: &Path, name: &str, value: &impl Serialize) -> Result<SideFile> {
    let fill = |mut file: Fill<'_>| {
        serde_json::to_writer(&mut file, value)?;
        file.write_all(b"\n")
    };
    replace(dir, name, fill, AfterWrite::Keep)
}

/// As [`replace`] for a directory whose lock is held: a `.partial` that a crash has left is removed first.
pub fn replace_own(dir: &Path, name: &str, bytes: &[u8]) -> Result<SideFile> {
    replace_own_and(dir, name, bytes, AfterWrite::Keep)
}

/// As [`replace_own`], with a choice of `then`.
pub fn replace_own_and(dir: &Path, name: &str, bytes: &[u8], then: AfterWrite) -> Result<SideFile> {
    match fs::remove_file(dir.join(format!("{name}.partial"))) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).doing(|| format!("write {}", dir.join(name).display()))
        }
        _ => replace(dir, name, |file| file.write_all(bytes), then),
    }
}

/// A rename is durable only after its directory was synced.
pub fn sync_directory(dir: &Path) -> Result<()> {
    let sync = File::open(dir).and_then(|directory| directory.sync_all());
    sync.doing(|| format!("write directory {}", dir.display()))
}

/// A short error for a full disk; others are unchanged.
pub fn disk_error(error: io::Error) -> Error {
    let (text, hint) = match error.kind() {
        ErrorKind::StorageFull => ("the disk is full", "free some space and run it again"),
        ErrorKind::QuotaExceeded => ("the disk quota is used up", "free some space and run it again"),
        ErrorKind::FileTooLarge => {
            ("the file is larger than the limit (ulimit -f)", "raise the limit and run it again")
        }
        _ => return Error::from(error),
    };
    Error::new(text).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_one_plain_line() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = fill_and_sync(full, |file| file.write_all(&[7; 100_000])).map_err(disk_error).unwrap_err();
        assert_eq!(error.to_string(), "the disk is full");
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = fill_and_sync(full, |file| file.write_all(b"a few bytes")).map_err(disk_error).unwrap_err();
        assert_eq!(error.to_string(), "the disk is full");
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let fill = |file: Fill<'_>| file.write_all(b"x").and(Err(io::Error::from(ErrorKind::StorageFull)));
        let error = replace(dir.path(), "a.json", fill, AfterWrite::Keep).unwrap_err();
        assert_eq!(error.to_string(), format!("write {}: the disk is full", dir.path().join("a.json").display()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_partial_file_of_another_process_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join("a.json.partial");
        fs::write(&theirs, "theirs").unwrap();
        replace(dir.path(), "a.json", |file| file.write_all(b"x"), AfterWrite::Keep).unwrap_err();
        assert_eq!(fs::read_to_string(theirs).unwrap(), "theirs");
    }

    #[test]
    fn the_hash_is_the_one_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let written = replace(dir.path(), "a", |file| file.write_all(b"abc"), AfterWrite::Keep).unwrap();
        assert_eq!(written.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((written.bytes, fs::read(dir.path().join("a")).unwrap()), (3, b"abc".to_vec()));
    }
}
