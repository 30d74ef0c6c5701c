//! Gives the master user of a temporary instance a new password; production's password is not needed.
//!
//! The instance must be proven first.

use super::client::Rds;
use super::delete::ProvenTemporary;
use super::errors::{ApiError, Kind};
use super::facts::InstanceDescription;
use super::wait::Deadline;
use crate::base::error::{Context, Result};
use crate::base::secret::Secret;

impl Rds {
    /// Sets the password and waits until RDS has no pending change; [`Rds::login`] shows whether it works.
    ///
    /// # Errors
    /// As [`Rds::wait_ready`].
    pub async fn reset_password(
        &self,
        instance: &ProvenTemporary,
        secret: &Secret,
        deadline: Deadline,
        notes: &mut Vec<String>,
    ) -> Result<InstanceDescription> {
        let doing = || format!("set a password on instance {}", instance.described().identifier);
        loop {
            let Err(error) = self.send_password(instance, secret).await else { break };
            let may_come = error.kind == Kind::Unknown || error.is("InvalidDBInstanceState");
            if !may_come || deadline.is_over() {
                return Err(error).doing(doing);
            }
            self.note(notes, format!("password not accepted yet: {}", error.text));
            self.pause(deadline).await;
        }
        self.wait_ready(instance.claim(), deadline, notes).await
    }

    async fn send_password(&self, instance: &ProvenTemporary, secret: &Secret) -> Result<(), ApiError> {
        let described = instance.described();
        let mut call = self.api.modify_db_instance().db_instance_identifier(&described.identifier);
        call = call.master_user_password(secret.reveal()).apply_immediately(true);
        if described.has_managed_password {
            call = call.manage_master_user_password(false);
        }
        call.send().await.map(|_| ()).map_err(ApiError::from)
    }
}
