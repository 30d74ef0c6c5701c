//! The rounds of a copy: all entries first, then those that changed meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::found::Found;
use crate::base::error::{Context, Error, Result};
use crate::compare::files::{FileVerdict, judge};
use crate::config::exclude::Exclude;
use crate::model::files::{FileKind, FileRecord};
use crate::storage::files::{
    CancelOnDrop, ContentFile, FilesSnapshots, FilesSource, ManifestSummary, ManifestWriter, Merge, PartialSnapshot,
    RecordFile, RecordWriter, Rsync, RsyncRound, copy_records, hash_of, record_of, write_list,
};

/// How often entries that changed are copied again.
const AGAIN: u32 = 4;
/// Before that: a file that is being written may be complete then.
const PAUSE: Duration = Duration::from_secs(1);

type EntryPath = Vec<u8>;

/// The state of a copy.
pub struct Rounds<'a> {
    source: &'a FilesSource,
    rsync: &'a Rsync,
    partial: &'a PartialSnapshot,
    snapshots: &'a FilesSnapshots,
    previous: Option<&'a str>,
    /// The copy after the first round.
    copied: Option<RecordFile>,
    /// What later rounds made of it; `None`: removed.
    changed: BTreeMap<EntryPath, Option<FileRecord>>,
    number: u32,
    /// The first lines of rsync where it could not copy everything.
    pub said: Vec<String>,
}

/// The lists of a round.
struct Lists {
    before: RecordFile,
    after: RecordFile,
    copy: RecordFile,
    content: ContentFile,
}

impl<'a> Rounds<'a> {
    /// Nothing is copied yet. `previous` is the snapshot to share content with.
    pub fn new(
        source: &'a FilesSource,
        rsync: &'a Rsync,
        partial: &'a PartialSnapshot,
        snapshots: &'a FilesSnapshots,
        previous: Option<&'a str>,
    ) -> Self {
        let (changed, said) = (BTreeMap::new(), Vec::new());
        Self { source, rsync, partial, snapshots, previous, copied: None, changed, number: 0, said }
    }

    /// Copies and compares.
    ///
    /// # Errors
    /// The source cannot be read as a whole, or the disk is full.
    pub async fn run(&mut self, found: &mut Found) -> Result<()> {
        let before = self.source.list(&self.partial.work("before")).await?;
        let mut lists = self.copy_all(before).await?;
        let mut again = tokio::task::block_in_place(|| self.compare(&lists, found))?;
        let mut all_again = BTreeSet::new();
        while !again.is_empty() && self.number < AGAIN {
            all_again.extend(again.iter().cloned());
            tokio::time::sleep(PAUSE).await;
            self.number += 1;
            lists = self.copy_again(lists.after, &again).await?;
            again = tokio::task::block_in_place(|| self.compare_again(&lists, &again, found))?;
        }
        found.copied_again = all_again.len() as u64;
        self.leave(&lists.after, &again, found)
    }

    async fn copy_all(&mut self, before: RecordFile) -> Result<Lists> {
        let previous = self.previous.map(|id| self.snapshots.files(id));
        let round = RsyncRound::All { previous: previous.as_deref() };
        self.said = self.rsync.copy(self.source, &self.partial.files(), round).await?;
        let copy = self.read_copy().await?;
        self.copied = Some(copy.clone());
        let names = self.partial.work("names");
        tokio::task::block_in_place(|| write_names(&before, &names))?;
        self.read_source(before, copy, &names).await
    }

    async fn read_copy(&self) -> Result<RecordFile> {
        let (root, target, cancel) = (self.partial.files(), self.partial.work("copy"), CancelOnDrop::default());
        let flag = cancel.flag();
        let read = move || copy_records(&root, &Exclude::default(), true, &target, &flag);
        tokio::task::spawn_blocking(read).await.map_err(Error::of_thread)?.doing(|| "read the copy")
    }

    /// The content first, then a listing: a file that changed in between shows it there.
    async fn read_source(&self, before: RecordFile, copy: RecordFile, names: &std::path::Path) -> Result<Lists> {
        let content = self.source.hash(names, &self.work("content")).await?;
        let after = self.source.list(&self.work("after")).await?;
        Ok(Lists { before, after, copy, content })
    }

