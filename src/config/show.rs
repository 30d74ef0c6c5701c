//! The effective configuration, defaults included.
//!
//! The configuration holds no secret, so the output has none.

use super::Config;
use crate::base::error::{Context, Error, Result};

impl Config {
    /// As it would stand in the file: [`Config::parse`] takes it back.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::from_source(&error)).doing(|| "write the configuration")
    }

    /// For display: without the paths of the webhook and ping URLs, which may be secret.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        let webhook = masked.notify.webhook.as_mut().and_then(|webhook| webhook.url.as_mut());
        let ping = masked.notify.ping.as_mut().and_then(|ping| ping.url.as_mut());
        for url in webhook.into_iter().chain(ping) {
            *url = without_path(url);
        }
        masked
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::from_source(&error));
        text.map(|text| text + "\n").doing(|| "write the configuration")
    }
}

/// `https://host/***`
fn without_path(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.len() == rest.trim_end_matches('/').len() {
        url.to_owned()
    } else {
        format!("{scheme}://{authority}/***")
    }
}
