//! The manifest: the contents of one endpoint in one snapshot.
//!
//! Keyed by names, never by OID; equal manifests are equal bytes. What could not be read is in it too, with the reason, so that it
//! cannot be taken for "nothing there".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::marked::MarkedText;
use crate::base::shared_text::SharedText;
use crate::base::text::grouped_noun;
use crate::model::aspect::Aspect;
use crate::model::digest::{RowDigest, TableDigest};
use crate::model::name::Name;
use crate::model::sketch::{Difference, MIN_LOG2, Sketch};
use crate::model::subject::Subject;

/// The stored form's version. Readers refuse versions they do not know and read all older ones.
pub const FORMAT: u32 = 2;

/// The contents of one endpoint in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Where it was read.
    pub endpoint: EndpointFacts,
    /// What this kind of endpoint can answer at all.
    pub answers: BTreeSet<Aspect>,
    /// Everything that holds rows of its own: tables, partitions, materialized views; foreign tables by name only.
    #[serde(with = "keyed")]
    pub relations: BTreeMap<Name, Relation>,
    /// Large objects, as rows of (oid, chunk, bytes).
    pub large_objects: Observed<Tally>,
    /// State of every sequence.
    #[serde(with = "keyed")]
    pub sequences: BTreeMap<Name, Observed<SequenceValue>>,
    /// Definitions.
    pub schema: Schema,
    /// Violations by foreign key, keyed by table and constraint as printed.
    pub foreign_keys: BTreeMap<String, Observed<Violations>>,
    /// Results of the user's own checks, by name.
    pub assertions: BTreeMap<String, Observed<Violations>>,
    /// What patterns need to know of the names.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub names: Names,
}

/// Names that patterns can mean, besides the relations with rows of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Schemas in which a name without a schema is looked up, in order. `None`: not known, as of a dump.
    pub search_path: Option<Vec<String>>,
    /// Partitioned tables, views and sequences.
    pub others: BTreeSet<Name>,
    /// The partitioned table of each partition.
    #[serde(with = "keyed")]
    pub partitions: BTreeMap<Name, Name>,
}

impl Names {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Manifest {
    /// Of a side that was never read.
    pub fn not_read(description: String) -> Self {
        Self {
            format: FORMAT,
            endpoint: EndpointFacts { kind: "not read".into(), description, ..Default::default() },
            answers: Default::default(),
            relations: Default::default(),
            large_objects: Observed::Unseen("not read".into()),
            sequences: Default::default(),
            schema: Schema::default(),
            foreign_keys: Default::default(),
            assertions: Default::default(),
            names: Default::default(),
        }
    }

    /// Notes in the facts where the rows were hashed, by what has a sketch: `server: 12 tables, client: 3 tables`. Tables without
    /// rows do not count.
    pub fn note_digest_places(&mut self) {
        let seen = self.relations.values().filter_map(|relation| relation.rows.seen());
        let (server, client): (Vec<_>, Vec<_>) =
            seen.filter(|tally| tally.digest.rows > 0).partition(|tally| tally.sketch.is_none());
        let tables = |some: Vec<&Tally>| grouped_noun(some.len() as u64, "table");
        let places = match (server.is_empty(), client.is_empty()) {
            (true, _) => "client".to_owned(),
            (false, true) => "server".to_owned(),
            (false, false) => format!("server: {}, client: {}", tables(server), tables(client)),
        };
        self.endpoint.settings.insert(DIGEST_ON.into(), places);
    }

