//! Lives of instances that are records only: statuses, defaults, refusals.

use aws_sdk_rds::types::Tag;

use crate::fake_rds::{Action, Instance, Life, Stage};
use crate::fake_rds_itself::aws::{Aws, account, code};

#[test]
fn the_caller_learns_who_it_is() {
    let (fake, ..) = account();
    let aws = Aws::of(&fake);
    let who = aws.wait(aws.sts.get_caller_identity().send()).unwrap();
    assert_eq!(who.account(), Some("123456789012"));
    assert_eq!(who.arn(), Some("arn:aws:iam::123456789012:user/pgwitness"));
}

#[test]
fn a_careful_restore_gets_what_it_asked_for_and_fields_are_null_while_creating() {
    let (fake, production, snapshot) = account();
    let aws = Aws::of(&fake);
    let made = aws.restore("temp-1", &snapshot.id);
    assert_eq!(made.db_instance_status(), Some("creating"));
    assert!(made.endpoint().is_none() && made.instance_create_time().is_none(), "{made:?}");
    let resource = made.dbi_resource_id().unwrap().to_owned();
    assert!(resource.len() == 29 && resource.starts_with("db-") && resource != production.resource_id, "{resource}");
    let (ready, seen) = aws.look_until("temp-1", "available");
    assert_eq!(seen, ["creating", "modifying", "available"], "no backups were asked for");
    assert_eq!(ready.dbi_resource_id(), Some(resource.as_str()));
    assert_eq!(ready.db_instance_arn(), Some("arn:aws:rds:ap-southeast-2:123456789012:db:temp-1"));
    let endpoint = ready.endpoint().unwrap();
    assert_eq!(endpoint.address(), Some("temp-1.c0ffee123456.ap-southeast-2.rds.amazonaws.com"));
    assert_eq!((endpoint.port(), ready.db_instance_class()), (Some(5432), Some("db.t4g.small")));
    assert_eq!(ready.tag_list(), [Tag::builder().key("managed").value("tr<u>e & \"so\"").build()]);
    assert_eq!(
        (ready.deletion_protection(), ready.publicly_accessible(), ready.multi_az()),
        (Some(false), Some(false), Some(false))
    );
    assert_eq!(ready.vpc_security_groups()[0].vpc_security_group_id(), Some("sg-quiet"));
    assert_eq!(ready.db_subnet_group().unwrap().db_subnet_group_name(), Some("quiet"));
    assert_eq!(ready.db_parameter_groups()[0].db_parameter_group_name(), Some("quiet15"));
    assert!(ready.instance_create_time().is_some());
}

#[test]
fn what_is_not_sent_is_as_on_the_source_tags_too() {
    let (fake, production, snapshot) = account();
    let aws = Aws::of(&fake);
    aws.restore_plainly("temp-1", &snapshot.id).unwrap();
    let (ready, seen) = aws.look_until("temp-1", "available");
    assert_eq!(
        seen,
        ["creating", "backing-up", "modifying", "available"],
        "backups are inherited, so one is made at once"
    );
    assert_eq!(ready.backup_retention_period(), Some(7));
    assert_eq!(
        (ready.deletion_protection(), ready.publicly_accessible(), ready.multi_az()),
        (Some(true), Some(true), Some(true))
    );
    let tags: Vec<_> = ready.tag_list().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    assert_eq!(tags, [("env", "production"), ("owner", "club")]);
    assert_eq!(ready.db_instance_class(), Some(production.class.as_str()));
    assert_eq!(ready.vpc_security_groups()[0].vpc_security_group_id(), Some("sg-default"));
    assert_eq!(aws.delete("temp-1").unwrap_err(), "InvalidParameterCombination", "protection is inherited");
}

