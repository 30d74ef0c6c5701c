//! The snapshots in the repository that pgwitness made, by their tags.
//!
//! Tags are not signed: what a restore uses is proven by the signed report.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::restic::ResticCommand;
use super::{HOST, OffsiteRepository};
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::model::run::Origin;
use crate::storage::retention::BackupAge;

/// On every snapshot of ours.
const OURS: &str = "pgwitness";
const DUMP: &str = "kind=dump";
const REPORT: &str = "kind=report";
const FILES: &str = "kind=files";
const VERIFIED: &str = "verified";
/// Longest readable part of a tag.
const MAX_NAME: usize = 80;

/// A snapshot, as `restic snapshots --json` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredSnapshot {
    /// 64 hexadecimal digits.
    pub id: String,
    /// When it was made, in RFC 3339.
    pub time: String,
    /// Its tags; absent where there are none.
    #[serde(default)]
    tags: Vec<String>,
}

impl StoredSnapshot {
    fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|other| other == tag)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What the snapshots of a backup have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTags {
    /// Of the backup.
    pub backup: String,
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// The data is of this time.
    pub data_as_of: Timestamp,
    /// The database.
    pub source: Option<Origin>,
}

impl SnapshotTags {
    /// Of the snapshot of the dump.
    pub fn of_dump(&self) -> Vec<String> {
        self.with(&[DUMP])
    }

    /// Of the snapshot of a report that proves the dump.
    pub fn of_report(&self) -> Vec<String> {
        self.with(&[REPORT, VERIFIED])
    }

    /// Of a snapshot of files, of the section `name`.
    pub fn of_files(&self, name: &str) -> Vec<String> {
        self.with(&[FILES, &format!("files={name}")])
    }

    fn with(&self, more: &[&str]) -> Vec<String> {
        let Self { backup, run_id, data_as_of, source } = self;
        let tags = [format!("backup={backup}"), format!("run={run_id}"), format!("data={data_as_of}")];
        let source = source.as_ref().map(source_tag);
        std::iter::once(OURS.to_owned())
            .chain(more.iter().map(|tag| (*tag).to_owned()))
            .chain(tags)
            .chain(source)
            .collect()
    }
}

/// `source=shop-db_5432-1a2b3c4d`: readable, without the commas that separate tags, and different for different sources. The identifier
/// of the server is not in it, because it is not known before the first connection.
pub fn source_tag(source: &Origin) -> String {
    let name = match source {
        Origin::Postgres { database, servers, .. } => format!("{database}-{}", servers.join("+")),
        Origin::Rds { database, instance, region, .. } => format!("{database}-{instance}-{region}"),
    };
    let hash = hex::encode(Sha256::digest(&name));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).take(MAX_NAME).collect();
    format!("source={plain}-{}", hash.get(..8).unwrap_or_default())
}

/// A backup in the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsiteBackup {
    /// Of the backup.
    pub id: String,
    /// The tag of its source; empty if there is none.
    pub source: String,
    /// The data is of this time.
    pub data_as_of: Option<Timestamp>,
    /// Snapshots of its dump, newest first.
    pub dumps: Vec<StoredSnapshot>,
    /// Snapshots of its report, newest first.
    pub reports: Vec<StoredSnapshot>,
    /// Snapshots of directories that belong to the database, newest first.
    pub files: Vec<StoredSnapshot>,
}

impl OffsiteBackup {
    /// Whether its tags say that the dump is proven and that both parts are there.
    pub fn is_verified(&self) -> bool {
        !self.dumps.is_empty() && self.reports.iter().any(|report| report.has(VERIFIED))
    }

    /// As retention sees it; `None` without a time.
    pub fn age(&self) -> Option<BackupAge> {
        let data_as_of = self.data_as_of?;
        Some(BackupAge { id: self.id.clone(), data_as_of, made_at: data_as_of, is_verified: self.is_verified() })
    }

    /// Every snapshot of it.
    pub fn snapshots(&self) -> impl Iterator<Item = &StoredSnapshot> {
        self.dumps.iter().chain(&self.reports).chain(&self.files)
    }
}

/// A lock, as `restic cat lock` prints it.
#[derive(Deserialize)]
struct LockFile {
    exclusive: bool,
    hostname: String,
    pid: u64,
    time: String,
}