    /// Everything that was asked for and could not be looked at, with the reason.
    pub fn unseen(&self) -> Vec<String> {
        let mut unseen = Vec::new();
        for (name, relation) in self.relations.iter().filter(|(_, relation)| !relation.read_columns.is_empty()) {
            note(&mut unseen, Subject::new("rows", name), &relation.rows);
            if let Some(computed) = &relation.computed {
                note(&mut unseen, Subject::new("generated columns", name), &computed.rows);
            }
        }
        if self.answers.contains(&Aspect::LargeObjects) {
            note(&mut unseen, Subject::LARGE_OBJECTS.into(), &self.large_objects);
        }
        self.sequences.iter().for_each(|(name, value)| note(&mut unseen, Subject::new("sequence", name), value));
        unseen.extend(self.schema.unseen.iter().map(|(kind, reason)| format!("schema {kind}: {}", reason.full())));
        self.foreign_keys
            .iter()
            .for_each(|(name, result)| note(&mut unseen, Subject::new("foreign_key", name), result));
        self.assertions.iter().for_each(|(name, result)| note(&mut unseen, Subject::new("assertion", name), result));
        unseen
    }
}

fn note<T>(unseen: &mut Vec<String>, object: Subject, observed: &Observed<T>) {
    if let Observed::Unseen(reason) = observed {
        unseen.push(format!("{object}: {}", reason.full()));
    }
}

/// Key in [`EndpointFacts::settings`]: where the rows were hashed, unless it was the client as a matter of course. No setting of
/// a server: the digests are the same.
pub const DIGEST_ON: &str = "digest_on";

/// Where a manifest was read. No passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointFacts {
    /// `live database` or `dump`: printed in messages.
    pub kind: String,
    /// The connection string without password, or the path.
    pub description: String,
    /// `server_version`, when known.
    pub server_version: Option<String>,
    /// How the connection was protected, in words, for instance `encrypted, identity verified`.
    pub peer: Option<String>,
    /// The settings that the session was pinned to, as read back from the server.
    pub settings: BTreeMap<String, String>,
    /// When the snapshot was exported, RFC 3339, by our clock; of a snapshot that another process exported, when its transaction began,
    /// by the server's clock.
    pub taken_at: String,
    /// The server was in recovery: its sequences may be ahead of the primary's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_standby: bool,
}

/// A result, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed<T> {
    /// The result.
    Seen(T),
    /// Why it could not be read.
    Unseen(MarkedText),
}

impl<T> Observed<T> {
    /// The result, if there is one.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Unseen(_) => None,
        }
    }

    /// The same, to change it.
    pub fn seen_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Unseen(_) => None,
        }
    }

    /// Why it is not known.
    pub(crate) fn reason_mut(&mut self) -> Option<&mut MarkedText> {
        match self {
            Self::Seen(_) => None,
            Self::Unseen(reason) => Some(reason),
        }
    }
}

/// What a relation is, as far as its rows are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// A table or a leaf partition.
    Table,
    /// Derived data: a dump contains the query, not the rows.
    MaterializedView,
    /// Its rows are on another server.
    ForeignTable,
}

/// One relation and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// What it is.
    pub kind: RelationKind,
    /// Columns in attribute order, dropped ones left out.
    pub columns: Arc<[Column]>,
    /// Columns of the primary key, empty when there is none.
    pub key: Vec<String>,
    /// An RDS snapshot never holds the rows of an unlogged table.
    pub is_unlogged: bool,
    /// The extension that it belongs to: a dump does not carry its rows.
    pub extension: Option<String>,
    /// Names of the columns that were read, in the order of the row line.
    pub read_columns: Arc<[String]>,
    /// Its rows.
    pub rows: Observed<Tally>,
    /// Its rows with their stored generated columns, where it has some and the endpoint can read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Box<Computed>>,
    /// A table of an extension whose rows a dump carries: `pg_extension.extconfig` names it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_config: bool,
    /// A dump has rows of it but no definition, as of the tables of extensions.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_undefined: bool,
    /// A dump holds its rows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_dumped: bool,
}

/// Rows with their stored generated columns: of the same rows, other values were generated where only this differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Computed {
    /// Names of the columns that were read: those of the row line, then the generated ones.
    pub columns: Arc<[String]>,
    /// Count, sum and sketch of these lines.
    pub rows: Observed<Tally>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Raw name.
    pub name: SharedText,
    /// As `format_type` prints it.
    pub type_name: SharedText,
    /// Generated columns are computed, not copied.
    pub is_generated: bool,
    /// A generated column that is computed whenever it is read: its values are never asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_virtual: bool,
}

