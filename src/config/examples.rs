//! Set-up that an installed program carries: a commented configuration, units for systemd, a line for cron, alerts, a policy for IAM.
//!
//! The examples hold no real name, account or address.

use super::{Config, SnapshotKind, Source};

/// Every key, with what it means and what holds without it.
pub const TOML: &str = include_str!("examples/pgwitness.toml");

/// For a club: RDS, a test system that is filled from the restored copy, dumps off site.
pub const CLUB: &str = include_str!("examples/club.toml");

/// For systemd: the service.
pub const SERVICE: &str = include_str!("examples/pgwitness.service");

/// For systemd: the timer.
pub const TIMER: &str = include_str!("examples/pgwitness.timer");

/// For cron.
pub const CRON: &str = include_str!("examples/pgwitness.cron");

/// For Prometheus: when the figures of `[metrics]` are an alarm.
pub const ALERTS: &str = include_str!("examples/alerts.yml");

const POLICY: &str = include_str!("examples/iam-policy.json");

/// Every action on RDS that the policy allows. `sts:GetCallerIdentity` needs no permission.
///
/// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS". We never call ListTagsForResource
/// and AddTagsToResource by themselves: the first is for the tags in the answer of DescribeDBInstances, the second for those that
/// a restore gives to the new instance.
pub const ACTIONS: [&str; 7] = [
    "rds:AddTagsToResource",
    "rds:DeleteDBInstance",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSnapshots",
    "rds:ListTagsForResource",
    "rds:ModifyDBInstance",
    "rds:RestoreDBInstanceFromDBSnapshot",
];

/// The smallest policy for the credentials of a run, as JSON. Without a configuration, and where it is silent, names in angle
/// brackets stand for what must be filled in.
pub fn policy(config: Option<&Config>) -> String {
    let Some(Source::Rds(source)) = config.map(|config| &config.source) else {
        return fill(&[
            ("PARTITION", "aws"),
            ("SNAPSHOTS", "rds:<INSTANCE>-*"),
            ("PUBLIC", "false"),
            ("NOT_PUBLIC", "true"),
        ]);
    };
    let temporary = &source.temporary;
    let automated = format!("rds:{}-*", source.instance);
    // People name theirs as they like.
    let snapshots = if source.snapshots == SnapshotKind::Automated { automated.as_str() } else { "*" };
    fill(&[
        ("PARTITION", partition(&source.region)),
        ("REGION", &source.region),
        ("ACCOUNT", source.account.as_deref().unwrap_or("<ACCOUNT>")),
        ("PREFIX", &temporary.prefix),
        ("SNAPSHOTS", snapshots),
        ("SUBNET_GROUP", &temporary.subnet_group),
        ("PARAMETER_GROUP", &temporary.parameter_group),
        ("PUBLIC", if temporary.publicly_accessible { "true" } else { "false" }),
        ("NOT_PUBLIC", if temporary.publicly_accessible { "false" } else { "true" }),
    ])
}

/// Regions that are apart from the others have names of resources of their own.
fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// What is filled in has passed [`Config::check`]: no quotes, backslashes, asterisks or angle brackets.
fn fill(values: &[(&str, &str)]) -> String {
    values.iter().fold(POLICY.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
}
