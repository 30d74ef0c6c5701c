//! Opens connections: each host in turn, each of its addresses, with or without TLS as `sslmode` says.
//!
//! Does not retry after the server has rejected the login (a wrong password stays wrong). Errors name all failed attempts.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::first::{self, Startup};
use super::problems::{explain, is_silent};
use super::settings::{DEFAULT_CONNECT_TIMEOUT, Role, joined_options};
use super::socket::Socket;
use super::{ConnInfo, HostSpec};
use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::base::tls::PeerVerification;
use crate::postgres::copy_stream::{CopyInterceptor, CopyRouter, InterceptedTls};
use crate::postgres::errors::{describe_error, is_tls_failure, sqlstate};

/// How the server was verified. On a socket of this machine both are false: file system permissions protect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The connection is encrypted.
    pub encrypted: bool,
    /// The server's certificate was checked against a root (`verify-ca`, `verify-full`).
    pub verified: bool,
    /// The certificate is that of the host's name (`verify-full`).
    pub is_name_verified: bool,
    /// It is a socket on this machine, which needs neither.
    pub is_local_socket: bool,
}

/// An open connection. Dropping it ends the session.
pub struct Connection {
    /// To ask things.
    pub client: Client,
    /// Whom we talk to.
    pub peer: Peer,
    info: ConnInfo,
    tls: Option<MakeRustlsConnect>,
    lost: Arc<OnceLock<Error>>,
    router: CopyRouter,
    /// Ends with the session.
    pub(super) driver: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("info", &self.info).field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Connection {
    /// Asks the server to stop what this connection is doing (SQLSTATE 57014), over the same kind of transport.
    pub async fn cancel(&self) -> Result<()> {
        let token = self.client.cancel_token();
        let limit = self.info.connect_timeout().unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        let asked = match &self.tls {
            Some(tls) => timeout(limit, token.cancel_query(tls.clone())).await,
            None => {
                let host = self.info.hosts().into_iter().next().ok_or_else(|| Error::new("no host to ask"))?;
                let socket = self.info.socket(&host, host.hostaddr).await?;
                timeout(limit, token.cancel_query_raw(socket, NoTls)).await
            }
        };
        let answer = asked.unwrap_or_else(|_| Ok(())).map_err(|error| describe_error(&error));
        answer.doing(|| format!("cancel query on {}", self.info.describe()))
    }

    /// The very server that answered (one host, its address pinned): for further connections and for pg_dump, so that a
    /// name with several addresses cannot lead them elsewhere.
    pub fn info(&self) -> &ConnInfo {
        &self.info
    }

    /// Where the rows of the next COPY can be asked for.
    pub fn router(&self) -> &CopyRouter {
        &self.router
    }

    /// The reason why the connection ended, if it has and the server or the network reported one.
    pub fn lost(&self) -> Option<&Error> {
        self.lost.get()
    }
}

/// A try that failed, and whether there is no point in trying the next host.
struct ConnectFailure {
    error: Error,
    is_final: bool,
}

impl ConnInfo {
    /// Connects to the first host that accepts: the only way to a server. `extra_options` (`-c name=value ...`) go after the
    /// user's own options. Settings of the database, its `search_path` above all, are out of force when this returns (see
    /// `first`). The session runs on the current tokio runtime.
    pub async fn connect(&self, extra_options: &str) -> Result<Connection> {
        let doing = || format!("connect to {}", self.describe());
        let config = self.base_config();
        let tls = self.tls_connector().doing(doing)?;
        let hosts = self.hosts_in_order();
        let mut failures: Vec<(String, Error)> = Vec::new();
        for role in self.roles() {
            for host in &hosts {
                match self.try_host(host, *role, &Settings { config: &config, extra_options }, tls.as_ref()).await {
                    Ok(connection) => return Ok(connection),
                    Err(failure) if failure.is_final => return Err(failure.error).doing(doing),
                    Err(failure) => failures.push((host.in_uri(), failure.error)),
                }
            }
        }
        Err(join(failures)).doing(doing)
    }

