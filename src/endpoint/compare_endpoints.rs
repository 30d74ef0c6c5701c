//! The comparison of two endpoints: agree on what is read, read both sides at once, compare, then find the rows that differ.

mod followed_table;
mod recheck;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::error::{Context as _, Error, Result};
use crate::compare::recheck::RecheckRequest;
use crate::compare::rows::{FetchedSides, Show, name_rows};
use crate::compare::{self, Request};
use crate::endpoint::any::{Endpoint, Target};
use crate::endpoint::live::CaptureRequest;
use crate::endpoint::missing_sketches;
use crate::model::catalog;
use crate::model::digest::RowDigest;
use crate::model::finding::{Finding, FindingKind, RowDifference, Unchecked, Waiver};
use crate::model::hashing::{Accumulator, CollectedRow, Purpose, SAMPLE_LEVELS, Wanted};
use crate::model::listing::{self, ReadPlan};
use crate::model::manifest::{Manifest, Relation, Tally};
use crate::model::progress::{Event, Listener};
use crate::model::selection::{Catalog, Selection};
use crate::model::sketch::{Difference, Sketch};
use crate::model::verdict::Outcome;

pub use recheck::not_live;

/// Columns of a large object's row.
const LARGE_OBJECT_COLUMNS: [&str; 3] = ["oid", "chunk", "data"];

/// What is compared, and how it is shown.
pub struct ComparisonJob {
    /// What the user asked for.
    pub request: Request,
    /// The user's checks: name and SQL.
    pub assertions: std::collections::BTreeMap<String, String>,
    /// How differing rows are shown.
    pub show: Show,
    /// Whether, and how, differing rows are read again in later snapshots.
    pub recheck: Option<RecheckRequest>,
}

/// The result.
pub struct Comparison {
    /// Findings, unchecked, waivers, coverage.
    pub outcome: Outcome,
    /// The manifest of the expected side.
    pub expected: Manifest,
    /// The manifest of the actual side.
    pub actual: Manifest,
    /// The patterns of the request, bound to the relations of these two sides.
    pub selection: Selection,
}

/// Compares two endpoints.
///
/// # Errors
/// A pattern that matches nothing, two times the same database, a side that cannot be read at all, or a recheck of a side that is not
/// a live database. Other problems are unchecked entries in the outcome.
pub async fn run(
    expected: &Endpoint,
    actual: &Endpoint,
    job: &ComparisonJob,
    listener: &Listener,
) -> Result<Comparison> {
    check_sides(expected, actual)?;
    if job.recheck.is_some() {
        recheck::live_sides(expected, actual)?;
    }
    let capture = capture_request(expected, actual, job)?;
    let request = Request {
        assertions: job.assertions.keys().cloned().collect(),
        selection: capture.selection.clone(),
        ..job.request.clone()
    };
    // What the recheck makes of the findings has to be waived too.
    let (request, waived_later) =
        if job.recheck.is_some() { without_later_waivers(request) } else { (request, Vec::new()) };
    listener(Event::Phase("read both sides"));
    let (e, a) = tokio::try_join!(expected.capture(&capture, listener), actual.capture(&capture, listener))?;
    listener(Event::Phase("compare"));
    let redaction = job.show.redaction;
    let redacted = |endpoint: &Endpoint, manifest: Cow<'_, Manifest>| {
        let mut manifest = manifest.into_owned();
        // What was captured before was redacted then.
        if !matches!(endpoint, Endpoint::Captured(..)) {
            redaction.manifest(&mut manifest);
        }
        manifest
    };
    let (mut e, mut a) = (redacted(expected, e), redacted(actual, a));
    let remarks = missing_sketches::add((expected, &mut e), (actual, &mut a), listener).await;
    let mut outcome = compare::compare(&e, &a, &request);
    outcome.remarks.extend(remarks);
    set_changed_meanwhile_aside(&mut outcome, (expected, &e), (actual, &a)).await;
    for finding in &mut outcome.findings {
        if finding.rows.is_some() && !(job.recheck.is_some() && recheck::is_followed(finding)) {
            listener(Event::Phase("find the differing rows"));
            drill_down(finding, (expected, &e), (actual, &a), &capture.plan, job.show).await;
        }
    }
    if let Some(rounds) = job.recheck {
        recheck::run(&mut outcome, [(expected, &e), (actual, &a)], &capture.plan, job, rounds, listener).await?;
        compare::recheck::set_sequences_aside(&mut outcome, &job.request.required);
        compare::waive(&mut outcome, &waived_later);
        compare::waive(&mut outcome, &compare::recheck::of_replication(&e, &a));
        outcome.waivers.retain(|applied| applied.waiver.by != compare::recheck::BY || !applied.covered.is_empty());
    }
    redaction.outcome(&mut outcome);
    let selection = capture.selection;
    Ok(Comparison { outcome, expected: e, actual: a, selection })
}

