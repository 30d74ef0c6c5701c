//! The one call that deletes.
//!
//! Never called but by the proof, with what it has just proven.

use aws_sdk_rds::Client;

use super::ProvenTemporary;
use crate::aws::errors::{Kind, Trouble};

/// By exact name; a final snapshot or kept backups would be another copy of production that nobody looks after.
pub async fn delete(api: &Client, proven: &ProvenTemporary) -> Result<(), Trouble> {
    let call = api.delete_db_instance().db_instance_identifier(&proven.described.identifier);
    let call = call.skip_final_snapshot(true).delete_automated_backups(true);
    match call.send().await.map_err(Trouble::from) {
        Ok(_) => Ok(()),
        Err(trouble) if trouble.is("DBInstanceNotFound") => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

/// Busy with something else, or not known whether the call arrived: the next look tells.
pub fn is_worth_another_try(trouble: &Trouble) -> bool {
    trouble.kind == Kind::Unknown || trouble.is("InvalidDBInstanceState")
}
