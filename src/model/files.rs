//! Directories that belong to the database: one entry of a directory as one side has it, and the facts of a snapshot of a directory.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::model::subject::Subject;

/// SHA-256 of the content of a file.
pub type FileHash = [u8; 32];

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A directory whose entries this side may not list.
    ClosedDirectory,
    /// A symbolic link, never followed.
    Symlink,
    /// A socket, FIFO or device.
    Special,
}

impl FileKind {
    /// As find's `%y` prints it; `X` for a directory that cannot be listed.
    pub fn letter(self) -> u8 {
        match self {
            Self::File => b'f',
            Self::Directory => b'd',
            Self::ClosedDirectory => b'X',
            Self::Symlink => b'l',
            Self::Special => b's',
        }
    }

    /// The kind with this letter; a letter of find that is not known here is a special file.
    pub fn of_letter(letter: &[u8]) -> Self {
        match letter {
            b"f" => Self::File,
            b"d" => Self::Directory,
            b"X" => Self::ClosedDirectory,
            b"l" => Self::Symlink,
            _ => Self::Special,
        }
    }

    /// In words.
    pub fn noun(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory | Self::ClosedDirectory => "directory",
            Self::Symlink => "symbolic link",
            Self::Special => "special file",
        }
    }
}

/// One entry of a directory tree. Names are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Relative to the directory, `/` between parts; empty for the directory itself.
    pub path: Vec<u8>,
    /// Its kind.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky bit; of a symbolic link 0.
    pub mode: u32,
    /// Bytes of a regular file, else 0.
    pub size: u64,
    /// Times of modification and change, comparable only with another stamp of the same side.
    pub stamp: Vec<u8>,
    /// Target of a symbolic link.
    pub target: Vec<u8>,
    /// Of a regular file, where its content was read.
    pub sha256: Option<FileHash>,
}

/// Number of fields in the stored form of a record.
pub const RECORD_FIELDS: usize = 7;

impl FileRecord {
    /// From fields in the order kind, mode (octal), size, stamp, target, path, SHA-256 (hexadecimal, or empty).
    pub fn from_fields(fields: &[Vec<u8>; RECORD_FIELDS]) -> Result<Self> {
        let [kind, mode, size, stamp, target, path, sha256] = fields;
        let number = |field: &[u8], radix| {
            let digits = std::str::from_utf8(field).ok();
            digits.and_then(|digits| u64::from_str_radix(digits, radix).ok()).ok_or_else(malformed)
        };
        let kind = FileKind::of_letter(kind);
        let mode = u32::try_from(number(mode, 8)?).map_err(|_| malformed())?;
        let size = number(size, 10)?;
        let mut hash = [0; 32];
        let sha256 = match sha256.is_empty() {
            true => None,
            false => Some(hex::decode_to_slice(sha256, &mut hash).map(|()| hash).map_err(|_| malformed())?),
        };
        Ok(Self {
            path: path.clone(),
            kind,
            mode: if kind == FileKind::Symlink { 0 } else { mode & 0o7777 },
            size: if kind == FileKind::File { size } else { 0 },
            stamp: stamp.clone(),
            target: target.clone(),
            sha256,
        })
    }

    /// Appends the fields, each with a NUL after it.
    pub fn write_fields(&self, out: &mut Vec<u8>) {
        let hash = self.sha256.map(hex::encode).unwrap_or_default();
        let (mode, size) = (format!("{:o}", self.mode), self.size.to_string());
        let fields: [&[u8]; RECORD_FIELDS] = [
            &[self.kind.letter()],
            mode.as_bytes(),
            size.as_bytes(),
            &self.stamp,
            &self.target,
            &self.path,
            hash.as_bytes(),
        ];
        for field in fields {
            out.extend_from_slice(field);
            out.push(0);
        }
    }

    /// Whether both are the same state of the entry of one side, by all that a listing shows.
    pub fn is_untouched(&self, later: &Self) -> bool {
        let state = |record: &Self| (record.kind, record.mode, record.size);
        state(self) == state(later) && self.stamp == later.stamp && self.target == later.target
    }
}

fn malformed() -> Error {
    Error::new("a record of a file has an unexpected form")
}

/// A name as a text, different for different names: where it is not UTF-8, its other bytes are `\xff`, and a backslash is doubled.
/// Control characters stay: outputs make any text printable.
pub fn shown(path: &[u8]) -> String {
    if let Some(text) = std::str::from_utf8(path).ok().filter(|text| !text.contains("\\x")) {
        return text.to_owned();
    }
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// What findings and unchecked entries about a section `[[files]]` are reported under.
pub fn files_subject(name: &str) -> Subject {
    Subject::new(FILES, name)
}

/// The kind of that subject.
pub const FILES: &str = "files";

/// A section `[[files]]` in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesFacts {
    /// Name of the section.
    pub name: String,
    /// `/srv/media` or `user@host:/srv/media`.
    pub source: String,
    /// The snapshot; `None`: the copy failed, and an unchecked entry has the reason.
    pub snapshot: Option<FilesSnapshot>,
}

/// A snapshot of a directory. What differs from the source is a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesSnapshot {
    /// Where it is once the report is signed and proves it; else the same with `.unverified`.
    pub path: String,
    /// The earlier snapshot with which unchanged files share their content.
    pub previous: Option<String>,
    /// Regular files.
    #[serde(with = "crate::base::count")]
    pub files: u64,
    /// Directories below the directory itself.
    #[serde(with = "crate::base::count")]
    pub directories: u64,
    /// Symbolic links.
    #[serde(with = "crate::base::count")]
    pub symlinks: u64,
    /// Bytes of the regular files.
    #[serde(with = "crate::base::count")]
    pub bytes: u64,
    /// Of the file `manifest` of the snapshot, 64 hexadecimal digits.
    pub manifest_sha256: String,
    /// Entries that changed during the copy and were copied again.
    #[serde(with = "crate::base::count")]
    pub copied_again: u64,
    /// Entries that were made during the copy and are not in the snapshot.
    #[serde(with = "crate::base::count")]
    pub appeared: u64,
    /// Entries that were removed during the copy and are not in the snapshot.
    #[serde(with = "crate::base::count")]
    pub vanished: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn without_nul() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(1..=255u8, 0..12)
    }

    proptest! {
        #[test]
        fn a_stored_record_is_read_as_it_was_written(
            (path, target, stamp) in (without_nul(), without_nul(), without_nul()),
            (mode, size, hash) in (0..0o10000u32, any::<u64>(), prop::option::of(any::<[u8; 32]>())),
        ) {
            let record = FileRecord { path, kind: FileKind::File, mode, size, stamp, target, sha256: hash };
            let mut bytes = Vec::new();
            record.write_fields(&mut bytes);
            let mut fields = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec);
            let fields: [Vec<u8>; RECORD_FIELDS] = std::array::from_fn(|_| fields.next().unwrap());
            prop_assert_eq!(FileRecord::from_fields(&fields).unwrap(), record);
        }

        #[test]
        fn different_names_are_never_shown_alike(one in without_nul(), other in without_nul()) {
            prop_assert_eq!(one == other, shown(&one) == shown(&other));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_escaped() {
        assert_eq!(shown(b"a\xff\\b"), "a\\xff\\\\b");
        assert_eq!(shown(b"a\\xff"), "a\\\\xff");
        assert_eq!(shown(b"a\nb"), "a\nb");
    }
}
