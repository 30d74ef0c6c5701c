//! A live database as an endpoint: one snapshot, several sessions, everything read in parallel.
//!
//! Read only, by the setting of each session and by its transaction. What cannot be read is recorded
//! with the reason, and the rest is read.

mod peer_state;
mod collect;
mod condition;
mod constant_folding;
mod foreign_keys;
mod jobs;
mod read;
mod catalog_guard;
mod line_sql;
mod server_digest;
mod snapshot;
mod share;
mod plan;
mod present;
mod worker;
mod lookup;
mod by_key;
mod second_pass;
mod part;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Deserialize;
use tokio_postgres::SimpleQueryRow;

use crate::base::error::{Context, Error, Result};
use crate::base::shared_text::TextPool;
use crate::model::aspect::Aspect;
use crate::model::catalog;
use crate::model::hashing::DigestOn;
use crate::model::listing::{ListedRelation, Listing, ReadPlan};
use crate::model::manifest::{Column, EndpointFacts, Manifest, RelationKind};
use crate::model::name::Name;
use crate::model::progress::{Listener, Side};
use crate::model::selection::Selection;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, SessionOptions, optional, text};

pub use by_key::{KeyedRow, RowKey, TypedKeyColumn, read_keys, row_key};
use collect::Collected;
use foreign_keys::ForeignKey;
use jobs::{Pages, Queue};
pub use line_sql::ESCAPES;
pub use peer_state::PeerState;
use present::Present;
use share::Share;
pub use snapshot::HeldSnapshot;
use snapshot::ImportedSnapshot;

/// How a live database is read.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// Sessions that read at the same time, besides the one that holds the snapshot.
    pub jobs: usize,
    /// How long to wait for a lock, in seconds.
    pub lock_timeout_s: u32,
    /// How long an assertion may take, in seconds.
    pub assertion_timeout_s: u32,
    /// A session that receives no data for this many seconds is canceled. Foreign key checks and digests that the server makes may take
    /// [`FOREIGN_KEY_STALL_FACTOR`] times as long, since they return nothing until they end.
    pub stalled_after_s: u32,
    /// Checks of foreign keys may call functions that users of the database have made.
    pub allow_user_functions: bool,
    /// Where rows are hashed.
    pub digest_on: DigestOn,
    /// Names and definitions: the copy has nearly all of the source's, and a clone of these options shares them.
    pub texts: TextPool,
}

/// See [`LiveOptions::stalled_after_s`].
pub const FOREIGN_KEY_STALL_FACTOR: u32 = 24;
/// See [`LiveOptions::stalled_after_s`]: half an hour.
pub const STALLED_AFTER_S: u32 = 1800;

/// What is to be captured.
#[derive(Debug, Clone, Default)]
pub struct CaptureRequest {
    /// Relations whose rows are read, with their columns.
    pub plan: Arc<ReadPlan>,
    /// The tables and schemas that take part.
    pub selection: Selection,
    /// Kinds of schema objects that are not read.
    pub skipped_kinds: BTreeSet<String>,
    /// The user's checks: name and SQL.
    pub assertions: BTreeMap<String, String>,
}

/// A live database in one snapshot, which exists until this value is dropped.
pub struct Live {
    conninfo: ConnInfo,
    options: LiveOptions,
    side: Side,
    snapshot_session: Session,
    snapshot: String,
    /// Of another process, if it is.
    imported: Option<ImportedSnapshot>,
    listing: Listing,
    present: Present,
    heaps: BTreeSet<Name>,
    /// Whether the server makes the digests; set when the capture begins.
    is_digested_there: OnceLock<bool>,
    /// Relations whose true size is known.
    sized: BTreeSet<Name>,
    unpopulated: BTreeSet<Name>,
    foreign_keys: Result<Vec<ForeignKey>>,
    /// Relations that a query cannot be planned over without running a user's code, and why.
    planning: BTreeMap<Name, String>,
    sequences: Vec<Name>,
    taken_at: String,
    identity: String,
    is_standby: bool,
}

impl Live {
    /// Connects, exports a snapshot and lists relations, sequences and keys. `side` is for progress; `taken_at` is RFC 3339.
    ///
    /// # Errors
    /// No connection, or the catalog cannot be read.
    pub async fn open(conninfo: ConnInfo, options: LiveOptions, side: Side, taken_at: String) -> Result<Self> {
        let session = open_session(&conninfo, &options).await?;
        let exported = session.export_snapshot().await;
        let snapshot = exported.doing(|| format!("export a snapshot on {}", conninfo.describe()))?;
        Self::list_in(session, snapshot, None, (conninfo, options, side, taken_at)).await
    }

