//! Reports on disk, one directory each.
//!
//! Overwrites and removes only files that pgwitness wrote. `report.json` is written last, by rename: a directory
//! without it has no report.

mod keys;
mod part;
mod read;
mod verify;
mod stamp;
pub(crate) mod write;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::model::manifest::Manifest;
use crate::model::report::{Report, SideFile};
use crate::model::run::CLOSING;
use crate::storage::signature::{self, SigningKey};

pub use keys::{
    Generated, KeyFile, KeyKind, keygen, keygen_of, needs_passphrase, process_salt, public_key_of, random_run_id,
    read_key, read_key_of_person,
};
pub use part::{is_json, load_part, part_head, write_part};
pub use read::{
    Previous, check_sums, is_report_directory, load_manifest, load_manifest_sharing, previous_report, reports_in,
    started_at_unverified,
};
pub use stamp::{TimestampRule, TimestampState, check_timestamp, demand_plausible, timestamp_problem, write_timestamp};
pub use verify::{Authorship, SignatureCheck, Trust, Verified, authorship, change, closing_state, hash_of, verify};
pub use write::Hashing;

/// The signed file.
pub const REPORT: &str = "report.json";
/// The signature over the exact bytes of [`REPORT`].
pub const SIGNATURE: &str = "report.json.sig";
/// The manifest of the expected side.
pub const EXPECTED: &str = "expected.manifest.json";
/// The manifest of the dump, of a nightly run.
pub const DUMP: &str = "dump.manifest.json";
/// The manifest of the actual side.
pub const ACTUAL: &str = "actual.manifest.json";

/// Of a run that begins in the second of another one, see [`start_time`]: together more than a second.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
const TRIES_FOR_A_SECOND: u32 = 24;

/// `<UTC stamp>-<first 8 digits of run_id>`: the name of a run's report, backup and journal.
pub fn stamped_name(at: Timestamp, run_id: &str) -> Result<String> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match run_id.get(..8).filter(|_| run_id.bytes().all(is_digit)) {
        Some(short) => Ok(format!("{}-{short}", at.stamp())),
        None => Err(Error::new("a run id has 32 hexadecimal digits")),
    }
}

/// The start time of a run whose report goes into `dir`, from the clock `now`: no second in which an earlier report there began.
/// Times and names of reports have no fractions, and runs are ordered by them: of a failed run and one that follows at once, either
/// would pass for the last. Waits for that second to end.
pub fn start_time(dir: &Path, now: impl Fn() -> Timestamp) -> Timestamp {
    let mut at = now();
    // Bounded: a clock may stand still.
    for _ in 0..TRIES_FOR_A_SECOND {
        let Ok(names) = fs::read_dir(dir) else { break };
        let stamp = at.stamp();
        if !names.flatten().any(|entry| entry.file_name().as_encoded_bytes().starts_with(stamp.as_bytes())) {
            break;
        }
        std::thread::sleep(BETWEEN_TRIES);
        at = now();
    }
    at
}

/// The directory of a report that is being written. If it is dropped before [`NewReport::finish`], its files are removed.
#[derive(Debug)]
pub struct NewReport {
    parent: PathBuf,
    path: PathBuf,
    key: Option<SigningKey>,
}

impl NewReport {
    /// Creates `DIR/<UTC stamp>-<first 8 digits of run_id>/` and reads the key, so that a report that cannot be written or signed is an
    /// error at the start of the run.
    pub fn prepare(dir: &Path, key: Option<&KeyFile>, started_at: Timestamp, run_id: &str) -> Result<Self> {
        let key = key.map(read_key).transpose()?;
        key.as_ref().map(signature::rehearse).transpose()?;
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
        // A directory can be created on a full disk: try to write a byte.
        write::replace(&folder.path, REPORT, |file| file.write_all(b"\n"), write::AfterWrite::Remove)?;
        write::sync_directory(dir)?;
        Ok(folder)
    }

    /// Where the report will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The newest report in the same directory, which the new one must name.
    pub fn previous(&self) -> Result<Previous> {
        previous_report(&self.parent)
    }

