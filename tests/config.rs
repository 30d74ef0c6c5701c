//! The configuration: what it takes, what it refuses and in which words, and the set-up that the program carries.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgwitness::config::{
    ACTIONS, AcceptedError, Config, CopyFate, Dump, DumpFormat, Hooks, PostgresSource, Protected, RdsSource, Report,
    Restore, Retention, SnapshotKind, Source, Span, State, Temporary, Verify, examples,
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

fn full(source: Source) -> Config {
    Config {
        source,
        dump: Dump {
            directory: "/srv/dumps".into(),
            format: DumpFormat::Directory,
            jobs: 3,
            compression: text("zstd:3"),
            exclude_table_data: list(&["\"Weird.Name\"", "log.*"]),
            stalled_after: Span::seconds(86_400),
            pg_bindir: path("/usr/lib/postgresql/17/bin"),
        },
        restore: Restore {
            url: "postgresql:///postgres".into(),
            password_file: path("restore-password"),
            password_command: None,
            password_env: None,
            database: "Kopie \u{e4}".into(),
            copy: CopyFate::Replace,
            jobs: 256,
            no_owner: true,
            no_privileges: true,
            role: text("shop"),
            accept: vec![AcceptedError {
                object: "EXTENSION x".into(),
                sqlstate: "42501".into(),
                reason: "known".into(),
            }],
        },
        verify: Verify {
            checks: path("/etc/pgwitness/checks"),
            waivers: path("/etc/pgwitness/waivers.toml"),
            jobs: Some(4),
            redact: true,
            max_rows: Some(5),
        },
        retention: Retention {
            keep_last: 1,
            keep_daily: 2,
            keep_weekly: 3,
            keep_monthly: 4,
            keep_yearly: 5,
            keep_within: Some(Span::seconds(3 * 86_400)),
        },
        report: Report {
            directory: "/srv/reports".into(),
            key: "/etc/pgwitness/key".into(),
            passphrase_file: path("/etc/pgwitness/passphrase"),
        },
        hooks: Hooks {
            after_restore: list(&["/bin/anonymise"]),
            after_verified: list(&["aws", "s3"]),
            timeout: Some(Span::seconds(7200)),
        },
        protected: Protected { instances: list(&["shop-staging"]), databases: list(&["shop_test"]) },
        state: State { directory: "/var/lib/other".into() },
    }
}

fn every_full() -> [Config; 2] {
    [full(Source::Rds(Box::new(full_rds()))), full(Source::Postgres(full_postgres()))]
}

// ---- What is taken ----

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

// ---- What is refused, and in which words ----

#[test]
fn an_unknown_key_is_named_with_its_line_and_its_nearest_neighbour() {
    for (line, expected) in [
        ("[dump]\nexclude_table = []", "line 7: unknown key dump.exclude_table: did you mean exclude_table_data?"),
        ("[dump]\ndirectroy = \"/x\"", "line 7: unknown key dump.directroy: did you mean directory?"),
        ("[dump]\ncompress = 6", "line 7: unknown key dump.compress: did you mean compression?"),
        ("[dump]\nzzz = 6", "line 7: unknown key dump.zzz"),
        ("[dump]\n\"a.b\" = 6", "line 7: unknown key dump.a.b"),
    ] {
        let (error, hint) = refusal(&changed(SMALL, "[dump]\n", &format!("{line}\n")));
        assert_eq!(error, expected);
        assert!(hint.starts_with("known keys of [dump]: directory, format, jobs,"), "{hint}");
    }
    let source =
        |line: &str| refusal(&changed(SMALL, "kind = \"postgres\"\n", &format!("kind = \"postgres\"\n{line}\n")));
    assert_eq!(
        source("password_fil = \"/x\"").0,
        "line 4: unknown key source.password_fil: did you mean password_file?"
    );
    assert_eq!(source("knid = 1").0, "line 4: unknown key source.knid: did you mean kind?");
    let (error, hint) = source("password = \"hunter2\"");
    assert_eq!(error, "line 4: unknown key source.password");
    assert!(hint.starts_with("a password never stands in this file"), "{hint}");
    let (error, hint) = refusal(&format!("{SMALL}[retension]\nkeep_last = 1\n"));
    assert_eq!(error, "line 20: unknown key retension: did you mean retention?");
    assert!(hint.starts_with("known sections: source, dump, restore,"), "{hint}");
    let error = refusal(&changed(examples::CLUB, "subnet_group = \"pgwitness\"", "subnet_groups = \"pgwitness\"")).0;
    assert_eq!(error, "line 20: unknown key source.temporary.subnet_groups: did you mean subnet_group?");
    let error = refusal(&changed(examples::CLUB, "sqlstate =", "sql_state =")).0;
    assert_eq!(error, "line 49: unknown key restore.accept.sql_state: did you mean sqlstate?");
}

