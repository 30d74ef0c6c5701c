//! `pgwitness manifest`: saves the manifest of one endpoint, or a part of it, for a later comparison; merges parts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::{DigestChoice, ManifestArguments, MergeArguments};
use super::inputs;
use super::progress::Progress;
use super::terminal::{Terminal, print_note};
use crate::base::error::{Error, Result};
use crate::endpoint::any::{Endpoint, OpenOptions};
use crate::endpoint::compare_endpoints::check_patterns;
use crate::endpoint::live::{CaptureRequest, Live};
use crate::model::listing;
use crate::model::part::{self, Merging, PartHead};
use crate::model::progress::{Event, Side};
use crate::model::redaction::Redaction;
use crate::model::report::SideFile;
use crate::storage::reports;

/// Captures and writes the manifest. What could not be read is recorded in it, and the exit code is 2.
pub async fn run(arguments: &ManifestArguments) -> Result<u8> {
    let redaction = inputs::redaction(arguments.redact)?;
    run_redacted(arguments, redaction).await.map_err(|error| redaction.error(error))
}

async fn run_redacted(arguments: &ManifestArguments, redaction: Redaction) -> Result<u8> {
    let now = inputs::now();
    let file = arguments.file.as_deref().ok_or_else(|| Error::new("the manifest needs a file name"))?;
    refuse_existing(file)?;
    if arguments.parts.part.is_some() && arguments.reading.digest_on == DigestChoice::Auto {
        return Err(Error::new("--digest-on auto measures in each process, and parts must have been read alike")
            .hint("say --digest-on server or --digest-on client for all parts"));
    }
    let options = inputs::open_options(&arguments.reading, &arguments.checks, now, 1);
    let mut progress = Progress::new(arguments.reading.quiet, Terminal::stderr());
    progress.listener = redaction.listener(progress.listener.clone());
    (progress.listener)(Event::Phase("connect"));
    let endpoint = open(arguments, &options).await?;
    inputs::note_digest_on(&arguments.reading, &[&endpoint], &progress.listener);
    let selection = inputs::selection(&arguments.selection)?;
    let catalog = endpoint.listing().catalog();
    check_patterns(&selection, &catalog, "in it")?;
    let selection = selection.bound(&catalog);
    let request = CaptureRequest {
        plan: listing::all(&endpoint.listing(), &selection).into(),
        selection,
        assertions: inputs::assertions(&arguments.checks)?,
        ..Default::default()
    };
    (progress.listener)(Event::Phase("read"));
    if let (Endpoint::Live(live), Some(part)) = (&endpoint, arguments.parts.part) {
        let values = if redaction.is_on() { "redacted" } else { "shown" };
        let agreed = BTreeMap::from([("values".to_owned(), values.to_owned())]);
        let mut part = live.capture_part(&request, part, agreed, &progress.listener).await?;
        redaction.manifest(&mut part.manifest);
        drop(progress);
        return report(file, &written(file, |dir, name| reports::write_part(dir, name, &part))?, &part.unseen());
    }
    let mut manifest = endpoint.capture(&request, &progress.listener).await?.into_owned();
    redaction.manifest(&mut manifest);
    drop(progress);
    report(file, &written(file, |dir, name| reports::write_manifest(dir, name, &manifest))?, &manifest.unseen())
}

async fn open(arguments: &ManifestArguments, options: &OpenOptions<'_>) -> Result<Endpoint> {
    let endpoint = arguments.endpoint.as_deref().unwrap_or_default();
    let Some(id) = &arguments.parts.snapshot else {
        return Endpoint::open(endpoint, Side::Expected, options).await;
    };
    let conninfo = inputs::live(endpoint, "snapshots")?;
    let live = Live::import(conninfo, options.live.clone(), Side::Expected, options.taken_at.clone(), id).await?;
    if !live.knows_time_of_snapshot() {
        print_note(
            "note: this role does not see when the snapshot was exported: the manifest has the time of now instead",
        );
        print_note("      (the role of the exporter sees it, and so does a member of pg_read_all_stats)");
    }
    Ok(Endpoint::Live(Box::new(live)))
}

/// Merges parts into the manifest. What one of them could not read is recorded in it, and the exit code is 2.
pub fn merge(arguments: &MergeArguments) -> Result<u8> {
    refuse_existing(&arguments.output)?;
    let head = |path: &PathBuf| Ok((path.display().to_string(), reports::part_head(path)?));
    let heads = arguments.parts.iter().map(head).collect::<Result<Vec<(String, PartHead)>>>()?;
    let mut merging: Option<Merging> = None;
    for path in part::in_order(&heads)?.into_iter().filter_map(|index| arguments.parts.get(index)) {
        let part = reports::load_part(path)?;
        match &mut merging {
            None => merging = Some(Merging::new(part)),
            Some(merging) => merging.add(part)?,
        }
    }
    let manifest = merging.ok_or_else(|| Error::new("no parts to merge"))?.finish()?;
    reports::check_sums(&manifest)?;
    let file = written(&arguments.output, |dir, name| reports::write_manifest(dir, name, &manifest))?;
    report(&arguments.output, &file, &manifest.unseen())
}

fn refuse_existing(file: &Path) -> Result<()> {
    if file.exists() {
        return Err(Error::new(format!("{} exists already", file.display())).hint("a manifest is never replaced"));
    }
    Ok(())
}

fn written(file: &Path, write: impl FnOnce(&Path, &str) -> Result<SideFile>) -> Result<SideFile> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = file.file_name().ok_or_else(|| Error::new("the manifest needs a file name"))?;
    write(dir, &name.to_string_lossy())
}

fn report(path: &Path, file: &SideFile, unseen: &[String]) -> Result<u8> {
    print_note(&format!("{}: {} bytes, SHA-256 {}", path.display(), file.bytes, file.sha256));
    unseen.iter().for_each(|line| print_note(&format!("could not be read: {line}")));
    Ok(if unseen.is_empty() { 0 } else { 2 })
}
