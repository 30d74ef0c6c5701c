//! Gives the master user of a temporary instance a password that only we know.

use super::client::Rds;
use super::facts::Described;
use super::proof::ProvenTemporary;
use super::secret::Secret;
use super::wait::Deadline;
use crate::error::{Error, Result};

impl Rds {
    /// Sets the password and waits until RDS has no pending change; whether it works, [`Rds::login`] says.
    ///
    /// # Errors
    /// As [`Rds::wait_ready`].
    pub async fn reset_password(
        &self,
        instance: &ProvenTemporary,
        secret: &Secret,
        deadline: Deadline,
        notes: &mut Vec<String>,
    ) -> Result<Described> {
        let _ = (instance, secret, deadline, notes);
        Err(Error::new("not built yet"))
    }
}
