//! An SMTP server: the protocol is mailin's and TLS is rustls'; what is ours is the socket, and what is done wrong on purpose.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mailin::response::{AUTH_OK, BAD_MAILBOX, INVALID_CREDENTIALS, OK};
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::notify_scenario::{PASSWORD, Scenario};

/// How the server behaves.
#[derive(Clone, Default)]
pub struct Ways {
    /// Offers STARTTLS.
    pub starttls: bool,
    /// Speaks TLS from the first byte.
    pub tls: bool,
    /// Offers a login without TLS.
    pub plain_login: bool,
    /// Asks for no login.
    pub open: bool,
    /// Has no such mailbox.
    pub refused: Option<&'static str>,
    /// Says nothing after this: `""` from the beginning, `QUIT`, `DATA`.
    pub silent_from: Option<&'static str>,
    /// Repeats what it is given when it refuses a login.
    pub chatty: bool,
}

/// What came in.
#[derive(Default)]
pub struct Log {
    /// Every line, in the clear or out of TLS.
    pub lines: Vec<String>,
    pub messages: Vec<Vec<u8>>,
    pub receivers: Vec<String>,
    pub logins: usize,
}

pub struct Smtp {
    pub port: u16,
    log: Arc<Mutex<Log>>,
}

impl Smtp {
    pub fn start(scenario: &Scenario, ways: &Ways) -> Self {
        let (certificate, key) = scenario.authority.certify("localhost");
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (port, log) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Log::default())));
        let (shared, ways) = (log.clone(), ways.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, ways, config) = (shared.clone(), ways.clone(), config.clone());
                // A client that goes away in the middle is a client that goes away.
                thread::spawn(move || serve(stream, &shared, &ways, &config).ok());
            }
        });
        Self { port, log }
    }

    pub fn log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.log.lock().unwrap())
    }

    /// The only message.
    pub fn message(&self) -> Vec<u8> {
        self.log(|log| {
            assert_eq!(log.messages.len(), 1, "{:?}", log.lines);
            log.messages[0].clone()
        })
    }

    /// Whether a login was tried, or the password came in any form.
    pub fn has_seen_a_password(&self) -> bool {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("\0backup\0{PASSWORD}"));
        self.log(|log| log.lines.iter().any(|line| [PASSWORD, &encoded, "AUTH "].iter().any(|bad| line.contains(bad))))
    }
}

struct Inbox {
    log: Arc<Mutex<Log>>,
    ways: Ways,
    message: Vec<u8>,
}

impl Handler for Inbox {
    fn rcpt(&mut self, to: &str) -> Response {
        if self.ways.refused.is_some_and(|refused| to.contains(refused)) {
            return BAD_MAILBOX;
        }
        self.log.lock().unwrap().receivers.push(to.to_owned());
        OK
    }

    fn data(&mut self, buf: &[u8]) -> io::Result<()> {
        self.message.extend_from_slice(buf);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.log.lock().unwrap().messages.push(std::mem::take(&mut self.message));
        OK
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        let mut log = self.log.lock().unwrap();
        log.logins += 1;
        match (user, password) {
            ("backup", PASSWORD) => AUTH_OK,
            _ if self.ways.chatty => Response::custom(535, format!("{user} is not {password}")),
            _ => INVALID_CREDENTIALS,
        }
    }
}

fn serve(stream: TcpStream, log: &Arc<Mutex<Log>>, ways: &Ways, config: &Arc<ServerConfig>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut builder = SessionBuilder::new("mail.example.org");
    if !ways.open {
        builder.enable_auth(AuthMechanism::Plain);
    }
    if ways.starttls {
        builder.enable_start_tls();
    }
    if ways.plain_login {
        builder.insecure_enable_plaintext_auth();
    }
    let inbox = Inbox { log: log.clone(), ways: ways.clone(), message: Vec::new() };
    let mut session = builder.build(IpAddr::from([127, 0, 0, 1]), inbox);
    let secured = |stream| {
        Ok::<_, io::Error>(StreamOwned::new(ServerConnection::new(config.clone()).map_err(io::Error::other)?, stream))
    };
    if ways.tls {
        session.tls_active();
        return talk(&mut session, BufReader::new(secured(stream)?), log, ways, true).map(drop);
    }
    match talk(&mut session, BufReader::new(stream), log, ways, true)? {
        Some(stream) => {
            session.tls_active();
            talk(&mut session, BufReader::new(secured(stream)?), log, ways, false).map(drop)
        }
        None => Ok(()),
    }
}

/// Until the end, or until the stream is to be encrypted.
fn talk<S: Read + Write>(
    session: &mut Session<Inbox>,
    mut stream: BufReader<S>,
    log: &Mutex<Log>,
    ways: &Ways,
    greets: bool,
) -> io::Result<Option<S>> {
    if ways.silent_from == Some("") {
        thread::sleep(Duration::from_secs(30));
        return Ok(None);
    }
    if greets {
        stream.get_mut().write_all(&session.greeting().buffer()?)?;
        stream.get_mut().flush()?;
    }
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let is_silent = ways.silent_from.is_some_and(|from| text.starts_with(from));
        log.lock().unwrap().lines.push(text);
        if is_silent {
            thread::sleep(Duration::from_secs(30));
        }
        let response = session.process(&line);
        stream.get_mut().write_all(&response.buffer()?)?;
        stream.get_mut().flush()?;
        match response.action {
            Action::UpgradeTls => return Ok(Some(stream.into_inner())),
            Action::Close => return Ok(None),
            Action::Reply | Action::NoReply => {}
        }
    }
}