#[test]
fn every_scripted_status_is_shown() {
    let (fake, _, snapshot) = account();
    let aws = Aws::of(&fake);
    let ends = [
        "failed",
        "incompatible-restore",
        "incompatible-parameters",
        "storage-full",
        "inaccessible-encryption-credentials",
    ];
    for (number, status) in ends.into_iter().enumerate() {
        fake.set_life(Life::ending_in(status));
        let id = format!("temp-{number}");
        aws.restore(&id, &snapshot.id);
        let (instance, seen) = aws.look_until(&id, status);
        assert_eq!(seen, ["creating", status]);
        assert_eq!(instance.endpoint().is_some(), !["failed", "incompatible-restore"].contains(&status), "{status}");
        assert_eq!(aws.look(&id).unwrap().db_instance_status(), Some(status), "it lasts");
    }
    fake.set_life(Life::stuck("creating"));
    aws.restore("temp-9", &snapshot.id);
    (0..20).for_each(|_| assert_eq!(aws.look("temp-9").unwrap().db_instance_status(), Some("creating")));
    let odd = [Stage::new("available", 1).without_endpoint(), Stage::new("available", u32::MAX)];
    fake.set_life(Life { stages: odd.into(), hidden: vec!["DbiResourceId".into()], ..Life::default() });
    aws.restore("temp-10", &snapshot.id);
    assert!(aws.look("temp-10").unwrap().endpoint().is_none());
    let second = aws.look("temp-10").unwrap();
    assert!(second.endpoint().is_some() && second.dbi_resource_id().is_none());
}

#[test]
fn a_new_password_is_pending_for_a_while() {
    let (fake, _, snapshot) = account();
    let aws = Aws::of(&fake);
    aws.restore("temp-1", &snapshot.id);
    let modify = |password: &str| {
        let call = aws.rds.modify_db_instance().db_instance_identifier("temp-1");
        aws.wait(call.master_user_password(password).apply_immediately(true).send()).map_err(|error| code(&error))
    };
    assert_eq!(modify("long-enough").unwrap_err(), "InvalidDBInstanceState", "still creating");
    aws.look_until("temp-1", "available");
    assert_eq!(modify("a/b@c\"defgh").unwrap_err(), "InvalidParameterValue");
    let answer = modify("long-enough").unwrap().db_instance.unwrap();
    assert_eq!(answer.pending_modified_values().unwrap().master_user_password(), Some("****"));
    let mut seen = Vec::new();
    for _ in 0..4 {
        let instance = aws.look("temp-1").unwrap();
        let pending = instance.pending_modified_values().unwrap().master_user_password().is_some();
        seen.push((instance.db_instance_status().unwrap().to_owned(), pending));
    }
    let expected =
        [("available", true), ("resetting-master-credentials", true), ("available", false), ("available", false)];
    assert_eq!(seen, expected.map(|(status, pending)| (status.to_owned(), pending)));
}

#[test]
fn a_deletion_takes_a_while_and_only_then_there_is_none() {
    let (fake, production, snapshot) = account();
    let aws = Aws::of(&fake);
    aws.restore("temp-1", &snapshot.id);
    let hasty = aws.wait(aws.rds.delete_db_instance().db_instance_identifier("temp-1").send()).unwrap_err();
    assert_eq!(code(&hasty), "InvalidParameterCombination", "no final snapshot is named");
    assert_eq!(aws.delete("Temp-1").unwrap().db_instance_status(), Some("deleting"), "names have no case");
    assert_eq!(aws.delete("temp-1").unwrap_err(), "InvalidDBInstanceState");
    assert_eq!(aws.look("temp-1").unwrap().db_instance_status(), Some("deleting"));
    assert_eq!(aws.restore_plainly("temp-1", &snapshot.id).unwrap_err(), "DBInstanceAlreadyExists");
    assert_eq!(fake.instances().len(), 2);
    assert_eq!(aws.look("temp-1").unwrap().db_instance_status(), Some("deleting"));
    assert_eq!(aws.look("temp-1").unwrap_err(), "DBInstanceNotFound");
    assert_eq!(aws.delete("temp-1").unwrap_err(), "DBInstanceNotFound");
    assert_eq!(aws.delete("club-prod").unwrap_err(), "InvalidParameterCombination", "protected");
    assert_eq!(fake.instances(), [production]);
}

