//! What is refused, and in which words.

use pgwitness::config::{Config, examples};

use super::{SMALL, changed, parse, refusal};

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
        assert!(hint.starts_with("one of directory, format, jobs,"), "{hint}");
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
    assert_eq!(error, "line 18: unknown key retension: did you mean retention?");
    assert!(hint.starts_with("one of source, access, dump, restore,"), "{hint}");
    let error = refusal(&changed(examples::CLUB, "subnet_group = \"pgwitness\"", "subnet_groups = \"pgwitness\"")).0;
    let line = |key: &str| examples::CLUB.lines().position(|line| line.starts_with(key)).unwrap() + 1;
    let found = format!(
        "line {}: unknown key source.temporary.subnet_groups: did you mean subnet_group?",
        line("subnet_group")
    );
    assert_eq!(error, found);
    let error = refusal(&changed(examples::CLUB, "sqlstate =", "sql_state =")).0;
    assert_eq!(
        error,
        format!("line {}: unknown key restore.accept.sql_state: did you mean sqlstate?", line("sqlstate"))
    );
}

#[test]
fn an_authority_of_time_stamps_has_a_plain_address_and_its_certificates_an_absolute_path() {
    for (lines, expected) in [
        ("timestamp_url = \"ftp://tsa\"", "report.timestamp_url is no address of http or https"),
        ("timestamp_url = \"https://u:s3cret@tsa/\"", "report.timestamp_url has a user or a password in it"),
        ("timestamp_ca_file = \"/tsa.pem\"", "report.timestamp_ca_file needs report.timestamp_url"),
        (
            "timestamp_url = \"http://tsa\"\ntimestamp_ca_file = \"tsa.pem\"",
            "report.timestamp_ca_file: \"tsa.pem\" is not an absolute path",
        ),
    ] {
        assert_eq!(refusal(&format!("{SMALL}{lines}\n")).0, expected);
    }
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

/// Each piece replaced alone is refused in these words.
fn assert_refused(base: &str, cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        assert_eq!(&refusal(&changed(base, from, to)).0, expected);
    }
}

#[test]
fn a_temporary_instance_is_named_and_placed_with_care() {
    assert_refused(
        examples::CLUB,
        &[
            ("prefix = \"pgwitness\"", "prefix = \"9x\"", "source.temporary.prefix: \"9x\" has the wrong form"),
            ("prefix = \"pgwitness\"", "prefix = \"Pg\"", "source.temporary.prefix: \"Pg\" has the wrong form"),
            ("prefix = \"pgwitness\"", "prefix = \"a--b\"", "source.temporary.prefix: \"a--b\" has the wrong form"),
            ("prefix = \"pgwitness\"", "prefix = \"a-\"", "source.temporary.prefix: \"a-\" has the wrong form"),
            ("prefix = \"pgwitness\"", "prefix = \"\"", "source.temporary.prefix: \"\" has the wrong form"),
            (
                "prefix = \"pgwitness\"",
                "prefix = \"a2345678901234567890123456789012345678\"",
                "source.temporary.prefix: \"a2345678901234567890123456789012345678\" is longer than 37 characters",
            ),
            (
                "prefix = \"pgwitness\"",
                "prefix = \"cobalt-t\"",
                "source.temporary.prefix: protected.instances \"cobalt-test\" begins with \"cobalt-t\", as if it were temporary",
            ),
            (
                "prefix = \"pgwitness\"",
                "prefix = \"cobalt-production-green\"",
                "source.temporary.prefix: source.instance \"cobalt-production-green\" begins with \"cobalt-production-green\", as if it were temporary",
            ),
            (
                "[\"db.t4g.medium\", \"db.t3.medium\", \"db.t3.micro\"]",
                "[]",
                "source.temporary.instance_classes is empty",
            ),
            ("\"db.t3.micro\"", "\"t3.micro\"", "source.temporary.instance_classes: \"t3.micro\" has the wrong form"),
            ("[\"sg-00000000example00\"]", "[]", "source.temporary.security_groups is empty"),
            (
                "\"sg-00000000example00\"",
                "\"default\"",
                "source.temporary.security_groups: \"default\" has the wrong form",
            ),
            (
                "subnet_group = \"pgwitness\"",
                "subnet_group = \"\"",
                "source.temporary.subnet_group: \"\" has the wrong form",
            ),
            (
                "ca_bundle = \"/etc",
                "ca_bundle = \"etc",
                "source.temporary.ca_bundle: \"etc/pgwitness/rds-global-bundle.pem\" is not an absolute path",
            ),
            (
                "publicly_accessible = true",
                "connect_via = \"localhost\"",
                "source.temporary.connect_via: \"localhost\" is not HOST:PORT",
            ),
            (
                "publicly_accessible = true",
                "connect_via = \"localhost:99999\"",
                "source.temporary.connect_via: \"localhost:99999\" is not HOST:PORT",
            ),
            (
                "publicly_accessible = true",
                "poll_interval = \"2h\"",
                "source.temporary.poll_interval: 2h is longer than restore_timeout (90m)",
            ),
        ],
    );
}

