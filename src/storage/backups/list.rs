//! The list of backups. A backup whose record does not match its name, or whose files are missing or truncated, is unusable. Changes
//! nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::marker::MARKER;
use super::record::BackupRecord;
use super::{Backups, DAMAGED, FETCHED, PARTIAL, REMOVING, UNVERIFIED, VERIFIED, demand_id, is_id};
use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::storage::retention::BackupAge;

/// A backup. A verified or unverified one is complete by names and lengths of its files ([`Backup::verify_files`] also checks their
/// contents); a damaged one need not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// As stored in `backup.json`, not verified.
    pub record: BackupRecord,
    /// Its directory.
    pub path: PathBuf,
}

impl Backup {
    /// What pg_restore reads: `dump/` or `dump.custom`.
    pub fn dump_path(&self) -> PathBuf {
        let custom = self.path.join(super::DUMP_CUSTOM);
        if custom.is_file() { custom } else { self.path.join(super::DUMP_DIRECTORY) }
    }
}

/// All there is, each list from the newest data to the oldest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupListing {
    /// Restored, compared and proven.
    pub verified: Vec<Backup>,
    /// Compared, with findings.
    pub damaged: Vec<Backup>,
    /// Complete, not proven.
    pub unverified: Vec<Backup>,
    /// Ids of those that are being dumped, or were when a run was killed.
    pub partial: Vec<String>,
    /// Ids of those that are being removed.
    pub removing: Vec<String>,
    /// Entries with the name of a backup that are not usable; each is in `notes` too. They are never changed.
    pub unusable: Vec<UnusableBackup>,
    /// All other entries, and why they are not backups, a line each. They are never changed.
    pub notes: Vec<MarkedText>,
}

impl BackupListing {
    /// The ids of all entries, usable or not.
    pub fn ids(&self) -> BTreeSet<String> {
        let whole = [&self.verified, &self.damaged, &self.unverified].into_iter().flatten();
        let whole = whole.map(|backup| &backup.record.id);
        let unusable = self.unusable.iter().map(|unusable| &unusable.id);
        whole.chain(unusable).chain(&self.partial).chain(&self.removing).cloned().collect()
    }
}

/// An entry with the name of a backup that is not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableBackup {
    /// `verified`, `damaged` or `unverified`.
    pub place: &'static str,
    /// Its name.
    pub id: String,
    /// As far as it can be read.
    pub backup: Option<Backup>,
    /// Why it is not usable.
    pub why: MarkedText,
}

impl UnusableBackup {
    /// In a line.
    pub fn text(&self) -> MarkedText {
        why_not(self.place, &self.id, &self.why)
    }
}

fn why_not(place: &str, name: &str, why: &MarkedText) -> MarkedText {
    why.map(|why| format!("{place}/{name} does not count as a backup: {why}"))
}

/// Where a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupState {
    /// `unverified/ID.partial/`
    Partial,
    /// `unverified/ID/`
    Unverified,
    /// `verified/ID/`
    Verified,
    /// `damaged/ID/`
    Damaged,
    /// `.removing-ID/`
    Removing,
}

impl BackupListing {
    /// As retention sees it.
    pub fn held(&self) -> Vec<BackupAge> {
        let verified = self.verified.iter().map(|backup| backup.record.held(true));
        verified.chain(self.unverified.iter().chain(&self.damaged).map(|backup| backup.record.held(false))).collect()
    }
}

impl Backups {
    /// Lists all entries of the directory.
    pub fn list(&self) -> Result<BackupListing> {
        let doing = || format!("list backups in {}", self.dir.display());
        let mut listing = BackupListing::default();
        self.list_top(&mut listing).doing(doing)?;
        let BackupListing { verified, damaged, unverified, partial, unusable, notes, .. } = &mut listing;
        for (place, into) in [(VERIFIED, verified), (DAMAGED, damaged), (UNVERIFIED, unverified)] {
            for name in names(&self.dir.join(place)).doing(doing)? {
                match name.strip_suffix(PARTIAL).filter(|id| place == UNVERIFIED && is_id(id)) {
                    Some(id) => partial.push(id.to_owned()),
                    None => match read_in(place, &self.under(place, &name), &name) {
                        Ok(backup) => into.push(backup),
                        Err(error) => {
                            notes.push(why_not(place, &name, &error.text()));
                            unusable.extend(self.unusable(place, name, &error));
                        }
                    },
                }
            }
            into.sort_by_key(|backup| std::cmp::Reverse(backup.order()));
        }
        Ok(listing)
    }

    fn unusable(&self, place: &'static str, id: String, error: &Error) -> Option<UnusableBackup> {
        let backup = read_record(&self.under(place, &id), &id).ok();
        is_id(&id).then(|| UnusableBackup { place, id, backup, why: error.text() })
    }

