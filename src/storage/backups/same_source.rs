//! Which backups of a directory are of one source. Only those count: for retention, as the newest verified one, for a restore.
//!
//! A backup whose source is not known does not count and is not offered for removal.

use std::fs;
use std::path::Path;

use super::list::{Backup, BackupListing};
use super::{Backups, MARKER_ADOPT};
use crate::base::error::{Context, Error, Result};
use crate::config::Source;
use crate::model::report::Report;
use crate::model::run::{Kinship, Origin};
use crate::postgres::conninfo::{ConnInfo, HostSpec};
use crate::storage::reports;

/// The source that a directory is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// The source as it is known now.
    pub origin: Origin,
    /// Every identity of it that counts.
    accepted: Vec<Origin>,
    /// Something people should know, in one line.
    pub note: Option<String>,
}

/// What is in a directory, by its source.
#[derive(Debug, Clone, Default)]
pub struct SharedDirectory {
    /// Of the source.
    pub own: BackupListing,
    /// Of the same database and system identifier at another address, verified ones only, newest first.
    pub moved: Vec<Backup>,
    /// Verified ones that do not say which source they are of, newest first.
    pub unknown: Vec<Backup>,
    /// Verified ones of other sources.
    pub others: usize,
}

/// The source as the configuration names it. Nothing is connected to.
///
/// # Errors
/// A wrong connection string.
pub fn configured(source: &Source, environment: &dyn Fn(&str) -> Option<String>) -> Result<Origin> {
    Ok(match source {
        Source::Rds(rds) => Origin::Rds {
            database: rds.dbname.clone(),
            instance: rds.instance.clone(),
            region: rds.region.clone(),
            account: rds.account.clone(),
            resource_id: rds.resource_id.clone(),
        },
        Source::Postgres(postgres) => {
            let info = ConnInfo::resolve(&postgres.url, environment).doing(|| "read source.url")?;
            Origin::Postgres {
                database: info.dbname().to_owned(),
                servers: info.hosts().iter().map(HostSpec::in_uri).collect(),
                system_identifier: None,
            }
        }
    })
}

impl Backups {
    /// The directory as this source uses it.
    ///
    /// # Errors
    /// It is marked for another source.
    pub fn ours(&self, origin: &Origin) -> Result<Ours> {
        let marked = &self.sources;
        let nearest = marked.iter().map(|marked| marked.kinship(origin)).max().unwrap_or(Kinship::Same);
        let mut accepted = vec![origin.clone()];
        let note = match nearest {
            Kinship::Same => {
                accepted.extend(marked.iter().cloned());
                None
            }
            Kinship::Moved => Some(format!(
                "{} is marked for {}, and the source is now {origin}: backups of the old address are kept and not \
                 counted; when this is the same source, run: {MARKER_ADOPT}",
                self.dir.display(),
                names(marked)
            )),
            Kinship::Unknown | Kinship::Other => {
                return Err(Error::new(format!("it is marked for {}, and the source is {origin}", names(marked)))
                    .hint(format!(
                        "give each source a directory of its own (dump.directory); when this is the same source \
                         (moved, upgraded or renamed), run: {MARKER_ADOPT}"
                    )))
                .doing(|| format!("use backup directory {}", self.dir.display()));
            }
        };
        Ok(Ours { origin: origin.clone(), accepted, note })
    }

    /// As [`Backups::ours`], where nothing is removed or made: also when the directory is marked for another source.
    pub fn as_of(&self, origin: &Origin) -> Ours {
        let alone = || Ours::new(origin.clone(), vec![origin.clone()]);
        self.ours(origin).unwrap_or_else(|_| alone())
    }
}

impl Ours {
    pub(super) fn new(origin: Origin, accepted: Vec<Origin>) -> Self {
        Self { origin, accepted, note: None }
    }

    /// How a backup is related to the source. `reports` is where reports are kept: a record of an older version does not name the source,
    /// its report does.
    pub fn kinship(&self, backup: &Backup, reports: &Path) -> Kinship {
        match backup.record.source.clone().or_else(|| reported(backup, reports)) {
            Some(origin) => {
                let all = self.accepted.iter().map(|ours| ours.kinship(&origin));
                all.max().unwrap_or(Kinship::Unknown)
            }
            None => Kinship::Unknown,
        }
    }