/// Waivers for whole kinds of objects, which need not be read, and the others.
fn without_later_waivers(request: Request) -> (Request, Vec<Waiver>) {
    let (now, later) = request.waivers.into_iter().partition(compare::is_whole_kind);
    (Request { waivers: now, ..request }, later)
}

/// PostgreSQL's `pg_get_…def` functions print the current catalog, not the snapshot's. So the kinds of all schema findings are read
/// once more: if the definition of an object is different now, it was changed during the run, and the finding becomes an unchecked
/// entry.
async fn set_changed_meanwhile_aside(
    outcome: &mut Outcome,
    expected: EndpointWithManifest<'_>,
    actual: EndpointWithManifest<'_>,
) {
    let kinds: BTreeSet<String> =
        outcome.findings.iter().filter_map(of_schema).map(|(kind, _)| kind.to_owned()).collect();
    if kinds.is_empty() {
        return;
    }
    let kinds: BTreeSet<&str> = kinds.iter().map(String::as_str).collect();
    for (side, (endpoint, manifest)) in [("expected", expected), ("actual", actual)] {
        let Some(now) = endpoint.definitions_now(&kinds).await else { continue };
        let is_steady = |finding: &Finding| {
            let Some((kind, identity)) = of_schema(finding) else { return true };
            let then = manifest.schema.objects.get(kind).and_then(|objects| objects.get(identity));
            now.get(kind).is_none_or(|objects| objects.get(identity) == then)
        };
        let (steady, changed) = std::mem::take(&mut outcome.findings).into_iter().partition(is_steady);
        outcome.findings = steady;
        let changed: Vec<Finding> = changed;
        let reason = "was changed or dropped while it was read: rerun; do not run DDL on this database during the run";
        outcome.unchecked.extend(changed.into_iter().map(|finding| Unchecked::new(finding.object, side, reason)));
    }
}

/// Kind and identity of the object of a schema finding.
fn of_schema(finding: &Finding) -> Option<(&str, &str)> {
    let (kind, identity) = finding.schema_object()?;
    catalog::CATALOG.iter().any(|question| question.kind == kind).then_some((kind, identity))
}

fn check_sides(expected: &Endpoint, actual: &Endpoint) -> Result<()> {
    match (expected.identity(), actual.identity()) {
        (Some(e), Some(a)) if e == a => Err(Error::new("both sides are the same: that proves nothing")
            .hint("name two different databases or dumps; check dbname and port of the connection strings")),
        _ => Ok(()),
    }
}

fn capture_request(expected: &Endpoint, actual: &Endpoint, job: &ComparisonJob) -> Result<CaptureRequest> {
    let (e, a) = (expected.listing(), actual.listing());
    let catalog = e.catalog().with(a.catalog());
    check_patterns(&job.request.selection, &catalog, "on either side")?;
    let selection = job.request.selection.bound(&catalog);
    let all_of_a_kind = job.request.waivers.iter().filter(|waiver| compare::is_whole_kind(waiver));
    Ok(CaptureRequest {
        plan: listing::agree(&e, &a, &selection).into(),
        selection,
        skipped_kinds: all_of_a_kind.map(|waiver| waiver.kind.clone()).collect(),
        assertions: job.assertions.clone(),
    })
}

