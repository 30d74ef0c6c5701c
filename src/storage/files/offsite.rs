//! A snapshot of files in the off-site repository: uploaded as it is, read back as a stream, and compared with its manifest.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use ssh_key::rand_core::{OsRng, RngCore as _};

use super::manifest::{MANIFEST, ManifestReader, link_hash};
use super::merge::Merge;
use super::sorting;
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::config::ReadBack;
use crate::model::files::{FileHash, FileKind, FileRecord, FilesSnapshot, shown};
use crate::postgres::process::PipedOutput;
use crate::storage::offsite::{OffsiteRepository, SnapshotTags};

const FILES: &[u8] = b"files/";
/// Files of a sample; each is one run of restic.
const SAMPLE_FILES: usize = 20;

/// Uploads a snapshot of files, and reads it back. Returns the id of restic's snapshot.
///
/// # Errors
/// restic fails, or what was read back differs.
pub async fn store(
    repository: &OffsiteRepository,
    name: &str,
    facts: &FilesSnapshot,
    tags: &SnapshotTags,
    read_back: ReadBack,
) -> Result<String> {
    let path = Path::new(&facts.path);
    let place = path.parent().zip(path.file_name().and_then(|id| id.to_str()));
    let (directory, id) = place.ok_or_else(|| Error::new(format!("{} has no name in UTF-8", facts.path)))?;
    let snapshot = repository.upload(directory, id, &tags.of_files(name)).await?;
    match read_back {
        ReadBack::None => {}
        ReadBack::All => read_all(repository, &snapshot, path, id, facts).await?,
        ReadBack::Sample => read_sample(repository, &snapshot, path, id, facts).await?,
    }
    Ok(snapshot)
}

fn differs(what: &[u8]) -> Error {
    let safe = "the off-site copy of the files differs";
    let text = MarkedText::with_values(format!("{safe}: {}", shown(what)), safe);
    Error::new(text).hint("check the repository: restic check --read-data; restic before 0.16 changes targets of links that are not UTF-8")
}

async fn read_all(
    repository: &OffsiteRepository,
    snapshot: &str,
    path: &Path,
    id: &str,
    facts: &FilesSnapshot,
) -> Result<()> {
    let work = tempfile::Builder::new().prefix(".read-back-").tempdir_in(path.parent().unwrap_or(path))?;
    let (list, prefix) = (work.path().join("list"), id.as_bytes().to_vec());
    let read = move |output: &mut PipedOutput| {
        let (records, manifest) = sums(output, &prefix, &list.with_extension("raw"))?;
        let sorted = sorting::sort(std::fs::File::open(records)?, &list, |_| true)?;
        Ok((sorted, manifest))
    };
    let (sent, manifest) = repository.receive_stream(snapshot, &format!("/{id}"), read).await?;
    if manifest.map(hex::encode).as_deref() != Some(&facts.manifest_sha256) {
        return Err(differs(MANIFEST.as_bytes()));
    }
    let expected = ManifestReader::open(&path.join(MANIFEST))?.with_links();
    tokio::task::block_in_place(|| {
        let mut merge = Merge::new([None, None, Some(&sent)], None, Some(expected))?;
        while let Some(merged) = merge.next_path()? {
            if merged.copy.and_then(|copy| copy.sha256) != merged.previous {
                return Err(differs(&merged.path));
            }
        }
        Ok(())
    })
}

/// The hashes of the files and links in a tar archive, unsorted, and that of the manifest.
fn sums(archive: &mut PipedOutput, id: &[u8], target: &Path) -> Result<(PathBuf, Option<FileHash>)> {
    let mut out = io::BufWriter::new(std::fs::File::create(target)?);
    let (mut manifest, mut buffer) = (None, Vec::new());
    for entry in tar::Archive::new(&mut *archive).entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if !kind.is_file() && !kind.is_symlink() {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"/").unwrap_or(&path);
        let path = path.strip_prefix(id).and_then(|path| path.strip_prefix(b"/")).unwrap_or(path).to_vec();
        let hash = match entry.link_name_bytes().filter(|_| kind.is_symlink()) {
            Some(target) => link_hash(&target),
            None => {
                let mut hash = Sha256::new();
                io::copy(&mut entry, &mut hash)?;
                hash.finalize().into()
            }
        };
        if path == MANIFEST.as_bytes() {
            manifest = Some(hash);
            continue;
        }
        // Anything else is a file that the manifest does not have.
        let path = path.strip_prefix(FILES).map_or_else(|| [b"../", path.as_slice()].concat(), <[u8]>::to_vec);
        let record = FileRecord {
            path,
            kind: FileKind::File,
            mode: 0,
            size: 0,
            stamp: Vec::new(),
            target: Vec::new(),
            sha256: Some(hash),
        };
        buffer.clear();
        record.write_fields(&mut buffer);
        out.write_all(&buffer)?;
    }
    // To the end of the padding: restic would otherwise end with a broken pipe.
    io::copy(archive, &mut io::sink())?;
    out.flush()?;
    Ok((target.to_owned(), manifest))
}

/// The manifest, and some files.
async fn read_sample(
    repository: &OffsiteRepository,
    snapshot: &str,
    path: &Path,
    id: &str,
    facts: &FilesSnapshot,
) -> Result<()> {
    let hash_of = async |inner: &[u8]| -> Result<FileHash> {
        let full = OsString::from_vec([b"/", id.as_bytes(), b"/", inner].concat());
        let read = |output: &mut PipedOutput| {
            let mut hash = Sha256::new();
            io::copy(output, &mut hash)?;
            Ok(hash.finalize().into())
        };
        repository.receive_stream(snapshot, &full, read).await
    };
    if hex::encode(hash_of(MANIFEST.as_bytes()).await?) != facts.manifest_sha256 {
        return Err(differs(MANIFEST.as_bytes()));
    }
    for (file, expected) in tokio::task::block_in_place(|| chosen(&path.join(MANIFEST), facts.files))? {
        if hash_of(&[FILES, &file].concat()).await? != expected {
            return Err(differs(&file));
        }
    }
    Ok(())
}

/// Random files of a manifest.
fn chosen(manifest: &Path, files: u64) -> Result<Vec<(Vec<u8>, FileHash)>> {
    let numbers: BTreeSet<u64> = (0..SAMPLE_FILES).map(|_| OsRng.next_u64() % files.max(1)).collect();
    let (mut reader, mut taken, mut at) = (ManifestReader::open(manifest)?, Vec::new(), 0);
    while let Some(file) = reader.next_file()? {
        if numbers.contains(&at) {
            taken.push(file);
        }
        at += 1;
    }
    Ok(taken)
}
