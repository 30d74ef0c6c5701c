//! Units, policy, and the commands themselves.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use pgwitness::config::examples;
use serde_json::Value;

use crate::support::packages;

use super::{ACTIONS, SMALL, changed, parse};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pgwitness");

fn pgwitness(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("PGWITNESS_CONFIG").env_remove("CREDENTIALS_DIRECTORY");
    command.env("PGPASSFILE", "/nonexistent").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
#[allow(clippy::print_stderr, reason = "a skip must be heard")]
fn the_units_pass_systemd_analyze() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!(
            "SKIPPED: there is no systemd-analyze on this machine (apt-get install systemd): the units are not verified"
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let [service, timer] = ["pgwitness.service", "pgwitness.timer"].map(|name| dir.path().join(name));
    // What they start must exist, and be allowed for us; nothing else is changed.
    fs::write(&service, examples::SERVICE.replace("/usr/local/bin/pgwitness", PROGRAM)).unwrap();
    fs::write(&timer, examples::TIMER).unwrap();
    let output =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args([&service, &timer]).output().unwrap();
    let ours: Vec<String> =
        stderr(&output).lines().filter(|line| line.contains("pgwitness")).map(str::to_owned).collect();
    assert!(output.status.success() && ours.is_empty(), "{}", stderr(&output));
    let calendar = examples::TIMER.lines().find_map(|line| line.strip_prefix("OnCalendar=")).unwrap();
    assert!(Command::new("systemd-analyze").args(["calendar", calendar]).output().unwrap().status.success());
}

#[test]
fn the_service_may_write_what_the_example_writes_and_has_time_to_stop() {
    let config = parse(examples::TOML);
    let setting =
        |key: &str| examples::SERVICE.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    for place in [&config.dump.directory, &config.report.directory] {
        assert!(place.starts_with(setting("ReadWritePaths")) && place.starts_with(setting("RequiresMountsFor")));
    }
    assert_eq!(config.state.directory, Path::new("/var/lib").join(setting("StateDirectory")));
    assert_eq!((setting("Type"), setting("TimeoutStopSec"), setting("KillMode")), ("oneshot", "5min", "mixed"));
    assert!(examples::CRON.contains(setting("ExecStart")), "cron and systemd start the same");
}

/// One text or several.
fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .map_or_else(|| value.as_str().into_iter().collect(), |all| all.iter().filter_map(Value::as_str).collect())
}

#[test]
fn the_policy_allows_exactly_the_actions_that_we_need_and_only_under_our_prefix() {
    for policy in [examples::policy(None), examples::policy(Some(&parse(examples::CLUB)))] {
        let policy: Value = serde_json::from_str(&policy).unwrap();
        let mut allowed = BTreeSet::new();
        let mut denied = BTreeSet::new();
        for statement in policy["Statement"].as_array().unwrap() {
            if statement["Effect"] == "Allow" {
                allowed.extend(texts(&statement["Action"]));
                let is_everywhere = texts(&statement["Resource"]).contains(&"*");
                let only_looks = |action: &&str| action.starts_with("rds:Describe") || action.starts_with("rds:List");
                assert!(!is_everywhere || texts(&statement["Action"]).iter().all(only_looks), "{statement}");
            } else {
                // Outside of the prefix, or under a condition: a Deny without either would deny our own work.
                assert!(statement["NotResource"].is_string() != statement["Condition"].is_object(), "{statement}");
                denied.insert(statement["Sid"].as_str().unwrap());
                if statement["Sid"] == "NothingElseEver" {
                    assert!(
                        texts(&statement["Action"]).contains(&"rds:Delete*") && statement["NotResource"].is_string()
                    );
                }
            }
        }
        assert_eq!(denied, BTreeSet::from(["NeverPublic", "NothingElseEver", "TagNothingThatIsThere"]));
        assert_eq!(allowed, ACTIONS.into_iter().collect());
    }
}

#[test]
fn the_policy_is_filled_in_from_a_configuration() {
    let club = parse(examples::CLUB);
    let policy = examples::policy(Some(&club));
    assert!(!policy.contains('<'), "{policy}");
    assert!(
        policy.contains("arn:aws:rds:ap-southeast-2:123456789012:snapshot:rds:cobalt-production-green-*"),
        "{policy}"
    );
    assert!(policy.contains("\"rds:PubliclyAccessible\": \"true\""), "{policy}");
    let silent = parse(&changed(examples::CLUB, "account = \"123456789012\"\n", "snapshots = \"manual\"\n"));
    let policy = examples::policy(Some(&silent));
    assert!(policy.contains("arn:aws:rds:ap-southeast-2:<ACCOUNT>:snapshot:*\""), "{policy}");
}

