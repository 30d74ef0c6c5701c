//! A dump as an endpoint: its rows, sequences and large objects, digested like those of a live database.
//!
//! A dump has no schema as the server would print it, and no foreign key results; the verdict's scope lists only what was
//! compared. What cannot be read (data left out, INSERT statements, another encoding) is recorded as unseen, with the reason.

mod output_settings;
mod hash_pipeline;
mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::endpoint::dump_reader::{DumpContents, DumpReader, DumpTable, HasData, TableKind};
use crate::model::aspect::Aspect;
use crate::model::hashing::{Accumulator, Purpose};
use crate::model::listing::{ListedRelation, Listing, ReadPlan};
use crate::model::manifest::{
    Column, EndpointFacts, FORMAT, Manifest, Names, Observed, Relation, RelationKind, Schema, SequenceValue, Tally,
};
use crate::model::name::Name;
use crate::model::progress::{Event, Listener, Side};
use crate::postgres::tools::PgTools;

use sink::{Sink, SinkResult, SinkShared};

/// A dump whose table of contents has been read.
pub struct Dump {
    archive: Arc<DumpReader>,
    description: String,
    side: Side,
    jobs: usize,
    listing: Arc<Listing>,
    taken_at: String,
    pg_restore_version: String,
}

impl Dump {
    /// Opens a dump. `tools` read the archive formats; `taken_at` is RFC 3339.
    ///
    /// # Errors
    /// When it is not a dump, is truncated, or pg_restore cannot read it.
    pub async fn open(path: &Path, tools: &PgTools, jobs: usize, side: Side, taken_at: String) -> Result<Self> {
        let (owned, program) = (path.to_owned(), tools.program("pg_restore"));
        let archive = blocking(move || DumpReader::open(&owned, &program)).await?;
        let tables = archive.catalog().tables.iter().filter(|(_, table)| table.kind != TableKind::Partitioned);
        let relations = tables.map(|(name, table)| (name.clone(), listed(table))).collect();
        let description = path.display().to_string();
        let pg_restore_version = tools.version.text.clone();
        let listing = Arc::new(Listing { relations, names: names(archive.catalog()) });
        Ok(Self { archive: archive.into(), description, side, jobs, listing, taken_at, pg_restore_version })
    }

    /// The version of the program that reads it.
    pub fn pg_restore_version(&self) -> &str {
        &self.pg_restore_version
    }

    /// The canonical path.
    pub fn identity(&self) -> Option<String> {
        std::fs::canonicalize(&self.description).ok().map(|path| path.display().to_string())
    }

    /// The relations of the dump and their columns, as its statements say.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Where this was read.
    pub fn facts(&self) -> EndpointFacts {
        let catalog = self.archive.catalog();
        EndpointFacts {
            kind: "dump".into(),
            description: self.description.clone(),
            server_version: catalog.server_version.clone(),
            taken_at: self.taken_at.clone(),
            ..Default::default()
        }
    }

    /// Reads the planned relations in one pass.
    ///
    /// # Errors
    /// When the dump is damaged or truncated: then nothing that was read can be trusted.
    pub async fn capture(&self, plan: &ReadPlan, listener: &Listener) -> Result<Manifest> {
        let rows = self.readable(plan);
        listener(Event::Planned { side: self.side, tables: rows.len() as u64, bytes: 0 });
        let purpose = Purpose::Tally { log2: crate::model::sketch::MAX_LOG2 };
        let mut taken = self.read(rows, true, purpose, listener).await?;
        let relation = |(name, listed): (&Name, &ListedRelation)| {
            let columns = plan.get(name).cloned().unwrap_or_default();
            let rows = match taken.otherwise.get(name) {
                Some(reason) => Observed::Unseen((*reason).into()),
                None => self.observed(name, plan, taken.rows.remove(name)),
            };
            let mut relation = listed.relation(columns, rows);
            relation.is_dumped = self.holds_rows(name);
            (name.clone(), relation)
        };
        let relations: BTreeMap<Name, Relation> = self.listing.relations.iter().map(relation).collect();
        let catalog = self.archive.catalog();
        let sequences = catalog.sequences.iter().map(|(name, value)| {
            let value = SequenceValue { last_value: value.last_value, is_called: value.is_called };
            let strange = catalog.strange.clone().map(Observed::Unseen);
            (name.clone(), strange.unwrap_or(Observed::Seen(value)))
        });
        Ok(Manifest {
            format: FORMAT,
            endpoint: self.facts(),
            answers: self.answers(),
            relations,
            large_objects: self.observed_large_objects(taken.large_objects),
            sequences: sequences.collect(),
            schema: Schema::default(),
            foreign_keys: BTreeMap::new(),
            assertions: BTreeMap::new(),
            names: self.listing.names.clone(),
        })
    }

