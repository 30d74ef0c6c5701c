//! What the fake knows of instances and snapshots, and how their lives are scripted.
//!
//! Time is counted in looks: each DescribeDBInstances call whose answer has the instance is one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::image::Image;

pub const ACCOUNT: &str = "123456789012";

/// `Key`, `Value`.
pub type Tags = Vec<(String, String)>;

/// One status, for so many looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    pub status: String,
    pub looks: u32,
    /// Only if the instance has automated backups.
    pub needs_backups: bool,
    /// Whether `Endpoint` and `InstanceCreateTime` are there.
    pub has_endpoint: bool,
}

impl Stage {
    /// Without an endpoint while creating and after a failed creation, as on AWS.
    pub fn new(status: &str, looks: u32) -> Self {
        let unborn = ["creating", "failed", "incompatible-restore", "insufficient-capacity", "restore-error"];
        Self { status: status.to_owned(), looks, needs_backups: false, has_endpoint: !unborn.contains(&status) }
    }

    /// Shown only if the instance has automated backups.
    pub fn with_backups(self) -> Self {
        Self { needs_backups: true, ..self }
    }

    /// Null fields where one would not expect them.
    pub fn without_endpoint(self) -> Self {
        Self { has_endpoint: false, ..self }
    }
}

/// How instances that are restored from now on live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// In order; the last one lasts.
    pub stages: Vec<Stage>,
    pub password: PasswordChange,
    /// Looks at `deleting` before the instance is gone; `u32::MAX` for never.
    pub deleting: u32,
    /// While `creating`, AWS may refuse to delete (not verified): `InvalidDBInstanceState`.
    pub refuses_delete_while_creating: bool,
    /// Elements that are left out of the answers about it, for instance `DbiResourceId`.
    pub hidden: Vec<String>,
    /// Another name in the server's certificate than the endpoint's.
    pub certificate_name: Option<String>,
}

/// How a new master password gets into effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordChange {
    /// Looks at `available` with the change pending.
    pub pending: u32,
    /// Then looks at `resetting-master-credentials` with the change pending.
    pub resetting: u32,
    /// From the moment it looks done until the password works; `Duration::MAX` for never.
    pub late: Duration,
}

impl Default for Life {
    fn default() -> Self {
        let stages = vec![
            Stage::new("creating", 2),
            Stage::new("backing-up", 2).with_backups(),
            Stage::new("modifying", 1),
            Stage::new("available", u32::MAX),
        ];
        Self {
            stages,
            password: PasswordChange { pending: 1, resetting: 1, late: Duration::ZERO },
            deleting: 2,
            refuses_delete_while_creating: false,
            hidden: Vec::new(),
            certificate_name: None,
        }
    }
}

impl Life {
    /// Creating for two looks, then this for ever: `failed`, `incompatible-restore`, `storage-full` and so on.
    pub fn ending_in(status: &str) -> Self {
        Self { stages: vec![Stage::new("creating", 2), Stage::new(status, u32::MAX)], ..Self::default() }
    }

    /// This status from the first look, for ever.
    pub fn stuck(status: &str) -> Self {
        Self { stages: vec![Stage::new(status, u32::MAX)], ..Self::default() }
    }
}

/// One DB instance, as AWS would describe it. Those that no restore made are plain records without a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    pub resource_id: String,
    pub status: String,
    pub class: String,
    pub engine_version: String,
    pub master_user: String,
    pub dbname: Option<String>,
    /// Null while creating.
    pub created: Option<SystemTime>,
    pub has_endpoint: bool,
    pub tags: Tags,
    pub backup_retention: u32,
    pub multi_az: bool,
    pub publicly_accessible: bool,
    pub deletion_protection: bool,
    pub auto_minor_version_upgrade: bool,
    pub copy_tags_to_snapshot: bool,
    pub storage_type: String,
    pub subnet_group: String,
    pub parameter_group: String,
    pub security_groups: Vec<String>,
    pub ca_certificate: String,
    pub replica_of: Option<String>,
    pub replicas: Vec<String>,
    pub cluster: Option<String>,
    /// A new master password is on its way.
    pub password_pending: bool,
    /// Elements that are left out of the answers about it.
    pub hidden: Vec<String>,
}

