//! Reports on disk: one directory a report, written so that half a report is never taken for one.
//!
//! Overwrites and removes only what pgwitness wrote. `report.json` comes last and by rename: a directory
//! without it holds no report.

mod keys;
mod read;
mod verify;
pub(crate) mod write;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::model::manifest::Manifest;
use crate::model::report::{Report, SideFile};
use crate::model::run::CLOSING;
use crate::storage::signature::{self, PrivateKey};

pub use keys::{Generated, KeyFile, keygen, needs_passphrase, process_salt, random_run_id, read_key};
pub use read::{Previous, claimed_start, is_report_directory, load_manifest, previous_report, reports_in};
pub use verify::{Authorship, SignatureCheck, Trust, Verified, aftermath, authorship, change, hash_of, verify};
pub use write::Hashing;

/// What is signed.
pub const REPORT: &str = "report.json";
/// The signature over the exact bytes of [`REPORT`].
pub const SIGNATURE: &str = "report.json.sig";
/// What the expected side held.
pub const EXPECTED: &str = "expected.manifest.json";
/// What the dump in between held, of a night.
pub const DUMP: &str = "dump.manifest.json";
/// What the actual side held.
pub const ACTUAL: &str = "actual.manifest.json";

/// `<UTC stamp>-<first 8 digits of run_id>`: the name of what one run makes.
pub fn stamped_name(at: Timestamp, run_id: &str) -> Result<String> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match run_id.get(..8).filter(|_| run_id.bytes().all(is_digit)) {
        Some(short) => Ok(format!("{}-{short}", at.stamp())),
        None => Err(Error::new("a run id has 32 hexadecimal digits")),
    }
}

/// The directory of one report in the making. Dropped before [`Folder::finish`], it takes away what it wrote.
#[derive(Debug)]
pub struct Folder {
    parent: PathBuf,
    path: PathBuf,
    key: Option<PrivateKey>,
}

impl Folder {
    /// Makes `DIR/<UTC stamp>-<first 8 digits of run_id>/` and reads the key, before the slow work: whatever cannot be written
    /// or signed at the end of the run is an error at its start.
    pub fn prepare(dir: &Path, key: Option<&KeyFile>, started_at: Timestamp, run_id: &str) -> Result<Self> {
        let key = key.map(read_key).transpose()?;
        let path = dir.join(stamped_name(started_at, run_id)?);
        let make = || -> Result<()> {
            DirBuilder::new().mode(0o750).recursive(true).create(dir)?;
            DirBuilder::new().mode(0o750).create(&path)?;
            Ok(())
        };
        make()
            .map_err(|error| error.hint(format!("{} must be a directory that this user can write to", dir.display())))
            .doing(|| format!("make report directory {}", path.display()))?;
        let folder = Self { parent: dir.to_owned(), path, key };
        // A directory can be made where no byte fits any more: try one.
        write::replace(&folder.path, REPORT, |file| file.write_all(b"\n"), write::Then::Remove)?;
        write::sync_directory(dir)?;
        Ok(folder)
    }

    /// Where the report will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The newest report beside this one, which the new one has to name.
    pub fn previous(&self) -> Result<Previous> {
        previous_report(&self.parent)
    }

    /// Writes both manifests as they come, without holding their text in memory; the answer goes into the report.
    pub fn write_manifests(&self, expected: &Manifest, actual: &Manifest) -> Result<Vec<SideFile>> {
        let write = |name, manifest| write::json(&self.path, name, manifest);
        Ok(vec![write(EXPECTED, expected)?, write(ACTUAL, actual)?])
    }

    /// Signs and writes the report; the answer is the path of `report.json`.
    pub fn finish(self, report: &Report) -> Result<PathBuf> {
        let bytes = report.to_bytes()?;
        if let Some(key) = &self.key {
            let armored = signature::sign(key, &bytes)?;
            write::replace(&self.path, SIGNATURE, |file| file.write_all(armored.as_bytes()), write::Then::Keep)?;
        }
        write::replace(&self.path, REPORT, |file| file.write_all(&bytes), write::Then::Keep)?;
        Ok(self.path.join(REPORT))
    }
}

