//! The only call that deletes.
//!
//! Only the proof calls it, with an instance that it has just proven.

use aws_sdk_rds::Client;

use super::ProvenTemporary;
use crate::aws::errors::{ApiError, Kind};

/// Deletes by exact identifier; a final snapshot or kept backups would be another unmanaged copy of production.
pub async fn delete(api: &Client, proven: &ProvenTemporary) -> Result<(), ApiError> {
    let call = api.delete_db_instance().db_instance_identifier(&proven.described.identifier);
    let call = call.skip_final_snapshot(true).delete_automated_backups(true);
    match call.send().await.map_err(ApiError::from) {
        Ok(_) => Ok(()),
        Err(error) if error.is("DBInstanceNotFound") => Ok(()),
        Err(error) => Err(error),
    }
}

/// RDS is busy with the instance, or it is not known whether the call arrived: describe it again.
pub fn is_worth_another_try(error: &ApiError) -> bool {
    error.kind == Kind::Unknown || error.is("InvalidDBInstanceState")
}
