//! What AWS's answers can say before anything is paid for: of the snapshot, of who we are, of what production is.

use std::time::{Duration, SystemTime};

use crate::fake_rds::{Action, Fault, Instance, Snapshot};
use crate::nights::before::{Case, demand};
use crate::nights::machine::{Machine, PRODUCTION};

const HOUR: Duration = Duration::from_secs(3600);

fn ago(age: Duration) -> Option<SystemTime> {
    Some(SystemTime::now() - age)
}

fn edit(machine: &Machine, change: impl FnOnce(&mut Snapshot)) {
    machine.aws.edit_snapshot(&machine.snapshot.id, change);
}

/// Of the snapshot.
const SNAPSHOTS: &[Case] = &[
    (
        "stale",
        |machine| {
            edit(machine, |snapshot| snapshot.created = ago(31 * HOUR));
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): newest snapshot SNAPSHOT is 31 h old; max_snapshot_age is 26 h\n  \
         try: check why RDS creates none, or name one with --snapshot",
    ),
    (
        "stale, and the next one is being made",
        |machine| {
            edit(machine, |snapshot| snapshot.created = ago(31 * HOUR));
            let next = Snapshot::automated(&machine.production, HOUR, None);
            machine.aws.add_snapshot(Snapshot { id: "rds:next".into(), ..next.still_creating() });
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): newest snapshot SNAPSHOT is 31 h old; max_snapshot_age is 26 h (rds:next is creating (40 %))\n  \
         try: check why RDS creates none, or name one with --snapshot",
    ),
    (
        "missing",
        |machine| {
            machine.aws.forget_snapshot(&machine.snapshot.id);
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): it has no snapshot\n  \
         try: is its backup retention period 0?",
    ),
    (
        "of another kind",
        |machine| {
            edit(machine, |snapshot| snapshot.kind = "manual".into());
            machine.scenario.set("source", "snapshots = \"automated\"");
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): it has no snapshot of the configured kind, but 1 of another kind\n  \
         try: see source.snapshots: automated, manual or any",
    ),
    (
        "still creating",
        |machine| {
            edit(machine, |snapshot| (snapshot.status, snapshot.created) = ("creating".into(), None));
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): none of its snapshots is finished: SNAPSHOT is creating (40 %)\n  \
         try: run it again once RDS has finished the snapshot",
    ),
    (
        "of the future",
        |machine| {
            edit(machine, |snapshot| snapshot.created = Some(SystemTime::now() + HOUR));
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): snapshot SNAPSHOT is of TIME, but now is TIME\n  \
         try: check the clock of this machine",
    ),
    (
        "named, not there",
        |_| vec!["--snapshot", "before-the-move"],
        "error: find a snapshot of club-production (RESOURCE): it has no snapshot before-the-move; its newest is SNAPSHOT\n  \
         try: a snapshot of another instance is never taken; the console lists those of this one",
    ),
    (
        "named, of another instance",
        |machine| {
            let other = machine.aws.add_instance(Instance::production("club-staging"));
            machine.aws.add_snapshot(Snapshot::manual(&other, "of-staging", HOUR, None));
            vec!["--snapshot", "of-staging"]
        },
        "error: find a snapshot of club-production (RESOURCE): it has no snapshot of-staging; its newest is SNAPSHOT\n  \
         try: a snapshot of another instance is never taken; the console lists those of this one",
    ),
    (
        "named, still creating",
        |machine| {
            let next = Snapshot::manual(&machine.production, "by-hand", HOUR, None);
            machine.aws.add_snapshot(next.still_creating());
            vec!["--snapshot", "by-hand"]
        },
        "error: find a snapshot of club-production (RESOURCE): snapshot by-hand is creating (40 %)\n  \
         try: run it again once RDS has finished the snapshot",
    ),
    (
        "newer than the server of the copy",
        |machine| {
            edit(machine, |snapshot| snapshot.engine_version = "99.1".into());
            vec![]
        },
        "error: the restore server is PostgreSQL MAJOR, older than the source's 99\n  \
         try: restore into a server of version 99 or later",
    ),
];

#[test]
fn a_snapshot_that_cannot_be_taken_is_one_clear_line() {
    demand(SNAPSHOTS);
}