    async fn list_in(
        snapshot_session: Session,
        snapshot: String,
        imported: Option<ImportedSnapshot>,
        (conninfo, options, side, taken_at): (ConnInfo, LiveOptions, Side, String),
    ) -> Result<Self> {
        let describe = conninfo.describe();
        let mut live = Self {
            conninfo,
            options,
            side,
            snapshot_session,
            snapshot,
            imported,
            listing: Listing::default(),
            present: Present::default(),
            heaps: BTreeSet::new(),
            is_digested_there: OnceLock::new(),
            sized: BTreeSet::new(),
            unpopulated: BTreeSet::new(),
            foreign_keys: Ok(Vec::new()),
            planning: BTreeMap::new(),
            sequences: Vec::new(),
            taken_at,
            identity: String::new(),
            is_standby: false,
        };
        live.list().await.doing(|| format!("read the catalog of {describe}"))?;
        Ok(live)
    }

    async fn list(&mut self) -> Result<()> {
        let server = self.snapshot_session.row(IDENTITY).await?;
        (self.identity, self.is_standby) = (text(&server, 0)?, text(&server, 1)? == "t");
        self.present = self.present().await?;
        let sizes = self.sizes().await?;
        let (texts, mut listed) = (self.options.texts.clone(), Vec::new());
        let listing = self.snapshot_session.each_row(catalog::RELATIONS, |row| {
            listed.push(LiveRelation::from_row(&row, &sizes, &texts)?);
            Ok(())
        });
        listing.await.doing(|| "list relations")?;
        // Each from all at once: what grows name by name has nodes that are half empty.
        let names = |has: fn(&LiveRelation) -> bool| {
            listed.iter().filter(|relation| has(relation)).map(|relation| relation.name.clone()).collect()
        };
        self.unpopulated = names(|relation| !relation.is_populated);
        self.heaps = names(|relation| relation.is_heap);
        self.sized = names(|relation| relation.is_sized);
        self.listing.relations = listed.into_iter().map(|relation| (relation.name, relation.listed)).collect();
        for row in self.snapshot_session.rows(catalog::SEQUENCES).await.doing(|| "list sequences")? {
            self.sequences.push(Name::new(text(&row, 0)?, text(&row, 1)?));
        }
        if self.present.has_functions() && !self.options.allow_user_functions {
            self.planning = self.list_planning().await?;
        }
        self.listing.names = self.names().await.doing(|| "list names")?;
        if self.present.has_foreign_keys() {
            self.foreign_keys = self.list_foreign_keys().await;
        }
        Ok(())
    }

