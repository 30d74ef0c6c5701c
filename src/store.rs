//! Reports on disk: one directory a report, written so that half a report is never taken for one.
//!
//! Never overwrites and never removes what it did not write in this run. `report.json` comes last and by rename: a directory
//! without it holds no report.

mod keys;
mod read;
mod verify;
mod write;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::manifest::Manifest;
use crate::report::{Report, SideFile};
use crate::signature::{self, PrivateKey};
use crate::time::Timestamp;

pub use keys::{Generated, KeyFile, keygen, random_run_id, read_key};
pub use read::{Previous, is_report_directory, load_manifest, previous_report, reports_in};
pub use verify::{Authorship, Check, Trust, Verified, authorship, change, hash_of, verify};
pub use write::Hashing;

/// What is signed.
pub const REPORT: &str = "report.json";
/// The signature over the exact bytes of [`REPORT`].
pub const SIGNATURE: &str = "report.json.sig";
/// What the expected side held.
pub const EXPECTED: &str = "expected.manifest.json";
/// What the actual side held.
pub const ACTUAL: &str = "actual.manifest.json";

/// The directory of one report in the making. Dropped before [`Folder::finish`], it takes away what it wrote.
#[derive(Debug)]
pub struct Folder {
    parent: PathBuf,
    path: PathBuf,
    key: Option<PrivateKey>,
}

impl Folder {
    /// Makes `DIR/<UTC stamp>-<first 8 digits of run_id>/` and reads the key, before the slow work: whatever cannot be written
    /// or signed at the end of the night is said at its start.
    pub fn prepare(dir: &Path, key: Option<&KeyFile>, started_at: Timestamp, run_id: &str) -> Result<Self> {
        let key = key.map(read_key).transpose()?;
        let short = run_id.get(..8).ok_or_else(|| Error::new("a run id has 32 hexadecimal digits"))?;
        let path = dir.join(format!("{}-{short}", started_at.stamp()));
        let make = || -> Result<()> {
            DirBuilder::new().mode(0o750).recursive(true).create(dir)?;
            DirBuilder::new().mode(0o750).create(&path)?;
            Ok(())
        };
        make().doing(|| format!("make report directory {}", path.display()))?;
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

/// Writes one manifest by itself, never over another file of that name.
pub fn write_manifest(dir: &Path, name: &str, manifest: &Manifest) -> Result<SideFile> {
    write::json(dir, name, manifest)
}

/// What is left of a run that failed is no report; it would only be in the way.
impl Drop for Folder {
    fn drop(&mut self) {
        if !self.path.join(REPORT).exists() {
            for name in [EXPECTED, ACTUAL, SIGNATURE] {
                // Best effort: the error that brought us here is the one to report.
                fs::remove_file(self.path.join(name)).ok();
            }
            fs::remove_dir(&self.path).ok();
        }
    }
}
