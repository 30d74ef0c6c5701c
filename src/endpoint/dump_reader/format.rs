//! Which kind of dump a path is, from its first bytes.
//!
//! The file name is not used: dumps have arbitrary names.

use std::fs::{self};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::base::error::{Context, Error, Result};
use crate::base::files;

/// The formats of pg_dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpFileFormat {
    /// `-Fc`, one file.
    Custom,
    /// `-Fd`, a directory.
    Directory,
    /// `-Ft`, one file.
    Tar,
    /// SQL text.
    Plain,
}

const HEADER: &[u8] = b"--\n-- PostgreSQL database dump\n";
/// Header, an empty block, checksum and length.
const SMALLEST_GZIP_BYTES: u64 = 20;
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// `None` if this is not a dump. An error if it is one that cannot be read as it is, or if the path cannot be read.
pub(super) fn detect(path: &Path) -> Result<Option<DumpFileFormat>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        let names = ["toc.dat", "toc.dat.gz", "toc.dat.lz4", "toc.dat.zst"];
        return Ok(names.iter().any(|name| path.join(name).exists()).then_some(DumpFileFormat::Directory));
    }
    if !metadata.is_file() {
        return Err(Error::new("neither a file nor a directory").hint("write the dump to a file first"));
    }
    let mut head = Vec::new();
    files::open(path)?.take(4096).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(Error::new("the file is empty").hint("did pg_dump fail?"));
    }
    refuse(&head, path)?;
    Ok(of_head(&head))
}

/// A file too short to decide counts as the format that it could be the start of: reading it will report that it is truncated.
fn of_head(head: &[u8]) -> Option<DumpFileFormat> {
    let begins = |magic: &[u8]| head.starts_with(magic) || magic.starts_with(head);
    let is_text = head.windows(HEADER.len() - 3).any(|part| part == &HEADER[3..]) || begins(HEADER);
    if begins(b"PGDMP") {
        Some(DumpFileFormat::Custom)
    } else if begins(b"toc.dat\0") && head.get(TAR_MAGIC).is_none_or(|magic| magic == b"ustar") {
        Some(DumpFileFormat::Tar)
    } else {
        is_text.then_some(DumpFileFormat::Plain)
    }
}

/// Refuses dumps that must be decompressed or decrypted first.
fn refuse(head: &[u8], path: &Path) -> Result<()> {
    let wrappings: &[(&[u8], &str, &str)] = &[
        (b"\x1f\x8b", "compressed with gzip", "gunzip -k"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd", "zstd -dk"),
        (b"\x04\x22\x4d\x18", "compressed with lz4", "lz4 -dk"),
        (b"\xfd7zXZ\0", "compressed with xz", "xz -dk"),
        (b"BZh", "compressed with bzip2", "bzip2 -dk"),
        (b"age-encryption.org/", "encrypted with age", "age -d"),
    ];
    for (magic, what, command) in wrappings {
        if head.starts_with(magic) {
            return Err(Error::new(format!("the file is {what}"))
                .hint(format!("undo that first: `{command} {}`", path.display())));
        }
    }
    if head.starts_with(b"\xff\xfe") {
        return Err(Error::new("the file is UTF-16 text").hint("write the dump with `pg_dump -f FILE`, not with `>`"));
    }
    if head.windows(35).any(|part| part == b"-- PostgreSQL database cluster dump") {
        return Err(Error::new("this is the output of pg_dumpall").hint("dump the one database with pg_dump"));
    }
    if head.windows(32).any(|part| part == b"-- PostgreSQL database dump\r\n".as_slice()) || head.starts_with(b"--\r\n")
    {
        return Err(Error::new("the dump has Windows line ends").hint("copy it unchanged, or use `pg_dump -Fc`"));
    }
    Ok(())
}

/// A tar file ends with two blocks of zeros; pg_restore itself never looks that far.
pub(super) fn check_tar_end(path: &Path) -> Result<()> {
    let mut file = files::open(path)?;
    let len = file.metadata()?.len();
    let mut tail = [1; 1024];
    if len >= 1024 && len % 512 == 0 {
        file.seek(SeekFrom::End(-1024))?;
        file.read_exact(&mut tail).doing(|| "end of the tar file")?;
    }
    if tail.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(cut("the tar file has no end")) }
}

/// zlib reads a file that is too short to be compressed as uncompressed data: a large object would just be shorter.
pub(super) fn check_directory(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // pg_restore would follow a link out of the directory, and wait at a pipe.
        if !entry.file_type()?.is_file() {
            return Err(Error::new(format!("{} is not a regular file", entry.file_name().display()))
                .hint("pg_dump writes nothing but files: copy the dump again"));
        }
        let is_compressed = entry.path().extension().is_some_and(|extension| extension == "gz");
        if is_compressed && entry.metadata()?.len() < SMALLEST_GZIP_BYTES {
            return Err(cut(&format!("{} is too short", entry.file_name().display())));
        }
    }
    Ok(())
}

/// A truncated dump.
pub(super) fn cut(how: &str) -> Error {
    Error::new(format!("the dump is cut short: {how}"))
        .hint("compare its size with the original, or make the dump anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes_even_if_there_are_few() {
        assert_eq!(of_head(b"PGDMP\x01"), Some(DumpFileFormat::Custom));
        assert_eq!(of_head(b"PG"), Some(DumpFileFormat::Custom));
        assert_eq!(of_head(b"toc.dat\0"), Some(DumpFileFormat::Tar));
        assert_eq!(of_head(b"--\n-- Postgre"), Some(DumpFileFormat::Plain));
        assert_eq!(of_head(b"-- ours\n--\n-- PostgreSQL database dump\n--\n"), Some(DumpFileFormat::Plain));
        assert_eq!(of_head(b"{\"version\": 1}"), None);
    }

    #[test]
    fn a_wrapped_dump_is_refused_with_the_command_that_unwraps_it() {
        let error = refuse(b"\x1f\x8b\x08", Path::new("a.gz")).unwrap_err();
        assert_eq!(error.hint_text(), Some("undo that first: `gunzip -k a.gz`"));
        assert!(refuse(b"--\n-- PostgreSQL database cluster dump\n", Path::new("a")).is_err());
    }
}
