//! Pages, filters and kinds.

use std::time::Duration;

use aws_sdk_rds::types::Filter;

use crate::fake_rds::{FakeRds, FakeRdsOptions, Instance, Snapshot};
use crate::fake_rds_itself::aws::{Aws, account, code};

fn hours(hours: u64) -> Duration {
    Duration::from_secs(3600 * hours)
}

#[test]
fn many_records_come_in_pages() {
    let fake = FakeRds::start(FakeRdsOptions { page_size: Some(3), ..FakeRdsOptions::default() });
    let production = fake.add_instance(Instance::production("club-prod"));
    (0..6).for_each(|n| drop(fake.add_instance(Instance::production(&format!("other-{n}")))));
    (0..7).for_each(|n| drop(fake.add_snapshot(Snapshot::manual(&production, &format!("snap-{n}"), hours(n), None))));
    let aws = Aws::of(&fake);
    let (mut marker, mut sizes, mut names) = (None, Vec::new(), Vec::new());
    loop {
        let page = aws.wait(aws.rds.describe_db_instances().set_marker(marker).send()).unwrap();
        sizes.push(page.db_instances().len());
        names.extend(page.db_instances().iter().map(|instance| instance.db_instance_identifier().unwrap().to_owned()));
        marker = page.marker().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(names, ["club-prod", "other-0", "other-1", "other-2", "other-3", "other-4", "other-5"]);
    let all = aws.rds.describe_db_snapshots().dbi_resource_id(&production.resource_id).into_paginator().items().send();
    let all = aws.wait(all.try_collect()).unwrap();
    let ids: Vec<_> = all.iter().map(|snapshot| snapshot.db_snapshot_identifier().unwrap()).collect();
    assert_eq!(ids, ["snap-0", "snap-1", "snap-2", "snap-3", "snap-4", "snap-5", "snap-6"]);
    let odd = aws.wait(aws.rds.describe_db_instances().max_records(5).send()).unwrap_err();
    assert_eq!(code(&odd), "InvalidParameterValue", "the least is 20");
    let odd = aws.wait(aws.rds.describe_db_instances().marker("?").send()).unwrap_err();
    assert_eq!(code(&odd), "InvalidParameterValue");
}

#[test]
fn snapshots_are_found_by_resource_id_and_kind_even_after_a_rename() {
    let (fake, production, automated) = account();
    let manual = fake.add_snapshot(Snapshot::manual(&production, "before-upgrade", hours(50), None));
    let backup =
        Snapshot { kind: "awsbackup".into(), ..Snapshot::manual(&production, "awsbackup:job-1", hours(3), None) };
    fake.add_snapshot(backup);
    fake.add_snapshot(Snapshot::manual(&production, "early", Duration::ZERO, None).still_creating());
    let other = fake.add_instance(Instance::production("other"));
    fake.add_snapshot(Snapshot::automated(&other, hours(1), None));
    let aws = Aws::of(&fake);
    let call = || aws.rds.describe_db_snapshots();
    let ids = |call: aws_sdk_rds::operation::describe_db_snapshots::builders::DescribeDBSnapshotsFluentBuilder| {
        let answer = aws.wait(call.send()).map_err(|error| code(&error))?;
        Ok::<_, String>(
            answer
                .db_snapshots()
                .iter()
                .map(|one| one.db_snapshot_identifier().unwrap().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let of_production = || call().dbi_resource_id(&production.resource_id);
    assert_eq!(
        ids(of_production()).unwrap(),
        ["before-upgrade", "early", automated.id.as_str()],
        "not those of AWS Backup"
    );
    assert_eq!(ids(of_production().snapshot_type("automated")).unwrap(), [automated.id.as_str()]);
    assert_eq!(ids(of_production().snapshot_type("awsbackup")).unwrap(), ["awsbackup:job-1"]);
    assert_eq!(ids(call().db_instance_identifier("gone")).unwrap_err(), "DBInstanceNotFound");
    assert_eq!(
        ids(call().db_snapshot_identifier(&automated.id)).unwrap_err(),
        "DBSnapshotNotFound",
        "without its type"
    );
    assert_eq!(ids(call().db_snapshot_identifier(&automated.id).snapshot_type("automated")).unwrap().len(), 1);
    assert_eq!(ids(call().db_snapshot_identifier(&manual.id)).unwrap(), ["before-upgrade"]);
    let by_filter = Filter::builder().name("dbi-resource-id").values(&other.resource_id).build();
    assert_eq!(ids(call().filters(by_filter)).unwrap().len(), 1);
    let unknown = Filter::builder().name("colour").values("blue").build();
    assert_eq!(ids(call().filters(unknown)).unwrap_err(), "InvalidParameterValue");
    let early = aws.wait(call().db_snapshot_identifier("early").send()).unwrap().db_snapshots.unwrap().remove(0);
    assert!(early.snapshot_create_time().is_none() && early.status() == Some("creating"));
}

#[test]
fn instances_can_be_filtered() {
    let (fake, production, _) = account();
    fake.add_instance(Instance::production("other"));
    let aws = Aws::of(&fake);
    let with = |name: &str, value: &str| {
        let filter = Filter::builder().name(name).values(value).build();
        let answer = aws.wait(aws.rds.describe_db_instances().filters(filter).send()).map_err(|error| code(&error))?;
        Ok::<_, String>(
            answer
                .db_instances()
                .iter()
                .map(|one| one.db_instance_identifier().unwrap().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(with("dbi-resource-id", &production.resource_id).unwrap(), ["club-prod"]);
    assert_eq!(with("db-instance-id", "other").unwrap(), ["other"]);
    assert!(with("db-instance-id", "none").unwrap().is_empty(), "a filter that nothing passes is no error");
    assert_eq!(with("tag:env", "production").unwrap_err(), "InvalidParameterValue", "RDS has no such filter");
}
