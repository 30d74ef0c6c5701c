//! `[dump]`: how a dump is made and where to.
//!
//! `[retention]` sets which dumps are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Span, defaults};

/// How a dump is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpSettings {
    /// Where dumps are kept, marked by `pgwitness init`.
    pub directory: PathBuf,
    /// pg_dump's `--format`.
    #[serde(default)]
    pub format: DumpFormat,
    /// pg_dump's `--jobs`, for the directory format.
    #[serde(default = "defaults::jobs")]
    pub jobs: u16,
    /// pg_dump's `--compress`, for instance `6`, `gzip:6`, `zstd:3` (from PostgreSQL 16) or `0`.
    pub compression: Option<String>,
    /// pg_dump's `--exclude-table-data` patterns. The report lists each.
    #[serde(default)]
    pub exclude_table_data: Vec<String>,
    /// pg_dump and pg_restore are stopped after this time without progress.
    #[serde(default = "defaults::stalled_after")]
    pub stalled_after: Span,
    /// The directory of PostgreSQL's programs; `None` searches the usual ones.
    pub pg_bindir: Option<PathBuf>,
}

/// pg_dump's `--format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DumpFormat {
    /// `-Fd`
    #[default]
    Directory,
    /// `-Fc`
    Custom,
}

impl DumpFormat {
    /// As pg_dump knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Custom => "custom",
        }
    }
}