    /// Rows, sequences and large objects; nothing for a dump with definitions only.
    fn answers(&self) -> BTreeSet<Aspect> {
        let catalog = self.archive.catalog();
        let could_have = |table: &DumpTable| table.kind == TableKind::Ordinary;
        let is_empty = |table: &DumpTable| table.has_data == HasData::None;
        let has_no_rows = catalog.tables.values().all(is_empty) && catalog.tables.values().any(could_have);
        if has_no_rows && catalog.sequences.is_empty() && !catalog.has_large_object_data {
            return BTreeSet::new();
        }
        [Aspect::Rows, Aspect::Sequences, Aspect::LargeObjects].into()
    }

    /// One more pass for one relation, or for the large objects when `name` is `None`.
    ///
    /// # Errors
    /// As [`Dump::capture`].
    pub async fn scan(&self, name: Option<&Name>, columns: &[String], purpose: &Purpose) -> Result<Accumulator> {
        let plan: ReadPlan = name.map(|name| (name.clone(), columns.into())).into_iter().collect();
        let silent = crate::model::progress::no_listener();
        let mut taken = self.read(plan, name.is_none(), purpose.clone(), &silent).await?;
        let found =
            if name.is_some() { taken.rows.pop_first().map(|(_, rows)| rows) } else { Some(taken.large_objects) };
        found.ok_or_else(|| Error::new("its rows did not come a second time"))
    }

    async fn read(
        &self,
        plan: ReadPlan,
        with_large_objects: bool,
        purpose: Purpose,
        listener: &Listener,
    ) -> Result<SinkResult> {
        let (archive, jobs, side) = (Arc::clone(&self.archive), self.jobs, self.side);
        let (listing, listener) = (Arc::clone(&self.listing), Arc::clone(listener));
        blocking(move || {
            let shared = SinkShared::new(plan, &listing, purpose, side, listener);
            let is_wanted = |name: &Name| shared.plan.contains_key(name);
            archive.scan(&is_wanted, with_large_objects, jobs, &|| Box::new(Sink::new(&shared)))?;
            shared.finish()
        })
        .await
    }

    /// The planned relations whose rows are in the dump as COPY lines in UTF-8 or SQL_ASCII.
    fn readable(&self, plan: &ReadPlan) -> ReadPlan {
        let is_readable = |name: &Name| self.reason_unseen(name).is_none();
        plan.iter()
            .filter(|(name, _)| is_readable(name))
            .map(|(name, columns)| (name.clone(), columns.clone()))
            .collect()
    }

    fn holds_rows(&self, name: &Name) -> bool {
        self.archive.catalog().tables.get(name).is_some_and(|table| table.has_data != HasData::None)
    }

