//! What is deleted, and what is not.

use std::time::Duration;

use pgwitness::aws::{Claim, Deadline, still_billed_message};

use super::script::*;

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

async fn remove(aws: &Aws, claim: &Claim) -> Result<bool, String> {
    let removed = aws.rds.remove(claim, &the_guard(), soon(), &mut Vec::new()).await;
    removed.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_proven_instance_is_deleted_by_its_exact_name_without_a_last_snapshot() {
    let mut calls = 0;
    let mut is_deleting = false;
    let aws = aws(move |action, form| match action {
        "DeleteDBInstance" => {
            calls += 1;
            if calls == 1 {
                return fails(400, "InvalidDBInstanceState", "is being modified");
            }
            is_deleting = true;
            says("DeleteDBInstance", &instance("deleting", &[]))
        }
        _ if !form.contains_key("DBInstanceIdentifier") => describes(&[production()], None),
        _ if is_deleting => {
            calls += 1;
            match calls {
                3 => describes(&[instance("deleting", &[])], None),
                4 => describes(&[], None),
                _ => not_found(),
            }
        }
        _ => describes(&[instance("available", &[])], None),
    })
    .await;
    let mut notes = Vec::new();
    assert!(aws.rds.remove(&the_claim(), &the_guard(), soon(), &mut notes).await.unwrap());
    let sent = aws.asked("DeleteDBInstance").swap_remove(1);
    let expected = [
        ("Action", "DeleteDBInstance"),
        ("DBInstanceIdentifier", NAME),
        ("DeleteAutomatedBackups", "true"),
        ("SkipFinalSnapshot", "true"),
        ("Version", "2014-10-31"),
    ];
    let expected: Form = expected.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    assert_eq!(sent, expected);
    let expected = [
        format!("{NAME} not deleted yet: InvalidDBInstanceState: is being modified"),
        format!("{NAME}: deleting"),
        format!("{NAME}: not known (RDS answered with an empty list)"),
        format!("{NAME}: gone"),
    ];
    assert_eq!(notes, expected);
}

#[tokio::test]
async fn what_is_not_proven_gets_no_delete_call() {
    let strangers: [&[(&str, &str)]; 7] = [
        &[("run", "00")],
        &[("DbiResourceId", PRODUCTION)],
        &[("DbiResourceId", "db-OTHER")],
        &[("DeletionProtection", "true")],
        &[("InstanceCreateTime", "2026-01-30T00:00:00Z")],
        &[("ReadReplicaDBInstanceIdentifiers", "<ReadReplicaDBInstanceIdentifier>r</ReadReplicaDBInstanceIdentifier>")],
        &[("DBInstanceArn", "arn:aws:rds:eu-west-1:123456789012:db:x")],
    ];
    for stranger in strangers {
        let shown = instance("available", stranger);
        let aws = aws(move |_, _| describes(std::slice::from_ref(&shown), None)).await;
        let error = remove(&aws, &the_claim()).await.unwrap_err();
        assert!(error.contains("is not proven to be ours"), "{stranger:?}: {error}");
        assert!(aws.asked("DeleteDBInstance").is_empty());
    }
}

#[tokio::test]
async fn it_is_proven_once_more_just_before_the_call() {
    let mut looks = 0;
    let aws = aws(move |action, _| {
        assert_eq!(action, "DescribeDBInstances");
        looks += 1;
        let run = if looks == 1 { RUN } else { "00" };
        describes(&[instance("available", &[("run", run)])], None)
    })
    .await;
    let proven = aws.rds.prove(&the_claim(), &the_guard()).await.unwrap().unwrap();
    let error = aws.rds.delete(proven, soon(), &mut Vec::new()).await.unwrap_err().to_string();
    assert!(error.contains("tagged with the claimed run"), "{error}");
}

#[tokio::test]
async fn absent_is_only_what_rds_says_is_absent() {
    let aws = aws(|_, form| match form.contains_key("DBInstanceIdentifier") {
        true => not_found(),
        false => describes(&[production()], None),
    })
    .await;
    assert_eq!(remove(&aws, &the_claim()).await, Ok(false));
    let aws = super::script::aws(|_, _| fails(403, "AccessDenied", "no")).await;
    assert!(remove(&aws, &the_claim()).await.unwrap_err().contains("AccessDenied"));
}

/// After an interruption in the middle of the call it is unknown how far it has got.
#[tokio::test]
async fn not_found_is_not_believed_at_once_when_the_order_was_never_answered() {
    let mut looks = 0;
    let aws = aws(move |action, _| {
        looks += 1;
        match (action, looks) {
            ("DeleteDBInstance", _) => says("DeleteDBInstance", &instance("deleting", &[])),
            (_, 1 | 2 | 6..) => not_found(),
            // So young that RDS does not say since when.
            (_, 3) => describes(&[instance("creating", &[("InstanceCreateTime", "-")])], None),
            _ => describes(&[instance("available", &[])], None),
        }
    })
    .await;
    let unanswered = Claim { resource_id: None, ..the_claim() };
    let removed = aws.rds.remove(&unanswered, &the_guard(), soon(), &mut Vec::new()).await;
    assert_eq!(aws.asked("DeleteDBInstance").len(), 1);
    assert!(removed.is_ok(), "{removed:?}");
    let aws = super::script::aws(|_, _| not_found()).await;
    assert_eq!(remove(&aws, &unanswered).await, Ok(false), "in the end it is");
    let short = Deadline::after(Duration::ZERO);
    let error = aws.rds.remove(&unanswered, &the_guard(), short, &mut Vec::new()).await.unwrap_err().to_string();
    assert!(error.contains("may be on its way"), "{error}");
}

/// The SDK would take each of these for a whole answer.
#[tokio::test]
async fn an_answer_that_was_cut_off_proves_nothing() {
    let Answer::Says(_, whole) = describes(&[instance("available", &[])], None) else { unreachable!() };
    for end in ["<DBInstance>", "<DeletionProtection>", "<TagList>", "</DescribeDBInstancesResponse>"] {
        let cut = whole.split(end).next().unwrap().to_owned();
        let aws = aws(move |_, _| Answer::Says(200, cut.clone())).await;
        let error = aws.rds.describe(NAME).await.unwrap_err().to_string();
        assert!(error.contains("the answer is truncated"), "{end}: {error}");
        let error = aws.rds.leftovers().await.unwrap_err().to_string();
        assert!(error.contains("the answer is truncated"), "{end}: {error}");
    }
}

/// It never came to life, and RDS may never say since when it is there.
#[tokio::test]
async fn an_instance_whose_making_has_failed_can_be_deleted() {
    let mut is_deleted = false;
    let aws = aws(move |action, form| match action {
        "DeleteDBInstance" => {
            is_deleted = true;
            says("DeleteDBInstance", &instance("deleting", &[]))
        }
        _ if !form.contains_key("DBInstanceIdentifier") => describes(&[production()], None),
        _ if is_deleted => not_found(),
        _ => describes(&[instance("incompatible-restore", &[("InstanceCreateTime", "-")])], None),
    })
    .await;
    assert_eq!(remove(&aws, &the_claim()).await, Ok(true));
}

#[tokio::test]
async fn an_order_without_an_answer_may_still_be_on_its_way() {
    let claim = Claim { resource_id: None, ..the_claim() };
    let (mut looks, mut is_deleted) = (0, false);
    let aws = aws(move |action, _| {
        looks += 1;
        is_deleted |= action == "DeleteDBInstance";
        match action {
            "DeleteDBInstance" => says("DeleteDBInstance", &instance("deleting", &[])),
            _ if looks < 4 || is_deleted => not_found(),
            _ => describes(&[instance("available", &[])], None),
        }
    })
    .await;
    assert_eq!(remove(&aws, &claim).await, Ok(true));
    assert_eq!(aws.asked("DeleteDBInstance").len(), 1);
    let aws = super::script::aws(|_, _| not_found()).await;
    assert_eq!(remove(&aws, &claim).await, Ok(false));
    assert_eq!(aws.asked("DescribeDBInstances").len(), 5);
}

#[tokio::test]
async fn a_renamed_instance_is_not_gone_and_not_deleted() {
    let aws = aws(|_, form| match form.contains_key("DBInstanceIdentifier") {
        true => not_found(),
        false => describes(&[production(), instance("available", &[("DBInstanceIdentifier", "kept")])], None),
    })
    .await;
    let error = remove(&aws, &the_claim()).await.unwrap_err();
    assert!(error.ends_with("was renamed to kept (db-TEMPORARY)"), "{error}");
}

#[tokio::test]
async fn an_instance_that_does_not_go_is_a_debt() {
    let aws = aws(|_, _| describes(&[instance("deleting", &[])], None)).await;
    let deadline = Deadline::after(Duration::from_millis(300));
    let error = aws.rds.wait_gone(&the_claim(), deadline, &mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().ends_with("last seen: deleting"), "{error}");
    let text = still_billed_message(NAME, "ap-southeast-2", &error.to_string());
    assert!(text.starts_with("STILL RUNNING AND BILLED: "));
    let command = format!("aws rds delete-db-instance --db-instance-identifier {NAME} --skip-final-snapshot");
    assert!(text.contains(&command) && text.ends_with("--region ap-southeast-2"));
}

#[tokio::test]
async fn an_orphan_is_deleted_only_when_expired_and_confirmed() {
    let tags = "<Tag><Key>pgwitness-created-at</Key><Value>2026-01-31T02:00:00Z</Value></Tag>\
                <Tag><Key>pgwitness-expires-at</Key><Value>2026-02-01T02:00:00Z</Value></Tag>\
                <Tag><Key>pgwitness-source-resource-id</Key><Value>db-PRODUCTION</Value></Tag></TagList>";
    let shown = instance("available", &[]).replace("</TagList>", tags);
    let aws = aws(move |_, _| describes(std::slice::from_ref(&shown), None)).await;
    let orphan = aws.rds.leftovers().await.unwrap().swap_remove(0);
    let guard = the_guard();
    for (confirmed, now, is_proven) in [
        (NAME, "2026-02-01T02:00:01Z", true),
        (NAME, "2026-02-01T02:00:00Z", false),
        ("pgwitness", "2026-02-02T00:00:00Z", false),
    ] {
        let proven = aws.rds.prove_orphan(&orphan, confirmed, time(now), &guard).await;
        assert_eq!(proven.is_ok_and(|proven| proven.is_some()), is_proven, "{confirmed} {now}");
    }
}
