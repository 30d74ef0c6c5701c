//! Until the instance is ready, and the password.

use std::time::Duration;

use pgwitness::aws::{Claim, Deadline, InstanceDescription, Secret};

use super::script::*;

/// Answers one after the other, the last one for ever.
fn in_turn(answers: Vec<fn() -> Answer>) -> impl FnMut(&str, &Form) -> Answer + Send + 'static {
    let mut turn = 0;
    move |_, _| {
        let answer = answers[turn.min(answers.len() - 1)];
        turn += 1;
        answer()
    }
}

fn status(status: &str) -> Answer {
    describes(&[instance(status, &[])], None)
}

async fn wait(aws: &Aws, limit: Duration) -> (Result<InstanceDescription, String>, Vec<String>) {
    let mut notes = Vec::new();
    let ready = aws.rds.wait_ready(&the_claim(), Deadline::after(limit), &mut notes).await;
    (ready.map_err(|error| error.to_string()), notes)
}

#[tokio::test]
async fn ready_is_available_with_an_endpoint_and_nothing_pending() {
    let aws = aws(in_turn(vec![
        not_found,
        || status("creating"),
        || status("creating"),
        || status("backing-up"),
        || describes(&[], None),
        || fails(503, "ServiceUnavailable", "busy"),
        || describes(&[instance("available", &[("Endpoint", "-")])], None),
        || describes(&[instance("available", &[("PendingModifiedValues", "<MultiAZ>false</MultiAZ>")])], None),
        || status("available"),
    ]))
    .await;
    let (ready, notes) = wait(&aws, Duration::from_secs(60)).await;
    assert_eq!(ready.unwrap().endpoint.unwrap().host, "temporary.example");
    let states: Vec<&str> = notes.iter().map(|note| note.split_once(": ").unwrap().1).collect();
    let expected = [
        "not there",
        "creating",
        "backing-up",
        "not known (RDS answered with an empty list)",
        "available, no endpoint yet",
        "available, changes pending",
        "available",
    ];
    assert_eq!(states, expected);
}

#[tokio::test]
async fn from_these_states_there_is_no_way_back() {
    for state in [
        "failed",
        "incompatible-restore",
        "incompatible-network",
        "inaccessible-encryption-credentials-recoverable",
        "insufficient-capacity",
        "restore-error",
        "storage-full",
        "stopped",
        "deleting",
    ] {
        let aws = aws(move |_, _| status(state)).await;
        let (ready, notes) = wait(&aws, Duration::from_secs(60)).await;
        let expected = format!("wait for instance {NAME}: its status is {state}, from which it does not recover");
        assert_eq!(ready.unwrap_err(), expected);
        assert_eq!(notes, [format!("{NAME}: {state}")]);
    }
}

#[tokio::test]
async fn the_deadline_says_what_was_seen_last() {
    let aws = aws(|_, _| status("creating")).await;
    let (ready, _) = wait(&aws, Duration::from_millis(300)).await;
    assert!(ready.unwrap_err().ends_with("last seen: creating"));
}

#[tokio::test]
async fn lost_permission_ends_the_wait_at_once() {
    let aws = aws(|_, _| fails(403, "ExpiredToken", "expired")).await;
    let (ready, _) = wait(&aws, Duration::from_secs(60)).await;
    assert!(ready.unwrap_err().ends_with("ExpiredToken: expired"));
    assert_eq!(aws.asked("DescribeDBInstances").len(), 1);
}

#[tokio::test]
async fn an_instance_that_never_was_does_not_hold_us_for_the_whole_night() {
    let aws = aws(|_, _| not_found()).await;
    let (ready, _) = wait(&aws, Duration::from_secs(60)).await;
    assert!(ready.unwrap_err().ends_with("there is no such instance"));
}

#[tokio::test]
async fn yesterdays_instance_under_the_same_name_is_not_waited_for() {
    for change in [("DbiResourceId", "db-YESTERDAY"), ("run", "00")] {
        let aws = aws(move |_, _| describes(&[instance("available", &[change])], None)).await;
        let (ready, _) = wait(&aws, Duration::from_secs(60)).await;
        assert!(ready.unwrap_err().contains("it is another instance"));
    }
}

#[tokio::test]
async fn the_password_is_set_at_once_on_a_proven_instance_and_waited_for() {
    let mut looks = 0;
    let aws = aws(move |action, _| match action {
        "ModifyDBInstance" => says("ModifyDBInstance", &instance("available", &[])),
        _ => {
            looks += 1;
            let pending = ("PendingModifiedValues", "<MasterUserPassword>****</MasterUserPassword>");
            if looks == 2 { describes(&[instance("available", &[pending])], None) } else { status("available") }
        }
    })
    .await;
    let proven = aws.rds.prove(&the_claim(), &the_guard()).await.unwrap().unwrap();
    let secret = Secret::random().unwrap();
    let (mut notes, deadline) = (Vec::new(), Deadline::after(Duration::from_secs(60)));
    aws.rds.reset_password(&proven, &secret, deadline, &mut notes).await.unwrap();
    let mut sent = aws.asked("ModifyDBInstance").swap_remove(0);
    assert_eq!(sent.remove("MasterUserPassword").unwrap(), secret.reveal());
    sent.remove("Action");
    sent.remove("Version");
    let rest: Vec<(String, String)> = sent.into_iter().collect();
    assert_eq!(rest, [("ApplyImmediately".into(), "true".into()), ("DBInstanceIdentifier".into(), NAME.into())]);
    assert_eq!(notes, [format!("{NAME}: available, changes pending"), format!("{NAME}: available")]);
}

#[tokio::test]
async fn what_is_not_proven_gets_no_password() {
    let aws = aws(|_, _| describes(&[instance("available", &[("DeletionProtection", "true")])], None)).await;
    let claim = Claim { resource_id: None, ..the_claim() };
    let error = aws.rds.prove(&claim, &the_guard()).await.unwrap_err().to_string();
    assert!(error.ends_with("is not proven to be ours: without deletion protection: it is on"), "{error}");
}