    async fn try_host(
        &self,
        host: &HostSpec,
        role: Role,
        settings: &Settings<'_>,
        tls: Option<&MakeRustlsConnect>,
    ) -> Result<Connection, ConnectFailure> {
        let mut failures = Vec::new();
        for address in self.addresses(host).await? {
            let pinned = ConnectTarget { host, address, settings };
            let opened = self.try_address(&pinned, tls).await;
            let opened = match opened {
                Ok(connection) => check_role(connection, role, self.answer_limit()).await,
                failed => failed,
            };
            match opened {
                Ok(connection) => return Ok(connection),
                Err(failure) if failure.is_final => return Err(failure),
                Err(failure) => {
                    failures.push((address.map_or_else(|| host.in_uri(), |ip| ip.to_string()), failure.error));
                }
            }
        }
        Err(ConnectFailure { error: join(failures), is_final: false })
    }

    /// The addresses of a host, or one `None` for a socket.
    async fn addresses(&self, host: &HostSpec) -> Result<Vec<Option<IpAddr>>, ConnectFailure> {
        if host.socket_directory().is_some() {
            return Ok(vec![None]);
        }
        if let Some(address) = host.hostaddr {
            return Ok(vec![Some(address)]);
        }
        let lookup = tokio::net::lookup_host((host.host.as_str(), host.port));
        let found = match timeout(self.connect_timeout().unwrap_or(Duration::MAX), lookup).await {
            Ok(Ok(found)) => Ok(found.map(|address| Some(address.ip())).collect::<Vec<_>>()),
            Ok(Err(error)) => Err(Error::from(error)),
            Err(_) => Err(Error::new("no answer from the name service in time")),
        };
        let error = match found {
            Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
            Ok(_) => Error::new("it has no address"),
            Err(error) => error,
        };
        let error = error.context(format!("look up host {:?}", host.host)).hint("is the name of the host spelt right?");
        Err(ConnectFailure { error, is_final: false })
    }

    /// With or without TLS, then the other way if `sslmode` allows it and it may help (libpq's rule).
    async fn try_address(
        &self,
        target: &ConnectTarget<'_>,
        tls: Option<&MakeRustlsConnect>,
    ) -> Result<Connection, ConnectFailure> {
        let mut first: Option<TriedHost> = None;
        for is_encrypted in self.tries(target.host) {
            let tried = match self.open(target, tls.filter(|_| *is_encrypted)).await {
                Ok(connection) => return Ok(connection),
                Err(tried) => tried,
            };
            let may_help = tried.other_transport_may_help();
            // A second attempt that fails only for lack of TLS is less informative than the first.
            if first.is_none() || !tried.is_tls() {
                first = Some(tried);
            }
            if !may_help {
                break;
            }
        }
        Err(first.map_or_else(
            || ConnectFailure { error: Error::new("nothing was tried"), is_final: true },
            |tried| tried.into_failure(self, target.host),
        ))
    }

    /// Encrypted or not, in the order to try.
    pub(super) fn tries(&self, host: &HostSpec) -> &'static [bool] {
        match self.sslmode() {
            _ if host.socket_directory().is_some() => &[false],
            "disable" => &[false],
            "allow" => &[false, true],
            "prefer" => &[true, false],
            _ => &[true],
        }
    }

    /// With our options in the startup packet, or without where they are refused.
    async fn open(&self, target: &ConnectTarget<'_>, tls: Option<&MakeRustlsConnect>) -> Result<Connection, TriedHost> {
        let mut startup = Startup::Usual;
        loop {
            let tried = match self.open_with(target, tls, startup).await {
                Ok(connection) => return Ok(connection),
                Err(tried) => tried,
            };
            let next = if let TriedHost::Failed(error) = &tried { startup.after(error) } else { None };
            startup = next.ok_or(tried)?;
        }
    }

