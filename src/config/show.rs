//! The configuration as it holds in the end, defaults included.
//!
//! Never shows a secret, since there is none in it.

use super::Config;
use crate::error::{Context, Error, Result};

impl Config {
    /// As it would stand in the file: [`Config::parse`] takes it back.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::from_source(&error)).doing(|| "write the configuration")
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::from_source(&error));
        text.map(|text| text + "\n").doing(|| "write the configuration")
    }
}