#[test]
fn names_snapshots_and_groups_are_checked_as_by_aws() {
    let (fake, production, snapshot) = account();
    let aws = Aws::of(&fake);
    assert_eq!(aws.restore_plainly("club-prod", &snapshot.id).unwrap_err(), "DBInstanceAlreadyExists");
    assert_eq!(aws.restore_plainly("temp-1", "rds:nothing").unwrap_err(), "DBSnapshotNotFound");
    for bad in ["1temp", "temp--1", "temp-", "te_mp"] {
        assert_eq!(aws.restore_plainly(bad, &snapshot.id).unwrap_err(), "InvalidParameterValue", "{bad}");
    }
    let early =
        crate::fake_rds::Snapshot::manual(&production, "early", std::time::Duration::ZERO, None).still_creating();
    fake.add_snapshot(early);
    assert_eq!(aws.restore_plainly("temp-1", "early").unwrap_err(), "InvalidDBSnapshotState");
    fake.no_capacity_for(&["db.t4g.micro"]);
    let small = aws.rds.restore_db_instance_from_db_snapshot().db_instance_identifier("temp-1");
    let small = small.db_snapshot_identifier(&snapshot.id).db_instance_class("db.t4g.micro");
    assert_eq!(code(&aws.wait(small.send()).unwrap_err()), "InsufficientDBInstanceCapacity");
    aws.restore("temp-1", &snapshot.id);
    fake.set_life(Life::default());
    assert_eq!(fake.calls_of(Action::RestoreDBInstanceFromDBSnapshot).len(), 9);
}

#[test]
fn tags_can_be_listed_and_added() {
    let (fake, production, snapshot) = account();
    let aws = Aws::of(&fake);
    let arn = production.arn("ap-southeast-2");
    let add = aws.rds.add_tags_to_resource().resource_name(&arn);
    let add =
        add.tags(Tag::builder().key("owner").value("nobody").build()).tags(Tag::builder().key("new").value("").build());
    aws.wait(add.send()).unwrap();
    let tags = aws.wait(aws.rds.list_tags_for_resource().resource_name(&arn).send()).unwrap();
    let tags: Vec<_> = tags.tag_list().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap_or(""))).collect();
    assert_eq!(tags, [("env", "production"), ("owner", "nobody"), ("new", "")]);
    let of = |arn: &str| {
        let answer = aws.wait(aws.rds.list_tags_for_resource().resource_name(arn).send());
        answer.map_err(|error| code(&error))
    };
    assert!(of(&snapshot.arn("ap-southeast-2")).unwrap().tag_list().is_empty());
    assert_eq!(of("arn:aws:rds:ap-southeast-2:123456789012:db:none").unwrap_err(), "DBInstanceNotFound");
    assert_eq!(of("club-prod").unwrap_err(), "InvalidParameterValue");
}

#[test]
fn any_other_call_is_refused_and_remembered() {
    let (fake, _, snapshot) = account();
    let aws = Aws::of(&fake);
    let deleted = aws.wait(aws.rds.delete_db_snapshot().db_snapshot_identifier(&snapshot.id).send());
    assert_eq!(code(&deleted.unwrap_err()), "InvalidAction");
    let unknown: Vec<String> = fake.unknown_calls().into_iter().map(|call| call.action).collect();
    assert_eq!(unknown, ["DeleteDBSnapshot"]);
    assert_eq!(fake.unknown_calls()[0].parameters["DBSnapshotIdentifier"], snapshot.id);
    assert_eq!(fake.snapshots().len(), 1);
}

#[test]
fn resource_ids_are_never_the_same_twice() {
    let ids: std::collections::BTreeSet<String> =
        (0..500).map(|n| Instance::production(&format!("i{n}")).resource_id).collect();
    assert_eq!(ids.len(), 500);
}
