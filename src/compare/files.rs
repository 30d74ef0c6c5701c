//! The comparison of one entry of a directory that belongs to the database: the source before and after the copy, and the copy.
//!
//! A source is in use while it is copied. An entry that differs is damage only where the source shows the same state before and after the
//! copy; else it is copied again. What cannot be read is never equal.

use crate::model::files::{FileHash, FileKind, FileRecord};

/// What is known of one path.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSides<'a> {
    /// The source before the copy.
    pub before: Option<&'a FileRecord>,
    /// The source after its content was read.
    pub after: Option<&'a FileRecord>,
    /// The content of the source, read between the two.
    pub content: Option<FileHash>,
    /// The copy.
    pub copy: Option<&'a FileRecord>,
    /// What the snapshot holds with which the copy may share content.
    pub previous: Option<FileHash>,
}

/// The result for one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileVerdict {
    /// The same.
    Equal,
    /// The source did not change, and the copy differs.
    Different(EntryDifference),
    /// The source changed during the copy: it must be copied again.
    Changing,
    /// The source has other content than at the last snapshot, with the same size and times: it must be copied again.
    Overlooked,
    /// The source does not let it be read.
    UnreadableSource,
    /// The copy does not let it be read.
    UnreadableCopy,
    /// A socket, FIFO or device: it is not copied.
    Special,
    /// Made during the copy, and not in it.
    Appeared,
    /// Removed during the copy, and not in it.
    Vanished,
}

/// How the copy differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryDifference {
    /// It is not in the copy.
    Missing,
    /// Another kind, size, content or target.
    Content {
        /// The source still has what the previous snapshot had: that one has changed on disk since, or this copy.
        is_unchanged_source: bool,
    },
    /// The same content with other permissions.
    Mode,
}

/// Compares one path.
pub fn judge(sides: FileSides<'_>) -> FileVerdict {
    let Some(after) = sides.after else {
        return if sides.copy.is_some() { FileVerdict::Changing } else { FileVerdict::Vanished };
    };
    if after.kind == FileKind::Special {
        return FileVerdict::Special;
    }
    let is_untouched = sides.before.is_some_and(|before| before.is_untouched(after));
    match (sides.before, sides.copy) {
        (None, None) => FileVerdict::Appeared,
        (None, Some(_)) => FileVerdict::Changing,
        (Some(_), copy) => judge_known(sides, after, copy, is_untouched),
    }
}

fn judge_known(sides: FileSides<'_>, after: &FileRecord, copy: Option<&FileRecord>, is_untouched: bool) -> FileVerdict {
    let or_changing = |verdict| if is_untouched { verdict } else { FileVerdict::Changing };
    let is_unread = after.kind == FileKind::File && sides.content.is_none();
    if is_unread || after.kind == FileKind::ClosedDirectory {
        return or_changing(FileVerdict::UnreadableSource);
    }
    let Some(copy) = copy else { return or_changing(FileVerdict::Different(EntryDifference::Missing)) };
    if copy.kind == FileKind::ClosedDirectory || (copy.kind == FileKind::File && copy.sha256.is_none()) {
        return FileVerdict::UnreadableCopy;
    }
    let of_file = |hash: Option<FileHash>| hash.filter(|_| after.kind == FileKind::File);
    let is_same_content = after.kind == copy.kind
        && after.size == copy.size
        && after.target == copy.target
        && of_file(sides.content) == of_file(copy.sha256);
    match (is_same_content, after.mode == copy.mode) {
        (true, true) => FileVerdict::Equal,
        (true, false) => or_changing(FileVerdict::Different(EntryDifference::Mode)),
        (false, _) if !is_untouched => FileVerdict::Changing,
        (false, _) if is_overlooked(sides, copy) => FileVerdict::Overlooked,
        (false, _) => {
            let is_unchanged_source = sides.content.is_some() && sides.content == sides.previous;
            FileVerdict::Different(EntryDifference::Content { is_unchanged_source })
        }
    }
}

