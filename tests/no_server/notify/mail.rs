//! The e-mail arrives, in every way in which it may travel, and says what it should.

use mail_parser::{HeaderValue, MessageParser, MimeHeaders as _};
use pgwitness::config::{Notify, SmtpTls, When};
use pgwitness::model::run_record::RunRecord;
use pgwitness::output::message;
use pgwitness::output::notify::tell_within;

use crate::support::notify_scenario::{CANARY, LIMITS, Scenario, by_mail, clean, damaged, nothing};
use crate::support::smtp::{Smtp, Ways};

fn ways_of(tls: SmtpTls) -> Ways {
    match tls {
        SmtpTls::Starttls => Ways { starttls: true, ..Ways::default() },
        SmtpTls::Tls => Ways { tls: true, ..Ways::default() },
        SmtpTls::None => Ways { plain_login: true, ..Ways::default() },
    }
}

async fn notified(notify: &Notify, run: &RunRecord) {
    assert_eq!(tell_within(notify, run, &nothing, LIMITS).await, []);
}

#[tokio::test]
async fn it_arrives_by_starttls_by_tls_and_on_this_machine_in_the_clear() {
    for tls in [SmtpTls::Starttls, SmtpTls::Tls, SmtpTls::None] {
        let scenario = Scenario::new();
        let server = Smtp::start(&scenario, &ways_of(tls));
        notified(&by_mail(scenario.email(server.port, tls)), &clean()).await;
        server.message();
        assert_eq!(server.log(|log| (log.logins, log.receivers.clone())), (1, vec!["admin@example.org".to_owned()]));
        let has_starttls = server.log(|log| log.lines.iter().any(|line| line.starts_with("STARTTLS")));
        assert_eq!(has_starttls, tls == SmtpTls::Starttls);
    }
}

#[tokio::test]
async fn what_is_delivered_is_delivered_although_the_server_says_no_goodbye() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &Ways { silent_from: Some("QUIT"), ..ways_of(SmtpTls::Starttls) });
    notified(&by_mail(scenario.email(server.port, SmtpTls::Starttls)), &clean()).await;
    server.message();
}

#[tokio::test]
async fn there_is_no_login_without_a_username() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &Ways { open: true, ..Ways::default() });
    let mut email = scenario.email(server.port, SmtpTls::None);
    (email.username, email.password_file) = (None, None);
    notified(&by_mail(email), &clean()).await;
    server.message();
    assert_eq!(server.log(|log| log.logins), 0);
}

#[tokio::test]
async fn a_mime_parser_reads_back_what_was_written() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &ways_of(SmtpTls::Starttls));
    let mut email = scenario.email(server.port, SmtpTls::Starttls);
    email.configuration_set = Some("backups".into());
    email.to.push("vorstand@example.org".into());
    notified(&by_mail(email), &clean()).await;
    let raw = server.message();
    assert!(raw.is_ascii(), "any server takes it");
    let message = MessageParser::default().parse(&raw).unwrap();
    let expected = message::of(&clean(), false);
    assert!(expected.subject.contains("Größe, база данных"), "{}", expected.subject);
    assert_eq!(message.subject(), Some(expected.subject.as_str()));
    let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    assert_eq!(lines(&message.body_text(0).unwrap()), lines(&expected.text));
    assert_eq!(lines(&message.body_html(0).unwrap()), lines(&expected.html));
    assert_eq!((message.text_body_count(), message.html_body_count(), message.attachment_count()), (1, 1, 0));
    assert_eq!(message.content_type().unwrap().subtype(), Some("alternative"));
    let header = |name: &str| match message.header(name) {
        Some(HeaderValue::Text(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(
        (header("Auto-Submitted"), header("X-SES-CONFIGURATION-SET")),
        ("auto-generated".into(), "backups".into())
    );
    assert_eq!(message.date().unwrap().to_rfc3339(), "2026-11-23T04:42:07Z");
    assert_eq!(message.message_id(), Some("pgwitness.0123456789abcdef0123456789abcdef.1795408927@example.org"));
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("backup@example.org"));
    let to: Vec<_> = message.to().unwrap().iter().map(|to| (to.name(), to.address())).collect();
    assert_eq!(to, [(Some("Žofie"), Some("admin@example.org")), (None, Some("vorstand@example.org"))]);
}

#[tokio::test]
async fn values_go_along_only_when_asked_for() {
    for values in [false, true] {
        let scenario = Scenario::new();
        let server = Smtp::start(&scenario, &ways_of(SmtpTls::Starttls));
        let notify = Notify { values, ..by_mail(scenario.email(server.port, SmtpTls::Starttls)) };
        notified(&notify, &damaged()).await;
        let raw = server.message();
        let message = MessageParser::default().parse(&raw).unwrap();
        for part in [message.body_text(0).unwrap(), message.body_html(0).unwrap()] {
            assert_eq!(part.contains(CANARY), values, "{part}");
            // With values, the findings of a kind are under its heading.
            let named: &[&str] = if values { &["row_content", "shop.members"] } else { &["row_content shop.members"] };
            assert!(part.contains("DAMAGED, 1 finding") && named.iter().all(|name| part.contains(name)), "{part}");
        }
        assert!(!message.subject().unwrap().contains(CANARY));
    }
}

#[tokio::test]
async fn hostile_text_adds_no_header_and_no_receiver() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &ways_of(SmtpTls::Tls));
    let mut run = damaged();
    let hostile =
        "x\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>\r\n.\r\nMAIL FROM:<evil@example.org>\r\n";
    (run.host, run.source, run.closing.run_id) = (hostile.into(), hostile.into(), hostile.into());
    run.report.as_mut().unwrap().findings[0].object = hostile.into();
    run.closing.debts = vec![hostile.into()];
    notified(&by_mail(scenario.email(server.port, SmtpTls::Tls)), &run).await;
    let raw = server.message();
    let message = MessageParser::default().parse(&raw).unwrap();
    let names: Vec<&str> = message.headers().iter().map(|header| header.name()).collect();
    assert_eq!(
        names,
        ["From", "Subject", "Date", "Message-ID", "Auto-Submitted", "To", "MIME-Version", "Content-Type"],
        "{}",
        String::from_utf8_lossy(&raw)
    );
    assert!(message.subject().unwrap().contains("x\\r\\nBcc: evil"));
    assert!(!message.body_html(0).unwrap().contains("<script"));
    assert_eq!(server.log(|log| log.receivers.clone()), ["admin@example.org"]);
}

#[tokio::test]
async fn a_good_night_is_silent_only_where_that_is_asked_for() {
    let scenario = Scenario::new();
    let server = Smtp::start(&scenario, &ways_of(SmtpTls::Starttls));
    let mut email = scenario.email(server.port, SmtpTls::Starttls);
    email.when = When::NotClean;
    notified(&by_mail(email.clone()), &clean()).await;
    assert_eq!(server.log(|log| log.lines.len()), 0);
    let mut run = clean();
    run.closing.exit_code = 3;
    run.instances_left = 1;
    notified(&by_mail(email), &run).await;
    server.message();
}
