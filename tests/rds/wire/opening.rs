//! Opens a real server as if it were the temporary instance: through `connect_via`, with the endpoint's certificate.

use std::time::Duration;

use pgwitness::aws::{Deadline, InstanceAddress, InstanceDescription, Secret};
use pgwitness::config::RdsSource;
use pgwitness::postgres::server::{Cluster, ClusterOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::script::*;
use crate::support;

/// In no DNS: only `connect_via` leads there.
const HOST: &str = "temporary.rds.example";

struct Served {
    cluster: Cluster,
    bundle: tempfile::NamedTempFile,
}

/// A server whose certificate is for `host`.
fn served(host: &str) -> Served {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let bundle = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bundle.path(), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let cluster = support::cluster_with(ClusterOptions {
        tcp: true,
        settings: vec![("ssl".into(), "on".into())],
        files: vec![
            ("server.crt".into(), certificate.pem().into_bytes()),
            ("server.key".into(), key.serialize_pem().into_bytes()),
        ],
        ..ClusterOptions::default()
    });
    Served { cluster, bundle }
}

impl Served {
    fn configure(&self) -> impl FnOnce(&mut RdsSource) {
        let (bundle, via) = (self.bundle.path().to_owned(), format!("localhost:{}", self.cluster.port()));
        move |source| {
            source.dbname = "postgres".into();
            source.temporary.ca_bundle = bundle;
            source.temporary.connect_via = Some(via);
        }
    }

    /// What `ModifyDBInstance` does.
    fn set_password(&self, secret: &Secret) {
        let sql = format!("CREATE ROLE master SUPERUSER LOGIN PASSWORD '{}'", secret.reveal());
        support::Database::connect(&self.cluster.conninfo("postgres")).run(&sql);
    }
}

fn described() -> InstanceDescription {
    InstanceDescription {
        identifier: NAME.into(),
        resource_id: Some(TEMPORARY.into()),
        status: "available".into(),
        endpoint: Some(InstanceAddress { host: HOST.into(), port: 5432 }),
        master_username: Some("master".into()),
        ..InstanceDescription::default()
    }
}

async fn aws_for(served: &Served) -> Aws {
    aws_with(served.configure(), None, |_, _| not_found()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_waits_until_the_new_password_counts() {
    let served = served(HOST);
    let aws = aws_for(&served).await;
    let secret = Secret::random().unwrap();
    let (instance, source) = (described(), the_source());
    let login = aws.rds.login(&instance, &source, &secret, Deadline::after(Duration::from_secs(60)));
    let modify = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        tokio::task::block_in_place(|| served.set_password(&secret));
    };
    let (conninfo, ()) = tokio::join!(login, modify);
    let connection = conninfo.unwrap().connect("").await.unwrap();
    assert!(connection.peer.encrypted && connection.peer.verified);
    assert!(!format!("{connection:?}").contains(secret.reveal()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_host_ends_it_at_once() {
    let served = served("production.rds.example");
    let aws = aws_for(&served).await;
    let secret = Secret::random().unwrap();
    let deadline = Deadline::after(Duration::from_secs(60));
    let error = aws.rds.login(&described(), &the_source(), &secret, deadline).await.unwrap_err().to_string();
    assert!(error.contains("the server's certificate is not for host temporary.rds.example"), "{error}");
    assert!(!error.contains(secret.reveal()));
}

#[tokio::test]
async fn a_missing_certificate_bundle_fails_before_the_deadline() {
    let aws = aws(|_, _| not_found()).await;
    let secret = Secret::random().unwrap();
    let deadline = Deadline::after(Duration::from_secs(60));
    let error = aws.rds.login(&described(), &the_source(), &secret, deadline).await.unwrap_err();
    assert!(error.to_string().contains("read ca_bundle /nowhere/bundle.pem"), "{error}");
    assert!(error.hint_text().unwrap().contains("global-bundle.pem"));
}

#[tokio::test]
async fn productions_endpoint_or_resource_id_is_never_opened() {
    let aws = aws(|_, _| not_found()).await;
    let secret = Secret::random().unwrap();
    let of_production = InstanceAddress { host: "Production.example".into(), port: 5433 };
    for (instance, why) in [
        (InstanceDescription { endpoint: Some(of_production), ..described() }, "is that of production"),
        (InstanceDescription { resource_id: Some(PRODUCTION.into()), ..described() }, "not known to differ"),
        (InstanceDescription { resource_id: None, ..described() }, "not known to differ"),
        (InstanceDescription { endpoint: None, ..described() }, "no endpoint yet"),
        (InstanceDescription { master_username: None, ..described() }, "master user"),
    ] {
        let error = aws.rds.temporary_conninfo(&instance, &the_source(), &secret).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn the_way_in_is_verified_and_takes_nothing_from_elsewhere() {
    let aws = aws_with(|source| source.temporary.connect_via = Some("127.0.0.1:6543".into()), None, |_, _| not_found());
    let aws = aws.await;
    let secret = Secret::random().unwrap();
    let conninfo = aws.rds.temporary_conninfo(&described(), &the_source(), &secret).await.unwrap();
    for (key, value) in [
        ("host", HOST),
        ("hostaddr", "127.0.0.1"),
        ("port", "6543"),
        ("user", "master"),
        ("dbname", "shop"),
        ("sslmode", "verify-full"),
        ("sslrootcert", "/nowhere/bundle.pem"),
        ("password", secret.reveal()),
    ] {
        assert_eq!(conninfo.get(key), Some(value), "{key}");
    }
    assert!(!format!("{conninfo:?} {}", conninfo.describe()).contains(secret.reveal()));
}