impl Instance {
    /// An instance like a club's production: protected, tagged, backed up. Made 400 days ago.
    pub fn production(id: &str) -> Self {
        let old = SystemTime::now() - Duration::from_secs(400 * 86_400);
        Self {
            id: id.to_owned(),
            resource_id: new_resource_id(),
            status: "available".into(),
            class: "db.m7g.large".into(),
            engine_version: "15.18".into(),
            master_user: "clubadmin".into(),
            dbname: Some("club".into()),
            created: Some(old),
            has_endpoint: true,
            tags: vec![tag("env", "production"), tag("owner", "club")],
            backup_retention: 7,
            multi_az: true,
            publicly_accessible: true,
            deletion_protection: true,
            auto_minor_version_upgrade: true,
            copy_tags_to_snapshot: true,
            storage_type: "gp3".into(),
            subnet_group: "club-subnets".into(),
            parameter_group: "club-postgres".into(),
            security_groups: vec!["sg-0c1ub".into()],
            ca_certificate: "rds-ca-rsa2048-g1".into(),
            replica_of: None,
            replicas: Vec::new(),
            cluster: None,
            password_pending: false,
            hidden: Vec::new(),
        }
    }

    pub fn arn(&self, region: &str) -> String {
        format!("arn:aws:rds:{region}:{ACCOUNT}:db:{}", self.id)
    }

    /// What the certificate must be for.
    pub fn endpoint(&self, region: &str) -> String {
        format!("{}.c0ffee123456.{region}.rds.amazonaws.com", self.id)
    }
}

/// One DB snapshot.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub id: String,
    pub source: String,
    pub source_resource_id: String,
    /// `InstanceCreateTime` of the source.
    pub source_created: Option<SystemTime>,
    /// `automated`, `manual`, `awsbackup`, `shared`, `public`.
    pub kind: String,
    pub status: String,
    /// Null while creating.
    pub created: Option<SystemTime>,
    pub engine: String,
    pub engine_version: String,
    pub master_user: String,
    pub tags: Tags,
    /// What is in it. Without one, instances restored from it are records only.
    pub image: Option<Arc<Image>>,
    pub hidden: Vec<String>,
}

impl Snapshot {
    /// An automated one of this instance, so old; `rds:SOURCE-…` is how AWS names them.
    pub fn automated(source: &Instance, age: Duration, image: Option<&Arc<Image>>) -> Self {
        let created = SystemTime::now() - age;
        let stamp: String =
            super::wire::iso(created).chars().take(16).map(|c| if c.is_ascii_digit() { c } else { '-' }).collect();
        Self {
            id: format!("rds:{}-{stamp}", source.id),
            source: source.id.clone(),
            source_resource_id: source.resource_id.clone(),
            source_created: source.created,
            kind: "automated".into(),
            status: "available".into(),
            created: Some(created),
            engine: "postgres".into(),
            engine_version: image.map_or(source.engine_version.clone(), |image| image.version.clone()),
            master_user: source.master_user.clone(),
            tags: Vec::new(),
            image: image.cloned(),
            hidden: Vec::new(),
        }
    }

    /// A manual snapshot.
    pub fn manual(source: &Instance, id: &str, age: Duration, image: Option<&Arc<Image>>) -> Self {
        Self { id: id.to_owned(), kind: "manual".into(), ..Self::automated(source, age, image) }
    }

    /// Not ready yet: no create time.
    pub fn still_creating(self) -> Self {
        Self { status: "creating".into(), created: None, ..self }
    }

    pub fn arn(&self, region: &str) -> String {
        format!("arn:aws:rds:{region}:{ACCOUNT}:snapshot:{}", self.id)
    }
}

/// `db-` and 26 letters or digits, never the same twice.
pub fn new_resource_id() -> String {
    let random = pgwitness::storage::reports::random_run_id().unwrap();
    let letters = random.chars().take(26).map(|digit| match digit.to_digit(16).unwrap() {
        letter @ 0..10 => char::from(b'A' + 2 * letter as u8),
        digit => char::from(b'2' + digit as u8 - 10),
    });
    format!("db-{}", letters.collect::<String>())
}

pub fn tag(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}
