//! An endpoint: a live database, a dump or a saved manifest behind one interface, so that any two can be compared.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::base::shared_text::SharedText;
use crate::endpoint::dump::Dump;
use crate::endpoint::dump_reader::DumpReader;
use crate::endpoint::live::{CaptureRequest, Live, LiveOptions, PeerState};
use crate::model::hashing::{Accumulator, Purpose};
use crate::model::listing::{ListedRelation, Listing};
use crate::model::manifest::{Definition, Manifest, RelationKind, SequenceValue};
use crate::model::name::Name;
use crate::model::progress::{Listener, Side};
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::tools::{CLIENT, PgTools};
use crate::storage::reports;

/// How endpoints are opened.
#[derive(Clone)]
pub struct OpenOptions<'a> {
    /// For live databases.
    pub live: LiveOptions,
    /// The directory of PostgreSQL's programs; `None` searches the usual ones.
    pub pg_bindir: Option<PathBuf>,
    /// Reads an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Now, RFC 3339.
    pub taken_at: String,
}

/// A live database, a dump archive or a saved manifest.
pub enum Endpoint {
    /// A live database in one snapshot.
    Live(Box<Live>),
    /// A dump made by pg_dump.
    Dump(Box<Dump>),
    /// A manifest that an earlier run has saved.
    Saved(Box<Manifest>),
    /// A live database or a dump that has been captured already, and can still be read again.
    Captured(Box<Endpoint>, Box<Manifest>),
}

/// What a further pass reads.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// A relation.
    Relation(&'a Name),
    /// The large objects.
    LargeObjects,
}

impl Endpoint {
    /// Opens what a command line names: a connection string, or the path of a dump or of a saved manifest.
    ///
    /// # Errors
    /// When it is none of them, or cannot be opened.
    pub async fn open(text: &str, side: Side, options: &OpenOptions<'_>) -> Result<Self> {
        let opened = if ConnInfo::is_connection_string(text) {
            Self::open_live(text, side, options).await
        } else {
            Self::open_path(Path::new(text), side, options).await
        };
        opened.doing(|| format!("open the {side} side"))
    }

    async fn open_live(text: &str, side: Side, options: &OpenOptions<'_>) -> Result<Self> {
        let conninfo = ConnInfo::resolve(text, options.environment)?;
        let live = Live::open(conninfo, options.live.clone(), side, options.taken_at.clone()).await?;
        Ok(Self::Live(Box::new(live)))
    }

    async fn open_path(path: &Path, side: Side, options: &OpenOptions<'_>) -> Result<Self> {
        if !path.exists() {
            return Err(no_such_endpoint(path).hint("name a database as postgresql://user@host/name or dbname=name"));
        }
        if reports::is_report_directory(path) {
            let error = Error::new(format!("{} is a report: it has two manifests", path.display()));
            return Err(error.hint("name expected.manifest.json or actual.manifest.json in it"));
        }
        let is_named_so = path.extension().is_some_and(|extension| extension == "json");
        if is_named_so || reports::is_json(path) {
            return Ok(Self::Saved(Box::new(reports::load_manifest_sharing(path, &options.live.texts)?)));
        }
        if DumpReader::detect(path)?.is_none() {
            let error = Error::new(format!("{} is neither a dump nor a saved manifest", path.display()));
            return Err(error.hint("a dump is what pg_dump writes: -Fc, -Fd, -Ft or plain SQL"));
        }
        let path_variable = (options.environment)("PATH");
        let tools = PgTools::find(options.pg_bindir.as_deref(), path_variable.as_deref(), CLIENT)?;
        let dump = Dump::open(path, &tools, options.live.jobs, side, options.taken_at.clone()).await?;
        dump.check_is_whole()?;
        Ok(Self::Dump(Box::new(dump)))
    }

    /// A live database that has not been captured yet.
    pub fn live(&self) -> Option<&Live> {
        match self {
            Self::Live(live) => Some(live),
            Self::Dump(_) | Self::Saved(_) | Self::Captured(..) => None,
        }
    }

