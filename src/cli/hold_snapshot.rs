//! `pgwitness manifest --export-snapshot`: holds a snapshot for other processes.

use std::io::{self, Read as _};

use rustix::fs::{FileType, fstat};

use super::args::ManifestArguments;
use super::inputs;
use super::terminal::{print_note, print_result};
use crate::base::error::{Error, Result};
use crate::config::Span;
use crate::endpoint::live::HeldSnapshot;

/// Exports a snapshot, prints its identifier, and holds it until it is to be released. `stopped` waits for a signal.
pub async fn run<F: Future<Output = i32>>(arguments: &ManifestArguments, stopped: fn() -> F) -> Result<u8> {
    let held = tokio::select! {
        held = export(arguments) => held?,
        signal = stopped() => return Err(Error::interrupted(signal)),
    };
    print_result(&format!("{}\n", held.id()))?;
    let limit = arguments.parts.hold_for;
    if !arguments.reading.quiet {
        print_usage(held.id(), limit);
    }
    let why = tokio::select! {
        error = held.lost() => {
            let hint = "parts that have begun to read go on; those that begin now need a new snapshot, and so do all others then";
            return Err(error.hint(hint));
        }
        _ = stopped() => "as asked",
        () = end_of_input() => "standard input has ended",
        () = tokio::time::sleep(limit.duration()) => "--hold-for is over",
    };
    print_note(&format!("snapshot {} released: {why}", held.id()));
    Ok(0)
}

async fn export(arguments: &ManifestArguments) -> Result<HeldSnapshot> {
    let endpoint = arguments.endpoint.as_deref().unwrap_or_default();
    let conninfo = inputs::live(endpoint, "a snapshot")?;
    let options = inputs::open_options(&arguments.reading, &arguments.checks, inputs::now(), 1);
    HeldSnapshot::export(&conninfo, &options.live).await
}

fn print_usage(id: &str, limit: Span) {
    print_note(&format!("holding snapshot {id} for at most {limit}; for each part I of N:"));
    print_note(&format!("  pgwitness manifest ENDPOINT part-I.json --snapshot {id} --part I/N"));
    print_note("keep this process until every part has begun to read");
}

/// Waits for the end of standard input if another process has its other end; for ever on a terminal, a file or /dev/null.
async fn end_of_input() {
    let is_pipe = fstat(io::stdin())
        .is_ok_and(|stat| matches!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo | FileType::Socket));
    if !is_pipe {
        return std::future::pending().await;
    }
    let (ended, has_ended) = tokio::sync::oneshot::channel();
    // Not a thread of the runtime, which would wait for it at the end.
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while io::stdin().read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        ended.send(()).ok();
    });
    has_ended.await.ok();
}
