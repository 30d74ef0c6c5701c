//! Reads an uploaded dump back and compares it with its record or its signed report.

use std::collections::BTreeMap;

use serde::Deserialize;
use ssh_key::rand_core::{OsRng, RngCore as _};

use super::OffsiteRepository;
use super::receive::{FetchTarget, ReceivedFiles};
use super::restic::ResticCommand;
use crate::base::error::{Context, Error, Result};
use crate::base::text::bytes as size;
use crate::config::ReadBack;
use crate::model::run::{DumpFacts, DumpFile};
use crate::storage::backups::{FileDifference, RECORD, SUMS};

/// Part of the bytes that a sample has.
const SAMPLE: u64 = 10;
/// Files of a sample; each is one run of restic.
const SAMPLE_FILES: usize = 20;

/// What was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBackResult {
    /// In words.
    pub note: String,
    /// How the files differ; empty: they do not.
    pub differences: Vec<FileDifference>,
}

impl ReadBackResult {
    /// An error with the first difference, if there is one.
    ///
    /// # Errors
    /// The off-site copy differs.
    pub fn demand_equal(&self) -> Result<()> {
        match self.differences.first() {
            None => Ok(()),
            Some(first) => Err(Error::new(format!("the off-site copy differs from the dump: {first}"))
                .hint("check the repository: restic check --read-data")),
        }
    }
}

/// A line of `restic ls --json` that is a file.
#[derive(Deserialize)]
struct ListedFile {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    size: u64,
}

impl OffsiteRepository {
    /// Reads back what is configured.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn read_back(&self, snapshot: &str, dump: &DumpFacts, mode: ReadBack) -> Result<ReadBackResult> {
        match mode {
            ReadBack::All => self.fetch(snapshot, dump, None).await,
            ReadBack::Sample => self.sample(snapshot, dump).await,
            ReadBack::None => Ok(ReadBackResult { note: "nothing was read back".to_owned(), differences: Vec::new() }),
        }
    }

    /// Reads every file of a dump back; `into`: also writes them.
    ///
    /// # Errors
    /// The repository cannot be read, or a file cannot be written.
    pub async fn fetch(&self, snapshot: &str, dump: &DumpFacts, into: Option<FetchTarget>) -> Result<ReadBackResult> {
        let received = self.receive(snapshot, &dump.backup, into).await?;
        let files = received.values().map(|(bytes, _)| bytes);
        let note = format!("read {} back ({} files)", size(files.sum()), received.len());
        Ok(ReadBackResult { note, differences: differences(received, &dump.files) })
    }

    async fn sample(&self, snapshot: &str, dump: &DumpFacts) -> Result<ReadBackResult> {
        let listed = self.list(snapshot).await?;
        let root = format!("/{}/", dump.backup);
        let mut listed: BTreeMap<&str, u64> =
            listed.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(&root)?, *bytes))).collect();
        let mut found = Vec::new();
        for file in &dump.files {
            match listed.remove(file.path.as_str()) {
                None => found.push(FileDifference::Missing(file.path.clone())),
                Some(bytes) if bytes != file.bytes => found.push(FileDifference::Changed(file.path.clone())),
                Some(_) => {}
            }
        }
        let extra = listed.into_keys().filter(|path| !is_of_backup(path));
        found.extend(extra.map(|path| FileDifference::Extra(path.to_owned())));
        let chosen = chosen(dump, |files| usize::try_from(OsRng.next_u64() % files).unwrap_or(0));
        for file in &chosen {
            let (bytes, sha256) = self.receive_file(snapshot, &format!("{root}{}", file.path)).await?;
            if (bytes, &sha256) != (file.bytes, &file.sha256) {
                found.push(FileDifference::Changed(file.path.clone()));
            }
        }
        let bytes = size(chosen.iter().map(|file| file.bytes).sum());
        let (some, all) = (chosen.len(), dump.files.len());
        Ok(ReadBackResult { note: format!("read {bytes} back ({some} of {all} files)"), differences: found })
    }

    /// Path and length of every file of a snapshot.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn list(&self, snapshot: &str) -> Result<Vec<(String, u64)>> {
        let text = self.text(&ResticCommand::reading(&["ls", "--json", snapshot])).await;
        let text = text.doing(|| format!("list the files of a snapshot in {}", self.describe()))?;
        let listed = text.lines().filter_map(|line| serde_json::from_str::<ListedFile>(line).ok());
        Ok(listed.filter(|file| file.kind == "file").map(|file| (file.path, file.size)).collect())
    }
}

/// Random files with about a tenth of the bytes.
fn chosen(dump: &DumpFacts, mut random: impl FnMut(u64) -> usize) -> Vec<&DumpFile> {
    let mut left: Vec<&DumpFile> = dump.files.iter().collect();
    let (mut taken, mut bytes) = (Vec::new(), 0);
    while !left.is_empty() && taken.len() < SAMPLE_FILES && (taken.is_empty() || bytes * SAMPLE < dump.bytes) {
        let at = random(left.len() as u64);
        let file = left.swap_remove(at.min(left.len() - 1));
        bytes += file.bytes;
        taken.push(file);
    }
    taken
}

fn differences(mut received: ReceivedFiles, expected: &[DumpFile]) -> Vec<FileDifference> {
    let mut found = Vec::new();
    for file in expected {
        match received.remove(&file.path) {
            None => found.push(FileDifference::Missing(file.path.clone())),
            Some((bytes, sha256)) if (bytes, &sha256) != (file.bytes, &file.sha256) => {
                found.push(FileDifference::Changed(file.path.clone()));
            }
            Some(_) => {}
        }
    }
    found.extend(received.into_keys().filter(|path| !is_of_backup(path)).map(FileDifference::Extra));
    found
}

/// Files beside the dump that the report does not list.
fn is_of_backup(path: &str) -> bool {
    path == SUMS || path == RECORD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: u64) -> DumpFile {
        DumpFile { path: path.into(), bytes, sha256: format!("{bytes:064}") }
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let expected = [file("dump/1.dat.gz", 1), file("dump/toc.dat", 2), file("globals.sql", 3)];
        let received = |list: &[(&str, u64)]| -> ReceivedFiles {
            list.iter().map(|(path, bytes)| ((*path).to_owned(), (*bytes, format!("{bytes:064}")))).collect()
        };
        let same = [("dump/1.dat.gz", 1), ("dump/toc.dat", 2), ("globals.sql", 3), (RECORD, 4), (SUMS, 5)];
        assert_eq!(differences(received(&same), &expected), []);
        let other = [("dump/1.dat.gz", 9), ("globals.sql", 3), ("dump/2.dat.gz", 1)];
        let found: Vec<String> = differences(received(&other), &expected).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["dump/1.dat.gz has changed", "dump/toc.dat is missing", "dump/2.dat.gz is not in the record"]
        );
    }

    #[test]
    fn a_sample_has_at_least_a_file_and_about_a_tenth_of_the_bytes() {
        let files: Vec<DumpFile> = (1..=100).map(|number| file(&format!("dump/{number}"), 100)).collect();
        let mut dump = DumpFacts { bytes: 10_000, files, ..Default::default() };
        assert_eq!(chosen(&dump, |_| 7).len(), 10);
        dump.files.truncate(1);
        assert_eq!(chosen(&dump, |files| usize::try_from(files).unwrap()).len(), 1);
    }
}
