//! Notification settings: what is refused, and with which message.

use super::{SMALL, parse, refusal};

const EMAIL: &str =
    "[notify.email]\nhost = \"mail.example.org\"\nfrom = \"backup@example.org\"\nto = [\"a@example.org\"]\n";

fn refused(text: &str) -> String {
    refusal(&format!("{SMALL}{text}")).0
}

fn taken(text: &str) {
    parse(&format!("{SMALL}{text}"));
}

#[test]
fn an_email_needs_a_host_and_addresses() {
    taken(EMAIL);
    for host in ["10.0.0.1", "::1", "smtp_relay.internal"] {
        taken(&EMAIL.replace("mail.example.org", host));
    }
    for host in ["", "smtp://mail", "mail:587", "a b", "user@mail", "-x", "mail.example.org\\r\\nX"] {
        let error = refused(&EMAIL.replace("mail.example.org", host));
        assert!(error.starts_with("notify.email.host: "), "{error}");
    }
    for address in ["", "a", "a@", "a@b c", "a@example.org, b@example.org", "a@example.org\\r\\nBcc: b@example.org"] {
        let error = refused(&EMAIL.replace("a@example.org", address));
        assert!(error.starts_with("notify.email.to: ") && error.ends_with(" is not an address"), "{error}");
        let error = refused(&EMAIL.replace("backup@example.org", address));
        assert!(error.starts_with("notify.email.from: ") && error.ends_with(" is not an address"), "{error}");
    }
    assert_eq!(refused(&EMAIL.replace("[\"a@example.org\"]", "[]")), "notify.email.to is empty");
    assert_eq!(refused(&format!("{EMAIL}port = 0\n")), "notify.email.port: 0 is no port");
    for set in ["", "a b", "a\\r\\nBcc: b", &"a".repeat(65)] {
        let error = refused(&format!("{EMAIL}configuration_set = \"{set}\"\n"));
        assert!(error.starts_with("notify.email.configuration_set: "), "{error}");
    }
    let error = refused(&format!("{EMAIL}ca_bundle = \"ca.pem\"\n"));
    assert_eq!(error, "notify.email.ca_bundle: \"ca.pem\" is not an absolute path");
}

#[test]
fn a_login_is_whole_and_its_password_in_one_place() {
    let login = format!("{EMAIL}username = \"u\"\n");
    for place in
        ["password_file = \"smtp-password\"", "password_command = [\"pass\", \"smtp\"]", "password_env = \"SMTP\""]
    {
        taken(&format!("{login}{place}\n"));
        assert_eq!(refused(&format!("{EMAIL}{place}\n")), "notify.email: a password without a username");
    }
    assert_eq!(refused(&login), "notify.email: a username without a password");
    let two = format!("{login}password_file = \"/x\"\npassword_env = \"X\"\n");
    assert_eq!(refused(&two), "notify.email: 2 places for one password");
    let error = refused(&format!("{login}password_file = \"a/b\"\n"));
    assert_eq!(error, "notify.email.password_file: \"a/b\" is a relative path");
    let error = refused(&format!("{login}password_command = []\n"));
    assert_eq!(error, "notify.email.password_command is empty");
    let error = refused(&format!("{login}password = \"hunter2\"\n"));
    assert!(error.ends_with("unknown key notify.email.password") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_password_never_travels_in_the_clear() {
    let login = format!("{EMAIL}tls = \"none\"\nusername = \"u\"\npassword_env = \"X\"\n");
    assert_eq!(refused(&login), "notify.email.tls = \"none\" would send the password in the clear");
    for host in ["localhost", "127.0.0.1", "::1"] {
        taken(&login.replace("mail.example.org", host));
    }
    for host in ["localhost.example.org", "128.0.0.1", "::2"] {
        refused(&login.replace("mail.example.org", host));
    }
    taken(&format!("{EMAIL}tls = \"none\"\n"));
    let hook = |url: &str| format!("[notify.webhook]\nurl = \"{url}\"\nauthorization_file = \"token\"\n");
    let expected = "notify.webhook: http would send what authorization_file has in the clear";
    for url in ["http://hooks.example.org/x", "http://hooks.example.org:8080/x", "http://localhost.example.org"] {
        assert_eq!(refused(&hook(url)), expected);
    }
    for url in ["https://hooks.example.org/x", "http://localhost:8080/x", "http://[::1]:1/x", "http://127.0.0.1"] {
        taken(&hook(url));
    }
}

#[test]
fn an_address_is_in_one_place_and_its_refusal_does_not_repeat_it() {
    for section in ["notify.webhook", "notify.ping"] {
        let with = |lines: &str| format!("[{section}]\n{lines}\n");
        taken(&with("url = \"https://ping.example.org/x\""));
        taken(&with("url_file = \"ping-url\""));
        assert_eq!(refused(&with("")), format!("{section}: neither url nor url_file"));
        let both = with("url = \"https://h/x\"\nurl_file = \"/x\"");
        assert_eq!(refused(&both), format!("{section}: both url and url_file"));
        for url in ["s3cret", "ftp://h/s3cret", "//h/s3cret", "https://", "https:// h/s3cret"] {
            let error = refused(&with(&format!("url = \"{url}\"")));
            assert_eq!(error, format!("{section}.url is no address of http or https"));
        }
        for url in ["https://u:s3cret@h/x", "http://s3cret@h/x", "https://u:s3/cret@h/x"] {
            let error = refused(&with(&format!("url = \"{url}\"")));
            assert!(error.starts_with(&format!("{section}.url ")) && !error.contains("s3"), "{error}");
        }
        assert_eq!(refused(&with("url_file = \"a/b\"")), format!("{section}.url_file: \"a/b\" is a relative path"));
    }
    assert_eq!(refused("[notify.pong]\nurl = \"https://h\"\n").split(": ").last(), Some("did you mean ping?"));
}

#[test]
fn figures_go_where_they_are_read() {
    taken("[metrics]\ntextfile = \"/var/lib/x/pgwitness.prom\"\nlabels = { database = \"shop\" }\n");
    assert_eq!(refused("[metrics]\ntextfile = \"x.prom\"\n"), "metrics.textfile: \"x.prom\" is not an absolute path");
    assert_eq!(refused("[metrics]\ntextfile = \"/x/y.txt\"\n"), "metrics.textfile: \"/x/y.txt\" does not end in .prom");
    let error = refused("[metrics]\ntextfile = \"/x.prom\"\nlabels = { \"a b\" = \"x\" }\n");
    assert!(error.starts_with("metrics.labels: "), "{error}");
}
