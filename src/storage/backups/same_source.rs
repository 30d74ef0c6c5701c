//! Which backups of a directory belong to one source. Retention, the search for the newest verified backup and a restore use only these.
//!
//! A backup whose source is not known is not used and never removed.

use std::fs;
use std::path::Path;

use super::list::{Backup, BackupListing};
use super::{Backups, MARKER_ADOPT};
use crate::base::error::{Context, Error, Result};
use crate::config::Source;
use crate::model::report::Report;
use crate::model::run::{Origin, SourceMatch};
use crate::postgres::conninfo::{ConnInfo, HostSpec};
use crate::storage::reports;

/// The source that a directory is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSource {
    /// The source as it is known now.
    pub origin: Origin,
    /// All identities of the source.
    accepted: Vec<Origin>,
    /// A remark for the user, in one line.
    pub note: Option<String>,
}

/// The backups of a directory, by their source.
#[derive(Debug, Clone, Default)]
pub struct SharedDirectory {
    /// Backups of the source.
    pub own: BackupListing,
    /// Verified backups of the same database and system identifier at another address, newest first.
    pub moved: Vec<Backup>,
    /// Verified backups that do not record their source, newest first.
    pub unknown: Vec<Backup>,
    /// Number of verified backups of other sources.
    pub others: usize,
}

/// The source as the configuration names it, without a connection.
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
    /// The identities of the source, as the marker of the directory and `origin` give them.
    ///
    /// # Errors
    /// It is marked for another source.
    pub fn ours(&self, origin: &Origin) -> Result<OwnSource> {
        let marked = &self.sources;
        let nearest = marked.iter().map(|marked| marked.kinship(origin)).max().unwrap_or(SourceMatch::Same);
        let mut accepted = vec![origin.clone()];
        let note = match nearest {
            SourceMatch::Same => {
                accepted.extend(marked.iter().cloned());
                None
            }
            SourceMatch::Moved => Some(format!(
                "{} is marked for {}, and the source is now {origin}: backups of the old address are kept and not \
                 counted; when this is the same source, run: {MARKER_ADOPT}",
                self.dir.display(),
                names(marked)
            )),
            SourceMatch::Unknown | SourceMatch::Other => {
                return Err(Error::new(format!("it is marked for {}, and the source is {origin}", names(marked)))
                    .hint(format!(
                        "give each source a directory of its own (dump.directory); when this is the same source \
                         (moved, upgraded or renamed), run: {MARKER_ADOPT}"
                    )))
                .doing(|| format!("use backup directory {}", self.dir.display()));
            }
        };
        Ok(OwnSource { origin: origin.clone(), accepted, note })
    }

    /// As [`Backups::ours`] for read-only use: no error when the directory is marked for another source.
    pub fn own_source_unchecked(&self, origin: &Origin) -> OwnSource {
        let alone = || OwnSource::new(origin.clone(), vec![origin.clone()]);
        self.ours(origin).unwrap_or_else(|_| alone())
    }
}

impl OwnSource {
    pub(super) fn new(origin: Origin, accepted: Vec<Origin>) -> Self {
        Self { origin, accepted, note: None }
    }

    /// How a backup is related to the source. `reports`: the report directory, for records of an older version, in which only the report
    /// names the source.
    pub fn kinship(&self, backup: &Backup, reports: &Path) -> SourceMatch {
        match backup.record.source.clone().or_else(|| reported(backup, reports)) {
            Some(origin) => {
                let all = self.accepted.iter().map(|ours| ours.kinship(&origin));
                all.max().unwrap_or(SourceMatch::Unknown)
            }
            None => SourceMatch::Unknown,
        }
    }

    /// Sorts the backups by source.
    pub fn split(&self, listing: BackupListing, reports: &Path) -> SharedDirectory {
        let own = |backup: &Backup| self.kinship(backup, reports) == SourceMatch::Same;
        let mut shared = SharedDirectory::default();
        let BackupListing { verified, damaged, unverified, partial, removing, unusable, notes } = listing;
        for backup in verified {
            match self.kinship(&backup, reports) {
                SourceMatch::Same => shared.own.verified.push(backup),
                SourceMatch::Moved => shared.moved.push(backup),
                SourceMatch::Unknown => shared.unknown.push(backup),
                SourceMatch::Other => shared.others += 1,
            }
        }
        shared.own.damaged = damaged.into_iter().filter(own).collect();
        shared.own.unverified = unverified.into_iter().filter(own).collect();
        // An unreadable record may be of this source.
        shared.own.unusable =
            unusable.into_iter().filter(|unusable| unusable.backup.as_ref().is_none_or(own)).collect();
        (shared.own.partial, shared.own.removing, shared.own.notes) = (partial, removing, notes);
        shared
    }

    /// The identities for the marker of the directory after a successful run of this source.
    pub(super) fn identities(&self) -> Vec<Origin> {
        let mut all = vec![self.origin.clone()];
        // Less detailed identities of the same source are dropped.
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

    /// Remarks on the backups that are not used, a line each.
    pub fn notes(&self, origin: &Origin) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(newest) = self.unknown.first() {
            notes.push(format!(
                "{} of an unknown source, maybe of {origin}: not counted and never removed (newest: {}; restore it with --backup)",
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

/// The source of a backup from its report, which the record names by its hash.
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
