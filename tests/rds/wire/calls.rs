//! Who we are, and the order of the temporary instance.

use std::collections::BTreeMap;

use pgwitness::aws::InstanceOrder;

use super::script::*;

const WHO: &str = "<Arn>arn:aws:iam::123456789012:user/backup</Arn><UserId>A</UserId><Account>123456789012</Account>";

fn who() -> Answer {
    let Answer::Says(status, body) = says("GetCallerIdentity", WHO) else { unreachable!() };
    Answer::Says(status, body.replace("rds.amazonaws.com/doc/2014-10-31", "sts.amazonaws.com/doc/2011-06-15"))
}

#[tokio::test]
async fn the_identity_is_told_with_the_error_of_the_clock() {
    let aws = aws(|_, _| who()).await;
    let identity = aws.rds.identity(time(NOW)).await.unwrap();
    assert_eq!(identity.account, "123456789012");
    assert_eq!(identity.arn, "arn:aws:iam::123456789012:user/backup");
    assert!((58..=60).contains(&identity.clock_skew_s.unwrap()), "{identity:?}");
}

#[tokio::test]
async fn a_wrong_clock_is_named_even_when_the_call_is_refused_for_it() {
    let refuse = |_: &str, _: &Form| fails(403, "SignatureDoesNotMatch", "Signature expired");
    let aws = aws_with(|_| {}, Some("Sat, 31 Jan 2026 03:00:00 GMT"), refuse).await;
    let error = aws.rds.identity(time(NOW)).await.unwrap_err();
    assert!(error.to_string().starts_with("the clock of this machine is 3"), "{error}");
    assert!(error.to_string().ends_with("s behind AWS's"), "{error}");
}

#[tokio::test]
async fn another_account_is_refused() {
    let aws = aws_with(|source| source.account = Some("210987654321".into()), None, |_, _| who()).await;
    let error = aws.rds.identity(time(NOW)).await.unwrap_err().to_string();
    assert_eq!(error, "the credentials are of account 123456789012, source.account is 210987654321");
}

#[tokio::test]
async fn expired_credentials_are_one_clear_line_at_once() {
    let aws = aws(|_, _| fails(403, "ExpiredToken", "The security token included in the request is expired")).await;
    let error = aws.rds.identity(time(NOW)).await.unwrap_err();
    let text = "get the caller identity from AWS: ExpiredToken: The security token included in the request is expired";
    assert_eq!(error.to_string(), text);
    assert!(error.hint_text().unwrap().contains("renew"));
    assert_eq!(aws.asked("GetCallerIdentity").len(), 1);
}

async fn restore(aws: &Aws) -> pgwitness::base::error::Result<pgwitness::aws::RestoredInstance> {
    let (source, snapshot) = (the_source(), the_snapshot());
    let order = InstanceOrder {
        identifier: NAME,
        run_id: RUN,
        snapshot: &snapshot,
        source: &source,
        ordered_at: time(NOW),
        expires_at: time("2026-02-01T02:00:00Z"),
    };
    aws.rds.restore(&order).await
}

fn restores() -> Answer {
    says("RestoreDBInstanceFromDBSnapshot", &instance("creating", &[("InstanceCreateTime", "-"), ("Endpoint", "-")]))
}

#[tokio::test]
async fn the_order_leaves_no_parameter_to_chance() {
    let aws = aws(|_, _| restores()).await;
    let restored = restore(&aws).await.unwrap();
    assert_eq!((restored.resource_id.as_str(), restored.notes.len()), (TEMPORARY, 0));
    let mut sent = aws.asked("RestoreDBInstanceFromDBSnapshot").swap_remove(0);
    let mut tags = BTreeMap::new();
    for index in 1..=5 {
        let mut take = |part: &str| sent.remove(&format!("Tags.Tag.{index}.{part}")).unwrap();
        tags.insert(take("Key"), take("Value"));
    }
    let text = |pairs: &[(&str, &str)]| -> Form { pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect() };
    let expected_tags = [
        ("pgwitness-managed", "true"),
        ("pgwitness-run-id", RUN),
        ("pgwitness-created-at", NOW),
        ("pgwitness-expires-at", "2026-02-01T02:00:00Z"),
        ("pgwitness-source-resource-id", PRODUCTION),
    ];
    assert_eq!(tags, text(&expected_tags));
    let expected = [
        ("Action", "RestoreDBInstanceFromDBSnapshot"),
        ("Version", "2014-10-31"),
        ("DBInstanceIdentifier", NAME),
        ("DBSnapshotIdentifier", "rds:production-2026-01-31"),
        ("DBInstanceClass", "db.t4g.medium"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-1"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.2", "sg-2"),
        ("DBSubnetGroupName", "isolated"),
        ("DBParameterGroupName", "pg17"),
        ("PubliclyAccessible", "false"),
        ("MultiAZ", "false"),
        ("AutoMinorVersionUpgrade", "false"),
        ("DeletionProtection", "false"),
        ("CopyTagsToSnapshot", "false"),
        ("BackupRetentionPeriod", "0"),
        ("StorageType", "gp3"),
        ("CACertificateIdentifier", "rds-ca-rsa2048-g1"),
    ];
    assert_eq!(sent, text(&expected));
}

