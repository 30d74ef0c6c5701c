//! Findings, unchecked entries and waivers: the results of a comparison.
//!
//! A finding is a difference that was seen. Something that could not be read is an unchecked entry, never a finding.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::marked::MarkedText;
use crate::model::subject::Subject;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Expected has the object, actual has not.
    Missing,
    /// Actual has the object, expected has not.
    Unexpected,
    /// The number of rows differs.
    RowCount,
    /// The same number of rows, other content.
    RowContent,
    /// Large objects differ.
    LargeObjects,
    /// State of a sequence differs.
    SequenceValue,
    /// Both have the object, its definition differs.
    Changed,
    /// The same columns in another order.
    ColumnOrder,
    /// Rows violate a foreign key.
    ForeignKey,
    /// A check of the user's returned rows.
    Assertion,
    /// Between two runs, a table has changed in a way that a rule forbids.
    Drift,
    /// The same rows, but a stored generated column holds other values.
    Generated,
    /// Files that belong to the database are missing, or have other content.
    FileContent,
    /// The same files with other permissions.
    FileMode,
}

impl FindingKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Missing,
        Self::Unexpected,
        Self::RowCount,
        Self::RowContent,
        Self::LargeObjects,
        Self::SequenceValue,
        Self::Changed,
        Self::ColumnOrder,
        Self::ForeignKey,
        Self::Assertion,
        Self::Drift,
        Self::Generated,
        Self::FileContent,
        Self::FileMode,
    ];

    /// As reports, waivers and `-- expect:` lines spell it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::RowCount => "row_count",
            Self::RowContent => "row_content",
            Self::LargeObjects => "large_objects",
            Self::SequenceValue => "sequence_value",
            Self::Changed => "changed",
            Self::ColumnOrder => "column_order",
            Self::ForeignKey => "foreign_key",
            Self::Assertion => "assertion",
            Self::Drift => "drift",
            Self::Generated => "generated",
            Self::FileContent => "file_content",
            Self::FileMode => "file_mode",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A difference that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The object: `shop.orders`, `index shop.orders_member_idx`.
    pub object: Subject,
    /// The expected state, if it is a short text.
    pub expected: Option<String>,
    /// The actual state.
    pub actual: Option<String>,
    /// Further lines for people: folded objects, samples of violating rows. They hold values, as both sides may.
    pub detail: Vec<String>,
    /// Which rows, when rows differ.
    pub rows: Option<RowDifference>,
    /// Set if the cause is the restore server or pg_dump. It is a finding nevertheless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// The cause of a difference that is not damage of the dump: the restore server or pg_dump.
///
/// A finding or an unchecked entry with a limit counts for the verdict, but the dump can be proven nevertheless: see "Proven dump" in
/// the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// pg_dump writes `CREATE EXTENSION` without a version: the server installs the version that it has.
    ExtensionVersion,
    /// Each server records the version of its own collation library.
    CollationVersion,
    /// The restore server has no such tablespace, or pg_restore ran with `--no-tablespaces`.
    Tablespace,
    /// The restore role may not give the object to its owner.
    Owner,
    /// The restore role may not grant the privilege, or the grantee does not exist on the restore server.
    Privilege,
    /// Event triggers fired during the restore.
    EventTrigger,
    /// Rows that the restore computes: materialized views, generated columns.
    DerivedRows,
    /// pg_dump leaves out an index that is not valid.
    InvalidIndex,
    /// The restore server cannot create an extension, or what depends on it.
    Extension,
    /// Only a superuser may create the object, or what it depends on.
    Superuser,
    /// The source itself has recorded another version of a collation than its library has.
    SourceCollation,
    /// pg_dump writes no statement for it, or the server's own answer to a statement takes it away.
    NotDumped,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::ExtensionVersion,
        Self::CollationVersion,
        Self::Tablespace,
        Self::Owner,
        Self::Privilege,
        Self::EventTrigger,
        Self::DerivedRows,
        Self::InvalidIndex,
        Self::Extension,
        Self::Superuser,
        Self::SourceCollation,
        Self::NotDumped,
    ];

    /// Whether the cause is the source or pg_dump: no other restore server would help.
    pub fn is_of_source(self) -> bool {
        matches!(self, Self::InvalidIndex | Self::SourceCollation | Self::NotDumped)
    }
}

