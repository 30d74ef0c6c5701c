//! Sorts records by their path in a fixed amount of memory: sorted parts in files, then one merge.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::records::{NulReader, RecordFile, RecordWriter};
use crate::base::error::Result;
use crate::model::files::FileRecord;

/// Of names in one part. With the records themselves about twice as much memory.
const PART_BYTES: usize = 16 << 20;

/// Reads unsorted records, and writes those that `keep` keeps to `target`, sorted.
///
/// # Errors
/// The input has another form, or the disk is full.
pub fn sort(input: impl Read, target: &Path, keep: impl Fn(&FileRecord) -> bool) -> Result<RecordFile> {
    sort_in_parts(input, target, keep, PART_BYTES)
}

fn sort_in_parts(
    input: impl Read,
    target: &Path,
    keep: impl Fn(&FileRecord) -> bool,
    part_bytes: usize,
) -> Result<RecordFile> {
    let (mut reader, mut parts) = (NulReader::new(input), Vec::new());
    let (mut held, mut bytes) = (Vec::new(), 0);
    while let Some(record) = reader.record()? {
        if keep(&record) {
            bytes += record.path.len() + record.target.len() + size_of::<FileRecord>();
            held.push(record);
        }
        if bytes > part_bytes {
            parts.push(write_part(&mut held, &target.with_extension(format!("part{}", parts.len())))?);
            bytes = 0;
        }
    }
    if parts.is_empty() {
        return write_part(&mut held, target).map(|(file, _)| file);
    }
    parts.push(write_part(&mut held, &target.with_extension(format!("part{}", parts.len())))?);
    merge(&parts, target)
}

type SortedPart = (RecordFile, std::path::PathBuf);

fn write_part(held: &mut Vec<FileRecord>, path: &Path) -> Result<SortedPart> {
    held.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let mut writer = RecordWriter::create(path)?;
    for record in held.drain(..) {
        writer.add(&record)?;
    }
    Ok((writer.finish()?, path.to_owned()))
}

fn merge(parts: &[SortedPart], target: &Path) -> Result<RecordFile> {
    let mut readers = parts.iter().map(|(file, _)| file.read()).collect::<Result<Vec<_>>>()?;
    let (mut heap, mut records) = (BinaryHeap::new(), Vec::new());
    for (at, reader) in readers.iter_mut().enumerate() {
        let record = reader.record()?;
        heap.extend(record.as_ref().map(|record| Reverse((record.path.clone(), at))));
        records.push(record);
    }
    let mut writer = RecordWriter::create(target)?;
    while let Some(Reverse((_, at))) = heap.pop() {
        let next = readers[at].record()?;
        heap.extend(next.as_ref().map(|record| Reverse((record.path.clone(), at))));
        if let Some(record) = std::mem::replace(&mut records[at], next) {
            writer.add(&record)?;
        }
    }
    for (_, path) in parts {
        fs::remove_file(path).ok();
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::files::FileKind;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn records_are_sorted_whatever_the_parts(
            paths in prop::collection::btree_set("[a-c/.-]{1,4}", 0..40),
            part_bytes in 1..2000usize,
            seed in any::<u64>(),
        ) {
            let mut shuffled: Vec<&String> = paths.iter().collect();
            shuffled.sort_by_key(|path| seed.wrapping_mul(path.bytes().map(u64::from).sum::<u64>() + 7).rotate_left(9));
            let mut input = Vec::new();
            for path in shuffled {
                let record = FileRecord {
                    path: path.clone().into_bytes(),
                    kind: FileKind::File,
                    mode: 0,
                    size: 0,
                    stamp: Vec::new(),
                    target: Vec::new(),
                    sha256: None,
                };
                record.write_fields(&mut input);
            }
            let dir = tempfile::tempdir().unwrap();
            let sorted = sort_in_parts(&input[..], &dir.path().join("sorted"), |record| record.path[0] != b'c', part_bytes);
            let mut read = Vec::new();
            sorted.unwrap().for_each(|record| { read.push(record.path); Ok(()) }).unwrap();
            let wanted: BTreeSet<_> = paths.iter().filter(|path| !path.starts_with('c')).map(|path| path.clone().into_bytes()).collect();
            prop_assert_eq!(read, wanted.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
