//! The connection to AWS: region, credentials, retries, timeouts, on the TLS stack of this program.
//!
//! This module makes read-only calls; `restore`, `password` and `delete` make the others.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::complete_answer::Whole;
use super::errors::ApiError;
use super::facts::MAX_SKEW_S;
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::config::RdsSource;
use crate::model::progress::Listener;

/// The SDK's default of three gives up within seconds when the API is throttled.
const ATTEMPTS: u32 = 6;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(45);
/// Limit for all attempts of a call and the pauses between them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(240);

/// The caller identity that AWS reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// 12 digits; checked against the configured one.
    pub account: String,
    /// For instance `arn:aws:iam::123456789012:user/pgwitness`.
    pub arn: String,
    /// Seconds that the clock of this machine is behind the clock of AWS; negative when ahead. `None` when AWS did not return a
    /// date.
    pub clock_skew_s: Option<i64>,
}

/// A client for one region, and the configuration of the source.
pub struct Rds {
    pub(in crate::aws) api: aws_sdk_rds::Client,
    pub(in crate::aws) listener: Listener,
    sts: aws_sdk_sts::Client,
    source: RdsSource,
}

impl Rds {
    /// Finds region, profile and credentials as `aws` does. Sends no request. Status changes and retries are sent to `listener`.
    ///
    /// # Errors
    /// No region. Missing credentials are reported by [`Rds::identity`].
    pub async fn connect(source: &RdsSource, listener: &Listener) -> Result<Self> {
        Self::connect_as(source, listener, None).await
    }

    /// As [`Rds::connect`], with the given credentials; no search for credentials.
    ///
    /// # Errors
    /// No region.
    pub async fn connect_as(source: &RdsSource, listener: &Listener, credentials: Option<Credentials>) -> Result<Self> {
        if source.region.trim().is_empty() {
            return Err(Error::new("source.region is empty"));
        }
        let config = sdk_config(source, credentials).await;
        Ok(Self {
            api: aws_sdk_rds::Client::from_conf(aws_sdk_rds::config::Builder::from(&config).interceptor(Whole).build()),
            sts: aws_sdk_sts::Client::from_conf(aws_sdk_sts::config::Builder::from(&config).interceptor(Whole).build()),
            source: source.clone(),
            listener: listener.clone(),
        })
    }

    /// The configuration of production and of the temporary instance.
    pub fn source(&self) -> &RdsSource {
        &self.source
    }

    /// The caller identity: `sts:GetCallerIdentity`. `now` is the clock of this machine at the call.
    ///
    /// # Errors
    /// No or expired credentials, another account than the configured one, a clock that is off by more than five minutes.
    pub async fn identity(&self, now: Timestamp) -> Result<Identity> {
        let dates = Dates::default();
        let call = self.sts.get_caller_identity().customize().interceptor(dates.clone());
        let started = Instant::now();
        let answer = call.send().await.map_err(ApiError::from);
        let clock_skew_s = dates.skew_s(now, started);
        // Check the clock first: the SDK signs with AWS's time once it has it, or fails with an error that does not name the
        // clock.
        check_clock(clock_skew_s)?;
        let answer = answer.doing(|| "get the caller identity from AWS")?;
        let account = answer.account.unwrap_or_default();
        check_account(self.source.account.as_deref(), &account)?;
        Ok(Identity { account, arn: answer.arn.unwrap_or_default(), clock_skew_s })
    }
}

async fn sdk_config(source: &RdsSource, credentials: Option<Credentials>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(source.region.clone()))
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    if let Some(profile) = &source.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &source.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(credentials);
    }
    loader.load().await
}

fn check_clock(skew_s: Option<i64>) -> Result<()> {
    let Some(skew_s) = skew_s.filter(|skew_s| skew_s.unsigned_abs() > MAX_SKEW_S) else { return Ok(()) };
    let direction = if skew_s > 0 { "behind" } else { "ahead of" };
    let error = Error::new(format!("the clock of this machine is {} s {direction} AWS's", skew_s.unsigned_abs()));
    Err(error.hint("set the clock (for instance `timedatectl set-ntp true`)"))
}

fn check_account(configured: Option<&str>, account: &str) -> Result<()> {
    if account.is_empty() {
        return Err(Error::new("AWS did not return the account of the credentials"));
    }
    match configured.filter(|configured| *configured != account) {
        Some(configured) => {
            let error = Error::new(format!("the credentials are of account {account}, source.account is {configured}"));
            Err(error.hint("use other credentials (source.profile)"))
        }
        None => Ok(()),
    }
}

/// The `Date` header of the last answer, and the time when it arrived.
#[derive(Debug, Clone, Default)]
struct Dates(Arc<Mutex<Option<(String, Instant)>>>);

impl Dates {
    fn skew_s(&self, now: Timestamp, started: Instant) -> Option<i64> {
        let (date, came) = self.0.lock().ok()?.clone()?;
        let theirs = DateTime::from_str(&date, Format::HttpDate).ok()?.secs();
        let ours = i64::try_from(now.seconds() + came.duration_since(started).as_secs()).ok()?;
        Some(theirs - ours)
    }
}

impl Intercept for Dates {
    fn name(&self) -> &'static str {
        "Dates"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(date), Ok(mut last)) = (context.response().headers().get("date"), self.0.lock()) {
            *last = Some((date.to_owned(), Instant::now()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_and_a_wrong_account_are_errors() {
        assert!(check_clock(None).is_ok() && check_clock(Some(-300)).is_ok());
        let error = check_clock(Some(301)).unwrap_err().to_string();
        assert_eq!(error, "the clock of this machine is 301 s behind AWS's");
        assert!(check_account(None, "123456789012").is_ok());
        assert!(check_account(Some("123456789012"), "123456789012").is_ok());
        assert!(check_account(Some("123456789012"), "210987654321").is_err());
        assert!(check_account(None, "").is_err());
    }

    #[test]
    fn the_skew_is_what_aws_says_less_what_we_say() {
        let dates = Dates::default();
        let started = Instant::now();
        assert_eq!(dates.skew_s(Timestamp::default(), started), None);
        *dates.0.lock().unwrap() = Some(("Thu, 01 Jan 1970 00:10:00 GMT".into(), started));
        assert_eq!(dates.skew_s(Timestamp::default(), started), Some(600));
    }
}
