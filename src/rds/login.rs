//! Opens the temporary instance.

use super::client::Rds;
use super::facts::{Described, SourceInstance};
use super::secret::Secret;
use super::wait::Deadline;
use crate::conninfo::ConnInfo;
use crate::error::{Error, Result};

impl Rds {
    /// How to connect to the temporary instance: `verify-full` with the configured bundle, by the endpoint that the API names
    /// (or through `connect_via`, with the certificate still the endpoint's). Takes nothing from the environment.
    ///
    /// # Errors
    /// No endpoint or user known; the endpoint is production's, or the resource id is.
    pub async fn temporary_conninfo(
        &self,
        instance: &Described,
        source: &SourceInstance,
        secret: &Secret,
    ) -> Result<ConnInfo> {
        let _ = (instance, source, secret);
        Err(Error::new("not built yet"))
    }

    /// Tries to log in until it works: RDS says `available` before the new password counts.
    ///
    /// # Errors
    /// The deadline, with the last reason; a certificate that is not the endpoint's at once.
    pub async fn login(
        &self,
        instance: &Described,
        source: &SourceInstance,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<ConnInfo> {
        let _ = (instance, source, secret, deadline);
        Err(Error::new("not built yet"))
    }
}
