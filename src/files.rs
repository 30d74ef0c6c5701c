//! Opens files that another party may have written: regular files only, without waiting, and never more than a limit.
//!
//! A FIFO or a device in place of a file is refused instead of opened: to open a FIFO is to wait for its other end. The size is
//! asked of the open file before the first byte is read, and reading stops at the limit in case the file grows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// `report.sig`: an Ed25519 signature of OpenSSH has about 300 bytes.
pub const SIGNATURE: u64 = 64 << 10;
/// A key, a password, a certificate with its chain or a list of allowed signers of one team.
pub const KEY: u64 = 64 << 10;
/// What is written after a report is signed: `closing.json` and reviews.
pub const CLOSING: u64 = 1 << 20;
/// What users write by hand: the configuration, waivers, one assertion, a service file, allowed signers.
pub const BY_HAND: u64 = 1 << 20;
/// Certificates: a bundle of all public authorities has about 300 KiB, a revocation list may have some MiB.
pub const CERTIFICATES: u64 = 16 << 20;
/// `report.json`: a report over 100,000 tables has about 50 MiB.
pub const REPORT: u64 = 256 << 20;
/// A manifest, which is read as a stream.
pub const MANIFEST: u64 = 4 << 30;
/// Records of a backup (`backup.json`, `SHA256SUMS`, `database.json`): a directory dump has a line for each table.
pub const RECORD: u64 = 64 << 20;
/// A journal, or a state file of ours.
pub const STATE: u64 = 16 << 20;

/// Opens a regular file for reading; symbolic links are followed, for Kubernetes mounts every configuration file as one.
///
/// # Errors
/// Also when it is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK)
}

/// As [`open`], and the last component of the path must not be a symbolic link.
///
/// # Errors
/// Also when it is a symbolic link, or no regular file.
pub fn open_unlinked(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(refusal("it is a symbolic link".to_owned()));
    }
    open_with(path, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

/// As [`open`]; a file larger than `limit` bytes is refused before it is read.
///
/// # Errors
/// Also when it is no regular file, or too large.
pub fn open_within(path: &Path, limit: u64) -> io::Result<File> {
    let file = open(path)?;
    let bytes = file.metadata()?.len();
    if bytes > limit { Err(too_large(limit)) } else { Ok(file) }
}

/// The whole file, which must be a regular one of at most `limit` bytes.
///
/// # Errors
/// Also when it is no regular file, or too large.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_open(open(path)?, limit)
}

/// As [`read`], of a file that is open.
///
/// # Errors
/// Also when it is too large.
pub fn read_open(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let known = file.metadata()?.len();
    if known > limit {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(known).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

/// As [`read`], of text in UTF-8.
///
/// # Errors
/// Also when it is no regular file, too large, or not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Refuses what a user other than us and root owns: its owner can change it at any time.
///
/// # Errors
/// With the user's number.
pub fn check_owner(metadata: &fs::Metadata) -> io::Result<()> {
    let (owner, us) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == us || owner == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::PermissionDenied,
        format!("it belongs to user {owner}, not to root or to user {us}, which runs pgwitness"),
    ))
}

fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    // Looked at before it is opened, because opening a device can have effects; and after, because it may be another file by then.
    check_kind(&fs::metadata(path)?)?;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check_kind(&file.metadata()?)?;
    Ok(file)
}

fn check_kind(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(refusal("not a regular file".to_owned())) }
}

fn too_large(limit: u64) -> io::Error {
    let size = match limit {
        _ if limit >= 1 << 30 => format!("{} GiB", limit >> 30),
        _ if limit >= 1 << 20 => format!("{} MiB", limit >> 20),
        _ => format!("{} KiB", limit >> 10),
    };
    refusal(format!("it is larger than {size}, the limit for a file of its kind"))
}

fn refusal(text: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_no_open_waits() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let linked = dir.path().join("link");
        std::os::unix::fs::symlink(&pipe, &linked).unwrap();
        for path in [pipe.as_path(), &linked, dir.path(), Path::new("/dev/zero")] {
            assert_eq!(read(path, KEY).unwrap_err().to_string(), "not a regular file", "{}", path.display());
        }
    }

    #[test]
    fn a_file_over_its_limit_is_refused_by_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        File::create(&path).unwrap().set_len(3 << 30).unwrap();
        let error = read(&path, REPORT).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 256 MiB, the limit for a file of its kind");
        assert!(open_within(&path, MANIFEST).is_ok() && open_within(&path, SIGNATURE).is_err());
        // The files of /proc say that they are empty.
        assert!(read(Path::new("/proc/self/maps"), 10).is_err());
    }

    #[test]
    fn a_link_is_followed_only_where_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (file, linked) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &linked).unwrap();
        assert_eq!(read(&linked, KEY).unwrap(), b"x");
        assert_eq!(open_unlinked(&linked).unwrap_err().to_string(), "it is a symbolic link");
        assert!(open_unlinked(&file).is_ok());
    }
}