    /// Sorts what is there by its source.
    pub fn split(&self, listing: BackupListing, reports: &Path) -> SharedDirectory {
        let own = |backup: &Backup| self.kinship(backup, reports) == Kinship::Same;
        let mut shared = SharedDirectory::default();
        let BackupListing { verified, damaged, unverified, partial, removing, unusable, notes } = listing;
        for backup in verified {
            match self.kinship(&backup, reports) {
                Kinship::Same => shared.own.verified.push(backup),
                Kinship::Moved => shared.moved.push(backup),
                Kinship::Unknown => shared.unknown.push(backup),
                Kinship::Other => shared.others += 1,
            }
        }
        shared.own.damaged = damaged.into_iter().filter(own).collect();
        shared.own.unverified = unverified.into_iter().filter(own).collect();
        // What cannot be read does not say whose it is: it may be ours.
        shared.own.unusable =
            unusable.into_iter().filter(|unusable| unusable.backup.as_ref().is_none_or(own)).collect();
        (shared.own.partial, shared.own.removing, shared.own.notes) = (partial, removing, notes);
        shared
    }

    /// The identities with which a directory is marked once a run of this source has succeeded.
    pub(super) fn identities(&self) -> Vec<Origin> {
        let mut all = vec![self.origin.clone()];
        // What is said in less detail of the same source is of no more use.
        let is_vague = |old: &Origin| {
            matches!(old, Origin::Postgres { system_identifier: None, .. } | Origin::Rds { resource_id: None, .. })
        };
        let rest = self.accepted.iter().filter(|old| **old != self.origin && !is_vague(old));
        all.extend(rest.cloned());
        all.dedup();
        all
    }
}

impl SharedDirectory {
    /// Whether no verified backup is, or may be, of another source.
    pub fn is_ours_alone(&self) -> bool {
        self.moved.is_empty() && self.unknown.is_empty() && self.others == 0
    }

    /// What people should know of the backups that do not count, a line each.
    pub fn notes(&self, origin: &Origin) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(newest) = self.unknown.first() {
            notes.push(format!(
                "{} not said to be of {origin}: never counted, never removed (the newest is {}; restore one with --backup)",
                several(self.unknown.len()),
                newest.record.id
            ));
        }
        if let Some(newest) = self.moved.first() {
            notes.push(format!(
                "{} of the same system at another address: never counted, never removed (the newest is {}); when it is \
                 the same source, run: {MARKER_ADOPT}",
                several(self.moved.len()),
                newest.record.id
            ));
        }
        if self.others > 0 {
            notes.push(format!("{} of another source: left alone", several(self.others)));
        }
        notes
    }
}

fn several(count: usize) -> String {
    if count == 1 { "1 verified backup is".into() } else { format!("{count} verified backups are") }
}

fn names(origins: &[Origin]) -> String {
    let all: Vec<String> = origins.iter().map(ToString::to_string).collect();
    all.join(", and for ")
}

/// The source of a backup in its signed report. The record names the report by its hash.
fn reported(backup: &Backup, reports: &Path) -> Option<Origin> {
    let file = backup.record.report.as_ref()?;
    let written = Path::new(&file.path);
    let inside = written.parent().and_then(Path::file_name).map(|name| reports.join(name).join(reports::REPORT));
    let bytes = [Some(written.to_owned()), inside].into_iter().flatten().find_map(|path| fs::read(path).ok())?;
    if reports::sha256(&bytes) != file.sha256 {
        return None;
    }
    let report = Report::from_bytes(&bytes).ok()?;
    let night = report.night?;
    if night.source.is_some() {
        return night.source;
    }
    let (servers, database) = described(&report.endpoints.expected.description)?;
    Some(match night.rds {
        Some(rds) => Origin::Rds {
            database,
            instance: rds.source_instance,
            region: rds.region,
            account: Some(rds.account),
            resource_id: Some(rds.source_resource_id),
        },
        None => Origin::Postgres { database, servers, system_identifier: None },
    })
}

/// Servers and database of `postgresql://user@host:5432,other:5432/db`.
fn described(description: &str) -> Option<(Vec<String>, String)> {
    let rest = description.strip_prefix("postgresql://")?;
    let (authority, database) = rest.rsplit_once('/')?;
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let database = crate::postgres::conninfo::decode(database).ok()?;
    Some((hosts.split(',').map(str::to_owned).collect(), database))
}
