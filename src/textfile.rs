//! The file that node_exporter's textfile collector reads.
//!
//! Never half a file under its name, never over a file that is not ours, never through a symbolic link.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::metrics;
use crate::store::write::{Then, replace_own_and};

/// Of a directory that is not there.
pub const WHEN_ABSENT: &str =
    "make it, writable for the user of the night; node_exporter is told of it by --collector.textfile.directory";

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
    check_ours(path)?;
    // Not `.prom`: what the collector reads has a name only when it is whole.
    replace_own_and(dir, name, text.as_bytes(), Then::Show).map(drop).map_err(|error| error.hint(WHEN_REFUSED))
}

/// Whether what has this name, if anything has, may be replaced by ours.
///
/// # Errors
/// When it may not, or nobody knows what it is.
pub fn check_ours(path: &Path) -> Result<()> {
    let doing = || format!("write {}", path.display());
    let foreign = |what: &str| Error::new(what).hint("move it away, or name another file in metrics.textfile");
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).doing(doing),
        Ok(meta) if !meta.is_file() => Err(foreign("it is there and no regular file")).doing(doing),
        Ok(_) if metrics::is_ours(&beginning(path).doing(doing)?) => Ok(()),
        Ok(_) => Err(foreign("there is a file of this name that pgwitness did not write")).doing(doing),
    }
}

fn beginning(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
