//! `pgwitness manifest`: saves the manifest of one endpoint for a later comparison.

use std::path::Path;

use super::args::ManifestArguments;
use super::inputs;
use super::progress::Progress;
use super::terminal::{Terminal, print_note};
use crate::base::error::{Error, Result};
use crate::endpoint::any::Endpoint;
use crate::endpoint::compare_endpoints::check_patterns;
use crate::endpoint::live::CaptureRequest;
use crate::model::listing;
use crate::model::progress::{Event, Side};
use crate::model::redaction::Redaction;
use crate::storage::reports;

/// Captures and writes the manifest. Parts that could not be read are recorded in it, and the exit code is 2.
pub async fn run(arguments: &ManifestArguments) -> Result<u8> {
    let redaction = inputs::redaction(arguments.redact)?;
    run_redacted(arguments, redaction).await.map_err(|error| redaction.error(error))
}

async fn run_redacted(arguments: &ManifestArguments, redaction: Redaction) -> Result<u8> {
    let now = inputs::now();
    if arguments.file.exists() {
        return Err(
            Error::new(format!("{} exists already", arguments.file.display())).hint("a manifest is never replaced")
        );
    }
    let options = inputs::open_options(&arguments.reading, &arguments.checks, now, 1);
    let mut progress = Progress::new(arguments.reading.quiet, Terminal::stderr());
    progress.listener = redaction.listener(progress.listener.clone());
    (progress.listener)(Event::Phase("connect"));
    let endpoint = Endpoint::open(&arguments.endpoint, Side::Expected, &options).await?;
    inputs::note_digest_on(&arguments.reading, &[&endpoint], &progress.listener);
    let selection = inputs::selection(&arguments.selection)?;
    let catalog = endpoint.listing().catalog();
    check_patterns(&selection, &catalog, "in it")?;
    let selection = selection.bound(&catalog);
    let request = CaptureRequest {
        plan: listing::all(&endpoint.listing(), &selection),
        selection,
        assertions: inputs::assertions(&arguments.checks)?,
        ..Default::default()
    };
    (progress.listener)(Event::Phase("read"));
    let mut manifest = endpoint.capture(&request, &progress.listener).await?.into_owned();
    redaction.manifest(&mut manifest);
    drop(progress);
    let dir = arguments.file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = arguments.file.file_name().ok_or_else(|| Error::new("the manifest needs a file name"))?;
    let file = reports::write_manifest(dir, &name.to_string_lossy(), &manifest)?;
    print_note(&format!("{}: {} bytes, SHA-256 {}", arguments.file.display(), file.bytes, file.sha256));
    let unseen = manifest.unseen();
    unseen.iter().for_each(|line| print_note(&format!("could not be read: {line}")));
    Ok(if unseen.is_empty() { 0 } else { 2 })
}
