//! Instances and snapshots as RDS describes them, as plain data.
//!
//! A value that RDS did not return is `None`; the deletion rules do not rely on it.

use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_types::DateTime;

use crate::base::time::Timestamp;

/// Allowed difference between the clocks of this machine and of AWS, which rejects signatures with a larger skew.
pub(in crate::aws) const MAX_SKEW_S: u64 = 300;

/// A time before 1970 becomes 1970.
pub(in crate::aws) fn timestamp(time: &DateTime) -> Timestamp {
    Timestamp::new(UNIX_EPOCH + Duration::from_secs(time.secs().try_into().unwrap_or_default()))
}

/// Where an instance listens, from the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceAddress {
    /// DNS name.
    pub host: String,
    /// Usually 5432.
    pub port: u16,
}

/// An instance as `DescribeDBInstances` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceDescription {
    /// `DBInstanceIdentifier`; empty when RDS did not return it.
    pub identifier: String,
    /// `DbiResourceId`: unchanged by a rename, never reused.
    pub resource_id: Option<String>,
    /// `DBInstanceArn`: contains the account and the region.
    pub arn: Option<String>,
    /// `DBInstanceStatus`; empty when RDS did not return it.
    pub status: String,
    /// `InstanceCreateTime`; absent in the first minutes.
    pub created_at: Option<Timestamp>,
    /// `TagList`, in its order.
    pub tags: Vec<(String, String)>,
    /// `DBClusterIdentifier`.
    pub cluster: Option<String>,
    /// The source of this read replica.
    pub replica_of: Option<String>,
    /// Its read replicas, instances and clusters.
    pub replicas: Vec<String>,
    /// `DeletionProtection`.
    pub deletion_protection: Option<bool>,
    /// `InstanceAddress`, once it exists.
    pub endpoint: Option<InstanceAddress>,
    /// `PendingModifiedValues` is not empty.
    pub has_pending_changes: bool,
    /// `MasterUserSecret`: RDS keeps the password in Secrets Manager and rotates it.
    pub has_managed_password: bool,
    /// `Engine`, for instance `postgres`.
    pub engine: String,
    /// `EngineVersion`, for instance `17.4`.
    pub engine_version: String,
    /// `DBInstanceClass`.
    pub instance_class: String,
    /// `MasterUsername`.
    pub master_username: Option<String>,
    /// `AllocatedStorage`, in GiB.
    pub allocated_gib: u64,
}

impl InstanceDescription {
    /// The value of a tag that occurs exactly once.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let mut values = self.tags.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether the expiry tag of the instance is in the past.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.tag(super::tags::EXPIRES_AT).and_then(Timestamp::parse).is_some_and(|expires_at| expires_at < now)
    }
}

/// Production now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInstance {
    /// `DBInstanceIdentifier`.
    pub identifier: String,
    /// `DbiResourceId`.
    pub resource_id: String,
    /// Where production listens; pgwitness never connects to it.
    pub endpoint: Option<InstanceAddress>,
    /// `DeletionProtection`; off causes a warning.
    pub deletion_protection: bool,
    /// `EngineVersion`, for instance `17.4`.
    pub engine_version: String,
    /// `AllocatedStorage`, in GiB.
    pub allocated_gib: u64,
    /// `DBInstanceStatus`.
    pub status: String,
}

/// A snapshot that can be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// `DBSnapshotIdentifier`; automated ones begin with `rds:`.
    pub identifier: String,
    /// `SnapshotCreateTime`: the time of the data.
    pub created_at: Timestamp,
    /// `SnapshotType`: `automated` or `manual`.
    pub kind: String,
    /// `EngineVersion`, for instance `17.4`.
    pub engine_version: String,
    /// `DbiResourceId` of the instance of the snapshot; checked to be the source's.
    pub resource_id: String,
    /// `MasterUsername`, if RDS returned it.
    pub master_username: Option<String>,
    /// `AllocatedStorage`, in GiB.
    pub allocated_gib: u64,
    /// Notes for the report: its age, how many snapshots were listed.
    pub notes: Vec<String>,
}
