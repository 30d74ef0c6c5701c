//! The marker file of a backup directory: shows that the backup disk is mounted.
//!
//! Only `init` creates it: a run that created it would fill the root disk when the mount is missing.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::same_source::OwnSource;
use super::{Backups, DAMAGED, UNVERIFIED, VERIFIED};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::base::time::Timestamp;
use crate::model::run::Origin;
use crate::storage::reports::write::{disk_error, replace_own, sync_directory};

/// The marker file, in the backup directory itself.
pub(super) const MARKER: &str = ".pgwitness-backups";
/// Format 2 added the sources; markers without them stay readable.
const FORMAT: u32 = 2;
/// Directory that a new file system contains.
const LOST_AND_FOUND: &str = "lost+found";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    format: u32,
    /// Random, to tell one backup directory from another.
    id: String,
    /// `st_dev` at `init`; may change when disks are found in another order.
    device: String,
    /// `f_fsid` at `init`; with most file systems, the file system's own.
    file_system: String,
    created_at: Timestamp,
    /// The identities of the one source of this directory. Empty: the first successful run sets them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Origin>,
}

impl Backups {
    /// Marks an empty directory, which is created if its parent exists. If it is marked already and on the same disk, only opens it.
    pub fn init(dir: &Path, random_id: &str, now: Timestamp) -> Result<Self> {
        make(dir)?;
        let doing = || format!("mark backup directory {}", dir.display());
        if let Some(marker) = read(dir)? {
            return match marker.remark(dir)? {
                None => Self::open(dir),
                Some(remark) => Err(Error::new(format!("it is marked already, and {remark}"))
                    .hint("if it was moved here on purpose, nothing needs to be done: it can be used as it is")),
            }
            .doing(doing);
        }
        if let Some(name) = foreign(dir).doing(doing)? {
            return Err(Error::new(format!("it is not empty: there is {name}")).hint("give it a directory of its own"))
                .doing(doing);
        }
        let (device, file_system) = disk(dir).doing(doing)?;
        let marker = Marker {
            format: FORMAT,
            id: random_id.to_owned(),
            device,
            file_system,
            created_at: now,
            sources: Vec::new(),
        };
        marker.write(dir)?;
        Self::open(dir)
    }

    /// Marks the directory for this source, unless it is already. The lock of the state directory does not exclude a run of another
    /// configuration, so the marker file is read again; if it has changed, that is an error.
    pub fn mark_for(&mut self, ours: &OwnSource) -> Result<()> {
        if ours.note.is_some() {
            // The address is a new one: only the user can confirm that it is the same source.
            return Ok(());
        }
        let doing = || format!("mark backup directory {}", self.dir.display());
        let mut marker = read(&self.dir)?.ok_or_else(|| Error::new("the marker file has disappeared")).doing(doing)?;
        if marker.sources != self.sources {
            return Err(Error::new("another run has changed the marker file")).doing(doing);
        }
        let wanted = ours.identities();
        if marker.sources != wanted {
            (marker.format, marker.sources) = (FORMAT, wanted);
            marker.write(&self.dir)?;
            self.sources = marker.sources;
        }
        Ok(())
    }

    /// Marks the directory for this source too: the user confirmed that it is the same as the one it was marked for.
    pub fn adopt(&mut self, origin: &Origin) -> Result<()> {
        let mut accepted = vec![origin.clone()];
        accepted.extend(self.sources.iter().filter(|old| *old != origin).cloned());
        self.mark_for(&OwnSource::new(origin.clone(), accepted))
    }

    /// The identities of its source.
    pub fn sources(&self) -> &[Origin] {
        &self.sources
    }

    /// Opens a marked directory. If the marker file is missing, the backup disk is probably not mounted.
    pub fn open(dir: &Path) -> Result<Self> {
        let doing = || format!("open backup directory {}", dir.display());
        let Some(marker) = read(dir)? else {
            let cause = format!("the marker file {MARKER} is missing");
            let hint = "is the backup disk mounted? A new directory is marked once, by `pgwitness init`";
            return Err(Error::new(cause).hint(hint)).doing(doing);
        };
        for place in [UNVERIFIED, VERIFIED, DAMAGED] {
            make(&dir.join(place))?;
        }
        let remark = marker.remark(dir)?.map(|remark| format!("backup directory {}: {remark}", dir.display()));
        Ok(Self { dir: dir.to_owned(), remarks: remark.into_iter().collect(), sources: marker.sources })
    }
}

impl Marker {
    fn write(&self, dir: &Path) -> Result<()> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| Error::from_source(&error))?;
        bytes.push(b'\n');
        replace_own(dir, MARKER, &bytes).map(drop)
    }

    /// Device numbers change at reboots, and some file systems derive `f_fsid` from them: the directory was moved only if both differ.
    fn remark(&self, dir: &Path) -> Result<Option<String>> {
        let (device, file_system) = disk(dir).doing(|| format!("look at {}", dir.display()))?;
        let is_other = device != self.device && file_system != self.file_system;
        Ok(is_other.then(|| format!("it is on another disk than at {} when it was marked", self.created_at)))
    }
}

fn read(dir: &Path) -> Result<Option<Marker>> {
    let path = dir.join(MARKER);
    let doing = || format!("read {}", path.display());
    match files::read(&path, files::STATE) {
        Ok(bytes) => json::from_slice("marker file of a backup directory", &bytes, 1..=FORMAT).map(Some).doing(doing),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing(doing),
    }
}

fn make(dir: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            sync_directory(dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(disk_error(error)).doing(|| format!("make directory {}", dir.display())),
    }
}

/// An entry of the directory that is not ours.
fn foreign(dir: &Path) -> std::io::Result<Option<String>> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != LOST_AND_FOUND && name != format!("{MARKER}.partial") {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn disk(dir: &Path) -> std::io::Result<(String, String)> {
    let file_system = rustix::fs::statvfs(dir)?.f_fsid;
    Ok((format!("{:x}", fs::metadata(dir)?.dev()), format!("{file_system:x}")))
}