#[test]
fn rds_and_the_copy_are_checked_by_their_rules() {
    assert_refused(
        examples::CLUB,
        &[
            (
                "account = \"123456789012\"",
                "account = \"12345678901\"",
                "source.account: \"12345678901\" has the wrong form",
            ),
            ("region = \"ap-southeast-2\"", "region = \"Sydney\"", "source.region: \"Sydney\" has the wrong form"),
            (
                "resource_id = \"db-EXAMPLEEXAMPLEEXAMPLEEXAM\"",
                "resource_id = \"cobalt\"",
                "source.resource_id: \"cobalt\" has the wrong form",
            ),
            (
                "database = \"prod_load\"",
                "database = \"cobalt\"",
                "restore.database: \"cobalt\" is in protected.databases",
            ),
            (
                "database = \"prod_load\"",
                "database = \"postgres\"",
                "restore.database: \"postgres\" is PostgreSQL's own",
            ),
            (
                "object = \"COMMENT EXTENSION plpgsql\"",
                "object = \"COMMENT *\"",
                "restore.accept: object \"COMMENT *\" has a *, which stands for nothing there",
            ),
            ("sqlstate = \"42501\"", "sqlstate = \"4250\"", "restore.accept: sqlstate: \"4250\" has the wrong form"),
            (
                "after_restore = [\"/usr/",
                "after_restore = [\"usr/",
                "hooks.after_restore: \"usr/local/lib/cobalt/sanitise-copy\" is a relative path",
            ),
        ],
    );
}

#[test]
fn connections_hold_no_password_and_have_one_place_for_it() {
    assert_refused(
        SMALL,
        &[
            ("backup@db.example.org", "backup:hunter2@db.example.org", "source.url has a password in it"),
            ("?host=/run/postgresql", "?host=/run/postgresql&password=hunter2", "restore.url has a password in it"),
            ("[dump]", "password_file = \"/x\"\npassword_env = \"X\"\n[dump]", "source: 2 places for one password"),
            ("[dump]", "password_file = \"x/y\"\n[dump]", "source.password_file: \"x/y\" is a relative path"),
            ("[dump]", "password_command = []\n[dump]", "source.password_command is empty"),
            (
                "[dump]",
                "password_command = [\"pass show x\"]\n[dump]",
                "source.password_command: \"pass show x\" looks like a whole command line",
            ),
            ("[dump]", "password_env = \"$X\"\n[dump]", "source.password_env: \"$X\" has the wrong form"),
            (
                "postgresql:///postgres?host=/run/postgresql\"",
                "host=DB.example.org dbname=postgres\"\ndatabase = \"shop\"",
                "restore.database: \"shop\" is the source itself",
            ),
        ],
    );
}

#[test]
fn a_server_that_a_run_makes_keeps_nothing_and_has_no_login() {
    let own = "database = \"kept\"";
    let base = changed(SMALL, "url = \"postgresql:///postgres?host=/run/postgresql\"", own);
    assert_eq!(parse(&base).restore.url, None);
    let with = |line: &str| format!("{own}\n{line}");
    let needs = |key: &str| format!("restore.{key} needs restore.url: the server of a run is removed at its end");
    let cases = [
        ("copy = \"keep\"", needs("copy")),
        ("copy = \"replace\"", needs("copy")),
        ("role = \"shop\"", needs("role")),
        ("password_file = \"/x\"", needs("password_file")),
        ("password_env = \"X\"", needs("password_env")),
        ("server_directory = \"x\"", "restore.server_directory: \"x\" is not an absolute path".to_owned()),
        (
            "[hooks]\nafter_restore = [\"/x\"]",
            "hooks.after_restore needs restore.url: the server of a run is removed at its end".to_owned(),
        ),
    ];
    for (line, expected) in &cases {
        assert_refused(&base, &[(own, &with(line), expected)]);
    }
    let given = "host=/run/postgresql\"";
    assert_refused(
        SMALL,
        &[(
            given,
            &format!("{given}\nsuperuser = true"),
            "restore.superuser is only for a server that a run makes itself",
        )],
    );
}

