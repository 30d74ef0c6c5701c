//! Examples in the program: a commented configuration, systemd units, a crontab line, alerts, an IAM policy, scripts that set up
//! a host and the AWS side, a CronJob for Kubernetes; and what reads a very large database in parts.
//!
//! They have no real name, account or address.

use super::{Config, SnapshotKind, Source};

/// Every key with its meaning and default.
pub const TOML: &str = include_str!("examples/pgwitness.toml");

/// For RDS: a test system that is filled from the restored copy, off-site dumps.
pub const CLUB: &str = include_str!("examples/club.toml");

/// For systemd: the service.
pub const SERVICE: &str = include_str!("examples/pgwitness.service");

/// For systemd: the timer.
pub const TIMER: &str = include_str!("examples/pgwitness.timer");

/// For cron.
pub const CRON: &str = include_str!("examples/pgwitness.cron");

/// Alerting rules for Prometheus.
pub const ALERTS: &str = include_str!("examples/alerts.yml");

/// For Kubernetes: a CronJob with all that it needs.
pub const KUBERNETES: &str = include_str!("examples/kubernetes.yaml");

/// For Kubernetes: an Indexed Job that reads a manifest in parts, and a Job that merges them.
pub const KUBERNETES_PARTS: &str = include_str!("examples/kubernetes-parts.yaml");

/// For AWS Batch: a script that reads a manifest in parts with an array job.
pub const BATCH: &str = include_str!("examples/batch.sh");

const SETUP: &str = include_str!("examples/setup.sh");
const SETUP_DEBIAN: &str = include_str!("examples/setup-debian.sh");
const SETUP_AMAZON_LINUX: &str = include_str!("examples/setup-amazon-linux.sh");
const AWS: &str = include_str!("examples/aws.sh");
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

/// The smallest IAM policy for the credentials of a run, as JSON. Values that the configuration does not give are placeholders in angle
/// brackets.
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

/// The script that sets up a host with Debian.
pub fn setup() -> String {
    fill_in(
        SETUP,
        &[
            ("PACKAGES", SETUP_DEBIAN),
            ("DISTRIBUTION", "Debian 12 or 13"),
            ("THIS", "setup"),
            ("ELSEWHERE", "Amazon Linux 2023"),
            ("OTHER", "setup-amazon-linux"),
            ("EXTENSION", "postgresql-17-postgis-3"),
        ],
    )
}

/// The script that sets up a host with Amazon Linux 2023.
pub fn setup_amazon_linux() -> String {
    fill_in(
        SETUP,
        &[
            ("PACKAGES", SETUP_AMAZON_LINUX),
            ("DISTRIBUTION", "Amazon Linux 2023"),
            ("THIS", "setup-amazon-linux"),
            ("ELSEWHERE", "Debian"),
            ("OTHER", "setup"),
            ("EXTENSION", "postgresql17-plperl"),
        ],
    )
}

/// The script that sets up the AWS side, with the policy for the names of its variables.
pub fn aws() -> String {
    let policy = fill(&[
        ("PARTITION", "$PARTITION"),
        ("REGION", "$REGION"),
        ("ACCOUNT", "$ACCOUNT"),
        ("PREFIX", "$PREFIX"),
        ("SNAPSHOTS", "rds:$INSTANCE-*"),
        ("SUBNET_GROUP", "$SUBNET_GROUP"),
        ("PARAMETER_GROUP", "$PARAMETER_GROUP"),
        ("PUBLIC", "$PUBLICLY_ACCESSIBLE"),
        ("NOT_PUBLIC", "$not_public"),
    ]);
    fill_in(AWS, &[("POLICY", policy.trim_end())])
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
    fill_in(POLICY, values)
}

fn fill_in(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
}
