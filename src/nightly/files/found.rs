//! What the comparison of a section has found.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::base::marked::MarkedText;
use crate::base::text::{grouped_noun, shell_word};
use crate::compare::files::{EntryDifference, FileVerdict};
use crate::compare::further::FurtherFindings;
use crate::compare::rows::Show;
use crate::model::files::{FileKind, FileRecord, files_subject, shown};
use crate::model::finding::{ChangedColumn, ChangedRow, Finding, FindingKind, RowDifference, RowText, Unchecked};
use crate::storage::files::MergedPath;

/// FileNames that are listed in the reason of an unchecked entry.
const NAMED: usize = 5;

/// The result so far.
pub struct Found {
    show: Show,
    content: RowDifference,
    mode: RowDifference,
    /// Of the first file that differs though the source has not changed since the previous snapshot.
    rotten: FileNames,
    unreadable_source: FileNames,
    unreadable_copy: FileNames,
    special: FileNames,
    changing: FileNames,
    /// Entries that were copied again.
    pub copied_again: u64,
    /// Entries that are not in the copy, for they are newer.
    pub appeared: u64,
    /// Entries that are in neither.
    pub vanished: u64,
}

/// A number of names, and the first of them.
#[derive(Default)]
struct FileNames {
    count: u64,
    first: Vec<Vec<u8>>,
}

impl FileNames {
    fn add(&mut self, path: &[u8]) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(path.to_vec());
        }
    }

    /// `3 files WHAT: a, b, …; hint`
    fn text(&self, what: &str, hint: &str) -> MarkedText {
        let safe = format!("{} {what}", grouped_noun(self.count, "file"));
        let names = self.first.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ");
        let more = if self.count > self.first.len() as u64 { ", …" } else { "" };
        MarkedText::with_values(format!("{safe}: {names}{more}{hint}"), format!("{safe}{hint}"))
    }
}

impl Found {
    /// Nothing yet.
    pub fn new(show: Show) -> Self {
        let exact = || RowDifference { is_exact: true, ..Default::default() };
        Self {
            show,
            content: exact(),
            mode: exact(),
            rotten: FileNames::default(),
            unreadable_source: FileNames::default(),
            unreadable_copy: FileNames::default(),
            special: FileNames::default(),
            changing: FileNames::default(),
            copied_again: 0,
            appeared: 0,
            vanished: 0,
        }
    }

    /// Adds one path. Returns whether it must be copied again.
    pub fn add(&mut self, merged: &MergedPath, verdict: FileVerdict) -> bool {
        match verdict {
            FileVerdict::Equal => {}
            FileVerdict::Different(difference) => self.add_difference(merged, difference),
            FileVerdict::Changing | FileVerdict::Overlooked => return true,
            FileVerdict::UnreadableSource => self.unreadable_source.add(&merged.path),
            FileVerdict::UnreadableCopy => self.unreadable_copy.add(&merged.path),
            FileVerdict::Special => self.special.add(&merged.path),
            FileVerdict::Appeared => self.appeared += 1,
            FileVerdict::Vanished => self.vanished += 1,
        }
        false
    }

    /// Still changing after the last round.
    pub fn add_changing(&mut self, path: &[u8]) {
        self.changing.add(path);
    }

    fn add_difference(&mut self, merged: &MergedPath, difference: EntryDifference) {
        if difference == (EntryDifference::Content { is_unchanged_source: true }) {
            self.rotten.add(&merged.path);
        }
        let show = self.show;
        let rows = if difference == EntryDifference::Mode { &mut self.mode } else { &mut self.content };
        rows.expected_only += 1;
        rows.actual_only += u64::from(merged.copy.is_some());
        if rows.changed.len() + rows.missing.len() >= show.max_rows {
            rows.is_truncated = true;
            return;
        }
        let value = |text: String| show.redaction.value(&text);
        let key = value(shown(&merged.path));
        let Some(expected) = &merged.after else { return };
        match &merged.copy {
            None => {
                let values = properties(expected, merged.content).map(|(name, text)| format!("{name}={}", value(text)));
                rows.missing.push(RowText { key, values: values.to_vec(), copies: 1 });
            }
            Some(copy) => {
                let pairs = properties(expected, merged.content).into_iter().zip(properties(copy, copy.sha256));
                let columns = pairs.filter(|((_, one), (_, other))| one != other).map(|((name, one), (_, other))| {
                    ChangedColumn { column: name.to_owned(), expected: value(one), actual: value(other) }
                });
                rows.changed.push(ChangedRow { key, columns: columns.collect() });
            }
        }
    }