#[test]
fn what_is_missing_or_of_the_wrong_kind_is_named_by_section_and_key() {
    for (from, to, expected) in [
        ("directory = \"/srv/dumps\"\n", "", "line 6: dump.directory is missing"),
        ("[report]\ndirectory = \"/srv/reports\"\nkey = \"/etc/pgwitness/key\"\n", "", "there is no section [report]"),
        ("url = \"postgresql://backup@db.example.org/shop\"\n", "", "line 2: source.url is missing"),
        ("kind = \"postgres\"\n", "", "line 2: source.kind is missing"),
        (
            "kind = \"postgres\"",
            "kind = \"postgers\"",
            "line 3: source.kind cannot be \"postgers\": did you mean \"postgres\"?",
        ),
        ("kind = \"postgres\"", "kind = 1", "line 3: source.kind: expected a text"),
        (
            "keep_daily = 7",
            "keep_daily = \"7\"",
            "line 13: retention.keep_daily: expected a whole number from 0 to 4294967295, found a text",
        ),
        (
            "keep_daily = 7",
            "keep_daily = -7",
            "line 13: retention.keep_daily: expected a whole number from 0 to 4294967295",
        ),
        (
            "keep_daily = 7",
            "keep_within = 7",
            "line 13: retention.keep_within: expected a text in quotes, found a number",
        ),
        (
            "keep_daily = 7",
            "keep_within = \"7 days\"",
            "line 13: retention.keep_within: \"7 days\" is not a length of time like 90s, 30m, 26h, 7d or 4w",
        ),
        ("keep_daily = 7", "keep_within = \"0d\"", "line 13: retention.keep_within: \"0d\" is no time at all"),
        (
            "directory = \"/srv/dumps\"",
            "directory = \"/srv/dumps\"\njobs = 70000",
            "line 8: dump.jobs: expected a whole number from 0 to 65535",
        ),
        (
            "directory = \"/srv/dumps\"",
            "directory = [\"/srv/dumps\"]",
            "line 7: dump.directory: expected a text in quotes, found a list",
        ),
        (
            "directory = \"/srv/dumps\"",
            "directory = \"/srv/dumps\"\nformat = \"tar\"",
            "line 8: dump.format cannot be \"tar\"",
        ),
        (
            "[retention]\nkeep_daily = 7",
            "[verify]\nredact = 1",
            "line 13: verify.redact: expected true or false, found a number",
        ),
        (
            "[retention]\nkeep_daily = 7",
            "[hooks]\nafter_restore = \"rm hunter2\"",
            "line 13: hooks.after_restore: expected a list like [\"one\", \"two\"], found a text",
        ),
        ("keep_daily = 7", "keep_daily = 7\nkeep_daily = 8", "line 14: duplicate key"),
        ("keep_daily = 7", "keep_daily =", "line 13: "),
        ("[dump]", "[dump", "line 6: "),
    ] {
        let error = refusal(&changed(SMALL, from, to)).0;
        assert!(error == expected || (expected.ends_with(' ') && error.starts_with(expected)), "{error}\n{expected}");
    }
    assert_eq!(refusal("").0, "there is no section [source]");
    assert_eq!(refusal("source = 1").0, "line 1: source: expected a section, found a number");
}

