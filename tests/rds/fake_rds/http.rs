//! One HTTP call: read, recorded, checked as AWS checks its caller, spoilt as ordered, answered.
//!
//! One call a connection, so that it is known when an answer has left.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::faults::{Action, Fault, Moment};
use super::state::State;
use super::wire::{Parameters, Refusal, http_date, response};

const RDS: (&str, &str, &str) = ("rds", "2014-10-31", "http://rds.amazonaws.com/doc/2014-10-31/");
const STS: (&str, &str, &str) = ("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/");

/// What tests give to the program under test.
pub const ACCESS_KEY: &str = "AKIASTANDINSTANDIN12";

/// A call as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The parameter `Action`, known to us or not.
    pub action: String,
    pub parameters: BTreeMap<String, String>,
    /// `200`, `400 Throttling`, `dropped`; empty while it is being answered.
    pub answer: String,
}

type Run = Arc<Mutex<dyn FnMut(&Call) + Send>>;

/// Shared by the server's tasks and the test.
pub struct Shared {
    pub state: Mutex<State>,
    pub calls: Mutex<Vec<Call>>,
    pub faults: Mutex<Vec<(Action, u32, Fault)>>,
    pub hooks: Mutex<Vec<(Action, Moment, Run)>>,
}

/// A test that failed while it held one of these has failed already.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A whole answer, a part of one, or none at all.
#[derive(Default)]
struct Outcome {
    reply: Option<(u16, String)>,
    delay: Duration,
    breaks_off: bool,
}

impl Outcome {
    fn of(status: u16, text: String) -> Self {
        Self { reply: Some((status, text)), ..Self::default() }
    }
}

pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, shared.clone()));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let answered = Arc::new(Mutex::new(None));
    let service = service_fn(|request| answer(request, shared.clone(), answered.clone()));
    let served = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
    let call = lock(&answered).take();
    if let (Ok(()), Some((action, number))) = (served, call) {
        let _ = tokio::task::spawn_blocking(move || shared.run_hooks(action, Moment::AfterReply, number)).await;
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    answered: Arc<Mutex<Option<(Action, usize)>>>,
) -> io::Result<Response<BoxBody<Bytes, io::Error>>> {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let parameters = Parameters::parse(&body);
    let number = shared.record(&parameters);
    let action = Action::parse(parameters.get("Action").unwrap_or(""));
    let working = shared.clone();
    let outcome = tokio::task::spawn_blocking(move || working.handle(&header, &parameters, action, number));
    let outcome = outcome.await.map_err(io::Error::other)?;
    tokio::time::sleep(outcome.delay).await;
    let (status, text) = outcome.reply.ok_or_else(|| io::Error::other("dropped on purpose"))?;
    *lock(&answered) = action.map(|action| (action, number));
    let date = http_date(lock(&shared.state).now());
    let response = Response::builder().status(status).header("content-type", "text/xml").header("date", date);
    let response = response.header("content-length", text.len());
    let body =
        if outcome.breaks_off { half(text) } else { Full::new(Bytes::from(text)).map_err(|e| match e {}).boxed() };
    response.body(body).map_err(io::Error::other)
}

/// Less than was announced.
fn half(text: String) -> BoxBody<Bytes, io::Error> {
    let first = Bytes::from(text).slice(..100);
    let frames = [Ok(Frame::data(first)), Err(io::Error::other("broken off on purpose"))];
    StreamBody::new(stream::iter(frames)).boxed()
}

impl Shared {
    pub fn new(state: State) -> Self {
        Self { state: Mutex::new(state), calls: Mutex::default(), faults: Mutex::default(), hooks: Mutex::default() }
    }

    fn record(&self, parameters: &Parameters) -> usize {
        let action = parameters.get("Action").unwrap_or("").to_owned();
        let mut calls = lock(&self.calls);
        calls.push(Call { action, parameters: parameters.0.clone(), answer: String::new() });
        calls.len() - 1
    }

