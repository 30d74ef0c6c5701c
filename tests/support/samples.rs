//! Manifests, outcomes, reports and records of runs, each made from what a test is about. The unit tests of the library include this
//! file too.

use pgwitness::base::time::Timestamp;
use pgwitness::model::aspect::Aspect;
use pgwitness::model::catalog::CATALOG;
use pgwitness::model::digest::RowDigest;
use pgwitness::model::manifest::{
    Definition, EndpointFacts, Manifest, Observed, Relation, RelationKind, SequenceValue, Tally,
};
use pgwitness::model::name::Name;
use pgwitness::model::report::{Report, Run};
use pgwitness::model::run::{Closing, ReportFile, RunFacts};
use pgwitness::model::run_record::{Proven, RunRecord};
use pgwitness::model::verdict::{Coverage, Outcome, Scope};

/// A live database in which nothing is.
pub fn live() -> Manifest {
    Manifest {
        endpoint: EndpointFacts { kind: "live".into(), ..Default::default() },
        answers: Aspect::ALL.into(),
        large_objects: Observed::Seen(Tally::new(4)),
        ..Manifest::not_read(String::new())
    }
}

/// Adds to a manifest; names are as in `shop.orders`, unquoted.
pub trait ManifestBuilder: Sized {
    /// Every kind of schema object was asked for.
    fn with_all_kinds(self) -> Self;
    fn of_major(self, major: u32) -> Self;
    fn described(self, description: &str) -> Self;
    fn table(self, name: &str, rows: Observed<Tally>) -> Self;
    fn sequence(self, name: &str, value: Observed<SequenceValue>) -> Self;
    fn object(self, kind: &str, identity: &str, text: &str) -> Self;
}

impl ManifestBuilder for Manifest {
    fn with_all_kinds(mut self) -> Self {
        for query in CATALOG {
            self.schema.objects.entry(query.kind.to_owned()).or_default();
        }
        self
    }

    fn of_major(mut self, major: u32) -> Self {
        self.endpoint.server_version = Some(format!("{major}.1"));
        self
    }

    fn described(mut self, description: &str) -> Self {
        description.clone_into(&mut self.endpoint.description);
        self
    }

    fn table(mut self, table: &str, rows: Observed<Tally>) -> Self {
        self.relations.insert(name(table), relation(rows));
        self
    }

    fn sequence(mut self, sequence: &str, value: Observed<SequenceValue>) -> Self {
        self.sequences.insert(name(sequence), value);
        self
    }

    fn object(mut self, kind: &str, identity: &str, text: &str) -> Self {
        let definition = Definition { text: text.into(), schema: None, relation: None };
        self.schema.objects.entry(kind.to_owned()).or_default().insert(identity.into(), definition);
        self
    }
}

fn name(text: &str) -> Name {
    text.split_once('.').map(|(schema, name)| Name::new(schema, name)).unwrap()
}

/// A table with these rows.
pub fn relation(rows: Observed<Tally>) -> Relation {
    Relation {
        kind: RelationKind::Table,
        columns: [].into(),
        key: Vec::new(),
        is_unlogged: false,
        extension: None,
        read_columns: [].into(),
        rows,
        computed: None,
        is_config: false,
        is_undefined: false,
        is_dumped: false,
    }
}

/// Rows that were read, with a sketch of 3 × 2^`log2` cells.
pub fn seen<R: AsRef<[u8]>>(rows: impl IntoIterator<Item = R>, log2: u8) -> Observed<Tally> {
    let mut tally = Tally::new(log2);
    rows.into_iter().for_each(|row| tally.add(RowDigest::of(row.as_ref())));
    Observed::Seen(tally)
}

/// So many tables, all equal.
pub fn equal(tables: u64, compared: &[Aspect]) -> Outcome {
    let coverage =
        Coverage { tables_expected: tables, tables_actual: tables, tables_compared: tables, ..Default::default() };
    let scope = Scope { compared: compared.to_vec(), ..Scope::default() };
    Outcome { coverage, scope, ..Default::default() }
}

/// Of a run, on source and copy.
pub fn report_on(outcome: &Outcome, night: RunFacts) -> Report {
    let side = |name: &str| Manifest::not_read(name.into());
    Report::new(outcome.clone(), &side("source"), &side("copy"), Run { night: Some(night), ..Default::default() })
}

/// A run that ended with this report, signed, and left nothing to clean up.
pub fn record_of(report: Report) -> RunRecord {
    let at = |time: &str| Timestamp::parse(&format!("2026-11-23T{time}Z")).unwrap();
    RunRecord {
        host: "backup1".into(),
        source: "RDS instance shop-production, database shop".into(),
        started_at: at("03:30:00"),
        finished_at: at("04:42:07"),
        report: Some(report),
        signed: Some(ReportFile { path: "/srv/reports/x/report.json".into(), sha256: "ab".repeat(32) }),
        closing: Closing { run_id: "0123456789abcdef0123456789abcdef".into(), ..Default::default() },
        error: None,
        instances_left: 0,
        last_offsite: None,
        last_verified: Some(Proven {
            backup: "20261123T023000Z-1f2e3d4c".into(),
            data_as_of: at("02:30:00"),
            verified_at: at("04:40:00"),
            dump_bytes: 1_250_000,
        }),
    }
}
