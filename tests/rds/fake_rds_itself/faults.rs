//! What can be ordered to go wrong, as the SDK sees it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::fake_rds::{Action, Fault, Moment};
use crate::fake_rds_itself::aws::{Aws, account, code};

#[test]
fn each_refusal_has_its_code_and_status() {
    let (fake, _, snapshot) = account();
    let aws = Aws::of(&fake);
    let refusals = [
        (Fault::throttling(), "400 Throttling"),
        (Fault::internal_failure(), "500 InternalFailure"),
        (Fault::service_unavailable(), "503 ServiceUnavailable"),
        (Fault::expired_token(), "403 ExpiredToken"),
        (Fault::access_denied(), "403 AccessDenied"),
        (Fault::clock_skew(), "403 SignatureDoesNotMatch"),
        (Fault::no_capacity(), "400 InsufficientDBInstanceCapacity"),
        (Fault::instance_quota(), "400 InstanceQuotaExceeded"),
        (Fault::storage_quota(), "400 StorageQuotaExceeded"),
        (Fault::instance_already_exists(), "400 DBInstanceAlreadyExists"),
        (Fault::snapshot_not_found(), "404 DBSnapshotNotFound"),
        (Fault::invalid_snapshot_state(), "400 InvalidDBSnapshotState"),
    ];
    for (fault, answer) in refusals {
        fake.fault(Action::RestoreDBInstanceFromDBSnapshot, fault);
        let refused = aws.restore_plainly("temp-1", &snapshot.id).unwrap_err();
        assert_eq!(fake.calls().last().unwrap().answer, answer);
        assert_eq!(refused, answer.split_once(' ').unwrap().1);
    }
    assert_eq!(fake.instances().len(), 1, "nothing was made");
    assert!(aws.restore_plainly("temp-1", &snapshot.id).is_ok(), "each was met once");
}

#[test]
fn the_sdk_gets_over_two_throttlings_by_itself_but_not_over_nine() {
    let (fake, ..) = account();
    let aws = Aws::with(&fake, 4, "ap-southeast-2");
    fake.faults(Action::DescribeDBInstances, 2, Fault::throttling());
    assert!(aws.look("club-prod").is_ok());
    assert_eq!(fake.calls().len(), 3);
    fake.faults(Action::DescribeDBInstances, u32::MAX, Fault::throttling());
    assert_eq!(aws.look("club-prod").unwrap_err(), "Throttling");
    fake.clear_faults();
    assert!(aws.look("club-prod").is_ok());
}

#[test]
fn work_can_be_done_without_an_answer() {
    let (fake, _, snapshot) = account();
    let aws = Aws::of(&fake);
    fake.fault(Action::RestoreDBInstanceFromDBSnapshot, Fault::DroppedBefore);
    assert_eq!(aws.restore_plainly("temp-1", &snapshot.id).unwrap_err(), "dispatch");
    assert_eq!(fake.instances().len(), 1);
    fake.fault(Action::RestoreDBInstanceFromDBSnapshot, Fault::DroppedAfter);
    assert_eq!(aws.restore_plainly("temp-1", &snapshot.id).unwrap_err(), "dispatch");
    assert_eq!(fake.instances().len(), 2);
    assert_eq!(fake.calls().last().unwrap().answer, "dropped");
    fake.fault(Action::DescribeDBInstances, Fault::AnsweredAfter(Duration::from_millis(300)));
    let before = Instant::now();
    assert!(aws.look("temp-1").is_ok());
    assert!(before.elapsed() >= Duration::from_millis(300));
}

#[test]
fn an_answer_that_is_no_answer_is_an_error_of_no_code() {
    let (fake, _, snapshot) = account();
    let aws = Aws::of(&fake);
    fake.fault(Action::DescribeDBInstances, Fault::Garbage);
    assert_eq!(aws.look("club-prod").unwrap_err(), "service", "the SDK takes it for something that the service said");
    fake.fault(Action::RestoreDBInstanceFromDBSnapshot, Fault::BrokenOff);
    let broken = aws.restore_plainly("temp-1", &snapshot.id).unwrap_err();
    assert!(["response", "dispatch"].contains(&broken.as_str()), "{broken}");
    assert_eq!(fake.instances().len(), 2, "the work is done");
}

/// A limit of the SDK: absence in a cut answer must not be read as "does not exist".
#[test]
fn the_sdk_takes_half_an_answer_for_a_whole_one() {
    let (fake, ..) = account();
    let aws = Aws::of(&fake);
    fake.fault(Action::DescribeDBInstances, Fault::EndsBefore("<MultiAZ>"));
    let instance = aws.look("club-prod").unwrap();
    assert_eq!(instance.db_instance_identifier(), Some("club-prod"));
    assert!(instance.deletion_protection().is_none() && instance.dbi_resource_id().is_none());
    assert_eq!(aws.look("club-prod").unwrap().deletion_protection(), Some(true));
}

#[test]
fn hooks_run_at_their_moments_and_may_use_what_they_are_hooked_to() {
    let (fake, _, snapshot) = account();
    let fake = Arc::new(fake);
    let seen = Arc::new(Mutex::new(Vec::new()));
    for moment in [Moment::Before, Moment::AfterWorkBeforeReply, Moment::AfterReply] {
        let (inner, seen) = (Arc::downgrade(&fake), seen.clone());
        fake.hook(Action::RestoreDBInstanceFromDBSnapshot, moment, move |call| {
            let instances = inner.upgrade().unwrap().instances().len();
            seen.lock().unwrap().push((moment, instances, call.parameters["DBInstanceIdentifier"].clone()));
        });
    }
    Aws::of(&fake).restore("temp-1", &snapshot.id);
    let deadline = Instant::now() + Duration::from_secs(10);
    while seen.lock().unwrap().len() < 3 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let name = "temp-1".to_owned();
    let expected = [
        (Moment::Before, 1, name.clone()),
        (Moment::AfterWorkBeforeReply, 2, name.clone()),
        (Moment::AfterReply, 2, name),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn foreign_credentials_and_regions_are_refused() {
    let (fake, ..) = account();
    let aws = Aws::with(&fake, 1, "eu-central-1");
    assert_eq!(aws.look("club-prod").unwrap_err(), "SignatureDoesNotMatch");
    let who = aws.wait(aws.sts.get_caller_identity().send()).unwrap_err();
    assert_eq!(code(&who), "SignatureDoesNotMatch");
}

#[test]
fn awss_clock_can_be_another_than_ours() {
    let (fake, _, snapshot) = account();
    fake.set_skew(-7200);
    let aws = Aws::of(&fake);
    aws.restore("temp-1", &snapshot.id);
    let (instance, _) = aws.look_until("temp-1", "available");
    let created = SystemTime::try_from(*instance.instance_create_time().unwrap()).unwrap();
    let behind = SystemTime::now().duration_since(created).unwrap().as_secs();
    assert!((7190..7300).contains(&behind), "{behind}");
    let (head, _) = crate::fake_rds_itself::moto::post(&fake.url(), "Action=Nothing");
    let date = head.lines().find_map(|line| line.strip_prefix("date: ")).unwrap().to_owned();
    let date = aws_smithy_types::DateTime::from_str(&date, aws_smithy_types::date_time::Format::HttpDate).unwrap();
    let behind = SystemTime::now().duration_since(SystemTime::try_from(date).unwrap()).unwrap().as_secs();
    assert!((7190..7300).contains(&behind), "{behind}");
}
