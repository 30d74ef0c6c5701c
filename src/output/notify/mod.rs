//! Notifications about a run: by e-mail, by a webhook, by a ping to a health check.
//!
//! The health check gets a success ping only if [`message::is_good`]; secrets are never sent unencrypted, configured encryption
//! is required, and errors contain no secret URL. Each channel has its own time limit.

mod budget;
mod check;
mod email;
mod healthcheck;
mod webhook;

use std::path::Path;
use std::time::Duration;

pub use check::{check, secrets, test};

use crate::base::error::{Context, Error, Result};
use crate::base::http::{Address, HttpLimits};
use crate::base::secret;
use crate::base::time::Timestamp;
use crate::config::{Notify, When};
use crate::model::run_record::RunRecord;
use crate::output::message::{self, Message};

use crate::base::secret::Environment;

/// Time limits of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For an e-mail, from the DNS lookup to the last answer.
    pub mail: Duration,
    /// For a webhook or a ping, all attempts together.
    pub http: Duration,
    /// Before the second attempt; doubled before each further one.
    pub pause: Duration,
}

impl Limits {
    fn of_http(self) -> HttpLimits {
        HttpLimits { total: self.http, attempt: self.http, pause: self.pause }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { mail: Duration::from_secs(60), http: Duration::from_secs(15), pause: Duration::from_millis(500) }
    }
}

/// The message, and the time of its creation.
struct Post<'a> {
    letter: &'a Message,
    json: &'a str,
    at: Timestamp,
    /// Id of the run: message ids are unique.
    id: &'a str,
}

/// Sends the start ping.
pub async fn begin(notify: &Notify, run_id: &str, environment: Environment<'_>) -> Vec<Error> {
    begin_within(notify, run_id, environment, Limits::default()).await
}

/// As [`begin`], with other limits.
pub async fn begin_within(notify: &Notify, run_id: &str, environment: Environment<'_>, limits: Limits) -> Vec<Error> {
    match &notify.ping {
        Some(channel) => {
            failure(healthcheck::send(channel, healthcheck::PingState::Start, run_id, "", environment, limits).await)
        }
        None => Vec::new(),
    }
}

/// Sends e-mail and webhook at the same time.
pub async fn tell(notify: &Notify, run: &RunRecord, environment: Environment<'_>) -> Vec<Error> {
    tell_within(notify, run, environment, Limits::default()).await
}

/// As [`tell`], with other limits.
pub async fn tell_within(notify: &Notify, run: &RunRecord, environment: Environment<'_>, limits: Limits) -> Vec<Error> {
    let is_wanted = |when: When| when == When::Always || !message::is_good(run);
    let letter = message::of(run, notify.values);
    let json = message::json(run, notify.values);
    let post = Post { letter: &letter, json: &json, at: run.finished_at, id: run.run_id() };
    let email = async {
        match notify.email.as_ref().filter(|email| is_wanted(email.when)) {
            Some(email) => email::send(email, &post, environment, limits.mail).await,
            None => Vec::new(),
        }
    };
    let webhook = async {
        match notify.webhook.as_ref().filter(|webhook| is_wanted(webhook.when)) {
            Some(webhook) => failure(webhook::send(webhook, post.json, environment, limits).await),
            None => Vec::new(),
        }
    };
    let (email, webhook) = tokio::join!(email, webhook);
    [email, webhook].concat()
}

/// The last ping: success only if [`message::is_good`].
pub async fn ping(notify: &Notify, run: &RunRecord, environment: Environment<'_>) -> Vec<Error> {
    ping_within(notify, run, environment, Limits::default()).await
}

/// As [`ping`], with other limits.
pub async fn ping_within(notify: &Notify, run: &RunRecord, environment: Environment<'_>, limits: Limits) -> Vec<Error> {
    let Some(channel) = &notify.ping else { return Vec::new() };
    let state = if message::is_good(run) { healthcheck::PingState::Success } else { healthcheck::PingState::Fail };
    let brief = message::brief(run);
    failure(healthcheck::send(channel, state, run.run_id(), &brief, environment, limits).await)
}

fn failure(result: Result<()>) -> Vec<Error> {
    result.err().into_iter().collect()
}

/// The URL, from the file or from the configuration.
async fn address(url: Option<&str>, url_file: Option<&Path>, environment: Environment<'_>) -> Result<Address> {
    match secret::resolve(url_file, None, None, environment).await? {
        Some(secret) => Address::parse(secret.reveal()).doing(|| "read the address in url_file"),
        None => Address::parse(url.unwrap_or_default()),
    }
}
