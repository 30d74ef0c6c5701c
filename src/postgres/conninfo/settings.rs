//! The settings of a connection as typed values: how long, how often, in which order, with which TLS.
//!
//! `connect` opens the connection.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{ConnInfo, HostSpec};
use crate::base::error::Result;
use crate::base::tls::{self, PeerVerification, Roots, TlsSettings};

/// How long one try may take unless `connect_timeout` says otherwise: a run must not hang on a firewall that drops packets.
pub(super) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A peer that acknowledges nothing for so long is gone, unless `tcp_user_timeout` says otherwise.
const DEFAULT_USER_TIMEOUT: Duration = Duration::from_secs(120);

/// Probes that keep a long quiet connection open and notice a dead one.
pub(super) struct Keepalives {
    pub is_on: bool,
    pub idle: Duration,
    pub interval: Duration,
    pub retries: u32,
    /// How long sent data may stay without an acknowledgement.
    pub user_timeout: Option<Duration>,
}

/// Which kind of server `target_session_attrs` wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Any,
    Primary,
    Standby,
}

impl ConnInfo {
    pub(super) fn base_config(&self) -> Config {
        let keepalives = self.keepalives();
        let mut config = Config::new();
        config
            .user(self.user())
            .dbname(self.dbname())
            .application_name(self.application_name())
            .keepalives(keepalives.is_on)
            .keepalives_idle(keepalives.idle)
            .keepalives_interval(keepalives.interval)
            .keepalives_retries(keepalives.retries);
        if let Some(limit) = keepalives.user_timeout {
            config.tcp_user_timeout(limit);
        }
        if self.get("sslnegotiation") == Some("direct") {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config.channel_binding(match self.get("channel_binding") {
            Some("disable") => ChannelBinding::Disable,
            Some("require") => ChannelBinding::Require,
            _ => ChannelBinding::Prefer,
        });
        config
    }

    /// `None` where TLS is never used: no certificate file is read then.
    pub(super) fn tls_connector(&self) -> Result<Option<MakeRustlsConnect>> {
        let is_needed = self.hosts().iter().any(|host| self.tries(host).contains(&true));
        if !is_needed {
            return Ok(None);
        }
        let client = self.get("sslcert").zip(self.get("sslkey")).filter(|_| self.get("sslcertmode") != Some("disable"));
        tls::connector(&TlsSettings {
            verification: self.verification(),
            roots: self.get("sslrootcert").map(|given| match given {
                "system" => Roots::System,
                path => Roots::File(path.into()),
            }),
            revoked: self.get("sslcrl").map(Into::into),
            client: client.map(|(certificate, key)| (certificate.into(), key.into())),
            allow_1_2: self.get("ssl_min_protocol_version") != Some("TLSv1.3"),
            allow_1_3: self.get("ssl_max_protocol_version") != Some("TLSv1.2"),
            send_host: self.get("sslsni") != Some("0"),
            is_direct: self.get("sslnegotiation") == Some("direct"),
        })
        .map(Some)
    }

    /// A root that is there is used, even where `sslmode` does not ask for it (libpq's rule).
    pub(super) fn verification(&self) -> PeerVerification {
        match (self.sslmode(), self.get("sslrootcert")) {
            ("verify-full", _) => PeerVerification::Full,
            ("verify-ca", _) | (_, Some(_)) => PeerVerification::Chain,
            _ => PeerVerification::Nothing,
        }
    }

    pub(super) fn sslmode(&self) -> &str {
        self.get("sslmode").unwrap_or("prefer")
    }

    pub(super) fn application_name(&self) -> &str {
        self.get("application_name").or(self.get("fallback_application_name")).unwrap_or("pgwitness")
    }

    /// `None`: no limit (`connect_timeout=0`).
    pub(super) fn connect_timeout(&self) -> Option<Duration> {
        match self.get("connect_timeout") {
            None => Some(DEFAULT_CONNECT_TIMEOUT),
            // libpq's rule: one second would be too short to be meant.
            Some(_) => self.positive("connect_timeout").map(|seconds| Duration::from_secs(u64::from(seconds).max(2))),
        }
    }

    pub(super) fn keepalives(&self) -> Keepalives {
        let seconds = |keyword, default| Duration::from_secs(self.positive(keyword).unwrap_or(default).into());
        Keepalives {
            is_on: self.get("keepalives").is_none_or(|value| value.trim() != "0"),
            idle: seconds("keepalives_idle", 60),
            interval: seconds("keepalives_interval", 15),
            retries: self.positive("keepalives_count").unwrap_or(4),
            user_timeout: match self.get("tcp_user_timeout") {
                None => Some(DEFAULT_USER_TIMEOUT),
                Some(_) => self.positive("tcp_user_timeout").map(|ms| Duration::from_millis(ms.into())),
            },
        }
    }

    /// A number above zero; zero and below mean "not given" in every setting that uses this.
    fn positive(&self, keyword: &str) -> Option<u32> {
        self.get(keyword)?.trim().parse().ok().filter(|number| *number > 0)
    }

    pub(super) fn hosts_in_order(&self) -> Vec<HostSpec> {
        let mut hosts = self.hosts();
        if self.get("load_balance_hosts") == Some("random") {
            let random = RandomState::new();
            hosts.sort_by_cached_key(|host| random.hash_one(host.in_uri()));
        }
        hosts
    }

    pub(super) fn roles(&self) -> &'static [Role] {
        match self.get("target_session_attrs") {
            Some("primary" | "read-write") => &[Role::Primary],
            Some("standby" | "read-only") => &[Role::Standby],
            Some("prefer-standby") => &[Role::Standby, Role::Any],
            _ => &[Role::Any],
        }
    }
}

/// The user's options, then ours: the server takes the last of two.
pub(super) fn joined_options(given: Option<&str>, extra: &str) -> String {
    [given.unwrap_or_default(), extra].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}
