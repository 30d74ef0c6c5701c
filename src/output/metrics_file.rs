//! The file that node_exporter's textfile collector reads.
//!
//! Never half a file under its name, never over a file that is not ours, never through a symbolic link.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::printable::printable;
use crate::output::metrics;
use crate::storage::reports::write::{Then, replace_own_and};

/// Of a directory that is not there.
pub const WHEN_ABSENT: &str =
    "make it, writable for the user of the night; node_exporter is told of it by --collector.textfile.directory";

/// The first figure is in it, whatever its labels.
const BEGINNING_BYTES: u64 = 1 << 16;

const WHEN_REFUSED: &str = "its directory must be writable for the user of the night";

/// Replaces the file by this text as a whole; readable for everybody, since node_exporter runs as somebody else. On failure the
/// old file stays as it was.
///
/// # Errors
/// When the directory is not there, cannot be written or is full, or something that is not ours has the name.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let doing = || format!("write {}", path.display());
    let place = || Some((path.parent()?, path.file_name()?.to_str()?));
    let (dir, name) = place().ok_or_else(|| Error::new("no name for a file")).doing(doing)?;
    if !dir.is_dir() {
        return Err(Error::new(format!("there is no directory {}", dir.display())).hint(WHEN_ABSENT)).doing(doing);
    }
    check(path, metrics::labels_of(text).as_deref())?;
    // Not `.prom`: what the collector reads has a name only when it is whole.
    replace_own_and(dir, name, text.as_bytes(), Then::Show).map(drop).map_err(|error| error.hint(WHEN_REFUSED))
}

/// Whether what has this name, if anything has, may be replaced by figures of ours with these labels.
///
/// # Errors
/// When it may not, or nobody knows what it is: not ours, or of another configuration, by its labels. Two with the same labels
/// cannot be told apart.
pub fn check_ours(path: &Path, labels: &BTreeMap<String, String>) -> Result<()> {
    check(path, Some(&metrics::labels_text(labels)))
}

fn check(path: &Path, labels: Option<&str>) -> Result<()> {
    let doing = || format!("write {}", path.display());
    let foreign = |what: &str| Error::new(what).hint("move it away, or name another file in metrics.textfile");
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).doing(doing),
        Ok(meta) if !meta.is_file() => Err(foreign("it is there and no regular file")).doing(doing),
        Ok(_) => {
            let beginning = beginning(path).doing(doing)?;
            if !metrics::is_ours(&beginning) {
                return Err(foreign("there is a file of this name that pgwitness did not write")).doing(doing);
            }
            same_labels(&String::from_utf8_lossy(&beginning), labels).doing(doing)
        }
    }
}

/// Of two that take turns with one file, each would hide the other's bad nights.
fn same_labels(old: &str, labels: Option<&str>) -> Result<()> {
    match (metrics::labels_of(old), labels) {
        (Some(old), Some(new)) if old != new => {
            let shown = |labels: &str| format!("{{{}}}", printable(labels));
            let error = Error::new(format!("its figures have the labels {}, ours {}", shown(&old), shown(new)));
            Err(error.hint("another file for each configuration; if only the labels have been changed, remove it once"))
        }
        _ => Ok(()),
    }
}

fn beginning(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files::open(path)?.take(BEGINNING_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