    fn list_top(&self, listing: &mut BackupListing) -> Result<()> {
        for name in names(&self.dir)? {
            match name.strip_prefix(REMOVING).filter(|id| is_id(id)) {
                Some(id) => listing.removing.push(id.to_owned()),
                None if [MARKER, VERIFIED, DAMAGED, UNVERIFIED, "lost+found"].contains(&name.as_str()) => {}
                // Of a run that reads it back now, perhaps of another configuration.
                None if name.strip_prefix(FETCHED).is_some_and(is_id) => {}
                None => listing.notes.push(format!("{name} is not of pgwitness").into()),
            }
        }
        Ok(())
    }

    /// The verified backup with the newest data.
    pub fn newest_verified(&self) -> Result<Option<Backup>> {
        Ok(self.list()?.verified.into_iter().next())
    }

    /// The verified backup with this id, or the only one whose id begins with it.
    pub fn get(&self, prefix: &str) -> Result<Backup> {
        let listing = self.list()?;
        let mut found: Vec<Backup> = listing.verified;
        found.retain(|backup| backup.record.id.starts_with(prefix) && !prefix.is_empty());
        let doing = || format!("find backup {prefix:?} in {}", self.dir.display());
        match (found.pop(), found.len()) {
            (Some(backup), 0) => Ok(backup),
            (Some(_), others) => {
                let cause = format!("{} verified backups have an id that begins with this", others + 1);
                Err(Error::new(cause).hint("give more characters of the id")).doing(doing)
            }
            (None, _) => Err(self.why_none(prefix)).doing(doing),
        }
    }

    /// Why there is no such verified backup: it may exist in another state.
    fn why_none(&self, id: &str) -> Error {
        let hint = "list them with `pgwitness backups list`";
        match self.whereabouts(id) {
            Ok(Some(BackupState::Damaged)) => Error::new("it is damaged").hint(hint),
            Ok(Some(BackupState::Unverified | BackupState::Partial)) => Error::new("it was never verified").hint(hint),
            Ok(Some(BackupState::Verified)) => Error::new("not all of its files are there").hint(hint),
            Ok(Some(BackupState::Removing)) => Error::new("it is being removed").hint(hint),
            Ok(None) | Err(_) => Error::new("there is no such verified backup").hint(hint),
        }
    }

    /// Where a backup is, complete or not; after a crash, where to go on.
    pub fn whereabouts(&self, id: &str) -> Result<Option<BackupState>> {
        demand_id(id)?;
        let places = [
            BackupState::Verified,
            BackupState::Damaged,
            BackupState::Unverified,
            BackupState::Partial,
            BackupState::Removing,
        ];
        for (place, path) in places.into_iter().zip(self.every_path(id)) {
            if exists(&path)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Every place where something of this id can be, in the order of [`Backups::whereabouts`].
    pub(super) fn every_path(&self, id: &str) -> [PathBuf; 5] {
        [
            self.under(VERIFIED, id),
            self.under(DAMAGED, id),
            self.under(UNVERIFIED, id),
            self.under(UNVERIFIED, &format!("{id}{PARTIAL}")),
            self.dir.join(format!("{REMOVING}{id}")),
        ]
    }
}

impl Backup {
    fn order(&self) -> impl Ord + use<> {
        (self.record.data_as_of, self.record.made_at, self.record.id.clone())
    }
}

/// Whether the path exists; an error if that is not known.
pub(super) fn exists(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).doing(|| format!("look for {}", path.display())),
    }
}

/// Reads one backup. Under `damaged/`, files may be missing or truncated.
pub(super) fn read_in(place: &str, path: &Path, id: &str) -> Result<Backup> {
    if place == DAMAGED { read_record(path, id) } else { read_whole(path, id) }
}

/// Reads one backup and compares its files with its record, by name and length.
pub(super) fn read_whole(path: &Path, id: &str) -> Result<Backup> {
    let backup = read_record(path, id)?;
    for file in &backup.record.dump.files {
        let length = fs::symlink_metadata(path.join(&file.path)).doing(|| file.path.clone())?.len();
        if length != file.bytes {
            return Err(Error::new(format!("{} has {length} bytes, its record says {}", file.path, file.bytes)));
        }
    }
    Ok(backup)
}

fn read_record(path: &Path, id: &str) -> Result<Backup> {
    demand_id(id)?;
    if !path.symlink_metadata()?.is_dir() {
        return Err(Error::new("not a directory"));
    }
    let record = BackupRecord::read(path)?;
    if record.id != id {
        return Err(Error::new(format!("its record is of {}", record.id)));
    }
    Ok(Backup { record, path: path.to_owned() })
}

/// Sorted.
fn names(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
