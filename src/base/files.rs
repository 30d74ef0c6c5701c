//! Opens files that another party may have written: regular files only, without waiting, and never more than a limit.
//!
//! A FIFO or a device is refused before it is opened, because opening a FIFO blocks until its other end is opened. The size of the
//! open file is checked before the first byte is read, and reading stops at the limit in case the file grows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::OFlags;

/// The size up to which a kind of file is read.
#[derive(Debug, Clone, Copy)]
pub struct SizeLimit {
    bytes: u64,
    set_by: Option<Variable>,
}

/// A variable of the environment that sets another limit, in MiB.
#[derive(Debug, Clone, Copy)]
enum Variable {
    Report,
    Manifest,
}

impl Variable {
    const ALL: [Self; 2] = [Self::Report, Self::Manifest];

    fn name(self) -> &'static str {
        match self {
            Self::Report => "PGWITNESS_MAX_REPORT_MIB",
            Self::Manifest => "PGWITNESS_MAX_MANIFEST_MIB",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Report => "The size in MiB up to which a report is read; 256 by default.",
            Self::Manifest => "The size in MiB up to which a manifest is read; 4096 by default.",
        }
    }

    fn bytes(self) -> &'static OnceLock<u64> {
        static REPORT_BYTES: OnceLock<u64> = OnceLock::new();
        static MANIFEST_BYTES: OnceLock<u64> = OnceLock::new();
        match self {
            Self::Report => &REPORT_BYTES,
            Self::Manifest => &MANIFEST_BYTES,
        }
    }
}

impl SizeLimit {
    const fn fixed(bytes: u64) -> Self {
        Self { bytes, set_by: None }
    }

    /// The limit that holds, in bytes.
    pub fn bytes(self) -> u64 {
        self.set_by.and_then(|variable| variable.bytes().get().copied()).unwrap_or(self.bytes)
    }
}

/// The variables, with what they set.
pub fn variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    Variable::ALL.into_iter().map(|variable| (variable.name(), variable.meaning()))
}

/// Sets the limits that can be set, from the environment: once, before the first file is read.
///
/// # Errors
/// With the variable whose value is not a number of MiB.
pub fn set_limits(environment: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    for variable in Variable::ALL {
        let Some(text) = environment(variable.name()) else { continue };
        let mib = text.parse::<u64>().ok().filter(|mib| (1..=MOST_MIB).contains(mib));
        let name = variable.name();
        let mib = mib.ok_or_else(|| format!("{name}={text}: not a number of MiB from 1 to {MOST_MIB}"))?;
        variable.bytes().set(mib << 20).ok();
    }
    Ok(())
}

/// A TiB.
const MOST_MIB: u64 = 1 << 20;

/// `report.json.sig`: a signature of OpenSSH has 300 bytes, or up to 3 KiB with RSA.
pub const SIGNATURE: SizeLimit = SizeLimit::fixed(64 << 10);
/// `report.json.tsr`: a time stamp with some certificates has about 6 KiB.
pub const TIMESTAMP: SizeLimit = SizeLimit::fixed(256 << 10);
/// A key, a password, a certificate with its chain or a list of allowed signers of one team.
pub const KEY: SizeLimit = SizeLimit::fixed(64 << 10);
/// What is written after a report is signed: `closing.json` and reviews.
pub const CLOSING: SizeLimit = SizeLimit::fixed(1 << 20);
/// What users write by hand: the configuration, waivers, one assertion, a service file, allowed signers.
pub const BY_HAND: SizeLimit = SizeLimit::fixed(1 << 20);
/// Certificates: a bundle of all public authorities has about 300 KiB, a revocation list may have some MiB.
pub const CERTIFICATES: SizeLimit = SizeLimit::fixed(16 << 20);
/// `report.json`: a report over 100,000 tables has about 50 MiB.
pub const REPORT: SizeLimit = SizeLimit { bytes: 256 << 20, set_by: Some(Variable::Report) };
/// A manifest, which is read as a stream.
pub const MANIFEST: SizeLimit = SizeLimit { bytes: 4 << 30, set_by: Some(Variable::Manifest) };
/// Records of a backup (`backup.json`, `SHA256SUMS`, `database.json`): a directory dump has a line for each table.
pub const RECORD: SizeLimit = SizeLimit::fixed(64 << 20);
/// A journal, or a state file of ours.
pub const STATE: SizeLimit = SizeLimit::fixed(16 << 20);

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

/// As [`open`]; a file larger than `limit` is refused before it is read.
///
/// # Errors
/// Also when it is no regular file, or too large.
pub fn open_within(path: &Path, limit: SizeLimit) -> io::Result<File> {
    let file = open(path)?;
    let bytes = file.metadata()?.len();
    if bytes > limit.bytes() { Err(too_large(limit)) } else { Ok(file) }
}

/// The whole file, which must be a regular one within `limit`.
///
/// # Errors
/// Also when it is no regular file, or too large.
pub fn read(path: &Path, limit: SizeLimit) -> io::Result<Vec<u8>> {
    read_open(open(path)?, limit)
}

/// As [`read`], of a file that is open.
///
/// # Errors
/// Also when it is too large.
pub fn read_open(file: File, limit: SizeLimit) -> io::Result<Vec<u8>> {
    let known = file.metadata()?.len();
    if known > limit.bytes() {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(known).unwrap_or(0));
    file.take(limit.bytes() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit.bytes() { Err(too_large(limit)) } else { Ok(bytes) }
}

/// As [`read`], of text in UTF-8.
///
/// # Errors
/// Also when it is no regular file, too large, or not UTF-8.
pub fn read_text(path: &Path, limit: SizeLimit) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Refuses a file that another user than us and root owns: its owner can change it at any time.
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

fn too_large(limit: SizeLimit) -> io::Error {
    let size = match limit.bytes() {
        bytes if bytes >= 1 << 30 && bytes.trailing_zeros() >= 30 => format!("{} GiB", bytes >> 30),
        bytes if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", bytes >> 10),
    };
    let raise = limit.set_by.map(|variable| format!("; {} sets another one", variable.name())).unwrap_or_default();
    refusal(format!("it is larger than {size}, the limit for a file of its kind{raise}"))
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
        assert_eq!(
            error.to_string(),
            "it is larger than 256 MiB, the limit for a file of its kind; PGWITNESS_MAX_REPORT_MIB sets another one"
        );
        assert!(open_within(&path, MANIFEST).is_ok() && open_within(&path, SIGNATURE).is_err());
        // Files in /proc have the size 0.
        assert!(read(Path::new("/proc/self/maps"), SizeLimit::fixed(10)).is_err());
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
