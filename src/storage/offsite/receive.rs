//! Reads files back from a snapshot: restic sends a directory as one tar archive.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::OffsiteRepository;
use super::restic::ResticCommand;
use crate::base::error::{Context, Error, Result};
use crate::postgres::process::PipedOutput;
use crate::storage::reports::Hashing;
use crate::storage::reports::write::disk_error;

/// Length and SHA-256 of each file, by its path below the directory.
pub type ReceivedFiles = BTreeMap<String, (u64, String)>;

/// Which files are written, by their path and length.
pub type FileFilter = Arc<dyn Fn(&str, u64) -> bool + Send + Sync>;

/// Where files are written.
#[derive(Clone)]
pub struct FetchTarget {
    /// An empty directory.
    pub directory: PathBuf,
    /// Other files are read and not written.
    pub is_wanted: FileFilter,
}

impl OffsiteRepository {
    /// Reads every file of the directory `/name` of a snapshot, and hashes it; writes those that are wanted.
    ///
    /// # Errors
    /// restic fails, or a file cannot be written.
    pub async fn receive(&self, snapshot: &str, name: &str, into: Option<FetchTarget>) -> Result<ReceivedFiles> {
        let path = format!("/{name}");
        let command = ResticCommand::reading(&["dump", snapshot, &path]);
        let name = name.to_owned();
        let read = move |output: &mut PipedOutput| unpack(output, &name, into.as_ref());
        self.run(&command, read).await.doing(|| format!("read {path} back from {}", self.describe()))
    }

    /// What restic prints of a path in a snapshot: the content of a file, a tar archive of a directory.
    ///
    /// # Errors
    /// restic fails, or `read` does.
    pub async fn receive_stream<T: Send + 'static>(
        &self,
        snapshot: &str,
        path: impl AsRef<OsStr>,
        read: impl FnOnce(&mut PipedOutput) -> Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        let mut command = ResticCommand::reading(&["dump", "--", snapshot]);
        command.arguments.push(path.as_ref().to_owned());
        self.run(&command, read).await.doing(|| format!("read files back from {}", self.describe()))
    }

    /// Reads one file of a snapshot, and hashes it.
    ///
    /// # Errors
    /// restic fails.
    pub async fn receive_file(&self, snapshot: &str, path: &str) -> Result<(u64, String)> {
        let command = ResticCommand::reading(&["dump", snapshot, path]);
        let read = |output: &mut PipedOutput| hashed(output, &mut io::sink());
        self.run(&command, read).await.doing(|| format!("read {path} back from {}", self.describe()))
    }
}

fn unpack(output: &mut PipedOutput, name: &str, into: Option<&FetchTarget>) -> Result<ReceivedFiles> {
    let mut files = ReceivedFiles::new();
    for entry in tar::Archive::new(&mut *output).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = relative(&entry.path()?, name)?;
        let length = entry.size();
        let read = match into.filter(|into| (into.is_wanted)(&path, length)) {
            Some(into) => {
                let full = into.directory.join(&path);
                write(&mut entry, &full).doing(|| format!("write {}", full.display()))?
            }
            None => hashed(&mut entry, &mut io::sink())?,
        };
        files.insert(path, read);
    }
    // To the end of the padding: restic would otherwise end with a broken pipe.
    io::copy(output, &mut io::sink())?;
    Ok(files)
}

/// The path below the directory; versions of restic differ in whether the directory itself is in it.
fn relative(path: &Path, name: &str) -> Result<String> {
    let inner = path.strip_prefix("/").unwrap_or(path);
    let inner = inner.strip_prefix(name).unwrap_or(inner);
    let is_plain = inner.components().all(|part| matches!(part, Component::Normal(_)));
    match inner.to_str().filter(|text| is_plain && !text.is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::new(format!("restic sent a file with the name {path:?}"))),
    }
}

fn write(entry: &mut impl io::Read, path: &Path) -> Result<(u64, String)> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().mode(0o700).recursive(true).create(parent).map_err(disk_error)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(disk_error)?;
    hashed(entry, &mut file)
}

fn hashed(from: &mut impl io::Read, into: &mut impl Write) -> Result<(u64, String)> {
    let mut sink = Hashing::new(into);
    io::copy(from, &mut sink).map_err(disk_error)?;
    let (bytes, sha256, _) = sink.finish();
    Ok((bytes, sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_never_gets_a_path_outside_of_its_directory() {
        let relative = |path: &str| relative(Path::new(path), "ID").ok();
        assert_eq!(relative("ID/dump/toc.dat").as_deref(), Some("dump/toc.dat"));
        assert_eq!(relative("/ID/dump/toc.dat").as_deref(), Some("dump/toc.dat"));
        assert_eq!(relative("dump/toc.dat").as_deref(), Some("dump/toc.dat"));
        for path in ["../x", "ID/../../x", "", "ID", "/", "//etc/../x"] {
            assert_eq!(relative(path), None, "{path}");
        }
    }
}
