//! `[notify]` and `[metrics]`: who is notified of a run, and how.
//!
//! Holds no secret: for addresses that are secrets (of a webhook, of a ping) it names the file that has them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The notification channels. Without any of the three, a run has only its exit code and its report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Let values out of the database go along: keys and columns of differing rows, what a server complained of. Without, names and
    /// numbers only; the values are in the report.
    pub values: bool,
    /// By e-mail.
    pub email: Option<Email>,
    /// By a POST with JSON.
    pub webhook: Option<Webhook>,
    /// A health check: a service that raises an alarm when no ping arrives.
    pub ping: Option<Ping>,
}

/// E-mail through a server that speaks SMTP, for instance Amazon SES.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Host name, for instance `email-smtp.eu-central-1.amazonaws.com`.
    pub host: String,
    /// Default: 587 for STARTTLS, 465 for TLS, 25 for none.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Certificates that are trusted instead of the system's (PEM).
    #[serde(default)]
    pub ca_bundle: Option<PathBuf>,
    /// The user name for the login; without it, no login.
    #[serde(default)]
    pub username: Option<String>,
    /// A file with the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A command that prints the password.
    #[serde(default)]
    pub password_command: Option<Vec<String>>,
    /// A variable with the password.
    #[serde(default)]
    pub password_env: Option<String>,
    /// The sender, for instance `pgwitness <backup@example.org>`.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
    /// Amazon SES's configuration set (`X-SES-CONFIGURATION-SET`).
    #[serde(default)]
    pub configuration_set: Option<String>,
    /// After which runs.
    #[serde(default)]
    pub when: When,
}

/// How a connection to an SMTP server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Begins in the clear, and goes on only once it is encrypted.
    #[default]
    Starttls,
    /// Encrypted from the first byte.
    Tls,
    /// In the clear: for a server on this machine.
    None,
}

/// After which runs a notification is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// After each.
    #[default]
    Always,
    /// After each that did not end sound and clean.
    NotClean,
}

/// A POST with JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to; `http` or `https`.
    #[serde(default)]
    pub url: Option<String>,
    /// A file with the address, when the address itself grants access.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// A file with what goes into the header `Authorization`, for instance `Bearer …`.
    #[serde(default)]
    pub authorization_file: Option<PathBuf>,
    /// Certificates that are trusted instead of the system's (PEM).
    #[serde(default)]
    pub ca_bundle: Option<PathBuf>,
    /// After which runs.
    #[serde(default)]
    pub when: When,
}

/// A health check, by the conventions of healthchecks.io: `URL/start`, `URL`, `URL/fail`, each with `?rid=` and the run id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// Where to; `http` or `https`.
    #[serde(default)]
    pub url: Option<String>,
    /// A file with the address, which is a secret: a ping to it reports success.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// Certificates that are trusted instead of the system's (PEM).
    #[serde(default)]
    pub ca_bundle: Option<PathBuf>,
}

/// Figures for Prometheus, by way of the textfile collector of node_exporter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The file, for instance `/var/lib/prometheus/node-exporter/pgwitness.prom`.
    pub textfile: PathBuf,
    /// Labels on every sample: they distinguish this configuration from others on the same machine.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}
