//! Looks at instances: production, one by name, all that carry our tag.

use super::client::Rds;
use super::facts::{Described, SourceInstance};
use crate::error::{Error, Result};

impl Rds {
    /// Production as configured, and no other: a configured `resource_id` must be its own.
    ///
    /// # Errors
    /// Not found, another resource id, not PostgreSQL, a member of a cluster.
    pub async fn source_instance(&self) -> Result<SourceInstance> {
        Err(Error::new("not built yet"))
    }

    /// The instance of this name, afresh; `None` only when RDS says `DBInstanceNotFound`.
    ///
    /// # Errors
    /// Whatever else RDS says: then it is not known whether it exists.
    pub async fn describe(&self, identifier: &str) -> Result<Option<Described>> {
        let _ = identifier;
        Err(Error::new("not built yet"))
    }

    /// All instances that carry our tag and have a name of ours, the oldest name first: what `sweep` shows.
    ///
    /// # Errors
    /// Whatever RDS says: then it is not known what is left.
    pub async fn leftovers(&self) -> Result<Vec<Described>> {
        Err(Error::new("not built yet"))
    }
}
