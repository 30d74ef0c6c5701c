//! Requests over HTTP to an authority that answers rightly, wrongly, too much, or not at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pgwitness::base::http::{Address, HttpLimits};
use pgwitness::storage::timestamp::{StampedTime, obtain};

use super::{DATA, trust};
use crate::support::timestamping::{AuthorityKind, TimestampServer, openssl_accepts, request};
use crate::support::web_server::{Answer, Responder, Web};

const SHORT: HttpLimits =
    HttpLimits { total: Duration::from_secs(4), attempt: Duration::from_secs(2), pause: Duration::from_millis(50) };

async fn ask(server: &TimestampServer, web: &Web) -> Result<(Vec<u8>, StampedTime), String> {
    let address = Address::parse(&web.url("/tsr")).unwrap();
    obtain(&address, DATA, Some(&trust(&server.root())), SHORT).await.map_err(|error| error.to_string())
}

async fn refusal(server: &TimestampServer, responder: Responder) -> String {
    let web = Web::start_with(&[], responder).await;
    ask(server, &web).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_is_asked_for_again_after_a_failure_that_may_pass() {
    let server = TimestampServer::new(AuthorityKind::RSA);
    let failures = [Answer::Status(500), Answer::Dropped, Answer::Nothing];
    let web = Web::start_with(&failures, server.responder()).await;
    let (answer, _) = ask(&server, &web).await.unwrap();
    assert!(openssl_accepts(&answer, DATA, &server.root()));
    let calls = web.calls();
    assert_eq!((calls.len(), calls[0].method.as_str()), (4, "POST"));
    assert_eq!(calls[0].header("content-type"), "application/timestamp-query");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_request_is_refused() {
    let server = TimestampServer::new(AuthorityKind::EC);
    // Over the same bytes, with another nonce.
    let old = server.stamp(DATA);
    let error = refusal(&server, Arc::new(move |_| old.clone())).await;
    let expected = "get a time stamp from 127.0.0.1: it is the answer to another request (its nonce differs)";
    assert_eq!(error, expected);
    let other = server.stamp(b"other bytes");
    let error = refusal(&server, Arc::new(move |_| other.clone())).await;
    assert_eq!(error, "get a time stamp from 127.0.0.1: it is over other bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_quoted() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let not_a_request = server.answer(&request(DATA)[..20]);
    let error = refusal(&server, Arc::new(move |_| not_a_request.clone())).await;
    assert!(error.starts_with("get a time stamp from 127.0.0.1: the authority refused: "), "{error}");
    assert!(error.ends_with("bad data format"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_one_clear_line() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let stamp = server.stamp(DATA);
    for wrong in [Vec::new(), b"<html>busy</html>".to_vec(), stamp[..stamp.len() / 2].to_vec(), vec![0x30; 5000]] {
        let error = refusal(&server, Arc::new(move |_| wrong.clone())).await;
        let expected = "get a time stamp from 127.0.0.1: not the answer of a time stamping authority (RFC 3161, DER): ";
        assert!(error.starts_with(expected) && !error.contains('\n'), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_100_megabytes_is_not_read() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let error = refusal(&server, Arc::new(|_| vec![0x30; 100 << 20])).await;
    assert_eq!(error, "get a time stamp from 127.0.0.1: its answer is larger than 256 KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_or_hangs_costs_its_time_limit_and_no_more() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let started = Instant::now();
    let web = Web::start(&[Answer::Nothing, Answer::Nothing]).await;
    let error = ask(&server, &web).await.unwrap_err();
    assert_eq!(error, "get a time stamp from 127.0.0.1: no answer within 4 s");
    assert!(started.elapsed() < Duration::from_secs(8));
    let web = Web::start(&vec![Answer::Status(500); 9]).await;
    let error = ask(&server, &web).await.unwrap_err();
    assert_eq!(error, "get a time stamp from 127.0.0.1: it answered 500 Internal Server Error");
    assert_eq!(web.calls().len(), 4);
}
