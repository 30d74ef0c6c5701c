//! The URI form of a connection string: `user:password@host:port,host:port/dbname?keyword=value`.
//!
//! Errors do not contain a value: it may be a password.

use super::parse::{Parameters, store};
use crate::base::error::{Error, Result};

/// Reads what follows the scheme.
pub fn parse_uri(rest: &str) -> Result<Parameters> {
    let mut parameters = Parameters::new();
    let rest = take_credentials(rest, &mut parameters)?;
    let rest = take_hosts(rest, &mut parameters)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if let Some(dbname) = path.strip_prefix('/').filter(|dbname| !dbname.is_empty()) {
        store(&mut parameters, "dbname", decode(dbname)?)?;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        store_query(&mut parameters, pair)?;
    }
    Ok(parameters)
}

/// `user:password@`: there only if an `@` comes before the path.
fn take_credentials<'a>(rest: &'a str, parameters: &mut Parameters) -> Result<&'a str> {
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let Some(at) = rest[..authority_end].find('@') else { return Ok(rest) };
    let (user, password) = match rest[..at].split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (&rest[..at], None),
    };
    if !user.is_empty() {
        store(parameters, "user", decode(user)?)?;
    }
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        store(parameters, "password", decode(password)?)?;
    }
    Ok(&rest[at + 1..])
}

/// `host:port,host:port`, each part optional, an IPv6 address in brackets. Lists are kept as lists (joined by commas).
fn take_hosts<'a>(mut rest: &'a str, parameters: &mut Parameters) -> Result<&'a str> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    loop {
        let (host, after) = take_host(rest)?;
        hosts.push(decode(host)?);
        let (port, after) = match after.strip_prefix(':') {
            Some(after) => after.split_at(after.find(['/', '?', ',']).unwrap_or(after.len())),
            None => ("", after),
        };
        ports.push(decode(port)?);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => {
                rest = after;
                break;
            }
        }
    }
    for (keyword, list) in [("host", hosts.join(",")), ("port", ports.join(","))] {
        if !list.is_empty() {
            store(parameters, keyword, list)?;
        }
    }
    Ok(rest)
}

fn take_host(rest: &str) -> Result<(&str, &str)> {
    let Some(bracketed) = rest.strip_prefix('[') else {
        return Ok(rest.split_at(rest.find([':', '/', '?', ',']).unwrap_or(rest.len())));
    };
    let Some((address, after)) = bracketed.split_once(']') else {
        return Err(Error::new("no \"]\" after the IPv6 address in the connection URI"));
    };
    if address.is_empty() || !(after.is_empty() || after.starts_with([':', '/', '?', ','])) {
        return Err(Error::new("the IPv6 address in the connection URI is empty or followed by something unexpected"));
    }
    Ok((address, after))
}

fn store_query(parameters: &mut Parameters, pair: &str) -> Result<()> {
    let (keyword, value) =
        pair.split_once('=').ok_or_else(|| Error::new("no \"=\" in a query parameter of the connection URI"))?;
    if value.contains('=') {
        return Err(Error::new("more than one \"=\" in a query parameter of the connection URI").hint("write %3D"));
    }
    let (keyword, value) = (decode(keyword)?, decode(value)?);
    // JDBC's spelling, which libpq takes too.
    if keyword == "ssl" && value == "true" {
        return store(parameters, "sslmode", "require".to_owned());
    }
    store(parameters, &keyword, value)
}

/// Percent decoding; `+` stays a plus.
pub fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        match (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit)) {
            (Some(0), Some(0)) => return Err(Error::new("%00 is not allowed in a connection URI")),
            (Some(high), Some(low)) => bytes.push(high * 16 + low),
            _ => {
                return Err(
                    Error::new("a \"%\" without two hexadecimal digits in the connection URI").hint("write %25")
                );
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::new("the connection URI is not UTF-8 after percent decoding"))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent encoding of everything that could mean something in a URI, or confuse a reader of a log.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