    /// True sizes by OID. Without them the work is only spread less evenly.
    async fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        let Ok(rows) = self.guarded(catalog::SIZES).await? else { return Ok(BTreeMap::new()) };
        let size = |row: &SimpleQueryRow| Some((optional(row, 0)?, optional(row, 1)?.parse().ok()?));
        Ok(rows.iter().filter_map(size).collect())
    }

    /// Runs an optional query inside a savepoint, so that its failure does not abort the snapshot transaction. Outer error: the
    /// session is lost. Inner error: the server refused the query.
    async fn guarded(&self, sql: &str) -> Result<Result<Vec<SimpleQueryRow>>> {
        self.snapshot_session.execute("SAVEPOINT guarded").await?;
        let rows = self.snapshot_session.rows(sql).await;
        let end = if rows.is_ok() { "RELEASE SAVEPOINT guarded" } else { "ROLLBACK TO SAVEPOINT guarded" };
        self.snapshot_session.execute(end).await?;
        Ok(rows)
    }

    async fn list_foreign_keys(&self) -> Result<Vec<ForeignKey>> {
        let sql = catalog::foreign_keys(self.present.has_functions());
        let rows = self.guarded(&sql).await?.doing(|| "list foreign keys")?;
        rows.iter().map(ForeignKey::from_row).collect()
    }

    async fn list_planning(&self) -> Result<BTreeMap<Name, String>> {
        let mut found = BTreeMap::new();
        for row in self.snapshot_session.rows(catalog::PLANNING).await.doing(|| "list what planning evaluates")? {
            let (tree, function, operator) = (text(&row, 2)?, text(&row, 3)?, optional(&row, 4));
            if text(&row, 6)? == "t"
                || constant_folding::calls_with_constants_only(&tree, &function, operator.as_deref())
            {
                let printed = text(&row, 5)?;
                let name = Name::new(text(&row, 0)?, text(&row, 1)?);
                found.insert(name, format!("an index, statistics or a partition key makes the planner call {printed}"));
            }
        }
        Ok(found)
    }

    /// Why a key is not checked; `None` if it is.
    fn unsafe_because(&self, key: &ForeignKey) -> Option<String> {
        if self.options.allow_user_functions {
            return None;
        }
        key.unsafe_because(&self.planning).map(|reason| refused_code(&reason))
    }

    /// The relations and their columns.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// The snapshot's identifier for `pg_dump --snapshot`, valid while this value exists.
    pub fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// The server that exported the snapshot (a host name may stand for several), with the database.
    pub fn server(&self) -> &ConnInfo {
        self.snapshot_session.conninfo()
    }

    /// Major version of the server.
    pub fn major(&self) -> u32 {
        self.snapshot_session.major()
    }

    /// Checks that the snapshot still exists. A dump made with `--snapshot` is consistent with our reads only if this succeeds
    /// afterwards.
    ///
    /// # Errors
    /// The session that exported the snapshot is lost.
    pub async fn check_snapshot(&self) -> Result<()> {
        self.snapshot_alive().await
    }

    /// Warnings about the connection string.
    pub fn warnings(&self) -> &[String] {
        self.conninfo.warnings()
    }

    /// A text that identifies this database on its running server.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Where this was read.
    pub fn facts(&self) -> EndpointFacts {
        EndpointFacts {
            kind: "live database".into(),
            description: self.conninfo.describe(),
            server_version: Some(self.snapshot_session.server_version().to_owned()),
            peer: Some(self.peer_state().text().to_owned()),
            settings: self.settings(),
            taken_at: self.taken_at.clone(),
            is_standby: self.is_standby,
        }
    }

    /// How the connection is protected.
    pub fn peer_state(&self) -> PeerState {
        PeerState::of(*self.snapshot_session.peer())
    }

    /// The encoding in which rows are read: `UTF8`, or `SQL_ASCII` for the unconverted bytes of such a database.
    pub fn encoding(&self) -> &str {
        self.snapshot_session.settings().get("client_encoding").map_or("UTF8", String::as_str)
    }

    /// The settings of the sessions, and whether users' functions were allowed.
    fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = self.snapshot_session.settings().clone();
        if self.options.allow_user_functions {
            settings.insert("allow_user_functions".into(), "on".into());
        }
        settings
    }

    /// Reads everything asked for.
    ///
    /// # Errors
    /// Only when not a single session can be opened; everything else is in the manifest, with the reason.
    pub async fn capture(&self, request: &CaptureRequest, listener: &Listener) -> Result<Manifest> {
        self.capture_share(request, &Share::EVERYTHING, listener).await
    }

    async fn capture_share(&self, request: &CaptureRequest, share: &Share, listener: &Listener) -> Result<Manifest> {
        self.choose_where_to_digest(&request.plan, listener).await?;
        let jobs = self.jobs(request, share);
        let collected = Arc::new(Collected::new(self, request, share, &jobs, Arc::clone(listener)));
        let bytes = request.plan.keys().filter_map(|name| self.listing.relations.get(name)).map(|listed| listed.bytes);
        let parts = share.part().map_or(1, |part| u64::from(part.of));
        collected.planned(request.plan.len(), bytes.sum::<u64>() / parts);
        worker::run_all(self, Queue::new(jobs), &collected).await?;
        Collected::into_manifest(collected, self)
    }

    /// The columns that are read to compare stored generated columns, where the relation has some.
    fn computed_columns(&self, name: &Name, columns: &[String]) -> Option<Vec<String>> {
        self.listing.relations.get(name)?.computed_columns(columns)
    }

    /// The statement that prints some of its rows.
    ///
    /// # Errors
    /// When it has to be planned, and that would run a user's code; when the condition of an extension's table is refused.
    fn rows_sql(&self, name: &Name, columns: &[String], pages: Pages) -> Result<String> {
        let sql = self.rows_statement(name, columns, pages)?;
        match self.planning.get(name) {
            Some(reason) if sql.starts_with("COPY (") => Err(Error::new(refused_code(reason))),
            _ => Ok(sql),
        }
    }

    fn rows_statement(&self, name: &Name, columns: &[String], pages: Pages) -> Result<String> {
        let Some(listed) = self.listing.relations.get(name) else { return Err(Error::new("it was not listed")) };
        if let Some(config) = &listed.config {
            return match &config.refused {
                None => Ok(read::config_sql(name, columns, &config.condition)),
                Some(reason) => Err(Error::new(reason)),
            };
        }
        let is_copied =
            |name: &String| !listed.columns.iter().any(|column| column.is_generated && *name == column.name);
        Ok(read::rows_sql(name, listed.kind == RelationKind::Table && columns.iter().all(is_copied), columns, pages))
    }

    /// Opens a further session in the same snapshot.
    ///
    /// # Errors
    /// No connection, or the snapshot is lost.
    pub async fn session(&self) -> Result<Session> {
        let session = open_session(self.snapshot_session.conninfo(), &self.options).await?;
        let joined = session.join(&self.snapshot).await;
        // The identifier is unique only while its session exists: after a server restart it may identify another snapshot.
        self.snapshot_alive().await?;
        joined.map(|()| session)
    }

    async fn snapshot_alive(&self) -> Result<()> {
        self.snapshot_session.ping().await.doing(|| "the session that held the snapshot was lost")
    }

    /// All aspects of a database; large objects only when they take part.
    fn answers(selection: &Selection) -> BTreeSet<Aspect> {
        let has_large_objects = selection.has_large_objects();
        let left_out = |aspect: &Aspect| match aspect {
            Aspect::Files => true,
            Aspect::LargeObjects => !has_large_objects,
            _ => false,
        };
        Aspect::ALL.into_iter().filter(|aspect| !left_out(aspect)).collect()
    }
}

