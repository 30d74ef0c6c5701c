//! An HTTP server (hyper's) that writes down what it is asked, and answers as it is told.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::notify_scenario::Scenario;

/// What it answers, in this order; then 200.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// 200, and this.
    Says(String),
    RedirectTo(String),
    Nothing,
    /// Goes away without a word.
    Dropped,
}

#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Makes the body of each answer from the body of the request.
pub type Responder = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

#[derive(Clone)]
pub struct Web {
    pub port: u16,
    responder: Option<Responder>,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Web {
    pub async fn start(answers: &[Answer]) -> Self {
        Self::serve(answers, None, None).await
    }

    /// Answers with what it makes of a request, once `answers` are used up.
    pub async fn start_with(answers: &[Answer], responder: Responder) -> Self {
        Self::serve(answers, None, Some(responder)).await
    }

    /// By https, for `localhost`.
    pub async fn start_tls(scenario: &Scenario) -> Self {
        let (certificate, key) = scenario.authority.certify("localhost");
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::serve(&[], Some(TlsAcceptor::from(Arc::new(config))), None).await
    }

    async fn serve(answers: &[Answer], acceptor: Option<TlsAcceptor>, responder: Option<Responder>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(Mutex::new(answers.iter().cloned().collect()));
        let web = Self { port, responder, calls: Arc::default(), answers };
        let (served, port) = (web.clone(), web.port);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (web, acceptor) = (served.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| web.clone().answer(request));
                    // A client that refuses us, or that has had enough, is part of the tests.
                    match acceptor {
                        None => drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await),
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                });
            }
        });
        Self { port, ..web }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub fn targets(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.target).collect()
    }

    async fn answer(self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let target = head.uri.to_string();
        let text = String::from_utf8_lossy(&body).into_owned();
        let call = Call { method: head.method.to_string(), target, headers: head.headers, body: text };
        self.calls.lock().unwrap().push(call);
        let answer = self.answers.lock().unwrap().pop_front();
        if let (None, Some(responder)) = (&answer, self.responder.clone()) {
            let made = tokio::task::spawn_blocking(move || responder(&body)).await.map_err(io::Error::other)?;
            return Ok(Response::new(made.into()));
        }
        let answer = answer.unwrap_or(Answer::Status(200));
        let mut said = String::new();
        let response = match answer {
            Answer::Says(text) => {
                said = text;
                Response::builder()
            }
            Answer::Status(status) => Response::builder().status(status),
            Answer::RedirectTo(place) => Response::builder().status(302).header("location", place),
            Answer::Dropped => return Err(io::Error::other("dropped on purpose")),
            Answer::Nothing => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Response::builder()
            }
        };
        response.body(said.into()).map_err(io::Error::other)
    }
}
