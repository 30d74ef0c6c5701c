//! Webhook and ping: in the right order, to the right address, with the right words, and never too long.

use std::time::{Duration, Instant};

use pgwitness::base::error::Error;
use pgwitness::config::Notify;
use pgwitness::model::run_record::RunRecord;
use pgwitness::output::message;
use pgwitness::output::notify::{begin_within, ping_within, tell_within};
use serde_json::Value;

use crate::support::notify_scenario::{
    CANARY, IMPATIENT, LIMITS, RUN_ID, Scenario, UUID, by_mail, by_ping, by_webhook, clean, damaged, nothing, only,
    with,
};
use crate::support::smtp::{Smtp, Ways};
use crate::support::web_server::{Answer, Web};

const SECRET: &str = "7d4c5f0e-s3cret";

async fn pinged(notify: &Notify, run: &RunRecord) -> Vec<Error> {
    ping_within(notify, run, &nothing, LIMITS).await
}

#[tokio::test]
async fn the_health_check_gets_a_start_and_then_success_or_failure() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let notify = by_ping(scenario.secret("ping", &web.url(&format!("/{SECRET}/?a=1"))));
    assert_eq!(begin_within(&notify, RUN_ID, &nothing, LIMITS).await, []);
    assert_eq!(pinged(&notify, &clean()).await, []);
    assert_eq!(begin_within(&notify, RUN_ID, &nothing, LIMITS).await, []);
    assert_eq!(pinged(&notify, &damaged()).await, []);
    let target = |state: &str| format!("/{SECRET}{state}?a=1&rid={UUID}");
    assert_eq!(web.targets(), [target("/start"), target(""), target("/start"), target("/fail")]);
    let calls = web.calls();
    assert!(calls.iter().all(|call| call.method == "POST" && call.header("user-agent").starts_with("pgwitness/")));
    assert_eq!(calls[0].body, "");
    assert!(calls[1].body.starts_with("sound: Vereinsverwaltung Größe"), "{}", calls[1].body);
    assert!(calls[3].body.starts_with("DAMAGED, 1 finding"), "{}", calls[3].body);
}

#[tokio::test]
async fn all_is_well_only_when_it_is() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let notify = by_ping(scenario.secret("ping", &web.url("/x")));
    let mut runs: Vec<RunRecord> =
        [1, 2, 3, 130, 143, 255].map(|exit_code| with(|run| run.closing.exit_code = exit_code)).into();
    let inconclusive = pgwitness::model::verdict::Outcome::default().verdict();
    runs.push(with(|run| run.signed = None));
    runs.push(with(|run| run.report = None));
    runs.push(with(|run| run.report.as_mut().unwrap().verdict = inconclusive));
    let mut exit_0 = damaged();
    exit_0.closing.exit_code = 0;
    runs.push(exit_0);
    runs.push(with(|run| run.instances_left = 1));
    runs.push(with(|run| run.closing.troubles = vec!["the mail did not go out".into()]));
    for run in &runs {
        assert_eq!(pinged(&notify, run).await, []);
    }
    let targets = web.targets();
    assert_eq!(targets.len(), runs.len());
    assert!(targets.iter().all(|target| target.starts_with("/x/fail?")), "{targets:?}");
}

#[tokio::test]
async fn a_ping_never_has_values_and_never_much() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let notify = Notify { values: true, ..by_ping(scenario.secret("ping", &web.url("/x"))) };
    let mut run = damaged();
    run.closing.troubles = vec!["y ".repeat(500).into(); 100];
    assert_eq!(pinged(&notify, &run).await, []);
    let body = &web.calls()[0].body;
    assert!(!body.contains(CANARY) && body.len() < 10_000 && body.contains("row_content shop.members"), "{body}");
}

/// A key that is not published is a mistake of ours, although a reader has to live with it.
fn by_the_schema(body: &str) -> Value {
    let mut schema: Value = serde_json::from_str(message::SCHEMA).unwrap();
    for form in ["night", "test"] {
        schema["$defs"][form]["additionalProperties"] = false.into();
    }
    let body = serde_json::from_str(body).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{body}");
    body
}