/// Refuses patterns that match no table; `place` completes the error message.
///
/// # Errors
/// The first such pattern.
pub fn check_patterns(selection: &Selection, catalog: &Catalog, place: &str) -> Result<()> {
    match selection.unmatched(catalog).first() {
        None => Ok(()),
        Some((option, pattern)) => Err(Error::new(format!("{option} {pattern} matches no table {place}")).hint(
            "patterns are those of pg_dump: letters fold to lower case outside double quotes, and a name without a schema is looked up \
             in the search path of the source; write SCHEMA.NAME, or *.NAME for every schema",
        )),
    }
}

type EndpointWithManifest<'a> = (&'a Endpoint, &'a Manifest);

/// Adds the differing rows to one finding. On failure the finding keeps its counts and gets the reason.
async fn drill_down(
    finding: &mut Finding,
    expected: EndpointWithManifest<'_>,
    actual: EndpointWithManifest<'_>,
    plan: &ReadPlan,
    show: Show,
) {
    let Some(mut difference) = finding.rows.take() else { return };
    if let Err(error) = name_differing_rows(finding, &mut difference, expected, actual, plan, show).await {
        difference.unnamed = Some(error.text());
    }
    finding.rows = Some(difference);
}

async fn name_differing_rows(
    finding: &Finding,
    difference: &mut RowDifference,
    expected: EndpointWithManifest<'_>,
    actual: EndpointWithManifest<'_>,
    plan: &ReadPlan,
    show: Show,
) -> Result<()> {
    let table = ComparedTable::find(finding, expected.1, actual.1, plan)?;
    name_rows_of(&table, difference, expected.0, actual.0, show).await
}

async fn name_rows_of(
    table: &ComparedTable<'_>,
    difference: &mut RowDifference,
    expected: &Endpoint,
    actual: &Endpoint,
    show: Show,
) -> Result<()> {
    let mut decoded = Tally::difference(table.expected, table.actual);
    let mut is_everything = decoded.is_complete;
    if !is_everything {
        decoded = sample(table, expected, actual).await.doing(|| table.why_sampled())?;
        let sum = |rows: &[(RowDigest, u64)]| rows.iter().map(|(_, copies)| copies).sum::<u64>();
        difference.expected_only = difference.expected_only.max(sum(&decoded.expected_only));
        difference.actual_only = difference.actual_only.max(sum(&decoded.actual_only));
    }
    let digests = decoded.expected_only.iter().chain(&decoded.actual_only).map(|(digest, _)| *digest).collect();
    let purpose = Purpose::Collect(Arc::new(Wanted::Digests(digests)));
    let (e, a) = tokio::join!(table.collect(expected, &purpose), table.collect(actual, &purpose));
    let unnamed = match (&e, &a) {
        (Err(error), Err(_)) => return Err(error.clone()),
        (Err(error), Ok(_)) => Some(error.clone().context("expected").text()),
        (Ok(_), Err(error)) => Some(error.clone().context("actual").text()),
        (Ok(_), Ok(_)) => None,
    };
    is_everything &= unnamed.is_none();
    let (e, a) = (e.unwrap_or_default(), a.unwrap_or_default());
    is_everything &= !e.is_truncated && !a.is_truncated;
    let found =
        FetchedSides { columns: table.columns.clone(), key: table.key.clone(), expected: e.rows, actual: a.rows };
    name_rows(difference, found, is_everything, show);
    difference.unnamed = unnamed;
    Ok(())
}

/// The wanted rows of one side.
#[derive(Default)]
struct CollectedTables {
    rows: BTreeMap<RowDigest, CollectedRow>,
    is_truncated: bool,
}

/// The table of a finding about rows.
struct ComparedTable<'a> {
    target: Target<'a>,
    columns: Arc<[String]>,
    key: Vec<String>,
    expected: &'a Tally,
    actual: &'a Tally,
}