/// Not the system identifier: a physical copy has the same.
const IDENTITY: &str = "SELECT concat_ws(' ', d.oid, d.datname, pg_catalog.pg_postmaster_start_time(), current_setting('port')), \
    pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

async fn open_session(conninfo: &ConnInfo, options: &LiveOptions) -> Result<Session> {
    let mut session = Session::open(conninfo, &SessionOptions { lock_timeout_s: options.lock_timeout_s }).await?;
    session.set_stalled_after(Duration::from_secs(options.stalled_after_s.into()));
    Ok(session)
}

/// Error text for a check that would run a user's function.
fn refused_code(reason: &str) -> String {
    format!(
        "{reason}: this code belongs neither to PostgreSQL, a superuser, an extension nor the reading role, and would run with the \
         rights of the reading role; --allow-user-functions (verify.allow_user_functions) permits it"
    )
}

/// A relation as `checks/data/relations.sql` lists it.
struct LiveRelation {
    name: Name,
    is_populated: bool,
    is_heap: bool,
    /// Its true size is known.
    is_sized: bool,
    listed: ListedRelation,
}

impl LiveRelation {
    fn from_row(row: &SimpleQueryRow, sizes: &BTreeMap<String, u64>, texts: &TextPool) -> Result<Self> {
        let name = Name::new(texts.share(&text(row, 0)?), texts.share(&text(row, 1)?));
        let kind = match text(row, 2)?.as_str() {
            "r" => RelationKind::Table,
            "m" => RelationKind::MaterializedView,
            "f" => RelationKind::ForeignTable,
            other => return Err(Error::new(format!("{name} has the unknown relkind {other:?}"))),
        };
        let estimate = text(row, 6)?.parse().unwrap_or(0);
        let size = sizes.get(&text(row, 5)?).copied();
        let listed = ListedRelation {
            kind,
            columns: json::<Vec<[String; 3]>>(row, 10)?.iter().map(|printed| column(printed, texts)).collect(),
            key: json::<Box<[String]>>(row, 9)?.into(),
            is_unlogged: text(row, 3)? == "t",
            extension: optional(row, 8),
            bytes: size.unwrap_or(estimate),
            fixed: None,
            can_have_rows: true,
            config: optional(row, 11)
                .map(|text| Box::new(condition::config(text, optional(row, 12).as_deref() == Some("t")))),
            is_undefined: false,
        };
        let (is_populated, is_heap) = (text(row, 4)? == "t", text(row, 7)? == "t");
        Ok(Self { name, is_populated, is_heap, is_sized: size.is_some(), listed })
    }
}

/// Name, type, and `attgenerated`: empty, `s` (stored) or `v` (virtual).
fn column([name, type_name, generated]: &[String; 3], texts: &TextPool) -> Column {
    let (name, type_name) = (texts.share(name), texts.share(type_name));
    Column { name, type_name, is_generated: !generated.is_empty(), is_virtual: generated == "v" }
}

fn json<T: for<'de> Deserialize<'de>>(row: &SimpleQueryRow, index: usize) -> Result<T> {
    serde_json::from_str(&text(row, index)?).map_err(|error| Error::from_source(&error))
}
