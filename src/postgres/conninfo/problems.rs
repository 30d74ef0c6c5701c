//! Why a connection failed, and what to try: the common cases by name.
//!
//! Names the origin of a password, not the password.

use std::error::Error as StdError;
use std::io::ErrorKind;

use rustls::CertificateError;

use super::{ConnInfo, HostSpec};
use crate::base::error::Error;
use crate::model::name::quote_ident;
use crate::postgres::errors::{describe_error, sqlstate};

/// The error of one try, with a hint that knows host, user and origin of the password.
pub fn explain(info: &ConnInfo, host: &HostSpec, error: &tokio_postgres::Error) -> Error {
    let hint = server_hint(info, host, error)
        .or_else(|| certificate_hint(info, host, error))
        .or_else(|| network_hint(host, error))
        .or_else(|| text_hint(info, host, error));
    let described = clear_text(host, error).unwrap_or_else(|| describe_error(error));
    match hint {
        Some(hint) => described.hint(hint),
        None => described,
    }
}

fn server_hint(info: &ConnInfo, host: &HostSpec, error: &tokio_postgres::Error) -> Option<String> {
    let user = info.user();
    Some(match sqlstate(error)? {
        "28P01" => match info.password_for(host) {
            Some((_, origin)) => {
                format!("user {user} on {}:{}, password from {origin}: check it there", host.host, host.port)
            }
            None => no_password(info, host),
        },
        // Not the message: its language is the server's.
        "28000" if error.as_db_error().and_then(|error| error.routine()) == Some("InitializeSessionUserId") => {
            format!("the role must exist and have LOGIN, for instance: alter role {} login", quote_ident(user))
        }
        "28000" => format!(
            "the server's pg_hba.conf does not let user {user} into database {} this way (sslmode={})",
            info.dbname(),
            info.sslmode()
        ),
        "3D000" => format!("list the databases with: psql -l -h {} -p {} -U {user}", host.host, host.port),
        "53300" => "the server has no free connection: use fewer jobs or raise max_connections".into(),
        "57P03" => "the server is starting up, shutting down or recovering: try again".into(),
        _ => return None,
    })
}

fn no_password(info: &ConnInfo, host: &HostSpec) -> String {
    let ignored = info.warnings().first().map(|warning| format!(" ({warning})")).unwrap_or_default();
    format!(
        "no password for user {} on {}:{}: add a line host:port:database:user:password to ~/.pgpass, mode 0600{ignored}",
        info.user(),
        host.host,
        host.port
    )
}

/// The error of type `T` somewhere among the causes.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An io::Error hides the error it was made from: its source() is that error's source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn certificate_error(error: &tokio_postgres::Error) -> Option<&CertificateError> {
    match cause::<rustls::Error>(error)? {
        rustls::Error::InvalidCertificate(reason) => Some(reason),
        _ => None,
    }
}

fn certificate_hint(info: &ConnInfo, host: &HostSpec, error: &tokio_postgres::Error) -> Option<String> {
    Some(match certificate_error(error)? {
        CertificateError::UnknownIssuer => {
            let roots = match info.get("sslrootcert") {
                Some("system") | None => "the system's store".to_owned(),
                Some(path) => path.to_owned(),
            };
            format!("{roots} does not hold the root that signed it")
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it names no host in subjectAltName, and common names are not read: have it issued anew".into()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "it is for {}: use that name as host, with hostaddr={} if needed",
            presented.iter().map(|name| bare_name(name)).collect::<Vec<_>>().join(", "),
            host.hostaddr.map_or_else(|| "ADDRESS".into(), |address| address.to_string())
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server needs a new certificate, or this machine's clock is wrong".into()
        }
        _ => return None,
    })
}

/// rustls writes `DnsName("db.example")` and `IpAddress(127.0.0.1)`.
fn bare_name(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

/// Our own words where the library's are long or unclear.
fn clear_text(host: &HostSpec, error: &tokio_postgres::Error) -> Option<Error> {
    if is_password_missing(error) {
        return Some(Error::new("the server wants a password and we have none"));
    }
    if is_not_tls(error) {
        return Some(Error::new("the peer does not speak TLS"));
    }
    if is_cut_off(error) {
        return Some(Error::new("the peer closed the connection during the login"));
    }
    let why = match certificate_error(error)? {
        CertificateError::UnknownIssuer => "the server's certificate is not signed by a trusted root".into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's certificate is not for host {}", host.name())
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::Revoked => "the server's certificate is revoked".to_owned(),
        _ => return None,
    };
    Some(Error::new(why))
}

fn network_hint(host: &HostSpec, error: &tokio_postgres::Error) -> Option<String> {
    let kind = cause::<std::io::Error>(error)?.kind();
    let port = host.port;
    Some(match (host.socket_directory(), kind) {
        (Some(directory), ErrorKind::NotFound) => {
            format!(
                "no socket {}/.s.PGSQL.{port}: is the server running, and is that its directory?",
                directory.display()
            )
        }
        (Some(_), ErrorKind::ConnectionRefused) => "a stale socket: the server is not running".into(),
        (Some(directory), ErrorKind::PermissionDenied) => format!("no permission to enter {}", directory.display()),
        (None, ErrorKind::ConnectionRefused) => {
            format!("is the server running on {}, and does it listen on port {port}?", host.host)
        }
        (_, ErrorKind::InvalidData) => is_it_postgresql(host),
        (None, ErrorKind::TimedOut) => is_silent(host),
        _ => return None,
    })
}

/// For a peer that accepts no connection, or accepts it and sends nothing.
pub(super) fn is_silent(host: &HostSpec) -> String {
    format!("{} Or is a firewall in between? connect_timeout gives it longer", is_it_postgresql(host))
}

fn is_it_postgresql(host: &HostSpec) -> String {
    format!("is {}:{} a PostgreSQL server?", host.host, host.port)
}

fn is_not_tls(error: &tokio_postgres::Error) -> bool {
    cause::<rustls::Error>(error).is_some_and(|error| matches!(error, rustls::Error::InvalidMessage(_)))
}

/// Without an answer, or in the middle of one.
fn is_cut_off(error: &tokio_postgres::Error) -> bool {
    let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    let is_early = |error: &std::io::Error| kinds.contains(&error.kind());
    error.is_closed() || cause::<std::io::Error>(error).is_some_and(is_early)
}

/// Failures that tokio-postgres reports only as text.
fn text_hint(info: &ConnInfo, host: &HostSpec, error: &tokio_postgres::Error) -> Option<String> {
    if is_password_missing(error) {
        return Some(no_password(info, host));
    }
    if is_cut_off(error) {
        return Some(format!("{} If it is, its log says why", is_it_postgresql(host)));
    }
    if Error::from_source(error).to_string().contains("does not support TLS") {
        return Some(format!(
            "the server has ssl=off, or is no PostgreSQL server, and sslmode={} demands it",
            info.sslmode()
        ));
    }
    None
}

fn is_password_missing(error: &tokio_postgres::Error) -> bool {
    sqlstate(error).is_none() && Error::from_source(error).to_string().contains("password missing")
}
