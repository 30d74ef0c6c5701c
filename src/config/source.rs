//! `[source]`: the database that is verified.
//!
//! Holds no password.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Span, defaults};
use crate::postgres::conninfo::ConnectionSummary;

/// The database that is dumped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Source {
    /// An AWS RDS instance, by its newest snapshot.
    Rds(Box<RdsSource>),
    /// Any PostgreSQL server, as it runs.
    Postgres(PostgresSource),
}

impl Source {
    /// In words, without a password.
    pub fn describe(&self) -> String {
        match self {
            Self::Rds(source) => {
                format!("RDS instance {} in {}, database {}", source.instance, source.region, source.dbname)
            }
            Self::Postgres(source) => match ConnectionSummary::read(&source.url) {
                ConnectionSummary { dbname, .. } if dbname.is_empty() => "a PostgreSQL database".into(),
                ConnectionSummary { server, dbname, .. } if server.starts_with(':') => {
                    format!("PostgreSQL database {dbname}")
                }
                ConnectionSummary { server, dbname, .. } => format!("PostgreSQL database {dbname} on {server}"),
            },
        }
    }
}

/// An RDS instance: never read itself, only an instance built from its snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RdsSource {
    /// `DBInstanceIdentifier` of production.
    pub instance: String,
    /// `DbiResourceId` of production; when given, another instance under the same name is refused.
    pub resource_id: Option<String>,
    /// The database in it.
    pub dbname: String,
    /// For instance `ap-southeast-2`.
    pub region: String,
    /// The only account to work in, 12 digits; when given, other credentials are refused.
    pub account: Option<String>,
    /// A profile of `~/.aws/config`; otherwise the default chain.
    pub profile: Option<String>,
    /// Another address for the API, for stand-ins and proxies.
    pub endpoint_url: Option<String>,
    /// Which RDS snapshots are used.
    #[serde(default)]
    pub snapshots: SnapshotKind,
    /// A run fails if the newest snapshot is older.
    #[serde(default = "defaults::max_snapshot_age")]
    pub max_snapshot_age: Span,
    /// How long to wait for a snapshot that RDS is still making; then the newest finished one is taken.
    #[serde(default = "defaults::wait_for_snapshot")]
    pub wait_for_snapshot: Span,
    /// The instance that is built from the snapshot.
    pub temporary: Temporary,
}

/// Which RDS snapshots are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotKind {
    /// Those that RDS makes by itself.
    #[default]
    Automated,
    /// Snapshots that a user made.
    Manual,
    /// Both.
    Any,
}

/// The temporary instance. Every parameter is sent: what is left out, AWS copies from production or chooses by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporary {
    /// Start of its identifier: `PREFIX-YYYYMMDDthhmmssz-8hex`. At most 37 characters.
    #[serde(default = "defaults::prefix")]
    pub prefix: String,
    /// `DBInstanceClass`, in order of preference: the next is tried when capacity is short.
    pub instance_classes: Vec<String>,
    /// `DBSubnetGroupName`.
    pub subnet_group: String,
    /// `VpcSecurityGroupIds`.
    pub security_groups: Vec<String>,
    /// `DBParameterGroupName`.
    pub parameter_group: String,
    /// `PubliclyAccessible`.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// `StorageType`, for instance `gp3`; not sent when left out.
    pub storage_type: Option<String>,
    /// `CACertificateIdentifier`; not sent when left out.
    pub ca_certificate_identifier: Option<String>,
    /// The bundle of certificates that AWS publishes, for sslmode=verify-full.
    pub ca_bundle: PathBuf,
    /// `HOST:PORT` to connect to instead of the endpoint (a tunnel or bastion); the certificate must still be the endpoint's.
    pub connect_via: Option<String>,
    /// From the restore call to the first login.
    #[serde(default = "defaults::restore_timeout")]
    pub restore_timeout: Span,
    /// From the delete call to `DBInstanceNotFound`; later it is a cleanup task.
    #[serde(default = "defaults::delete_timeout")]
    pub delete_timeout: Span,
    /// Between two queries of its status.
    #[serde(default = "defaults::poll_interval")]
    pub poll_interval: Span,
}

/// Any PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSource {
    /// A libpq connection string or URI without a password.
    pub url: String,
    /// The password is the first line of this file (mode 0600), when `.pgpass` is not used.
    pub password_file: Option<PathBuf>,
    /// The password is the first line that this command prints: program and arguments.
    pub password_command: Option<Vec<String>>,
    /// The password is in this variable of the environment.
    pub password_env: Option<String>,
}
