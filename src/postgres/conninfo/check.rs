//! Refuses values libpq would refuse, and settings that guard something and that we cannot honour.
//!
//! A setting that asks for more safety is not ignored silently.

use super::parse::Parameters;
use crate::base::error::{Error, Result};

/// The keywords with a fixed set of values.
const CHOICES: &[(&str, &[&str])] = &[
    ("sslmode", &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
    ("sslnegotiation", &["postgres", "direct"]),
    ("sslcertmode", &["disable", "allow", "require"]),
    ("sslsni", &["0", "1"]),
    ("gssencmode", &["disable", "prefer", "require"]),
    ("channel_binding", &["disable", "prefer", "require"]),
    ("load_balance_hosts", &["disable", "random"]),
    ("target_session_attrs", &["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]),
    ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
    ("ssl_max_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
];

/// The keywords that are whole numbers.
const NUMBERS: &[&str] = &[
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
];

/// Settings we cannot honour: keyword, the only value that is refused (empty: any), and what to do instead.
const REFUSED: &[(&str, &str, &str)] = &[
    ("require_auth", "", "channel_binding=require also protects the password"),
    ("requirepeer", "", "leave it out"),
    ("replication", "", "leave it out"),
    ("sslcrldir", "", "put the revocation lists into one file and give it as sslcrl"),
    ("scram_client_key", "", "give a password"),
    ("scram_server_key", "", "give a password"),
    ("oauth_issuer", "", "log in with a password or a client certificate"),
    ("gssencmode", "require", "use TLS (sslmode=verify-full)"),
    ("sslcertmode", "require", "use sslcertmode=allow"),
    ("ssl_max_protocol_version", "TLSv1", "TLS before 1.2 is not supported"),
    ("ssl_max_protocol_version", "TLSv1.1", "TLS before 1.2 is not supported"),
];

/// Checks every parameter by itself, then the pairs that contradict each other.
pub fn check(parameters: &Parameters) -> Result<()> {
    for (keyword, value) in parameters {
        check_choice(keyword, value)?;
        check_number(keyword, value)?;
        check_refused(keyword, value)?;
    }
    check_system_roots(parameters)?;
    check_direct(parameters)
}

fn check_choice(keyword: &str, value: &str) -> Result<()> {
    match CHOICES.iter().find(|(known, _)| *known == keyword) {
        Some((_, choices)) if !choices.contains(&value) => {
            Err(Error::new(format!("invalid {keyword} value {value:?}")).hint(format!("one of {}", choices.join(", "))))
        }
        _ => Ok(()),
    }
}

fn check_number(keyword: &str, value: &str) -> Result<()> {
    if NUMBERS.contains(&keyword) && value.trim().parse::<i32>().is_err() {
        return Err(Error::new(format!("invalid {keyword} value {value:?}")).hint("a whole number"));
    }
    Ok(())
}

fn check_refused(keyword: &str, value: &str) -> Result<()> {
    let refused = REFUSED.iter().find(|(known, only, _)| *known == keyword && (only.is_empty() || *only == value));
    match refused {
        Some((_, only, instead)) => {
            let what = if only.is_empty() { keyword.to_owned() } else { format!("{keyword}={only}") };
            Err(Error::new(format!("{what} is not supported")).hint(*instead))
        }
        None => Ok(()),
    }
}

/// Any server can have a certificate from a public authority: it proves nothing without the name.
fn check_system_roots(parameters: &Parameters) -> Result<()> {
    let is = |keyword: &str, value: &str| parameters.get(keyword).is_some_and(|given| given == value);
    if is("sslrootcert", "system") && !is("sslmode", "verify-full") {
        return Err(Error::new("weak sslmode may not be used with sslrootcert=system").hint("use sslmode=verify-full"));
    }
    Ok(())
}

fn check_direct(parameters: &Parameters) -> Result<()> {
    let is = |keyword: &str, values: &[&str]| parameters.get(keyword).is_some_and(|given| values.contains(&&**given));
    if is("sslnegotiation", &["direct"]) && is("sslmode", &["disable", "allow", "prefer"]) {
        return Err(Error::new("weak sslmode may not be used with sslnegotiation=direct").hint("use sslmode=require"));
    }
    Ok(())
}