#[test]
fn every_rule_refuses_what_it_is_for() {
    let rds = examples::CLUB;
    for (base, from, to, expected) in [
        (rds, "prefix = \"pgwitness\"", "prefix = \"9x\"", "source.temporary.prefix: \"9x\" has the wrong form"),
        (rds, "prefix = \"pgwitness\"", "prefix = \"Pg\"", "source.temporary.prefix: \"Pg\" has the wrong form"),
        (rds, "prefix = \"pgwitness\"", "prefix = \"a--b\"", "source.temporary.prefix: \"a--b\" has the wrong form"),
        (rds, "prefix = \"pgwitness\"", "prefix = \"a-\"", "source.temporary.prefix: \"a-\" has the wrong form"),
        (rds, "prefix = \"pgwitness\"", "prefix = \"\"", "source.temporary.prefix: \"\" has the wrong form"),
        (
            rds,
            "prefix = \"pgwitness\"",
            "prefix = \"a2345678901234567890123456789012345678\"",
            "source.temporary.prefix: \"a2345678901234567890123456789012345678\" is longer than 37 characters",
        ),
        (
            rds,
            "prefix = \"pgwitness\"",
            "prefix = \"cobalt-t\"",
            "source.temporary.prefix: protected.instances \"cobalt-test\" begins with \"cobalt-t\", as if it were temporary",
        ),
        (
            rds,
            "prefix = \"pgwitness\"",
            "prefix = \"cobalt-production-green\"",
            "source.temporary.prefix: source.instance \"cobalt-production-green\" begins with \"cobalt-production-green\", as if it were temporary",
        ),
        (
            rds,
            "[\"db.t4g.medium\", \"db.t3.medium\", \"db.t3.micro\"]",
            "[]",
            "source.temporary.instance_classes is empty",
        ),
        (rds, "\"db.t3.micro\"", "\"t3.micro\"", "source.temporary.instance_classes: \"t3.micro\" has the wrong form"),
        (rds, "[\"sg-00000000example00\"]", "[]", "source.temporary.security_groups is empty"),
        (
            rds,
            "\"sg-00000000example00\"",
            "\"default\"",
            "source.temporary.security_groups: \"default\" has the wrong form",
        ),
        (
            rds,
            "subnet_group = \"pgwitness\"",
            "subnet_group = \"\"",
            "source.temporary.subnet_group: \"\" has the wrong form",
        ),
        (
            rds,
            "ca_bundle = \"/etc",
            "ca_bundle = \"etc",
            "source.temporary.ca_bundle: \"etc/pgwitness/rds-global-bundle.pem\" is not an absolute path",
        ),
        (
            rds,
            "publicly_accessible = true",
            "connect_via = \"localhost\"",
            "source.temporary.connect_via: \"localhost\" is not HOST:PORT",
        ),
        (
            rds,
            "publicly_accessible = true",
            "connect_via = \"localhost:99999\"",
            "source.temporary.connect_via: \"localhost:99999\" is not HOST:PORT",
        ),
        (
            rds,
            "publicly_accessible = true",
            "poll_interval = \"2h\"",
            "source.temporary.poll_interval: 2h is longer than restore_timeout (90m)",
        ),
        (
            rds,
            "account = \"123456789012\"",
            "account = \"12345678901\"",
            "source.account: \"12345678901\" has the wrong form",
        ),
        (rds, "region = \"ap-southeast-2\"", "region = \"Sydney\"", "source.region: \"Sydney\" has the wrong form"),
        (
            rds,
            "resource_id = \"db-EXAMPLEEXAMPLEEXAMPLEEXAM\"",
            "resource_id = \"cobalt\"",
            "source.resource_id: \"cobalt\" has the wrong form",
        ),
        (
            rds,
            "database = \"prod_load\"",
            "database = \"cobalt\"",
            "restore.database: \"cobalt\" is in protected.databases",
        ),
        (
            rds,
            "database = \"prod_load\"",
            "database = \"postgres\"",
            "restore.database: \"postgres\" is PostgreSQL's own",
        ),
        (rds, "sqlstate = \"42501\"", "sqlstate = \"4250\"", "restore.accept: sqlstate: \"4250\" has the wrong form"),
        (
            rds,
            "after_restore = [\"/usr/",
            "after_restore = [\"usr/",
            "hooks.after_restore: \"usr/local/lib/cobalt/sanitise-copy\" is a relative path",
        ),
        (SMALL, "backup@db.example.org", "backup:hunter2@db.example.org", "source.url has a password in it"),
        (SMALL, "?host=/run/postgresql", "?host=/run/postgresql&password=hunter2", "restore.url has a password in it"),
        (SMALL, "[dump]", "password_file = \"/x\"\npassword_env = \"X\"\n[dump]", "source: 2 places for one password"),
        (SMALL, "[dump]", "password_file = \"x/y\"\n[dump]", "source.password_file: \"x/y\" is a relative path"),
        (SMALL, "[dump]", "password_command = []\n[dump]", "source.password_command is empty"),
        (
            SMALL,
            "[dump]",
            "password_command = [\"pass show x\"]\n[dump]",
            "source.password_command: \"pass show x\" looks like a whole command line",
        ),
        (SMALL, "[dump]", "password_env = \"$X\"\n[dump]", "source.password_env: \"$X\" has the wrong form"),
        (SMALL, "keep_daily = 7", "", "retention keeps nothing"),
        (SMALL, "keep_daily = 7", "keep_daily = 0", "retention keeps nothing"),
        (SMALL, "\"/srv/dumps\"", "\"srv/dumps\"", "dump.directory: \"srv/dumps\" is not an absolute path"),
        (SMALL, "\"/srv/reports\"", "\"./reports\"", "report.directory: \"./reports\" is not an absolute path"),
        (SMALL, "\"/srv/reports\"", "\"/srv/dumps\"", "dump.directory and report.directory are the same directory"),
        (SMALL, "\"/srv/dumps\"", "\"/srv/dumps\"\njobs = 0", "dump.jobs: 0 is not from 1 to 256"),
        (SMALL, "\"/srv/dumps\"", "\"/srv/dumps\"\njobs = 257", "dump.jobs: 257 is not from 1 to 256"),
        (
            SMALL,
            "\"/srv/dumps\"",
            "\"/srv/dumps\"\ncompression = \"best\"",
            "dump.compression: \"best\" has the wrong form",
        ),
        (
            SMALL,
            "\"/srv/dumps\"",
            "\"/srv/dumps\"\nexclude_table_data = [\"a.b.c\"]",
            "dump.exclude_table_data: pattern \"a.b.c\" has more than one dot",
        ),
        (
            SMALL,
            "\"/srv/dumps\"",
            "\"/srv/dumps\"\nexclude_table_data = [\"\"]",
            "dump.exclude_table_data: a pattern is empty",
        ),
        (
            SMALL,
            "postgresql:///postgres?host=/run/postgresql\"",
            "host=DB.example.org dbname=postgres\"\ndatabase = \"shop\"",
            "restore.database: \"shop\" is the source itself",
        ),
    ] {
        assert_eq!(refusal(&changed(base, from, to)).0, expected);
    }
}

