//! The file `manifest` of a snapshot: a line for every entry, in the order of the paths.
//!
//! `sha256sum --check ../manifest` in `files/` accepts it: a regular file has a line as sha256sum prints it, behind a comment with its
//! permissions and size; other entries are comments. In names a backslash, a newline and a carriage return are `\\`, `\n` and `\r`; in a
//! line of sha256sum such a name has a backslash in front of the hash.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::base::error::{Context, Error, Result};
use crate::model::files::{FileHash, FileKind, FileRecord};

/// Its name.
pub const MANIFEST: &str = "manifest";
const HEAD: &[u8] = b"# pgwitness files 1\n";
/// Before the path of a symbolic link, whose mode and size are 0.
const LINK: &[u8] = b"# l 0 0 ./";
/// Before its target, on the next line.
const TARGET: &[u8] = b"# -> ";
/// Longer than a line can be.
const MAX_LINE: u64 = 64 << 10;

/// What a manifest lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestSummary {
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes of the regular files.
    pub bytes: u64,
    /// Of the manifest itself.
    pub sha256: String,
}

/// Writes a manifest.
pub struct ManifestWriter {
    path: PathBuf,
    output: BufWriter<File>,
    hash: Sha256,
    summary: ManifestSummary,
}

impl ManifestWriter {
    /// A new file.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).doing(|| format!("write {}", path.display()))?;
        let (output, hash) = (BufWriter::with_capacity(256 << 10, file), Sha256::new());
        let mut writer = Self { path: path.to_owned(), output, hash, summary: ManifestSummary::default() };
        writer.write(HEAD)?;
        Ok(writer)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// The disk is full.
    pub fn add(&mut self, record: &FileRecord) -> Result<()> {
        let FileRecord { kind, mode, size, .. } = record;
        let letter = char::from(kind.letter());
        let mut line = format!("# {letter} {mode:o} {size}").into_bytes();
        match kind {
            FileKind::File if record.sha256.is_none() => {
                self.summary.files += 1;
                line.extend_from_slice(b" unread ./");
                line.extend_from_slice(&escaped(&record.path).0);
            }
            FileKind::File => {
                self.summary.files += 1;
                self.summary.bytes += record.size;
                line.push(b'\n');
                let (name, is_escaped) = escaped(&record.path);
                line.extend(is_escaped.then_some(b'\\'));
                line.extend_from_slice(hex::encode(record.sha256.unwrap_or_default()).as_bytes());
                line.extend_from_slice(b"  ./");
                line.extend_from_slice(&name);
            }
            FileKind::Symlink => {
                self.summary.symlinks += 1;
                line.extend_from_slice(b" ./");
                line.extend_from_slice(&escaped(&record.path).0);
                line.push(b'\n');
                line.extend_from_slice(TARGET);
                line.extend_from_slice(&escaped(&record.target).0);
            }
            FileKind::Directory | FileKind::ClosedDirectory | FileKind::Special => {
                self.summary.directories += 1;
                line.extend_from_slice(b" ./");
                line.extend_from_slice(&escaped(&record.path).0);
            }
        }
        line.push(b'\n');
        self.write(&line)
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        self.hash.update(line);
        self.output.write_all(line).doing(|| format!("write {}", self.path.display()))
    }

    /// The whole file, on disk.
    ///
    /// # Errors
    /// The disk is full.
    pub fn finish(mut self) -> Result<ManifestSummary> {
        let doing = || format!("write {}", self.path.display());
        self.output.flush().doing(doing)?;
        self.output.get_ref().sync_all().doing(doing)?;
        self.summary.sha256 = hex::encode(self.hash.finalize());
        Ok(self.summary)
    }
}

/// Reads the regular files of a manifest.
pub struct ManifestReader {
    input: BufReader<File>,
    has_links: bool,
}

