//! `[access]`: commands that open the way to the source for a run, and close it again.

use serde::{Deserialize, Serialize};

use super::Span;

/// Commands of the user's own: program and arguments, no shell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessSettings {
    /// Before anything is asked of the source, for instance to add a rule to a firewall or to start a VPN.
    pub open: Vec<String>,
    /// For RDS: when the temporary instance is available, for instance to start a tunnel. `PGWITNESS_ENDPOINT_HOST` and
    /// `PGWITNESS_ENDPOINT_PORT` are its endpoint.
    pub open_endpoint: Vec<String>,
    /// However the run ends, and by the next run after a crash. It must succeed where nothing is open.
    pub close: Vec<String>,
    /// Each is stopped after this time.
    pub timeout: Option<Span>,
    /// Names of further environment variables that the commands get, for instance `AWS_PROFILE`.
    pub environment: Vec<String>,
}

impl AccessSettings {
    /// Whether a run opens anything.
    pub fn is_used(&self) -> bool {
        !self.open.is_empty() || !self.open_endpoint.is_empty()
    }
}
