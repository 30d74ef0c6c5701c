//! One run at a time. Does not wait and does not remove the file: a lock file that is unlinked can be held twice.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::storage::reports::write::disk_error;

const NAME: &str = "lock";
/// More than is ever written.
const MAX_HOLDER_BYTES: u64 = 4096;

/// Held until it is dropped or the process ends. Children do not inherit it: the file is closed on exec.
///
/// On NFS the kernel turns `flock` into a lock at the server, which two machines share if the server and both mounts allow it; with
/// `nolock` or `local_lock=flock` each machine has its own. So the state directory belongs on a local disk.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// The process that holds the lock, for messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// For instance `nightly`.
    pub command: String,
    /// Its process.
    pub pid: u32,
    /// When it took the lock.
    pub at: Timestamp,
}

impl Lock {
    /// Takes the lock; the error names the holder. Makes the state directory (0700) if its parent exists.
    pub fn acquire(state: &Path, holder: &RunInfo) -> Result<Self> {
        make_directory(state)?;
        let path = state.join(NAME);
        let doing = || format!("lock {}", path.display());
        let mut file = open(&path).doing(doing)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(held(&mut file)).doing(doing),
            Err(error) => return Err(std::io::Error::from(error)).doing(doing),
        }
        // The lock holds without its text; a full disk must not prevent the cleanup tasks.
        inscribe(&mut file, holder).ok();
        Ok(Self { _file: file })
    }
}

/// Not through a symbolic link: what it names would be written over.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(std::io::Error::other)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(path).map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP) => std::io::Error::other("it is a symbolic link"),
        _ => error,
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Err(std::io::Error::other("not a regular file with one name"));
    }
    Ok(file)
}

fn make_directory(state: &Path) -> Result<()> {
    let doing = || format!("use state directory {}", state.display());
    match DirBuilder::new().mode(0o700).create(state) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(disk_error(error).hint("`pgwitness init` makes it, for the user that runs it")).doing(doing);
        }
        _ => {}
    }
    let metadata = std::fs::metadata(state).doing(doing)?;
    if !metadata.is_dir() {
        return Err(Error::new("not a directory")).doing(doing);
    }
    files::check_owner(&metadata).doing(doing)?;
    // A user that can write a journal can have an instance deleted.
    if metadata.mode() & 0o022 != 0 {
        let hint = format!("chmod go-w {}", state.display());
        return Err(Error::new("others than its owner can write to it").hint(hint)).doing(doing);
    }
    Ok(())
}

/// Overwrites the old text, then truncates, so that it also works on a full disk.
fn inscribe(file: &mut File, holder: &RunInfo) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(holder)?;
    text.push(b'\n');
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&text)?;
    file.set_len(text.len() as u64)
}

fn held(file: &mut File) -> Error {
    let mut text = Vec::new();
    let read = file.take(MAX_HOLDER_BYTES).read_to_end(&mut text).ok();
    let cause = match read.and_then(|_| serde_json::from_slice::<RunInfo>(&text).ok()) {
        Some(RunInfo { run_id, command, pid, at }) => {
            format!("another run is at work: {command}, process {pid}, run {run_id}, since {at}")
        }
        None => "another run is at work".to_owned(),
    };
    Error::new(cause).hint("wait for it to end; when it is gone the lock is free by itself, never remove the file")
}
