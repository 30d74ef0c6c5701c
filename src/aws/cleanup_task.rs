//! The words for an instance that we could not delete.
//!
//! Never says that something is gone: whoever reads this has to look.

/// What people must read: the instance still costs money and holds a copy of production. `why` is what hindered us.
pub fn debt(identifier: &str, region: &str, why: &str) -> String {
    format!(
        "STILL RUNNING AND BILLED: RDS instance {identifier} in {region}, a copy of production ({why}); delete it with: \
         aws rds delete-db-instance --db-instance-identifier {identifier} --skip-final-snapshot \
         --delete-automated-backups --region {region}"
    )
}

/// For an instance of the journal that was looked at and is not proven to be the one that was made.
pub fn left_alone(identifier: &str, region: &str, why: &str) -> String {
    format!(
        "LEFT ALONE: RDS instance {identifier} in {region} ({why}); look at it in the RDS console: if it is the temporary \
         copy of production, it is billed until it is deleted by hand"
    )
}