/// Writes a file as a whole or not at all; one of that name is replaced.
pub fn write_file(
    dir: &Path,
    name: &str,
    fill: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> Result<SideFile> {
    write::replace(dir, name, fill, write::Then::Keep)
}

/// Writes one manifest by itself, in place of a file of that name, if there is one.
pub fn write_manifest(dir: &Path, name: &str, manifest: &Manifest) -> Result<SideFile> {
    write::json(dir, name, manifest)
}

/// Writes a small JSON file, as a whole or not at all.
pub fn write_json(dir: &Path, name: &str, value: &impl serde::Serialize) -> Result<SideFile> {
    write::json(dir, name, value)
}

/// Writes a JSON file beside a report, and its signature beside that. Both are on disk under other names before either gets its own; one
/// that is replaced goes first: a power cut leaves the pair, or a file that says that the run was not finished, never a pair that does
/// not fit.
pub fn sign_json(dir: &Path, name: &str, value: &impl serde::Serialize, key: &KeyFile) -> Result<()> {
    let key = read_key(key)?;
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::from_source(&error))?;
    bytes.push(b'\n');
    let armored = signature::sign(&key, &bytes)?;
    let signature = format!("{name}.sig");
    let (new, new_signature) = (format!("{name}.new"), format!("{signature}.new"));
    write::replace_own(dir, &new_signature, armored.as_bytes())?;
    write::replace_own(dir, &new, &bytes)?;
    finish_pair(dir, name).doing(|| format!("write {}", dir.join(name).display()))
}

/// Gives a signed file that was written as `NAME.new` its name, and its signature before it; also after a power cut, where it was begun.
fn finish_pair(dir: &Path, name: &str) -> Result<()> {
    let (file, signature) = (dir.join(name), dir.join(format!("{name}.sig")));
    let (new, new_signature) = (dir.join(format!("{name}.new")), dir.join(format!("{name}.sig.new")));
    // In this order: an old file never stands beside a new signature.
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => write::sync_directory(dir)?,
    }
    // It has its name already when a power cut came right after this.
    if new_signature.try_exists()? {
        fs::rename(&new_signature, &signature).map_err(write::clear)?;
    }
    fs::rename(&new, &file).map_err(write::clear)?;
    write::sync_directory(dir)
}

/// Completes what [`sign_json`] was interrupted in: `true` if there was something to do.
///
/// # Errors
/// It cannot be written.
pub fn finish_signed(dir: &Path, name: &str) -> Result<bool> {
    let is_begun = dir.join(format!("{name}.new")).try_exists()?;
    if is_begun {
        finish_pair(dir, name).doing(|| format!("complete {}", dir.join(name).display()))?;
    }
    Ok(is_begun)
}

/// Completes the closing of a run that ended while it was written: `true` if there was something to do.
///
/// # Errors
/// It cannot be written.
pub fn finish_closing_of(dir: &Path, started_at: Timestamp, run_id: &str) -> Result<bool> {
    let dir = dir.join(stamped_name(started_at, run_id)?);
    finish_signed(&dir, CLOSING)
}

/// SHA-256 as 64 hexadecimal digits in lower case.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Takes away what a run that was killed has left where its report was to be, and nothing but that: `true` if something was there.
///
/// # Errors
/// It cannot be looked at, or something in it is not ours.
pub fn remove_unfinished_of(dir: &Path, started_at: Timestamp, run_id: &str) -> Result<bool> {
    let path = dir.join(stamped_name(started_at, run_id)?);
    remove_unfinished(&path).doing(|| format!("remove the unfinished report {}", path.display()))
}

fn remove_unfinished(path: &Path) -> std::io::Result<bool> {
    if !path.try_exists()? || path.join(REPORT).try_exists()? {
        return Ok(false);
    }
    fs::remove_file(path.join(format!("{REPORT}.partial"))).ok();
    for name in [EXPECTED, ACTUAL, DUMP, SIGNATURE] {
        fs::remove_file(path.join(name)).ok();
        fs::remove_file(path.join(format!("{name}.partial"))).ok();
    }
    fs::remove_dir(path).map(|()| true)
}

/// What is left of a run that failed is no report; it would only be in the way.
impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: the caller reports the earlier error.
        remove_unfinished(&self.path).ok();
    }
}
