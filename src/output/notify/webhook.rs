//! The webhook: a POST with JSON.
//!
//! The authorization is sent only over an encrypted or local connection.

use hyper::header::HeaderValue;

use super::{Environment, Limits, address};
use crate::base::error::{Context, Error, Result};
use crate::base::http::{self, RequestBody, WantedAnswer};
use crate::base::secret;
use crate::config::Webhook;

/// Sends it, with a few retries until it is accepted.
pub async fn send(webhook: &Webhook, json: &str, environment: Environment<'_>, limits: Limits) -> Result<()> {
    let doing = || "call the webhook";
    let address = address(webhook.url.as_deref(), webhook.url_file.as_deref(), environment).await.doing(doing)?;
    let authorization = authorization(webhook, environment).await.doing(doing)?;
    let doing = || format!("call the webhook at {}", address.host());
    if authorization.is_some() && !address.is_private() {
        let error = Error::new("http would send what authorization_file has in the clear");
        return Err(error.hint("https, or a server on this machine")).doing(doing);
    }
    let (bytes, answer) = (json.as_bytes(), WantedAnswer::Beginning(0));
    let body = RequestBody { content_type: "application/json", bytes, authorization, answer };
    http::post(&address, webhook.ca_bundle.as_deref(), &body, limits.of_http()).await.map(drop).doing(doing)
}

/// The first line of the file.
pub async fn authorization(webhook: &Webhook, environment: Environment<'_>) -> Result<Option<HeaderValue>> {
    let secret = secret::resolve(webhook.authorization_file.as_deref(), None, None, environment).await?;
    let Some(secret) = secret else { return Ok(None) };
    let mut value = HeaderValue::from_str(secret.reveal())
        .map_err(|_| Error::new("authorization_file has a character that no header may have"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