#[test]
fn every_example_is_printed_and_those_that_are_configurations_load() {
    for (name, first) in [
        ("toml", "# /etc/pgwitness/pgwitness.toml"),
        ("club", "# /etc/pgwitness/pgwitness.toml"),
        ("service", "# /etc/systemd/system/pgwitness.service"),
        ("timer", "# /etc/systemd/system/pgwitness.timer"),
        ("cron", "# /etc/cron.d/pgwitness"),
        ("alerts", "# /etc/prometheus/rules/pgwitness.yml"),
        ("iam", "{"),
        ("setup", "#!/bin/sh\n# Sets up the nightly backup of one PostgreSQL database on Debian"),
        ("setup-amazon-linux", "#!/bin/sh\n# Sets up the nightly backup of one PostgreSQL database on Amazon Linux"),
        ("aws", "#!/bin/sh\n# The AWS side"),
        ("kubernetes", "# The nightly backup of one PostgreSQL database as a CronJob"),
        ("kubernetes-parts", "# The manifest of one very large database, read by eight pods"),
        ("batch", "#!/bin/sh\n# The manifest of one very large database, read by an array job of AWS Batch"),
    ] {
        let output = pgwitness(&["config", "example", name]);
        assert!(output.status.success() && stdout(&output).starts_with(first), "{name}");
        assert!(
            stdout(&output).lines().all(|line| line.chars().count() <= 132 || name == "club"),
            "{name} is too wide"
        );
    }
    parse(&stdout(&pgwitness(&["config", "example", "toml"])));
    parse(&stdout(&pgwitness(&["config", "example", "club"])));
}

/// What must be said, and what is done to the place.
type Change = (&'static str, fn(&Place));

/// A place where a night would find everything.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        for name in ["dumps", "reports", "state", "checks"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        place.write("checks/one.sql", "SELECT 1 WHERE false;\n", 0o644);
        place.write(
            "waivers.toml",
            "[[waiver]]\nkind = \"missing\"\nobject = \"index a.b\"\nreason = \"known\"\n",
            0o644,
        );
        place.write("password", "hunter2\n", 0o600);
        place.write("passphrase", "hunter3\n", 0o600);
        assert!(pgwitness(&["keygen", &place.path("key")]).status.success());
        place.write("pgwitness.toml", &place.config(), 0o644);
        place
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_string_lossy().into_owned()
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn config(&self) -> String {
        let text = SMALL
            .replace("/srv", &self.dir.path().to_string_lossy())
            .replace("/etc/pgwitness", &self.dir.path().to_string_lossy());
        let text = text.replace("[dump]", &format!("password_file = \"{}\"\n[dump]", self.path("password")));
        let more = format!(
            "[verify]\nchecks = \"{}\"\nwaivers = \"{}\"\n[hooks]\nafter_restore = [\"sh\"]\n[state]\ndirectory = \"{}\"\n",
            self.path("checks"),
            self.path("waivers.toml"),
            self.path("state")
        );
        text + &more
    }

    fn check(&self) -> Output {
        pgwitness(&["config", "check", "--offline", "--config", &self.path("pgwitness.toml")])
    }

    /// The line of the only check that fails.
    fn only_failure(&self) -> String {
        let output = self.check();
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        let failed: Vec<String> =
            stdout(&output).lines().filter(|line| line.starts_with('✗')).map(str::to_owned).collect();
        assert_eq!(failed.len(), 1, "{}", stdout(&output));
        assert!(stderr(&output).contains("1 check of "), "{}", stderr(&output));
        failed[0].replace(&*self.dir.path().to_string_lossy(), "DIR")
    }
}

