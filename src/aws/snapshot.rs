//! Chooses the snapshot: the newest finished one, or the requested one.
//!
//! An old snapshot is an error unless it was requested; a snapshot of another instance is always an error.

use aws_sdk_rds::types::DbSnapshot;

use super::client::Rds;
use super::errors::ApiError;
use super::facts::{MAX_SKEW_S, Snapshot, SourceInstance, timestamp};
use super::wait::Deadline;
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::config::{RdsSource, SnapshotKind};

/// More pages than any instance has.
const MAX_PAGES: usize = 1000;
/// Hint for an unfinished snapshot.
const UNFINISHED: &str = "run it again once RDS has finished the snapshot";
/// Snapshots of AWS Backup are listed only on request.
const AWS_BACKUP: &str = "awsbackup";

/// A snapshot as RDS lists it, finished or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ListedSnapshot {
    identifier: String,
    status: String,
    percent: Option<i32>,
    created_at: Option<Timestamp>,
    kind: String,
    engine: String,
    engine_version: String,
    resource_id: String,
    master_username: Option<String>,
    allocated_gib: u64,
}

impl Rds {
    /// The newest usable snapshot of production, or the `wanted` one. Every error states what was listed.
    ///
    /// # Errors
    /// No snapshot, only unfinished ones, the newest one too old or in the future; the wanted one missing, unfinished or of
    /// another instance. A wanted one may be old.
    pub async fn find_snapshot(
        &self,
        source: &SourceInstance,
        wanted: Option<&str>,
        now: Timestamp,
    ) -> Result<Snapshot> {
        let doing = || finding(source);
        let kind = wanted.filter(|wanted| wanted.starts_with(AWS_BACKUP)).map(|_| AWS_BACKUP);
        let mut listed = self.list_snapshots(&source.resource_id, kind).await.doing(doing)?;
        // The request has the same filter; check the answer too.
        listed.retain(|snapshot| snapshot.resource_id == source.resource_id);
        let chosen = match wanted {
            Some(wanted) => choose_wanted(&listed, wanted, now),
            None => choose_newest(&listed, self.source(), now),
        };
        chosen.doing(doing)
    }

    /// Waits while a snapshot that is newer than every finished one is being created, up to `wait_for_snapshot`. Adds what it
    /// waited for to `notes`.
    ///
    /// # Errors
    /// The call to RDS fails.
    pub async fn await_snapshot(&self, source: &SourceInstance, notes: &mut Vec<String>) -> Result<()> {
        let limit = self.source().wait_for_snapshot.duration();
        let deadline = Deadline::after(limit);
        let doing = || finding(source);
        loop {
            let mut listed = self.list_snapshots(&source.resource_id, None).await.doing(doing)?;
            listed.retain(|snapshot| snapshot.resource_id == source.resource_id);
            let counting: Vec<&ListedSnapshot> = listed.iter().filter(|one| counts(one, self.source())).collect();
            let coming = coming(&counting);
            match (coming.is_empty(), notes.is_empty()) {
                (true, _) => return Ok(()),
                (false, true) => notes.push(format!("waiting up to {} for {coming}", self.source().wait_for_snapshot)),
                (false, false) => {}
            }
            if deadline.is_over() {
                notes.push(format!("did not wait any longer: {coming}"));
                return Ok(());
            }
            self.pause(deadline).await;
        }
    }

