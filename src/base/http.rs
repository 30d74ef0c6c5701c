//! One POST over HTTP/1.1, with a few attempts and short time limits.
//!
//! Redirects are not followed, at most the requested bytes of the body are read, and errors contain only the host of an address.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::http::uri::Scheme;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::base::error::{Context, Error, Result};
use crate::base::tls;

/// Number of attempts.
const TRIES: u32 = 4;

/// Limit for one of the addresses of a name.
const CONNECT: Duration = Duration::from_secs(5);

/// Limit for the beginning of an answer: the request was accepted by then.
const BODY: Duration = Duration::from_secs(2);

/// Time limits of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// All attempts together.
    pub total: Duration,
    /// One attempt.
    pub attempt: Duration,
    /// Before the second attempt; doubled before each further one.
    pub pause: Duration,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The target. Has no `Debug`, because the URL may be a secret.
#[derive(Clone)]
pub struct Address {
    uri: Uri,
    /// Host without brackets.
    host: String,
    port: u16,
    is_tls: bool,
}

impl Address {
    /// Parses a URL of `http` or `https`, without a user.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::new("the address is not a URL of http or https").hint("for instance https://host/path");
        let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err(Error::new("the address has a user or a password in it").hint("use authorization_file"));
        }
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self { host, port, is_tls, uri })
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the connection is encrypted or local.
    pub fn is_private(&self) -> bool {
        self.is_tls || is_loopback(&self.host)
    }

    /// Appends a path and one parameter.
    pub fn at(&self, suffix: &str, parameter: Option<&str>) -> Result<Self> {
        let path = self.uri.path().trim_end_matches('/');
        let query: Vec<&str> = self.uri.query().into_iter().chain(parameter).filter(|text| !text.is_empty()).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let mut parts = self.uri.clone().into_parts();
        let whole = format!("{path}{suffix}{query}");
        let whole = if whole.starts_with('/') { whole } else { format!("/{whole}") };
        parts.path_and_query = Some(whole.parse().map_err(|_| Error::new("the address cannot be extended"))?);
        let uri = Uri::from_parts(parts).map_err(|_| Error::new("the address cannot be extended"))?;
        Ok(Self { uri, ..self.clone() })
    }
}

/// The request body and its headers.
pub struct RequestBody<'a> {
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub bytes: &'a [u8],
    /// The header `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// What of the answer is read.
    pub answer: WantedAnswer,
}

/// What is read of the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedAnswer {
    /// At most so many bytes, of which an interrupted answer may have fewer; with 0, nothing.
    Beginning(usize),
    /// All of it; a larger or an interrupted answer is an error.
    Whole(usize),
}

/// Why an attempt failed.
enum HttpFailure {
    /// Another attempt may succeed.
    Passing(Error),
    Lasting(Error),
}

/// Sends the request and returns the beginning of the answer; an answer other than 2xx is an error.
pub async fn post(
    address: &Address,
    ca_bundle: Option<&Path>,
    body: &RequestBody<'_>,
    limits: HttpLimits,
) -> Result<Vec<u8>> {
    let deadline = Instant::now() + limits.total;
    let mut last = None;
    for number in 0..TRIES {
        if number > 0 && timeout_at(deadline, sleep(limits.pause * 2_u32.pow(number - 1))).await.is_err() {
            break;
        }
        match timeout_at(deadline.min(Instant::now() + limits.attempt), attempt(address, ca_bundle, body)).await {
            Ok(Ok(said)) => return Ok(said),
            Ok(Err(HttpFailure::Lasting(error))) => return Err(error),
            Ok(Err(HttpFailure::Passing(error))) => last = Some(error),
            Err(_) if Instant::now() >= deadline => break,
            Err(_) => {}
        }
    }
    Err(last.unwrap_or_else(|| Error::new(format!("no answer within {} s", limits.total.as_secs_f32()))))
}

/// Connects and performs the TLS handshake; sends no request.
pub async fn reach(address: &Address, ca_bundle: Option<&Path>, limits: HttpLimits) -> Result<()> {
    let late = || Error::new(format!("no answer within {} s", limits.total.as_secs_f32()));
    timeout(limits.total, open(address, ca_bundle)).await.map_err(|_| late())?.map(drop)
}

async fn attempt(address: &Address, ca_bundle: Option<&Path>, body: &RequestBody<'_>) -> Result<Vec<u8>, HttpFailure> {
    let stream = open(address, ca_bundle).await.map_err(HttpFailure::Passing)?;
    let request = request(address, body).map_err(HttpFailure::Lasting)?;
    let (status, said) = answer(stream, request, body.answer).await.map_err(HttpFailure::Passing)?;
    judged(status)?;
    said
}

fn judged(status: StatusCode) -> Result<(), HttpFailure> {
    let error = Error::new(format!("it answered {status}"));
    match status {
        _ if status.is_success() => Ok(()),
        _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Err(HttpFailure::Passing(error)),
        _ if status.is_redirection() => {
            Err(HttpFailure::Lasting(error.hint("redirects are not followed: give the address it leads to")))
        }
        _ => Err(HttpFailure::Lasting(error.hint("is the address right?"))),
    }
}