impl OffsiteRepository {
    /// The backups of pgwitness, those with the newest data first.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn backups(&self) -> Result<Vec<OffsiteBackup>> {
        let command = ResticCommand::reading(&["snapshots", "--json", "--host", HOST, "--tag", OURS]);
        let text = self.text(&command).await.doing(|| format!("list backups in {}", self.describe()))?;
        // An empty list is `null` in some versions.
        let snapshots: Option<Vec<StoredSnapshot>> = serde_json::from_str(&text)
            .map_err(|error| Error::from_source(&error))
            .doing(|| "read what restic snapshots --json printed")?;
        Ok(grouped(snapshots.unwrap_or_default()))
    }

    /// The exclusive lock of another process, in words; `None`: there is none.
    ///
    /// # Errors
    /// The locks cannot be read.
    pub async fn exclusive_lock(&self) -> Result<Option<String>> {
        let names = self.text(&ResticCommand::reading(&["list", "locks"])).await?;
        for name in names.lines().map(str::trim).filter(|name| !name.is_empty()) {
            // A lock that is released meanwhile cannot be read any more.
            let Ok(text) = self.text(&ResticCommand::reading(&["cat", "lock", name])).await else { continue };
            let Ok(lock) = serde_json::from_str::<LockFile>(&text) else { continue };
            if lock.exclusive {
                return Ok(Some(format!("process {} on {} since {}", lock.pid, lock.hostname, lock.time)));
            }
        }
        Ok(None)
    }
}

fn grouped(mut snapshots: Vec<StoredSnapshot>) -> Vec<OffsiteBackup> {
    snapshots.sort_by(|one, other| other.time.cmp(&one.time));
    let mut backups = BTreeMap::<String, OffsiteBackup>::new();
    for snapshot in snapshots {
        let Some(id) = snapshot.value("backup").map(str::to_owned) else { continue };
        let backup = backups.entry(id.clone()).or_insert_with(|| OffsiteBackup { id, ..Default::default() });
        backup.data_as_of = backup.data_as_of.or_else(|| Timestamp::parse(snapshot.value("data")?));
        let source = snapshot.tags.iter().find(|tag| tag.starts_with("source="));
        backup.source = source.cloned().unwrap_or_default();
        if snapshot.has(REPORT) {
            backup.reports.push(snapshot);
        } else if snapshot.has(FILES) {
            backup.files.push(snapshot);
        } else {
            backup.dumps.push(snapshot);
        }
    }
    // An id begins with the time of the data.
    backups.into_values().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, time: &str, tags: Vec<String>) -> StoredSnapshot {
        StoredSnapshot { id: id.into(), time: time.into(), tags }
    }

    #[test]
    fn no_tag_has_a_comma_and_different_sources_have_different_tags() {
        let source = |database: &str| Origin::Postgres {
            database: database.into(),
            servers: vec!["a,b:5432".into()],
            system_identifier: None,
        };
        let tags = [source("shop, new"), source("shop; new")].map(|source| source_tag(&source));
        assert_ne!(tags[0], tags[1]);
        assert!(tags.iter().all(|tag| tag.starts_with("source=shop__new-a_b_5432-")), "{tags:?}");
    }

    #[test]
    fn a_backup_counts_only_with_its_dump_and_a_report_that_proves_it() {
        let tags = |backup: &str| SnapshotTags {
            backup: backup.into(),
            run_id: "1f".into(),
            data_as_of: Timestamp::parse("2026-01-31T02:00:00Z").unwrap(),
            source: None,
        };
        let list = vec![
            snapshot("a", "2026-01-31T02:01:00Z", tags("1").of_dump()),
            snapshot("b", "2026-01-31T02:02:00Z", tags("2").of_dump()),
            snapshot("c", "2026-01-31T02:03:00Z", tags("2").of_report()),
            snapshot("d", "2026-01-31T02:04:00Z", tags("2").of_dump()),
            snapshot("e", "2026-01-31T02:05:00Z", tags("3").of_report()),
            snapshot("g", "2026-01-31T02:05:00Z", tags("3").of_files("media")),
            snapshot("f", "2026-01-31T02:05:00Z", vec![OURS.into()]),
        ];
        let backups = grouped(list);
        let verified: Vec<_> = backups.iter().map(|backup| (backup.id.as_str(), backup.is_verified())).collect();
        assert_eq!((backups[0].files.len(), backups[0].snapshots().count()), (1, 2));
        assert_eq!(verified, [("3", false), ("2", true), ("1", false)]);
        let dumps: Vec<_> = backups[1].dumps.iter().map(|dump| dump.id.as_str()).collect();
        assert_eq!((dumps, backups[1].age().unwrap().is_verified), (vec!["d", "b"], true));
    }
}
