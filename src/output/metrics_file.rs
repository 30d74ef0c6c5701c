//! The file for node_exporter's textfile collector.
//!
//! The file is replaced atomically; a file of another program is not overwritten, and a symbolic link is not followed.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::printable::printable;
use crate::output::metrics;
use crate::storage::reports::write::{AfterWrite, replace_own_and};

/// Hint for a missing directory.
pub const WHEN_ABSENT: &str = "create it, writable for the user of the nightly run, \
     and pass it to node_exporter with --collector.textfile.directory";

/// The first sample is within this limit, whatever its labels.
const BEGINNING_BYTES: u64 = 1 << 16;

const WHEN_REFUSED: &str = "its directory must be writable for the user of the nightly run";

/// Replaces the file atomically by this text; readable for all users, since node_exporter runs as another user. On failure the
/// old file is unchanged.
///
/// # Errors
/// The directory is missing, cannot be written or is full, or a file of another program has the name.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let doing = || format!("write {}", path.display());
    let place = || Some((path.parent()?, path.file_name()?.to_str()?));
    let (dir, name) = place().ok_or_else(|| Error::new("no name for a file")).doing(doing)?;
    if !dir.is_dir() {
        return Err(Error::new(format!("there is no directory {}", dir.display())).hint(WHEN_ABSENT)).doing(doing);
    }
    check(path, metrics::labels_of(text).as_deref())?;
    // Not `.prom`: a file that the collector reads must be complete.
    replace_own_and(dir, name, text.as_bytes(), AfterWrite::Show).map(drop).map_err(|error| error.hint(WHEN_REFUSED))
}

/// Whether an existing file of this name may be replaced by metrics with these labels.
///
/// # Errors
/// It must not be replaced, or that is not known: it is of another program, or of another configuration, by its labels. Two
/// configurations with the same labels cannot be distinguished.
pub fn check_ours(path: &Path, labels: &BTreeMap<String, String>) -> Result<()> {
    check(path, Some(&metrics::labels_text(labels)))
}

fn check(path: &Path, labels: Option<&str>) -> Result<()> {
    let doing = || format!("write {}", path.display());
    let foreign = |what: &str| Error::new(what).hint("move it away, or name another file in metrics.textfile");
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).doing(doing),
        Ok(meta) if !meta.is_file() => Err(foreign("it exists and is not a regular file")).doing(doing),
        Ok(_) => {
            let beginning = beginning(path).doing(doing)?;
            if !metrics::is_ours(&beginning) {
                return Err(foreign("there is a file of this name that pgwitness did not write")).doing(doing);
            }
            same_labels(&String::from_utf8_lossy(&beginning), labels).doing(doing)
        }
    }
}

/// Two configurations with one file would hide each other's failed runs.
fn same_labels(old: &str, labels: Option<&str>) -> Result<()> {
    match (metrics::labels_of(old), labels) {
        (Some(old), Some(new)) if old != new => {
            let shown = |labels: &str| format!("{{{}}}", printable(labels));
            let error = Error::new(format!(
                "its metrics have the labels {}, this configuration has {}",
                shown(&old),
                shown(new)
            ));
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
