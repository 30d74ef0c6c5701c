//! Walks through the lists of both sides at once, path by path.

use std::fs::File;

use super::manifest::ManifestReader;
use super::records::{NulReader, RecordFile};
use super::source::{ContentFile, ContentReader};
use crate::base::error::{Error, Result};
use crate::compare::files::FileSides;
use crate::model::files::{FileHash, FileRecord};

/// What the lists have of one path.
#[derive(Debug, Clone, Default)]
pub struct MergedPath {
    /// The path.
    pub path: Vec<u8>,
    /// The source before the copy.
    pub before: Option<FileRecord>,
    /// The source after it.
    pub after: Option<FileRecord>,
    /// The content of the source.
    pub content: Option<FileHash>,
    /// The copy.
    pub copy: Option<FileRecord>,
    /// The previous snapshot.
    pub previous: Option<FileHash>,
}

impl MergedPath {
    /// For the comparison.
    pub fn sides(&self) -> FileSides<'_> {
        FileSides {
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            content: self.content,
            copy: self.copy.as_ref(),
            previous: self.previous,
        }
    }
}

/// The lists.
pub struct Merge {
    before: Records,
    after: Records,
    copy: Records,
    content: Sums<ContentReader>,
    previous: Sums<ManifestReader>,
}

impl Merge {
    /// Begins at the first path.
    ///
    /// # Errors
    /// A list cannot be read.
    pub fn new(
        [before, after, copy]: [Option<&RecordFile>; 3],
        content: Option<&ContentFile>,
        previous: Option<ManifestReader>,
    ) -> Result<Self> {
        Ok(Self {
            before: Records::new(before)?,
            after: Records::new(after)?,
            copy: Records::new(copy)?,
            content: Sums::new(content.map(ContentFile::read).transpose()?)?,
            previous: Sums::new(previous)?,
        })
    }

    /// The next path; `None` at the end.
    ///
    /// # Errors
    /// A list cannot be read, or is not in order.
    pub fn next_path(&mut self) -> Result<Option<MergedPath>> {
        let records =
            [&self.before, &self.after, &self.copy].into_iter().filter_map(|list| Some(&list.head.as_ref()?.path));
        let sums = [&self.content.head, &self.previous.head].into_iter().filter_map(|head| Some(&head.as_ref()?.0));
        let Some(path) = records.chain(sums).min().cloned() else { return Ok(None) };
        Ok(Some(MergedPath {
            before: self.before.take(&path)?,
            after: self.after.take(&path)?,
            copy: self.copy.take(&path)?,
            content: self.content.take(&path)?,
            previous: self.previous.take(&path)?,
            path,
        }))
    }
}

struct Records {
    reader: Option<NulReader<File>>,
    head: Option<FileRecord>,
}

impl Records {
    fn new(file: Option<&RecordFile>) -> Result<Self> {
        let mut reader = file.map(RecordFile::read).transpose()?;
        let head = reader.as_mut().map_or(Ok(None), NulReader::record)?;
        Ok(Self { reader, head })
    }

    fn take(&mut self, path: &[u8]) -> Result<Option<FileRecord>> {
        if self.head.as_ref().is_none_or(|head| head.path != path) {
            return Ok(None);
        }
        let next = self.reader.as_mut().map_or(Ok(None), NulReader::record)?;
        if next.as_ref().is_some_and(|next| next.path.as_slice() <= path) {
            return Err(out_of_order());
        }
        Ok(std::mem::replace(&mut self.head, next))
    }
}

/// A list of paths and hashes.
pub trait HashList {
    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// It cannot be read.
    fn next_hash(&mut self) -> Result<Option<(Vec<u8>, FileHash)>>;
}

impl HashList for ContentReader {
    fn next_hash(&mut self) -> Result<Option<(Vec<u8>, FileHash)>> {
        self.next_content()
    }
}

impl HashList for ManifestReader {
    fn next_hash(&mut self) -> Result<Option<(Vec<u8>, FileHash)>> {
        self.next_file()
    }
}

struct Sums<R> {
    reader: Option<R>,
    head: Option<(Vec<u8>, FileHash)>,
}

impl<R: HashList> Sums<R> {
    fn new(mut reader: Option<R>) -> Result<Self> {
        let head = reader.as_mut().map_or(Ok(None), HashList::next_hash)?;
        Ok(Self { reader, head })
    }

    fn take(&mut self, path: &[u8]) -> Result<Option<FileHash>> {
        if self.head.as_ref().is_none_or(|head| head.0 != path) {
            return Ok(None);
        }
        let next = self.reader.as_mut().map_or(Ok(None), HashList::next_hash)?;
        if next.as_ref().is_some_and(|next| next.0.as_slice() <= path) {
            return Err(out_of_order());
        }
        Ok(std::mem::replace(&mut self.head, next).map(|(_, hash)| hash))
    }
}

fn out_of_order() -> Error {
    Error::new("a list of files is not in order")
}
