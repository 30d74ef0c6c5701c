//! What RDS says of instances and snapshots, as plain data.
//!
//! Never guesses: what RDS did not say is `None`, and what may be deleted is not decided on it.

use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_types::DateTime;

use crate::base::time::Timestamp;

/// Before 1970 becomes 1970.
pub(in crate::aws) fn timestamp(time: &DateTime) -> Timestamp {
    Timestamp::new(UNIX_EPOCH + Duration::from_secs(time.secs().try_into().unwrap_or_default()))
}

/// Where an instance listens, as the API says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceAddress {
    /// A name in DNS.
    pub host: String,
    /// Usually 5432.
    pub port: u16,
}

/// An instance as `DescribeDBInstances` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// `DBInstanceIdentifier`; empty when RDS did not say.
    pub identifier: String,
    /// `DbiResourceId`: never changes, survives renames, never comes again.
    pub resource_id: Option<String>,
    /// `DBInstanceArn`: says the account and the region.
    pub arn: Option<String>,
    /// `DBInstanceStatus`; empty when RDS did not say.
    pub status: String,
    /// `InstanceCreateTime`; not there yet in the first minutes.
    pub created_at: Option<Timestamp>,
    /// `TagList`, in its order.
    pub tags: Vec<(String, String)>,
    /// `DBClusterIdentifier`.
    pub cluster: Option<String>,
    /// What it is a read replica of.
    pub replica_of: Option<String>,
    /// Its read replicas, instances and clusters.
    pub replicas: Vec<String>,
    /// `DeletionProtection`.
    pub deletion_protection: Option<bool>,
    /// `InstanceAddress`, once there is one.
    pub endpoint: Option<InstanceAddress>,
    /// `PendingModifiedValues` is not empty.
    pub has_pending_changes: bool,
    /// `MasterUserSecret`: RDS keeps the password in Secrets Manager and turns it by itself.
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

impl Described {
    /// The value of a tag that is there exactly once.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let mut values = self.tags.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether its own tag says that it cannot be needed any more.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.tag(super::tags::EXPIRES_AT).and_then(Timestamp::parse).is_some_and(|expires_at| expires_at < now)
    }
}

/// Production, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInstance {
    /// `DBInstanceIdentifier`.
    pub identifier: String,
    /// `DbiResourceId`.
    pub resource_id: String,
    /// Where it listens: never where we connect to.
    pub endpoint: Option<InstanceAddress>,
    /// `DeletionProtection`; off deserves a warning.
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
    /// `DBSnapshotIdentifier`; of automated ones it begins with `rds:`.
    pub identifier: String,
    /// `SnapshotCreateTime`: the data is of this time.
    pub created_at: Timestamp,
    /// `SnapshotType`: `automated` or `manual`.
    pub kind: String,
    /// `EngineVersion`, for instance `17.4`.
    pub engine_version: String,
    /// `DbiResourceId` of the instance that it was taken of; checked to be the source's.
    pub resource_id: String,
    /// `MasterUsername`, if RDS said.
    pub master_username: Option<String>,
    /// `AllocatedStorage`, in GiB.
    pub allocated_gib: u64,
    /// Things worth keeping in the report: its age, how many were looked at.
    pub notes: Vec<String>,
}
