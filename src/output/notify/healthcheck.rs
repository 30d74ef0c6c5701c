//! The health check ping, by the conventions of healthchecks.io: `URL/start`, `URL`, `URL/fail`, with `?rid=` and a UUID.
//!
//! The URL is a secret: with it, anyone can send a success ping.

use super::{Environment, Limits, address};
use crate::base::error::{Context, Error, Result};
use crate::base::http::{self, RequestBody, WantedAnswer};
use crate::config::Ping;

/// Bytes of the answer that are read.
const ANSWER_BYTES: usize = 200;

/// The kind of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingState {
    /// A run begins.
    Start,
    /// The run succeeded: no alert until the next ping is due.
    Success,
    /// The run failed or has a problem.
    Fail,
    /// Only a line in the log of the health check.
    Log,
}

impl PingState {
    fn suffix(self) -> &'static str {
        match self {
            Self::Start => "/start",
            Self::Success => "",
            Self::Fail => "/fail",
            Self::Log => "/log",
        }
    }
}

/// Sends one ping.
pub async fn send(
    ping: &Ping,
    state: PingState,
    run_id: &str,
    text: &str,
    environment: Environment<'_>,
    limits: Limits,
) -> Result<()> {
    let base = address(ping.url.as_deref(), ping.url_file.as_deref(), environment).await.doing(|| "ping")?;
    let rid = uuid(run_id).map(|uuid| format!("rid={uuid}"));
    let doing = || format!("ping {} ({state:?})", base.host()).to_lowercase();
    let address = base.at(state.suffix(), rid.as_deref()).doing(doing)?;
    let body = RequestBody {
        content_type: "text/plain; charset=utf-8",
        bytes: text.as_bytes(),
        authorization: None,
        answer: WantedAnswer::Beginning(ANSWER_BYTES),
    };
    let said = http::post(&address, ping.ca_bundle.as_deref(), &body, limits.of_http()).await.doing(doing)?;
    heard(&String::from_utf8_lossy(&said)).doing(doing)
}

/// healthchecks.io answers 200 even if it did not accept a ping, and states that in the body: `OK (not found)`, `OK (rate
/// limited)`. Source: healthchecks.io/docs, "Pinging API", section "Response Codes". The body is not repeated: it could contain
/// the URL.
fn heard(said: &str) -> Result<()> {
    let said = said.to_ascii_lowercase();
    if said.contains("not found") {
        return Err(Error::new("it answered that the check does not exist").hint("is the address right?"));
    }
    if said.contains("rate limited") {
        return Err(Error::new("it answered that it is called too often").hint("does something else ping this check?"));
    }
    Ok(())
}

/// 32 hexadecimal digits in the form of a UUID; `None` for any other text.
fn uuid(run_id: &str) -> Option<String> {
    let is_id = run_id.len() == 32 && run_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let part = |from: usize, to: usize| run_id.get(from..to);
    is_id.then_some([part(0, 8)?, part(8, 12)?, part(12, 16)?, part(16, 20)?, part(20, 32)?].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_becomes_a_uuid_and_nothing_else_does() {
        assert_eq!(uuid(&"0123456789abcdef".repeat(2)).unwrap(), "01234567-89ab-cdef-0123-456789abcdef");
        for text in ["", "0123", "0123456789abcdef0123456789abcdeg", "ééééééééééééééééé"] {
            assert_eq!(uuid(text), None);
        }
    }
}
