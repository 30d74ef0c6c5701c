//! Checks the free space. A failed query is an error.

use std::path::Path;

use super::Backups;
use crate::base::error::{Context, Error, Result};
use crate::base::text::bytes as size;

impl Backups {
    /// Free bytes for this user.
    pub fn free_bytes(&self) -> Result<u64> {
        free_bytes(&self.dir)
    }

    /// An error when there is less.
    pub fn demand_free(&self, bytes: u64) -> Result<()> {
        demand_free(&self.dir, bytes)
    }
}

/// An error when less than this is free.
pub fn demand_free(dir: &Path, bytes: u64) -> Result<()> {
    let free = free_bytes(dir)?;
    if free >= bytes {
        return Ok(());
    }
    let cause = format!("{} are free, about {} are needed", size(free), size(bytes));
    Err(Error::new(cause).hint("free some space and run it again"))
        .doing(|| format!("look for space in {}", dir.display()))
}

fn free_bytes(dir: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(dir).map_err(std::io::Error::from);
    let stat = stat.doing(|| format!("ask for free space in {}", dir.display()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
