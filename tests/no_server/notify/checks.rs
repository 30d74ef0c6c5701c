//! `config check` and `notify test`: what is tried before a night, and that nothing is sent that could be taken for news.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use mail_parser::MessageParser;
use pgwitness::base::time::Timestamp;
use pgwitness::config::{Notify, SmtpTls};
use pgwitness::output::notify::{check, secrets, test};
use serde_json::Value;

use crate::support::notify_scenario::{LIMITS, RUN_ID, Scenario, UUID, by_mail, by_ping, by_webhook, nothing};
use crate::support::smtp::{Smtp, Ways};
use crate::support::web_server::{Answer, Web};

/// All three channels.
fn all(scenario: &Scenario, smtp: &Smtp, web: &Web) -> Notify {
    let ping = by_ping(scenario.secret("ping", &web.url("/s3cret"))).ping;
    let webhook = by_webhook(&web.url("/hook")).webhook;
    Notify { webhook, ping, ..by_mail(scenario.email(smtp.port, SmtpTls::Starttls)) }
}

fn starttls() -> Ways {
    Ways { starttls: true, ..Ways::default() }
}

fn reported(tried: &[(String, pgwitness::base::error::Result<String>)]) -> Vec<String> {
    tried
        .iter()
        .map(|(name, result)| match result {
            Ok(seen) => format!("{name}: {seen}"),
            Err(error) => format!("{name} FAILED: {error}"),
        })
        .collect()
}

#[tokio::test]
async fn a_check_logs_in_and_connects_and_sends_nothing() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let smtp = Smtp::start(&scenario, &starttls());
    let tried = check(&all(&scenario, &smtp, &web), &nothing, LIMITS).await;
    let expected = [
        format!("notify.email: localhost:{}, encrypted, logged in as backup", smtp.port),
        "notify.webhook: 127.0.0.1 is there; nothing was sent".to_owned(),
        "notify.ping: 127.0.0.1 is there; nothing was sent".to_owned(),
    ];
    assert_eq!(reported(&tried), expected);
    assert_eq!(smtp.log(|log| (log.logins, log.messages.len(), log.receivers.len())), (1, 0, 0));
    assert!(web.calls().is_empty());
}

#[tokio::test]
async fn a_check_finds_what_would_go_wrong_at_night() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let smtp = Smtp::start(&scenario, &starttls());
    let mut notify = all(&scenario, &smtp, &web);
    if let Some(email) = &mut notify.email {
        email.password_file = Some(scenario.secret("other", "wrong"));
    }
    if let Some(webhook) = &mut notify.webhook {
        webhook.url = Some("http://127.0.0.1:1/hook".into());
    }
    if let Some(ping) = &mut notify.ping {
        ping.url_file = Some(PathBuf::from("/nonexistent/ping"));
    }
    let tried = check(&notify, &nothing, LIMITS).await;
    let said = reported(&tried).join("\n");
    for part in ["log in as backup: 535", "reach 127.0.0.1: connect to port 1: ", "read secret /nonexistent/ping: "] {
        assert!(said.contains(part), "{said}");
    }
    let said = reported(&secrets(&notify, &nothing).await).join("\n");
    assert!(said.contains("notify.email: to ") && said.contains("notify.ping FAILED"), "{said}");
}

#[tokio::test]
async fn a_test_goes_through_every_channel_and_is_no_news() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let smtp = Smtp::start(&scenario, &starttls());
    let at = Timestamp::parse("2026-11-23T03:30:00Z").unwrap();
    let tried = test(&all(&scenario, &smtp, &web), ("backup1", "shop"), (at, RUN_ID), &nothing, LIMITS).await;
    assert!(tried.iter().all(|(_, result)| result.is_ok()) && tried.len() == 3, "{tried:?}");
    let raw = smtp.message();
    let message = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(message.subject(), Some("backup1: TEST of notifications (shop)"));
    assert!(message.body_text(0).unwrap().starts_with("TEST: "));
    assert_eq!(web.targets(), ["/hook".to_owned(), format!("/s3cret/log?rid={UUID}")]);
    let body: Value = serde_json::from_str(&web.calls()[0].body).unwrap();
    assert_eq!(body["answer"], "test");
}

/// The program itself, with this at the end of its configuration.
async fn pgwitness(scenario: &Scenario, arguments: &[&str], notify: &str) -> Output {
    let file = scenario.dir.path().join("pgwitness.toml");
    let text = "[source]\nkind = \"postgres\"\nurl = \"postgresql:///shop\"\n[dump]\ndirectory = \"/srv/dumps\"\n[restore]\n\
                url = \"postgresql:///postgres\"\n[retention]\nkeep_daily = 7\n[report]\ndirectory = \"/srv/reports\"\n\
                key = \"/etc/pgwitness/key\"\n";
    fs::write(&file, format!("{text}{notify}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgwitness"));
    command.env_clear().args(arguments).arg("--config").arg(file);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn printed(output: &Output) -> (Option<i32>, String) {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    (output.status.code(), said.concat())
}

#[tokio::test]
async fn the_command_sends_a_test_and_names_the_channels_that_failed() {
    let (scenario, web) = (Scenario::new(), Web::start(&[Answer::Status(200), Answer::Status(404)]).await);
    let file = scenario.secret("ping", &web.url("/s3cret"));
    let notify = format!("[notify.ping]\nurl_file = \"{}\"\n", file.display());
    let (code, said) = printed(&pgwitness(&scenario, &["notify", "test"], &notify).await);
    assert_eq!((code, said.as_str()), (Some(0), "✓ notify.ping: answered, as a line of its log\n"));
    let (code, said) = printed(&pgwitness(&scenario, &["notify", "test"], &notify).await);
    let expected = "✗ notify.ping: ping 127.0.0.1 (log): it answered 404 Not Found; is the address right?\n";
    assert_eq!((code, said.as_str()), (Some(3), expected));
    assert!(web.targets().iter().all(|target| target.starts_with("/s3cret/log?rid=")), "{:?}", web.targets());
    let (code, said) = printed(&pgwitness(&scenario, &["notify", "test"], "").await);
    assert!(code == Some(2) && said.contains("no notification channel is configured"), "{said}");
}

#[tokio::test]
async fn config_check_tries_the_channels_and_offline_only_their_secrets() {
    let (scenario, web) = (Scenario::new(), Web::start(&[]).await);
    let file = scenario.secret("ping", &web.url("/s3cret"));
    let notify = format!("[notify.ping]\nurl_file = \"{}\"\n", file.display());
    let (_, said) = printed(&pgwitness(&scenario, &["config", "check"], &notify).await);
    assert!(said.contains("✓ notify.ping: 127.0.0.1 is there; nothing was sent\n"), "{said}");
    let (_, said) = printed(&pgwitness(&scenario, &["config", "check", "--offline"], &notify).await);
    assert!(said.contains("✓ notify.ping: at 127.0.0.1\n") && !said.contains("s3cret"), "{said}");
    fs::remove_file(file).unwrap();
    let (code, said) = printed(&pgwitness(&scenario, &["config", "check", "--offline"], &notify).await);
    assert!(code == Some(2) && said.contains("✗ notify.ping: read secret "), "{said}");
    assert!(web.calls().is_empty());
}