impl<'a> ComparedTable<'a> {
    fn find(finding: &Finding, expected: &'a Manifest, actual: &'a Manifest, plan: &ReadPlan) -> Result<Self> {
        let gone = || Error::new("it is not among what was read");
        if finding.kind == FindingKind::LargeObjects {
            let columns: Arc<[String]> = Arc::from(LARGE_OBJECT_COLUMNS.map(str::to_owned));
            let key = columns.iter().take(2).cloned().collect();
            let expected = expected.large_objects.seen().ok_or_else(gone)?;
            let actual = actual.large_objects.seen().ok_or_else(gone)?;
            return Ok(Self { target: Target::LargeObjects, columns, key, expected, actual });
        }
        let name = finding.object.relation().ok_or_else(gone)?;
        let (name, e) = expected.relations.get_key_value(&name).ok_or_else(gone)?;
        let a = actual.relations.get(name).ok_or_else(gone)?;
        let is_generated = finding.kind == FindingKind::Generated;
        let of_plan = || plan.get(name).cloned().unwrap_or_else(|| e.read_columns.clone());
        let columns = e.computed.as_ref().filter(|_| is_generated).map_or_else(of_plan, |c| c.columns.clone());
        // All columns of the key must be among those that both sides have.
        let is_usable = |key: &&Vec<String>| !key.is_empty() && key.iter().all(|column| columns.contains(column));
        let key = [&e.key, &a.key].into_iter().find(is_usable).cloned().unwrap_or_default();
        let tally = |side: &'a Relation| match side.computed.as_ref().filter(|_| is_generated) {
            Some(computed) => computed.rows.seen().ok_or_else(gone),
            None => side.rows.seen().ok_or_else(gone),
        };
        let (expected, actual) = (tally(e)?, tally(a)?);
        Ok(Self { target: Target::Relation(name), columns, key, expected, actual })
    }

    fn why_sampled(&self) -> &'static str {
        let has_sketches = self.expected.sketch.is_some() && self.actual.sketch.is_some();
        if has_sketches { "sample the rows" } else { "find rows without a sketch, since a server made the digest" }
    }

    async fn collect(&self, endpoint: &Endpoint, purpose: &Purpose) -> Result<CollectedTables> {
        match endpoint.scan(self.target, &self.columns, purpose).await? {
            Accumulator::Collected { rows, is_truncated, .. } => Ok(CollectedTables { rows, is_truncated }),
            Accumulator::Tally(_) | Accumulator::SampleLevels { .. } => {
                Err(Error::new("the second pass collected nothing"))
            }
        }
    }

    async fn scan(
        &self,
        purpose: &Purpose,
        expected: &Endpoint,
        actual: &Endpoint,
    ) -> Result<(Accumulator, Accumulator)> {
        let e = expected.scan(self.target, &self.columns, purpose);
        let a = actual.scan(self.target, &self.columns, purpose);
        tokio::try_join!(e, a)
    }
}

/// For differences too large for the sketch: decodes as many of the random samples (1 in 2, 1 in 4, …) as possible, the smallest
/// first. Rows are sampled by key, so both versions of a changed row are in the same sample.
async fn sample(table: &ComparedTable<'_>, expected: &Endpoint, actual: &Endpoint) -> Result<Difference> {
    let position = |column: &String| table.columns.iter().position(|have| have == column);
    let key: Vec<usize> = table.key.iter().filter_map(position).collect();
    let (e, a) = table.scan(&Purpose::SampleLevels(Arc::new(key)), expected, actual).await?;
    let (Accumulator::SampleLevels { sketches: e, .. }, Accumulator::SampleLevels { sketches: a, .. }) = (e, a) else {
        return Err(Error::new("the sample is empty"));
    };
    let mut sample = Difference::default();
    for level in (0..SAMPLE_LEVELS).rev() {
        let (Some(e), Some(a)) = (e.get(level), a.get(level)) else { continue };
        let decoded = Sketch::difference(e, a);
        if !decoded.is_complete {
            break;
        }
        sample.expected_only.extend(decoded.expected_only);
        sample.actual_only.extend(decoded.actual_only);
    }
    Ok(sample)
}