    fn work(&self, name: &str) -> PathBuf {
        self.partial.work(&format!("{name}{}", self.number))
    }

    /// Returns what must be copied again.
    fn compare(&self, lists: &Lists, found: &mut Found) -> Result<Vec<EntryPath>> {
        let manifest = self.previous.map(|id| self.snapshots.manifest(id)).transpose()?;
        let records = [Some(&lists.before), Some(&lists.after), Some(&lists.copy)];
        let mut merge = Merge::new(records, Some(&lists.content), manifest)?;
        let mut again = Vec::new();
        while let Some(merged) = merge.next_path()? {
            let is_only_previous = merged.before.is_none() && merged.after.is_none() && merged.copy.is_none();
            if is_only_previous {
                continue;
            }
            // What appeared may be what was renamed, and is not in the copy under its old name either.
            let verdict = judge(merged.sides());
            if verdict == FileVerdict::Appeared || found.add(&merged, verdict) {
                again.push(merged.path);
            }
        }
        Ok(again)
    }

    /// As [`Rounds::compare`], for these paths alone.
    fn compare_again(&self, lists: &Lists, scope: &[EntryPath], found: &mut Found) -> Result<Vec<EntryPath>> {
        let records = [Some(&lists.before), Some(&lists.after), Some(&lists.copy)];
        let mut merge = Merge::new(records, Some(&lists.content), None)?;
        let mut again = Vec::new();
        let mut seen = 0;
        while let Some(merged) = merge.next_path()? {
            if scope.binary_search(&merged.path).is_err() {
                continue;
            }
            seen += 1;
            if found.add(&merged, judge(merged.sides())) {
                again.push(merged.path);
            }
        }
        // In no list any more: removed from both sides.
        found.vanished += (scope.len() - seen) as u64;
        Ok(again)
    }

    async fn copy_again(&mut self, before: RecordFile, scope: &[EntryPath]) -> Result<Lists> {
        let present = tokio::task::block_in_place(|| present(&before, scope))?;
        self.clear(scope, &present)?;
        let list = self.work("again");
        let is_copied = |record: &&FileRecord| !matches!(record.kind, FileKind::Special | FileKind::ClosedDirectory);
        let wanted: Vec<&FileRecord> = present.values().filter(is_copied).collect();
        // With ./ in front: rsync takes a line that begins with # or ; for a comment.
        write_list(&list, wanted.iter().map(|record| Ok(dotted(&record.path).into())))?;
        if !wanted.is_empty() {
            let said = self.rsync.copy(self.source, &self.partial.files(), RsyncRound::Again { list: &list }).await?;
            self.said.extend(said);
        }
        let copy = tokio::task::block_in_place(|| self.read_copied_again(scope))?;
        let names = self.work("names");
        let files = wanted.iter().filter(|record| record.kind == FileKind::File);
        write_list(&names, files.map(|record| Ok(dotted(&record.path).into())))?;
        self.read_source(before, copy, &names).await
    }

    /// Removes from the copy what is copied again; a directory only where the source has none there.
    fn clear(&self, scope: &[EntryPath], present: &BTreeMap<EntryPath, FileRecord>) -> Result<()> {
        for path in scope.iter().rev() {
            let is_directory = present.get(path).is_some_and(|record| record.kind == FileKind::Directory);
            self.remove(path, is_directory)?;
        }
        Ok(())
    }