/// Of who we are, and of what production is.
const STRANGERS: &[Case] = &[
    (
        "expired credentials",
        |machine| {
            machine.aws.faults(Action::GetCallerIdentity, u32::MAX, Fault::expired_token());
            vec![]
        },
        "error: get the caller identity from AWS: ExpiredToken: The security token included in the request is expired\n  \
         try: the credentials have expired: renew them (`aws sso login`, or new keys)",
    ),
    (
        "credentials that expire between two calls",
        |machine| {
            machine.aws.faults(Action::DescribeDBSnapshots, u32::MAX, Fault::expired_token());
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): ExpiredToken: The security token included in the request is expired\n  \
         try: the credentials have expired: renew them (`aws sso login`, or new keys)",
    ),
    (
        "no credentials",
        |machine| {
            machine.scenario.environment.retain(|(name, _)| name != "AWS_ACCESS_KEY_ID");
            vec![]
        },
        "error: get the caller identity from AWS: no credentials for AWS, neither in the environment nor in a profile nor of this machine\n  \
         try: set source.profile, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        "unknown credentials",
        |machine| {
            machine.scenario.environment.push(("AWS_ACCESS_KEY_ID".into(), "AKIASOMEBODYELSE1234".into()));
            vec![]
        },
        "error: get the caller identity from AWS: InvalidClientTokenId: The security token included in the request is invalid.\n  \
         try: check which credentials are used: `aws sts get-caller-identity`",
    ),
    (
        "another account",
        |machine| {
            machine.scenario.set("source", "account = \"210987654321\"");
            vec![]
        },
        "error: the credentials are of account 123456789012, source.account is 210987654321\n  \
         try: use other credentials (source.profile)",
    ),
    (
        "a clock that is behind",
        |machine| {
            machine.aws.set_skew(3600);
            vec![]
        },
        "error: the clock of this machine is 3600 s behind AWS's\n  \
         try: set the clock (for instance `timedatectl set-ntp true`)",
    ),
    (
        "a clock that is ahead",
        |machine| {
            machine.aws.set_skew(-3600);
            vec![]
        },
        "error: the clock of this machine is 3600 s ahead of AWS's\n  \
         try: set the clock (for instance `timedatectl set-ntp true`)",
    ),
    (
        "another region",
        |machine| {
            machine.scenario.set("source", "region = \"eu-central-1\"");
            vec![]
        },
        "error: get the caller identity from AWS: SignatureDoesNotMatch: Credential should be scoped to a valid region and to service: 'sts'.\n  \
         try: check which credentials are used: `aws sts get-caller-identity`",
    ),
    (
        "no source of this name",
        |machine| {
            machine.scenario.set("source", "instance = \"club-prod\"");
            vec![]
        },
        "error: find the source instance club-prod: there is no instance of this name in ap-southeast-2\n  \
         try: check source.instance, source.region and the account of the credentials",
    ),
    (
        "a source that was renamed",
        |machine| {
            machine.scenario.set("source", &format!("resource_id = {:?}", machine.production.resource_id));
            machine.aws.forget_instance(PRODUCTION);
            machine.aws.add_instance(Instance { id: "club-production-old".into(), ..machine.production.clone() });
            vec![]
        },
        "error: find the source instance club-production: there is no instance of this name in ap-southeast-2; source.resource_id is RESOURCE\n  \
         try: RESOURCE is now named club-production-old: correct source.instance",
    ),
    (
        "a source that was renamed, and another one in its place",
        |machine| {
            machine.scenario.set("source", &format!("resource_id = {:?}", machine.production.resource_id));
            machine.aws.add_instance(Instance { id: "club-production-old".into(), ..machine.production.clone() });
            let resource_id = "db-ANOTHERANOTHERANOTHERANOTH".to_owned();
            machine.aws.add_instance(Instance { resource_id, ..machine.production.clone() });
            vec![]
        },
        "error: find the source instance club-production: it is db-ANOTHERANOTHERANOTHERANOTH, not the configured one; source.resource_id is RESOURCE\n  \
         try: RESOURCE is now named club-production-old: correct source.instance",
    ),
    (
        "a policy without a right",
        |machine| {
            machine.aws.faults(Action::DescribeDBSnapshots, u32::MAX, Fault::access_denied());
            vec![]
        },
        "error: find a snapshot of club-production (RESOURCE): AccessDenied: User: arn:aws:iam::123456789012:user/pgwitness is not authorized to perform this action\n  \
         try: `pgwitness config example iam` prints the policy that is needed",
    ),
];

#[test]
fn an_aws_that_does_not_know_us_or_that_we_do_not_know_is_one_clear_line() {
    demand(STRANGERS);
}

#[test]
fn an_aws_that_cannot_be_reached_is_one_clear_line() {
    demand(&[(
        "endpoint down",
        |machine| {
            machine.scenario.set("source", "endpoint_url = \"http://127.0.0.1:1\"");
            vec![]
        },
        "error: get the caller identity from AWS: no answer from AWS: Connection refused (os error 111)\n  \
             try: check the network, source.region and source.endpoint_url",
    )]);
}