#[test]
fn check_says_what_it_saw_and_that_all_is_well() {
    let place = Place::new();
    let output = place.check();
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    for name in [
        "configuration",
        "source.url",
        "dump.directory",
        "pg_dump, pg_restore",
        "restore.url",
        "report.key",
        "state.directory",
    ] {
        assert!(text.lines().any(|line| line.starts_with(&format!("✓ {name}: "))), "{name} in\n{text}");
    }
    assert!(text.contains("✓ verify.checks: 1 check\n") && text.contains("✓ verify.waivers: 1 waiver\n"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
    let left: Vec<_> = fs::read_dir(place.path("dumps")).unwrap().collect();
    assert!(left.is_empty(), "trying leaves nothing behind");
}

#[test]
fn check_names_each_thing_that_would_stop_a_night() {
    let changes: [Change; 9] = [
        ("✗ report.key: read key DIR/key: its mode is 0644, wider than 0600; chmod 600", |place| {
            fs::set_permissions(place.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
        }),
        (
            "✗ report.key: read key DIR/key: No such file or directory (os error 2); pgwitness keygen DIR/key",
            |place| {
                fs::remove_file(place.path("key")).unwrap();
            },
        ),
        (
            "✗ dump.directory: write into DIR/dumps: No such file or directory (os error 2); is the backup disk mounted?",
            |place| {
                fs::remove_dir(place.path("dumps")).unwrap();
            },
        ),
        ("✗ state.directory: write into DIR/state: not a directory", |place| {
            fs::remove_dir(place.path("state")).unwrap();
            place.write("state", "", 0o644);
        }),
        ("✗ source.url: read secret DIR/password: its mode is 0640, wider than 0600; chmod 600", |place| {
            place.write("password", "hunter2\n", 0o640);
        }),
        ("✗ verify.waivers: read waivers DIR/waivers.toml: waiver for a: the reason is empty", |place| {
            place.write("waivers.toml", "[[waiver]]\nkind = \"missing\"\nobject = \"a\"\nreason = \"\"\n", 0o644);
        }),
        ("✗ verify.checks: there is no *.sql in DIR/checks", |place| {
            fs::remove_file(place.path("checks/one.sql")).unwrap();
        }),
        ("✗ hooks.after_restore: no program no-such-program; an absolute path", |place| {
            place.write("pgwitness.toml", &changed(&place.config(), "[\"sh\"]", "[\"no-such-program\"]"), 0o644);
        }),
        ("✗ configuration: DIR/pgwitness.toml: its mode is 0666, every user may change it; chmod o-w", |place| {
            place.write("pgwitness.toml", &place.config(), 0o666);
        }),
    ];
    for (expected, change) in changes {
        let place = Place::new();
        change(&place);
        let failure = place.only_failure();
        assert!(failure.starts_with(expected), "{failure}");
    }
}

#[test]
fn an_encrypted_key_is_opened_or_refused() {
    let place = Place::new();
    let mut change = packages::ssh_keygen();
    change.args(["-q", "-p", "-a", "1", "-P", "", "-N", "hunter3", "-f", &place.path("key")]);
    assert!(change.output().unwrap().status.success());
    let failed = place.only_failure();
    assert!(failed.contains("the key is encrypted and no passphrase was given; --passphrase-file FILE"), "{failed}");
    assert!(failed.contains("report.passphrase_file"), "{failed}");
    let with_passphrase = |name: &str| {
        let line = format!("passphrase_file = \"{}\"\n[verify]", place.path(name));
        place.write("pgwitness.toml", &changed(&place.config(), "[verify]", &line), 0o644);
    };
    with_passphrase("passphrase");
    assert_eq!(place.check().status.code(), Some(0));
    with_passphrase("password");
    assert!(place.only_failure().ends_with("wrong passphrase"));
}

#[test]
fn the_bundle_of_certificates_is_read_and_its_end_is_told() {
    let place = Place::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let until = |year| {
        let mut parameters = rcgen::CertificateParams::new(vec!["example.org".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 31);
        parameters.self_signed(&key).unwrap().pem()
    };
    let club = examples::CLUB.replace("/etc/pgwitness/rds-global-bundle.pem", &place.path("bundle.pem"));
    place.write("pgwitness.toml", &club, 0o644);
    let line = |bundle: &str| {
        place.write("bundle.pem", bundle, 0o644);
        let text = stdout(&place.check());
        text.lines()
            .find(|line| line.contains("ca_bundle"))
            .unwrap()
            .replace(&*place.dir.path().to_string_lossy(), "DIR")
    };
    let [old, new] = [2001, 9000].map(until);
    assert_eq!(line(&new), "✓ source.temporary.ca_bundle: 1 certificate, none expires before 9000-01-31T00:00:00Z");
    assert_eq!(
        line(&format!("{old}{new}")),
        "✓ source.temporary.ca_bundle: 2 certificates, 1 expired, the last good until 9000-01-31T00:00:00Z"
    );
    let expected =
        "✗ source.temporary.ca_bundle: all certificates have expired, the last at 2001-01-31T00:00:00Z; fetch https://";
    assert!(line(&old).starts_with(expected));
    let expected =
        "✗ source.temporary.ca_bundle: read certificate DIR/bundle.pem: no certificate in it; fetch https://";
    assert!(line("<html>").starts_with(expected));
}

#[test]
fn show_prints_what_holds_as_toml_and_as_json() {
    let place = Place::new();
    let config = parse(&place.config());
    let file = place.path("pgwitness.toml");
    assert_eq!(parse(&stdout(&pgwitness(&["config", "show", "-c", &file]))), config);
    let json: Value =
        serde_json::from_str(&stdout(&pgwitness(&["config", "show", "-c", &file, "--format", "json"]))).unwrap();
    assert_eq!((&json["dump"]["stalled_after"], &json["source"]["kind"]), (&"30m".into(), &"postgres".into()));
    let by_variable = Command::new(PROGRAM).args(["config", "show"]).env("PGWITNESS_CONFIG", &file).output().unwrap();
    assert_eq!(parse(&stdout(&by_variable)), config);
}

#[test]
fn a_file_that_is_not_there_or_wrong_is_one_error_with_what_to_try() {
    let place = Place::new();
    let absent = pgwitness(&["config", "show", "--config", "/nonexistent/pgwitness.toml"]);
    assert_eq!(absent.status.code(), Some(2));
    assert_eq!(
        stderr(&absent),
        "error: read /nonexistent/pgwitness.toml: No such file or directory (os error 2)\n  \
         try: pgwitness config example toml > /nonexistent/pgwitness.toml, or --config FILE\n"
    );
    place.write("pgwitness.toml", &changed(&place.config(), "[dump]\n", "[dump]\nexclude_table = []\n"), 0o644);
    let wrong = place.check();
    assert_eq!((wrong.status.code(), stdout(&wrong).as_str()), (Some(2), ""));
    assert!(
        stderr(&wrong).contains("unknown key dump.exclude_table: did you mean exclude_table_data?"),
        "{}",
        stderr(&wrong)
    );
}

#[test]
fn a_key_that_cannot_sign_says_what_to_do() {
    let place = Place::new();
    let public = fs::read_to_string(place.path("key.pub")).unwrap();
    place.write("key", &public, 0o644);
    let failed = place.only_failure();
    assert!(
        failed.contains("it is a public key, and no ssh-agent signs with it") && !failed.contains("chmod"),
        "{failed}"
    );
    fs::remove_file(place.path("key")).unwrap();
    let failed = place.only_failure();
    assert!(failed.contains("pgwitness keygen DIR/key makes one"), "{failed}");
}

#[test]
fn the_allowed_signers_of_the_configuration_are_read() {
    let place = Place::new();
    let signers = place.path("allowed_signers");
    let more = format!("key = \"{}\"\nallowed_signers = \"{signers}\"\n", place.path("key"));
    let key = format!("key = \"{}\"\n", place.path("key"));
    place.write("pgwitness.toml", &changed(&place.config(), &key, &more), 0o644);
    assert!(place.only_failure().starts_with("✗ report.allowed_signers: read allowed signers"));
    place.write("allowed_signers", &fs::read_to_string(place.path("key.pub")).unwrap(), 0o644);
    let failed = place.only_failure();
    assert!(failed.contains("a public key without the name of its signer"), "{failed}");
    place.write("allowed_signers", &fs::read_to_string(place.path("key")).unwrap(), 0o644);
    let failed = place.only_failure();
    assert!(
        failed.contains("it is a key file, not a list of signers; write the lines into it that `pgwitness keygen`")
    );
    place.write("allowed_signers", "", 0o644);
    assert_eq!(place.check().status.code(), Some(0), "{}", stdout(&place.check()));
}

#[test]
fn the_file_for_prometheus_is_tried_and_nothing_is_written() {
    let place = Place::new();
    let file = place.path("figures/pgwitness.prom");
    let more = format!("[metrics]\ntextfile = \"{file}\"\nlabels = {{ database = \"shop\" }}\n");
    place.write("pgwitness.toml", &(place.config() + &more), 0o644);
    let expected =
        "✗ metrics.textfile: write into DIR/figures: No such file or directory (os error 2); create it, writable";
    assert!(place.only_failure().starts_with(expected), "{}", place.only_failure());
    fs::create_dir(place.path("figures")).unwrap();
    assert!(stdout(&place.check()).contains(&format!("✓ metrics.textfile: {file}\n")), "{}", stdout(&place.check()));
    assert_eq!(fs::read_dir(place.path("figures")).unwrap().count(), 0);
    place.write("figures/pgwitness.prom", "# HELP node_time Theirs.\n", 0o644);
    let expected = "✗ metrics.textfile: write DIR/figures/pgwitness.prom: there is a file of this name that pgwitness did not \
                    write; move it away";
    assert!(place.only_failure().starts_with(expected), "{}", place.only_failure());
}

#[test]
fn a_connection_that_may_be_unencrypted_has_a_warning_that_names_the_mode_and_the_host() {
    let place = Place::new();
    let line = place.config().lines().find(|line| line.starts_with("url = \"")).unwrap().to_owned();
    let reported = |mode: &str| {
        let url = format!("url = \"postgresql://backup@db.example.org/shop{mode}\"");
        place.write("pgwitness.toml", &place.config().replacen(&line, &url, 1), 0o644);
        stdout(&place.check())
    };
    for (mode, name) in
        [("", "prefer"), ("?sslmode=prefer", "prefer"), ("?sslmode=allow", "allow"), ("?sslmode=disable", "disable")]
    {
        let expected = format!("warning: sslmode={name}: the connection to db.example.org may be unencrypted");
        assert!(reported(mode).contains(&expected), "{mode}: {}", reported(mode));
    }
    let safe = reported("?sslmode=verify-full&sslrootcert=system");
    assert!(!safe.contains("warning: sslmode"), "{safe}");
}
