//! The e-mail: one multipart message to all recipients, through an SMTP server.
//!
//! Where encryption is configured, the connection never continues without it; a password is never sent unencrypted to another
//! machine; and every refused recipient is an error.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::budget::Budget;
use super::{Environment, Post};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::http;
use crate::base::printable::printable;
use crate::base::secret::{self, Secret};
use crate::base::text::cut;
use crate::base::tls;
use crate::config::{Email, SmtpTls};

/// Cells of a server answer in an error.
const MAX_CELLS: usize = 300;

/// Limit for one of the addresses of the server.
const CONNECT: Duration = Duration::from_secs(15);

/// Limit for QUIT, after the message was accepted.
const GOODBYE: Duration = Duration::from_secs(2);

/// Sends the message; one error for each refused recipient, or one for all.
pub async fn send(email: &Email, post: &Post<'_>, environment: Environment<'_>, limit: Duration) -> Vec<Error> {
    let message = match message(email, post) {
        Ok(message) => message,
        Err(error) => return vec![error.context(doing(email))],
    };
    let delivered = in_time(limit, deliver(email, &message, environment)).await;
    delivered.unwrap_or_else(|error| vec![error]).into_iter().map(|error| error.context(doing(email))).collect()
}

/// Logs in and quits; nothing is sent.
pub async fn reach(email: &Email, environment: Environment<'_>, limit: Duration) -> Result<String> {
    let tried = async {
        let mut connection = open(email, environment).await?;
        // Ignore a failed QUIT; the server was reached.
        let _ = timeout(GOODBYE, connection.quit()).await;
        Ok(())
    };
    in_time(limit, tried).await.doing(|| format!("reach {}", server(email)))?;
    let how = if email.tls == SmtpTls::None { "in the clear" } else { "encrypted" };
    let login =
        email.username.as_ref().map_or("no login".to_owned(), |name| format!("logged in as {}", printable(name)));
    Ok(format!("{}, {how}, {login}", server(email)))
}

/// The password, from the one configured source.
pub async fn password(email: &Email, environment: Environment<'_>) -> Result<Option<Secret>> {
    let Email { password_file, password_command, password_env, .. } = email;
    secret::resolve(password_file.as_deref(), password_command.as_deref(), password_env.as_deref(), environment).await
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || Error::new(format!("no answer within {} s", limit.as_secs_f32()));
    timeout(limit, work).await.map_err(|_| late())?
}

fn doing(email: &Email) -> String {
    format!("send mail through {}", server(email))
}

fn server(email: &Email) -> String {
    format!("{}:{}", printable(&email.host), port(email))
}

fn port(email: &Email) -> u16 {
    email.port.unwrap_or(match email.tls {
        SmtpTls::Starttls => 587,
        SmtpTls::Tls => 465,
        SmtpTls::None => 25,
    })
}

fn message(email: &Email, post: &Post<'_>) -> Result<Message> {
    let from = mailbox(&email.from)?;
    let domain = from.email.domain().to_owned();
    let at = post.at.seconds();
    let header =
        |name: &'static str, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
    let mut builder = Message::builder()
        .from(from)
        .subject(&post.letter.subject)
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
        .message_id(Some(format!("<pgwitness.{}.{at}@{domain}>", alphanumeric(post.id))))
        // RFC 3834: suppresses automatic replies.
        .raw_header(header("Auto-Submitted", "auto-generated"));
    if let Some(set) = &email.configuration_set {
        builder = builder.raw_header(header("X-SES-CONFIGURATION-SET", set));
    }
    for to in &email.to {
        builder = builder.to(mailbox(to)?);
    }
    let parts = MultiPart::alternative_plain_html(post.letter.text.clone(), post.letter.html.clone());
    builder.multipart(parts).map_err(|error| Error::from_source(&error))
}

/// Keeps the characters that a Message-ID may contain.
fn alphanumeric(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

fn mailbox(text: &str) -> Result<Mailbox> {
    text.parse().map_err(|_| Error::new(format!("{} is not an address", printable(text))))
}

async fn deliver(email: &Email, message: &Message, environment: Environment<'_>) -> Result<Vec<Error>> {
    let mut connection = open(email, environment).await?;
    let options = options(&connection, message)?;
    let sender = Mail::new(message.envelope().from().cloned(), options);
    connection.command(sender).await.map_err(said).doing(|| format!("from {}", printable(&email.from)))?;
    let mut refused = Vec::new();
    for to in message.envelope().to() {
        if let Err(error) = connection.command(Rcpt::new(to.clone(), Vec::new())).await {
            refused.push(said(error).context(format!("{to} is refused")));
        }
    }
    if refused.len() < message.envelope().to().len() {
        connection.command(Data).await.map_err(said)?;
        connection.message(&message.formatted()).await.map_err(said)?;
    }
    // Ignore a failed QUIT; the message was accepted.
    let _ = timeout(GOODBYE, connection.quit()).await;
    Ok(refused)
}

fn options(connection: &AsyncSmtpConnection, message: &Message) -> Result<Vec<MailParameter>> {
    let mut options = Vec::new();
    let (from, to) = (message.envelope().from(), message.envelope().to());
    if !from.into_iter().chain(to).all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Error::new("the server takes only addresses of ASCII letters"));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    if connection.server_info().supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(options)
}

