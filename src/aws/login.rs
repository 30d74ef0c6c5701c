//! Logs in to the temporary instance.
//!
//! The connection never goes to production: the endpoint comes from the API and differs from production's, the certificate must
//! match that endpoint, and only this instance has the password.

use std::net::IpAddr;
use std::time::Duration;

use super::client::Rds;
use super::facts::{InstanceAddress, InstanceDescription, SourceInstance};
use super::wait::Deadline;
use crate::base::error::{Context, Error, Result};
use crate::base::secret::Secret;
use crate::model::progress::Event;
use crate::postgres::conninfo::{ConnInfo, quote_value};

/// Longest pause between two login attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Errors that no retry resolves: stop before the deadline.
const FINAL: &[&str] = &["certificate"];

/// Where to connect: the endpoint itself, or another address that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    address: Option<IpAddr>,
    port: u16,
}

impl Rds {
    /// How to connect to the temporary instance: `verify-full` with the configured bundle, to the endpoint that the API returns
    /// (or through `connect_via`, still with the certificate of the endpoint). Reads nothing from the environment.
    ///
    /// # Errors
    /// No endpoint or user known; the endpoint or resource id is production's; `connect_via` has no address.
    pub async fn temporary_conninfo(
        &self,
        instance: &InstanceDescription,
        source: &SourceInstance,
        secret: &Secret,
    ) -> Result<ConnInfo> {
        let doing = || format!("find the address of instance {}", instance.identifier);
        let endpoint = distinct_endpoint(instance, source).doing(doing)?;
        let way = self.ways(endpoint).await.doing(doing)?.swap_remove(0);
        self.conninfo(instance, endpoint, &way, secret).doing(doing)
    }

    /// Retries the login until it succeeds: RDS reports `available` before the new password is valid.
    ///
    /// # Errors
    /// The deadline, with the last reason; immediately for a certificate that does not match the endpoint.
    pub async fn login(
        &self,
        instance: &InstanceDescription,
        source: &SourceInstance,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<ConnInfo> {
        let doing = || format!("log in to instance {}", instance.identifier);
        let endpoint = distinct_endpoint(instance, source).doing(doing)?;
        check_bundle(&self.source().temporary.ca_bundle).doing(doing)?;
        let mut attempt = 1;
        loop {
            let error = match self.try_ways(instance, endpoint, secret).await {
                Ok(conninfo) => return Ok(conninfo),
                Err(error) => error,
            };
            let reason = error.text();
            if deadline.is_over() || FINAL.iter().any(|word| reason.full().contains(word)) {
                return Err(error).doing(doing);
            }
            attempt += 1;
            (self.listener)(Event::Retry { doing: &doing(), attempt, reason: &reason });
            let pause = self.source().temporary.poll_interval.duration().min(LONGEST_PAUSE);
            tokio::time::sleep(pause.max(Duration::from_millis(100))).await;
        }
    }

    /// The first address that accepts the login.
    async fn try_ways(
        &self,
        instance: &InstanceDescription,
        endpoint: &InstanceAddress,
        secret: &Secret,
    ) -> Result<ConnInfo> {
        let mut last = Error::new("it has no address");
        for way in self.ways(endpoint).await? {
            let conninfo = self.conninfo(instance, endpoint, &way, secret)?;
            match probe(&conninfo).await {
                Ok(()) => return Ok(conninfo),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// At least one address.
    async fn ways(&self, endpoint: &InstanceAddress) -> Result<Vec<Way>> {
        let Some(via) = self.source().temporary.connect_via.as_deref() else {
            return Ok(vec![Way { address: None, port: endpoint.port }]);
        };
        let doing = || format!("look up connect_via = {via:?}");
        let found = tokio::net::lookup_host(via).await.map_err(|error| Error::new(error.to_string())).doing(doing)?;
        let ways: Vec<Way> = found.map(|at| Way { address: Some(at.ip()), port: at.port() }).collect();
        if ways.is_empty() { Err(Error::new("it has no address")).doing(doing) } else { Ok(ways) }
    }

    fn conninfo(
        &self,
        instance: &InstanceDescription,
        endpoint: &InstanceAddress,
        way: &Way,
        secret: &Secret,
    ) -> Result<ConnInfo> {
        let user = instance.master_username.as_deref().ok_or_else(|| Error::new("RDS did not say its master user"))?;
        let bundle = self.source().temporary.ca_bundle.to_string_lossy();
        let port = way.port.to_string();
        let address = way.address.map(|address| address.to_string());
        let mut pairs = vec![
            ("host", endpoint.host.as_str()),
            ("port", &port),
            ("user", user),
            ("password", secret.reveal()),
            ("dbname", &self.source().dbname),
            ("sslmode", "verify-full"),
            ("sslrootcert", &bundle),
            ("connect_timeout", "15"),
            ("keepalives_idle", "60"),
            ("keepalives_interval", "15"),
            ("keepalives_count", "4"),
        ];
        pairs.extend(address.as_deref().map(|address| ("hostaddr", address)));
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", quote_value(value))).collect();
        // Ignore the environment: PGOPTIONS or a service file must not change the target.
        ConnInfo::resolve(&pairs.join(" "), &|_| None)
    }
}

/// Requires an endpoint of its own, of an instance that is not production.
fn distinct_endpoint<'a>(instance: &'a InstanceDescription, source: &SourceInstance) -> Result<&'a InstanceAddress> {
    let endpoint = instance.endpoint.as_ref().ok_or_else(|| Error::new("it has no endpoint yet"))?;
    if instance.resource_id.is_none() || instance.resource_id.as_deref() == Some(source.resource_id.as_str()) {
        return Err(Error::new(format!("its resource id is not known to differ from that of {}", source.identifier)));
    }
    let is_sources = |its: &InstanceAddress| its.host.eq_ignore_ascii_case(&endpoint.host);
    if source.endpoint.as_ref().is_some_and(is_sources) {
        return Err(Error::new(format!("its endpoint {} is that of {}", endpoint.host, source.identifier)));
    }
    Ok(endpoint)
}

fn check_bundle(bundle: &std::path::Path) -> Result<()> {
    let doing = || format!("read ca_bundle {}", bundle.display());
    std::fs::metadata(bundle).doing(doing).map(|_| ()).map_err(|error| {
        error.hint("AWS publishes it: https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem")
    })
}

async fn probe(conninfo: &ConnInfo) -> Result<()> {
    let connection = conninfo.connect("").await?;
    let answer = connection.client.simple_query("SELECT 1").await;
    answer.map(|_| ()).map_err(|error| crate::postgres::errors::describe_error(&error))
}
