//! Message texts for an instance that could not be deleted.
//!
//! They never state that the instance is gone: the user must check in AWS.

/// The instance still costs money and holds a restored copy of production. `why` is the error that prevented the deletion.
pub fn still_billed_message(identifier: &str, region: &str, why: &str) -> String {
    format!(
        "STILL RUNNING AND BILLED: RDS instance {identifier} in {region}, a copy of production ({why}); delete it with: \
         aws rds delete-db-instance --db-instance-identifier {identifier} --skip-final-snapshot \
         --delete-automated-backups --region {region}"
    )
}

/// For an instance from the journal that was described and is not proven to be the instance that this program made.
pub fn not_ours_message(identifier: &str, region: &str, why: &str) -> String {
    format!(
        "LEFT ALONE: RDS instance {identifier} in {region} ({why}); look at it in the RDS console: if it is the temporary \
         copy of production, it is billed until it is deleted by hand"
    )
}