/// Connects, encrypts as configured, logs in.
async fn open(email: &Email, environment: Environment<'_>) -> Result<AsyncSmtpConnection> {
    // First check what needs no server.
    let password = password(email, environment).await?;
    let hello = ClientId::default();
    let later = if email.tls == SmtpTls::Starttls { Some(trust(email)?) } else { None };
    let stream = connect(email).await.doing(|| "connect")?;
    let connected = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await;
    let mut connection = connected.map_err(said).doing(|| "connect")?;
    if let Some(trust) = later {
        if !connection.can_starttls() {
            let error = Error::new("the server offers no STARTTLS, and nothing is sent in the clear");
            return Err(error.hint("is it the right port? 587 for starttls, 465 with tls = \"tls\""));
        }
        connection.starttls(trust, &hello).await.map_err(said).doing(|| "agree on encryption")?;
    }
    log_in(&mut connection, email, password.as_ref()).await?;
    Ok(connection)
}

/// Encrypted from the start where that is configured. Limits the bytes that the server may send.
async fn connect(email: &Email) -> Result<Budget> {
    let trust = if email.tls == SmtpTls::Tls { Some(tls::web(email.ca_bundle.as_deref())?) } else { None };
    let plain = http::connect(&email.host, port(email), CONNECT).await?;
    let peer = plain.peer_addr()?;
    let Some(trust) = trust else { return Ok(Budget::new(plain, peer)) };
    let name = ServerName::try_from(email.host.clone()).map_err(|error| Error::from_source(&error))?;
    let connecting = TlsConnector::from(Arc::new(trust)).connect(name, plain);
    match connecting.await {
        Ok(stream) => Ok(Budget::new(stream, peer)),
        Err(error) => Err(with_hint(&Error::from(error).to_string())),
    }
}

async fn log_in(connection: &mut AsyncSmtpConnection, email: &Email, password: Option<&Secret>) -> Result<()> {
    let (Some(username), Some(password)) = (&email.username, password) else { return Ok(()) };
    if email.tls == SmtpTls::None && !http::is_loopback(&email.host) {
        return Err(Error::new("the password would travel in the clear").hint("tls = \"starttls\" or \"tls\""));
    }
    let credentials = Credentials::new(username.clone(), password.reveal().to_owned());
    let done = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
    // The reason of a refused login is reported, without a repeated password.
    let hint = "of Amazon SES, it is the SMTP password, not the secret access key";
    let told = |error| without(said(error), username, password).hint(hint);
    done.map_err(told).doing(|| format!("log in as {}", printable(username))).map(drop)
}

/// Removes the password in the forms in which it was sent: as it is, and in base64 as in AUTH PLAIN and AUTH LOGIN. A server may
/// also repeat a part of them, so every long base64 word is removed.
fn without(error: Error, username: &str, password: &Secret) -> Error {
    let plain = format!("\0{username}\0{}", password.reveal());
    let sent = [password.reveal().to_owned(), BASE64.encode(plain), BASE64.encode(password.reveal())];
    let masked = |text: &str| {
        let text = sent.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"));
        text.split(' ').map(|word| if is_base64(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
    };
    error.map(|text| text.map(masked))
}

fn is_base64(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '=' && c != '+' && c != '/');
    word.len() >= 12
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        && (word.ends_with('=') || word.bytes().any(|byte| byte.is_ascii_digit()))
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The trusted certificates.
fn trust(email: &Email) -> Result<TlsParameters> {
    let builder = TlsParameters::builder(email.host.clone());
    let builder = match &email.ca_bundle {
        None => builder.certificate_store(CertificateStore::Default),
        Some(path) => {
            let doing = || format!("read certificate {}", path.display());
            let pem = files::read(path, files::CERTIFICATES).doing(doing)?;
            let roots = Certificate::from_pem(&pem).map_err(said).doing(doing)?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(roots)
        }
    };
    builder.build_rustls().map_err(said).doing(|| "prepare TLS")
}

/// The answer of the server, or the connection error: one line.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(error: smtp::Error) -> Error {
    let source = std::error::Error::source(&error).map(|source| Error::from_source(source).to_string());
    let text = match (error.status(), source) {
        (Some(code), Some(text)) => format!("{code} {text}"),
        (Some(code), None) => code.to_string(),
        (None, Some(text)) => text,
        (None, None) => error.to_string(),
    };
    with_hint(&text)
}

fn with_hint(text: &str) -> Error {
    let error_text = cut(&printable(text), MAX_CELLS);
    match text.contains("invalid peer certificate") {
        true => Error::new(error_text).hint("a certificate of your own authority is trusted by ca_bundle"),
        false => Error::new(error_text),
    }
}
