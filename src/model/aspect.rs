//! The aspects of a database that can be compared.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One aspect, in the order of the verdict line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// Rows of tables and materialized views.
    Rows,
    /// Values of sequences.
    Sequences,
    /// Large objects.
    LargeObjects,
    /// Definitions of objects of every kind.
    Schema,
    /// Rows that violate foreign keys.
    ForeignKeys,
    /// The user's own checks.
    Assertions,
    /// Directories that belong to the database; only a nightly run compares them.
    Files,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Rows,
        Self::Sequences,
        Self::LargeObjects,
        Self::Schema,
        Self::ForeignKeys,
        Self::Assertions,
        Self::Files,
    ];

    /// As `--require` and the report spell it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Sequences => "sequences",
            Self::LargeObjects => "large-objects",
            Self::Schema => "schema",
            Self::ForeignKeys => "foreign-keys",
            Self::Assertions => "assertions",
            Self::Files => "files",
        }
    }

    /// The aspect with this id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aspect| aspect.id() == id)
    }
}

/// As printed in a sentence: `large objects`.
impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id().replace('-', " "))
    }
}
