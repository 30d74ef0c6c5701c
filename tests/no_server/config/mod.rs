//! The configuration: what it takes, what it refuses and in which words, and the set-up that the program carries.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::PathBuf;

use pgwitness::config::{
    ACTIONS, AcceptedError, AccessSettings, Config, CopyFate, CopySource, DumpFormat, DumpSettings, Email,
    FilesSettings, Hooks, MaterializedViews, Metrics, Notify, OffsiteSettings, Ping, PostgresSource, Protected,
    RdsSource, ReadBack, ReportSettings, RestoreSettings, Retention, SmtpTls, SnapshotKind, Source, Span,
    StateSettings, Temporary, Verify, Webhook, When, examples,
};
use proptest::prelude::*;

/// What is needed, and nothing else.
const SMALL: &str = r#"
[source]
kind = "postgres"
url = "postgresql://backup@db.example.org/shop"

[dump]
directory = "/srv/dumps"

[restore]
url = "postgresql:///postgres?host=/run/postgresql"

[retention]
keep_daily = 7

[report]
directory = "/srv/reports"
key = "/etc/pgwitness/key"
"#;

fn parse(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The error and its hint.
fn refusal(text: &str) -> (String, String) {
    let error = Config::parse(text).err().unwrap_or_else(|| panic!("taken:\n{text}"));
    (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
}

/// `base` with one piece replaced.
fn changed(base: &str, from: &str, to: &str) -> String {
    assert_eq!(base.matches(from).count(), 1, "{from:?} must be there once");
    base.replace(from, to)
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn path(path: &str) -> Option<PathBuf> {
    Some(path.into())
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// With every key given: a new field does not compile until it is named here.
fn full_rds() -> RdsSource {
    RdsSource {
        instance: "shop-production".into(),
        resource_id: text("db-ABC123"),
        dbname: "shop".into(),
        region: "eu-central-1".into(),
        account: text("123456789012"),
        profile: text("backup"),
        endpoint_url: text("http://127.0.0.1:5000"),
        snapshots: SnapshotKind::Any,
        max_snapshot_age: Span::seconds(3600),
        wait_for_snapshot: Span::seconds(60),
        temporary: Temporary {
            prefix: "witness".into(),
            instance_classes: list(&["db.t4g.medium"]),
            subnet_group: "subnets".into(),
            security_groups: list(&["sg-0123"]),
            parameter_group: "parameters".into(),
            publicly_accessible: true,
            storage_type: text("gp3"),
            ca_certificate_identifier: text("rds-ca-rsa2048-g1"),
            ca_bundle: "/etc/bundle.pem".into(),
            connect_via: text("[::1]:15432"),
            restore_timeout: Span::seconds(5400),
            delete_timeout: Span::seconds(61),
            poll_interval: Span::seconds(1),
        },
    }
}

fn full_postgres() -> PostgresSource {
    PostgresSource {
        url: "host=db.example.org dbname=shop".into(),
        password_file: None,
        password_command: Some(list(&["pass", "show \"it\"", "\u{1b}\n"])),
        password_env: None,
    }
}

fn accepted() -> AcceptedError {
    AcceptedError {
        object: "EXTENSION x".into(),
        sqlstate: "42501".into(),
        message: Some("must be owner".into()),
        reason: "known".into(),
    }
}

fn files() -> FilesSettings {
    FilesSettings {
        name: "media".into(),
        path: "/srv/media it's".into(),
        host: text("web.example.org"),
        user: text("backup"),
        port: Some(2222),
        key_file: path("/etc/key"),
        known_hosts: path("/etc/known_hosts"),
        directory: "/srv/files".into(),
        exclude: list(&["/cache/", "*.tmp"]),
        max_shrink_percent: Some(20),
        timeout: Span::seconds(3600),
        rsync: path("/usr/bin/rsync"),
    }
}

fn full_access() -> AccessSettings {
    AccessSettings {
        open: list(&["/usr/local/bin/open-access", "--now"]),
        open_endpoint: Vec::new(),
        close: list(&["close-access"]),
        timeout: Some(Span::seconds(120)),
        environment: list(&["AWS_PROFILE"]),
    }
}

fn full_report() -> ReportSettings {
    ReportSettings {
        directory: "/srv/reports".into(),
        key: "/etc/pgwitness/key".into(),
        passphrase_file: path("/etc/pgwitness/passphrase"),
        allowed_signers: path("/etc/pgwitness/allowed_signers"),
        html: false,
        keep_days: Some(400),
        timestamp_url: Some("https://tsa.example.org/tsr".into()),
        timestamp_ca_file: Some("/etc/pgwitness/timestamp-ca.pem".into()),
    }
}

fn full(source: Source) -> Config {
    Config {
        source,
        files: vec![files()],
        dump: DumpSettings {
            directory: "/srv/dumps".into(),
            format: DumpFormat::Directory,
            jobs: 3,
            compression: text("zstd:3"),
            exclude_table_data: list(&["\"Weird.Name\"", "log.*"]),
            stalled_after: Span::seconds(86_400),
            pg_bindir: path("/usr/lib/postgresql/17/bin"),
        },
        restore: RestoreSettings {
            url: text("postgresql:///postgres"),
            server_directory: "/srv/servers".into(),
            superuser: false,
            password_file: path("restore-password"),
            password_command: None,
            password_env: None,
            database: "Kopie \u{e4}".into(),
            from: CopySource::Offsite,
            copy: CopyFate::Replace,
            jobs: 256,
            no_owner: true,
            no_privileges: true,
            no_tablespaces: true,
            materialized_views: MaterializedViews::Leave,
            role: text("shop"),
            accept: vec![accepted()],
        },
        verify: Verify {
            checks: path("/etc/pgwitness/checks"),
            waivers: path("/etc/pgwitness/waivers.toml"),
            jobs: Some(4),
            allow_user_functions: false,
            digest_on: pgwitness::model::hashing::DigestOn::Auto,
            redact: true,
            max_rows: Some(5),
        },
        drift: vec![pgwitness::config::DriftRule {
            tables: "shop.*".into(),
            max_shrink_percent: Some(20),
            must_not_be_empty: true,
            must_not_vanish: false,
        }],
        retention: full_retention(),
        offsite: Some(full_offsite()),
        report: full_report(),
        access: full_access(),
        hooks: Hooks {
            after_restore: list(&["/bin/anonymise"]),
            after_verified: list(&["aws", "s3"]),
            timeout: Some(Span::seconds(7200)),
            environment: list(&["AWS_PROFILE"]),
        },
        notify: full_notify(),
        metrics: Some(Metrics {
            textfile: "/var/lib/prometheus/pgwitness.prom".into(),
            labels: [("database".to_owned(), "shop".to_owned())].into(),
        }),
        protected: Protected { instances: list(&["shop-staging"]), databases: list(&["shop_test"]) },
        state: StateSettings { directory: "/var/lib/other".into() },
    }
}

fn full_retention() -> Retention {
    Retention {
        keep_last: 1,
        keep_daily: 2,
        keep_weekly: 3,
        keep_monthly: 4,
        keep_yearly: 5,
        keep_within: Some(Span::seconds(3 * 86_400)),
    }
}

fn full_offsite() -> OffsiteSettings {
    OffsiteSettings {
        repository: text("s3:https://s3.example.org/bucket"),
        repository_file: None,
        repository_command: None,
        password_file: path("offsite-password"),
        password_command: None,
        password_env: None,
        environment_file: path("/etc/pgwitness/offsite-environment"),
        program: path("/usr/local/bin/restic"),
        cache_directory: path("/var/cache/pgwitness"),
        read_back: ReadBack::All,
        stalled_after: Span::seconds(61),
        lock_wait: Span::seconds(62),
        forget: Some(Retention { keep_within: Some(Span::seconds(63)), ..Default::default() }),
    }
}

fn full_notify() -> Notify {
    Notify {
        values: true,
        email: Some(Email {
            host: "email-smtp.eu-central-1.amazonaws.com".into(),
            port: Some(587),
            tls: SmtpTls::Tls,
            ca_bundle: path("/etc/pgwitness/smtp.pem"),
            username: text("AKIAEXAMPLE"),
            password_file: path("smtp-password"),
            password_command: None,
            password_env: None,
            from: "pgwitness <backup@example.org>".into(),
            to: list(&["admin@example.org"]),
            configuration_set: text("backups"),
            when: When::NotClean,
        }),
        webhook: Some(Webhook {
            url: text("https://hooks.example.org/x"),
            url_file: None,
            authorization_file: path("/etc/pgwitness/webhook"),
            ca_bundle: path("/etc/pgwitness/hooks.pem"),
            when: When::NotClean,
        }),
        ping: Some(Ping { url: None, url_file: path("ping-url"), ca_bundle: path("/etc/pgwitness/ping.pem") }),
    }
}

fn every_full() -> [Config; 2] {
    [full(Source::Rds(Box::new(full_rds()))), full(Source::Postgres(full_postgres()))]
}

#[test]
fn the_smallest_configuration_is_filled_with_defaults() {
    let config = parse(SMALL);
    assert_eq!((config.dump.format, config.dump.jobs, config.restore.jobs), (DumpFormat::Directory, 2, 2));
    assert_eq!((config.restore.database.as_str(), config.restore.copy), ("pgwitness_copy", CopyFate::Drop));
    assert_eq!(config.state.directory, PathBuf::from("/var/lib/pgwitness"));
    assert_eq!((config.retention.keep_daily, config.retention.keep_within), (7, None));
}

#[test]
fn the_custom_format_has_one_job_unless_told_otherwise() {
    let text = changed(SMALL, "directory = \"/srv/dumps\"", "directory = \"/srv/dumps\"\nformat = \"custom\"");
    assert_eq!(parse(&text).dump.jobs, 1);
    let (error, hint) = refusal(&changed(&text, "format =", "jobs = 4\nformat ="));
    assert_eq!(error, "dump.jobs: pg_dump writes the custom format with one job, not 4");
    assert_eq!(hint, "format = \"directory\", or leave dump.jobs out");
}

#[test]
fn what_is_shown_is_taken_back_as_it_was() {
    let examples = [SMALL, examples::TOML, examples::CLUB].map(parse);
    for config in every_full().iter().chain(&examples) {
        let shown = config.to_toml().unwrap();
        assert_eq!(&parse(&shown), config, "{shown}");
        let json: Config = serde_json::from_str(&config.to_json().unwrap()).unwrap();
        assert_eq!(&json, config);
    }
}

proptest! {
    #[test]
    fn whatever_is_valid_is_shown_and_taken_back(
        hook in proptest::collection::vec("\\PC{0,20}|[\\n\\t\"'\\\\\u{0}\u{7f}]{0,5}", 0..4),
        database in "[^\\x00/]{1,11}",
        seconds in 1..4_000_000_u64,
        counts in any::<[u32; 3]>(),
        is_custom in any::<bool>(),
    ) {
        let mut config = full(Source::Postgres(full_postgres()));
        config.hooks.after_restore = [vec!["/bin/true".to_owned()], hook].concat();
        config.restore.database = database;
        config.dump.stalled_after = Span::seconds(seconds);
        config.retention.keep_last = counts[0];
        config.retention.keep_yearly = counts[1];
        config.verify.max_rows = Some(counts[2]);
        if is_custom {
            (config.dump.format, config.dump.jobs) = (DumpFormat::Custom, 1);
        }
        if config.check().is_empty() {
            prop_assert_eq!(parse(&config.to_toml().unwrap()), config);
        }
    }

    #[test]
    fn no_damaged_file_makes_us_panic(
        which in 0..2_usize,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), "\\PC|[\\[\\]=\"'#\\n.,{}0-9-]{1,3}"), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut letters: Vec<char> = [examples::CLUB, SMALL][which].chars().collect();
        letters.truncate(letters.len() - cut.index(letters.len()) / 4);
        for (at, replacement) in edits {
            let at = at.index(letters.len());
            letters.splice(at..=at, replacement.chars());
        }
        let _ = Config::parse(&letters.into_iter().collect::<String>());
    }

    #[test]
    fn no_line_moved_or_lost_makes_us_panic(lines in proptest::collection::vec(any::<prop::sample::Index>(), 0..60)) {
        let all: Vec<&str> = examples::CLUB.lines().collect();
        let text: Vec<&str> = lines.iter().map(|line| *line.get(&all)).collect();
        let _ = Config::parse(&text.join("\n"));
    }
}

mod access;

mod shown;

mod notify;

mod offsite;

mod refused;
mod scripts;

mod setup;
