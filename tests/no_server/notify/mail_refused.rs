//! The e-mail does not arrive: what is said then, what was never sent, and how long it took.

use std::time::{Duration, Instant};

use pgwitness::config::SmtpTls;
use pgwitness::output::notify::tell_within;

use crate::support::notify_scenario::{IMPATIENT, LIMITS, Scenario, by_mail, clean, nothing, only};
use crate::support::smtp::{Smtp, Ways};

const STARTTLS: Ways = Ways {
    starttls: true,
    tls: false,
    plain_login: false,
    open: false,
    refused: None,
    silent_from: None,
    chatty: false,
};

#[tokio::test]
async fn a_wrong_password_is_reported_and_not_repeated() {
    for chatty in [false, true] {
        let scenario = Scenario::new();
        let server = Smtp::start(&scenario, &Ways { chatty, ..STARTTLS });
        let mut email = scenario.email(server.port, SmtpTls::Starttls);
        email.password_file = Some(scenario.secret("other", "hunter2 hunter2"));
        let errors = tell_within(&by_mail(email), &clean(), &nothing, LIMITS).await;
        let error = only(&errors);
        let expected = format!("send mail through localhost:{}: log in as backup: 535 ", server.port);
        assert!(error.starts_with(&expected) && !error.contains("hunter2"), "{error}");
        assert!(errors[0].hint_text().unwrap().contains("SES"));
        assert_eq!(server.log(|log| log.messages.len()), 0);
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_and_no_password() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &Ways { plain_login: true, ..Ways::default() });
    let notify = by_mail(scenario.email(server.port, SmtpTls::Starttls));
    let error = only(&tell_within(&notify, &clean(), &nothing, LIMITS).await);
    assert!(error.ends_with(": the server offers no STARTTLS, and nothing is sent in the clear"), "{error}");
    assert!(!server.has_seen_a_password());
    assert_eq!(server.log(|log| (log.messages.len(), log.receivers.len())), (0, 0));
}

#[tokio::test]
async fn an_untrusted_certificate_ends_it_before_the_password() {
    for (tls, ways) in [(SmtpTls::Starttls, STARTTLS), (SmtpTls::Tls, Ways { tls: true, ..Ways::default() })] {
        let (scenario, stranger) = (Scenario::new(), Scenario::new());
        let server = Smtp::start(&stranger, &ways);
        // Once by an authority that is not the server's, once by the system's, once by another name.
        for (ca_bundle, host) in [
            (Some(scenario.authority.bundle().to_owned()), "localhost"),
            (None, "localhost"),
            (Some(stranger.authority.bundle().to_owned()), "127.0.0.1"),
        ] {
            let mut email = scenario.email(server.port, tls);
            (email.ca_bundle, email.host) = (ca_bundle, host.into());
            let errors = tell_within(&by_mail(email), &clean(), &nothing, LIMITS).await;
            let error = only(&errors);
            assert!(error.contains("invalid peer certificate"), "{error}");
            assert!(errors[0].hint_text().unwrap().contains("ca_bundle"));
        }
        assert!(!server.has_seen_a_password());
    }
}

#[tokio::test]
async fn a_refused_recipient_is_named_and_the_others_get_the_message() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &Ways { refused: Some("gone@"), ..STARTTLS });
    let mut email = scenario.email(server.port, SmtpTls::Starttls);
    email.to = vec!["a@example.org".into(), "gone@example.org".into(), "b@example.org".into()];
    let error = only(&tell_within(&by_mail(email.clone()), &clean(), &nothing, LIMITS).await);
    assert!(error.contains(": gone@example.org is refused: 553 "), "{error}");
    server.message();
    assert_eq!(server.log(|log| log.receivers.clone()), ["a@example.org", "b@example.org"]);
    email.to = vec!["gone@example.org".into()];
    only(&tell_within(&by_mail(email), &clean(), &nothing, LIMITS).await);
    assert_eq!(server.log(|log| log.messages.len()), 1, "no recipient is left");
}

#[tokio::test]
async fn a_server_that_hangs_does_not_keep_us() {
    for silent_from in ["", "EHLO", "DATA"] {
        let scenario = Scenario::new();
        let server = Smtp::start(&scenario, &Ways { silent_from: Some(silent_from), ..STARTTLS });
        let notify = by_mail(scenario.email(server.port, SmtpTls::Starttls));
        let begun = Instant::now();
        let error = only(&tell_within(&notify, &clean(), &nothing, IMPATIENT).await);
        assert!(error.ends_with(": no answer within 0.7 s"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{silent_from}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_refused_connection_is_reported_with_the_server() {
    let scenario = Scenario::new();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let notify = by_mail(scenario.email(port, SmtpTls::Starttls));
    let error = only(&tell_within(&notify, &clean(), &nothing, LIMITS).await);
    assert!(error.starts_with(&format!("send mail through localhost:{port}: connect: ")), "{error}");
    assert!(error.to_lowercase().contains("connection refused"), "{error}");
}

#[tokio::test]
async fn a_password_that_cannot_be_read_is_reported_before_any_connection() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &STARTTLS);
    let mut email = scenario.email(server.port, SmtpTls::Starttls);
    email.password_file = Some("/nonexistent/password".into());
    let error = only(&tell_within(&by_mail(email), &clean(), &nothing, LIMITS).await);
    assert!(error.contains("read secret /nonexistent/password: No such file"), "{error}");
    assert_eq!(server.log(|log| log.lines.len()), 0);
}
