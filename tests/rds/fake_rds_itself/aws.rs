//! The SDK, as a test uses it: blocking, and without retries unless asked for.

use std::future::Future;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::config::timeout::TimeoutConfig;
use aws_sdk_rds::config::{BehaviorVersion, Region};
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rds::types::{DbInstance, Tag};

use crate::fake_rds::{FakeRds, Instance, Snapshot};

pub struct Aws {
    pub runtime: tokio::runtime::Runtime,
    pub rds: aws_sdk_rds::Client,
    pub sts: aws_sdk_sts::Client,
}

impl Aws {
    pub fn of(fake: &FakeRds) -> Self {
        Self::with(fake, 1, "ap-southeast-2")
    }

    pub fn with(fake: &FakeRds, attempts: u32, region: &'static str) -> Self {
        let environment = fake.environment();
        let value = |name: &str| environment.iter().find(|(have, _)| *have == name).unwrap().1.clone();
        let key = Credentials::new(value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"), None, None, "test");
        let http = aws_smithy_http_client::Builder::new().build_http();
        let retries =
            RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(Duration::from_millis(20));
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(20)).build();
        let rds = aws_sdk_rds::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(key.clone())
            .endpoint_url(fake.url())
            .retry_config(retries.clone())
            .timeout_config(timeouts)
            .http_client(http.clone())
            .build();
        let sts = aws_sdk_sts::Config::builder()
            .behavior_version(aws_sdk_sts::config::BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(key)
            .endpoint_url(fake.url())
            .retry_config(retries)
            .http_client(http)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (rds, sts) = (aws_sdk_rds::Client::from_conf(rds), aws_sdk_sts::Client::from_conf(sts));
        Self { runtime, rds, sts }
    }

    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// One look; the error's code if it is refused.
    pub fn look(&self, id: &str) -> Result<DbInstance, String> {
        let answer = self.wait(self.rds.describe_db_instances().db_instance_identifier(id).send());
        answer.map(|answer| answer.db_instances.unwrap().remove(0)).map_err(|error| code(&error))
    }

    /// Looks until the status is this one; gives all that were seen, each once.
    pub fn look_until(&self, id: &str, wanted: &str) -> (DbInstance, Vec<String>) {
        let mut seen = Vec::<String>::new();
        for _ in 0..30 {
            let instance = self.look(id).unwrap();
            let status = instance.db_instance_status().unwrap().to_owned();
            if seen.last() != Some(&status) {
                seen.push(status.clone());
            }
            if status == wanted {
                return (instance, seen);
            }
        }
        panic!("{id} never was {wanted}: {seen:?}");
    }

    /// A restore with nothing but names, so that all defaults apply; the error's code if it is refused.
    pub fn restore_plainly(&self, id: &str, snapshot: &str) -> Result<DbInstance, String> {
        let call = self.rds.restore_db_instance_from_db_snapshot();
        let call = call.db_instance_identifier(id).db_snapshot_identifier(snapshot);
        self.wait(call.send()).map(|answer| answer.db_instance.unwrap()).map_err(|error| code(&error))
    }

    /// A restore with everything that a careful caller sends.
    pub fn restore(&self, id: &str, snapshot: &str) -> DbInstance {
        let call = self.rds.restore_db_instance_from_db_snapshot();
        let call = call.db_instance_identifier(id).db_snapshot_identifier(snapshot).db_instance_class("db.t4g.small");
        let call =
            call.db_subnet_group_name("quiet").db_parameter_group_name("quiet15").vpc_security_group_ids("sg-quiet");
        let call =
            call.publicly_accessible(false).multi_az(false).deletion_protection(false).backup_retention_period(0);
        let call = call.auto_minor_version_upgrade(false).copy_tags_to_snapshot(false);
        let call = call.tags(Tag::builder().key("managed").value("tr<u>e & \"so\"").build());
        self.wait(call.send()).unwrap().db_instance.unwrap()
    }

    pub fn delete(&self, id: &str) -> Result<DbInstance, String> {
        let answer =
            self.wait(self.rds.delete_db_instance().db_instance_identifier(id).skip_final_snapshot(true).send());
        answer.map(|answer| answer.db_instance.unwrap()).map_err(|error| code(&error))
    }
}

/// The service's code; else what kind of failure it was.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let kind = match error {
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "dispatch",
        SdkError::ResponseError(_) => "response",
        SdkError::ServiceError(_) => "service",
        _ => "other",
    };
    error.code().unwrap_or(kind).to_owned()
}

/// A fake with production and an hour-old snapshot of it, which has no data.
pub fn account() -> (FakeRds, Instance, Snapshot) {
    let fake = FakeRds::start(crate::fake_rds::FakeRdsOptions::default());
    let production = fake.add_instance(Instance::production("club-prod"));
    let snapshot = fake.add_snapshot(Snapshot::automated(&production, Duration::from_secs(3600), None));
    (fake, production, snapshot)
}