#[test]
fn dumps_reports_and_retention_are_checked_by_their_rules() {
    assert_refused(
        SMALL,
        &[
            ("keep_daily = 7", "", "retention keeps nothing"),
            ("keep_daily = 7", "keep_daily = 0", "retention keeps nothing"),
            ("\"/srv/dumps\"", "\"srv/dumps\"", "dump.directory: \"srv/dumps\" is not an absolute path"),
            ("\"/srv/reports\"", "\"./reports\"", "report.directory: \"./reports\" is not an absolute path"),
            ("\"/srv/reports\"", "\"/srv/dumps\"", "dump.directory and report.directory are the same directory"),
            ("\"/srv/dumps\"", "\"/srv/dumps\"\njobs = 0", "dump.jobs: 0 is not from 1 to 256"),
            ("\"/srv/dumps\"", "\"/srv/dumps\"\njobs = 257", "dump.jobs: 257 is not from 1 to 256"),
            (
                "\"/srv/dumps\"",
                "\"/srv/dumps\"\ncompression = \"best\"",
                "dump.compression: \"best\" has the wrong form",
            ),
            (
                "\"/srv/dumps\"",
                "\"/srv/dumps\"\nexclude_table_data = [\"a.b.c\"]",
                "dump.exclude_table_data: pattern \"a.b.c\" has more than one dot",
            ),
            (
                "\"/srv/dumps\"",
                "\"/srv/dumps\"\nexclude_table_data = [\"\"]",
                "dump.exclude_table_data: a pattern is empty",
            ),
        ],
    );
}

#[test]
fn compression_is_written_as_for_pg_dump() {
    for method in ["0", "9", "none", "gzip", "gzip:6", "zstd:3", "lz4", "zstd:level=3,long", "zstd:workers=2"] {
        parse(&changed(SMALL, "\"/srv/dumps\"", &format!("\"/srv/dumps\"\ncompression = \"{method}\"")));
    }
}

#[test]
fn several_mistakes_are_reported_at_once() {
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

#[test]
fn a_metrics_file_that_is_not_read_and_labels_that_break_it_are_refused() {
    let refused = |textfile: &str, label: &str| {
        let more = format!("[metrics]\ntextfile = \"{textfile}\"\n[metrics.labels]\n{label}\n");
        refusal(&format!("{SMALL}{more}")).0
    };
    let file = "/var/lib/prometheus/node-exporter/pgwitness.prom";
    parse(&format!("{SMALL}[metrics]\ntextfile = \"{file}\"\nlabels = {{ a_1 = \"b \\\" \\\\\", _x = \"ä\" }}\n"));
    for (textfile, label, expected) in [
        ("pgwitness.prom", "", "metrics.textfile: \"pgwitness.prom\" is not an absolute path"),
        ("/a/pgwitness.txt", "", "metrics.textfile: \"/a/pgwitness.txt\" does not end in .prom"),
        ("/a/.prom", "", "metrics.textfile: \"/a/.prom\" does not end in .prom"),
        ("/a/x.prom.bak", "", "metrics.textfile: \"/a/x.prom.bak\" does not end in .prom"),
        (file, "\"a-b\" = \"x\"", "metrics.labels: \"a-b\" is no name of a label"),
        (file, "1a = \"x\"", "metrics.labels: \"1a\" is no name of a label"),
        (file, "\"a\\n\" = \"x\"", "metrics.labels: \"a\\n\" is no name of a label"),
        (file, "\"é\" = \"x\"", "metrics.labels: \"é\" is no name of a label"),
        (file, "__name__ = \"x\"", "metrics.labels.__name__: the name is taken"),
        (file, "stage = \"x\"", "metrics.labels.stage: the name is taken"),
        (file, "le = \"x\"", "metrics.labels.le: the name is taken"),
        (file, "a = \"\"", "metrics.labels.a is empty"),
        (file, "a = \"x\\ny\"", "metrics.labels.a: \"x\\ny\" holds a control character"),
    ] {
        let error = refused(textfile, label);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn an_endpoint_url_without_tls_is_refused_but_for_this_machine() {
    let with = |url: &str| {
        let line = format!("kind = \"rds\"\nendpoint_url = \"{url}\"");
        Config::parse(&changed(examples::CLUB, "kind = \"rds\"", &line))
    };
    for url in [
        "http://rds.example.org",
        "http://192.0.2.1:5000",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
    ] {
        let error = with(url).unwrap_err();
        let expected = "source.endpoint_url: passwords and credentials would travel in the clear";
        assert!(error.to_string().contains(expected), "{url}: {error}");
    }
    for url in ["https://rds.example.org", "http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"] {
        assert_eq!(with(url).err(), None, "{url}");
    }
}