    /// Streams both manifests to disk; the result goes into the report.
    pub fn write_manifests(&self, expected: &Manifest, actual: &Manifest) -> Result<Vec<SideFile>> {
        let write = |name, manifest| write::json(&self.path, name, manifest);
        Ok(vec![write(EXPECTED, expected)?, write(ACTUAL, actual)?])
    }

    /// Signs and writes the report; returns the path of `report.json`.
    pub fn finish(self, report: &Report) -> Result<PathBuf> {
        let bytes = report.to_bytes()?;
        if let Some(key) = &self.key {
            let armored = signature::sign(key, &bytes)?;
            write::replace(&self.path, SIGNATURE, |file| file.write_all(armored.as_bytes()), write::AfterWrite::Keep)?;
        }
        write::replace(&self.path, REPORT, |file| file.write_all(&bytes), write::AfterWrite::Keep)?;
        Ok(self.path.join(REPORT))
    }
}

/// Writes a file atomically; an existing one is replaced.
pub fn write_file(
    dir: &Path,
    name: &str,
    fill: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> Result<SideFile> {
    write::replace(dir, name, fill, write::AfterWrite::Keep)
}

/// Writes one manifest atomically; an existing file is replaced.
pub fn write_manifest(dir: &Path, name: &str, manifest: &Manifest) -> Result<SideFile> {
    write::json(dir, name, manifest)
}

/// Writes a small JSON file atomically.
pub fn write_json(dir: &Path, name: &str, value: &impl serde::Serialize) -> Result<SideFile> {
    write::json(dir, name, value)
}

/// Writes a JSON file and its signature. Both are written as NAME.new first; an existing file is removed before the rename. After a power
/// cut there is either a matching pair, or a NAME.new that [`finish_signed`] completes.
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

/// Renames a signature and then its file from `NAME.new` to `NAME`; also completes an interrupted call.
fn finish_pair(dir: &Path, name: &str) -> Result<()> {
    let (file, signature) = (dir.join(name), dir.join(format!("{name}.sig")));
    let (new, new_signature) = (dir.join(format!("{name}.new")), dir.join(format!("{name}.sig.new")));
    // In this order, so that an old file never has a new signature.
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => write::sync_directory(dir)?,
    }
    // It was renamed already if a power cut came right after this.
    if new_signature.try_exists()? {
        fs::rename(&new_signature, &signature).map_err(write::disk_error)?;
    }
    fs::rename(&new, &file).map_err(write::disk_error)?;
    write::sync_directory(dir)
}

/// Completes an interrupted [`sign_json`]; `true` if there was one.
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

/// Completes the `closing.json` of a run that was killed while it was written; `true` if there was one.
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

/// Removes the unfinished report of a killed run; `true` if there was one.
///
/// # Errors
/// The directory cannot be read, or has a file that is not ours.
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

impl Drop for NewReport {
    fn drop(&mut self) {
        // Best effort: the caller reports the earlier error.
        remove_unfinished(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Goes on by a second every third time that it is read.
    fn clock(first: &str) -> impl Fn() -> Timestamp {
        let (first, reads) = (Timestamp::parse(first).unwrap(), Cell::new(0));
        move || first.plus_seconds(reads.replace(reads.get() + 1) / 3)
    }

    #[test]
    fn no_two_runs_begin_in_the_same_second() {
        let dir = tempfile::tempdir().unwrap();
        let begun = || start_time(dir.path(), clock("2026-11-30T23:59:59Z")).to_string();
        assert_eq!(start_time(&dir.path().join("none_yet"), clock("2026-11-30T23:59:59Z")).to_string(), begun());
        fs::create_dir(dir.path().join("20261130T235958Z-ffffffff")).unwrap();
        assert_eq!(begun(), "2026-11-30T23:59:59Z");
        fs::create_dir(dir.path().join("20261130T235959Z-00000000")).unwrap();
        fs::create_dir(dir.path().join("20261201T000000Z-00000000")).unwrap();
        assert_eq!(begun(), "2026-12-01T00:00:01Z");
        let still = Timestamp::parse("2026-11-30T23:59:59Z").unwrap();
        assert_eq!(start_time(dir.path(), || still), still, "a clock that stands still is not waited for");
    }
}