fn request(address: &Address, body: &RequestBody<'_>) -> Result<Request<Full<Bytes>>> {
    let target = address.uri.path_and_query().map_or("/", |target| target.as_str());
    let host = address.uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let agent = concat!("pgwitness/", env!("CARGO_PKG_VERSION"));
    let mut request = Request::post(target).header(HOST, host).header(USER_AGENT, agent);
    if !body.bytes.is_empty() {
        request = request.header(CONTENT_TYPE, body.content_type);
    }
    if let Some(authorization) = &body.authorization {
        request = request.header(HeaderName::from_static("authorization"), authorization.clone());
    }
    // The error of hyper could quote the secret value.
    request
        .body(Full::new(Bytes::copy_from_slice(body.bytes)))
        .map_err(|_| Error::new("the address has characters that no request may have"))
}

/// The status, and the body or what is wrong with it.
type Answered = (StatusCode, Result<Vec<u8>, HttpFailure>);

async fn answer(stream: Box<dyn Stream>, request: Request<Full<Bytes>>, wanted: WantedAnswer) -> Result<Answered> {
    let told = |error: hyper::Error| Error::from_source(&error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let (status, body) = (response.status(), response.into_body());
        let body = match wanted {
            // The body of a refusal is not the wanted one.
            WantedAnswer::Whole(most) if status.is_success() => whole(body, most).await,
            WantedAnswer::Whole(_) => Ok(Vec::new()),
            WantedAnswer::Beginning(bytes) => Ok(beginning(body, bytes).await),
        };
        Ok((status, body))
    };
    tokio::pin!(answer);
    let answered = tokio::select! {
        answered = &mut answer => answered,
        ended = connection => match ended {
            Ok(()) => answer.await,
            // An answer before the end counts; the connection error is clearer than a missing answer.
            Err(error) => answer.await.map_err(|_: hyper::Error| error),
        },
    };
    answered.map_err(told)
}

/// Reads what arrives: an interrupted body does not change the status.
async fn beginning(mut body: Incoming, bytes: usize) -> Vec<u8> {
    let deadline = Instant::now() + BODY;
    let mut read = Vec::new();
    while read.len() < bytes {
        let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await else { break };
        read.extend(frame.data_ref().into_iter().flatten());
    }
    read.truncate(bytes);
    read
}

async fn whole(mut body: Incoming, most: usize) -> Result<Vec<u8>, HttpFailure> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| HttpFailure::Passing(Error::from_source(&error)))?;
        read.extend(frame.data_ref().into_iter().flatten());
        if read.len() > most {
            return Err(HttpFailure::Lasting(Error::new(format!("its answer is larger than {} KiB", most >> 10))));
        }
    }
    Ok(read)
}

async fn open(address: &Address, ca_bundle: Option<&Path>) -> Result<Box<dyn Stream>> {
    let plain =
        connect(&address.host, address.port, CONNECT).await.doing(|| format!("connect to port {}", address.port))?;
    if !address.is_tls {
        return Ok(Box::new(plain));
    }
    let connector = TlsConnector::from(Arc::new(tls::web(ca_bundle)?));
    let name = ServerName::try_from(address.host.clone()).map_err(|error| Error::from_source(&error))?;
    let hint = "a certificate of your own authority is trusted by ca_bundle";
    let encrypted = connector.connect(name, plain).await.doing(|| "agree on encryption");
    Ok(Box::new(encrypted.map_err(|error| error.hint(hint))?))
}

/// Whether what is sent there stays on this machine.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Connects to the first address that answers.
pub async fn connect(host: &str, port: u16, patience: Duration) -> Result<TcpStream> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for one in found {
        match timeout(patience, TcpStream::connect(one)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer"),
        }
    }
    Err(last.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Address::parse(text).err().unwrap().to_string()
    }

    #[test]
    fn an_address_is_extended_behind_its_path_and_in_front_of_its_parameters() {
        for (base, extended) in [
            ("https://h", "https://h/fail?rid=7"),
            ("https://h/", "https://h/fail?rid=7"),
            ("https://h/a/b/", "https://h/a/b/fail?rid=7"),
            ("http://[::1]:8080/a?create=1", "http://[::1]:8080/a/fail?create=1&rid=7"),
        ] {
            assert_eq!(Address::parse(base).unwrap().at("/fail", Some("rid=7")).unwrap().uri.to_string(), extended);
        }
        assert_eq!(Address::parse("https://h/a/").unwrap().at("", None).unwrap().uri.to_string(), "https://h/a");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in ["", "h/a", "ftp://h/s3cret", "https://", "s3cret", "https://h h/", "//h/s3cret"] {
            assert_eq!(refusal(text), "the address is not a URL of http or https", "{text}");
        }
        assert_eq!(refusal("https://u:s3cret@h/"), "the address has a user or a password in it");
    }

    #[test]
    fn only_https_and_this_machine_are_private() {
        for (text, is_private) in
            [("https://h/", true), ("http://h/", false), ("http://127.0.0.1:1/", true), ("http://[::1]/", true)]
        {
            assert_eq!(Address::parse(text).unwrap().is_private(), is_private, "{text}");
        }
    }
}