    fn remove(&self, path: &[u8], keeps_directory: bool) -> Result<()> {
        let Some(absolute) = inside(&self.partial.files(), path).doing(|| "look at the copy")? else { return Ok(()) };
        let removed = match fs::symlink_metadata(&absolute) {
            Ok(metadata) if metadata.is_dir() && keeps_directory => Ok(()),
            Ok(metadata) if metadata.is_dir() => in_open_parent(&absolute, |path| fs::remove_dir(path)),
            Ok(_) => in_open_parent(&absolute, |path| fs::remove_file(path)),
            Err(error) => Err(error),
        };
        match removed {
            // What is in it has an entry of its own.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::DirectoryNotEmpty
                ) =>
            {
                Ok(())
            }
            removed => removed.doing(|| "remove a file of the copy that is copied again"),
        }
    }

    fn read_copied_again(&mut self, scope: &[EntryPath]) -> Result<RecordFile> {
        let mut writer = RecordWriter::create(&self.work("copy"))?;
        for path in scope {
            let absolute = inside(&self.partial.files(), path).doing(|| "look at the copy")?;
            let mut record = absolute.as_ref().map_or(Ok(None), |absolute| record_of(absolute, path.clone()))?;
            if let Some(file) = record.as_mut().filter(|record| record.kind == FileKind::File)
                && let Some(absolute) = &absolute
            {
                file.sha256 = hash_of(absolute, &AtomicBool::new(false))?;
            }
            if let Some(record) = &record {
                writer.add(record)?;
            }
            self.changed.insert(path.clone(), record);
        }
        writer.finish()
    }

    /// After the last round: what the source has removed is removed here too, the rest is unchecked.
    fn leave(&mut self, after: &RecordFile, again: &[EntryPath], found: &mut Found) -> Result<()> {
        if again.is_empty() {
            return Ok(());
        }
        let present = tokio::task::block_in_place(|| present(after, again))?;
        for path in again.iter().rev() {
            if present.contains_key(path) {
                found.add_changing(path);
            } else {
                self.remove(path, false)?;
                self.changed.insert(path.clone(), None);
                found.vanished += 1;
            }
        }
        Ok(())
    }

    /// The manifest of the copy as it is now.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write_manifest(&self) -> Result<ManifestSummary> {
        tokio::task::block_in_place(|| {
            let mut writer = ManifestWriter::create(&self.partial.manifest())?;
            let mut changed = self.changed.iter().peekable();
            let mut reader = self.copied.as_ref().map(RecordFile::read).transpose()?;
            loop {
                let record = reader.as_mut().map_or(Ok(None), |reader| reader.record())?;
                let path = record.as_ref().map(|record| &record.path);
                while let Some((_, newer)) = changed.next_if(|(newer, _)| path.is_none_or(|path| *newer < path)) {
                    newer.iter().try_for_each(|record| writer.add(record))?;
                }
                let Some(record) = record else { return writer.finish() };
                match changed.next_if(|(newer, _)| **newer == record.path) {
                    Some((_, newer)) => newer.iter().try_for_each(|record| writer.add(record))?,
                    None => writer.add(&record)?,
                }
            }
        })
    }
}

/// The entries of a listing that are in `scope`.
fn present(listing: &RecordFile, scope: &[EntryPath]) -> Result<BTreeMap<EntryPath, FileRecord>> {
    let mut present = BTreeMap::new();
    listing.for_each(|record| {
        if scope.binary_search(&record.path).is_ok() {
            present.insert(record.path.clone(), record);
        }
        Ok(())
    })?;
    Ok(present)
}

/// The regular files of a listing, for sha256sum.
fn write_names(listing: &RecordFile, target: &std::path::Path) -> Result<()> {
    let mut reader = listing.read()?;
    let records = std::iter::from_fn(|| reader.record().transpose());
    let names = records.filter_map(|record| match record {
        Ok(record) => (record.kind == FileKind::File).then(|| Ok(dotted(&record.path).into())),
        Err(error) => Some(Err(error)),
    });
    write_list(target, names)
}

/// The place of an entry below `root`, where only we write. `None`: a directory above it is not there, or is a symbolic link, which
/// may lead out of the copy.
fn inside(root: &std::path::Path, path: &[u8]) -> io::Result<Option<PathBuf>> {
    let absolute = root.join(OsStr::from_bytes(path));
    let above: Vec<&std::path::Path> = absolute.ancestors().skip(1).take_while(|above| *above != root).collect();
    for above in above.into_iter().rev() {
        match fs::symlink_metadata(above) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(absolute))
}

/// Removes an entry, also where the copy of its directory may not be written.
fn in_open_parent(absolute: &std::path::Path, remove: fn(&std::path::Path) -> io::Result<()>) -> io::Result<()> {
    let removed = remove(absolute);
    match (absolute.parent(), &removed) {
        (Some(parent), Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
            let permissions = fs::metadata(parent)?.permissions();
            fs::set_permissions(parent, fs::Permissions::from_mode(0o700))?;
            let removed = remove(absolute);
            fs::set_permissions(parent, permissions)?;
            removed
        }
        _ => removed,
    }
}

fn dotted(path: &[u8]) -> Vec<u8> {
    [b"./", path].concat()
}
