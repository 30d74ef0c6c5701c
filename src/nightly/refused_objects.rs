//! What the restore server refused to create, in the outcome: findings with a limit, its cause and the waiver.
//!
//! Pure. A missing object gets a limit only where a complaint of pg_restore names exactly this object. Rows are never given up: a
//! table that is missing has a limit only where it belongs to an extension and the dump was proven to hold its rows.

use super::restoring::{Refused, accept_entry};
use crate::compare::waiver_for;
use crate::model::finding::{Finding, FindingKind, Limit};
use crate::model::run::Complaint;
use crate::model::subject::Subject;
use crate::model::verdict::{Outcome, TableStatus};

/// Lines of accept entries that one finding shows.
const MOST_LINES: usize = 60;

/// Marks what is missing in `outcome`. `complaints` are those of the same restore; `first` is source against dump; where there is none, no rows are known to be in the dump.
pub fn mark(outcome: &mut Outcome, refused: &Refused, complaints: &[Complaint], first: Option<&Outcome>) {
    let missing = outcome.findings.iter_mut().filter(|finding| finding.kind == FindingKind::Missing);
    for finding in missing.filter(|finding| finding.limit.is_none()) {
        let definition = finding.expected.clone().unwrap_or_default();
        let of_setting = || setting(finding, complaints).and_then(|complaint| complaint.limit);
        let object = refused.object(&finding.object, &definition).or_else(of_setting);
        match (refused.member(&finding.object), object) {
            (Some(limit), _) if is_in_dump(&finding.object, first) => limited(finding, limit),
            (None, Some(limit)) if finding.object.of("table").is_none() => limited(finding, limit),
            (Some(limit), _) | (None, Some(limit)) => {
                finding.detail.insert(0, format!("{} Its rows are not proven:", cause(limit)));
                finding.detail.insert(1, "restore to a server that can take it.".to_owned());
            }
            (None, None) => {}
        }
    }
    for finding in outcome.findings.iter_mut().filter(|finding| finding.kind == FindingKind::Missing) {
        let own = setting(finding, complaints);
        let open = refused.complaints_of(&finding.object).iter().filter_map(|at| complaints.get(*at)).chain(own);
        let open: Vec<&Complaint> = open.filter(|complaint| complaint.accepted.is_none()).collect();
        if !open.is_empty() {
            finding.detail.push("what pg_restore complained of is accepted by:".to_owned());
            finding.detail.extend(open.into_iter().flat_map(accept_entry).take(MOST_LINES));
        }
    }
}

/// The complaint of a setting of the database that the restore role may not set.
fn setting<'c>(finding: &Finding, complaints: &'c [Complaint]) -> Option<&'c Complaint> {
    let setting = finding.object.of("database_setting")?;
    let is_it = |complaint: &&Complaint| {
        let name = complaint.object.strip_prefix("DATABASE PROPERTIES ");
        complaint.limit == Some(Limit::Superuser) && name.is_some_and(|name| setting.ends_with(&format!(" {name}")))
    };
    complaints.iter().find(is_it)
}

fn limited(finding: &mut Finding, limit: Limit) {
    finding.limit = Some(limit);
    let mut lines = vec![cause(limit).to_owned(), "waiver, where this is expected:".to_owned()];
    lines.extend(waiver_for(finding).lines().map(str::to_owned));
    finding.detail.splice(0..0, lines);
}

fn cause(limit: Limit) -> &'static str {
    match limit {
        Limit::Extension => "The restore server cannot create an extension that this needs.",
        Limit::ExtensionVersion => "The extension on the restore server does not have this.",
        _ => "Only a superuser may create this, or what it needs.",
    }
}

/// Whether source and dump were found equal in the rows of this table, or in the value of this sequence.
fn is_in_dump(object: &Subject, first: Option<&Outcome>) -> bool {
    let (Some(first), Some((kind, name))) = (first, object.parts()) else { return false };
    if kind == "sequence" {
        return first.findings.iter().all(|finding| finding.object != name && finding.object != *object)
            && first.unchecked.iter().all(|unchecked| unchecked.object != *object);
    }
    let Some(table) = first.tables.get(name) else { return false };
    match table.status {
        TableStatus::Equal => true,
        // What no dump carries is in none, unless there is nothing to carry.
        TableStatus::Waived => table.expected.is_some_and(|digest| digest.rows == 0),
        _ => false,
    }
}

/// What the dump holds and the copy lacks, for the same cause as in `outcome`.
pub fn mark_stage(second: &mut Outcome, outcome: &Outcome) {
    for finding in second.findings.iter_mut().filter(|finding| finding.kind == FindingKind::Missing) {
        let same = outcome.findings.iter().find(|other| other.is_same(finding));
        finding.limit = finding.limit.or(same.and_then(|same| same.limit));
    }
}