#[test]
fn compression_is_written_as_for_pg_dump() {
    for method in ["0", "9", "none", "gzip", "gzip:6", "zstd:3", "lz4", "zstd:level=3,long", "zstd:workers=2"] {
        parse(&changed(SMALL, "\"/srv/dumps\"", &format!("\"/srv/dumps\"\ncompression = \"{method}\"")));
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let text = changed(&changed(SMALL, "keep_daily = 7", ""), "\"/srv/dumps\"", "\"dumps\"");
    let error = refusal(&text).0;
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], "2 mistakes");
    assert!(lines[1].starts_with("- dump.directory: \"dumps\" is not an absolute path; cron"), "{error}");
    assert!(lines[2].starts_with("- retention keeps nothing; for instance"), "{error}");
}

#[test]
fn no_refusal_repeats_a_value_that_may_be_a_password() {
    for (from, to) in [
        ("backup@db.example.org", "backup:hunter2@db.example.org"),
        ("[dump]", "password = \"hunter2\"\n[dump]"),
        ("[dump]", "password_command = \"hunter2\"\n[dump]"),
        ("[dump]", "password_env = [\"hunter2\"]\n[dump]"),
        ("[dump]", "password_file = hunter2\n[dump]"),
        ("[dump]", "password = hunter2 hunter2\n[dump]"),
    ] {
        let (error, hint) = refusal(&changed(SMALL, from, to));
        assert!(!error.contains("hunter2") && !hint.contains("hunter2"), "{error} {hint}");
    }
}

