//! What `[notify]` must hold beyond their types.
//!
//! Refuses secrets that would be sent unencrypted or that are in the file; checks nothing outside the configuration.

use std::net::IpAddr;
use std::path::Path;

use lettre::message::Mailbox;

use super::problems::{Problems, VARIABLE, fits};
use super::{Email, Notify, Ping, SmtpTls, Webhook};
use crate::base::http::is_loopback;

const HOST_NAME: &str = r"^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?$";
const CONFIGURATION_SET: &str = "^[A-Za-z0-9_-]{1,64}$";

/// Behind a colon there is a port, and no password with a slash in it.
const URL: &str = r"^https?://(\[[0-9a-fA-F:.]+\]|[^\s/:@?#\[\]]+)(:[0-9]{1,5})?([/?]\S*)?$";

/// A URL with a user name, and perhaps a password, in front of the host.
const WITH_USER: &str = "^https?://[^/]*@";

const MAILBOX: &str = "for instance \"pgwitness <backup@example.org>\"";

pub fn check_notify(problems: &mut Problems, notify: &Notify) {
    if let Some(email) = &notify.email {
        check_email(problems, email);
    }
    if let Some(webhook) = &notify.webhook {
        check_webhook(problems, webhook);
    }
    if let Some(Ping { url, url_file, ca_bundle }) = &notify.ping {
        check_url(problems, "notify.ping", url.as_deref(), url_file.as_deref());
        problems.absolute("notify.ping.ca_bundle", ca_bundle.as_deref());
    }
}

fn check_email(problems: &mut Problems, email: &Email) {
    let host = &email.host;
    let has_form = host.parse::<IpAddr>().is_ok() || fits(HOST_NAME, host);
    let problem = || format!("notify.email.host: {host:?} is not the name of a host");
    problems.unless(
        has_form,
        problem,
        "for instance email-smtp.eu-central-1.amazonaws.com; the port is a key of its own",
    );
    problems.unless(email.port != Some(0), || "notify.email.port: 0 is no port".into(), "");
    problems.absolute("notify.email.ca_bundle", email.ca_bundle.as_deref());
    for (key, mailbox) in std::iter::once(("from", &email.from)).chain(email.to.iter().map(|to| ("to", to))) {
        let problem = || format!("notify.email.{key}: {mailbox:?} is not an address");
        problems.unless(mailbox.parse::<Mailbox>().is_ok(), problem, MAILBOX);
    }
    problems.unless(!email.to.is_empty(), || "notify.email.to is empty".into(), "name at least one recipient");
    if let Some(set) = &email.configuration_set {
        let example = "the name of a configuration set: up to 64 letters, digits, - and _";
        problems.has_form("notify.email.configuration_set", set, CONFIGURATION_SET, example);
    }
    check_login(problems, email);
}

fn check_login(problems: &mut Problems, email: &Email) {
    let Email { username, password_file, password_command, password_env, .. } = email;
    let given = [password_file.is_some(), password_command.is_some(), password_env.is_some()];
    let given = given.into_iter().filter(|is_given| *is_given).count();
    let problem = || format!("notify.email: {given} places for one password");
    problems.unless(given <= 1, problem, "keep one of password_file, password_command and password_env");
    let problem = || "notify.email: a username without a password".to_owned();
    problems.unless(username.is_none() || given > 0, problem, "add password_file, password_command or password_env");
    let problem = || "notify.email: a password without a username".to_owned();
    problems.unless(username.is_some() || given == 0, problem, "");
    let is_safe = given == 0 || email.tls != SmtpTls::None || is_loopback(&email.host);
    let problem = || "notify.email.tls = \"none\" would send the password in the clear".to_owned();
    problems.unless(is_safe, problem, "tls = \"starttls\" or \"tls\"; \"none\" is for a server on this machine");
    if let Some(username) = username {
        problems.not_empty("notify.email.username", username);
    }
    problems.secret_file("notify.email.password_file", password_file.as_deref());
    if let Some(command) = password_command {
        let key = "notify.email.password_command";
        problems.unless(!command.is_empty(), || format!("{key} is empty"), "program and arguments, as a list");
        problems.command(key, command);
    }
    if let Some(variable) = password_env {
        problems.has_form("notify.email.password_env", variable, VARIABLE, "the name of a variable");
    }
}

fn check_webhook(problems: &mut Problems, webhook: &Webhook) {
    let Webhook { url, url_file, authorization_file, ca_bundle, when: _ } = webhook;
    check_url(problems, "notify.webhook", url.as_deref(), url_file.as_deref());
    problems.secret_file("notify.webhook.authorization_file", authorization_file.as_deref());
    problems.absolute("notify.webhook.ca_bundle", ca_bundle.as_deref());
    if let Some(url) = url.as_deref().filter(|_| authorization_file.is_some()) {
        let problem = || "notify.webhook: http would send what authorization_file has in the clear".to_owned();
        problems.unless(!is_open(url), problem, "https, or a server on this machine");
    }
}

/// Whether other parties on the network could read the traffic.
pub(super) fn is_open(url: &str) -> bool {
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next());
    let host = |authority: &str| match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => authority.to_owned(),
    };
    authority.is_some_and(|authority| !is_loopback(&host(authority)))
}

/// The address itself is not shown: it may be all that keeps others out.
fn check_url(problems: &mut Problems, section: &str, url: Option<&str>, url_file: Option<&Path>) {
    let problem = || format!("{section}: neither url nor url_file");
    problems.unless(url.is_some() || url_file.is_some(), problem, "where to?");
    let problem = || format!("{section}: both url and url_file");
    problems.unless(url.is_none() || url_file.is_none(), problem, "keep one of them");
    problems.secret_file(&format!("{section}.url_file"), url_file);
    let Some(url) = url else { return };
    let hint = "keep the address in a file (url_file); a webhook's secret goes into authorization_file";
    check_address(problems, &format!("{section}.url"), url, hint);
}

/// The address of a web server, without a user and a password: for these there is the hint.
pub(super) fn check_address(problems: &mut Problems, key: &str, url: &str, hint: &str) {
    if fits(WITH_USER, url) {
        problems.unless(false, || format!("{key} has a user or a password in it"), hint);
    } else {
        let problem = || format!("{key} is no address of http or https");
        problems.unless(fits(URL, url), problem, "for instance https://host.example.org/path");
    }
}