    fn reason_unseen(&self, name: &Name) -> Option<MarkedText> {
        let catalog = self.archive.catalog();
        if let Some(strange) = &catalog.strange {
            return Some(strange.clone());
        }
        // A SQL_ASCII dump holds the server's bytes unconverted.
        if !["UTF8", "SQL_ASCII"].contains(&catalog.encoding.as_str()) {
            let encoding = if catalog.encoding.is_empty() { "an unknown encoding" } else { &catalog.encoding };
            return Some(format!("the dump is written in {encoding}: make it with pg_dump --encoding=UTF8").into());
        }
        match catalog.tables.get(name).map(|table| table.has_data) {
            Some(HasData::Rows) => None,
            Some(HasData::Inserts) => Some("its rows are INSERT statements: make the dump without --inserts".into()),
            _ => {
                let options = "--schema-only, --exclude-table-data or --load-via-partition-root";
                Some(format!("the dump holds no rows under its name ({options})").into())
            }
        }
    }

    fn observed(&self, name: &Name, plan: &ReadPlan, rows: Option<Accumulator>) -> Observed<Tally> {
        if !plan.contains_key(name) {
            return Observed::Unseen("was not asked for".into());
        }
        match (self.reason_unseen(name), rows.and_then(Accumulator::into_tally)) {
            (Some(reason), _) => Observed::Unseen(reason),
            (None, Some(tally)) => Observed::Seen(with_smallest_sketch(tally)),
            (None, None) => {
                let reason =
                    "no rows are stored under this table's own name (dump made with --load-via-partition-root?)";
                Observed::Unseen(reason.into())
            }
        }
    }

    fn observed_large_objects(&self, rows: Accumulator) -> Observed<Tally> {
        let catalog = self.archive.catalog();
        match (&catalog.strange, rows.into_tally()) {
            (Some(strange), _) => Observed::Unseen(strange.clone()),
            _ if !catalog.large_objects.is_empty() && !catalog.has_large_object_data => {
                Observed::Unseen("the dump names large objects but does not hold them (--no-blobs?)".into())
            }
            (None, Some(tally)) => Observed::Seen(with_smallest_sketch(tally)),
            (None, None) => Observed::Unseen("were not read".into()),
        }
    }

    /// Refuses a dump with rows but without definitions (`--data-only`, `--section`).
    ///
    /// # Errors
    /// The dump is one.
    pub fn check_is_whole(&self) -> Result<()> {
        let catalog = self.archive.catalog();
        match catalog.undefined_tables {
            0 => Ok(()),
            _ if catalog.has_definitions => Ok(()),
            count => Err(Error::new(format!("{}: {count} tables have rows but no definition", self.description))
                .hint("make the dump without --data-only and --section")),
        }
    }
}

fn with_smallest_sketch(mut tally: Tally) -> Tally {
    tally.fold(crate::model::sketch::Sketch::log2_for_rows(tally.digest.rows));
    tally
}

fn listed(table: &DumpTable) -> ListedRelation {
    let kind = match table.kind {
        TableKind::Ordinary | TableKind::Partitioned => RelationKind::Table,
        TableKind::Foreign => RelationKind::ForeignTable,
        TableKind::MaterializedView => RelationKind::MaterializedView,
    };
    let column = |column: &crate::endpoint::dump_reader::DumpColumn| Column {
        name: (&column.name).into(),
        type_name: (&column.type_name).into(),
        is_generated: column.is_generated,
        is_virtual: false,
    };
    ListedRelation {
        kind,
        columns: table.columns.iter().map(column).collect(),
        key: table.primary_key.clone(),
        is_unlogged: table.is_unlogged,
        extension: None,
        bytes: 0,
        fixed: None,
        can_have_rows: kind == RelationKind::Table,
        config: None,
        is_undefined: !table.is_defined,
    }
}

/// A dump does not list its views, nor the search path of its database.
fn names(catalog: &DumpContents) -> Names {
    let parent = |(name, table): (&Name, &DumpTable)| Some((name.clone(), table.partition_of.clone()?));
    let roots = catalog.tables.iter().filter(|(_, table)| table.kind == TableKind::Partitioned);
    Names {
        search_path: None,
        others: roots.map(|(name, _)| name).chain(catalog.sequences.keys()).cloned().collect(),
        partitions: catalog.tables.iter().filter_map(parent).collect(),
    }
}

/// Runs blocking work (files, processes) outside the threads of the async runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::of_thread)?
}