#[test]
fn every_message_has_the_published_form() {
    let mut empty = clean();
    (empty.report, empty.signed, empty.last_verified) = (None, None, None);
    let mut large = damaged();
    let report = large.report.as_mut().unwrap();
    report.night.as_mut().unwrap().dump =
        Some(pgwitness::model::run::DumpFacts { bytes: u64::MAX, ..Default::default() });
    report.findings = vec![report.findings[0].clone(); 1000];
    for run in [clean(), damaged(), empty, large] {
        for values in [false, true] {
            by_the_schema(&message::json(&run, values));
        }
    }
    by_the_schema(&message::test_json("backup1", "shop", clean().finished_at));
}

#[tokio::test]
async fn a_webhook_gets_one_json_object_and_values_only_when_asked_for() {
    for values in [false, true] {
        let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
        let mut notify = Notify { values, ..by_webhook(&web.url("/hook")) };
        if let Some(webhook) = &mut notify.webhook {
            webhook.authorization_file = Some(scenario.secret("token", "Bearer t0ken"));
        }
        assert_eq!(tell_within(&notify, &damaged(), &nothing, LIMITS).await, []);
        let calls = web.calls();
        let call = &calls[0];
        assert_eq!((call.method.as_str(), call.target.as_str(), calls.len()), ("POST", "/hook", 1));
        assert_eq!((call.header("content-type"), call.header("authorization")), ("application/json", "Bearer t0ken"));
        assert_eq!(call.body.contains(CANARY), values, "{}", call.body);
        let body = by_the_schema(&call.body);
        assert_eq!((&body["format"], &body["answer"], &body["run_id"]), (&1.into(), &"damaged".into(), &RUN_ID.into()));
        assert_eq!(body["findings"][0]["object"], "shop.members");
        assert_eq!(body["findings"][0]["rows"], "1 row differs: 1 changed");
    }
}

/// What is said after these answers, and how often it was tried.
async fn after(answers: &[Answer]) -> (Result<(), Error>, usize) {
    let web = Web::start(answers).await;
    let scenario = Scenario::new();
    let notify = by_ping(scenario.secret("ping", &web.url(&format!("/{SECRET}"))));
    let mut errors = pinged(&notify, &clean()).await;
    assert!(errors.len() < 2);
    if let Some(error) = errors.first() {
        let text = format!("{error:?}");
        assert!(!text.contains(SECRET), "{text}");
        assert!(error.to_string().starts_with("ping 127.0.0.1 (success): "), "{error}");
    }
    (errors.pop().map_or(Ok(()), Err), web.calls().len())
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    for answers in [
        vec![Answer::Status(503), Answer::Status(429), Answer::Status(500)],
        vec![Answer::Dropped],
        vec![Answer::Status(204)],
    ] {
        let tries = answers.iter().filter(|answer| !matches!(answer, Answer::Status(204))).count() + 1;
        assert_eq!(after(&answers).await, (Ok(()), tries), "{answers:?}");
    }
    let (error, tries) = after(&vec![Answer::Status(500); 9]).await;
    assert_eq!(
        (error.unwrap_err().to_string(), tries),
        ("ping 127.0.0.1 (success): it answered 500 Internal Server Error".to_owned(), 4)
    );
    for (status, text) in
        [(404, "404 Not Found"), (401, "401 Unauthorized"), (410, "410 Gone"), (304, "304 Not Modified")]
    {
        let (error, tries) = after(&[Answer::Status(status)]).await;
        assert_eq!(
            (error.unwrap_err().to_string(), tries),
            (format!("ping 127.0.0.1 (success): it answered {text}"), 1)
        );
    }
}