    /// Without a kind: automated and manual snapshots.
    async fn list_snapshots(&self, resource_id: &str, kind: Option<&str>) -> Result<Vec<ListedSnapshot>, ApiError> {
        let mut all = Vec::new();
        let mut marker = None;
        for _ in 0..MAX_PAGES {
            let call = self.api.describe_db_snapshots().dbi_resource_id(resource_id);
            let call = call.set_snapshot_type(kind.map(str::to_owned)).set_marker(marker);
            let page = call.send().await?;
            all.extend(page.db_snapshots().iter().map(listed));
            marker = page.marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
        Err(ApiError::odd("the list of snapshots has no end"))
    }
}

fn finding(source: &SourceInstance) -> String {
    format!("find a snapshot of {} ({})", source.identifier, source.resource_id)
}

fn listed(snapshot: &DbSnapshot) -> ListedSnapshot {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    // The creation time of a copy is the time of copying; its data is as old as the original.
    let times = [snapshot.snapshot_create_time(), snapshot.original_snapshot_create_time()];
    let created_at = times[0].and_then(|_| times.into_iter().flatten().map(timestamp).min());
    ListedSnapshot {
        identifier: text(snapshot.db_snapshot_identifier()),
        status: text(snapshot.status()),
        percent: snapshot.percent_progress(),
        created_at,
        kind: text(snapshot.snapshot_type()),
        engine: text(snapshot.engine()),
        engine_version: text(snapshot.engine_version()),
        resource_id: text(snapshot.dbi_resource_id()),
        master_username: snapshot.master_username().map(str::to_owned),
        allocated_gib: snapshot.allocated_storage().and_then(|gib| gib.try_into().ok()).unwrap_or_default(),
    }
}

fn choose_newest(all: &[ListedSnapshot], source: &RdsSource, now: Timestamp) -> Result<Snapshot> {
    let counting: Vec<&ListedSnapshot> = all.iter().filter(|listed| counts(listed, source)).collect();
    let finished = counting.iter().filter(|listed| is_finished(listed)).max_by_key(|listed| listed.created_at);
    let Some(newest) = finished else { return Err(none_finished(&counting, all.len())) };
    let mut snapshot = usable(newest, now)?;
    let max_age_s = source.max_snapshot_age.duration().as_secs();
    if now.seconds().saturating_sub(snapshot.created_at.seconds()) > max_age_s {
        let limit = span(max_age_s);
        let unfinished = unfinished(&counting);
        let also = if unfinished.is_empty() { String::new() } else { format!(" ({unfinished})") };
        let seen = format!("newest snapshot {} is {} old", newest.identifier, age(newest, now));
        let error = Error::new(format!("{seen}; max_snapshot_age is {limit}{also}"));
        return Err(error.hint("check why RDS creates none, or name one with --snapshot"));
    }
    snapshot.notes.push(format!("newest of {} snapshots, {} old", counting.len(), age(newest, now)));
    let coming = coming(&counting);
    if !coming.is_empty() {
        snapshot.notes.push(format!("a newer snapshot is not finished and was not taken: {coming}"));
    }
    Ok(snapshot)
}

/// Whether a snapshot is of the configured kind.
fn counts(listed: &ListedSnapshot, source: &RdsSource) -> bool {
    match source.snapshots {
        SnapshotKind::Automated => listed.kind == "automated",
        SnapshotKind::Manual => listed.kind == "manual",
        SnapshotKind::Any => listed.kind == "automated" || listed.kind == "manual",
    }
}

/// Snapshots that RDS is creating and that will be newer than every finished one. Their creation time may be absent.
fn coming(counting: &[&ListedSnapshot]) -> String {
    let newest = counting.iter().filter(|listed| is_finished(listed)).filter_map(|listed| listed.created_at).max();
    let is_newer = |listed: &ListedSnapshot| listed.created_at.is_none_or(|at| newest.is_none_or(|newest| at > newest));
    let coming = counting.iter().filter(|listed| listed.status == "creating" && is_newer(listed));
    coming.map(|listed| format!("{} is {}", listed.identifier, progress(listed))).collect::<Vec<_>>().join(", ")
}

fn choose_wanted(all: &[ListedSnapshot], wanted: &str, now: Timestamp) -> Result<Snapshot> {
    let Some(found) = all.iter().find(|listed| listed.identifier == wanted) else {
        let newest = all.iter().max_by_key(|listed| listed.created_at);
        let seen =
            newest.map_or_else(|| "it has none".to_owned(), |newest| format!("its newest is {}", newest.identifier));
        return Err(Error::new(format!("it has no snapshot {wanted}; {seen}"))
            .hint("a snapshot of another instance is never taken; the console lists those of this one"));
    };
    if !is_finished(found) {
        return Err(Error::new(format!("snapshot {} is {}", found.identifier, progress(found))).hint(UNFINISHED));
    }
    let mut snapshot = usable(found, now)?;
    snapshot.notes.push(format!("asked for by name, {} old; max_snapshot_age does not count", age(found, now)));
    Ok(snapshot)
}

fn is_finished(listed: &ListedSnapshot) -> bool {
    listed.status == "available" && listed.created_at.is_some()
}

/// Checks the engine and that the time is not in the future.
fn usable(listed: &ListedSnapshot, now: Timestamp) -> Result<Snapshot> {
    if listed.engine != "postgres" {
        return Err(Error::new(format!(
            "snapshot {} is of engine {:?}, not postgres",
            listed.identifier, listed.engine
        )));
    }
    let created_at = listed.created_at.ok_or_else(|| Error::new("RDS did not say when it was taken"))?;
    if created_at.seconds() > now.seconds() + MAX_SKEW_S {
        let error = Error::new(format!("snapshot {} is of {created_at}, but now is {now}", listed.identifier));
        return Err(error.hint("check the clock of this machine"));
    }
    Ok(Snapshot {
        identifier: listed.identifier.clone(),
        created_at,
        kind: listed.kind.clone(),
        engine_version: listed.engine_version.clone(),
        resource_id: listed.resource_id.clone(),
        master_username: listed.master_username.clone(),
        allocated_gib: listed.allocated_gib,
        notes: Vec::new(),
    })
}

fn none_finished(counting: &[&ListedSnapshot], all: usize) -> Error {
    match (counting.len(), all) {
        (0, 0) => Error::new("it has no snapshot").hint("is its backup retention period 0?"),
        (0, others) => Error::new(format!("it has no snapshot of the configured kind, but {others} of another kind"))
            .hint("see source.snapshots: automated, manual or any"),
        _ => Error::new(format!("none of its snapshots is finished: {}", unfinished(counting))).hint(UNFINISHED),
    }
}

fn unfinished(counting: &[&ListedSnapshot]) -> String {
    let unfinished = counting.iter().filter(|listed| !is_finished(listed));
    let texts: Vec<String> =
        unfinished.map(|listed| format!("{} is {}", listed.identifier, progress(listed))).collect();
    texts.join(", ")
}

fn progress(listed: &ListedSnapshot) -> String {
    match (listed.status.as_str(), listed.percent) {
        ("available", _) => "available, but RDS does not say when it was taken".to_owned(),
        ("", _) => "without a status".to_owned(),
        (status, Some(percent)) => format!("{status} ({percent} %)"),
        (status, None) => status.to_owned(),
    }
}

fn age(listed: &ListedSnapshot, now: Timestamp) -> String {
    span(now.seconds().saturating_sub(listed.created_at.unwrap_or_default().seconds()))
}

/// `45 min`, `31 h`, `26 h 5 min`, `12 d`.
fn span(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, minutes) => format!("{minutes} min"),
        (1..72, 0) => format!("{hours} h"),
        (1..72, minutes) => format!("{hours} h {minutes} min"),
        _ => format!("{} d", hours / 24),
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