    async fn open_with(
        &self,
        target: &ConnectTarget<'_>,
        tls: Option<&MakeRustlsConnect>,
        startup: Startup,
    ) -> Result<Connection, TriedHost> {
        let mut config = target.settings.config.clone();
        let ours = joined_options(Some(&startup.options()), target.settings.extra_options);
        let options = joined_options(self.get("options"), &ours);
        if !options.is_empty() {
            config.options(options);
        }
        config.host(&target.host.host).port(target.host.port);
        if let Some(address) = target.address {
            config.hostaddr(address);
        }
        if let Some((password, _)) = self.password_for(target.host) {
            config.password(password);
        }
        let (lost, router) = (Arc::new(OnceLock::new()), CopyRouter::default());
        let (client, (major, driver)) = match tls {
            Some(tls) => {
                config.ssl_mode(SslMode::Require);
                let tapped = InterceptedTls { tls: tls.clone(), router: router.clone() };
                let (client, connection) = self.in_time(config.connect(tapped)).await?;
                (client, run(connection, lost.clone()))
            }
            None => {
                config.ssl_mode(SslMode::Disable).ssl_negotiation(SslNegotiation::Postgres);
                let opened = self.in_time(self.open_plain(target.host, target.address, &config, &router)).await?;
                match opened {
                    Some((client, connection)) => (client, run(connection, lost.clone())),
                    // Let tokio-postgres say what is wrong with the socket.
                    None => {
                        let (client, connection) = self.in_time(config.connect(NoTls)).await?;
                        (client, run(connection, lost.clone()))
                    }
                }
            }
        };
        let first = first::step(&client, major);
        match self.setup_limit() {
            Some(limit) => {
                timeout(limit, first).await.map_err(|_| TriedHost::Silent(limit))?.map_err(TriedHost::Failed)?
            }
            None => first.await.map_err(TriedHost::Failed)?,
        }
        let peer = Peer {
            encrypted: tls.is_some(),
            verified: tls.is_some() && self.verification() != PeerVerification::Nothing,
            is_name_verified: tls.is_some() && self.verification() == PeerVerification::Full,
            is_local_socket: target.host.socket_directory().is_some(),
        };
        Ok(Connection {
            client,
            peer,
            info: self.pinned_to(target.host, target.address),
            tls: tls.cloned(),
            lost,
            router,
            driver: Some(driver),
        })
    }

    /// `None` when not even the socket can be opened.
    async fn open_plain(
        &self,
        host: &HostSpec,
        address: Option<IpAddr>,
        config: &Config,
        router: &CopyRouter,
    ) -> Result<Option<(Client, Plain)>, tokio_postgres::Error> {
        let Ok(socket) = self.socket(host, address).await else { return Ok(None) };
        config.connect_raw(CopyInterceptor::at_login(socket, router.clone()), NoTls).await.map(Some)
    }

    async fn socket(&self, host: &HostSpec, address: Option<IpAddr>) -> std::io::Result<Socket> {
        match (host.socket_directory(), address) {
            (Some(directory), _) => Socket::unix(directory, host.port).await,
            (None, Some(address)) => Socket::tcp(address, host.port, &self.keepalives()).await,
            (None, None) => Err(std::io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// tokio-postgres limits only the TCP handshake; a server that accepts and then sends nothing must not block the run either.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, TriedHost> {
        match self.connect_timeout() {
            Some(limit) => {
                timeout(limit, work).await.map_err(|_| TriedHost::TooLong(limit))?.map_err(TriedHost::Failed)
            }
            None => work.await.map_err(TriedHost::Failed),
        }
    }
}

/// A connection without TLS, with a tap.
type Plain = tokio_postgres::Connection<CopyInterceptor<Socket>, NoTlsStream>;

/// What all tries share.
struct Settings<'a> {
    config: &'a Config,
    extra_options: &'a str,
}

/// One address of one host, and the settings.
struct ConnectTarget<'a> {
    host: &'a HostSpec,
    address: Option<IpAddr>,
    settings: &'a Settings<'a>,
}