// ---- The examples ----

/// Lines that begin with `#` and a key or a section: what may be made to count by taking the `#` away.
fn is_off(line: &str) -> bool {
    let rest = line.strip_prefix('#').unwrap_or_default();
    rest.starts_with('[')
        || rest.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// `section.key` of every line of a file, also of those that do not count.
fn keys_of(text: &str) -> BTreeSet<String> {
    let (mut section, mut keys) = (String::new(), BTreeSet::new());
    for line in text.lines().filter(|line| is_off(line) || !line.starts_with('#')) {
        let line = line.trim_start_matches('#');
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn every_key_is_explained_in_the_example() {
    let explained = keys_of(examples::TOML);
    let mut full = every_full();
    let mut wanted = BTreeSet::new();
    for config in &mut full {
        config.restore.password_command = Some(list(&["x"]));
        config.restore.password_env = text("X");
        wanted.extend(keys_of(&config.to_toml().unwrap()));
    }
    // The other places of the source's password are explained at [restore].
    let missing: Vec<&String> =
        wanted.difference(&explained).filter(|key| !key.starts_with("source.password_")).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let surplus: Vec<&String> =
        explained.difference(&wanted).filter(|key| !key.starts_with("source.password_")).collect();
    assert!(surplus.is_empty(), "{surplus:?}");
}

#[test]
fn what_the_example_shows_as_left_out_is_right_and_says_what_holds() {
    let lines: Vec<&str> = examples::TOML.lines().collect();
    let holds = serde_json::to_value(parse(examples::TOML)).unwrap();
    let mut from = 0;
    while from < lines.len() {
        let run = lines[from..].iter().take_while(|line| is_off(line)).count();
        if run > 0 && lines[from] != "#[source]" {
            let on = |(at, line): (usize, &&str)| {
                if (from..from + run).contains(&at) { line[1..].to_owned() } else { (*line).to_owned() }
            };
            let text: Vec<String> = lines.iter().enumerate().map(on).collect();
            let shown = serde_json::to_value(parse(&text.join("\n"))).unwrap();
            assert_defaults(&holds, &shown);
        }
        from += run.max(1);
    }
}

/// Where both have a value that is no list, it is the same.
fn assert_defaults(holds: &serde_json::Value, shown: &serde_json::Value) {
    let (Some(holds), Some(shown)) = (holds.as_object(), shown.as_object()) else {
        assert!(holds == shown || holds.is_null() || holds.is_array(), "{holds} holds, {shown} is shown");
        return;
    };
    holds.iter().for_each(|(key, value)| assert_defaults(value, &shown[key]));
}

#[test]
fn the_other_kind_of_source_in_the_example_is_right() {
    let (before, rest) = examples::TOML.split_once("\n[source]\n").unwrap();
    let (_, after) = rest.split_once("\n#[source]\n").unwrap();
    let (block, after) = after.split_once("\n#\n").unwrap();
    let block = block.replace('#', "");
    let config = parse(&format!("{before}\n[source]\n{block}\n{after}"));
    assert!(matches!(config.source, Source::Postgres(source) if source.password_file.is_some()));
}

#[test]
fn the_example_for_the_club_keeps_what_it_has_today() {
    let config = parse(examples::CLUB);
    assert_eq!((config.restore.database.as_str(), config.restore.copy), ("prod_load", CopyFate::Replace));
    assert!(
        config.restore.no_owner && config.restore.no_privileges && config.restore.role.as_deref() == Some("cobalt")
    );
    assert!(!config.hooks.after_restore.is_empty() && !config.hooks.after_verified.is_empty());
    let text = examples::CLUB.replace("#exclude_table_data", "exclude_table_data");
    assert_eq!(parse(&text).dump.exclude_table_data.len(), 2);
}

#[path = "config/setup.rs"]
mod setup;
