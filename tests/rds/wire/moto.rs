//! The same calls against moto's server, a second opinion on the wire format.
//!
//! Not part of the suite: moto is a Python program. As it comes it gives all instances one resource id, which our proof refuses:
//! give `moto.rds.models.DBInstance` a random `dbi_resource_id` first. Seen to pass with moto 5.2.5 and botocore 1.44.5.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use pgwitness::aws::{Claim, Deadline, DeletionPolicy, InstanceOrder, Rds, Secret};
use pgwitness::base::time::Timestamp;
use pgwitness::model::progress;

use super::script::{NAME, RUN, source};

#[tokio::test]
#[ignore = "needs moto at PGWITNESS_MOTO with an instance `production`, a snapshot, the groups `isolated` and `pg17`"]
async fn a_temporary_instance_lives_and_dies_in_moto() {
    let mut source = source(&std::env::var("PGWITNESS_MOTO").unwrap());
    source.snapshots = pgwitness::config::SnapshotKind::Any;
    source.temporary.ca_certificate_identifier = None;
    let credentials = Credentials::new("AKIAEXAMPLE", "secret", None, None, "test");
    let rds = Rds::connect_as(&source, &progress::no_listener(), Some(credentials)).await.unwrap();
    let now = Timestamp::new(SystemTime::now());
    let identity = rds.identity(now).await.unwrap();
    let production = rds.source_instance().await.unwrap();
    let snapshot = rds.find_snapshot(&production, None, now).await.unwrap();
    let order = InstanceOrder {
        identifier: NAME,
        run_id: RUN,
        snapshot: &snapshot,
        source: &production,
        ordered_at: now,
        expires_at: now,
    };
    let restored = rds.restore(&order).await.unwrap();
    let again = rds.restore(&order).await.unwrap();
    assert_eq!(again.resource_id, restored.resource_id);
    let claim = Claim {
        identifier: NAME.into(),
        run_id: RUN.into(),
        intended_at: now,
        resource_id: Some(restored.resource_id),
        source_resource_id: production.resource_id.clone(),
        account: identity.account.clone(),
        region: source.region.clone(),
    };
    let guard = DeletionPolicy {
        prefix: "pgwitness".into(),
        protected: Vec::new(),
        source_instance: production.identifier.clone(),
        source_resource_id: Some(production.resource_id.clone()),
        account: identity.account,
        region: source.region,
    };
    let (deadline, mut notes) = (Deadline::after(Duration::from_secs(20)), Vec::new());
    rds.wait_ready(&claim, deadline, &mut notes).await.unwrap();
    assert_eq!(rds.leftovers().await.unwrap().len(), 1);
    let proven = rds.prove(&claim, &guard).await.unwrap().unwrap();
    rds.reset_password(&proven, &Secret::random().unwrap(), deadline, &mut notes).await.unwrap();
    assert!(rds.remove(&claim, &guard, deadline, &mut notes).await.unwrap());
    assert_eq!(rds.describe(NAME).await.unwrap(), None);
    assert!(rds.describe("production").await.unwrap().is_some());
}
