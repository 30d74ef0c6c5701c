//! Checks of the notification channels before a run, and a message that is marked as a test.
//!
//! Nothing that is sent here can be mistaken for the result of a run.

use super::{Environment, Limits, Post, address, email, healthcheck, webhook};
use crate::base::error::{Context, Error, Result};
use crate::base::http;
use crate::base::printable::printable;
use crate::base::time::Timestamp;
use crate::base::tls;
use crate::config::{Email, Notify, Ping, Webhook};
use crate::output::message;

/// The section of the configuration, and what was found or why a notification would fail.
pub type Tried = Vec<(String, Result<String>)>;

const EMAIL: &str = "notify.email";
const WEBHOOK: &str = "notify.webhook";
const PING: &str = "notify.ping";

/// Without a connection: whether secrets and certificates can be read.
pub async fn secrets(notify: &Notify, environment: Environment<'_>) -> Tried {
    let mut tried = Vec::new();
    if let Some(email) = &notify.email {
        tried.push((EMAIL.to_owned(), email_secrets(email, environment).await));
    }
    if let Some(webhook) = &notify.webhook {
        tried.push((WEBHOOK.to_owned(), webhook_secrets(webhook, environment).await));
    }
    if let Some(channel) = &notify.ping {
        tried.push((PING.to_owned(), ping_secrets(channel, environment).await));
    }
    tried
}

/// With a connection, up to the login; nothing is sent.
pub async fn check(notify: &Notify, environment: Environment<'_>, limits: Limits) -> Tried {
    let email = async {
        let email = notify.email.as_ref()?;
        Some((EMAIL.to_owned(), email::reach(email, environment, limits.mail).await))
    };
    let webhook = async {
        let webhook = notify.webhook.as_ref()?;
        Some((WEBHOOK.to_owned(), reach_webhook(webhook, environment, limits).await))
    };
    let ping = async {
        let channel = notify.ping.as_ref()?;
        Some((PING.to_owned(), reach_ping(channel, environment, limits).await))
    };
    let (email, webhook, ping) = tokio::join!(email, webhook, ping);
    [email, webhook, ping].into_iter().flatten().collect()
}

/// Sends a message marked as a test through every channel, regardless of `when`. The health check gets a log ping, which does not
/// change its state.
pub async fn test(
    notify: &Notify,
    (host, source): (&str, &str),
    (at, id): (Timestamp, &str),
    environment: Environment<'_>,
    limits: Limits,
) -> Tried {
    let (letter, json) = (message::test(host, source, at), message::test_json(host, source, at));
    let post = Post { letter: &letter, json: &json, at, id };
    let mut tried = Vec::new();
    if let Some(email) = &notify.email {
        let errors = email::send(email, &post, environment, limits.mail).await;
        let refused = errors.len();
        let sent = || format!("sent to {}", printable(&email.to.join(", ")));
        tried.extend(errors.into_iter().map(|error| (EMAIL.to_owned(), Err(error))));
        tried.extend((refused == 0).then(|| (EMAIL.to_owned(), Ok(sent()))));
    }
    if let Some(hook) = &notify.webhook {
        let sent = webhook::send(hook, &json, environment, limits).await;
        tried.push((WEBHOOK.to_owned(), sent.map(|()| "answered".to_owned())));
    }
    if let Some(channel) = &notify.ping {
        let sent = healthcheck::send(channel, healthcheck::PingState::Log, id, &letter.text, environment, limits).await;
        tried.push((PING.to_owned(), sent.map(|()| "answered, as a line of its log".to_owned())));
    }
    tried
}

async fn email_secrets(email: &Email, environment: Environment<'_>) -> Result<String> {
    let password = email::password(email, environment).await?;
    if let Some(path) = &email.ca_bundle {
        tls::certificates(path)?;
    }
    let login = if password.is_some() { "password read" } else { "no login" };
    Ok(format!("to {}, {login}", printable(&email.to.join(", "))))
}

async fn webhook_secrets(webhook: &Webhook, environment: Environment<'_>) -> Result<String> {
    let address = address(webhook.url.as_deref(), webhook.url_file.as_deref(), environment).await?;
    if let Some(path) = &webhook.ca_bundle {
        tls::certificates(path)?;
    }
    match webhook::authorization(webhook, environment).await? {
        Some(_) if !address.is_private() => Err(Error::new("http would send what authorization_file has in the clear")),
        Some(_) => Ok(format!("at {}, authorization read", address.host())),
        None => Ok(format!("at {}", address.host())),
    }
}

async fn ping_secrets(ping: &Ping, environment: Environment<'_>) -> Result<String> {
    let address = address(ping.url.as_deref(), ping.url_file.as_deref(), environment).await?;
    if let Some(path) = &ping.ca_bundle {
        tls::certificates(path)?;
    }
    Ok(format!("at {}", address.host()))
}

async fn reach_webhook(webhook: &Webhook, environment: Environment<'_>, limits: Limits) -> Result<String> {
    webhook_secrets(webhook, environment).await?;
    let address = address(webhook.url.as_deref(), webhook.url_file.as_deref(), environment).await?;
    reach(&address, webhook.ca_bundle.as_deref(), limits).await
}

async fn reach_ping(ping: &Ping, environment: Environment<'_>, limits: Limits) -> Result<String> {
    let address = address(ping.url.as_deref(), ping.url_file.as_deref(), environment).await?;
    reach(&address, ping.ca_bundle.as_deref(), limits).await
}

async fn reach(address: &http::Address, ca_bundle: Option<&std::path::Path>, limits: Limits) -> Result<String> {
    http::reach(address, ca_bundle, limits.of_http()).await.doing(|| format!("reach {}", address.host()))?;
    Ok(format!("{} is there; nothing was sent", address.host()))
}