/// The copy is what the previous snapshot holds and its manifest says: rsync has linked it by size and time.
fn is_overlooked(sides: FileSides<'_>, copy: &FileRecord) -> bool {
    copy.sha256.is_some() && copy.sha256 == sides.previous
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: u8, stamp: &[u8]) -> FileRecord {
        FileRecord {
            path: b"a".to_vec(),
            kind: FileKind::File,
            mode: 0o644,
            size: 1,
            stamp: stamp.to_vec(),
            target: Vec::new(),
            sha256: Some([content; 32]),
        }
    }

    /// Of content 1 before and after, read as `read`, copied as `copied`, and `previous` in the snapshot before.
    fn still(read: Option<u8>, copied: Option<u8>, previous: Option<u8>) -> FileVerdict {
        let (source, copy) = (file(1, b"t"), copied.map(|content| file(content, b"c")));
        let hash = |content: Option<u8>| content.map(|content| [content; 32]);
        judge(FileSides {
            before: Some(&source),
            after: Some(&source),
            content: hash(read),
            copy: copy.as_ref(),
            previous: hash(previous),
        })
    }

    fn content(is_unchanged_source: bool) -> FileVerdict {
        FileVerdict::Different(EntryDifference::Content { is_unchanged_source })
    }

    #[test]
    fn a_file_that_stood_still_is_equal_or_different() {
        assert_eq!(still(Some(1), Some(1), None), FileVerdict::Equal);
        assert_eq!(still(Some(1), Some(2), None), content(false));
        assert_eq!(still(Some(1), None, None), FileVerdict::Different(EntryDifference::Missing));
    }

    #[test]
    fn a_file_that_was_not_read_is_never_equal() {
        assert_eq!(still(None, Some(1), None), FileVerdict::UnreadableSource);
        let (source, copy) = (file(1, b"t"), FileRecord { sha256: None, ..file(1, b"c") });
        let sides = FileSides {
            before: Some(&source),
            after: Some(&source),
            content: Some([1; 32]),
            copy: Some(&copy),
            previous: None,
        };
        assert_eq!(judge(sides), FileVerdict::UnreadableCopy);
        let closed = FileRecord { kind: FileKind::ClosedDirectory, ..file(1, b"t") };
        let sides =
            FileSides { before: Some(&closed), after: Some(&closed), copy: Some(&closed), ..Default::default() };
        assert_eq!(judge(sides), FileVerdict::UnreadableSource);
    }

    #[test]
    fn a_snapshot_that_changed_on_disk_is_told_from_a_change_that_rsync_overlooked() {
        assert_eq!(still(Some(1), Some(2), Some(2)), FileVerdict::Overlooked);
        assert_eq!(still(Some(1), Some(3), Some(1)), content(true));
        assert_eq!(still(Some(1), Some(3), Some(2)), content(false));
    }

    #[test]
    fn what_changed_during_the_copy_is_copied_again() {
        let (before, after, copy) = (file(1, b"t"), file(2, b"u"), file(1, b"c"));
        let sides = FileSides {
            before: Some(&before),
            after: Some(&after),
            content: Some([2; 32]),
            copy: Some(&copy),
            previous: None,
        };
        assert_eq!(judge(sides), FileVerdict::Changing);
        assert_eq!(judge(FileSides { copy: None, ..sides }), FileVerdict::Changing);
        assert_eq!(judge(FileSides { before: None, ..sides }), FileVerdict::Changing);
        assert_eq!(judge(FileSides { after: None, ..sides }), FileVerdict::Changing);
        assert_eq!(judge(FileSides { before: None, copy: None, ..sides }), FileVerdict::Appeared);
        assert_eq!(judge(FileSides { after: None, copy: None, ..sides }), FileVerdict::Vanished);
    }

    #[test]
    fn other_permissions_and_targets_are_seen() {
        let source = file(1, b"t");
        let copy = FileRecord { mode: 0o600, ..source.clone() };
        let sides = FileSides {
            before: Some(&source),
            after: Some(&source),
            content: source.sha256,
            copy: Some(&copy),
            previous: None,
        };
        assert_eq!(judge(sides), FileVerdict::Different(EntryDifference::Mode));
        let link = FileRecord { kind: FileKind::Symlink, sha256: None, target: b"x".to_vec(), ..source };
        let copy = FileRecord { target: b"y".to_vec(), ..link.clone() };
        let sides = FileSides { before: Some(&link), after: Some(&link), copy: Some(&copy), ..Default::default() };
        assert_eq!(judge(sides), content(false));
        let special = FileRecord { kind: FileKind::Special, ..link };
        let sides = FileSides { before: Some(&special), after: Some(&special), ..Default::default() };
        assert_eq!(judge(sides), FileVerdict::Special);
    }
}