/// As printed in a sentence: `extension version`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExtensionVersion => "extension version",
            Self::CollationVersion => "collation version",
            Self::Tablespace => "tablespace",
            Self::Owner => "owner",
            Self::Privilege => "privilege",
            Self::EventTrigger => "effect of an event trigger",
            Self::DerivedRows => "derived rows",
            Self::InvalidIndex => "invalid index",
            Self::Extension => "extension that it cannot create",
            Self::Superuser => "object that only a superuser may create",
            Self::SourceCollation => "collation version that the library no longer has",
            Self::NotDumped => "property that pg_dump does not carry",
        })
    }
}

impl Finding {
    /// A finding without details.
    pub fn new(kind: FindingKind, object: impl Into<Subject>) -> Self {
        Self { kind, object: object.into(), expected: None, actual: None, detail: Vec::new(), rows: None, limit: None }
    }

    /// Kind and identity of a schema object that is missing, unexpected or changed. The object of any other finding is a name, and that
    /// of a user's check may look like both.
    pub fn schema_object(&self) -> Option<(&str, &str)> {
        let is_of_schema = matches!(self.kind, FindingKind::Missing | FindingKind::Unexpected | FindingKind::Changed);
        self.object.parts().filter(|_| is_of_schema)
    }

    /// Whether the other one is the same difference, as another comparison shows it.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.kind, &self.object) == (other.kind, &other.object)
    }

    /// Sets the expected and the actual state.
    #[must_use]
    pub fn sides(mut self, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.actual = Some(actual.into());
        self
    }
}

/// `row_count shop.orders`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.object)
    }
}

/// How the rows of one table differ. `expected_only` and `actual_only` count rows (a changed row counts on both sides).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowDifference {
    /// Rows that only expected has, counted with their copies.
    #[serde(with = "crate::base::count")]
    pub expected_only: u64,
    /// Rows that only actual has, counted with their copies.
    #[serde(with = "crate::base::count")]
    pub actual_only: u64,
    /// False: there are at least so many.
    pub is_exact: bool,
    /// Rows with the same key (or, without a key, alike) on both sides.
    pub changed: Vec<ChangedRow>,
    /// Rows that actual has lost.
    pub missing: Vec<RowText>,
    /// Rows that expected never had.
    pub unexpected: Vec<RowText>,
    /// True when the three lists do not show every differing row.
    pub is_truncated: bool,
    /// Why the rows could not be named, if so.
    pub unnamed: Option<MarkedText>,
}

/// A row that is on both sides with other values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedRow {
    /// `id=42`, or empty where there is no key.
    pub key: String,
    /// The columns that differ.
    pub columns: Vec<ChangedColumn>,
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedColumn {
    /// Name of the column.
    pub column: String,
    /// The value on the expected side, as shown.
    pub expected: String,
    /// The value on the actual side, as shown.
    pub actual: String,
}

/// A row that is on one side only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowText {
    /// `id=42`, or empty where there is no key.
    pub key: String,
    /// `column=value`, all columns.
    pub values: Vec<String>,
    /// Surplus copies.
    #[serde(with = "crate::base::count")]
    pub copies: u64,
}

/// Something that could not be read, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unchecked {
    /// For instance `rows shop.orders` or `foreign_key shop.orders orders_member_fkey`. Waivers match this text.
    pub object: Subject,
    /// On which side: `expected`, `actual` or `both`.
    pub side: String,
    /// Why.
    pub reason: MarkedText,
    /// Set if the cause is the restore server or pg_dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

impl Unchecked {
    /// Without a limit.
    pub fn new(object: impl Into<Subject>, side: impl Into<String>, reason: impl Into<MarkedText>) -> Self {
        Self { object: object.into(), side: side.into(), reason: reason.into(), limit: None }
    }
}

/// A difference that was expected, with the reason and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Kind of finding (or `unchecked`, or an aspect of an object such as `owner`).
    pub kind: String,
    /// Object as printed in the finding; `*` matches any text.
    pub object: String,
    /// Why this is harmless.
    pub reason: String,
    /// Its origin: `option`, `file NAME`, or `nature` for rows that cannot be in a dump.
    pub by: String,
}

/// A waiver and what it covered this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedWaiver {
    /// The waiver.
    #[serde(flatten)]
    pub waiver: Waiver,
    /// The findings or unchecked objects that it covered, as printed. Empty: it was not needed.
    pub covered: Vec<String>,
}
