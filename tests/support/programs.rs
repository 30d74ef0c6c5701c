//! Programs that tests put in the place of others.

use std::path::Path;
use std::process::Command;

/// A script that can be executed at once. Another process writes it: a file that this one has open for writing may be inherited by
/// a process that another thread starts, and cannot be executed as long (execve(2), ETXTBSY).
pub fn put_program(path: &Path, text: &str) {
    let write = "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let status = Command::new("sh").args(["-c", write, "sh"]).arg(path).arg(text).status().unwrap();
    assert!(status.success(), "{}", path.display());
}
