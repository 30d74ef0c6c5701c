//! The same calls against moto's server, a second opinion on the wire format.
//!
//! Not part of the suite (moto is a Python program, and gives all instances the same facts):
//! `moto_server -H 127.0.0.1 -p 5000`, then `PGWITNESS_MOTO=http://127.0.0.1:5000 cargo test --test rds_wire -- --ignored moto`.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use pgwitness::progress;
use pgwitness::rds::{Claim, Deadline, Guard, Rds, RestoreOrder, Secret};
use pgwitness::time::Timestamp;

use super::script::{NAME, RUN, source};

#[tokio::test]
#[ignore = "needs moto's server at PGWITNESS_MOTO, with an instance `production` and a snapshot of it"]
async fn a_temporary_instance_lives_and_dies_in_moto() {
    let mut source = source(&std::env::var("PGWITNESS_MOTO").unwrap());
    source.snapshots = pgwitness::config::SnapshotKind::Any;
    source.temporary.ca_certificate_identifier = None;
    let credentials = Credentials::new("AKIAEXAMPLE", "secret", None, None, "test");
    let rds = Rds::connect_as(&source, &progress::nobody(), Some(credentials)).await.unwrap();
    let now = Timestamp::new(SystemTime::now());
    let identity = rds.identity(now).await.unwrap();
    println!("{identity:?}");
    let production = rds.source_instance().await.unwrap();
    println!("{production:?}");
    let snapshot = rds.find_snapshot(&production, None, now).await.unwrap();
    println!("{snapshot:?}");
    let order = RestoreOrder {
        identifier: NAME,
        run_id: RUN,
        snapshot: &snapshot,
        source: &production,
        ordered_at: now,
        expires_at: now,
    };
    let restored = rds.restore(&order).await.unwrap();
    println!("{restored:?}");
    println!("{:?}", rds.describe(NAME).await.unwrap());
    let again = rds.restore(&order).await.unwrap();
    println!("again: {again:?}");
    let claim = Claim {
        identifier: NAME.into(),
        run_id: RUN.into(),
        intended_at: now,
        resource_id: Some(restored.resource_id),
        source_resource_id: production.resource_id.clone(),
        account: identity.account.clone(),
        region: source.region.clone(),
    };
    let guard = Guard {
        prefix: "pgwitness".into(),
        protected: Vec::new(),
        source_instance: production.identifier.clone(),
        source_resource_id: Some(production.resource_id.clone()),
        account: identity.account,
        region: source.region,
    };
    let (deadline, mut notes) = (Deadline::after(Duration::from_secs(20)), Vec::new());
    println!("ready: {:?}", rds.wait_ready(&claim, deadline, &mut notes).await);
    println!("leftovers: {}", rds.leftovers().await.unwrap().len());
    let proven = rds.prove(&claim, &guard).await;
    println!("proven: {proven:?}");
    if let Ok(Some(proven)) = proven {
        let reset = rds.reset_password(&proven, &Secret::random().unwrap(), deadline, &mut notes).await;
        println!("reset: {reset:?}");
    }
    println!("removed: {:?}", rds.remove(&claim, &guard, deadline, &mut notes).await);
    println!("described: {:?}", rds.describe(NAME).await);
    println!("{notes:#?}");
}