/// How one try on one transport failed.
enum TriedHost {
    Failed(tokio_postgres::Error),
    TooLong(Duration),
    /// Logged in, and then no answer.
    Silent(Duration),
}

impl TriedHost {
    fn is_tls(&self) -> bool {
        matches!(self, TriedHost::Failed(error) if is_tls_failure(error))
    }

    /// The server or its pg_hba.conf may want the other transport; a wrong password stays wrong on both.
    fn other_transport_may_help(&self) -> bool {
        self.is_tls() || matches!(self, TriedHost::Failed(error) if sqlstate(error) == Some("28000"))
    }

    /// The next host is for servers that cannot be reached or are not ready, not for those that refuse us (libpq's rule).
    fn into_failure(self, info: &ConnInfo, host: &HostSpec) -> ConnectFailure {
        match self {
            TriedHost::TooLong(limit) => {
                let error = Error::new(format!("no answer within {} s", limit.as_secs()));
                let error = error.hint(is_silent(host));
                ConnectFailure { error, is_final: false }
            }
            TriedHost::Silent(limit) => ConnectFailure { error: silent(limit), is_final: false },
            TriedHost::Failed(error) => {
                let is_refusal = sqlstate(&error).is_some_and(|code| code != "57P03") || is_tls_failure(&error);
                ConnectFailure { error: explain(info, host, &error), is_final: is_refusal }
            }
        }
    }
}

/// The server accepts a login and no more.
pub(super) fn silent(limit: Duration) -> Error {
    Error::new(format!("the server accepted the login and then did not answer for {} s", limit.as_secs()))
        .hint("is the server, or a pooler before it, overloaded or stopped? a longer connect_timeout gives it longer")
}

/// Drives the connection until it ends; notices are dropped, the reason of an end is kept. Returns the major version that the
/// server names.
fn run<S, T>(connection: tokio_postgres::Connection<S, T>, lost: Arc<OnceLock<Error>>) -> (Option<u32>, JoinHandle<()>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let version = connection.parameter("server_version").unwrap_or_default();
    let major = version.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse().ok());
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            let _ = lost.set(describe_error(&error));
        }
    });
    (major, driver)
}

async fn check_role(connection: Connection, role: Role, limit: Duration) -> Result<Connection, ConnectFailure> {
    if role == Role::Any {
        return Ok(connection);
    }
    let failure = |error| ConnectFailure { error, is_final: false };
    let question = connection.client.simple_query("SELECT pg_catalog.pg_is_in_recovery()");
    let answer = timeout(limit, question).await.map_err(|_| failure(silent(limit)))?;
    let answer = answer.map_err(|error| failure(describe_error(&error)))?;
    let is_standby = answer.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
        _ => false,
    });
    match (role, is_standby) {
        (Role::Primary, true) => Err(failure(Error::new("it is a standby, and target_session_attrs wants a primary"))),
        (Role::Standby, false) => Err(failure(Error::new("it is a primary, and target_session_attrs wants a standby"))),
        _ => Ok(connection),
    }
}

/// One failure as it is; of several, all, each with its place in front, and the first hint.
fn join(mut failures: Vec<(String, Error)>) -> Error {
    if failures.len() == 1 {
        return failures.remove(0).1;
    }
    let hint = failures.iter().find_map(|(_, error)| error.marked_hint().cloned());
    let texts: Vec<MarkedText> = failures.into_iter().map(|(place, error)| error.context(place).text()).collect();
    let joined = Error::new(if texts.is_empty() { "no host to try".into() } else { MarkedText::join(&texts, "; ") });
    match hint {
        Some(hint) => joined.hint(hint),
        None => joined,
    }
}
