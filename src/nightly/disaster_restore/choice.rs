//! Chooses the backup: the newest verified one of the configured source, or the one that the user names.
//!
//! An older backup is chosen in place of a newer one only if the user names it.

use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::model::run::SourceMatch;
use crate::nightly::context::RunContext;
use crate::storage::backups::{Backup, Backups, OwnSource, SharedDirectory};
use crate::storage::journal::LastVerified;

/// The backup, and notes on the choice for the user.
///
/// # Errors
/// There is none; the named one is of another source; a newer one cannot be used.
pub fn choose(context: &RunContext<'_>, named: Option<&str>) -> Result<(Backup, Vec<String>)> {
    let backups = Backups::open(&context.config.dump.directory)?;
    match named {
        Some(id) => by_name(context, &backups, id),
        None => newest(context, &backups),
    }
}

fn by_name(context: &RunContext<'_>, backups: &Backups, id: &str) -> Result<(Backup, Vec<String>)> {
    let (backup, origin) = (backups.get(id)?, context.origin()?);
    let source = backup.record.source.as_ref().map_or_else(|| "an unknown source".to_owned(), ToString::to_string);
    let note = match backups.own_source_unchecked(&origin).kinship(&backup, &context.config.report.directory) {
        SourceMatch::Same => None,
        SourceMatch::Moved => {
            Some(format!("backup {} is of {source}, the same system at another address", backup.record.id))
        }
        SourceMatch::Unknown => {
            Some(format!("backup {} is of {source}: that it is of {origin} is not known", backup.record.id))
        }
        SourceMatch::Other => {
            let error = Error::new(format!("it is of another source ({source}), the configuration is of {origin}"));
            return Err(error.hint("restore it with the configuration of its source"))
                .doing(|| format!("take backup {}", backup.record.id));
        }
    };
    Ok((backup, note.into_iter().collect()))
}

fn newest(context: &RunContext<'_>, backups: &Backups) -> Result<(Backup, Vec<String>)> {
    let origin = context.origin()?;
    let ours: OwnSource = backups.ours(&origin)?;
    let shared = ours.split(backups.list()?, &context.config.report.directory);
    let notes = shared.notes(&origin);
    let newer = newer(context, &shared)?;
    let Some(backup) = shared.own.verified.first().cloned() else {
        let error = Error::new(format!("there is no verified backup of {origin}"));
        let reasons: Vec<MarkedText> = newer.into_iter().chain(notes.into_iter().map(MarkedText::from)).collect();
        let reasons = MarkedText::join(&reasons, "; ");
        return Err(if reasons.full().is_empty() { error } else { Error::new(reasons).context(error.to_string()) }
            .hint("list them with `pgwitness backups list`"));
    };
    let id = &backup.record.id;
    if let Some(first) = newer.first() {
        let data_as_of = backup.record.data_as_of;
        let error = first.map(|first| format!("{first}; the newest that can be taken is {id}, data of {data_as_of}"));
        return Err(Error::new(error).hint(format!("look at the disk; to take the older one: --backup {id}")))
            .doing(|| "take the newest verified backup");
    }
    let unproven = shared.own.damaged.iter().map(|other| ("damaged", other));
    let unproven = unproven.chain(shared.own.unverified.iter().map(|other| ("never verified", other)));
    let unproven = unproven.filter(|(_, other)| other.record.data_as_of > backup.record.data_as_of);
    let passed = unproven.map(|(why, other)| format!("backup {} is newer, and {why}: not taken", other.record.id));
    let notes = notes.into_iter().chain(passed).collect();
    Ok((backup, notes))
}

/// Why the newer backups cannot be used: a sentence each, newest first.
fn newer(context: &RunContext<'_>, shared: &SharedDirectory) -> Result<Vec<MarkedText>> {
    let newest = shared.own.verified.first();
    let id = newest.map(|backup| backup.record.id.as_str()).unwrap_or_default();
    let mut newer: Vec<(&str, MarkedText)> = Vec::new();
    // An id begins with the time of the data.
    let lost = shared.own.unusable.iter().filter(|other| other.place == "verified" && other.id.as_str() > id);
    newer.extend(lost.map(|other| {
        let why = other.why.map(|why| format!("the newer backup {} cannot be taken: {why}", other.id));
        (other.id.as_str(), why)
    }));
    let moved = shared.moved.iter().filter(|other| other.record.id.as_str() > id);
    newer.extend(moved.map(|other| {
        let why = format!("the newer backup {} is of the same system at another address", other.record.id);
        (other.record.id.as_str(), why.into())
    }));
    newer.sort_by(|a, b| b.0.cmp(a.0));
    let mut reasons: Vec<MarkedText> = newer.iter().map(|(_, reason)| reason.clone()).collect();
    if reasons.is_empty() {
        reasons.extend(gone(context, newest)?.map(MarkedText::from));
    }
    Ok(reasons)
}

/// The newest backup that was verified here, by the state of the runs, if it is missing.
fn gone(context: &RunContext<'_>, newest: Option<&Backup>) -> Result<Option<String>> {
    // Another machine has no state.
    let last = LastVerified::read_of(context.state(), &context.origin()?).ok().flatten();
    let last = last.filter(|last| newest.is_none_or(|newest| last.data_as_of > newest.record.data_as_of));
    Ok(last.map(|last| {
        format!(
            "the newest backup that was verified, {} (data of {}), is not in the directory",
            last.backup, last.data_as_of
        )
    }))
}