#[tokio::test]
async fn when_the_answer_is_lost_the_instance_with_our_run_id_is_taken() {
    let mut is_built = false;
    let aws = aws(move |action, _| match action {
        "RestoreDBInstanceFromDBSnapshot" if is_built => fails(400, "DBInstanceAlreadyExists", "already exists"),
        "RestoreDBInstanceFromDBSnapshot" => {
            is_built = true;
            Answer::Lost
        }
        _ => describes(&[instance("creating", &[])], None),
    })
    .await;
    let restored = restore(&aws).await.unwrap();
    assert_eq!(restored.resource_id, TEMPORARY);
    assert!(restored.notes[0].contains("DBInstanceAlreadyExists"), "{restored:?}");
}

#[tokio::test]
async fn an_instance_of_another_run_under_our_name_is_not_taken() {
    let aws = aws(|action, _| match action {
        "RestoreDBInstanceFromDBSnapshot" => fails(400, "DBInstanceAlreadyExists", "already exists"),
        _ => describes(&[instance("available", &[("run", "00")])], None),
    })
    .await;
    let error = restore(&aws).await.unwrap_err().to_string();
    assert!(error.ends_with("exists, and it is not of this run"), "{error}");
}

#[tokio::test]
async fn when_nothing_can_be_seen_afterwards_the_error_says_that_it_is_not_known() {
    let aws = aws(|action, _| match action {
        "RestoreDBInstanceFromDBSnapshot" => fails(400, "DBInstanceAlreadyExists", "already exists"),
        _ => describes(&[], None),
    })
    .await;
    let error = restore(&aws).await.unwrap_err().to_string();
    assert!(error.contains("it is not known whether"), "{error}");
}

#[tokio::test]
async fn when_one_class_is_short_the_next_is_ordered_under_the_same_name() {
    let aws = aws(|action, form| match action {
        "RestoreDBInstanceFromDBSnapshot" if form["DBInstanceClass"] == "db.t4g.medium" => {
            fails(400, "InsufficientDBInstanceCapacity", "none left")
        }
        "RestoreDBInstanceFromDBSnapshot" => {
            says("RestoreDBInstanceFromDBSnapshot", &instance("creating", &[("DBInstanceClass", "db.t3.large")]))
        }
        _ => not_found(),
    })
    .await;
    let restored = restore(&aws).await.unwrap();
    assert_eq!(restored.instance_class, "db.t3.large");
    assert_eq!(restored.notes, ["db.t4g.medium is not available: InsufficientDBInstanceCapacity: none left"]);
    let names: Vec<String> = aws
        .asked("RestoreDBInstanceFromDBSnapshot")
        .into_iter()
        .map(|mut f| f.remove("DBInstanceIdentifier").unwrap())
        .collect();
    assert_eq!(names, [NAME, NAME]);
}

#[tokio::test]
async fn no_capacity_at_all_and_no_quota_are_different_errors() {
    let aws = aws_with(
        |source| source.temporary.instance_classes.truncate(1),
        None,
        |action, _| match action {
            "RestoreDBInstanceFromDBSnapshot" => fails(400, "InsufficientDBInstanceCapacity", "none left"),
            _ => not_found(),
        },
    )
    .await;
    let error = restore(&aws).await.unwrap_err();
    assert!(error.hint_text().unwrap().contains("instance_classes"), "{error:?}");
    let aws = super::script::aws(|action, _| match action {
        "RestoreDBInstanceFromDBSnapshot" => fails(400, "InstanceQuotaExceeded", "40 are allowed"),
        _ => not_found(),
    })
    .await;
    let error = restore(&aws).await.unwrap_err();
    assert!(error.hint_text().unwrap().contains("quota"), "{error:?}");
    assert_eq!(aws.asked("RestoreDBInstanceFromDBSnapshot").len(), 1);
}

#[tokio::test]
async fn an_answer_with_productions_resource_id_is_not_written_down() {
    let shown = instance("creating", &[("DbiResourceId", PRODUCTION)]);
    let aws = aws(move |_, _| says("RestoreDBInstanceFromDBSnapshot", &shown)).await;
    let error = restore(&aws).await.unwrap_err().to_string();
    assert!(error.ends_with("RDS answered with pgwitness-20260131t020000z-0123abcd (db-PRODUCTION)"), "{error}");
}