#[tokio::test]
async fn a_ping_that_was_answered_and_not_taken_is_an_error() {
    for (said, body) in [
        ("OK (not found)", "it answered that the check does not exist"),
        ("OK (rate limited)\n", "it answered that it is called too often"),
    ] {
        let (error, tries) = after(&[Answer::Says(said.to_owned())]).await;
        assert_eq!((error.unwrap_err().to_string(), tries), (format!("ping 127.0.0.1 (success): {body}"), 1));
    }
    // Whatever else is said, and however much of it, is nothing to us.
    for said in ["OK".to_owned(), "\u{fffd}é".repeat(1 << 20) + "not found"] {
        assert_eq!(after(&[Answer::Says(said)]).await, (Ok(()), 1));
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    let other = Web::start(&[]).await;
    let (error, tries) = after(&[Answer::RedirectTo(other.url("/elsewhere"))]).await;
    let error = error.unwrap_err();
    assert!(error.to_string().ends_with("it answered 302 Found"), "{error}");
    assert!(error.hint_text().unwrap().starts_with("redirects are not followed"));
    assert_eq!((tries, other.calls().len()), (1, 0));
}

#[tokio::test]
async fn a_server_that_hangs_and_one_that_is_not_there_are_reported_in_time() {
    let (scenario, web) = (Scenario::new(), Web::start(&[Answer::Nothing]).await);
    let notify = by_ping(scenario.secret("ping", &web.url(&format!("/{SECRET}"))));
    let begun = Instant::now();
    let errors = ping_within(&notify, &clean(), &nothing, IMPATIENT).await;
    assert_eq!(only(&errors), "ping 127.0.0.1 (success): no answer within 0.7 s");
    assert!(begun.elapsed() < Duration::from_secs(20));
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let notify = by_webhook(&format!("http://127.0.0.1:{port}/{SECRET}"));
    let error = only(&tell_within(&notify, &clean(), &nothing, LIMITS).await);
    assert!(error.starts_with(&format!("call the webhook at 127.0.0.1: connect to port {port}: ")), "{error}");
    assert!(!error.contains(SECRET));
}

#[tokio::test]
async fn https_needs_a_certificate_that_is_trusted() {
    let (scenario, stranger) = (Scenario::new(), Scenario::new());
    let web = Web::start_tls(&scenario).await;
    let notify = |host: &str, ca_bundle: Option<&std::path::Path>| {
        let mut notify = by_webhook(&format!("https://{host}:{}/hook", web.port));
        if let Some(webhook) = &mut notify.webhook {
            webhook.ca_bundle = ca_bundle.map(Into::into);
        }
        notify
    };
    let own = scenario.authority.bundle();
    assert_eq!(tell_within(&notify("localhost", Some(own)), &clean(), &nothing, LIMITS).await, []);
    assert_eq!(web.calls().len(), 1);
    for (host, ca_bundle) in
        [("localhost", None), ("localhost", Some(stranger.authority.bundle())), ("127.0.0.1", Some(own))]
    {
        let error = only(&tell_within(&notify(host, ca_bundle), &clean(), &nothing, LIMITS).await);
        assert!(error.contains("agree on encryption: invalid peer certificate"), "{error}");
    }
    assert_eq!(web.calls().len(), 1);
}

#[tokio::test]
async fn an_authorization_never_travels_in_the_clear() {
    let scenario = Scenario::new();
    let mut notify = by_webhook("http://hooks.example.org/x");
    if let Some(webhook) = &mut notify.webhook {
        webhook.authorization_file = Some(scenario.secret("token", "Bearer t0ken"));
    }
    let error = only(&tell_within(&notify, &clean(), &nothing, LIMITS).await);
    assert_eq!(
        error,
        "call the webhook at hooks.example.org: http would send what authorization_file has in the clear"
    );
}

#[tokio::test]
async fn a_failed_notification_does_not_stop_the_others() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let server = Smtp::start(&scenario, &Ways { silent_from: Some(""), ..Ways::default() });
    let mut notify = by_mail(scenario.email(server.port, pgwitness::config::SmtpTls::Starttls));
    notify.webhook = by_webhook(&web.url("/hook")).webhook;
    let error = only(&tell_within(&notify, &clean(), &nothing, IMPATIENT).await);
    assert!(error.starts_with("send mail through"), "{error}");
    assert_eq!(web.targets(), ["/hook"]);
    assert_eq!(tell_within(&Notify::default(), &clean(), &nothing, LIMITS).await, []);
    assert_eq!(begin_within(&Notify::default(), RUN_ID, &nothing, LIMITS).await, []);
}