    /// The relations of this endpoint and their columns, before any row is read.
    pub fn listing(&self) -> Cow<'_, Listing> {
        match self {
            Self::Live(live) => Cow::Borrowed(live.listing()),
            Self::Dump(dump) => Cow::Borrowed(dump.listing()),
            Self::Saved(manifest) | Self::Captured(_, manifest) => Cow::Owned(saved_listing(manifest)),
        }
    }

    /// Whether rows can be read from it, and not only what was saved of them.
    pub fn has_rows(&self) -> bool {
        match self {
            Self::Live(_) | Self::Dump(_) => true,
            Self::Captured(inner, _) => inner.has_rows(),
            Self::Saved(_) => false,
        }
    }

    /// Whether it is a live database, whose rows the server can hash too.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Live(_) => true,
            Self::Captured(inner, _) => inner.is_live(),
            Self::Dump(_) | Self::Saved(_) => false,
        }
    }

    /// What the user should know of this side beside the result.
    pub fn remarks(&self, side: Side) -> Vec<MarkedText> {
        let live = match self {
            Self::Live(live) => live,
            Self::Captured(inner, _) => return inner.remarks(side),
            Self::Dump(_) | Self::Saved(_) => return Vec::new(),
        };
        let unproven = (live.peer_state() == PeerState::NotVerified).then(|| {
            format!("{side}: the server's identity was not verified: use sslmode=verify-full with sslrootcert")
        });
        let warnings = live.warnings().iter().map(|warning| format!("{side}: {warning}"));
        warnings.chain(unproven).map(MarkedText::from).collect()
    }

    /// The version of pg_restore that reads it; only a dump has one.
    pub fn pg_restore(&self) -> Option<&str> {
        match self {
            Self::Dump(dump) => Some(dump.pg_restore_version()),
            Self::Captured(inner, _) => inner.pg_restore(),
            Self::Live(_) | Self::Saved(_) => None,
        }
    }

    /// The current values of the sequences of a live database; empty for other endpoints.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn sequence_values(&self) -> Result<BTreeMap<Name, SequenceValue>> {
        match self {
            Self::Live(live) => live.sequence_values().await,
            Self::Captured(inner, _) => Box::pin(inner.sequence_values()).await,
            Self::Dump(_) | Self::Saved(_) => Ok(BTreeMap::new()),
        }
    }

    /// The current definitions of these kinds in a live database; `None` for other endpoints and when they cannot be read.
    pub async fn definitions_now(
        &self,
        kinds: &BTreeSet<&str>,
    ) -> Option<BTreeMap<String, BTreeMap<SharedText, Definition>>> {
        match self {
            Self::Live(live) => live.definitions_now(kinds).await.ok(),
            Self::Captured(inner, _) => Box::pin(inner.definitions_now(kinds)).await,
            Self::Dump(_) | Self::Saved(_) => None,
        }
    }

    /// Checks that the snapshot of a live database still exists: a dump made with it counts only then.
    ///
    /// # Errors
    /// The snapshot is lost.
    pub async fn check_snapshot(&self) -> Result<()> {
        match self {
            Self::Live(live) => live.check_snapshot().await,
            Self::Captured(inner, _) => Box::pin(inner.check_snapshot()).await,
            Self::Dump(_) | Self::Saved(_) => Ok(()),
        }
    }

    /// A text that identifies this database, dump or manifest: two endpoints with the same identity are one.
    pub fn identity(&self) -> Option<String> {
        match self {
            Self::Live(live) => Some(live.identity().to_owned()),
            Self::Dump(dump) => dump.identity(),
            Self::Captured(inner, _) => inner.identity(),
            Self::Saved(manifest) => {
                let facts = &manifest.endpoint;
                Some(format!("saved {} {} {}", facts.kind, facts.description, facts.taken_at))
            }
        }
    }

    /// Reads everything that the request asks for; a saved manifest is returned unchanged.
    ///
    /// # Errors
    /// No session at all, or a dump that is damaged.
    pub async fn capture(&self, request: &CaptureRequest, listener: &Listener) -> Result<Cow<'_, Manifest>> {
        match self {
            Self::Live(live) => live.capture(request, listener).await.map(Cow::Owned),
            Self::Dump(dump) => dump.capture(&request.plan, listener).await.map(Cow::Owned),
            Self::Saved(manifest) | Self::Captured(_, manifest) => Ok(Cow::Borrowed(manifest.as_ref())),
        }
    }

    /// One more pass over a relation or the large objects, in the same snapshot.
    ///
    /// # Errors
    /// When it cannot be read again; a saved manifest never can.
    pub async fn scan(&self, target: Target<'_>, columns: &[String], purpose: &Purpose) -> Result<Accumulator> {
        match (self, target) {
            (Self::Live(live), Target::Relation(name)) => live.scan(name, columns, purpose).await,
            (Self::Live(live), Target::LargeObjects) => live.scan_large_objects(purpose).await,
            (Self::Dump(dump), Target::Relation(name)) => dump.scan(Some(name), columns, purpose).await,
            (Self::Dump(dump), Target::LargeObjects) => dump.scan(None, columns, purpose).await,
            (Self::Captured(inner, _), _) => Box::pin(inner.scan(target, columns, purpose)).await,
            (Self::Saved(_), _) => Err(Error::new("a saved manifest holds digests, not rows")),
        }
    }
}

/// A path that looks like a mistyped connection string is not repeated: it may hold a password.
fn no_such_endpoint(path: &Path) -> Error {
    let text = path.to_string_lossy();
    let may_be_secret = ["@", "://", "="].iter().any(|sign| text.contains(sign));
    if may_be_secret {
        Error::new("it is not a connection string, and there is no file of that name")
    } else {
        Error::new(format!("there is no file {text}, and it is not a connection string"))
    }
}

fn saved_listing(manifest: &Manifest) -> Listing {
    let listed = |(name, relation): (&Name, &crate::model::manifest::Relation)| {
        let listed = ListedRelation {
            kind: relation.kind,
            columns: relation.columns.clone(),
            key: relation.key.clone(),
            is_unlogged: relation.is_unlogged,
            extension: relation.extension.clone(),
            bytes: 0,
            fixed: Some(relation.read_columns.clone()),
            // Of a dump's manifest, what the dump could not hold.
            can_have_rows: relation.kind == RelationKind::Table || !relation.columns.is_empty(),
            config: None,
            is_undefined: relation.is_undefined,
        };
        (name.clone(), listed)
    };
    Listing { relations: manifest.relations.iter().map(listed).collect(), names: manifest.names.clone() }
}