/// Digest and sketch of a set of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Count and sum.
    pub digest: TableDigest,
    /// Cells from which differences are decoded. `None`: the server added the digest up; nothing can be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sketch: Option<Sketch>,
}

impl Tally {
    /// No rows yet; the sketch has 3 × 2^`log2` cells.
    pub fn new(log2: u8) -> Self {
        Self { digest: TableDigest::default(), sketch: Some(Sketch::new(log2)) }
    }

    /// Of a digest alone. Only the sketch of no rows is known.
    pub fn of_digest(digest: TableDigest) -> Self {
        Self { digest, sketch: (digest == TableDigest::default()).then(|| Sketch::new(MIN_LOG2)) }
    }

    /// Adds one row.
    #[inline]
    pub fn add(&mut self, row: RowDigest) {
        self.digest.add(row);
        if let Some(sketch) = &mut self.sketch {
            sketch.add(row);
        }
    }

    /// Adds a disjoint part. The sum has a sketch if both parts have one.
    pub fn merge(&mut self, other: &Self) {
        if self.digest.rows == 0 {
            *self = other.clone();
        } else if other.digest.rows > 0 {
            self.digest += other.digest;
            self.sketch = self.sketch.take().zip(other.sketch.as_ref()).map(|(mut sum, part)| {
                sum.merge(part);
                sum
            });
        }
    }

    /// Folds the sketch: see [`Sketch::fold`].
    pub fn fold(&mut self, log2: u8) {
        if let Some(sketch) = &mut self.sketch {
            sketch.fold(log2);
        }
    }

    /// Expected minus actual, decoded. Without a sketch on either side the result is incomplete: never "no difference".
    pub fn difference(expected: &Self, actual: &Self) -> Difference {
        let sketches = expected.sketch.as_ref().zip(actual.sketch.as_ref());
        sketches.map_or_else(Difference::default, |(expected, actual)| Sketch::difference(expected, actual))
    }
}

/// State of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceValue {
    /// `last_value`, as text: it may exceed what JSON readers hold exactly.
    #[serde(with = "as_text")]
    pub last_value: i64,
    /// Whether nextval has returned `last_value`: (1, false) and (1, true) are different states.
    pub is_called: bool,
}

/// Definitions of the objects of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// By kind (the stem of the file in `checks/catalog`), then by identity.
    pub objects: BTreeMap<String, BTreeMap<SharedText, Definition>>,
    /// Kinds that could not be read, with the reason.
    pub unseen: BTreeMap<String, MarkedText>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The complete definition.
    pub text: SharedText,
    /// Raw name of the schema that it lives in.
    pub schema: Option<SharedText>,
    /// Raw name of the relation that it belongs to.
    pub relation: Option<SharedText>,
}

/// Rows that violate a foreign key or an assertion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violations {
    /// Exact number.
    #[serde(with = "crate::base::count")]
    pub rows: u64,
    /// A few of them, as `column=value` texts.
    pub sample: Vec<String>,
}

/// Maps keyed by [`Name`] are stored as lists of pairs: a JSON key would need parsing.
mod keyed {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use crate::model::name::Name;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct MapEntry<N, V> {
        name: N,
        value: V,
    }

    pub fn serialize<S: Serializer, V: Serialize>(map: &BTreeMap<Name, V>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter().map(|(name, value)| MapEntry { name, value }))
    }

    pub fn deserialize<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Name, V>, D::Error> {
        let entries = Vec::<MapEntry<Name, V>>::deserialize(deserializer)?;
        let count = entries.len();
        let map: BTreeMap<Name, V> = entries.into_iter().map(|entry| (entry.name, entry.value)).collect();
        if map.len() == count { Ok(map) } else { Err(de::Error::custom("a name appears twice")) }
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