    /// Hooks may use the fake: nothing is locked but the hook itself.
    fn run_hooks(&self, action: Action, moment: Moment, number: usize) {
        let Some(call) = lock(&self.calls).get(number).cloned() else { return };
        let hooks: Vec<Run> = lock(&self.hooks)
            .iter()
            .filter(|(asked, when, _)| *asked == action && *when == moment)
            .map(|(_, _, run)| run.clone())
            .collect();
        hooks.iter().for_each(|run| (run.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))(&call));
    }

    fn next_fault(&self, action: Action) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let (_, left, fault) = faults.iter_mut().find(|(asked, left, _)| *asked == action && *left > 0)?;
        if *left != u32::MAX {
            *left -= 1;
        }
        Some(fault.clone())
    }

    fn handle(&self, authorization: &str, call: &Parameters, action: Option<Action>, number: usize) -> Outcome {
        let outcome = match self.admitted(authorization, call, action) {
            Err(refusal) => self.refused(&refusal, action),
            Ok(action) => self.work(action, call, number),
        };
        let answer = match &outcome.reply {
            None => "dropped".into(),
            Some((200, _)) => "200".into(),
            Some((status, text)) => format!("{status} {}", code_in(text)),
        };
        // A test may have had all calls forgotten meanwhile.
        if let Some(call) = lock(&self.calls).get_mut(number) {
            call.answer = answer;
        }
        outcome
    }

    fn work(&self, action: Action, call: &Parameters, number: usize) -> Outcome {
        self.run_hooks(action, Moment::Before, number);
        let fault = self.next_fault(action);
        let (status, text) = match &fault {
            Some(Fault::Refused(refusal)) => return self.refused(refusal, Some(action)),
            Some(Fault::DroppedBefore) => return Outcome::default(),
            Some(Fault::Garbage) => return Outcome::of(200, "<html><body>Welcome to\nthe proxy</body>".to_owned()),
            _ => self.done(action, call),
        };
        self.run_hooks(action, Moment::AfterWorkBeforeReply, number);
        match fault {
            Some(Fault::DroppedAfter) => Outcome::default(),
            Some(Fault::AnsweredAfter(delay)) => Outcome { delay, ..Outcome::of(status, text) },
            Some(Fault::BrokenOff) => Outcome { breaks_off: true, ..Outcome::of(status, text) },
            Some(Fault::EndsBefore(end)) => Outcome::of(status, text.split(end).next().unwrap_or("").to_owned()),
            _ => Outcome::of(status, text),
        }
    }

    fn done(&self, action: Action, call: &Parameters) -> (u16, String) {
        let answer = lock(&self.state).act(action, call);
        match answer {
            Ok(result) => (200, response(&action.name(), service_of(Some(action)).2, result, &request_id())),
            Err(refusal) => (refusal.status, refusal.to_xml(service_of(Some(action)).2, &request_id())),
        }
    }

    fn refused(&self, refusal: &Refusal, action: Option<Action>) -> Outcome {
        let text = refusal.to_xml(service_of(action).2, &request_id());
        Outcome::of(refusal.status, text)
    }

    /// Who asks, for which region and service. The signature itself is not checked.
    fn admitted(&self, authorization: &str, call: &Parameters, action: Option<Action>) -> Result<Action, Refusal> {
        let version = call.get("Version").unwrap_or("");
        let name = call.get("Action").unwrap_or("");
        let unknown = || {
            let message = format!("Could not find operation {name} for version {version}");
            Refusal::new(400, "InvalidAction", message)
        };
        let action = action.ok_or_else(unknown)?;
        let (service, wanted_version, _) = service_of(Some(action));
        if version != wanted_version {
            return Err(unknown());
        }
        let scope = authorization.split_once("Credential=").and_then(|(_, rest)| rest.split(',').next());
        let Some(scope) = scope.filter(|_| authorization.starts_with("AWS4-HMAC-SHA256 ")) else {
            let message = "Missing Authentication Token";
            return Err(Refusal::new(403, "MissingAuthenticationToken", message));
        };
        let parts: Vec<&str> = scope.trim().split('/').collect();
        if parts.first() != Some(&ACCESS_KEY) {
            let message = "The security token included in the request is invalid.";
            return Err(Refusal::new(403, "InvalidClientTokenId", message));
        }
        let region = lock(&self.state).region.clone();
        if parts.get(2..) != Some(&[region.as_str(), service, "aws4_request"]) {
            let message = format!("Credential should be scoped to a valid region and to service: '{service}'.");
            return Err(Refusal::new(403, "SignatureDoesNotMatch", message));
        }
        Ok(action)
    }
}

fn service_of(action: Option<Action>) -> (&'static str, &'static str, &'static str) {
    if action == Some(Action::GetCallerIdentity) { STS } else { RDS }
}

fn code_in(text: &str) -> String {
    let inner = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    inner.map_or(String::new(), |(code, _)| code.to_owned())
}

fn request_id() -> String {
    let id = pgwitness::storage::reports::random_run_id().unwrap();
    format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}