    /// As findings and unchecked entries of the section `name`. `previous` is the copy in the snapshot before.
    pub fn findings(self, name: &str, previous: Option<PathBuf>, copy: &Path) -> FurtherFindings {
        let subject = || files_subject(name);
        let mut further = FurtherFindings::default();
        let advice = previous.and_then(|previous| self.advice(&previous, copy));
        for (kind, rows) in [(FindingKind::FileContent, self.content), (FindingKind::FileMode, self.mode)] {
            if rows.expected_only > 0 {
                let mut finding = Finding { rows: Some(rows), ..Finding::new(kind, subject()) };
                finding.detail.extend(advice.clone().filter(|_| kind == FindingKind::FileContent));
                further.findings.push(finding);
            }
        }
        let still = "; stop what writes it, copy from a snapshot of the file system, or exclude it";
        let (grant, exclude) = ("; grant the user that reads it access, or exclude it", "; exclude it");
        for (names, side, what, hint) in [
            (&self.unreadable_source, "expected", "could not be read", grant),
            (&self.unreadable_copy, "actual", "could not be read in the copy", "; check the disk of the snapshots"),
            (&self.special, "expected", "not copied (socket, FIFO or device)", exclude),
            (&self.changing, "both", "changed again whenever it was copied", still),
        ] {
            if names.count > 0 {
                further.unchecked.push(Unchecked::new(subject(), side, names.text(what, hint)));
            }
        }
        further
    }

    /// What to do about files that have changed in the previous snapshot; by inode, for a name may be anything.
    fn advice(&self, previous: &Path, copy: &Path) -> Option<String> {
        let snapshots = previous.ancestors().nth(2)?;
        let inode = |root: &Path, path: &[u8]| {
            fs::symlink_metadata(root.join(OsStr::from_bytes(path))).ok().map(|file| file.ino())
        };
        // Where rsync copied anew, the copy has an inode of its own, and the previous snapshot may be good.
        let shared = self.rotten.first.iter().filter_map(|path| {
            inode(previous, path).filter(|number| inode(copy, path) == Some(*number)).map(|number| number.to_string())
        });
        let inodes: Vec<String> = shared.collect();
        let number = (self.rotten.count > 0).then(|| grouped_noun(self.rotten.count, "file"))?;
        if inodes.is_empty() {
            return Some(format!(
                "{number} the same in the source as at the last snapshot, and different here: check the disk"
            ));
        }
        Some(format!(
            "{number} the same in the source as at the last snapshot, and different here: the content changed on the disk of the \
             snapshots. Check that disk. Snapshots share unchanged files; after `find {} -xdev '(' -inum {} ')' -delete` the next run \
             copies them again",
            shell_word(&snapshots.display().to_string()),
            inodes.join(" -o -inum "),
        ))
    }
}

fn properties(record: &FileRecord, content: Option<[u8; 32]>) -> [(&'static str, String); 5] {
    let hash = content.filter(|_| record.kind == FileKind::File).map(hex::encode).unwrap_or_default();
    [
        ("type", record.kind.noun().to_owned()),
        ("size", record.size.to_string()),
        ("mode", format!("{:04o}", record.mode)),
        ("target", shown(&record.target)),
        ("sha256", hash),
    ]
}
