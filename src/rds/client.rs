//! The connection to AWS: region, credentials, retries, time-outs, on our own TLS stack.

use crate::config::RdsSource;
use crate::error::{Error, Result};
use crate::progress::Listener;
use crate::time::Timestamp;

/// Who we are to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// 12 digits; checked against the configured one.
    pub account: String,
    /// For instance `arn:aws:iam::123456789012:user/pgwitness`.
    pub arn: String,
    /// How far this machine's clock is behind AWS's, in seconds; negative when ahead. `None` when AWS did not say.
    pub clock_skew_s: Option<i64>,
}

/// A client for one region, and what the configuration says of production.
pub struct Rds {
    source: RdsSource,
    listener: Listener,
}

impl Rds {
    /// Finds region, profile and credentials, as `aws` would. Nothing is sent yet. Status changes and retries are told to
    /// `listener`.
    ///
    /// # Errors
    /// No such profile, no usable certificates of this machine.
    pub async fn connect(source: &RdsSource, listener: &Listener) -> Result<Self> {
        Ok(Self { source: source.clone(), listener: listener.clone() })
    }

    /// What the configuration says of production and the temporary instance.
    pub fn source(&self) -> &RdsSource {
        &self.source
    }

    /// Who we are: `sts:GetCallerIdentity`. `now` is the clock of this machine at the call.
    ///
    /// # Errors
    /// No or expired credentials, another account than the configured one, a clock that is more than five minutes wrong.
    pub async fn identity(&self, now: Timestamp) -> Result<Identity> {
        let _ = now;
        Err(Error::new("not built yet"))
    }
}
