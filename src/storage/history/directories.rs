//! Several report directories in one view, usually one for each source.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{ReportEntry, read};
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::storage::signers::AllowedSigners;

/// Bytes of the path in the name of a directory of pages.
const LONGEST_NAME: usize = 60;

/// One of several report directories.
#[derive(Debug, Clone)]
pub struct ReportDirectory {
    /// The directory; where that is not known, the configuration file that should name it.
    pub path: PathBuf,
    /// Its reports, newest first, or why they cannot be read.
    pub reports: Result<Vec<ReportEntry>>,
}

impl ReportDirectory {
    /// Reads the reports of a directory; see [`read()`].
    pub fn read(path: &Path, allowed: Option<&AllowedSigners>, now: Timestamp) -> Self {
        Self { path: path.to_owned(), reports: read(path, allowed, now) }
    }

    /// The reports; none where they cannot be read.
    pub fn entries(&self) -> &[ReportEntry] {
        self.reports.as_deref().unwrap_or_default()
    }

    /// The sources of its runs, that of the newest first.
    pub fn sources(&self) -> Vec<String> {
        sources(self.entries())
    }

    /// Name of the directory with its pages below an overview: the end of its path, and a hash of the whole path, so that two
    /// directories never have the same one. It has only characters that need no escape.
    pub fn pages(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let bytes = path.as_os_str().as_encoded_bytes();
        let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let letters = bytes.iter().map(|byte| if is_safe(byte) { char::from(*byte) } else { '-' });
        let text: String = letters.collect();
        let end = text.get(text.len().saturating_sub(LONGEST_NAME)..).unwrap_or_default();
        let hash = hex::encode(Sha256::digest(bytes));
        format!("{}-{}", end.trim_matches('-'), hash.get(..8).unwrap_or_default()).trim_start_matches('-').to_owned()
    }
}

/// The sources of the runs, that of the newest first.
pub fn sources(runs: &[ReportEntry]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for source in runs.iter().filter_map(|run| run.summary()?.source.as_ref()) {
        let text = source.to_string();
        if !names.contains(&text) {
            names.push(text);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(path: &str) -> String {
        ReportDirectory { path: path.into(), reports: Ok(Vec::new()) }.pages()
    }

    #[test]
    fn the_name_of_a_directory_of_pages_is_safe_and_its_own() {
        assert!(pages("/srv/absent/shop/reports").starts_with("srv-absent-shop-reports-"));
        let long = format!("/{}", "é<\"/..".repeat(1000));
        for path in ["/", "", "..", "/a/../b", "/a-b", "/a/b", long.as_str()] {
            let name = pages(path);
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{name}");
            assert!(name.len() <= LONGEST_NAME + 9, "{name}");
        }
        assert_ne!(pages("/absent/a-b"), pages("/absent/a/b"));
    }
}
