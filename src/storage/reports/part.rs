//! Parts of a manifest on disk: one line of JSON, and one with its SHA-256, so that a truncated or changed file is noticed.
//!
//! Against accidents, not against a forger: a manifest is not signed either.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::write::{self, AfterWrite, Hashing};
use crate::base::error::{Context, Error, Result};
use crate::base::{files, json};
use crate::model::part::{ManifestPart, PART_FORMAT, PartHead};
use crate::model::report::SideFile;

/// How every part begins.
const START: &[u8] = b"{\"part_format\":";
/// The last line: `{"sha256":"…"}`.
const END_BYTES: u64 = 78;

/// Writes a part atomically; an existing file is replaced.
///
/// # Errors
/// It cannot be written.
pub fn write_part(dir: &Path, name: &str, part: &ManifestPart) -> Result<SideFile> {
    let fill = |file: &mut dyn std::io::Write| {
        let mut hashing = Hashing::new(file);
        serde_json::to_writer(&mut hashing, part)?;
        hashing.write_all(b"\n")?;
        let (_, sha256, file) = hashing.finish();
        writeln!(file, "{{\"sha256\":\"{sha256}\"}}")
    };
    write::replace(dir, name, fill, AfterWrite::Keep)
}

/// Whether this file is JSON, as manifests and their parts are, and no dump is; `false` also if it cannot be read.
pub fn is_json(path: &Path) -> bool {
    begins_with(path, b"{")
}

fn is_part(path: &Path) -> bool {
    begins_with(path, START)
}

fn begins_with(path: &Path, expected: &[u8]) -> bool {
    let mut start = Vec::new();
    let read = files::open_within(path, files::MANIFEST)
        .and_then(|file| file.take(expected.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == expected
}

/// For readers of whole manifests.
pub(super) fn refuse_part(path: &Path) -> Result<()> {
    if !is_part(path) {
        return Ok(());
    }
    let head = load(path)?.head();
    let cause = format!("this is part {} of {} of a manifest, not the whole", head.part.number, head.part.of);
    Err(Error::new(cause).hint("pgwitness manifest merge PART... --output FILE"))
}

/// What a part is. All of the file is checked.
///
/// # Errors
/// As [`load_part`].
pub fn part_head(path: &Path) -> Result<PartHead> {
    load_part(path).map(|part| part.head())
}

/// Reads a part.
///
/// # Errors
/// It is none, or was truncated or changed.
pub fn load_part(path: &Path) -> Result<ManifestPart> {
    load(path).doing(|| format!("read part {}", path.display()))
}

fn load(path: &Path) -> Result<ManifestPart> {
    let mut file = files::open_within(path, files::MANIFEST)?;
    let length = file.metadata()?.len();
    if !is_part(path) {
        return Err(
            Error::new("not a part of a manifest").hint("parts are what pgwitness manifest writes with --part I/N")
        );
    }
    let body_bytes = length.saturating_sub(END_BYTES);
    if end(&mut file, body_bytes)? != format!("{{\"sha256\":\"{}\"}}\n", sha256(&mut file, body_bytes)?) {
        return Err(Error::new("it was truncated or changed: its SHA-256 is another").hint("read this part again"));
    }
    json::format_of(body(&mut file, body_bytes)?)?;
    let part: ManifestPart = serde_json::from_reader(body(&mut file, body_bytes)?)
        .map_err(|error| Error::from_source(&error))
        .doing(|| "understand the part")?;
    json::demand_format("part", Some(part.part_format.into()), PART_FORMAT..=PART_FORMAT)?;
    Ok(part)
}

fn body(file: &mut File, bytes: u64) -> Result<impl Read> {
    file.rewind()?;
    Ok(BufReader::with_capacity(1 << 16, file.take(bytes)))
}

fn end(file: &mut File, body_bytes: u64) -> Result<String> {
    file.seek(SeekFrom::Start(body_bytes))?;
    let mut end = Vec::new();
    file.take(END_BYTES).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

fn sha256(file: &mut File, body_bytes: u64) -> Result<String> {
    file.rewind()?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file.take(body_bytes), &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}