impl ManifestReader {
    /// Opens it.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self> {
        let doing = || format!("read {}", path.display());
        let input = BufReader::with_capacity(256 << 10, File::open(path).doing(doing)?);
        let mut reader = Self { input, has_links: false };
        match reader.line().doing(doing)? {
            Some(line) if [line.as_slice(), b"\n"].concat() == HEAD => Ok(reader),
            _ => Err(Error::new("it is not a manifest of files")).doing(doing),
        }
    }

    /// Reads symbolic links too, each with [`link_hash`].
    #[must_use]
    pub fn with_links(self) -> Self {
        Self { has_links: true, ..self }
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut line)?;
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) => Err(Error::new("it ends within a line")),
        }
    }

    /// The next regular file.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn next_file(&mut self) -> Result<Option<(Vec<u8>, FileHash)>> {
        loop {
            let malformed = || Error::new("a line of it has an unexpected form");
            let Some(line) = self.line()? else { return Ok(None) };
            if !line.starts_with(b"#") {
                return file_of(&line).map(Some).ok_or_else(malformed);
            }
            if let Some(path) = line.strip_prefix(LINK).filter(|_| self.has_links) {
                let target = self.line()?.and_then(|line| unescaped(line.strip_prefix(TARGET)?));
                let link = unescaped(path).zip(target.map(|target| link_hash(&target)));
                return link.map(Some).ok_or_else(malformed);
            }
        }
    }

    /// The number of regular files; reads to the end.
    ///
    /// # Errors
    /// As [`ManifestReader::next_file`].
    pub fn count(mut self) -> Result<u64> {
        let mut files = 0;
        while self.next_file()?.is_some() {
            files += 1;
        }
        Ok(files)
    }
}

/// Stands for the target of a symbolic link.
pub fn link_hash(target: &[u8]) -> FileHash {
    Sha256::new().chain_update(TARGET).chain_update(target).finalize().into()
}

fn file_of(line: &[u8]) -> Option<(Vec<u8>, FileHash)> {
    let (is_escaped, line) = line.strip_prefix(b"\\").map_or((false, line), |rest| (true, rest));
    let (digits, name) = line.split_at_checked(64)?;
    let mut hash = [0; 32];
    hex::decode_to_slice(digits, &mut hash).ok()?;
    let name = name.strip_prefix(b"  ./")?;
    let name = if is_escaped { unescaped(name)? } else { name.to_vec() };
    Some((name, hash))
}

/// And whether a character had to be escaped.
fn escaped(name: &[u8]) -> (Vec<u8>, bool) {
    let mut text = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            byte => text.push(*byte),
        }
    }
    let is_escaped = text.len() > name.len();
    (text, is_escaped)
}

fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let (mut name, mut bytes) = (Vec::with_capacity(text.len()), text.iter());
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(path: &[u8], content: u8) -> FileRecord {
        FileRecord {
            path: path.to_vec(),
            kind: FileKind::File,
            mode: 0o644,
            size: 3,
            stamp: Vec::new(),
            target: Vec::new(),
            sha256: Some([content; 32]),
        }
    }

    proptest! {
        #[test]
        fn names_of_any_bytes_are_read_as_they_were_written(
            names in prop::collection::btree_map(prop::collection::vec(1..=255u8, 1..9), any::<u8>(), 1..9),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut writer = ManifestWriter::create(&dir.path().join(MANIFEST)).unwrap();
            for (name, content) in &names {
                writer.add(&file(name, *content)).unwrap();
            }
            let summary = writer.finish().unwrap();
            prop_assert_eq!((summary.files, summary.bytes), (names.len() as u64, 3 * names.len() as u64));
            let mut reader = ManifestReader::open(&dir.path().join(MANIFEST)).unwrap();
            let read = std::iter::from_fn(|| reader.next_file().unwrap()).collect::<Vec<_>>();
            let wanted = names.into_iter().map(|(name, content)| (name, [content; 32])).collect::<Vec<_>>();
            prop_assert_eq!(read, wanted);
        }
    }
}
